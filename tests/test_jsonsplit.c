/* tests/test_jsonsplit.c -- records out of answers, however they are cut. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "codec/json.h"
#include "codec/jsonsplit.h"
#include "tests/random_json.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define T(lit)                         \
	{                              \
		(lit), sizeof(lit) - 1 \
	}
#define X15 "xxxxxxxxxxxxxxx"
#define X60 X15 X15 X15 X15

/* What came out: each record and a line end, then the envelope. */
struct got {
	struct buf text;
	struct str chunk; /* being fed */
	unsigned records;
	unsigned inside_chunk; /* records that were not copied */
	size_t oversize_bytes; /* of the last one */
	unsigned refuse_at;    /* refuse this record; 0: none */
};

static int
on_record(void *arg, struct str record, size_t oversize_bytes, struct err *err)
{
	struct got *got = arg;

	if (++got->records == got->refuse_at)
		return err_set(err, ERR_FULL, "no more of them");
	if (record.p >= got->chunk.p &&
	    record.p + record.len <= got->chunk.p + got->chunk.len)
		got->inside_chunk++;
	got->oversize_bytes = oversize_bytes;
	buf_add_str(&got->text, record);
	buf_add_char(&got->text, '\n');
	return 0;
}

static void
got_reset(struct got *got)
{
	buf_reset(&got->text);
	got->records = got->inside_chunk = 0;
	got->oversize_bytes = 0;
}

/* Feed a copy, so that nobody keeps what is only lent. */
static int
feed(struct jsonsplit *js, struct got *got, struct str bytes, struct err *err)
{
	char *copy = malloc(bytes.len > 0 ? bytes.len : 1);
	int rc;

	if (bytes.len > 0)
		memcpy(copy, bytes.p, bytes.len);
	got->chunk = str_make(copy, bytes.len);
	rc = jsonsplit_feed(js, got->chunk, err);
	free(copy);
	return rc;
}

/* Split text, cut at the n places; the envelope goes behind the records. */
static int
split(const struct jsonsplit_conf *conf, struct str text, const size_t *cuts,
    size_t n, struct got *got, struct err *err)
{
	struct jsonsplit *js = jsonsplit_new(conf, on_record, got);
	struct str envelope;
	size_t from = 0;
	int rc = 0;

	assert_non_null(js);
	got_reset(got);
	for (size_t i = 0; i <= n && rc == 0; i++) {
		size_t to = i < n ? cuts[i] : text.len;

		rc = feed(js, got, str_make(text.p + from, to - from), err);
		from = to;
	}
	if (rc == 0)
		rc = jsonsplit_end(js, &envelope, err);
	if (rc == 0)
		buf_add_str(&got->text, envelope);
	jsonsplit_free(&js);
	assert_null(js);
	return rc;
}

