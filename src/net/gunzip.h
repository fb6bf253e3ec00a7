/* net/gunzip.h -- compressed bytes in, plain bytes out, a piece at a time. */
/* SPDX-License-Identifier: ISC */
#ifndef NET_GUNZIP_H
#define NET_GUNZIP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct err;
struct gunzip;

struct gunzip *gunzip_new(void);
void gunzip_free(struct gunzip **gp);

/*
 * Unpack from *in, which is moved on by what was taken, into p[size], and
 * fill *n_r.  When the output came out full there may be more inside: call
 * again, with the rest of the input or with none.  Return 0, or -1 and err
 * (ERR_RETRY) if these are no gzip data.
 */
int gunzip_step(struct gunzip *g, struct str *in, char *p, size_t size,
    size_t *n_r, struct err *err);

/* Whether the input so far is complete; nothing at all is, too. */
bool gunzip_is_complete(const struct gunzip *g);

#endif
