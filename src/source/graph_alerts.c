/*
 * source/graph_alerts.c -- security alerts of Microsoft Graph (alerts_v2).
 *
 * A round lists what changed since the last one, by lastUpdateDateTime, with
 * some overlap behind the cursor, and not what is younger than the settling
 * time, since alerts become visible a little after the moment that they
 * carry.  Some become visible much later; so every few hours a round sweeps
 * over a whole day.  What is listed twice is recognised further down the
 * line.
 *
 * The cursor says up to which moment all was read.  It is the round's upper
 * end, but never later than what the service's own clock said when the round
 * began: if our clock is ahead by a day, a cursor taken from it would step
 * over a day of alerts that do not exist yet.
 */
/* SPDX-License-Identifier: ISC */
#include "source/graph_alerts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "codec/httpmsg.h"
#include "codec/json.h"
#include "codec/rfc3339.h"
#include "record/cursor.h"
#include "record/record.h"
#include "source/graph.h"
#include "source/source.h"
#include "source/window.h"

#define NAME "graph-alerts"
#define PERMISSION "SecurityAlert.Read.All"
#define PATH "/v1.0/security/alerts_v2"
#define SKIP_MAX 500 /* the service refuses to pass over more */
#define LINK_MAX (32 * 1024)
#define FILTER_MAX (16 * 1024)
#define DAY_MS ((uint64_t)24 * 3600 * 1000)
#define SHRINK_AFTER 2 /* failures of one request, when it may be too much */

#define FIELD(f) offsetof(struct graph_alerts_conf, f)
static const struct opt options[] = {
	{ .name = "page-size",
	    .type = OPT_NUMBER,
	    .offset = FIELD(page_size),
	    .def = "500",
	    .min = 1,
	    .max = 1000,
	    .help = "alerts asked for at once; fewer when that fails" },
	{ .name = "services",
	    .type = OPT_LIST,
	    .offset = FIELD(services),
	    .help = "only alerts of these products, by serviceSource" },
	{ .name = "settle",
	    .type = OPT_TIME,
	    .offset = FIELD(settle_ms),
	    .def = "60s",
	    .max = DAY_MS,
	    .help = "an alert is asked for when its last change is so old" },
	{ .name = "severities",
	    .type = OPT_LIST,
	    .offset = FIELD(severities),
	    .help = "only alerts of these severities" },
	{ .name = "sweep",
	    .type = OPT_TIME,
	    .offset = FIELD(sweep_ms),
	    .def = "6h",
	    .max = 7 * DAY_MS,
	    .help = "how often to look again for alerts that came late" },
	{ .name = "sweep-overlap",
	    .type = OPT_TIME,
	    .offset = FIELD(sweep_overlap_ms),
	    .def = "24h",
	    .max = 7 * DAY_MS,
	    .help = "how far back to look then" },
	{ .name = NULL },
};

struct source {
	struct source_common common;
	char *base_url;                /* owned; what common points to */
	struct graph_alerts_conf conf; /* without its lists */
	struct buf where; /* the filter's part that does not change */

	/* The round. */
	struct cursor from;
	int64_t start; /* nothing before it was ever asked for; ticks */
	int64_t read_until, until, swept;
	uint64_t wall_ms;
	struct window window;
	struct buf link;   /* to ask for next; empty: ask the window */
	bool is_out;       /* a request is under way */
	bool is_answering; /* and its answer has begun */
	bool is_partial;   /* and is not the whole one */
	bool link_told;
	unsigned failures; /* of the same request, in a row */
	uint64_t requests; /* ever */

	struct buf id, version; /* of the record handed on last */
};

/* --- its life ----------------------------------------------------------- */

