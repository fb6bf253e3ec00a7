/* tests/test_jsonpath.c -- JSONPath: tables of cases, caps, the lone root. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include <dirent.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "codec/json.h"
#include "codec/jsonpath.h"

/* --- the tables ---------------------------------------------------------- */

/*
 * tests/cases/jsonpath/NAME.tsv: "= DOCUMENT" stands for all rows below it; a
 * row is a path, a tab, and what the path selects as one JSON array, or "!"
 * if it must be refused.  In a path the pictures of blank, tab, line feed and
 * carriage return stand for these.
 */
struct table {
	const char *name;
	unsigned line;
	unsigned bad, rows;
	struct json_doc doc, want;
	struct jsonpath_nodes nodes;
};

static void
complain(struct table *t, struct str path, const char *what, const char *more)
{
	print_error("%s:%u: %.*s: %s %s\n", t->name, t->line, STR_ARG(path),
	    what, more);
	t->bad++;
}

static void
unpicture(struct str s, struct buf *out)
{
	static const struct {
		const char *picture;
		char c;
	} pictures[] = {
		{ "\u2420", ' ' },
		{ "\u2409", '\t' },
		{ "\u240a", '\n' },
		{ "\u240d", '\r' },
	};

	while (s.len > 0) {
		struct str rest = s;

		for (unsigned i = 0; i < 4; i++)
			if (str_starts(s, str_of(pictures[i].picture))) {
				buf_add_char(out, pictures[i].c);
				s = str_make(s.p + 3, s.len - 3);
				break;
			}
		if (rest.len == s.len) {
			buf_add_char(out, *s.p);
			s = str_make(s.p + 1, s.len - 1);
		}
	}
}

static bool
is_selected(const struct table *t)
{
	uint32_t i = 0;

	for (uint32_t w = json_first(&t->want, 0); w != JSON_NONE;
	     w = json_after(&t->want, 0, w), i++)
		if (i == t->nodes.n ||
		    json_type(&t->want, w) !=
			json_type(&t->doc, t->nodes.v[i]) ||
		    !str_eq(json_raw(&t->want, w),
			json_raw(&t->doc, t->nodes.v[i])))
			return false;
	return i == t->nodes.n;
}

static void
show_selected(struct table *t, struct str path)
{
	struct buf got;

	buf_init(&got, 4096);
	for (uint32_t i = 0; i < t->nodes.n; i++) {
		buf_add_text(&got, i > 0 ? ", " : "");
		buf_add_str(&got, json_raw(&t->doc, t->nodes.v[i]));
	}
	complain(t, path, "selects", buf_cstr(&got));
	buf_clear(&got);
}

static void
check_row(struct table *t, struct str shown, struct str path, struct str want)
{
	struct err err = { .kind = ERR_NONE };
	struct jsonpath *jp = jsonpath_new(path, &err);

	t->rows++;
	if (str_is(want, "!")) {
		if (jp != NULL)
			complain(t, shown, "is taken", "");
		else if (err.kind != ERR_CONF ||
		    strstr(err.text, "column") == NULL)
			complain(t, shown, "is refused for", err.text);
	} else if (jp == NULL) {
		complain(t, shown, "is refused:", err.text);
	} else if (json_parse(&t->want, want, &err) < 0) {
		complain(t, shown, "bad row:", err.text);
	} else if (jsonpath_select(jp, &t->doc, 0, &t->nodes, &err) < 0) {
		complain(t, shown, "fails:", err.text);
	} else if (!is_selected(t)) {
		show_selected(t, shown);
	}
	jsonpath_free(&jp);
}

static void
check_line(struct table *t, struct str line)
{
	struct err err;
	struct str shown;
	struct buf path;

	if (line.len == 0 || line.p[0] == '#')
		return;
	if (str_starts(line, STR_LIT("= "))) {
		line = str_make(line.p + 2, line.len - 2);
		if (json_parse(&t->doc, line, &err) < 0)
			complain(t, line, "bad document:", err.text);
		return;
	}
	shown = str_cut(&line, '\t');
	buf_init(&path, 4096);
	unpicture(shown, &path);
	check_row(t, shown, buf_str(&path), line);
	buf_clear(&path);
}

