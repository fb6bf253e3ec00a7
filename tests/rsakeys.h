/* tests/rsakeys.h -- certificates with RSA keys, made for one test. */
/* SPDX-License-Identifier: ISC */
#ifndef TESTS_RSAKEYS_H
#define TESTS_RSAKEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct rsakeys;

struct rsakeys *rsakeys_new(void);
void rsakeys_free(struct rsakeys **kp); /* removes the directory */

/* The path of a file there; lives with the keys. */
const char *rsakeys_path(struct rsakeys *k, const char *file);

struct rsakeys_pair {
	int bits;         /* 0: 2048 */
	bool ec;          /* another kind of key */
	const char *pass; /* under which the key is stored; NULL: none */
	int64_t begins_s, ends_s; /* since 1970; 0: 2020 and 2040 */
};

/* Make NAME.pem and NAME.key (mode 0600). */
void rsakeys_make(
    struct rsakeys *k, const char *name, const struct rsakeys_pair *pair);

/* Write `to` with the content of these files, NULL for none. */
void rsakeys_join(struct rsakeys *k, const char *to, const char *const *files);

/* Is this the signature of NAME's key under the text? */
bool rsakeys_verify(struct rsakeys *k, const char *name, bool pss,
    struct str text, struct str signature);

/* The thumbprint of NAME.pem in base64url; lives with the keys. */
const char *rsakeys_thumbprint(struct rsakeys *k, const char *name, bool sha1);

#endif
