/*
 * source/mdca_alerts.c -- alerts of Defender for Cloud Apps.
 *
 * The list can be filtered by the time at which an alert was raised and by
 * the time at which it was closed, and by nothing else that moves.  So a round
 * reads it twice: what was raised, and what was closed since the last round,
 * with some overlap behind the cursor.  Every few hours it looks a whole day
 * back, for alerts that came late, and for those that grew.
 *
 * An alert carries no time of its last change.  Its version is made of what
 * changes when something happened: severity, resolution, closing time, and
 * how many entities and activities it holds.  Whether somebody has read it is
 * not among them.
 */
/* SPDX-License-Identifier: ISC */
#include "source/mdca_alerts.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"
#include "base/opt.h"
#include "base/xalloc.h"
#include "codec/httpmsg.h"
#include "codec/json.h"
#include "record/cursor.h"
#include "record/record.h"
#include "source/mdca.h"
#include "source/source.h"

#define NAME "mdca-alerts"
#define DAY_MS ((uint64_t)24 * 3600 * 1000)

#define FIELD(f) offsetof(struct mdca_alerts_conf, f)
static const struct opt options[] = {
	{ .name = "api-filter",
	    .type = OPT_TEXT,
	    .offset = FIELD(api_filter),
	    .help =
		"JSON: what the service shall leave out, in its own words" },
	{ .name = "page-size",
	    .type = OPT_NUMBER,
	    .offset = FIELD(page_size),
	    .def = "100",
	    .min = 1,
	    .max = 100,
	    .help = "alerts asked for at once; fewer when that fails" },
	{ .name = "settle",
	    .type = OPT_TIME,
	    .offset = FIELD(settle_ms),
	    .def = "60s",
	    .max = DAY_MS,
	    .help = "an alert is asked for when it is so old" },
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
	{ .name = "updates",
	    .type = OPT_BOOL,
	    .offset = FIELD(updates),
	    .def = "true",
	    .help = "send an alert again when it was closed or has changed" },
	{ .name = NULL },
};

struct source {
	struct source_common common;
	struct mdca_alerts_conf conf; /* without its texts */
	struct mdca list;

	/* The round; all in ms. */
	struct cursor from;
	int64_t start; /* nothing before it was ever asked for */
	int64_t read_until, swept, low;
	bool reads_closed;       /* the second list is being read */
	enum window_order order; /* of the first, as it was learnt */

	struct buf id, version; /* of the record handed on last */
};

static void
alerts_close(struct source **sp)
{
	struct source *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	mdca_clear(&s->list);
	buf_clear(&s->id);
	buf_clear(&s->version);
	xfree(s);
}

static struct source *
alerts_open(
    const void *conf, const struct source_common *common, struct err *err)
{
	static const char *const own[] = { "date", "resolutionDate", NULL };
	const struct mdca_alerts_conf *c = conf;
	struct source *s = xcalloc(1, sizeof(*s));
	struct mdca_conf list = {
		.base_url = common->base_url,
		.path = "alerts/",
		.what = "alerts",
		.api_filter = c->api_filter,
		.own = own,
		.page_size = (uint32_t)c->page_size,
	};

	s->common = *common;
	s->common.base_url = NULL;
	s->conf = *c;
	s->conf.api_filter = NULL;
	buf_init(&s->id, RECORD_ID_MAX);
	buf_init(&s->version, RECORD_VERSION_MAX);
	if (mdca_init(&s->list, &list, err) < 0)
		alerts_close(&s);
	return s;
}

/* --- the round ---------------------------------------------------------- */

static int64_t
moment(const struct cursor *c, const char *name, int64_t otherwise)
{
	int64_t ms;

	return cursor_get_i64(c, name, &ms) ? ms : otherwise;
}

static int
alerts_begin(struct source *s, const struct cursor *from, uint64_t wall_ms,
    struct err *err)
{
	int64_t now = (int64_t)wall_ms, sweep = (int64_t)s->conf.sweep_ms;
	int64_t back;

	(void)err;
	s->from = *from;
	s->start = moment(from, "start", s->common.start_ms);
	s->read_until = moment(from, "read-until", s->start);
	s->swept = moment(from, "swept", now);
	if (s->swept > now)
		s->swept = now;
	s->list.settle_ms = (int64_t)s->conf.settle_ms;
	s->list.until = now - s->list.settle_ms;
	s->low = s->read_until - (int64_t)s->common.overlap_ms;
	back = s->list.until - (int64_t)s->conf.sweep_overlap_ms;
	if (sweep > 0 && now - s->swept >= sweep) {
		s->swept = now;
		s->low = back < s->low ? back : s->low;
	}
	if (s->low < s->start)
		s->low = s->start;
	s->reads_closed = false;
	s->list.window.order = s->order;
	mdca_begin(&s->list, "date", "date", s->low);
	return 0;
}

