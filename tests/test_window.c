/* tests/test_window.c -- nothing stays unread, however a service pages. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include <stdlib.h>

#include "base/err.h"
#include "source/window.h"

#define ITEMS_MAX 6000
#define ASKS_MAX 5000

/* A service: what it holds, and its manners. */
enum manners {
	SORTS = 0,         /* as asked; else the newest first */
	NEWEST_FIRST = 1,  /* whatever is asked */
	AT_RANDOM = 2,     /* sorts nothing */
	GIVES_LINKS = 4,   /* to the next page */
	LINKS_LIE = 8,     /* they must not be followed */
	LINKS_CIRCLE = 16, /* after the third page: back to the first */
	LINKS_STAND = 32   /* always new, always the same page */
};

struct service {
	unsigned manners;
	uint32_t page_max; /* gives no more at once, whatever is asked */
	uint32_t skip_max;
	uint32_t n;
	struct item {
		int64_t ticks;
		uint32_t dice;
		unsigned listed;
	} items[ITEMS_MAX];
};

static struct service service;

static int
by_time(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->ticks != y->ticks)
		return x->ticks < y->ticks ? -1 : 1;
	return x->dice < y->dice ? -1 : x->dice > y->dice;
}

static int
by_dice(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return x->dice < y->dice ? -1 : x->dice > y->dice;
}

/* A generator of one's own, so that a row means the same everywhere. */
static uint32_t
dice(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* n items in [0, spread), `ties` of them at one moment in the middle. */
static void
fill(uint32_t n, int64_t spread, uint32_t ties, uint32_t seed)
{
	service.n = n;
	for (uint32_t i = 0; i < n; i++) {
		service.items[i] = (struct item){ .dice = dice(&seed) };
		service.items[i].ticks =
		    i < ties ? spread / 2 : (int64_t)dice(&seed) % spread;
	}
	qsort(service.items, n, sizeof(service.items[0]),
	    service.manners & AT_RANDOM ? by_dice : by_time);
}

/* Item number i in the order in which the service lists. */
static struct item *
item_at(uint32_t i, bool rising)
{
	if (!rising && !(service.manners & AT_RANDOM))
		i = service.n - 1 - i;
	return &service.items[i];
}

struct answer {
	uint32_t given, matched; /* on this page; in all that was asked */
};

static struct answer
list(struct window *w, const struct window *asked, uint32_t offset)
{
	bool rising =
	    asked->order == WINDOW_RISING && !(service.manners & NEWEST_FIRST);
	uint32_t most =
	    asked->top < service.page_max ? asked->top : service.page_max;
	struct answer a = { 0, 0 };

	assert_true(asked->skip <= service.skip_max);
	offset += asked->skip;
	for (uint32_t i = 0; i < service.n; i++) {
		struct item *it = item_at(i, rising);

		if (it->ticks < asked->low || it->ticks >= asked->high)
			continue;
		if (a.matched++ < offset || a.given == most)
			continue;
		a.given++;
		it->listed++;
		window_see(w, it->dice);
		window_see_time(w, it->ticks);
	}
	return a;
}

/* Read all of it; return the number of requests, err the last told. */
static unsigned
read_all(struct window *w, struct err *err)
{
	struct window asked = *w;
	uint32_t offset = 0;
	unsigned asks = 0;
	bool follow = false;

	while (!w->done || follow) {
		enum window_link link = WINDOW_NO_LINK;
		struct answer a;
		struct err e = { .kind = ERR_NONE };
		int rc;

		if (++asks > ASKS_MAX)
			return asks;
		if (!follow) {
			asked = *w;
			offset = 0;
		}
		window_page(w);
		a = list(w, &asked, offset);
		if (service.manners & GIVES_LINKS &&
		    asked.skip + offset + a.given < a.matched)
			link = service.manners & LINKS_LIE ? WINDOW_BAD_LINK
							   : WINDOW_LINK;
		if (!(service.manners & LINKS_STAND))
			offset += a.given;
		if (service.manners & LINKS_CIRCLE && offset >= 3 * asked.top)
			offset = 0;
		rc = window_turn(w, link,
		    (uint64_t)asked.low * 1000003 +
			(service.manners & LINKS_STAND ? asks : offset),
		    &e);
		follow = rc == 1;
		if (rc < 0)
			*err = e;
		if (rc < 0 && e.kind == ERR_BUG)
			return asks;
	}
	return asks;
}

static unsigned
count_unread(int64_t from, int64_t until)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < service.n; i++) {
		const struct item *it = &service.items[i];

		if (it->ticks >= from && it->ticks < until)
			n += it->listed == 0;
	}
	return n;
}

