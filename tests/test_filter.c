/* tests/test_filter.c -- which records go on. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include "base/buf.h"
#include "base/err.h"
#include "codec/json.h"
#include "map/filter.h"
#include "record/record.h"

#define ALERT                                                 \
	"{\"id\":\"da-1\",\"severity\":2,\"status\":\"new\"," \
	"\"evidence\":[{\"type\":\"user\",\"name\":\"ann\"}," \
	"{\"type\":\"ip\",\"address\":\"192.0.2.7\"}],"       \
	"\"title\":\"Mass download\"}"

static int
pass(const char *path, const char *text, struct err *err)
{
	struct filter *f = filter_new(str_of(path), err);
	struct record rec = { .id = STR_LIT("x") };
	struct json_doc doc;
	int rc;

	if (f == NULL)
		fail_msg("%s: %s", path, err->text);
	json_init(&doc, 0, 0);
	assert_int_equal(json_parse(&doc, str_of(text), err), 0);
	rec.doc = &doc;
	rc = filter_pass(f, &rec, err);
	json_clear(&doc);
	filter_free(&f);
	assert_null(f);
	filter_free(&f);
	return rc;
}

static void
record_is_the_one_element_or_the_root(void **state)
{
	static const struct {
		const char *path;
		int want;
	} rows[] = {
		{ "$[?@.severity >= 1]", 1 },
		{ "$[?@.severity >= 3]", 0 },
		{ "$[?@.severity == 2 && @.status == 'new']", 1 },
		{ "$[?@.severity == 2 && @.status != 'new']", 0 },
		{ "$[?@.closed]", 0 },
		{ "$[?!@.closed]", 1 },
		{ "$[?@.evidence[?@.type == 'ip']]", 1 },
		{ "$[?@.evidence[?@.type == 'file']]", 0 },
		{ "$[?count(@.evidence[*]) > 1]", 1 },
		{ "$[?search(@.title, '[Dd]own')]", 1 },
		{ "$[?search(@.title, '^down')]", 0 },
		{ "$[?$[0].severity == 2]", 1 },
		{ "$[?@.evidence].status", 1 },
		{ "$[?@.evidence].closed", 0 },
		{ "$ [ ?@.severity >= 1 ]", 1 },
		{ "$", 1 },
		{ "$.severity", 1 },
		{ "$.closed", 0 },
		{ "$['severity']", 1 },
		{ "$[0]", 0 },
		{ "$.evidence[?@.type=='ip']", 1 },
		{ "$.evidence[?@.type=='ip'].name", 0 },
		{ "$..name", 1 },
		{ "$..[?@.type=='ip']", 1 },
	};
	struct err err;

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (pass(rows[i].path, ALERT, &err) != rows[i].want)
			fail_msg("%s is not %d", rows[i].path, rows[i].want);
}

static void
record_that_is_an_array_is_one_element_too(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(pass("$[?@[1] == 'b']", "[\"a\",\"b\"]", &err), 1);
	assert_int_equal(pass("$[?@ == 'b']", "[\"a\",\"b\"]", &err), 0);
	assert_int_equal(pass("$[1]", "[\"a\",\"b\"]", &err), 1);
}

static void
path_that_is_none_is_refused_by_column(void **state)
{
	struct err err;

	(void)state;
	assert_null(filter_new(STR_LIT("$[?@.severity => 1]"), &err));
	assert_int_equal(err.kind, ERR_CONF);
	assert_string_equal(err.text,
	    "filter: JSONPath: column 15: \",\" or \"]\" is expected");
	assert_null(filter_new(STR_LIT("severity >= 1"), &err));
	assert_null(filter_new(STR_LIT(""), &err));
}

static void
question_that_costs_too_much_is_an_error(void **state)
{
	struct err err;
	struct buf text;

	(void)state;
	buf_init(&text, 65536);
	buf_add_text(&text, "{\"title\":\"");
	for (unsigned i = 0; i < 5000; i++)
		buf_add_char(&text, 'a');
	buf_add_text(&text, "\"}");
	assert_int_equal(
	    pass("$[?match(@.title, '(a+)+[bc]')]", buf_cstr(&text), &err), -1);
	assert_int_equal(err.kind, ERR_DATA);
	assert_true(str_starts(str_of(err.text), STR_LIT("filter: ")));
	buf_clear(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(record_is_the_one_element_or_the_root),
		cmocka_unit_test(record_that_is_an_array_is_one_element_too),
		cmocka_unit_test(path_that_is_none_is_refused_by_column),
		cmocka_unit_test(question_that_costs_too_much_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
