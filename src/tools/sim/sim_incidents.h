/* tools/sim/sim_incidents.h -- Microsoft Graph: incidents. */
/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_SIM_SIM_INCIDENTS_H
#define TOOLS_SIM_SIM_INCIDENTS_H

struct sim;
struct sim_call;
struct sim_incidents;

struct sim_incidents *sim_incidents_new(struct sim *sim);
void sim_incidents_free(struct sim_incidents **ip);

void sim_incidents_list(struct sim *sim, struct sim_call *call);
void sim_incidents_one(struct sim *sim, struct sim_call *call);
void sim_incidents_alerts(struct sim *sim, struct sim_call *call);

#endif
