/* source/o365_activity.c -- the Office 365 Management Activity API. */
/* SPDX-License-Identifier: ISC */
/*
 * The service has five feeds, one for each content type.  A feed must be
 * subscribed to; then it lists contents by the time at which they were
 * published, and each content is an array of records, fetched by its own
 * address.
 *
 * A round looks at the subscriptions when that is due, then lists each feed
 * from its cursor to now, a window at a time, the feed that is furthest
 * behind first; meanwhile the contents that are listed are fetched, as many
 * at a time as the limit allows.  A feed's cursor moves to where its listing
 * ended when all contents are in.  A content that cannot be fetched now holds
 * the cursor where its window begins; all later ones go on, and the next
 * round lists from there again, passing over what it knows.
 *
 * A long way behind, rounds end early so that what was read becomes durable,
 * and each begins with the newest window, so that new records do not wait
 * for the old ones.
 *
 * Contents may be listed late: so a round looks back by the overlap, and every
 * so often much further.  The window filters by publication, which says
 * nothing of the age of the records within.
 */
#include "source/o365_activity.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "codec/httpmsg.h"
#include "codec/json.h"
#include "codec/rfc3339.h"
#include "codec/uri.h"
#include "record/cursor.h"
#include "record/record.h"
#include "source/graph.h"
#include "source/o365_blobs.h"
#include "source/o365_fault.h"
#include "source/source.h"

#define NAME "o365-activity"
#define MINUTE_MS ((int64_t)60 * 1000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
/*
 * Seven days back is the most; a little less, so that a request that waits
 * does not fall over the edge.
 */
#define DEPTH_MS (167 * HOUR_MS + 55 * MINUTE_MS)
#define DEPTH_LESS_MAX_MS DAY_MS
#define REFUSED_MS (15 * MINUTE_MS) /* then a refused feed is tried again */
#define BUSY_FIRST_MS (30 * 1000)
#define BUSY_MAX_MS (10 * MINUTE_MS)
#define SKEW_MIN_MS (5 * 1000) /* of a clock; less is not told */
#define FEEDS_MAX 32
#define URI_MAX (16 * 1024)
#define ROUND_CONTENTS 8192 /* listed, then the round ends when they are in */
#define WAITING_LOW 256     /* listing comes first while fewer wait */
#define HOLLOW_MAX 1000     /* pages without anything new, in a row */
#define LIST_TRIES 4 /* that fail, then a feed waits for the next round */
#define START_TRIES 3
#define CONTENT_TRIES 4

/*
 * 2,000 requests in any minute for a tenant, at least: 40 at once and 1,935
 * in the 60 s behind them.
 */
static const struct source_limits limits = {
	.requests = 40,
	.period_ms = 31,
	.concurrency = 16,
	.max_record = 4 * 1024 * 1024,
};

#define FIELD(f) offsetof(struct o365_activity_conf, f)
static const struct opt options[] = {
	{ .name = "content-types",
	    .type = OPT_LIST,
	    .offset = FIELD(content_types),
	    .help = "which feeds are read; all five if none is named" },
	{ .name = "publisher-id",
	    .type = OPT_TEXT,
	    .offset = FIELD(publisher_id),
	    .help = "GUID on whose quota requests count; else the tenant's" },
	{ .name = "settle",
	    .type = OPT_TIME,
	    .offset = FIELD(settle_ms),
	    .def = "60s",
	    .max = (uint64_t)DAY_MS,
	    .help = "contents are asked for when they are so old" },
	{ .name = "subscription-check",
	    .type = OPT_TIME,
	    .offset = FIELD(subscription_check_ms),
	    .def = "1h",
	    .min = (uint64_t)MINUTE_MS,
	    .max = (uint64_t)DAY_MS,
	    .help = "how often to see that the subscriptions are there" },
	{ .name = "sweep",
	    .type = OPT_TIME,
	    .offset = FIELD(sweep_ms),
	    .def = "30m",
	    .max = (uint64_t)(7 * DAY_MS),
	    .help = "how often to look again for contents listed late" },
	{ .name = "sweep-overlap",
	    .type = OPT_TIME,
	    .offset = FIELD(sweep_overlap_ms),
	    .def = "6h",
	    .max = (uint64_t)(7 * DAY_MS),
	    .help = "how far back to look then" },
	{ .name = "window",
	    .type = OPT_TIME,
	    .offset = FIELD(window_ms),
	    .def = "1h",
	    .min = (uint64_t)MINUTE_MS,
	    .max = (uint64_t)DAY_MS,
	    .help = "how much time one list of contents covers" },
	{ .name = NULL },
};

static const char *const all_feeds[] = { "DLP.All", "Audit.General",
	"Audit.Exchange", "Audit.SharePoint", "Audit.AzureActiveDirectory",
	NULL };

/* What is asked; with the feed's or the content's number it is the tag. */
enum question {
	ASK_SUBSCRIPTIONS,
	ASK_START,
	ASK_LIST,
	ASK_CONTENT
};
#define QUESTION_BITS 2

enum feed_state {
	FEED_UNKNOWN, /* until the subscriptions are listed */
	FEED_SUBSCRIBED,
	FEED_UNSUBSCRIBED,
	FEED_REFUSED /* until retry_ms */
};

