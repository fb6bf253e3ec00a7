/*
 * source/mdca.c -- what the lists of Defender for Cloud Apps have in common.
 *
 * A list is asked for by POST, since GET ignores the limit, at a path that
 * ends with a slash, since a redirect would turn the POST into a GET.  Plain
 * lists give at most 100 records and say whether more follow; `skip` reaches
 * about 5000 records, and skips over one where something new moves in.  So
 * the time of the last record is where the next request begins, and skip is
 * left for records of one millisecond.  The scan mode of activities gives up
 * to 5000, with the filters to ask for next; what they say is the service's
 * affair.
 */
/* SPDX-License-Identifier: ISC */
#include "source/mdca.h"

#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "codec/httpmsg.h"
#include "codec/json.h"
#include "codec/rfc3339.h"
#include "codec/uri.h"
#include "record/record.h"
#include "source/graph.h"
#include "source/source.h"

#define PAGE_MAX 100
#define SCAN_MIN 500
#define REACH_MAX 5000 /* skip and limit together */
#define URL_MAX 4096
#define FILTER_MAX (16 * 1024)
#define NEXT_MAX (64 * 1024)
#define WORDS_MAX 1024 /* of what a server says */
#define SHRINK_AFTER 2 /* failures of one request, when it may be too much */
#define THROTTLED_MS 60000 /* when the service does not say for how long */

/*
 * 30 requests in any minute for the whole tenant: 5 at once and 24 in the
 * 60 s behind them stay below that.  Paging is one by one.
 */
const struct source_limits mdca_limits = {
	.requests = 5,
	.period_ms = 2500,
	.concurrency = 1,
	.max_record = 4 * 1024 * 1024,
};

/* --- its life ----------------------------------------------------------- */

/* "severity":{"eq":[2]}, for each member of the operator's object. */
static int
copy_filters(struct mdca *m, const struct json_doc *doc, const char *const *own,
    struct err *err)
{
	for (uint32_t k = json_first(doc, 0); k != JSON_NONE;
	     k = json_after(doc, 0, k + 1)) {
		struct str name = json_raw(doc, k);

		for (size_t i = 0; own[i] != NULL; i++) {
			if (str_is(name, own[i]))
				return err_set(err, ERR_CONF,
				    "api-filter: \"%s\" is what the source"
				    " itself asks by",
				    own[i]);
		}
		if (json_type(doc, k + 1) != JSON_OBJECT)
			return err_set(err, ERR_CONF,
			    "api-filter: \"%.*s\" needs an object of operators,"
			    " as in {\"severity\": {\"eq\": [2]}}",
			    STR_ARG(name));
		buf_addf(&m->filters, "\"%.*s\":", STR_ARG(name));
		buf_add_str(&m->filters, json_raw(doc, k + 1));
		buf_add_char(&m->filters, ',');
	}
	return m->filters.failed
	    ? err_set(
		  err, ERR_CONF, "api-filter: longer than %d bytes", FILTER_MAX)
	    : 0;
}

static int
read_filters(struct mdca *m, const struct mdca_conf *conf, struct err *err)
{
	struct json_doc doc;
	int rc = -1;

	if (conf->api_filter == NULL || conf->api_filter[0] == '\0')
		return 0;
	json_init(&doc, 0, 0);
	if (json_parse(&doc, str_of(conf->api_filter), err) < 0) {
		err->kind = ERR_CONF;
		err_prefix(err, "api-filter: ");
	} else if (json_type(&doc, 0) != JSON_OBJECT) {
		err_set(err, ERR_CONF, "api-filter: not a JSON object");
	} else {
		rc = copy_filters(m, &doc, conf->own, err);
	}
	json_clear(&doc);
	return rc;
}

/*
 * People use "contoso.portal.cloudappsecurity.com", where programs must name
 * the data centre as well: "contoso.us3.portal...".
 */
static void
find_portal(struct mdca *m, struct str base)
{
	struct str rest = base, tenant = str_cut(&rest, '.'), centre;

	centre = str_cut(&rest, '.');
	if (rest.p == NULL || !str_starts(rest, STR_LIT("portal.")) ||
	    str_is(centre, "portal")) {
		buf_add_str(&m->portal, base);
		return;
	}
	buf_add_str(&m->portal, tenant);
	buf_add_char(&m->portal, '.');
	buf_add_str(&m->portal, rest);
}

