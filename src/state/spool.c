/*
 * state/spool.c -- the outputs' readers over the journal.
 *
 * Pages that became durable lately are kept in memory, so an output that
 * keeps up never reads the disk; one that lags reads a page at a time.
 *
 * A position says: this event of this page, and all before it.  When the last
 * event of a page is confirmed, or a page holds nothing for this output, the
 * position moves to the end of that page, and over what follows that holds
 * nothing either.  For that, a reader keeps a short list of the pages that it
 * has passed and that are not confirmed yet.
 */
/* SPDX-License-Identifier: ISC */
#include "state/spool.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "state/commit.h"
#include "state/job.h"
#include "state/journal.h"
#include "state/page.h"
#include "state/walk.h"

#define RECENT_BYTES (4 * 1024 * 1024)
#define RECENT_MAX 1024

struct spool {
	struct spool_conf conf;
	struct job *recent[RECENT_MAX]; /* a ring; references */
	size_t first, n;
	size_t bytes;
	uint64_t last; /* page published last */
};

/* A page that was passed, with events not confirmed yet. */
struct passed {
	uint64_t seq;
	uint32_t event;       /* the last one given out */
	uint64_t through;     /* page up to which all is passed with it */
	uint64_t segment, at; /* behind that page */
};

struct spool_reader {
	struct spool *spool;
	struct position *output;
	char *form;     /* owned */
	char **sources; /* owned, NULL at the end; NULL: all */
	struct walk walk;
	store_pos behind; /* events up to this one are not given out */

	/* The page that is read now. */
	struct job *job; /* a reference, or NULL: it is in the walk */
	bool has_page, has_ended;
	uint64_t seq;
	bool has_given; /* some event of it */
	uint32_t given; /* the last one */
	struct page_view view;
	struct page_walk events;

	struct passed *passed; /* owned: a ring */
	size_t passed_first, n_passed, passed_size;

	store_pos confirmed;
	uint64_t segment, at; /* behind the last page wholly confirmed */
};

/* --- recent pages --- */

struct spool *
spool_new(const struct spool_conf *conf)
{
	struct spool *s = xcalloc(1, sizeof(*s));

	s->conf = *conf;
	s->last = journal_last(conf->journal);
	return s;
}

static void
recent_drop(struct spool *s)
{
	struct job **jp = &s->recent[s->first];

	s->bytes -= (*jp)->frame.len;
	s->first = (s->first + 1) % RECENT_MAX;
	s->n--;
	job_unref(jp);
}

void
spool_free(struct spool **sp)
{
	struct spool *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	while (s->n > 0)
		recent_drop(s);
	xfree(s);
}

void
spool_publish(struct spool *s, struct job *job)
{
	job->before = s->last;
	s->last = job->seq;
	if (s->n == RECENT_MAX)
		recent_drop(s);
	job->refs++;
	s->recent[(s->first + s->n++) % RECENT_MAX] = job;
	s->bytes += job->frame.len;
	while (s->bytes > RECENT_BYTES)
		recent_drop(s);
}

/* The recent page that follows `page` directly, or NULL. */
static struct job *
recent_after(const struct spool *s, uint64_t page)
{
	size_t low = 0, high = s->n;
	struct job *job;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (s->recent[(s->first + mid) % RECENT_MAX]->seq > page)
			high = mid;
		else
			low = mid + 1;
	}
	if (low == s->n)
		return NULL;
	job = s->recent[(s->first + low) % RECENT_MAX];
	return job->before <= page ? job : NULL;
}

/* --- readers --- */

struct spool_reader *
spool_reader_new(struct spool *s, struct str output, struct str form,
    const char *const *sources)
{
	struct spool_reader *r = xcalloc(1, sizeof(*r));
	size_t n = 0;

	r->spool = s;
	r->output = commit_output(s->conf.commit, output);
	r->form = xstrndup(form.p, form.len);
	if (sources != NULL) {
		while (sources[n] != NULL)
			n++;
		r->sources = xcalloc(n + 1, sizeof(*r->sources));
		for (size_t i = 0; i < n; i++)
			r->sources[i] = xstrdup(sources[i]);
	}
	walk_init(&r->walk, s->conf.journal);
	r->confirmed = commit_position(s->conf.commit, r->output);
	r->behind = r->confirmed;
	walk_seek(&r->walk, store_pos_done(r->confirmed));
	r->segment = r->walk.segment;
	r->at = r->walk.at;
	return r;
}

static void
page_drop(struct spool_reader *r)
{
	r->has_page = false;
	job_unref(&r->job);
}

void
spool_reader_free(struct spool_reader **rp)
{
	struct spool_reader *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	page_drop(r);
	walk_clear(&r->walk);
	for (size_t i = 0; r->sources != NULL && r->sources[i] != NULL; i++)
		xfree(r->sources[i]);
	xfree(r->sources);
	xfree(r->passed);
	xfree(r->form);
	xfree(r);
}

/* --- pages that were passed --- */

static struct passed *
passed_at(const struct spool_reader *r, size_t i)
{
	return &r->passed[(r->passed_first + i) % r->passed_size];
}

static void
passed_add(struct spool_reader *r, struct passed p)
{
	if (r->n_passed == r->passed_size) {
		size_t size = r->passed_size > 0 ? 2 * r->passed_size : 16;
		struct passed *bigger = xcalloc(size, sizeof(*bigger));

		for (size_t i = 0; i < r->n_passed; i++)
			bigger[i] = *passed_at(r, i);
		xfree(r->passed);
		r->passed = bigger;
		r->passed_size = size;
		r->passed_first = 0;
	}
	r->n_passed++;
	*passed_at(r, r->n_passed - 1) = p;
}

