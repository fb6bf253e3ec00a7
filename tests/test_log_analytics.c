/* tests/test_log_analytics.c -- answers in, queries and rows out. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "codec/httpmsg.h"
#include "codec/json.h"
#include "codec/jsonsplit.h"
#include "codec/rfc3339.h"
#include "record/cursor.h"
#include "record/record.h"
#include "source/log_analytics.h"
#include "source/source.h"

#define BASE "https://logs.example.test"
#define WORKSPACE "0f1e2d3c-1111-2222-3333-444455556666"
#define DAY "2026-03-01T"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* --- a small cloud ------------------------------------------------------ */

#define COLUMN(name, type) "{\"name\":\"" name "\",\"type\":\"" type "\"}"
#define COLUMNS                                                              \
	COLUMN("TimeGenerated", "datetime")                                  \
	"," COLUMN("Id", "string") "," COLUMN("More", "dynamic") "," COLUMN( \
	    "cloudcefd_time", "datetime")
#define TABLE(columns, rows)                                             \
	"{\"tables\":[{\"name\":\"PrimaryResult\",\"columns\":[" columns \
	"],\"rows\":[" rows "]}]}"

/*
 * Rows are written as words: "a@10:00:00" has that id and arrived then; "!"
 * is one that is no JSON, and "?code" an error beside the table.
 */
static void
write_page(struct buf *out, const char *words)
{
	struct str rest = str_of(words), code = { NULL, 0 };
	bool first = true;

	buf_add_text(out,
	    "{\"tables\":[{\"name\":\"PrimaryResult\","
	    "\"columns\":[" COLUMNS "],\"rows\":[");
	while (rest.len > 0) {
		struct str time = str_cut(&rest, ' '), id;

		if (time.p[0] == '?') {
			code = str_make(time.p + 1, time.len - 1);
			continue;
		}
		id = str_cut(&time, '@');
		buf_add_text(out, first ? "" : ",");
		first = false;
		if (str_is(id, "!"))
			buf_add_text(out, "[\"\\x\"]");
		else
			buf_addf(out,
			    "[\"" DAY "00:00:01Z\",\"%.*s\",\"[1]\","
			    "\"" DAY "%.*sZ\"]",
			    STR_ARG(id), STR_ARG(time));
	}
	buf_add_text(out, "]}]");
	if (code.len > 0)
		buf_addf(out,
		    ",\"error\":{\"code\":\"%.*s\",\"message\":\"m\"}",
		    STR_ARG(code));
	buf_add_char(out, '}');
}

static int64_t
ms_of(const char *text)
{
	int64_t ms;

	assert_true(rfc3339_parse_ms(str_of(text), &ms));
	return ms;
}

/* What a round saw: ids, and the last error told. */
struct seen {
	struct source *s;
	struct buf ids; /* "a1 b2" */
	struct buf versions, docs;
	bool prefaced;
	struct jsonsplit *split;
	struct err err;
};

static void
take_record(struct seen *seen, struct str text)
{
	struct json_doc doc;
	struct record rec;
	struct err err;

	json_init(&doc, 0, 0);
	if (json_parse(&doc, text, &err) < 0) {
		(log_analytics_ops.unread)(seen->s, 0);
	} else if (log_analytics_ops.record(seen->s, 0, &doc, &rec, &err) ==
	    0) {
		assert_str(rec.type, "log-analytics");
		assert_false(rec.is_update);
		buf_addf(&seen->ids, "%s%.*s", seen->ids.len > 0 ? " " : "",
		    STR_ARG(rec.id));
		buf_addf(&seen->versions, "%.*s ", STR_ARG(rec.version));
		buf_addf(&seen->docs, "%.*s\n", STR_ARG(rec.doc->text));
	} else {
		seen->err = err;
	}
	json_clear(&doc);
}

static int
on_record(void *arg, struct str record, size_t oversize, struct err *err)
{
	struct seen *seen = arg;
	struct json_doc doc;
	struct buf text;
	int rc = 0;

	assert_int_equal(oversize, 0);
	if (!seen->prefaced) {
		buf_init(&text, 1 << 20);
		json_init(&doc, 0, 0);
		jsonsplit_preface(seen->split, &text);
		assert_int_equal(json_parse(&doc, buf_str(&text), err), 0);
		rc = log_analytics_ops.preface(seen->s, 0, &doc, err);
		json_clear(&doc);
		buf_clear(&text);
		seen->prefaced = true;
	}
	if (rc == 0)
		take_record(seen, record);
	return rc;
}

static void
break_off(struct seen *seen, struct httpresp *resp)
{
	resp->status = 0;
	(log_analytics_ops.fail)(seen->s, resp, str_of(""), 1, &seen->err);
}

