/* tests/test_json.c -- the JSON reader against tables and against json-c. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "codec/json.h"
#include "codec/utf8.h"
#include "tests/oracle_json.h"
#include "tests/random_json.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define T(lit)                         \
	{                              \
		(lit), sizeof(lit) - 1 \
	}
#define X15 "xxxxxxxxxxxxxxx"

/* --- accept and refuse --------------------------------------------------- */

static const struct str good[] = {
	/* whole texts */
	T("null"),
	T("true"),
	T("false"),
	T("0"),
	T("\"\""),
	T("\"x\""),
	T("[]"),
	T("{}"),
	T(" \t\r\n[] \t\r\n"),
	T("\xef\xbb\xbf{}"),
	T("\xef\xbb\xbf \n1"),
	T("[ ]"),
	T("{ }"),
	T("[\n\n]"),
	T("[[],[[]],{}]"),
	T("[null,true,false]"),
	T("[ 1 , 2 , 3 ]"),
	T("[1\n,2\t,\r3]"),
	T("{\"a\":1}"),
	T("{ \"a\" : 1 , \"b\" : 2 }"),
	T("{\"a\":{\"b\":{\"c\":[{}]}}}"),
	T("{\"\":\"\"}"),
	T("{\"a\":1,\"a\":2}"),
	T("{\"a\":null,\"b\":[],\"c\":{}}"),
	T("{\"\\u0061\":1}"),
	T("{\"a b\":1}"),
	T("{\"a\\\"b\":1}"),
	T("[\"]\",\"}\",\"[\",\"{\",\",\",\":\"]"),
	T("[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]"),
	T("{\"@odata.type\":\"#x\",\"value\":[]}"),
	/* numbers */
	T("-0"),
	T("-1"),
	T("1"),
	T("9"),
	T("10"),
	T("1234567890"),
	T("9223372036854775807"),
	T("-9223372036854775808"),
	T("9223372036854775808"),
	T("123456789012345678901234567890"),
	T("0.0"),
	T("-0.0"),
	T("0.1"),
	T("1.5"),
	T("10.01"),
	T("0e0"),
	T("0E0"),
	T("0e+0"),
	T("0e-0"),
	T("1e5"),
	T("1E5"),
	T("1e05"),
	T("1e+05"),
	T("1.5e300"),
	T("-1.5E-300"),
	T("1e400"),
	T("-1e400"),
	T("1e-400"),
	T("[1,-1]"),
	T("[0,0]"),
	T("{\"a\":-0.5e-3}"),
	T("0.00000000000000000000000000000000000000000000000000000000000001"),
	/* strings */
	T("\"\\\"\""),
	T("\"\\\\\""),
	T("\"\\/\""),
	T("\"/\""),
	T("\"\\b\\f\\n\\r\\t\""),
	T("\"\\u0000\""),
	T("\"\\u001f\""),
	T("\"\\u0041\""),
	T("\"\\uabcd\""),
	T("\"\\uABCD\""),
	T("\"\\uAbCd\""),
	T("\"\\uffff\""),
	T("\"\\ufffe\""),
	T("\"\\ufdd0\""),
	T("\"\\ud83d\\ude00\""),
	T("\"\\ud83d\""),
	T("\"\\ude00\""),
	T("\"\\ude00\\ud83d\""),
	T("\"\\ud83d\\ud83d\""),
	T("\"\\ud83dx\""),
	T("\"\\ud83d\\n\""),
	T("\"\\\\u0041\""),
	T("\"\\\\\\\\\""),
	T("\"\\\\\\\"\""),
	T("\"\x7f\""),
	T("\"'\""),
	T("\"\xc2\x80\""),
	T("\"\xc3\xa9\""),
	T("\"\xdf\xbf\""),
	T("\"\xe0\xa0\x80\""),
	T("\"\xe2\x82\xac\""),
	T("\"\xe2\x80\xa8\""),
	T("\"\xe2\x80\xa9\""),
	T("\"\xed\x9f\xbf\""),
	T("\"\xee\x80\x80\""),
	T("\"\xef\xbb\xbf\""),
	T("\"\xef\xbf\xbd\""),
	T("\"\xef\xbf\xbe\""),
	T("\"\xef\xbf\xbf\""),
	T("\"\xf0\x90\x80\x80\""),
	T("\"\xf0\x9f\x98\x80\""),
	T("\"\xf4\x8f\xbf\xbf\""),
	T("{\"\xc3\xa9\":\"\xc3\xa9\"}"),
	T("\"" X15 "\""),
	T("\"" X15 "x\""),
	T("\"" X15 "xx\""),
	T("\"" X15 X15 "xx\""),
	T("\"" X15 "\\n\""),
	T("\"" X15 "\\\\\""),
	T("\"" X15 "\\u00e9" X15 "\""),
	T("\"" X15 "\xc3\xa9" X15 "\xc3\xa9" X15 "\""),
};

