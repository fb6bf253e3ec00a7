/* state/recover.h -- what the journal says when it is opened. */
/* SPDX-License-Identifier: ISC */
#ifndef STATE_RECOVER_H
#define STATE_RECOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "state/checkpoint.h"
#include "state/pending.h"

struct err;
struct index;
struct journal;
struct walk_gap;

struct recovery {
	struct checkpoint state;
	struct pending pending; /* ids that the index lacks */
	uint64_t next_seq;
	struct buf back; /* entries for a frame, if sources go back; else "" */
};

/*
 * Read the journal from the segment where the index left off, log what is
 * wrong with it, and make it ready to be written.
 */
int recover(struct journal *j, struct index *ix, uint64_t wall_ms,
    struct recovery *rec, struct err *err);
void recover_clear(struct recovery *rec);

/* May the pages of this gap have been the source's? */
bool recover_concerns(const struct walk_gap *gap, struct str source);

/*
 * The cursors as they were before the gap.  False if no checkpoint before it
 * can be read: then a source that is not in `before` may have had any.
 */
bool recover_before(
    struct journal *j, const struct walk_gap *gap, struct checkpoint *before);

/*
 * Set the damaged segment aside and log it, and what happens next.
 */
void recover_announce(
    struct journal *j, const struct walk_gap *gap, uint64_t wall_ms);

#endif
