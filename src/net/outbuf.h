/* net/outbuf.h -- bytes on their way out, in pieces that fill TLS records. */
/* SPDX-License-Identifier: ISC */
#ifndef NET_OUTBUF_H
#define NET_OUTBUF_H

#include <stddef.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include "base/str.h"

/* The most that one TLS record holds. */
#define OUTBUF_PIECE (16 * 1024)

struct outbuf_piece;
TAILQ_HEAD(outbuf_pieces, outbuf_piece);

/*
 * A queue of bytes.  It has no cap of its own: whoever fills it looks at
 * `bytes` and holds its hand.  Pieces that were emptied are kept for the next
 * bytes, up to a fixed number.
 */
struct outbuf {
	struct outbuf_pieces pieces; /* the last one may have room */
	struct outbuf_pieces spares;
	unsigned n_spares;
	size_t bytes; /* for reading */
};

void outbuf_init(struct outbuf *b);
void outbuf_clear(struct outbuf *b);

void outbuf_add(struct outbuf *b, struct str bytes);

/* The bytes at the front that lie together; empty if there are none. */
struct str outbuf_front(const struct outbuf *b);

/* Fill iov with the first pieces, at most max of them; return how many. */
int outbuf_iov(const struct outbuf *b, struct iovec *iov, int max);

/* The first n bytes have gone. */
void outbuf_take(struct outbuf *b, size_t n);

/* Give the spare pieces back to the system. */
void outbuf_rest(struct outbuf *b);

#endif
