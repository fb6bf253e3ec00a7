/* source/window.c -- reads a collection sorted by time to its end. */
/* SPDX-License-Identifier: ISC */
#include "source/window.h"

#include <inttypes.h>

#include "base/err.h"
#include "codec/rfc3339.h"

#define STALLS_MAX 3
#define HOLLOW_MAX 1000 /* linked pages without a record, in a row */

void
window_init(struct window *w, uint32_t top, uint32_t skip_max)
{
	*w = (struct window){
		.top = top,
		.top_max = top,
		.skip_max = skip_max,
		.done = true,
		.unit = 1,
	};
}

static void
begin_run(struct window *w)
{
	w->run = (struct window_run){ .rises = true, .falls = true };
	w->links = 0;
	w->repeats = 0;
}

void
window_begin(struct window *w, int64_t from, int64_t until)
{
	w->low = from;
	w->high = w->until = until;
	w->span = until - from;
	w->skip = 0;
	w->stalls = 0;
	w->before_n = 0;
	w->before_hash = 0;
	w->distrusts = false;
	w->done = from >= until;
	/* What was too much in the last round may be too much no longer. */
	w->top = w->top > w->top_max / 2 ? w->top_max : w->top * 2;
	begin_run(w);
	window_page(w);
}

void
window_page(struct window *w)
{
	w->seen = w->run;
	w->page_n = 0;
	w->page_hash = 0;
}

void
window_see(struct window *w, uint64_t id_hash)
{
	w->seen.n++;
	w->page_n++;
	w->page_hash = (w->page_hash ^ id_hash) * 0x100000001b3U;
}

void
window_see_time(struct window *w, int64_t ticks)
{
	struct window_run *r = &w->seen;

	if (r->timed++ == 0) {
		r->min = r->max = ticks;
	} else {
		r->rises &= ticks >= r->last;
		r->falls &= ticks <= r->last;
	}
	r->last = ticks;
	if (ticks < r->min)
		r->min = ticks;
	if (ticks > r->max)
		r->max = ticks;
}

int
window_again(struct window *w, const char *why, struct err *err)
{
	if (++w->stalls < STALLS_MAX)
		return err_set(err, ERR_RETRY, "%s", why);
	return err_set(err, ERR_BUG,
	    "no progress: asked %d times and answered the same way: %s",
	    STALLS_MAX, why);
}

/* --- the next question -------------------------------------------------- */

static int
ask_between(struct window *w, int64_t low, int64_t high)
{
	w->low = low;
	w->high = high;
	w->skip = 0;
	w->stalls = 0;
	w->done = low >= high;
	return 0;
}

/* All between low and high is read. */
static int
complete(struct window *w)
{
	int64_t left = w->until - w->high;
	int64_t reach = w->span > left / 2 ? left : w->span * 2;

	if (w->order != WINDOW_HALVES || left <= 0)
		return ask_between(w, w->until, w->until);
	w->span = reach;
	return ask_between(w, w->high, w->high + reach);
}

/*
 * A whole page carries one moment, at the edge that moves.  Records of that
 * moment that are on later pages are reached by passing over the earlier
 * ones; where the service allows no more of that, the moment is left behind,
 * and that is told.
 */
static int
pass_over(struct window *w, int64_t moment, struct err *err)
{
	uint32_t skip = w->skip + w->run.n;
	char text[RFC3339_MAX];
	uint32_t reached = skip;

	if (w->skip < w->skip_max) {
		w->skip = skip < w->skip_max ? skip : w->skip_max;
		return 0;
	}
	w->skip = 0;
	if (w->order == WINDOW_FALLING)
		w->high = moment;
	else
		w->low = moment + 1;
	if (w->low >= w->high)
		complete(w);
	if (++w->stalls >= STALLS_MAX)
		return window_again(w, "pages full of one moment", err);
	rfc3339_format_ticks(text, moment * w->unit);
	return err_set(err, ERR_DATA,
	    "more than %" PRIu32 " records carry the time %s; the service"
	    " lists no more of them, so those beyond are missing",
	    reached, text);
}

/* More stands, or may stand, behind a page that rose. */
static int
go_up(struct window *w, bool is_full, struct err *err)
{
	if (w->run.max >= w->high)
		return complete(w);
	if (w->run.max > w->low)
		return ask_between(w, w->run.max, w->high);
	return is_full ? pass_over(w, w->low, err) : complete(w);
}

static int
go_down(struct window *w, bool is_full, struct err *err)
{
	if (w->run.min < w->low)
		return complete(w);
	if (w->run.min < w->high - 1)
		return ask_between(w, w->low, w->run.min + 1);
	return is_full ? pass_over(w, w->high - 1, err) : complete(w);
}

