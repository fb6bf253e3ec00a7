/* base/buf.h -- a growing piece of memory with a cap given at birth. */
/* SPDX-License-Identifier: ISC */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/str.h"

/*
 * A writer remembers that it failed (cap reached, or no memory), so that ten
 * appends need one check: after a failure appends do nothing and what was
 * there stays.  Fields are for reading; use the verbs to write.
 */
struct buf {
	char *p; /* owned; NULL while nothing was appended */
	size_t len;
	size_t size; /* allocated */
	size_t cap;  /* never more than this */
	bool failed;
};

void buf_init(struct buf *b, size_t cap);
void buf_clear(struct buf *b); /* release the memory; b can be used again */
void buf_reset(struct buf *b); /* forget the content, keep the memory */

/* Make room for more bytes without changing len; false and failed if not. */
bool buf_reserve_slow(struct buf *b, size_t more);

static inline bool
buf_reserve(struct buf *b, size_t more)
{
	if (!b->failed && b->size - b->len >= more)
		return true;
	return buf_reserve_slow(b, more);
}

static inline void
buf_add(struct buf *b, const void *p, size_t len)
{
	if (len > 0 && buf_reserve(b, len)) {
		memcpy(b->p + b->len, p, len);
		b->len += len;
	}
}

static inline void
buf_add_str(struct buf *b, struct str s)
{
	buf_add(b, s.p, s.len);
}

static inline void
buf_add_char(struct buf *b, char c)
{
	if (buf_reserve(b, 1))
		b->p[b->len++] = c;
}

void buf_add_text(struct buf *b, const char *s);
void buf_add_u64(struct buf *b, unsigned long long v);
void buf_addf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Cut the content back to len, which is at most the length now. */
void buf_truncate(struct buf *b, size_t len);

/* Take the first n bytes away; what follows moves to the front. */
void buf_consume(struct buf *b, size_t n);

static inline struct str
buf_str(const struct buf *b)
{
	return str_make(b->p, b->len);
}

/* The content with a NUL behind it (not counted), or "" after a failure. */
const char *buf_cstr(struct buf *b);

/* Give the content away as a terminated string; b is empty afterwards. */
char *buf_steal(struct buf *b);

#endif
