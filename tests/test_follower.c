/* tests/test_follower.c -- files of lines, as they grow, move and shrink. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fake_loop.h"
#include "tests/fake_store.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "codec/json.h"
#include "flow/follower.h"
#include "flow/intake.h"
#include "map/filter.h"
#include "net/loop.h"
#include "record/record.h"
#include "source/source.h"

#define INTERVAL_MS 60000

/* --- records with an id, a map that writes it ----------------------------- */

struct source {
	struct buf id;
};

static int
toy_begin(struct source *s, const struct cursor *from, uint64_t wall_ms,
    struct err *err)
{
	(void)s;
	(void)from;
	(void)wall_ms;
	(void)err;
	return 0;
}

static int
toy_record(struct source *s, unsigned tag, const struct json_doc *doc,
    struct record *rec, struct err *err)
{
	assert_true(tag == SOURCE_TAG_LINE);
	buf_reset(&s->id);
	rec->id = json_text(doc, json_member(doc, 0, str_of("id")), &s->id);
	if (rec->id.len == 0)
		return err_set(err, ERR_DATA, "it has no id");
	rec->doc = doc;
	rec->type = STR_LIT("toy");
	return 0;
}

static const struct source_ops toy = {
	.name = "toy", .begin = toy_begin, .record = toy_record
};

int
map_cef(struct map *m, const struct map_conf *conf, const struct record *rec,
    struct buf *out, struct err *err)
{
	(void)m;
	(void)conf;
	(void)err;
	buf_add_str(out, rec->id);
	return 0;
}

/* --- the scene ------------------------------------------------------------ */

struct scene {
	char folder[32];
	char *path, *old; /* owned */
	struct loop *loop;
	struct store *store;
	struct source source;
	struct intake_form form;
	struct log log;
	struct intake *intake;
	struct follower *follower;
	struct follower_conf conf;
	unsigned complete, failed;
	struct err last_err;
};

static void
on_round(void *arg, const struct err *err)
{
	struct scene *sc = arg;

	sc->complete += err == NULL;
	sc->failed += err != NULL;
	if (err != NULL)
		sc->last_err = *err;
}

static void
open_scene(struct scene *sc)
{
	*sc = (struct scene){ .folder = "/tmp/follower-XXXXXX" };
	assert_non_null(mkdtemp(sc->folder));
	sc->path = xasprintf("%s/lines", sc->folder);
	sc->old = xasprintf("%s/lines.1", sc->folder);
	sc->loop = loop_new();
	sc->store = fake_store_new();
	buf_init(&sc->source.id, 1000);
	snprintf(sc->form.name, sizeof(sc->form.name), "cef/0");
	sc->log = (struct log){ "source", "toy" };
	sc->intake = intake_new(&(struct intake_conf){ .source = "toy",
	    .ops = &toy,
	    .store = sc->store,
	    .forms = &sc->form,
	    .n_forms = 1,
	    .log = &sc->log });
	sc->conf = (struct follower_conf){ .name = "toy",
		.path = sc->path,
		.ops = &toy,
		.source = &sc->source,
		.intake = sc->intake,
		.store = sc->store,
		.interval_ms = INTERVAL_MS,
		.max_record = 1024 * 1024,
		.seed = 1 };
}

/* Begin to read, as after a start. */
static void
start(struct scene *sc)
{
	sc->complete = sc->failed = 0;
	sc->follower = follower_new(sc->loop, &sc->conf, on_round, sc);
	follower_start(sc->follower);
	fake_loop_turn(sc->loop);
}

static void
settle(struct scene *sc)
{
	fake_store_settle(sc->store, NULL);
	fake_loop_turn(sc->loop);
}

static void
close_scene(struct scene *sc)
{
	follower_free(&sc->follower);
	intake_free(&sc->intake);
	buf_clear(&sc->source.id);
	loop_free(&sc->loop);
	fake_store_free(&sc->store);
	unlink(sc->path);
	unlink(sc->old);
	assert_int_equal(rmdir(sc->folder), 0);
	xfree(sc->path);
	xfree(sc->old);
}

static void
append(const char *path, const char *text)
{
	FILE *f = fopen(path, "a");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* "a b" for the events a and b. */
static void
assert_events(struct scene *sc, const char *want)
{
	char *got = xstrdup(fake_store_events(sc->store));

	for (char *p = got; *p != '\0'; p++)
		if (*p == '\n')
			*p = p[1] == '\0' ? '\0' : ' ';
	assert_string_equal(got, want);
	xfree(got);
}

#define A "{\"id\":\"a\"}\n"
#define B "{\"id\":\"b\"}\n"
#define C "{\"id\":\"c\"}\n"

/* --- stories -------------------------------------------------------------- */

static void
lines_become_events_and_their_end_is_remembered(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc);
	append(sc.path, A "\r\n  \n{\"id\":\"b\"}\r\n");
	start(&sc);
	assert_int_equal(sc.complete, 0); /* not before it is durable */
	settle(&sc);
	assert_int_equal(sc.complete, 1);
	assert_events(&sc, "a b");

	/* Another day: only what is new. */
	follower_free(&sc.follower);
	append(sc.path, C);
	start(&sc);
	settle(&sc);
	assert_events(&sc, "a b c");
	assert_non_null(strstr(fake_store_cursor(sc.store), "offset=39\n"));

	/* Nothing new is nothing to write. */
	fake_loop_advance(sc.loop, INTERVAL_MS);
	assert_int_equal(sc.complete, 2);
	append(sc.path, "{\"id\":\"d\"}\n");
	fake_loop_advance(sc.loop, INTERVAL_MS);
	settle(&sc);
	assert_int_equal(sc.complete, 3);
	assert_events(&sc, "a b c d");
	close_scene(&sc);
}

