/*
 * state/recover.c -- what the journal says when it is opened.
 *
 * Each segment opens with a checkpoint, so it is enough to read from the
 * segment in which the index left off: its checkpoint and what follows give
 * all cursors and positions, and the pages behind the index's watermark give
 * the ids that it lacks.  Older segments are checked when an output reads
 * them.
 *
 * Where pages cannot be read that some output has not confirmed, the sources
 * that they may have come from go back to the cursors that they had before
 * the gap, and the ids that those pages made known are forgotten.  So the
 * cloud is asked again, all else is recognised, and what was lost comes
 * again.
 */
/* SPDX-License-Identifier: ISC */
#include "state/recover.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "state/crc32c.h"
#include "state/journal.h"
#include "state/page.h"
#include "state/store.h"
#include "state/walk.h"

#define BACK_MAX (16 * 1024 * 1024)
#define PENDING_MANY (64 * 1024)

static const struct log logs = { "store", NULL };

/* A gap, and what was known before it. */
struct hole {
	struct walk_gap gap;
	struct checkpoint before;
	bool has_state; /* a checkpoint stood before it */
};

struct scan {
	struct journal *journal;
	struct index *index;
	struct walk walk;
	uint64_t watermark;      /* of the index when the scan began */
	uint64_t apply_after;    /* frames up to here are in state already */
	struct checkpoint state; /* what it comes to */
	struct checkpoint known; /* what the frames read so far say */
	bool has_state;
	struct hole *holes; /* owned */
	size_t n_holes;
	struct pending pending;
	uint64_t wall_ms;
};

static void
scan_clear(struct scan *s)
{
	for (size_t i = 0; i < s->n_holes; i++)
		checkpoint_clear(&s->holes[i].before);
	xfree(s->holes);
	pending_clear(&s->pending);
	checkpoint_clear(&s->state);
	checkpoint_clear(&s->known);
	walk_clear(&s->walk);
}

/* --- frames --- */

/* Many ids wait, as when the index is new: let it take them on the way. */
static void
relieve(struct scan *s, uint64_t seq)
{
	if (s->pending.n < PENDING_MANY)
		return;
	if (index_take(s->index, s->pending.entries, s->pending.n, seq,
		STR_LIT(""), s->wall_ms, NULL) == 0)
		s->pending.n = 0;
}

static void
see_page(struct scan *s, const struct walk_frame *f)
{
	struct page_view view;

	if (page_decode(f->payload, &view, NULL) != 0)
		return;
	if (view.has_cursor) {
		checkpoint_set_cursor(&s->known, view.source, view.cursor);
		if (f->head.seq > s->apply_after)
			checkpoint_set_cursor(
			    &s->state, view.source, view.cursor);
	}
	if (f->head.seq > s->watermark) {
		pending_add(&s->pending, &view, f->head.seq);
		relieve(s, f->head.seq);
	}
}

static void
see_state(struct scan *s, const struct walk_frame *f)
{
	checkpoint_clear(&s->known);
	if (checkpoint_apply(&s->known, f->payload, NULL) != 0)
		return;
	s->has_state = true;
	if (f->head.seq >= s->apply_after) {
		checkpoint_clear(&s->state);
		checkpoint_copy(&s->state, &s->known);
	}
}

static void
see(struct scan *s, const struct walk_frame *f)
{
	switch (f->head.kind) {
	case FRAME_PAGE:
		see_page(s, f);
		break;
	case FRAME_STATE:
		see_state(s, f);
		break;
	case FRAME_MOVE:
	case FRAME_BACK:
		checkpoint_apply(&s->known, f->payload, NULL);
		if (f->head.seq >= s->apply_after)
			checkpoint_apply(&s->state, f->payload, NULL);
		break;
	}
}

static void
see_gap(struct scan *s, const struct walk_gap *gap)
{
	struct hole *h;

	s->holes = xreallocarray(s->holes, s->n_holes + 1, sizeof(*s->holes));
	h = &s->holes[s->n_holes++];
	*h = (struct hole){ .gap = *gap, .has_state = s->has_state };
	checkpoint_copy(&h->before, &s->known);
}

/* Read from a segment to the end, or to page `until`. */
static void
scan_run(struct scan *s, uint64_t number, uint64_t until)
{
	struct walk_frame frame;
	struct walk_gap gap;
	int rc;

	walk_init(&s->walk, s->journal);
	walk_segment(&s->walk, number);
	while ((rc = walk_next(&s->walk, &frame, &gap)) != 0) {
		if (rc < 0 && gap.last >= until)
			return;
		if (rc > 0 && frame.head.kind == FRAME_PAGE &&
		    frame.head.seq >= until)
			return;
		if (rc < 0)
			see_gap(s, &gap);
		else
			see(s, &frame);
	}
}

