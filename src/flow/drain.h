/* flow/drain.h -- brings the spool's events to one output. */
/* SPDX-License-Identifier: ISC */
#ifndef FLOW_DRAIN_H
#define FLOW_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

struct drain;
struct err;
struct loop;
struct sink_ops;
struct store;

/* Everything is borrowed for the drain's life. */
struct drain_conf {
	const char *name;           /* of the output, as configured */
	const char *form;           /* in which it wants events */
	const char *const *sources; /* names, NULL behind them; NULL: all */
	const struct sink_ops *ops;
	const void *sink_conf;
	struct store *store;
};

struct drain *
drain_new(struct loop *l, const struct drain_conf *conf, struct err *err);
void drain_free(struct drain **dp);

/* New events may be there. */
void drain_wake(struct drain *d);

/* The log file was moved away, or the like. */
void drain_reopen(struct drain *d);

/* Nothing is left to send and all that was sent is confirmed. */
bool drain_is_done(const struct drain *d);

/*
 * Send what is there, then end in order, and call done when all of it is
 * confirmed.  A patient finish goes on for as long as deadline_ms never
 * passes without progress; the other takes deadline_ms at most in all.
 */
void drain_finish(struct drain *d, uint64_t deadline_ms, bool patient,
    void (*done)(void *arg), void *arg);

#endif
