/* codec/httpmsg.h -- a request and an answer as plain values. */
/* SPDX-License-Identifier: ISC */
#ifndef CODEC_HTTPMSG_H
#define CODEC_HTTPMSG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct err;
struct secret;

#define HTTPMSG_BODY_MAX (1024 * 1024)
#define HTTPMSG_HEADERS_MAX (64 * 1024)
#define HTTPMSG_WAIT_MS 30000       /* after a 429 that says no time */
#define HTTPMSG_WAIT_MAX_MS 3600000 /* however long the server asks for */

enum http_method {
	HTTP_GET,
	HTTP_POST,
	HTTP_PATCH
};

/* What one asks. `bearer` is added by whoever knows the token. */
struct httpreq {
	enum http_method method;
	struct buf url;
	struct buf headers; /* "Name: value\n" lines, no Authorization */
	struct buf body;
	const struct secret *bearer; /* borrowed; NULL: send none */
	const char *scheme;          /* before it; NULL: "Bearer" */
	bool no_proxy;               /* for addresses of the machine itself */
	unsigned tag; /* the asker's own; comes back with the answer */
};

void httpreq_init(struct httpreq *req);
void httpreq_clear(struct httpreq *req);
void httpreq_header(struct httpreq *req, const char *name, const char *value);

/* Append "name=value" to the url's query, percent-encoding the value. */
void httpreq_query(struct httpreq *req, const char *name, struct str value);

/* Append "name=value" to the body as a form field, encoded. */
void httpreq_form(struct httpreq *req, const char *name, struct str value);

/* What came back, without its body. */
struct httpresp {
	int status;         /* 0: there was none */
	struct buf headers; /* the last answer's lines, "Name: value\n" */
	unsigned tag;       /* of the request */
};

void httpresp_init(struct httpresp *resp);
void httpresp_clear(struct httpresp *resp);

/* The value of the first header of that name, or an empty str. */
struct str httpresp_header(const struct httpresp *resp, const char *name);

/* The server's own clock, from the answer's Date; false: it shows none. */
bool httpresp_date(const struct httpresp *resp, int64_t *ms_r);

/*
 * What the server's Retry-After asks for: seconds, with or without a
 * fraction, or a date (measured by the answer's own Date, if it has one).
 * In ms, at least 1 s and at most max_ms; 0 if there is no such header or it
 * says nothing.
 */
uint64_t httpresp_retry_after(
    const struct httpresp *resp, uint64_t wall_ms, uint64_t max_ms);

/*
 * Turn a status that is no success into an err of the right kind, whatever
 * the vendor: 401 LOGIN, 403 DENIED, 404 and 410 GONE, 408 and 5xx RETRY or,
 * with Retry-After, WAIT; 429 WAIT; others CONF.  `reason` are the server's
 * words or empty.  Return 0 for 2xx.
 */
int httpresp_check(const struct httpresp *resp, struct str reason,
    uint64_t wall_ms, struct err *err);

#endif
