/* tools/sim/sim_lists.c -- Microsoft Graph: plain lists of several things. */
/* SPDX-License-Identifier: ISC */
#include "tools/sim/sim_lists.h"

#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "tools/sim/sim.h"
#include "tools/sim/sim_call.h"
#include "tools/sim/sim_fill.h"
#include "tools/sim/sim_kinds.h"
#include "tools/sim/sim_odata.h"
#include "tools/sim/sim_rng.h"
#include "tools/sim/sim_store.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define PAGE 100
#define SALT_ID 77

/* Of each list: where it is, and what a thing of it looks like. */
static const struct row {
	const char *name, *path, *context, *template;
	const struct sim_property *properties;
	bool unsorted; /* all on one page, in no order that matters */
	bool constant;
} rows[] = {
	{ "cases", "/v1.0/security/cases/ediscoveryCases",
	    "security/cases/ediscoveryCases",
	    "{'description':'${pick:|Something to look into}',"
	    "'lastModifiedDateTime':'${updated}','status':'${pick:active|"
	    "closed|pendingDelete}','closedDateTime':null,'externalId':"
	    "'${pick:|2026/17}','id':'${id}','displayName':'Case of "
	    "${user.name:0}','createdDateTime':'${created}','lastModifiedBy':"
	    "{'application':null,'user':{'id':null,'displayName':"
	    "'${user.name:1}'}},'closedBy':{'application':null,'user':"
	    "{'id':null,'displayName':''}}}",
	    NULL, false, false },
	{ "requests", "/v1.0/security/subjectRightsRequests",
	    "security/subjectRightsRequests",
	    "{'type':'${pick:export|delete|access}','dataSubjectType':"
	    "'${pick:customer|currentEmployee}','regulations':${pick:['GDPR']"
	    "|['CCPA','GDPR']|[]|null},'displayName':'Request of"
	    " ${user.name:0}','description':'A request','status':'${pick:"
	    "active|closed}','internalDueDateTime':'2027-01-01T00:00:00Z',"
	    "'lastModifiedDateTime':'${updated}','id':'${id}',"
	    "'createdDateTime':'${created}','stages':[{'stage':"
	    "'contentRetrieval','status':'current','error':null}],'createdBy':"
	    "{'user':{'id':'${guid:2}','displayName':'${user.upn:1}'}},"
	    "'lastModifiedBy':null,'dataSubject':{'firstName':'Hidden',"
	    "'lastName':'Person','email':'hidden.person@contoso.example'},"
	    "'externalId':null,'insight':{'itemCount':${num:0-90}}}",
	    NULL, true, false },
	{ "skus", "/v1.0/subscribedSkus", "subscribedSkus",
	    "{'accountName':'contoso','appliesTo':'User','capabilityStatus':"
	    "'Enabled','consumedUnits':${num:1-900},'id':'${id}','skuId':"
	    "'${guid:3}','skuPartNumber':'${pick:DEFENDER_E5|AAD_P2|ENT_PACK}"
	    "','prepaidUnits':{'enabled':1000,'suspended':0,'warning':0},"
	    "'servicePlans':[]}",
	    NULL, true, true },
};

static const struct sim_property dlp_properties[] = {
	{ "startDateTime", NULL },
	{ "endDateTime", NULL },
	{ NULL, NULL },
};

/* What was matched is a text that must show up nowhere. */
#define AUDIT                                                            \
	"{\\'Operation\\':\\'DlpRuleMatch\\',\\'UserId\\':\\'u${hex:6}@" \
	"contoso.example"                                                \
	"\\',\\'Workload\\':\\'Exchange\\',\\'PolicyDetails\\':[{"       \
	"\\'PolicyName\\':\\'Bank data\\',\\'Rules\\':[{\\'RuleName\\':" \
	"\\'Many numbers\\',\\'Severity\\':\\'High\\',"                  \
	"\\'ConditionsMatched\\':{\\'SensitiveInformation\\':[{"         \
	"\\'SensitiveInformationTypeName\\':\\'IBAN\\',"                 \
	"\\'SensitiveInformationDetections\\':{\\'DetectedValues\\':[{"  \
	"\\'Name\\':\\'MATCHED-VALUE\\'}]}}]}}]}]}"

