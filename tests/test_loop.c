/* tests/test_loop.c -- the event loop: order, time, and frees in callbacks. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "net/loop.h"

#define DEADLINE_MS 5000

/* What a test watches: a trace of letters, and things to free. */
struct bench {
	struct loop *loop;
	struct loop_timer *deadline;
	struct loop_timer *timer, *other;
	struct loop_task *task, *more;
	struct loop_fd *fd;
	struct loop_signal *signal;
	int pipe[2];
	char trace[64];
	uint64_t seen_ms, wall_ms;
	unsigned n;
};

static void
mark(struct bench *b, char c)
{
	size_t n = strlen(b->trace);

	if (n + 1 < sizeof(b->trace))
		b->trace[n] = c;
}

static void
too_late(void *arg)
{
	struct bench *b = arg;

	mark(b, '!');
	loop_stop(b->loop);
}

static int
setup(void **state)
{
	struct bench *b = xcalloc(1, sizeof(*b));

	b->loop = loop_new();
	assert_non_null(b->loop);
	assert_int_equal(pipe(b->pipe), 0);
	b->deadline = loop_timer_new(b->loop, too_late, b);
	loop_timer_set(b->deadline, DEADLINE_MS);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	loop_timer_free(&b->deadline);
	loop_timer_free(&b->timer);
	loop_timer_free(&b->other);
	loop_task_free(&b->task);
	loop_task_free(&b->more);
	loop_fd_free(&b->fd);
	loop_signal_free(&b->signal);
	loop_free(&b->loop);
	close(b->pipe[0]);
	close(b->pipe[1]);
	xfree(b);
	return 0;
}

static void
mark_a(void *arg)
{
	struct bench *b = arg;

	mark(b, 'a');
	b->seen_ms = loop_now_ms(b->loop);
}

static void
mark_b_and_stop(void *arg)
{
	struct bench *b = arg;

	mark(b, 'b');
	loop_stop(b->loop);
}

static void
loop_fires_timers_in_order_and_never_early(void **state)
{
	struct bench *b = *state;
	uint64_t start = clock_mono_ms();

	b->timer = loop_timer_new(b->loop, mark_a, b);
	b->other = loop_timer_new(b->loop, mark_b_and_stop, b);
	loop_timer_set(b->other, 40);
	loop_timer_set(b->timer, 5000);
	loop_timer_set(b->timer, 20);
	assert_true(loop_timer_is_set(b->timer));
	loop_run(b->loop);
	assert_string_equal(b->trace, "ab");
	assert_false(loop_timer_is_set(b->timer));
	assert_true(b->seen_ms >= start + 20);
	assert_true(clock_mono_ms() >= start + 40);
}

static void
loop_stopped_timer_stays_silent(void **state)
{
	struct bench *b = *state;

	b->timer = loop_timer_new(b->loop, mark_a, b);
	b->other = loop_timer_new(b->loop, mark_b_and_stop, b);
	loop_timer_set(b->timer, 1);
	loop_timer_set(b->other, 20);
	loop_timer_stop(b->timer);
	loop_run(b->loop);
	assert_string_equal(b->trace, "b");
}

static void
free_own_timer(void *arg)
{
	struct bench *b = arg;

	mark(b, 'f');
	loop_timer_free(&b->timer);
	loop_timer_free(&b->other);
	loop_stop(b->loop);
}

static void
loop_timer_may_free_itself_and_another(void **state)
{
	struct bench *b = *state;

	b->timer = loop_timer_new(b->loop, free_own_timer, b);
	b->other = loop_timer_new(b->loop, free_own_timer, b);
	loop_timer_set(b->timer, 1);
	loop_timer_set(b->other, 1);
	loop_run(b->loop);
	assert_string_equal(b->trace, "f");
}

static void
run_both_tasks(void *arg)
{
	struct bench *b = arg;

	mark(b, 't');
	loop_task_run(b->task);
	loop_task_run(b->task);
	loop_task_run(b->more);
	mark(b, 'u');
}

static void
loop_runs_a_task_once_at_the_end_of_the_turn(void **state)
{
	struct bench *b = *state;

	b->timer = loop_timer_new(b->loop, run_both_tasks, b);
	b->task = loop_task_new(b->loop, mark_a, b);
	b->more = loop_task_new(b->loop, mark_b_and_stop, b);
	loop_timer_set(b->timer, 1);
	loop_run(b->loop);
	assert_string_equal(b->trace, "tuab");
}

static void
again_until_read(void *arg)
{
	struct bench *b = arg;

	b->n++;
	loop_task_run(b->task);
}

