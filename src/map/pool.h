/* map/pool.h -- many small things that live and die together. */
/* SPDX-License-Identifier: ISC */
#ifndef MAP_POOL_H
#define MAP_POOL_H

#include <stddef.h>

#include "base/str.h"

struct pool;

struct pool *pool_new(void);

/* Free all that was allocated or given, the last one first. */
void pool_free(struct pool **pp);

/* Zeroed memory; n may be 0.  For sizes of our own, not of a stranger's. */
void *pool_alloc(struct pool *p, size_t n, size_t size);
/* A copy, with a NUL behind it. */
struct str pool_str(struct pool *p, struct str s);
void *pool_copy(struct pool *p, const void *from, size_t n, size_t size);

typedef void pool_free_fn(void *thing);
void pool_own(struct pool *p, void *thing, pool_free_fn *fn);

#endif
