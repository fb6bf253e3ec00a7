/* net/loop.c -- the one event loop. */
/* SPDX-License-Identifier: ISC */
/*
 * A turn is: wait, call back for what happened, then run the tasks.  The
 * clocks are read by whoever asks first in a turn, and stand still until the
 * next one.  A task that is put up while tasks run waits for the next turn,
 * which then does not block, so that tasks which call each other cannot keep
 * the sockets waiting.
 */
#include "net/loop.h"

#include <assert.h>
#include <sys/queue.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/clock.h"
#include "base/xalloc.h"

/* Longer delays are cut to this, since nobody means them. */
#define LOOP_DELAY_MAX_MS (1000ULL * 86400 * 365)

struct loop_clock {
	bool read; /* in this turn */
	uint64_t now_ms;
	uint64_t wall_ms;
};

TAILQ_HEAD(loop_tasks, loop_task);

struct loop {
	struct event_base *base;
	struct loop_clock *clock; /* owned; behind a pointer so that asking
				     for the time changes no loop */
	struct loop_tasks tasks;
	uint64_t turn;
	bool stop;
};

struct loop_timer {
	struct event ev;
	struct loop *loop;
	loop_cb *cb;
	void *arg;
	uint64_t due_ms;
};

struct loop_fd {
	struct event ev;
	struct loop *loop;
	int fd;
	int what;
	loop_fd_cb *cb;
	void *arg;
};

struct loop_signal {
	struct event ev;
	loop_cb *cb;
	void *arg;
};

struct loop_task {
	TAILQ_ENTRY(loop_task) entry;
	struct loop *loop;
	loop_cb *cb;
	void *arg;
	uint64_t turn; /* in which it was put up */
	bool queued;
};

