/*
 * source/graph_audit.c -- searches in the audit log, by Microsoft Graph.
 *
 * A search is created, runs for minutes or hours, and is then read page by
 * page.  Each of these is a round of its own, so that the cursor always says
 * which search is under way: after a restart it is waited for, not created
 * again.  A search covers a window of time; when one had to leave records out,
 * because there are more than the service gives, its window is halved.
 *
 * The service takes 200 searches in a day.  20 at once and one in each 8
 * minutes behind them stay below that; when the next one may go is kept in
 * the cursor as well.
 */
/* SPDX-License-Identifier: ISC */
#include "source/graph_audit.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/ratelimit.h"
#include "base/xalloc.h"
#include "codec/httpmsg.h"
#include "codec/json.h"
#include "codec/rfc3339.h"
#include "codec/uri.h"
#include "record/cursor.h"
#include "record/record.h"
#include "source/graph.h"
#include "source/source.h"

#define NAME "graph-audit"
#define API "graph-audit"
#define PERMISSION "AuditLogsQuery.Read.All"
#define BODY_MAX (64 * 1024)
#define MINUTE_MS UINT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define PAUSE_FIRST_MS 30000
#define PAUSE_MAX_MS (5 * MINUTE_MS)
#define GIVE_UP_MS DAY_MS
#define SPAN_MIN_MS 1000

static const char *const versions[] = { "v1.0", "beta", NULL };

#define FIELD(f) offsetof(struct graph_audit_conf, f)
static const struct opt options[] = {
	{ .name = "api-version",
	    .type = OPT_WORD,
	    .offset = FIELD(api_version),
	    .words = versions,
	    .def = "v1.0",
	    .help = "v1.0, or beta where that lacks the searches" },
	{ .name = "record-types",
	    .type = OPT_LIST,
	    .offset = FIELD(record_types),
	    .help = "only records of these types" },
	{ .name = "operations",
	    .type = OPT_LIST,
	    .offset = FIELD(operations),
	    .help = "only records of these operations" },
	{ .name = "window",
	    .type = OPT_TIME,
	    .offset = FIELD(window_ms),
	    .def = "24h",
	    .min = MINUTE_MS,
	    .max = 30 * DAY_MS,
	    .help = "that one search covers" },
	{ .name = "settle",
	    .type = OPT_TIME,
	    .offset = FIELD(settle_ms),
	    .def = "24h",
	    .max = 180 * DAY_MS,
	    .help = "a time is searched when it is so long ago" },
	{ .name = NULL },
};

static const struct source_limits limits = {
	.requests = 10,
	.period_ms = 1000,
	.concurrency = 1,
	.max_record = 4 * 1024 * 1024,
};

static const struct ratelimit_conf searches = { 20, 8 * MINUTE_MS };

enum step {
	NOTHING,
	CREATE,
	POLL,
	READ
};

struct source {
	struct source_common common;
	char *base_url; /* owned; what common points to */
	const char *version;
	struct buf filters; /* members of what creates a search */
	uint64_t window_ms, settle_ms;

	/* The round; times in ms. */
	struct cursor from, to;
	enum step step;
	int64_t read_until, low, high, created, now, span;
	struct ratelimit quota;
	bool is_out, is_behind;
	uint64_t pause_ms, requests;
	struct graph_chain chain;
	struct buf query, id, operation;
};

/* --- its life ----------------------------------------------------------- */

static void
audit_close(struct source **sp)
{
	struct source *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	graph_chain_clear(&s->chain);
	buf_clear(&s->filters);
	buf_clear(&s->query);
	buf_clear(&s->id);
	buf_clear(&s->operation);
	xfree(s->base_url);
	xfree(s);
}

static void
add_filter(struct buf *out, const char *name, const struct opt_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		if (i == 0)
			buf_addf(out, ",\"%s\":[", name);
		else
			buf_add_char(out, ',');
		json_quote(out, str_of(list->v[i]));
	}
	if (list->n > 0)
		buf_add_char(out, ']');
}

