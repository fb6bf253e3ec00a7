/* tests/test_store.c -- the state on disk in its five verbs. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "state/journal.h"
#include "tests/storeworld.h"

static struct store_reader *
reader(struct world *w, const char *output)
{
	return store_reader_new(
	    w->store, str_of(output), STR_LIT("cef/8192"), NULL);
}

/* Read what waits for an output and confirm all of it: how many events. */
static unsigned
drain(struct world *w, const char *output)
{
	struct store_reader *r = reader(w, output);
	struct world_read read = { 0 };
	unsigned n = world_read(r, &read);

	if (n > 0)
		store_confirm(r, read.last);
	store_reader_free(&r);
	return n;
}

static void
events_cursor_and_ids_are_there_after_reopening(void **state)
{
	struct page_id known = world_id("alerts", 4);
	struct page_id unknown = world_id("alerts", 5);
	struct world w;

	(void)state;
	world_init(&w);
	world_append(&w, "alerts", 0, 3, false);
	world_append(&w, "alerts", 3, 5, true);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(world_cursor(&w, "alerts"), 5);
		assert_int_equal(world_cursor(&w, "other"), 0);
		assert_true(store_seen(w.store, &known));
		assert_false(store_seen(w.store, &unknown));
		world_close(&w);
		world_open(&w);
	}
	assert_int_equal(drain(&w, "siem"), 5);
	world_close(&w);
	world_open(&w);
	assert_int_equal(drain(&w, "siem"), 0);
	assert_int_equal(drain(&w, "later"), 5);
	world_clear(&w);
}

static void
id_is_known_from_the_append_on(void **state)
{
	struct page_id id = world_id("s", 0);
	struct world w;

	(void)state;
	world_init(&w);
	assert_false(store_seen(w.store, &id));
	world_push(&w, "s", world_acquire(&w, "s"), 0, 1, true, NULL);
	assert_true(store_seen(w.store, &id));
	assert_true(store_inflight_bytes(w.store) > 0);
	world_wait(&w, 1);
	assert_int_equal(store_inflight_bytes(w.store), 0);
	assert_true(store_seen(w.store, &id));
	world_clear(&w);
}

static void
output_goes_on_behind_what_it_confirmed(void **state)
{
	struct store_reader *r;
	struct store_event e;
	struct world w;
	store_pos half = 0;

	(void)state;
	world_init(&w);
	world_append(&w, "s", 0, 10, true);
	r = reader(&w, "siem");
	for (int i = 0; i < 4; i++) {
		assert_int_equal(store_next(r, &e, NULL), 1);
		half = e.pos;
	}
	store_confirm(r, half);
	assert_int_equal(store_next(r, &e, NULL), 1);
	assert_str(str_make(e.text.p, 4), "s 4 ");
	store_reader_free(&r);
	world_close(&w);
	world_open(&w);
	r = reader(&w, "siem");
	assert_true(store_confirmed(r) == half);
	assert_int_equal(store_next(r, &e, NULL), 1);
	assert_str(str_make(e.text.p, 4), "s 4 ");
	store_reader_free(&r);
	world_clear(&w);
}

static void
rewind_gives_the_unconfirmed_again(void **state)
{
	struct store_reader *r;
	struct world_read read = { 0 };
	struct store_event e;
	struct world w;
	store_pos fifth = 0;

	(void)state;
	world_init(&w);
	for (unsigned i = 0; i < 10; i++)
		world_append(&w, "s", 3 * i, 3 * i + 3, true);
	r = reader(&w, "siem");
	for (int i = 0; i < 5; i++) {
		store_next(r, &e, NULL);
		fifth = e.pos;
	}
	assert_int_equal(world_read(r, &read), 25);
	store_rewind(r, fifth);
	assert_int_equal(store_next(r, &e, NULL), 1);
	assert_str(str_make(e.text.p, 4), "s 5 ");
	assert_int_equal(world_read(r, &read), 24);
	store_confirm(r, fifth);
	store_rewind(r, 0);
	assert_int_equal(world_read(r, &read), 25);
	store_confirm(r, read.last);
	store_rewind(r, 0);
	assert_int_equal(world_read(r, &read), 0);
	store_reader_free(&r);
	world_clear(&w);
}

