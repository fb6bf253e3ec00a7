/* map/convert.h -- what the transforms of a map do to a text. */
/* SPDX-License-Identifier: ISC */
#ifndef MAP_CONVERT_H
#define MAP_CONVERT_H

#include <stdbool.h>

#include "base/str.h"
#include "codec/cef.h"

struct buf;

/* Long enough for every result of convert_type but texts. */
#define CONVERT_MAX 64

/*
 * The text as a value of that type in its canonical form: times as
 * milliseconds since 1970, IPv6 as RFC 5952 has it, addresses without port
 * and zone, an IPv4 address within IPv6 as the IPv4 address.  False if it is
 * none, so for an empty text, and for a time before 1970 (the year 1 means
 * "never").  *out_r is borrowed from in, or from space.
 */
bool convert_type(enum cef_value type, struct str in, char space[CONVERT_MAX],
    struct str *out_r);

/* Append the text that a reader of this HTML sees. */
void convert_html(struct str in, struct buf *out);

/*
 * Append in with every run of blanks and controls as one blank, none at the
 * ends, and without what cannot be seen: zero-width and bidi marks.
 */
void convert_plain(struct str in, struct buf *out);

/* True if that changes nothing; false if it may. */
bool convert_is_plain(struct str in);

/* Append this JSON without the white space between its tokens. */
void convert_json(struct str in, struct buf *out);

/* ASCII letters only. */
void convert_case(struct str in, bool upper, struct buf *out);

/* Each byte that stands in from becomes the one at its place in to. */
void
convert_swap(struct str in, struct str from, struct str to, struct buf *out);

/* Without blanks and controls at both ends. */
struct str convert_trim(struct str in);

/* The text behind the last, or before the first, mark; all without one. */
struct str convert_after(struct str in, struct str mark);
struct str convert_before(struct str in, struct str mark);

#endif
