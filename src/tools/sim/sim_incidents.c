/*
 * tools/sim/sim_incidents.c -- Microsoft Graph: incidents.
 *
 * How many alerts an incident has, and which, follows from its seed and its
 * version: each version has one more.  A few have many, and the scenario may
 * say that the service cannot put more than so many on one page.
 */
/* SPDX-License-Identifier: ISC */
#include "tools/sim/sim_incidents.h"

#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "tools/sim/sim.h"
#include "tools/sim/sim_alerts.h"
#include "tools/sim/sim_call.h"
#include "tools/sim/sim_fill.h"
#include "tools/sim/sim_kinds.h"
#include "tools/sim/sim_odata.h"
#include "tools/sim/sim_rng.h"
#include "tools/sim/sim_store.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define PATH "/v1.0/security/incidents"
#define PAGE 50
#define SKIP_MOST 500
#define ALERTS_PAGE 20
#define FIRST_ID 4000
#define TENANT "4f0c6a1e-52b7-4d1b-9a38-c6a1b2d07e55"

enum {
	SALT_MANY = 200,
	SALT_ALERTS,
	SALT_SEVERITY,
	SALT_MERGED,
	SALT_FRAME,
	SALT_ALERT = 1000
};

struct sim_incidents {
	struct sim_store *store; /* borrowed from the kinds */
	struct sim_alerts *alerts;
	const struct sim_knobs *knobs; /* borrowed */
	struct sim_template *frame[2];
};

/* What the blanks of a frame need to know. */
struct incident {
	uint32_t number;
	uint64_t seed;
	unsigned version;
};

/* --- what follows from the seed -------------------------------------------*/

static bool
is_merged(const struct incident *i)
{
	return i->version > 0 && sim_chance(sim_hash(i->seed, SALT_MERGED), 5);
}

static uint32_t
alerts_of(const struct incident *i)
{
	uint64_t h = sim_hash(i->seed, SALT_ALERTS);

	if (is_merged(i))
		return 0;
	if (sim_chance(sim_hash(i->seed, SALT_MANY), 2))
		return 40 + sim_below(h, 120) + i->version;
	return sim_below(h, 5) + i->version;
}

static const char *
severity_of(uint64_t seed)
{
	static const char *const words[] = { "informational", "low", "medium",
		"medium", "high" };

	return words[sim_below(sim_hash(seed, SALT_SEVERITY), COUNT(words))];
}

static const char *
status_of(const struct incident *i)
{
	static const char *const words[] = { "active", "active", "inProgress",
		"resolved", "resolved", "resolved" };

	return is_merged(i) ? "redirected" : words[i->version];
}

/* --- the frames -----------------------------------------------------------*/

static const struct incident *
incident_of(const struct sim_fill *f)
{
	return f->kind;
}

static void
put_id(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	buf_add_u64(out, FIRST_ID + incident_of(f)->number);
}

static void
put_severity(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	buf_add_text(out, severity_of(f->seed));
}

static void
put_status(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	buf_add_text(out, status_of(incident_of(f)));
}

static void
put_target(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	if (is_merged(incident_of(f)))
		buf_addf(out, "\"%u\"",
		    (unsigned)(FIRST_ID + incident_of(f)->number / 2));
	else
		buf_add_text(out, "null");
}

static void
put_comments(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	for (unsigned i = 0; i < f->version; i++) {
		buf_add_text(out, i > 0 ? "," : "");
		buf_addf(out,
		    "{\"comment\":\"Looked at, step "
		    "%u\",\"createdByDisplayName\""
		    ":\"API-App: triage\",\"createdDateTime\":\"",
		    i + 1);
		sim_put_time(out, f->updated);
		buf_add_text(out, "\"}");
	}
}

static const struct sim_slot slots[] = {
	{ "id", put_id },
	{ "severity", put_severity },
	{ "status", put_status },
	{ "target", put_target },
	{ "comments", put_comments },
	{ NULL, NULL },
};

#define NAMES                                                            \
	"'displayName':'${pick:Multi-stage incident, Initial access = "  \
	"Exfiltration|Impossible travel involving one user|Vorfall mit " \
	"Umlauten äöü|複数のソース}',"

#define TIMES \
	"'createdDateTime':'${created}','lastUpdateDateTime':'${updated}',"

