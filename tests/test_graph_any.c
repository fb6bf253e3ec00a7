/* tests/test_graph_any.c -- collections that the configuration describes. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "codec/httpmsg.h"
#include "codec/json.h"
#include "codec/jsonpath.h"
#include "codec/rfc3339.h"
#include "record/cursor.h"
#include "record/record.h"
#include "source/graph_any.h"
#include "source/source.h"

#define BASE "https://graph.example.test"
#define DAY "2026-03-01T"
#define NOON DAY "12:00:00Z"

static int64_t
ms_of(const char *text)
{
	int64_t ms;

	assert_true(rfc3339_parse_ms(str_of(text), &ms));
	return ms;
}

/* The texts of a conf are not written to. */
#define T(text) ((char *)(uintptr_t)(text))

static struct graph_any_conf
conf_of(const char *path, const char *query)
{
	return (struct graph_any_conf){ .path = T(path),
		.query = T(query),
		.records = T("$.value[*]"),
		.id = T("$.id"),
		.settle_ms = 60000 };
}

static struct source *
open_err(const struct graph_any_conf *conf, struct err *err)
{
	const struct source_common common = {
		.base_url = BASE,
		.overlap_ms = 10 * 60 * 1000,
		.start_ms = ms_of(DAY "00:00:00Z"),
	};

	return graph_any_ops.open(conf, &common, err);
}

static struct source *
open_with(const struct graph_any_conf *conf)
{
	struct err err;
	struct source *s = open_err(conf, &err);

	if (s == NULL)
		fail_msg("%s", err.text);
	return s;
}

static void
begin_at(struct source *s, const struct cursor *from, const char *now)
{
	struct err err;

	assert_int_equal(
	    graph_any_ops.begin(s, from, (uint64_t)ms_of(now), &err), 0);
}

/* The address asked for behind BASE, as it goes out; empty: none. */
static const char *
ask(struct source *s, struct buf *text)
{
	struct httpreq req;

	buf_reset(text);
	httpreq_init(&req);
	if (graph_any_ops.ask(s, &req) == 1) {
		struct str url = buf_str(&req.url), base = STR_LIT(BASE);

		assert_true(str_starts(url, base));
		buf_add(text, url.p + base.len, url.len - base.len);
		assert_int_equal(graph_any_ops.ask(s, &req), 0);
	}
	httpreq_clear(&req);
	return buf_cstr(text);
}

struct seen {
	struct buf text; /* "id/version/time\n" */
	struct err err;
	bool standing;
};

static void
take_record(struct source *s, struct str text, struct seen *seen)
{
	char time[RFC3339_MAX];
	struct json_doc doc;
	struct record rec;

	json_init(&doc, 0, 0);
	assert_int_equal(json_parse(&doc, text, &seen->err), 0);
	if (graph_any_ops.record(s, 0, &doc, &rec, &seen->err) == 0) {
		rfc3339_format_ms(time, (int64_t)rec.time_ms);
		assert_str(rec.type, "graph");
		assert_true(rec.doc == &doc);
		buf_addf(&seen->text, "%.*s/%.*s/%s ", STR_ARG(rec.id),
		    STR_ARG(rec.version), time);
		seen->standing = rec.is_standing;
		seen->err.kind = ERR_NONE;
	}
	json_clear(&doc);
}

/* Answer as the poller would; where says where the records are. */
static void
answer(struct source *s, int status, const char *body, struct seen *seen)
{
	struct httpresp resp;
	struct json_doc page;
	const char *records = NULL;
	struct err told = { .kind = ERR_NONE };

	httpresp_init(&resp);
	json_init(&page, 0, 0);
	resp.status = status;
	seen->err = (struct err){ .kind = ERR_NONE };
	if (graph_any_ops.head(s, &resp, &records) < 0) {
		(graph_any_ops.fail)(s, &resp, str_of(body), 1, &told);
	} else {
		uint32_t list;

		assert_int_equal(json_parse(&page, str_of(body), &told), 0);
		list = json_at(&page, 0,
		    strcmp(records, "$.a.b[*]") == 0 ? "a.b" : "value");
		for (uint32_t i = list != JSON_NONE ? json_first(&page, list)
						    : JSON_NONE;
		     i != JSON_NONE; i = json_after(&page, list, i))
			take_record(s, json_raw(&page, i), seen);
		told.kind = ERR_NONE;
		graph_any_ops.tail(s, &resp, &page, &told);
	}
	if (told.kind != ERR_NONE)
		seen->err = told;
	json_clear(&page);
	httpresp_clear(&resp);
}

