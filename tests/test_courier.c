/* tests/test_courier.c -- what is confirmed, and what must come again. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include "tests/fake_loop.h"
#include "tests/fake_stream.h"

#include "net/loop.h"
#include "sink/courier.h"

/* The output above the courier: it sends events 1, 2, 3 ... as it may. */
struct scene {
	struct loop *loop;
	struct courier *courier;
	uint64_t next; /* to send */
	uint64_t confirmed;
	unsigned again;
	bool done;
};

static void
on_ready(void *arg)
{
	(void)arg;
}

static void
on_confirmed(void *arg, uint64_t pos)
{
	struct scene *sc = arg;

	assert_true(pos > sc->confirmed);
	sc->confirmed = pos;
}

static void
on_again(void *arg, uint64_t pos)
{
	struct scene *sc = arg;

	assert_true(pos == sc->confirmed);
	sc->again++;
	sc->next = pos + 1;
}

static void
on_done(void *arg)
{
	struct scene *sc = arg;

	sc->done = true;
}

static void
open_scene(struct scene *sc, enum courier_confirm confirm, uint64_t grace_ms)
{
	static const struct sink_cbs cbs = {
		.ready = on_ready, .confirmed = on_confirmed, .again = on_again
	};
	struct courier_conf conf = { .who = "test",
		.stream = { .host = "siem", .port = 514 },
		.confirm = confirm,
		.confirm_bytes = 1000000,
		.confirm_interval_ms = 30000,
		.grace_ms = grace_ms,
		.seed = 3 };

	fake_stream_reset();
	*sc = (struct scene){ .loop = loop_new(), .next = 1 };
	sc->courier = courier_new(sc->loop, &conf, &cbs, sc);
}

static void
close_scene(struct scene *sc)
{
	courier_free(&sc->courier);
	loop_free(&sc->loop);
}

/* Send up to and with `to`; each event is "<number> ". */
static void
send_to(struct scene *sc, uint64_t to)
{
	while (sc->next <= to) {
		char text[32];
		int n = snprintf(text, sizeof(text), "%u ", (unsigned)sc->next);

		assert_int_equal(courier_send(sc->courier, sc->next,
				     str_make(text, (size_t)n)),
		    1);
		sc->next++;
	}
}

static void
an_orderly_end_confirms_and_the_next_connection_is_there_before(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc, COURIER_READ, 0);
	fake_stream_up(0);
	send_to(&sc, 3);
	fake_loop_advance(sc.loop, 29999);
	assert_int_equal(fake_stream_count(), 1);
	fake_loop_advance(sc.loop, 1);
	assert_int_equal(fake_stream_count(), 2);
	/* Until the new one is up, the old one is written to. */
	send_to(&sc, 4);
	assert_false(fake_stream_is_finishing(0));
	fake_stream_up(1);
	assert_true(fake_stream_is_finishing(0));
	send_to(&sc, 6);
	assert_string_equal(fake_stream_text(0), "1 2 3 4 ");
	assert_string_equal(fake_stream_text(1), "5 6 ");
	assert_int_equal(sc.confirmed, 0);
	fake_stream_end(0);
	assert_int_equal(sc.confirmed, 4);
	close_scene(&sc);
}

static void
an_idle_connection_is_left_alone(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc, COURIER_READ, 0);
	fake_stream_up(0);
	send_to(&sc, 1);
	fake_loop_advance(sc.loop, 30000);
	fake_stream_up(1);
	fake_stream_end(0);
	assert_int_equal(sc.confirmed, 1);
	fake_loop_advance(sc.loop, 86400000);
	assert_int_equal(fake_stream_count(), 2);
	close_scene(&sc);
}

static void
a_break_sends_again_what_was_not_proven(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc, COURIER_READ, 0);
	fake_stream_up(0);
	send_to(&sc, 2);
	fake_loop_advance(sc.loop, 30000);
	fake_stream_up(1);
	fake_stream_end(0);
	send_to(&sc, 5);
	fake_stream_over(1, ERR_RETRY, "reset");
	assert_int_equal(sc.again, 1);
	assert_int_equal(sc.next, 3);
	assert_int_equal(courier_send(sc.courier, 3, str_of("3 ")), 0);
	fake_loop_advance(sc.loop, 2000);
	fake_stream_up(2);
	send_to(&sc, 5);
	assert_string_equal(fake_stream_text(2), "3 4 5 ");
	fake_loop_advance(sc.loop, 30000);
	fake_stream_up(3);
	fake_stream_end(2);
	assert_int_equal(sc.confirmed, 5);
	close_scene(&sc);
}

