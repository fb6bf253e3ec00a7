/* base/xalloc.h -- small allocations that cannot fail. */
/* SPDX-License-Identifier: ISC */
#ifndef BASE_XALLOC_H
#define BASE_XALLOC_H

#include <stddef.h>

/*
 * For things whose size we choose ourselves.  When there is no memory, say
 * so in one line on standard error and abort.  What a stranger sizes goes
 * into a buf with a cap, which fails with an error instead.
 */
void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);
void *xreallocarray(void *p, size_t n, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t len);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Free p; NULL is welcome. */
void xfree(void *p);

#endif
