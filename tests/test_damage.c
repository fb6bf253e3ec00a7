/*
 * tests/test_damage.c -- whatever happens to the files, nothing is lost.
 *
 * A store is filled by two sources and half of it is confirmed by an output.
 * Then its files are copied and something happens to the copy.  It must open.
 * A fetcher does what a source would do: it goes on at the cursor, asks again
 * for what stands behind it, and appends what is not known.  In the end every
 * event must have been read by the output, unless it was confirmed before.
 */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "state/journal.h"
#include "tests/storeworld.h"
#include "tests/tempdir.h"

#define EVENTS 900
#define PAGE_EVENTS 9

static const char *const sources[] = { "a", "b" };
#define SOURCES 2

/* What was confirmed before anything happened. */
static struct {
	struct world w;
	bool confirmed[SOURCES][EVENTS];
} base;

static ssize_t
plain_pwritev(int fd, const struct iovec *iov, int n, off_t at)
{
	return pwritev(fd, iov, n, at);
}

static int
no_sync(int fd)
{
	(void)fd;
	return 0;
}

/* The copies are never exposed to a power cut, so they need no syncs. */
static const struct journal_io quick_io = {
	plain_pwritev,
	no_sync,
	posix_fallocate,
};

static struct store_reader *
siem(struct world *w)
{
	return store_reader_new(
	    w->store, STR_LIT("siem"), STR_LIT("cef/8192"), NULL);
}

/* Read the next `most` events and mark them. */
static void
read_some(struct store_reader *r, bool marks[SOURCES][EVENTS], unsigned most,
    bool confirm)
{
	struct store_event e = { 0 };
	int rc;

	while (most-- > 0 && (rc = store_next(r, &e, NULL)) != 0) {
		struct str rest = e.text;
		uint64_t number;

		if (rc < 0)
			continue;
		str_cut(&rest, ' ');
		assert_true(str_to_u64(str_cut(&rest, ' '), &number));
		marks[e.source.p[0] - 'a'][number] = true;
		if (confirm)
			store_confirm(r, e.pos);
	}
}

static int
fill(void **state)
{
	struct store_reader *r;
	struct world *w = &base.w;

	(void)state;
	world_init(w);
	world_close(w);
	w->conf.io = &quick_io;
	w->fill = 150;
	world_open(w);
	r = siem(w);
	/* Every third page ends a round. */
	for (unsigned n = 0; n < EVENTS; n += PAGE_EVENTS)
		for (unsigned s = 0; s < SOURCES; s++)
			world_append(w, sources[s], n, n + PAGE_EVENTS,
			    n / PAGE_EVENTS % 3 == 2);
	read_some(r, base.confirmed, EVENTS / 2, true);
	store_reader_free(&r);
	world_close(w);
	/* Some more, so that the index is behind the journal. */
	return 0;
}

static int
clear(void **state)
{
	(void)state;
	world_clear(&base.w);
	return 0;
}

/* What a source does: everything from the cursor on that is not known. */
static void
fetch_again(struct world *w, const char *source)
{
	unsigned from = world_cursor(w, source);

	for (unsigned n = from; n < EVENTS; n++) {
		struct page_id id = world_id(source, n);

		if (!store_seen(w->store, &id))
			world_append(w, source, n, n + 1, false);
	}
	world_append(w, source, EVENTS, EVENTS, true);
}

/* Open the copy, let source and output go on, and see what is missing. */
static void
check(struct world *w, const char *what, unsigned long where)
{
	static bool marks[SOURCES][EVENTS];
	struct store_reader *r;

	memcpy(marks, base.confirmed, sizeof(marks));
	world_open(w);
	r = siem(w);
	read_some(r, marks, UINT32_MAX, true);
	for (unsigned s = 0; s < SOURCES; s++)
		fetch_again(w, sources[s]);
	read_some(r, marks, UINT32_MAX, true);
	store_reader_free(&r);
	for (unsigned s = 0; s < SOURCES; s++)
		for (unsigned n = 0; n < EVENTS; n++)
			if (!marks[s][n])
				fail_msg("%s at %lu: %s %u is lost", what,
				    where, sources[s], n);
	world_close(w);
	/* And it stays so. */
	world_open(w);
	for (unsigned s = 0; s < SOURCES; s++)
		assert_int_equal(world_cursor(w, sources[s]), EVENTS);
	world_clear(w);
}

