/* tools/sim/sim_identity.h -- tokens for machines: IMDS and Azure Arc. */
/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_SIM_SIM_IDENTITY_H
#define TOOLS_SIM_SIM_IDENTITY_H

struct sim;
struct sim_call;
struct sim_identity;

/* key_dir is where challenges are written; NULL: there is no Azure Arc. */
struct sim_identity *sim_identity_new(const char *key_dir);

/* Removes the keys that nobody has come back with. */
void sim_identity_free(struct sim_identity **ip);

void sim_identity_serve(struct sim *sim, struct sim_call *call);
void sim_identity_fail(struct sim_call *call, int status, const char *reason);

#endif
