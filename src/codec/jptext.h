/* codec/jptext.h -- the letters of a JSONPath: blanks, strings, numbers. */
/* SPDX-License-Identifier: ISC */
#ifndef CODEC_JPTEXT_H
#define CODEC_JPTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct buf;
struct err;

/* A path and how far it is read; only the parser uses this. */
struct jptext {
	struct str all; /* valid UTF-8 */
	size_t at;
	struct err *err;
};

/* Fill err with the column and the reason; return -1. */
int jptext_bad_at(struct jptext *t, size_t at, const char *why);
int jptext_bad(struct jptext *t, const char *why);

/* The next byte, '\0' at the end. */
static inline char
jptext_peek(const struct jptext *t)
{
	return t->at < t->all.len ? t->all.p[t->at] : '\0';
}

/* Step over c, or over s, if it comes next. */
bool jptext_eat(struct jptext *t, char c);
bool jptext_eat_text(struct jptext *t, const char *s);

/* White space may stand here. */
void jptext_skip_blanks(struct jptext *t);

static inline bool
jptext_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
jptext_is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

/*
 * A string at its opening quote, decoded into out, which is never longer than
 * what was read.
 */
int jptext_read_string(struct jptext *t, struct buf *out);

/* A name without quotes, borrowed from the text. */
int jptext_read_name(struct jptext *t, struct str *name_r);

/* An index: no "-0", no leading zeros, not beyond 2^53 - 1. */
int jptext_read_int(struct jptext *t, int64_t *v_r);

/* A number as JSON has it, borrowed from the text. */
int jptext_read_number(struct jptext *t, struct str *raw_r);

#endif
