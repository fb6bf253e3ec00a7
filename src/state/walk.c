/*
 * state/walk.c -- read the journal frame by frame, over bad places too.
 *
 * Each frame names the page before it, so a reader knows when one is missing.
 * Where no good frame stands, the walk looks for the next one, eight bytes
 * at a time.  In a segment whose end is known, all up to it was promised, so
 * what lies between is a gap.  At the open end of the newest segment it is a
 * gap only if some later frame says that a page in between was durable when
 * that frame was written; otherwise it is what a crash left of a write that
 * nobody was told about.
 */
/* SPDX-License-Identifier: ISC */
#include "state/walk.h"

#include <errno.h>
#include <unistd.h>

#include "state/journal.h"
#include "state/le.h"

#define KEEP_BYTES (1024 * 1024)
#define BLOCK 4096
#define CHUNK (256 * 1024)

void
walk_init(struct walk *w, struct journal *j)
{
	*w = (struct walk){ .journal = j, .fd = -1 };
	buf_init(&w->buf, SIZE_MAX);
	walk_segment(w, 0);
}

void
walk_clear(struct walk *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
	buf_clear(&w->buf);
}

void
walk_segment(struct walk *w, uint64_t number)
{
	struct journal_segment seg;

	w->segment = number;
	w->at = JOURNAL_SEGMENT_HEAD;
	w->page = 0;
	if (journal_segment(w->journal, number, &seg)) {
		w->segment = seg.number;
		w->page = seg.before;
	}
}

void
walk_skip(struct walk *w, uint64_t segment, uint64_t at, uint64_t page)
{
	w->segment = segment;
	w->at = at;
	w->page = page;
}

/* --- reading --- */

static bool
reach(struct walk *w, uint64_t number)
{
	if (w->fd >= 0 && w->fd_segment == number)
		return true;
	if (w->fd >= 0)
		close(w->fd);
	w->fd = journal_read_fd(w->journal, number);
	w->fd_segment = number;
	return w->fd >= 0;
}

