/* tests/test_index.c -- the ids that are known, and what may befall them. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "state/index.h"
#include "state/seen.h"
#include "tests/tempdir.h"

#define WALL_MS UINT64_C(1900000000000)
#define DAY_MS UINT64_C(86400000)

struct scene {
	char *dir, *path;
	struct index_conf conf;
	struct index *ix;
	struct err aside;
};

static void
scene_open(struct scene *s, uint64_t wall_ms)
{
	struct err err;

	s->ix = index_open(&s->conf, wall_ms, &s->aside, &err);
	if (s->ix == NULL)
		fail_msg("%s", err.text);
}

static void
scene_init(struct scene *s)
{
	*s = (struct scene){ .dir = tempdir_make() };
	s->path = xasprintf("%s/index", s->dir);
	s->conf.path = s->path;
	s->conf.keep_ms = 8 * DAY_MS;
	scene_open(s, WALL_MS);
	assert_int_equal(s->aside.kind, ERR_NONE);
}

static void
scene_clear(struct scene *s)
{
	index_close(&s->ix);
	tempdir_remove(s->dir);
	xfree(s->path);
}

/* The n-th id: times rise, now and then one goes back. */
static struct page_id
id_of(uint64_t n)
{
	uint64_t mix = (n + 1) * UINT64_C(0x9e3779b97f4a7c15);

	return (struct page_id){ WALL_MS - 40 * DAY_MS + n * 1000 -
		    (n % 7 == 0 ? 50000 : 0),
		mix, mix ^ 0x5555 };
}

static bool
is_known(struct scene *s, uint64_t n)
{
	struct page_id id = id_of(n);

	return index_find(s->ix, &id);
}

/* Take ids first..last-1 as those of one page. */
static void
take(struct scene *s, uint64_t first, uint64_t last, uint64_t seq,
    uint64_t wall_ms)
{
	struct index_entry *e = xcalloc((size_t)(last - first) + 1, sizeof(*e));
	struct err err;

	for (uint64_t n = first; n < last; n++)
		e[n - first] = (struct index_entry){ id_of(n), seq };
	if (index_take(s->ix, e, (size_t)(last - first), seq,
		STR_LIT("checkpoint"), wall_ms, &err) != 0)
		fail_msg("%s", err.text);
	xfree(e);
}

static void
what_was_taken_is_found(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	assert_false(is_known(&s, 0));
	take(&s, 0, 3000, 5, WALL_MS);
	take(&s, 2900, 6000, 6, WALL_MS);
	for (int i = 0; i < 2; i++) {
		for (uint64_t n = 0; n < 6000; n++)
			if (!is_known(&s, n))
				fail_msg("%u is not known", (unsigned)n);
		for (uint64_t n = 6000; n < 7000; n++)
			assert_false(is_known(&s, n));
		assert_int_equal(index_watermark(s.ix), 6);
		assert_str(index_checkpoint(s.ix), "checkpoint");
		index_close(&s.ix);
		scene_open(&s, WALL_MS);
		assert_int_equal(s.aside.kind, ERR_NONE);
	}
	scene_clear(&s);
}

static void
index_grows_past_its_map(void **state)
{
	const uint64_t each = 200000, all = 1600000;
	struct scene s;

	(void)state;
	scene_init(&s);
	for (uint64_t n = 0; n < all; n += each)
		take(&s, n, n + each, n / each + 1, WALL_MS);
	for (uint64_t n = 0; n < all; n += 997)
		assert_true(is_known(&s, n));
	index_close(&s.ix);
	scene_open(&s, WALL_MS);
	assert_int_equal(s.aside.kind, ERR_NONE);
	for (uint64_t n = 0; n < all; n += 997)
		assert_true(is_known(&s, n));
	scene_clear(&s);
}

/* It is the day on which an id was seen that counts, not the record's. */
static void
old_ids_go_and_young_ones_stay(void **state)
{
	uint64_t later = WALL_MS + 9 * DAY_MS;
	unsigned old = 0;
	struct scene s;

	(void)state;
	scene_init(&s);
	take(&s, 0, 5000, 1, WALL_MS);
	take(&s, 5000, 6000, 2, WALL_MS + 5 * DAY_MS);
	take(&s, 6000, 6001, 3, WALL_MS + 8 * DAY_MS);
	for (uint64_t n = 0; n < 6001; n++)
		assert_true(is_known(&s, n));
	/* A stretch in each take, until all were looked at. */
	for (uint64_t i = 0; i < 8; i++)
		take(&s, 7000 + i, 7001 + i, 4 + i, later);
	for (uint64_t n = 0; n < 5000; n++)
		old += is_known(&s, n);
	assert_int_equal(old, 0);
	for (uint64_t n = 5000; n < 6001; n++)
		assert_true(is_known(&s, n));
	scene_clear(&s);
}

static void
ids_of_a_lost_page_are_forgotten(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	take(&s, 0, 10, 5, WALL_MS);
	take(&s, 10, 20, 6, WALL_MS);
	assert_false(index_has_lost(s.ix, 5, 5));
	index_lose(s.ix, 5, 5, WALL_MS);
	assert_true(index_has_lost(s.ix, 5, 5));
	assert_false(is_known(&s, 3));
	assert_true(is_known(&s, 13));
	/* Not dealt with for good: whoever comes next has to do it again. */
	take(&s, 20, 21, 7, WALL_MS);
	index_close(&s.ix);
	scene_open(&s, WALL_MS);
	assert_false(is_known(&s, 3));
	assert_false(index_has_lost(s.ix, 5, 5));
	index_lose(s.ix, 5, 5, WALL_MS);
	index_firm(s.ix);
	take(&s, 3, 4, 8, WALL_MS);
	index_close(&s.ix);
	scene_open(&s, WALL_MS);
	assert_true(index_has_lost(s.ix, 5, 5));
	assert_false(is_known(&s, 4));
	/* Seen again in another page. */
	assert_true(is_known(&s, 3));
	scene_clear(&s);
}

