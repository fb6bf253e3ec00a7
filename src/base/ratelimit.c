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

uint64_t
ratelimit_take(struct ratelimit *rl, uint64_t now_ms)
{
	uint64_t period = rl->conf.period_ms;
	uint64_t reach = now_ms + rl->conf.burst * period;
	uint64_t full_at = rl->full_at_ms > now_ms ? rl->full_at_ms : now_ms;
	uint64_t wait = 0;

	if (rl->held_until_ms > now_ms)
		wait = rl->held_until_ms - now_ms;
	if (rl->conf.burst > 0 && full_at + period > reach &&
	    full_at + period - reach > wait)
		wait = full_at + period - reach;
	if (wait == 0)
		rl->full_at_ms = full_at + period;
	return wait;
}

void
ratelimit_hold(struct ratelimit *rl, uint64_t until_ms)
{
	if (until_ms > rl->held_until_ms)
		rl->held_until_ms = until_ms;
}
