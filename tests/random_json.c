/* tests/random_json.c -- documents that nobody would think of. */
/* SPDX-License-Identifier: ISC */
#include "tests/random_json.h"

#include <string.h>

#include "base/buf.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define X15 "xxxxxxxxxxxxxxx"

uint64_t
random_json_number(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed * 0x2545f4914f6cdd1dU >> 11;
}

static const char *
pick(uint64_t *seed, const char *const *from, size_t n)
{
	return from[random_json_number(seed) % n];
}

#define PICK(seed, from) pick((seed), (from), COUNT(from))

static void
make_string(struct buf *out, uint64_t *seed)
{
	static const char *const piece[] = { "a", "b", "id", "severity", X15,
		"createdDateTime", "\\n", "\\\"", "\\\\", "\\/", "\\u0041",
		"\\u00e9", "\\ud83d\\ude00", "\\ud83d", "\\udc00", "\\u0001",
		"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "[", "}", ",",
		"{", ": ", "C:\\\\x", "\\u20aC", "https://example.com/" };

	buf_add_char(out, '"');
	for (uint64_t n = random_json_number(seed) % 4; n > 0; n--)
		buf_add_text(out, PICK(seed, piece));
	buf_add_char(out, '"');
}

static void
make_blank(struct buf *out, uint64_t *seed)
{
	static const char *const blank[] = { "", "", "", "", "", " ", "\n\t",
		"\r\n    " };

	buf_add_text(out, PICK(seed, blank));
}

static void
make_value(struct buf *out, uint64_t *seed, unsigned depth)
{
	static const char *const scalar[] = { "null", "true", "false", "0",
		"-0", "1", "-1", "42", "1.5", "-0.25e2", "1E3", "10e-1",
		"9223372036854775807", "-9223372036854775808", "1e-7",
		"9223372036854775808", "123456789.123456789", "1e400", "0.0",
		"3.0", "1e19" };
	uint64_t kind = random_json_number(seed) % (depth < 5 ? 6 : 3);
	bool object = kind == 3;

	make_blank(out, seed);
	if (kind == 0) {
		buf_add_text(out, PICK(seed, scalar));
	} else if (kind < 3) {
		make_string(out, seed);
	} else {
		buf_add_char(out, object ? '{' : '[');
		for (uint64_t n = random_json_number(seed) % 5; n > 0; n--) {
			make_blank(out, seed);
			if (object) {
				make_string(out, seed);
				make_blank(out, seed);
				buf_add_char(out, ':');
			}
			make_value(out, seed, depth + 1);
			if (n > 1)
				buf_add_char(out, ',');
		}
		make_blank(out, seed);
		buf_add_char(out, object ? '}' : ']');
	}
	make_blank(out, seed);
}

void
random_json_add(struct buf *out, uint64_t *seed)
{
	make_value(out, seed, 0);
}

void
random_json_damage(struct buf *b, uint64_t *seed)
{
	static const char bytes[] = "{}[]\",:\\ \n\t\0'/-+.eEu0123x\x80\xc3"
				    "\xe2\xed\xf0\xff\x01ntf";

	for (uint64_t n = 1 + random_json_number(seed) % 3; n > 0 && b->len > 0;
	     n--) {
		size_t at = random_json_number(seed) % b->len;
		char c = bytes[random_json_number(seed) % (sizeof(bytes) - 1)];

		switch (random_json_number(seed) % 4) {
		case 0:
			b->p[at] = c;
			break;
		case 1:
			memmove(b->p + at, b->p + at + 1, b->len - at - 1);
			buf_truncate(b, b->len - 1);
			break;
		case 2:
			buf_add_char(b, ' ');
			memmove(b->p + at + 1, b->p + at, b->len - at - 1);
			b->p[at] = c;
			break;
		default:
			if (random_json_number(seed) % 8 == 0)
				buf_truncate(b, at);
			break;
		}
	}
}