static void
take_answer(struct seen *seen, struct httpresp *resp, struct str body,
    const char *records)
{
	struct jsonsplit_conf conf = { .records = records,
		.max_record = 1 << 20,
		.max_envelope = 1 << 20 };
	struct str envelope = STR_LIT("null");
	struct json_doc doc;

	json_init(&doc, 0, 0);
	seen->prefaced = false;
	seen->split = jsonsplit_new(&conf, on_record, seen);
	if (resp->status != 204 &&
	    (jsonsplit_feed(seen->split, body, &seen->err) < 0 ||
		jsonsplit_end(seen->split, &envelope, &seen->err) < 0)) {
		break_off(seen, resp);
	} else {
		assert_int_equal(json_parse(&doc, envelope, &seen->err), 0);
		log_analytics_ops.tail(seen->s, resp, &doc, &seen->err);
	}
	jsonsplit_free(&seen->split);
	json_clear(&doc);
}

/* Answer as the poller would. */
static void
answer(struct seen *seen, int status, const char *headers, const char *body)
{
	struct httpresp resp;
	const char *records = NULL;

	httpresp_init(&resp);
	resp.status = status;
	if (headers != NULL)
		buf_add_text(&resp.headers, headers);
	seen->err = (struct err){ .kind = ERR_NONE };
	if (status == 0) {
		err_set(&seen->err, ERR_RETRY, "connection broke");
		break_off(seen, &resp);
	} else if (log_analytics_ops.head(seen->s, &resp, &records) < 0) {
		(log_analytics_ops.fail)(
		    seen->s, &resp, str_of(body), 1, &seen->err);
	} else {
		take_answer(seen, &resp, str_of(body), records);
	}
	httpresp_clear(&resp);
}

static void
answer_words(struct seen *seen, int status, const char *words)
{
	struct buf body;

	buf_init(&body, 1 << 20);
	write_page(&body, words);
	answer(seen, status, NULL, buf_cstr(&body));
	buf_clear(&body);
}

/* --- rounds ------------------------------------------------------------- */

static struct log_analytics_conf
defaults(void)
{
	struct log_analytics_conf conf = { 0 };

	opt_defaults(log_analytics_ops.opts, &conf);
	conf.settle_ms = 60 * 1000;
	conf.sweep_ms = 0;
	return conf;
}

static struct source *
open_with(const struct log_analytics_conf *conf, const char *start)
{
	struct source_common common = {
		.base_url = BASE,
		.workspace_id = WORKSPACE,
		.overlap_ms = 10 * 60 * 1000,
		.start_ms = ms_of(start),
	};
	struct err err;
	struct source *s = log_analytics_ops.open(conf, &common, &err);

	if (s == NULL)
		fail_msg("%s", err.text);
	return s;
}

/* Of a conf with texts on the heap: what it says stays the source's. */
static struct source *
open_text(const char *table, const char *query, const char *time_column,
    const char *id_column)
{
	struct log_analytics_conf conf = defaults();
	char *ids[] = { id_column != NULL ? xstrdup(id_column) : NULL };
	struct source *s;

	conf.table = table != NULL ? xstrdup(table) : NULL;
	conf.query = query != NULL ? xstrdup(query) : NULL;
	conf.time_column = time_column != NULL ? xstrdup(time_column) : NULL;
	conf.id_columns = (struct opt_list){ ids, id_column != NULL };
	conf.page_size = 3;
	s = open_with(&conf, DAY "00:00:00Z");
	xfree(conf.table);
	xfree(conf.query);
	xfree(conf.time_column);
	xfree(ids[0]);
	return s;
}

static void
begin_at(struct source *s, const struct cursor *from, const char *now)
{
	struct err err;

	assert_int_equal(
	    log_analytics_ops.begin(s, from, (uint64_t)ms_of(now), &err), 0);
}

static struct seen
new_seen(struct source *s)
{
	struct seen seen = { .s = s };

	buf_init(&seen.ids, 1 << 20);
	buf_init(&seen.versions, 1 << 20);
	buf_init(&seen.docs, 1 << 20);
	return seen;
}

static void
clear_seen(struct seen *seen)
{
	buf_clear(&seen->ids);
	buf_clear(&seen->versions);
	buf_clear(&seen->docs);
	log_analytics_ops.close(&seen->s);
	assert_null(seen->s);
}

/* The query and the time span of the next request; false: there is none. */
static bool
ask(struct source *s, struct buf *query, struct buf *span)
{
	struct httpreq req;
	struct json_doc doc;
	struct err err;
	bool asked;

	buf_reset(query);
	buf_reset(span);
	httpreq_init(&req);
	json_init(&doc, 0, 0);
	asked = log_analytics_ops.ask(s, &req) == 1;
	if (asked) {
		assert_int_equal(req.method, HTTP_POST);
		assert_str(buf_str(&req.url),
		    BASE "/v1/workspaces/" WORKSPACE "/query");
		assert_non_null(strstr(buf_cstr(&req.headers),
		    "Content-Type: application/json\n"));
		assert_int_equal(json_parse(&doc, buf_str(&req.body), &err), 0);
		json_decode(&doc, json_at(&doc, 0, "query"), query);
		json_decode(&doc, json_at(&doc, 0, "timespan"), span);
		assert_int_equal(log_analytics_ops.ask(s, &req), 0);
	}
	json_clear(&doc);
	httpreq_clear(&req);
	return asked;
}

