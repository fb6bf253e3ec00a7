/* tests/test_mdca_alerts.c -- answers in, requests and alerts out. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include <stdbool.h>

#include "tests/mdca_script.h"

#include "codec/httpmsg.h"
#include "codec/json.h"
#include "record/record.h"
#include "source/mdca_alerts.h"
#include "source/source.h"

#define OPS (&mdca_alerts_ops)

/* The round of the scripts: from 1000 to 9000 ms. */
#define FILTER(by, low, high) \
	"{\"filters\":{\"" by "\":{\"gte\":" low ",\"lte\":" high "}}"
#define SORTED ",\"sortField\":\"date\",\"sortDirection\":\"asc\""
#define PAGE(skip) ",\"skip\":" skip ",\"limit\":3}"
#define ASK(low, high) FILTER("date", low, high) SORTED PAGE("0")
#define ASK_SKIP(low, high, skip) FILTER("date", low, high) SORTED PAGE(skip)
#define ASK_UNSORTED(low, high) FILTER("date", low, high) PAGE("0")
#define CLOSED(low, high) FILTER("resolutionDate", low, high) SORTED PAGE("0")
#define ALL_CLOSED                                           \
	{                                                    \
		CLOSED("1000", "8999"), 200, "end", ERR_NONE \
	}

static const struct script {
	const char *name;
	struct mdca_step steps[10];
	const char *ids;
} scripts[] = {
	{ "nothing there",
	    { { ASK("1000", "8999"), 200, "end", ERR_NONE }, ALL_CLOSED }, "" },
	{ "a short page that says it is the last is believed",
	    { { ASK("1000", "8999"), 200, "a@2000 b@3000 end", ERR_NONE },
		ALL_CLOSED },
	    "a b" },
	{ "one that says nothing is asked for more, once",
	    { { ASK("1000", "8999"), 200, "a@2000 b@3000", ERR_NONE },
		{ ASK("3000", "8999"), 200, "b@3000", ERR_NONE }, ALL_CLOSED },
	    "a b b" },
	{ "more is asked for from the last one's time on",
	    { { ASK("1000", "8999"), 200, "a@2000 b@3000 c@3001 more",
		  ERR_NONE },
		{ ASK("3001", "8999"), 200, "c@3001 d@8999 end", ERR_NONE },
		ALL_CLOSED },
	    "a b c c d" },
	{ "a page that is shorter than asked for, with more behind it",
	    { { ASK("1000", "8999"), 200, "a@2000 more", ERR_NONE },
		{ ASK("2000", "8999"), 200, "a@2000 b@2500 end", ERR_NONE },
		ALL_CLOSED },
	    "a a b" },
	{ "a full page that claims to be the last is asked behind",
	    { { ASK("1000", "8999"), 200, "a@2000 b@3000 c@4000 end",
		  ERR_NONE },
		{ ASK("4000", "8999"), 200, "c@4000 d@4001 end", ERR_NONE },
		ALL_CLOSED },
	    "a b c c d" },
	{ "those of one millisecond are passed over",
	    { { ASK("1000", "8999"), 200, "a@2000 b@2000 c@2000 more",
		  ERR_NONE },
		{ ASK("2000", "8999"), 200, "a@2000 b@2000 c@2000 more",
		    ERR_NONE },
		{ ASK_SKIP("2000", "8999", "3"), 200, "d@2000 e@5000 end",
		    ERR_NONE },
		ALL_CLOSED },
	    "a b c a b c d e" },
	{ "newest first is read downwards",
	    { { ASK("1000", "8999"), 200, "e@5000 d@4000 c@3000 more",
		  ERR_NONE },
		{ ASK_UNSORTED("1000", "3000"), 200, "c@3000 b@2000 end",
		    ERR_NONE },
		ALL_CLOSED },
	    "e d c c b" },
	{ "what was closed is cut in halves until it fits",
	    { { ASK("1000", "8999"), 200, "end", ERR_NONE },
		{ CLOSED("1000", "8999"), 200,
		    "x@10/7000 y@20/1500 z@30/1400 more", ERR_NONE },
		{ CLOSED("1000", "4999"), 200, "y@20/1500 z@30/1400 end",
		    ERR_NONE },
		{ CLOSED("5000", "8999"), 200, "x@10/7000 end", ERR_NONE } },
	    "x y z y z x" },
	{ "numbers and words say whether there is more",
	    { { ASK("1000", "8999"), 200,
		  "{\"data\":[{\"_id\":\"a\",\"timestamp\":2000}],"
		  "\"hasNext\":1}",
		  ERR_NONE },
		{ ASK("2000", "8999"), 200,
		    "{\"data\":[{\"_id\":\"a\",\"timestamp\":2000}],"
		    "\"hasNext\":\"false\"}",
		    ERR_NONE },
		ALL_CLOSED },
	    "a a" },
	{ "null for no alerts",
	    { { ASK("1000", "8999"), 200,
		  "{\"data\":null,\"hasNext\":false,"
		  "\"total\":0}",
		  ERR_NONE },
		ALL_CLOSED },
	    "" },
	{ "null where there are alerts is no answer",
	    { { ASK("1000", "8999"), 200,
		  "{\"data\":null,\"hasNext\":true,\"total\":7}", ERR_RETRY },
		{ ASK("1000", "8999"), 200, "a@2000 end", ERR_NONE },
		ALL_CLOSED },
	    "a" },
	{ "an answer without a list is not taken for an empty one",
	    { { ASK("1000", "8999"), 200, "{\"total\":0}", ERR_RETRY },
		{ ASK("1000", "8999"), 200, "end", ERR_NONE }, ALL_CLOSED },
	    "" },
	{ "what failed is asked again, for less at a time",
	    { { ASK("1000", "8999"), 503, "<html>", ERR_RETRY },
		{ ASK("1000", "8999"), 0, NULL, ERR_RETRY },
		{ ASK("1000", "8999"), 200, "a@2000 end", ERR_NONE },
		ALL_CLOSED },
	    "a" },
	{ "alerts without a time do not disturb the others",
	    { { ASK("1000", "8999"), 200, "a@2000 x b@3000 more", ERR_NONE },
		{ ASK("3000", "8999"), 200, "b@3000 end", ERR_NONE },
		ALL_CLOSED },
	    "a x b b" },
};

