/* tests/test_cef.c -- ArcSight's Common Event Format. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include <ctype.h>

#include "codec/cef.h"
#include "codec/utf8.h"
#include "tests/cef_parse.h"

static const struct {
	const char *text, *value, *header;
} escape_rows[] = {
	{ "", "", "" },
	{ "plain", "plain", "plain" },
	{ "a=b", "a\\=b", "a=b" },
	{ "a|b", "a|b", "a\\|b" },
	{ "\\", "\\\\", "\\\\" },
	{ "\\=", "\\\\\\=", "\\\\=" },
	{ "\\n", "\\\\n", "\\\\n" },
	{ "one\ntwo", "one\\ntwo", "one two" },
	{ "one\r\ntwo", "one\\ntwo", "one two" },
	{ "one\rtwo", "one\\rtwo", "one two" },
	{ "one\n\rtwo", "one\\n\\rtwo", "one  two" },
	{ "tab\there", "tab here", "tab here" },
	{ "a\x01\x1f\x7f.", "a   .", "a   ." },
	{ "a\xc2\x85\xc2\x9f.", "a  .", "a  ." },
	{ "a\xc2\xa0.", "a\xc2\xa0.", "a\xc2\xa0." },
	{ "a\xe2\x80\xa8\xe2\x80\xa9.", "a  .", "a  ." },
	{ "a\xe2\x80\xaa\xe2\x80\xae\xe2\x81\xa6\xe2\x81\xa9z", "az", "az" },
	{ "exe\xe2\x80\xaetxt=", "exetxt\\=", "exetxt=" },
	{ "gr\xc3\xbc\xc3\x9f|=", "gr\xc3\xbc\xc3\x9f|\\=",
	    "gr\xc3\xbc\xc3\x9f\\|=" },
	{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
	{ "bad\xff!", "bad\xef\xbf\xbd!", "bad\xef\xbf\xbd!" },
	{ "cut\xe2\x82", "cut\xef\xbf\xbd\xef\xbf\xbd",
	    "cut\xef\xbf\xbd\xef\xbf\xbd" },
	{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
	    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	{ "sixteen bytes or more, then = and \\ and | at last",
	    "sixteen bytes or more, then \\= and \\\\ and | at last",
	    "sixteen bytes or more, then = and \\\\ and \\| at last" },
};

static void
values_escape_equals_and_headers_escape_pipes(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 256);
	for (size_t i = 0; i < sizeof(escape_rows) / sizeof(*escape_rows);
	     i++) {
		buf_reset(&out);
		cef_escape_value(&out, str_of(escape_rows[i].text));
		assert_str(buf_str(&out), escape_rows[i].value);
		buf_reset(&out);
		cef_escape_header(&out, str_of(escape_rows[i].text));
		assert_str(buf_str(&out), escape_rows[i].header);
	}
	buf_reset(&out);
	cef_escape_value(&out, STR_LIT("nul\0nul"));
	assert_str(buf_str(&out), "nulnul");
	buf_clear(&out);
}

/* Each kind of byte at each place of texts around the scan's width. */
static void
the_scan_finds_what_needs_care_wherever_it_stands(void **state)
{
	static const char care[] = "=\\\n\x01\x7f\x80\xff";
	char text[40];
	struct buf out;

	(void)state;
	buf_init(&out, 256);
	for (size_t len = 1; len < sizeof(text); len++) {
		for (size_t at = 0; at < len * (sizeof(care) - 1); at++) {
			size_t place = at % len;

			memset(text, '~', len);
			text[place] = care[at / len];
			buf_reset(&out);
			cef_escape_value(&out, str_make(text, len));
			for (size_t i = 0; i < out.len; i++)
				if ((out.p[i] == '~') !=
				    (i < place ||
					i >= out.len - len + place + 1))
					fail_msg("len %zu at %zu: %.*s", len,
					    place, STR_ARG(buf_str(&out)));
		}
	}
	buf_clear(&out);
}

