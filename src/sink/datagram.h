/* sink/datagram.h -- sends each event as a datagram, UDP or unix. */
/* SPDX-License-Identifier: ISC */
#ifndef SINK_DATAGRAM_H
#define SINK_DATAGRAM_H

#include <stdint.h>

#include "base/str.h"
#include "sink/sink.h"

struct datagram;

struct datagram_conf {
	const char *who;
	const char *host; /* NULL with unix_path */
	uint16_t port;
	const char *unix_path;
	uint64_t seed;
};

/*
 * Nobody acknowledges a datagram: what the system took counts as confirmed.
 * conf is copied; its texts are borrowed for the sender's life.
 */
struct datagram *datagram_new(struct loop *l, const struct datagram_conf *conf,
    const struct sink_cbs *cbs, void *arg);
void datagram_free(struct datagram **dp);

/* Take one message: 1; or 0, and `ready` follows. */
int datagram_send(struct datagram *d, uint64_t pos, struct str message);

void datagram_finish(struct datagram *d, void (*done)(void *arg), void *arg);

#endif