static const struct str bad[] = {
	/* whole texts */
	T(""),
	T(" "),
	T("\n"),
	T("\xef\xbb\xbf"),
	T("\xef\xbb\xbf\xef\xbb\xbf{}"),
	T("\xef\xbb{}"),
	T("\xfe\xff{}"),
	T("\xff\xfe{\0}\0"),
	T("{\0}\0"),
	T("[] []"),
	T("[][]"),
	T("[]x"),
	T("[],"),
	T("{}}"),
	T("[]]"),
	T("1 2"),
	T("1,2"),
	T("\"a\" \"b\""),
	T("null null"),
	T("[]\0"),
	T("1\0"),
	T("\0"),
	T("[\0]"),
	T("\0[]"),
	T("[1]\xef\xbb\xbf"),
	T("[1]\x1a"),
	T(";"),
	T("<html>"),
	T("// x\n1"),
	T("/* x */1"),
	T("[1]// x"),
	T("[1/* x */]"),
	T("# x\n1"),
	T(","),
	T(":"),
	T("]"),
	T("}"),
	T("\\"),
	T("\f1"),
	T("\v1"),
	T("\b1"),
	T("[\f1]"),
	T("[1\v]"),
	T("\xc2\xa0[]"),
	T("\xc2\x85[]"),
	T("\xe2\x80\x83[]"),
	T("\xe2\x81\xa0[]"),
	/* arrays */
	T("["),
	T("[["),
	T("[1"),
	T("[1,"),
	T("[1,]"),
	T("[1,,2]"),
	T("[,1]"),
	T("[,]"),
	T("[1 2]"),
	T("[1;2]"),
	T("[1:2]"),
	T("[1}"),
	T("[}"),
	T("[{]"),
	T("[\"a\" \"b\"]"),
	T("[\"a\":1]"),
	T("[[1]"),
	T("[1]]"),
	T("[*]"),
	T("[1,\n"),
	T("(1)"),
	/* objects */
	T("{"),
	T("{]"),
	T("{[]"),
	T("{1:2}"),
	T("{a:1}"),
	T("{'a':1}"),
	T("{\"a\"}"),
	T("{\"a\":}"),
	T("{\"a\":1"),
	T("{\"a\":"),
	T("{\"a\""),
	T("{\"a"),
	T("{\"a\":1,"),
	T("{\"a\":1,}"),
	T("{,\"a\":1}"),
	T("{,}"),
	T("{\"a\":1,,\"b\":2}"),
	T("{\"a\" 1}"),
	T("{\"a\"::1}"),
	T("{\"a\":1:2}"),
	T("{\"a\",1}"),
	T("{\"a\"=1}"),
	T("{\"a\":1 \"b\":2}"),
	T("{\"a\":1;\"b\":2}"),
	T("{\"a\":1]"),
	T("{null:1}"),
	T("{true:1}"),
	T("{[]:1}"),
	T("{{}:1}"),
	T("{\"a\":1}}"),
	T("{\"a\":\"b\",\"c\"}"),
	T("{\"a\":/*x*/1}"),
	T("{\"a\":a}"),
	T("{\"a\\x\":1}"),
	T("{\"a\n\":1}"),
	T("{\"a\xff\":1}"),
	/* words */
	T("n"),
	T("nul"),
	T("nulL"),
	T("Null"),
	T("NULL"),
	T("nullx"),
	T("null1"),
	T("t"),
	T("tru"),
	T("True"),
	T("TRUE"),
	T("truetrue"),
	T("f"),
	T("fals"),
	T("False"),
	T("falsey"),
	T("undefined"),
	T("None"),
	T("NaN"),
	T("nan"),
	T("Infinity"),
	T("-Infinity"),
	T("+Infinity"),
	T("inf"),
	T("-NaN"),
	T("[nul]"),
	T("[tru,1]"),
	T("[NaN]"),
	T("[Infinity]"),
	T("\xef\xbc\x91"),
	/* numbers */
	T("-"),
	T("+"),
	T("+1"),
	T("--1"),
	T("-+1"),
	T("01"),
	T("00"),
	T("-01"),
	T("-00"),
	T("012"),
	T("1."),
	T("0."),
	T("-1."),
	T(".1"),
	T("-.1"),
	T("."),
	T("1..2"),
	T("1.2.3"),
	T("1.e1"),
	T(".e1"),
	T("1e"),
	T("1E"),
	T("1e+"),
	T("1e-"),
	T("1e++1"),
	T("1e1.5"),
	T("1e1e1"),
	T("1ee1"),
	T("1.5e"),
	T("0e"),
	T("e1"),
	T("1 e1"),
	T("1 .5"),
	T("- 1"),
	T("1_000"),
	T("1,000"),
	T("0x1F"),
	T("0b1"),
	T("0o7"),
	T("1f"),
	T("1L"),
	T("1a"),
	T("1-"),
	T("1-2"),
	T("1+2"),
	T("1/2"),
	T("[-]"),
	T("[1.]"),
	T("[1e]"),
	T("[01]"),
	T("[-.5]"),
	T("[1.e5]"),
	T("[-2.]"),
	T("[2.e+3]"),
	T("[0.e1]"),
	T("[0e+]"),
	T("[1+2]"),
	T("[-foo]"),
	T("[- 1]"),
	T("[.123]"),
	T("[1 000.0]"),
	/* strings */
	T("\""),
	T("\"a"),
	T("a\""),
	T("\"a\"b\""),
	T("'a'"),
	T("`a`"),
	T("\"\\"),
	T("\"\\\""),
	T("\"\\\\\\\""),
	T("\"\\x41\""),
	T("\"\\a\""),
	T("\"\\0\""),
	T("\"\\1\""),
	T("\"\\v\""),
	T("\"\\'\""),
	T("\"\\ \""),
	T("\"\\U0041\""),
	T("\"\\B\""),
	T("\"\\N\""),
	T("\"\\\n\""),
	T("\"\\\0\""),
	T("\"\\\xc3\xa9\""),
	T("\"\\\xff\""),
	T("\"\\u\""),
	T("\"\\u0\""),
	T("\"\\u00\""),
	T("\"\\u004\""),
	T("\"\\u00g0\""),
	T("\"\\u 041\""),
	T("\"\\u+041\""),
	T("\"\\u-041\""),
	T("\"\\u0x41\""),
	T("\"\\u{41}\""),
	T("\"\\u00\\u0041\""),
	T("\"\\ud83d\\u\""),
	T("\"\\ud83d\\ude0\""),
	T("\"\\ud83d\\"),
	T("\"\\u0041"),
	T("\"\\u004"),
	T("\"\\u"),
	T("\"a\tb\""),
	T("\"a\nb\""),
	T("\"a\rb\""),
	T("\"a\0b\""),
	T("\"\x01\""),
	T("\"\x1f\""),
	T("\"\x1b[0m\""),
	T("[\"new\nline\"]"),
	T("\"\x80\""),
	T("\"\xbf\""),
	T("\"\xc0\x80\""),
	T("\"\xc0\xaf\""),
	T("\"\xc1\xbf\""),
	T("\"\xc3\""),
	T("\"\xc3"),
	T("\"\xc3x\""),
	T("\"\xe2\x82\""),
	T("\"\xe2\x82"),
	T("\"\xe2x\x82\""),
	T("\"\xe0\x80\x80\""),
	T("\"\xe0\x9f\xbf\""),
	T("\"\xed\xa0\x80\""),
	T("\"\xed\xa0\xbd\xed\xb8\x80\""),
	T("\"\xed\xbf\xbf\""),
	T("\"\xf0\x80\x80\x80\""),
	T("\"\xf0\x8f\xbf\xbf\""),
	T("\"\xf0\x9f\x98\""),
	T("\"\xf0\x9f\x98"),
	T("\"\xf4\x90\x80\x80\""),
	T("\"\xf5\x80\x80\x80\""),
	T("\"\xf8\x88\x80\x80\x80\""),
	T("\"\xfc\x84\x80\x80\x80\x80\""),
	T("\"\xfe\""),
	T("\"\xff\""),
	T("\"\xe9\""),
	T("\"caf\xe9 au lait, in another encoding\""),
	T("\"\xc3\xa9\xe9\""),
	T("\"" X15 "\t" X15 "\""),
	T("\"" X15 "x\xff" X15 "\""),
	T("\"" X15 "\\x" X15 "\""),
	T("\"" X15 "x"),
	T("\"" X15),
	T("\"" X15 X15 X15),
};

