/* tests/test_file_out.c -- lines in real files, on disks that misbehave. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include "tests/fake_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "net/loop.h"
#include "sink/sink.h"

struct scene {
	struct loop *loop;
	struct sink *sink;
	void *conf;
	char dir[32];
	char path[64];
	uint64_t confirmed;
	unsigned ready;
	bool done;
	bool loses; /* a sync fails, so events come again */
	uint64_t again;
};

/* In the place of the system's: fails as often as it is told to. */
static unsigned failing_syncs;

int
fdatasync(int fd)
{
	(void)fd;
	if (failing_syncs == 0)
		return 0;
	failing_syncs--;
	errno = EIO;
	return -1;
}

static void
on_ready(void *arg)
{
	((struct scene *)arg)->ready++;
}

static void
on_confirmed(void *arg, uint64_t pos)
{
	((struct scene *)arg)->confirmed = pos;
}

static void
on_again(void *arg, uint64_t pos)
{
	struct scene *sc = arg;

	if (!sc->loses)
		fail_msg("nothing was lost, but events are asked for");
	sc->again = pos;
}

static void
on_done(void *arg)
{
	((struct scene *)arg)->done = true;
}

static void
open_sink(struct scene *sc)
{
	static const struct sink_cbs cbs = {
		.ready = on_ready, .confirmed = on_confirmed, .again = on_again
	};
	struct err err;

	sc->sink =
	    file_out_ops.open(sc->conf, "test", sc->loop, &cbs, sc, &err);
	if (sc->sink == NULL)
		fail_msg("%s", err.text);
}

static void
open_scene(struct scene *sc)
{
	memset(sc, 0, sizeof(*sc));
	snprintf(sc->dir, sizeof(sc->dir), "/tmp/test_file_out.XXXXXX");
	assert_non_null(mkdtemp(sc->dir));
	snprintf(sc->path, sizeof(sc->path), "%s/events", sc->dir);
	sc->loop = loop_new();
	sc->conf = xcalloc(1, file_out_ops.conf_bytes);
	opt_set(opt_find(file_out_ops.opts, "path"), sc->conf, sc->path, NULL);
}

static void
close_scene(struct scene *sc)
{
	if (sc->sink != NULL)
		file_out_ops.close(&sc->sink);
	opt_clear(file_out_ops.opts, sc->conf);
	xfree(sc->conf);
	loop_free(&sc->loop);
	unlink(sc->path);
	rmdir(sc->dir);
}

static int
send_one(struct scene *sc, uint64_t pos, const char *text)
{
	struct sink_event e = {
		.pos = pos, .time_ms = 1, .text = str_of(text)
	};

	return file_out_ops.send(sc->sink, &e);
}

static void
assert_file(const char *path, const char *want)
{
	char got[4096] = "";
	int fd = open(path, O_RDONLY);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, got, sizeof(got) - 1);
	close(fd);
	assert_true(n >= 0);
	assert_string_equal(got, want);
}

static void
write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void
lines_are_appended_and_confirmed_once_they_are_synced(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc);
	write_file(sc.path, "old\n");
	open_sink(&sc);
	assert_int_equal(send_one(&sc, 1, "a"), 1);
	assert_int_equal(send_one(&sc, 2, "b"), 1);
	file_out_ops.flush(sc.sink);
	fake_loop_turn(sc.loop);
	assert_file(sc.path, "old\na\nb\n");
	assert_int_equal(sc.confirmed, 0);
	fake_loop_advance(sc.loop, 1000);
	assert_int_equal(sc.confirmed, 2);
	close_scene(&sc);
}

