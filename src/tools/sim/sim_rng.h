/* tools/sim/sim_rng.h -- numbers that look random and come out again. */
/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_SIM_SIM_RNG_H
#define TOOLS_SIM_SIM_RNG_H

#include <stdint.h>

/*
 * No generator with a state: each thing asks for its own number by a seed
 * and a salt, so that the same record has the same text whoever asks, in
 * whichever order.  The mixer is the finalizer of splitmix64.
 */
static inline uint64_t
sim_mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9U;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebU;
	return x ^ (x >> 31);
}

static inline uint64_t
sim_hash(uint64_t seed, uint64_t salt)
{
	return sim_mix(seed + 0x9e3779b97f4a7c15U * (salt + 1));
}

/* A number below n, which is not zero, from a hash. */
static inline uint32_t
sim_below(uint64_t hash, uint32_t n)
{
	return (uint32_t)(((hash >> 32) * n) >> 32);
}

/* True in so many of a hundred cases. */
static inline int
sim_chance(uint64_t hash, uint64_t percent)
{
	return sim_below(hash, 100) < percent;
}

#endif