static void
outputs_do_not_know_each_other(void **state)
{
	static const char *const only_b[] = { "b", NULL };
	struct store_reader *all, *some;
	struct world_read read = { 0 };
	uint64_t bytes;
	struct world w;

	(void)state;
	world_init(&w);
	all = reader(&w, "all");
	some = store_reader_new(
	    w.store, STR_LIT("some"), STR_LIT("json/1024"), only_b);
	world_append(&w, "a", 0, 4, true);
	world_append(&w, "b", 0, 2, true);
	world_append(&w, "a", 4, 8, true);
	assert_int_equal(world_read(all, &read), 10);
	assert_int_equal(world_read(some, &read), 2);
	store_backlog(some, &bytes);
	assert_true(bytes > 0);
	store_confirm(some, read.last);
	/* The last page was not for it, so nothing holds its position back. */
	store_backlog(some, &bytes);
	assert_int_equal(bytes, 0);
	store_backlog(all, &bytes);
	assert_true(bytes > 1000);
	store_reader_free(&all);
	store_reader_free(&some);
	world_clear(&w);
}

static void
earlier_holder_can_append_no_more(void **state)
{
	uint64_t old, epoch;
	struct str cursor;
	struct err err;
	struct world w;

	(void)state;
	world_init(&w);
	old = world_acquire(&w, "s");
	assert_int_equal(world_push(&w, "s", old, 0, 1, true, NULL), 0);
	/* Not before its pages are through. */
	assert_int_equal(
	    store_acquire(w.store, str_of("s"), &epoch, &cursor, &err), -1);
	assert_int_equal(err.kind, ERR_RETRY);
	world_wait(&w, 1);
	epoch = world_acquire(&w, "s");
	assert_int_equal(world_push(&w, "s", old, 1, 2, true, &err), -1);
	assert_int_equal(err.kind, ERR_GONE);
	assert_int_equal(world_push(&w, "s", epoch, 1, 2, true, &err), 0);
	store_release(w.store, str_of("s"), epoch);
	assert_int_equal(world_push(&w, "s", epoch, 2, 3, true, &err), -1);
	/* After the release nobody is told, but the page is there. */
	while (store_inflight_bytes(w.store) > 0)
		store_reap(w.store);
	assert_int_equal(w.done, 1);
	assert_int_equal(world_cursor(&w, "s"), 2);
	world_clear(&w);
}

static void
second_opener_is_told_who_has_it(void **state)
{
	char want[64];
	struct world w;
	struct err err;

	(void)state;
	world_init(&w);
	assert_null(store_open(&w.conf, w.wall_ms, &err));
	assert_int_equal(err.kind, ERR_CONF);
	snprintf(want, sizeof(want), "with id %ld", (long)getpid());
	if (strstr(err.text, want) == NULL)
		fail_msg("%s", err.text);
	world_clear(&w);
}

static void
page_that_can_never_fit_is_refused(void **state)
{
	struct world w;
	struct err err;

	(void)state;
	world_init(&w);
	w.fill = 70000;
	assert_int_equal(
	    world_push(&w, "s", world_acquire(&w, "s"), 0, 1, true, &err), -1);
	assert_int_equal(err.kind, ERR_BUG);
	world_clear(&w);
}

static bool
is_empty(struct world *w, void *arg)
{
	(void)arg;
	return store_bytes(w->store) == 0;
}

/* Files in the journal's directory. */
static unsigned
count_files(const struct world *w)
{
	char *path = xasprintf("%s/journal", w->dir);
	DIR *d = opendir(path);
	unsigned n = 0;

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		n += e->d_name[0] != '.';
	closedir(d);
	xfree(path);
	return n;
}

