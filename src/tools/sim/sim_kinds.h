/* tools/sim/sim_kinds.h -- the kinds of records beside the alerts. */
/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_SIM_SIM_KINDS_H
#define TOOLS_SIM_SIM_KINDS_H

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct sim;
struct sim_call;
struct sim_conf;
struct sim_kind;
struct sim_kinds;
struct sim_store;

struct sim_kind_conf {
	const char *name;  /* in the simulator's own addresses */
	uint64_t count;    /* that are there at the start */
	bool never_change; /* a record has one version only */
	const void *arg;
	void (*put_id)(const void *arg, uint32_t record, struct buf *out);
};

struct sim_kinds *sim_kinds_new(const struct sim_conf *conf);
void sim_kinds_free(struct sim_kinds **kp);

/* Make records of one more kind.  The store is borrowed from kinds. */
struct sim_store *
sim_kinds_add(struct sim_kinds *k, const struct sim_kind_conf *conf);

/* /sim/kinds/NAME/offered, /sim/kinds/NAME/add?n=N, .../update?n=N */
void sim_kinds_offered(struct sim *sim, struct sim_call *call);
void sim_kinds_change(struct sim *sim, struct sim_call *call);

#endif
