/* net/http.h -- requests to web services, many at once. */
/* SPDX-License-Identifier: ISC */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct err;
struct http;
struct http_call;
struct httpreq;
struct httpresp;
struct loop;

struct http_conf {
	const char *ca_file; /* NULL: the system's store */
	const char *proxy;   /* "http://host:port"; NULL: none */
	const char *user_agent;
	uint64_t connect_timeout_ms;
	uint64_t stall_timeout_ms; /* no byte for so long: give up */
	unsigned max_connections;  /* to one host */
};

/* One client for one tenant: connections and TLS sessions are reused. */
struct http *
http_new(struct loop *l, const struct http_conf *conf, struct err *err);

/* Cancels what is under way, calling nobody. */
void http_free(struct http **hp);

/*
 * The callbacks come from the loop, never from inside http_start and never
 * from inside libcurl: all verbs of this room may be called from them.
 */
struct http_cbs {
	/* The status line and headers are complete. */
	void (*head)(void *arg, const struct httpresp *resp);
	/* Body bytes, decompressed, borrowed; at most 256 KiB at once. */
	void (*body)(void *arg, struct str bytes);
	/*
	 * The call is over: err is NULL when the answer arrived whole, else
	 * ERR_RETRY (network), ERR_CONF (certificate, address).  The call is
	 * gone when this returns.
	 */
	void (*done)(void *arg, const struct err *err);
};

/*
 * Send req, whose content is copied.  Redirects are not followed; gzip is
 * asked for and undone; plain http and https only.
 */
struct http_call *http_start(struct http *h, const struct httpreq *req,
    const struct http_cbs *cbs, void *arg);

/* End a call now; its callbacks do not come any more.  Sets *callp NULL. */
void http_cancel(struct http_call **callp);

/* Stop reading the body (what waits is bounded), and go on. */
void http_pause(struct http_call *call);
void http_resume(struct http_call *call);

#endif