/* One content type.  All times are ms since 1970, windows whole seconds. */
struct feed {
	char *name; /* owned */
	enum feed_state state;
	int64_t retry_ms;
	unsigned start_tries; /* in this round */
	bool is_listed;       /* among the subscriptions, and enabled */

	/* The round. */
	int64_t until;   /* all before it is in, as the cursor says */
	int64_t listed;  /* all before it is listed */
	int64_t target;  /* where listing ends */
	int64_t hold;    /* the cursor must not pass this */
	int64_t gap_low; /* what the service has no more, or 0 */
	int64_t low, high, trusted; /* the window under way; its true end */
	unsigned windows;           /* that are listed */
	bool wants_fresh, is_fresh; /* the newest window first */
	bool has_stopped;           /* nothing more in this round */
	bool is_out, is_answering;
	struct buf link; /* the next page; empty: the first one */
	struct o365_page page;
	unsigned page_news, hollow; /* new contents; pages without */
	unsigned tries;             /* of the same request */
};

struct source {
	struct source_common common;
	char *base_url, *tenant_id, *publisher; /* owned */
	struct uri base;
	struct o365_activity_conf conf; /* without what it owns */
	struct feed feeds[FEEDS_MAX];
	unsigned n_feeds;
	struct o365_blobs *blobs;

	/* The round. */
	struct cursor from;
	int64_t wall_ms; /* ours, as told last */
	int64_t start, swept, round;
	unsigned out;      /* requests under way */
	uint32_t n_listed; /* contents */

	/* Across rounds. */
	int64_t skew_ms;       /* add to our clock for the service's */
	int64_t depth_less_ms; /* behind which it takes no window */
	int64_t checked_ms;    /* the subscriptions; 0: never */
	bool wants_check, is_checking;
	int64_t start_ms; /* no start of a subscription before */
	bool is_starting;
	int64_t busy_until_ms;
	unsigned busy;

	struct buf id, scratch; /* of the record handed on last */
};

/* --- its life ----------------------------------------------------------- */

static bool
is_guid(const char *s)
{
	for (size_t i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s[i] != '-'
			 : s[i] == '\0' ||
			    strchr("0123456789abcdefABCDEF", s[i]) == NULL)
			return false;
	}
	return s[36] == '\0';
}