static int
halve(struct window *w, bool is_full, struct err *err)
{
	int64_t half = (w->high - w->low) / 2;

	if (!is_full)
		return complete(w);
	if (half == 0)
		return pass_over(w, w->low, err);
	w->span = half;
	return ask_between(w, w->low, w->low + half);
}

/* What the pages since the last move teach about their order. */
static void
learn_order(struct window *w)
{
	const struct window_run *r = &w->run;

	if (r->timed == 0)
		w->order = WINDOW_HALVES;
	if (w->order == WINDOW_RISING && !r->rises)
		w->order = WINDOW_FALLING;
	if (w->order == WINDOW_FALLING && !r->falls)
		w->order = WINDOW_HALVES;
}

/*
 * The pages end here, without a link that could be followed.  A service that
 * gave links before is believed when a page is short.  One that gave none is
 * asked once more from where it ended, since it may give shorter pages than
 * it is asked for.  One that says that this is the end is believed, unless
 * its page is full.
 */
static int
go_on(struct window *w, enum window_link link, struct err *err)
{
	uint32_t n = w->page_n, before_n = w->before_n;
	bool bad_link = link == WINDOW_LINK || link == WINDOW_BAD_LINK;
	bool is_full = bad_link || n >= w->top;
	enum window_order asked = w->order;

	w->before_n = n;
	if (w->run.n == 0)
		return bad_link ? window_again(w,
				      "an empty page with a link that"
				      " cannot be followed",
				      err)
				: complete(w);
	if (!is_full &&
	    (link == WINDOW_END || w->run.linked || w->run.timed == 0))
		return complete(w);
	learn_order(w);
	if (w->order != asked && w->skip > 0) {
		w->skip = 0; /* it counted from the other end */
		return 0;
	}
	if (w->order == WINDOW_HALVES)
		return halve(w, is_full, err);
	/* The same again, and not few: that is how a shorter page looks. */
	if (n >= WINDOW_TOP_MIN && n == before_n)
		is_full = true;
	return w->order == WINDOW_RISING ? go_up(w, is_full, err)
					 : go_down(w, is_full, err);
}

/*
 * True if the links lead in a circle: every so often one is remembered, each
 * time after twice as many steps, and none may be met again.
 */
static bool
is_circle(struct window *w, uint64_t hash)
{
	if (w->links > 0 && hash == w->mark)
		return true;
	if (w->links == 0)
		w->mark_at = 1;
	if (++w->links == w->mark_at) {
		w->mark = hash;
		w->mark_at *= 2;
	}
	return false;
}

/* Why a link that might be followed leads nowhere new, or NULL. */
static const char *
refuse_link(struct window *w, uint64_t hash)
{
	bool same = w->run.linked && w->page_hash == w->before_hash;

	w->repeats = same ? w->repeats + 1 : 0;
	if (is_circle(w, hash))
		return "the next links lead in a circle";
	if (w->repeats >= (w->page_n > 0 ? STALLS_MAX - 1 : HOLLOW_MAX))
		return "each next link leads to the same page";
	return NULL;
}

int
window_turn(struct window *w, enum window_link link, uint64_t link_hash,
    struct err *err)
{
	const char *why = NULL;
	int rc;

	w->run = w->seen;
	if (link == WINDOW_LINK && !w->distrusts)
		why = refuse_link(w, link_hash);
	w->before_hash = w->page_hash;
	if (why != NULL) {
		/* Pages that came twice say nothing of the order. */
		w->distrusts = true;
		begin_run(w);
		window_page(w);
		return err_set(err, ERR_DATA,
		    "%s; asking again, and going on by time", why);
	}
	if (link == WINDOW_LINK && !w->distrusts) {
		w->run.linked = true;
		window_page(w);
		return 1;
	}
	rc = go_on(w, link, err);
	begin_run(w);
	window_page(w);
	return rc;
}

int
window_unlink(struct window *w, struct err *err)
{
	window_page(w);
	return window_turn(w, WINDOW_BAD_LINK, 0, err);
}

bool
window_shrink(struct window *w)
{
	uint32_t least =
	    w->top_max < WINDOW_TOP_MIN ? w->top_max : WINDOW_TOP_MIN;

	if (w->top <= least)
		return false;
	w->top = w->top / 2 > least ? w->top / 2 : least;
	return true;
}

void
window_unsorted(struct window *w)
{
	if (w->order == WINDOW_RISING)
		w->order = WINDOW_FALLING;
	w->skip = 0;
	begin_run(w);
	window_page(w);
}
