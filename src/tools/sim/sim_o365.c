/* tools/sim/sim_o365.c -- the Office 365 Management Activity API. */
/* SPDX-License-Identifier: ISC */
/*
 * Each content type has a store of records; its versions, in the order of
 * their birth, are cut into contents of several sizes.  The last content is
 * as long as there are records: when more come, one that is longer takes its
 * place, under another id, and tells the first ones twice.
 */
#include "tools/sim/sim_o365.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "codec/rfc3339.h"
#include "tools/sim/sim.h"
#include "tools/sim/sim_call.h"
#include "tools/sim/sim_kinds.h"
#include "tools/sim/sim_o365_records.h"
#include "tools/sim/sim_rng.h"
#include "tools/sim/sim_server.h"
#include "tools/sim/sim_store.h"

#define PAGE 50
#define DAY (INT64_C(86400) * SIM_TICKS_PER_S)
#define HOUR (INT64_C(3600) * SIM_TICKS_PER_S)

struct feed {
	struct sim_store *store; /* borrowed from the kinds */
	bool is_enabled;
};

struct sim_o365 {
	struct sim_o365_records *records;
	struct feed feed[SIM_O365_FEEDS];
	uint32_t together;
	uint64_t started_ms; /* the last start of a subscription; 0: none */
};

/* --- contents -----------------------------------------------------------*/

/* Versions from first on, n of them, published as one. */
struct content {
	uint32_t number, first, n;
	int64_t created, visible;
};

/* Where a content begins: four of them hold four times the mean. */
static uint32_t
begin_of(const struct sim_o365 *o, uint32_t number)
{
	uint32_t k = o->together;
	const uint32_t at[] = { 0, 1, k + 1, 3 * k + 1 };

	return number / 4 * 4 * k + (k > 1 ? at[number % 4] : number % 4);
}

/* False behind the last one. */
static bool
get_content(const struct sim_o365 *o, const struct feed *f, uint32_t number,
    struct content *c_r)
{
	uint32_t n = (uint32_t)sim_store_versions(f->store);
	uint32_t end = begin_of(o, number + 1);

	*c_r =
	    (struct content){ .number = number, .first = begin_of(o, number) };
	if (c_r->first >= n)
		return false;
	c_r->n = (end < n ? end : n) - c_r->first;
	for (uint32_t i = 0; i < c_r->n; i++) {
		const struct sim_version *v =
		    sim_store_version(f->store, c_r->first + i);

		if (v->time > c_r->created)
			c_r->created = v->time;
		if (v->visible > c_r->visible)
			c_r->visible = v->visible;
	}
	return true;
}

/* --- life ---------------------------------------------------------------*/

static void
put_offered_id(const void *arg, uint32_t record, struct buf *out)
{
	const struct feed *f = arg;

	sim_o365_records_put_id(sim_store_record(f->store, record), out);
}

/* More of what is more common: files, then mail, then the rest. */
struct sim_o365 *
sim_o365_new(struct sim *sim)
{
	static const uint64_t share[SIM_O365_FEEDS] = { 15, 20, 20, 30, 15 };
	struct sim_o365 *o = xcalloc(1, sizeof(*o));

	o->records = sim_o365_records_new();
	o->together = (uint32_t)sim->conf->audits_together;
	if (o->together == 0)
		o->together = 1;
	for (unsigned i = 0; i < SIM_O365_FEEDS; i++) {
		struct feed *f = &o->feed[i];
		struct sim_kind_conf conf = {
			.name = sim_o365_feeds[i],
			.count = sim->conf->audits * share[i] / 100,
			.never_change = true,
			.arg = f,
			.put_id = put_offered_id,
		};

		f->store = sim_kinds_add(sim->kinds, &conf);
		f->is_enabled = sim->conf->subscribed;
	}
	return o;
}

void
sim_o365_free(struct sim_o365 **op)
{
	struct sim_o365 *o = *op;

	*op = NULL;
	if (o == NULL)
		return;
	sim_o365_records_free(&o->records);
	xfree(o);
}

/* --- errors -------------------------------------------------------------*/

struct failure {
	int status;
	const char *code, *text;
};

