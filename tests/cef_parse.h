/* tests/cef_parse.h -- reads a CEF line as the standard has it, strictly. */
/* SPDX-License-Identifier: ISC */
#ifndef TESTS_CEF_PARSE_H
#define TESTS_CEF_PARSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"

#define CEF_PARSE_PAIRS 256

enum cef_parse_field {
	CEF_PARSE_VENDOR,
	CEF_PARSE_PRODUCT,
	CEF_PARSE_VERSION,
	CEF_PARSE_SIGNATURE,
	CEF_PARSE_NAME,
	CEF_PARSE_SEVERITY,
	CEF_PARSE_FIELDS
};

/* Everything decoded, in the order of the line; borrowed from `text`. */
struct cef_parse {
	struct str header[CEF_PARSE_FIELDS];
	struct {
		struct str key, value;
	} pairs[CEF_PARSE_PAIRS];
	size_t n;
	const char *why; /* what is wrong, after a failure */
	char text[256 * 1024];
	size_t used;
};

/*
 * Read one event, which begins with "CEF:0|" and has no newline.  False, and
 * `why`, for anything that the standard does not allow: an unknown escape, a
 * control character, bad UTF-8, a key that is no word or comes twice, more
 * than one blank between pairs, a severity that is no number from 0 to 10.
 */
bool cef_parse_line(struct cef_parse *p, struct str line);

/* The decoded value of key, with p NULL if the line has none. */
struct str cef_parse_get(const struct cef_parse *p, const char *key);

#endif