static const char *const frames[] = {
	"{'id':'${id}','tenantId':'" TENANT "','status':'${status}',"
	"'incidentWebUrl':'https://security.example/incident2/${id}/overview"
	"?tid=" TENANT "','redirectIncidentId':${target}," NAMES TIMES
	"'assignedTo':${pick:null|null|'soc-lead@contoso.example'|''},"
	"'classification':${pick:'unknown'|null|'truePositive'},"
	"'determination':${pick:'unknown'|null|'malware'},"
	"'severity':'${severity}','customTags':${pick:[]|['Tier 0']|null},"
	"'systemTags':${pick:[]|['Credential Phish','Test']},"
	"'description':'Several alerts of ${user.upn:0} belong together."
	"\\nLook at all of them.','lastModifiedBy':"
	"'Microsoft 365 Defender-AlertCorrelation','resolvingComment':null,"
	"'summary':'${user.name:0} and ${host:1} = involved',"
	"'priorityScore':${pick:null|12|82|'40'},'comments':[${comments}]}",
	"{'@odata.type':'#microsoft.graph.security.incident','id':'${id}',"
	"'incidentWebUrl':'https://security.example/incidents/${id}',"
	"'redirectIncidentId':${target},'tenantId':''," NAMES TIMES
	"'assignedTo':null,'classification':'unknown','determination':"
	"'unknown','status':'${status}','severity':'${severity}',"
	"'customTags':['Demo'],'comments':[${comments}],'systemTags':[],"
	"'description':''}",
};

/* --- life -----------------------------------------------------------------*/

static void
put_record_id(const void *arg, uint32_t record, struct buf *out)
{
	(void)arg;
	buf_add_u64(out, FIRST_ID + record);
}

struct sim_incidents *
sim_incidents_new(struct sim *sim)
{
	struct sim_incidents *in = xcalloc(1, sizeof(*in));
	const struct sim_kind_conf kind = { .name = "incidents",
		.count = sim->conf->incidents,
		.put_id = put_record_id };

	in->store = sim_kinds_add(sim->kinds, &kind);
	in->alerts =
	    sim_alerts_new(sim->conf->small ? 1024 : sim->conf->alert_size);
	in->knobs = &sim->knobs;
	for (size_t i = 0; i < COUNT(frames); i++)
		in->frame[i] = sim_template_new(frames[i], slots);
	return in;
}

void
sim_incidents_free(struct sim_incidents **ip)
{
	struct sim_incidents *in = *ip;

	*ip = NULL;
	if (in == NULL)
		return;
	for (size_t i = 0; i < COUNT(frames); i++)
		sim_template_free(&in->frame[i]);
	sim_alerts_free(&in->alerts);
	xfree(in);
}

/* --- texts ----------------------------------------------------------------*/

static struct incident
read_incident(const struct sim_incidents *in, const struct sim_version *v)
{
	return (struct incident){ .number = v->record,
		.seed = sim_store_record(in->store, v->record)->seed,
		.version = v->number };
}

static void
put_alert(const struct sim_incidents *in, const struct incident *i,
    const struct sim_version *v, uint32_t n, bool newer, struct buf *out)
{
	const struct sim_record rec = {
		.seed = sim_hash(i->seed, SALT_ALERT + n),
		.created = sim_store_record(in->store, i->number)->created +
		    (int64_t)n * SIM_TICKS_PER_S,
		.incident = FIRST_ID + i->number,
	};
	const struct sim_version version = { .time = v->time };

	sim_alerts_put(in->alerts, &rec, &version, newer, out);
}

static void
put_incident(const void *arg, const struct sim_version *v,
    const struct sim_odata_form *form, struct buf *out)
{
	const struct sim_incidents *in = arg;
	const struct sim_record *rec = sim_store_record(in->store, v->record);
	struct incident i = read_incident(in, v);
	const struct sim_template *t =
	    in->frame[sim_chance(sim_hash(rec->seed, SALT_FRAME), 20)];
	const struct sim_fill fill = { .seed = rec->seed,
		.created = rec->created,
		.updated = v->time,
		.version = v->number,
		.newer_enums = form->newer,
		.kind = &i };
	size_t first = v->duplicate ? 3 : 0;

	sim_template_put_rotated(t, &fill, first, out);
	if (!form->expanded)
		return;
	buf_truncate(out, out->len - 1);
	buf_add_text(out, ",\"alerts\":[");
	for (uint32_t n = 0; n < alerts_of(&i); n++) {
		buf_add_text(out, n > 0 ? "," : "");
		put_alert(in, &i, v, n, form->newer, out);
	}
	buf_add_text(out, "]}");
}

/* --- requests -------------------------------------------------------------*/

enum property {
	P_UPDATED,
	P_CREATED,
	P_SEVERITY,
	P_STATUS
};

static const char *const statuses[] = { "active", "resolved", "inProgress",
	"redirected", "unknownFutureValue", "awaitingAction", NULL };