static int
alerts_ask(struct source *s, struct httpreq *req_r)
{
	if (s->list.window.done && !s->list.is_out && !s->reads_closed &&
	    s->conf.updates) {
		s->reads_closed = true;
		s->order = s->list.window.order;
		/* Nobody sorts by the time of closing. */
		s->list.window.order = WINDOW_HALVES;
		mdca_begin(&s->list, "resolutionDate", "date", s->low);
	}
	return mdca_ask(&s->list, req_r);
}

static int
alerts_head(
    struct source *s, const struct httpresp *resp, const char **records_r)
{
	return mdca_head(&s->list, resp, records_r);
}

static uint32_t
count(const struct json_doc *doc, const char *name)
{
	uint32_t list = json_member(doc, 0, str_of(name)), n = 0;

	if (list == JSON_NONE || json_type(doc, list) != JSON_ARRAY)
		return 0;
	for (uint32_t i = json_first(doc, list); i != JSON_NONE;
	     i = json_after(doc, list, i))
		n++;
	return n;
}

static void
make_version(struct source *s, const struct json_doc *doc, int64_t raised,
    int64_t closed)
{
	buf_reset(&s->version);
	if (!s->conf.updates)
		return;
	buf_addf(&s->version, "%" PRIx64 ".%" PRIx64, (uint64_t)raised,
	    (uint64_t)closed);
	buf_addf(&s->version, ".%d.%d.%x.%x",
	    (int)(int8_t)mdca_number(doc, "severityValue"),
	    (int)(int8_t)mdca_number(doc, "resolutionStatusValue"),
	    count(doc, "entities"), count(doc, "audits"));
}

static int
alerts_record(struct source *s, unsigned tag, const struct json_doc *doc,
    struct record *rec_r, struct err *err)
{
	int64_t raised = mdca_time(doc, "timestamp");
	int64_t closed = mdca_time(doc, "resolveTime");
	int64_t seen = s->reads_closed ? closed : raised;
	struct str id;
	int rc;

	(void)tag;
	rc = mdca_see(&s->list, doc, "_id", "id", &s->id, &id, err);
	if (seen > 0)
		window_see_time(&s->list.window, seen);
	if (rc < 0)
		return -1;
	make_version(s, doc, raised, closed);
	*rec_r = (struct record){
		.doc = doc,
		.type = STR_LIT(NAME),
		.id = id,
		.portal = mdca_portal(&s->list),
		.version = buf_str(&s->version),
		.time_ms = (uint64_t)raised,
		.born_ms = (uint64_t)raised,
	};
	if (s->conf.updates && closed > raised)
		rec_r->time_ms = (uint64_t)closed;
	if (rec_r->time_ms == 0)
		rec_r->time_ms = (uint64_t)s->list.until;
	return 0;
}

static int
alerts_tail(struct source *s, const struct httpresp *resp,
    const struct json_doc *envelope, struct err *err)
{
	(void)resp;
	return mdca_tail(&s->list, envelope, err);
}

static void
alerts_fail(struct source *s, const struct httpresp *resp, struct str body,
    uint64_t wall_ms, struct err *err)
{
	mdca_fail(&s->list, resp, body, wall_ms, err);
}

static bool
alerts_end(struct source *s, struct cursor *to_r)
{
	int64_t until = s->list.until;

	if (s->list.is_out || !s->list.window.done ||
	    (s->conf.updates && !s->reads_closed))
		return false;
	*to_r = s->from;
	(void)cursor_set_i64(to_r, "start", s->start);
	(void)cursor_set_i64(
	    to_r, "read-until", until > s->read_until ? until : s->read_until);
	(void)cursor_set_i64(to_r, "swept", s->swept);
	return true;
}

const struct source_ops mdca_alerts_ops = {
	.name = NAME,
	.api = MDCA_API,
	.rank = MDCA_RANK_ALERTS,
	.service = "mdca",
	.permission = MDCA_PERMISSION,
	.opts = options,
	.conf_bytes = sizeof(struct mdca_alerts_conf),
	.limits = &mdca_limits,
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
