/* base/str.c -- bytes that somebody else owns. */
/* SPDX-License-Identifier: ISC */
#include "base/str.h"

static unsigned char
lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool
str_eq_nocase(struct str a, struct str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

bool
str_starts(struct str s, struct str prefix)
{
	return s.len >= prefix.len && str_eq(str_make(s.p, prefix.len), prefix);
}

bool
str_ends(struct str s, struct str suffix)
{
	return s.len >= suffix.len &&
	    str_eq(str_make(s.p + s.len - suffix.len, suffix.len), suffix);
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' ||
	    c == '\v';
}

struct str
str_trim(struct str s)
{
	while (s.len > 0 && is_space(s.p[0])) {
		s.p++;
		s.len--;
	}
	while (s.len > 0 && is_space(s.p[s.len - 1]))
		s.len--;
	return s;
}

ptrdiff_t
str_find(struct str s, char c)
{
	const char *at = s.len > 0 ? memchr(s.p, c, s.len) : NULL;

	return at != NULL ? at - s.p : -1;
}

struct str
str_cut(struct str *rest, char sep)
{
	struct str head = *rest;
	ptrdiff_t at = str_find(head, sep);

	if (at < 0) {
		*rest = str_make(NULL, 0);
		return head;
	}
	head.len = (size_t)at;
	rest->p += at + 1;
	rest->len -= (size_t)at + 1;
	return head;
}

bool
str_to_u64(struct str s, uint64_t *v_r)
{
	uint64_t v = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';

		if (digit > 9 || v > (UINT64_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*v_r = v;
	return true;
}

bool
str_to_i64(struct str s, int64_t *v_r)
{
	bool minus = s.len > 0 && s.p[0] == '-';
	uint64_t v;

	if (minus) {
		s.p++;
		s.len--;
	}
	if (!str_to_u64(s, &v) || v > (uint64_t)INT64_MAX + minus)
		return false;
	*v_r = minus ? (int64_t)(0 - v) : (int64_t)v;
	return true;
}