static void
segments_go_when_all_have_confirmed_and_come_again(void **state)
{
	struct store_reader *fast, *slow;
	struct world_read read = { 0 };
	struct world w;
	unsigned n = 0;

	(void)state;
	world_init(&w);
	fast = reader(&w, "fast");
	slow = reader(&w, "slow");
	w.fill = 1000;
	/* Forty segments pass through, four at a time. */
	for (unsigned round = 0; round < 10; round++) {
		for (unsigned i = 0; i < 20; i++, n += 10)
			world_append(&w, "s", n, n + 10, true);
		assert_int_equal(world_read(fast, &read), 200);
		store_confirm(fast, read.last);
		assert_true(store_bytes(w.store) > 150000);
		assert_int_equal(world_read(slow, &read), 200);
		store_confirm(slow, read.last);
		world_until(&w, is_empty, NULL);
	}
	store_reader_free(&fast);
	store_reader_free(&slow);
	world_close(&w);
	if (count_files(&w) > 3)
		fail_msg("%u files are left", count_files(&w));
	world_open(&w);
	assert_int_equal(drain(&w, "fast"), 0);
	assert_int_equal(world_cursor(&w, "s"), 2000);
	for (unsigned i = 0; i < n; i++) {
		struct page_id id = world_id("s", i);

		if (!store_seen(w.store, &id))
			fail_msg("id %u is forgotten", i);
	}
	world_clear(&w);
}

static void
output_that_is_not_configured_holds_nothing(void **state)
{
	static const char *const names[] = { "kept", NULL };
	struct world w;

	(void)state;
	world_init(&w);
	drain(&w, "kept");
	drain(&w, "removed");
	world_append(&w, "s", 0, 10, true);
	assert_int_equal(drain(&w, "kept"), 10);
	assert_true(store_bytes(w.store) > 1000);
	store_keep_outputs(w.store, names);
	assert_int_equal(store_bytes(w.store), 0);
	world_close(&w);
	world_open(&w);
	assert_int_equal(store_bytes(w.store), 0);
	/* It may come again, as a new one. */
	assert_int_equal(drain(&w, "removed"), 10);
	world_close(&w);
	world_open(&w);
	assert_int_equal(drain(&w, "removed"), 0);
	world_clear(&w);
}

static void
high_water_holds_until_low_water(void **state)
{
	struct store_reader *r;
	struct store_event e;
	struct world w;
	struct err err;
	unsigned n = 0;
	uint64_t epoch, deadline_ms;

	(void)state;
	world_init(&w);
	world_close(&w);
	w.conf.limit_bytes = 1024 * 1024;
	w.fill = 1000;
	world_open(&w);
	r = reader(&w, "siem");
	for (; !store_is_full(w.store); n += 10)
		world_append(&w, "s", n, n + 10, true);
	assert_true(store_bytes(w.store) >= 943000);
	/* What is on its way may still come, but not over the limit. */
	epoch = world_acquire(&w, "s");
	while (world_push(&w, "s", epoch, n, n + 10, true, &err) == 0)
		n += 10;
	assert_int_equal(err.kind, ERR_FULL);
	while (store_inflight_bytes(w.store) > 0)
		world_wait(&w, w.done + 1);
	/* The other thread writes the last pages, and lets segments go. */
	deadline_ms = clock_mono_ms() + 20000;
	while (store_is_full(w.store)) {
		struct pollfd pfd = { store_fd(w.store), POLLIN, 0 };

		assert_true(clock_mono_ms() < deadline_ms);
		while (store_next(r, &e, NULL) == 1)
			store_confirm(r, e.pos);
		poll(&pfd, 1, 100);
		store_reap(w.store);
	}
	assert_true(store_bytes(w.store) <= 786432);
	store_reader_free(&r);
	world_clear(&w);
}

