/* net/stream.h -- one outgoing connection, TCP, TLS or unix, and its end. */
/* SPDX-License-Identifier: ISC */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct err;
struct loop;
struct stream;
struct tls;

/* Texts are copied; tls must outlive the stream. */
struct stream_conf {
	const char *host; /* name or address */
	uint16_t port;
	const char *unix_path;       /* instead of host and port */
	struct tls *tls;             /* borrowed; NULL: plain */
	uint64_t connect_timeout_ms; /* for the name, and each address */
	uint64_t handshake_timeout_ms;
	uint64_t stall_timeout_ms;  /* output waits and nothing moves */
	uint64_t finish_timeout_ms; /* for the peer's FIN after ours */
};

/*
 * A stream reads all the time, whoever listens: so it notices at once when
 * the peer leaves or refuses our certificate.  It raises no SIGPIPE itself;
 * the process should ignore that signal all the same.
 *
 * A stream lives through: connecting, (handshaking), up, finishing, over.
 * Each has a deadline.  After `over` has been called nothing comes any more
 * and the stream is to be freed, which may happen inside the callback.
 */
struct stream_cbs {
	void (*up)(void *arg);  /* may write */
	void (*low)(void *arg); /* something went out and at most
					   STREAM_LOW is left: refill */
	void (*data)(void *arg, struct str bytes); /* the peer speaks; NULL:
					   what it says is thrown away */
	/*
	 * err NULL: we finished, and the peer's orderly end says that its
	 * process has read every byte.  ERR_WAIT: it did not answer our end
	 * within finish_timeout_ms.  Otherwise why it ended, with host and
	 * port; nothing is known about bytes that were not acknowledged.
	 */
	void (*over)(void *arg, const struct err *err);
};

/* Begin to connect; never calls back before it returns. */
struct stream *stream_new(struct loop *l, const struct stream_conf *conf,
    const struct stream_cbs *cbs, void *arg);
void stream_free(struct stream **sp); /* at once, without an orderly end */

/*
 * Copy bytes to the output, in chunks that fill TLS records.  Whole frames
 * only.  The caller keeps stream_pending_bytes within its own bounds.
 */
void stream_write(struct stream *s, struct str bytes);

/* Bytes in our buffer; and how far from STREAM_BUFFER_MAX. */
size_t stream_pending_bytes(const struct stream *s);
#define STREAM_BUFFER_MAX (256 * 1024)
#define STREAM_LOW (64 * 1024)

/*
 * Bytes of stream_write so far that the peer's kernel has acknowledged (with
 * TLS: whose last ciphertext byte it has).  For confirm = "kernel".
 */
uint64_t stream_acked_bytes(struct stream *s);

/*
 * No more output: send what waits, close_notify, FIN; then read to the end.
 * `over` follows within the deadlines.  Before `up`, that comes first, unless
 * it fails; `up` and `low` are not called any more.
 */
void stream_finish(struct stream *s);

#endif
