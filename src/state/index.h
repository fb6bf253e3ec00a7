/* state/index.h -- which ids are known: the part that can be made again. */
/* SPDX-License-Identifier: ISC */
#ifndef STATE_INDEX_H
#define STATE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "state/page.h"

struct err;
struct index;

struct index_entry {
	struct page_id id;
	uint64_t seq; /* of the page that made it known */
};

struct index_conf {
	const char *path;
	uint64_t keep_ms; /* ids are kept at least as long after being seen */
};

/*
 * Open or make it.  One that is damaged is set aside under another name;
 * *aside then says why (its kind is ERR_NONE if all was well).
 */
struct index *index_open(const struct index_conf *conf, uint64_t wall_ms,
    struct err *aside, struct err *err);
void index_close(struct index **ixp);

/* Set the file aside and begin an empty one. */
int index_restart(struct index *ix, uint64_t wall_ms, struct err *err);

/* All pages up to this one are in it. */
uint64_t index_watermark(struct index *ix);

/* The checkpoint that was given with the last take; borrowed until the next
 * take, so not for another thread than the one that takes. */
struct str index_checkpoint(struct index *ix);

/*
 * True if the id is known.  Any thread.  When the file turns out damaged,
 * nothing is known any more, and index_is_broken says so.
 */
bool index_find(struct index *ix, const struct page_id *id);
bool index_is_broken(struct index *ix);

/*
 * Pages first to last are lost: forget the ids that they made known, at once;
 * on disk with the next take.  That take has to come before the sources' going
 * back is written, and index_firm after it: until then, whoever opens the
 * index later finds the loss not dealt with.
 */
void
index_lose(struct index *ix, uint64_t first, uint64_t last, uint64_t wall_ms);
void index_firm(struct index *ix);

/* Was this loss dealt with, by us or for good? */
bool index_has_lost(struct index *ix, uint64_t first, uint64_t last);

/*
 * Take in n entries (which are put in order) and remember with them the
 * watermark and a checkpoint; forget what is old.  All of it or nothing.
 * ERR_SYS: try again later; ERR_DATA: it is broken.
 */
int index_take(struct index *ix, struct index_entry *entries, size_t n,
    uint64_t watermark, struct str checkpoint, uint64_t wall_ms,
    struct err *err);

#endif