static struct source *
audit_open(
    const void *conf, const struct source_common *common, struct err *err)
{
	const struct graph_audit_conf *c = conf;
	struct source *s = xcalloc(1, sizeof(*s));

	s->base_url = xstrdup(common->base_url);
	s->common = *common;
	s->common.base_url = s->base_url;
	s->version = versions[c->api_version];
	s->window_ms = c->window_ms;
	s->settle_ms = c->settle_ms;
	graph_chain_init(&s->chain);
	buf_init(&s->filters, BODY_MAX);
	buf_init(&s->query, RECORD_ID_MAX);
	buf_init(&s->id, RECORD_ID_MAX);
	buf_init(&s->operation, RECORD_ID_MAX);
	add_filter(&s->filters, "recordTypeFilters", &c->record_types);
	add_filter(&s->filters, "operationFilters", &c->operations);
	if (s->filters.failed) {
		err_set(err, ERR_CONF, "record-types, operations: too many");
		audit_close(&s);
	}
	return s;
}

static int
audit_check(const void *conf, const char *cloud, struct err *err)
{
	(void)conf;
	if (strcmp(cloud, "gcc-high") != 0 && strcmp(cloud, "dod") != 0)
		return 0;
	return err_set(err, ERR_CONF,
	    "type = \"%s\": the cloud \"%s\" does not offer this;"
	    " o365-activity reads the same records there",
	    NAME, cloud);
}

/* --- the cursor --------------------------------------------------------- */

static int64_t
number(const struct cursor *c, const char *name, int64_t otherwise)
{
	int64_t v;

	return cursor_get_i64(c, name, &v) ? v : otherwise;
}

/* Which search is under way, none without an id. */
static void
put_query(struct source *s, struct str id, int64_t created)
{
	(void)cursor_set(&s->to, "query", id);
	(void)cursor_set_i64(&s->to, "low", s->low);
	(void)cursor_set_i64(&s->to, "high", s->high);
	(void)cursor_set_i64(&s->to, "created", created);
}

static int
audit_begin(struct source *s, const struct cursor *from, uint64_t wall_ms,
    struct err *err)
{
	int64_t until = (int64_t)(wall_ms - s->settle_ms), start;
	struct str id = cursor_get(from, "query");

	(void)err;
	s->from = s->to = *from;
	s->now = (int64_t)wall_ms;
	start = number(from, "start", s->common.start_ms);
	(void)cursor_set_i64(&s->to, "start", start);
	s->read_until = number(from, "read-until", start);
	s->span = number(from, "span", (int64_t)s->window_ms);
	ratelimit_init(&s->quota, &searches);
	s->quota.full_at_ms = (uint64_t)number(from, "quota", 0);
	s->is_out = s->is_behind = false;
	s->pause_ms = 0;
	graph_chain_begin(&s->chain);
	buf_reset(&s->query);
	buf_add_str(&s->query, id);
	if (id.len > 0) {
		s->step = POLL;
		s->low = number(from, "low", s->read_until);
		s->high = number(from, "high", s->read_until);
		s->created = number(from, "created", s->now);
		return 0;
	}
	s->low = s->read_until - (int64_t)s->common.overlap_ms;
	if (s->low < start)
		s->low = start;
	s->high = s->read_until + s->span;
	s->step = NOTHING;
	/* Searches are few: only whole windows are worth one. */
	if (s->high > until)
		return 0;
	s->pause_ms = ratelimit_wait(&s->quota, wall_ms);
	s->is_behind = s->pause_ms > 0;
	if (s->pause_ms == 0)
		s->step = CREATE;
	return 0;
}

/* --- asking ------------------------------------------------------------- */

static void
put_body(struct source *s, struct buf *out)
{
	char low[RFC3339_MAX], high[RFC3339_MAX];

	rfc3339_format_ms(low, s->low);
	rfc3339_format_ms(high, s->high);
	buf_addf(out,
	    "{\"displayName\":\"cloudcefd %s\",\"filterStartDateTime\":\"%s\","
	    "\"filterEndDateTime\":\"%s\"",
	    low, low, high);
	buf_add_str(out, buf_str(&s->filters));
	buf_add_char(out, '}');
}

