/* tests/test_convert.c -- what the transforms of a map do to a text. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include "base/buf.h"
#include "map/convert.h"
#include "map/textset.h"
#include "map/words.h"

static const struct {
	enum cef_value type;
	const char *in, *want; /* NULL: it is none */
} type_rows[] = {
	{ CEF_TIME, "2026-06-11T08:05:41.1330415Z", "1781165141133" },
	{ CEF_TIME, "2026-06-11T08:05:41", "1781165141000" },
	{ CEF_TIME, "2026-06-11T10:05:41+02:00", "1781165141000" },
	{ CEF_TIME, "1781165141133", "1781165141133" },
	{ CEF_TIME, "1781165141", "1781165141000" },
	{ CEF_TIME, "1781165141133041", "1781165141133" },
	{ CEF_TIME, "17811651411330415", "1781165141133" },
	{ CEF_TIME, "1781165141133041500", "1781165141133" },
	{ CEF_TIME, "0001-01-01T00:00:00Z", NULL },
	{ CEF_TIME, "1601-01-01T00:00:00Z", NULL },
	{ CEF_TIME, "1970-01-01T00:00:00Z", NULL },
	{ CEF_TIME, "9999-12-31T23:59:59.999Z", "253402300799999" },
	{ CEF_TIME, "0", NULL },
	{ CEF_TIME, "-5", NULL },
	{ CEF_TIME, "-9223372036854775808", NULL },
	{ CEF_TIME, "yesterday", NULL },
	{ CEF_TIME, "", NULL },
	{ CEF_IPV4, "192.0.2.7", "192.0.2.7" },
	{ CEF_IPV4, "192.0.2.7:443", "192.0.2.7" },
	{ CEF_IPV4, " 192.0.2.7 ", "192.0.2.7" },
	{ CEF_IPV4, "::ffff:192.0.2.7", "192.0.2.7" },
	{ CEF_IPV4, "[::ffff:192.0.2.7]:17469", "192.0.2.7" },
	{ CEF_IPV4, "192.0.2.256", NULL },
	{ CEF_IPV4, "192.0.2", NULL },
	{ CEF_IPV4, "192.0.2.07", NULL },
	{ CEF_IPV4, "192.0.2.7.1", NULL },
	{ CEF_IPV4, "2001:db8::1", NULL },
	{ CEF_IPV6, "2001:DB8:0:0:0:0:0:1", "2001:db8::1" },
	{ CEF_IPV6, "[2001:db8::1]:17469", "2001:db8::1" },
	{ CEF_IPV6, "fe80::1%eth0", "fe80::1" },
	{ CEF_IPV6, "::ffff:192.0.2.7", NULL },
	{ CEF_IPV6, "192.0.2.7", NULL },
	{ CEF_IPV6, "2001:db8::1::2", NULL },
	{ CEF_IPV6, "cafe", NULL },
	{ CEF_MAC, "00-15-5d-01-02-0A", "00:15:5d:01:02:0A" },
	{ CEF_MAC, "00155d01020a", "00:15:5d:01:02:0a" },
	{ CEF_MAC, "00:15:5d:01:02", NULL },
	{ CEF_MAC, "00:15:5d:01:02:0a:0b", NULL },
	{ CEF_INT, "2147483647", "2147483647" },
	{ CEF_INT, "2147483648", NULL },
	{ CEF_INT, "4.0", NULL },
	{ CEF_LONG, "-9223372036854775808", "-9223372036854775808" },
	{ CEF_LONG, "9223372036854775808", NULL },
	{ CEF_LONG, "ten", NULL },
	{ CEF_DOUBLE, "-59.91", "-59.91" },
	{ CEF_DOUBLE, "1e-5", "1e-5" },
	{ CEF_DOUBLE, "1.2.3", NULL },
	{ CEF_DOUBLE, "-", NULL },
	{ CEF_DOUBLE, "1e", NULL },
	{ CEF_STRING, "a|b", "a|b" },
};

static void
types_take_what_fits_in_one_form(void **state)
{
	char space[CONVERT_MAX];
	struct str out;

	(void)state;
	for (size_t i = 0; i < sizeof(type_rows) / sizeof(*type_rows); i++) {
		bool ok = convert_type(
		    type_rows[i].type, str_of(type_rows[i].in), space, &out);

		if (ok != (type_rows[i].want != NULL))
			fail_msg("\"%s\" was %s", type_rows[i].in,
			    ok ? "taken" : "refused");
		if (ok)
			assert_str(out, type_rows[i].want);
	}
}

