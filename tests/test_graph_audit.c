/* tests/test_graph_audit.c -- searches: created, waited for, read. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "codec/httpmsg.h"
#include "codec/json.h"
#include "codec/rfc3339.h"
#include "record/cursor.h"
#include "record/record.h"
#include "source/graph_audit.h"
#include "source/source.h"

#define BASE "https://graph.example.test"
#define QUERIES "/v1.0/security/auditLog/queries"
#define HOUR UINT64_C(3600000)

static int64_t
ms_of(const char *text)
{
	int64_t ms;

	assert_true(rfc3339_parse_ms(str_of(text), &ms));
	return ms;
}

static struct source *
open_with(const struct graph_audit_conf *conf)
{
	const struct source_common common = { .base_url = BASE,
		.start_ms = ms_of("2026-03-01T00:00:00Z") };
	struct err err;
	struct source *s = graph_audit_ops.open(conf, &common, &err);

	assert_non_null(s);
	return s;
}

static const struct graph_audit_conf hourly = { .window_ms = HOUR };

/* One step of a life: each is a round of its own, or a page of one. */
struct step {
	const char *now;  /* a round begins; NULL: it goes on */
	const char *want; /* to be asked; NULL: nothing is, the round ends */
	const char *body; /* that is sent, a part of it; NULL: a GET */
	int status;
	const char *answer;
	enum err_kind told;
	uint64_t pause_s; /* when the round has ended */
	bool behind;
};

static void
take_answer(struct source *s, const struct step *st, struct buf *ids)
{
	struct err err = { .kind = ERR_NONE };
	struct httpresp resp;
	struct json_doc page, doc;
	const char *records;

	httpresp_init(&resp);
	json_init(&page, 0, 0);
	json_init(&doc, 0, 0);
	resp.status = st->status;
	if (graph_audit_ops.head(s, &resp, &records) < 0) {
		(graph_audit_ops.fail)(s, &resp, str_of(st->answer), 1, &err);
	} else {
		uint32_t list;

		assert_int_equal(
		    json_parse(&page, str_of(st->answer), &err), 0);
		list = json_member(&page, 0, STR_LIT("value"));
		for (uint32_t i = list == JSON_NONE ? list
						    : json_first(&page, list);
		     i != JSON_NONE; i = json_after(&page, list, i)) {
			struct record rec;

			assert_int_equal(
			    json_parse(&doc, json_raw(&page, i), &err), 0);
			assert_int_equal(
			    graph_audit_ops.record(s, 0, &doc, &rec, &err), 0);
			buf_addf(ids, "%.*s/%.*s ", STR_ARG(rec.id),
			    STR_ARG(rec.version));
		}
		err.kind = ERR_NONE;
		graph_audit_ops.tail(s, &resp, &page, &err);
	}
	if (err.kind != st->told)
		fail_msg("%s: told %d: %s", st->want, err.kind, err.text);
	json_clear(&page);
	json_clear(&doc);
	httpresp_clear(&resp);
}

static void
play(struct source *s, const struct step *st, struct cursor *c, struct buf *ids)
{
	struct httpreq req;
	struct err err;

	if (st->now != NULL)
		assert_int_equal(
		    graph_audit_ops.begin(s, c, (uint64_t)ms_of(st->now), &err),
		    0);
	httpreq_init(&req);
	if (st->want != NULL) {
		assert_int_equal(graph_audit_ops.ask(s, &req), 1);
		if (strcmp(buf_cstr(&req.url) + strlen(BASE), st->want) != 0)
			fail_msg(
			    "got %s, want %s", buf_cstr(&req.url), st->want);
		assert_int_equal(
		    req.method, st->body != NULL ? HTTP_POST : HTTP_GET);
		if (st->body != NULL &&
		    strstr(buf_cstr(&req.body), st->body) == NULL)
			fail_msg("sent %s", buf_cstr(&req.body));
		assert_false(graph_audit_ops.end(s, c));
		take_answer(s, st, ids);
	} else {
		assert_int_equal(graph_audit_ops.ask(s, &req), 0);
		assert_true(graph_audit_ops.end(s, c));
		assert_int_equal(graph_audit_ops.is_behind(s), st->behind);
		assert_int_equal(
		    graph_audit_ops.pause_ms(s) / 1000, st->pause_s);
	}
	httpreq_clear(&req);
}

#define D "2026-03-01T"
#define ENDS(pause)                                \
	{                                          \
		.pause_s = (pause), .behind = true \
	}
#define CREATES(now_, from, to, id_)                                          \
	{ .now = (now_),                                                      \
		.want = QUERIES,                                              \
		.body = "\"filterStartDateTime\":\"" D from                   \
			"\",\"filterEndDateTime\":\"" D to "\"",              \
		.status = 201,                                                \
		.answer = "{\"id\":\"" id_ "\",\"status\":\"notStarted\"}" }, \
	    ENDS(30)
#define POLLS(now_, id_, says)                                           \
	{                                                                \
		.now = (now_), .want = QUERIES "/" id_, .status = 200,   \
		.answer = "{\"id\":\"" id_ "\",\"status\":\"" says "\"}" \
	}

