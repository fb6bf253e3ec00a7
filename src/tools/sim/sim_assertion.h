/* tools/sim/sim_assertion.h -- are signed assertions as they have to be? */
/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_SIM_SIM_ASSERTION_H
#define TOOLS_SIM_SIM_ASSERTION_H

#include "base/str.h"

struct err;
struct sim_assertions;

/* Know the certificates in a PEM file: those that are registered. */
struct sim_assertions *sim_assertions_new(const char *path, struct err *err);
void sim_assertions_free(struct sim_assertions **ap);

/*
 * The AADSTS number of what is wrong with an assertion that this client sent
 * to that endpoint, with words for it; or 0.  One that was taken is not taken
 * again.
 */
unsigned sim_assertions_judge(struct sim_assertions *a, struct str jwt,
    const char *client_id, const char *endpoint, const char **word_r);

#endif