/* The files of a directory that end so, oldest first. */
struct files {
	char *path[32];
	size_t n;
};

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
list(struct files *f, const char *dir, const char *end)
{
	DIR *d = opendir(dir);

	f->n = 0;
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		if (str_ends(str_of(e->d_name), str_of(end)))
			f->path[f->n++] = xasprintf("%s/%s", dir, e->d_name);
	closedir(d);
	qsort(f->path, f->n, sizeof(f->path[0]), by_name);
	assert_true(f->n > 0);
}

static void
list_segments(struct files *f, const struct world *w)
{
	char *dir = xasprintf("%s/journal", w->dir);

	list(f, dir, ".seg");
	xfree(dir);
}

static void
list_clear(struct files *f)
{
	while (f->n > 0)
		xfree(f->path[--f->n]);
}

/* Bytes up to the last one that is not zero. */
static off_t
used(const char *path)
{
	char block[4096];
	int fd = open(path, O_RDONLY);
	off_t at = 0, end = 0;
	ssize_t n;

	while ((n = pread(fd, block, sizeof(block), at)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			if (block[i] != 0)
				end = at + i + 1;
		at += n;
	}
	close(fd);
	return end;
}

static void
flip(const char *path, off_t at, int bit)
{
	int fd = open(path, O_RDWR);
	unsigned char c;

	assert_int_equal(pread(fd, &c, 1, at), 1);
	c ^= (unsigned char)(1 << bit);
	assert_int_equal(pwrite(fd, &c, 1, at), 1);
	close(fd);
}

static void
zero(const char *path, off_t at)
{
	static const char zeros[4096];
	int fd = open(path, O_RDWR);

	assert_int_equal(pwrite(fd, zeros, sizeof(zeros), at), sizeof(zeros));
	close(fd);
}

static void
untouched_copy_is_whole(void **state)
{
	struct world w;

	(void)state;
	world_copy(&w, &base.w);
	check(&w, "untouched", 0);
}

static void
journal_cut_short_loses_nothing(void **state)
{
	struct files f;
	struct world w;
	off_t end;

	(void)state;
	list_segments(&f, &base.w);
	end = used(f.path[f.n - 1]);
	list_clear(&f);
	for (off_t at = end; at > 0 && at > end - 7000; at -= 64) {
		world_copy(&w, &base.w);
		list_segments(&f, &w);
		assert_int_equal(truncate(f.path[f.n - 1], at), 0);
		list_clear(&f);
		check(&w, "cut", (unsigned long)at);
	}
}

static void
flipped_bit_in_the_journal_loses_nothing(void **state)
{
	struct files f;
	struct world w;
	unsigned seed = 1;

	(void)state;
	for (int i = 0; i < 300; i++) {
		size_t n;
		off_t at;

		world_copy(&w, &base.w);
		list_segments(&f, &w);
		seed = seed * 1103515245 + 12345;
		n = (seed >> 16) % f.n;
		seed = seed * 1103515245 + 12345;
		/* Heads more often than their share. */
		at = i % 3 == 0 ? (off_t)((seed >> 8) % 300)
				: (off_t)((seed >> 8) % used(f.path[n]));
		flip(f.path[n], at, i % 8);
		list_clear(&f);
		check(&w, "flip", (unsigned long)at);
	}
}

static void
block_of_zeros_in_the_journal_loses_nothing(void **state)
{
	struct files f;
	struct world w;
	size_t n;

	(void)state;
	list_segments(&f, &base.w);
	n = f.n;
	list_clear(&f);
	for (size_t i = 0; i < n; i++)
		for (off_t at = 0; at < 65536; at += 4096) {
			world_copy(&w, &base.w);
			list_segments(&f, &w);
			zero(f.path[i], at);
			list_clear(&f);
			check(&w, "zeros", (unsigned long)at);
		}
}

static void
damaged_index_loses_nothing(void **state)
{
	struct world w;
	char *path = xasprintf("%s/index", base.w.dir);
	off_t end = used(path);
	unsigned seed = 7;

	(void)state;
	xfree(path);
	for (int i = 0; i < 300; i++) {
		off_t at;

		world_copy(&w, &base.w);
		path = xasprintf("%s/index", w.dir);
		seed = seed * 1103515245 + 12345;
		at = (off_t)((seed >> 8) % end);
		if (i % 10 == 0)
			zero(path, at & ~(off_t)4095);
		else if (i % 10 == 1)
			assert_int_equal(truncate(path, at), 0);
		else
			/* Meta pages more often than their share. */
			flip(path,
			    i % 10 == 2       ? at % 160
				: i % 10 == 3 ? 4096 + at % 160
					      : at,
			    i % 8);
		xfree(path);
		check(&w, "index", (unsigned long)at);
	}
}

/* What a crash leaves: the files as they were between any two appends. */
static void
crash_between_appends_loses_nothing(void **state)
{
	struct store_reader *r;
	struct world w, crashed;
	uint64_t epoch;
	unsigned told = 0;

	(void)state;
	world_init(&w);
	world_close(&w);
	w.conf.io = &quick_io;
	w.fill = 1500;
	world_open(&w);
	r = siem(&w);
	epoch = world_acquire(&w, "a");
	for (unsigned n = 0; n < 300; n += 5) {
		static bool marks[SOURCES][EVENTS];
		struct store_reader *again;

		world_push(&w, "a", epoch, n, n + 5, true, NULL);
		world_wait(&w, ++told);
		if (n % 50 == 0)
			read_some(r, marks, 40, true);
		/* The thread may be at work while we copy. */
		world_copy(&crashed, &w);
		world_open(&crashed);
		assert_int_equal(world_cursor(&crashed, "a"), n + 5);
		for (unsigned i = 0; i < n + 5; i++) {
			struct page_id id = world_id("a", i);

			assert_true(store_seen(crashed.store, &id));
		}
		again = siem(&crashed);
		memset(marks[1], 0, sizeof(marks[1]));
		read_some(again, marks, UINT32_MAX, false);
		for (unsigned i = 0; i < n + 5; i++)
			if (!marks[0][i])
				fail_msg("after %u: %u is lost", n, i);
		store_reader_free(&again);
		world_clear(&crashed);
	}
	store_reader_free(&r);
	world_clear(&w);
}

/* Found by a reader while sources are at work: they have to go back. */
static void
damage_met_while_running_sends_the_source_back(void **state)
{
	static bool marks[SOURCES][EVENTS];
	struct page_id lost = world_id("a", 0), kept = world_id("b", 0);
	uint64_t epoch_a, epoch_b;
	struct store_reader *r;
	struct files f;
	struct world w;
	struct err err;

	(void)state;
	world_init(&w);
	world_close(&w);
	w.fill = 1500;
	world_open(&w);
	r = siem(&w);
	world_append(&w, "a", 0, 10, true);
	world_append(&w, "b", 0, 10, true);
	/* So much that the first page is recent no more. */
	for (unsigned n = 10; n < 110; n += 10)
		world_append(&w, "a", n, n + 10, true);
	store_reader_free(&r);
	world_close(&w);
	list_segments(&f, &w);
	flip(f.path[0], 4096 + 1000, 3);
	list_clear(&f);
	world_open(&w);
	r = siem(&w);
	epoch_a = world_acquire(&w, "a");
	epoch_b = world_acquire(&w, "b");
	assert_int_equal(world_push(&w, "a", epoch_a, 110, 120, true, &err), 0);
	memset(marks, 0, sizeof(marks));
	read_some(r, marks, UINT32_MAX, false);
	assert_false(marks[0][0]);
	assert_true(marks[0][10]);
	assert_true(marks[1][0]);
	assert_false(store_seen(w.store, &lost));
	assert_true(store_seen(w.store, &kept));
	/* Its head says whose the page was. */
	assert_int_equal(
	    world_push(&w, "a", epoch_a, 120, 130, true, &err), -1);
	assert_int_equal(err.kind, ERR_GONE);
	assert_int_equal(world_push(&w, "b", epoch_b, 10, 20, true, &err), 0);
	world_wait(&w, 2);
	assert_int_equal(world_cursor(&w, "a"), 0);
	store_reader_free(&r);
	world_close(&w);
	world_open(&w);
	assert_int_equal(world_cursor(&w, "a"), 0);
	assert_int_equal(world_cursor(&w, "b"), 20);
	assert_false(store_seen(w.store, &lost));
	/* Asked again, it comes. */
	world_append(&w, "a", 0, 10, true);
	r = siem(&w);
	memset(marks, 0, sizeof(marks));
	read_some(r, marks, UINT32_MAX, true);
	for (unsigned n = 0; n < 120; n++)
		assert_true(marks[0][n]);
	store_reader_free(&r);
	world_clear(&w);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(untouched_copy_is_whole),
	cmocka_unit_test(crash_between_appends_loses_nothing),
	cmocka_unit_test(journal_cut_short_loses_nothing),
	cmocka_unit_test(flipped_bit_in_the_journal_loses_nothing),
	cmocka_unit_test(block_of_zeros_in_the_journal_loses_nothing),
	cmocka_unit_test(damaged_index_loses_nothing),
	cmocka_unit_test(damage_met_while_running_sends_the_source_back),
};

int
main(void)
{
	return cmocka_run_group_tests(tests, fill, clear);
}
