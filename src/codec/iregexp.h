/* codec/iregexp.h -- the regular expressions of JSONPath: RFC 9485. */
/* SPDX-License-Identifier: ISC */
#ifndef CODEC_IREGEXP_H
#define CODEC_IREGEXP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct err;
struct iregexp;
struct iregexp_cache;

enum iregexp_state {
	IREGEXP_GOOD,
	IREGEXP_NOT_ONE, /* the text is no I-Regexp; it matches nothing */
	IREGEXP_TOO_BIG  /* it is longer or wider than we compile */
};

/* Compile a pattern, UTF-8; what came of it is asked afterwards. */
struct iregexp *iregexp_new(struct str pattern);
void iregexp_free(struct iregexp **rep);
enum iregexp_state iregexp_state(const struct iregexp *re);

/*
 * 1 if the whole subject matches, or with `anywhere` some part of it; else 0.
 * What was spent is taken from *steps.  Return -1 with ERR_DATA when they are
 * used up, when this match alone needs too many steps or too much memory, or
 * when the pattern is too big.
 */
int iregexp_match(struct iregexp *re, struct str subject, bool anywhere,
    uint64_t *steps, struct err *err);

/* The few patterns last compiled, for those that come out of documents. */
struct iregexp_cache *iregexp_cache_new(void);
void iregexp_cache_free(struct iregexp_cache **cachep);

/* The compiled pattern, borrowed until the next call. */
struct iregexp *
iregexp_cache_get(struct iregexp_cache *cache, struct str pattern);

#endif
