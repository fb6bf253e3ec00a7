/* tools/sim/sim_graph.c -- Microsoft Graph: security alerts. */
/* SPDX-License-Identifier: ISC */
#include "tools/sim/sim_graph.h"

#include "base/buf.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "tools/sim/sim.h"
#include "tools/sim/sim_alerts.h"
#include "tools/sim/sim_call.h"
#include "tools/sim/sim_odata.h"
#include "tools/sim/sim_store.h"

#define TOP_DEFAULT 100
#define SKIP_MOST 500
#define ALERT_PATH "/v1.0/security/alerts_v2"

struct sim_graph {
	struct sim_store *store;
	struct sim_alerts *alerts;
};

static int64_t
ticks_of_ms(uint64_t ms)
{
	return (int64_t)ms * (SIM_TICKS_PER_S / 1000);
}

struct sim_graph *
sim_graph_new(const struct sim_conf *conf, double rate)
{
	struct sim_graph *g = xcalloc(1, sizeof(*g));
	int64_t now = sim_now();
	struct sim_store_conf sc = {
		.seed = conf->seed,
		.count = conf->alerts,
		.start = now - ticks_of_ms(conf->span_ms),
		.end = now,
		.rate = rate,
		.updates = conf->updates,
		.update_after = ticks_of_ms(conf->update_after_ms),
		.late = conf->late,
		.late_max = ticks_of_ms(conf->late_max_ms),
		.duplicates = conf->duplicates,
		.ties = conf->ties,
	};

	g->store = sim_store_new(&sc);
	g->alerts = sim_alerts_new(conf->small ? 1024 : conf->alert_size);
	sim_store_advance(g->store, now);
	return g;
}

void
sim_graph_free(struct sim_graph **gp)
{
	struct sim_graph *g = *gp;

	*gp = NULL;
	if (g == NULL)
		return;
	sim_store_free(&g->store);
	sim_alerts_free(&g->alerts);
	xfree(g);
}

/* --- the list -------------------------------------------------------------*/

enum property {
	P_UPDATED,
	P_CREATED,
	P_SERVICE,
	P_SEVERITY,
	P_STATUS
};

static const struct sim_property properties[] = {
	{ "lastUpdateDateTime", NULL },
	{ "createdDateTime", NULL },
	{ "serviceSource", sim_alert_services },
	{ "severity", sim_alert_severities },
	{ "status", sim_alert_statuses },
	{ NULL, NULL },
};

static void
get_values(const void *arg, const struct sim_version *v, union sim_value *value)
{
	const struct sim_graph *g = arg;
	const struct sim_record *rec = sim_store_record(g->store, v->record);

	value[P_UPDATED].time = v->time;
	value[P_CREATED].time = rec->created;
	value[P_SERVICE].word = sim_alerts_service(g->alerts, rec);
	value[P_SEVERITY].word = sim_alerts_severity(g->alerts, rec);
	value[P_STATUS].word = sim_alerts_status(v);
}

static void
put_alert(const void *arg, const struct sim_version *v,
    const struct sim_odata_form *form, struct buf *out)
{
	const struct sim_graph *g = arg;

	sim_alerts_put(g->alerts, sim_store_record(g->store, v->record), v,
	    form->newer, out);
}

void
sim_graph_alerts(struct sim *sim, struct sim_call *call)
{
	const struct sim_graph *g = sim->graph;
	const struct sim_odata list = {
		.path = ALERT_PATH,
		.context = "security/alerts_v2",
		.store = g->store,
		.sorted_by = "lastUpdateDateTime",
		.properties = properties,
		.top_default = TOP_DEFAULT,
		.top_most = SIM_ODATA_TOP_MOST,
		.skip_most = SKIP_MOST,
		.arg = g,
		.values = get_values,
		.put = put_alert,
	};

	sim_store_advance(sim->graph->store, sim_now());
	sim_odata_serve(&list, call);
}

/* --- one alert ------------------------------------------------------------*/

static const struct sim_version *
find_alert(const struct sim_graph *g, struct str id, int64_t now)
{
	const struct sim_version *found = NULL;
	struct buf text;

	buf_init(&text, 512);
	for (uint32_t i = 0; i < sim_store_versions(g->store); i++) {
		const struct sim_version *v = sim_store_version(g->store, i);

		if (v->duplicate || !sim_version_shows(v, now))
			continue;
		buf_reset(&text);
		sim_alerts_put_id(
		    g->alerts, sim_store_record(g->store, v->record), &text);
		if (str_eq(buf_str(&text), id)) {
			found = v;
			break;
		}
	}
	buf_clear(&text);
	return found;
}

void
sim_graph_alert(struct sim *sim, struct sim_call *call)
{
	struct sim_graph *g = sim->graph;
	struct sim_odata_form form;
	const struct sim_version *v;

	sim_odata_begin(call, &form);
	sim_store_advance(g->store, sim_now());
	v = find_alert(g, call->part[0], sim_now());
	if (v == NULL)
		sim_odata_fail(call, 404, NULL);
	else
		put_alert(g, v, &form, &call->rest);
}

/* --- the simulator's own --------------------------------------------------*/

static void
put_offer(const struct sim_graph *g, const struct sim_version *v, int64_t now,
    struct buf *out)
{
	const struct sim_record *rec = sim_store_record(g->store, v->record);

	buf_add_text(out, "{\"id\":\"");
	sim_alerts_put_id(g->alerts, rec, out);
	buf_add_text(out, "\",\"version\":\"");
	sim_alerts_put_time(v, out);
	buf_addf(out, "\",\"number\":%u,\"current\":%s}\n", (unsigned)v->number,
	    now < v->gone ? "true" : "false");
}

void
sim_graph_offered(struct sim *sim, struct sim_call *call)
{
	struct sim_graph *g = sim->graph;
	int64_t now = sim_now();

	sim_store_advance(g->store, now);
	call->type = "application/x-ndjson";
	for (uint32_t i = 0; i < sim_store_versions(g->store); i++) {
		const struct sim_version *v = sim_store_version(g->store, i);

		if (sim_version_was_shown(v, now))
			put_offer(g, v, now, &call->rest);
	}
}

/* ?alerts=N */
static uint64_t
number_asked(const struct sim_call *call)
{
	const char *text = sim_call_param(call, "alerts");
	uint64_t n = 1;

	if (text != NULL && !str_to_u64(str_of(text), &n))
		n = 0;
	return n < 1000000 ? n : 1000000;
}

static void
put_done(struct sim_call *call, uint64_t n)
{
	buf_addf(&call->rest, "{\"alerts\":%llu}\n", (unsigned long long)n);
}

void
sim_graph_add(struct sim *sim, struct sim_call *call)
{
	uint64_t n = number_asked(call);

	sim_store_advance(sim->graph->store, sim_now());
	sim_store_add(sim->graph->store, n, sim_now());
	put_done(call, n);
}

void
sim_graph_update(struct sim *sim, struct sim_call *call)
{
	uint64_t n = number_asked(call);

	sim_store_advance(sim->graph->store, sim_now());
	sim_store_update(sim->graph->store, n, sim_now());
	put_done(call, n);
}