static void
a_line_without_its_end_is_taken_when_the_file_is_complete(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc);
	append(sc.path, A "{\"id\":\"b");
	sc.conf.follow = true;
	start(&sc);
	settle(&sc);
	assert_int_equal(sc.complete, 1);
	assert_events(&sc, "a");
	assert_non_null(strstr(fake_store_cursor(sc.store), "offset=11\n"));
	append(sc.path, "2\"}\n{\"id\":");
	fake_loop_advance(sc.loop, INTERVAL_MS);
	settle(&sc);
	assert_events(&sc, "a b2");

	/* Not followed, the same file ends here. */
	follower_free(&sc.follower);
	append(sc.path, "\"c\"}");
	sc.conf.follow = false;
	start(&sc);
	settle(&sc);
	assert_events(&sc, "a b2 c");
	close_scene(&sc);
}

/* A line of n bytes, without its end. */
static void
append_long(const char *path, char id, size_t n)
{
	char *text = xmalloc(n + 1);

	memset(text, 'x', n);
	memcpy(text, "{\"id\":\"?\",\"x\":\"", 15);
	text[7] = id;
	text[n - 2] = '"';
	text[n - 1] = '}';
	text[n] = '\0';
	append(path, text);
	xfree(text);
}

static void
lines_are_whole_wherever_a_block_ends(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc);
	append_long(sc.path, 'a', 256 * 1024 - 1);
	append(sc.path, "\n" B);
	append_long(sc.path, 'c', 900 * 1024);
	append(sc.path, "\n");
	append_long(sc.path, 'd', 1024 * 1024);
	append(sc.path, "\n{\"id\":\"e\"}");
	start(&sc);
	settle(&sc);
	assert_int_equal(sc.complete, 1);
	assert_events(&sc, "a b c d e");
	assert_int_equal(fake_store_quarantined(sc.store), 0);
	close_scene(&sc);
}

static void
what_is_no_record_is_set_aside(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc);
	append(sc.path, "{\"no\":1}\n" A "not json\n");
	append_long(sc.path, 'x', 1024 * 1024 + 1);
	append(sc.path, "\n" B);
	append_long(sc.path, 'y', 3000 * 1024);
	append(sc.path, "\n" C);
	start(&sc);
	settle(&sc);
	assert_int_equal(sc.complete, 1);
	assert_events(&sc, "a b c");
	assert_true(fake_store_quarantined(sc.store) > 0);
	assert_int_equal(intake_tally(sc.intake)->n[PAGE_QUARANTINED], 4);
	close_scene(&sc);
}

static void
a_file_that_moves_is_read_to_its_end_first(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc);
	append(sc.path, A);
	sc.conf.follow = true;
	start(&sc);
	settle(&sc);
	append(sc.path, "{\"id\":\"b\"}");
	assert_int_equal(rename(sc.path, sc.old), 0);
	append(sc.path, C);
	fake_loop_advance(sc.loop, INTERVAL_MS);
	settle(&sc);
	assert_events(&sc, "a b c");
	close_scene(&sc);
}

static void
a_file_that_moved_meanwhile_is_found_by_its_old_name(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc);
	append(sc.path, A);
	start(&sc);
	settle(&sc);
	follower_free(&sc.follower);
	append(sc.path, B);
	assert_int_equal(rename(sc.path, sc.old), 0);
	append(sc.path, C);
	start(&sc);
	settle(&sc);
	assert_events(&sc, "a b c");
	assert_non_null(strstr(fake_store_cursor(sc.store), "offset=11\n"));
	close_scene(&sc);
}

static void
a_file_that_was_cut_is_read_from_its_beginning(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc);
	append(sc.path, A B);
	start(&sc);
	settle(&sc);
	assert_int_equal(truncate(sc.path, 0), 0);
	append(sc.path, C);
	fake_loop_advance(sc.loop, INTERVAL_MS);
	settle(&sc);
	assert_events(&sc, "a b c");

	/* And while nobody looked. */
	follower_free(&sc.follower);
	assert_int_equal(truncate(sc.path, 0), 0);
	append(sc.path, "{}\n");
	start(&sc);
	settle(&sc);
	assert_int_equal(fake_store_quarantined(sc.store), 1);
	close_scene(&sc);
}