static struct seen
new_seen(void)
{
	struct seen seen = { .err.kind = ERR_NONE };

	buf_init(&seen.text, 1 << 16);
	return seen;
}

/* --- what there is to see ----------------------------------------------- */

static void
a_list_is_read_whole_in_every_round(void **state)
{
	struct graph_any_conf conf = conf_of("/v1.0/security/cases/"
					     "ediscoveryCases",
	    "$top=2");
	struct cursor c = { .len = 0 };
	struct seen seen = new_seen();
	struct source *s;
	struct buf text;

	(void)state;
	buf_init(&text, 1 << 16);
	conf.time = T("$.lastModifiedDateTime");
	s = open_with(&conf);
	for (int round = 0; round < 2; round++) {
		begin_at(s, &c, NOON);
		buf_reset(&seen.text);
		assert_string_equal(ask(s, &text),
		    "/v1.0/security/cases/ediscoveryCases?$top=2");
		assert_false(graph_any_ops.end(s, &c));
		answer(s, 200,
		    "{\"value\":[{\"id\":\"a\",\"lastModifiedDateTime\":"
		    "\"2022-05-19T23:30:41.23Z\"},{\"id\":17}],"
		    "\"@odata.nextLink\":\"" BASE "/next\"}",
		    &seen);
		assert_int_equal(seen.err.kind, ERR_NONE);
		assert_string_equal(ask(s, &text), "/next");
		answer(s, 200, "{\"value\":[]}", &seen);
		assert_string_equal(ask(s, &text), "");
		assert_true(graph_any_ops.end(s, &c));
		assert_str(buf_str(&seen.text),
		    "a/2022-05-19T23:30:41.2300000Z/2022-05-19T23:30:41.230Z"
		    " 17//2026-03-01T00:00:00.000Z ");
		assert_false(seen.standing);
	}
	/* What has no time keeps the one of the first start. */
	assert_str(cursor_get(&c, "start"), DAY "00:00:00.0000000Z");
	buf_clear(&text);
	buf_clear(&seen.text);
	graph_any_ops.close(&s);
	assert_null(s);
}

static void
once_a_day_all_that_is_listed_is_remembered_anew(void **state)
{
	static const struct {
		const char *now;
		bool standing;
	} rounds[] = {
		{ NOON, false },
		{ "2026-03-02T11:59:59Z", false },
		{ "2026-03-02T12:00:00Z", true },
		{ "2026-03-02T12:01:00Z", false },
		{ "2026-03-09T00:00:00Z", true },
	};
	struct graph_any_conf conf = conf_of("/v1.0/subscribedSkus", NULL);
	struct cursor c = { .len = 0 };
	struct seen seen = new_seen();
	struct source *s = open_with(&conf);
	struct buf text;

	(void)state;
	buf_init(&text, 1 << 16);
	for (size_t i = 0; i < sizeof(rounds) / sizeof(rounds[0]); i++) {
		begin_at(s, &c, rounds[i].now);
		assert_string_equal(ask(s, &text), "/v1.0/subscribedSkus");
		answer(s, 200, "{\"value\":[{\"id\":\"a\"}]}", &seen);
		assert_true(graph_any_ops.end(s, &c));
		assert_int_equal(seen.standing, rounds[i].standing);
	}
	buf_clear(&text);
	buf_clear(&seen.text);
	graph_any_ops.close(&s);
}