struct str
mdca_portal(const struct mdca *m)
{
	return buf_str(&m->portal);
}

int
mdca_init(struct mdca *m, const struct mdca_conf *conf, struct err *err)
{
	struct str base = str_of(conf->base_url);

	*m = (struct mdca){ .what = conf->what, .scan = conf->scan };
	buf_init(&m->url, URL_MAX);
	buf_init(&m->portal, URL_MAX);
	buf_init(&m->filters, FILTER_MAX);
	buf_init(&m->next, NEXT_MAX);
	while (str_ends(base, STR_LIT("/")))
		base.len--;
	/* The portal shows the address with it. */
	if (str_ends(base, STR_LIT("/api")))
		base.len -= 4;
	buf_add_str(&m->url, base);
	buf_addf(&m->url, "/api/v1/%s", conf->path);
	find_portal(m, base);
	if (m->url.failed)
		return err_set(err, ERR_CONF, "mdca-url: too long");
	window_init(&m->window, conf->page_size, REACH_MAX - PAGE_MAX);
	m->window.unit = RFC3339_TICKS_PER_MS;
	return read_filters(m, conf, err);
}

void
mdca_clear(struct mdca *m)
{
	buf_clear(&m->url);
	buf_clear(&m->portal);
	buf_clear(&m->filters);
	buf_clear(&m->next);
}

/* --- requests ----------------------------------------------------------- */

void
mdca_begin(struct mdca *m, const char *by, const char *sort_by, int64_t from)
{
	m->by = by;
	m->sort_by = sort_by;
	m->is_out = m->is_answering = false;
	m->failures = 0;
	buf_reset(&m->next);
	window_begin(&m->window, from, m->until);
}

static void
add_filters(const struct mdca *m, struct buf *body)
{
	if (m->next.len > 0) {
		buf_add_str(body, buf_str(&m->next));
		return;
	}
	buf_add_char(body, '{');
	buf_add_str(body, buf_str(&m->filters));
	buf_addf(body, "\"%s\":{\"gte\":%" PRId64 ",\"lte\":%" PRId64 "}}",
	    m->by, m->window.low, m->window.high - 1);
}

int
mdca_ask(struct mdca *m, struct httpreq *req)
{
	const struct window *w = &m->window;
	uint32_t limit = w->top;

	if (m->is_out || w->done)
		return 0;
	if (m->scan && limit < SCAN_MIN)
		limit = SCAN_MIN;
	req->method = HTTP_POST;
	buf_add_str(&req->url, buf_str(&m->url));
	httpreq_header(req, "Accept", "application/json");
	httpreq_header(req, "Content-Type", "application/json");
	buf_add_text(&req->body, "{\"filters\":");
	add_filters(m, &req->body);
	/* Else it was seen that the service does not sort as asked. */
	if (w->order != WINDOW_FALLING)
		buf_addf(&req->body,
		    ",\"sortField\":\"%s\",\"sortDirection\":\"asc\"",
		    m->sort_by);
	if (m->scan)
		buf_add_text(&req->body, ",\"isScan\":true");
	if (!m->scan || w->skip > 0)
		buf_addf(&req->body, ",\"skip\":%" PRIu32, w->skip);
	buf_addf(&req->body, ",\"limit\":%" PRIu32 "}", limit);
	m->is_out = true;
	return 1;
}

/* --- answers ------------------------------------------------------------ */

int
mdca_head(struct mdca *m, const struct httpresp *resp, const char **records_r)
{
	int64_t clock;

	if (resp->status != 200)
		return -1;
	if (graph_clock(resp, &clock)) {
		clock = clock / RFC3339_TICKS_PER_MS - m->settle_ms;
		if (clock < m->until)
			m->until = clock;
	}
	m->is_answering = true;
	window_page(&m->window);
	*records_r = "data[*]";
	return 0;
}

int64_t
mdca_time(const struct json_doc *doc, const char *name)
{
	uint32_t node = json_member(doc, 0, str_of(name));
	struct buf scratch;
	int64_t ms = 0;
	double number;

	buf_init(&scratch, RFC3339_MAX * 2);
	if (node == JSON_NONE || json_i64(doc, node, &ms))
		;
	else if (json_double(doc, node, &number))
		ms = number > 0 && number < 1e15 ? (int64_t)number : 0;
	else if (!rfc3339_parse_ms(json_text(doc, node, &scratch), &ms))
		ms = 0;
	buf_clear(&scratch);
	return ms > 0 && ms < INT64_MAX / RFC3339_TICKS_PER_MS ? ms : 0;
}

