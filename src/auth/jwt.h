/* auth/jwt.h -- assertions signed with the key of a certificate. */
/* SPDX-License-Identifier: ISC */
#ifndef AUTH_JWT_H
#define AUTH_JWT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/auth.h"
#include "base/str.h"

struct buf;
struct err;
struct jwt_keys;

#define JWT_KEYS_MAX 8

/*
 * Read certificates, and the RSA keys of at least 2048 bits that belong to
 * them, from PEM files.  Without a key file the keys stand beside the
 * certificates.  Certificates without a key here are left out.  A file with
 * keys that others can read is refused, all with ERR_CONF, whose text begins
 * with the option's name.
 */
struct jwt_keys *jwt_keys_read(const char *cert_file, const char *key_file,
    const char *pass_file, struct err *err);
void jwt_keys_free(struct jwt_keys **kp);

/* How many there are, at least one, in the file's order. */
size_t jwt_keys_count(const struct jwt_keys *k);

/* When the certificate begins and ends to be valid, by the wall's clock. */
uint64_t jwt_begins_ms(const struct jwt_keys *k, size_t i);
uint64_t jwt_ends_ms(const struct jwt_keys *k, size_t i);

struct jwt_claims {
	struct str aud, client_id;
	const char *jti;  /* NULL: a fresh one */
	uint64_t wall_ms; /* when it is made; good for 10 minutes */
};

/* Append the signed assertion. */
int jwt_sign(const struct jwt_keys *k, size_t i, enum auth_alg alg,
    const struct jwt_claims *claims, struct buf *out, struct err *err);

#endif
