/*
 * base/ratelimit.c -- how often one remote API may be asked.
 *
 * A bucket seen as a date: full_at_ms is when it is full again.  Every
 * request moves the date one period on, and may go while the date is not
 * more than a burst of periods ahead.  Nothing needs refilling.
 */
/* SPDX-License-Identifier: ISC */
#include "base/ratelimit.h"

#define CLAIM_GRACE_MS 1000

void
ratelimit_init(struct ratelimit *rl, const struct ratelimit_conf *conf)
{
	*rl = (struct ratelimit){ .conf = *conf };
}

static uint64_t
full_at_ms(const struct ratelimit *rl, uint64_t now_ms)
{
	return rl->full_at_ms > now_ms ? rl->full_at_ms : now_ms;
}

/* How long until so many requests may go. */
static uint64_t
wait_for(const struct ratelimit *rl, uint64_t requests, uint64_t now_ms)
{
	uint64_t period = rl->conf.period_ms;
	uint64_t reach = now_ms + rl->conf.burst * period;
	uint64_t after = full_at_ms(rl, now_ms) + requests * period;
	uint64_t wait = 0;

	if (rl->held_until_ms > now_ms)
		wait = rl->held_until_ms - now_ms;
	if (rl->conf.burst > 0 && after > reach && after - reach > wait)
		wait = after - reach;
	return wait;
}

uint64_t
ratelimit_wait(const struct ratelimit *rl, uint64_t now_ms)
{
	return wait_for(rl, 1, now_ms);
}

uint64_t
ratelimit_claim(struct ratelimit *rl, unsigned rank, uint64_t now_ms)
{
	uint64_t requests = 1, wait;

	for (unsigned i = 0; i < rank; i++)
		requests += rl->claim_until_ms[i] > now_ms;
	wait = wait_for(rl, requests, now_ms);
	rl->claim_until_ms[rank] =
	    wait > 0 ? now_ms + wait + CLAIM_GRACE_MS : 0;
	return wait;
}

uint64_t
ratelimit_take(struct ratelimit *rl, uint64_t now_ms)
{
	uint64_t wait = ratelimit_wait(rl, now_ms);

	if (wait == 0)
		rl->full_at_ms = full_at_ms(rl, now_ms) + rl->conf.period_ms;
	return wait;
}

void
ratelimit_hold(struct ratelimit *rl, uint64_t until_ms)
{
	if (until_ms > rl->held_until_ms)
		rl->held_until_ms = until_ms;
}
