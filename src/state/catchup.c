/*
 * state/catchup.c -- how the index follows the journal.
 *
 * A take costs two syncs, so ids wait until there are many, until a segment
 * is full (which cannot go before its ids are taken), or for a minute.
 */
/* SPDX-License-Identifier: ISC */
#include "state/catchup.h"

#include "base/buf.h"
#include "base/err.h"
#include "state/checkpoint.h"
#include "state/journal.h"
#include "state/page.h"
#include "state/walk.h"

#define WAIT_MS 60000
#define AGAIN_MS 5000
#define IDS_ENOUGH 16384
#define IDS_MANY 65536
#define CHECKPOINT_MAX (16 * 1024 * 1024)

void
catchup_init(struct catchup *c, struct journal *j, struct index *ix,
    struct pending *pending, uint64_t now_ms)
{
	*c = (struct catchup){ .journal = j,
		.index = ix,
		.pending = pending_steal(pending),
		.taken = index_watermark(ix) };
	c->since_ms = c->pending.n > 0 ? now_ms : 0;
}

void
catchup_clear(struct catchup *c)
{
	pending_clear(&c->pending);
}

void
catchup_page(struct catchup *c, const struct page_view *view, uint64_t seq,
    uint64_t now_ms)
{
	if (view->n_ids > 0 && c->since_ms == 0)
		c->since_ms = now_ms;
	pending_add(&c->pending, view, seq);
}

uint64_t
catchup_due_ms(const struct catchup *c)
{
	uint64_t due = CATCHUP_NEVER;

	if (c->pending.n >= IDS_ENOUGH || index_is_broken(c->index) ||
	    (c->has_rolled && journal_last(c->journal) > c->taken))
		due = 0;
	else if (c->pending.n > 0)
		due = c->since_ms + WAIT_MS;
	return due > c->not_before_ms ? due : c->not_before_ms;
}

/* Begin with an empty index and all that the journal has. */
static int
rebuild(struct catchup *c, uint64_t wall_ms, struct err *err)
{
	struct walk_frame frame;
	struct walk_gap gap;
	struct page_view view;
	struct walk w;
	int rc;

	if (index_restart(c->index, wall_ms, err) != 0)
		return -1;
	c->was_rebuilt = true;
	c->pending.n = 0;
	walk_init(&w, c->journal);
	while ((rc = walk_next(&w, &frame, &gap)) != 0) {
		if (rc < 0 || frame.head.kind != FRAME_PAGE ||
		    page_decode(frame.payload, &view, NULL) != 0)
			continue;
		pending_add(&c->pending, &view, frame.head.seq);
		if (c->pending.n >= IDS_MANY &&
		    index_take(c->index, c->pending.entries, c->pending.n,
			frame.head.seq, STR_LIT(""), wall_ms, err) == 0)
			c->pending.n = 0;
	}
	walk_clear(&w);
	return 0;
}

int
catchup_take(struct catchup *c, const struct checkpoint *state, uint64_t now_ms,
    uint64_t wall_ms, struct err *err)
{
	uint64_t last = journal_last(c->journal);
	struct buf b;
	int rc = 0;

	c->not_before_ms = now_ms + AGAIN_MS;
	if (index_is_broken(c->index))
		rc = rebuild(c, wall_ms, err);
	if (rc != 0)
		return rc;
	buf_init(&b, CHECKPOINT_MAX);
	checkpoint_encode(state, &b);
	rc = index_take(c->index, c->pending.entries, c->pending.n, last,
	    buf_str(&b), wall_ms, err);
	buf_clear(&b);
	if (rc != 0)
		return rc;
	c->not_before_ms = 0;
	c->pending.n = 0;
	c->since_ms = 0;
	c->has_rolled = false;
	c->taken = last;
	return 0;
}
