/*
 * source/log_analytics.c -- tables of a Log Analytics workspace.
 *
 * What a table gets is late: a row says when its thing happened, and becomes
 * visible minutes to hours later.  So a table is read in the order in which
 * its rows arrived, by ingestion_time(), and a query of the operator's own by
 * the column that he names.  A round reads slices of that time, each sorted,
 * a page of rows at a time; the last moment of a full page is asked for again
 * in the next one, since others may share it, and pages full of one moment
 * are counted through.  For that the order is made total by a hash of the row.
 *
 * A slice without many rows makes the next one longer; one that is too much
 * for the service, which then answers with a part and an error beside it, or
 * not in time, makes it shorter and the page smaller.
 *
 * Rows come as bare arrays behind the names of their columns.
 */
/* SPDX-License-Identifier: ISC */
#include "source/log_analytics.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "codec/httpmsg.h"
#include "codec/json.h"
#include "codec/jsonrows.h"
#include "codec/rfc3339.h"
#include "record/cursor.h"
#include "record/record.h"
#include "source/graph.h"
#include "source/source.h"

#define NAME "log-analytics"
#define PERMISSION "Data.Read"
#define ARRIVED "cloudcefd_time" /* a column of ours in each answer */
#define GENERATED "TimeGenerated"

#define QUERY_MAX (256 * 1024)
#define ROW_MAX (16 * 1024 * 1024)
#define WORDS_MAX 1024 /* of what a server says */
#define SECOND ((int64_t)1000 * RFC3339_TICKS_PER_MS)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)
#define DAY_MS ((uint64_t)24 * 3600 * 1000)
#define SHRINK_AFTER 2 /* failures of one request, when it may be too much */
#define STALLS_MAX 3
#define SERVER_WAIT "wait=50" /* s; shorter than we wait for a first byte */

/* 200 requests in any 30 s for one application. */
static const struct source_limits limits = {
	.requests = 20,
	.period_ms = 170,
	.concurrency = 1,
	.max_record = 4 * 1024 * 1024,
};

#define FIELD(f) offsetof(struct log_analytics_conf, f)
static const struct opt options[] = {
	{ .name = "id-columns",
	    .type = OPT_LIST,
	    .offset = FIELD(id_columns),
	    .help = "columns that tell one thing from another" },
	{ .name = "max-late",
	    .type = OPT_TIME,
	    .offset = FIELD(max_late_ms),
	    .def = "14d",
	    .max = 730 * DAY_MS,
	    .help = "how long after TimeGenerated a row may arrive; 0: any" },
	{ .name = "page-size",
	    .type = OPT_NUMBER,
	    .offset = FIELD(page_size),
	    .def = "10000",
	    .min = 1,
	    .max = 250000,
	    .help = "rows asked for at once; fewer when that fails" },
	{ .name = "query",
	    .type = OPT_TEXT,
	    .offset = FIELD(query),
	    .help = "a query in KQL, instead of a table" },
	{ .name = "settle",
	    .type = OPT_TIME,
	    .offset = FIELD(settle_ms),
	    .def = "3m",
	    .max = DAY_MS,
	    .help = "a row is asked for when it arrived so long ago" },
	{ .name = "sweep",
	    .type = OPT_TIME,
	    .offset = FIELD(sweep_ms),
	    .def = "1h",
	    .max = 7 * DAY_MS,
	    .help = "how often to look again for rows that came late" },
	{ .name = "sweep-overlap",
	    .type = OPT_TIME,
	    .offset = FIELD(sweep_overlap_ms),
	    .def = "2h",
	    .max = 7 * DAY_MS,
	    .help = "how far back to look then" },
	{ .name = "table",
	    .type = OPT_TEXT,
	    .offset = FIELD(table),
	    .help = "the table to read" },
	{ .name = "time-column",
	    .type = OPT_TEXT,
	    .offset = FIELD(time_column),
	    .help = "read by this time instead of a row's arrival" },
	{ .name = NULL },
};