static int
audit_ask(struct source *s, struct httpreq *req_r)
{
	if (s->is_out || s->step == NOTHING)
		return 0;
	req_r->method = s->step == CREATE ? HTTP_POST : HTTP_GET;
	if (s->chain.link.len > 0) {
		buf_add_str(&req_r->url, buf_str(&s->chain.link));
	} else {
		buf_addf(&req_r->url, "%s/%s/security/auditLog/queries",
		    s->base_url, s->version);
		if (s->step != CREATE) {
			buf_add_char(&req_r->url, '/');
			uri_encode(&req_r->url, buf_str(&s->query));
		}
		if (s->step == READ)
			buf_add_text(&req_r->url, "/records");
	}
	graph_headers(req_r, (uint64_t)s->now, s->requests++);
	if (s->step == CREATE) {
		httpreq_header(req_r, "Content-Type", "application/json");
		put_body(s, &req_r->body);
	}
	s->is_out = true;
	return 1;
}

static int
audit_head(
    struct source *s, const struct httpresp *resp, const char **records_r)
{
	(void)s;
	*records_r = "value[*]";
	return resp->status / 100 == 2 && resp->status != 206 ? 0 : -1;
}

/* --- records ------------------------------------------------------------ */

static int
audit_record(struct source *s, unsigned tag, const struct json_doc *doc,
    struct record *rec_r, struct err *err)
{
	struct buf scratch;
	int64_t ms = 0;
	struct str id;

	(void)tag;
	id = json_text(doc, json_member(doc, 0, STR_LIT("id")), &s->id);
	if (id.len == 0 || id.len > RECORD_ID_MAX || s->id.failed)
		return err_set(err, ERR_DATA, "an audit record whose id is %s",
		    id.len == 0 && !s->id.failed ? "missing" : "too long");
	buf_init(&scratch, RFC3339_MAX * 2);
	if (!rfc3339_parse_ms(
		json_text(doc, json_at(doc, 0, "createdDateTime"), &scratch),
		&ms) ||
	    ms <= 0)
		ms = s->low;
	buf_clear(&scratch);
	/* A match and what undoes it have one id. */
	*rec_r = (struct record){
		.doc = doc,
		.type = STR_LIT(NAME),
		.id = id,
		.version = json_text(doc,
		    json_member(doc, 0, STR_LIT("operation")), &s->operation),
		.time_ms = (uint64_t)ms,
		.born_ms = (uint64_t)ms,
	};
	return 0;
}

/* --- answers ------------------------------------------------------------ */

static bool
says(const struct json_doc *doc, const char *name, const char *word)
{
	uint32_t node = json_member(doc, 0, str_of(name));
	struct buf text;
	bool same;

	buf_init(&text, 256);
	same = str_eq_nocase(json_text(doc, node, &text), str_of(word));
	buf_clear(&text);
	return same;
}

/* The round ends here; the next one begins after so long. */
static void
rest(struct source *s, uint64_t pause_ms)
{
	s->step = NOTHING;
	s->is_behind = true;
	s->pause_ms = pause_ms;
}

/* The search is of no use: it is created again in a later round. */
static void
forget(struct source *s, uint64_t pause_ms)
{
	put_query(s, STR_LIT(""), 0);
	rest(s, pause_ms);
}

static int
take_created(struct source *s, const struct json_doc *doc, struct err *err)
{
	struct str id =
	    json_text(doc, json_member(doc, 0, STR_LIT("id")), &s->id);

	(void)ratelimit_take(&s->quota, (uint64_t)s->now);
	(void)cursor_set_i64(&s->to, "quota", (int64_t)s->quota.full_at_ms);
	if (id.len == 0 || id.len > RECORD_ID_MAX) {
		rest(s, PAUSE_MAX_MS);
		return err_set(
		    err, ERR_PART, "a search was created without an id");
	}
	put_query(s, id, s->now);
	rest(s, PAUSE_FIRST_MS);
	return 0;
}

