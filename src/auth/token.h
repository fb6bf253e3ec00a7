/* auth/token.h -- one credential's tokens: asked for once, renewed in time. */
/* SPDX-License-Identifier: ISC */
#ifndef AUTH_TOKEN_H
#define AUTH_TOKEN_H

#include <stdint.h>

struct auth;
struct err;
struct http;
struct loop;
struct secret;
struct token;
struct token_wait;

/*
 * Keep the token of one credential and scope.  Borrow auth, http, loop.
 * `who` names the tenant in log lines.
 */
struct token *token_new(struct loop *l, struct http *h, struct auth *a,
    const char *scope, const char *who, uint64_t seed);
void token_free(struct token **tp);

/* bearer is borrowed until the next turn of the loop; or err says why not. */
typedef void
token_fn(void *arg, const struct secret *bearer, const struct err *err);

/*
 * Call fn with a token that lives for some minutes yet; never from inside
 * this call.  All who wait share one request.  The returned handle can be
 * cancelled; it is gone once fn was called.
 */
struct token_wait *token_get(struct token *t, token_fn *fn, void *arg);
void token_cancel(struct token_wait **wp);

/*
 * The API refused this bearer: forget it, unless a newer one is here already.
 */
void token_refused(struct token *t, const struct secret *bearer);

#endif
