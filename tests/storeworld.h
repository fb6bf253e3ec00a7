/* tests/storeworld.h -- a store in a directory of its own, driven by hand. */
/* SPDX-License-Identifier: ISC */
#ifndef TESTS_STOREWORLD_H
#define TESTS_STOREWORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "state/page.h"
#include "state/store.h"

#define WORLD_WALL_MS UINT64_C(1900000000000)

/*
 * Events are numbers from 0 on for each source: number n has the text
 * "SOURCE n " and filling, the time WORLD_WALL_MS + n, and an id of its own.
 * A cursor is the number of the event that comes next.
 */
struct world {
	char *dir; /* owned */
	struct store_conf conf;
	struct store *store;
	uint64_t wall_ms;
	size_t fill; /* bytes of filling in each event */
	unsigned done, failed;
	struct err why; /* of the last failure */
};

/* Make a directory and open a store in it, with segments of 64 KiB. */
void world_init(struct world *w);
/* A copy of w's directory, not opened. */
void world_copy(struct world *copy, const struct world *w);
void world_open(struct world *w);
void world_close(struct world *w);
void world_clear(struct world *w);

struct page_id world_id(const char *source, unsigned number);
uint64_t world_acquire(struct world *w, const char *source);
/* The cursor as a number; 0 if there is none. */
unsigned world_cursor(struct world *w, const char *source);

/* Make a page of events from..to-1, and the cursor `to` if it is asked for. */
void world_page(struct world *w, struct page *p, const char *source,
    unsigned from, unsigned to, bool cursor);
int world_push(struct world *w, const char *source, uint64_t epoch,
    unsigned from, unsigned to, bool cursor, struct err *err);

/* Reap until so many pages were told of, or fail after a deadline. */
void world_wait(struct world *w, unsigned told);
/* Reap until the condition holds, or fail after a deadline. */
void world_until(
    struct world *w, bool (*holds)(struct world *w, void *arg), void *arg);

/* world_push with an epoch of its own, durable. */
void world_append(struct world *w, const char *source, unsigned from,
    unsigned to, bool cursor);

/* Read all there is: numbers read are marked; return how many. */
struct world_read {
	const char *source; /* only this one's are marked */
	bool *marks;
	unsigned n_marks;
	unsigned bad; /* times that something could not be read */
	store_pos last;
};
unsigned world_read(struct store_reader *r, struct world_read *read);

#endif