static void
a_reset_after_our_end_is_no_proof(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc, COURIER_READ, 0);
	fake_stream_up(0);
	send_to(&sc, 3);
	fake_loop_advance(sc.loop, 30000);
	fake_stream_up(1);
	send_to(&sc, 5);
	fake_stream_over(0, ERR_RETRY, "reset");
	assert_int_equal(sc.confirmed, 0);
	assert_int_equal(sc.next, 1);
	/* All goes again over the one that lives, and its end proves all. */
	send_to(&sc, 6);
	assert_string_equal(fake_stream_text(1), "4 5 1 2 3 4 5 6 ");
	fake_loop_advance(sc.loop, 30000);
	fake_stream_up(2);
	fake_stream_end(1);
	assert_int_equal(sc.confirmed, 6);
	close_scene(&sc);
}

static void
a_later_proof_never_confirms_over_a_gap(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc, COURIER_READ, 0);
	fake_stream_up(0);
	send_to(&sc, 2);
	fake_loop_advance(sc.loop, 30000);
	fake_stream_up(1);
	send_to(&sc, 4);
	fake_loop_advance(sc.loop, 30000);
	fake_stream_up(2);
	/* The second ended well while the first is still open. */
	fake_stream_end(1);
	assert_int_equal(sc.confirmed, 0);
	fake_stream_end(0);
	assert_int_equal(sc.confirmed, 4);
	close_scene(&sc);
}

static void
a_proof_behind_a_lost_stretch_counts_nothing(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc, COURIER_READ, 0);
	fake_stream_up(0);
	send_to(&sc, 2);
	fake_loop_advance(sc.loop, 30000);
	fake_stream_up(1);
	send_to(&sc, 4);
	fake_loop_advance(sc.loop, 30000);
	fake_stream_up(2);
	send_to(&sc, 5);
	fake_stream_over(0, ERR_RETRY, "reset");
	assert_int_equal(sc.next, 1);
	fake_stream_end(1);
	assert_int_equal(sc.confirmed, 0);
	send_to(&sc, 5);
	fake_loop_advance(sc.loop, 30000);
	fake_stream_up(3);
	fake_stream_end(2);
	assert_int_equal(sc.confirmed, 5);
	assert_int_equal(sc.again, 1);
	close_scene(&sc);
}

static void
many_bytes_turn_over_before_the_interval(void **state)
{
	static char big[600000];
	struct scene sc;

	(void)state;
	open_scene(&sc, COURIER_READ, 0);
	fake_stream_up(0);
	memset(big, 'x', sizeof(big));
	courier_send(sc.courier, 1, str_make(big, sizeof(big)));
	assert_int_equal(fake_stream_count(), 1);
	courier_send(sc.courier, 2, str_make(big, sizeof(big)));
	assert_int_equal(fake_stream_count(), 2);
	close_scene(&sc);
}

static void
the_kernels_word_confirms_when_it_is_asked_for(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc, COURIER_KERNEL, 0);
	fake_stream_up(0);
	send_to(&sc, 9);
	fake_stream_ack(0, 10);
	fake_loop_advance(sc.loop, 250);
	assert_int_equal(sc.confirmed, 0);
	fake_stream_ack(0, 18);
	fake_loop_advance(sc.loop, 250);
	assert_int_equal(sc.confirmed, 9);
	fake_loop_advance(sc.loop, 3600000);
	assert_int_equal(fake_stream_count(), 1);
	close_scene(&sc);
}

static void
a_peer_that_never_answers_the_end_is_believed_by_its_kernel(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc, COURIER_READ, 0);
	fake_stream_up(0);
	send_to(&sc, 1);
	fake_loop_advance(sc.loop, 30000);
	fake_stream_up(1);
	fake_stream_ack(0, 2);
	fake_stream_over(0, ERR_WAIT, "no answer");
	assert_int_equal(sc.again, 1);
	send_to(&sc, 2);
	fake_loop_advance(sc.loop, 30000);
	fake_stream_up(2);
	fake_stream_ack(1, 4);
	fake_stream_over(1, ERR_WAIT, "no answer");
	assert_int_equal(sc.confirmed, 2);
	/* From now on without turning over. */
	send_to(&sc, 3);
	fake_stream_ack(2, 2);
	fake_loop_advance(sc.loop, 600000);
	assert_int_equal(sc.confirmed, 3);
	assert_int_equal(fake_stream_count(), 3);
	close_scene(&sc);
}