/* Which columns name a thing in the tables that we know. */
#define IDS_MAX 8
static const struct preset {
	const char *table;
	const char *ids[IDS_MAX]; /* none: the row has no name */
	const char *born;         /* the same in all versions */
} presets[] = {
	{ "McasShadowItReporting", { NULL }, GENERATED },
	{ "OfficeActivity", { "OfficeId" }, GENERATED },
	{ "PurviewDataSensitivityLogs",
	    { "ActivityType", "AssetPath", "SourceScanId",
		"AssetLastScanTime" },
	    "AssetLastScanTime" },
	{ "SecurityAlert", { "SystemAlertId" }, NULL },
	{ "SecurityIncident", { "IncidentName" }, "CreatedTime" },
};

static const struct preset none = { .table = "" };

/* A row without a name, and how many before it were the same. */
struct twin {
	int64_t arrived;
	struct record_key hash;
	uint64_t same;
};

struct source {
	struct source_common common; /* without its texts */
	struct log_analytics_conf conf;
	char *url;          /* owned */
	char *query;        /* owned; what is asked, before our own part */
	char *time_column;  /* owned; NULL: by arrival */
	char *ids[IDS_MAX]; /* owned; as configured */
	const char *table;  /* owned; of a preset, or NULL */

	/* The round. */
	struct cursor from;
	int64_t start; /* nothing before it was ever asked for; ticks */
	int64_t read_until, until, swept;
	int64_t low, high, end, span; /* this slice; the last one's end */
	uint32_t top, skip;
	bool done;
	bool is_out;       /* a request is under way */
	bool is_answering; /* and its answer has begun */
	unsigned failures; /* of the same request, in a row */
	unsigned stalls;   /* answers without progress, in a row */

	/* The page. */
	uint32_t n;
	int64_t max; /* of its moments */
	bool falls;

	/* The row handed on last. */
	struct jsonrows *rows;
	struct buf id, version, scratch;
	struct twin last, before; /* of all; and when the page began */
};

/* --- its life ----------------------------------------------------------- */

