/* codec/b64.c -- base64, in both alphabets (RFC 4648). */
/* SPDX-License-Identifier: ISC */
#include "codec/b64.h"

#include <stdint.h>

#include "base/buf.h"

#define COMMON                             \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ"       \
	"abcdefghijklmnopqrstuvwxyz012345" \
	"6789"

static void
encode(struct buf *out, struct str bytes, const char *alphabet, bool pad)
{
	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
		uint32_t v = 0;
		char four[4];

		for (size_t j = 0; j < 3; j++)
			v = v << 8 |
			    (j < n ? (unsigned char)bytes.p[i + j] : 0U);
		for (size_t j = 0; j < 4; j++)
			four[j] = alphabet[v >> (18 - 6 * j) & 63];
		for (size_t j = n + 1; j < 4; j++)
			four[j] = '=';
		buf_add(out, four, pad ? 4 : n + 1);
	}
}

void
b64_encode(struct buf *out, struct str bytes)
{
	encode(out, bytes, COMMON "+/", true);
}

void
b64_encode_url(struct buf *out, struct str bytes)
{
	encode(out, bytes, COMMON "-_", false);
}

enum alphabet {
	EITHER = 3,
	PLAIN = 1,
	URL = 2
};

/* The six bits of c, narrowing *which to the alphabets that have it. */
static int
value(char c, unsigned *which)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '/')
		*which &= PLAIN;
	else if (c == '-' || c == '_')
		*which &= URL;
	else
		return -1;
	return c == '+' || c == '-' ? 62 : 63;
}

/* True if what stands behind the last digit is no padding or the right one. */
static bool
strip_padding(struct str *text)
{
	size_t whole = text->len, pad = 0;

	while (text->len > 0 && pad < 3 && text->p[text->len - 1] == '=') {
		text->len--;
		pad++;
	}
	return pad == 0 || (whole % 4 == 0 && pad <= 2);
}

/*
 * Bits that are left over must be 0: otherwise two texts would mean the same
 * bytes, and a signature over a text would not cover it.
 */
bool
b64_decode(struct buf *out, struct str text)
{
	size_t before = out->len;
	unsigned which = EITHER, bits = 0;
	uint32_t v = 0;

	if (!strip_padding(&text) || text.len % 4 == 1)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		int six = value(text.p[i], &which);

		if (six < 0)
			goto bad;
		v = v << 6 | (uint32_t)six;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			buf_add_char(out, (char)(v >> bits & 0xff));
		}
	}
	if (which == 0 || (v & ((1U << bits) - 1)) != 0)
		goto bad;
	return true;
bad:
	buf_truncate(out, before);
	return false;
}
