/* base/ratelimit.h -- how often one remote API may be asked. */
/* SPDX-License-Identifier: ISC */
#ifndef BASE_RATELIMIT_H
#define BASE_RATELIMIT_H

#include <stdint.h>

/*
 * `burst` requests may go at once, then one in every `period_ms`.  A burst
 * or period of 0 means: no limit.
 */
struct ratelimit_conf {
	uint32_t burst;
	uint32_t period_ms;
};

#define RATELIMIT_RANKS 4

struct ratelimit {
	struct ratelimit_conf conf;
	uint64_t full_at_ms;    /* when it would be full if nobody asked */
	uint64_t held_until_ms; /* 0: nobody asked us to hold */
	/* Of each rank, the end of its claim; 0: it waits for nothing. */
	uint64_t claim_until_ms[RATELIMIT_RANKS];
};

/* Begin full: a burst may go at once. */
void ratelimit_init(struct ratelimit *rl, const struct ratelimit_conf *conf);

/* How long to wait before a request may go; 0: it may go now. */
uint64_t ratelimit_wait(const struct ratelimit *rl, uint64_t now_ms);

/*
 * Ask to send one request.  Return 0 if it may go now, else how long to wait
 * before asking again; a refusal reserves nothing.
 */
uint64_t ratelimit_take(struct ratelimit *rl, uint64_t now_ms);

/*
 * The same as ratelimit_wait for those that share a limit in an order: rank 0
 * goes first.  Who is told to wait thereby claims the next request until then
 * (and a little longer, since timers are late); as long as the claim stands
 * or until its owner is told 0, higher ranks wait behind it.
 */
uint64_t ratelimit_claim(struct ratelimit *rl, unsigned rank, uint64_t now_ms);

/* Let nothing go before until_ms, as a server's Retry-After demands. */
void ratelimit_hold(struct ratelimit *rl, uint64_t until_ms);

#endif