struct loop *
loop_new(void)
{
	struct event_config *conf = event_config_new();
	struct event_base *base = NULL;
	struct loop *l;

	if (conf != NULL) {
		event_config_set_flag(
		    conf, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
		base = event_base_new_with_config(conf);
		event_config_free(conf);
	}
	if (base == NULL)
		return NULL;
	l = xcalloc(1, sizeof(*l));
	l->base = base;
	l->clock = xcalloc(1, sizeof(*l->clock));
	TAILQ_INIT(&l->tasks);
	return l;
}

void
loop_free(struct loop **lp)
{
	struct loop *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	event_base_free(l->base);
	xfree(l->clock);
	xfree(l);
}

static void
run_tasks(struct loop *l)
{
	struct loop_task *t;

	l->turn++;
	while ((t = TAILQ_FIRST(&l->tasks)) != NULL && t->turn < l->turn) {
		TAILQ_REMOVE(&l->tasks, t, entry);
		t->queued = false;
		t->cb(t->arg);
	}
}

void
loop_run(struct loop *l)
{
	while (!l->stop) {
		int flags = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY;

		if (!TAILQ_EMPTY(&l->tasks))
			flags |= EVLOOP_NONBLOCK;
		l->clock->read = false;
		event_base_loop(l->base, flags);
		run_tasks(l);
	}
	l->stop = false;
}

void
loop_stop(struct loop *l)
{
	l->stop = true;
}

static void
read_clocks(struct loop_clock *c)
{
	if (c->read)
		return;
	c->read = true;
	c->now_ms = clock_mono_ms();
	c->wall_ms = clock_wall_ms();
}

uint64_t
loop_now_ms(const struct loop *l)
{
	read_clocks(l->clock);
	return l->clock->now_ms;
}

uint64_t
loop_wall_ms(const struct loop *l)
{
	read_clocks(l->clock);
	return l->clock->wall_ms;
}

static void
add_timer(struct loop_timer *t, uint64_t delay_ms)
{
	struct timeval tv = { .tv_sec = (time_t)(delay_ms / 1000),
		.tv_usec = (suseconds_t)(delay_ms % 1000 * 1000) };

	evtimer_add(&t->ev, &tv);
}

static void
timer_fired(evutil_socket_t fd, short what, void *arg)
{
	struct loop_timer *t = arg;
	uint64_t now_ms = loop_now_ms(t->loop);

	(void)fd;
	(void)what;
	/* libevent's clock is coarse: some milliseconds early are possible. */
	if (now_ms < t->due_ms)
		add_timer(t, t->due_ms - now_ms);
	else
		t->cb(t->arg);
}

struct loop_timer *
loop_timer_new(struct loop *l, loop_cb *cb, void *arg)
{
	struct loop_timer *t = xcalloc(1, sizeof(*t));

	t->loop = l;
	t->cb = cb;
	t->arg = arg;
	evtimer_assign(&t->ev, l->base, timer_fired, t);
	return t;
}

void
loop_timer_set(struct loop_timer *t, uint64_t delay_ms)
{
	if (delay_ms > LOOP_DELAY_MAX_MS)
		delay_ms = LOOP_DELAY_MAX_MS;
	t->due_ms = loop_now_ms(t->loop) + delay_ms;
	add_timer(t, delay_ms);
}

void
loop_timer_stop(struct loop_timer *t)
{
	evtimer_del(&t->ev);
}

bool
loop_timer_is_set(const struct loop_timer *t)
{
	return evtimer_pending(&t->ev, NULL) != 0;
}

void
loop_timer_free(struct loop_timer **tp)
{
	struct loop_timer *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	evtimer_del(&t->ev);
	xfree(t);
}

static void
fd_fired(evutil_socket_t fd, short what, void *arg)
{
	struct loop_fd *w = arg;

	(void)fd;
	w->cb(w->arg,
	    ((what & EV_READ) != 0 ? LOOP_READ : 0) |
		((what & EV_WRITE) != 0 ? LOOP_WRITE : 0));
}

struct loop_fd *
loop_fd_new(struct loop *l, int fd, loop_fd_cb *cb, void *arg)
{
	struct loop_fd *w = xcalloc(1, sizeof(*w));

	w->loop = l;
	w->fd = fd;
	w->cb = cb;
	w->arg = arg;
	event_assign(&w->ev, l->base, fd, EV_PERSIST, fd_fired, w);
	return w;
}

void
loop_fd_watch(struct loop_fd *w, int what)
{
	short events = EV_PERSIST;

	if (what == w->what)
		return;
	w->what = what;
	event_del(&w->ev);
	if (what == 0)
		return;
	if ((what & LOOP_READ) != 0)
		events |= EV_READ;
	if ((what & LOOP_WRITE) != 0)
		events |= EV_WRITE;
	event_assign(&w->ev, w->loop->base, w->fd, events, fd_fired, w);
	event_add(&w->ev, NULL);
}

void
loop_fd_free(struct loop_fd **wp)
{
	struct loop_fd *w = *wp;

	*wp = NULL;
	if (w == NULL)
		return;
	event_del(&w->ev);
	xfree(w);
}

static void
signal_fired(evutil_socket_t signo, short what, void *arg)
{
	struct loop_signal *s = arg;

	(void)signo;
	(void)what;
	s->cb(s->arg);
}

struct loop_signal *
loop_signal_new(struct loop *l, int signo, loop_cb *cb, void *arg)
{
	struct loop_signal *s = xcalloc(1, sizeof(*s));

	s->cb = cb;
	s->arg = arg;
	evsignal_assign(&s->ev, l->base, signo, signal_fired, s);
	evsignal_add(&s->ev, NULL);
	return s;
}

void
loop_signal_free(struct loop_signal **sp)
{
	struct loop_signal *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	evsignal_del(&s->ev);
	xfree(s);
}

struct loop_task *
loop_task_new(struct loop *l, loop_cb *cb, void *arg)
{
	struct loop_task *t = xcalloc(1, sizeof(*t));

	t->loop = l;
	t->cb = cb;
	t->arg = arg;
	return t;
}

void
loop_task_run(struct loop_task *t)
{
	if (t->queued)
		return;
	t->queued = true;
	t->turn = t->loop->turn;
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
	xfree(t);
}

struct event_base *
loop_base(struct loop *l)
{
	return l->base;
}