/* "02:00:00.5 03:00:00.0 take 3 skip 3": what matters of a query. */
static void
shorten(const char *query, struct buf *out)
{
	const char *low = strstr(query, ">= datetime(" DAY);
	const char *high = strstr(query, " < datetime(" DAY);
	const char *take = strstr(query, "| take "), *skip;

	buf_reset(out);
	if (low == NULL || high == NULL || take == NULL) {
		buf_add_text(out, query);
		return;
	}
	skip = strstr(query, "cloudcefd_row > ");
	buf_addf(out, "%.10s %.10s take %ld", low + 23, high + 23,
	    strtol(take + 7, NULL, 10));
	if (skip != NULL)
		buf_addf(out, " skip %ld", strtol(skip + 16, NULL, 10));
}

/* The scripts read from midnight to a minute before noon. */
struct step {
	const char *want; /* to be asked; NULL: the end of the script */
	int status;       /* of the answer; 0: it breaks off */
	const char *body; /* of an error; of a success: words */
	enum err_kind told;
};

#define TOO_LONG "{\"error\":{\"code\":\"GatewayTimeout\",\"message\":\"m\"}}"

static const struct script {
	const char *name;
	struct step steps[14];
	const char *ids;
} scripts[] = {
	{ "slices grow while they hold little",
	    { { "00:00:00.0 01:00:00.0 take 3", 200, "", ERR_NONE },
		{ "01:00:00.0 03:00:00.0 take 3", 200, "a@01:30:00", ERR_NONE },
		{ "03:00:00.0 07:00:00.0 take 3", 200, "b@03:30:00 c@04:00:00",
		    ERR_NONE },
		{ "07:00:00.0 11:59:00.0 take 3", 200, "d@08:00:00",
		    ERR_NONE } },
	    "a b c d" },
	{ "a full page is gone on from its last moment",
	    { { "00:00:00.0 01:00:00.0 take 3", 200,
		  "a@00:10:00 b@00:20:00 c@00:30:00.5", ERR_NONE },
		{ "00:30:00.5 01:00:00.0 take 3", 200,
		    "c@00:30:00.5 d@00:40:00", ERR_NONE },
		{ "01:00:00.0 03:00:00.0 take 3", 200, "", ERR_NONE },
		{ "03:00:00.0 07:00:00.0 take 3", 200, "", ERR_NONE },
		{ "07:00:00.0 11:59:00.0 take 3", 200, "", ERR_NONE } },
	    "a b c c d" },
	{ "many rows of one moment are counted through",
	    { { "00:00:00.0 01:00:00.0 take 3", 200,
		  "a@00:10:00 b@00:10:00 c@00:10:00", ERR_NONE },
		{ "00:10:00.0 01:00:00.0 take 3", 200,
		    "a@00:10:00 b@00:10:00 c@00:10:00", ERR_NONE },
		{ "00:10:00.0 01:00:00.0 take 3 skip 3", 200,
		    "d@00:10:00 e@00:10:00 f@00:10:00", ERR_NONE },
		{ "00:10:00.0 01:00:00.0 take 3 skip 6", 200,
		    "g@00:10:00 h@00:10:00 i@00:11:00", ERR_NONE },
		{ "00:11:00.0 01:00:00.0 take 3", 200, "i@00:11:00", ERR_NONE },
		{ "01:00:00.0 03:00:00.0 take 3", 200, "", ERR_NONE },
		{ "03:00:00.0 07:00:00.0 take 3", 200, "", ERR_NONE },
		{ "07:00:00.0 11:59:00.0 take 3", 200, "", ERR_NONE } },
	    "a b c a b c d e f g h i i" },
	{ "a row that cannot be read fills its place on the page",
	    { { "00:00:00.0 01:00:00.0 take 3", 200, "a@00:10:00 ! b@00:20:00",
		  ERR_NONE },
		{ "00:20:00.0 01:00:00.0 take 3", 200, "! ! !", ERR_NONE },
		{ "00:20:00.0 01:00:00.0 take 3 skip 3", 200, "c@00:20:00",
		    ERR_NONE },
		{ "01:00:00.0 02:00:00.0 take 3", 200, "", ERR_NONE },
		{ "02:00:00.0 04:00:00.0 take 3", 200, "", ERR_NONE },
		{ "04:00:00.0 08:00:00.0 take 3", 200, "", ERR_NONE },
		{ "08:00:00.0 11:59:00.0 take 3", 200, "", ERR_NONE } },
	    "a b c" },
	{ "an answer that is a part is asked for again in smaller ones",
	    { { "00:00:00.0 01:00:00.0 take 3", 200, "a@00:10:00 ?PartialError",
		  ERR_DEGRADE },
		{ "00:00:00.0 00:30:00.0 take 1", 200, "a@00:10:00", ERR_NONE },
		{ "00:10:00.0 00:30:00.0 take 1", 200, "a@00:10:00", ERR_NONE },
		{ "00:10:00.0 00:30:00.0 take 1 skip 1", 200, "", ERR_NONE },
		{ "00:30:00.0 01:00:00.0 take 1", 200, "", ERR_NONE },
		{ "01:00:00.0 02:00:00.0 take 2", 200, "", ERR_NONE },
		{ "02:00:00.0 04:00:00.0 take 3", 200, "", ERR_NONE },
		{ "04:00:00.0 08:00:00.0 take 3", 200, "", ERR_NONE },
		{ "08:00:00.0 11:59:00.0 take 3", 200, "", ERR_NONE } },
	    "a a a" },
	{ "a query that takes too long is made shorter at once",
	    { { "00:00:00.0 01:00:00.0 take 3", 504, TOO_LONG, ERR_DEGRADE },
		{ "00:00:00.0 00:30:00.0 take 1", 200, "", ERR_NONE },
		{ "00:30:00.0 01:30:00.0 take 2", 200, "", ERR_NONE },
		{ "01:30:00.0 03:30:00.0 take 3", 200, "", ERR_NONE },
		{ "03:30:00.0 07:30:00.0 take 3", 200, "", ERR_NONE },
		{ "07:30:00.0 11:59:00.0 take 3", 200, "", ERR_NONE } },
	    "" },
	{ "what failed is asked again, twice before it is made shorter",
	    { { "00:00:00.0 01:00:00.0 take 3", 503, "<html>", ERR_RETRY },
		{ "00:00:00.0 01:00:00.0 take 3", 0, NULL, ERR_RETRY },
		{ "00:00:00.0 01:00:00.0 take 3", 500, "", ERR_RETRY },
		{ "00:00:00.0 01:00:00.0 take 3", 500, "", ERR_DEGRADE },
		{ "00:00:00.0 00:30:00.0 take 1", 200, "", ERR_NONE },
		{ "00:30:00.0 01:30:00.0 take 2", 200, "", ERR_NONE },
		{ "01:30:00.0 03:30:00.0 take 3", 200, "", ERR_NONE },
		{ "03:30:00.0 07:30:00.0 take 3", 200, "", ERR_NONE },
		{ "07:30:00.0 11:59:00.0 take 3", 200, "", ERR_NONE } },
	    "" },
	{ "a workspace that never had a row answers nothing",
	    { { "00:00:00.0 01:00:00.0 take 3", 204, "", ERR_NONE },
		{ "01:00:00.0 03:00:00.0 take 3", 204, "", ERR_NONE },
		{ "03:00:00.0 07:00:00.0 take 3", 204, "", ERR_NONE },
		{ "07:00:00.0 11:59:00.0 take 3", 204, "", ERR_NONE } },
	    "" },
};

