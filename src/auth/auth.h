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

enum auth_alg { /* of the signature under an assertion */
	AUTH_PS256,
	AUTH_RS256
};

enum auth_identity { /* whose service gives a managed identity's tokens */
	AUTH_IDENTITY_NONE,
	AUTH_IDENTITY_ANY, /* Azure Arc's if its agent is here, else IMDS */
	AUTH_IDENTITY_IMDS,
	AUTH_IDENTITY_ARC
};

/* What a tenant's section says about logging in. */
struct auth_conf {
	const char *login_url; /* "https://login.microsoftonline.com" */
	const char *tenant_id;
	const char *client_id;
	const char *secret_file;
	const char *token_file; /* of an API that has tokens of its own */
	const char *cert_file;
	const char *key_file;      /* NULL: the key stands in cert_file */
	const char *key_pass_file; /* NULL: the key has no pass phrase */
	enum auth_alg alg;
	const char *federated_file;
	enum auth_identity identity;
	const char *identity_client_id; /* NULL: the machine's own */
	const char *identity_url;       /* NULL: the usual place */
	const char *identity_key_dir;   /* of Azure Arc's challenges */
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
 * text keeps what differs from time to time in parentheses at its end.  One
 * way serves several tokens; their requests may be under way together, and
 * resp->tag is what the request had.
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
	/* See auth_ends_ms; NULL: never known. */
	uint64_t (*ends_ms)(const struct auth *a);
	void (*close)(struct auth **ap);
};

/* What all ways begin with; the rest is theirs. */
struct auth {
	const struct auth_ops *ops;
};

/*
 * The way that conf describes; ERR_CONF if it describes none or two.  The
 * error's text begins with the name of the option concerned, if one is set.
 */
struct auth *auth_new(const struct auth_conf *conf, struct err *err);
void auth_free(struct auth **ap);
const struct auth_ops *auth_ops(const struct auth *a);

/* Try whether the files that it needs are there and good, asking nobody. */
int auth_check(struct auth *a, uint64_t wall_ms, struct err *err);

/*
 * When the credential last used ends, by the wall's clock; 0 if it does not
 * say, or was not used yet.
 */
uint64_t auth_ends_ms(const struct auth *a);

#endif
