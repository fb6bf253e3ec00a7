/* tests/test_journal.c -- segments, frames, and how they are read back. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "state/crc32c.h"
#include "state/frame.h"
#include "state/journal.h"
#include "state/le.h"
#include "state/walk.h"
#include "tests/tempdir.h"

#define SEGMENT (64 * 1024)

struct scene {
	char *dir;
	struct journal_conf conf;
	struct journal *j;
};

static void
scene_open(struct scene *s)
{
	struct err err;

	s->conf.dir = s->dir;
	s->conf.segment_bytes = SEGMENT;
	s->j = journal_open(&s->conf, &err);
	if (s->j == NULL)
		fail_msg("%s", err.text);
}

static void
scene_init(struct scene *s)
{
	*s = (struct scene){ .dir = tempdir_make() };
	scene_open(s);
}

static void
scene_clear(struct scene *s)
{
	journal_close(&s->j);
	tempdir_remove(s->dir);
}

static void
roll(struct scene *s)
{
	struct err err;

	if (journal_roll(s->j, STR_LIT("state"), true, &err) != 0)
		fail_msg("%s", err.text);
}

/* Write pages first to last, each with `len` bytes, in one go. */
static int
write_pages(struct scene *s, uint64_t first, uint64_t last, size_t len)
{
	struct buf frames[JOURNAL_BATCH_MAX];
	struct journal_out outs[JOURNAL_BATCH_MAX] = { 0 };
	size_t n = 0;
	int rc;

	for (uint64_t seq = first; seq <= last; seq++, n++) {
		buf_init(&frames[n], 1024 * 1024);
		frame_begin(&frames[n]);
		for (size_t i = 0; i < len; i++)
			buf_add_char(&frames[n], (char)(seq + i));
		frame_pad(&frames[n]);
		outs[n] = (struct journal_out){ FRAME_PAGE, seq, 7, len,
			&frames[n], 0 };
	}
	rc = journal_write(s->j, outs, n, NULL);
	while (n > 0)
		buf_clear(&frames[--n]);
	return rc;
}

/*
 * Walk from the oldest frame and tell what is met: "1 2 [3-4] 5", with the
 * checkpoints left out, and "torn" where the end is not clean.
 */
static void
story(struct scene *s, char *text, size_t size)
{
	struct walk_frame f;
	struct walk_gap gap;
	struct walk w;
	size_t at = 0;
	int rc;

	text[0] = '\0';
	walk_init(&w, s->j);
	while ((rc = walk_next(&w, &f, &gap)) != 0) {
		if (rc < 0)
			at += (size_t)snprintf(text + at, size - at,
			    "[%u-%u%s] ", (unsigned)gap.first,
			    (unsigned)gap.last, gap.has_source ? " of 7" : "");
		else if (f.head.kind == FRAME_PAGE)
			at += (size_t)snprintf(
			    text + at, size - at, "%u ", (unsigned)f.head.seq);
	}
	if (w.is_torn && w.highest > w.page)
		snprintf(
		    text + at, size - at, "torn up to %u", (unsigned)w.highest);
	else if (at > 0)
		text[at - 1] = '\0';
	walk_clear(&w);
}

/* The path of the newest segment file. */
static char *
newest_path(struct scene *s)
{
	struct journal_segment seg = { 0 };

	for (uint64_t n = 0; journal_segment(s->j, n, &seg); n = seg.number + 1)
		;
	return xasprintf(
	    "%s/%016llx.seg", s->dir, (unsigned long long)seg.number);
}

/* Change one byte of page seq's payload in the newest segment. */
static void
spoil(struct scene *s, uint64_t seq, unsigned what)
{
	char *path = newest_path(s);
	int fd = open(path, O_RDWR);
	struct walk_frame f;
	struct walk_gap gap;
	struct walk w;
	char c;

	walk_init(&w, s->j);
	while (walk_next(&w, &f, &gap) > 0)
		if (f.head.kind == FRAME_PAGE && f.head.seq == seq)
			break;
	f.at += what;
	assert_int_equal(pread(fd, &c, 1, (off_t)f.at), 1);
	c ^= 1;
	assert_int_equal(pwrite(fd, &c, 1, (off_t)f.at), 1);
	walk_clear(&w);
	close(fd);
	xfree(path);
}

static void
crc32c_is_the_same_by_table_and_by_processor(void **state)
{
	static unsigned char block[40000];

	(void)state;
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c_by_table(0, "123456789", 9), 0xe3069283);
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (unsigned char)(i * 31 + (i >> 7));
	for (size_t len = 0; len < sizeof(block); len += 1 + len / 3)
		for (size_t at = 0; at < 3 && at + len <= sizeof(block); at++)
			assert_int_equal(crc32c(5, block + at, len),
			    crc32c_by_table(5, block + at, len));
	assert_int_equal(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
}