/*
 * Parse a copy that ends where its memory ends, behind some blanks, so that
 * each byte of it meets each lane of the fast scan, and reading too far is
 * noticed by whoever watches memory.
 */
static int
parse_shifted(
    struct json_doc *doc, struct str text, size_t blanks, struct err *err)
{
	char *copy = malloc(text.len + blanks + 1);
	char *from = copy + 1;
	int rc;

	memset(from, ' ', blanks);
	if (text.len > 0)
		memcpy(from + blanks, text.p, text.len);
	rc = json_parse(doc, str_make(from, text.len + blanks), err);
	free(copy);
	return rc;
}

static void
check_table(const struct str *rows, size_t n, int want)
{
	struct json_doc doc;
	struct err err;

	json_init(&doc, 0, 0);
	for (size_t i = 0; i < n; i++) {
		bool bom = rows[i].len > 0 && rows[i].p[0] == '\xef';

		for (size_t blanks = 0; blanks < (bom ? 1 : 20); blanks++) {
			err_clear(&err);
			if (parse_shifted(&doc, rows[i], blanks, &err) != want)
				fail_msg("row %zu behind %zu blanks: %.*s: %s",
				    i, blanks, STR_ARG(rows[i]), err.text);
			if (want < 0)
				assert_int_equal(err.kind, ERR_DATA);
			assert_int_equal(doc.n > 0, want == 0);
		}
	}
	json_clear(&doc);
}

