/* state/cursors.h -- where each source's next round begins, and who has it. */
/* SPDX-License-Identifier: ISC */
#ifndef STATE_CURSORS_H
#define STATE_CURSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct checkpoint;
struct cursors;

/* One source; lives as long as the table. */
struct cursors_source {
	struct cursors_source *next;
	char *name; /* owned */
	struct buf cursor;
	uint64_t epoch; /* of its holder, or of the last one */
	bool is_held;
	unsigned inflight; /* pages on their way to the disk */
};

struct cursors *cursors_new(const struct checkpoint *cp);
void cursors_free(struct cursors **cp);

/* The source of that name; made if it was never seen. */
struct cursors_source *cursors_source(struct cursors *c, struct str name);

/* A new holder: his epoch. */
uint64_t cursors_acquire(struct cursors *c, struct cursors_source *s);
bool cursors_holds(const struct cursors_source *s, uint64_t epoch);

void cursors_set(struct cursors_source *s, struct str cursor);

/*
 * The source goes back: its cursor is this one now, and its holder holds it
 * no more, so that he has to acquire it again and sees where it stands.
 */
void
cursors_back(struct cursors *c, struct cursors_source *s, struct str cursor);

struct cursors_source *cursors_first(struct cursors *c);

/* Bytes of all cursors and names. */
size_t cursors_bytes(const struct cursors *c);

#endif