int64_t
mdca_number(const struct json_doc *doc, const char *name)
{
	uint32_t node = json_member(doc, 0, str_of(name));
	int64_t n;

	return json_i64(doc, node, &n) ? n : -1;
}

/* The text of a string or of a number; empty for all else. */
static struct str
id_text(const struct json_doc *doc, const char *name, struct buf *scratch)
{
	uint32_t node = json_member(doc, 0, str_of(name));

	buf_reset(scratch);
	if (node != JSON_NONE && json_type(doc, node) == JSON_NUMBER)
		return json_raw(doc, node);
	return json_text(doc, node, scratch);
}

int
mdca_see(struct mdca *m, const struct json_doc *doc, const char *name,
    const char *other, struct buf *id, struct str *id_r, struct err *err)
{
	struct str text = id_text(doc, name, id);

	if (text.len == 0)
		text = id_text(doc, other, id);
	window_see(&m->window, graph_hash(text));
	if (json_type(doc, 0) != JSON_OBJECT)
		return err_set(err, ERR_DATA, "a record that is no object");
	if (text.len == 0 || text.len > RECORD_ID_MAX || id->failed)
		return err_set(err, ERR_DATA, "a record whose %s is %s", name,
		    text.len == 0 && !id->failed ? "missing" : "too long");
	*id_r = text;
	return 0;
}

/* 1, 0, or -1 where nothing is said. */
static int
says(const struct json_doc *doc, const char *name)
{
	uint32_t node = json_member(doc, 0, str_of(name));
	int64_t n;

	if (node == JSON_NONE)
		return -1;
	if (json_i64(doc, node, &n))
		return n != 0;
	if (json_type(doc, node) == JSON_TRUE ||
	    json_is(doc, node, STR_LIT("true")))
		return 1;
	return json_type(doc, node) == JSON_FALSE ||
		json_is(doc, node, STR_LIT("false"))
	    ? 0
	    : -1;
}

static enum window_link
find_next(struct mdca *m, const struct json_doc *envelope)
{
	uint32_t node = json_member(envelope, 0, STR_LIT("nextQueryFilters"));
	int more = says(envelope, "hasNext");

	buf_reset(&m->next);
	if (more == 0)
		return WINDOW_END;
	if (m->scan && node != JSON_NONE &&
	    json_type(envelope, node) == JSON_OBJECT) {
		buf_add_str(&m->next, json_raw(envelope, node));
		if (!m->next.failed)
			return WINDOW_LINK;
		buf_reset(&m->next);
	}
	return more > 0 ? WINDOW_BAD_LINK : WINDOW_NO_LINK;
}

/* Nothing is only nothing where the service counts it so. */
static bool
has_list(const struct json_doc *envelope)
{
	uint32_t data = json_member(envelope, 0, STR_LIT("data"));

	if (data == JSON_NONE)
		return false;
	return json_type(envelope, data) == JSON_ARRAY ||
	    (json_type(envelope, data) == JSON_NULL &&
		mdca_number(envelope, "total") == 0);
}

int
mdca_tail(struct mdca *m, const struct json_doc *envelope, struct err *err)
{
	enum window_link link;
	int rc;

	m->is_out = m->is_answering = false;
	m->failures = 0;
	if (!has_list(envelope))
		return window_again(
		    &m->window, "an answer without a list", err);
	link = find_next(m, envelope);
	rc = window_turn(&m->window, link, graph_hash(buf_str(&m->next)), err);
	if (rc != 1)
		buf_reset(&m->next);
	return rc < 0 ? -1 : 0;
}

/* --- errors ------------------------------------------------------------- */

static void
add_words(struct buf *out, const struct json_doc *doc, uint32_t node)
{
	if (node == JSON_NONE || json_type(doc, node) != JSON_STRING)
		return;
	if (out->len > 0)
		buf_add_text(out, "; ");
	json_decode(doc, node, out);
}

/*
 * What the body says: {"errors":[{"error":"..."}]} from the lists, "detail"
 * from what stands before them, other names from gateways.
 */
