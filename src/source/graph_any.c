/*
 * source/graph_any.c -- any collection of Microsoft Graph, as configured.
 *
 * Most such collections are lists without a filter by time: a round reads the
 * whole list, and what is known already is dropped behind.  Known ids are
 * kept for some days only, while a list goes on listing what it has; so once
 * a day a round has all that it lists remembered anew.
 *
 * Where the query has places for two times, "{from}" and "{until}", a round
 * asks for what lies between where the last one ended and now.
 */
/* SPDX-License-Identifier: ISC */
#include "source/graph_any.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/opt.h"
#include "base/xalloc.h"
#include "codec/httpmsg.h"
#include "codec/json.h"
#include "codec/jsonpath.h"
#include "codec/jsonsplit.h"
#include "codec/rfc3339.h"
#include "record/cursor.h"
#include "record/record.h"
#include "source/graph.h"
#include "source/source.h"

#define NAME "graph"
#define QUERY_MAX (16 * 1024)
#define DAY_MS ((uint64_t)24 * 3600 * 1000)
#define STALLS_MAX 3

#define FIELD(f) offsetof(struct graph_any_conf, f)
static const struct opt options[] = {
	{ .name = "path",
	    .type = OPT_TEXT,
	    .offset = FIELD(path),
	    .required = true,
	    .help = "of the collection, as /v1.0/subscribedSkus" },
	{ .name = "query",
	    .type = OPT_TEXT,
	    .offset = FIELD(query),
	    .help = "what stands behind the question mark" },
	{ .name = "records",
	    .type = OPT_TEXT,
	    .offset = FIELD(records),
	    .def = "$.value[*]",
	    .help = "where an answer holds the records" },
	{ .name = "id",
	    .type = OPT_TEXT,
	    .offset = FIELD(id),
	    .def = "$.id",
	    .help = "a record's id, as a JSONPath" },
	{ .name = "time",
	    .type = OPT_TEXT,
	    .offset = FIELD(time),
	    .help = "a record's time, as a JSONPath" },
	{ .name = "version",
	    .type = OPT_TEXT,
	    .offset = FIELD(version),
	    .help = "what is new when a record changed, as a JSONPath" },
	{ .name = "eventual",
	    .type = OPT_BOOL,
	    .offset = FIELD(eventual),
	    .def = "false",
	    .help = "say that answers may be a little old" },
	{ .name = "settle",
	    .type = OPT_TIME,
	    .offset = FIELD(settle_ms),
	    .def = "60s",
	    .max = 7 * DAY_MS,
	    .help = "{until} is so long ago" },
	{ .name = NULL },
};

/* --- what is known of some collections ---------------------------------- */

static const struct source_limits plain_limits = {
	.requests = 20,
	.period_ms = 214,
	.concurrency = 1,
	.max_record = 4 * 1024 * 1024,
};

/* Five requests in any minute. */
static const struct source_limits case_limits = {
	.requests = 1,
	.period_ms = 15000,
	.concurrency = 1,
	.max_record = 4 * 1024 * 1024,
};

/* By the path behind its version; the first that fits. */
static const struct known {
	const char *prefix;
	struct source_api api;
	const char *absent; /* clouds, each with a blank behind it */
} known[] = {
	{ "/security/cases/ediscoveryCases",
	    { "graph-ediscovery", "eDiscovery.Read.All", &case_limits },
	    "china " },
	{ "/security/subjectRightsRequests",
	    { GRAPH_SECURITY_API, "SubjectRightsRequest.Read.All",
		&graph_security_limits },
	    "gcc-high dod china " },
	{ "/privacy/subjectRightsRequests",
	    { "graph", "SubjectRightsRequest.Read.All", &plain_limits },
	    "gcc-high dod china " },
	{ "/security/auditLog/",
	    { "graph-audit", "AuditLogsQuery.Read.All", &plain_limits },
	    "gcc-high dod china " },
	{ "/security/", { GRAPH_SECURITY_API, NULL, &graph_security_limits },
	    "china " },
	{ "/", { "graph", NULL, &plain_limits }, "" },
};

static const struct known *
find_known(const struct graph_any_conf *c)
{
	const struct known *k = known;
	const char *rest = strchr(c->path + 1, '/');

	while (rest != NULL && k->prefix[1] != '\0' &&
	    strncmp(rest, k->prefix, strlen(k->prefix)) != 0)
		k++;
	return rest != NULL ? k : &known[sizeof(known) / sizeof(*known) - 1];
}

static struct source_api
any_api(const void *conf)
{
	return find_known(conf)->api;
}