static const struct {
	const char *in, *want;
} html_rows[] = {
	{ "plain", "plain" },
	{ "Activity policy <b>x</b>", "Activity policy x" },
	{ "one<br>two", "one two" },
	{ "<p>one</p><p>two</p>", "one  two " },
	{ "a &lt;b&gt; &amp;amp; &quot;c&quot;", "a <b> &amp; \"c\"" },
	{ "&#39;x&#x27; &#8364;", "'x' \xe2\x82\xac" },
	{ "5 < 6 & 7 > 2", "5 < 6 & 7 > 2" },
	{ "&#0; &#xd800; &#x110000; &;", "&#0; &#xd800; &#x110000; &;" },
	{ "&unknown; &", "&unknown; &" },
	{ "open <a href=\"x\"", "open <a href=\"x\"" },
	{ "<!-- no -->x", "x" },
};

static void
html_becomes_what_its_reader_sees(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	for (size_t i = 0; i < sizeof(html_rows) / sizeof(*html_rows); i++) {
		buf_reset(&out);
		convert_html(str_of(html_rows[i].in), &out);
		assert_str(buf_str(&out), html_rows[i].want);
	}
	buf_clear(&out);
}

static const struct {
	const char *in, *want;
} plain_rows[] = {
	{ "as it is", "as it is" },
	{ "  two\r\n lines\t", "two lines" },
	{ "removed\xe2\x80\x8b", "removed" },
	{ "\xef\xbb\xbfx\xe2\x80\xaey", "xy" },
	{ "a\xc2\xa0\xe3\x80\x80"
	  "b",
	    "a b" },
	{ "\x01\x7f", "" },
	{ "bad \xff", "bad \xef\xbf\xbd" },
	{ "", "" },
};

static void
plain_text_has_single_blanks_and_nothing_unseen(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	for (size_t i = 0; i < sizeof(plain_rows) / sizeof(*plain_rows); i++) {
		struct str in = str_of(plain_rows[i].in);

		buf_reset(&out);
		convert_plain(in, &out);
		assert_str(buf_str(&out), plain_rows[i].want);
		if (convert_is_plain(in))
			assert_str(in, plain_rows[i].want);
	}
	assert_true(convert_is_plain(str_of("a b")));
	assert_false(convert_is_plain(str_of("a  b")));
	buf_clear(&out);
}

static void
marks_split_at_their_last_or_first_place(void **state)
{
	struct str s = STR_LIT("#microsoft.graph.security.userEvidence");

	(void)state;
	assert_str(convert_after(s, str_of(".")), "userEvidence");
	assert_str(convert_before(s, str_of(".")), "#microsoft");
	assert_str(convert_after(s, str_of("/")), s.p);
	assert_str(convert_before(s, str_of("/")), s.p);
	assert_str(convert_after(str_of(""), str_of(".")), "");
	assert_str(convert_before(str_of(""), str_of(".")), "");
	assert_str(convert_trim(str_of("\t a \n")), "a");
	assert_str(convert_trim(str_of(" \t")), "");
}

static void
words_are_found_in_any_case(void **state)
{
	struct words *w = words_new();
	char name[16];

	(void)state;
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "Word%d", i);
		assert_int_equal(words_add(w, str_of(name), str_of(name)), i);
	}
	assert_int_equal(words_add(w, str_of("wORD7"), str_of("")), -1);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "wOrD%d", i);
		assert_int_equal(words_find(w, str_of(name)), i);
	}
	assert_int_equal(words_find(w, str_of("word300")), -1);
	assert_int_equal(words_find(w, str_of("")), -1);
	assert_int_equal(words_add(w, str_of("*"), str_of("rest")), 300);
	assert_str(words_text(w, words_find(w, str_of("x"))), "rest");
	words_free(&w);
	assert_null(w);
}

static void
textset_knows_each_text_once(void **state)
{
	struct textset t;
	char name[16];

	(void)state;
	textset_init(&t);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 10000; i++) {
			snprintf(name, sizeof(name), "%d", i % 5000);
			assert_int_equal(
			    textset_add(&t, str_of(name)), i < 5000);
		}
		textset_reset(&t);
	}
	textset_clear(&t);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(types_take_what_fits_in_one_form),
	cmocka_unit_test(html_becomes_what_its_reader_sees),
	cmocka_unit_test(plain_text_has_single_blanks_and_nothing_unseen),
	cmocka_unit_test(marks_split_at_their_last_or_first_place),
	cmocka_unit_test(words_are_found_in_any_case),
	cmocka_unit_test(textset_knows_each_text_once),
};

UNIT_MAIN(tests)