static const struct step whole_life[] = {
	CREATES(D "02:30:00Z", "00:00:00.000Z", "01:00:00.000Z", "q1"),
	POLLS(D "02:30:30Z", "q1", "running"),
	ENDS(30),
	POLLS(D "02:50:00Z", "q1", "Running"),
	ENDS(300),
	POLLS(D "02:55:00Z", "q1", "succeeded"),
	{ .want = QUERIES "/q1/records",
	    .status = 200,
	    .answer = "{\"value\":[{\"id\":\"a\",\"operation\":\"Match\"},"
		      "{\"id\":\"a\",\"operation\":\"Undo\"}],"
		      "\"@odata.nextLink\":\"" BASE "/n\"}" },
	{ .want = "/n", .status = 503, .answer = "", .told = ERR_RETRY },
	{ .want = "/n", .status = 200, .answer = "{\"value\":[]}" },
	ENDS(0),
	CREATES(D "02:55:01Z", "01:00:00.000Z", "02:00:00.000Z", "q2"),
	{ .now = D "02:56:00Z",
	    .want = QUERIES "/q2",
	    .status = 404,
	    .answer = "{}",
	    .told = ERR_PART },
	ENDS(30),
	CREATES(D "02:57:00Z", "01:00:00.000Z", "02:00:00.000Z", "q3"),
	{ .now = D "02:58:00Z",
	    .want = QUERIES "/q3",
	    .status = 200,
	    .answer = "{\"status\":\"succeeded\","
		      "\"isRecordCountLimitExceeded\":true}",
	    .told = ERR_PART },
	ENDS(0),
	CREATES(D "02:58:01Z", "01:00:00.000Z", "01:30:00.000Z", "q4"),
	POLLS(D "02:59:00Z", "q4", "succeeded"),
	{ .want = QUERIES "/q4/records",
	    .status = 200,
	    .answer = "{\"value\":[{\"id\":\"b\"}]}" },
	ENDS(0),
	/* The next whole window has not passed yet. */
	{ .now = D "02:29:59Z", .pause_s = 0, .behind = false },
	CREATES(D "02:30:00Z", "01:30:00.000Z", "02:30:00.000Z", "q5"),
	{ .now = "2026-03-02T02:30:01Z",
	    .want = QUERIES "/q5",
	    .status = 200,
	    .answer = "{\"status\":\"running\"}",
	    .told = ERR_PART },
	ENDS(300),
};

static void
a_search_is_created_waited_for_and_read(void **state)
{
	/* With a restart before each round, and without. */
	(void)state;
	for (int restarts = 0; restarts < 2; restarts++) {
		struct source *s = open_with(&hourly);
		struct cursor c = { .len = 0 };
		struct buf ids;

		buf_init(&ids, 1 << 12);
		for (size_t i = 0;
		     i < sizeof(whole_life) / sizeof(whole_life[0]); i++) {
			const struct step *st = &whole_life[i];

			if (restarts && st->now != NULL) {
				graph_audit_ops.close(&s);
				s = open_with(&hourly);
			}
			if (st->now != NULL && st->want == NULL) {
				struct err err;

				graph_audit_ops.begin(
				    s, &c, (uint64_t)ms_of(st->now), &err);
				assert_false(graph_audit_ops.is_behind(s));
				assert_true(graph_audit_ops.end(s, &c));
				continue;
			}
			play(s, st, &c, &ids);
		}
		assert_str(buf_str(&ids), "a/Match a/Undo b/ ");
		buf_clear(&ids);
		graph_audit_ops.close(&s);
	}
}

static void
searches_stay_below_what_a_day_allows(void **state)
{
	struct cursor c = { .len = 0 };
	struct source *s = open_with(&hourly);
	uint64_t now = (uint64_t)ms_of("2026-04-01T00:00:00Z");
	unsigned created = 0;
	struct err err;

	(void)state;
	for (uint64_t t = now; t < now + 24 * HOUR; t += 30000) {
		struct step st = { .want = "create",
			.status = 201,
			.answer = "{\"id\":\"q\"}" };
		struct httpreq req;
		struct buf ids;

		(void)cursor_set(&c, "query", STR_LIT(""));
		graph_audit_ops.begin(s, &c, t, &err);
		httpreq_init(&req);
		buf_init(&ids, 64);
		if (graph_audit_ops.ask(s, &req) == 1) {
			take_answer(s, &st, &ids);
			created++;
		} else {
			assert_in_range(graph_audit_ops.pause_ms(s), 1, 480000);
		}
		assert_true(graph_audit_ops.end(s, &c));
		httpreq_clear(&req);
		buf_clear(&ids);
	}
	assert_in_range(created, 190, 200);
	graph_audit_ops.close(&s);
}

static void
filters_and_clouds(void **state)
{
	char type[] = "Compliance\"DLP", op[] = "DlpRuleMatch";
	char *types[] = { type }, *ops[] = { op };
	const struct graph_audit_conf conf = { .api_version = 1,
		.window_ms = HOUR,
		.record_types = { types, 1 },
		.operations = { ops, 1 } };
	const struct cursor none = { .len = 0 };
	struct source *s = open_with(&conf);
	struct httpreq req;
	struct err err;

	(void)state;
	httpreq_init(&req);
	graph_audit_ops.begin(s, &none, (uint64_t)ms_of(D "12:00:00Z"), &err);
	assert_int_equal(graph_audit_ops.ask(s, &req), 1);
	assert_non_null(strstr(buf_cstr(&req.url), "/beta/security/"));
	assert_non_null(strstr(buf_cstr(&req.body),
	    ",\"recordTypeFilters\":[\"Compliance\\\"DLP\"]"
	    ",\"operationFilters\":[\"DlpRuleMatch\"]}"));
	httpreq_clear(&req);
	graph_audit_ops.close(&s);
	assert_int_equal(graph_audit_ops.check(&conf, "gcc", &err), 0);
	assert_int_equal(graph_audit_ops.check(&conf, "dod", &err), -1);
	assert_int_equal(graph_audit_ops.check(&conf, "gcc-high", &err), -1);
	assert_non_null(strstr(err.text, "o365-activity"));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_search_is_created_waited_for_and_read),
	cmocka_unit_test(searches_stay_below_what_a_day_allows),
	cmocka_unit_test(filters_and_clouds),
};

UNIT_MAIN(tests)