static const struct {
	const char *path;
	struct str answer;
	const char *want;
} rows[] = {
	{ "value[*]", T("{\"value\":[]}"), "{\"value\":[]}" },
	{ "value[*]", T("{\"value\":[{\"id\":1},{\"id\":2}]}"),
	    "{\"id\":1}\n{\"id\":2}\n{\"value\":[]}" },
	{ "value[*]",
	    T("{\"@odata.context\":\"x\",\"value\":[{\"id\":1}],"
	      "\"@odata.nextLink\":\"https://h/?a=[1]&b={2}\"}"),
	    "{\"id\":1}\n{\"@odata.context\":\"x\",\"value\":[],"
	    "\"@odata.nextLink\":\"https://h/?a=[1]&b={2}\"}" },
	{ "$", T("{\"id\":1}"), "{\"id\":1}\nnull" },
	{ "$", T("\xef\xbb\xbf \n[{\"a\":\"}]\"},[]]\r\n"),
	    "[{\"a\":\"}]\"},[]]\nnull" },
	{ "$.value[*]",
	    T(" { \"value\" :\n[ {\"a\": 1} ,\r\n\t{ } ] ,\"n\":1 } \n"),
	    "{\"a\": 1}\n{ }\n{ \"value\" :\n[] ,\"n\":1 }" },
	{ "value[*]",
	    T("{\"value\":[{\"s\":\"}]{[\\\"}\"},{\"s\":\"\\\\\"},"
	      "{\"s\":\"\\\\\\\"]}\"}]}"),
	    "{\"s\":\"}]{[\\\"}\"}\n{\"s\":\"\\\\\"}\n"
	    "{\"s\":\"\\\\\\\"]}\"}\n{\"value\":[]}" },
	{ "value[*]",
	    T("{\"value\":[{\"value\":[{\"value\":[[[]]]}]},[[1],[2]]]}"),
	    "{\"value\":[{\"value\":[[[]]]}]}\n[[1],[2]]\n{\"value\":[]}" },
	{ "value[*]",
	    T("{\"a\":{\"value\":[1]},\"b\":[{\"value\":[2]}],"
	      "\"value\":[3]}"),
	    "3\n{\"a\":{\"value\":[1]},\"b\":[{\"value\":[2]}],"
	    "\"value\":[]}" },
	{ "value[*]",
	    T("{\"value\":[1,-2.5e3 , \"a,]\\\"b\",true,null,\"\",[],{}]}"),
	    "1\n-2.5e3\n\"a,]\\\"b\"\ntrue\nnull\n\"\"\n[]\n{}\n"
	    "{\"value\":[]}" },
	{ "value[*]", T("{\"value\":null,\"a\":1}"),
	    "{\"value\":null,\"a\":1}" },
	{ "value[*]", T("{\"value\":{\"x\":[1]}}"), "{\"value\":{\"x\":[1]}}" },
	{ "value[*]", T("{\"value\":\"[1]\"}"), "{\"value\":\"[1]\"}" },
	{ "value[*]", T("{\"error\":{\"code\":\"x\"}}"),
	    "{\"error\":{\"code\":\"x\"}}" },
	{ "value[*]", T("{\"values\":[1],\"valu\":[2],\"Value\":[3]}"),
	    "{\"values\":[1],\"valu\":[2],\"Value\":[3]}" },
	{ "value[*]", T("{\"v\\u0061lue\":[1],\"\\u0076\":[2]}"),
	    "1\n{\"v\\u0061lue\":[],\"\\u0076\":[2]}" },
	{ "value[*]", T("{\"x\":\"value\",\"y\":[1]}"),
	    "{\"x\":\"value\",\"y\":[1]}" },
	{ "value[*]", T("{\"value\":[1],\"value\":[2]}"),
	    "1\n2\n{\"value\":[],\"value\":[]}" },
	{ "value[*]", T("[{\"value\":[1]}]"), "[{\"value\":[1]}]" },
	{ "value[*]", T("{}"), "{}" },
	{ "value[*]", T("null"), "null" },
	{ "value[*]", T(" -12.5 "), "-12.5 " },
	{ "value[*]", T("\"a\\\"b\""), "\"a\\\"b\"" },
	{ "value[*]", T("\xef\xbb\xbf{\"value\":[{}]}"), "{}\n{\"value\":[]}" },
	{ "value[*]",
	    T("{\"value\":[\"\xc3\xa9\",{\"\xe2\x82\xac\":\"\xf0\x9f\x98\x80\"}"
	      "],\"\xc3\xa9\":\"\xc3\xa9\"}"),
	    "\"\xc3\xa9\"\n{\"\xe2\x82\xac\":\"\xf0\x9f\x98\x80\"}\n"
	    "{\"value\":[],\"\xc3\xa9\":\"\xc3\xa9\"}" },
	{ "value[*]",
	    T("{\"value\":[{\"a\":\"" X60 "\\\\\\\\\\\\\\\"}" X60
	      "\"},{\"b\":\"" X60 "x\\\\\"}]}"),
	    "{\"a\":\"" X60 "\\\\\\\\\\\\\\\"}" X60 "\"}\n{\"b\":\"" X60
	    "x\\\\\"}\n{\"value\":[]}" },
	{ "[*]", T("[]"), "[]" },
	{ "[*]", T(" [ ] "), "[]" },
	{ "$[*]", T("[{\"a\":[1]},{\"b\":2}]"), "{\"a\":[1]}\n{\"b\":2}\n[]" },
	{ "[*]", T("{\"a\":[1]}"), "{\"a\":[1]}" },
	{ "[*]", T("\xef\xbb\xbf\n[1,2]\n"), "1\n2\n[]" },
	{ "tables[0].rows[*]",
	    T("{\"tables\":[{\"name\":\"PrimaryResult\",\"columns\":[{\"name\":"
	      "\"rows\"}],\"rows\":[[1,\"a\"],[2,\"b]\"]]},{\"rows\":[[3]]}]}"),
	    "[1,\"a\"]\n[2,\"b]\"]\n{\"tables\":[{\"name\":\"PrimaryResult\","
	    "\"columns\":[{\"name\":\"rows\"}],\"rows\":[]},"
	    "{\"rows\":[[3]]}]}" },
	{ "tables[1].rows[*]",
	    T("{\"tables\":[{\"rows\":[1]},{\"rows\":[2]},{\"rows\":[3]}]}"),
	    "2\n{\"tables\":[{\"rows\":[1]},{\"rows\":[]},{\"rows\":[3]}]}" },
	{ "tables[1].rows[*]", T("{\"tables\":[[1],[2],[3]],\"rows\":[4]}"),
	    "{\"tables\":[[1],[2],[3]],\"rows\":[4]}" },
	{ "a.b[*]", T("{\"b\":[1],\"a\":{\"a\":[2],\"b\":[3,4],\"c\":[5]}}"),
	    "3\n4\n{\"b\":[1],\"a\":{\"a\":[2],\"b\":[],\"c\":[5]}}" },
	{ "[1][0][*]", T("[[[1]],[[2,3],[4]]]"), "2\n3\n[[[1]],[[],[4]]]" },
};