static int
any_check(const void *conf, const char *cloud, struct err *err)
{
	const struct graph_any_conf *c = conf;
	char word[32];

	snprintf(word, sizeof(word), "%s ", cloud);
	if (strstr(find_known(c)->absent, word) == NULL)
		return 0;
	return err_set(err, ERR_CONF,
	    "path = \"%s\": the cloud \"%s\" does not offer this", c->path,
	    cloud);
}

/* --- its life ----------------------------------------------------------- */

struct source {
	struct source_common common;
	char *base_url, *path, *query, *records; /* owned */
	struct jsonpath *id, *time, *version;    /* owned; NULL: none */
	const struct known *known;
	bool eventual, is_windowed, wants_list;
	uint64_t settle_ms;

	/* The round. */
	struct cursor from;
	int64_t start, low, until; /* ticks */
	int64_t remembered_ms;     /* when all was, or is in this round */
	bool remembers;
	uint64_t wall_ms;
	struct graph_chain chain;
	bool is_out, is_partial, is_done;
	unsigned stalls;
	uint64_t requests; /* ever */

	struct buf id_text, version_text;
	struct jsonpath_nodes nodes;
};

static void
any_close(struct source **sp)
{
	struct source *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	jsonpath_free(&s->id);
	jsonpath_free(&s->time);
	jsonpath_free(&s->version);
	jsonpath_nodes_clear(&s->nodes);
	graph_chain_clear(&s->chain);
	buf_clear(&s->id_text);
	buf_clear(&s->version_text);
	xfree(s->base_url);
	xfree(s->path);
	xfree(s->query);
	xfree(s->records);
	xfree(s);
}

static int
check_place(const char *path, const char *records, struct err *err)
{
	const struct jsonsplit_conf conf = { .records = records };
	struct jsonsplit *js;

	if (strncmp(path, "/v1.0/", 6) != 0 && strncmp(path, "/beta/", 6) != 0)
		return err_set(err, ERR_CONF,
		    "path = \"%s\": it begins with /v1.0/ or /beta/", path);
	if (strpbrk(path, "?# \"\\") != NULL)
		return err_set(err, ERR_CONF,
		    "path = \"%s\": a question mark and what follows it belong"
		    " into query",
		    path);
	js = jsonsplit_new(&conf, NULL, NULL);
	if (js == NULL)
		return err_set(err, ERR_CONF,
		    "records = \"%s\": wanted are names and indices, then [*],"
		    " as $.value[*]",
		    records);
	jsonsplit_free(&js);
	return 0;
}

static int
open_path(struct jsonpath **path_r, const char *option, const char *text,
    struct err *err)
{
	if (text == NULL)
		return 0;
	*path_r = jsonpath_new(str_of(text), err);
	if (*path_r != NULL)
		return 0;
	return err_prefix(err, "%s = \"%s\": ", option, text);
}

static struct source *
any_open(const void *conf, const struct source_common *common, struct err *err)
{
	const struct graph_any_conf *c = conf;
	struct source *s;

	if (check_place(c->path, c->records, err) < 0)
		return NULL;
	s = xcalloc(1, sizeof(*s));
	s->base_url = xstrdup(common->base_url);
	s->common = *common;
	s->common.base_url = s->base_url;
	s->path = xstrdup(c->path);
	s->query = xstrdup(c->query != NULL ? c->query : "");
	s->records = xstrdup(c->records);
	s->known = find_known(c);
	s->eventual = c->eventual;
	s->is_windowed = strstr(s->query, "{from}") != NULL ||
	    strstr(s->query, "{until}") != NULL;
	s->wants_list = strcmp(c->records, "$.value[*]") == 0 ||
	    strcmp(c->records, "value[*]") == 0;
	s->settle_ms = c->settle_ms;
	graph_chain_init(&s->chain);
	buf_init(&s->id_text, RECORD_ID_MAX);
	buf_init(&s->version_text, QUERY_MAX);
	if (open_path(&s->id, "id", c->id, err) < 0 ||
	    open_path(&s->time, "time", c->time, err) < 0 ||
	    open_path(&s->version, "version", c->version, err) < 0)
		any_close(&s);
	return s;
}

/* --- the round ---------------------------------------------------------- */

static int64_t
moment(const struct cursor *c, const char *name, int64_t otherwise)
{
	int64_t ticks;

	return rfc3339_parse_ticks(cursor_get(c, name), &ticks) ? ticks
								: otherwise;
}