static void
frame_belongs_to_one_segment(void **state)
{
	struct frame f = { .kind = FRAME_PAGE, .seq = 9, .prev = 8 }, got;
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	frame_begin(&b);
	buf_add_text(&b, "payload");
	frame_pad(&b);
	assert_int_equal(b.len, frame_bytes(7));
	frame_seal(b.p, &f, 7, 42);
	assert_true(frame_parse(b.p, 42, &got));
	assert_int_equal(got.seq, 9);
	assert_int_equal(got.length, 7);
	assert_true(frame_has(&got, b.p + FRAME_HEAD));
	assert_false(frame_parse(b.p, 43, &got));
	b.p[FRAME_HEAD] ^= 1;
	assert_false(frame_has(&got, b.p + FRAME_HEAD));
	buf_clear(&b);
}

static void
pages_are_read_in_order_over_segments(void **state)
{
	struct scene s;
	struct walk w;
	struct walk_frame f;
	struct walk_gap gap;
	char text[200];

	(void)state;
	scene_init(&s);
	assert_int_equal(journal_room(s.j), 0);
	roll(&s);
	assert_int_equal(write_pages(&s, 1, 3, 1000), 0);
	roll(&s);
	assert_int_equal(write_pages(&s, 5, 6, 1000), 0);
	story(&s, text, sizeof(text));
	assert_string_equal(text, "1 2 3 5 6");
	journal_close(&s.j);
	scene_open(&s);
	story(&s, text, sizeof(text));
	assert_string_equal(text, "1 2 3 5 6");
	walk_init(&w, s.j);
	walk_seek(&w, 2);
	assert_int_equal(walk_next(&w, &f, &gap), 1);
	assert_int_equal(f.head.seq, 3);
	assert_int_equal(f.payload.len, 1000);
	walk_clear(&w);
	scene_clear(&s);
}