static void
play(const struct script *script)
{
	struct source *s = open_text("Things", NULL, NULL, "Id");
	struct seen seen = new_seen(s);
	struct cursor cursor = { .len = 0 };
	struct buf query, span, text;

	buf_init(&query, 1 << 20);
	buf_init(&span, 1024);
	buf_init(&text, 1 << 20);
	begin_at(s, &cursor, DAY "12:00:00Z");
	for (const struct step *st = script->steps; st->want != NULL; st++) {
		assert_false(log_analytics_ops.end(s, &cursor));
		if (!ask(s, &query, &span))
			fail_msg("%s: nothing is asked, wanted %s",
			    script->name, st->want);
		shorten(buf_cstr(&query), &text);
		if (strcmp(buf_cstr(&text), st->want) != 0)
			fail_msg("%s: asked %s, wanted %s", script->name,
			    buf_cstr(&text), st->want);
		if (st->status == 200)
			answer_words(&seen, 200, st->body);
		else
			answer(&seen, st->status, NULL, st->body);
		if (seen.err.kind != st->told)
			fail_msg("%s: %s: told %d: %s", script->name, st->want,
			    (int)seen.err.kind, seen.err.text);
	}
	if (ask(s, &query, &span))
		fail_msg("%s: asked %s", script->name, buf_cstr(&query));
	assert_true(log_analytics_ops.end(s, &cursor));
	assert_str(cursor_get(&cursor, "read-until"), DAY "11:59:00.0000000Z");
	if (strcmp(buf_cstr(&seen.ids), script->ids) != 0)
		fail_msg("%s: got %s, wanted %s", script->name,
		    buf_cstr(&seen.ids), script->ids);
	clear_seen(&seen);
	buf_clear(&query);
	buf_clear(&span);
	buf_clear(&text);
}

static void
rounds_read_all_that_arrived(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(scripts); i++)
		play(&scripts[i]);
}

