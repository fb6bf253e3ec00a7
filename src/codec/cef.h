/* codec/cef.h -- ArcSight's Common Event Format: header, pairs, dictionary. */
/* SPDX-License-Identifier: ISC */
#ifndef CODEC_CEF_H
#define CODEC_CEF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct cef_header {
	struct str vendor;
	struct str product;
	struct str version;
	struct str signature; /* names the kind of event, not the event */
	struct str name;
	int severity; /* 0 to 10 */
};

enum cef_value {
	CEF_STRING,
	CEF_INT,
	CEF_LONG,
	CEF_DOUBLE,
	CEF_IPV4,
	CEF_IPV6,
	CEF_MAC,
	CEF_TIME
};

struct cef_key {
	const char *name;
	enum cef_value value;
	uint16_t max_chars; /* 0: no limit */
	bool producer;      /* a producer may send it */
};

/* The dictionary's row for a key that is spelled exactly so, or NULL. */
const struct cef_key *cef_key_find(struct str name);

/* Letters and digits only, as a key of one's own must be. */
bool cef_key_is_valid(struct str name);

/* Append "CEF:0|vendor|...|severity|", fields escaped and cut to size. */
void cef_begin(struct buf *out, const struct cef_header *h);

/*
 * Append "key=value", with a blank before it unless it is the first pair
 * behind the header.  The value is decoded text and gets escaped: one pass,
 * controls as blanks, bad UTF-8 as U+FFFD, blanks at its ends removed.
 */
void cef_pair(struct buf *out, struct str key, struct str value);

/* The escapes alone. */
void cef_escape_header(struct buf *out, struct str s);
void cef_escape_value(struct buf *out, struct str s);

/*
 * The longest prefix of decoded text with at most max_chars characters; never
 * ends inside a character.
 */
struct str cef_cut_chars(struct str s, size_t max_chars);

#endif
