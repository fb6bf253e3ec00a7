/* auth/entra.h -- logs in at Microsoft Entra ID, as an application. */
/* SPDX-License-Identifier: ISC */
#ifndef AUTH_ENTRA_H
#define AUTH_ENTRA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct auth;
struct auth_conf;
struct err;
struct httpreq;
struct secret;

/* The form field beside `client_assertion`. */
#define ENTRA_ASSERTION_TYPE \
	"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

/* What the proof is made for. */
struct entra_login {
	struct str endpoint; /* where the token is asked for */
	const char *client_id;
	uint64_t wall_ms;
};

struct entra_proof;

/* One way to prove that we are the application. */
struct entra_proof_ops {
	const char *name; /* of the way to log in */
	/*
	 * Add the proof to the form of *req, reading its files afresh, and
	 * give what must never be shown to *sent_r.  req->tag comes back.
	 */
	int (*add)(struct entra_proof *p, const struct entra_login *login,
	    struct httpreq *req, struct secret **sent_r, struct err *err);
	/*
	 * Entra refused what was sent with that tag, by that number; true if
	 * there is another to try at once.  NULL: there never is.
	 */
	bool (*refused)(struct entra_proof *p, unsigned tag, uint32_t code);
	/* When it ends, by the wall's clock; 0, or NULL: not known. */
	uint64_t (*ends_ms)(const struct entra_proof *p);
	void (*close)(struct entra_proof **pp);
};

struct entra_proof {
	const struct entra_proof_ops *ops;
};

/* Log in with that proof, which is taken, even if conf is refused. */
struct auth *entra_new(
    const struct auth_conf *conf, struct entra_proof *proof, struct err *err);

/* With a client secret that stands in a file. */
struct auth *entra_secret_new(const struct auth_conf *conf, struct err *err);

#endif