static void
a_query_with_times_goes_on_where_it_ended(void **state)
{
	struct graph_any_conf conf = conf_of("/beta/security/dlpAlertEvent",
	    "$filter=startDateTime ge {from} and x eq 'ü' and endDateTime"
	    " le {until}");
	struct cursor c = { .len = 0 };
	struct seen seen = new_seen();
	struct source *s;
	struct buf text;

	(void)state;
	conf.eventual = true;
	buf_init(&text, 1 << 16);
	s = open_with(&conf);
	begin_at(s, &c, NOON);
	assert_string_equal(ask(s, &text),
	    "/beta/security/dlpAlertEvent?$filter=startDateTime%20ge%20" DAY
	    "00:00:00.0000000Z%20and%20x%20eq%20'%C3%BC'%20and%20"
	    "endDateTime%20le%20" DAY "11:59:00.0000000Z");
	answer(s, 200, "{\"value\":[]}", &seen);
	assert_true(graph_any_ops.end(s, &c));
	begin_at(s, &c, DAY "12:30:00Z");
	assert_non_null(strstr(ask(s, &text), "ge%20" DAY "11:49:00.0000000Z"));
	/* Nothing is asked twice for a time that has not come. */
	begin_at(s, &c, DAY "11:30:00Z");
	assert_string_equal(ask(s, &text), "");
	assert_true(graph_any_ops.end(s, &c));
	assert_str(cursor_get(&c, "read-until"), DAY "11:59:00.0000000Z");
	buf_clear(&text);
	buf_clear(&seen.text);
	graph_any_ops.close(&s);
}

static void
paths_find_id_time_and_version(void **state)
{
	static const char page[] =
	    "{\"a\":{\"b\":["
	    "{\"k\":{\"i\":\"x\\u0041\"},\"t\":\"2026-02-01T00:00:00Z\","
	    "\"v\":[{\"n\":5}]},"
	    "{\"k\":{\"i\":\"long\"},\"t\":null,\"v\":[{\"n\":\"0123456789"
	    "012345678901234567890123456789012345678901234567890123456789\"}]},"
	    "{\"k\":{\"i\":null}}]}}";
	struct graph_any_conf conf = conf_of("/v1.0/x", NULL);
	const struct cursor none = { .len = 0 };
	struct seen seen = new_seen();
	struct source *s;
	struct buf text;

	(void)state;
	conf.records = T("$.a.b[*]");
	conf.id = T("$.k.i");
	conf.time = T("$.t");
	conf.version = T("$.v[0].n");
	buf_init(&text, 1 << 16);
	s = open_with(&conf);
	begin_at(s, &none, NOON);
	ask(s, &text);
	answer(s, 200, page, &seen);
	assert_int_equal(seen.err.kind, ERR_DATA);
	assert_non_null(strstr(seen.err.text, "id is missing"));
	assert_true(str_starts(buf_str(&seen.text),
	    STR_LIT("xA/5/2026-02-01T00:00:00.000Z long/")));
	/* A version that is too long is told by its hash. */
	assert_true(str_ends(
	    buf_str(&seen.text), STR_LIT("/2026-03-01T00:00:00.000Z ")));
	assert_int_equal(seen.text.len,
	    strlen("xA/5/2026-02-01T00:00:00.000Z long/") + 16 +
		strlen("/2026-03-01T00:00:00.000Z "));
	assert_string_equal(ask(s, &text), "");
	buf_clear(&text);
	buf_clear(&seen.text);
	graph_any_ops.close(&s);
}

static void
a_useless_answer_ends_the_round_after_three(void **state)
{
	static const struct {
		int status;
		const char *body, *says;
		enum err_kind first;
	} rows[] = {
		{ 200, "{\"value\":null}", "without a list", ERR_RETRY },
		{ 206, "{\"value\":[]}", "not complete", ERR_RETRY },
		{ 200,
		    "{\"value\":[],\"@odata.nextLink\":\"https://evil."
		    "example/\"}",
		    "evil.example", ERR_DATA },
	};
	struct graph_any_conf conf = conf_of("/v1.0/x", NULL);
	const struct cursor none = { .len = 0 };
	struct source *s = open_with(&conf);
	struct buf text;

	(void)state;
	buf_init(&text, 1 << 16);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct seen seen = new_seen();
		struct cursor c;

		begin_at(s, &none, NOON);
		for (int n = 0; n < 3; n++) {
			assert_string_equal(ask(s, &text), "/v1.0/x");
			answer(s, rows[i].status, rows[i].body, &seen);
			assert_int_equal(
			    seen.err.kind, n < 2 ? rows[i].first : ERR_BUG);
			assert_non_null(strstr(seen.err.text, rows[i].says));
			assert_false(graph_any_ops.end(s, &c));
		}
		buf_clear(&seen.text);
	}
	buf_clear(&text);
	graph_any_ops.close(&s);
}