#define PAGED                                                            \
	"\n| where cloudcefd_time >= datetime(" DAY "00:00:00.0000000Z)" \
	" and cloudcefd_time < datetime(" DAY "01:00:00.0000000Z)"       \
	"\n| extend cloudcefd_order = hash(tostring(pack_all()))"        \
	"\n| order by cloudcefd_time asc, cloudcefd_order asc"           \
	"\n| take 3\n| project-away cloudcefd_order"

static void
a_table_is_read_by_arrival_and_a_query_by_its_column(void **state)
{
	static const struct {
		const char *table, *query, *time, *want;
	} rows[] = {
		{ "SecurityAlert", NULL, NULL,
		    "SecurityAlert\n| extend cloudcefd_time ="
		    " coalesce(ingestion_time(), TimeGenerated)" PAGED },
		{ "SecurityAlert", NULL, "ProcessingEndTime",
		    "SecurityAlert\n| extend cloudcefd_time ="
		    " todatetime(ProcessingEndTime)" PAGED },
		{ NULL, "let x = \"a\\b\";\nT | where A == x ; \n", NULL,
		    "let x = \"a\\b\";\nT | where A == x\n| extend"
		    " cloudcefd_time = todatetime(TimeGenerated)" PAGED },
		{ NULL, "T // all of it", "Arrived",
		    "T // all of it\n| extend cloudcefd_time ="
		    " todatetime(Arrived)" PAGED },
	};
	struct buf query, span;

	(void)state;
	buf_init(&query, 1 << 20);
	buf_init(&span, 1024);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct source *s =
		    open_text(rows[i].table, rows[i].query, rows[i].time, NULL);
		struct cursor cursor = { .len = 0 };

		begin_at(s, &cursor, DAY "12:00:00Z");
		assert_true(ask(s, &query, &span));
		assert_str(buf_str(&query), rows[i].want);
		assert_str(buf_str(&span),
		    "2026-02-15T00:00:00.0000000Z/"
		    "2026-03-02T01:00:00.0000000Z");
		log_analytics_ops.close(&s);
	}
	buf_clear(&query);
	buf_clear(&span);
}

static void
the_cursor_says_where_the_next_round_begins(void **state)
{
	struct log_analytics_conf conf = defaults();
	struct cursor cursor = { .len = 0 };
	struct buf query, span, text;
	struct seen seen;
	struct source *s;

	(void)state;
	buf_init(&query, 1 << 20);
	buf_init(&span, 1024);
	buf_init(&text, 1 << 20);
	conf.table = (char[]){ "Things" };
	conf.sweep_ms = 3600 * 1000;
	conf.sweep_overlap_ms = 2 * 3600 * 1000;
	s = open_with(&conf, DAY "09:00:00Z");
	seen = new_seen(s);
	begin_at(s, &cursor, DAY "09:31:00Z");
	assert_true(ask(s, &query, &span));
	/* The service's clock is behind ours: what it has not yet seen. */
	answer(&seen, 200, "Date: Sun, 01 Mar 2026 09:21:00 GMT\n",
	    TABLE(COLUMNS, ""));
	assert_true(log_analytics_ops.end(s, &cursor));
	assert_str(cursor_get(&cursor, "read-until"), DAY "09:20:00.0000000Z");

	/* The overlap, but nothing from before the start. */
	begin_at(s, &cursor, DAY "09:40:00Z");
	assert_true(ask(s, &query, &span));
	shorten(buf_cstr(&query), &text);
	assert_string_equal(
	    buf_cstr(&text), "09:10:00.0 09:39:00.0 take 10000");
	answer_words(&seen, 200, "");
	assert_true(log_analytics_ops.end(s, &cursor));

	/* An hour later it sweeps. */
	begin_at(s, &cursor, DAY "10:40:00Z");
	assert_true(ask(s, &query, &span));
	shorten(buf_cstr(&query), &text);
	assert_string_equal(
	    buf_cstr(&text), "09:00:00.0 10:39:00.0 take 10000");
	clear_seen(&seen);
	buf_clear(&query);
	buf_clear(&span);
	buf_clear(&text);
}

/* --- rows --------------------------------------------------------------- */

/* Ask one page of a table, and answer with these columns and rows. */
static void
read_rows(struct seen *seen, const char *columns, const char *rows)
{
	struct cursor cursor = { .len = 0 };
	struct buf query, span, body;

	buf_init(&query, 1 << 20);
	buf_init(&span, 1024);
	buf_init(&body, 1 << 20);
	buf_reset(&seen->ids);
	buf_reset(&seen->versions);
	buf_reset(&seen->docs);
	begin_at(seen->s, &cursor, DAY "12:00:00Z");
	assert_true(ask(seen->s, &query, &span));
	buf_addf(&body,
	    "{\"tables\":[{\"name\":\"PrimaryResult\",\"columns\":["
	    "%s," COLUMN("cloudcefd_time", "datetime") "],\"rows\":[%s]}]}",
	    columns, rows);
	answer(seen, 200, NULL, buf_cstr(&body));
	buf_clear(&query);
	buf_clear(&span);
	buf_clear(&body);
}

