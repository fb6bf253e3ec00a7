/* sink/courier.h -- brings frames over connections, with proof. */
/* SPDX-License-Identifier: ISC */
#ifndef SINK_COURIER_H
#define SINK_COURIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "net/stream.h"
#include "sink/sink.h"

struct courier;

enum courier_confirm {
	COURIER_READ,   /* by an orderly end: the peer's process has read all */
	COURIER_KERNEL, /* by the peer's kernel */
	COURIER_NONE    /* by being written */
};

struct courier_conf {
	const char *who; /* the output's name, for log lines */
	struct stream_conf stream;
	enum courier_confirm confirm;
	uint64_t confirm_bytes;       /* COURIER_READ: turn over after so */
	uint64_t confirm_interval_ms; /* many, or so long */
	uint64_t grace_ms; /* after the handshake, before the first frame */
	bool shows_certificate; /* ours, which the peer may refuse late */
	uint64_t seed;
};

/*
 * Keep one connection up and bring frames over it.  With COURIER_READ the
 * next connection is opened before the last one is ended, so nothing waits.
 * conf is copied; what it points to is borrowed for the courier's life.
 * Callbacks come from the loop, never from inside a verb.
 */
struct courier *courier_new(struct loop *l, const struct courier_conf *conf,
    const struct sink_cbs *cbs, void *arg);
void courier_free(struct courier **cp);

/*
 * Take a whole frame, whose event stands at pos: 1, or 0 if there is no room
 * or no connection; `ready` follows.
 */
int courier_send(struct courier *c, uint64_t pos, struct str frame);

/* End in order, then call done; at the latest after deadline_ms. */
void courier_finish(struct courier *c, uint64_t deadline_ms,
    void (*done)(void *arg), void *arg);

#endif