static void
alerts_are_read_whole_however_pages_end(void **state)
{
	const struct mdca_alerts_conf conf = {
		.page_size = 3, .settle_ms = 1000, .updates = true
	};
	const struct cursor none = { .len = 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		const struct script *sc = &scripts[i];
		struct source *s = mdca_open(OPS, &conf, 1000);
		struct mdca_seen seen;
		struct cursor to;

		mdca_seen_init(&seen);
		mdca_begin_at(OPS, s, &none, 10000);
		mdca_play(OPS, s, sc->name, sc->steps, &seen);
		if (!str_is(buf_str(&seen.ids), sc->ids))
			fail_msg("%s: ids %s", sc->name, buf_cstr(&seen.ids));
		assert_true(OPS->end(s, &to));
		assert_str(cursor_get(&to, "read-until"), "9000");
		mdca_seen_clear(&seen);
		OPS->close(&s);
		assert_null(s);
	}
}

static void
alerts_go_on_at_the_cursor_with_overlap(void **state)
{
	const struct mdca_alerts_conf conf = { .page_size = 3,
		.settle_ms = 1000 };
	static const struct mdca_step first[] = {
		{ ASK("1000", "8999"), 200, "end", ERR_NONE }, { NULL }
	};
	static const struct mdca_step second[] = {
		{ ASK("8000", "18999"), 200, "end", ERR_NONE }, { NULL }
	};
	const struct cursor none = { .len = 0 };
	struct source *s = mdca_open(OPS, &conf, 1000);
	struct mdca_seen seen;
	struct cursor to;

	(void)state;
	mdca_seen_init(&seen);
	mdca_begin_at(OPS, s, &none, 10000);
	mdca_play(OPS, s, "first", first, &seen);
	assert_true(OPS->end(s, &to));
	mdca_begin_at(OPS, s, &to, 20000);
	mdca_play(OPS, s, "second", second, &seen);
	assert_true(OPS->end(s, &to));
	assert_str(cursor_get(&to, "read-until"), "19000");
	/* Our clock went back: nothing is asked, and nothing forgotten. */
	mdca_begin_at(OPS, s, &to, 5000);
	mdca_play(OPS, s, "third", (struct mdca_step[]){ { NULL } }, &seen);
	assert_true(OPS->end(s, &to));
	assert_str(cursor_get(&to, "read-until"), "19000");
	mdca_seen_clear(&seen);
	OPS->close(&s);
}

