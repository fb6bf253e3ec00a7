/* tests/fake_http.h -- net/http.h whose answers a test gives. */
/* SPDX-License-Identifier: ISC */
#ifndef TESTS_FAKE_HTTP_H
#define TESTS_FAKE_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"
#include "codec/httpmsg.h"
#include "net/http.h"

/*
 * Link fake_http.c and every verb of net/http.h is the fake's.  It keeps what
 * was asked; the test answers when it likes: at once in a script, or later.
 * As with the real one, callbacks come from the loop only (fake or real), so
 * let it turn after answering.
 */

/* What was asked.  Texts are terminated and live as long as the call. */
struct fake_http_asked {
	unsigned number; /* 1 for the client's first call */
	enum http_method method;
	const char *url;
	const char *headers; /* "Name: value\n" lines */
	struct str body;
	const char *bearer; /* NULL: none was sent */
	bool no_proxy;
	unsigned tag;
};

/* Called for each request, from the loop.  It need not answer now. */
typedef void fake_http_script(
    void *arg, struct http_call *call, const struct fake_http_asked *asked);
void fake_http_on_request(struct http *h, fake_http_script *fn, void *arg);

/*
 * Without a script: the oldest call that nothing was answered to, or NULL;
 * and what it asks.
 */
struct http_call *fake_http_next(struct http *h);
const struct fake_http_asked *fake_http_asked(const struct http_call *call);

/* Calls that are not over; of them, those paused by their user. */
unsigned fake_http_open(const struct http *h);
bool fake_http_is_paused(const struct http_call *call);

/* All calls there ever were, the cancelled among them. */
unsigned fake_http_count(const struct http *h);

/*
 * The parts of an answer, in this order; each waits for its turn and for the
 * end of a pause.  headers are "Name: value\n" lines or NULL.
 */
void fake_http_head(struct http_call *call, int status, const char *headers);
void fake_http_body(struct http_call *call, struct str bytes);
void fake_http_done(struct http_call *call);

/* The network fails, before or after any of these parts. */
void
fake_http_fail(struct http_call *call, enum err_kind kind, const char *text);

/* A whole answer. */
void fake_http_answer(
    struct http_call *call, int status, const char *headers, struct str body);

/* How the client was made; texts copied, NULL as they were. */
const struct http_conf *fake_http_conf(const struct http *h);

#endif
