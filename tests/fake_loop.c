/* tests/fake_loop.c -- net/loop.h with a clock that a test moves by hand. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include "tests/fake_loop.h"

#include <sys/queue.h>

#include "base/xalloc.h"

/* More turns without time passing than any honest test needs. */
#define FAKE_LOOP_TURNS_MAX 100000

struct loop_timer {
	TAILQ_ENTRY(loop_timer) entry;
	struct loop *loop;
	loop_cb *cb;
	void *arg;
	bool set;
	uint64_t due_ms;
	uint64_t order; /* which of two with one due_ms was set first */
};

struct loop_fd {
	TAILQ_ENTRY(loop_fd) entry;
	struct loop *loop;
	int fd, what;
	loop_fd_cb *cb;
	void *arg;
};

struct loop_signal {
	TAILQ_ENTRY(loop_signal) entry;
	struct loop *loop;
	int signo;
	loop_cb *cb;
	void *arg;
};

struct loop_task {
	TAILQ_ENTRY(loop_task) entry; /* of those queued */
	struct loop *loop;
	loop_cb *cb;
	void *arg;
	bool queued;
};

struct loop {
	TAILQ_HEAD(, loop_timer) timers;
	TAILQ_HEAD(, loop_fd) fds;
	TAILQ_HEAD(, loop_signal) signals;
	TAILQ_HEAD(, loop_task) tasks;
	unsigned n_tasks; /* alive, queued or not */
	uint64_t now_ms, wall_ms;
	uint64_t order;
	bool stop;
};

struct loop *
loop_new(void)
{
	struct loop *l = xcalloc(1, sizeof(*l));

	TAILQ_INIT(&l->timers);
	TAILQ_INIT(&l->fds);
	TAILQ_INIT(&l->signals);
	TAILQ_INIT(&l->tasks);
	l->now_ms = FAKE_LOOP_START_MS;
	l->wall_ms = FAKE_LOOP_START_WALL_MS;
	return l;
}

void
loop_free(struct loop **lp)
{
	struct loop *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	if (!TAILQ_EMPTY(&l->timers) || !TAILQ_EMPTY(&l->fds) ||
	    !TAILQ_EMPTY(&l->signals) || l->n_tasks > 0)
		fail_msg("somebody still holds a part of the loop");
	xfree(l);
}

static struct loop_timer *
next_timer(const struct loop *l)
{
	struct loop_timer *t, *next = NULL;

	TAILQ_FOREACH(t, &l->timers, entry)
	{
		if (!t->set)
			continue;
		if (next == NULL || t->due_ms < next->due_ms ||
		    (t->due_ms == next->due_ms && t->order < next->order))
			next = t;
	}
	return next;
}

void
fake_loop_turn(struct loop *l)
{
	struct loop_timer *t;
	struct loop_task *k;
	unsigned turns = 0;

	for (;;) {
		if (++turns > FAKE_LOOP_TURNS_MAX)
			fail_msg("the loop turns and time does not pass");
		t = next_timer(l);
		if (t != NULL && t->due_ms <= l->now_ms) {
			t->set = false;
			t->cb(t->arg);
		} else if ((k = TAILQ_FIRST(&l->tasks)) != NULL) {
			TAILQ_REMOVE(&l->tasks, k, entry);
			k->queued = false;
			k->cb(k->arg);
		} else {
			return;
		}
	}
}

static void
move_to(struct loop *l, uint64_t now_ms)
{
	l->wall_ms += now_ms - l->now_ms;
	l->now_ms = now_ms;
}

void
fake_loop_advance(struct loop *l, uint64_t ms)
{
	uint64_t until = l->now_ms + ms;
	struct loop_timer *t;

	fake_loop_turn(l);
	while ((t = next_timer(l)) != NULL && t->due_ms <= until) {
		move_to(l, t->due_ms);
		fake_loop_turn(l);
	}
	move_to(l, until);
}

void
fake_loop_jump_wall(struct loop *l, int64_t ms)
{
	l->wall_ms += (uint64_t)ms;
}

uint64_t
fake_loop_next_ms(const struct loop *l)
{
	struct loop_timer *t = next_timer(l);

	if (t == NULL)
		return UINT64_MAX;
	return t->due_ms > l->now_ms ? t->due_ms - l->now_ms : 0;
}