static void
fresh_ids_are_known_until_their_page_fails(void **state)
{
	struct scene s;
	struct seen *seen;

	(void)state;
	scene_init(&s);
	seen = seen_new(s.ix);
	for (uint64_t n = 0; n < 5000; n++) {
		struct page_id id = id_of(n);

		seen_add(seen, &id, 1 + n / 1000);
		seen_add(seen, &id, 9);
	}
	assert_int_equal(seen_count(seen), 5000);
	seen_forget(seen, 2, 3);
	take(&s, 0, 1000, 1, WALL_MS);
	seen_taken(seen, 1);
	assert_int_equal(seen_count(seen), 2000);
	for (uint64_t n = 0; n < 5000; n++) {
		struct page_id id = id_of(n);

		assert_int_equal(seen_has(seen, &id), n < 1000 || n >= 3000);
	}
	seen_free(&seen);
	scene_clear(&s);
}

/* --- damage --- */

static unsigned
count_aside(const struct scene *s)
{
	DIR *d = opendir(s->dir);
	unsigned n = 0;

	for (struct dirent *e; (e = readdir(d)) != NULL;)
		n += strncmp(e->d_name, "index.damaged-", 14) == 0;
	closedir(d);
	return n;
}

/*
 * Whatever bit is flipped: either it is found and the file set aside, or it
 * changed nothing that counts.
 */
static void
flipped_bit_is_found_or_harmless(void **state)
{
	unsigned found = 0;
	struct scene s;
	char *file;
	off_t end;
	int fd;

	(void)state;
	scene_init(&s);
	take(&s, 0, 2000, 1, WALL_MS);
	take(&s, 1000, 3000, 2, WALL_MS);
	take(&s, 500, 3500, 3, WALL_MS);
	index_close(&s.ix);
	fd = open(s.path, O_RDONLY);
	file = xmalloc(4 * 1024 * 1024);
	end = pread(fd, file, 4 * 1024 * 1024, 0);
	close(fd);
	assert_true(end > 100000);
	while (file[end - 1] == 0)
		end--;
	for (off_t at = 0, step = 0; at < end; at += 397 + step % 61, step++) {
		char c = (char)(file[at] ^ (1 << (step % 8)));

		fd = open(s.path, O_RDWR | O_CREAT, 0600);
		assert_int_equal(pwrite(fd, file, (size_t)end, 0), end);
		assert_int_equal(ftruncate(fd, 4 * 1024 * 1024), 0);
		assert_int_equal(pwrite(fd, &c, 1, at), 1);
		close(fd);
		scene_open(&s, WALL_MS);
		if (s.aside.kind != ERR_NONE) {
			found++;
		} else {
			for (uint64_t n = 0; n < 3500; n += 50)
				if (!is_known(&s, n))
					fail_msg("byte %ld: %u is gone",
					    (long)at, (unsigned)n);
			assert_false(is_known(&s, 3500));
		}
		if (step % 16 == 0) {
			take(&s, 4000, 4100, 4, WALL_MS);
			assert_true(is_known(&s, 4000));
		}
		index_close(&s.ix);
	}
	assert_true(found > 100);
	assert_true(count_aside(&s) > 0);
	xfree(file);
	scene_open(&s, WALL_MS);
	scene_clear(&s);
}

static void
what_is_no_index_is_set_aside(void **state)
{
	static const struct {
		const char *what;
		off_t len;
		char fill;
	} rows[] = {
		{ "empty", 0, 0 },
		{ "one byte", 1, 'x' },
		{ "a page of zeros", 4096, 0 },
		{ "zeros", 100000, 0 },
		{ "text", 100000, 'x' },
	};
	struct scene s;

	(void)state;
	scene_init(&s);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd;

		index_close(&s.ix);
		fd = open(s.path, O_RDWR | O_TRUNC);
		for (off_t at = 0; at < rows[i].len; at++)
			assert_int_equal(write(fd, &rows[i].fill, 1), 1);
		close(fd);
		scene_open(&s, WALL_MS + 1000 * i);
		if (s.aside.kind == ERR_NONE)
			fail_msg("%s: taken for good", rows[i].what);
		take(&s, 0, 10, 1, WALL_MS);
		assert_true(is_known(&s, 9));
	}
	assert_int_equal(count_aside(&s), sizeof(rows) / sizeof(rows[0]));
	scene_clear(&s);
}

static void
restart_forgets_everything(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	take(&s, 0, 10, 7, WALL_MS);
	index_lose(s.ix, 3, 3, WALL_MS);
	assert_int_equal(index_restart(s.ix, WALL_MS, NULL), 0);
	assert_false(is_known(&s, 1));
	assert_false(index_has_lost(s.ix, 3, 3));
	assert_int_equal(index_watermark(s.ix), 0);
	take(&s, 0, 10, 8, WALL_MS);
	assert_true(is_known(&s, 1));
	scene_clear(&s);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_was_taken_is_found),
	cmocka_unit_test(index_grows_past_its_map),
	cmocka_unit_test(old_ids_go_and_young_ones_stay),
	cmocka_unit_test(ids_of_a_lost_page_are_forgotten),
	cmocka_unit_test(fresh_ids_are_known_until_their_page_fails),
	cmocka_unit_test(flipped_bit_is_found_or_harmless),
	cmocka_unit_test(what_is_no_index_is_set_aside),
	cmocka_unit_test(restart_forgets_everything),
};

UNIT_MAIN(tests)
