/* tools/sim/sim_limit.h -- how many requests an API takes in a minute. */
/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_SIM_SIM_LIMIT_H
#define TOOLS_SIM_SIM_LIMIT_H

#include <stdint.h>

/* A window that slides: the moments of the last requests that were let in. */
struct sim_limit {
	uint64_t *at; /* owned; ms */
	uint64_t size, next;
};

/*
 * Ask for one request at now_ms when so many a minute are allowed (0: any
 * number).  Return 0 if it may go, else the ms until one may.
 */
uint64_t
sim_limit_take(struct sim_limit *l, uint64_t a_minute, uint64_t now_ms);
void sim_limit_clear(struct sim_limit *l);

#endif