#define T1 "\"" DAY "00:10:00Z\""

static void
rows_get_the_names_of_their_columns(void **state)
{
	struct source *s = open_text("Things", NULL, NULL, "Id");
	struct seen seen = new_seen(s);

	(void)state;
	answer_words(&seen, 200, "");
	read_rows(&seen, COLUMN("Id", "int") "," COLUMN("More", "dynamic"),
	    "[7,\"{\\\"k\\\":[]}\"," T1 "],[8,{\"k\": 1}," T1 "]");
	assert_int_equal(seen.err.kind, ERR_NONE);
	assert_str(buf_str(&seen.ids), "7 8");
	assert_str(buf_str(&seen.docs),
	    "{\"Id\":7,\"More\":{\"k\":[]},\"cloudcefd_time\":" T1 "}\n"
	    "{\"Id\":8,\"More\":{\"k\": 1},\"cloudcefd_time\":" T1 "}\n");
	clear_seen(&seen);
}

static const char *
first_word(struct buf *b)
{
	char *space = strchr(buf_cstr(b), ' ');

	if (space != NULL)
		*space = '\0';
	return b->p;
}

/* Pairs of rows of one table that are the same thing, or are not. */
#define PURVIEW                                                       \
	COLUMN("ActivityType", "string")                              \
	"," COLUMN("AssetPath", "string") "," COLUMN(                 \
	    "SourceScanId", "string") "," COLUMN("AssetLastScanTime", \
	    "datetime") "," COLUMN("Classification", "dynamic")
#define ALERT COLUMN("SystemAlertId", "string") "," COLUMN("Status", "string")
#define SHADOW                      \
	COLUMN("AppName", "string") \
	"," COLUMN("TotalEvents", "int") "," COLUMN("AppTags", "dynamic")

static const struct pair {
	const char *name, *table, *columns, *row, *other_columns, *other;
	bool same_id, same_version;
} pairs[] = {
	{ "an alert with a new status", "SecurityAlert", ALERT,
	    "[\"x\",\"New\"," T1 "]", ALERT, "[\"x\",\"Closed\"," T1 "]", true,
	    false },
	{ "two alerts", "SecurityAlert", ALERT, "[\"x\",\"New\"," T1 "]", ALERT,
	    "[\"y\",\"New\"," T1 "]", false, false },
	{ "the same, by other words", "SecurityAlert", ALERT,
	    "[\"x\",\"New\"," T1 "]",
	    COLUMN("_Size", "real") "," COLUMN("Status", "string") "," COLUMN(
		"SystemAlertId", "string") "," COLUMN("Added", "string"),
	    "[2.5,\"Ne\\u0077\",\"x\",\"\"," T1 "]", true, true },
	{ "an asset that was scanned again", "PurviewDataSensitivityLogs",
	    PURVIEW, "[\"C\",\"p\",\"s\",\"" DAY "00:00:00Z\",\"[]\"," T1 "]",
	    PURVIEW, "[\"C\",\"p\",\"s\",\"" DAY "00:00:01Z\",\"[]\"," T1 "]",
	    false, false },
	{ "a list as text and as JSON", "PurviewDataSensitivityLogs", PURVIEW,
	    "[\"C\",\"p\",\"s\",\"" DAY
	    "00:00:00Z\",\"[{\\\"a\\\":1,\\\"b\\\":null}]\"," T1 "]",
	    PURVIEW,
	    "[\"C\",\"p\",\"s\",\"" DAY
	    "00:00:00Z\",[ {\"b\":null, \"a\":1} ]," T1 "]",
	    true, true },
	{ "a table without ids: the same row", "McasShadowItReporting", SHADOW,
	    "[\"a\",1,\"[\\\"x\\\"]\"," T1 "]", SHADOW,
	    "[\"a\",1,[\"x\"],\"" DAY "00:11:00Z\"]", true, true },
	{ "a table without ids: another number", "McasShadowItReporting",
	    SHADOW, "[\"a\",1,\"\"," T1 "]", SHADOW, "[\"a\",2,\"\"," T1 "]",
	    false, true },
	{ "lists in another order", "McasShadowItReporting", SHADOW,
	    "[\"a\",1,[\"x\",\"y\"]," T1 "]", SHADOW,
	    "[\"a\",1,[\"y\",\"x\"]," T1 "]", false, true },
	{ "a value in another column", "McasShadowItReporting",
	    COLUMN("A", "string") "," COLUMN("B", "string"),
	    "[\"v\",\"\"," T1 "]",
	    COLUMN("A", "string") "," COLUMN("B", "string"),
	    "[\"\",\"v\"," T1 "]", false, true },
	{ "an alert without an id, known by what it says", "SecurityAlert",
	    ALERT, "[null,\"New\"," T1 "]", ALERT, "[\"\",\"New\"," T1 "]",
	    true, true },
};

