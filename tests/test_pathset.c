/* tests/test_pathset.c -- paths that are walked together select the same. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include "base/buf.h"
#include "base/err.h"
#include "codec/json.h"
#include "codec/jsonpath.h"
#include "map/members.h"
#include "map/pathset.h"
#include "tests/random_json.h"

static const struct {
	const char *path;
	bool fast, singular;
} path_rows[] = {
	{ "$", true, true },
	{ "$.a", true, true },
	{ "$['a']", true, true },
	{ "$[\"b c\"]", true, true },
	{ "$.a.b", true, true },
	{ "$.list[0]", true, true },
	{ "$.list[2].x", true, true },
	{ "$.list[*]", true, false },
	{ "$.list.*.x", true, false },
	{ "$.*", true, false },
	{ "$.*.*", true, false },
	{ "$.list[?@.x]", true, false },
	{ "$.list[?!@.x]", true, false },
	{ "$.list[?@.x == 'one'].y", true, false },
	{ "$.list[?@.x != 'one']", true, false },
	{ "$.list[? @.x == \"one\" || @.y == 'two' ]", true, false },
	{ "$.list[?(@.x == 'one' || @.x == 'two') && !@.y]", true, false },
	{ "$.list[?match(@['@t'], '.*[.]user')]", true, false },
	{ "$.list[?match(@['@t'], '.*[.]user')].x", true, false },
	{ "$.list[?match(@['@t'], '.*[.]user') && @.x]", true, false },
	{ "$.list[?match(@['@t'], '.*[.]file')]", true, false },
	{ "$.list[?match(@.x, '.*one')]", true, false },
	{ "$.list[?@.roles[?@ == 'source' || @ == 'attacker']]", true, false },
	{ "$.list[?!@.roles[?@ == 'source']].x", true, false },
	{ "$.list[?$.a == 'x' && @.x]", true, false },
	{ "$.list[?@.deep.er == 'one']", true, false },
	{ "$.a[?@ == 'one']", true, false },
	{ "$..x", false, false },
	{ "$.list[-1]", false, false },
	{ "$.list[1:3]", false, false },
	{ "$['a','list']", false, false },
	{ "$.list[?@.x == 1]", false, false },
	{ "$.list[?count(@.*) > 1]", false, false },
	{ "$.list[?match(@.x, 'o.e')]", false, false },
	{ "$.list[?search(@.x, 'n')]", false, false },
	{ "$.list[?@.x == @.y]", false, false },
	{ "$.list[?@.x < 'p']", false, false },
};

#define PATHS (sizeof(path_rows) / sizeof(path_rows[0]))

static const char *const docs[] = {
	"{}",
	"[]",
	"1",
	"{\"a\":null,\"list\":null}",
	"{\"a\":\"x\",\"b c\":2,\"list\":[{\"x\":\"one\",\"y\":\"two\"},"
	"{\"x\":\"two\"},{\"y\":\"two\",\"x\":null},\"one\",[1],{}]}",
	"{\"a\":{\"b\":[1,2]},\"list\":{\"k\":{\"x\":\"one\"},\"l\":{\"y\":0}}"
	"}",
	"{\"list\":[{\"@t\":\"#m.g.user\",\"x\":1},{\"@t\":\"user\",\"x\":2},"
	"{\"@t\":\"#m.\\u0075ser\",\"x\":3},{\"@t\":\"a\\n.user\",\"x\":4},"
	"{\"@t\":\"m.file\",\"x\":5},{\"@t\":null},{\"@t\":[\".user\"]}]}",
	"{\"a\":[\"one\",\"two\"],\"list\":[{\"roles\":[\"source\"],\"x\":1},"
	"{\"roles\":[\"x\",\"attacker\"],\"x\":2},{\"roles\":[],\"x\":3},"
	"{\"roles\":null,\"x\":4},{\"roles\":{\"k\":\"source\"},\"x\":5}]}",
	"{\"a\":\"x\",\"l\\u0069st\":[{\"\\u0078\":\"on\\u0065\",\"deep\":"
	"{\"er\":\"one\"}}],\"a\":\"y\"}",
};

/* A path of the set against the path alone. */
static void
compare(struct pathset *ps, int number, const char *path,
    const struct json_doc *doc)
{
	struct jsonpath_nodes want = { 0 };
	struct jsonpath *alone;
	const uint32_t *got;
	struct err err;
	uint32_t n;

	alone = jsonpath_new(str_of(path), &err);
	assert_non_null(alone);
	assert_int_equal(jsonpath_select(alone, doc, 0, &want, &err), 0);
	assert_int_equal(pathset_nodes(ps, number, &got, &n, &err), 0);
	if (n != want.n ||
	    (n > 0 && memcmp(got, want.v, n * sizeof(*got)) != 0))
		fail_msg("%s: %u nodes in place of %u in %.*s", path, n, want.n,
		    STR_ARG(doc->text));
	if (n > 0)
		assert_true(pathset_maybe(ps)[number]);
	jsonpath_nodes_clear(&want);
	jsonpath_free(&alone);
}