static struct jsonsplit_conf
conf_for(const char *path)
{
	return (struct jsonsplit_conf){
		.records = path,
		.max_record = 1024,
		.max_envelope = 1024,
		.max_depth = 8,
	};
}

static void
check_row(size_t i, const size_t *cuts, size_t n, struct got *got)
{
	struct jsonsplit_conf conf = conf_for(rows[i].path);
	struct err err = { 0 };

	if (split(&conf, rows[i].answer, cuts, n, got, &err) < 0)
		fail_msg(
		    "row %zu cut at %zu: %s", i, n > 0 ? cuts[0] : 0, err.text);
	if (!str_is(buf_str(&got->text), rows[i].want))
		fail_msg("row %zu cut at %zu: %.*s", i, n > 0 ? cuts[0] : 0,
		    STR_ARG(buf_str(&got->text)));
}

static void
finds_records_wherever_the_answer_is_cut(void **state)
{
	struct got got = { 0 };

	(void)state;
	buf_init(&got.text, 65536);
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t len = rows[i].answer.len;
		size_t every[512], cuts[2];

		assert_in_range(len, 1, COUNT(every));
		check_row(i, NULL, 0, &got);
		assert_int_equal(got.inside_chunk, got.records);
		for (cuts[0] = 0; cuts[0] <= len; cuts[0]++)
			for (cuts[1] = cuts[0]; cuts[1] <= len; cuts[1]++)
				check_row(i, cuts, 2, &got);
		for (size_t j = 0; j < len; j++)
			every[j] = j;
		check_row(i, every, len, &got);
	}
	buf_clear(&got.text);
}

static void
an_answer_that_ends_early_is_asked_for_again(void **state)
{
	struct got got = { 0 };

	(void)state;
	buf_init(&got.text, 65536);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct jsonsplit_conf conf = conf_for(rows[i].path);
		struct str whole = str_trim(rows[i].answer);
		bool is_number = whole.p[0] == '-';

		for (size_t len = 0; len < whole.len; len++) {
			struct err err = { 0 };
			int rc = split(
			    &conf, str_make(whole.p, len), NULL, 0, &got, &err);

			if (rc == 0 && is_number)
				continue;
			if (rc == 0 || err.kind != ERR_RETRY)
				fail_msg(
				    "row %zu until %zu: %s", i, len, err.text);
		}
	}
	buf_clear(&got.text);
}

