/* tools/sim/sim_token.h -- the token endpoint, and who holds its tokens. */
/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_SIM_SIM_TOKEN_H
#define TOOLS_SIM_SIM_TOKEN_H

#include <stdint.h>

struct sim;
struct sim_call;
struct sim_tokens;

struct sim_tokens *sim_tokens_new(uint64_t seed);
void sim_tokens_free(struct sim_tokens **tp);

/* NULL if the call carries a token that is good, else what is wrong. */
const char *sim_tokens_check(struct sim_tokens *t, const struct sim_call *call);

/* End all tokens now. */
void sim_tokens_revoke(struct sim_tokens *t);

/*
 * A new token for a resource: opaque, or a JWT with roles if there are any
 * to be told.  Borrowed until 256 more were given.
 */
const char *sim_tokens_give(struct sim *sim, const char *resource);

void sim_token_serve(struct sim *sim, struct sim_call *call);
void sim_token_fail(struct sim_call *call, int status, const char *reason);

#endif
