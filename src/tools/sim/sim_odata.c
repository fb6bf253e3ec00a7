/* tools/sim/sim_odata.c -- a collection of Microsoft Graph, page by page. */
/* SPDX-License-Identifier: ISC */
#include "tools/sim/sim_odata.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "tools/sim/sim.h"
#include "tools/sim/sim_call.h"
#include "tools/sim/sim_rng.h"
#include "tools/sim/sim_store.h"

/* --- errors ---------------------------------------------------------------*/

struct failure {
	int status;
	const char *code, *text;
};

static const struct failure failures[] = {
	{ 400, "BadRequest", "The request is not valid." },
	{ 401, "InvalidAuthenticationToken", "The access token is not valid." },
	{ 403, "Forbidden",
	    "Missing application roles. API required roles:"
	    " SecurityAlert.Read.All, SecurityAlert.ReadWrite.All,"
	    " SecurityIncident.Read.All, SecurityIncident.ReadWrite.All,"
	    " application roles: User.Read.All." },
	{ 404, "ResourceNotFound", "The resource was not found." },
	{ 429, "TooManyRequests", "Try again later." },
	{ 500, "InternalServerError", "Internal server error" },
	{ 503, "serviceNotAvailable", "The service is not available now." },
	{ 504, "UnknownError", "" },
	{ 0, "UnknownError", "" },
};

static void
put_date(struct buf *out)
{
	time_t t = (time_t)(clock_wall_ms() / 1000);
	char text[32];
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	buf_add_text(out, text);
}

static void
put_inner_error(struct sim_call *call, int status)
{
	const char *id = sim_call_header(call, "client-request-id");
	struct buf *out = &call->rest;

	buf_add_text(out, "{\"date\":\"");
	put_date(out);
	buf_add_text(out, "\",\"request-id\":\"");
	sim_call_guid(call, out);
	if (status == 429) {
		buf_add_text(out,
		    "\",\"code\":\"429\",\"message\":\"Try again"
		    " after the time given\",\"status\":\"429\"}");
		return;
	}
	buf_add_text(out, "\",\"client-request-id\":\"");
	if (id != NULL)
		sim_put_plain(out, id);
	else
		sim_call_guid(call, out);
	buf_add_text(out, "\"}");
}

/* Who has no good token is told where to get one. */
static void
add_challenge(struct sim_call *call)
{
	struct buf text;

	buf_init(&text, 1024);
	buf_add_text(&text, "Bearer realm=\"\", authorization_uri=\"");
	sim_call_origin(call, &text);
	buf_add_text(&text,
	    "/common/oauth2/authorize\","
	    " client_id=\"00000003-0000-0000-c000-000000000000\"");
	sim_call_add_header(call, "WWW-Authenticate", buf_cstr(&text));
	buf_clear(&text);
}

void
sim_odata_fail(struct sim_call *call, int status, const char *reason)
{
	const struct failure *f = failures;
	struct buf *out = &call->rest;

	while (f->status != 0 && f->status != status)
		f++;
	sim_call_restart(call);
	call->status = status;
	buf_addf(out, "{\"error\":{\"code\":\"%s\",\"message\":\"", f->code);
	sim_put_plain(out, reason != NULL ? reason : f->text);
	buf_add_text(out, "\",\"innerError\":");
	put_inner_error(call, status);
	buf_add_text(out, "}}");
	if (status == 401)
		add_challenge(call);
}

/* --- the query ------------------------------------------------------------*/

struct query {
	struct sim_filter *filter; /* NULL: all */
	int64_t low, high;         /* of what it is sorted by */
	uint64_t top, skip;
	bool count, ascending, expanded;
	bool begun; /* a token says behind which version to go on */
	int64_t time;
	uint32_t number;
};

static int
read_number(const char *text, const char *name, uint64_t *v_r, struct err *err)
{
	if (text == NULL || str_to_u64(str_of(text), v_r))
		return 0;
	return err_set(err, ERR_DATA, "Invalid value '%s' for %s.", text, name);
}

