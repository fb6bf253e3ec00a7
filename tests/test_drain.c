/* tests/test_drain.c -- from the spool to a sink, in order, and to its end. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include "tests/fake_loop.h"
#include "tests/fake_store.h"

#include "base/buf.h"
#include "flow/drain.h"
#include "net/loop.h"
#include "sink/sink.h"

/* A sink that writes down what it takes, as long as it has room. */
struct sink {
	const struct sink_cbs *cbs;
	void *arg;
	struct buf got;
	unsigned room;
	unsigned flushed;
	bool finishing;
	uint64_t finish_ms;
	void (*done)(void *arg);
	void *done_arg;
};

static struct sink toy;

static struct sink *
toy_open(const void *conf, const char *who, struct loop *l,
    const struct sink_cbs *cbs, void *arg, struct err *err)
{
	(void)conf;
	(void)who;
	(void)l;
	(void)err;
	toy = (struct sink){ .cbs = cbs, .arg = arg, .room = 1000000 };
	buf_init(&toy.got, 1 << 20);
	return &toy;
}

static void
toy_close(struct sink **sp)
{
	buf_clear(&(*sp)->got);
	*sp = NULL;
}

static int
toy_send(struct sink *s, const struct sink_event *e)
{
	if (s->room == 0)
		return 0;
	s->room--;
	buf_add_str(&s->got, e->text);
	buf_add_char(&s->got, ' ');
	return 1;
}

static void
toy_flush(struct sink *s)
{
	s->flushed++;
}

static void
toy_finish(
    struct sink *s, uint64_t deadline_ms, void (*done)(void *arg), void *arg)
{
	s->finishing = true;
	s->finish_ms = deadline_ms;
	s->done = done;
	s->done_arg = arg;
}

static const struct sink_ops toy_ops = {
	.name = "toy",
	.open = toy_open,
	.close = toy_close,
	.send = toy_send,
	.flush = toy_flush,
	.finish = toy_finish,
};

struct scene {
	struct loop *loop;
	struct store *store;
	struct drain *drain;
	bool done;
};

static void
wake(void *arg)
{
	struct scene *sc = arg;

	drain_wake(sc->drain);
}

static void
open_scene(struct scene *sc)
{
	struct err err;

	memset(sc, 0, sizeof(*sc));
	sc->loop = loop_new();
	sc->store = fake_store_new();
	for (const char *const *t =
		 (const char *const[]){ "a", "b", "c", "d", NULL };
	     *t != NULL; t++)
		fake_store_add(sc->store, *t);
	sc->drain = drain_new(sc->loop,
	    &(struct drain_conf){ .name = "toy",
		.form = "cef/0",
		.ops = &toy_ops,
		.store = sc->store },
	    &err);
	assert_non_null(sc->drain);
	store_on_events(sc->store, wake, sc);
}

static void
close_scene(struct scene *sc)
{
	drain_free(&sc->drain);
	fake_store_free(&sc->store);
	loop_free(&sc->loop);
}

static void
set_done(void *arg)
{
	struct scene *sc = arg;

	sc->done = true;
}

static void
events_go_out_in_order_and_then_the_sink_is_flushed(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc);
	fake_loop_turn(sc.loop);
	assert_str(buf_str(&toy.got), "a b c d ");
	assert_int_equal(toy.flushed, 1);
	fake_store_add(sc.store, "e");
	fake_loop_turn(sc.loop);
	assert_str(buf_str(&toy.got), "a b c d e ");
	assert_false(drain_is_done(sc.drain));
	toy.cbs->confirmed(toy.arg, 5);
	assert_true(drain_is_done(sc.drain));
	close_scene(&sc);
}

static void
a_sink_without_room_keeps_its_place_in_the_line(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc);
	toy.room = 2;
	fake_loop_turn(sc.loop);
	assert_str(buf_str(&toy.got), "a b ");
	assert_int_equal(toy.flushed, 0);
	toy.room = 1;
	toy.cbs->ready(toy.arg);
	fake_loop_turn(sc.loop);
	assert_str(buf_str(&toy.got), "a b c ");
	toy.room = 10;
	toy.cbs->ready(toy.arg);
	fake_loop_turn(sc.loop);
	assert_str(buf_str(&toy.got), "a b c d ");
	close_scene(&sc);
}

static void
what_was_not_confirmed_comes_again(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc);
	toy.room = 3;
	fake_loop_turn(sc.loop);
	toy.cbs->confirmed(toy.arg, 1);
	toy.room = 10;
	toy.cbs->again(toy.arg, 1);
	fake_loop_turn(sc.loop);
	assert_str(buf_str(&toy.got), "a b c b c d ");
	/* Never from before what is confirmed. */
	toy.cbs->confirmed(toy.arg, 3);
	toy.cbs->again(toy.arg, 0);
	fake_loop_turn(sc.loop);
	assert_str(buf_str(&toy.got), "a b c b c d d ");
	close_scene(&sc);
}

static void
a_finish_sends_what_is_there_first(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc);
	drain_finish(sc.drain, 10000, false, set_done, &sc);
	fake_loop_turn(sc.loop);
	assert_str(buf_str(&toy.got), "a b c d ");
	assert_true(toy.finishing);
	assert_int_equal(toy.finish_ms, 10000);
	toy.done(toy.done_arg);
	assert_true(sc.done);
	close_scene(&sc);
}

static void
what_comes_behind_a_finish_waits_for_the_next_start(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc);
	drain_finish(sc.drain, 10000, false, set_done, &sc);
	fake_loop_turn(sc.loop);
	assert_true(toy.finishing);
	fake_store_add(sc.store, "e");
	fake_loop_turn(sc.loop);
	assert_str(buf_str(&toy.got), "a b c d ");
	close_scene(&sc);
}

static void
a_finish_does_not_wait_for_a_dead_sink(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc);
	toy.room = 1;
	drain_finish(sc.drain, 10000, false, set_done, &sc);
	fake_loop_advance(sc.loop, 4999);
	assert_false(toy.finishing);
	fake_loop_advance(sc.loop, 1);
	assert_true(toy.finishing);
	assert_int_equal(toy.finish_ms, 5000);
	close_scene(&sc);
}

static void
a_patient_finish_goes_on_while_there_is_progress(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc);
	toy.room = 1;
	drain_finish(sc.drain, 10000, true, set_done, &sc);
	for (int i = 0; i < 3; i++) {
		fake_loop_advance(sc.loop, 9000);
		assert_false(toy.finishing);
		toy.room = 1;
		toy.cbs->ready(toy.arg);
		fake_loop_turn(sc.loop);
	}
	assert_str(buf_str(&toy.got), "a b c d ");
	assert_true(toy.finishing);
	assert_int_equal(toy.finish_ms, 10000);
	close_scene(&sc);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(events_go_out_in_order_and_then_the_sink_is_flushed),
	cmocka_unit_test(a_sink_without_room_keeps_its_place_in_the_line),
	cmocka_unit_test(what_was_not_confirmed_comes_again),
	cmocka_unit_test(a_finish_sends_what_is_there_first),
	cmocka_unit_test(what_comes_behind_a_finish_waits_for_the_next_start),
	cmocka_unit_test(a_finish_does_not_wait_for_a_dead_sink),
	cmocka_unit_test(a_patient_finish_goes_on_while_there_is_progress),
};

UNIT_MAIN(tests)
