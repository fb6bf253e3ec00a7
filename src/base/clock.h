/* base/clock.h -- the two clocks; read by those who wait, and nobody else. */
/* SPDX-License-Identifier: ISC */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds since 1970; may jump when somebody sets the clock. */
uint64_t clock_wall_ms(void);

/* Milliseconds since some moment in the past; never goes back. */
uint64_t clock_mono_ms(void);

#endif