static int
add_feed(struct source *s, const char *name, struct err *err)
{
	struct feed *f = &s->feeds[s->n_feeds];

	if (name[0] == '\0' ||
	    strspn(name,
		"abcdefghijklmnopqrstuvwxyz0123456789._"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(name))
		return err_set(err, ERR_CONF,
		    "content-types: \"%s\" is no name: DLP.All, Audit.General,"
		    " Audit.Exchange, Audit.SharePoint and"
		    " Audit.AzureActiveDirectory are",
		    name);
	for (unsigned i = 0; i < s->n_feeds; i++)
		if (str_eq_nocase(str_of(s->feeds[i].name), str_of(name)))
			return err_set(err, ERR_CONF,
			    "content-types: \"%s\" is there twice", name);
	if (s->n_feeds == FEEDS_MAX)
		return err_set(err, ERR_CONF,
		    "content-types: no more than %d can be read", FEEDS_MAX);
	f->name = xstrdup(name);
	buf_init(&f->link, URI_MAX);
	f->page = (struct o365_page){ O365_BLOB_NONE, O365_BLOB_NONE };
	s->n_feeds++;
	return 0;
}

static void
activity_close(struct source **sp)
{
	struct source *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	for (unsigned i = 0; i < s->n_feeds; i++) {
		xfree(s->feeds[i].name);
		buf_clear(&s->feeds[i].link);
	}
	o365_blobs_free(&s->blobs);
	buf_clear(&s->id);
	buf_clear(&s->scratch);
	xfree(s->base_url);
	xfree(s->tenant_id);
	xfree(s->publisher);
	xfree(s);
}

static int
configure(struct source *s, const struct o365_activity_conf *c,
    const struct source_common *common, struct err *err)
{
	if (common->tenant_id == NULL || !is_guid(common->tenant_id))
		return err_set(err, ERR_CONF,
		    "tenant-id = \"%s\": %s needs the tenant's id, a GUID, as"
		    " the overview in the Entra portal shows it",
		    common->tenant_id != NULL ? common->tenant_id : "", NAME);
	if (c->publisher_id != NULL && !is_guid(c->publisher_id))
		return err_set(err, ERR_CONF,
		    "publisher-id = \"%s\": this is no GUID", c->publisher_id);
	s->base_url = xstrdup(common->base_url);
	s->tenant_id = xstrdup(common->tenant_id);
	s->publisher = xstrdup(
	    c->publisher_id != NULL ? c->publisher_id : common->tenant_id);
	s->common = *common;
	s->conf = *c;
	if (uri_parse(str_of(s->base_url), &s->base, err) < 0)
		return -1;
	if (c->content_types.n == 0) {
		for (size_t i = 0; all_feeds[i] != NULL; i++)
			if (add_feed(s, all_feeds[i], err) < 0)
				return -1;
	}
	for (size_t i = 0; i < c->content_types.n; i++)
		if (add_feed(s, c->content_types.v[i], err) < 0)
			return -1;
	return 0;
}

static struct source *
activity_open(
    const void *conf, const struct source_common *common, struct err *err)
{
	struct source *s = xcalloc(1, sizeof(*s));

	s->blobs = o365_blobs_new();
	s->wants_check = true;
	buf_init(&s->id, RECORD_ID_MAX);
	buf_init(&s->scratch, URI_MAX);
	if (configure(s, conf, common, err) < 0)
		activity_close(&s);
	return s;
}

/* --- the round begins --------------------------------------------------- */

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

static int64_t
whole_second(int64_t ms)
{
	return ms - ms % 1000;
}

/* A moment in the cursor; false and `otherwise` if it has none. */
static bool
moment(
    const struct cursor *c, const char *name, int64_t otherwise, int64_t *ms_r)
{
	if (rfc3339_parse_ms(cursor_get(c, name), ms_r))
		return true;
	*ms_r = otherwise;
	return false;
}

static int64_t
service_now(const struct source *s)
{
	return s->wall_ms + s->skew_ms;
}

/* Each feed's line in the cursor: "until DLP.All=2026-...". */
static const char *
until_name(const struct feed *f, char *name, size_t size)
{
	snprintf(name, size, "until %s", f->name);
	return name;
}

static void
begin_feed(struct source *s, struct feed *f, bool is_sweeping)
{
	int64_t now = service_now(s), low, earliest;
	int64_t window = (int64_t)s->conf.window_ms;
	char name[256];
	bool is_new = !moment(&s->from, until_name(f, name, sizeof(name)),
	    s->common.start_ms, &f->until);

	f->target = whole_second(now - (int64_t)s->conf.settle_ms);
	earliest = now - DEPTH_MS + s->depth_less_ms;
	earliest = whole_second(earliest) + 1000;
	f->gap_low = !is_new && f->until < earliest ? f->until : 0;
	low = f->until - (is_new ? 0 : (int64_t)s->common.overlap_ms);
	if (is_sweeping)
		low =
		    earlier(low, f->target - (int64_t)s->conf.sweep_overlap_ms);
	low = later(later(low, s->start), earliest);
	f->until = whole_second(later(f->until, earliest));
	f->listed = whole_second(low);
	f->hold = INT64_MAX;
	f->wants_fresh = f->target - f->until > 2 * later(window, HOUR_MS);
	f->is_fresh = f->has_stopped = f->is_out = f->is_answering = false;
	f->windows = f->hollow = f->tries = f->start_tries = 0;
	buf_reset(&f->link);
	f->page = (struct o365_page){ O365_BLOB_NONE, O365_BLOB_NONE };
	if (f->state == FEED_REFUSED && s->wall_ms >= f->retry_ms) {
		f->state = FEED_UNKNOWN;
		s->wants_check = true;
	}
}

static int
activity_begin(struct source *s, const struct cursor *from, uint64_t wall_ms,
    struct err *err)
{
	int64_t now, sweep = (int64_t)s->conf.sweep_ms, round = 0;
	bool is_sweeping, was_lost;

	(void)err;
	s->from = *from;
	s->wall_ms = (int64_t)wall_ms;
	now = service_now(s);
	/* The cursor that `end` gave last says that its round is durable. */
	was_lost = !cursor_get_i64(from, "round", &round) || round != s->round;
	s->round = later(s->round, round) + 1;
	(void)moment(from, "start", s->common.start_ms, &s->start);
	(void)moment(from, "swept", now, &s->swept);
	s->swept = earlier(s->swept, now);
	is_sweeping = sweep > 0 && now - s->swept >= sweep;
	if (is_sweeping)
		s->swept = now;
	o365_blobs_begin(s->blobs, was_lost);
	s->out = 0;
	s->n_listed = 0;
	s->busy = 0;
	s->is_checking = s->is_starting = false;
	for (unsigned i = 0; i < s->n_feeds; i++)
		begin_feed(s, &s->feeds[i], is_sweeping);
	if (s->wall_ms - s->checked_ms >=
	    (int64_t)s->conf.subscription_check_ms)
		s->wants_check = true;
	return 0;
}

/* --- asking ------------------------------------------------------------- */

static unsigned
tag_of(enum question q, uint32_t number)
{
	return (unsigned)q | number << QUESTION_BITS;
}

static enum question
question_of(unsigned tag)
{
	return (enum question)(tag & ((1U << QUESTION_BITS) - 1));
}

static uint32_t
number_of(unsigned tag)
{
	return tag >> QUESTION_BITS;
}

static bool
has_query(struct str url, const char *name)
{
	struct str rest = url;

	(void)str_cut(&rest, '?');
	while (rest.len > 0) {
		struct str value = str_cut(&rest, '&');

		if (str_eq_nocase(str_cut(&value, '='), str_of(name)))
			return true;
	}
	return false;
}

/* Every request says whose quota it counts on. */
static void
finish_request(struct source *s, struct httpreq *req)
{
	if (!has_query(buf_str(&req->url), "PublisherIdentifier"))
		httpreq_query(req, "PublisherIdentifier", str_of(s->publisher));
	httpreq_header(req, "Accept", "application/json");
	s->out++;
}

static void
put_operation(const struct source *s, struct httpreq *req, const char *name)
{
	buf_addf(&req->url, "%s/api/v1.0/%s/activity/feed/subscriptions/%s",
	    s->base_url, s->tenant_id, name);
}

/* The service takes neither a fraction nor a zone. */
static void
put_time(struct httpreq *req, const char *name, int64_t ms)
{
	char text[RFC3339_MAX];

	rfc3339_format_ms(text, ms);
	httpreq_query(req, name, str_make(text, 19));
}

static void
ask_subscriptions(struct source *s, struct httpreq *req)
{
	s->is_checking = true;
	for (unsigned i = 0; i < s->n_feeds; i++)
		s->feeds[i].is_listed = false;
	req->tag = tag_of(ASK_SUBSCRIPTIONS, 0);
	put_operation(s, req, "list");
}

static void
ask_start(struct source *s, struct httpreq *req, unsigned number)
{
	s->is_starting = true;
	s->feeds[number].start_tries++;
	req->tag = tag_of(ASK_START, number);
	req->method = HTTP_POST;
	put_operation(s, req, "start");
	httpreq_query(req, "contentType", str_of(s->feeds[number].name));
}

static void
begin_window(struct source *s, struct feed *f)
{
	int64_t window = (int64_t)s->conf.window_ms;

	f->is_fresh = f->wants_fresh;
	f->low = f->is_fresh ? later(f->listed, f->target - window) : f->listed;
	f->high = f->trusted = earlier(f->low + window, f->target);
}

static void
ask_list(struct source *s, struct httpreq *req, unsigned number)
{
	struct feed *f = &s->feeds[number];

	f->is_out = true;
	f->is_answering = false;
	f->page_news = 0;
	req->tag = tag_of(ASK_LIST, number);
	if (f->link.len > 0) {
		buf_add_str(&req->url, buf_str(&f->link));
		return;
	}
	begin_window(s, f);
	put_operation(s, req, "content");
	httpreq_query(req, "contentType", str_of(f->name));
	put_time(req, "startTime", f->low);
	put_time(req, "endTime", f->high);
}

static bool
wants_list(const struct source *s, const struct feed *f)
{
	if (f->state != FEED_SUBSCRIBED || f->is_out || f->has_stopped)
		return false;
	if (f->link.len > 0)
		return true;
	if (f->listed >= f->target)
		return false;
	return f->windows == 0 || s->n_listed < ROUND_CONTENTS;
}

/* The feed whose listing is furthest behind; n_feeds: none. */
static unsigned
next_list(const struct source *s)
{
	unsigned best = s->n_feeds;

	for (unsigned i = 0; i < s->n_feeds; i++) {
		const struct feed *f = &s->feeds[i];

		if (wants_list(s, f) &&
		    (best == s->n_feeds || f->listed < s->feeds[best].listed))
			best = i;
	}
	return best;
}

static unsigned
next_start(const struct source *s)
{
	unsigned i = 0;

	if (s->is_starting || s->wall_ms < s->start_ms)
		return s->n_feeds;
	while (i < s->n_feeds && s->feeds[i].state != FEED_UNSUBSCRIBED)
		i++;
	return i;
}

static int
activity_ask(struct source *s, struct httpreq *req_r)
{
	unsigned start, list;
	uint32_t number;

	if (s->is_checking)
		return 0;
	start = next_start(s);
	list = next_list(s);
	if (s->wants_check) {
		ask_subscriptions(s, req_r);
	} else if (start < s->n_feeds) {
		ask_start(s, req_r, start);
	} else if (list < s->n_feeds &&
	    o365_blobs_waiting(s->blobs) < WAITING_LOW) {
		ask_list(s, req_r, list);
	} else {
		number = o365_blobs_take(s->blobs);
		if (number == O365_BLOB_NONE)
			return 0;
		req_r->tag = tag_of(ASK_CONTENT, number);
		buf_add_text(&req_r->url, o365_blobs_at(s->blobs, number)->uri);
	}
	finish_request(s, req_r);
	return 1;
}

/* --- answers ------------------------------------------------------------ */

static int
activity_head(
    struct source *s, const struct httpresp *resp, const char **records_r)
{
	uint32_t number = number_of(resp->tag);
	int64_t clock;
	struct feed *f;

	if (resp->status != 200)
		return -1;
	*records_r = "[*]";
	switch (question_of(resp->tag)) {
	case ASK_SUBSCRIPTIONS:
		break;
	case ASK_START:
		*records_r = "none[*]"; /* it is one object */
		break;
	case ASK_LIST:
		f = &s->feeds[number];
		f->is_answering = true;
		/* What is published after this moment is not listed here. */
		if (httpresp_date(resp, &clock))
			f->trusted = earlier(f->trusted,
			    whole_second(clock - (int64_t)s->conf.settle_ms));
		break;
	case ASK_CONTENT:
		o365_blobs_at(s->blobs, number)->is_answering = true;
		break;
	}
	return 0;
}

static struct str
text_of(struct source *s, const struct json_doc *doc, const char *name)
{
	buf_reset(&s->scratch);
	return json_text(doc, json_member(doc, 0, str_of(name)), &s->scratch);
}

static struct feed *
find_feed(struct source *s, struct str name)
{
	for (unsigned i = 0; i < s->n_feeds; i++)
		if (str_eq_nocase(str_of(s->feeds[i].name), name))
			return &s->feeds[i];
	return NULL;
}

static int
take_subscription(struct source *s, const struct json_doc *doc)
{
	struct feed *f = NULL;

	if (json_type(doc, 0) == JSON_OBJECT)
		f = find_feed(s, text_of(s, doc, "contentType"));
	if (f != NULL &&
	    str_eq_nocase(text_of(s, doc, "status"), STR_LIT("enabled")))
		f->is_listed = true;
	return 1;
}

/* No token goes anywhere but where the configuration says. */
static int
check_address(
    const struct source *s, struct str url, const char *what, struct err *err)
{
	struct uri uri;

	if (uri_parse(url, &uri, err) < 0)
		return err_prefix(err, "%s: ", what);
	if (uri_same_origin(&s->base, &uri))
		return 0;
	return err_set(err, ERR_DATA,
	    "%s is at %.*s://%.*s:%u, which is not %s: it is not asked for",
	    what, STR_ARG(uri.scheme), STR_ARG(uri.host), uri.port,
	    s->base_url);
}

static uint64_t
key_of(const struct feed *f, struct str id)
{
	return graph_hash(id) ^ graph_hash(str_of(f->name)) * 3;
}

/* One line of a list: a content to be fetched. */
static int
take_content(struct source *s, unsigned number, const struct json_doc *doc,
    struct err *err)
{
	struct feed *f = &s->feeds[number];
	struct o365_blob blob = { .feed = number, .low = f->low };
	int64_t expires;
	struct str uri;

	if (json_type(doc, 0) != JSON_OBJECT)
		return err_set(err, ERR_DATA,
		    "%s: an entry in the list of contents that is no object",
		    f->name);
	if (!rfc3339_parse_ms(text_of(s, doc, "contentCreated"), &blob.created))
		blob.created = 0;
	if (rfc3339_parse_ms(text_of(s, doc, "contentExpiration"), &expires) &&
	    expires > 0 && expires < service_now(s) - MINUTE_MS)
		return err_set(err, ERR_DATA,
		    "%s: a content had expired before it was listed", f->name);
	blob.key = key_of(f, text_of(s, doc, "contentId"));
	uri = text_of(s, doc, "contentUri");
	if (uri.len == 0 || s->scratch.failed)
		return err_set(
		    err, ERR_DATA, "%s: a content without an address", f->name);
	if (check_address(s, uri, "a content", err) < 0)
		return err_prefix(err, "%s: ", f->name);
	switch (o365_blobs_add(s->blobs, &f->page, &blob, uri)) {
	case O365_ADDED:
		f->page_news++;
		break;
	case O365_KNOWN:
		break;
	case O365_FULL:
		return err_set(err, ERR_DATA,
		    "%s: too many contents on one page", f->name);
	}
	return 1;
}

/* Audit records write UTC without saying so. */
static int64_t
time_of(
    struct source *s, const struct json_doc *doc, const struct o365_blob *blob)
{
	int64_t ms;

	if (rfc3339_parse_ms(text_of(s, doc, "CreationTime"), &ms) && ms > 0)
		return ms;
	return blob->created > 0 ? blob->created : s->wall_ms;
}

/*
 * A match of a DLP rule and its undoing share one Id, so type and operation
 * belong to what tells records apart.  A record without an Id is told by its
 * place, which does not change.
 */
static void
put_id(struct source *s, const struct json_doc *doc,
    const struct o365_blob *blob, const struct feed *f)
{
	struct str id = text_of(s, doc, "Id");
	uint32_t type = json_member(doc, 0, STR_LIT("RecordType"));

	buf_reset(&s->id);
	if (id.len == 0) {
		buf_addf(&s->id, "%s %016" PRIx64 " %" PRIu32, f->name,
		    blob->key, blob->records);
		return;
	}
	buf_add_str(&s->id, id);
	buf_add_char(&s->id, ' ');
	json_decode(doc, type, &s->id);
	buf_add_char(&s->id, ' ');
	buf_add_str(&s->id, text_of(s, doc, "Operation"));
}

static int
activity_record(struct source *s, unsigned tag, const struct json_doc *doc,
    struct record *rec_r, struct err *err)
{
	uint32_t number = number_of(tag);
	/* A line of a file is known by itself where it has no Id. */
	struct o365_blob line = { .key = graph_hash(doc->text) }, *blob = &line;

	if (tag != SOURCE_TAG_LINE) {
		if (question_of(tag) == ASK_SUBSCRIPTIONS)
			return take_subscription(s, doc);
		if (question_of(tag) == ASK_LIST)
			return take_content(s, number, doc, err);
		if (question_of(tag) != ASK_CONTENT)
			return 1;
		blob = o365_blobs_at(s->blobs, number);
	}
	blob->records++;
	if (json_type(doc, 0) != JSON_OBJECT)
		return err_set(err, ERR_DATA, "a record that is no object");
	put_id(s, doc, blob, &s->feeds[blob->feed]);
	if (s->id.failed)
		return err_set(err, ERR_DATA, "a record whose Id is too long");
	*rec_r = (struct record){
		.doc = doc,
		.type = STR_LIT(NAME),
		.id = buf_str(&s->id),
		.version = str_make("", 0),
		.time_ms = (uint64_t)time_of(s, doc, blob),
	};
	return 0;
}

/* --- answers end -------------------------------------------------------- */

static int
end_subscriptions(struct source *s, bool is_list, struct err *err)
{
	s->is_checking = false;
	if (!is_list)
		return err_set(err, ERR_RETRY,
		    "the subscriptions are no list in this answer");
	s->wants_check = false;
	s->checked_ms = s->wall_ms;
	for (unsigned i = 0; i < s->n_feeds; i++) {
		struct feed *f = &s->feeds[i];

		if (f->state != FEED_REFUSED)
			f->state =
			    f->is_listed ? FEED_SUBSCRIBED : FEED_UNSUBSCRIBED;
	}
	return 0;
}

static int
end_start(struct source *s, struct feed *f, struct err *err)
{
	s->is_starting = false;
	f->state = FEED_SUBSCRIBED;
	return err_set(err, ERR_PART,
	    "subscribed to %s, which was not; what was published before does"
	    " not come, and the first may take twelve hours",
	    f->name);
}

/* Let a feed be until the next round; its cursor stays where it is. */
static void
stop_feed(struct source *s, struct feed *f)
{
	o365_blobs_drop(s->blobs, &f->page);
	buf_reset(&f->link);
	f->has_stopped = true;
}

/* The address of the next page: 1, or 0 if this was the last one. */
static int
read_next_page(struct source *s, struct feed *f, const struct httpresp *resp,
    struct err *err)
{
	struct str next = httpresp_header(resp, "NextPageUri");

	if (next.len == 0) {
		buf_reset(&f->link);
		return 0;
	}
	if (check_address(s, next, "a next page", err) < 0)
		return err_prefix(err, "%s: ", f->name);
	f->hollow = f->page_news > 0 ? 0 : f->hollow + 1;
	if (str_eq(next, buf_str(&f->link)) || f->hollow > HOLLOW_MAX)
		return err_set(err, ERR_DATA,
		    "%s: each next page leads to the same one", f->name);
	buf_reset(&f->link);
	buf_add_str(&f->link, next);
	if (f->link.failed)
		return err_set(err, ERR_DATA,
		    "%s: the address of a next page is too long", f->name);
	return 1;
}

/* All pages of the window are in. */
static int
end_window(struct feed *f, struct err *err)
{
	char low[RFC3339_MAX], high[RFC3339_MAX];
	int64_t gap = f->gap_low;

	f->hollow = 0;
	if (f->is_fresh) {
		f->wants_fresh = f->is_fresh = false;
	} else {
		f->windows++;
		/* A window that ends behind the service's own clock is cut. */
		if (f->trusted < f->high)
			f->target = later(f->trusted, f->low);
		f->listed = earlier(f->high, f->target);
	}
	if (gap == 0)
		return 0;
	f->gap_low = 0;
	rfc3339_format_ms(low, gap);
	rfc3339_format_ms(high, f->until);
	return err_set(err, ERR_LOST,
	    "%s: what was published from %s to %s is lost: it was not fetched"
	    " in time, and the service keeps it for seven days only",
	    f->name, low, high);
}

static int
end_list(struct source *s, struct feed *f, const struct httpresp *resp,
    bool is_list, struct err *err)
{
	int next;

	f->is_out = f->is_answering = false;
	if (!is_list) {
		o365_blobs_drop(s->blobs, &f->page);
		if (++f->tries >= LIST_TRIES)
			stop_feed(s, f);
		return err_set(err, ERR_RETRY,
		    "%s: the contents are no list in this answer", f->name);
	}
	f->tries = 0;
	s->n_listed += f->page_news;
	o365_blobs_accept(s->blobs, &f->page);
	next = read_next_page(s, f, resp, err);
	if (next < 0) {
		/* What is on later pages is out of reach: hold the cursor. */
		f->hold = earlier(f->hold, f->low);
		stop_feed(s, f);
		err->kind = ERR_PART;
		return -1;
	}
	return next > 0 ? 0 : end_window(f, err);
}

/* Fetch it in another round; until then the cursor does not pass it. */
static void
leave_content(struct source *s, uint32_t number)
{
	struct o365_blob *blob = o365_blobs_at(s->blobs, number);
	struct feed *f = &s->feeds[blob->feed];

	f->hold = earlier(f->hold, blob->low);
	o365_blobs_leave(s->blobs, number);
}

/* "Audit.General: content 2026...$audit_general: ". */
static void
name_content(
    const struct source *s, const struct o365_blob *blob, struct err *err)
{
	const char *id = strrchr(blob->uri, '/');
	size_t len = strcspn(id + 1, "?");

	err_prefix(err, "%s: content %.*s: ", s->feeds[blob->feed].name,
	    (int)(len < 200 ? len : 200), id + 1);
}

/*
 * It could not be had.  Another try may help; if several did not, a content
 * that arrives but cannot be read is lost, and any other is left for the next
 * round.
 */
static void
miss_content(
    struct source *s, uint32_t number, bool is_unreadable, struct err *err)
{
	if (++o365_blobs_at(s->blobs, number)->tries < CONTENT_TRIES) {
		o365_blobs_again(s->blobs, number);
	} else if (is_unreadable) {
		err->kind = ERR_LOST;
		err_prefix(err,
		    "it cannot be read, and that %d times: ", CONTENT_TRIES);
		o365_blobs_done(s->blobs, number);
	} else {
		err->kind = ERR_PART;
		err_prefix(err, "it is asked for again in the next round: ");
		leave_content(s, number);
	}
}

static int
end_content(struct source *s, uint32_t number, bool is_list, struct err *err)
{
	if (is_list) {
		o365_blobs_done(s->blobs, number);
		return 0;
	}
	err_set(err, ERR_RETRY, "this is no list of records");
	name_content(s, o365_blobs_at(s->blobs, number), err);
	miss_content(s, number, true, err);
	return -1;
}

static int
activity_tail(struct source *s, const struct httpresp *resp,
    const struct json_doc *envelope, struct err *err)
{
	bool is_list = json_type(envelope, 0) == JSON_ARRAY;
	uint32_t number = number_of(resp->tag);

	s->out--;
	switch (question_of(resp->tag)) {
	case ASK_SUBSCRIPTIONS:
		return end_subscriptions(s, is_list, err);
	case ASK_START:
		return end_start(s, &s->feeds[number], err);
	case ASK_LIST:
		return end_list(s, &s->feeds[number], resp, is_list, err);
	case ASK_CONTENT:
		break;
	}
	return end_content(s, number, is_list, err);
}

/* --- errors ------------------------------------------------------------- */

/* The kind of a refusal: whether anything is left to ask. */
static void
refuse_feed(struct source *s, struct feed *f, struct err *err)
{
	bool is_last = true;

	stop_feed(s, f);
	f->state = FEED_REFUSED;
	f->retry_ms = s->wall_ms + REFUSED_MS;
	for (unsigned i = 0; i < s->n_feeds; i++)
		is_last = is_last && s->feeds[i].state == FEED_REFUSED;
	err_prefix(err, "%s: ", f->name);
	if (!is_last)
		err->kind = ERR_PART;
}

static void
fail_start(
    struct source *s, struct feed *f, enum o365_fault fault, struct err *err)
{
	s->is_starting = false;
	if (fault == O365_STARTED) {
		f->state = FEED_SUBSCRIBED;
		return;
	}
	if (fault == O365_REFUSED) {
		refuse_feed(s, f, err);
		return;
	}
	if (fault == O365_TOO_OFTEN) {
		s->start_ms = s->wall_ms + (int64_t)err->wait_ms;
		err->kind = ERR_PART;
		err_prefix(err,
		    "the subscription to %s is started in %" PRIu64 " s: ",
		    f->name, err->wait_ms / 1000);
		return;
	}
	err_prefix(err, "subscribing to %s: ", f->name);
	if (err->kind != ERR_RETRY || f->start_tries < START_TRIES)
		return;
	s->start_ms = s->wall_ms + REFUSED_MS;
	err->kind = ERR_PART;
}

/* Our clock is wrong, or the edge of the seven days is not where it was. */
static void
shift_window(struct source *s, struct feed *f, const struct httpresp *resp,
    struct err *err)
{
	int64_t clock, skew = 0;

	stop_feed(s, f);
	if (httpresp_date(resp, &clock))
		skew = clock - s->wall_ms;
	if (skew > -SKEW_MIN_MS && skew < SKEW_MIN_MS)
		skew = 0;
	err->kind = ERR_PART;
	if (skew != s->skew_ms) {
		s->skew_ms = skew;
		err_prefix(err,
		    "%s: our clock and the service's are %" PRId64
		    " s apart; going by the service's: ",
		    f->name, (skew < 0 ? -skew : skew) / 1000);
		return;
	}
	s->depth_less_ms =
	    earlier(s->depth_less_ms + HOUR_MS, DEPTH_LESS_MAX_MS);
	err_prefix(err, "%s: looking back an hour less from now on: ", f->name);
}

static void
fail_list(struct source *s, struct feed *f, enum o365_fault fault,
    const struct httpresp *resp, struct err *err)
{
	bool is_missing = resp->status == 0 && !f->is_answering;

	f->is_out = f->is_answering = false;
	o365_blobs_drop(s->blobs, &f->page);
	if (fault == O365_REFUSED) {
		refuse_feed(s, f, err);
		return;
	}
	if (fault == O365_BAD_WINDOW) {
		shift_window(s, f, resp, err);
		return;
	}
	err_prefix(err, "%s: ", f->name);
	if (fault == O365_UNSUBSCRIBED) {
		f->state = FEED_UNSUBSCRIBED;
		buf_reset(&f->link);
		/* It was started a moment ago: do not press. */
		if (f->start_tries > 0)
			s->start_ms = s->wall_ms + REFUSED_MS;
		err->kind = ERR_PART;
		return;
	}
	if (is_missing || err->kind == ERR_LOGIN || err->kind == ERR_WAIT)
		return;
	/* A chain of pages that breaks is begun again. */
	if (err->kind == ERR_GONE || fault == O365_BAD_PAGE)
		buf_reset(&f->link);
	if (++f->tries < LIST_TRIES)
		return;
	stop_feed(s, f);
	err->kind = ERR_PART;
}

static void
fail_content(struct source *s, uint32_t number, enum o365_fault fault,
    const struct httpresp *resp, struct err *err)
{
	struct o365_blob *blob = o365_blobs_at(s->blobs, number);
	struct feed *f = &s->feeds[blob->feed];
	bool is_broken = resp->status == 0 && blob->is_answering;

	name_content(s, blob, err);
	if (fault == O365_GONE || err->kind == ERR_GONE) {
		err->kind = ERR_LOST;
		o365_blobs_done(s->blobs, number);
	} else if (fault == O365_REFUSED) {
		leave_content(s, number);
		refuse_feed(s, f, err);
	} else if ((resp->status == 0 && !is_broken) ||
	    err->kind == ERR_LOGIN || fault == O365_BUSY) {
		/* That was not this content's fault. */
		o365_blobs_again(s->blobs, number);
	} else {
		miss_content(
		    s, number, is_broken && err->kind == ERR_DATA, err);
	}
}

/* Twice as long each time, and not all at the same moment. */
static void
wait_while_busy(struct source *s, struct err *err)
{
	int64_t wait_ms = BUSY_MAX_MS;

	if (err->wait_ms > 0)
		return;
	if (s->wall_ms >= s->busy_until_ms) {
		if (s->busy < 5)
			wait_ms = (int64_t)BUSY_FIRST_MS << s->busy;
		s->busy++;
		wait_ms = earlier(wait_ms, BUSY_MAX_MS);
		wait_ms -= wait_ms / 4 * (s->wall_ms % 1000) / 1000;
		s->busy_until_ms = s->wall_ms + wait_ms;
	}
	err->wait_ms = (uint64_t)(s->busy_until_ms - s->wall_ms);
}

static void
activity_fail(struct source *s, const struct httpresp *resp, struct str body,
    uint64_t wall_ms, struct err *err)
{
	uint32_t number = number_of(resp->tag);
	enum o365_fault fault = O365_OTHER;

	s->out--;
	s->wall_ms = (int64_t)wall_ms;
	if (resp->status != 0)
		fault = o365_fault_read(resp, body, wall_ms, err);
	if (fault == O365_BUSY)
		wait_while_busy(s, err);
	switch (question_of(resp->tag)) {
	case ASK_SUBSCRIPTIONS:
		s->is_checking = false;
		err_prefix(err, "listing the subscriptions: ");
		break;
	case ASK_START:
		fail_start(s, &s->feeds[number], fault, err);
		break;
	case ASK_LIST:
		fail_list(s, &s->feeds[number], fault, resp, err);
		break;
	case ASK_CONTENT:
		fail_content(s, number, fault, resp, err);
		break;
	}
}

/* --- the round ends ----------------------------------------------------- */

static bool
put_moment(struct cursor *to, const char *name, int64_t ms)
{
	char text[RFC3339_MAX];
	size_t len = rfc3339_format_ms(text, ms);

	return cursor_set(to, name, str_make(text, len));
}

static bool
activity_end(struct source *s, struct cursor *to_r)
{
	char name[256];

	if (s->out > 0 || o365_blobs_waiting(s->blobs) > 0)
		return false;
	*to_r = s->from;
	(void)put_moment(to_r, "start", s->start);
	(void)put_moment(to_r, "swept", s->swept);
	(void)cursor_set_i64(to_r, "round", s->round);
	for (unsigned i = 0; i < s->n_feeds; i++) {
		struct feed *f = &s->feeds[i];

		if (f->windows == 0 && f->hold == INT64_MAX)
			continue;
		(void)put_moment(to_r, until_name(f, name, sizeof(name)),
		    earlier(later(f->until, f->listed), f->hold));
	}
	return true;
}

/* The round ended before the listing did. */
static bool
activity_is_behind(const struct source *s)
{
	for (unsigned i = 0; i < s->n_feeds; i++) {
		const struct feed *f = &s->feeds[i];

		if (f->state == FEED_SUBSCRIBED && !f->has_stopped &&
		    f->listed < f->target)
			return true;
	}
	return false;
}

const struct source_ops o365_activity_ops = {
	.name = NAME,
	.api = NAME,
	.service = "o365",
	.permission = "ActivityFeed.Read, ActivityFeed.ReadDlp",
	.opts = options,
	.conf_bytes = sizeof(struct o365_activity_conf),
	.limits = &limits,
	.open = activity_open,
	.close = activity_close,
	.begin = activity_begin,
	.ask = activity_ask,
	.head = activity_head,
	.record = activity_record,
	.tail = activity_tail,
	.fail = activity_fail,
	.end = activity_end,
	.is_behind = activity_is_behind,
};
