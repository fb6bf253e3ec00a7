/* sink/sink.h -- where events go, and when they have arrived. */
/* SPDX-License-Identifier: ISC */
#ifndef SINK_SINK_H
#define SINK_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/opt.h"
#include "base/str.h"

struct err;
struct loop;
struct sink;

/*
 * Events come with a position: a number that grows.  The sink tells up to
 * which position the other side has them (`confirmed`), and from where all
 * must come again (`again`: everything behind pos, in order).  Callbacks
 * come from the loop, never from inside a verb.
 */
struct sink_cbs {
	void (*ready)(void *arg); /* room for more: send may go on */
	void (*confirmed)(void *arg, uint64_t pos);
	void (*again)(void *arg, uint64_t pos);
};

struct sink_event {
	uint64_t pos;
	uint64_t time_ms;
	struct str text; /* borrowed */
};

struct sink_ops {
	const char *name; /* the type, "syslog" */
	const struct opt *opts;
	size_t conf_bytes;

	/* Check what a table cannot (tls without a host); ERR_CONF. */
	int (*check)(const void *conf, struct err *err);
	/* `who` is the output's name; conf is borrowed for the sink's life. */
	struct sink *(*open)(const void *conf, const char *who, struct loop *l,
	    const struct sink_cbs *cbs, void *arg, struct err *err);
	void (*close)(struct sink **sp);

	/*
	 * Take one event.  Return 1 if taken, 0 if there is no room now:
	 * `ready` will come.
	 */
	int (*send)(struct sink *s, const struct sink_event *e);

	/* Nothing more waits: push out what is gathered. */
	void (*flush)(struct sink *s);

	/*
	 * The daemon stops: bring what was sent to its confirmation, then
	 * call done (from the loop), at the latest after deadline_ms.
	 */
	void (*finish)(struct sink *s, uint64_t deadline_ms,
	    void (*done)(void *arg), void *arg);

	void (*reopen)(struct sink *s); /* SIGUSR1; may be NULL */
	/* The most bytes that an event may have here; 0: no limit. */
	size_t (*max_event)(const void *conf);
};

extern const struct sink_ops syslog_out_ops;
extern const struct sink_ops file_out_ops;
extern const struct sink_ops stdout_out_ops;

/* All kinds, ended by NULL; and the one of that name, or NULL. */
extern const struct sink_ops *const sink_table[];
const struct sink_ops *sink_find(const char *name);

#endif
