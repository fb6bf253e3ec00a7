/* tests/test_mapfile.c -- what is wrong with a map is told, with its line. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "map/map.h"

/* A header and an end for an event, so that a row shows what it is about. */
#define TOP "version 1.0\n"
#define EVENT                                                     \
	"event e\nvendor \"V\"\nproduct \"P\"\nsignature \"S\"\n" \
	"name \"N\"\nseverity \"3\"\n"

static const struct {
	const char *map, *want;
} bad_rows[] = {
	/* the file as such */
	{ "", "m:0: the map has no version" },
	{ TOP,
	    "m:1: profile mcas lacks an event without \"when\", for records"
	    " that no other takes" },
	{ TOP "\n# no\nfrobnicate 3\n",
	    "m:4: \"frobnicate\" begins no section" },
	{ "version 1.0\nversion 2.0\n", "m:2: version is written twice" },
	{ "version\n", "m:1: version wants a text" },
	{ "version 1.0 2\n", "m:1: \"2\" is too much here" },
	{ "version \"1.0\n", "m:1: a quote is not closed" },
	{ "version \"1\\.0\"\n",
	    "m:1: in a text only \\\" and \\\\ are escaped" },
	{ "version \"1\"\"0\"\n", "m:1: a blank is missing behind \"1\"" },
	/* paths */
	{ TOP "path p $.a[\n", "m:2: a bracket is not closed" },
	{ TOP "path p a.b\n",
	    "m:2: \"a.b\" is not a path; it begins with $"
	    " or with a name given by \"path\"" },
	{ TOP "path p $.a\npath p $.b\n",
	    "m:3: there is a path \"p\" already" },
	{ TOP "path p p.b\n",
	    "m:2: \"p.b\" is not a path; it begins with $ or"
	    " with a name given by \"path\"" },
	{ TOP "path $.b\n", "m:2: path wants a name" },
	/* keys of its own */
	{ TOP "key msg\n", "m:2: \"msg\" is in the dictionary already" },
	{ TOP "key my-key\n", "m:2: a key is of letters and digits only" },
	{ TOP "key mine colour\n", "m:2: \"colour\" is too much here" },
	{ TOP "key mine text 0\n", "m:2: a key has 1 to 65535 characters" },
	{ TOP "key mine\nkey mine\n", "m:3: there is a key \"mine\" already" },
	/* tables */
	{ TOP "table t\n", "m:2: the table has no rows" },
	{ TOP "table t\na 1\nA 2\n", "m:4: the table has a row \"A\" already" },
	{ TOP "table t\na\n", "m:3: \"a\" has no text beside it" },
	{ TOP "table t\na 1 2\n", "m:3: \"2\" is too much here" },
	/* forms */
	{ TOP "form f\n", "m:2: the form has no value" },
	{ TOP "form f\n@.a\n@.b\n",
	    "m:4: a form without \"by\" has one value only" },
	{ TOP "form f\nby @.t\na @.x\na @.y\n",
	    "m:5: the form has a case \"a\" already" },
	{ TOP "form f\n$.a\n", "m:3: $.a: a path begins with @ in a form" },
	{ TOP "form f\n@ as f\n", "m:3: no form \"f\" stands above" },
	{ TOP "form f\nswap \"ab\" \"c\"\n",
	    "m:3: swap wants two texts of the same length" },
	{ TOP "form f\nlimit 0\n", "m:3: limit wants 1 to 4000" },
	{ TOP "form f\n@.a\nby @.t\n", "m:4: by must stand first, and once" },
	/* events */
	{ TOP "event e\nvendor \"V\"\n", "m:2: event \"e\" has no product" },
	{ TOP EVENT "name \"M\"\n",
	    "m:8: name is written twice (first in line 6)" },
	{ TOP EVENT "frist $.a\n",
	    "m:8: unknown key \"frist\"; one of your"
	    " own needs a line \"key frist\" above" },
	{ TOP EVENT "msg $.a\nsuser $.b\nmsg $.c\n",
	    "m:10: key \"msg\" is written twice (first in line 8)" },
	{ TOP EVENT "agt $.a\n",
	    "m:8: \"agt\" is for consumers: a producer"
	    " must not send it" },
	{ TOP EVENT "rawEvent $.a\n",
	    "m:8: \"rawEvent\" is for consumers: a"
	    " producer must not send it" },
	{ TOP EVENT "Msg $.a\n",
	    "m:8: unknown key \"Msg\"; one of your own"
	    " needs a line \"key Msg\" above" },
	{ TOP EVENT "cs1 $.a\n",
	    "m:8: \"cs1\" has no label: the line before"
	    " it must be \"cs1Label\"" },
	{ TOP EVENT "cs1Label \"x\"\n",
	    "m:8: label \"cs1Label\" has no value:"
	    " the next line must be \"cs1\"" },
	{ TOP EVENT "cs1Label \"x\"\ncs2 $.a\n",
	    "m:8: label \"cs1Label\" has no value: the next line must be"
	    " \"cs1\"" },
	{ TOP EVENT "cs1Label \"x\"\ncs2Label \"y\"\ncs2 $.a\n",
	    "m:8: label \"cs1Label\" has no value: the next line must be"
	    " \"cs1\"" },
	{ TOP EVENT "cs1Label $.a\ncs1 $.a\n",
	    "m:8: a label is a text in quotes" },
	{ TOP EVENT "msg\n", "m:8: a value is missing" },
	{ TOP EVENT "msg $.a fisrt\n", "m:8: unknown transform \"fisrt\"" },
	{ TOP EVENT "msg hello\n",
	    "m:8: \"hello\" is neither a path, a text"
	    " in quotes, nor a part of the record" },
	{ TOP EVENT "msg @.a\n", "m:8: @.a: a path begins with $ here" },
	{ TOP EVENT "msg $.a[*]\n",
	    "m:8: $.a[*] may give several values: say first, last, join,"
	    " joinall, count, prefer, highest, lowest, sum or sole" },
	{ TOP EVENT "msg $.a $.b\n",
	    "m:8: $.a may give several values: say first, last, join,"
	    " joinall, count, prefer, highest, lowest, sum or sole" },
	{ TOP EVENT "msg $.a[*] join \",\" 1001\n",
	    "m:8: join takes at most 1000" },
	{ TOP EVENT "msg $.a[*] join 5\n", "m:8: join wants a text in quotes" },
	{ TOP EVENT "msg $.a[*] join \",\" 5 first\n",
	    "m:8: first: the value is one already" },
	{ TOP EVENT "msg $.a[*] join \",\" 5 distinct\n",
	    "m:8: distinct must stand before the list is made" },
	{ TOP EVENT "act $.a[*] prefer \"x\" \"X\"\n",
	    "m:8: prefer names \"X\" twice" },
	{ TOP EVENT "msg $.a[*] default \"x\" first\n",
	    "m:8: default must stand behind what makes one of several" },
	{ TOP EVENT "msg $.a table t\n", "m:8: no table \"t\" stands above" },
	{ TOP EVENT "msg $.a upper json $.b\n",
	    "m:8: json must stand before what works on texts" },
	{ TOP EVENT "msg $.a cut 0\n", "m:8: cut wants a number above 0" },
	{ TOP EVENT "msg $.a unlike \"suser\"\n",
	    "m:8: unlike \"suser\": no such key stands above" },
	{ TOP EVENT "src $.a[*] join \",\" 5\n",
	    "m:8: src takes an IPv4 address, not a list" },
	{ TOP EVENT "rt $.a + $.b\n", "m:8: rt takes a time, not a list" },
	{ TOP EVENT "msg $.a\nshorten msg cs1\n",
	    "m:9: shorten: the event has no key \"cs1\"" },
	{ TOP EVENT "externalId $.a\nshorten externalId\n",
	    "m:9: shorten: \"externalId\" cannot be shortened" },
	{ TOP EVENT "rt $.a\nshorten rt\n",
	    "m:9: shorten: \"rt\" cannot be shortened" },
	{ TOP EVENT "when $.a is\n", "m:8: is wants a text in quotes" },
	{ TOP EVENT "profile arcsight\n", "m:8: profile wants mcas or native" },
	{ TOP EVENT "profile mcas\n",
	    "m:8: profile native lacks an event without \"when\", for records"
	    " that no other takes" },
	{ TOP EVENT "event f\nprofile mcas\nvendor \"V\"\nproduct \"P\"\n"
		    "signature \"S\"\nname \"N\"\nseverity \"3\"\n",
	    "m:14: event \"f\" is never reached: \"e\" takes all" },
	{ TOP EVENT "act \"0123456789012345678901234567890123456789"
		    "012345678901234567890123\"\n",
	    "m:8: the text is longer than the 63 characters of act" },
	/* a value that goes on names the line that is wrong */
	{ TOP EVENT "msg $.a\n\telse $.b\n\t+ $.c wrogn\n",
	    "m:10: unknown transform \"wrogn\"" },
};