static void
reads_what_the_grammar_allows(void **state)
{
	(void)state;
	check_table(good, COUNT(good), 0);
}

static void
refuses_what_the_grammar_does_not_allow(void **state)
{
	(void)state;
	check_table(bad, COUNT(bad), -1);
}

static void
refuses_every_beginning_of_a_text(void **state)
{
	static const struct str whole[] = {
		T("{\"a\":[1,-2.5e3,true,false,null,\"\\u00e9\\n\"],"
		  "\"b\":{\"c\":{},\"d\":[]},\"\xe2\x82\xac\":\"" X15 X15
		  "\"}"),
		T("[[{\"a\":[{\"b\":\"\\ud83d\\ude00\"}]}]]"),
	};
	struct json_doc doc;
	struct err err;

	(void)state;
	json_init(&doc, 0, 0);
	for (size_t i = 0; i < COUNT(whole); i++) {
		for (size_t len = 0; len < whole[i].len; len++)
			if (parse_shifted(
				&doc, str_make(whole[i].p, len), 0, &err) == 0)
				fail_msg(
				    "row %zu read without its end from %zu", i,
				    len);
		assert_int_equal(parse_shifted(&doc, whole[i], 0, &err), 0);
	}
	json_clear(&doc);
}

static void
says_what_is_wrong_and_where(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "", "JSON: it ends before a value at byte 0" },
		{ "[1,", "JSON: it ends before a value at byte 3" },
		{ "[1", "JSON: it ends inside an array or object at byte 2" },
		{ "[1 2]",
		    "JSON: neither comma nor ] behind an element "
		    "at byte 3" },
		{ "{\"a\":1]",
		    "JSON: neither comma nor } behind a member "
		    "at byte 6" },
		{ "{\"a\":1,}", "JSON: a member's name is missing at byte 7" },
		{ "{\"a\" 1}",
		    "JSON: no colon behind a member's name "
		    "at byte 5" },
		{ "[1,]", "JSON: no value at byte 3" },
		{ "[01]", "JSON: bad number at byte 1" },
		{ "[\"a\\x\"]", "JSON: unknown escape at byte 3" },
		{ "[\"\\u12\"]",
		    "JSON: \\u without four hex digits "
		    "at byte 2" },
		{ "[\"a\nb\"]",
		    "JSON: control character in a string "
		    "at byte 3" },
		{ "[\"\xff\"]", "JSON: bad UTF-8 at byte 2" },
		{ "[\"a", "JSON: it ends inside a string at byte 3" },
		{ "[] x", "JSON: something behind the value at byte 3" },
	};
	struct json_doc doc;
	struct err err;

	(void)state;
	json_init(&doc, 0, 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(
		    json_parse(&doc, str_of(rows[i].text), &err), -1);
		assert_string_equal(err.text, rows[i].want);
	}
	json_clear(&doc);
}

static void
depth_and_number_of_values_have_caps(void **state)
{
	struct json_doc doc;
	struct err err;

	(void)state;
	json_init(&doc, 5, 3);
	assert_int_equal(json_parse(&doc, STR_LIT("[[[1,2]]]"), &err), 0);
	assert_int_equal(json_parse(&doc, STR_LIT("[[[]],[[1]]]"), &err), -1);
	assert_string_equal(err.text, "JSON: too many values at byte 8");
	assert_int_equal(json_parse(&doc, STR_LIT("[{\"a\":[]}]"), &err), 0);
	assert_int_equal(json_parse(&doc, STR_LIT("[[[[]]]]"), &err), -1);
	assert_string_equal(err.text, "JSON: nested too deeply at byte 3");
	assert_int_equal(
	    json_parse(&doc, STR_LIT("{\"a\":{},\"b\":{},"), &err), -1);
	assert_int_equal(
	    json_parse(&doc, STR_LIT("{\"a\":1,\"b\":2}"), &err), 0);
	json_clear(&doc);
}