static void
a_line_is_put_together_as_the_standard_shows_it(void **state)
{
	struct cef_header h = { .vendor = STR_LIT("Ven|dor"),
		.product = STR_LIT(" Product\n"),
		.version = STR_LIT("1.0"),
		.signature = STR_LIT("a=b"),
		.name = STR_LIT("two\nlines"),
		.severity = 11 };
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	cef_begin(&out, &h);
	assert_str(
	    buf_str(&out), "CEF:0|Ven\\|dor|Product|1.0|a=b|two lines|10|");
	cef_pair(&out, STR_LIT("msg"), str_of("  k=v \t"));
	cef_pair(&out, STR_LIT("act"), str_of("\x01"));
	cef_pair(&out, STR_LIT("src"), str_of("192.0.2.7"));
	assert_str(buf_str(&out),
	    "CEF:0|Ven\\|dor|Product|1.0|a=b|two lines|10|msg=k\\=v act= "
	    "src=192.0.2.7");
	buf_clear(&out);
}

/* A value can look like the end of a header, and must not swallow a key. */
static void
a_value_that_ends_in_a_pipe_stays_apart_from_the_next_pair(void **state)
{
	static struct cef_parse p;
	struct cef_header h = { .name = STR_LIT("n"), .severity = 1 };
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	cef_begin(&out, &h);
	cef_pair(&out, STR_LIT("msg"), str_of("CEF:0|a|b|c|d|e|5|"));
	cef_pair(&out, STR_LIT("suser"), str_of("|"));
	cef_pair(&out, STR_LIT("act"), str_of("|"));
	if (!cef_parse_line(&p, buf_str(&out)))
		fail_msg("%s", p.why);
	assert_str(cef_parse_get(&p, "msg"), "CEF:0|a|b|c|d|e|5|");
	assert_str(cef_parse_get(&p, "suser"), "|");
	assert_str(cef_parse_get(&p, "act"), "|");
	buf_clear(&out);
}

static void
header_fields_are_cut_by_characters_to_their_size(void **state)
{
	static struct cef_parse p;
	char text[4000];
	struct cef_header h;
	struct buf out;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xbc", 2);
	h.vendor = h.product = h.version = h.signature = h.name =
	    str_make(text, sizeof(text));
	h.severity = -1;
	buf_init(&out, 16384);
	cef_begin(&out, &h);
	assert_true(cef_parse_line(&p, buf_str(&out)));
	assert_int_equal(p.header[CEF_PARSE_VENDOR].len, 63 * 2);
	assert_int_equal(p.header[CEF_PARSE_PRODUCT].len, 63 * 2);
	assert_int_equal(p.header[CEF_PARSE_VERSION].len, 31 * 2);
	assert_int_equal(p.header[CEF_PARSE_SIGNATURE].len, 1023 * 2);
	assert_int_equal(p.header[CEF_PARSE_NAME].len, 512 * 2);
	assert_str(p.header[CEF_PARSE_SEVERITY], "0");
	buf_clear(&out);
}

static void
cuts_fall_between_characters(void **state)
{
	struct str s = STR_LIT("a\xc3\xbc\xf0\x9f\x98\x80\xff z");

	(void)state;
	assert_int_equal(cef_cut_chars(s, 0).len, 0);
	assert_int_equal(cef_cut_chars(s, 1).len, 1);
	assert_int_equal(cef_cut_chars(s, 2).len, 3);
	assert_int_equal(cef_cut_chars(s, 3).len, 7);
	assert_int_equal(cef_cut_chars(s, 4).len, 8);
	assert_int_equal(cef_cut_chars(s, 6).len, 10);
	assert_int_equal(cef_cut_chars(s, 99).len, 10);
}

static void
a_full_buffer_keeps_what_it_had(void **state)
{
	struct buf out;

	(void)state;
	for (size_t cap = 1; cap < 40; cap++) {
		buf_init(&out, cap);
		buf_add_text(&out, "|");
		cef_pair(&out, STR_LIT("msg"),
		    str_of("a long value = with \\ and \xff and | "));
		assert_true(out.failed);
		assert_true(out.len <= cap);
		buf_clear(&out);
	}
}