static void
check_table(const char *name)
{
	struct table t = { .name = name };
	const char *top = getenv("srcdir");
	char *path = xasprintf(
	    "%s/tests/cases/jsonpath/%s", top != NULL ? top : ".", name);
	struct str rest = { NULL, 0 };
	static char text[256 * 1024];
	FILE *f = fopen(path, "r");

	if (f == NULL)
		fail_msg("cannot open %s", path);
	rest = str_make(text, fread(text, 1, sizeof(text), f));
	fclose(f);
	xfree(path);
	assert_true(rest.len > 0 && rest.len < sizeof(text));
	json_init(&t.doc, 0, 0);
	json_init(&t.want, 0, 0);
	while (rest.p != NULL) {
		t.line++;
		check_line(&t, str_cut(&rest, '\n'));
	}
	json_clear(&t.doc);
	json_clear(&t.want);
	jsonpath_nodes_clear(&t.nodes);
	assert_true(t.rows > 50);
	if (t.bad > 0)
		fail_msg("%u of %u rows of %s", t.bad, t.rows, name);
}

static void
names_indexes_and_descendants_select(void **state)
{
	(void)state;
	check_table("segments.tsv");
}

static void
slices_select_with_all_signs(void **state)
{
	(void)state;
	check_table("slices.tsv");
}

static void
strings_mean_the_same_escaped_or_not(void **state)
{
	(void)state;
	check_table("strings.tsv");
}

static void
paths_are_refused_unless_the_grammar_has_them(void **state)
{
	(void)state;
	check_table("syntax.tsv");
}

static void
filters_compare_and_combine(void **state)
{
	(void)state;
	check_table("filters.tsv");
}

static void
functions_are_typed(void **state)
{
	(void)state;
	check_table("functions.tsv");
}

static void
regexps_are_those_of_rfc_9485(void **state)
{
	(void)state;
	check_table("regexps.tsv");
}

/* --- one by one ---------------------------------------------------------- */

struct fixture {
	struct json_doc doc;
	struct jsonpath_nodes nodes;
	struct err err;
	struct buf text;
};

static int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	json_init(&f->doc, 0, 512);
	buf_init(&f->text, 16 * 1024 * 1024);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	json_clear(&f->doc);
	jsonpath_nodes_clear(&f->nodes);
	buf_clear(&f->text);
	xfree(f);
	return 0;
}

static void
read_doc(struct fixture *f, struct str text)
{
	if (json_parse(&f->doc, text, &f->err) < 0)
		fail_msg("%s", f->err.text);
}

/* How many nodes the path selects, or -1. */
static int
select_in(struct fixture *f, const char *path)
{
	struct jsonpath *jp = jsonpath_new(str_of(path), &f->err);
	int rc;

	if (jp == NULL)
		fail_msg("%s: %s", path, f->err.text);
	rc = jsonpath_select(jp, &f->doc, 0, &f->nodes, &f->err);
	jsonpath_free(&jp);
	return rc < 0 ? -1 : (int)f->nodes.n;
}

static void
repeat(struct buf *b, const char *s, unsigned times)
{
	while (times-- > 0)
		buf_add_text(b, s);
}

static void
error_names_the_column_in_characters(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *path, *want;
	} rows[] = {
		{ "", "JSONPath: column 1: it ends too early" },
		{ "x", "JSONPath: column 1: a path begins with $" },
		{ "$.a.", "JSONPath: column 5: it ends too early" },
		{ "$.a.1", "JSONPath: column 5: a name or * is expected" },
		{ "$.\u00e4\u00f6.1",
		    "JSONPath: column 6: a name or * is "
		    "expected" },
		{ "$[01]",
		    "JSONPath: column 3: a number with a leading "
		    "zero" },
		{ "$[?@.*==1]",
		    "JSONPath: column 4: this query may select "
		    "more than one value" },
		{ "$[?1==@.*]",
		    "JSONPath: column 7: this query may select "
		    "more than one value" },
		{ "$[?foo(1)]",
		    "JSONPath: column 4: there is no such "
		    "function" },
		{ "$[?count(1)==1]",
		    "JSONPath: column 10: a query is "
		    "expected here" },
		{ "$[?'a']",
		    "JSONPath: column 4: a literal must be "
		    "compared" },
		{ "$.a\xff", "JSONPath: column 4: bad UTF-8" },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_null(jsonpath_new(str_of(rows[i].path), &f->err));
		assert_string_equal(f->err.text, rows[i].want);
		assert_int_equal(f->err.kind, ERR_CONF);
	}
}