static void
mistakes_are_told_with_file_and_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_rows) / sizeof(*bad_rows); i++) {
		struct err err = { 0 };
		struct map *m = map_read("m", str_of(bad_rows[i].map), &err);

		if (m != NULL)
			fail_msg("taken: %s\nwanted: %s", bad_rows[i].map,
			    bad_rows[i].want);
		if (strcmp(err.text, bad_rows[i].want) != 0)
			fail_msg("%s\ngot    %s\nwanted %s", bad_rows[i].map,
			    err.text, bad_rows[i].want);
		assert_int_equal(err.kind, ERR_CONF);
	}
}

/* What is wrong with a path is said by its reader, with the column. */
static void
a_bad_path_is_told_with_its_text(void **state)
{
	struct err err;
	struct map *m;

	(void)state;
	m = map_read("m", str_of(TOP "\n" EVENT "msg $.a[?@.b ==]\n"), &err);
	assert_null(m);
	if (strncmp(err.text, "m:9: $.a[?@.b ==]: ", 19) != 0)
		fail_msg("%s", err.text);
}

static void
lines_files_and_lists_have_bounds(void **state)
{
	struct buf text;
	struct err err;

	(void)state;
	buf_init(&text, 1 << 20);
	buf_add_text(&text, TOP "# ");
	for (int i = 0; i < 5000; i++)
		buf_add_char(&text, 'x');
	assert_null(map_read("m", buf_str(&text), &err));
	assert_string_equal(
	    err.text, "m:2: the line is longer than 4096 bytes");

	buf_reset(&text);
	buf_add_text(&text, TOP "\0");
	buf_add_char(&text, '\0');
	assert_null(map_read("m", buf_str(&text), &err));
	assert_string_equal(err.text, "m:2: this is not text");

	buf_reset(&text);
	buf_add_text(&text, TOP EVENT);
	for (int i = 0; i < 200; i++)
		buf_addf(&text, "k%d $.a\n", i);
	assert_null(map_read("m", buf_str(&text), &err));

	buf_reset(&text);
	buf_add_text(&text, TOP);
	for (int i = 0; i < 201; i++)
		buf_addf(&text, "key k%d\n", i);
	buf_add_text(&text, EVENT);
	for (int i = 0; i < 201; i++)
		buf_addf(&text, "k%d $.a\n", i);
	assert_null(map_read("m", buf_str(&text), &err));
	assert_string_equal(err.text, "m:409: an event has at most 200 keys");

	buf_reset(&text);
	buf_add_text(&text, TOP "form f0\n@.a\n");
	for (int i = 1; i <= 9; i++)
		buf_addf(&text, "form f%d\n@ as f%d\n", i, i - 1);
	assert_null(map_read("m", buf_str(&text), &err));
	assert_string_equal(err.text, "m:21: forms stand more than 8 deep");
	buf_clear(&text);
}