static int
read_order(const struct sim_odata *l, const char *text, bool *ascending_r,
    struct err *err)
{
	struct str rest = str_of(text), name = str_cut(&rest, ' ');

	*ascending_r = text != NULL || l->oldest_first;
	if (text == NULL)
		return 0;
	if (l->sorted_by == NULL || !str_is(name, l->sorted_by) ||
	    (rest.p != NULL && !str_is(rest, "asc") && !str_is(rest, "desc")))
		return err_set(err, ERR_DATA,
		    "The $orderby expression '%s' is not supported.", text);
	*ascending_r = !str_is(rest, "desc");
	return 0;
}

static int
read_expand(const struct sim_odata *l, const char *text, bool *expanded_r,
    struct err *err)
{
	*expanded_r = text != NULL;
	if (text == NULL || (l->expand != NULL && strcmp(text, l->expand) == 0))
		return 0;
	return err_set(err, ERR_DATA,
	    "Parsing OData Select and Expand failed: Could not find a property"
	    " named '%s'.",
	    text);
}

static uint32_t
token_check(int64_t time, uint32_t number)
{
	return (uint32_t)sim_hash((uint64_t)time, number);
}

static int
read_token(const char *text, struct query *q, struct err *err)
{
	unsigned long long time;
	unsigned number, check;
	int n = 0;

	if (text == NULL)
		return 0;
	if (sscanf(text, "%16llx%8x%8x%n", &time, &number, &check, &n) != 3 ||
	    (size_t)n != strlen(text) ||
	    check != token_check((int64_t)time, number))
		return err_set(err, ERR_DATA, "The skip token is not valid.");
	q->begun = true;
	q->time = (int64_t)time;
	q->number = number;
	return 0;
}

static int
refuse_unknown(const struct sim_call *call, struct err *err)
{
	static const char *const known[] = { "$filter", "$top", "$skip",
		"$count", "$orderby", "$skiptoken", "$expand" };

	for (size_t i = 0; i < call->n_params; i++) {
		const char *name = call->param[i].name;
		bool found = name[0] != '$';

		for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++)
			found = found || strcmp(name, known[k]) == 0;
		if (!found)
			return err_set(err, ERR_DATA,
			    "The query parameter '%s' is not supported.", name);
	}
	return 0;
}

static int
read_filter(const struct sim_odata *l, const char *text, struct query *q,
    struct err *err)
{
	bool is_part = l->low != 0 || l->high != 0;

	q->low = INT64_MIN;
	q->high = INT64_MAX;
	if (text != NULL && l->properties == NULL)
		return err_set(err, ERR_DATA,
		    "The query parameter '$filter' is not supported.");
	if (text != NULL) {
		q->filter = sim_filter_new(str_of(text), l->properties, err);
		if (q->filter == NULL)
			return -1;
		sim_filter_bounds(q->filter, 0, &q->low, &q->high);
	}
	if (is_part && q->low < l->low)
		q->low = l->low;
	if (is_part && q->high > l->high)
		q->high = l->high;
	return 0;
}

static int
read_query(const struct sim_odata *l, const struct sim_call *call,
    struct query *q, struct err *err)
{
	const char *count = sim_call_param(call, "$count");

	*q = (struct query){ .top = l->top_default };
	q->count = count != NULL && strcmp(count, "true") == 0;
	if (refuse_unknown(call, err) != 0 ||
	    read_number(sim_call_param(call, "$top"), "$top", &q->top, err) ||
	    read_number(
		sim_call_param(call, "$skip"), "$skip", &q->skip, err) ||
	    read_order(
		l, sim_call_param(call, "$orderby"), &q->ascending, err) ||
	    read_expand(
		l, sim_call_param(call, "$expand"), &q->expanded, err) ||
	    read_token(sim_call_param(call, "$skiptoken"), q, err) ||
	    read_filter(l, sim_call_param(call, "$filter"), q, err))
		return -1;
	if (q->top == 0)
		return err_set(err, ERR_DATA, "Invalid value '0' for $top.");
	if (q->skip > l->skip_most)
		return err_set(err, ERR_DATA,
		    "The limit of '%u' for Skip query has been exceeded. The"
		    " value from the incoming request is '%llu'.",
		    l->skip_most, (unsigned long long)q->skip);
	if (q->top > l->top_most)
		q->top = l->top_most;
	if (q->begun)
		q->skip = 0;
	return 0;
}