static void
alerts_that_came_late_are_swept_up(void **state)
{
	const struct mdca_alerts_conf conf = {
		.page_size = 3, .sweep_ms = 5000, .sweep_overlap_ms = 50000
	};
	struct cursor at = { .len = 0 };
	struct source *s = mdca_open(OPS, &conf, 1000);
	struct mdca_seen seen;
	struct buf text;

	(void)state;
	mdca_seen_init(&seen);
	buf_init(&text, 4096);
	cursor_set_i64(&at, "start", 1000);
	cursor_set_i64(&at, "read-until", 90000);
	cursor_set_i64(&at, "swept", 91000);
	mdca_begin_at(OPS, s, &at, 95000);
	assert_string_equal(mdca_asked(OPS, s, &text), ASK("89000", "94999"));
	mdca_begin_at(OPS, s, &at, 96000);
	assert_string_equal(mdca_asked(OPS, s, &text), ASK("46000", "95999"));
	mdca_answer(OPS, s, 200, NULL, "end", &seen);
	assert_true(OPS->end(s, &at));
	assert_str(cursor_get(&at, "swept"), "96000");
	/* Never behind the beginning. */
	cursor_set_i64(&at, "start", 95500);
	mdca_begin_at(OPS, s, &at, 105000);
	assert_string_equal(mdca_asked(OPS, s, &text), ASK("95500", "104999"));
	buf_clear(&text);
	mdca_seen_clear(&seen);
	OPS->close(&s);
}

static void
alerts_do_not_step_over_what_the_service_has_not_reached(void **state)
{
	const struct mdca_alerts_conf conf = { .page_size = 3,
		.settle_ms = 1000 };
	const struct cursor none = { .len = 0 };
	struct source *s = mdca_open(OPS, &conf, 1000);
	struct mdca_seen seen;
	struct cursor to;
	struct buf text;

	(void)state;
	mdca_seen_init(&seen);
	buf_init(&text, 4096);
	mdca_begin_at(OPS, s, &none, 50000);
	mdca_asked(OPS, s, &text);
	mdca_answer(
	    OPS, s, 200, "Date: Thu, 01 Jan 1970 00:00:20 GMT\n", "end", &seen);
	assert_true(OPS->end(s, &to));
	assert_str(cursor_get(&to, "read-until"), "19000");
	buf_clear(&text);
	mdca_seen_clear(&seen);
	OPS->close(&s);
}

/* --- records ------------------------------------------------------------ */

static const struct {
	const char *record; /* NULL members are left out */
	const char *id, *version;
	int64_t time_ms, born_ms;
} records[] = {
	{ "{\"_id\":\"a\",\"timestamp\":4096}", "a", "1000.0.-1.-1.0.0", 4096,
	    4096 },
	{ "{\"_id\":\"a\",\"timestamp\":4096,\"severityValue\":2,"
	  "\"resolutionStatusValue\":5,\"resolveTime\":"
	  "\"1970-01-01T00:00:08.192Z\",\"entities\":[{},{}],"
	  "\"audits\":[\"x\"]}",
	    "a", "1000.2000.2.5.2.1", 8192, 4096 },
	{ "{\"_id\":\"a\",\"timestamp\":4096.75,\"severityValue\":null,"
	  "\"resolveTime\":null,\"entities\":{\"0\":null},\"audits\":7}",
	    "a", "1000.0.-1.-1.0.0", 4096, 4096 },
	{ "{\"_id\":\"a\",\"timestamp\":\"4096\",\"severityValue\":\"1\"}", "a",
	    "1000.0.1.-1.0.0", 4096, 4096 },
	{ "{\"_id\":\"a\",\"timestamp\":\"1970-01-01T00:00:04.096Z\"}", "a",
	    "1000.0.-1.-1.0.0", 4096, 4096 },
	{ "{\"_id\":4711,\"timestamp\":-5}", "4711", "0.0.-1.-1.0.0", 9000, 0 },
	{ "{\"_id\":null,\"id\":\"b\",\"timestamp\":1e300}", "b",
	    "0.0.-1.-1.0.0", 9000, 0 },
	/* Whether it was read changes nothing. */
	{ "{\"_id\":\"a\",\"timestamp\":4096,\"statusValue\":1}", "a",
	    "1000.0.-1.-1.0.0", 4096, 4096 },
};