static void
errors_name_the_path_and_links_go_stale(void **state)
{
	struct graph_any_conf conf =
	    conf_of("/v1.0/security/subjectRightsRequests", NULL);
	const struct cursor none = { .len = 0 };
	struct seen seen = new_seen();
	struct source *s = open_with(&conf);
	struct buf text;

	(void)state;
	buf_init(&text, 1 << 16);
	begin_at(s, &none, NOON);
	ask(s, &text);
	answer(s, 403, "{\"error\":{\"code\":\"Forbidden\"}}", &seen);
	assert_int_equal(seen.err.kind, ERR_DENIED);
	assert_non_null(strstr(seen.err.text, conf.path));
	assert_non_null(strstr(seen.err.text, "SubjectRightsRequest.Read.All"));
	ask(s, &text);
	answer(
	    s, 200, "{\"value\":[],\"@odata.nextLink\":\"" BASE "/n\"}", &seen);
	assert_string_equal(ask(s, &text), "/n");
	answer(s, 410, "", &seen);
	assert_int_equal(seen.err.kind, ERR_RETRY);
	assert_string_equal(ask(s, &text), conf.path);
	buf_clear(&text);
	buf_clear(&seen.text);
	graph_any_ops.close(&s);
}

static void
what_cannot_work_is_refused(void **state)
{
	static const struct {
		const char *path, *records, *id, *says;
	} rows[] = {
		{ "v1.0/x", "$.value[*]", "$.id", "/v1.0/ or /beta/" },
		{ "/v2.0/x", "$.value[*]", "$.id", "/v1.0/ or /beta/" },
		{ "/v1.0/x?$top=1", "$.value[*]", "$.id", "query" },
		{ "/v1.0/x", "$.value", "$.id", "records" },
		{ "/v1.0/x", "$.value[*]", "id", "id = \"id\"" },
		{ "/v1.0/x", "$.value[*]", "$.[", "id = \"$.[\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct graph_any_conf conf = conf_of(rows[i].path, NULL);
		struct err err;

		conf.records = T(rows[i].records);
		conf.id = T(rows[i].id);
		assert_null(open_err(&conf, &err));
		assert_int_equal(err.kind, ERR_CONF);
		if (strstr(err.text, rows[i].says) == NULL)
			fail_msg("row %zu: %s", i, err.text);
	}
}

static const struct {
	const char *path, *api, *permission, *absent;
	uint32_t a_minute;
} apis[] = {
	{ "/v1.0/security/cases/ediscoveryCases", "graph-ediscovery",
	    "eDiscovery.Read.All", "china", 5 },
	{ "/beta/security/subjectRightsRequests", "graph-security",
	    "SubjectRightsRequest.Read.All", "gcc-high dod china", 150 },
	{ "/beta/security/dlpAlertEvent", "graph-security", NULL, "china",
	    150 },
	{ "/v1.0/subscribedSkus", "graph", NULL, "", 300 },
};

static void
limits_permissions_and_clouds_follow_from_the_path(void **state)
{
	static const char *const clouds[] = { "commercial", "gcc", "gcc-high",
		"dod", "china" };

	(void)state;
	for (size_t i = 0; i < sizeof(apis) / sizeof(apis[0]); i++) {
		const struct graph_any_conf conf = conf_of(apis[i].path, NULL);
		struct source_api api = source_api(&graph_any_ops, &conf);
		struct err err;

		assert_string_equal(api.api, apis[i].api);
		if (apis[i].permission != NULL)
			assert_string_equal(api.permission, apis[i].permission);
		assert_true(
		    api.limits->requests + 60000 / api.limits->period_ms <=
		    apis[i].a_minute);
		for (size_t k = 0; k < 5; k++) {
			bool gone = strstr(apis[i].absent, clouds[k]) != NULL;

			if (strcmp(clouds[k], "gcc") == 0)
				gone = false;
			assert_int_equal(
			    graph_any_ops.check(&conf, clouds[k], &err),
			    gone ? -1 : 0);
		}
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_list_is_read_whole_in_every_round),
	cmocka_unit_test(once_a_day_all_that_is_listed_is_remembered_anew),
	cmocka_unit_test(a_query_with_times_goes_on_where_it_ended),
	cmocka_unit_test(paths_find_id_time_and_version),
	cmocka_unit_test(a_useless_answer_ends_the_round_after_three),
	cmocka_unit_test(errors_name_the_path_and_links_go_stale),
	cmocka_unit_test(what_cannot_work_is_refused),
	cmocka_unit_test(limits_permissions_and_clouds_follow_from_the_path),
};

UNIT_MAIN(tests)