static void
scan_again(struct scan *s)
{
	struct journal *j = s->journal;
	struct index *ix = s->index;
	uint64_t watermark = s->watermark, wall_ms = s->wall_ms;

	scan_clear(s);
	*s = (struct scan){ .journal = j,
		.index = ix,
		.watermark = watermark,
		.wall_ms = wall_ms };
}

/*
 * Scan from the segment where `page` ends.  If its checkpoint cannot be
 * read, begin with the segment before, and so on.
 */
static void
scan_from(struct scan *s, uint64_t page, uint64_t until)
{
	uint64_t number = journal_find(s->journal, page);
	uint64_t older;

	scan_run(s, number, until);
	while (
	    !s->has_state && (older = journal_older(s->journal, number)) != 0) {
		scan_again(s);
		number = older;
		scan_run(s, number, until);
	}
}

/*
 * No checkpoint is left in the journal.  The index has a copy as of its
 * watermark; what came later is read on top of it.
 */
static void
scan_on_copy(struct scan *s)
{
	struct checkpoint copy = { 0 };
	struct str encoded = index_checkpoint(s->index);
	uint64_t oldest = journal_find(s->journal, 0);

	if (encoded.len == 0 || checkpoint_apply(&copy, encoded, NULL) != 0) {
		log_error(&logs,
		    "no checkpoint can be read; sources of which no cursor is "
		    "known begin again at their start");
		checkpoint_clear(&copy);
		return;
	}
	log_warn(&logs,
	    "the journal's checkpoint cannot be read; the index's "
	    "copy takes its place");
	scan_again(s);
	s->state = copy;
	s->apply_after = s->watermark;
	scan_run(s, oldest, UINT64_MAX);
}

/* --- going back --- */

bool
recover_concerns(const struct walk_gap *gap, struct str source)
{
	return !gap->has_source ||
	    gap->source == crc32c(0, source.p, source.len);
}

bool
recover_before(
    struct journal *j, const struct walk_gap *gap, struct checkpoint *before)
{
	struct scan s = { .journal = j, .watermark = UINT64_MAX };
	bool has_state;

	scan_from(&s, gap->first - 1, gap->last);
	has_state = s.has_state;
	*before = s.known;
	s.known = (struct checkpoint){ 0 };
	scan_clear(&s);
	return has_state;
}

void
recover_announce(
    struct journal *j, const struct walk_gap *gap, uint64_t wall_ms)
{
	struct err err = { 0 };

	log_error(&logs,
	    "segment %016" PRIx64 " is damaged at byte %" PRIu64
	    ": pages %" PRIu64 " to %" PRIu64 " cannot be read; the sources "
	    "concerned go back to where they were before, so that the cloud "
	    "is asked again",
	    gap->segment, gap->at, gap->first, gap->last);
	if (journal_set_aside(j, gap->segment, wall_ms, &err) != 0)
		log_warn(&logs, "%s", err.text);
}

static uint64_t
done_by_all(const struct checkpoint *state)
{
	uint64_t page = UINT64_MAX;

	for (size_t i = 0; i < state->n_outputs; i++) {
		uint64_t done = store_pos_done(state->outputs[i].pos);

		if (done < page)
			page = done;
	}
	return page;
}

/* Move one source back, or leave it where nobody knows where to. */
static void
source_back(struct recovery *rec, const struct hole *h, struct str source)
{
	const struct buf *b = checkpoint_cursor(&h->before, source);
	struct str cursor;

	if (b == NULL && !h->has_state) {
		log_error(&logs,
		    "source %.*s: no cursor from before the damage is known; "
		    "what it fetched in those pages has to be replayed",
		    STR_ARG(source));
		return;
	}
	if (rec->back.len == 0)
		checkpoint_part(&rec->back);
	if (b == NULL) {
		checkpoint_part_cursor(&rec->back, source, NULL);
		return;
	}
	cursor = buf_str(b);
	checkpoint_part_cursor(&rec->back, source, &cursor);
}

