/* base/buf.c -- a growing piece of memory with a cap given at birth. */
/* SPDX-License-Identifier: ISC */
#include "base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/xalloc.h"

void
buf_init(struct buf *b, size_t cap)
{
	*b = (struct buf){ .cap = cap };
}

void
buf_clear(struct buf *b)
{
	size_t cap = b->cap;

	free(b->p);
	buf_init(b, cap);
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

bool
buf_reserve_slow(struct buf *b, size_t more)
{
	size_t size;
	char *p;

	if (b->failed)
		return false;
	if (more > b->cap || b->len > b->cap - more) {
		b->failed = true;
		return false;
	}
	size = b->size < 128 ? 128 : b->size + b->size / 2;
	if (size < b->len + more)
		size = b->len + more;
	if (size > b->cap)
		size = b->cap;
	p = realloc(b->p, size);
	if (p == NULL) {
		b->failed = true;
		return false;
	}
	b->p = p;
	b->size = size;
	return true;
}

void
buf_add_text(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_add_u64(struct buf *b, unsigned long long v)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	buf_add(b, digits + at, sizeof(digits) - at);
}

void
buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	/* vsnprintf wants a place for the NUL, which is not counted. */
	if (n > 0 && buf_reserve(b, (size_t)n + 1)) {
		vsnprintf(b->p + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
}

void
buf_truncate(struct buf *b, size_t len)
{
	assert(len <= b->len);
	b->len = len;
}

void
buf_consume(struct buf *b, size_t n)
{
	assert(n <= b->len);
	if (n > 0 && n < b->len)
		memmove(b->p, b->p + n, b->len - n);
	b->len -= n;
}

const char *
buf_cstr(struct buf *b)
{
	if (!buf_reserve(b, 1))
		return "";
	b->p[b->len] = '\0';
	return b->p;
}

char *
buf_steal(struct buf *b)
{
	char *text = xstrdup(buf_cstr(b));

	buf_clear(b);
	return text;
}
