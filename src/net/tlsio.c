/* net/tlsio.c -- TLS over a socket that does not block. */
/* SPDX-License-Identifier: ISC */
/*
 * OpenSSL's own socket BIO writes with write(2), which raises SIGPIPE, and
 * hides whether the peer sent FIN or RST; so here is one of ours.  Its counts
 * of bytes tie the kernel's acknowledgements, which are of ciphertext, to the
 * bytes that were given to us: after each record the two totals are marked.
 */
#include "net/tlsio.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "net/tls.h"

#define TLSIO_RECORD (16 * 1024)
#define TLSIO_MARKS_MAX 512
#define TLSIO_ERRORS_MAX 8

/* A record's end, in both counts. */
struct mark {
	uint64_t plain, sent;
};

struct tlsio {
	struct tls *tls; /* borrowed */
	SSL *ssl;
	BIO_METHOD *method;
	BIO *bio; /* borrowed from ssl */
	int fd;   /* borrowed */
	bool eof; /* the socket said so */
	int sys;  /* errno of the socket; 0: none */
	bool wants_write;
	size_t again; /* length of the write that must be repeated */
	uint64_t read_at_handshake;
	uint64_t plain, plain_acked;
	struct mark marks[TLSIO_MARKS_MAX]; /* a ring */
	unsigned first_mark, n_marks;
};

static bool
is_passing(int code)
{
	return code == EAGAIN || code == EINTR;
}

static int
bio_read(BIO *bio, char *p, int size)
{
	struct tlsio *io = BIO_get_data(bio);
	ssize_t n = recv(io->fd, p, (size_t)size, 0);

	BIO_clear_retry_flags(bio);
	if (n == 0)
		io->eof = true;
	else if (n < 0 && is_passing(errno))
		BIO_set_retry_read(bio);
	else if (n < 0)
		io->sys = errno;
	return (int)n;
}

static int
bio_write(BIO *bio, const char *p, int size)
{
	struct tlsio *io = BIO_get_data(bio);
	ssize_t n = send(io->fd, p, (size_t)size, MSG_NOSIGNAL);

	BIO_clear_retry_flags(bio);
	if (n < 0 && is_passing(errno))
		BIO_set_retry_write(bio);
	else if (n < 0)
		io->sys = errno;
	return (int)n;
}

static long
bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	const struct tlsio *io = BIO_get_data(bio);

	(void)num;
	(void)ptr;
	if (cmd == BIO_CTRL_EOF)
		return io->eof;
	return cmd == BIO_CTRL_FLUSH;
}

struct tlsio *
tlsio_new(struct tls *t, const char *host, int fd, struct err *err)
{
	struct tlsio *io = xcalloc(1, sizeof(*io));

	io->tls = t;
	io->fd = fd;
	io->ssl = tls_client(t, host, err);
	if (io->ssl == NULL)
		goto fail;
	io->method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | 127, "tlsio");
	if (io->method != NULL) {
		BIO_meth_set_read(io->method, bio_read);
		BIO_meth_set_write(io->method, bio_write);
		BIO_meth_set_ctrl(io->method, bio_ctrl);
		io->bio = BIO_new(io->method);
	}
	if (io->bio == NULL) {
		err_set(err, ERR_SYS, "OpenSSL has no memory");
		goto fail;
	}
	BIO_set_data(io->bio, io);
	BIO_set_init(io->bio, 1);
	SSL_set_bio(io->ssl, io->bio, io->bio);
	return io;
fail:
	tlsio_free(&io);
	return NULL;
}

void
tlsio_free(struct tlsio **iop)
{
	struct tlsio *io = *iop;

	*iop = NULL;
	if (io == NULL)
		return;
	SSL_free(io->ssl);
	BIO_meth_free(io->method);
	xfree(io);
}

