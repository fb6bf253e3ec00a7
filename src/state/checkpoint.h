/* state/checkpoint.h -- what a journal's reader knows at one moment. */
/* SPDX-License-Identifier: ISC */
#ifndef STATE_CHECKPOINT_H
#define STATE_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct err;

/* Where an output stands, when its name is struck off. */
#define CHECKPOINT_DROPPED UINT64_MAX

struct checkpoint_cursor {
	char *source; /* owned */
	struct buf cursor;
};

struct checkpoint_output {
	char *name; /* owned */
	uint64_t pos;
};

/*
 * All cursors and all positions.  It is written whole at the head of each
 * segment, and in part where a position moves or a cursor goes back.
 */
struct checkpoint {
	struct checkpoint_cursor *cursors; /* owned, n_cursors of them */
	size_t n_cursors;
	struct checkpoint_output *outputs; /* owned */
	size_t n_outputs;
};

void checkpoint_clear(struct checkpoint *cp);

/* The cursor of a source, or NULL. */
const struct buf *
checkpoint_cursor(const struct checkpoint *cp, struct str source);
void checkpoint_set_cursor(
    struct checkpoint *cp, struct str source, struct str cursor);
void checkpoint_drop_cursor(struct checkpoint *cp, struct str source);

/* Set where an output stands; CHECKPOINT_DROPPED forgets it. */
void
checkpoint_set_output(struct checkpoint *cp, struct str name, uint64_t pos);

/* Forget all cursors. */
void checkpoint_drop_cursors(struct checkpoint *cp);

void checkpoint_copy(struct checkpoint *to, const struct checkpoint *from);

/* Bytes that checkpoint_encode would add. */
size_t checkpoint_bytes(const struct checkpoint *cp);
void checkpoint_encode(const struct checkpoint *cp, struct buf *out);

/*
 * Parts of the same form: open one, add entries (a source without a cursor
 * is struck off), and apply it to a checkpoint later.
 */
void checkpoint_part(struct buf *out);
void checkpoint_part_cursor(
    struct buf *out, struct str source, const struct str *cursor);
void checkpoint_part_output(struct buf *out, struct str name, uint64_t pos);

/* Apply entries that were encoded; what they do not name stays. */
int
checkpoint_apply(struct checkpoint *cp, struct str encoded, struct err *err);

#endif