/* --- tokens and values --------------------------------------------------- */

static void
parse(struct json_doc *doc, const char *text)
{
	struct err err;

	json_init(doc, 0, 0);
	if (json_parse(doc, str_of(text), &err) < 0)
		fail_msg("%s: %s", text, err.text);
}

static void
tokens_lie_in_document_order(void **state)
{
	static const struct {
		enum json_type type;
		uint32_t next;
		const char *raw;
	} want[] = {
		{ JSON_OBJECT, 11,
		    "{ \"a\": [1, {\"b\":true}], \"c\\n\" :null, \"d\":{}}" },
		{ JSON_STRING, 2, "a" },
		{ JSON_ARRAY, 7, "[1, {\"b\":true}]" },
		{ JSON_NUMBER, 4, "1" },
		{ JSON_OBJECT, 7, "{\"b\":true}" },
		{ JSON_STRING, 6, "b" },
		{ JSON_TRUE, 7, "true" },
		{ JSON_STRING, 8, "c\\n" },
		{ JSON_NULL, 9, "null" },
		{ JSON_STRING, 10, "d" },
		{ JSON_OBJECT, 11, "{}" },
	};
	struct json_doc doc;

	(void)state;
	assert_int_equal(sizeof(struct json_token), 16);
	parse(&doc,
	    "  { \"a\": [1, {\"b\":true}], \"c\\n\" :null, "
	    "\"d\":{}} ");
	assert_int_equal(doc.n, COUNT(want));
	for (uint32_t i = 0; i < doc.n; i++) {
		assert_int_equal(json_type(&doc, i), want[i].type);
		assert_int_equal(doc.tok[i].next, want[i].next);
		assert_str(json_raw(&doc, i), want[i].raw);
		assert_int_equal(doc.tok[i].escaped, i == 7);
	}
	json_clear(&doc);
}

static void
children_are_walked_one_by_one(void **state)
{
	struct json_doc doc;
	uint32_t at;

	(void)state;
	parse(&doc, "[[10,11],{\"k\":1,\"l\":[2]},[],{},7]");
	at = json_first(&doc, 0);
	assert_str(json_raw(&doc, at), "[10,11]");
	assert_str(json_raw(&doc, json_first(&doc, at)), "10");
	at = json_after(&doc, 0, at);
	assert_str(json_raw(&doc, json_first(&doc, at)), "k");
	assert_str(json_raw(&doc, json_after(&doc, at, at + 2)), "l");
	assert_int_equal(json_after(&doc, at, at + 4), JSON_NONE);
	at = json_after(&doc, 0, at);
	assert_int_equal(json_first(&doc, at), JSON_NONE);
	at = json_after(&doc, 0, at);
	assert_int_equal(json_first(&doc, at), JSON_NONE);
	at = json_after(&doc, 0, at);
	assert_str(json_raw(&doc, at), "7");
	assert_int_equal(json_first(&doc, at), JSON_NONE);
	assert_int_equal(json_after(&doc, 0, at), JSON_NONE);
	assert_int_equal(json_first(&doc, JSON_NONE), JSON_NONE);
	json_clear(&doc);
}

static void
members_are_found_by_their_decoded_name(void **state)
{
	static const struct {
		struct str name;
		const char *value; /* NULL: none */
	} rows[] = {
		{ T("a"), "3" },
		{ T("b"), "2" },
		{ T(""), "4" },
		{ T("createdDateTime"), "5" },
		{ T("updatedDateTime"), "6" },
		{ T("e\xcc\x81"), "7" },
		{ T("x\"y"), "8" },
		{ T("\xf0\x9f\x98\x80"), "9" },
		{ T("n\0l"), "10" },
		{ T("xbxxcxxxd"), "11" },
		{ T("xbyxcyxxd"), "12" },
		{ T("A"), NULL },
		{ T("ab"), NULL },
		{ T("n"), NULL },
		{ T("resolvedDateTime"), NULL },
		{ T("x\\\"y"), NULL },
		{ T("\\u0061"), NULL },
		{ T("\xff"), NULL },
		{ T("xbxxcyxxd"), NULL },
		{ T("inner"), NULL },
	};
	struct json_doc doc;

	(void)state;
	parse(&doc,
	    "{\"a\":1,\"b\":2,\"\\u0061\":3,\"\":4,\"createdDateTime\":5,"
	    "\"updatedDateTime\":6,\"e\xcc\x81\":7,\"x\\\"y\":8,"
	    "\"\\ud83d\\ude00\":9,\"n\\u0000l\":10,\"xbxxcxxxd\":11,"
	    "\"xbyxcyxxd\":12,\"o\":{\"inner\":1}}");
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint32_t at = json_member(&doc, 0, rows[i].name);

		if (rows[i].value == NULL)
			assert_int_equal(at, JSON_NONE);
		else if (at == JSON_NONE)
			fail_msg("no member %.*s", STR_ARG(rows[i].name));
		else
			assert_str(json_raw(&doc, at), rows[i].value);
	}
	assert_int_equal(json_member(&doc, 1, STR_LIT("a")), JSON_NONE);
	assert_int_equal(json_member(&doc, JSON_NONE, STR_LIT("a")), JSON_NONE);
	json_clear(&doc);
}

