/* tools/sim/sim_call.h -- one request, and the answer that it gets. */
/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_SIM_SIM_CALL_H
#define TOOLS_SIM_SIM_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "tools/sim/sim.h"
#include "tools/sim/sim_fault.h"

struct evhttp_request;
struct event;

#define SIM_PARTS 4
#define SIM_PARAMS 16
#define SIM_BODY_MOST ((size_t)1 << 30)

struct sim_param {
	char *name, *value; /* owned, decoded */
};

struct sim_call {
	struct sim *sim;
	const struct sim_route *route;
	struct evhttp_request *req;

	/* The request. */
	char *path;                 /* owned, decoded segments point into it */
	const char *query;          /* as it came; NULL without one */
	struct str part[SIM_PARTS]; /* what stood for each "{}" */
	struct sim_param param[SIM_PARAMS];
	size_t n_params;
	struct str body;
	bool bad;  /* an escape that is none, or too many parameters */
	bool gzip; /* the client takes it */

	/* What it suffers; a copy, since the scenario may change. */
	struct sim_fault fault;

	/* The answer: the status, and the body in two pieces. */
	int status;
	const char *type;
	char *retry_after; /* owned; NULL for none */
	struct buf head;
	struct buf rest;
	uint64_t page_key; /* not 0: rest may be kept under it, zipped */
	bool page_found;   /* it is kept: rest was not composed */

	/* While it is held back. */
	struct event *timer;
	struct sim_call *prev, *next;
};

/* The value of a parameter of the query, or NULL. */
const char *sim_call_param(const struct sim_call *call, const char *name);

/* A header of the request, or NULL. */
const char *sim_call_header(const struct sim_call *call, const char *name);
void
sim_call_add_header(struct sim_call *call, const char *name, const char *value);

/* "http://127.0.0.1:8080", as the client wrote it. */
void sim_call_origin(const struct sim_call *call, struct buf *out);

/*
 * Say that rest will be what key names.  True if that is kept already, so
 * that it need not be composed.
 */
bool sim_call_keeps(struct sim_call *call, uint64_t key);

/* Forget what was composed so far. */
void sim_call_restart(struct sim_call *call);

/* A fresh GUID for headers and bodies. */
void sim_call_guid(struct sim_call *call, struct buf *out);

/* Text for between JSON's quotes; all but plain ASCII becomes '?'. */
void sim_put_plain(struct buf *out, const char *text);

/*
 * Add the bad things that the fault wants, as one member more of the JSON
 * object that out ends with.
 */
void sim_call_spoil(const struct sim_call *call, struct buf *out);

/* An HTML page as a proxy in between would send it. */
void sim_call_html(struct sim_call *call, int status);

#endif
