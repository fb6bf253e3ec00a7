/*
 * tools/sim/sim_mdca.c -- Defender for Cloud Apps: alerts and activities.
 *
 * A list is asked for by a JSON body.  It is put together afresh for each
 * request, in the order asked for, so that a page that begins at a number of
 * records sees what has moved in since.
 */
/* SPDX-License-Identifier: ISC */
#include "tools/sim/sim_mdca.h"

#include <event2/http.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "codec/json.h"
#include "tools/sim/sim.h"
#include "tools/sim/sim_call.h"
#include "tools/sim/sim_fill.h"
#include "tools/sim/sim_kinds.h"
#include "tools/sim/sim_mdca_records.h"
#include "tools/sim/sim_rng.h"
#include "tools/sim/sim_store.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define PAGE_MOST 100
#define REACH_MOST 5000 /* skip and limit together */
#define SCAN_LEAST 500
#define SCAN_MOST 5000
#define VALUES_MOST 64
#define TEXT_MOST (64 * 1024)

struct sim_mdca {
	struct sim_mdca_records *records;
	struct sim_store *alerts, *activities; /* borrowed from the kinds */
};

static void
put_alert_id(const void *arg, uint32_t record, struct buf *out)
{
	const struct sim_mdca *m = arg;

	sim_mdca_put_alert_id(sim_store_record(m->alerts, record), out);
}

static void
put_activity_id(const void *arg, uint32_t record, struct buf *out)
{
	const struct sim_mdca *m = arg;

	sim_mdca_put_activity_id(
	    m->records, sim_store_record(m->activities, record), out);
}

struct sim_mdca *
sim_mdca_new(struct sim *sim)
{
	struct sim_mdca *m = xcalloc(1, sizeof(*m));

	m->records = sim_mdca_records_new();
	m->alerts = sim_kinds_add(sim->kinds,
	    &(struct sim_kind_conf){ .name = "mdca-alerts",
		.count = sim->conf->mdca_alerts,
		.arg = m,
		.put_id = put_alert_id });
	m->activities = sim_kinds_add(sim->kinds,
	    &(struct sim_kind_conf){ .name = "mdca-activities",
		.count = sim->conf->mdca_activities,
		.never_change = true,
		.arg = m,
		.put_id = put_activity_id });
	return m;
}

void
sim_mdca_free(struct sim_mdca **mp)
{
	struct sim_mdca *m = *mp;

	*mp = NULL;
	if (m == NULL)
		return;
	sim_mdca_records_free(&m->records);
	xfree(m);
}

/* --- errors ---------------------------------------------------------------*/

void
sim_mdca_fail(struct sim_call *call, int status, const char *reason)
{
	struct buf *out = &call->rest;

	sim_call_restart(call);
	call->status = status;
	if (reason == NULL)
		reason = status == 429 ? "Request was throttled. Expected"
					 " available in 2 seconds."
		    : status == 401    ? "Invalid token."
		    : status == 403    ? "You do not have permission to perform"
					 " this action."
				       : "The request failed.";
	buf_add_text(out,
	    status == 400 ? "{\"errors\":[{\"error\":\"" : "{\"detail\":\"");
	sim_put_plain(out, reason);
	buf_add_text(out, status == 400 ? "\"}]}" : "\"}");
}

/* --- the query ------------------------------------------------------------*/

struct range {
	int64_t low, high; /* both within it */
};

/* "eq" and "neq" of numbers. */
struct set {
	int64_t v[VALUES_MOST];
	size_t n;
	bool excluded;
};

struct query {
	struct range date, created, resolved;
	struct set severity, service;
	bool wants_resolved; /* there was such a filter */
	bool by_created, falls, scan;
	int64_t skip, limit;
	/* A scan goes on behind this one. */
	bool begun;
	int64_t after_key, after_number;
	struct str filters; /* as they came, for the next page */
};

