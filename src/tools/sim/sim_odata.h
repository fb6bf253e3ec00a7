/* tools/sim/sim_odata.h -- a collection of Microsoft Graph, page by page. */
/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_SIM_SIM_ODATA_H
#define TOOLS_SIM_SIM_ODATA_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/sim/sim_filter.h"

struct buf;
struct sim_call;
struct sim_store;
struct sim_version;

#define SIM_ODATA_TOP_MOST 1000
#define SIM_ODATA_PROPERTIES 8

/* How the client wants the records of a page. */
struct sim_odata_form {
	bool newer;    /* it understands newer members of enumerations */
	bool expanded; /* with what belongs to them */
};

struct sim_odata {
	const char *path;    /* of the request, for next links */
	const char *context; /* behind "$metadata#" */
	const struct sim_store *store;
	const char *sorted_by; /* a date; NULL: there is no $orderby */
	/* The first is what it is sorted by; NULL: there is no $filter. */
	const struct sim_property *properties;
	uint32_t top_default, top_most; /* at most SIM_ODATA_TOP_MOST */
	uint32_t skip_most;
	const char *expand; /* what $expand may name; NULL: nothing */
	int64_t low, high;  /* the times that it has; both 0: all */
	bool oldest_first;  /* unless $orderby says otherwise */
	const void *arg;
	void (*values)(const void *arg, const struct sim_version *v,
	    union sim_value *value_r);
	/* One JSON object.  arg, as above, is the one given here. */
	void (*put)(const void *arg, const struct sim_version *v,
	    const struct sim_odata_form *form, struct buf *out);
	/* False if the service cannot put this page together; may be NULL. */
	bool (*manages)(const void *arg, const uint32_t *versions, uint64_t n,
	    const struct sim_odata_form *form);
};

/* Answer a request for a list. */
void sim_odata_serve(const struct sim_odata *list, struct sim_call *call);

/* Say what kind of answer this is, and in which form it is wanted. */
void sim_odata_begin(struct sim_call *call, struct sim_odata_form *form_r);

/* An error in Graph's words; reason NULL: what is usually said. */
void sim_odata_fail(struct sim_call *call, int status, const char *reason);

#endif