/* What cannot be read, or is not there, reads as zeros. */
static void
read_at(struct walk *w, char *p, size_t len, uint64_t at)
{
	while (len > 0) {
		ssize_t n = pread(w->fd, p, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			n = (ssize_t)(BLOCK - at % BLOCK);
			if ((size_t)n > len)
				n = (ssize_t)len;
			memset(p, 0, (size_t)n);
		}
		p += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
}

/* The memory of the walk, for len bytes. */
static char *
room(struct walk *w, size_t len)
{
	if (w->buf.size > KEEP_BYTES && len <= KEEP_BYTES)
		buf_clear(&w->buf);
	buf_reset(&w->buf);
	return buf_reserve(&w->buf, len) ? w->buf.p : NULL;
}

static bool
head_at(struct walk *w, const struct journal_segment *seg, uint64_t at,
    uint64_t limit, struct frame *f_r)
{
	char head[FRAME_HEAD];

	if (at + FRAME_HEAD > limit)
		return false;
	read_at(w, head, sizeof(head), at);
	return frame_parse(head, seg->number, f_r) &&
	    frame_bytes(f_r->length) <= limit - at;
}

/* Read a payload behind its head and check it. */
static bool
payload_at(struct walk *w, const struct frame *f, uint64_t at)
{
	char *p = room(w, f->length > 0 ? f->length : 1);

	if (p == NULL)
		return false;
	read_at(w, p, f->length, at + FRAME_HEAD);
	w->buf.len = f->length;
	return frame_has(f, p);
}

static uint64_t
limit_of(const struct journal_segment *seg)
{
	return seg->has_open_end ? seg->size : seg->used;
}

/* --- bad places --- */

/* May a good frame found behind a bad place be believed to follow it? */
static bool
may_follow(const struct walk *w, const struct journal_segment *seg,
    const struct frame *f)
{
	if (f->prev < w->page || f->seq < f->prev)
		return false;
	if (seg->has_open_end)
		return f->prev == w->page || f->synced > w->page ||
		    f->seq <= w->promised;
	return f->seq <= seg->last;
}

/* What do the heads in the open end say, wherever they stand? */
static void
look_through(struct walk *w, const struct journal_segment *seg)
{
	uint64_t limit = limit_of(seg), at = w->at;
	struct frame f;

	w->has_looked = true;
	while (at + FRAME_HEAD <= limit) {
		size_t len = limit - at < CHUNK ? limit - at : CHUNK;
		char *p = room(w, len);
		size_t i;

		if (p == NULL)
			return;
		read_at(w, p, len, at);
		for (i = 0; i + FRAME_HEAD <= len; i += FRAME_ALIGN) {
			if (!frame_parse(p + i, seg->number, &f))
				continue;
			if (f.seq > w->highest)
				w->highest = f.seq;
			if (f.synced > w->promised)
				w->promised = f.synced;
		}
		at += i;
	}
}

/*
 * Find the next good frame at or behind `at`.  The chunk is read into the
 * same memory as payloads, so a candidate's place is kept, and the chunk is
 * read again behind it.
 */
static bool
search(struct walk *w, const struct journal_segment *seg, uint64_t at,
    struct frame *f_r, uint64_t *at_r)
{
	uint64_t limit = limit_of(seg);

	while (at + FRAME_HEAD <= limit) {
		size_t len = limit - at < CHUNK ? limit - at : CHUNK;
		char *p = room(w, len);
		bool again = false;
		size_t i;

		if (p == NULL)
			return false;
		read_at(w, p, len, at);
		for (i = 0; i + FRAME_HEAD <= len && !again; i += FRAME_ALIGN) {
			if (!frame_parse(p + i, seg->number, f_r) ||
			    frame_bytes(f_r->length) > limit - at - i)
				continue;
			if (!may_follow(w, seg, f_r))
				continue;
			if (payload_at(w, f_r, at + i)) {
				*at_r = at + i;
				return true;
			}
			again = true;
		}
		at += i;
	}
	return false;
}

/* True if the pages from w->page to `to` are missing: fill the gap. */
static bool
missing(struct walk *w, uint64_t to, struct walk_gap *gap_r)
{
	if (to <= w->page)
		return false;
	*gap_r = (struct walk_gap){ .segment = w->segment,
		.at = w->at,
		.first = w->page + 1,
		.last = to };
	w->page = to;
	return true;
}

/*
 * There is no good frame at w->at.  1: now there is, at the new w->at, and
 * nothing is lost; 0: the end; -1: a gap.
 */
static int
recover(
    struct walk *w, const struct journal_segment *seg, struct walk_gap *gap_r)
{
	struct frame bad = { 0 }, next;
	uint64_t limit = limit_of(seg), from = w->at, at, to;
	uint64_t page = w->page;
	bool has_head = head_at(w, seg, from, limit, &bad);
	struct walk_gap gap;

	if (seg->has_open_end && !w->has_looked)
		look_through(w, seg);
	if (has_head && bad.prev == page && !payload_at(w, &bad, from))
		from += frame_bytes(bad.length);
	if (search(w, seg, from, &next, &at)) {
		to = next.prev;
	} else if (seg->has_open_end) {
		w->is_torn = true;
		return 0;
	} else {
		to = seg->last;
		at = seg->used;
	}
	if (!missing(w, to, &gap)) {
		w->at = at;
		return 1;
	}
	w->at = at;
	if (has_head && bad.kind == FRAME_PAGE && bad.prev == page &&
	    bad.seq == to) {
		gap.has_source = true;
		gap.source = bad.source;
	}
	*gap_r = gap;
	return -1;
}

/* --- going on --- */

/*
 * Find the segment that the walk stands in, going on to the next where this
 * one is done.  1: there is one; 0: the end; -1: pages before it are gone.
 */
static int
enter(struct walk *w, struct journal_segment *seg, struct walk_gap *gap_r)
{
	for (;;) {
		if (!journal_segment(w->journal, w->segment, seg))
			return 0;
		if (seg->number != w->segment) {
			w->segment = seg->number;
			w->at = JOURNAL_SEGMENT_HEAD;
			if (missing(w, seg->before, gap_r))
				return -1;
		}
		if (seg->is_newest)
			return w->at < limit_of(seg);
		if (w->page < seg->last && w->at < seg->used)
			return 1;
		if (missing(w, seg->last, gap_r))
			return -1;
		w->segment = seg->number + 1;
		w->at = JOURNAL_SEGMENT_HEAD;
	}
}

static bool
accept(struct walk *w, const struct journal_segment *seg,
    struct walk_frame *frame_r)
{
	struct frame *f = &frame_r->head;

	if (!head_at(w, seg, w->at, limit_of(seg), f) || f->prev != w->page ||
	    !payload_at(w, f, w->at))
		return false;
	frame_r->payload = str_make(w->buf.p, f->length);
	frame_r->segment = w->segment;
	frame_r->at = w->at;
	w->at += frame_bytes(f->length);
	if (f->kind == FRAME_PAGE)
		w->page = f->seq;
	return true;
}

int
walk_next(struct walk *w, struct walk_frame *frame_r, struct walk_gap *gap_r)
{
	struct journal_segment seg, again;
	int rc;

	for (;;) {
		rc = enter(w, &seg, gap_r);
		if (rc <= 0)
			return rc;
		if (reach(w, seg.number) && accept(w, &seg, frame_r))
			return 1;
		/* A segment that went away while we read it is no damage. */
		if (!journal_segment(w->journal, seg.number, &again) ||
		    again.number != seg.number)
			continue;
		rc = recover(w, &seg, gap_r);
		if (rc <= 0)
			return rc;
	}
}

void
walk_seek(struct walk *w, uint64_t page)
{
	uint64_t number = journal_find(w->journal, page);
	struct journal_segment seg;
	struct frame f;

	walk_segment(w, number);
	if (!journal_segment(w->journal, number, &seg) || !reach(w, seg.number))
		return;
	while (w->page < page && head_at(w, &seg, w->at, limit_of(&seg), &f) &&
	    f.prev == w->page && f.seq <= page) {
		w->at += frame_bytes(f.length);
		if (f.kind == FRAME_PAGE)
			w->page = f.seq;
	}
}
