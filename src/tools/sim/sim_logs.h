/* tools/sim/sim_logs.h -- the query API of Log Analytics. */
/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_SIM_SIM_LOGS_H
#define TOOLS_SIM_SIM_LOGS_H

struct sim;
struct sim_call;
struct sim_logs;

struct sim_logs *sim_logs_new(struct sim *sim);
void sim_logs_free(struct sim_logs **lp);

void sim_logs_query(struct sim *sim, struct sim_call *call);
void sim_logs_fail(struct sim_call *call, int status, const char *reason);

#endif