static void
id_is_forgotten_after_eight_days(void **state)
{
	const uint64_t day = 86400000;
	struct page_id old = world_id("s", 0), young = world_id("s", 1);
	struct world w;

	(void)state;
	world_init(&w);
	world_append(&w, "s", 0, 1, true);
	world_close(&w);
	w.wall_ms += 7 * day;
	world_open(&w);
	world_append(&w, "s", 1, 2, true);
	world_close(&w);
	world_open(&w);
	assert_true(store_seen(w.store, &old));
	world_close(&w);
	w.wall_ms += 3 * day;
	world_open(&w);
	world_append(&w, "s", 2, 3, true);
	world_close(&w);
	world_open(&w);
	assert_false(store_seen(w.store, &old));
	assert_true(store_seen(w.store, &young));
	world_clear(&w);
}

static void
no_index_is_no_loss(void **state)
{
	struct world w;
	char *path;

	(void)state;
	world_init(&w);
	assert_int_equal(drain(&w, "siem"), 0);
	for (unsigned i = 0; i < 300; i++)
		world_append(&w, "s", i, i + 1, true);
	world_close(&w);
	path = xasprintf("%s/index", w.dir);
	assert_int_equal(unlink(path), 0);
	world_open(&w);
	assert_int_equal(world_cursor(&w, "s"), 300);
	for (unsigned i = 0; i < 300; i++) {
		struct page_id id = world_id("s", i);

		assert_true(store_seen(w.store, &id));
	}
	world_close(&w);
	/* Cut short: set aside, and made again. */
	assert_int_equal(truncate(path, 5000), 0);
	world_open(&w);
	for (unsigned i = 0; i < 300; i++) {
		struct page_id id = world_id("s", i);

		assert_true(store_seen(w.store, &id));
	}
	assert_int_equal(drain(&w, "siem"), 300);
	xfree(path);
	world_clear(&w);
}

/* --- a disk that refuses --- */

static struct {
	bool no_space; /* new segments cannot be had */
	bool no_write;
	int sync_fails; /* so many syncs to come */
} disk;

static ssize_t
fake_pwritev(int fd, const struct iovec *iov, int n, off_t at)
{
	if (disk.no_write) {
		/* Half of the first piece gets there. */
		if (iov[0].iov_len > 1 &&
		    pwrite(fd, iov[0].iov_base, iov[0].iov_len / 2, at) < 0)
			return -1;
		errno = ENOSPC;
		return -1;
	}
	return pwritev(fd, iov, n, at);
}

static int
fake_fdatasync(int fd)
{
	if (disk.sync_fails > 0) {
		disk.sync_fails--;
		errno = EIO;
		return -1;
	}
	return fdatasync(fd);
}

static int
fake_allocate(int fd, off_t from, off_t len)
{
	if (disk.no_space)
		return ENOSPC;
	return posix_fallocate(fd, from, len);
}

static const struct journal_io fake_io = {
	fake_pwritev,
	fake_fdatasync,
	fake_allocate,
};

static void
world_init_fake(struct world *w)
{
	memset(&disk, 0, sizeof(disk));
	world_init(w);
	world_close(w);
	w->conf.io = &fake_io;
	world_open(w);
}

static void
failed_commit_leaves_nothing_behind(void **state)
{
	struct page_id id = world_id("s", 2);
	struct store_reader *r;
	struct world_read read = { 0 };
	uint64_t epoch;
	struct world w;

	(void)state;
	world_init_fake(&w);
	world_append(&w, "s", 0, 2, true);
	epoch = world_acquire(&w, "s");
	disk.no_write = true;
	for (unsigned i = 2; i < 6; i++)
		world_push(&w, "s", epoch, i, i + 1, true, NULL);
	world_wait(&w, 5);
	assert_int_equal(w.failed, 4);
	assert_int_equal(w.why.kind, ERR_SYS);
	assert_false(store_seen(w.store, &id));
	disk.no_write = false;
	world_push(&w, "s", epoch, 2, 3, true, NULL);
	world_wait(&w, 6);
	assert_int_equal(w.failed, 4);
	assert_true(store_seen(w.store, &id));
	world_close(&w);
	world_open(&w);
	assert_int_equal(world_cursor(&w, "s"), 3);
	r = reader(&w, "siem");
	assert_int_equal(world_read(r, &read), 3);
	store_reader_free(&r);
	world_clear(&w);
}