static void
what_cannot_be_json_is_refused_at_once(void **state)
{
	static const struct {
		const char *path;
		struct str answer;
		const char *want;
	} bad[] = {
		{ "value[*]", T("<!DOCTYPE html><html></html>"),
		    "answer: HTML or XML in the place of JSON" },
		{ "value[*]", T("\xef\xbb\xbf \n<html>"),
		    "answer: HTML or XML in the place of JSON" },
		{ "value[*]", T("Service Unavailable"),
		    "answer: no JSON: 'S' out of place" },
		{ "value[*]", T("\x1f\x8b\x08"),
		    "answer: no JSON: byte 0x1f out of place" },
		{ "value[*]", T("\xef\xbb{}"),
		    "answer: no JSON: '{' out of place" },
		{ "value[*]", T("\0"),
		    "answer: no JSON: byte 0x00 out of place" },
		{ "value[*]", T(",{}"), "answer: no JSON: ',' out of place" },
		{ "value[*]", T("{}x"), "answer: no JSON: 'x' out of place" },
		{ "value[*]", T("{} {}"), "answer: no JSON: '{' out of place" },
		{ "value[*]", T("\"a\",1"),
		    "answer: no JSON: ',' out of place" },
		{ "value[*]", T("not found"),
		    "answer: no JSON: 'f' out of place" },
		{ "value[*]", T("1[2]"), "answer: no JSON: '[' out of place" },
		{ "value[*]", T("{\"value\":[1,]}"),
		    "answer: no JSON: ']' out of place" },
		{ "value[*]", T("{\"value\":[,1]}"),
		    "answer: no JSON: ',' out of place" },
		{ "value[*]", T("{\"value\":[1,,2]}"),
		    "answer: no JSON: ',' out of place" },
		{ "value[*]", T("{\"value\":[{} {}]}"),
		    "answer: no JSON: '{' out of place" },
		{ "value[*]", T("{\"value\":[\"a\" 1]}"),
		    "answer: no JSON: '1' out of place" },
		{ "value[*]", T("{\"value\":[}"),
		    "answer: no JSON: '}' out of place" },
		{ "value[*]", T("{\"a\":]"),
		    "answer: no JSON: ']' out of place" },
		{ "value[*]", T("{[1]:2}"),
		    "answer: no JSON: '[' out of place" },
		{ "value[*]", T("{\"value\"[1]}"),
		    "answer: no JSON: '[' out of place" },
		{ "value[*]", T("[1:2]"), "answer: no JSON: ':' out of place" },
		{ "[*]", T("[1]]"), "answer: no JSON: ']' out of place" },
		{ "[*]", T("[1}"), NULL },
		{ "value[*]", T("{:[1]}"), "" },
		{ "value[*]", T("[[[[[[[[[1]]]]]]]]]"),
		    "answer: nested too deeply" },
	};
	struct got got = { 0 };

	(void)state;
	buf_init(&got.text, 65536);
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct jsonsplit_conf conf = conf_for(bad[i].path);
		struct err err = { 0 };
		int rc = split(&conf, bad[i].answer, NULL, 0, &got, &err);

		if (bad[i].want == NULL) {
			/* A word may have it in it until it is parsed. */
			assert_int_equal(rc, -1);
			assert_int_equal(err.kind, ERR_RETRY);
		} else if (rc < 0) {
			assert_string_equal(err.text, bad[i].want);
			assert_int_equal(err.kind, ERR_DATA);
		} else {
			/* Left to json_parse, which reads the envelope. */
			assert_string_equal(bad[i].want, "");
		}
	}
	buf_clear(&got.text);
}

static void
an_empty_answer_is_asked_for_again(void **state)
{
	static const struct str nothing[] = { T(""), T(" \r\n"),
		T("\xef\xbb\xbf") };
	struct jsonsplit_conf conf = conf_for("value[*]");
	struct got got = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(nothing); i++) {
		struct err err = { 0 };

		assert_int_equal(
		    split(&conf, nothing[i], NULL, 0, &got, &err), -1);
		assert_int_equal(err.kind, ERR_RETRY);
		assert_string_equal(err.text, "answer: it is empty");
	}
}

static void
a_record_that_is_too_large_comes_cut_with_its_length(void **state)
{
	static const char *const records[] = { "{\"a\":\"" X15 X15 "\"}",
		"\"" X60 "\"", "[[[[[[]]]]],\"" X15 "\"]" };
	struct jsonsplit_conf conf = conf_for("[*]");
	struct buf answer;
	struct got got = { 0 };

	(void)state;
	buf_init(&answer, 1024);
	buf_init(&got.text, 65536);
	conf.max_record = 20;
	for (size_t i = 0; i < COUNT(records); i++) {
		struct str record = str_of(records[i]);

		buf_reset(&answer);
		buf_addf(&answer, "[%s]", records[i]);
		for (size_t cut = 0; cut <= answer.len; cut++) {
			struct err err = { 0 };

			assert_int_equal(
			    split(&conf, buf_str(&answer), &cut, 1, &got, &err),
			    0);
			assert_int_equal(got.records, 1);
			assert_int_equal(got.oversize_bytes, record.len);
			assert_int_equal(got.text.len, 20 + 1 + 2);
			assert_memory_equal(got.text.p, record.p, 20);
		}
	}
	buf_clear(&answer);
	buf_clear(&got.text);
}

