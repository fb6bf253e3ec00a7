/*
 * source/mdca_activities.c -- the activity log of Defender for Cloud Apps.
 *
 * Activities appear minutes to hours after the moment that they carry.  So
 * the cursor runs on `created`, the time at which the service saved a record,
 * and not on its timestamp; with some overlap, since nobody promises that
 * `created` only grows.  An activity never changes: it has no version.
 *
 * A round reads a day at most, and the next one follows at once: so what was
 * read of a long time back is not read again after a restart.
 */
/* SPDX-License-Identifier: ISC */
#include "source/mdca_activities.h"

#include <stddef.h>

#include "base/err.h"
#include "base/opt.h"
#include "base/xalloc.h"
#include "codec/httpmsg.h"
#include "codec/json.h"
#include "record/cursor.h"
#include "record/record.h"
#include "source/mdca.h"
#include "source/source.h"

#define NAME "mdca-activities"
#define DAY_MS ((uint64_t)24 * 3600 * 1000)
#define ROUND_MS ((int64_t)DAY_MS)
#define PLAIN_MAX 100 /* records on a page without scan mode */

#define FIELD(f) offsetof(struct mdca_activities_conf, f)
static const struct opt options[] = {
	{ .name = "api-filter",
	    .type = OPT_TEXT,
	    .offset = FIELD(api_filter),
	    .help =
		"JSON: what the service shall leave out, in its own words" },
	{ .name = "page-size",
	    .type = OPT_NUMBER,
	    .offset = FIELD(page_size),
	    .def = "5000",
	    .min = 1,
	    .max = 5000,
	    .help = "activities asked for at once; fewer when that fails" },
	{ .name = "scan",
	    .type = OPT_BOOL,
	    .offset = FIELD(scan),
	    .def = "true",
	    .help = "ask in scan mode, 500 to 5000 at once, else at most 100" },
	{ .name = "settle",
	    .type = OPT_TIME,
	    .offset = FIELD(settle_ms),
	    .def = "60s",
	    .max = DAY_MS,
	    .help = "an activity is asked for when it was saved so long ago" },
	{ .name = NULL },
};

struct source {
	struct source_common common;
	struct mdca_activities_conf conf; /* without its texts */
	struct mdca list;

	/* The round; all in ms. */
	struct cursor from;
	int64_t start; /* nothing before it was ever asked for */
	int64_t read_until;
	bool stops_short; /* of what there is to read */

	struct buf id; /* of the record handed on last */
};

static void
activities_close(struct source **sp)
{
	struct source *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	mdca_clear(&s->list);
	buf_clear(&s->id);
	xfree(s);
}

static struct source *
activities_open(
    const void *conf, const struct source_common *common, struct err *err)
{
	static const char *const own[] = { "created", NULL };
	const struct mdca_activities_conf *c = conf;
	struct source *s = xcalloc(1, sizeof(*s));
	struct mdca_conf list = {
		.base_url = common->base_url,
		.path = "activities/",
		.what = "activities",
		.api_filter = c->api_filter,
		.own = own,
		.page_size = (uint32_t)c->page_size,
		.scan = c->scan,
	};

	if (!c->scan && list.page_size > PLAIN_MAX)
		list.page_size = PLAIN_MAX;
	s->common = *common;
	s->common.base_url = NULL;
	s->conf = *c;
	s->conf.api_filter = NULL;
	buf_init(&s->id, RECORD_ID_MAX);
	if (mdca_init(&s->list, &list, err) < 0)
		activities_close(&s);
	return s;
}

/* --- the round ---------------------------------------------------------- */

static int
activities_begin(struct source *s, const struct cursor *from, uint64_t wall_ms,
    struct err *err)
{
	int64_t low;

	(void)err;
	s->from = *from;
	if (!cursor_get_i64(from, "start", &s->start))
		s->start = s->common.start_ms;
	if (!cursor_get_i64(from, "read-until", &s->read_until))
		s->read_until = s->start;
	s->list.settle_ms = (int64_t)s->conf.settle_ms;
	s->list.until = (int64_t)wall_ms - s->list.settle_ms;
	s->stops_short = s->list.until - s->read_until > ROUND_MS;
	if (s->stops_short)
		s->list.until = s->read_until + ROUND_MS;
	low = s->read_until - (int64_t)s->common.overlap_ms;
	mdca_begin(
	    &s->list, "created", "created", low > s->start ? low : s->start);
	return 0;
}

static int
activities_ask(struct source *s, struct httpreq *req_r)
{
	return mdca_ask(&s->list, req_r);
}

static int
activities_head(
    struct source *s, const struct httpresp *resp, const char **records_r)
{
	return mdca_head(&s->list, resp, records_r);
}

static int
activities_record(struct source *s, unsigned tag, const struct json_doc *doc,
    struct record *rec_r, struct err *err)
{
	int64_t saved = mdca_time(doc, "created");
	int64_t happened = mdca_time(doc, "timestamp");
	struct str id;
	int rc;

	(void)tag;
	rc = mdca_see(&s->list, doc, "_id", "uid", &s->id, &id, err);
	if (saved > 0)
		window_see_time(&s->list.window, saved);
	if (rc < 0)
		return -1;
	if (happened == 0)
		happened = saved > 0 ? saved : s->list.until;
	*rec_r = (struct record){
		.doc = doc,
		.type = STR_LIT(NAME),
		.id = id,
		.portal = mdca_portal(&s->list),
		.time_ms = (uint64_t)happened,
		.born_ms = (uint64_t)happened,
	};
	return 0;
}

static int
activities_tail(struct source *s, const struct httpresp *resp,
    const struct json_doc *envelope, struct err *err)
{
	(void)resp;
	return mdca_tail(&s->list, envelope, err);
}

static void
activities_fail(struct source *s, const struct httpresp *resp, struct str body,
    uint64_t wall_ms, struct err *err)
{
	mdca_fail(&s->list, resp, body, wall_ms, err);
}

static bool
activities_end(struct source *s, struct cursor *to_r)
{
	int64_t until = s->list.until;

	if (s->list.is_out || !s->list.window.done)
		return false;
	*to_r = s->from;
	(void)cursor_set_i64(to_r, "start", s->start);
	(void)cursor_set_i64(
	    to_r, "read-until", until > s->read_until ? until : s->read_until);
	return true;
}

/* Not where the service's clock stands still: that would go on for ever. */
static bool
activities_is_behind(const struct source *s)
{
	return s->stops_short && s->list.until > s->read_until;
}

const struct source_ops mdca_activities_ops = {
	.name = NAME,
	.api = MDCA_API,
	.rank = MDCA_RANK_ACTIVITIES,
	.service = "mdca",
	.permission = MDCA_PERMISSION,
	.opts = options,
	.conf_bytes = sizeof(struct mdca_activities_conf),
	.limits = &mdca_limits,
	.open = activities_open,
	.close = activities_close,
	.begin = activities_begin,
	.ask = activities_ask,
	.head = activities_head,
	.record = activities_record,
	.tail = activities_tail,
	.fail = activities_fail,
	.end = activities_end,
	.is_behind = activities_is_behind,
};