static const struct failure failures[] = {
	{ 400, "AF20055", "The start and end time are not valid together." },
	{ 403, "AF10001",
	    "The permission set () sent in the request does not include the"
	    " expected permission ActivityFeed.Read." },
	{ 404, "AF20050", "The specified content does not exist." },
	{ 410, "AF20051",
	    "Content requested with the key has already expired. Content older"
	    " than 7 days cannot be retrieved." },
	{ 429, "AF429", "Too many requests. Method=GetBlob" },
	{ 500, "AF50000", "An internal error occurred. Retry the request." },
	{ 0, "AF50005", "The service cannot answer now." },
};

static void
put_error(struct sim_call *call, int status, const char *code, const char *text)
{
	struct buf *out = &call->rest;

	sim_call_restart(call);
	call->status = status;
	buf_addf(out, "{\"error\":{\"code\":\"%s\",\"message\":\"", code);
	sim_put_plain(out, text);
	buf_add_text(out, "\"}}");
}

/*
 * Statuses say little here: what has expired is a 400, and too many requests
 * are a 403 as often as not.
 */
void
sim_o365_fail(struct sim_call *call, int status, const char *reason)
{
	const struct failure *f = failures;

	if (status == 401) {
		sim_call_restart(call);
		call->status = status;
		buf_add_text(&call->rest,
		    "{\"Message\":\"Authorization has been denied for this"
		    " request.\"}");
		return;
	}
	while (f->status != 0 && f->status != status)
		f++;
	if (status == 410)
		status = 400;
	if (status == 429 &&
	    sim_mix(sim_server_serial(call->sim->server)) % 2 == 0)
		status = 403;
	put_error(call, status, f->code, reason != NULL ? reason : f->text);
}

/* --- what all requests have in common -----------------------------------*/

static bool
is_guid(const char *s)
{
	return s != NULL && strlen(s) == 36 &&
	    strspn(s, "0123456789abcdefABCDEF-") == 36;
}

/* The tenant, and whose quota it is; a call without that is a mistake. */
static bool
is_addressed(struct sim_call *call)
{
	const char *tenant = call->sim->conf->tenant;

	if (tenant != NULL && !str_is(call->part[0], tenant)) {
		put_error(call, 400, "AF20010",
		    "The tenant ID passed in the URL does not match the tenant"
		    " ID passed in the access token.");
		return false;
	}
	if (!is_guid(sim_call_param(call, "PublisherIdentifier"))) {
		put_error(call, 400, "AF20001",
		    "Missing parameter: PublisherIdentifier.");
		return false;
	}
	return true;
}

/* The feed that the query names; NULL, answered, if it names none. */
static struct feed *
find_feed(struct sim_call *call, unsigned *number_r)
{
	const char *name = sim_call_param(call, "contentType");

	for (unsigned i = 0; i < SIM_O365_FEEDS; i++) {
		if (name != NULL && strcasecmp(name, sim_o365_feeds[i]) == 0) {
			*number_r = i;
			return &call->sim->o365->feed[i];
		}
	}
	put_error(
	    call, 400, "AF20020", "The specified content type is not valid.");
	return NULL;
}

/* --- subscriptions ------------------------------------------------------*/

static void
put_subscription(struct buf *out, unsigned number)
{
	buf_addf(out,
	    "{\"contentType\":\"%s\",\"status\":\"enabled\","
	    "\"webhook\":null}",
	    sim_o365_feeds[number]);
}

void
sim_o365_subscriptions(struct sim *sim, struct sim_call *call)
{
	struct buf *out = &call->rest;
	bool first = true;

	if (!is_addressed(call))
		return;
	buf_add_char(out, '[');
	for (unsigned i = 0; i < SIM_O365_FEEDS; i++) {
		if (!sim->o365->feed[i].is_enabled)
			continue;
		if (!first)
			buf_add_char(out, ',');
		put_subscription(out, i);
		first = false;
	}
	buf_add_char(out, ']');
}

void
sim_o365_start(struct sim *sim, struct sim_call *call)
{
	struct sim_o365 *o = sim->o365;
	uint64_t now = clock_mono_ms(), ago = now - o->started_ms;
	struct feed *f;
	unsigned number;

	if (!is_addressed(call))
		return;
	f = find_feed(call, &number);
	if (f == NULL)
		return;
	if (f->is_enabled) {
		put_error(call, 400, "AF20024",
		    "The subscription is already enabled. No property change.");
		return;
	}
	if (o->started_ms > 0 && ago < sim->knobs.start_pause) {
		uint64_t s = (sim->knobs.start_pause - ago + 999) / 1000;

		sim_call_restart(call);
		call->status = 429;
		buf_addf(&call->rest,
		    "Too many frequent subscription start requests. Please"
		    " retry again after %llum %llus",
		    (unsigned long long)s / 60, (unsigned long long)s % 60);
		return;
	}
	o->started_ms = now;
	f->is_enabled = true;
	put_subscription(&call->rest, number);
}

