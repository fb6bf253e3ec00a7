/* tests/testca.h -- an authority that issues certificates for one test. */
/* SPDX-License-Identifier: ISC */
#ifndef TESTS_TESTCA_H
#define TESTS_TESTCA_H

#include <stdbool.h>

struct ssl_ctx_st;
struct testca;

/* What a certificate says; zeroes make a good one without names. */
struct testca_cert {
	const char *subject; /* common name */
	const char *san;     /* "DNS:localhost,IP:127.0.0.1"; NULL: none */
	const char *usage;   /* extended key usage: "clientAuth"; NULL: none */
	long begins_s;       /* valid from now plus this; 0: a day ago */
	long ends_s;         /* to now plus this; 0: tomorrow */
	bool self_signed;
	bool rsa_1024; /* too weak a key */
};

/*
 * Make keys in memory and a temporary directory with ca.pem in it.  Freeing
 * removes the directory and all in it.
 */
struct testca *testca_new(const char *name);
void testca_free(struct testca **cap);

/* Write NAME.pem and NAME.key (mode 0600). */
void testca_issue(
    struct testca *ca, const char *name, const struct testca_cert *cert);

/* The path of a file there, whether it exists or not; lives with the ca. */
const char *testca_path(struct testca *ca, const char *file);

/* "SHA256:AA:BB:..." of NAME.pem; lives with the ca. */
const char *testca_fingerprint(struct testca *ca, const char *name);

/*
 * A server's context with NAME.pem; if clients is not NULL, those must show
 * a certificate of that authority.  Free with SSL_CTX_free.
 */
struct ssl_ctx_st *
testca_server(struct testca *ca, const char *name, struct testca *clients);

#endif
