/* tools/sim/sim_audit.c -- Microsoft Graph: searches in the audit log. */
/* SPDX-License-Identifier: ISC */
#include "tools/sim/sim_audit.h"

#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "codec/json.h"
#include "codec/rfc3339.h"
#include "tools/sim/sim.h"
#include "tools/sim/sim_call.h"
#include "tools/sim/sim_fill.h"
#include "tools/sim/sim_kinds.h"
#include "tools/sim/sim_odata.h"
#include "tools/sim/sim_rng.h"
#include "tools/sim/sim_store.h"

#define SEARCHES_MOST 200 /* that the service takes in a day */
#define PAGE 150
#define RUNS_TICKS (SIM_TICKS_PER_S) /* before it has succeeded */
#define SALT_ID 91

struct search {
	int64_t low, high, created; /* ticks */
};

struct sim_audit {
	struct sim_store *store; /* borrowed from the kinds */
	struct sim_template *text;
	struct search search[SEARCHES_MOST];
	uint64_t n;
};

static void
put_id(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	sim_put_guid(out, sim_hash(f->seed, SALT_ID));
}

static const struct sim_slot slots[] = {
	{ "id", put_id },
	{ NULL, NULL },
};

static const char record_text[] =
    "{'id':'${id}','createdDateTime':'${updated}','auditLogRecordType':"
    "'${pick:ComplianceDLPExchange|SharePointFileOperation}','operation':"
    "'${pick:DlpRuleMatch|FileAccessed|UserLoggedIn}','organizationId':"
    "'${guid:9}','userType':'Regular','userId':'${user.id:0}','service':"
    "'${pick:Exchange|SharePoint}','objectId':null,'userPrincipalName':"
    "'u${hex:6}@contoso.example','clientIp':'${ip:0}','administrativeUnits':"
    "[''],'auditData':{'Workload':'Exchange','ResultStatus':'Succeeded'}}";

static void
put_record_id(const void *arg, uint32_t record, struct buf *out)
{
	const struct sim_audit *a = arg;

	sim_put_guid(
	    out, sim_hash(sim_store_record(a->store, record)->seed, SALT_ID));
}

struct sim_audit *
sim_audit_new(struct sim *sim)
{
	struct sim_audit *a = xcalloc(1, sizeof(*a));
	const struct sim_kind_conf kind = { .name = "audit-log",
		.count = sim->conf->audit_log,
		.never_change = true,
		.arg = a,
		.put_id = put_record_id };

	a->store = sim_kinds_add(sim->kinds, &kind);
	a->text = sim_template_new(record_text, slots);
	return a;
}

void
sim_audit_free(struct sim_audit **ap)
{
	struct sim_audit *a = *ap;

	*ap = NULL;
	if (a == NULL)
		return;
	sim_template_free(&a->text);
	xfree(a);
}

static bool
read_time(const struct json_doc *doc, const char *name, int64_t *ticks_r)
{
	struct buf text;
	bool ok;

	buf_init(&text, 64);
	ok = rfc3339_parse_ticks(
	    json_text(doc, json_member(doc, 0, str_of(name)), &text), ticks_r);
	buf_clear(&text);
	return ok;
}

static void
put_search(struct sim_call *call, uint64_t number, const char *status)
{
	struct sim_odata_form form;

	sim_odata_begin(call, &form);
	buf_addf(&call->rest,
	    "{\"id\":\"search-%llu\",\"status\":\"%s\","
	    "\"isRecordCountLimitExceeded\":false}",
	    (unsigned long long)number, status);
}

void
sim_audit_create(struct sim *sim, struct sim_call *call)
{
	struct sim_audit *a = sim->audit;
	struct search s = { .created = sim_now() };
	struct json_doc doc;

	json_init(&doc, 0, 0);
	if (a->n == SEARCHES_MOST) {
		sim_odata_fail(call, 429, NULL);
	} else if (json_parse(&doc, call->body, NULL) < 0 ||
	    !read_time(&doc, "filterStartDateTime", &s.low) ||
	    !read_time(&doc, "filterEndDateTime", &s.high) || s.low >= s.high) {
		sim_odata_fail(call, 400, NULL);
	} else {
		a->search[a->n++] = s;
		put_search(call, a->n, "notStarted");
		call->status = 201;
	}
	json_clear(&doc);
}

/* The search that the address names, as a number from 1 on; 0: none. */
static uint64_t
find(const struct sim_audit *a, struct sim_call *call)
{
	struct str id = call->part[1];
	uint64_t n = 0;

	if (str_starts(id, STR_LIT("search-")) &&
	    str_to_u64(str_make(id.p + 7, id.len - 7), &n) && n <= a->n &&
	    n > 0)
		return n;
	sim_odata_fail(call, 404, NULL);
	return 0;
}

static bool
has_succeeded(const struct search *s)
{
	return sim_now() >= s->created + RUNS_TICKS;
}

void
sim_audit_status(struct sim *sim, struct sim_call *call)
{
	const struct sim_audit *a = sim->audit;
	uint64_t n = find(a, call);

	if (n > 0)
		put_search(call, n,
		    has_succeeded(&a->search[n - 1]) ? "succeeded" : "running");
}

static void
put_record(const void *arg, const struct sim_version *v,
    const struct sim_odata_form *form, struct buf *out)
{
	const struct sim_audit *a = arg;
	const struct sim_record *rec = sim_store_record(a->store, v->record);
	const struct sim_fill fill = { .seed = rec->seed,
		.created = rec->created,
		.updated = v->time,
		.newer_enums = form->newer };

	sim_template_put_rotated(a->text, &fill, v->duplicate ? 2 : 0, out);
}

void
sim_audit_records(struct sim *sim, struct sim_call *call)
{
	const struct sim_audit *a = sim->audit;
	uint64_t n = find(a, call);
	struct sim_odata list = {
		.path = call->path,
		.context = "security/auditLog/queries/records",
		.store = a->store,
		.top_default = PAGE,
		.top_most = PAGE,
		.arg = a,
		.put = put_record,
	};
	struct buf path;

	if (n == 0)
		return;
	if (!has_succeeded(&a->search[n - 1])) {
		sim_odata_fail(call, 400, NULL);
		return;
	}
	buf_init(&path, 256);
	buf_addf(&path, "/%.*s/security/auditLog/queries/search-%llu/records",
	    STR_ARG(call->part[0]), (unsigned long long)n);
	list.path = buf_cstr(&path);
	list.low = a->search[n - 1].low;
	list.high = a->search[n - 1].high - 1;
	sim_store_advance(sim->audit->store, sim_now());
	sim_odata_serve(&list, call);
	buf_clear(&path);
}