static void
a_collector_that_is_away_is_tried_less_and_less_often(void **state)
{
	struct scene sc;
	uint64_t last = 0;

	(void)state;
	open_scene(&sc, COURIER_READ, 0);
	for (unsigned i = 0; i < 10; i++) {
		uint64_t wait_ms;

		fake_stream_over(i, ERR_RETRY, "refused");
		wait_ms = fake_loop_next_ms(sc.loop);
		assert_in_range(wait_ms, last / 2, 75001);
		last = wait_ms;
		fake_loop_advance(sc.loop, wait_ms);
		assert_int_equal(fake_stream_count(), i + 2);
	}
	assert_in_range(last, 45000, 75001);
	close_scene(&sc);
}

static void
a_connect_alone_does_not_forget_the_backoff(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc, COURIER_READ, 0);
	for (unsigned i = 0; i < 8; i++) {
		fake_stream_up(i);
		fake_stream_over(i, ERR_RETRY, "reset");
		fake_loop_advance(sc.loop, fake_loop_next_ms(sc.loop));
	}
	fake_stream_over(8, ERR_RETRY, "refused");
	assert_in_range(fake_loop_next_ms(sc.loop), 45000, 75001);
	close_scene(&sc);
}

static void
a_late_refusal_is_waited_for_before_the_first_frame(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc, COURIER_READ, 300);
	fake_stream_up(0);
	assert_int_equal(courier_send(sc.courier, 1, str_of("1 ")), 0);
	fake_stream_over(0, ERR_CONF, "certificate refused");
	fake_loop_advance(sc.loop, 2000);
	fake_stream_up(1);
	fake_loop_advance(sc.loop, 300);
	send_to(&sc, 1);
	assert_string_equal(fake_stream_text(1), "1 ");
	close_scene(&sc);
}

static void
a_full_buffer_refuses_until_little_is_left(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc, COURIER_READ, 0);
	fake_stream_up(0);
	fake_stream_hold(0, STREAM_BUFFER_MAX);
	assert_int_equal(courier_send(sc.courier, 1, str_of("1 ")), 0);
	fake_stream_hold(0, 0);
	fake_stream_low(0);
	send_to(&sc, 1);
	close_scene(&sc);
}

static void
a_stop_ends_in_order_and_waits_for_the_proof(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc, COURIER_READ, 0);
	fake_stream_up(0);
	send_to(&sc, 3);
	courier_finish(sc.courier, 10000, on_done, &sc);
	fake_loop_turn(sc.loop);
	assert_false(sc.done);
	fake_stream_end(0);
	assert_true(sc.done);
	assert_int_equal(sc.confirmed, 3);
	close_scene(&sc);
}

static void
a_stop_does_not_wait_for_ever_or_for_nothing(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc, COURIER_READ, 0);
	courier_finish(sc.courier, 10000, on_done, &sc);
	fake_loop_advance(sc.loop, 0);
	assert_true(sc.done);
	close_scene(&sc);

	open_scene(&sc, COURIER_READ, 0);
	fake_stream_up(0);
	send_to(&sc, 3);
	courier_finish(sc.courier, 10000, on_done, &sc);
	fake_loop_advance(sc.loop, 9999);
	assert_false(sc.done);
	fake_loop_advance(sc.loop, 1);
	assert_true(sc.done);
	assert_int_equal(sc.confirmed, 0);
	close_scene(&sc);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(
	    an_orderly_end_confirms_and_the_next_connection_is_there_before),
	cmocka_unit_test(an_idle_connection_is_left_alone),
	cmocka_unit_test(a_break_sends_again_what_was_not_proven),
	cmocka_unit_test(a_reset_after_our_end_is_no_proof),
	cmocka_unit_test(a_later_proof_never_confirms_over_a_gap),
	cmocka_unit_test(a_proof_behind_a_lost_stretch_counts_nothing),
	cmocka_unit_test(many_bytes_turn_over_before_the_interval),
	cmocka_unit_test(the_kernels_word_confirms_when_it_is_asked_for),
	cmocka_unit_test(
	    a_peer_that_never_answers_the_end_is_believed_by_its_kernel),
	cmocka_unit_test(a_collector_that_is_away_is_tried_less_and_less_often),
	cmocka_unit_test(a_connect_alone_does_not_forget_the_backoff),
	cmocka_unit_test(a_late_refusal_is_waited_for_before_the_first_frame),
	cmocka_unit_test(a_full_buffer_refuses_until_little_is_left),
	cmocka_unit_test(a_stop_ends_in_order_and_waits_for_the_proof),
	cmocka_unit_test(a_stop_does_not_wait_for_ever_or_for_nothing),
};

UNIT_MAIN(tests)