static int
any_begin(struct source *s, const struct cursor *from, uint64_t wall_ms,
    struct err *err)
{
	int64_t now = (int64_t)wall_ms * RFC3339_TICKS_PER_MS;
	int64_t overlap = (int64_t)s->common.overlap_ms * RFC3339_TICKS_PER_MS;

	(void)err;
	s->from = *from;
	s->wall_ms = wall_ms;
	s->start =
	    moment(from, "start", s->common.start_ms * RFC3339_TICKS_PER_MS);
	s->until = now - (int64_t)s->settle_ms * RFC3339_TICKS_PER_MS;
	s->low = moment(from, "read-until", s->start) - overlap;
	if (s->low < s->start)
		s->low = s->start;
	if (!cursor_get_i64(from, "remembered", &s->remembered_ms))
		s->remembered_ms = (int64_t)wall_ms;
	s->remembers = !s->is_windowed &&
	    (int64_t)wall_ms - s->remembered_ms >= (int64_t)DAY_MS;
	if (s->remembers)
		s->remembered_ms = (int64_t)wall_ms;
	graph_chain_begin(&s->chain);
	s->is_out = false;
	s->is_done = s->is_windowed && s->low >= s->until;
	s->stalls = 0;
	return 0;
}

static void
put_time(struct buf *out, int64_t ticks)
{
	char text[RFC3339_MAX];

	buf_add(out, text, rfc3339_format_ticks(text, ticks));
}

/* The query as it was written, with its times and fit for an address. */
static void
put_query(const struct source *s, struct buf *url)
{
	static const char keep[] = "$&=',()*:;@/?!%-._~";
	struct str rest = str_of(s->query);

	while (rest.len > 0) {
		char c = rest.p[0];
		size_t n = 1;

		if (str_starts(rest, STR_LIT("{from}"))) {
			put_time(url, s->low);
			n = 6;
		} else if (str_starts(rest, STR_LIT("{until}"))) {
			put_time(url, s->until);
			n = 7;
		} else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || strchr(keep, c) != NULL) {
			buf_add_char(url, c);
		} else {
			buf_addf(url, "%%%02X", (unsigned)(unsigned char)c);
		}
		rest = str_make(rest.p + n, rest.len - n);
	}
}

static int
any_ask(struct source *s, struct httpreq *req_r)
{
	if (s->is_out || s->is_done)
		return 0;
	req_r->method = HTTP_GET;
	if (s->chain.link.len > 0) {
		buf_add_str(&req_r->url, buf_str(&s->chain.link));
	} else {
		buf_add_text(&req_r->url, s->base_url);
		buf_add_text(&req_r->url, s->path);
		if (s->query[0] != '\0')
			buf_add_char(&req_r->url, '?');
		put_query(s, &req_r->url);
	}
	graph_headers(req_r, s->wall_ms, s->requests++);
	if (s->eventual)
		httpreq_header(req_r, "ConsistencyLevel", "eventual");
	s->is_out = true;
	return 1;
}

static int
any_head(struct source *s, const struct httpresp *resp, const char **records_r)
{
	int64_t clock;

	if (resp->status != 200 && resp->status != 206)
		return -1;
	/* As with alerts: our clock may be ahead of the service's. */
	if (graph_clock(resp, &clock)) {
		clock -= (int64_t)s->settle_ms * RFC3339_TICKS_PER_MS;
		if (clock < s->until)
			s->until = clock;
	}
	s->is_partial = resp->status == 206;
	*records_r = s->records;
	return 0;
}

/* --- records ------------------------------------------------------------ */

/* The text of the first thing that the path selects. */
static struct str
pick(struct source *s, const struct jsonpath *path, const struct json_doc *doc,
    struct buf *scratch)
{
	enum json_type type;

	buf_reset(scratch);
	if (path == NULL ||
	    jsonpath_select(path, doc, 0, &s->nodes, NULL) < 0 ||
	    s->nodes.n == 0)
		return str_make(NULL, 0);
	type = json_type(doc, s->nodes.v[0]);
	if (type == JSON_NULL)
		return str_make(NULL, 0);
	if (type == JSON_STRING)
		return json_text(doc, s->nodes.v[0], scratch);
	return json_raw(doc, s->nodes.v[0]);
}

static struct str
pick_version(struct source *s, const struct json_doc *doc, int64_t changed)
{
	struct str text = pick(s, s->version, doc, &s->version_text);

	if (s->version == NULL && changed > 0) {
		put_time(&s->version_text, changed);
		text = buf_str(&s->version_text);
	}
	/* One that is long is known by its hash, or nothing would be. */
	if (text.len > RECORD_VERSION_MAX || s->version_text.failed) {
		uint64_t hash = graph_hash(text);

		buf_reset(&s->version_text);
		buf_addf(&s->version_text, "%016" PRIx64, hash);
		text = buf_str(&s->version_text);
	}
	return text;
}

