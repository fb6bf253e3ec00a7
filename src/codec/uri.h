/* codec/uri.h -- web addresses: taken apart, compared, put together. */
/* SPDX-License-Identifier: ISC */
#ifndef CODEC_URI_H
#define CODEC_URI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct buf;
struct err;

/* The parts, borrowed from the text. */
struct uri {
	struct str scheme;
	struct str host;  /* without brackets */
	uint16_t port;    /* the scheme's default where none stands */
	struct str path;  /* from its slash on, may be empty */
	struct str query; /* behind the question mark */
};

/* http and https only, no user info, no controls or blanks; -1, ERR_DATA. */
int uri_parse(struct str text, struct uri *uri_r, struct err *err);

/* Same scheme, host (letter case aside) and port: a token may go there. */
bool uri_same_origin(const struct uri *a, const struct uri *b);

/* Append s with everything but unreserved characters percent-encoded. */
void uri_encode(struct buf *out, struct str s);

/* Append s decoded; '+' stays a plus.  False on a bad escape. */
bool uri_decode(struct buf *out, struct str s);

#endif