static void
a_record_of_the_largest_size_is_not_too_large(void **state)
{
	struct jsonsplit_conf conf = conf_for("[*]");
	struct str answer = STR_LIT("[{\"a\":\"" X15 "\"}]");
	struct got got = { 0 };

	(void)state;
	buf_init(&got.text, 65536);
	conf.max_record = answer.len - 2;
	for (size_t cut = 0; cut <= answer.len; cut++) {
		struct err err = { 0 };

		assert_int_equal(split(&conf, answer, &cut, 1, &got, &err), 0);
		assert_str(buf_str(&got.text), "{\"a\":\"" X15 "\"}\n[]");
		assert_int_equal(got.oversize_bytes, 0);
	}
	buf_clear(&got.text);
}

static void
an_envelope_that_is_too_large_is_an_error(void **state)
{
	struct jsonsplit_conf conf = conf_for("value[*]");
	struct got got = { 0 };

	(void)state;
	buf_init(&got.text, 65536);
	conf.max_envelope = 25;
	for (size_t cut = 0; cut < 30; cut++) {
		struct err err = { 0 };

		assert_int_equal(split(&conf,
				     STR_LIT("{\"value\":[{\"a\":\"" X15 X15
					     "\"}],\"b\":\"123456\"}"),
				     &cut, 1, &got, &err),
		    0);
		assert_int_equal(
		    split(&conf, STR_LIT("{\"value\":[1],\"b\":\"" X15 "\"}"),
			&cut, 1, &got, &err),
		    -1);
		assert_int_equal(err.kind, ERR_DATA);
		assert_string_equal(
		    err.text, "answer: more than 25 bytes around its records");
	}
	buf_clear(&got.text);
}

static void
whoever_takes_the_records_can_stop(void **state)
{
	struct jsonsplit_conf conf = conf_for("[*]");
	struct got got = { .refuse_at = 2 };
	struct jsonsplit *js = jsonsplit_new(&conf, on_record, &got);
	struct err err = { 0 };
	struct str envelope;

	(void)state;
	buf_init(&got.text, 65536);
	assert_int_equal(feed(js, &got, STR_LIT("[1,2,3]"), &err), -1);
	assert_int_equal(err.kind, ERR_FULL);
	assert_string_equal(err.text, "no more of them");
	assert_int_equal(got.records, 2);
	assert_int_equal(feed(js, &got, STR_LIT("[4]"), &err), -1);
	assert_int_equal(err.kind, ERR_BUG);
	assert_int_equal(jsonsplit_end(js, &envelope, &err), -1);
	assert_int_equal(got.records, 2);
	jsonsplit_free(&js);
	jsonsplit_free(&js);
	buf_clear(&got.text);
}

static void
a_path_that_is_none_is_refused(void **state)
{
	static const char *const paths[] = { "", "value", "value[0]", "[*][*]",
		"value[*].x", "value[x][*]", "a..b[*]", "[-1][*]", "[1[*]",
		"[4294967295][*]", "a.b.c.d.e.f.g.h.i[*]" };

	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++) {
		struct jsonsplit_conf conf = conf_for(paths[i]);

		if (jsonsplit_new(&conf, on_record, NULL) != NULL)
			fail_msg("taken: %s", paths[i]);
	}
}

/* The same by parsing the answer whole. */
static void
expect(const struct json_doc *doc, struct buf *want)
{
	uint32_t list = json_at(doc, 0, "a.value");

	for (uint32_t e = json_first(doc, list); e != JSON_NONE;
	     e = json_after(doc, list, e)) {
		struct str raw = json_raw(doc, e);
		bool is_string = json_type(doc, e) == JSON_STRING;

		/* With the quotes of a string. */
		buf_add(want, raw.p - is_string, raw.len + 2 * is_string);
		buf_add_char(want, '\n');
	}
	buf_add(want, doc->text.p, doc->tok[list].off + 1);
	buf_add_text(want, "]}, \"z\": 1}");
}