static int
take_status(struct source *s, const struct json_doc *doc, struct err *err)
{
	uint32_t over =
	    json_member(doc, 0, STR_LIT("isRecordCountLimitExceeded"));
	int64_t age = s->now - s->created, span = s->high - s->read_until;
	bool is_cut = over != JSON_NONE && json_type(doc, over) == JSON_TRUE;

	if (says(doc, "status", "failed") || says(doc, "status", "cancelled") ||
	    age > (int64_t)GIVE_UP_MS) {
		forget(s, PAUSE_MAX_MS);
		return err_set(err, ERR_PART,
		    "a search in the audit log failed, or took more than a"
		    " day; it will be asked for again");
	}
	if (!says(doc, "status", "succeeded")) {
		uint64_t pause = (uint64_t)(age > 0 ? age : 0) / 2;

		rest(s,
		    pause < PAUSE_FIRST_MS     ? PAUSE_FIRST_MS
			: pause > PAUSE_MAX_MS ? PAUSE_MAX_MS
					       : pause);
		return 0;
	}
	s->step = READ;
	if (!is_cut)
		return 0;
	if (span < 2 * SPAN_MIN_MS)
		return err_set(err, ERR_PART,
		    "more audit records in a second than the service gives:"
		    " those beyond are missing");
	(void)cursor_set_i64(&s->to, "span", span / 2);
	forget(s, 0);
	return err_set(err, ERR_PART,
	    "a search found more audit records than the service gives; asking"
	    " for half the time");
}

static void
take_end(struct source *s)
{
	int64_t span = 2 * s->span;

	if (span > (int64_t)s->window_ms)
		span = (int64_t)s->window_ms;
	(void)cursor_set_i64(&s->to, "span", span);
	(void)cursor_set_i64(&s->to, "read-until", s->high);
	forget(s, 0);
}

static int
audit_tail(struct source *s, const struct httpresp *resp,
    const struct json_doc *envelope, struct err *err)
{
	uint32_t list;
	int rc;

	(void)resp;
	s->is_out = false;
	if (s->step == CREATE)
		return take_created(s, envelope, err);
	if (s->step == POLL)
		return take_status(s, envelope, err);
	list = json_member(envelope, 0, STR_LIT("value"));
	if (list == JSON_NONE || json_type(envelope, list) != JSON_ARRAY) {
		graph_chain_begin(&s->chain);
		return err_set(err, ERR_RETRY, "an answer without a list");
	}
	rc = graph_chain_next(&s->chain, envelope, s->base_url, err);
	if (rc == 0)
		take_end(s);
	return rc < 0 ? -1 : 0;
}

static void
audit_fail(struct source *s, const struct httpresp *resp, struct str body,
    uint64_t wall_ms, struct err *err)
{
	s->is_out = false;
	if (resp->status != 0)
		graph_error(resp, body, wall_ms, PERMISSION, err);
	if (resp->status == 206)
		err_set(err, ERR_RETRY, "an answer that is not complete");
	if (s->step != CREATE && (resp->status == 404 || resp->status == 410)) {
		err_set(err, ERR_PART,
		    "a search in the audit log is gone; it will be created"
		    " again");
		forget(s, PAUSE_FIRST_MS);
	} else if (resp->status == 400 && s->chain.link.len > 0) {
		graph_chain_begin(&s->chain);
		err->kind = ERR_RETRY;
	}
}

static bool
audit_end(struct source *s, struct cursor *to_r)
{
	if (s->is_out || s->step != NOTHING)
		return false;
	*to_r = s->to;
	return true;
}

static bool
audit_is_behind(const struct source *s)
{
	return s->is_behind;
}

static uint64_t
audit_pause_ms(const struct source *s)
{
	return s->pause_ms;
}

const struct source_ops graph_audit_ops = {
	.name = NAME,
	.api = API,
	.service = "graph",
	.permission = PERMISSION,
	.opts = options,
	.conf_bytes = sizeof(struct graph_audit_conf),
	.limits = &limits,
	.check = audit_check,
	.open = audit_open,
	.close = audit_close,
	.begin = audit_begin,
	.ask = audit_ask,
	.head = audit_head,
	.record = audit_record,
	.tail = audit_tail,
	.fail = audit_fail,
	.end = audit_end,
	.is_behind = audit_is_behind,
	.pause_ms = audit_pause_ms,
};
