/* state/page.h -- what one commit takes: events, ids, counts, cursor. */
/* SPDX-License-Identifier: ISC */
#ifndef STATE_PAGE_H
#define STATE_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct err;

#define PAGE_VERSION 1
#define PAGE_BYTES_MAX (8 * 1024 * 1024) /* of a whole page */
#define PAGE_BYTES_SOFT (256 * 1024)     /* then the writer cuts */
#define PAGE_EVENTS_MAX ((1 << 20) - 1)  /* the last number means: all */
#define PAGE_VARIANTS_MAX 16

/* An id that makes a record known, with the record's own time. */
struct page_id {
	uint64_t time_ms;
	uint64_t hi, lo;
};

/* What the ledger counts; one number each in an hour of a source. */
enum page_count {
	PAGE_LISTED,
	PAGE_FETCHED,
	PAGE_PARSED,
	PAGE_DUPLICATE,
	PAGE_FILTERED,
	PAGE_QUARANTINED,
	PAGE_SPOOLED,
	PAGE_COUNTS
};

/*
 * A page of one source while it is written: sections that become one
 * checksummed frame of the journal.  Whole or not at all.
 */
struct page {
	struct buf source;     /* the source's name */
	struct buf variants;   /* names of event forms, "cef/8192\n"... */
	struct buf events;     /* headers and texts */
	struct buf ids;        /* struct page_id, packed */
	struct buf counts;     /* hour, kind, number */
	struct buf quarantine; /* records kept aside, with the reason */
	struct buf cursor;
	uint32_t n_events;
	uint32_t n_ids;
	bool has_cursor; /* the round is complete */
	bool has_event;  /* one was begun that can be taken back */
	size_t event_at; /* where it begins in events */
	size_t text_at;  /* where the text begun last begins */
};

void page_init(struct page *p, struct str source);
void page_clear(struct page *p);
void page_reset(struct page *p); /* empty, same source */

/*
 * An event in one form.  A record gives one event number, with a text for
 * each form that some output wants: page_event starts the event, then each
 * page_text adds one form.  `form` is a short name as "cef/8192".
 */
void page_event(struct page *p, uint64_t time_ms);
struct buf *page_text_begin(struct page *p, struct str form);
void page_text_end(struct page *p);

/*
 * Take the event begun last back, with all its texts.  If it was the one that
 * did not fit, the page has not failed any more.
 */
void page_event_undo(struct page *p);

void page_id(struct page *p, const struct page_id *id);

/* Add n to a counter; hour_ms is any moment in the hour. */
void
page_count(struct page *p, uint64_t hour_ms, enum page_count what, uint32_t n);

void page_quarantine(
    struct page *p, uint64_t time_ms, struct str reason, struct str raw);
void page_cursor(struct page *p, struct str cursor);

size_t page_bytes(const struct page *p);
bool page_is_empty(const struct page *p);
bool page_failed(const struct page *p); /* some append did not fit */

/* Write the page as one payload; read it back as borrowed parts. */
void page_encode(const struct page *p, struct buf *out);

struct page_view {
	struct str source;
	struct str cursor;
	bool has_cursor;
	uint32_t n_events;
	uint32_t n_ids;
	struct str variants, events, ids, counts, quarantine;
};

/* -1, ERR_DATA: not a page of a version that we know. */
int page_decode(struct str payload, struct page_view *view_r, struct err *err);

struct page_event {
	uint64_t time_ms;
	struct str text;
};

/*
 * Walk the events in one form: *at begins as 0 and is opaque; event numbers
 * count from 0.  Where an event lacks the form, its first one is given, so
 * that a changed configuration loses nothing.  False at the end.
 */
struct page_walk {
	const struct page_view *view;
	int form; /* its number in this page; -1: the first of each event */
	size_t at;
	uint32_t number; /* of the event that comes next */
};

void page_walk_init(
    struct page_walk *w, const struct page_view *view, struct str form);
bool page_walk_next(struct page_walk *w, struct page_event *event_r);

bool
page_view_id(const struct page_view *view, uint32_t i, struct page_id *id_r);

/* The i-th count; false behind the last.  One hour may come twice: sum. */
bool page_view_count(const struct page_view *view, uint32_t i,
    uint64_t *hour_ms_r, enum page_count *what_r, uint32_t *n_r);

/* The record kept aside at *at, which begins as 0; false behind the last. */
bool page_view_quarantine(const struct page_view *view, size_t *at,
    uint64_t *time_ms_r, struct str *reason_r, struct str *raw_r);

#endif