bool
fake_loop_fire(struct loop *l, int fd, int what)
{
	struct loop_fd *w;

	TAILQ_FOREACH(w, &l->fds, entry)
	{
		if (w->fd == fd && (w->what & what) != 0) {
			w->cb(w->arg, w->what & what);
			fake_loop_turn(l);
			return true;
		}
	}
	return false;
}

int
fake_loop_watched(const struct loop *l, int fd)
{
	struct loop_fd *w;
	int what = 0;

	TAILQ_FOREACH(w, &l->fds, entry)
	if (w->fd == fd)
		what |= w->what;
	return what;
}

void
fake_loop_signal(struct loop *l, int signo)
{
	struct loop_signal *s, *next;

	for (s = TAILQ_FIRST(&l->signals); s != NULL; s = next) {
		next = TAILQ_NEXT(s, entry);
		if (s->signo == signo)
			s->cb(s->arg);
	}
	fake_loop_turn(l);
}

void
loop_run(struct loop *l)
{
	struct loop_timer *t;

	for (;;) {
		fake_loop_turn(l);
		if (l->stop || (t = next_timer(l)) == NULL)
			break;
		move_to(l, t->due_ms);
	}
	l->stop = false;
}

void
loop_stop(struct loop *l)
{
	l->stop = true;
}

uint64_t
loop_now_ms(const struct loop *l)
{
	return l->now_ms;
}

uint64_t
loop_wall_ms(const struct loop *l)
{
	return l->wall_ms;
}

struct loop_timer *
loop_timer_new(struct loop *l, loop_cb *cb, void *arg)
{
	struct loop_timer *t = xcalloc(1, sizeof(*t));

	t->loop = l;
	t->cb = cb;
	t->arg = arg;
	TAILQ_INSERT_TAIL(&l->timers, t, entry);
	return t;
}

void
loop_timer_set(struct loop_timer *t, uint64_t delay_ms)
{
	t->set = true;
	t->due_ms = t->loop->now_ms + delay_ms;
	t->order = t->loop->order++;
}

void
loop_timer_stop(struct loop_timer *t)
{
	t->set = false;
}

bool
loop_timer_is_set(const struct loop_timer *t)
{
	return t->set;
}

void
loop_timer_free(struct loop_timer **tp)
{
	struct loop_timer *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	TAILQ_REMOVE(&t->loop->timers, t, entry);
	xfree(t);
}

struct loop_fd *
loop_fd_new(struct loop *l, int fd, loop_fd_cb *cb, void *arg)
{
	struct loop_fd *w = xcalloc(1, sizeof(*w));

	w->loop = l;
	w->fd = fd;
	w->cb = cb;
	w->arg = arg;
	TAILQ_INSERT_TAIL(&l->fds, w, entry);
	return w;
}

void
loop_fd_watch(struct loop_fd *w, int what)
{
	w->what = what;
}

void
loop_fd_free(struct loop_fd **wp)
{
	struct loop_fd *w = *wp;

	*wp = NULL;
	if (w == NULL)
		return;
	TAILQ_REMOVE(&w->loop->fds, w, entry);
	xfree(w);
}

struct loop_signal *
loop_signal_new(struct loop *l, int signo, loop_cb *cb, void *arg)
{
	struct loop_signal *s = xcalloc(1, sizeof(*s));

	s->loop = l;
	s->signo = signo;
	s->cb = cb;
	s->arg = arg;
	TAILQ_INSERT_TAIL(&l->signals, s, entry);
	return s;
}

void
loop_signal_free(struct loop_signal **sp)
{
	struct loop_signal *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	TAILQ_REMOVE(&s->loop->signals, s, entry);
	xfree(s);
}

struct loop_task *
loop_task_new(struct loop *l, loop_cb *cb, void *arg)
{
	struct loop_task *t = xcalloc(1, sizeof(*t));

	t->loop = l;
	t->cb = cb;
	t->arg = arg;
	l->n_tasks++;
	return t;
}

void
loop_task_run(struct loop_task *t)
{
	if (t->queued)
		return;
	t->queued = true;
	TAILQ_INSERT_TAIL(&t->loop->tasks, t, entry);
}

void
loop_task_free(struct loop_task **tp)
{
	struct loop_task *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	if (t->queued)
		TAILQ_REMOVE(&t->loop->tasks, t, entry);
	t->loop->n_tasks--;
	xfree(t);
}

/* There is none; who needs it needs the real loop. */
struct event_base *
loop_base(struct loop *l)
{
	(void)l;
	fail_msg("the fake loop has no libevent");
	return NULL;
}