static void
alerts_become_records_whatever_their_shape(void **state)
{
	const struct mdca_alerts_conf conf = {
		.page_size = 3, .settle_ms = 1000, .updates = true
	};
	const struct cursor none = { .len = 0 };
	struct source *s = mdca_open(OPS, &conf, 1000);
	struct json_doc doc;
	struct record rec;
	struct err err;

	(void)state;
	json_init(&doc, 0, 0);
	mdca_begin_at(OPS, s, &none, 10000);
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		const char *text = records[i].record;

		assert_int_equal(json_parse(&doc, str_of(text), &err), 0);
		if (OPS->record(s, 0, &doc, &rec, &err) < 0)
			fail_msg("%s: %s", text, err.text);
		if (!str_is(rec.id, records[i].id) ||
		    !str_is(rec.version, records[i].version) ||
		    (int64_t)rec.time_ms != records[i].time_ms ||
		    (int64_t)rec.born_ms != records[i].born_ms)
			fail_msg("%s: %.*s %.*s %d %d", text, STR_ARG(rec.id),
			    STR_ARG(rec.version), (int)rec.time_ms,
			    (int)rec.born_ms);
	}
	json_clear(&doc);
	OPS->close(&s);
}

static void
alerts_without_an_id_are_told(void **state)
{
	static const char *const bad[] = { "{\"_id\":null,\"timestamp\":1}",
		"{\"_id\":\"\"}", "{\"_id\":{\"$oid\":\"x\"}}", "[]", "null",
		"\"x\"", "{}" };
	const struct mdca_alerts_conf conf = { .page_size = 3 };
	const struct cursor none = { .len = 0 };
	struct source *s = mdca_open(OPS, &conf, 1000);
	struct json_doc doc;
	struct record rec;
	struct err err;

	(void)state;
	json_init(&doc, 0, 0);
	mdca_begin_at(OPS, s, &none, 10000);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(json_parse(&doc, str_of(bad[i]), &err), 0);
		if (OPS->record(s, 0, &doc, &rec, &err) == 0)
			fail_msg("%s: taken", bad[i]);
		assert_int_equal(err.kind, ERR_DATA);
	}
	json_clear(&doc);
	OPS->close(&s);
}

static void
alerts_without_updates_have_no_version(void **state)
{
	const struct mdca_alerts_conf conf = { .page_size = 3 };
	static const struct mdca_step steps[] = {
		{ ASK("1000", "9999"), 200, "a@2000/3000 end", ERR_NONE },
		{ NULL }
	};
	const struct cursor none = { .len = 0 };
	struct source *s = mdca_open(OPS, &conf, 1000);
	struct mdca_seen seen;

	(void)state;
	mdca_seen_init(&seen);
	mdca_begin_at(OPS, s, &none, 10000);
	mdca_play(OPS, s, "once", steps, &seen);
	assert_string_equal(buf_cstr(&seen.ids), "a");
	assert_string_equal(buf_cstr(&seen.versions), "");
	assert_int_equal(seen.time_ms, 2000);
	mdca_seen_clear(&seen);
	OPS->close(&s);
}

/* --- the operator's filter ---------------------------------------------- */