static void
after_a_failed_sync_the_page_is_written_elsewhere(void **state)
{
	struct store_reader *r;
	struct world_read read = { 0 };
	struct world w;

	(void)state;
	world_init_fake(&w);
	assert_int_equal(drain(&w, "second"), 0);
	world_append(&w, "s", 0, 2, true);
	disk.sync_fails = 1;
	world_append(&w, "s", 2, 4, true);
	world_append(&w, "s", 4, 6, true);
	for (int i = 0; i < 2; i++) {
		r = store_reader_new(w.store,
		    str_of(i == 0 ? "first" : "second"), STR_LIT("f"), NULL);
		assert_int_equal(world_read(r, &read), 6);
		assert_int_equal(read.bad, 0);
		store_reader_free(&r);
		world_close(&w);
		world_open(&w);
	}
	assert_int_equal(world_cursor(&w, "s"), 6);
	world_clear(&w);
}

static void
full_disk_can_be_drained(void **state)
{
	struct store_reader *r;
	struct world_read read = { 0 };
	uint64_t epoch;
	unsigned n = 0, told;
	struct world w;

	(void)state;
	world_init_fake(&w);
	r = reader(&w, "siem");
	w.fill = 1000;
	for (; n < 200; n += 10)
		world_append(&w, "s", n, n + 10, true);
	disk.no_space = true;
	epoch = world_acquire(&w, "s");
	for (told = w.done + 1; w.failed == 0; told++) {
		assert_int_equal(
		    world_push(&w, "s", epoch, n, n + 10, true, NULL), 0);
		world_wait(&w, told);
		n += 10;
	}
	n -= 10;
	assert_int_equal(w.why.kind, ERR_SYS);
	assert_int_equal(world_read(r, &read), n);
	store_confirm(r, read.last);
	/* The segments that go are enough to go on. */
	for (unsigned failed = 0; w.failed > failed; told++) {
		failed = w.failed;
		assert_int_equal(
		    world_push(&w, "s", epoch, n, n + 10, true, NULL), 0);
		world_wait(&w, told);
	}
	assert_int_equal(world_read(r, &read), 10);
	store_reader_free(&r);
	world_close(&w);
	world_open(&w);
	assert_int_equal(world_cursor(&w, "s"), n + 10);
	world_clear(&w);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(events_cursor_and_ids_are_there_after_reopening),
	cmocka_unit_test(id_is_known_from_the_append_on),
	cmocka_unit_test(output_goes_on_behind_what_it_confirmed),
	cmocka_unit_test(rewind_gives_the_unconfirmed_again),
	cmocka_unit_test(outputs_do_not_know_each_other),
	cmocka_unit_test(earlier_holder_can_append_no_more),
	cmocka_unit_test(second_opener_is_told_who_has_it),
	cmocka_unit_test(page_that_can_never_fit_is_refused),
	cmocka_unit_test(segments_go_when_all_have_confirmed_and_come_again),
	cmocka_unit_test(output_that_is_not_configured_holds_nothing),
	cmocka_unit_test(high_water_holds_until_low_water),
	cmocka_unit_test(id_is_forgotten_after_eight_days),
	cmocka_unit_test(no_index_is_no_loss),
	cmocka_unit_test(failed_commit_leaves_nothing_behind),
	cmocka_unit_test(after_a_failed_sync_the_page_is_written_elsewhere),
	cmocka_unit_test(full_disk_can_be_drained),
};

UNIT_MAIN(tests)
