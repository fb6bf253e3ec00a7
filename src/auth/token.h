/* auth/token.h -- one credential's tokens: asked for once, renewed in time. */
/* SPDX-License-Identifier: ISC */
#ifndef AUTH_TOKEN_H
#define AUTH_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

struct auth;
struct buf;
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

/*
 * Say in the log, at login, what of these permissions ("A.Read.All, B.Read")
 * the token does not carry, naming the source that needs them; and when they
 * are there later.
 */
void token_need(struct token *t, const char *source, const char *permissions);

/*
 * Append those that the last token did not carry.  False if nothing is known:
 * there was no token yet, or it cannot be read.
 */
bool
token_missing(const struct token *t, const char *permissions, struct buf *out);

/* When the credential ends, by the wall's clock; 0: not known. */
uint64_t token_login_ends_ms(const struct token *t);

#endif