static void
check_pair(const struct pair *p)
{
	struct source *s = open_text(p->table, NULL, NULL, NULL);
	struct seen a = new_seen(s), b = new_seen(s);

	read_rows(&a, p->columns, p->row);
	read_rows(&b, p->other_columns, p->other);
	if ((strcmp(first_word(&a.ids), first_word(&b.ids)) == 0) != p->same_id)
		fail_msg("%s: ids %s %s", p->name, a.ids.p, b.ids.p);
	if ((strcmp(first_word(&a.versions), first_word(&b.versions)) == 0) !=
	    p->same_version)
		fail_msg(
		    "%s: versions %s %s", p->name, a.versions.p, b.versions.p);
	b.s = NULL;
	buf_clear(&b.ids);
	buf_clear(&b.versions);
	buf_clear(&b.docs);
	clear_seen(&a);
}

static void
rows_are_known_by_id_columns_or_by_what_they_say(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(pairs); i++)
		check_pair(&pairs[i]);
}

static void
rows_that_say_the_same_are_counted(void **state)
{
	struct source *s = open_text("McasShadowItReporting", NULL, NULL, NULL);
	struct seen seen = new_seen(s);
	struct buf first;

	(void)state;
	buf_init(&first, 1024);
	/* Whatever was read before, by an answer that broke off. */
	read_rows(&seen, SHADOW, "[\"a\",1,\"\"," T1 "]");
	read_rows(&seen, SHADOW,
	    "[\"a\",1,\"\"," T1 "],[\"a\",1,\"\"," T1 "],[\"b\",1,\"\"," T1
	    "]");
	buf_add_text(&first, first_word(&seen.ids));
	assert_int_equal(first.len, 32);
	assert_memory_equal(seen.ids.p + 33, first.p, 32);
	assert_memory_equal(seen.ids.p + 65, "-1 ", 3);
	assert_int_equal(seen.ids.len, 32 + 1 + 34 + 1 + 32);
	buf_clear(&first);
	clear_seen(&seen);
}

static void
a_record_in_a_file_needs_no_table(void **state)
{
	struct log_analytics_conf conf = defaults();
	struct source_common common = { .base_url = BASE, .never_asks = true };
	struct cursor cursor = { .len = 0 };
	struct seen seen;
	struct err err;

	(void)state;
	seen = new_seen(log_analytics_ops.open(&conf, &common, &err));
	assert_non_null(seen.s);
	begin_at(seen.s, &cursor, DAY "12:00:00Z");
	take_record(&seen,
	    STR_LIT("{\"Type\":\"SecurityAlert\",\"SystemAlertId\":\"x\"}"));
	take_record(
	    &seen, STR_LIT("{\"Type\":\"OfficeActivity\",\"OfficeId\":\"y\"}"));
	assert_str(buf_str(&seen.ids), "x y");
	clear_seen(&seen);
}

/* --- errors ------------------------------------------------------------- */

#define ERROR(code, inner)                                         \
	"{\"error\":{\"message\":\"outer words\",\"code\":\"" code \
	"\",\"innererror\":{\"code\":\"" inner                     \
	"\",\"message\":\"inner words\"}}}"
#define PLAIN_ERROR(code) \
	"{\"error\":{\"code\":\"" code "\",\"message\":\"outer words\"}}"

static const struct fault {
	int status;
	const char *body;
	enum err_kind kind;
	const char *words; /* of the text */
} faults[] = {
	{ 400, ERROR("BadArgumentError", "SyntaxError"), ERR_CONF,
	    "no valid KQL" },
	{ 400, ERROR("BadArgumentError", "SemanticError"), ERR_CONF,
	    "no such table" },
	{ 400, ERROR("BadArgumentError", "Other"), ERR_CONF, "inner words" },
	{ 400, PLAIN_ERROR("FailedToResolveResource"), ERR_CONF,
	    "check workspace-id" },
	{ 401, PLAIN_ERROR("AuthenticationFailed"), ERR_LOGIN, "outer words" },
	{ 403, PLAIN_ERROR("InvalidAuthenticationToken"), ERR_LOGIN,
	    "outer words" },
	{ 403, PLAIN_ERROR("InvalidAuthenticationTokenAudience"), ERR_CONF,
	    "check cloud" },
	{ 403, ERROR("InvalidTokenError", "SignatureVerificationFailed"),
	    ERR_LOGIN, "inner words" },
	{ 403, ERROR("InsufficientAccessError", "UnauthorizedClient"),
	    ERR_DENIED, "Log Analytics Reader" },
	{ 403,
	    "{\"error\":\"invalid_grant\",\"error_description\":\"AADSTS1\"}",
	    ERR_LOGIN, "AADSTS1" },
	{ 404, PLAIN_ERROR("PathNotFoundError"), ERR_CONF,
	    "check loganalytics-url" },
	{ 429, PLAIN_ERROR("ThrottledError"), ERR_WAIT, "429" },
	{ 502, "<html>", ERR_RETRY, "502" },
	{ 200, "", ERR_RETRY, "empty" },
	{ 200, "{}", ERR_RETRY, "without a table" },
	{ 200, "{\"tables\":[]}", ERR_RETRY, "without a table" },
	{ 200, "{\"tables\":[],\"error\":{\"code\":\"PartialError\"}}",
	    ERR_DEGRADE, "PartialError" },
	{ 200, "{\"tables\":[{\"rows\":[[1]],\"columns\":[]}]}", ERR_DATA,
	    "without columns" },
	{ 200, TABLE(COLUMN("Other", "string"), "[1]"), ERR_CONF,
	    "no column \"Id\"" },
	{ 200, TABLE(COLUMN("Id", "string"), "[1]"), ERR_DATA,
	    "cloudcefd_time" },
	{ 200,
	    TABLE(COLUMNS,
		"[\"\",\"a\",\"\",\"" DAY "02:00:00Z\"],"
		"[\"\",\"b\",\"\",\"" DAY "01:00:00Z\"]"),
	    ERR_RETRY, "not in the order" },
};