static void
a_path_of_names_leads_inward(void **state)
{
	struct json_doc doc;

	(void)state;
	parse(&doc,
	    "{\"error\":{\"code\":\"x\",\"innerError\":"
	    "{\"code\":\"y\"}},\"list\":[{\"code\":1}]}");
	assert_true(json_is(
	    &doc, json_at(&doc, 0, "error.innerError.code"), STR_LIT("y")));
	assert_int_equal(json_at(&doc, 0, ""), 0);
	assert_int_equal(json_at(&doc, 0, "error.none.code"), JSON_NONE);
	assert_int_equal(json_at(&doc, 0, "list.code"), JSON_NONE);
	assert_int_equal(json_at(&doc, 0, "error.code.x"), JSON_NONE);
	assert_int_equal(json_at(&doc, JSON_NONE, "error"), JSON_NONE);
	json_clear(&doc);
}

static const struct {
	const char *text; /* between quotes */
	struct str want;
} decode_rows[] = {
	{ "", T("") },
	{ "plain", T("plain") },
	{ "\\\"\\\\\\/\\b\\f\\n\\r\\t", T("\"\\/\b\f\n\r\t") },
	{ "a\\nb", T("a\nb") },
	{ "\\u0041\\u00e9\\u20AC", T("A\xc3\xa9\xe2\x82\xac") },
	{ "\\u0000", T("\0") },
	{ "x\\u0000y", T("x\0y") },
	{ "\\ud83d\\ude00", T("\xf0\x9f\x98\x80") },
	{ "\\uDBFF\\uDFFF", T("\xf4\x8f\xbf\xbf") },
	{ "\\ud800\\udc00", T("\xf0\x90\x80\x80") },
	{ "\\ud800", T("\xef\xbf\xbd") },
	{ "\\udfff", T("\xef\xbf\xbd") },
	{ "\\ud800\\ud800", T("\xef\xbf\xbd\xef\xbf\xbd") },
	{ "\\ud800\\ud800\\udc00", T("\xef\xbf\xbd\xf0\x90\x80\x80") },
	{ "\\udc00\\ud800", T("\xef\xbf\xbd\xef\xbf\xbd") },
	{ "\\ud800\\u0041",
	    T("\xef\xbf\xbd"
	      "A") },
	{ "\\ud800\\n", T("\xef\xbf\xbd\n") },
	{ "\\ud800x", T("\xef\xbf\xbdx") },
	{ "\\ud800\\\\udc00", T("\xef\xbf\xbd\\udc00") },
	{ "\\\\u0041", T("\\u0041") },
	{ "\xc3\xa9\\n\xe2\x82\xac", T("\xc3\xa9\n\xe2\x82\xac") },
	{ "C:\\\\Users\\\\x", T("C:\\Users\\x") },
};

static void
strings_are_decoded_when_asked_for(void **state)
{
	struct buf text, out, scratch;
	struct json_doc doc;
	struct err err;

	(void)state;
	json_init(&doc, 0, 0);
	buf_init(&text, 256);
	buf_init(&out, 256);
	buf_init(&scratch, 256);
	for (size_t i = 0; i < COUNT(decode_rows); i++) {
		buf_reset(&text);
		buf_addf(&text, "[\"%s\"]", decode_rows[i].text);
		assert_int_equal(json_parse(&doc, buf_str(&text), &err), 0);
		buf_reset(&out);
		json_decode(&doc, 1, &out);
		if (!str_eq(buf_str(&out), decode_rows[i].want) ||
		    !str_eq(json_text(&doc, 1, &scratch), decode_rows[i].want))
			fail_msg("%s became \"%.*s\"", decode_rows[i].text,
			    STR_ARG(buf_str(&out)));
		assert_true(json_is(&doc, 1, decode_rows[i].want));
		assert_false(json_is(&doc, 1, STR_LIT("else")));
		buf_add_char(&out, 'x');
		assert_false(json_is(&doc, 1, buf_str(&out)));
	}
	buf_clear(&text);
	buf_clear(&out);
	buf_clear(&scratch);
	json_clear(&doc);
}