static void
path_with_bytes_that_are_no_text_is_refused(void **state)
{
	struct fixture *f = *state;
	static const struct str rows[] = {
		STR_LIT("$\0"),
		STR_LIT("$.a\0"),
		STR_LIT("$['a\0b']"),
		STR_LIT("$['a\x01']"),
		STR_LIT("$['a\x1f']"),
		STR_LIT("$[\0'a']"),
		STR_LIT("$['\xc3']"),
		STR_LIT("$['\xc0\xaf']"),
		STR_LIT("$['\xed\xa0\x80']"),
		STR_LIT("$.\xf4\x90\x80\x80"),
		STR_LIT("\xef\xbb\xbf$.a"),
		STR_LIT("$\xc2\xa0.a"),
		STR_LIT("$\v.a"),
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (jsonpath_new(rows[i], &f->err) != NULL)
			fail_msg("row %u is taken", i);
}

static void
path_may_be_forgotten_by_the_one_who_gave_it(void **state)
{
	struct fixture *f = *state;
	char text[] = "$.abc[?@.d=='e'].f";
	struct jsonpath *jp = jsonpath_new(str_of(text), &f->err);

	memset(text, 'x', sizeof(text) - 1);
	read_doc(f, STR_LIT("{\"abc\":[{\"d\":\"e\",\"f\":1}]}"));
	assert_int_equal(jsonpath_test(jp, &f->doc, &f->err), 1);
	jsonpath_free(&jp);
	jsonpath_free(&jp);
}

static void
one_path_reads_many_documents(void **state)
{
	struct fixture *f = *state;
	struct jsonpath *jp =
	    jsonpath_new(STR_LIT("$[?match(@.a, $[0].re)].a"), &f->err);

	assert_non_null(jp);
	for (unsigned i = 0; i < 40; i++) {
		buf_reset(&f->text);
		buf_addf(&f->text,
		    "[{\"re\":\"\\u0078%u\"},{\"a\":\"x%u\"},{\"a\":\"x\"}]",
		    i % 20, i % 20);
		read_doc(f, buf_str(&f->text));
		assert_int_equal(
		    jsonpath_select(jp, &f->doc, 0, &f->nodes, &f->err), 0);
		assert_int_equal(f->nodes.n, 1);
	}
	jsonpath_free(&jp);
}

static void
select_begins_at_the_node_that_is_given(void **state)
{
	struct fixture *f = *state;
	struct jsonpath *jp =
	    jsonpath_new(STR_LIT("$[?@.n == $.want.n].n"), &f->err);
	uint32_t node;

	read_doc(
	    f, STR_LIT("{\"in\":{\"want\":{\"n\":2}},\"want\":{\"n\":1}}"));
	node = json_member(&f->doc, 0, STR_LIT("in"));
	assert_int_equal(
	    jsonpath_select(jp, &f->doc, node, &f->nodes, &f->err), 0);
	assert_int_equal(f->nodes.n, 1);
	assert_str(json_raw(&f->doc, f->nodes.v[0]), "2");
	assert_int_equal(
	    jsonpath_select(jp, &f->doc, JSON_NONE, &f->nodes, &f->err), 0);
	assert_int_equal(f->nodes.n, 0);
	jsonpath_free(&jp);
}

static void
of_two_members_of_one_name_the_last_counts(void **state)
{
	struct fixture *f = *state;

	read_doc(f, STR_LIT("{\"a\":1,\"b\":0,\"\\u0061\":2}"));
	assert_int_equal(select_in(f, "$.a"), 1);
	assert_str(json_raw(&f->doc, f->nodes.v[0]), "2");
}

static void
lone_root_is_the_element_of_an_array(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *path;
		int want;
	} rows[] = {
		{ "$[?@.a]", 1 },
		{ "$[?@.b]", 0 },
		{ "$[?@.a==1]", 1 },
		{ "$[?@.a==2]", 0 },
		{ "$[?@.a==$[0].a]", 1 },
		{ "$[?$[1]]", 0 },
		{ "$[?$[-1].a]", 1 },
		{ "$[?$.a]", 0 },
		{ "$[?count($.*)==1]", 1 },
		{ "$[?length($)==1]", 1 },
		{ "$[?value($)==$]", 1 },
		{ "$[?@==$]", 0 },
		{ "$[?@==$[0]]", 1 },
		{ "$[?$[:1]]", 1 },
		{ "$[?$[::-1].a]", 1 },
		{ "$[?count($..a)==2]", 1 },
		{ "$[?@.a].a", 1 },
		{ "$[?@.a].b", 0 },
		{ "$[?@.b, ?@.a]", 1 },
		{ "$..a", 1 },
		{ "$[0]", 1 },
		{ "$[-2]", 0 },
		{ "$", 1 },
	};

	read_doc(f, STR_LIT("{\"a\":1,\"c\":{\"a\":1}}"));
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct jsonpath *jp =
		    jsonpath_new(str_of(rows[i].path), &f->err);

		if (jsonpath_test_lone(jp, &f->doc, &f->err) != rows[i].want)
			fail_msg("%s is not %d", rows[i].path, rows[i].want);
		jsonpath_free(&jp);
	}
}