static void
set_confirmed(struct spool_reader *r, store_pos pos)
{
	if (pos <= r->confirmed)
		return;
	r->confirmed = pos;
	commit_move(r->spool->conf.commit, r->output, pos);
}

/* All up to page `through`, which ends where the walk stands, is passed. */
static void
pass(struct spool_reader *r, uint64_t through)
{
	struct passed *p;

	if (r->n_passed == 0) {
		set_confirmed(r, STORE_POS(through, STORE_POS_ALL));
		r->segment = r->walk.segment;
		r->at = r->walk.at;
		return;
	}
	p = passed_at(r, r->n_passed - 1);
	p->through = through;
	p->segment = r->walk.segment;
	p->at = r->walk.at;
}

/* The last event of the page was given out, or there was none to give. */
static void
page_end(struct spool_reader *r)
{
	r->has_ended = true;
	if (r->has_given && STORE_POS(r->seq, r->given) > r->confirmed)
		passed_add(
		    r, (struct passed){ r->seq, r->given, r->seq, 0, 0 });
	pass(r, r->seq);
}

/* --- reading --- */

static bool
is_wanted(const struct spool_reader *r, struct str source)
{
	if (r->sources == NULL)
		return true;
	for (size_t i = 0; r->sources[i] != NULL; i++)
		if (str_is(source, r->sources[i]))
			return true;
	return false;
}

static void
page_begin(struct spool_reader *r, uint64_t seq, struct str payload)
{
	r->seq = seq;
	r->has_given = false;
	r->has_ended = false;
	r->has_page = page_decode(payload, &r->view, NULL) == 0 &&
	    r->view.n_events > 0 && is_wanted(r, r->view.source) &&
	    store_pos_done(r->behind) < seq;
	if (!r->has_page) {
		job_unref(&r->job);
		pass(r, seq);
		return;
	}
	page_walk_init(&r->events, &r->view, str_of(r->form));
}

static int
gap_passed(struct spool_reader *r, const struct walk_gap *gap, struct err *err)
{
	struct spool *s = r->spool;

	pass(r, gap->last);
	if (!s->conf.on_gap(s->conf.arg, gap))
		return 1;
	return err_set(err, ERR_DATA,
	    "pages %" PRIu64 " to %" PRIu64 " of the journal cannot be read",
	    gap->first, gap->last);
}

/* 1: look again, a page was begun or passed.  0: there is none.  -1. */
static int
page_next(struct spool_reader *r, struct err *err)
{
	struct walk_frame frame;
	struct walk_gap gap;
	int rc;

	r->job = recent_after(r->spool, r->walk.page);
	if (r->job != NULL) {
		r->job->refs++;
		walk_skip(&r->walk, r->job->segment,
		    r->job->at + r->job->frame.len, r->job->seq);
		page_begin(r, r->job->seq, job_payload(r->job));
		return 1;
	}
	rc = walk_next(&r->walk, &frame, &gap);
	if (rc < 0)
		return gap_passed(r, &gap, err);
	if (rc > 0 && frame.head.kind == FRAME_PAGE)
		page_begin(r, frame.head.seq, frame.payload);
	return rc;
}

/* The next event of the page at hand; false at its end. */
static bool
event_next(struct spool_reader *r, struct store_event *event_r)
{
	struct page_event event;

	while (page_walk_next(&r->events, &event)) {
		uint32_t number = r->events.number - 1;

		if (event.text.len == 0 ||
		    STORE_POS(r->seq, number) <= r->behind)
			continue;
		r->has_given = true;
		r->given = number;
		event_r->pos = STORE_POS(r->seq, number);
		event_r->time_ms = event.time_ms;
		event_r->source = r->view.source;
		event_r->text = event.text;
		/* Ended now, so that confirming it confirms the page. */
		if (r->events.number == r->view.n_events)
			page_end(r);
		return true;
	}
	return false;
}

int
spool_next(struct spool_reader *r, struct store_event *event_r, struct err *err)
{
	for (;;) {
		int rc;

		if (r->has_page) {
			if (event_next(r, event_r))
				return 1;
			if (!r->has_ended)
				page_end(r);
			page_drop(r);
		}
		rc = page_next(r, err);
		if (rc <= 0)
			return rc;
	}
}

void
spool_rewind(struct spool_reader *r, store_pos pos)
{
	if (pos < r->confirmed)
		pos = r->confirmed;
	page_drop(r);
	while (r->n_passed > 0) {
		const struct passed *p = passed_at(r, r->n_passed - 1);

		if (STORE_POS(p->seq, p->event) <= pos)
			break;
		r->n_passed--;
	}
	r->behind = pos;
	walk_seek(&r->walk, store_pos_done(pos));
}

void
spool_confirm(struct spool_reader *r, store_pos pos)
{
	while (r->n_passed > 0) {
		const struct passed *p = passed_at(r, 0);

		if (STORE_POS(p->seq, p->event) > pos)
			break;
		r->segment = p->segment;
		r->at = p->at;
		set_confirmed(r, STORE_POS(p->through, STORE_POS_ALL));
		r->passed_first = (r->passed_first + 1) % r->passed_size;
		r->n_passed--;
	}
	set_confirmed(r, pos);
}

store_pos
spool_confirmed(const struct spool_reader *r)
{
	return r->confirmed;
}

uint64_t
spool_backlog(const struct spool_reader *r)
{
	struct journal *j = r->spool->conf.journal;
	struct journal_segment seg;
	uint64_t bytes = 0, number = r->segment;

	if (journal_last(j) <= store_pos_done(r->confirmed))
		return 0;
	for (; journal_segment(j, number, &seg); number = seg.number + 1) {
		bytes += seg.used;
		if (seg.number == r->segment)
			bytes -= r->at < seg.used ? r->at : seg.used;
	}
	return bytes;
}
