/*
 * source/graph_incidents.c -- incidents of Microsoft Graph.
 *
 * They are read as source/graph_walk.h tells.  What is theirs alone: an
 * incident says little without its alerts, and a page of incidents with all
 * of their alerts is more than the service can put together for some tenants;
 * it then answers 500 or 504 for ever.  So what is asked for gets smaller
 * step by step:
 *
 *   a page of incidents with their alerts, then a shorter one
 *   a page without them, only to know which there are, and for each of these
 *     the incident with its alerts, or, where that is too much as well,
 *     its alerts page by page and then the incident, put together here, or
 *     the incident alone.
 *
 * Each step down is told, and nothing is passed over.  Pages without alerts
 * are asked for an hour long before pages with them are tried again.
 */
/* SPDX-License-Identifier: ISC */
#include "source/graph_incidents.h"

#include <string.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "codec/httpmsg.h"
#include "codec/json.h"
#include "codec/uri.h"
#include "record/record.h"
#include "source/graph.h"
#include "source/graph_walk.h"
#include "source/source.h"

#define NAME "graph-incidents"
#define PERMISSION "SecurityIncident.Read.All"
#define PATH "/v1.0/security/incidents"
#define PAGE_MAX 50
#define SKIP_MAX 500
#define DAY_MS ((uint64_t)24 * 3600 * 1000)
#define APART_MS ((uint64_t)3600 * 1000)
#define ALERTS_MAX (4 * 1024 * 1024) /* bytes, of one incident */
#define TODO_MAX (PAGE_MAX * (RECORD_ID_MAX + 1))

#define FIELD(f) offsetof(struct graph_incidents_conf, f)
static const struct opt options[] = {
	{ .name = "alerts",
	    .type = OPT_BOOL,
	    .offset = FIELD(alerts),
	    .def = "true",
	    .help = "each incident with what its alerts say" },
	{ .name = "page-size",
	    .type = OPT_NUMBER,
	    .offset = FIELD(page_size),
	    .def = "50",
	    .min = 1,
	    .max = PAGE_MAX,
	    .help = "incidents asked for at once; fewer when that fails" },
	{ .name = "settle",
	    .type = OPT_TIME,
	    .offset = FIELD(settle_ms),
	    .def = "60s",
	    .max = DAY_MS,
	    .help = "an incident is asked for when its last change is so old" },
	{ .name = "severities",
	    .type = OPT_LIST,
	    .offset = FIELD(severities),
	    .help = "only incidents of these severities" },
	{ .name = "sweep",
	    .type = OPT_TIME,
	    .offset = FIELD(sweep_ms),
	    .def = "6h",
	    .max = 7 * DAY_MS,
	    .help = "how often to look again for incidents that came late" },
	{ .name = "sweep-overlap",
	    .type = OPT_TIME,
	    .offset = FIELD(sweep_overlap_ms),
	    .def = "24h",
	    .max = 7 * DAY_MS,
	    .help = "how far back to look then" },
	{ .name = NULL },
};

/* What is asked for next, or was. */
enum step {
	A_LIST,
	ONE_WITH_ALERTS,
	ITS_ALERTS,
	ITSELF
};

struct source {
	struct graph_walk walk;
	bool wants_alerts;
	uint64_t apart_until_ms; /* pages come without alerts; wall */

	/* Incidents to be got one by one, "ID\n" each; the first is at work. */
	struct buf todo;
	enum step step;
	bool is_out, is_answering; /* of steps other than the list's */
	unsigned failures;
	struct graph_chain chain; /* of pages of alerts */
	struct buf alerts;        /* of this incident, with commas between */
	struct buf whole;         /* the incident with them */
	struct json_doc doc;      /* of that */
};

/* --- its life ----------------------------------------------------------- */

