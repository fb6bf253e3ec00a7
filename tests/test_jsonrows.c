/* tests/test_jsonrows.c -- rows of arrays become objects with names. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include "base/err.h"
#include "codec/json.h"
#include "codec/jsonrows.h"

#define COLUMNS                                          \
	"[{\"name\":\"a\",\"type\":\"string\"},"         \
	"{\"name\":\"q\\\"\\u00fc\",\"type\":\"long\"}," \
	"{\"type\":\"dynamic\",\"name\":\"d\"}]"

static const struct row {
	const char *row, *want; /* want NULL: it is refused */
} rows[] = {
	{ "[\"x\",1,null]", "{\"a\":\"x\",\"q\\\"\\u00fc\":1,\"d\":null}" },
	{ "[ \"x\\n\" , -1.5e3 , {\"k\": [1]} ]",
	    "{\"a\":\"x\\n\",\"q\\\"\\u00fc\":-1.5e3,\"d\":{\"k\": [1]}}" },
	{ "[\"[1]\",0,\"[\\\"b\\\\\\\\c\\\",2]\"]",
	    "{\"a\":\"[1]\",\"q\\\"\\u00fc\":0,\"d\":[\"b\\\\c\",2]}" },
	{ "[\"\",0,\" {\\\"k\\\":null} \"]",
	    "{\"a\":\"\",\"q\\\"\\u00fc\":0,\"d\":{\"k\":null}}" },
	{ "[\"\",0,\"[no json\"]",
	    "{\"a\":\"\",\"q\\\"\\u00fc\":0,\"d\":\"[no json\"}" },
	{ "[\"\",0,\"12\"]", "{\"a\":\"\",\"q\\\"\\u00fc\":0,\"d\":\"12\"}" },
	{ "[\"\",0,\"\"]", "{\"a\":\"\",\"q\\\"\\u00fc\":0,\"d\":\"\"}" },
	{ "{\"z\":1}", "{\"z\":1}" },
	{ "[\"x\",1]", NULL },
	{ "[\"x\",1,2,3]", NULL },
	{ "[]", NULL },
	{ "7", NULL },
};

static int
take_columns(struct jsonrows *r, const char *text, struct err *err)
{
	struct json_doc doc;
	int rc;

	json_init(&doc, 0, 0);
	assert_int_equal(json_parse(&doc, str_of(text), err), 0);
	rc = jsonrows_columns(r, &doc, 0, err);
	json_clear(&doc);
	return rc;
}

static void
check_row(struct jsonrows *r, const struct row *row)
{
	const struct json_doc *got;
	struct json_doc doc;
	struct err err;

	json_init(&doc, 0, 0);
	assert_int_equal(json_parse(&doc, str_of(row->row), &err), 0);
	got = jsonrows_name(r, &doc, &err);
	if ((got == NULL) != (row->want == NULL))
		fail_msg("%s", row->row);
	if (got != NULL)
		assert_str(got->text, row->want);
	else
		assert_int_equal(err.kind, ERR_DATA);
	json_clear(&doc);
}

static void
jsonrows_gives_values_the_names_of_their_columns(void **state)
{
	struct jsonrows *r = jsonrows_new(4096);
	struct err err;

	(void)state;
	assert_int_equal(take_columns(r, COLUMNS, &err), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(r, &rows[i]);
	/* Other columns, in the next answer. */
	assert_int_equal(take_columns(r, "[{\"name\":\"b\"}]", &err), 0);
	check_row(r, &(struct row){ "[\"[]\"]", "{\"b\":\"[]\"}" });
	jsonrows_free(&r);
	assert_null(r);
}

static void
jsonrows_refuses_columns_that_are_none(void **state)
{
	static const char *const bad[] = { "{}", "[1]", "[{\"type\":\"x\"}]",
		"[{\"name\":1}]", "null" };
	struct jsonrows *r = jsonrows_new(4096);
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (take_columns(r, bad[i], &err) == 0)
			fail_msg("%s", bad[i]);
	/* None were told at all. */
	check_row(r, &(struct row){ "[1]", NULL });
	jsonrows_free(&r);
}

static void
jsonrows_holds_to_its_cap(void **state)
{
	struct jsonrows *r = jsonrows_new(64);
	char text[128] = "[\"";
	struct err err;

	(void)state;
	assert_int_equal(take_columns(r, "[{\"name\":\"b\"}]", &err), 0);
	memset(text + 2, 'x', 100);
	memcpy(text + 102, "\"]", 3);
	check_row(r, &(struct row){ text, NULL });
	check_row(r, &(struct row){ "[\"y\"]", "{\"b\":\"y\"}" });
	jsonrows_free(&r);
}

static void
jsonrows_goes_no_deeper_than_json_does(void **state)
{
	struct jsonrows *r = jsonrows_new(4096);
	char text[300] = "[\"", want[400] = "{\"b\":\"";
	struct err err;

	(void)state;
	assert_int_equal(
	    take_columns(r, "[{\"name\":\"b\",\"type\":\"dynamic\"}]", &err),
	    0);
	/* As deep as that it stays a text. */
	memset(text + 2, '[', 64);
	memset(text + 66, ']', 64);
	memcpy(text + 130, "\"]", 3);
	memcpy(want + 6, text + 2, 128);
	memcpy(want + 134, "\"}", 3);
	check_row(r, &(struct row){ text, want });
	jsonrows_free(&r);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(jsonrows_gives_values_the_names_of_their_columns),
	cmocka_unit_test(jsonrows_refuses_columns_that_are_none),
	cmocka_unit_test(jsonrows_holds_to_its_cap),
	cmocka_unit_test(jsonrows_goes_no_deeper_than_json_does),
};

UNIT_MAIN(tests)