static void
alerts_are_filtered_in_the_words_of_the_api(void **state)
{
	char filter[] = " { \"severity\" : {\"eq\":[1, 2]},"
			"\"entity.policy\":{\"neq\":[\"5b\"]} }";
	const struct mdca_alerts_conf conf = { .page_size = 7,
		.api_filter = filter };
	const struct cursor none = { .len = 0 };
	struct source *s = mdca_open(OPS, &conf, 1000);
	struct buf text;

	(void)state;
	buf_init(&text, 4096);
	mdca_begin_at(OPS, s, &none, 10000);
	assert_string_equal(mdca_asked(OPS, s, &text),
	    "{\"filters\":{\"severity\":{\"eq\":[1, 2]},\"entity.policy\":"
	    "{\"neq\":[\"5b\"]},\"date\":{\"gte\":1000,\"lte\":9999}}" SORTED
	    ",\"skip\":0,\"limit\":7}");
	buf_clear(&text);
	OPS->close(&s);
}

static void
alerts_refuse_a_filter_that_is_none(void **state)
{
	static const struct {
		const char *filter, *says;
	} rows[] = {
		{ "severity", "api-filter" },
		{ "[1]", "not a JSON object" },
		{ "{\"severity\":2}", "needs an object" },
		{ "{\"date\":{\"gte\":1}}", "asks by" },
		{ "{\"resolutionDate\":{\"gte\":1}}", "asks by" },
		{ "{\"severity\":{\"eq\":[2]}", "api-filter" },
	};
	struct source_common common = { .base_url = MDCA_BASE };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[64];
		struct mdca_alerts_conf conf = { .page_size = 7,
			.api_filter = text };
		struct err err;

		snprintf(text, sizeof(text), "%s", rows[i].filter);
		assert_null(OPS->open(&conf, &common, &err));
		assert_int_equal(err.kind, ERR_CONF);
		if (strstr(err.text, rows[i].says) == NULL)
			fail_msg("%s: %s", text, err.text);
	}
}

static const struct {
	const char *base, *url, *portal;
} bases[] = {
	{ "https://x.test", "https://x.test", "https://x.test" },
	{ "https://x.test/", "https://x.test", "https://x.test" },
	{ "https://x.test/api", "https://x.test", "https://x.test" },
	{ "https://c.us3.portal.x.test/api/", "https://c.us3.portal.x.test",
	    "https://c.portal.x.test" },
	{ "https://c.portal.x.test", "https://c.portal.x.test",
	    "https://c.portal.x.test" },
	{ "https://portal.x.test/cas", "https://portal.x.test/cas",
	    "https://portal.x.test/cas" },
	{ "http://127.0.0.1:80", "http://127.0.0.1:80", "http://127.0.0.1:80" },
};

static void
alerts_are_asked_for_at_the_address_that_the_portal_shows(void **state)
{
	const struct mdca_alerts_conf conf = { .page_size = 1 };
	const struct cursor none = { .len = 0 };
	struct json_doc doc;

	(void)state;
	json_init(&doc, 0, 0);
	assert_int_equal(json_parse(&doc, STR_LIT("{\"_id\":1}"), NULL), 0);
	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		struct source_common common = { .base_url = bases[i].base };
		struct record rec;
		struct httpreq req;
		struct err err;
		struct source *s = OPS->open(&conf, &common, &err);
		char url[64];

		assert_non_null(s);
		httpreq_init(&req);
		mdca_begin_at(OPS, s, &none, 10000);
		assert_int_equal(OPS->ask(s, &req), 1);
		snprintf(url, sizeof(url), "%s/api/v1/alerts/", bases[i].url);
		assert_string_equal(buf_cstr(&req.url), url);
		assert_int_equal(OPS->record(s, 0, &doc, &rec, &err), 0);
		assert_str(rec.portal, bases[i].portal);
		httpreq_clear(&req);
		OPS->close(&s);
	}
	json_clear(&doc);
}

/* --- errors ------------------------------------------------------------- */