static void
incidents_close(struct source **sp)
{
	struct source *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	graph_walk_clear(&s->walk);
	graph_chain_clear(&s->chain);
	buf_clear(&s->todo);
	buf_clear(&s->alerts);
	buf_clear(&s->whole);
	json_clear(&s->doc);
	xfree(s);
}

static struct source *
incidents_open(
    const void *conf, const struct source_common *common, struct err *err)
{
	const struct graph_incidents_conf *c = conf;
	const struct graph_walk_conf walk = {
		.type = NAME,
		.path = PATH,
		.things = "incidents",
		.permission = PERMISSION,
		.page_size = (uint32_t)c->page_size,
		.skip_max = SKIP_MAX,
		.settle_ms = c->settle_ms,
		.sweep_ms = c->sweep_ms,
		.sweep_overlap_ms = c->sweep_overlap_ms,
	};
	struct source *s;

	if (graph_check_words(
		"severities", &c->severities, graph_severities, err) < 0)
		return NULL;
	s = xcalloc(1, sizeof(*s));
	graph_walk_init(&s->walk, &walk, common);
	graph_chain_init(&s->chain);
	buf_init(&s->todo, TODO_MAX);
	buf_init(&s->alerts, ALERTS_MAX);
	buf_init(&s->whole, 2 * ALERTS_MAX);
	json_init(&s->doc, 0, 0);
	s->wants_alerts = c->alerts;
	if (c->severities.n > 0)
		buf_add_text(&s->walk.where, " and ");
	graph_any_of(
	    &s->walk.where, "severity", c->severities.v, c->severities.n);
	return s;
}

/* --- asking ------------------------------------------------------------- */

static int
incidents_begin(struct source *s, const struct cursor *from, uint64_t wall_ms,
    struct err *err)
{
	(void)err;
	s->walk.expand =
	    s->wants_alerts && wall_ms >= s->apart_until_ms ? "alerts" : NULL;
	graph_walk_begin(&s->walk, from, wall_ms);
	buf_reset(&s->todo);
	s->step = A_LIST;
	s->is_out = false;
	s->failures = 0;
	return 0;
}

static struct str
id_at_work(const struct source *s)
{
	struct str rest = buf_str(&s->todo);

	return str_cut(&rest, '\n');
}

/* The incident at work is done with, in whichever way. */
static void
next_incident(struct source *s)
{
	buf_consume(&s->todo, id_at_work(s).len + 1);
	s->step = s->todo.len > 0 ? ONE_WITH_ALERTS : A_LIST;
	s->failures = 0;
}

static void
ask_for_one(struct source *s, struct httpreq *req)
{
	req->method = HTTP_GET;
	s->is_out = true;
	if (s->step == ITS_ALERTS && s->chain.link.len > 0) {
		buf_add_str(&req->url, buf_str(&s->chain.link));
	} else {
		buf_add_text(&req->url, s->walk.base_url);
		buf_add_text(&req->url, PATH "/");
		uri_encode(&req->url, id_at_work(s));
		if (s->step == ITS_ALERTS)
			buf_add_text(&req->url, "/alerts");
		if (s->step == ONE_WITH_ALERTS)
			httpreq_query(req, "$expand", STR_LIT("alerts"));
	}
	graph_headers(req, s->walk.wall_ms, s->walk.requests++);
}

static int
incidents_ask(struct source *s, struct httpreq *req_r)
{
	if (s->step == A_LIST)
		return graph_walk_ask(&s->walk, req_r);
	if (s->is_out)
		return 0;
	ask_for_one(s, req_r);
	return 1;
}

static int
incidents_head(
    struct source *s, const struct httpresp *resp, const char **records_r)
{
	if (s->step == A_LIST)
		return graph_walk_head(&s->walk, resp, records_r);
	if (resp->status != 200)
		return -1;
	s->is_answering = true;
	if (s->step == ITS_ALERTS && s->chain.n == 0)
		buf_reset(&s->alerts);
	*records_r = s->step == ITS_ALERTS ? "value[*]" : "$";
	return 0;
}