static void
errors_say_what_can_be_done(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(faults); i++) {
		struct source *s = open_text("Things", NULL, NULL, "Id");
		struct seen seen = new_seen(s);
		struct cursor cursor = { .len = 0 };
		struct buf query, span;

		buf_init(&query, 1 << 20);
		buf_init(&span, 1024);
		begin_at(s, &cursor, DAY "12:00:00Z");
		assert_true(ask(s, &query, &span));
		answer(&seen, faults[i].status, NULL, faults[i].body);
		if (seen.err.kind != faults[i].kind ||
		    strstr(seen.err.text, faults[i].words) == NULL)
			fail_msg("%s: %d %s", faults[i].body,
			    (int)seen.err.kind, seen.err.text);
		/* It is not passed over. */
		assert_false(log_analytics_ops.end(s, &cursor));
		assert_true(ask(s, &query, &span));
		assert_non_null(strstr(
		    buf_cstr(&query), ">= datetime(" DAY "00:00:00.0000000Z"));
		clear_seen(&seen);
		buf_clear(&query);
		buf_clear(&span);
	}
}

static void
the_same_part_again_and_again_is_no_progress(void **state)
{
	struct source *s = open_text("Things", NULL, NULL, "Id");
	struct seen seen = new_seen(s);
	struct cursor cursor = { .len = 0 };
	struct buf query, span;
	unsigned asked = 0;

	(void)state;
	buf_init(&query, 1 << 20);
	buf_init(&span, 1024);
	begin_at(s, &cursor, DAY "12:00:00Z");
	do {
		assert_true(++asked < 30);
		assert_true(ask(s, &query, &span));
		answer_words(&seen, 200, "a@00:00:00 ?PartialError");
		assert_int_not_equal(seen.err.kind, ERR_NONE);
	} while (seen.err.kind != ERR_BUG);
	assert_non_null(strstr(seen.err.text, "no progress"));
	clear_seen(&seen);
	buf_clear(&query);
	buf_clear(&span);
}

static void
a_configuration_that_cannot_be_is_refused(void **state)
{
	static const struct {
		const char *table, *query, *time, *workspace, *words;
	} rows[] = {
		{ NULL, NULL, NULL, WORKSPACE, "table or a query" },
		{ "T", "T", NULL, WORKSPACE, "table or a query" },
		{ "T | take 1", NULL, NULL, WORKSPACE, "table = " },
		{ "T", NULL, "a b", WORKSPACE, "time-column = " },
		{ "T", NULL, NULL, NULL, "workspace-id" },
		{ "T", NULL, NULL, "my workspace", "workspace-id" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct log_analytics_conf conf = defaults();
		struct source_common common = { .base_url = BASE,
			.workspace_id = rows[i].workspace };
		struct err err;

		conf.table = (char *)(uintptr_t)rows[i].table;
		conf.query = (char *)(uintptr_t)rows[i].query;
		conf.time_column = (char *)(uintptr_t)rows[i].time;
		assert_null(log_analytics_ops.open(&conf, &common, &err));
		assert_int_equal(err.kind, ERR_CONF);
		if (strstr(err.text, rows[i].words) == NULL)
			fail_msg("row %zu: %s", i, err.text);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(rounds_read_all_that_arrived),
	cmocka_unit_test(a_table_is_read_by_arrival_and_a_query_by_its_column),
	cmocka_unit_test(the_cursor_says_where_the_next_round_begins),
	cmocka_unit_test(rows_get_the_names_of_their_columns),
	cmocka_unit_test(rows_are_known_by_id_columns_or_by_what_they_say),
	cmocka_unit_test(rows_that_say_the_same_are_counted),
	cmocka_unit_test(a_record_in_a_file_needs_no_table),
	cmocka_unit_test(errors_say_what_can_be_done),
	cmocka_unit_test(the_same_part_again_and_again_is_no_progress),
	cmocka_unit_test(a_configuration_that_cannot_be_is_refused),
};

UNIT_MAIN(tests)
