/* base/secret.h -- a password, key or token: wiped, and never printed. */
/* SPDX-License-Identifier: ISC */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/str.h"

struct err;
struct secret;

/*
 * Copy s into pages of its own that stay out of core files.  Being opaque,
 * a secret cannot be handed to printf by mistake.
 */
struct secret *secret_new(struct str s);

/* Wipe and release; *sp may be NULL. */
void secret_free(struct secret **sp);

/*
 * Read the first line of a file (at most 64 KiB).  A file that others can
 * read, that is empty, or that is not there is refused with ERR_CONF.
 */
struct secret *secret_read(const char *path, struct err *err);

enum secret_how {
	SECRET_LINE = 0,
	SECRET_WHOLE = 1, /* not the first line, but all of the file */
	SECRET_SHARED = 2 /* others may read it */
};

/* The same, in another way: `how` is a sum of the above. */
struct secret *secret_load(const char *path, int how, struct err *err);

/* Borrow the bytes, for the one who sends them. */
struct str secret_reveal(const struct secret *s);

bool secret_eq(const struct secret *a, const struct secret *b);

#endif