static void
the_dictionary_knows_its_keys_and_no_others(void **state)
{
	static const char *const strangers[] = { "", "ac", "actx", "Act", "zzz",
		"0", "SHOST", "deviceAction" };
	const struct cef_key *k;

	(void)state;
	k = cef_key_find(STR_LIT("act"));
	assert_non_null(k);
	assert_int_equal(k->value, CEF_STRING);
	assert_int_equal(k->max_chars, 63);
	assert_true(k->producer);
	k = cef_key_find(STR_LIT("rawEvent"));
	assert_non_null(k);
	assert_false(k->producer);
	assert_int_equal(cef_key_find(STR_LIT("rt"))->value, CEF_TIME);
	assert_int_equal(cef_key_find(STR_LIT("cn1"))->value, CEF_LONG);
	assert_int_equal(cef_key_find(STR_LIT("cs6"))->max_chars, 4000);
	assert_int_equal(cef_key_find(STR_LIT("c6a2"))->value, CEF_IPV6);
	assert_int_equal(cef_key_find(STR_LIT("externalId"))->max_chars, 0);
	assert_non_null(cef_key_find(STR_LIT("type")));
	assert_non_null(cef_key_find(STR_LIT("sZoneKey")));
	for (size_t i = 0; i < sizeof(strangers) / sizeof(*strangers); i++)
		if (cef_key_find(str_of(strangers[i])) != NULL)
			fail_msg("\"%s\" was found", strangers[i]);
}

static void
own_keys_are_one_word(void **state)
{
	(void)state;
	assert_true(cef_key_is_valid(STR_LIT("AcmeRiskScore2")));
	assert_false(cef_key_is_valid(STR_LIT("")));
	assert_false(cef_key_is_valid(STR_LIT("a b")));
	assert_false(cef_key_is_valid(STR_LIT("a=")));
	assert_false(cef_key_is_valid(STR_LIT("a.b")));
	assert_false(cef_key_is_valid(STR_LIT("\xc3\xbc")));
}

