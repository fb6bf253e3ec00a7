/* tools/sim/sim_limit.c -- how many requests an API takes in a minute. */
/* SPDX-License-Identifier: ISC */
#include "tools/sim/sim_limit.h"

#include "base/xalloc.h"

#define MINUTE_MS 60000

void
sim_limit_clear(struct sim_limit *l)
{
	xfree(l->at);
	*l = (struct sim_limit){ 0 };
}

uint64_t
sim_limit_take(struct sim_limit *l, uint64_t a_minute, uint64_t now_ms)
{
	if (a_minute == 0)
		return 0;
	if (l->size != a_minute) {
		sim_limit_clear(l);
		l->at = xcalloc(a_minute, sizeof(*l->at));
		l->size = a_minute;
	}
	if (l->at[l->next] != 0 && now_ms < l->at[l->next] + MINUTE_MS)
		return l->at[l->next] + MINUTE_MS - now_ms;
	l->at[l->next] = now_ms;
	l->next = (l->next + 1) % l->size;
	return 0;
}
