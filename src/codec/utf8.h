/* codec/utf8.h -- UTF-8, character by character. */
/* SPDX-License-Identifier: ISC */
#ifndef CODEC_UTF8_H
#define CODEC_UTF8_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct buf;

#define UTF8_REPLACEMENT 0xfffd /* stands for what could not be read */

/*
 * Read the character that p begins with.  Return how many of the len bytes
 * it takes (1 to 4), or -1 if these bytes are none: a stray or missing
 * continuation, an overlong form, a surrogate, beyond U+10FFFF, or len 0.
 * After -1 take one U+FFFD for one byte and go on behind it.
 */
int utf8_next(const char *p, size_t len, uint32_t *cp_r);

/* The length of the longest prefix of s that is whole, valid UTF-8. */
size_t utf8_check(struct str s);

/* Append cp, which is no surrogate and at most U+10FFFF. */
void utf8_add(struct buf *out, uint32_t cp);

#endif