static uint64_t
draw(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* A text of the characters that CEF has trouble with, without those that the
 * writer replaces. */
static struct str
draw_text(uint64_t *seed, char *out, size_t max)
{
	static const char *const atoms[] = { "=", "\\", "|", "\n", "\r", " ",
		"a", "msg=", "n", "CEF:0|", "\xc3\xbc", "\xf0\x9f\x98\x80", "k",
		"\"", "0123456789abcdef" };
	size_t len = 0, n = draw(seed) % 30;

	while (n-- > 0) {
		const char *atom =
		    atoms[draw(seed) % (sizeof(atoms) / sizeof(*atoms))];

		/* CR LF is written as one line end, so it is not drawn. */
		if (len + strlen(atom) > max ||
		    (atom[0] == '\n' && len > 0 && out[len - 1] == '\r'))
			continue;
		memcpy(out + len, atom, strlen(atom));
		len += strlen(atom);
	}
	return str_trim(str_make(out, len));
}

static void
random_values_come_back_as_they_were(void **state)
{
	static struct cef_parse p;
	char text[20][512], key[20][16];
	struct str want[20];
	uint64_t seed = 88172645463325252;
	struct buf out;

	(void)state;
	buf_init(&out, 64 * 1024);
	for (int round = 0; round < 3000; round++) {
		struct cef_header h = { .severity = round % 11 };
		char name[512];

		/* Header fields have no line ends. */
		h.name = draw_text(&seed, name, sizeof(name));
		for (size_t i = 0; i < h.name.len; i++)
			if (isspace((unsigned char)h.name.p[i]))
				name[h.name.p - name + (ptrdiff_t)i] = '_';
		buf_reset(&out);
		cef_begin(&out, &h);
		for (int i = 0; i < 20; i++) {
			want[i] = draw_text(&seed, text[i], sizeof(text[i]));
			snprintf(key[i], sizeof(key[i]), "k%d", i);
			cef_pair(&out, str_of(key[i]), want[i]);
		}
		if (!cef_parse_line(&p, buf_str(&out)))
			fail_msg("%s: %.*s", p.why, STR_ARG(buf_str(&out)));
		assert_int_equal(p.n, 20);
		assert_true(str_eq(p.header[CEF_PARSE_NAME], h.name));
		for (int i = 0; i < 20; i++)
			if (!str_eq(p.pairs[i].value, want[i]))
				fail_msg("%.*s: %.*s", STR_ARG(want[i]),
				    STR_ARG(buf_str(&out)));
	}
	buf_clear(&out);
}

/* Whatever bytes come in, what goes out is a line. */
static void
random_bytes_become_a_well_formed_line(void **state)
{
	static struct cef_parse p;
	uint64_t seed = 4101842887655102017;
	struct buf out;

	(void)state;
	buf_init(&out, 64 * 1024);
	for (int round = 0; round < 3000; round++) {
		char bytes[100];
		struct str s = str_make(bytes, draw(&seed) % sizeof(bytes));
		struct cef_header h = { .vendor = s, .name = s };

		for (size_t i = 0; i < s.len; i++)
			bytes[i] = (char)(draw(&seed) >> 20);
		buf_reset(&out);
		cef_begin(&out, &h);
		cef_pair(&out, STR_LIT("a"), s);
		cef_pair(&out, STR_LIT("b"), s);
		if (!cef_parse_line(&p, buf_str(&out)))
			fail_msg("%s: %.*s", p.why, STR_ARG(buf_str(&out)));
		assert_int_equal(p.n, 2);
	}
	buf_clear(&out);
}

static const char *const bad_lines[] = {
	"CEF:1|v|p|1|s|n|5|",
	"CEF:0|v|p|1|s|n|5",
	"CEF:0|v|p|1|s|n|High|",
	"CEF:0|v|p|1|s|n|5|a",
	"CEF:0|v|p|1|s|n|5|a=1  b=2",
	"CEF:0|v|p|1|s|n|5|a=1 a=2",
	"CEF:0|v|p|1|s|n|5|a=1\\|2",
	"CEF:0|v|p|1|s|n|5|a=1\\",
	"CEF:0|v|p|1|s|n|5| a=1",
	"CEF:0|v|p|1|s|n|5|a=x b.c=1",
	"CEF:0|v|p\\=|1|s|n|5|",
	"CEF:0|v|p|1|s|n|5|a=\xff",
	"CEF:0|v|p|1|s|n|5|a=\t",
};

static void
the_tests_own_parser_is_strict(void **state)
{
	static struct cef_parse p;

	(void)state;
	for (size_t i = 0; i < sizeof(bad_lines) / sizeof(*bad_lines); i++)
		if (cef_parse_line(&p, str_of(bad_lines[i])))
			fail_msg("%s", bad_lines[i]);
	assert_true(
	    cef_parse_line(&p, str_of("CEF:0|v|p|1|s|n|5|a=1 | 2 b= c=x\\=y")));
	assert_str(cef_parse_get(&p, "a"), "1 | 2");
	assert_str(cef_parse_get(&p, "b"), "");
	assert_str(cef_parse_get(&p, "c"), "x=y");
	assert_null(cef_parse_get(&p, "d").p);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(values_escape_equals_and_headers_escape_pipes),
	cmocka_unit_test(the_scan_finds_what_needs_care_wherever_it_stands),
	cmocka_unit_test(a_line_is_put_together_as_the_standard_shows_it),
	cmocka_unit_test(
	    a_value_that_ends_in_a_pipe_stays_apart_from_the_next_pair),
	cmocka_unit_test(header_fields_are_cut_by_characters_to_their_size),
	cmocka_unit_test(cuts_fall_between_characters),
	cmocka_unit_test(a_full_buffer_keeps_what_it_had),
	cmocka_unit_test(the_dictionary_knows_its_keys_and_no_others),
	cmocka_unit_test(own_keys_are_one_word),
	cmocka_unit_test(random_values_come_back_as_they_were),
	cmocka_unit_test(random_bytes_become_a_well_formed_line),
	cmocka_unit_test(the_tests_own_parser_is_strict),
};

UNIT_MAIN(tests)