void
sim_o365_stop(struct sim *sim, struct sim_call *call)
{
	for (unsigned i = 0; i < SIM_O365_FEEDS; i++)
		if (str_is(call->part[0], sim_o365_feeds[i]))
			sim->o365->feed[i].is_enabled = false;
	buf_add_text(&call->rest, "{}\n");
}

/* --- the list -----------------------------------------------------------*/

struct query {
	unsigned feed;
	int64_t low, high;
	uint32_t from; /* contents of earlier pages */
};

/* "2026-01-31T02:00:00" and nothing else. */
static bool
read_time(const char *text, int64_t *ticks_r)
{
	return text != NULL && strlen(text) == 19 && text[10] == 'T' &&
	    rfc3339_parse_ticks(str_of(text), ticks_r);
}

static bool
read_query(struct sim_call *call, struct query *q)
{
	const char *next = sim_call_param(call, "nextPage");
	int64_t now = sim_now();
	uint64_t from = 0;
	struct feed *f;

	if (!is_addressed(call))
		return false;
	f = find_feed(call, &q->feed);
	if (f == NULL)
		return false;
	if (!f->is_enabled) {
		put_error(call, 400, "AF20022",
		    "No subscription found for the specified content type.");
		return false;
	}
	if (!read_time(sim_call_param(call, "startTime"), &q->low) ||
	    !read_time(sim_call_param(call, "endTime"), &q->high)) {
		put_error(call, 400, "AF20002",
		    "Invalid parameter type: startTime or endTime.");
		return false;
	}
	if (q->low >= q->high || q->high - q->low > DAY ||
	    q->low < now - 7 * DAY - HOUR) {
		put_error(call, 400, "AF20055", failures[0].text);
		return false;
	}
	if (next != NULL && !str_to_u64(str_of(next), &from)) {
		put_error(call, 400, "AF20031",
		    "Invalid nextPage Input: not a page.");
		return false;
	}
	q->from = (uint32_t)from;
	return true;
}

static void
put_lower(struct buf *out, const char *text, char dot)
{
	for (; *text != '\0'; text++) {
		char c = *text == '.' ? dot : *text;

		if (dot == '_' && c >= 'A' && c <= 'Z')
			c += 'a' - 'A';
		buf_add_char(out, c);
	}
}

/* The newer of the two forms that ids have, of letters, digits and "$". */
static void
put_content_id(struct buf *out, unsigned feed, const struct content *c)
{
	buf_addf(out, "%014llu%08x$%014llu%08x$",
	    (unsigned long long)c->created / SIM_TICKS_PER_S, c->number,
	    (unsigned long long)c->visible / SIM_TICKS_PER_S, c->n);
	put_lower(out, sim_o365_feeds[feed], '_');
	buf_add_text(out, "$emea0020");
}

static void
put_content(struct sim_call *call, const struct query *q,
    const struct content *c, struct buf *out)
{
	char created[RFC3339_MAX], expires[RFC3339_MAX];

	rfc3339_format_ms(created, c->created / RFC3339_TICKS_PER_MS);
	rfc3339_format_ms(
	    expires, (c->created + 7 * DAY) / RFC3339_TICKS_PER_MS);
	buf_addf(out, "{\"contentType\":\"%s\",\"contentId\":\"",
	    sim_o365_feeds[q->feed]);
	put_content_id(out, q->feed, c);
	buf_add_text(out, "\",\"contentUri\":\"");
	if (call->fault.link != NULL)
		buf_addf(out, "https://%s", call->fault.link);
	else
		sim_call_origin(call, out);
	buf_addf(
	    out, "/api/v1.0/%.*s/activity/feed/audit/", STR_ARG(call->part[0]));
	put_content_id(out, q->feed, c);
	buf_addf(out,
	    "\",\"contentCreated\":\"%s\",\"contentExpiration\":\"%s\"}",
	    created, expires);
}