static int
read_range(
    const struct json_doc *doc, uint32_t node, struct range *r, struct err *err)
{
	for (uint32_t k = json_first(doc, node); k != JSON_NONE;
	     k = json_after(doc, node, k + 1)) {
		int64_t ms;

		if (!json_i64(doc, k + 1, &ms))
			return err_set(err, ERR_DATA, "Invalid date value");
		if (json_is(doc, k, STR_LIT("gte")) && ms > r->low)
			r->low = ms;
		else if (json_is(doc, k, STR_LIT("gt")) && ms >= r->low)
			r->low = ms + 1;
		else if (json_is(doc, k, STR_LIT("lte")) && ms < r->high)
			r->high = ms;
		else if (json_is(doc, k, STR_LIT("lt")) && ms <= r->high)
			r->high = ms - 1;
	}
	return 0;
}

static int
read_set(
    const struct json_doc *doc, uint32_t node, struct set *s, struct err *err)
{
	uint32_t k = json_first(doc, node), v;

	if (k == JSON_NONE ||
	    (!json_is(doc, k, STR_LIT("eq")) &&
		!json_is(doc, k, STR_LIT("neq"))))
		return err_set(err, ERR_DATA, "Invalid filter operator");
	s->excluded = json_is(doc, k, STR_LIT("neq"));
	if (json_type(doc, k + 1) != JSON_ARRAY) {
		s->n = json_i64(doc, k + 1, &s->v[0]);
		return 0;
	}
	for (v = json_first(doc, k + 1); v != JSON_NONE && s->n < VALUES_MOST;
	     v = json_after(doc, k + 1, v))
		s->n += json_i64(doc, v, &s->v[s->n]);
	return 0;
}

static int
read_filter(
    const struct json_doc *doc, uint32_t name, struct query *q, struct err *err)
{
	uint32_t node = name + 1;

	if (json_type(doc, node) != JSON_OBJECT)
		return err_set(err, ERR_DATA, "Invalid filter value");
	if (json_is(doc, name, STR_LIT("date")))
		return read_range(doc, node, &q->date, err);
	if (json_is(doc, name, STR_LIT("created")))
		return read_range(doc, node, &q->created, err);
	if (json_is(doc, name, STR_LIT("resolutionDate"))) {
		q->wants_resolved = true;
		return read_range(doc, node, &q->resolved, err);
	}
	if (json_is(doc, name, STR_LIT("severity")))
		return read_set(doc, node, &q->severity, err);
	if (json_is(doc, name, STR_LIT("service")) ||
	    json_is(doc, name, STR_LIT("entity.service")))
		return read_set(doc, node, &q->service, err);
	if (json_is(doc, name, STR_LIT("scanAfter"))) {
		q->begun =
		    json_i64(doc, json_at(doc, node, "key"), &q->after_key) &&
		    json_i64(
			doc, json_at(doc, node, "number"), &q->after_number);
		return 0;
	}
	return err_set(err, ERR_DATA, "Invalid filter field");
}

static bool
read_true(const struct json_doc *doc, const char *name)
{
	uint32_t node = json_member(doc, 0, str_of(name));

	return node != JSON_NONE && json_type(doc, node) == JSON_TRUE;
}

static int
read_body(const struct json_doc *doc, bool is_alerts, struct query *q,
    struct err *err)
{
	uint32_t sort = json_member(doc, 0, STR_LIT("sortField"));
	uint32_t filters = json_member(doc, 0, STR_LIT("filters"));

	q->by_created = json_is(doc, sort, STR_LIT("created"));
	q->falls = sort == JSON_NONE ||
	    !json_is(doc, json_member(doc, 0, STR_LIT("sortDirection")),
		STR_LIT("asc"));
	q->scan = !is_alerts && read_true(doc, "isScan");
	(void)json_i64(doc, json_member(doc, 0, STR_LIT("skip")), &q->skip);
	(void)json_i64(doc, json_member(doc, 0, STR_LIT("limit")), &q->limit);
	if (filters == JSON_NONE || json_type(doc, filters) != JSON_OBJECT)
		return 0;
	q->filters = json_raw(doc, filters);
	for (uint32_t k = json_first(doc, filters); k != JSON_NONE;
	     k = json_after(doc, filters, k + 1)) {
		if (read_filter(doc, k, q, err) < 0)
			return -1;
	}
	return 0;
}

