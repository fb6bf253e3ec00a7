/* state/le.h -- numbers as bytes, least significant first, on any machine. */
/* SPDX-License-Identifier: ISC */
#ifndef STATE_LE_H
#define STATE_LE_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"

static inline void
le_put32(char *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
}

static inline void
le_put64(char *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
}

static inline uint32_t
le_get32(const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static inline uint64_t
le_get64(const char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static inline void
le_add32(struct buf *b, uint32_t v)
{
	char p[4];

	le_put32(p, v);
	buf_add(b, p, sizeof(p));
}

static inline void
le_add64(struct buf *b, uint64_t v)
{
	char p[8];

	le_put64(p, v);
	buf_add(b, p, sizeof(p));
}

/* A text with its length before it. */
static inline void
le_add_str(struct buf *b, struct str s)
{
	le_add32(b, (uint32_t)s.len);
	buf_add_str(b, s);
}

/* Take a number or a text off *s; false, and *s stays, if it is too short. */
static inline bool
le_take32(struct str *s, uint32_t *v_r)
{
	if (s->len < 4)
		return false;
	*v_r = le_get32(s->p);
	*s = str_make(s->p + 4, s->len - 4);
	return true;
}

static inline bool
le_take64(struct str *s, uint64_t *v_r)
{
	if (s->len < 8)
		return false;
	*v_r = le_get64(s->p);
	*s = str_make(s->p + 8, s->len - 8);
	return true;
}

static inline bool
le_take_str(struct str *s, struct str *text_r)
{
	struct str rest = *s;
	uint32_t len;

	if (!le_take32(&rest, &len) || rest.len < len)
		return false;
	*text_r = str_make(rest.p, len);
	*s = str_make(rest.p + len, rest.len - len);
	return true;
}

#endif
