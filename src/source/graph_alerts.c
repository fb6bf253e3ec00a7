/*
 * source/graph_alerts.c -- security alerts of Microsoft Graph (alerts_v2).
 *
 * How they are read is told in source/graph_walk.h; here stands what is
 * theirs alone: which of them are wanted.
 */
/* SPDX-License-Identifier: ISC */
#include "source/graph_alerts.h"

#include "base/err.h"
#include "base/xalloc.h"
#include "codec/httpmsg.h"
#include "record/record.h"
#include "source/graph.h"
#include "source/graph_walk.h"
#include "source/source.h"

#define NAME "graph-alerts"
#define PERMISSION "SecurityAlert.Read.All"
#define PATH "/v1.0/security/alerts_v2"
#define SKIP_MAX 500
#define DAY_MS ((uint64_t)24 * 3600 * 1000)

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
	struct graph_walk walk;
};

static void
alerts_close(struct source **sp)
{
	struct source *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	graph_walk_clear(&s->walk);
	xfree(s);
}

static struct source *
alerts_open(
    const void *conf, const struct source_common *common, struct err *err)
{
	const struct graph_alerts_conf *c = conf;
	const struct graph_walk_conf walk = {
		.type = NAME,
		.path = PATH,
		.things = "alerts",
		.permission = PERMISSION,
		.page_size = (uint32_t)c->page_size,
		.skip_max = SKIP_MAX,
		.settle_ms = c->settle_ms,
		.sweep_ms = c->sweep_ms,
		.sweep_overlap_ms = c->sweep_overlap_ms,
	};
	struct source *s;

	if (graph_check_words("services", &c->services, NULL, err) < 0 ||
	    graph_check_words(
		"severities", &c->severities, graph_severities, err) < 0)
		return NULL;
	s = xcalloc(1, sizeof(*s));
	graph_walk_init(&s->walk, &walk, common);
	if (c->services.n > 0)
		buf_add_text(&s->walk.where, " and ");
	graph_any_of(
	    &s->walk.where, "serviceSource", c->services.v, c->services.n);
	if (c->severities.n > 0)
		buf_add_text(&s->walk.where, " and ");
	graph_any_of(
	    &s->walk.where, "severity", c->severities.v, c->severities.n);
	if (s->walk.where.failed) {
		err_set(err, ERR_CONF, "services, severities: too many");
		alerts_close(&s);
	}
	return s;
}

static int
alerts_begin(struct source *s, const struct cursor *from, uint64_t wall_ms,
    struct err *err)
{
	(void)err;
	graph_walk_begin(&s->walk, from, wall_ms);
	return 0;
}

static int
alerts_ask(struct source *s, struct httpreq *req_r)
{
	return graph_walk_ask(&s->walk, req_r);
}

static int
alerts_head(
    struct source *s, const struct httpresp *resp, const char **records_r)
{
	return graph_walk_head(&s->walk, resp, records_r);
}

static int
alerts_record(struct source *s, unsigned tag, const struct json_doc *doc,
    struct record *rec_r, struct err *err)
{
	(void)tag;
	return graph_walk_record(&s->walk, doc, rec_r, err);
}

static void
alerts_unread(struct source *s, unsigned tag)
{
	(void)tag;
	graph_walk_unread(&s->walk);
}

static int
alerts_tail(struct source *s, const struct httpresp *resp,
    const struct json_doc *envelope, struct err *err)
{
	(void)resp;
	return graph_walk_tail(&s->walk, envelope, err);
}

static void
alerts_fail(struct source *s, const struct httpresp *resp, struct str body,
    uint64_t wall_ms, struct err *err)
{
	(void)graph_walk_fail(&s->walk, resp, body, wall_ms, err);
}

static bool
alerts_end(struct source *s, struct cursor *to_r)
{
	return graph_walk_end(&s->walk, to_r);
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
	.unread = alerts_unread,
	.tail = alerts_tail,
	.fail = alerts_fail,
	.end = alerts_end,
};