/* --- answers ------------------------------------------------------------ */

/* Listed without its alerts: it is got with them when the page is read. */
static int
put_off(struct source *s, struct str id, struct err *err)
{
	if (str_find(id, '\n') >= 0)
		return err_set(err, ERR_DATA, "an incident whose id is two");
	buf_add_str(&s->todo, id);
	buf_add_char(&s->todo, '\n');
	if (s->todo.failed)
		return err_set(err, ERR_DATA, "more incidents than asked for");
	return 1;
}

static int
take_alert(struct source *s, const struct json_doc *doc)
{
	struct str text = json_raw(doc, 0);

	if (json_type(doc, 0) != JSON_OBJECT)
		return 1;
	if (s->alerts.len + 1 + text.len > ALERTS_MAX) {
		s->alerts.failed = true;
		return 1;
	}
	if (s->alerts.len > 0)
		buf_add_char(&s->alerts, ',');
	buf_add_str(&s->alerts, text);
	return 1;
}

/* Put the alerts into the incident; where that fails, it goes alone. */
static const struct json_doc *
join(struct source *s, const struct json_doc *doc)
{
	struct str text = json_raw(doc, 0);

	if (s->alerts.len == 0 || json_type(doc, 0) != JSON_OBJECT)
		return doc;
	buf_reset(&s->whole);
	buf_add(&s->whole, text.p, text.len - 1);
	buf_add_text(&s->whole,
	    json_first(doc, 0) == JSON_NONE ? "\"alerts\":[" : ",\"alerts\":[");
	buf_add_str(&s->whole, buf_str(&s->alerts));
	buf_add_text(&s->whole, "]}");
	if (s->whole.failed ||
	    json_parse(&s->doc, buf_str(&s->whole), NULL) < 0)
		return doc;
	return &s->doc;
}

static int
incidents_record(struct source *s, unsigned tag, const struct json_doc *doc,
    struct record *rec_r, struct err *err)
{
	(void)tag;
	if (s->step == A_LIST) {
		if (graph_walk_record(&s->walk, doc, rec_r, err) < 0)
			return -1;
		return s->walk.expand != NULL || !s->wants_alerts
		    ? 0
		    : put_off(s, rec_r->id, err);
	}
	if (s->step == ITS_ALERTS)
		return take_alert(s, doc);
	if (json_type(doc, 0) != JSON_OBJECT)
		return err_set(err, ERR_DATA, "an incident that is no object");
	return graph_walk_read(
	    &s->walk, s->step == ITSELF ? join(s, doc) : doc, rec_r, err);
}

/* A page of the alerts of one incident is read. */
static int
turn_alerts(struct source *s, const struct json_doc *envelope, struct err *err)
{
	int rc = graph_chain_next(&s->chain, envelope, s->walk.base_url, err);

	if (rc > 0)
		return 0;
	s->step = ITSELF;
	s->failures = 0;
	if (rc == 0 && s->alerts.failed)
		rc = err_set(err, ERR_DATA,
		    "incident %.*s: its alerts are more than %d bytes; those"
		    " beyond are left out",
		    STR_ARG(id_at_work(s)), ALERTS_MAX);
	else if (rc < 0)
		err_prefix(err,
		    "incident %.*s: some of its alerts are left"
		    " out: ",
		    STR_ARG(id_at_work(s)));
	return rc;
}

static void
incidents_unread(struct source *s, unsigned tag)
{
	(void)tag;
	if (s->step == A_LIST)
		graph_walk_unread(&s->walk);
}

static int
incidents_tail(struct source *s, const struct httpresp *resp,
    const struct json_doc *envelope, struct err *err)
{
	int rc = 0;

	(void)resp;
	if (s->step == A_LIST) {
		rc = graph_walk_tail(&s->walk, envelope, err);
		if (s->todo.len > 0)
			s->step = ONE_WITH_ALERTS;
		return rc;
	}
	s->is_out = s->is_answering = false;
	if (s->step == ITS_ALERTS)
		return turn_alerts(s, envelope, err);
	next_incident(s);
	return 0;
}