/* The same query, for the page behind this one; without the publisher. */
static void
add_next_page(struct sim_call *call, const struct query *q, uint32_t from)
{
	char low[RFC3339_MAX], high[RFC3339_MAX];
	struct buf link;

	rfc3339_format_ticks(low, q->low);
	rfc3339_format_ticks(high, q->high);
	buf_init(&link, 8192);
	sim_call_origin(call, &link);
	buf_addf(&link,
	    "/api/v1.0/%.*s/activity/feed/subscriptions/content"
	    "?contentType=%s&startTime=%.19s&endTime=%.19s&nextPage=%u",
	    STR_ARG(call->part[0]), sim_o365_feeds[q->feed], low, high, from);
	sim_call_add_header(call, "NextPageUri", buf_cstr(&link));
	buf_clear(&link);
}

void
sim_o365_contents(struct sim *sim, struct sim_call *call)
{
	struct buf *out = &call->rest;
	uint32_t n = 0, put = 0;
	int64_t now = sim_now();
	struct content c;
	struct query q;

	if (!read_query(call, &q))
		return;
	sim_store_advance(sim->o365->feed[q.feed].store, now);
	buf_add_char(out, '[');
	for (uint32_t i = 0;
	     get_content(sim->o365, &sim->o365->feed[q.feed], i, &c); i++) {
		if (c.created < q.low || c.created >= q.high ||
		    c.visible > now || n++ < q.from)
			continue;
		if (put == PAGE || call->fault.empty_page) {
			add_next_page(call, &q, q.from + put);
			break;
		}
		if (put++ > 0)
			buf_add_char(out, ',');
		put_content(call, &q, &c, out);
	}
	if (call->fault.broken_json)
		buf_add_text(out, ",,");
	buf_add_char(out, ']');
}

/* --- a content ----------------------------------------------------------*/

/* The id says which records these are. */
static bool
read_content_id(const struct sim_o365 *o, struct str id, unsigned *feed_r,
    struct content *c_r)
{
	struct str rest = id, created = str_cut(&rest, '$');
	struct str visible = str_cut(&rest, '$');
	struct str name = str_cut(&rest, '$');
	char number[9] = "", n[9] = "";
	struct buf text;
	bool found = false;

	if (created.len != 22 || visible.len != 22)
		return false;
	memcpy(number, created.p + 14, 8);
	memcpy(n, visible.p + 14, 8);
	buf_init(&text, 64);
	for (unsigned i = 0; i < SIM_O365_FEEDS && !found; i++) {
		buf_reset(&text);
		put_lower(&text, sim_o365_feeds[i], '_');
		found = str_eq(buf_str(&text), name);
		*feed_r = i;
	}
	buf_clear(&text);
	return found &&
	    get_content(o, &o->feed[*feed_r],
		(uint32_t)strtoul(number, NULL, 16), c_r) &&
	    strtoul(n, NULL, 16) <= c_r->n &&
	    (c_r->n = (uint32_t)strtoul(n, NULL, 16)) > 0;
}

static bool
is_spoilt(const struct sim_fault *f)
{
	return f->broken_json || f->bad_utf8 || f->deep != 0 ||
	    f->oversized != 0 || f->null_value;
}

static void
put_records(struct sim_call *call, unsigned feed, const struct content *c)
{
	const struct sim_o365 *o = call->sim->o365;
	const struct sim_store *store = o->feed[feed].store;
	struct buf *out = &call->rest;

	buf_add_char(out, '[');
	for (uint32_t i = 0; i < c->n; i++) {
		const struct sim_version *v =
		    sim_store_version(store, c->first + i);

		if (i > 0)
			buf_add_char(out, ',');
		sim_o365_records_put(o->records, feed,
		    sim_store_record(store, v->record), v->duplicate, out);
		if (i == 0)
			sim_call_spoil(call, out);
	}
	if (call->fault.broken_json)
		buf_add_text(out, ",,");
	buf_add_char(out, ']');
}

void
sim_o365_content(struct sim *sim, struct sim_call *call)
{
	struct content c;
	uint64_t key = 0;
	unsigned feed;

	if (!is_addressed(call))
		return;
	if (!read_content_id(sim->o365, call->part[1], &feed, &c)) {
		put_error(call, 400, "AF20052",
		    "Content ID in the URL is not valid.");
		return;
	}
	if (c.created < sim_now() - 7 * DAY) {
		sim_o365_fail(call, 410, NULL);
		return;
	}
	if (call->fault.null_value) {
		buf_add_text(&call->rest, "null");
		return;
	}
	if (!is_spoilt(&call->fault))
		key = sim_hash(
		    sim_hash(0x0365, feed), (uint64_t)c.number << 32 | c.n);
	if (!sim_call_keeps(call, key))
		put_records(call, feed, &c);
}
