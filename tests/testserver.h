/* tests/testserver.h -- a small server on loopback, in threads of the test. */
/* SPDX-License-Identifier: ISC */
#ifndef TESTS_TESTSERVER_H
#define TESTS_TESTSERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ssl_ctx_st;
struct ssl_st;
struct testserver;

/*
 * One accepted connection, in a thread of its own.  The socket blocks, with a
 * deadline, and is closed when the function returns.  Do not assert here:
 * note what was seen in arg, and look at it after testserver_stop.
 */
typedef void testserver_fn(struct testserver *ts, int fd, void *arg);

/* Listen on 127.0.0.1, on a port of the system's choice. */
struct testserver *testserver_start(testserver_fn *fn, void *arg);
struct testserver *
testserver_start_unix(const char *path, testserver_fn *fn, void *arg);

uint16_t testserver_port(const struct testserver *ts);

/* End the waits, join the threads, free. */
void testserver_stop(struct testserver **tsp);

/* For the functions: do nothing until testserver_stop. */
void testserver_hold(struct testserver *ts);

/* Let the connection end with RST when it is closed. */
void testserver_reset(int fd);

/* Read to the end; how many bytes there were, or -1 when it was no FIN. */
int64_t testserver_drain(int fd);

/* The server's side of TLS: NULL when the handshake failed. */
struct ssl_st *testserver_tls(struct ssl_ctx_st *ctx, int fd);

#endif