/* --- errors ------------------------------------------------------------- */

static void
fail_list(struct source *s, const struct httpresp *resp, struct str body,
    uint64_t wall_ms, struct err *err)
{
	bool too_much = graph_walk_fail(&s->walk, resp, body, wall_ms, err) ||
	    (resp->status == 400 && graph_says(body, "expand"));

	buf_reset(&s->todo);
	if (!too_much || s->walk.expand == NULL)
		return;
	s->walk.expand = NULL;
	s->walk.failures = 0;
	s->walk.window.top = s->walk.window.top_max;
	s->apart_until_ms = wall_ms + APART_MS;
	err->kind = ERR_DEGRADE;
	err_prefix(err,
	    "asking for incidents without their alerts, and then for each"
	    " alone, from now on: ");
	graph_walk_unlink(&s->walk, err);
}

/* Ask for less of this incident. */
static void
step_down(struct source *s, struct err *err)
{
	struct str id = id_at_work(s);

	s->failures = 0;
	err->kind = ERR_PART;
	if (s->step == ONE_WITH_ALERTS) {
		s->step = ITS_ALERTS;
		graph_chain_begin(&s->chain);
		err_prefix(err,
		    "incident %.*s: asking for its alerts page by page: ",
		    STR_ARG(id));
	} else {
		s->step = ITSELF;
		buf_reset(&s->alerts);
		err_prefix(err,
		    "incident %.*s is sent without its alerts: ", STR_ARG(id));
	}
}

static void
fail_one(struct source *s, const struct httpresp *resp, struct str body,
    uint64_t wall_ms, struct err *err)
{
	bool is_missing = resp->status == 404 || resp->status == 410;
	bool too_much = resp->status == 500 || resp->status == 504 ||
	    (resp->status == 0 && s->is_answering);

	s->is_out = s->is_answering = false;
	if (resp->status != 0)
		graph_error(resp, body, wall_ms, PERMISSION, err);
	s->failures += too_much;
	if (s->step == ITS_ALERTS && (is_missing || resp->status == 400)) {
		step_down(s, err);
	} else if (is_missing) {
		err_set(err, ERR_PART, "incident %.*s exists no more (HTTP %d)",
		    STR_ARG(id_at_work(s)), resp->status);
		next_incident(s);
	} else if (too_much && s->step != ITSELF &&
	    s->failures >= GRAPH_WALK_PATIENCE) {
		step_down(s, err);
	} else if (s->step == ITS_ALERTS) {
		/* Its pages are gathered from the first one again. */
		graph_chain_begin(&s->chain);
	}
}

static void
incidents_fail(struct source *s, const struct httpresp *resp, struct str body,
    uint64_t wall_ms, struct err *err)
{
	if (s->step == A_LIST)
		fail_list(s, resp, body, wall_ms, err);
	else
		fail_one(s, resp, body, wall_ms, err);
}

static bool
incidents_end(struct source *s, struct cursor *to_r)
{
	return s->step == A_LIST && graph_walk_end(&s->walk, to_r);
}

const struct source_ops graph_incidents_ops = {
	.name = NAME,
	.api = GRAPH_SECURITY_API,
	.rank = 1,
	.service = "graph",
	.permission = PERMISSION,
	.opts = options,
	.conf_bytes = sizeof(struct graph_incidents_conf),
	.limits = &graph_security_limits,
	.open = incidents_open,
	.close = incidents_close,
	.begin = incidents_begin,
	.ask = incidents_ask,
	.head = incidents_head,
	.record = incidents_record,
	.unread = incidents_unread,
	.tail = incidents_tail,
	.fail = incidents_fail,
	.end = incidents_end,
};
