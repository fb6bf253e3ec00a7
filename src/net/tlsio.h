/* net/tlsio.h -- TLS over a socket that does not block. */
/* SPDX-License-Identifier: ISC */
#ifndef NET_TLSIO_H
#define NET_TLSIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct err;
struct tls;
struct tlsio;

/* What came of one attempt to read, write or shake hands. */
enum io_result {
	IO_OK,
	IO_WAIT,    /* the socket must become readable or writable first */
	IO_GOODBYE, /* the peer's close_notify: no more data, FIN may follow */
	IO_EOF,     /* the peer's FIN */
	IO_FAILED   /* err says why; nothing more will work */
};

/* The socket is connected and stays the caller's.  t must live longer. */
struct tlsio *
tlsio_new(struct tls *t, const char *host, int fd, struct err *err);
void tlsio_free(struct tlsio **iop); /* says nothing to the peer */

enum io_result tlsio_handshake(struct tlsio *io, struct err *err);
enum io_result tlsio_read(
    struct tlsio *io, char *p, size_t size, size_t *n_r, struct err *err);

/*
 * Write one record of at most 16 KiB.  After IO_WAIT the same bytes must be
 * given again (more of them are welcome and wait for the next call).
 */
enum io_result
tlsio_write(struct tlsio *io, struct str bytes, size_t *n_r, struct err *err);

/* Send close_notify.  Reading goes on. */
enum io_result tlsio_close(struct tlsio *io, struct err *err);

/* Whether the last IO_WAIT was for the socket to become writable. */
bool tlsio_wants_write(const struct tlsio *io);

/* Decrypted bytes wait inside, which no event of the socket will tell. */
bool tlsio_has_input(const struct tlsio *io);

/*
 * In TLS 1.3 the handshake is over before the server has looked at our
 * certificate.  True once it has spoken since, or had none to look at.
 */
bool tlsio_is_proved(const struct tlsio *io);
bool tlsio_sent_certificate(const struct tlsio *io);

/*
 * How many of the written bytes lie wholly within the first `sent` bytes of
 * what went over the socket.
 */
uint64_t tlsio_plain_bytes(struct tlsio *io, uint64_t sent);

#endif