static void
values_that_are_no_strings_decode_to_their_own_text(void **state)
{
	struct buf out, scratch;
	struct json_doc doc;

	(void)state;
	buf_init(&out, 256);
	buf_init(&scratch, 256);
	parse(&doc, "[1.50,{\"a\" : \"\\n\"},\"plain\"]");
	json_decode(&doc, 1, &out);
	json_decode(&doc, 2, &out);
	json_decode(&doc, JSON_NONE, &out);
	assert_str(buf_str(&out), "1.50{\"a\" : \"\\n\"}");
	assert_int_equal(json_text(&doc, 1, &scratch).len, 0);
	assert_int_equal(json_text(&doc, JSON_NONE, &scratch).len, 0);
	assert_false(json_is(&doc, 1, STR_LIT("1.50")));
	assert_false(json_is(&doc, JSON_NONE, STR_LIT("")));
	assert_ptr_equal(
	    json_text(&doc, 5, &scratch).p, doc.text.p + doc.tok[5].off);
	assert_int_equal(scratch.len, 0);
	buf_clear(&out);
	buf_clear(&scratch);
	json_clear(&doc);
}

static const struct {
	const char *text;
	bool is_i64;
	int64_t i64;
	bool is_double;
	double dbl;
} number_rows[] = {
	{ "0", true, 0, true, 0 },
	{ "-0", true, 0, true, -0.0 },
	{ "1", true, 1, true, 1 },
	{ "-17", true, -17, true, -17 },
	{ "9223372036854775807", true, INT64_MAX, true, 9223372036854775807.0 },
	{ "-9223372036854775808", true, INT64_MIN, true,
	    -9223372036854775808.0 },
	{ "9223372036854775808", false, 0, true, 9223372036854775808.0 },
	{ "-9223372036854775809", false, 0, true, -9223372036854775809.0 },
	{ "18446744073709551616", false, 0, true, 18446744073709551616.0 },
	{ "1.0", true, 1, true, 1 },
	{ "1.5", false, 0, true, 1.5 },
	{ "1.5e1", true, 15, true, 15 },
	{ "15.000e-0", true, 15, true, 15 },
	{ "150e-1", true, 15, true, 15 },
	{ "155e-1", false, 0, true, 15.5 },
	{ "-2E3", true, -2000, true, -2000 },
	{ "1e18", true, 1000000000000000000, true, 1e18 },
	{ "1e19", false, 0, true, 1e19 },
	{ "9.223372036854775807e18", true, INT64_MAX, true, 0x1p63 },
	{ "-922337203685477580.8e1", true, INT64_MIN, true, -0x1p63 },
	{ "9007199254740993.0", true, 9007199254740993, true,
	    9007199254740992.0 },
	{ "0.1", false, 0, true, 0.1 },
	{ "0.000", true, 0, true, 0 },
	{ "0e999999999999999999999", true, 0, true, 0 },
	{ "1e999999999999999999999", false, 0, false, 0 },
	{ "1e-999999999999999999999", false, 0, true, 0 },
	{ "-1e400", false, 0, false, 0 },
	{ "1.7976931348623157e308", false, 0, true, 1.7976931348623157e308 },
	{ "5e-324", false, 0, true, 5e-324 },
	{ "100000000000000000000000000000000000000000000000000000000000000000"
	  "000e-68",
	    true, 1, true, 1 },
	{ "\"42\"", true, 42, true, 42 },
	{ "\"-1.5\"", false, 0, true, -1.5 },
	{ "\"\"", false, 0, false, 0 },
	{ "\" 1\"", false, 0, false, 0 },
	{ "\"1 \"", false, 0, false, 0 },
	{ "\"0x10\"", false, 0, false, 0 },
	{ "\"007\"", false, 0, false, 0 },
	{ "\"inf\"", false, 0, false, 0 },
	{ "\"\\u0031\"", false, 0, false, 0 },
	{ "true", false, 0, false, 0 },
	{ "null", false, 0, false, 0 },
	{ "[1]", false, 0, false, 0 },
};

static void
numbers_are_read_exactly(void **state)
{
	struct json_doc doc;

	(void)state;
	for (size_t i = 0; i < COUNT(number_rows); i++) {
		int64_t v = -1;
		double d = -1;

		parse(&doc, number_rows[i].text);
		if (json_i64(&doc, 0, &v) != number_rows[i].is_i64 ||
		    (number_rows[i].is_i64 && v != number_rows[i].i64))
			fail_msg(
			    "%s is %lld", number_rows[i].text, (long long)v);
		if (json_double(&doc, 0, &d) != number_rows[i].is_double ||
		    (number_rows[i].is_double &&
			memcmp(&d, &number_rows[i].dbl, sizeof(d)) != 0))
			fail_msg("%s is %.17g", number_rows[i].text, d);
		assert_false(json_i64(&doc, JSON_NONE, &v));
		assert_false(json_double(&doc, JSON_NONE, &d));
		json_clear(&doc);
	}
}