/* --- the answer -----------------------------------------------------------*/

struct page {
	uint32_t version[SIM_ODATA_TOP_MOST];
	size_t n;
	bool more;
	uint64_t count;
};

static bool
takes(const struct sim_odata *l, const struct query *q,
    const struct sim_version *v, int64_t now)
{
	union sim_value value[SIM_ODATA_PROPERTIES];

	if (!sim_version_shows(v, now))
		return false;
	if (q->filter == NULL)
		return true;
	l->values(l->arg, v, value);
	return sim_filter_takes(q->filter, value);
}

/* Count one that the query takes; false when no more need be looked at. */
static bool
add_to_page(struct page *p, const struct query *q, uint32_t number)
{
	p->count++;
	if (p->count <= q->skip)
		return true;
	if (p->n < q->top) {
		p->version[p->n++] = number;
		return true;
	}
	p->more = true;
	return q->count;
}

static void
find_page(const struct sim_odata *l, const struct query *q, struct page *p)
{
	const struct sim_store *s = l->store;
	size_t low = sim_store_place(s, q->low, 0);
	size_t high = q->high == INT64_MAX ? sim_store_versions(s)
					   : sim_store_place(s, q->high + 1, 0);
	int64_t now = sim_now();

	p->n = 0;
	p->count = 0;
	p->more = false;
	if (q->begun && q->ascending)
		low = sim_store_place(s, q->time, q->number + 1);
	else if (q->begun)
		high = sim_store_place(s, q->time, q->number);
	while (low < high) {
		uint32_t number =
		    sim_store_at(s, q->ascending ? low++ : --high);

		if (takes(l, q, sim_store_version(s, number), now) &&
		    !add_to_page(p, q, number))
			return;
	}
}

static bool
wants_newer(const struct sim_call *call)
{
	const char *prefer = sim_call_header(call, "Prefer");

	return prefer != NULL &&
	    strstr(prefer, "include-unknown-enum-members") != NULL;
}

/* The query as it came, but for where to begin. */
static void
put_same_query(const struct sim_call *call, struct buf *out)
{
	struct str rest = str_of(call->query);

	while (rest.len > 0) {
		struct str item = str_cut(&rest, '&'), value = item;
		struct str name = str_cut(&value, '=');

		if (str_is(name, "$skip") || str_is(name, "%24skip") ||
		    str_is(name, "$skiptoken") || str_is(name, "%24skiptoken"))
			continue;
		for (size_t i = 0; i < item.len; i++) {
			if (item.p[i] == '"' || item.p[i] == '\\')
				buf_addf(out, "%%%02X", (unsigned)item.p[i]);
			else
				buf_add_char(out, item.p[i]);
		}
		buf_add_char(out, '&');
	}
}

static void
put_link(const struct sim_odata *l, const struct sim_call *call,
    uint32_t number, struct buf *out)
{
	const struct sim_version *v = sim_store_version(l->store, number);

	buf_add_text(out, ",\"@odata.nextLink\":\"");
	if (call->fault.link != NULL)
		buf_addf(out, "https://%s", call->fault.link);
	else
		sim_call_origin(call, out);
	buf_addf(out, "%s?", l->path);
	put_same_query(call, out);
	buf_addf(out, "$skiptoken=%016llx%08x%08x\"",
	    (unsigned long long)v->time, number, token_check(v->time, number));
}

/* An empty page goes on from before its first record. */
static void
put_link_back(
    const struct sim_odata *l, const struct sim_call *call, struct buf *out)
{
	buf_add_text(out, ",\"@odata.nextLink\":\"");
	sim_call_origin(call, out);
	buf_add_text(out, l->path);
	if (call->query != NULL)
		buf_addf(out, "?%s", call->query);
	buf_add_char(out, '"');
}