static int
check_words(const char *option, const struct opt_list *list,
    const char *const *known, struct err *err)
{
	for (size_t i = 0; i < list->n; i++) {
		const char *word = list->v[i];
		size_t k = 0;

		if (word[0] == '\0' ||
		    strspn(word,
			"abcdefghijklmnopqrstuvwxyz0123456789"
			"ABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(word))
			return err_set(err, ERR_CONF,
			    "%s: \"%s\" is no name: letters and digits only",
			    option, word);
		while (known != NULL && known[k] != NULL &&
		    strcmp(known[k], word) != 0)
			k++;
		if (known != NULL && known[k] == NULL)
			return err_set(err, ERR_CONF,
			    "%s: \"%s\" is none of informational, low, medium,"
			    " high, unknown",
			    option, word);
	}
	return 0;
}

static void
alerts_close(struct source **sp)
{
	struct source *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	buf_clear(&s->where);
	buf_clear(&s->link);
	buf_clear(&s->id);
	buf_clear(&s->version);
	xfree(s->base_url);
	xfree(s);
}

static struct source *
alerts_open(
    const void *conf, const struct source_common *common, struct err *err)
{
	static const char *const severities[] = { "unknown", "informational",
		"low", "medium", "high", NULL };
	const struct graph_alerts_conf *c = conf;
	struct source *s;

	if (check_words("services", &c->services, NULL, err) < 0 ||
	    check_words("severities", &c->severities, severities, err) < 0)
		return NULL;
	s = xcalloc(1, sizeof(*s));
	s->base_url = xstrdup(common->base_url);
	s->common = *common;
	s->common.base_url = s->base_url;
	s->conf = *c;
	buf_init(&s->where, FILTER_MAX);
	buf_init(&s->link, LINK_MAX);
	buf_init(&s->id, RECORD_ID_MAX);
	buf_init(&s->version, RECORD_VERSION_MAX);
	if (c->services.n > 0)
		buf_add_text(&s->where, " and ");
	graph_any_of(&s->where, "serviceSource", c->services.v, c->services.n);
	if (c->severities.n > 0)
		buf_add_text(&s->where, " and ");
	graph_any_of(&s->where, "severity", c->severities.v, c->severities.n);
	window_init(&s->window, (uint32_t)c->page_size, SKIP_MAX);
	if (s->where.failed) {
		err_set(err, ERR_CONF, "services, severities: too many");
		alerts_close(&s);
	}
	return s;
}

/* --- the round ---------------------------------------------------------- */

static int64_t
ticks_of(uint64_t ms)
{
	return (int64_t)ms * RFC3339_TICKS_PER_MS;
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* A moment in the cursor, or `otherwise`. */
static int64_t
moment(const struct cursor *c, const char *name, int64_t otherwise)
{
	int64_t ticks;

	return rfc3339_parse_ticks(cursor_get(c, name), &ticks) ? ticks
								: otherwise;
}

static int
alerts_begin(struct source *s, const struct cursor *from, uint64_t wall_ms,
    struct err *err)
{
	int64_t now = ticks_of(wall_ms), sweep = ticks_of(s->conf.sweep_ms);
	int64_t first = s->common.start_ms * RFC3339_TICKS_PER_MS;
	int64_t low;

	(void)err;
	s->from = *from;
	s->wall_ms = wall_ms;
	s->start = moment(from, "start", first);
	s->read_until = moment(from, "read-until", s->start);
	s->until = now - ticks_of(s->conf.settle_ms);
	s->swept = earlier(moment(from, "swept", now), now);
	low = s->read_until - ticks_of(s->common.overlap_ms);
	if (sweep > 0 && now - s->swept >= sweep) {
		s->swept = now;
		low =
		    earlier(low, s->until - ticks_of(s->conf.sweep_overlap_ms));
	}
	window_begin(&s->window, later(low, s->start), s->until);
	buf_reset(&s->link);
	s->is_out = s->is_answering = s->link_told = false;
	s->failures = 0;
	return 0;
}

static void
ask_by_time(struct source *s, struct httpreq *req)
{
	const struct window *w = &s->window;
	char low[RFC3339_MAX], high[RFC3339_MAX], number[16];
	struct buf filter;

	rfc3339_format_ticks(low, w->low);
	rfc3339_format_ticks(high, w->high);
	buf_init(&filter, 2 * FILTER_MAX);
	buf_addf(&filter,
	    "lastUpdateDateTime ge %s and lastUpdateDateTime lt %s", low, high);
	buf_add_str(&filter, buf_str(&s->where));
	buf_add_text(&req->url, s->base_url);
	buf_add_text(&req->url, PATH);
	httpreq_query(req, "$filter", buf_str(&filter));
	if (w->order == WINDOW_RISING)
		httpreq_query(
		    req, "$orderby", STR_LIT("lastUpdateDateTime asc"));
	snprintf(number, sizeof(number), "%" PRIu32, w->top);
	httpreq_query(req, "$top", str_of(number));
	if (w->skip > 0) {
		snprintf(number, sizeof(number), "%" PRIu32, w->skip);
		httpreq_query(req, "$skip", str_of(number));
	}
	buf_clear(&filter);
}

static int
alerts_ask(struct source *s, struct httpreq *req_r)
{
	if (s->is_out || s->window.done)
		return 0;
	req_r->method = HTTP_GET;
	if (s->link.len > 0)
		buf_add_str(&req_r->url, buf_str(&s->link));
	else
		ask_by_time(s, req_r);
	graph_headers(req_r, s->wall_ms, s->requests++);
	s->is_out = true;
	return 1;
}

static int
alerts_head(
    struct source *s, const struct httpresp *resp, const char **records_r)
{
	int64_t clock;

	if (resp->status != 200 && resp->status != 206)
		return -1;
	/* All that is asked for later was there then, or is asked for again. */
	if (graph_clock(resp, &clock))
		s->until =
		    earlier(s->until, clock - ticks_of(s->conf.settle_ms));
	s->is_answering = true;
	s->is_partial = resp->status == 206 ||
	    str_starts(httpresp_header(resp, "Warning"), STR_LIT("199"));
	window_page(&s->window);
	*records_r = "value[*]";
	return 0;
}

/* Read a time that may be null, absent, or the first of January of year 1. */
static bool
read_time(const struct json_doc *doc, const char *name, int64_t *ticks_r)
{
	struct buf scratch;
	struct str text;
	bool ok;

	buf_init(&scratch, RFC3339_MAX * 2);
	text = json_text(doc, json_member(doc, 0, str_of(name)), &scratch);
	ok = rfc3339_parse_ticks(text, ticks_r) && *ticks_r > 0;
	buf_clear(&scratch);
	return ok;
}

static int
alerts_record(struct source *s, unsigned tag, const struct json_doc *doc,
    struct record *rec_r, struct err *err)
{
	int64_t created = 0, changed = 0;
	char version[RFC3339_MAX];
	struct str id;

	(void)tag;
	if (json_type(doc, 0) != JSON_OBJECT) {
		window_see(&s->window, 0);
		return err_set(err, ERR_DATA, "an alert that is no object");
	}
	buf_reset(&s->id);
	id = json_text(doc, json_member(doc, 0, STR_LIT("id")), &s->id);
	window_see(&s->window, graph_hash(id));
	if (read_time(doc, "lastUpdateDateTime", &changed))
		window_see_time(&s->window, changed);
	if (!read_time(doc, "createdDateTime", &created))
		created = 0;
	else if (changed <= 0)
		changed = created;
	if (id.len == 0 || id.len > RECORD_ID_MAX || s->id.failed)
		return err_set(err, ERR_DATA, "an alert whose id is %s",
		    id.len == 0 && !s->id.failed ? "missing" : "too long");

	buf_reset(&s->version);
	if (changed > 0)
		buf_add(&s->version, version,
		    rfc3339_format_ticks(version, changed));
	else
		changed = s->window.until;
	*rec_r = (struct record){
		.doc = doc,
		.type = STR_LIT(NAME),
		.id = id,
		.version = buf_str(&s->version),
		.time_ms = (uint64_t)(changed / RFC3339_TICKS_PER_MS),
		.born_ms = (uint64_t)(created / RFC3339_TICKS_PER_MS),
	};
	return 0;
}

static int
alerts_tail(struct source *s, const struct httpresp *resp,
    const struct json_doc *envelope, struct err *err)
{
	struct err bad = { .kind = ERR_NONE };
	int found, rc;

	(void)resp;
	s->is_out = s->is_answering = false;
	s->failures = 0;
	if (json_type(envelope, 0) != JSON_OBJECT ||
	    json_member(envelope, 0, STR_LIT("value")) == JSON_NONE)
		return window_again(
		    &s->window, "an answer without a list of alerts", err);
	if (s->is_partial)
		return window_again(&s->window,
		    "the service says that its answer is not complete", err);
	found = graph_next_link(envelope, s->base_url, &s->link, &bad);
	rc = window_turn(&s->window,
	    found > 0       ? WINDOW_LINK
		: found < 0 ? WINDOW_BAD_LINK
			    : WINDOW_NO_LINK,
	    graph_hash(buf_str(&s->link)), err);
	if (rc != 1)
		buf_reset(&s->link);
	if (rc == 0 && found < 0 && !s->link_told) {
		s->link_told = true;
		return err_set(err, bad.kind, "%s", bad.text);
	}
	return rc < 0 ? -1 : 0;
}

/* --- errors ------------------------------------------------------------- */

/* Leave the chain of links, which is of no more use. */
static void
drop_link(struct source *s, struct err *err)
{
	struct err why;

	if (s->link.len == 0)
		return;
	buf_reset(&s->link);
	if (window_unlink(&s->window, &why) < 0 && why.kind == ERR_BUG)
		*err = why;
}

static void
ask_for_less(struct source *s, struct err *err)
{
	if (!window_shrink(&s->window))
		return;
	err->kind = ERR_DEGRADE;
	err_prefix(err, "asking for %" PRIu32 " alerts at a time from now on: ",
	    s->window.top);
	drop_link(s, err);
}

static void
alerts_fail(struct source *s, const struct httpresp *resp, struct str body,
    uint64_t wall_ms, struct err *err)
{
	bool broke_off = resp->status == 0 && s->is_answering;

	s->is_out = s->is_answering = false;
	if (resp->status != 0)
		graph_error(resp, body, wall_ms, PERMISSION, err);

	if (broke_off || resp->status == 500 || resp->status == 504) {
		if (++s->failures >= SHRINK_AFTER)
			ask_for_less(s, err);
	} else if (resp->status == 400 && graph_says(body, "orderby") &&
	    s->window.order == WINDOW_RISING) {
		window_unsorted(&s->window);
		err->kind = ERR_DEGRADE;
		err_prefix(err, "asking without $orderby from now on: ");
	} else if (resp->status == 400 && graph_says(body, "for Top query")) {
		ask_for_less(s, err);
	} else if (s->link.len > 0 &&
	    (resp->status == 400 || resp->status == 404 ||
		resp->status == 410)) {
		err->kind = ERR_DEGRADE;
		err_prefix(err,
		    "a next link has gone stale; going on by"
		    " time: ");
		drop_link(s, err);
	}
}

static bool
alerts_end(struct source *s, struct cursor *to_r)
{
	const struct {
		const char *name;
		int64_t ticks;
	} moments[] = {
		{ "start", s->start },
		{ "read-until", later(s->read_until, s->until) },
		{ "swept", s->swept },
	};

	if (s->is_out || !s->window.done)
		return false;
	*to_r = s->from;
	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
		char text[RFC3339_MAX];
		size_t len = rfc3339_format_ticks(text, moments[i].ticks);

		(void)cursor_set(to_r, moments[i].name, str_make(text, len));
	}
	return true;
}

const struct source_ops graph_alerts_ops = {
	.name = NAME,
	.api = GRAPH_SECURITY_API,
	.service = "graph",
	.permission = PERMISSION,
	.opts = options,
	.conf_bytes = sizeof(struct graph_alerts_conf),
	.limits = &graph_security_limits,
	.open = alerts_open,
	.close = alerts_close,
	.begin = alerts_begin,
	.ask = alerts_ask,
	.head = alerts_head,
	.record = alerts_record,
	.tail = alerts_tail,
	.fail = alerts_fail,
	.end = alerts_end,
};