static void
a_page_that_is_lost_is_read_again(void **state)
{
	struct scene sc;
	struct err err;

	(void)state;
	open_scene(&sc);
	append(sc.path, A);
	start(&sc);
	settle(&sc);
	append(sc.path, B C);
	fake_loop_advance(sc.loop, INTERVAL_MS);
	err_set(&err, ERR_SYS, "the disk is full");
	fake_store_settle(sc.store, &err);
	fake_loop_turn(sc.loop);
	assert_int_equal(sc.failed, 1);
	assert_string_equal(sc.last_err.text, "the disk is full");
	assert_events(&sc, "a");
	fake_loop_advance(sc.loop, 10000);
	settle(&sc);
	assert_int_equal(sc.complete, 2);
	assert_events(&sc, "a b c");
	close_scene(&sc);
}

static void
it_holds_while_there_is_no_room(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc);
	append(sc.path, A);
	fake_store_set_full(sc.store, true);
	start(&sc);
	fake_loop_advance(sc.loop, 60000);
	assert_int_equal(sc.complete, 0);
	fake_store_set_full(sc.store, false);
	fake_store_set_inflight(sc.store, 9 * 1024 * 1024);
	fake_loop_advance(sc.loop, 60000);
	assert_int_equal(sc.complete, 0);
	/* Others took the room: nobody tells us when they leave. */
	fake_store_set_inflight(sc.store, 0);
	fake_loop_advance(sc.loop, 1000);
	settle(&sc);
	assert_int_equal(sc.complete, 1);
	assert_events(&sc, "a");
	close_scene(&sc);
}

static void
a_file_that_is_not_there_is_waited_for(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc);
	start(&sc);
	assert_int_equal(sc.failed, 1);
	assert_int_equal(sc.last_err.kind, ERR_RETRY);
	append(sc.path, A);
	fake_loop_advance(sc.loop, 10000);
	settle(&sc);
	assert_events(&sc, "a");

	/* A folder is none. */
	follower_free(&sc.follower);
	sc.conf.path = sc.folder;
	start(&sc);
	assert_non_null(strstr(sc.last_err.text, "no regular file"));
	close_scene(&sc);
}

static void
once_reads_to_the_end_and_rests(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc);
	append(sc.path, A);
	sc.conf.once = true;
	start(&sc);
	settle(&sc);
	assert_int_equal(sc.complete, 1);
	assert_true(fake_loop_next_ms(sc.loop) == UINT64_MAX);
	close_scene(&sc);
}

static void
what_comes_from_a_pipe_is_kept_until_it_is_durable(void **state)
{
	int ends[2], standard = dup(STDIN_FILENO);
	struct scene sc;
	struct err err;

	(void)state;
	open_scene(&sc);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	sc.conf.path = "-";
	assert_int_equal(write(ends[1], A "{\"id\"", 16), 16);
	start(&sc);
	/* It does not wait for the rest with what it has. */
	settle(&sc);
	assert_events(&sc, "a");
	assert_int_equal(sc.complete, 0);
	assert_int_equal(write(ends[1], ":\"b\"}\n" C, 17), 17);
	assert_true(fake_loop_fire(sc.loop, STDIN_FILENO, LOOP_READ));
	err_set(&err, ERR_SYS, "the disk is full");
	fake_store_settle(sc.store, &err);
	fake_loop_turn(sc.loop);
	assert_int_equal(sc.failed, 1);
	fake_loop_advance(sc.loop, 10000);
	settle(&sc);
	assert_events(&sc, "a b c");
	assert_string_equal(fake_store_cursor(sc.store), "");

	assert_int_equal(write(ends[1], "{\"id\":\"d\"}", 10), 10);
	close(ends[1]);
	assert_true(fake_loop_fire(sc.loop, STDIN_FILENO, LOOP_READ));
	settle(&sc);
	assert_events(&sc, "a b c d");
	assert_int_equal(sc.complete, 1);
	assert_true(fake_loop_next_ms(sc.loop) == UINT64_MAX);
	dup2(standard, STDIN_FILENO);
	close(standard);
	close(ends[0]);
	close_scene(&sc);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(lines_become_events_and_their_end_is_remembered),
	cmocka_unit_test(
	    a_line_without_its_end_is_taken_when_the_file_is_complete),
	cmocka_unit_test(lines_are_whole_wherever_a_block_ends),
	cmocka_unit_test(what_is_no_record_is_set_aside),
	cmocka_unit_test(a_file_that_moves_is_read_to_its_end_first),
	cmocka_unit_test(a_file_that_moved_meanwhile_is_found_by_its_old_name),
	cmocka_unit_test(a_file_that_was_cut_is_read_from_its_beginning),
	cmocka_unit_test(a_page_that_is_lost_is_read_again),
	cmocka_unit_test(it_holds_while_there_is_no_room),
	cmocka_unit_test(a_file_that_is_not_there_is_waited_for),
	cmocka_unit_test(once_reads_to_the_end_and_rests),
	cmocka_unit_test(what_comes_from_a_pipe_is_kept_until_it_is_durable),
};

UNIT_MAIN(tests)