static void
missing_page_is_a_gap_if_it_was_promised(void **state)
{
	static const struct {
		uint64_t seq;
		unsigned at; /* in its frame */
		const char *want;
	} rows[] = {
		{ 1, 60, "[1-1 of 7] 2 3 4 5" },
		{ 2, 60, "1 [2-2 of 7] 3 4 5" },
		{ 3, 60, "1 2 [3-3 of 7] 4 5" },
		{ 3, 20, "1 2 [3-3] 4 5" },
		/* Written with the last sync: it may never have been told. */
		{ 4, 60, "1 2 3 torn up to 5" },
		{ 4, 20, "1 2 3 torn up to 5" },
		{ 5, 60, "1 2 3 4 torn up to 5" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scene s;
		char text[200];

		scene_init(&s);
		roll(&s);
		write_pages(&s, 1, 1, 100);
		write_pages(&s, 2, 3, 100);
		write_pages(&s, 4, 5, 100);
		spoil(&s, rows[i].seq, rows[i].at);
		journal_close(&s.j);
		scene_open(&s);
		story(&s, text, sizeof(text));
		if (strcmp(text, rows[i].want) != 0)
			fail_msg("row %zu: got \"%s\", want \"%s\"", i, text,
			    rows[i].want);
		scene_clear(&s);
	}
}

/* While we run, all up to the end was promised. */
static void
gap_at_the_known_end_is_a_gap(void **state)
{
	struct scene s;
	char text[200];

	(void)state;
	scene_init(&s);
	roll(&s);
	write_pages(&s, 1, 3, 100);
	spoil(&s, 3, 60);
	story(&s, text, sizeof(text));
	assert_string_equal(text, "1 2 [3-3 of 7]");
	scene_clear(&s);
}

static void
frames_of_an_earlier_life_are_not_read(void **state)
{
	struct scene s;
	char text[200];

	(void)state;
	scene_init(&s);
	roll(&s);
	write_pages(&s, 1, 40, 1000);
	roll(&s);
	write_pages(&s, 41, 41, 1000);
	assert_int_equal(journal_detach(s.j, 40), 1);
	journal_recycle(s.j);
	/* Round and round: each file is used several times. */
	for (uint64_t seq = 42; seq < 50; seq++) {
		roll(&s);
		write_pages(&s, seq, seq, 1000);
		assert_int_equal(journal_detach(s.j, seq - 1), 1);
		journal_recycle(s.j);
	}
	journal_close(&s.j);
	scene_open(&s);
	story(&s, text, sizeof(text));
	assert_string_equal(text, "49");
	scene_clear(&s);
}

static void
writing_goes_on_behind_a_torn_end(void **state)
{
	struct scene s;
	struct walk_frame f;
	struct walk_gap gap;
	struct walk w;
	char text[200];

	(void)state;
	scene_init(&s);
	roll(&s);
	write_pages(&s, 1, 1, 100);
	write_pages(&s, 2, 4, 100);
	spoil(&s, 2, 60);
	journal_close(&s.j);
	scene_open(&s);
	walk_init(&w, s.j);
	while (walk_next(&w, &f, &gap) > 0)
		;
	assert_int_equal(w.highest, 4);
	assert_int_equal(journal_resume(s.j, w.at, w.page, NULL), 0);
	walk_clear(&w);
	/* As long as the spoiled one, so that the old third follows it. */
	assert_int_equal(write_pages(&s, 5, 5, 100), 0);
	story(&s, text, sizeof(text));
	assert_string_equal(text, "1 5");
	journal_close(&s.j);
	scene_open(&s);
	story(&s, text, sizeof(text));
	assert_string_equal(text, "1 5");
	scene_clear(&s);
}

static void
newer_version_is_refused(void **state)
{
	struct scene s;
	struct err err;
	char head[64];
	char *path;
	int fd;

	(void)state;
	scene_init(&s);
	roll(&s);
	path = newest_path(&s);
	journal_close(&s.j);
	fd = open(path, O_RDWR);
	assert_int_equal(pread(fd, head, sizeof(head), 0), sizeof(head));
	le_put32(head + 8, 2);
	le_put32(head + 60, crc32c(0, head, 60));
	assert_int_equal(pwrite(fd, head, sizeof(head), 0), sizeof(head));
	close(fd);
	xfree(path);
	assert_null(journal_open(&s.conf, &err));
	assert_int_equal(err.kind, ERR_CONF);
	assert_non_null(strstr(err.text, "newer version"));
	tempdir_remove(s.dir);
}

static int files_left;

static int
few_files(int fd, off_t from, off_t len)
{
	if (files_left-- <= 0)
		return ENOSPC;
	return posix_fallocate(fd, from, len);
}

static ssize_t
plain_pwritev(int fd, const struct iovec *iov, int n, off_t at)
{
	return pwritev(fd, iov, n, at);
}

static void
last_spare_is_for_positions_only(void **state)
{
	static const struct journal_io io = { plain_pwritev, fdatasync,
		few_files };
	struct scene s;
	struct err err;

	(void)state;
	scene_init(&s);
	journal_close(&s.j);
	s.conf.io = &io;
	scene_open(&s);
	files_left = 2;
	roll(&s);
	assert_true(journal_has_spare(s.j));
	assert_int_equal(journal_roll(s.j, STR_LIT("state"), true, &err), -1);
	assert_int_equal(err.kind, ERR_SYS);
	assert_true(journal_has_spare(s.j));
	assert_int_equal(journal_roll(s.j, STR_LIT("state"), false, &err), 0);
	assert_false(journal_has_spare(s.j));
	assert_int_equal(journal_make_spare(s.j, &err), -1);
	scene_clear(&s);
}

static void
segment_set_aside_is_not_written_again(void **state)
{
	struct scene s;
	unsigned damaged = 0, spares = 0, segments = 0;
	DIR *d;

	(void)state;
	scene_init(&s);
	roll(&s);
	write_pages(&s, 1, 1, 100);
	assert_int_equal(
	    journal_set_aside(s.j, journal_newest(s.j), 1000, NULL), 0);
	roll(&s);
	assert_int_equal(journal_detach(s.j, 1), 1);
	journal_recycle(s.j);
	d = opendir(s.dir);
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		damaged += strncmp(e->d_name, "damaged-", 8) == 0;
		spares += strncmp(e->d_name, "spare-", 6) == 0;
		segments += str_ends(str_of(e->d_name), str_of(".seg"));
	}
	closedir(d);
	assert_int_equal(damaged, 1);
	assert_int_equal(spares, 1);
	assert_int_equal(segments, 1);
	scene_clear(&s);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(crc32c_is_the_same_by_table_and_by_processor),
	cmocka_unit_test(frame_belongs_to_one_segment),
	cmocka_unit_test(pages_are_read_in_order_over_segments),
	cmocka_unit_test(missing_page_is_a_gap_if_it_was_promised),
	cmocka_unit_test(gap_at_the_known_end_is_a_gap),
	cmocka_unit_test(frames_of_an_earlier_life_are_not_read),
	cmocka_unit_test(writing_goes_on_behind_a_torn_end),
	cmocka_unit_test(newer_version_is_refused),
	cmocka_unit_test(last_spare_is_for_positions_only),
	cmocka_unit_test(segment_set_aside_is_not_written_again),
};

UNIT_MAIN(tests)
