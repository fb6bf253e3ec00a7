/* auth/auth.h -- ways to log in: values in, values out. */
/* SPDX-License-Identifier: ISC */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct err;
struct httpreq;
struct httpresp;
struct secret;

/* What a tenant's section says about logging in. */
struct auth_conf {
	const char *login_url; /* "https://login.microsoftonline.com" */
	const char *tenant_id;
	const char *client_id;
	const char *secret_file;
	const char *token_file; /* of an API that has tokens of its own */
};

/* A token as it came: its times count from its arrival. */
struct auth_token {
	struct secret *bearer; /* given to the caller */
	uint64_t life_ms;
	uint64_t renew_ms; /* better get a new one then; 0: not said */
};

struct auth;

/*
 * One way to log in.  A new one is a file and a line in auth_new.  An error's
 * text keeps what differs from time to time in parentheses at its end.
 */
struct auth_ops {
	const char *name;   /* "client-secret" */
	const char *scheme; /* how an API is shown the token, as httpreq has
			       it; NULL: Bearer */
	/*
	 * Return 1: send *req_r (initialised by the caller) for a token for
	 * `scope`; 0: nobody needs to be asked, *token_r is filled.  Key
	 * files are read afresh each time.
	 */
	int (*ask)(struct auth *a, const char *scope, uint64_t wall_ms,
	    struct httpreq *req_r, struct auth_token *token_r, struct err *err);
	/*
	 * Read the answer; else an err that tells what to do, by code.
	 * ERR_LOGIN: the answer was a challenge, or refused the first of two
	 * keys; ask again at once, once.
	 */
	int (*read)(struct auth *a, const struct httpresp *resp,
	    struct str body, uint64_t wall_ms, struct auth_token *token_r,
	    struct err *err);
	void (*close)(struct auth **ap);
};

/* What all ways begin with; the rest is theirs. */
struct auth {
	const struct auth_ops *ops;
};

/* The way that conf describes; ERR_CONF if it describes none or two. */
struct auth *auth_new(const struct auth_conf *conf, struct err *err);
void auth_free(struct auth **ap);
const struct auth_ops *auth_ops(const struct auth *a);

#endif
