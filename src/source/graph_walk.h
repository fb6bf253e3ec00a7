/* source/graph_walk.h -- reads a Graph collection by the time of changes. */
/* SPDX-License-Identifier: ISC */
#ifndef SOURCE_GRAPH_WALK_H
#define SOURCE_GRAPH_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "record/cursor.h"
#include "source/source.h"
#include "source/window.h"

struct err;
struct httpreq;
struct httpresp;
struct json_doc;
struct record;

/*
 * A round lists what changed since the last one, by lastUpdateDateTime, with
 * some overlap behind the cursor, and not what is younger than the settling
 * time, since records become visible a little after the moment that they
 * carry.  Some become visible much later; so every few hours a round sweeps
 * over a whole day.  What is listed twice is recognised further down the
 * line.
 *
 * The cursor says up to which moment all was read.  It is the round's upper
 * end, but never later than what the service's own clock said when the round
 * began: if our clock is ahead by a day, a cursor taken from it would step
 * over a day of records that do not exist yet.
 */
struct graph_walk_conf {
	const char *type;       /* of the records: "graph-alerts" */
	const char *path;       /* behind the API's address */
	const char *things;     /* in words: "alerts" */
	const char *permission; /* what the operator must grant */
	uint32_t page_size;
	uint32_t skip_max; /* the service refuses to pass over more */
	uint64_t settle_ms;
	uint64_t sweep_ms; /* 0: never */
	uint64_t sweep_overlap_ms;
};

struct graph_walk {
	struct graph_walk_conf conf;
	struct source_common common;
	char *base_url;     /* owned; what common points to */
	struct buf where;   /* more of the filter: " and ..."; to be filled */
	const char *expand; /* borrowed; NULL: nothing is */

	/* The round. */
	struct cursor from;
	int64_t start; /* nothing before it was ever asked for; ticks */
	int64_t read_until, until, swept;
	uint64_t wall_ms;
	struct window window;
	struct buf link;   /* to ask for next; empty: ask the window */
	bool is_out;       /* a request is under way */
	bool is_answering; /* and its answer has begun */
	bool is_partial;   /* and is not the whole one */
	bool link_told;
	unsigned failures; /* of the same request, in a row */
	uint64_t requests; /* ever */

	struct buf id, version; /* of the record read last */
};

/* After so many failures of one request it is taken to be too much. */
#define GRAPH_WALK_PATIENCE 2

void graph_walk_init(struct graph_walk *w, const struct graph_walk_conf *conf,
    const struct source_common *common);
void graph_walk_clear(struct graph_walk *w);

/* These do what those of source.h do for the list. */
void graph_walk_begin(
    struct graph_walk *w, const struct cursor *from, uint64_t wall_ms);
int graph_walk_ask(struct graph_walk *w, struct httpreq *req);
int graph_walk_head(
    struct graph_walk *w, const struct httpresp *resp, const char **records_r);
int graph_walk_record(struct graph_walk *w, const struct json_doc *doc,
    struct record *rec_r, struct err *err);
void graph_walk_unread(struct graph_walk *w);
int graph_walk_tail(
    struct graph_walk *w, const struct json_doc *envelope, struct err *err);
bool graph_walk_end(struct graph_walk *w, struct cursor *to_r);

/*
 * As `fail` of source.h.  True if the service did not manage what it was
 * asked for, not for the first time, and asking for fewer is at its end.
 */
bool graph_walk_fail(struct graph_walk *w, const struct httpresp *resp,
    struct str body, uint64_t wall_ms, struct err *err);

/* Leave a chain of links that is of no more use. */
void graph_walk_unlink(struct graph_walk *w, struct err *err);

/* Read a record of such a collection that was not listed, but got alone. */
int graph_walk_read(struct graph_walk *w, const struct json_doc *doc,
    struct record *rec_r, struct err *err);

#endif
