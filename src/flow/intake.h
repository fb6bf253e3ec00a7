/* flow/intake.h -- the line: what happens to a record, from top to bottom. */
/* SPDX-License-Identifier: ISC */
#ifndef FLOW_INTAKE_H
#define FLOW_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "map/map.h"
#include "state/page.h"

struct err;
struct filter;
struct intake;
struct log;
struct source;
struct source_ops;
struct store;

/* A form in which some output wants its events. */
struct intake_form {
	char name[32]; /* "cef/8192", as store_reader_new is told */
	struct map_conf conf;
};

/* Everything is borrowed for the intake's life. */
struct intake_conf {
	const char *source; /* its configured name */
	const struct source_ops *ops;
	struct store *store;
	struct map *map;
	struct filter *filter; /* NULL: all records go on */
	const struct intake_form *forms;
	size_t n_forms;
	const struct log *log;
};

struct intake *intake_new(const struct intake_conf *conf);
void intake_free(struct intake **ip);

/* What came of the records since intake_begin. */
struct intake_tally {
	uint64_t n[PAGE_COUNTS];
};

/* A round begins: forget the page under way and count from nothing. */
void intake_begin(struct intake *in);
const struct intake_tally *intake_tally(const struct intake *in);

/*
 * Take one record through the line.  It ends as a duplicate, filtered out,
 * set aside with a reason, or as an event in the page; never nowhere.
 * Return true if the page should be handed over now.
 */
bool intake_take(struct intake *in, struct source *s, unsigned tag,
    struct str raw, size_t oversize_bytes, uint64_t wall_ms);

/*
 * Something that held records is gone for good: count one record, and set
 * aside what is known of it, with the reason.  As above, return true if the
 * page should be handed over.
 */
bool intake_lost(
    struct intake *in, struct str known, const char *why, uint64_t wall_ms);

/*
 * The page under way, complete with its counts: hand it to the store, then
 * call intake_next to begin the next one.
 */
struct page *intake_page(struct intake *in);
void intake_next(struct intake *in);

#endif