static bool
is_name(const char *text)
{
	return text[0] != '\0' &&
	    strspn(text,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789_") == strlen(text);
}

static int
check_name(const char *option, const char *text, struct err *err)
{
	if (text == NULL || is_name(text))
		return 0;
	return err_set(err, ERR_CONF,
	    "%s = \"%s\": wanted is a name of letters, digits and _", option,
	    text);
}

static int
check(const struct log_analytics_conf *c, const struct source_common *common,
    struct err *err)
{
	const char *id = common->workspace_id;

	for (size_t i = 0; i < c->id_columns.n; i++)
		if (check_name("id-columns", c->id_columns.v[i], err) < 0)
			return -1;
	if (check_name("table", c->table, err) < 0 ||
	    check_name("time-column", c->time_column, err) < 0)
		return -1;
	if (c->id_columns.n > IDS_MAX)
		return err_set(
		    err, ERR_CONF, "id-columns: more than %d", IDS_MAX);
	if (common->never_asks)
		return 0;
	if ((c->table == NULL) == (c->query == NULL))
		return err_set(err, ERR_CONF,
		    "a table or a query says what to read, and not both");
	if (id == NULL)
		return err_set(err, ERR_CONF, "its tenant has no workspace-id");
	if (strspn(id, "0123456789abcdefABCDEF-") != strlen(id))
		return err_set(err, ERR_CONF,
		    "workspace-id = \"%s\": wanted is the id (a GUID) that the"
		    " workspace's overview page shows, not its name",
		    id);
	return 0;
}

static void
logs_close(struct source **sp)
{
	struct source *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	jsonrows_free(&s->rows);
	buf_clear(&s->id);
	buf_clear(&s->version);
	buf_clear(&s->scratch);
	for (size_t i = 0; i < IDS_MAX; i++)
		xfree(s->ids[i]);
	xfree(s->time_column);
	xfree(s->query);
	xfree(s->url);
	xfree(s);
}

/* Our part goes on behind the query: it must not have been ended. */
static char *
open_end(const char *query)
{
	struct str s = str_trim(str_of(query));

	while (s.len > 0 && s.p[s.len - 1] == ';')
		s = str_trim(str_make(s.p, s.len - 1));
	return xstrndup(s.p, s.len);
}

static struct source *
logs_open(const void *conf, const struct source_common *common, struct err *err)
{
	const struct log_analytics_conf *c = conf;
	struct source *s;

	if (check(c, common, err) < 0)
		return NULL;
	s = xcalloc(1, sizeof(*s));
	s->common = *common;
	s->common.base_url = s->common.workspace_id = NULL;
	s->conf = *c;
	s->url = xasprintf("%s/v1/workspaces/%s/query", common->base_url,
	    common->workspace_id != NULL ? common->workspace_id : "");
	s->query = open_end(c->table != NULL ? c->table
		: c->query != NULL           ? c->query
					     : "");
	s->table = c->table != NULL ? s->query : NULL;
	if (c->time_column != NULL)
		s->time_column = xstrdup(c->time_column);
	else if (c->query != NULL)
		s->time_column = xstrdup(GENERATED);
	for (size_t i = 0; i < c->id_columns.n; i++)
		s->ids[i] = xstrdup(c->id_columns.v[i]);
	s->span = HOUR;
	s->top = (uint32_t)c->page_size;
	s->rows = jsonrows_new(ROW_MAX);
	buf_init(&s->id, ROW_MAX);
	buf_init(&s->version, RECORD_VERSION_MAX);
	buf_init(&s->scratch, ROW_MAX);
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

static void
begin_slice(struct source *s, int64_t low)
{
	s->low = low;
	s->high = earlier(low + s->span, s->end);
	s->skip = 0;
	s->done = low >= s->end;
}

static int
logs_begin(struct source *s, const struct cursor *from, uint64_t wall_ms,
    struct err *err)
{
	int64_t now = ticks_of(wall_ms), sweep = ticks_of(s->conf.sweep_ms);
	int64_t first = s->common.start_ms * RFC3339_TICKS_PER_MS;
	int64_t low;

	(void)err;
	s->from = *from;
	s->start = moment(from, "start", first);
	s->read_until = moment(from, "read-until", s->start);
	s->until = s->end = now - ticks_of(s->conf.settle_ms);
	s->swept = earlier(moment(from, "swept", now), now);
	low = s->read_until - ticks_of(s->common.overlap_ms);
	if (sweep > 0 && now - s->swept >= sweep) {
		s->swept = now;
		low =
		    earlier(low, s->until - ticks_of(s->conf.sweep_overlap_ms));
	}
	/* What was too much in the last round may be too much no longer. */
	s->top = (uint32_t)s->conf.page_size;
	begin_slice(s, later(low, s->start));
	s->before = s->last = (struct twin){ 0 };
	s->is_out = s->is_answering = false;
	s->failures = s->stalls = 0;
	return 0;
}

static void
write_query(const struct source *s, struct buf *out)
{
	char low[RFC3339_MAX], high[RFC3339_MAX];

	rfc3339_format_ticks(low, s->low);
	rfc3339_format_ticks(high, s->high);
	buf_add_text(out, s->query);
	if (s->time_column != NULL)
		buf_addf(out, "\n| extend " ARRIVED " = todatetime(%s)",
		    s->time_column);
	else
		buf_add_text(out,
		    "\n| extend " ARRIVED
		    " = coalesce(ingestion_time(), " GENERATED ")");
	buf_addf(out,
	    "\n| where " ARRIVED " >= datetime(%s) and " ARRIVED
	    " < datetime(%s)"
	    "\n| extend cloudcefd_order = hash(tostring(pack_all()))"
	    "\n| order by " ARRIVED " asc, cloudcefd_order asc",
	    low, high);
	if (s->skip > 0)
		buf_addf(out,
		    "\n| extend cloudcefd_row = row_number()"
		    "\n| where cloudcefd_row > %" PRIu32
		    "\n| project-away cloudcefd_row",
		    s->skip);
	buf_addf(out, "\n| take %" PRIu32 "\n| project-away cloudcefd_order",
	    s->top);
}

/* Which rows the service looks at, by the time that they say. */
static void
write_timespan(const struct source *s, struct buf *out)
{
	char text[RFC3339_MAX];

	rfc3339_format_ticks(text, s->low - ticks_of(s->conf.max_late_ms));
	buf_add_text(out, text);
	rfc3339_format_ticks(text, s->high + DAY);
	buf_addf(out, "/%s", text);
}

static int
logs_ask(struct source *s, struct httpreq *req_r)
{
	struct buf text;

	if (s->is_out || s->done)
		return 0;
	buf_init(&text, QUERY_MAX);
	req_r->method = HTTP_POST;
	buf_add_text(&req_r->url, s->url);
	httpreq_header(req_r, "Accept", "application/json");
	/* Without it the service answers 200 and nothing. */
	httpreq_header(req_r, "Content-Type", "application/json");
	httpreq_header(req_r, "Prefer", SERVER_WAIT);
	write_query(s, &text);
	buf_add_text(&req_r->body, "{\"query\":");
	json_quote(&req_r->body, buf_str(&text));
	if (s->conf.max_late_ms > 0) {
		buf_reset(&text);
		write_timespan(s, &text);
		buf_add_text(&req_r->body, ",\"timespan\":");
		json_quote(&req_r->body, buf_str(&text));
	}
	buf_add_char(&req_r->body, '}');
	buf_clear(&text);
	s->is_out = true;
	return 1;
}

/* --- rows --------------------------------------------------------------- */

static int
logs_head(struct source *s, const struct httpresp *resp, const char **records_r)
{
	int64_t clock;

	if (resp->status != 200 && resp->status != 204)
		return -1;
	/* All that is asked for later was there then, or is asked for again. */
	if (graph_clock(resp, &clock))
		s->until =
		    earlier(s->until, clock - ticks_of(s->conf.settle_ms));
	s->is_answering = true;
	s->n = 0;
	s->max = s->low;
	s->falls = false;
	s->last = s->before;
	*records_r = "tables[0].rows[*]";
	return 0;
}

static uint32_t
first_table(const struct json_doc *doc)
{
	uint32_t tables = json_member(doc, 0, STR_LIT("tables"));

	if (tables == JSON_NONE || json_type(doc, tables) != JSON_ARRAY)
		return JSON_NONE;
	return json_first(doc, tables);
}

static bool
has_column(const struct json_doc *doc, uint32_t columns, const char *name)
{
	for (uint32_t i = json_first(doc, columns); i != JSON_NONE;
	     i = json_after(doc, columns, i))
		if (json_is(doc, json_member(doc, i, STR_LIT("name")),
			str_of(name)))
			return true;
	return false;
}

static int
logs_preface(
    struct source *s, unsigned tag, const struct json_doc *doc, struct err *err)
{
	uint32_t columns =
	    json_member(doc, first_table(doc), STR_LIT("columns"));

	(void)tag;
	if (jsonrows_columns(s->rows, doc, columns, err) < 0)
		return -1;
	for (size_t i = 0; i < IDS_MAX && s->ids[i] != NULL; i++)
		if (!has_column(doc, columns, s->ids[i]))
			return err_set(err, ERR_CONF,
			    "id-columns: the answer has no column \"%s\"",
			    s->ids[i]);
	if (!has_column(doc, columns, ARRIVED))
		return err_set(
		    err, ERR_DATA, "an answer without the column " ARRIVED);
	return 0;
}

/* Read a time that may be null, absent, or the first of January of year 1. */
static bool
read_time(struct source *s, const struct json_doc *doc, const char *name,
    int64_t *ticks_r)
{
	struct str text;

	if (name == NULL)
		return false;
	text = json_text(doc, json_member(doc, 0, str_of(name)), &s->scratch);
	return rfc3339_parse_ticks(text, ticks_r) && *ticks_r > 0;
}

static struct record_key
hash_text(char kind, struct str text)
{
	struct record rec = { .id = text };

	return record_id_key(str_make(&kind, 1), &rec);
}

static bool
is_empty(const struct json_doc *doc, uint32_t node)
{
	return json_type(doc, node) == JSON_NULL ||
	    (json_type(doc, node) == JSON_STRING &&
		json_raw(doc, node).len == 0);
}

/* Names that say where the row is kept, not what it says. */
static bool
is_system(struct str name)
{
	return (name.len > 0 && name.p[0] == '_') || str_is(name, "TenantId") ||
	    str_is(name, ARRIVED);
}

/*
 * A value's hash.  An object's members count in any order, and those without
 * a value not at all: the service reorders them, and tables get new columns.
 */
static struct record_key
hash_node(struct source *s, const struct json_doc *doc, uint32_t node)
{
	struct record_key sum = { 0, 0 }, pair[2];

	if (json_type(doc, node) == JSON_STRING)
		return hash_text('s', json_text(doc, node, &s->scratch));
	if (json_type(doc, node) == JSON_OBJECT) {
		for (uint32_t k = json_first(doc, node); k != JSON_NONE;
		     k = json_after(doc, node, k + 1)) {
			if (is_empty(doc, k + 1) ||
			    (node == 0 && is_system(json_raw(doc, k))))
				continue;
			pair[0] = hash_node(s, doc, k);
			pair[1] = hash_node(s, doc, k + 1);
			pair[0] = hash_text(
			    'm', str_make((const char *)pair, sizeof(pair)));
			sum.hi += pair[0].hi;
			sum.lo += pair[0].lo;
		}
	} else if (json_type(doc, node) == JSON_ARRAY) {
		for (uint32_t i = json_first(doc, node); i != JSON_NONE;
		     i = json_after(doc, node, i)) {
			pair[0] = sum;
			pair[1] = hash_node(s, doc, i);
			sum = hash_text(
			    'e', str_make((const char *)pair, sizeof(pair)));
		}
	} else {
		return hash_text('v', json_raw(doc, node));
	}
	return hash_text((char)json_type(doc, node),
	    str_make((const char *)&sum, sizeof(sum)));
}

static void
add_hex(struct buf *out, struct record_key key)
{
	buf_addf(out, "%016" PRIx64 "%016" PRIx64, key.hi, key.lo);
}

static const struct preset *
find_preset(struct source *s, const struct json_doc *doc)
{
	struct str table = s->table != NULL
	    ? str_of(s->table)
	    : json_text(doc, json_member(doc, 0, STR_LIT("Type")), &s->scratch);

	for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++)
		if (str_eq_nocase(table, str_of(presets[i].table)))
			return &presets[i];
	return &none;
}

/*
 * Put the values of the id's columns into s->id: one as it is, several as
 * their hash.  False if they have no value.
 */
static bool
name_by_columns(
    struct source *s, const struct json_doc *doc, const char *const *names)
{
	size_t n = 0, at = 0;

	buf_reset(&s->id);
	for (; n < IDS_MAX && names[n] != NULL; n++) {
		uint32_t node = json_member(doc, 0, str_of(names[n]));

		if (n > 0)
			buf_add_char(&s->id, '\x1f');
		at = s->id.len;
		if (node != JSON_NONE && !is_empty(doc, node))
			json_decode(doc, node, &s->id);
	}
	if (s->id.failed || s->id.len + 1 <= n || n == 0)
		return false;
	if (n > 1 || s->id.len - at > RECORD_ID_MAX) {
		struct record_key key = hash_text('i', buf_str(&s->id));

		buf_reset(&s->id);
		add_hex(&s->id, key);
	}
	return true;
}

/*
 * A row without a name is known by all that it says.  Rows that say the same
 * stand one behind the other, by the order that was asked for, and are told
 * from each other by their number.
 */
static void
name_by_content(struct source *s, struct record_key hash, int64_t arrived)
{
	struct twin *t = &s->last;
	bool same = arrived == t->arrived && hash.hi == t->hash.hi &&
	    hash.lo == t->hash.lo;

	*t = (struct twin){ arrived, hash, same ? t->same + 1 : 0 };
	buf_reset(&s->id);
	add_hex(&s->id, hash);
	if (t->same > 0)
		buf_addf(&s->id, "-%" PRIu64, t->same);
}

static void
see_moment(struct source *s, int64_t arrived)
{
	if (arrived < s->max)
		s->falls = true;
	s->max = later(s->max, arrived);
}

static int
logs_record(struct source *s, unsigned tag, const struct json_doc *row,
    struct record *rec_r, struct err *err)
{
	const struct json_doc *doc = jsonrows_name(s->rows, row, err);
	const struct preset *preset;
	struct record_key hash;
	int64_t arrived = 0, time, born;

	(void)tag;
	s->n++;
	if (doc == NULL)
		return -1;
	if (read_time(s, doc, ARRIVED, &arrived))
		see_moment(s, arrived);
	preset = find_preset(s, doc);
	if (!read_time(s, doc,
		s->time_column != NULL ? s->time_column : GENERATED, &time))
		time = arrived > 0 ? arrived : s->until;
	if (!read_time(s, doc, preset->born, &born))
		born = 0;
	hash = hash_node(s, doc, 0);
	buf_reset(&s->version);
	if (name_by_columns(s, doc,
		s->ids[0] != NULL ? (const char *const *)s->ids : preset->ids))
		add_hex(&s->version, hash);
	else
		name_by_content(s, hash, arrived);
	*rec_r = (struct record){
		.doc = doc,
		.type = STR_LIT(NAME),
		.id = buf_str(&s->id),
		.version = buf_str(&s->version),
		.time_ms = (uint64_t)(time / RFC3339_TICKS_PER_MS),
		.born_ms = (uint64_t)(born / RFC3339_TICKS_PER_MS),
	};
	return 0;
}

static void
logs_unread(struct source *s, unsigned tag)
{
	(void)tag;
	s->n++;
}

/* --- what to ask next --------------------------------------------------- */

static int
again(struct source *s, const char *why, struct err *err)
{
	if (++s->stalls < STALLS_MAX)
		return err_set(err, ERR_RETRY, "%s", why);
	return err_set(err, ERR_BUG,
	    "no progress: asked %d times and answered the same way: %s",
	    STALLS_MAX, why);
}

/* Ask for less; false if it is as little as can be. */
static bool
shrink(struct source *s)
{
	int64_t span = s->high - s->low;

	if (s->top <= 1 && span <= SECOND)
		return false;
	s->top = s->top > 1 ? s->top / 2 : 1;
	s->span = later(span / 2, SECOND);
	s->high = earlier(s->high, s->low + s->span);
	return true;
}

/* Put the words for that before what err says. */
static void
tell_shrunk(const struct source *s, struct err *err)
{
	err->kind = ERR_DEGRADE;
	err_prefix(err,
	    "asking for %" PRIu32 " rows of %" PRId64
	    " s at a time from now on: ",
	    s->top, s->span / SECOND);
}

/* The answer says that it is a part of what was asked for. */
static int
tell_partial(struct source *s, const struct json_doc *envelope, uint32_t error,
    struct err *err)
{
	struct buf text;

	buf_init(&text, WORDS_MAX);
	json_decode(envelope, json_at(envelope, error, "code"), &text);
	buf_add_text(&text, ": ");
	json_decode(envelope, json_at(envelope, error, "message"), &text);
	if (shrink(s)) {
		err_set(err, ERR_DEGRADE, "the answer is not complete (%.*s)",
		    STR_ARG(buf_str(&text)));
		tell_shrunk(s, err);
	} else {
		again(s, "the answer is not complete", err);
	}
	buf_clear(&text);
	return -1;
}

/* There were few rows in this slice: the next one may be longer. */
static void
grow(struct source *s)
{
	uint32_t most = (uint32_t)s->conf.page_size;

	if (s->span < DAY)
		s->span *= 2;
	s->top = s->top > most / 2 ? most : s->top * 2;
}

static void
turn(struct source *s)
{
	s->failures = s->stalls = 0;
	if (s->n < s->top) {
		if (s->skip == 0)
			grow(s);
		begin_slice(s, s->high);
	} else if (s->max > s->low) {
		s->low = s->max;
		s->skip = 0;
	} else {
		s->skip += s->n;
		s->before = s->last;
		return;
	}
	s->before = (struct twin){ 0 };
}

static int
logs_tail(struct source *s, const struct httpresp *resp,
    const struct json_doc *envelope, struct err *err)
{
	uint32_t error, rows;

	s->is_out = s->is_answering = false;
	if (resp->status == 204) { /* no table has ever had a row */
		s->n = 0;
		turn(s);
		return 0;
	}
	error = json_member(envelope, 0, STR_LIT("error"));
	if (error != JSON_NONE && json_type(envelope, error) != JSON_NULL)
		return tell_partial(s, envelope, error, err);
	rows = json_member(envelope, first_table(envelope), STR_LIT("rows"));
	if (rows == JSON_NONE || json_type(envelope, rows) != JSON_ARRAY)
		return again(s, "an answer without a table", err);
	if (s->falls)
		return again(s, "the rows are not in the order asked for", err);
	turn(s);
	return 0;
}

/* --- errors ------------------------------------------------------------- */

/* What the service's words mean, and what can be done. */
static const struct advice {
	const char *code; /* of the error, or of the one within */
	enum err_kind kind;
	const char *words;
} advices[] = {
	{ "SyntaxError", ERR_CONF, "the query is no valid KQL" },
	{ "SemanticError", ERR_CONF,
	    "the workspace has no such table or column; a table is there once"
	    " the connector that fills it is switched on" },
	{ "FailedToResolveResource", ERR_CONF,
	    "there is no such workspace: check workspace-id" },
	{ "PathNotFoundError", ERR_CONF, "check loganalytics-url" },
	{ "InvalidAuthenticationTokenAudience", ERR_CONF,
	    "the token is for another service: check cloud and"
	    " loganalytics-url" },
	{ "InvalidAuthenticationToken", ERR_LOGIN, "the token is not good" },
	{ "InvalidTokenError", ERR_LOGIN, "the token is not good" },
	{ "invalid_grant", ERR_LOGIN, "the token is not good" },
	{ "InsufficientAccessError", ERR_DENIED,
	    "grant the application " PERMISSION " of the Log Analytics API,"
	    " with admin consent, and the role Log Analytics Reader on the"
	    " workspace; a new grant takes up to an hour" },
};

static const struct advice *
find_advice(struct str code)
{
	for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
		if (str_is(code, advices[i].code))
			return &advices[i];
	return NULL;
}

static void
explain(const struct httpresp *resp, struct str body, uint64_t wall_ms,
    struct err *err)
{
	static const char *const codes[] = { "error.innererror.code",
		"error.code", "error" };
	static const char *const words[] = { "error.innererror.message",
		"error.message", "error_description" };
	const struct advice *advice = NULL;
	struct buf code, said;
	struct json_doc doc;

	buf_init(&code, WORDS_MAX);
	buf_init(&said, WORDS_MAX);
	json_init(&doc, 0, 0);
	if (json_parse(&doc, body, NULL) == 0) {
		for (size_t i = 0; i < 3; i++) {
			buf_reset(&code);
			buf_add_str(&code,
			    json_text(&doc, json_at(&doc, 0, codes[i]), &said));
			if (advice == NULL)
				advice = find_advice(buf_str(&code));
		}
		buf_reset(&said);
		for (size_t i = 0; i < 3 && said.len == 0; i++)
			json_decode(&doc, json_at(&doc, 0, words[i]), &said);
	}
	(void)httpresp_check(resp, buf_str(&said), wall_ms, err);
	if (advice != NULL) {
		err->kind = advice->kind;
		err_prefix(err, "%s: ", advice->words);
	}
	json_clear(&doc);
	buf_clear(&code);
	buf_clear(&said);
}

static void
logs_fail(struct source *s, const struct httpresp *resp, struct str body,
    uint64_t wall_ms, struct err *err)
{
	bool broke_off = resp->status == 0 && s->is_answering;

	s->is_out = s->is_answering = false;
	if (resp->status != 0)
		explain(resp, body, wall_ms, err);
	if (resp->status == 504)
		s->failures = SHRINK_AFTER;
	else if (resp->status == 500 || (broke_off && err->kind == ERR_RETRY))
		s->failures++;
	if (s->failures >= SHRINK_AFTER && shrink(s))
		tell_shrunk(s, err);
}

static bool
logs_end(struct source *s, struct cursor *to_r)
{
	const struct {
		const char *name;
		int64_t ticks;
	} moments[] = {
		{ "start", s->start },
		{ "read-until", later(s->read_until, s->until) },
		{ "swept", s->swept },
	};

	if (s->is_out || !s->done)
		return false;
	*to_r = s->from;
	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
		char text[RFC3339_MAX];
		size_t len = rfc3339_format_ticks(text, moments[i].ticks);

		(void)cursor_set(to_r, moments[i].name, str_make(text, len));
	}
	return true;
}

const struct source_ops log_analytics_ops = {
	.name = NAME,
	.api = NAME,
	.service = "loganalytics",
	.permission = PERMISSION,
	.opts = options,
	.conf_bytes = sizeof(struct log_analytics_conf),
	.limits = &limits,
	.open = logs_open,
	.close = logs_close,
	.begin = logs_begin,
	.ask = logs_ask,
	.head = logs_head,
	.preface = logs_preface,
	.record = logs_record,
	.unread = logs_unread,
	.tail = logs_tail,
	.fail = logs_fail,
	.end = logs_end,
};
