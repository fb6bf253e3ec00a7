/* codec/utf8.c -- UTF-8, character by character. */
/* SPDX-License-Identifier: ISC */
#include "codec/utf8.h"

#include <assert.h>
#include <stdbool.h>

#include "base/buf.h"

static bool
is_tail(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/*
 * The second byte decides about overlong forms, surrogates and the upper end
 * (Unicode 15, table 3-7); so the bounds are checked on the number that comes
 * out, which says the same in fewer words.
 */
int
utf8_next(const char *p, size_t len, uint32_t *cp_r)
{
	const unsigned char *u = (const unsigned char *)p;
	uint32_t cp;

	if (len == 0)
		return -1;
	if (u[0] < 0x80) {
		*cp_r = u[0];
		return 1;
	}
	if ((u[0] & 0xe0) == 0xc0) {
		if (len < 2 || !is_tail(u[1]))
			return -1;
		*cp_r = (u[0] & 0x1fU) << 6 | (u[1] & 0x3fU);
		return u[0] >= 0xc2 ? 2 : -1;
	}
	if ((u[0] & 0xf0) == 0xe0) {
		if (len < 3 || !is_tail(u[1]) || !is_tail(u[2]))
			return -1;
		cp =
		    (u[0] & 0x0fU) << 12 | (u[1] & 0x3fU) << 6 | (u[2] & 0x3fU);
		*cp_r = cp;
		return cp >= 0x800 && (cp < 0xd800 || cp > 0xdfff) ? 3 : -1;
	}
	if ((u[0] & 0xf8) == 0xf0) {
		if (len < 4 || !is_tail(u[1]) || !is_tail(u[2]) ||
		    !is_tail(u[3]))
			return -1;
		cp = (u[0] & 0x07U) << 18 | (u[1] & 0x3fU) << 12 |
		    (u[2] & 0x3fU) << 6 | (u[3] & 0x3fU);
		*cp_r = cp;
		return cp >= 0x10000 && cp <= 0x10ffff ? 4 : -1;
	}
	return -1;
}

size_t
utf8_check(struct str s)
{
	size_t at = 0;

	while (at < s.len) {
		uint64_t eight;
		uint32_t cp;
		int n;

		if (s.len - at >= sizeof(eight)) {
			memcpy(&eight, s.p + at, sizeof(eight));
			if ((eight & 0x8080808080808080U) == 0) {
				at += sizeof(eight);
				continue;
			}
		}
		n = utf8_next(s.p + at, s.len - at, &cp);
		if (n < 0)
			break;
		at += (size_t)n;
	}
	return at;
}

void
utf8_add(struct buf *out, uint32_t cp)
{
	char c[4];
	size_t n = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
	static const unsigned char lead[] = { 0, 0x00, 0xc0, 0xe0, 0xf0 };

	assert(cp <= 0x10ffff && (cp < 0xd800 || cp > 0xdfff));
	for (size_t i = n; i-- > 1; cp >>= 6)
		c[i] = (char)(0x80 | (cp & 0x3f));
	c[0] = (char)(lead[n] | cp);
	buf_add(out, c, n);
}
