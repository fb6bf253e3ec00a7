/* tools/sim/sim_lists.h -- Microsoft Graph: plain lists of several things. */
/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_SIM_SIM_LISTS_H
#define TOOLS_SIM_SIM_LISTS_H

struct sim;
struct sim_call;
struct sim_lists;

struct sim_lists *sim_lists_new(struct sim *sim);
void sim_lists_free(struct sim_lists **lp);

/* The list is told by the address. */
void sim_lists_serve(struct sim *sim, struct sim_call *call);

/* DLP events; the client must say that they may be a little old. */
void sim_lists_dlp(struct sim *sim, struct sim_call *call);

#endif
