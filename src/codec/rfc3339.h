/* codec/rfc3339.h -- dates as the APIs write them, in milliseconds. */
/* SPDX-License-Identifier: ISC */
#ifndef CODEC_RFC3339_H
#define CODEC_RFC3339_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/*
 * Microsoft's clocks tick in 100 ns: a version stamp needs them all, an
 * event needs milliseconds.
 */
#define RFC3339_TICKS_PER_MS 10000

/*
 * Read "2026-06-11T08:05:41.1330415Z" and its kin: 0 to 9 digits of
 * fraction, Z or an offset, small letters, a blank for the T, and no zone at
 * all (then UTC).  Ticks since 1970, negative before; false if it is none.
 */
bool rfc3339_parse_ticks(struct str s, int64_t *ticks_r);
bool rfc3339_parse_ms(struct str s, int64_t *ms_r); /* cut, not rounded */

#define RFC3339_MAX 32

/* "2026-06-11T08:05:41.133Z"; out takes RFC3339_MAX; returns the length. */
size_t rfc3339_format_ms(char *out, int64_t ms);

/* "2026-06-11T08:05:41.1330415Z", always seven digits. */
size_t rfc3339_format_ticks(char *out, int64_t ticks);

/* "Jun 11 08:05:41", day padded with a blank, for RFC 3164 (UTC). */
size_t rfc3339_format_3164(char *out, int64_t ms);

/*
 * A point in time as the operator writes it: an RFC 3339 date, a day
 * ("2026-06-11"), or a time before now ("-2d", "-90m", "now").
 */
bool rfc3339_parse_point(struct str s, int64_t now_ms, int64_t *ms_r);

#endif
