/*
 * base/ratelimit.c -- how often one remote API may be asked.
 *
 * A bucket seen as a date: full_at_ms is when it is full again.  Every
 * request moves the date one period on, and may go while the date is not
 * more than a burst of periods ahead.  Nothing needs refilling.
 */
/* SPDX-License-Identifier: ISC */
#include "base/ratelimit.h"

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

uint64_t
ratelimit_wait(const struct ratelimit *rl, uint64_t now_ms)
{
	uint64_t period = rl->conf.period_ms;
	uint64_t reach = now_ms + rl->conf.burst * period;
	uint64_t after = full_at_ms(rl, now_ms) + period;
	uint64_t wait = 0;

	if (rl->held_until_ms > now_ms)
		wait = rl->held_until_ms - now_ms;
	if (rl->conf.burst > 0 && after > reach && after - reach > wait)
		wait = after - reach;
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