static const struct {
	int status;
	const char *headers, *body;
	enum err_kind kind;
	uint64_t wait_ms;
	const char *says;
} errors[] = {
	{ 400, NULL, "{\"errors\":[{\"error\":\"no such field\"},\"two\"]}",
	    ERR_CONF, 0, "no such field; two" },
	{ 401, NULL, "{\"detail\":\"Invalid token\"}", ERR_LOGIN, 0,
	    "Invalid token" },
	{ 403, NULL, "", ERR_DENIED, 0, "Investigation.read" },
	{ 404, NULL, "<html>", ERR_CONF, 0, "mdca-url" },
	{ 302, "Location: https://elsewhere.test/x\n", "", ERR_CONF, 0,
	    "elsewhere.test" },
	{ 429, NULL,
	    "{\"detail\":\"Throttled. Expected available in 42 seconds.\"}",
	    ERR_WAIT, 43000, "available in 42" },
	{ 429, NULL, "throttled", ERR_WAIT, 60000, "429" },
	{ 429, "Retry-After: 7\n", "{\"detail\":\"available in 42 seconds\"}",
	    ERR_WAIT, 7000, "429" },
	{ 429, NULL, "{\"detail\":\"available in 99999999999999999999 s\"}",
	    ERR_WAIT, 60000, "429" },
	{ 502, NULL, "<html>", ERR_RETRY, 0, "502" },
	{ 504, NULL, NULL, ERR_RETRY, 0, "504" },
};

static void
alerts_tell_what_an_error_means(void **state)
{
	const struct mdca_alerts_conf conf = { .page_size = 3 };
	const struct cursor none = { .len = 0 };
	struct mdca_seen seen;
	struct buf text;

	(void)state;
	mdca_seen_init(&seen);
	buf_init(&text, 4096);
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		struct source *s = mdca_open(OPS, &conf, 1000);

		mdca_begin_at(OPS, s, &none, 10000);
		mdca_asked(OPS, s, &text);
		mdca_answer(OPS, s, errors[i].status, errors[i].headers,
		    errors[i].body, &seen);
		if (seen.err.kind != errors[i].kind ||
		    seen.err.wait_ms != errors[i].wait_ms ||
		    strstr(seen.err.text, errors[i].says) == NULL)
			fail_msg("%d: kind %d, wait %d: %s", errors[i].status,
			    seen.err.kind, (int)seen.err.wait_ms,
			    seen.err.text);
		/* It is asked again. */
		assert_string_equal(
		    mdca_asked(OPS, s, &text), ASK("1000", "9999"));
		OPS->close(&s);
	}
	buf_clear(&text);
	mdca_seen_clear(&seen);
}

static void
alerts_that_are_too_many_at_a_time_are_fewer(void **state)
{
	const struct mdca_alerts_conf conf = { .page_size = 100 };
	static const int limits[] = { 100, 100, 50, 25, 12, 10, 10 };
	const struct cursor none = { .len = 0 };
	struct source *s = mdca_open(OPS, &conf, 1000);
	struct mdca_seen seen;
	struct buf text;

	(void)state;
	mdca_seen_init(&seen);
	buf_init(&text, 4096);
	mdca_begin_at(OPS, s, &none, 10000);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		char want[32];

		snprintf(want, sizeof(want), "\"limit\":%d}", limits[i]);
		if (strstr(mdca_asked(OPS, s, &text), want) == NULL)
			fail_msg("step %zu: %s", i, buf_cstr(&text));
		mdca_answer(OPS, s, 504, NULL, "", &seen);
	}
	buf_clear(&text);
	mdca_seen_clear(&seen);
	OPS->close(&s);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(alerts_are_read_whole_however_pages_end),
	cmocka_unit_test(alerts_go_on_at_the_cursor_with_overlap),
	cmocka_unit_test(alerts_that_came_late_are_swept_up),
	cmocka_unit_test(
	    alerts_do_not_step_over_what_the_service_has_not_reached),
	cmocka_unit_test(alerts_become_records_whatever_their_shape),
	cmocka_unit_test(alerts_without_an_id_are_told),
	cmocka_unit_test(alerts_without_updates_have_no_version),
	cmocka_unit_test(alerts_are_filtered_in_the_words_of_the_api),
	cmocka_unit_test(alerts_refuse_a_filter_that_is_none),
	cmocka_unit_test(
	    alerts_are_asked_for_at_the_address_that_the_portal_shows),
	cmocka_unit_test(alerts_tell_what_an_error_means),
	cmocka_unit_test(alerts_that_are_too_many_at_a_time_are_fewer),
};

UNIT_MAIN(tests)
