/* tools/sim/sim_mdca.h -- Defender for Cloud Apps: alerts and activities. */
/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_SIM_SIM_MDCA_H
#define TOOLS_SIM_SIM_MDCA_H

struct sim;
struct sim_call;
struct sim_mdca;

struct sim_mdca *sim_mdca_new(struct sim *sim);
void sim_mdca_free(struct sim_mdca **mp);

void sim_mdca_alerts(struct sim *sim, struct sim_call *call);
void sim_mdca_activities(struct sim *sim, struct sim_call *call);
void sim_mdca_fail(struct sim_call *call, int status, const char *reason);

#endif