static void
is_filter_looks_at_the_first_thing_done(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *path;
		bool want;
	} rows[] = {
		{ "$[?@.a]", true },
		{ "$ [ ?@.a]", true },
		{ "$[?@.a].b", true },
		{ "$[?@.a,0]", true },
		{ "$", false },
		{ "$.a", false },
		{ "$[0,?@.a]", false },
		{ "$..[?@.a]", false },
		{ "$.a[?@.b]", false },
		{ "$[*]", false },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct jsonpath *jp =
		    jsonpath_new(str_of(rows[i].path), &f->err);

		if (jsonpath_is_filter(jp) != rows[i].want)
			fail_msg("%s", rows[i].path);
		jsonpath_free(&jp);
	}
}

/* --- caps ---------------------------------------------------------------- */

static void
nodes_are_capped(void **state)
{
	struct fixture *f = *state;

	read_doc(f, STR_LIT("[1,2,3]"));
	f->nodes.max = 3;
	assert_int_equal(select_in(f, "$[*]"), 3);
	assert_int_equal(select_in(f, "$[*,0]"), -1);
	assert_int_equal(f->err.kind, ERR_DATA);
	assert_string_equal(
	    f->err.text, "JSONPath: it selects too many values");
	assert_int_equal(f->nodes.n, 0);
	jsonpath_nodes_clear(&f->nodes);
	assert_int_equal(f->nodes.max, 3);
	f->nodes.max = 0;

	buf_add_char(&f->text, '[');
	repeat(&f->text, "1,", 65535);
	buf_add_text(&f->text, "1]");
	read_doc(f, buf_str(&f->text));
	assert_int_equal(select_in(f, "$[*]"), 65536);
	assert_int_equal(select_in(f, "$[*,0]"), -1);
}

static void
long_and_deep_paths_are_refused(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *before, *middle, *after;
		unsigned times;
		bool is_right;
	} rows[] = {
		{ "$", ".a", "", 10000, true },
		{ "$", ".a", "", 40000, false },
		{ "$[?", "(", "@.a", 200, false },
		{ "$[?", "!(", "@.a", 200, false },
		{ "$", "[?@", "", 200, false },
		{ "$[?1==", "length(", "@", 200, false },
		{ "$[?@.a", "||@.a", "]", 5000, true },
		{ "$[?@.a", "&&@.a", "]", 5000, true },
		{ "$[0", ",0", "]", 5000, true },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct jsonpath *jp;

		buf_reset(&f->text);
		buf_add_text(&f->text, rows[i].before);
		repeat(&f->text, rows[i].middle, rows[i].times);
		buf_add_text(&f->text, rows[i].after);
		jp = jsonpath_new(buf_str(&f->text), &f->err);
		if ((jp != NULL) != rows[i].is_right)
			fail_msg("row %u", i);
		jsonpath_free(&jp);
	}
}

static void
filters_nest_as_deep_as_anybody_writes(void **state)
{
	struct fixture *f = *state;

	read_doc(f, STR_LIT("[[[[[[[[[1]]]]]]]]]"));
	assert_int_equal(
	    select_in(f, "$[?@[?@[?@[?@[?@[?@[?@[?@[?@==1]]]]]]]]]"), 1);
	assert_int_equal(
	    select_in(f, "$[?@[?@[?@[?@[?@[?@[?@[?@[?@==2]]]]]]]]]"), 0);
	assert_int_equal(
	    select_in(f, "$[?((((((((((((((((((((@))))))))))))))))))))]"), 1);
}

static void
depth_of_the_document_is_no_danger(void **state)
{
	struct fixture *f = *state;

	repeat(&f->text, "[", 500);
	repeat(&f->text, "]", 500);
	read_doc(f, buf_str(&f->text));
	assert_int_equal(select_in(f, "$..*"), 499);
	assert_int_equal(select_in(f, "$..[?@==$[0]]"), 1);
	assert_int_equal(
	    select_in(f, "$..[?count(@..[?count(@..[?@..*])==0])==9]"), -1);
	assert_int_equal(f->err.kind, ERR_DATA);
}

static void
work_is_capped(void **state)
{
	struct fixture *f = *state;
	static const char *const paths[] = {
		"$[?count($[?count($[?count($[?@>1])==1])==1])==1]",
		"$..[?$..[?$..[?$..[?@==1]]]]",
		"$[?$[::-1].a||$[::-1].b||$[::-1].c]",
		"$[?@==$[-1]||$[-1]==@||$[?$[-1]==2&&$[?$[-1]==2]]]",
	};

	buf_add_char(&f->text, '[');
	repeat(&f->text, "0,", 4000);
	buf_add_text(&f->text, "0]");
	read_doc(f, buf_str(&f->text));
	for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		assert_int_equal(select_in(f, paths[i]), -1);
		assert_int_equal(f->err.kind, ERR_DATA);
		assert_string_equal(f->err.text, "JSONPath: too many steps");
	}
	assert_int_equal(select_in(f, "$[?@>=0]"), 4001);
}

