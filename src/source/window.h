/* source/window.h -- reads a collection sorted by time to its end. */
/* SPDX-License-Identifier: ISC */
#ifndef SOURCE_WINDOW_H
#define SOURCE_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

struct err;

/*
 * A service lists what changed between two moments, a page at a time.  Some
 * pages end with a link to the next one; others, though full, just end.  The
 * window says what to ask so that nothing stays unread in either case: it
 * moves a boundary of time to where the last page ended, and asks again what
 * carries that very moment, since others may carry it too.
 *
 * How pages are sorted is believed only as far as it is seen.  Pages that
 * rise move the lower boundary up; pages that fall move the upper one down;
 * when they do neither, the time between is cut in halves until a half fits
 * on a page.
 *
 * A plain value.  All times are ticks of 100 ns since 1970, or of whatever
 * length `unit` says: halves end at one tick.
 */
enum window_order {
	WINDOW_RISING,  /* ask to be sorted by time */
	WINDOW_FALLING, /* do not: such services begin with the newest */
	WINDOW_HALVES   /* neither can be relied on */
};

/* What is known of the pages read since the boundary was moved last. */
struct window_run {
	uint32_t n;     /* records */
	uint32_t timed; /* of those, with a time */
	int64_t last, min, max;
	bool rises, falls;
	bool linked; /* a next link was followed */
};

struct window {
	/* To ask now: from low on, but before high. */
	int64_t low, high;
	uint32_t top;  /* records on a page */
	uint32_t skip; /* of them, passed over first */
	enum window_order order;
	bool done;    /* nothing is left to ask */
	int64_t unit; /* 100 ns in a tick; 1, but may be set before a round */

	/* Its own. */
	uint32_t top_max, skip_max;
	int64_t until;
	int64_t span;
	struct window_run run, seen; /* up to the last page; with this one */
	uint32_t page_n, before_n;   /* of this page; of the one before */
	uint64_t page_hash, before_hash;
	uint32_t stalls;  /* answers without progress, in a row */
	uint32_t repeats; /* linked pages that were the one before */
	uint64_t links, mark_at, mark;
	bool distrusts; /* links, until the round ends */
};

/* Asking for less stops at so many records a page. */
#define WINDOW_TOP_MIN 10

void window_init(struct window *w, uint32_t top, uint32_t skip_max);

/* Begin to read [from, until); with nothing between, it is done at once. */
void window_begin(struct window *w, int64_t from, int64_t until);

/* An answer begins; what an earlier one broke off at is forgotten. */
void window_page(struct window *w);

/* A record in it, told from others by the hash of its id. */
void window_see(struct window *w, uint64_t id_hash);
/* And its time, if it has one. */
void window_see_time(struct window *w, int64_t ticks);

enum window_link {
	WINDOW_NO_LINK,
	WINDOW_LINK,     /* link_hash tells it from others */
	WINDOW_BAD_LINK, /* there is one, and it must not be followed */
	WINDOW_END       /* none, and the service says that nothing is left */
};

/*
 * The answer is complete.  Return 1: follow its link; 0: ask for what stands
 * in the fields above, or be done.  Return -1 if something is to be told:
 * ERR_DATA, and going on is right; or ERR_BUG, "no progress", for it is not.
 */
int window_turn(struct window *w, enum window_link link, uint64_t link_hash,
    struct err *err);

/*
 * The link that window_turn said to follow leads nowhere any more: go on by
 * time.  As above, but never 1.
 */
int window_unlink(struct window *w, struct err *err);

/* The answer cannot be used, though nothing failed: ask again, not often. */
int window_again(struct window *w, const char *why, struct err *err);

/* Ask for half as many at a time; false if that is little enough already. */
bool window_shrink(struct window *w);

/* The service does not sort. */
void window_unsorted(struct window *w);

#endif