static struct pathset *
new_set(int number_r[PATHS])
{
	struct pathset *ps = pathset_new();
	struct err err;

	for (size_t i = 0; i < PATHS; i++) {
		number_r[i] = pathset_add(ps, str_of(path_rows[i].path), &err);
		if (number_r[i] < 0)
			fail_msg("%s", err.text);
	}
	return ps;
}

static void
common_shapes_are_walked_and_rare_ones_are_not(void **state)
{
	int number[PATHS];
	struct pathset *ps = new_set(number);

	(void)state;
	for (size_t i = 0; i < PATHS; i++) {
		if (pathset_is_fast(ps, number[i]) != path_rows[i].fast)
			fail_msg("%s is %s", path_rows[i].path,
			    path_rows[i].fast ? "slow" : "fast");
		if (pathset_is_singular(ps, number[i]) != path_rows[i].singular)
			fail_msg("%s: singular?", path_rows[i].path);
	}
	assert_int_equal(number[1], number[2]); /* two spellings */
	pathset_free(&ps);
}

static void
a_set_selects_what_each_path_selects(void **state)
{
	int number[PATHS];
	struct pathset *all = new_set(number), *one;
	struct members *members = members_new();
	struct json_doc doc;
	struct err err;

	(void)state;
	json_init(&doc, 0, 0);
	for (size_t d = 0; d < sizeof(docs) / sizeof(docs[0]); d++) {
		assert_int_equal(json_parse(&doc, str_of(docs[d]), &err), 0);
		members_reset(members);
		pathset_run(all, members, &doc, 0);
		for (size_t i = 0; i < PATHS; i++) {
			const char *path = path_rows[i].path;

			compare(all, number[i], path, &doc);
			one = pathset_new();
			assert_int_equal(
			    pathset_add(one, str_of(path), &err), 0);
			pathset_run(one, members, &doc, 0);
			compare(one, 0, path, &doc);
			pathset_free(&one);
		}
	}
	json_clear(&doc);
	pathset_free(&all);
	members_free(&members);
}

/* Random values hang where the paths look for them. */
static void
a_set_selects_the_same_in_random_records(void **state)
{
	static const char *const names[] = { "a", "list", "x", "y", "@t",
		"roles", "deep", "er" };
	int number[PATHS];
	struct pathset *all = new_set(number);
	struct members *members = members_new();
	uint64_t seed = 20261121;
	struct json_doc doc;
	struct buf text;
	struct err err;

	(void)state;
	json_init(&doc, 0, 0);
	buf_init(&text, 1 << 20);
	for (int round = 0; round < 500; round++) {
		buf_reset(&text);
		buf_add_text(&text, "{\"list\":[");
		for (uint64_t e = random_json_number(&seed) % 5; e > 0; e--) {
			buf_add_char(&text, '{');
			for (int m = 0; m < 4; m++) {
				buf_addf(&text, "%s\"%s\":", m > 0 ? "," : "",
				    names[random_json_number(&seed) % 8]);
				random_json_add(&text, &seed);
			}
			buf_add_text(&text, e > 1 ? "}," : "}");
		}
		buf_add_text(&text, "],\"a\":");
		random_json_add(&text, &seed);
		buf_add_char(&text, '}');
		assert_int_equal(json_parse(&doc, buf_str(&text), &err), 0);
		members_reset(members);
		pathset_run(all, members, &doc, 0);
		for (size_t i = 0; i < PATHS; i++)
			compare(all, number[i], path_rows[i].path, &doc);
	}
	buf_clear(&text);
	json_clear(&doc);
	pathset_free(&all);
	members_free(&members);
}

static void
what_is_no_path_is_refused(void **state)
{
	static const char *const rows[] = { "", "a", "$.", "$[", "$[?]",
		"$.list[?@.x ==]", "$[?count(@.a)]" };
	struct pathset *ps = pathset_new();
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (pathset_add(ps, str_of(rows[i]), &err) >= 0)
			fail_msg("%s was taken", rows[i]);
		assert_int_equal(err.kind, ERR_CONF);
	}
	pathset_free(&ps);
	assert_null(ps);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(common_shapes_are_walked_and_rare_ones_are_not),
	cmocka_unit_test(a_set_selects_what_each_path_selects),
	cmocka_unit_test(a_set_selects_the_same_in_random_records),
	cmocka_unit_test(what_is_no_path_is_refused),
};

UNIT_MAIN(tests)
