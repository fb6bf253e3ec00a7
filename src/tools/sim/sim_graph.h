/* tools/sim/sim_graph.h -- Microsoft Graph: security alerts. */
/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_SIM_SIM_GRAPH_H
#define TOOLS_SIM_SIM_GRAPH_H

struct buf;
struct sim;
struct sim_call;
struct sim_conf;
struct sim_graph;

struct sim_graph *sim_graph_new(const struct sim_conf *conf, double rate);
void sim_graph_free(struct sim_graph **gp);

void sim_graph_alerts(struct sim *sim, struct sim_call *call);
void sim_graph_alert(struct sim *sim, struct sim_call *call);

/* The simulator's own: what was offered; more alerts, newer versions. */
void sim_graph_offered(struct sim *sim, struct sim_call *call);
void sim_graph_add(struct sim *sim, struct sim_call *call);
void sim_graph_update(struct sim *sim, struct sim_call *call);

#endif
