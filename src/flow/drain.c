/*
 * flow/drain.c -- brings the spool's events to one output.
 *
 * The drain moves events from the store's reader into the sink for as long as
 * the sink has room.  What the sink reports confirmed moves the output's
 * position on disk; when the sink asks for events again, the reader goes back
 * there.  So a break costs repetitions, never a gap.
 */
/* SPDX-License-Identifier: ISC */
#include "flow/drain.h"

#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "net/loop.h"
#include "sink/sink.h"
#include "state/store.h"

/* Events moved before other work of the loop gets its turn. */
#define TURN_EVENTS 512

struct drain {
	struct log log;
	struct drain_conf conf;
	struct store_reader *reader;
	struct sink *sink;
	struct loop_task *pump;
	struct loop_timer *deadline;
	struct store_event event; /* read, not yet taken by the sink */
	bool has_event;
	store_pos sent; /* of the last event that the sink took */
	bool finishing, patient, sink_finishing;
	uint64_t finish_ms;    /* what drain_finish was given */
	uint64_t finish_at_ms; /* when that is over */
	struct loop *loop;
	void (*done)(void *arg);
	void *done_arg;
};

static void
on_ready(void *arg)
{
	drain_wake(arg);
}

static void
on_confirmed(void *arg, uint64_t pos)
{
	struct drain *d = arg;

	store_confirm(d->reader, pos);
	if (d->finishing)
		drain_wake(d);
}

static void
on_again(void *arg, uint64_t pos)
{
	struct drain *d = arg;
	store_pos confirmed = store_confirmed(d->reader);

	if (pos < confirmed)
		pos = confirmed;
	d->has_event = false;
	d->sent = pos;
	store_rewind(d->reader, pos);
	drain_wake(d);
}

/* Have an event in hand: 1; none now: 0. */
static int
fetch(struct drain *d)
{
	struct err err;
	int got;

	if (d->has_event)
		return 1;
	while ((got = store_next(d->reader, &d->event, &err)) < 0)
		log_error(&d->log, "%s", err.text);
	d->has_event = got == 1;
	return got;
}

static void
finish_sink(struct drain *d)
{
	uint64_t now = loop_now_ms(d->loop);
	uint64_t left_ms = d->finish_at_ms > now ? d->finish_at_ms - now : 0;

	d->sink_finishing = true;
	loop_timer_stop(d->deadline);
	d->conf.ops->finish(
	    d->sink, d->patient ? d->finish_ms : left_ms, d->done, d->done_arg);
}

static void
pump(void *arg)
{
	struct drain *d = arg;
	unsigned n = 0;

	/* What becomes durable now is for the next start. */
	if (d->sink_finishing)
		return;
	while (n < TURN_EVENTS && fetch(d) == 1) {
		struct sink_event e = { .pos = d->event.pos,
			.time_ms = d->event.time_ms,
			.text = d->event.text };

		if (d->conf.ops->send(d->sink, &e) == 0)
			break;
		d->sent = e.pos;
		d->has_event = false;
		n++;
	}
	if (n > 0 && d->finishing && d->patient)
		loop_timer_set(d->deadline, d->finish_ms);
	if (n == TURN_EVENTS) {
		loop_task_run(d->pump);
	} else if (!d->has_event) {
		d->conf.ops->flush(d->sink);
		if (d->finishing)
			finish_sink(d);
	}
}

static void
on_deadline(void *arg)
{
	struct drain *d = arg;

	if (!d->sink_finishing)
		finish_sink(d);
}

struct drain *
drain_new(struct loop *l, const struct drain_conf *conf, struct err *err)
{
	static const struct sink_cbs cbs = {
		.ready = on_ready, .confirmed = on_confirmed, .again = on_again
	};
	struct drain *d = xcalloc(1, sizeof(*d));

	d->log = (struct log){ "output", conf->name };
	d->conf = *conf;
	d->loop = l;
	d->pump = loop_task_new(l, pump, d);
	d->deadline = loop_timer_new(l, on_deadline, d);
	d->sink = conf->ops->open(conf->sink_conf, conf->name, l, &cbs, d, err);
	if (d->sink == NULL) {
		drain_free(&d);
		return NULL;
	}
	d->reader = store_reader_new(
	    conf->store, str_of(conf->name), str_of(conf->form), conf->sources);
	d->sent = store_confirmed(d->reader);
	drain_wake(d);
	return d;
}

void
drain_free(struct drain **dp)
{
	struct drain *d = *dp;

	*dp = NULL;
	if (d == NULL)
		return;
	if (d->sink != NULL)
		d->conf.ops->close(&d->sink);
	store_reader_free(&d->reader);
	loop_task_free(&d->pump);
	loop_timer_free(&d->deadline);
	xfree(d);
}

void
drain_wake(struct drain *d)
{
	loop_task_run(d->pump);
}

void
drain_reopen(struct drain *d)
{
	if (d->conf.ops->reopen != NULL)
		d->conf.ops->reopen(d->sink);
}

bool
drain_is_done(const struct drain *d)
{
	return !d->has_event && d->sent <= store_confirmed(d->reader);
}

void
drain_finish(struct drain *d, uint64_t deadline_ms, bool patient,
    void (*done)(void *arg), void *arg)
{
	d->finishing = true;
	d->patient = patient;
	d->finish_ms = deadline_ms;
	d->finish_at_ms = loop_now_ms(d->loop) + deadline_ms;
	d->done = done;
	d->done_arg = arg;
	/* Half of the time for what waits, the rest for its confirmation. */
	loop_timer_set(d->deadline, patient ? deadline_ms : deadline_ms / 2);
	drain_wake(d);
}