static void
put_next_link(const struct sim_odata *l, const struct sim_call *call,
    const struct page *page, struct buf *out)
{
	int mode = call->sim->knobs.nextlink;
	uint32_t last;

	if (call->fault.empty_page) {
		put_link_back(l, call, out);
		return;
	}
	if (page->n == 0 || (!page->more && call->fault.link == NULL))
		return;
	last = page->version[page->n - 1];
	if (call->fault.no_link || mode == SIM_LINK_NEVER ||
	    (mode == SIM_LINK_SOMETIMES && sim_mix(last) % 2 == 0))
		return;
	put_link(l, call, last, out);
}

static void
put_records(const struct sim_odata *l, struct sim_call *call,
    const struct page *page, const struct sim_odata_form *form)
{
	struct buf *out = &call->rest;

	buf_add_char(out, '[');
	for (size_t i = 0; i < page->n && !call->fault.empty_page; i++) {
		if (i > 0)
			buf_add_char(out, ',');
		l->put(l->arg, sim_store_version(l->store, page->version[i]),
		    form, out);
		if (i == 0)
			sim_call_spoil(call, out);
	}
	if (call->fault.broken_json)
		buf_add_text(out, ",,");
	buf_add_text(out, "]}");
}

/* The same versions in the same form make the same text. */
static uint64_t
key_of(const struct sim_odata *l, const struct sim_call *call,
    const struct page *page, const struct sim_odata_form *form)
{
	const struct sim_fault *f = &call->fault;
	uint64_t key = sim_hash(page->n, form->newer + 2 * form->expanded);

	if (f->empty_page || f->null_value || f->broken_json || f->bad_utf8 ||
	    f->deep != 0 || f->oversized != 0)
		return 0;
	for (const char *p = l->context; *p != '\0'; p++)
		key = sim_hash(key, (unsigned char)*p);
	for (size_t i = 0; i < page->n; i++)
		key = sim_hash(key, page->version[i]);
	return key;
}

void
sim_odata_begin(struct sim_call *call, struct sim_odata_form *form_r)
{
	*form_r = (struct sim_odata_form){ .newer = wants_newer(call) };
	if (form_r->newer)
		sim_call_add_header(
		    call, "Preference-Applied", "include-unknown-enum-members");
	call->type = "application/json;odata.metadata=minimal;"
		     "odata.streaming=true;IEEE754Compatible=false;"
		     "charset=utf-8";
}

static void
put_page(const struct sim_odata *l, struct sim_call *call,
    const struct query *q, const struct page *page)
{
	struct buf *out = &call->head;
	struct sim_odata_form form;

	sim_odata_begin(call, &form);
	form.expanded = q->expanded;
	if (l->manages != NULL &&
	    !l->manages(l->arg, page->version, page->n, &form)) {
		sim_odata_fail(call, 500, NULL);
		return;
	}
	buf_add_text(out, "{\"@odata.context\":\"");
	sim_call_origin(call, out);
	buf_addf(out, "/v1.0/$metadata#%s%s\"", l->context,
	    q->expanded ? "(alerts())" : "");
	if (q->count)
		buf_addf(out, ",\"@odata.count\":%llu",
		    (unsigned long long)page->count);
	put_next_link(l, call, page, out);
	buf_add_text(out, ",\"value\":");
	if (call->fault.null_value)
		buf_add_text(&call->rest, "null}");
	else if (!sim_call_keeps(call, key_of(l, call, page, &form)))
		put_records(l, call, page, &form);
}

void
sim_odata_serve(const struct sim_odata *list, struct sim_call *call)
{
	struct err err = { 0 };
	struct query q;
	struct page *page;

	if (read_query(list, call, &q, &err) != 0) {
		sim_odata_fail(call, 400, err.text);
	} else {
		page = xmalloc(sizeof(*page));
		find_page(list, &q, page);
		put_page(list, call, &q, page);
		xfree(page);
	}
	sim_filter_free(&q.filter);
}