static const struct row dlp_row = { "dlp", "/beta/security/dlpAlertEvent",
	"security/dlpAlertEvent",
	"{'id':'${id}','createdDateTime':'${created}','auditRecord':'" AUDIT
	"'}",
	dlp_properties, false, true };

#define LISTS (COUNT(rows) + 1)

struct list {
	const struct row *row;
	struct sim_store *store; /* borrowed from the kinds */
	struct sim_template *text;
};

struct sim_lists {
	struct list list[LISTS];
};

/* --- texts ----------------------------------------------------------------*/

static void
put_seed_id(struct buf *out, uint64_t seed)
{
	sim_put_guid(out, sim_hash(seed, SALT_ID));
}

static void
put_id(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	put_seed_id(out, f->seed);
}

static const struct sim_slot slots[] = {
	{ "id", put_id },
	{ NULL, NULL },
};

static void
put_record_id(const void *arg, uint32_t record, struct buf *out)
{
	const struct list *l = arg;

	put_seed_id(out, sim_store_record(l->store, record)->seed);
}

static void
put_thing(const void *arg, const struct sim_version *v,
    const struct sim_odata_form *form, struct buf *out)
{
	const struct list *l = arg;
	const struct sim_record *rec = sim_store_record(l->store, v->record);
	const struct sim_fill fill = { .seed = rec->seed,
		.created = rec->created,
		.updated = v->time,
		.version = v->number,
		.newer_enums = form->newer };

	sim_template_put_rotated(l->text, &fill, v->duplicate ? 2 : 0, out);
}

static void
get_values(const void *arg, const struct sim_version *v, union sim_value *value)
{
	(void)arg;
	value[0].time = value[1].time = v->time;
}

/* --- life -----------------------------------------------------------------*/

struct sim_lists *
sim_lists_new(struct sim *sim)
{
	struct sim_lists *lists = xcalloc(1, sizeof(*lists));

	for (size_t i = 0; i < LISTS; i++) {
		struct list *l = &lists->list[i];
		struct sim_kind_conf kind = { .count = sim->conf->lists,
			.arg = l,
			.put_id = put_record_id };

		l->row = i < COUNT(rows) ? &rows[i] : &dlp_row;
		kind.name = l->row->name;
		kind.never_change = l->row->constant;
		l->store = sim_kinds_add(sim->kinds, &kind);
		l->text = sim_template_new(l->row->template, slots);
	}
	return lists;
}

void
sim_lists_free(struct sim_lists **lp)
{
	struct sim_lists *lists = *lp;

	*lp = NULL;
	if (lists == NULL)
		return;
	for (size_t i = 0; i < LISTS; i++)
		sim_template_free(&lists->list[i].text);
	xfree(lists);
}

/* --- requests -------------------------------------------------------------*/

static void
serve(const struct list *l, struct sim_call *call)
{
	const struct sim_odata list = {
		.path = l->row->path,
		.context = l->row->context,
		.store = l->store,
		.properties = l->row->properties,
		.top_default = l->row->unsorted ? SIM_ODATA_TOP_MOST : PAGE,
		.top_most = SIM_ODATA_TOP_MOST,
		.skip_most = SIM_ODATA_TOP_MOST,
		.arg = l,
		.values = get_values,
		.put = put_thing,
	};

	sim_store_advance(l->store, sim_now());
	sim_odata_serve(&list, call);
}

void
sim_lists_serve(struct sim *sim, struct sim_call *call)
{
	const struct list *l = sim->lists->list;

	while (strcmp(l->row->name, call->route->name) != 0)
		l++;
	serve(l, call);
}

void
sim_lists_dlp(struct sim *sim, struct sim_call *call)
{
	const char *level = sim_call_header(call, "ConsistencyLevel");

	if (level == NULL || strcmp(level, "eventual") != 0)
		sim_odata_fail(call, 400,
		    "The request needs the header ConsistencyLevel.");
	else
		serve(&sim->lists->list[LISTS - 1], call);
}