static const struct row {
	const char *name;
	unsigned manners;
	uint32_t n;
	int64_t spread;
	uint32_t ties, top, page_max;
	unsigned asks_max; /* a frugal client needs no more */
} rows[] = {
	{ "empty", SORTS, 0, 1000, 0, 50, 1000, 1 },
	{ "one", SORTS, 1, 1000, 0, 50, 1000, 2 },
	{ "less than a page", SORTS, 49, 100000, 0, 50, 1000, 2 },
	{ "exactly a page", SORTS, 50, 100000, 0, 50, 1000, 3 },
	{ "many pages", SORTS, 1000, 1000000, 0, 50, 1000, 24 },
	{ "many pages, close moments", SORTS, 1000, 300, 0, 50, 1000, 28 },
	{ "a page of one moment", SORTS, 300, 1000, 50, 50, 1000, 12 },
	{ "three pages of one moment", SORTS, 300, 1000, 150, 50, 1000, 14 },
	{ "as many as can be reached", SORTS, 700, 90000, 540, 50, 1000, 40 },
	{ "shorter pages than asked", SORTS, 400, 10000, 0, 50, 17, 40 },
	{ "shorter pages of one moment", SORTS, 200, 1000, 60, 50, 17, 40 },
	{ "one at a time", SORTS, 40, 1000, 5, 1, 1000, 100 },
	{ "links", GIVES_LINKS, 1000, 1000000, 0, 50, 1000, 20 },
	{ "links, all of one moment", GIVES_LINKS, 1000, 3, 900, 50, 1000, 21 },
	{ "links, at random", GIVES_LINKS | AT_RANDOM, 1000, 1000000, 0, 50,
	    1000, 20 },
	{ "links, newest first", GIVES_LINKS | NEWEST_FIRST, 1000, 1000000, 0,
	    50, 1000, 20 },
	{ "foreign links", GIVES_LINKS | LINKS_LIE, 1000, 1000000, 0, 50, 1000,
	    24 },
	{ "foreign links, one moment", GIVES_LINKS | LINKS_LIE, 300, 1000, 150,
	    50, 1000, 16 },
	{ "links in a circle", GIVES_LINKS | LINKS_CIRCLE, 1000, 1000000, 0, 50,
	    1000, 40 },
	{ "links that stand still", GIVES_LINKS | LINKS_STAND, 1000, 1000000, 0,
	    50, 1000, 30 },
	{ "newest first", NEWEST_FIRST, 1000, 1000000, 0, 50, 1000, 24 },
	{ "newest first, close moments", NEWEST_FIRST, 1000, 300, 0, 50, 1000,
	    28 },
	{ "newest first, one moment", NEWEST_FIRST, 300, 1000, 150, 50, 1000,
	    16 },
	{ "newest first, short pages", NEWEST_FIRST, 400, 10000, 0, 50, 17,
	    40 },
	{ "at random", AT_RANDOM, 1000, 1000000, 0, 50, 1000, 120 },
	{ "at random, one moment", AT_RANDOM, 300, 1000, 150, 50, 1000, 80 },
	{ "at random, all in three moments", AT_RANDOM, 900, 3, 0, 50, 1000,
	    60 },
};

