/* state/catchup.h -- how the index follows the journal. */
/* SPDX-License-Identifier: ISC */
#ifndef STATE_CATCHUP_H
#define STATE_CATCHUP_H

#include <stdbool.h>
#include <stdint.h>

#include "state/pending.h"

struct checkpoint;
struct err;
struct index;
struct journal;
struct page_view;

#define CATCHUP_NEVER UINT64_MAX

struct catchup {
	struct journal *journal; /* borrowed */
	struct index *index;     /* borrowed */
	struct pending pending;
	uint64_t since_ms;      /* when the first of them came; 0: none */
	uint64_t not_before_ms; /* the last take failed */
	uint64_t taken;         /* page up to which the index is complete */
	bool has_rolled;        /* a segment was closed since the last take */
	bool was_rebuilt;       /* set when the index had to be made anew */
};

/* Take the ids that wait already. */
void catchup_init(struct catchup *c, struct journal *j, struct index *ix,
    struct pending *pending, uint64_t now_ms);
void catchup_clear(struct catchup *c);

/* Page seq is durable: its ids wait from now on. */
void catchup_page(struct catchup *c, const struct page_view *view, uint64_t seq,
    uint64_t now_ms);

/* When the index should take what waits: a moment, or CATCHUP_NEVER. */
uint64_t catchup_due_ms(const struct catchup *c);

/*
 * Take it now, with a checkpoint.  If the index is damaged, it is set aside
 * first, and a new one takes in what the journal has.
 */
int catchup_take(struct catchup *c, const struct checkpoint *state,
    uint64_t now_ms, uint64_t wall_ms, struct err *err);

#endif
