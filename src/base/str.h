/* base/str.h -- bytes that somebody else owns. */
/* SPDX-License-Identifier: ISC */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A borrowed piece of text or bytes; not terminated, may hold NULs. */
struct str {
	const char *p;
	size_t len;
};

/* For printf's "%.*s". */
#define STR_ARG(s) (int)(s).len, (s).p

#define STR_LIT(lit) ((struct str){ (lit), sizeof(lit) - 1 })

static inline struct str
str_of(const char *s)
{
	return (struct str){ s, s != NULL ? strlen(s) : 0 };
}

static inline struct str
str_make(const char *p, size_t len)
{
	return (struct str){ p, len };
}

static inline bool
str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static inline bool
str_is(struct str a, const char *lit)
{
	return str_eq(a, str_of(lit));
}

/* ASCII only, independent of the locale. */
bool str_eq_nocase(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
struct str str_trim(struct str s);

/* Offset of the first c, or -1. */
ptrdiff_t str_find(struct str s, char c);

/*
 * Take the text before the first sep off *rest and return it; *rest keeps
 * what stands behind sep.  Without a sep, all is taken and rest->p is NULL.
 */
struct str str_cut(struct str *rest, char sep);

/* Decimal digits only, whole text, no overflow: return true and *v_r. */
bool str_to_u64(struct str s, uint64_t *v_r);
bool str_to_i64(struct str s, int64_t *v_r);

#endif
