/* source/mdca.h -- what the lists of Defender for Cloud Apps have in common. */
/* SPDX-License-Identifier: ISC */
#ifndef SOURCE_MDCA_H
#define SOURCE_MDCA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "source/window.h"

struct err;
struct httpreq;
struct httpresp;
struct json_doc;
struct source_limits;

/* One allowance for the whole tenant; this is the order in which it goes. */
#define MDCA_API "mdca"
#define MDCA_PERMISSION "Investigation.read"
extern const struct source_limits mdca_limits;
enum {
	MDCA_RANK_ALERTS,
	MDCA_RANK_ACTIVITIES
};

/* What a list does not change. */
struct mdca_conf {
	const char *base_url; /* the tenant's, with or without "/api" */
	const char *path;     /* "alerts/" */
	const char *what;     /* "alerts", for messages */
	const char
	    *api_filter; /* a JSON object in the API's own words, or NULL */
	const char *const
	    *own; /* filters that it must not have; ends by NULL */
	uint32_t page_size;
	bool scan; /* ask in scan mode */
};

/*
 * Reads one list, from one moment to another, by one of its times.  The
 * verbs are those of a source, without the records.
 */
struct mdca {
	struct window window; /* in milliseconds; done: all is read */
	/*
	 * Set before mdca_begin: where to end, in ms; and how far behind the
	 * service's own clock that must stay.  An answer whose clock says so
	 * moves `until` back: what is later may not have been there yet.
	 */
	int64_t until, settle_ms;

	/* Its own. */
	const char *what;
	struct buf url, portal, filters;
	const char *by, *sort_by; /* the filter with the time; the order */
	struct buf next;          /* filters for the next page, or empty */
	bool scan;
	bool is_out;       /* a request is under way */
	bool is_answering; /* and its answer has begun */
	unsigned failures; /* of the same request, in a row */
};

/* -1 with ERR_CONF if the filter is none.  Clear in either case. */
int mdca_init(struct mdca *m, const struct mdca_conf *conf, struct err *err);
void mdca_clear(struct mdca *m);

/* Where the tenant's people look at what was read. */
struct str mdca_portal(const struct mdca *m);

/* Begin to read from there to m->until, by the time that `by` filters. */
void
mdca_begin(struct mdca *m, const char *by, const char *sort_by, int64_t from);

int mdca_ask(struct mdca *m, struct httpreq *req);
int
mdca_head(struct mdca *m, const struct httpresp *resp, const char **records_r);
int mdca_tail(struct mdca *m, const struct json_doc *envelope, struct err *err);
void mdca_fail(struct mdca *m, const struct httpresp *resp, struct str body,
    uint64_t wall_ms, struct err *err);

/*
 * The record's id (of the first of two names that has one), kept in *id, and
 * shown to the window.  -1 with ERR_DATA if it has none.
 */
int mdca_see(struct mdca *m, const struct json_doc *doc, const char *name,
    const char *other, struct buf *id, struct str *id_r, struct err *err);

/*
 * A time in ms since 1970, written as a number, with or without a fraction,
 * as a text of one, or as a date; 0 if it is none of these, or before.
 */
int64_t mdca_time(const struct json_doc *doc, const char *name);

/* A whole number, or -1. */
int64_t mdca_number(const struct json_doc *doc, const char *name);

#endif
