/* net/tls.h -- what makes a connection to a collector private and certain. */
/* SPDX-License-Identifier: ISC */
#ifndef NET_TLS_H
#define NET_TLS_H

#include <stdint.h>

struct buf;
struct err;
struct ssl_st;
struct tls;

struct tls_conf {
	const char *ca_file; /* trust these; NULL with no ca_dir: system's */
	const char *ca_dir;
	const char *cert_file;   /* our certificate chain; NULL: none */
	const char *key_file;    /* refused if others can read it */
	const char *server_name; /* the name to verify; NULL: the host */
	const char *fingerprint; /* "SHA256:AA:BB:..."; trust just this one */
};

/* Load and check everything once; ERR_CONF names file and reason. */
struct tls *tls_new(const struct tls_conf *conf, struct err *err);
void tls_free(struct tls **tp);

/*
 * A client connection to host, verified by chain and name (or address),
 * TLS 1.2 and up.  Sessions of earlier connections are offered again.  The
 * caller owns the result (SSL_free).
 */
struct ssl_st *tls_client(struct tls *t, const char *host, struct err *err);

/*
 * Why a handshake or read failed, in words and with what to do: verification
 * result with subject and dates, alert by name, plain text on the TLS port.
 * ssl_errors are the codes that OpenSSL queued, newest last.
 */
int tls_explain(struct tls *t, struct ssl_st *ssl,
    const unsigned long *ssl_errors, unsigned n, struct err *err);

#endif