static int
any_record(struct source *s, unsigned tag, const struct json_doc *doc,
    struct record *rec_r, struct err *err)
{
	int64_t changed = 0;
	struct str id, text;

	(void)tag;
	text = pick(s, s->time, doc, &s->version_text);
	if (!rfc3339_parse_ticks(text, &changed) || changed <= 0)
		changed = 0;
	id = pick(s, s->id, doc, &s->id_text);
	if (id.len == 0 || id.len > RECORD_ID_MAX || s->id_text.failed)
		return err_set(err, ERR_DATA, "a record whose id is %s",
		    id.len == 0 && !s->id_text.failed ? "missing" : "too long");
	*rec_r = (struct record){
		.doc = doc,
		.type = STR_LIT(NAME),
		.id = id,
		.version = pick_version(s, doc, changed),
		/* The same in every round, or it would be new in each. */
		.time_ms = (uint64_t)((changed > 0 ? changed : s->start) /
		    RFC3339_TICKS_PER_MS),
		.is_standing = s->remembers,
	};
	return 0;
}

/* From the first page again; not for ever. */
static int
again(struct source *s, enum err_kind kind, const char *why, struct err *err)
{
	graph_chain_begin(&s->chain);
	if (++s->stalls < STALLS_MAX)
		return err_set(err, kind, "%s", why);
	return err_set(err, ERR_BUG,
	    "no progress: asked %d times and answered the same way: %s",
	    STALLS_MAX, why);
}

static int
any_tail(struct source *s, const struct httpresp *resp,
    const struct json_doc *envelope, struct err *err)
{
	struct err why;
	uint32_t list;
	int rc;

	(void)resp;
	s->is_out = false;
	list = json_member(envelope, 0, STR_LIT("value"));
	if (s->wants_list &&
	    (list == JSON_NONE || json_type(envelope, list) != JSON_ARRAY))
		return again(s, ERR_RETRY, "an answer without a list", err);
	if (s->is_partial)
		return again(s, ERR_RETRY,
		    "the service says that its answer is not complete", err);
	if (json_type(envelope, 0) != JSON_OBJECT) {
		s->is_done = true;
		return 0;
	}
	rc = graph_chain_next(&s->chain, envelope, s->base_url, &why);
	if (rc < 0)
		return again(s, why.kind, why.text, err);
	s->is_done = rc == 0;
	return 0;
}

static void
any_fail(struct source *s, const struct httpresp *resp, struct str body,
    uint64_t wall_ms, struct err *err)
{
	const char *permission = s->known->api.permission;

	s->is_out = false;
	if (resp->status == 0)
		return;
	graph_error(resp, body, wall_ms,
	    permission != NULL ? permission : "that of the collection", err);
	err_prefix(err, "%s: ", s->path);
	if (s->chain.link.len > 0 &&
	    (resp->status == 400 || resp->status == 404 ||
		resp->status == 410)) {
		const struct err why = *err;

		(void)again(s, ERR_RETRY, why.text, err);
		err_prefix(err, "a next link has gone stale: ");
	}
}

static bool
any_end(struct source *s, struct cursor *to_r)
{
	char text[RFC3339_MAX];
	int64_t read = moment(&s->from, "read-until", s->start);

	if (s->is_out || !s->is_done)
		return false;
	*to_r = s->from;
	(void)cursor_set(to_r, "start",
	    str_make(text, rfc3339_format_ticks(text, s->start)));
	if (s->is_windowed)
		(void)cursor_set(to_r, "read-until",
		    str_make(text,
			rfc3339_format_ticks(
			    text, s->until > read ? s->until : read)));
	else
		(void)cursor_set_i64(to_r, "remembered", s->remembered_ms);
	return true;
}

const struct source_ops graph_any_ops = {
	.name = NAME,
	.api = "graph",
	.service = "graph",
	.opts = options,
	.conf_bytes = sizeof(struct graph_any_conf),
	.limits = &plain_limits,
	.api_of = any_api,
	.check = any_check,
	.open = any_open,
	.close = any_close,
	.begin = any_begin,
	.ask = any_ask,
	.head = any_head,
	.record = any_record,
	.tail = any_tail,
	.fail = any_fail,
	.end = any_end,
};
