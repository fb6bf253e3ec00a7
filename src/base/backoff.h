/* base/backoff.h -- how long to wait before trying again. */
/* SPDX-License-Identifier: ISC */
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H

#include <stdint.h>

/*
 * Waits double from first_ms to cap_ms, each spread by up to a quarter in
 * either direction, so that many clients do not come back at once.  The
 * spread comes from a seed, so a test can foretell it.
 */
struct backoff {
	uint64_t first_ms;
	uint64_t cap_ms;
	uint64_t next_ms; /* without the spread; 0: never failed */
	uint64_t seed;
};

void backoff_init(
    struct backoff *bo, uint64_t first_ms, uint64_t cap_ms, uint64_t seed);

/* One more failure: return how long to wait. */
uint64_t backoff_fail(struct backoff *bo);

/* Work succeeded (not merely a connect): start small again. */
void backoff_reset(struct backoff *bo);

#endif
