/* source/graph.h -- what all Microsoft Graph collections have in common. */
/* SPDX-License-Identifier: ISC */
#ifndef SOURCE_GRAPH_H
#define SOURCE_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct buf;
struct err;
struct httpreq;
struct httpresp;
struct json_doc;
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

/* The service's own clock, from the answer's Date header; false: unknown. */
bool graph_clock(const struct httpresp *resp, int64_t *ticks_r);

/* Append "(name eq 'a' or name eq 'b')", nothing for an empty list. */
void graph_any_of(
    struct buf *filter, const char *name, char *const *values, size_t n);

uint64_t graph_hash(struct str s);

#endif