static void
random_records_come_out_as_they_went_in(void **state)
{
	struct jsonsplit_conf conf = conf_for("a.value[*]");
	struct got got = { 0 };
	struct buf answer, want;
	struct json_doc doc;
	uint64_t seed = 4711;

	(void)state;
	buf_init(&got.text, 1 << 20);
	buf_init(&answer, 1 << 20);
	buf_init(&want, 1 << 20);
	json_init(&doc, 0, 0);
	conf.max_record = conf.max_envelope = 1 << 20;
	for (unsigned i = 0; i < 5000; i++) {
		struct err err = { 0 };
		size_t cuts[3] = { 0 };

		buf_reset(&answer);
		buf_reset(&want);
		buf_add_text(&answer, "{\"b\":");
		random_json_add(&answer, &seed);
		buf_add_text(&answer, ",\"a\":{\"value\":[");
		random_json_add(&answer, &seed);
		for (uint64_t n = random_json_number(&seed) % 4; n > 0; n--) {
			buf_add_char(&answer, ',');
			random_json_add(&answer, &seed);
		}
		buf_add_text(&answer, "]}, \"z\": 1}");
		assert_int_equal(json_parse(&doc, buf_str(&answer), &err), 0);
		expect(&doc, &want);
		for (size_t j = 0; j < COUNT(cuts); j++) {
			size_t from = j > 0 ? cuts[j - 1] : 0;

			cuts[j] = from +
			    random_json_number(&seed) % (answer.len - from + 1);
		}
		assert_int_equal(split(&conf, buf_str(&answer), cuts,
				     COUNT(cuts), &got, &err),
		    0);
		if (!str_eq(buf_str(&got.text), buf_str(&want)))
			fail_msg("%.*s\nbecame\n%.*s",
			    STR_ARG(buf_str(&answer)),
			    STR_ARG(buf_str(&got.text)));
	}
	json_clear(&doc);
	buf_clear(&answer);
	buf_clear(&want);
	buf_clear(&got.text);
}

/* What stands before the records, each time one is handed on. */
struct prefaced {
	struct jsonsplit *js;
	struct buf text;
};

static int
keep_preface(
    void *arg, struct str record, size_t oversize_bytes, struct err *err)
{
	struct prefaced *p = arg;

	(void)record;
	(void)oversize_bytes;
	(void)err;
	jsonsplit_preface(p->js, &p->text);
	buf_add_char(&p->text, '\n');
	return 0;
}

static void
jsonsplit_tells_what_stands_before_the_records(void **state)
{
	static const struct {
		const char *records, *text, *want;
	} answers[] = {
		{ "value[*]", "{\"a\":[1],\"value\":[2,3],\"b\":4}",
		    "{\"a\":[1],\"value\":[]}\n"
		    "{\"a\":[1],\"value\":[]}\n" },
		{ "tables[0].rows[*]",
		    "{\"tables\":[{\"columns\":[{}],\"rows\":[[1]]}]}",
		    "{\"tables\":[{\"columns\":[{}],\"rows\":[]}]}\n" },
		{ "[*]", "[1]", "[]\n" },
		{ "value[*]", "{\"value\":[]}", "" },
		{ "$", "{\"value\":[]}", "null\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(answers); i++) {
		struct jsonsplit_conf conf = { .records = answers[i].records,
			.max_record = 100,
			.max_envelope = 100 };
		struct prefaced p;
		struct err err;

		buf_init(&p.text, 1000);
		p.js = jsonsplit_new(&conf, keep_preface, &p);
		assert_int_equal(
		    jsonsplit_feed(p.js, str_of(answers[i].text), &err), 0);
		assert_str(buf_str(&p.text), answers[i].want);
		jsonsplit_free(&p.js);
		buf_clear(&p.text);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(finds_records_wherever_the_answer_is_cut),
	cmocka_unit_test(an_answer_that_ends_early_is_asked_for_again),
	cmocka_unit_test(what_cannot_be_json_is_refused_at_once),
	cmocka_unit_test(an_empty_answer_is_asked_for_again),
	cmocka_unit_test(a_record_that_is_too_large_comes_cut_with_its_length),
	cmocka_unit_test(a_record_of_the_largest_size_is_not_too_large),
	cmocka_unit_test(an_envelope_that_is_too_large_is_an_error),
	cmocka_unit_test(whoever_takes_the_records_can_stop),
	cmocka_unit_test(a_path_that_is_none_is_refused),
	cmocka_unit_test(random_records_come_out_as_they_went_in),
	cmocka_unit_test(jsonsplit_tells_what_stands_before_the_records),
};

UNIT_MAIN(tests)