static void
pattern_cannot_run_away(void **state)
{
	struct fixture *f = *state;
	static const char *const paths[] = {
		"$[?match(@, '(a*)*[bc]')]",
		"$[?match(@, '(a|a)*[bc]')]",
		"$[?match(@, $[0])]",
		"$[?search(@, '(a+)+[bc]')]",
	};

	buf_add_text(&f->text, "[\"(a|aa)*(a|aa)*[bc]\",\"");
	repeat(&f->text, "a", 4000);
	buf_add_text(&f->text, "!\"]");
	read_doc(f, buf_str(&f->text));
	for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		assert_int_equal(select_in(f, paths[i]), -1);
		assert_int_equal(f->err.kind, ERR_DATA);
		assert_non_null(strstr(f->err.text, "regular expression"));
	}
	assert_int_equal(select_in(f, "$[?match(@, 'a*.')]"), 1);

	/* A search begins everywhere, and may walk far from there. */
	buf_reset(&f->text);
	buf_add_text(&f->text, "[\"");
	repeat(&f->text, "aaaaaaaaaaaaaaaaaaab", 20000);
	buf_add_text(&f->text, "\"]");
	read_doc(f, buf_str(&f->text));
	assert_int_equal(select_in(f, "$[?search(@, '[^x]*[xy]')]"), -1);
	assert_int_equal(select_in(f, "$[?search(@, '[ab]{60000}[cd]')]"), -1);
	assert_int_equal(select_in(f, "$[?search(@, 'a{20}[cd]?')]"), 0);
	assert_int_equal(select_in(f, "$[?search(@, 'a{19}b')]"), 1);
	assert_int_equal(select_in(f, "$[?search(@, 'bab')]"), 0);
}

static void
pattern_cannot_grow_without_end(void **state)
{
	struct fixture *f = *state;
	static const char *const patterns[] = {
		"(((a{999}){999}){999}){999}",
		"a{99999}",
		"((((((((((a{9}){9}){9}){9}){9}){9}){9}){9}){9}){9})",
	};

	for (unsigned i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		buf_reset(&f->text);
		buf_addf(&f->text, "$[?match(@, '%s')]", patterns[i]);
		assert_null(jsonpath_new(buf_str(&f->text), &f->err));
		assert_int_equal(f->err.kind, ERR_CONF);
		buf_reset(&f->text);
		buf_addf(&f->text, "[\"%s\"]", patterns[i]);
		read_doc(f, buf_str(&f->text));
		assert_int_equal(select_in(f, "$[?match('a', @)]"), -1);
		assert_int_equal(f->err.kind, ERR_DATA);
	}
	buf_reset(&f->text);
	buf_add_text(&f->text, "[\"");
	repeat(&f->text, "a", 10000);
	buf_add_text(&f->text, "\"]");
	read_doc(f, buf_str(&f->text));
	assert_int_equal(select_in(f, "$[?match(@, @)]"), -1);
	assert_int_equal(select_in(f, "$[?match(@, 'a+')]"), 1);
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_indexes_and_descendants_select),
		cmocka_unit_test(slices_select_with_all_signs),
		cmocka_unit_test(strings_mean_the_same_escaped_or_not),
		cmocka_unit_test(paths_are_refused_unless_the_grammar_has_them),
		cmocka_unit_test(filters_compare_and_combine),
		cmocka_unit_test(functions_are_typed),
		cmocka_unit_test(regexps_are_those_of_rfc_9485),
		ONE(error_names_the_column_in_characters),
		ONE(path_with_bytes_that_are_no_text_is_refused),
		ONE(path_may_be_forgotten_by_the_one_who_gave_it),
		ONE(one_path_reads_many_documents),
		ONE(select_begins_at_the_node_that_is_given),
		ONE(of_two_members_of_one_name_the_last_counts),
		ONE(lone_root_is_the_element_of_an_array),
		ONE(is_filter_looks_at_the_first_thing_done),
		ONE(nodes_are_capped),
		ONE(long_and_deep_paths_are_refused),
		ONE(filters_nest_as_deep_as_anybody_writes),
		ONE(depth_of_the_document_is_no_danger),
		ONE(work_is_capped),
		ONE(pattern_cannot_run_away),
		ONE(pattern_cannot_grow_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