static void
window_reads_all_whatever_the_manners(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];

		for (uint32_t seed = 1; seed <= 5; seed++) {
			struct err err = { .kind = ERR_NONE };
			struct window w;
			unsigned asks;

			service.manners = row->manners;
			service.page_max = row->page_max;
			service.skip_max = 500;
			fill(row->n, row->spread, row->ties, seed);
			window_init(&w, row->top, 500);
			window_begin(&w, row->spread / 100, row->spread);
			asks = read_all(&w, &err);
			if (!w.done || asks > row->asks_max ||
			    count_unread(row->spread / 100, row->spread) > 0)
				fail_msg("%s, seed %u: %s after %u requests,"
					 " %u unread: %s",
				    row->name, seed,
				    w.done ? "done" : "not done", asks,
				    count_unread(
					row->spread / 100, row->spread),
				    err.kind != ERR_NONE ? err.text : "-");
		}
	}
}

static void
window_of_no_time_is_done_at_once(void **state)
{
	struct window w;

	(void)state;
	window_init(&w, 50, 500);
	window_begin(&w, 100, 100);
	assert_true(w.done);
	window_begin(&w, 100, 50);
	assert_true(w.done);
	window_begin(&w, 100, 101);
	assert_false(w.done);
}

static void
window_tells_of_a_moment_that_cannot_be_read_whole(void **state)
{
	struct err err = { .kind = ERR_NONE };
	struct window w;

	(void)state;
	service.manners = SORTS;
	service.page_max = 1000;
	service.skip_max = 500;
	fill(900, 1000, 700, 1);
	window_init(&w, 50, 500);
	window_begin(&w, 0, 1000);
	read_all(&w, &err);
	assert_true(w.done);
	assert_int_equal(err.kind, ERR_DATA);
	assert_non_null(strstr(err.text, "more than 550 records"));
	assert_non_null(strstr(err.text, "1970-01-01T00:00:00.0000500Z"));
	/* Those of other moments are all there. */
	assert_int_equal(count_unread(0, 500), 0);
	assert_int_equal(count_unread(501, 1000), 0);
	assert_int_equal(count_unread(500, 501), 700 - 550);
}

static void
window_asked_again_in_vain_says_no_progress(void **state)
{
	struct err err;
	struct window w;

	(void)state;
	window_init(&w, 50, 500);
	window_begin(&w, 0, 100);
	assert_int_equal(window_again(&w, "half an answer", &err), -1);
	assert_int_equal(err.kind, ERR_RETRY);
	assert_int_equal(window_again(&w, "half an answer", &err), -1);
	assert_int_equal(err.kind, ERR_RETRY);
	assert_int_equal(window_again(&w, "half an answer", &err), -1);
	assert_int_equal(err.kind, ERR_BUG);
	assert_non_null(strstr(err.text, "no progress"));
	assert_non_null(strstr(err.text, "half an answer"));
}

static void
window_that_ignores_the_filter_says_no_progress(void **state)
{
	struct err err = { .kind = ERR_NONE };
	unsigned asks = 0;
	struct window w;
	int rc = 0;

	(void)state;
	window_init(&w, 3, 6);
	window_begin(&w, 1000, 2000);
	while (rc == 0 || err.kind != ERR_BUG) {
		assert_true(++asks < 50);
		assert_false(w.done);
		window_page(&w);
		for (int i = 0; i < 3; i++) {
			window_see(&w, (uint64_t)i);
			window_see_time(&w, 10 + i);
		}
		rc = window_turn(&w, WINDOW_NO_LINK, 0, &err);
	}
	assert_non_null(strstr(err.text, "no progress"));
}

