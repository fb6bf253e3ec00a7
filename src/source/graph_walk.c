/* source/graph_walk.c -- reads a Graph collection by the time of changes. */
/* SPDX-License-Identifier: ISC */
#include "source/graph_walk.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "codec/httpmsg.h"
#include "codec/json.h"
#include "codec/rfc3339.h"
#include "record/record.h"
#include "source/graph.h"

#define FILTER_MAX (16 * 1024)

void
graph_walk_init(struct graph_walk *w, const struct graph_walk_conf *conf,
    const struct source_common *common)
{
	*w = (struct graph_walk){ .conf = *conf, .common = *common };
	w->base_url = xstrdup(common->base_url);
	w->common.base_url = w->base_url;
	buf_init(&w->where, FILTER_MAX);
	buf_init(&w->link, GRAPH_LINK_MAX);
	buf_init(&w->id, RECORD_ID_MAX);
	buf_init(&w->version, RECORD_VERSION_MAX);
	window_init(&w->window, conf->page_size, conf->skip_max);
}

void
graph_walk_clear(struct graph_walk *w)
{
	buf_clear(&w->where);
	buf_clear(&w->link);
	buf_clear(&w->id);
	buf_clear(&w->version);
	xfree(w->base_url);
	w->base_url = NULL;
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

void
graph_walk_begin(
    struct graph_walk *w, const struct cursor *from, uint64_t wall_ms)
{
	int64_t now = ticks_of(wall_ms), sweep = ticks_of(w->conf.sweep_ms);
	int64_t first = w->common.start_ms * RFC3339_TICKS_PER_MS;
	int64_t low;

	w->from = *from;
	w->wall_ms = wall_ms;
	w->start = moment(from, "start", first);
	w->read_until = moment(from, "read-until", w->start);
	w->until = now - ticks_of(w->conf.settle_ms);
	w->swept = earlier(moment(from, "swept", now), now);
	low = w->read_until - ticks_of(w->common.overlap_ms);
	if (sweep > 0 && now - w->swept >= sweep) {
		w->swept = now;
		low =
		    earlier(low, w->until - ticks_of(w->conf.sweep_overlap_ms));
	}
	window_begin(&w->window, later(low, w->start), w->until);
	buf_reset(&w->link);
	w->is_out = w->is_answering = w->link_told = false;
	w->failures = 0;
}

static void
ask_by_time(struct graph_walk *walk, struct httpreq *req)
{
	const struct window *w = &walk->window;
	char low[RFC3339_MAX], high[RFC3339_MAX], number[16];
	struct buf filter;

	rfc3339_format_ticks(low, w->low);
	rfc3339_format_ticks(high, w->high);
	buf_init(&filter, 2 * FILTER_MAX);
	buf_addf(&filter,
	    "lastUpdateDateTime ge %s and lastUpdateDateTime lt %s", low, high);
	buf_add_str(&filter, buf_str(&walk->where));
	buf_add_text(&req->url, walk->base_url);
	buf_add_text(&req->url, walk->conf.path);
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
	if (walk->expand != NULL)
		httpreq_query(req, "$expand", str_of(walk->expand));
	buf_clear(&filter);
}

int
graph_walk_ask(struct graph_walk *w, struct httpreq *req)
{
	if (w->is_out || w->window.done)
		return 0;
	req->method = HTTP_GET;
	if (w->link.len > 0)
		buf_add_str(&req->url, buf_str(&w->link));
	else
		ask_by_time(w, req);
	graph_headers(req, w->wall_ms, w->requests++);
	w->is_out = true;
	return 1;
}

int
graph_walk_head(
    struct graph_walk *w, const struct httpresp *resp, const char **records_r)
{
	int64_t clock;

	if (resp->status != 200 && resp->status != 206)
		return -1;
	/* All that is asked for later was there then, or is asked for again. */
	if (graph_clock(resp, &clock))
		w->until =
		    earlier(w->until, clock - ticks_of(w->conf.settle_ms));
	w->is_answering = true;
	w->is_partial = resp->status == 206 ||
	    str_starts(httpresp_header(resp, "Warning"), STR_LIT("199"));
	window_page(&w->window);
	*records_r = "value[*]";
	return 0;
}

/* --- records ------------------------------------------------------------ */

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

int
graph_walk_read(struct graph_walk *w, const struct json_doc *doc,
    struct record *rec_r, struct err *err)
{
	int64_t created = 0, changed = 0;
	char version[RFC3339_MAX];
	struct str id;

	buf_reset(&w->id);
	id = json_text(doc, json_member(doc, 0, STR_LIT("id")), &w->id);
	if (!read_time(doc, "createdDateTime", &created))
		created = 0;
	if (!read_time(doc, "lastUpdateDateTime", &changed))
		changed = created;
	if (id.len == 0 || id.len > RECORD_ID_MAX || w->id.failed)
		return err_set(err, ERR_DATA,
		    "among the %s, one whose id is %s", w->conf.things,
		    id.len == 0 && !w->id.failed ? "missing" : "too long");

	buf_reset(&w->version);
	if (changed > 0)
		buf_add(&w->version, version,
		    rfc3339_format_ticks(version, changed));
	else
		changed = w->window.until;
	*rec_r = (struct record){
		.doc = doc,
		.type = str_of(w->conf.type),
		.id = id,
		.version = buf_str(&w->version),
		.time_ms = (uint64_t)(changed / RFC3339_TICKS_PER_MS),
		.born_ms = (uint64_t)(created / RFC3339_TICKS_PER_MS),
	};
	return 0;
}

int
graph_walk_record(struct graph_walk *w, const struct json_doc *doc,
    struct record *rec_r, struct err *err)
{
	int64_t changed;
	struct str id;

	if (json_type(doc, 0) != JSON_OBJECT) {
		window_see(&w->window, 0);
		return err_set(err, ERR_DATA,
		    "among the %s, one that is no object", w->conf.things);
	}
	buf_reset(&w->id);
	id = json_text(doc, json_member(doc, 0, STR_LIT("id")), &w->id);
	window_see(&w->window, graph_hash(id));
	if (read_time(doc, "lastUpdateDateTime", &changed))
		window_see_time(&w->window, changed);
	return graph_walk_read(w, doc, rec_r, err);
}

void
graph_walk_unread(struct graph_walk *w)
{
	window_see(&w->window, 0);
}

int
graph_walk_tail(
    struct graph_walk *w, const struct json_doc *envelope, struct err *err)
{
	uint32_t list = json_member(envelope, 0, STR_LIT("value"));
	struct err bad = { .kind = ERR_NONE };
	int found, rc;

	w->is_out = w->is_answering = false;
	w->failures = 0;
	/* A null in place of the list is not an empty list. */
	if (list == JSON_NONE || json_type(envelope, list) != JSON_ARRAY)
		return window_again(
		    &w->window, "an answer without a list", err);
	if (w->is_partial)
		return window_again(&w->window,
		    "the service says that its answer is not complete", err);
	found = graph_next_link(envelope, w->base_url, &w->link, &bad);
	rc = window_turn(&w->window,
	    found > 0       ? WINDOW_LINK
		: found < 0 ? WINDOW_BAD_LINK
			    : WINDOW_NO_LINK,
	    graph_hash(buf_str(&w->link)), err);
	if (rc != 1)
		buf_reset(&w->link);
	if (rc == 0 && found < 0 && !w->link_told) {
		w->link_told = true;
		return err_set(err, bad.kind, "%s; going on by time", bad.text);
	}
	return rc < 0 ? -1 : 0;
}

/* --- errors ------------------------------------------------------------- */

void
graph_walk_unlink(struct graph_walk *w, struct err *err)
{
	struct err why;

	if (w->link.len == 0)
		return;
	buf_reset(&w->link);
	if (window_unlink(&w->window, &why) < 0 && why.kind == ERR_BUG)
		*err = why;
}

static bool
ask_for_less(struct graph_walk *w, struct err *err)
{
	if (!window_shrink(&w->window))
		return false;
	err->kind = ERR_DEGRADE;
	err_prefix(err,
	    "asking for %" PRIu32 " %s at a time from now on: ", w->window.top,
	    w->conf.things);
	graph_walk_unlink(w, err);
	return true;
}

bool
graph_walk_fail(struct graph_walk *w, const struct httpresp *resp,
    struct str body, uint64_t wall_ms, struct err *err)
{
	bool broke_off = resp->status == 0 && w->is_answering;

	w->is_out = w->is_answering = false;
	if (resp->status != 0)
		graph_error(resp, body, wall_ms, w->conf.permission, err);

	if (broke_off || resp->status == 500 || resp->status == 504)
		return ++w->failures >= GRAPH_WALK_PATIENCE &&
		    !ask_for_less(w, err);
	if (resp->status != 400 && resp->status != 404 && resp->status != 410)
		return false;
	if (resp->status == 400 && graph_says(body, "orderby") &&
	    w->window.order == WINDOW_RISING) {
		window_unsorted(&w->window);
		err->kind = ERR_DEGRADE;
		err_prefix(err, "asking without $orderby from now on: ");
	} else if (resp->status == 400 && graph_says(body, "for Top query")) {
		(void)ask_for_less(w, err);
	} else if (w->link.len > 0) {
		err->kind = ERR_DEGRADE;
		err_prefix(err,
		    "a next link has gone stale; going on by"
		    " time: ");
		graph_walk_unlink(w, err);
	}
	return false;
}

bool
graph_walk_end(struct graph_walk *w, struct cursor *to_r)
{
	const struct {
		const char *name;
		int64_t ticks;
	} moments[] = {
		{ "start", w->start },
		{ "read-until", later(w->read_until, w->until) },
		{ "swept", w->swept },
	};

	if (w->is_out || !w->window.done)
		return false;
	*to_r = w->from;
	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
		char text[RFC3339_MAX];
		size_t len = rfc3339_format_ticks(text, moments[i].ticks);

		(void)cursor_set(to_r, moments[i].name, str_make(text, len));
	}
	return true;
}