static const struct sim_property properties[] = {
	{ "lastUpdateDateTime", NULL },
	{ "createdDateTime", NULL },
	{ "severity", sim_alert_severities },
	{ "status", statuses },
	{ NULL, NULL },
};

static const char *
word_of(const char *const *words, const char *word)
{
	while (strcmp(*words, word) != 0)
		words++;
	return *words;
}

static void
get_values(const void *arg, const struct sim_version *v, union sim_value *value)
{
	const struct sim_incidents *in = arg;
	struct incident i = read_incident(in, v);

	value[P_UPDATED].time = v->time;
	value[P_CREATED].time = sim_store_record(in->store, v->record)->created;
	value[P_SEVERITY].word =
	    word_of(sim_alert_severities, severity_of(i.seed));
	value[P_STATUS].word = word_of(statuses, status_of(&i));
}

static bool
manages(const void *arg, const uint32_t *versions, uint64_t n,
    const struct sim_odata_form *form)
{
	const struct sim_incidents *in = arg;
	uint64_t sum = 0;

	for (uint64_t k = 0; k < n; k++) {
		struct incident i = read_incident(
		    in, sim_store_version(in->store, versions[k]));

		sum += alerts_of(&i);
	}
	return !form->expanded || in->knobs->expand_most == 0 ||
	    sum <= in->knobs->expand_most;
}

void
sim_incidents_list(struct sim *sim, struct sim_call *call)
{
	struct sim_incidents *in = sim->incidents;
	const struct sim_odata list = {
		.path = PATH,
		.context = "security/incidents",
		.store = in->store,
		.sorted_by = "lastUpdateDateTime",
		.properties = properties,
		.top_default = PAGE,
		.top_most = PAGE,
		.skip_most = SKIP_MOST,
		.expand = "alerts",
		.arg = in,
		.values = get_values,
		.put = put_incident,
		.manages = manages,
	};

	sim_store_advance(in->store, sim_now());
	sim_odata_serve(&list, call);
}

/* The version that shows now of the incident that the address names. */
static const struct sim_version *
find(struct sim_incidents *in, struct sim_call *call, uint32_t *number_r)
{
	int64_t now = sim_now();
	uint64_t id;

	sim_store_advance(in->store, now);
	if (str_to_u64(call->part[0], &id) && id >= FIRST_ID) {
		for (uint32_t i = 0; i < sim_store_versions(in->store); i++) {
			const struct sim_version *v =
			    sim_store_version(in->store, i);

			*number_r = i;
			if (v->record == id - FIRST_ID && !v->duplicate &&
			    sim_version_shows(v, now))
				return v;
		}
	}
	sim_odata_fail(call, 404, NULL);
	return NULL;
}

void
sim_incidents_one(struct sim *sim, struct sim_call *call)
{
	struct sim_incidents *in = sim->incidents;
	const char *expand = sim_call_param(call, "$expand");
	struct sim_odata_form form;
	uint32_t number;
	const struct sim_version *v = find(in, call, &number);

	if (v == NULL)
		return;
	sim_odata_begin(call, &form);
	form.expanded = expand != NULL && strcmp(expand, "alerts") == 0;
	if (!manages(in, &number, 1, &form)) {
		sim_odata_fail(call, 500, NULL);
		return;
	}
	put_incident(in, v, &form, &call->rest);
}

void
sim_incidents_alerts(struct sim *sim, struct sim_call *call)
{
	struct sim_incidents *in = sim->incidents;
	const char *skip = sim_call_param(call, "$skip");
	struct sim_odata_form form;
	uint64_t from = 0;
	uint32_t number;
	const struct sim_version *v = find(in, call, &number);
	struct incident i;

	if (v == NULL)
		return;
	if (skip != NULL && !str_to_u64(str_of(skip), &from)) {
		sim_odata_fail(call, 400, NULL);
		return;
	}
	sim_odata_begin(call, &form);
	i = read_incident(in, v);
	buf_add_char(&call->rest, '{');
	if (from + ALERTS_PAGE < alerts_of(&i)) {
		buf_add_text(&call->rest, "\"@odata.nextLink\":\"");
		sim_call_origin(call, &call->rest);
		buf_addf(&call->rest, PATH "/%u/alerts?$skip=%u\",",
		    (unsigned)(FIRST_ID + i.number),
		    (unsigned)from + ALERTS_PAGE);
	}
	buf_add_text(&call->rest, "\"value\":[");
	for (uint64_t n = from; n < from + ALERTS_PAGE && n < alerts_of(&i);
	     n++) {
		buf_add_text(&call->rest, n > from ? "," : "");
		put_alert(in, &i, v, (uint32_t)n, form.newer, &call->rest);
	}
	buf_add_text(&call->rest, "]}");
}
