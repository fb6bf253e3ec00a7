/* state/positions.h -- where each output stands, wished and written. */
/* SPDX-License-Identifier: ISC */
#ifndef STATE_POSITIONS_H
#define STATE_POSITIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct buf;

/* One output; lives as long as the list. */
struct position {
	struct position *next;
	char *name;       /* owned */
	uint64_t wanted;  /* what was confirmed */
	uint64_t durable; /* what the journal says */
	uint64_t writing; /* what is on its way there */
	bool is_written;  /* the journal knows its name */
	bool is_writing;
	bool is_dropped;
};

/* All zero: empty.  Whoever shares it between threads holds his own lock. */
struct positions {
	struct position *first; /* owned */
};

void positions_clear(struct positions *ps);

/* The output of that name, dropped or not; NULL: never heard of. */
struct position *positions_find(const struct positions *ps, struct str name);

/* Add one that the journal does not know yet, or bring a dropped one back. */
struct position *
positions_begin(struct positions *ps, struct str name, uint64_t pos);

/* Add one that the journal knows. */
void positions_known(struct positions *ps, struct str name, uint64_t pos);

/* Move forward; false if it does not move. */
bool positions_move(struct position *p, uint64_t pos);

/*
 * The last page that all outputs have confirmed, durable or only wanted;
 * UINT64_MAX: there are no outputs.
 */
uint64_t positions_done(const struct positions *ps, bool durable);

/*
 * Append what the journal does not know as entries of a checkpoint; false if
 * there is nothing.  Say afterwards whether it was written.
 */
bool positions_encode(struct positions *ps, struct buf *out);
void positions_written(struct positions *ps, bool ok);

#endif
