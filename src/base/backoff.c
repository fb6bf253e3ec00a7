/* base/backoff.c -- how long to wait before trying again. */
/* SPDX-License-Identifier: ISC */
#include "base/backoff.h"

void
backoff_init(
    struct backoff *bo, uint64_t first_ms, uint64_t cap_ms, uint64_t seed)
{
	*bo = (struct backoff){ .first_ms = first_ms,
		.cap_ms = cap_ms,
		.seed = seed != 0 ? seed : 1 };
}

/* xorshift64: good enough to keep clients apart, and the same everywhere. */
static uint64_t
draw(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

uint64_t
backoff_fail(struct backoff *bo)
{
	uint64_t base = bo->next_ms != 0 ? bo->next_ms : bo->first_ms;
	uint64_t spread = base / 2 + 1;

	bo->next_ms = base > bo->cap_ms / 2 ? bo->cap_ms : base * 2;
	return base - base / 4 + draw(&bo->seed) % spread;
}

void
backoff_reset(struct backoff *bo)
{
	bo->next_ms = 0;
}
