/* tools/sim/sim_o365.h -- the Office 365 Management Activity API. */
/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_SIM_SIM_O365_H
#define TOOLS_SIM_SIM_O365_H

struct sim;
struct sim_call;
struct sim_o365;

struct sim_o365 *sim_o365_new(struct sim *sim);
void sim_o365_free(struct sim_o365 **op);

void sim_o365_subscriptions(struct sim *sim, struct sim_call *call);
void sim_o365_start(struct sim *sim, struct sim_call *call);
void sim_o365_contents(struct sim *sim, struct sim_call *call);
void sim_o365_content(struct sim *sim, struct sim_call *call);

/* The simulator's own: the subscription named in the path ends. */
void sim_o365_stop(struct sim *sim, struct sim_call *call);

/* An error in the API's words; reason NULL: what is usually said. */
void sim_o365_fail(struct sim_call *call, int status, const char *reason);

#endif