static void
read_words(struct str body, struct buf *out)
{
	static const char *const places[] = { "detail", "error",
		"error.message", "message", "Message", "error_description",
		NULL };
	struct json_doc doc;
	uint32_t list;

	json_init(&doc, 0, 0);
	if (json_parse(&doc, body, NULL) < 0)
		goto out;
	list = json_member(&doc, 0, STR_LIT("errors"));
	if (list != JSON_NONE && json_type(&doc, list) == JSON_ARRAY) {
		for (uint32_t i = json_first(&doc, list); i != JSON_NONE;
		     i = json_after(&doc, list, i)) {
			add_words(out, &doc, i);
			add_words(
			    out, &doc, json_member(&doc, i, STR_LIT("error")));
		}
	}
	for (size_t i = 0; places[i] != NULL; i++)
		add_words(out, &doc, json_at(&doc, 0, places[i]));
out:
	json_clear(&doc);
}

/*
 * "Request was throttled. Expected available in 42 seconds.": the number in
 * it, and a second more for its fraction; else a minute.
 */
static uint64_t
throttled_ms(struct str words)
{
	uint64_t s = 0;

	for (size_t i = 0; i < words.len && s < 3600; i++) {
		if (words.p[i] >= '0' && words.p[i] <= '9')
			s = s * 10 + (uint64_t)(words.p[i] - '0');
		else if (s > 0)
			break;
	}
	return s > 0 && s < 3600 && graph_says(words, "available in")
	    ? (s + 1) * 1000
	    : THROTTLED_MS;
}

static void
tell(const struct httpresp *resp, struct str body, uint64_t wall_ms,
    struct err *err)
{
	struct buf words;

	buf_init(&words, WORDS_MAX);
	read_words(body, &words);
	if (httpresp_check(resp, buf_str(&words), wall_ms, err) == 0)
		err_set(err, ERR_RETRY, "HTTP %d in a place for errors",
		    resp->status);
	if (resp->status == 429 &&
	    httpresp_retry_after(resp, wall_ms, HTTPMSG_WAIT_MAX_MS) == 0)
		err->wait_ms = throttled_ms(buf_str(&words));
	else if (resp->status == 403)
		err_prefix(err,
		    "not allowed: the application may lack the "
		    "permission " MDCA_PERMISSION
		    " of Microsoft Cloud App Security, or the"
		    " administrator who made the API token is gone: ");
	else if (resp->status == 404) {
		err->kind = ERR_CONF;
		err_prefix(err, "there is no such list; is mdca-url right? ");
	} else if (resp->status / 100 == 3) {
		struct str to = httpresp_header(resp, "Location");

		err_prefix(err,
		    "mdca-url leads elsewhere (%.*s), and redirects are not"
		    " followed: ",
		    to.len > 200 ? 200 : (int)to.len, to.p);
	}
	buf_clear(&words);
}

/* Leave the scan's chain, which is of no more use. */
static void
drop_next(struct mdca *m, struct err *err)
{
	struct err why;

	if (m->next.len == 0)
		return;
	buf_reset(&m->next);
	if (window_unlink(&m->window, &why) < 0 && why.kind == ERR_BUG)
		*err = why;
}

static void
ask_for_less(struct mdca *m, struct err *err)
{
	if ((m->scan && m->window.top <= SCAN_MIN) ||
	    !window_shrink(&m->window))
		return;
	err->kind = ERR_DEGRADE;
	err_prefix(err,
	    "asking for %" PRIu32 " %s at a time from now on: ", m->window.top,
	    m->what);
}

/* The scan mode is refused: what it would give, page by page. */
static void
leave_scan(struct mdca *m, struct err *err)
{
	m->scan = false;
	m->window.top = m->window.top_max = PAGE_MAX;
	err->kind = ERR_DEGRADE;
	err_prefix(err, "asking without scan mode from now on: ");
}

void
mdca_fail(struct mdca *m, const struct httpresp *resp, struct str body,
    uint64_t wall_ms, struct err *err)
{
	bool broke_off = resp->status == 0 && m->is_answering;

	m->is_out = m->is_answering = false;
	if (resp->status != 0)
		tell(resp, body, wall_ms, err);
	if (broke_off || resp->status == 500 || resp->status == 504) {
		if (++m->failures >= SHRINK_AFTER)
			ask_for_less(m, err);
	} else if (m->next.len > 0 &&
	    (resp->status == 400 || resp->status == 404)) {
		err->kind = ERR_DEGRADE;
		err_prefix(
		    err, "a scan cannot be continued; going on by time: ");
		drop_next(m, err);
	} else if (m->scan && resp->status == 400) {
		leave_scan(m, err);
	}
}