/* A GET has no body, and whatever limit it gives is ignored. */
static int
read_query(const struct sim_call *call, bool is_alerts, struct json_doc *doc,
    struct query *q, struct err *err)
{
	const struct range all = { INT64_MIN, INT64_MAX };

	*q = (struct query){
		.date = all, .created = all, .resolved = all, .falls = true
	};
	if (evhttp_request_get_command(call->req) == EVHTTP_REQ_POST &&
	    (json_parse(doc, call->body, err) < 0 ||
		json_type(doc, 0) != JSON_OBJECT ||
		read_body(doc, is_alerts, q, err) < 0))
		return -1;
	if (q->scan) {
		if (q->limit < SCAN_LEAST)
			q->limit = SCAN_LEAST;
		if (q->limit > SCAN_MOST)
			q->limit = SCAN_MOST;
		return 0;
	}
	if (q->limit <= 0 || q->limit > PAGE_MOST)
		q->limit = PAGE_MOST;
	if (q->skip < 0 || q->skip + q->limit > REACH_MOST)
		return err_set(err, ERR_DATA, "skip is beyond what is allowed");
	return 0;
}

/* --- the page -------------------------------------------------------------*/

struct found {
	int64_t key;
	uint32_t number; /* of the version */
};

struct list {
	const struct sim_mdca *m;
	const struct sim_store *store;
	bool is_alerts;
	struct found *found; /* owned */
	size_t n;
};

static bool
is_within(const struct range *r, int64_t ms)
{
	return r->low <= ms && ms <= r->high;
}

static bool
is_in(const struct set *s, int64_t v)
{
	if (s->n == 0)
		return true;
	for (size_t i = 0; i < s->n; i++) {
		if (s->v[i] == v)
			return !s->excluded;
	}
	return s->excluded;
}

static bool
takes(const struct query *q, const struct sim_mdca_values *v)
{
	return is_within(&q->date, v->date) &&
	    is_within(&q->created, v->created) &&
	    (!q->wants_resolved ||
		(v->resolved > 0 && is_within(&q->resolved, v->resolved))) &&
	    is_in(&q->severity, v->severity) && is_in(&q->service, v->service);
}

