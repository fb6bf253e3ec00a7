/* tests/fake_loop.h -- net/loop.h with a clock that a test moves by hand. */
/* SPDX-License-Identifier: ISC */
#ifndef TESTS_FAKE_LOOP_H
#define TESTS_FAKE_LOOP_H

#include <stdint.h>

#include "net/loop.h"

/*
 * Link fake_loop.c and every verb of net/loop.h is the fake's.  The clock
 * starts at FAKE_LOOP_START_MS and at 2026-01-01T00:00:00Z, and moves only
 * here.  loop_free fails the test if somebody still has a timer, a watch, a
 * signal or a task of this loop.
 */
#define FAKE_LOOP_START_MS 1000000ULL
#define FAKE_LOOP_START_WALL_MS 1767225600000ULL

/* Run what is due now: timers, then tasks, until nothing more is due. */
void fake_loop_turn(struct loop *l);

/*
 * Let ms pass.  Timers fire at their own moments, in order, the earlier set
 * first among equals, and tasks run after each.
 */
void fake_loop_advance(struct loop *l, uint64_t ms);

/* Somebody sets the wall clock: it jumps, the other one does not. */
void fake_loop_jump_wall(struct loop *l, int64_t ms);

/* Until the next timer in ms, or UINT64_MAX when none is set. */
uint64_t fake_loop_next_ms(const struct loop *l);

/*
 * Call back who watches fd, for those of `what` that are watched; then a
 * turn.  True if somebody was called.
 */
bool fake_loop_fire(struct loop *l, int fd, int what);

/* What is watched on fd: LOOP_READ, LOOP_WRITE, both or 0. */
int fake_loop_watched(const struct loop *l, int fd);

/* A signal arrives; then a turn. */
void fake_loop_signal(struct loop *l, int signo);

/*
 * loop_run of the fake advances from timer to timer until loop_stop, or until
 * no timer and no task is left.
 */

#endif