/* Whatever is cut off a map or changed in it, it is read or refused. */
static void
every_beginning_of_a_map_is_read_or_refused(void **state)
{
	static const char map[] = TOP
	    "path p $.evidence[?@.t == 'x']\nkey mine text 40\n"
	    "table t\n\ta 1\n\t\"*\" \"2\"\n"
	    "form f\n\tby @.t after \".\"\n\tswap \";\" \",\"\n\tx @.a @.b "
	    "join \"|\" 2\n\t* \"z:\" + @.c\n" EVENT
	    "\tmsg p as f distinct join \";\" 20 else $.m html plain\n"
	    "\t\telse \"none\"\n\tmine $.j json $.k first\n"
	    "\tcs1Label \"l\"\n\tcs1 $.a table t keep\n\tshorten msg mine\n";

	(void)state;
	for (size_t len = 0; len < sizeof(map); len++) {
		struct err err = { 0 };
		struct map *m = map_read("m", str_make(map, len), &err);

		if (m == NULL)
			assert_int_equal(err.kind, ERR_CONF);
		else
			map_free(&m);
		assert_null(m);
	}
}

static void
write_map(const char *dir, const char *name)
{
	char *path = xasprintf("%s/%s.map", dir, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(TOP EVENT, f);
	assert_int_equal(fclose(f), 0);
	xfree(path);
}

static void
a_type_has_its_map_or_the_fallback(void **state)
{
	char dir[] = "/tmp/test_mapfile.XXXXXX";
	char *path, *want;
	struct err err;
	struct map *m;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_null(map_find(dir, "graph-alerts", &err));
	assert_int_equal(err.kind, ERR_CONF);
	assert_non_null(strstr(err.text, dir));
	write_map(dir, "fallback");
	write_map(dir, "graph-alerts");
	path = map_find(dir, "graph-alerts", &err);
	want = xasprintf("%s/graph-alerts.map", dir);
	assert_string_equal(path, want);
	m = map_load(path, &err);
	assert_non_null(m);
	assert_string_equal(map_records(m), "value[*]");
	map_free(&m);
	unlink(path);
	xfree(path);
	xfree(want);
	path = map_find(dir, "graph-alerts", &err);
	want = xasprintf("%s/fallback.map", dir);
	assert_string_equal(path, want);
	unlink(path);
	xfree(path);
	xfree(want);
	assert_null(map_find(dir, "../etc/passwd", &err));
	assert_string_equal(err.text, "\"../etc/passwd\" is not a type");
	assert_null(map_load(dir, &err));
	assert_int_equal(err.kind, ERR_CONF);
	rmdir(dir);
	assert_null(map_load(dir, &err));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(mistakes_are_told_with_file_and_line),
	cmocka_unit_test(a_bad_path_is_told_with_its_text),
	cmocka_unit_test(lines_files_and_lists_have_bounds),
	cmocka_unit_test(every_beginning_of_a_map_is_read_or_refused),
	cmocka_unit_test(a_type_has_its_map_or_the_fallback),
};

UNIT_MAIN(tests)