static void
quoting_escapes_what_must_be_escaped(void **state)
{
	static const struct {
		struct str text;
		const char *want;
	} rows[] = {
		{ T(""), "\"\"" },
		{ T("plain"), "\"plain\"" },
		{ T("a\"b\\c/d"), "\"a\\\"b\\\\c/d\"" },
		{ T("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\"" },
		{ T("\0\x01\x1f\x7f"), "\"\\u0000\\u0001\\u001f\x7f\"" },
		{ T("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80"),
		    "\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80\"" },
		{ T("caf\xe9!"), "\"caf\xef\xbf\xbd!\"" },
		{ T("\xe2\x82"), "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ T(X15 X15 "\n" X15), "\"" X15 X15 "\\n" X15 "\"" },
	};
	struct buf out;

	(void)state;
	buf_init(&out, 256);
	for (size_t i = 0; i < COUNT(rows); i++) {
		buf_reset(&out);
		json_quote(&out, rows[i].text);
		assert_str(buf_str(&out), rows[i].want);
	}
	buf_clear(&out);
}

/* --- random documents against json-c ------------------------------------- */

static void
agrees_with_json_c_on_random_documents(void **state)
{
	uint64_t seed = 20260131, read = 0, refused = 0;
	const char *reason;
	struct json_doc doc;
	struct buf text;

	(void)state;
	json_init(&doc, 0, 0);
	buf_init(&text, 1024 * 1024);
	for (unsigned i = 0; i < 200000; i++) {
		buf_reset(&text);
		/* json-c cannot tell where a bare number ends. */
		buf_add_char(&text, '[');
		random_json_add(&text, &seed);
		buf_add_char(&text, ']');
		if (i % 2 == 1)
			random_json_damage(&text, &seed);
		if (text.len == 0 || text.p[0] != '[')
			continue;
		reason = oracle_json_disagrees(&doc, buf_str(&text));
		if (reason != NULL)
			fail_msg("%s: %.*s", reason, STR_ARG(buf_str(&text)));
		if (doc.n > 0)
			read++;
		else
			refused++;
		if (i % 2 == 0 && doc.n == 0)
			fail_msg("refused: %.*s", STR_ARG(buf_str(&text)));
	}
	assert_true(read > 100000 && refused > 40000);
	buf_clear(&text);
	json_clear(&doc);
}

static void
quoted_bytes_are_read_back_as_they_were(void **state)
{
	uint64_t seed = 7;
	struct json_doc doc;
	struct buf quoted;
	struct err err;
	char text[48];

	(void)state;
	json_init(&doc, 0, 0);
	buf_init(&quoted, 1024);
	for (unsigned i = 0; i < 20000; i++) {
		size_t len = random_json_number(&seed) % sizeof(text);
		size_t valid;

		for (size_t j = 0; j < len; j++)
			text[j] = (char)(random_json_number(&seed) %
			    (i % 2 ? 256 : 128));
		buf_reset(&quoted);
		json_quote(&quoted, str_make(text, len));
		assert_int_equal(json_parse(&doc, buf_str(&quoted), &err), 0);
		valid = utf8_check(str_make(text, len));
		if (json_is(&doc, 0, str_make(text, len)) != (valid == len))
			fail_msg("%.*s", STR_ARG(buf_str(&quoted)));
	}
	buf_clear(&quoted);
	json_clear(&doc);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(reads_what_the_grammar_allows),
	cmocka_unit_test(refuses_what_the_grammar_does_not_allow),
	cmocka_unit_test(refuses_every_beginning_of_a_text),
	cmocka_unit_test(says_what_is_wrong_and_where),
	cmocka_unit_test(depth_and_number_of_values_have_caps),
	cmocka_unit_test(tokens_lie_in_document_order),
	cmocka_unit_test(children_are_walked_one_by_one),
	cmocka_unit_test(members_are_found_by_their_decoded_name),
	cmocka_unit_test(a_path_of_names_leads_inward),
	cmocka_unit_test(strings_are_decoded_when_asked_for),
	cmocka_unit_test(values_that_are_no_strings_decode_to_their_own_text),
	cmocka_unit_test(numbers_are_read_exactly),
	cmocka_unit_test(quoting_escapes_what_must_be_escaped),
	cmocka_unit_test(quoted_bytes_are_read_back_as_they_were),
	cmocka_unit_test(agrees_with_json_c_on_random_documents),
};

UNIT_MAIN(tests)
