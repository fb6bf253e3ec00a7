/* source/graph.h -- what all Microsoft Graph collections have in common. */
/* SPDX-License-Identifier: ISC */
#ifndef SOURCE_GRAPH_H
#define SOURCE_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct err;
struct httpreq;
struct httpresp;
struct json_doc;
struct opt_list;
struct source_limits;

/* All that read alerts and incidents share this allowance. */
#define GRAPH_SECURITY_API "graph-security"
extern const struct source_limits graph_security_limits;

/*
 * Add the headers that each request carries; `n` numbers the requests of
 * this source and makes, with wall_ms, the id by which support finds one.
 */
void graph_headers(struct httpreq *req, uint64_t wall_ms, uint64_t n);

/*
 * Turn an error answer into words: what Graph says, with the id of the
 * request, and what the operator can do.  `permission` is the one to grant.
 */
void graph_error(const struct httpresp *resp, struct str body, uint64_t wall_ms,
    const char *permission, struct err *err);

/* Of a next link, which is opaque and may hold a whole query. */
#define GRAPH_LINK_MAX (32 * 1024)

/* True if the text holds these words, in whatever letter case. */
bool graph_says(struct str body, const char *words);

/*
 * Find the link to the next page and put it into link_r.  Return 1 if there
 * is one, 0 if not, -1 with ERR_DATA, naming its host, if it leads away from
 * base_url: no token goes there.
 */
int graph_next_link(const struct json_doc *envelope, const char *base_url,
    struct buf *link_r, struct err *err);

/*
 * A list whose end is told by links alone.  `link` is what to ask for next,
 * empty for the first page.
 */
struct graph_chain {
	struct buf link;
	uint64_t n; /* links followed */
	uint64_t mark_at, mark;
};

void graph_chain_init(struct graph_chain *c);
void graph_chain_clear(struct graph_chain *c);
void graph_chain_begin(struct graph_chain *c);

/*
 * A page is read.  1: go on with the link; 0: that was all; -1, ERR_DATA: the
 * link leads elsewhere, or in a circle, and the chain is at its beginning.
 */
int graph_chain_next(struct graph_chain *c, const struct json_doc *envelope,
    const char *base_url, struct err *err);

/* The service's own clock, from the answer's Date header; false: unknown. */
bool graph_clock(const struct httpresp *resp, int64_t *ticks_r);

/* Append "(name eq 'a' or name eq 'b')", nothing for an empty list. */
void graph_any_of(
    struct buf *filter, const char *name, char *const *values, size_t n);

/*
 * See that a list holds names fit for a filter, and only known ones; known
 * may be NULL for any.  -1, ERR_CONF.
 */
int graph_check_words(const char *option, const struct opt_list *list,
    const char *const *known, struct err *err);

/* What there is to know; NULL ends them. */
extern const char *const graph_severities[];

uint64_t graph_hash(struct str s);

#endif