static void
window_forgets_a_page_that_broke_off(void **state)
{
	struct window w;
	struct err err;

	(void)state;
	window_init(&w, 2, 500);
	window_begin(&w, 0, 1000);
	window_page(&w);
	window_see(&w, 1);
	window_see_time(&w, 900);
	window_page(&w);
	window_see(&w, 2);
	window_see_time(&w, 100);
	window_see(&w, 3);
	window_see_time(&w, 200);
	assert_int_equal(window_turn(&w, WINDOW_NO_LINK, 0, &err), 0);
	assert_true(w.low == 200);
	assert_int_equal(w.order, WINDOW_RISING);
}

static void
window_whose_link_went_stale_goes_on_by_time(void **state)
{
	struct window w;
	struct err err;

	(void)state;
	window_init(&w, 1, 500);
	window_begin(&w, 0, 1000);
	window_page(&w);
	window_see(&w, 1);
	window_see_time(&w, 300);
	assert_int_equal(window_turn(&w, WINDOW_LINK, 7, &err), 1);
	assert_int_equal(window_unlink(&w, &err), 0);
	assert_false(w.done);
	assert_true(w.low == 300);
}

static void
window_shrinks_to_ten_and_grows_with_the_next_round(void **state)
{
	static const uint32_t want[] = { 125, 62, 31, 15, 10 };
	struct window w;

	(void)state;
	window_init(&w, 250, 500);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		assert_true(window_shrink(&w));
		assert_int_equal(w.top, want[i]);
	}
	assert_false(window_shrink(&w));
	window_begin(&w, 0, 1);
	assert_int_equal(w.top, 20);
	for (int i = 0; i < 9; i++)
		window_begin(&w, 0, 1);
	assert_int_equal(w.top, 250);
}

static void
window_keeps_what_it_learnt_of_the_order(void **state)
{
	struct err err = { .kind = ERR_NONE };
	struct window w;

	(void)state;
	service.manners = NEWEST_FIRST;
	service.page_max = 1000;
	service.skip_max = 500;
	fill(200, 100000, 0, 1);
	window_init(&w, 50, 500);
	window_begin(&w, 0, 100000);
	read_all(&w, &err);
	assert_int_equal(w.order, WINDOW_FALLING);
	window_begin(&w, 0, 100000);
	assert_int_equal(w.order, WINDOW_FALLING);
}

static void
window_believes_a_short_page_that_is_said_to_be_the_last(void **state)
{
	static const struct {
		enum window_link link;
		int records;
		bool done;
	} ends[] = {
		{ WINDOW_END, 2, true },
		{ WINDOW_END, 0, true },
		{ WINDOW_END, 3, false },
		{ WINDOW_NO_LINK, 2, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct window w;
		struct err err;

		window_init(&w, 3, 6);
		window_begin(&w, 1000, 2000);
		window_page(&w);
		for (int k = 0; k < ends[i].records; k++) {
			window_see(&w, (uint64_t)k);
			window_see_time(&w, 1100 + k);
		}
		assert_int_equal(window_turn(&w, ends[i].link, 0, &err), 0);
		if (w.done != ends[i].done)
			fail_msg("row %zu: done is %d", i, w.done);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(window_reads_all_whatever_the_manners),
	cmocka_unit_test(window_of_no_time_is_done_at_once),
	cmocka_unit_test(window_tells_of_a_moment_that_cannot_be_read_whole),
	cmocka_unit_test(window_asked_again_in_vain_says_no_progress),
	cmocka_unit_test(window_that_ignores_the_filter_says_no_progress),
	cmocka_unit_test(window_forgets_a_page_that_broke_off),
	cmocka_unit_test(window_whose_link_went_stale_goes_on_by_time),
	cmocka_unit_test(window_shrinks_to_ten_and_grows_with_the_next_round),
	cmocka_unit_test(window_keeps_what_it_learnt_of_the_order),
	cmocka_unit_test(
	    window_believes_a_short_page_that_is_said_to_be_the_last),
};

UNIT_MAIN(tests)