/* Why the attempt that returned rc (not above 0) did not work. */
static enum io_result
explain(struct tlsio *io, int rc, struct err *err)
{
	unsigned long codes[TLSIO_ERRORS_MAX], code;
	unsigned n = 0;

	switch (SSL_get_error(io->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		io->wants_write = false;
		return IO_WAIT;
	case SSL_ERROR_WANT_WRITE:
		io->wants_write = true;
		return IO_WAIT;
	case SSL_ERROR_ZERO_RETURN:
		return IO_GOODBYE;
	default:
		break;
	}
	while ((code = ERR_get_error()) != 0)
		if (n < TLSIO_ERRORS_MAX)
			codes[n++] = code;
	if (io->eof)
		return IO_EOF;
	if (io->sys != 0 && n == 0)
		err_set(err, ERR_RETRY, "%s", strerror(io->sys));
	else
		tls_explain(io->tls, io->ssl, codes, n, err);
	return IO_FAILED;
}

enum io_result
tlsio_handshake(struct tlsio *io, struct err *err)
{
	int rc;

	ERR_clear_error();
	rc = SSL_do_handshake(io->ssl);
	if (rc != 1)
		return explain(io, rc, err);
	io->read_at_handshake = BIO_number_read(io->bio);
	return IO_OK;
}

enum io_result
tlsio_read(struct tlsio *io, char *p, size_t size, size_t *n_r, struct err *err)
{
	ERR_clear_error();
	if (SSL_read_ex(io->ssl, p, size, n_r) == 1)
		return IO_OK;
	return explain(io, 0, err);
}

/*
 * When the ring is full the newest mark moves: then bytes count as acknowledged
 * later than they are, never earlier.
 */
static void
add_mark(struct tlsio *io)
{
	unsigned at;

	if (io->n_marks < TLSIO_MARKS_MAX)
		io->n_marks++;
	at = (io->first_mark + io->n_marks - 1) % TLSIO_MARKS_MAX;
	io->marks[at].plain = io->plain;
	io->marks[at].sent = BIO_number_written(io->bio);
}

enum io_result
tlsio_write(struct tlsio *io, struct str bytes, size_t *n_r, struct err *err)
{
	size_t len = bytes.len < TLSIO_RECORD ? bytes.len : TLSIO_RECORD;
	enum io_result res;

	if (io->again > 0)
		len = io->again;
	ERR_clear_error();
	if (SSL_write_ex(io->ssl, bytes.p, len, n_r) == 1) {
		io->again = 0;
		io->plain += *n_r;
		add_mark(io);
		return IO_OK;
	}
	res = explain(io, 0, err);
	if (res == IO_WAIT)
		io->again = len;
	return res;
}

enum io_result
tlsio_close(struct tlsio *io, struct err *err)
{
	int rc;

	ERR_clear_error();
	rc = SSL_shutdown(io->ssl);
	return rc >= 0 ? IO_OK : explain(io, rc, err);
}

bool
tlsio_wants_write(const struct tlsio *io)
{
	return io->wants_write;
}

bool
tlsio_has_input(const struct tlsio *io)
{
	return SSL_pending(io->ssl) > 0;
}

bool
tlsio_sent_certificate(const struct tlsio *io)
{
	return SSL_get_certificate(io->ssl) != NULL;
}

bool
tlsio_is_proved(const struct tlsio *io)
{
	if (SSL_version(io->ssl) < TLS1_3_VERSION ||
	    !tlsio_sent_certificate(io) || SSL_session_reused(io->ssl))
		return true;
	return BIO_number_read(io->bio) > io->read_at_handshake;
}

uint64_t
tlsio_plain_bytes(struct tlsio *io, uint64_t sent)
{
	while (io->n_marks > 0 && io->marks[io->first_mark].sent <= sent) {
		io->plain_acked = io->marks[io->first_mark].plain;
		io->first_mark = (io->first_mark + 1) % TLSIO_MARKS_MAX;
		io->n_marks--;
	}
	return io->plain_acked;
}