static void
a_torn_line_of_a_crash_is_cut_off(void **state)
{
	static const struct {
		const char *before, *after;
	} rows[] = {
		{ "whole\ntorn", "whole\nnew\n" },
		{ "torn", "new\n" },
		{ "", "new\n" },
		{ "whole\n", "whole\nnew\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scene sc;

		open_scene(&sc);
		write_file(sc.path, rows[i].before);
		open_sink(&sc);
		send_one(&sc, 1, "new");
		file_out_ops.flush(sc.sink);
		assert_file(sc.path, rows[i].after);
		close_scene(&sc);
	}
}

static void
a_full_disk_holds_events_and_never_tears_a_line(void **state)
{
	struct rlimit before, small;
	struct scene sc;

	(void)state;
	open_scene(&sc);
	open_sink(&sc);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 10;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	send_one(&sc, 1, "12345");
	send_one(&sc, 2, "67890");
	file_out_ops.flush(sc.sink);
	fake_loop_advance(sc.loop, 20000);
	assert_file(sc.path, "");
	assert_int_equal(sc.confirmed, 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	fake_loop_advance(sc.loop, 6000);
	assert_file(sc.path, "12345\n67890\n");
	assert_int_equal(sc.confirmed, 2);
	close_scene(&sc);
}

/* A rotation by copy and truncate moves the end under our feet. */
static void
a_cut_write_is_taken_back_from_where_the_file_ends_now(void **state)
{
	struct rlimit before, small;
	struct scene sc;

	(void)state;
	open_scene(&sc);
	open_sink(&sc);
	send_one(&sc, 1, "a line that will be rotated away");
	file_out_ops.flush(sc.sink);
	fake_loop_advance(sc.loop, 2000);
	assert_int_equal(truncate(sc.path, 0), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 10;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	send_one(&sc, 2, "1234567890");
	file_out_ops.flush(sc.sink);
	assert_file(sc.path, "");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	fake_loop_advance(sc.loop, 7000);
	assert_file(sc.path, "1234567890\n");
	assert_int_equal(sc.confirmed, 2);
	close_scene(&sc);
}

static void
a_line_without_room_is_refused_and_not_lost(void **state)
{
	size_t len = 17 * 1024 * 1024;
	char *big = test_malloc(len + 1);
	struct scene sc;

	(void)state;
	memset(big, 'x', len);
	big[len] = '\0';
	open_scene(&sc);
	open_sink(&sc);
	assert_int_equal(send_one(&sc, 1, "one"), 1);
	assert_int_equal(send_one(&sc, 2, big), 0);
	fake_loop_advance(sc.loop, 7000);
	assert_int_equal(sc.confirmed, 1);
	assert_int_equal(sc.ready, 1);
	assert_file(sc.path, "one\n");
	assert_int_equal(send_one(&sc, 2, "two"), 1);
	file_out_ops.flush(sc.sink);
	fake_loop_advance(sc.loop, 2000);
	assert_file(sc.path, "one\ntwo\n");
	assert_int_equal(sc.confirmed, 2);
	test_free(big);
	close_scene(&sc);
}

static void
a_moved_file_is_opened_anew(void **state)
{
	struct scene sc;
	char moved[80];

	(void)state;
	open_scene(&sc);
	open_sink(&sc);
	snprintf(moved, sizeof(moved), "%s.1", sc.path);
	send_one(&sc, 1, "a");
	assert_int_equal(rename(sc.path, moved), 0);
	file_out_ops.reopen(sc.sink);
	fake_loop_turn(sc.loop);
	assert_int_equal(sc.confirmed, 1);
	send_one(&sc, 2, "b");
	file_out_ops.flush(sc.sink);
	assert_file(moved, "a\n");
	assert_file(sc.path, "b\n");
	unlink(moved);
	close_scene(&sc);
}

static void
a_pipe_that_is_full_is_waited_for(void **state)
{
	char line[20000], drain[65536];
	struct scene sc;
	int reader, sent = 0;

	(void)state;
	open_scene(&sc);
	assert_int_equal(mkfifo(sc.path, 0600), 0);
	reader = open(sc.path, O_RDONLY | O_NONBLOCK);
	open_sink(&sc);
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	while (send_one(&sc, (uint64_t)sent + 1, line) == 1)
		assert_true(++sent < 100);
	fake_loop_turn(sc.loop);
	assert_int_equal(sc.ready, 0);
	while (read(reader, drain, sizeof(drain)) > 0)
		;
	/* The fake loop cannot know; the test says that there is room. */
	for (int fd = 3; fd < 64; fd++)
		if (fake_loop_watched(sc.loop, fd) == LOOP_WRITE)
			fake_loop_fire(sc.loop, fd, LOOP_WRITE);
	assert_int_equal(sc.ready, 1);
	assert_int_equal(sc.confirmed, (uint64_t)sent);
	close(reader);
	close_scene(&sc);
}

static void
a_stop_waits_for_the_sync(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc);
	open_sink(&sc);
	send_one(&sc, 1, "a");
	file_out_ops.finish(sc.sink, 5000, on_done, &sc);
	assert_false(sc.done);
	fake_loop_turn(sc.loop);
	assert_true(sc.done);
	assert_int_equal(sc.confirmed, 1);
	assert_file(sc.path, "a\n");
	close_scene(&sc);
}

/* The system tells of a failed sync once; the next one succeeds. */
static void
what_a_failed_sync_has_lost_is_not_confirmed_by_the_next(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc);
	open_sink(&sc);
	send_one(&sc, 1, "a");
	file_out_ops.flush(sc.sink);
	fake_loop_advance(sc.loop, 1000);
	assert_int_equal(sc.confirmed, 1);
	send_one(&sc, 2, "b");
	file_out_ops.flush(sc.sink);
	sc.loses = true;
	failing_syncs = 1;
	fake_loop_advance(sc.loop, 1000);
	file_out_ops.flush(sc.sink);
	fake_loop_advance(sc.loop, 2000);
	assert_int_equal(sc.confirmed, 1);
	file_out_ops.reopen(sc.sink);
	fake_loop_turn(sc.loop);
	assert_int_equal(sc.confirmed, 1);
	fake_loop_advance(sc.loop, 3000);
	assert_int_equal(sc.again, 1);
	send_one(&sc, 2, "b");
	file_out_ops.flush(sc.sink);
	fake_loop_advance(sc.loop, 1000);
	assert_int_equal(sc.confirmed, 2);
	assert_file(sc.path, "a\nb\nb\n");
	close_scene(&sc);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(lines_are_appended_and_confirmed_once_they_are_synced),
	cmocka_unit_test(a_torn_line_of_a_crash_is_cut_off),
	cmocka_unit_test(a_full_disk_holds_events_and_never_tears_a_line),
	cmocka_unit_test(
	    a_cut_write_is_taken_back_from_where_the_file_ends_now),
	cmocka_unit_test(a_line_without_room_is_refused_and_not_lost),
	cmocka_unit_test(a_moved_file_is_opened_anew),
	cmocka_unit_test(a_pipe_that_is_full_is_waited_for),
	cmocka_unit_test(a_stop_waits_for_the_sync),
	cmocka_unit_test(
	    what_a_failed_sync_has_lost_is_not_confirmed_by_the_next),
};

UNIT_MAIN(tests)
