/* net/loop.h -- the one event loop: time, timers, descriptors, signals. */
/* SPDX-License-Identifier: ISC */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct loop;
struct loop_timer;
struct loop_fd;
struct loop_signal;

enum {
	LOOP_READ = 1,
	LOOP_WRITE = 2
};

typedef void loop_cb(void *arg);
typedef void loop_fd_cb(void *arg, int what);

/*
 * What a loop makes (timers, watches, signals, tasks) may be freed in any
 * callback, its own among them, and before the loop is.  loop_new returns
 * NULL, with errno, when the system has no descriptor left for it.
 */
struct loop *loop_new(void);
void loop_free(struct loop **lp);

/* Run until loop_stop; the turn under way is finished first. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);

/* The clock of this turn, read once a turn: monotonic, and wall. */
uint64_t loop_now_ms(const struct loop *l);
uint64_t loop_wall_ms(const struct loop *l);

/* Fires once, delay_ms from now, never early; set again, it moves. */
struct loop_timer *loop_timer_new(struct loop *l, loop_cb *cb, void *arg);
void loop_timer_set(struct loop_timer *t, uint64_t delay_ms);
void loop_timer_stop(struct loop_timer *t);
bool loop_timer_is_set(const struct loop_timer *t);
void loop_timer_free(struct loop_timer **tp);

/* Watch a descriptor for LOOP_READ, LOOP_WRITE or both; 0 watches nothing. */
struct loop_fd *loop_fd_new(struct loop *l, int fd, loop_fd_cb *cb, void *arg);
void loop_fd_watch(struct loop_fd *w, int what);
void loop_fd_free(struct loop_fd **wp); /* does not close the descriptor */

struct loop_signal *
loop_signal_new(struct loop *l, int signo, loop_cb *cb, void *arg);
void loop_signal_free(struct loop_signal **sp);

/*
 * A deed for the end of this turn: call it from anywhere, as often as you
 * like, it runs once.  Callbacks mark; a deferred call frees.  Asked for by
 * another task, it runs in the next turn.
 */
struct loop_task;
struct loop_task *loop_task_new(struct loop *l, loop_cb *cb, void *arg);
void loop_task_run(struct loop_task *t);
void loop_task_free(struct loop_task **tp);

/* For the other rooms of net only. */
struct event_base *loop_base(struct loop *l);

#endif