static int
compare(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

static void
find_all(struct list *l, const struct query *q)
{
	size_t versions = sim_store_versions(l->store);
	int64_t now = sim_now();

	l->found = xcalloc(versions + 1, sizeof(*l->found));
	for (uint32_t i = 0; i < versions; i++) {
		const struct sim_version *v = sim_store_version(l->store, i);
		const struct sim_record *rec =
		    sim_store_record(l->store, v->record);
		struct sim_mdca_values values;

		if (!sim_version_shows(v, now))
			continue;
		if (l->is_alerts)
			sim_mdca_alert_values(l->m->records, rec, v, &values);
		else
			sim_mdca_activity_values(
			    l->m->records, rec, v, &values);
		if (takes(q, &values))
			l->found[l->n++] = (struct found){ .key = q->by_created
				    ? values.created
				    : values.date,
				.number = i };
	}
	if (l->n > 0)
		qsort(l->found, l->n, sizeof(*l->found), compare);
	for (size_t i = 0; q->falls && i < l->n / 2; i++) {
		struct found f = l->found[i];

		l->found[i] = l->found[l->n - 1 - i];
		l->found[l->n - 1 - i] = f;
	}
}

/* Where the page begins, and how many records it has. */
static void
cut_page(
    const struct list *l, const struct query *q, size_t *first_r, size_t *n_r)
{
	struct found after = { q->after_key, (uint32_t)q->after_number };
	size_t first = (size_t)q->skip, n;

	if (q->begun) {
		first = 0;
		while (first < l->n &&
		    (q->falls ? compare(&l->found[first], &after) >= 0
			      : compare(&l->found[first], &after) <= 0))
			first++;
	}
	if (first > l->n)
		first = l->n;
	n = l->n - first;
	if (n > (size_t)q->limit) {
		n = (size_t)q->limit;
		/* The service cuts the tail of a scan's page. */
		if (q->scan)
			n -= l->found[first].number % 4;
	}
	*first_r = first;
	*n_r = n;
}

static void
put_records(struct sim_call *call, const struct list *l, size_t first, size_t n)
{
	struct buf *out = &call->rest, portal;

	buf_init(&portal, TEXT_MOST);
	sim_call_origin(call, &portal);
	buf_add_char(out, '[');
	for (size_t i = first; i < first + n; i++) {
		const struct sim_version *v =
		    sim_store_version(l->store, l->found[i].number);
		const struct sim_record *rec =
		    sim_store_record(l->store, v->record);

		if (i > first)
			buf_add_char(out, ',');
		if (l->is_alerts)
			sim_mdca_put_alert(
			    l->m->records, rec, v, buf_cstr(&portal), out);
		else
			sim_mdca_put_activity(l->m->records, rec, v, out);
		if (i == first)
			sim_call_spoil(call, out);
	}
	buf_add_char(out, ']');
	buf_clear(&portal);
}

/* The filters as they came, and where the scan stands. */
static void
put_next(struct sim_call *call, const struct query *q, const struct found *last)
{
	struct buf *out = &call->rest;
	struct str filters = q->filters;
	const char *mark = filters.len > 0
	    ? memmem(filters.p, filters.len, ",\"scanAfter\"", 12)
	    : NULL;

	if (mark != NULL)
		filters.len = (size_t)(mark - filters.p) + 1;
	buf_add_text(out, ",\"nextQueryFilters\":");
	if (filters.len > 2)
		buf_add(out, filters.p, filters.len - 1);
	else
		buf_add_text(out, "{\"date\":{\"gte\":0}");
	buf_addf(out, ",\"scanAfter\":{\"key\":%" PRId64 ",\"number\":%u}}",
	    last->key, (unsigned)last->number);
}

static void
put_page(struct sim_call *call, const struct query *q, const struct list *l)
{
	const struct sim_fault *fault = &call->fault;
	struct buf *out = &call->rest;
	size_t first, n;
	bool more;

	cut_page(l, q, &first, &n);
	if (fault->empty_page)
		n = 0;
	more = first + n < l->n;
	buf_add_text(out, "{\"data\":");
	if (fault->null_value)
		buf_add_text(out, "null");
	else
		put_records(call, l, first, n);
	if (fault->broken_json)
		buf_add_text(out, ",,");
	buf_addf(out, ",\"hasNext\":%s", more ? "true" : "false");
	if (more && n > 0 && q->scan && !fault->no_link)
		put_next(call, q, &l->found[first + n - 1]);
	if (!q->scan)
		buf_addf(out, ",\"max\":%" PRId64 ",\"moreThanTotal\":false",
		    q->limit);
	buf_addf(out, ",\"total\":%zu}", l->n);
}

static void
serve(struct sim *sim, struct sim_call *call, bool is_alerts)
{
	struct list l = {
		.m = sim->mdca,
		.store = is_alerts ? sim->mdca->alerts : sim->mdca->activities,
		.is_alerts = is_alerts,
	};
	struct err err = { .kind = ERR_NONE };
	struct json_doc doc;
	struct query q;

	json_init(&doc, 0, 0);
	if (read_query(call, is_alerts, &doc, &q, &err) < 0) {
		sim_mdca_fail(call, 400,
		    err.kind != ERR_NONE ? err.text : "Invalid body");
	} else {
		sim_store_advance(
		    is_alerts ? sim->mdca->alerts : sim->mdca->activities,
		    sim_now());
		find_all(&l, &q);
		put_page(call, &q, &l);
		xfree(l.found);
	}
	json_clear(&doc);
}

void
sim_mdca_alerts(struct sim *sim, struct sim_call *call)
{
	serve(sim, call, true);
}

void
sim_mdca_activities(struct sim *sim, struct sim_call *call)
{
	serve(sim, call, false);
}