static void
hole_back(struct scan *s, struct recovery *rec, const struct hole *h)
{
	const struct walk_gap *gap = &h->gap;

	if (index_has_lost(s->index, gap->first, gap->last))
		return;
	if (done_by_all(&s->state) >= gap->last) {
		log_warn(&logs,
		    "segment %016" PRIx64 " is damaged at byte %" PRIu64
		    "; every output had confirmed what stood there, so nothing "
		    "is lost",
		    gap->segment, gap->at);
		return;
	}
	recover_announce(s->journal, gap, s->wall_ms);
	index_lose(s->index, gap->first, gap->last, s->wall_ms);
	for (size_t i = 0; i < s->state.n_cursors; i++) {
		struct str source = str_of(s->state.cursors[i].source);

		if (recover_concerns(gap, source))
			source_back(rec, h, source);
	}
}

/* --- the ends --- */

/*
 * The index knows pages that the journal lost at its end.  Their ids have to
 * be forgotten on disk before the next page is written, since after that
 * nobody could tell any more.
 */
static int
check_tail(struct scan *s, struct err *err)
{
	uint64_t last = s->walk.page;
	struct buf b;
	int rc;

	if (s->watermark <= last)
		return 0;
	log_error(&logs,
	    "the journal ends with page %" PRIu64 ", but page %" PRIu64
	    " was in it once; what is missing is asked for again",
	    last, s->watermark);
	index_lose(s->index, last + 1, s->watermark, s->wall_ms);
	index_firm(s->index);
	buf_init(&b, BACK_MAX);
	checkpoint_encode(&s->state, &b);
	rc = index_take(s->index, s->pending.entries, s->pending.n, last,
	    buf_str(&b), s->wall_ms, err);
	buf_clear(&b);
	if (rc == 0)
		s->pending.n = 0;
	return rc;
}

/*
 * An output stands before the oldest segment: that went because everything
 * in it was confirmed, and what said so is lost (or somebody removed files).
 */
static void
check_front(struct scan *s)
{
	struct journal_segment oldest;

	if (!journal_segment(s->journal, 0, &oldest))
		return;
	for (size_t i = 0; i < s->state.n_outputs; i++) {
		struct checkpoint_output *o = &s->state.outputs[i];

		if (store_pos_done(o->pos) >= oldest.before)
			continue;
		log_warn(&logs,
		    "output %s: its last position is not known any more; it "
		    "goes on with the oldest page of the journal, %" PRIu64,
		    o->name, oldest.before + 1);
		o->pos = STORE_POS(oldest.before, STORE_POS_ALL);
	}
}

static uint64_t
next_page(const struct scan *s)
{
	uint64_t last = s->walk.page;

	if (s->walk.highest > last)
		last = s->walk.highest;
	if (s->watermark > last)
		last = s->watermark;
	for (size_t i = 0; i < s->state.n_outputs; i++)
		if (STORE_POS_SEQ(s->state.outputs[i].pos) > last)
			last = STORE_POS_SEQ(s->state.outputs[i].pos);
	return last + 1;
}

int
recover(struct journal *j, struct index *ix, uint64_t wall_ms,
    struct recovery *rec, struct err *err)
{
	struct scan s = { .journal = j,
		.index = ix,
		.watermark = index_watermark(ix),
		.wall_ms = wall_ms };
	int rc = 0;

	*rec = (struct recovery){ 0 };
	buf_init(&rec->back, BACK_MAX);
	scan_from(&s, s.watermark, UINT64_MAX);
	if (!s.has_state && journal_find(j, 0) != 0)
		scan_on_copy(&s);
	if (s.walk.is_torn)
		log_debug(&logs,
		    "the journal ends at byte %" PRIu64
		    " of segment %016" PRIx64,
		    s.walk.at, s.walk.segment);
	/* First, since it makes all that is lost so far firm. */
	rc = check_tail(&s, err);
	/* The earliest gap has the last word. */
	for (size_t i = s.n_holes; i > 0; i--)
		hole_back(&s, rec, &s.holes[i - 1]);
	if (rec->back.len > 0)
		checkpoint_apply(&s.state, buf_str(&rec->back), NULL);
	check_front(&s);
	if (rc == 0 && journal_find(j, 0) != 0)
		rc = journal_resume(j, s.walk.at, s.walk.page, err);
	rec->next_seq = next_page(&s);
	rec->state = s.state;
	s.state = (struct checkpoint){ 0 };
	rec->pending = pending_steal(&s.pending);
	scan_clear(&s);
	if (rc != 0)
		recover_clear(rec);
	return rc;
}

void
recover_clear(struct recovery *rec)
{
	checkpoint_clear(&rec->state);
	pending_clear(&rec->pending);
	buf_clear(&rec->back);
}