static void
read_and_stop(void *arg, int what)
{
	struct bench *b = arg;

	mark(b, what == LOOP_READ ? 'r' : '?');
	loop_fd_free(&b->fd);
	loop_stop(b->loop);
}

static void
loop_lets_sockets_speak_between_tasks(void **state)
{
	struct bench *b = *state;

	b->task = loop_task_new(b->loop, again_until_read, b);
	loop_task_run(b->task);
	b->fd = loop_fd_new(b->loop, b->pipe[0], read_and_stop, b);
	loop_fd_watch(b->fd, LOOP_READ);
	assert_int_equal(write(b->pipe[1], "x", 1), 1);
	loop_run(b->loop);
	assert_string_equal(b->trace, "r");
	assert_true(b->n <= 2);
}

static void
free_task_and_stop(void *arg)
{
	struct bench *b = arg;

	loop_task_free(&b->more);
	loop_task_free(&b->task);
	loop_stop(b->loop);
}

static void
loop_task_may_free_itself_and_one_that_waits(void **state)
{
	struct bench *b = *state;

	b->task = loop_task_new(b->loop, free_task_and_stop, b);
	b->more = loop_task_new(b->loop, mark_a, b);
	loop_task_run(b->task);
	loop_task_run(b->more);
	loop_run(b->loop);
	assert_string_equal(b->trace, "");
}

static void
count_writable(void *arg, int what)
{
	struct bench *b = arg;

	mark(b, what == LOOP_WRITE ? 'w' : '?');
	if (++b->n == 3)
		loop_fd_watch(b->fd, 0);
}

static void
loop_watches_nothing_when_told_so(void **state)
{
	struct bench *b = *state;

	b->fd = loop_fd_new(b->loop, b->pipe[1], count_writable, b);
	loop_fd_watch(b->fd, LOOP_READ | LOOP_WRITE);
	b->other = loop_timer_new(b->loop, mark_b_and_stop, b);
	loop_timer_set(b->other, 20);
	loop_run(b->loop);
	assert_string_equal(b->trace, "wwwb");
}

static void
raise_and_arm(void *arg)
{
	struct bench *b = arg;

	raise(SIGUSR1);
	loop_timer_set(b->other, DEADLINE_MS);
}

static void
free_signal_and_stop(void *arg)
{
	struct bench *b = arg;

	mark(b, 's');
	loop_signal_free(&b->signal);
	loop_stop(b->loop);
}

static void
loop_hears_signals(void **state)
{
	struct bench *b = *state;

	b->signal = loop_signal_new(b->loop, SIGUSR1, free_signal_and_stop, b);
	b->timer = loop_timer_new(b->loop, raise_and_arm, b);
	b->other = loop_timer_new(b->loop, mark_b_and_stop, b);
	loop_timer_set(b->timer, 0);
	loop_run(b->loop);
	assert_string_equal(b->trace, "s");
}

/* Burn real time inside one turn: the loop's clock must not notice. */
static void
look_twice(void *arg)
{
	struct bench *b = arg;
	uint64_t before = loop_now_ms(b->loop);
	uint64_t real = clock_mono_ms();

	while (clock_mono_ms() < real + 5)
		;
	mark(b, loop_now_ms(b->loop) == before ? '=' : '>');
	b->seen_ms = before;
	b->wall_ms = loop_wall_ms(b->loop);
	if (++b->n == 2)
		loop_stop(b->loop);
	else
		loop_task_run(b->task);
}

static void
loop_time_stands_still_within_a_turn(void **state)
{
	struct bench *b = *state;
	uint64_t start = clock_mono_ms();

	b->task = loop_task_new(b->loop, look_twice, b);
	loop_task_run(b->task);
	loop_run(b->loop);
	assert_string_equal(b->trace, "==");
	assert_true(b->seen_ms >= start + 5);
	assert_true(b->wall_ms + DEADLINE_MS >= clock_wall_ms());
}

#define WITH_LOOP(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static const struct CMUnitTest tests[] = {
	WITH_LOOP(loop_fires_timers_in_order_and_never_early),
	WITH_LOOP(loop_stopped_timer_stays_silent),
	WITH_LOOP(loop_timer_may_free_itself_and_another),
	WITH_LOOP(loop_runs_a_task_once_at_the_end_of_the_turn),
	WITH_LOOP(loop_lets_sockets_speak_between_tasks),
	WITH_LOOP(loop_task_may_free_itself_and_one_that_waits),
	WITH_LOOP(loop_watches_nothing_when_told_so),
	WITH_LOOP(loop_hears_signals),
	WITH_LOOP(loop_time_stands_still_within_a_turn),
};

UNIT_MAIN(tests)
