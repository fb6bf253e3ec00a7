/* tools/sim/sim_kinds.c -- the kinds of records beside the alerts. */
/* SPDX-License-Identifier: ISC */
#include "tools/sim/sim_kinds.h"

#include <assert.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "tools/sim/sim.h"
#include "tools/sim/sim_call.h"
#include "tools/sim/sim_fill.h"
#include "tools/sim/sim_odata.h"
#include "tools/sim/sim_rng.h"
#include "tools/sim/sim_store.h"

#define KINDS_MOST 64

struct sim_kind {
	struct sim_kind_conf conf;
	struct sim_store *store; /* owned */
};

struct sim_kinds {
	const struct sim_conf *conf;
	struct sim_kind kind[KINDS_MOST];
	size_t n;
};

struct sim_kinds *
sim_kinds_new(const struct sim_conf *conf)
{
	struct sim_kinds *k = xcalloc(1, sizeof(*k));

	k->conf = conf;
	return k;
}

void
sim_kinds_free(struct sim_kinds **kp)
{
	struct sim_kinds *k = *kp;

	*kp = NULL;
	if (k == NULL)
		return;
	for (size_t i = 0; i < k->n; i++)
		sim_store_free(&k->kind[i].store);
	xfree(k);
}

static int64_t
ticks_of_ms(uint64_t ms)
{
	return (int64_t)ms * (SIM_TICKS_PER_S / 1000);
}

struct sim_store *
sim_kinds_add(struct sim_kinds *k, const struct sim_kind_conf *conf)
{
	struct sim_kind *kind = &k->kind[k->n];
	int64_t now = sim_now();
	struct sim_store_conf sc = {
		.seed = sim_hash(k->conf->seed, k->n + 1),
		.count = conf->count,
		.start = now - ticks_of_ms(k->conf->span_ms),
		.end = now,
		.updates = conf->never_change ? 0 : k->conf->updates,
		.update_after = ticks_of_ms(k->conf->update_after_ms),
		.late = k->conf->late,
		.late_max = ticks_of_ms(k->conf->late_max_ms),
		.duplicates = k->conf->duplicates,
		.ties = k->conf->ties,
	};

	assert(k->n < KINDS_MOST);
	k->n++;
	kind->conf = *conf;
	kind->store = sim_store_new(&sc);
	sim_store_advance(kind->store, now);
	return kind->store;
}

static struct sim_kind *
find(struct sim *sim, struct sim_call *call)
{
	struct sim_kinds *k = sim->kinds;

	for (size_t i = 0; i < k->n; i++) {
		if (!str_is(call->part[0], k->kind[i].conf.name))
			continue;
		sim_store_advance(k->kind[i].store, sim_now());
		return &k->kind[i];
	}
	sim_odata_fail(call, 404, NULL);
	return NULL;
}

void
sim_kinds_offered(struct sim *sim, struct sim_call *call)
{
	struct sim_kind *k = find(sim, call);
	struct buf *out = &call->rest;
	int64_t now = sim_now();

	if (k == NULL)
		return;
	call->type = "application/x-ndjson";
	for (uint32_t i = 0; i < sim_store_versions(k->store); i++) {
		const struct sim_version *v = sim_store_version(k->store, i);

		if (!sim_version_was_shown(v, now))
			continue;
		buf_add_text(out, "{\"id\":\"");
		k->conf.put_id(k->conf.arg, v->record, out);
		buf_add_text(out, "\",\"version\":\"");
		sim_put_time(out, v->time);
		buf_addf(out, "\",\"number\":%u,\"current\":%s}\n",
		    (unsigned)v->number, now < v->gone ? "true" : "false");
	}
}

void
sim_kinds_change(struct sim *sim, struct sim_call *call)
{
	struct sim_kind *k = find(sim, call);
	const char *text = sim_call_param(call, "n");
	uint64_t n = 1;

	if (k == NULL)
		return;
	if (text != NULL && !str_to_u64(str_of(text), &n))
		n = 0;
	if (n > 1000000)
		n = 1000000;
	if (str_is(call->part[1], "add"))
		sim_store_add(k->store, n, sim_now());
	else if (str_is(call->part[1], "update") && !k->conf.never_change)
		sim_store_update(k->store, n, sim_now());
	else
		n = 0;
	buf_addf(&call->rest, "{\"n\":%llu}\n", (unsigned long long)n);
}
