/* tests/storeworld.c -- a store in a directory of its own, driven by hand. */
/* SPDX-License-Identifier: ISC */
#include "tests/storeworld.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "tests/tempdir.h"
#include "tests/unit.h"

#define DEADLINE_MS 20000

void
world_init(struct world *w)
{
	*w = (struct world){
		.dir = tempdir_make(), .wall_ms = WORLD_WALL_MS, .fill = 100
	};
	w->conf.segment_bytes = 64 * 1024;
	world_open(w);
}

void
world_copy(struct world *copy, const struct world *w)
{
	*copy = *w;
	copy->store = NULL;
	copy->dir = tempdir_copy(w->dir);
}

void
world_open(struct world *w)
{
	struct err err;

	w->conf.dir = w->dir;
	w->done = w->failed = 0;
	w->store = store_open(&w->conf, w->wall_ms, &err);
	if (w->store == NULL)
		fail_msg("store_open: %s", err.text);
}

void
world_close(struct world *w)
{
	store_close(&w->store);
}

void
world_clear(struct world *w)
{
	world_close(w);
	tempdir_remove(w->dir);
}

struct page_id
world_id(const char *source, unsigned number)
{
	uint64_t mix = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);

	return (struct page_id){ WORLD_WALL_MS + number,
		mix ^ (uint64_t)source[0], mix * 31 + (uint64_t)source[0] };
}

uint64_t
world_acquire(struct world *w, const char *source)
{
	struct str cursor;
	uint64_t epoch;
	struct err err;

	if (store_acquire(w->store, str_of(source), &epoch, &cursor, &err) != 0)
		fail_msg("store_acquire: %s", err.text);
	return epoch;
}

unsigned
world_cursor(struct world *w, const char *source)
{
	struct str cursor;
	uint64_t epoch, number = 0;

	assert_int_equal(
	    store_acquire(w->store, str_of(source), &epoch, &cursor, NULL), 0);
	if (cursor.len > 0)
		assert_true(str_to_u64(cursor, &number));
	return (unsigned)number;
}

void
world_page(struct world *w, struct page *p, const char *source, unsigned from,
    unsigned to, bool cursor)
{
	char text[32];

	page_init(p, str_of(source));
	for (unsigned n = from; n < to; n++) {
		struct page_id id = world_id(source, n);
		struct buf *b;

		page_event(p, WORLD_WALL_MS + n);
		b = page_text_begin(p, STR_LIT("cef/8192"));
		buf_addf(b, "%s %u ", source, n);
		for (size_t i = 0; i < w->fill; i++)
			buf_add_char(b, 'x');
		page_text_end(p);
		page_id(p, &id);
		page_count(p, WORLD_WALL_MS, PAGE_SPOOLED, 1);
	}
	snprintf(text, sizeof(text), "%u", to);
	if (cursor)
		page_cursor(p, str_of(text));
}

static void
on_done(void *arg, const struct err *err)
{
	struct world *w = arg;

	w->done++;
	if (err == NULL)
		return;
	w->failed++;
	w->why = *err;
}

int
world_push(struct world *w, const char *source, uint64_t epoch, unsigned from,
    unsigned to, bool cursor, struct err *err)
{
	struct page p;
	int rc;

	world_page(w, &p, source, from, to, cursor);
	rc = store_append(w->store, epoch, &p, on_done, w, err);
	page_clear(&p);
	return rc;
}

void
world_until(
    struct world *w, bool (*holds)(struct world *w, void *arg), void *arg)
{
	uint64_t end = clock_mono_ms() + DEADLINE_MS;

	while (store_reap(w->store), !holds(w, arg)) {
		struct pollfd pfd = { store_fd(w->store), POLLIN, 0 };

		if (clock_mono_ms() > end)
			fail_msg("nothing happens any more");
		poll(&pfd, 1, 1000);
	}
}

static bool
were_told(struct world *w, void *arg)
{
	return w->done >= *(unsigned *)arg;
}

void
world_wait(struct world *w, unsigned told)
{
	world_until(w, were_told, &told);
}

void
world_append(struct world *w, const char *source, unsigned from, unsigned to,
    bool cursor)
{
	uint64_t epoch = world_acquire(w, source);
	struct err err;

	if (world_push(w, source, epoch, from, to, cursor, &err) != 0)
		fail_msg("store_append: %s", err.text);
	world_wait(w, w->done + 1);
	assert_int_equal(w->failed, 0);
}

unsigned
world_read(struct store_reader *r, struct world_read *read)
{
	struct store_event e;
	struct err err;
	unsigned n = 0;
	int rc;

	while ((rc = store_next(r, &e, &err)) != 0) {
		struct str rest = e.text;
		uint64_t number;

		if (rc < 0) {
			read->bad++;
			continue;
		}
		n++;
		read->last = e.pos;
		if (!str_eq(str_cut(&rest, ' '), e.source) ||
		    !str_to_u64(str_cut(&rest, ' '), &number) ||
		    e.time_ms != WORLD_WALL_MS + number)
			fail_msg("a strange event: %.*s", STR_ARG(e.text));
		if (read->source != NULL && str_is(e.source, read->source) &&
		    number < read->n_marks)
			read->marks[number] = true;
	}
	return n;
}
