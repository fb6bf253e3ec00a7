/*
 * sink/courier.c -- brings frames over connections.
 *
 * A lane is one connection with the stretch of positions that went over it.
 * At most one lane is written to; others are on their way up, or are being
 * ended.  Syslog over TCP has no acknowledgement, but an orderly end is one:
 * after our half-close the peer's FIN says that its process has read every
 * byte, a reset says that it has not.  So with COURIER_READ a lane is replaced
 * from time to time, and the one that ends so proves its stretch.
 *
 * Positions are confirmed in order and without gaps.  A stretch proven behind
 * one that is still open waits for it.  When a lane breaks, everything behind
 * the last confirmed position goes again over the lane that lives: its own
 * stretch then begins at that position, and what proves it proves all.
 */
/* SPDX-License-Identifier: ISC */
#include "sink/courier.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/backoff.h"
#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "net/loop.h"

#define LANES 6         /* one to write, one to come, four that end */
#define MARKS 1024      /* positions under way to the peer's kernel */
#define MARK_BYTES 4096 /* one mark for so many bytes */
#define ACK_POLL_MS 250 /* how often the kernel is asked */
#define BACKOFF_FIRST_MS 1000
#define BACKOFF_CAP_MS 60000
#define HEALTHY_MS 30000 /* a life that forgives earlier failures */
#define BRIEF_MS 5000    /* a life that makes one suspicious */
#define SILENT_PEERS 2   /* unanswered ends before the kernel counts */

enum lane_state {
	LANE_FREE,
	LANE_CONNECTING,
	LANE_GRACE,  /* up, but it may yet be refused */
	LANE_OPEN,   /* written to */
	LANE_ENDING, /* half-closed; the peer's end is awaited */
	LANE_PROVEN  /* ended well, behind one that is still open */
};

/* Bytes of a lane up to which the frames of positions up to pos reach. */
struct mark {
	uint64_t bytes, pos;
};

struct lane {
	struct courier *c;
	enum lane_state state;
	struct stream *stream;
	uint64_t from, to;  /* the stretch: behind from, up to and with to */
	uint64_t bytes;     /* written */
	uint64_t opened_ms; /* when it became the one written to */
};

struct courier {
	struct log log;
	struct loop *loop;
	struct courier_conf conf;
	const struct sink_cbs *cbs;
	void *arg;
	struct lane lanes[LANES];
	struct lane *open;  /* the one written to, or NULL */
	struct lane *comes; /* connecting or in its grace, or NULL */
	uint64_t confirmed;
	struct mark marks[MARKS]; /* of the open lane, a ring */
	unsigned first_mark, n_marks;
	uint64_t marked_bytes;
	struct loop_timer *retry; /* the next attempt to connect */
	struct loop_timer *turn;  /* turn over, or ask the kernel */
	struct loop_timer *grace;
	struct loop_timer *deadline; /* of the finish */
	struct loop_task *tell;      /* COURIER_NONE: what was written */
	struct backoff backoff;
	unsigned silent;   /* ends in a row that the peer did not answer */
	uint64_t retry_ms; /* the wait that was chosen last */
	bool wants_room;   /* send was refused */
	bool finishing;
	void (*done)(void *arg);
	void *done_arg;
};

static const char *
peer(const struct courier *c, char *text, size_t size)
{
	snprintf(text, size, "%s port %u", c->conf.stream.host,
	    (unsigned)c->conf.stream.port);
	return text;
}

/* --- positions -------------------------------------------------------- */

static void
confirm(struct courier *c, uint64_t pos)
{
	if (pos <= c->confirmed)
		return;
	c->confirmed = pos;
	backoff_reset(&c->backoff);
	c->cbs->confirmed(c->arg, pos);
}

static void
lane_free(struct lane *lane)
{
	stream_free(&lane->stream);
	lane->state = LANE_FREE;
}

/* Confirm what is proven without a gap before it. */
static void
settle(struct courier *c)
{
	bool moved;

	do {
		moved = false;
		for (struct lane *l = c->lanes; l < c->lanes + LANES; l++) {
			if (l->state != LANE_PROVEN || l->from > c->confirmed)
				continue;
			confirm(c, l->to);
			l->state = LANE_FREE;
			moved = true;
		}
	} while (moved);
}

/*
 * Ask for everything behind the confirmed position again.  What the lanes
 * that end have carried goes again too, so their ends prove nothing more.
 */
static void
lose(struct courier *c)
{
	for (struct lane *l = c->lanes; l < c->lanes + LANES; l++) {
		if (l->state == LANE_PROVEN)
			l->state = LANE_FREE;
		else if (l->state == LANE_ENDING)
			l->from = l->to = 0;
	}
	if (c->open != NULL) {
		c->open->from = c->open->to = c->confirmed;
		c->n_marks = 0;
	}
	c->cbs->again(c->arg, c->confirmed);
}

static bool
is_unconfirmed(const struct courier *c)
{
	return c->open != NULL && c->open->bytes > 0 &&
	    c->open->to > c->confirmed;
}

/* --- the peer's kernel ------------------------------------------------ */

static bool
asks_kernel(const struct courier *c)
{
	return c->conf.confirm == COURIER_KERNEL || c->silent >= SILENT_PEERS;
}

static void
push_mark(struct courier *c, uint64_t bytes, uint64_t pos)
{
	/* A full ring grows coarser: its newest mark moves on. */
	if (c->n_marks == MARKS)
		c->n_marks--;
	c->marks[(c->first_mark + c->n_marks) % MARKS] =
	    (struct mark){ bytes, pos };
	c->n_marks++;
	c->marked_bytes = bytes;
}

static void
ask_kernel(struct courier *c)
{
	struct lane *lane = c->open;
	uint64_t acked = stream_acked_bytes(lane->stream), pos = 0;

	while (c->n_marks > 0 && c->marks[c->first_mark].bytes <= acked) {
		pos = c->marks[c->first_mark].pos;
		c->first_mark = (c->first_mark + 1) % MARKS;
		c->n_marks--;
	}
	if (acked >= lane->bytes)
		pos = lane->to;
	if (lane->from <= c->confirmed)
		confirm(c, pos);
}

/* --- lanes ------------------------------------------------------------ */

static void
retry_after(struct courier *c, uint64_t wait_ms)
{
	if (c->finishing)
		return;
	c->retry_ms = wait_ms;
	loop_timer_set(c->retry, wait_ms);
}

static bool
is_ending(const struct courier *c)
{
	for (const struct lane *l = c->lanes; l < c->lanes + LANES; l++)
		if (l->state == LANE_ENDING)
			return true;
	return false;
}

static void
tell_done(struct courier *c)
{
	void (*done)(void *arg) = c->done;

	c->done = NULL;
	loop_timer_stop(c->deadline);
	if (done != NULL)
		done(c->done_arg);
}

static void
end_lane(struct lane *lane)
{
	lane->state = LANE_ENDING;
	stream_finish(lane->stream);
}

/* The lane that came up takes over; the one before it ends. */
static void
take_over(struct courier *c)
{
	struct lane *before = c->open, *lane = c->comes;
	char text[300];

	c->comes = NULL;
	c->open = lane;
	lane->state = LANE_OPEN;
	lane->from = lane->to = before != NULL ? before->to : c->confirmed;
	lane->opened_ms = loop_now_ms(c->loop);
	c->n_marks = 0;
	c->marked_bytes = 0;
	loop_timer_stop(c->turn);
	loop_timer_stop(c->retry);
	if (before != NULL)
		end_lane(before);
	else
		log_info(
		    &c->log, "connected to %s", peer(c, text, sizeof(text)));
	c->wants_room = false;
	c->cbs->ready(c->arg);
}

static void
on_up(void *arg)
{
	struct lane *lane = arg;
	struct courier *c = lane->c;

	if (c->conf.grace_ms == 0) {
		take_over(c);
		return;
	}
	lane->state = LANE_GRACE;
	loop_timer_set(c->grace, c->conf.grace_ms);
}

static void
on_grace(void *arg)
{
	struct courier *c = arg;

	if (c->comes != NULL && c->comes->state == LANE_GRACE)
		take_over(c);
}

static void
on_low(void *arg)
{
	struct lane *lane = arg;
	struct courier *c = lane->c;

	if (lane != c->open || !c->wants_room)
		return;
	c->wants_room = false;
	c->cbs->ready(c->arg);
}

/* Why a connection is not there, and what comes next. */
static void
complain(
    struct courier *c, const char *what, const struct err *err, bool suspicious)
{
	retry_after(c, backoff_fail(&c->backoff));
	log_line(&c->log,
	    err->kind == ERR_CONF ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN,
	    "%s: %s%s; trying again in %" PRIu64 " s", what, err->text,
	    suspicious ? " (it may have refused our client certificate)" : "",
	    (c->retry_ms + 999) / 1000);
}

/* The connection that was written to is gone. */
static void
open_lost(struct courier *c, struct lane *lane, const struct err *err)
{
	uint64_t lived_ms = loop_now_ms(c->loop) - lane->opened_ms;
	bool idle = !is_unconfirmed(c);
	char text[300];

	c->open = NULL;
	loop_timer_stop(c->turn);
	lane_free(lane);
	if (lived_ms >= HEALTHY_MS)
		backoff_reset(&c->backoff);
	if (c->comes != NULL) {
		log_warn(&c->log,
		    "connection lost: %s; the next one is on its way",
		    err->text);
	} else if (idle && lived_ms >= BRIEF_MS) {
		log_info(&c->log,
		    "%s ended an idle connection; connecting"
		    " again",
		    peer(c, text, sizeof(text)));
		retry_after(c, 0);
	} else {
		complain(c, "connection lost", err,
		    c->conf.shows_certificate && lived_ms < BRIEF_MS);
	}
	lose(c);
}

/* An ended lane's peer has answered, or has not. */
static void
end_answered(struct courier *c, struct lane *lane, const struct err *err)
{
	bool all_acked = stream_acked_bytes(lane->stream) >= lane->bytes;

	lane_free(lane);
	if (err == NULL) {
		c->silent = 0;
		lane->state = LANE_PROVEN;
		settle(c);
		return;
	}
	if (err->kind == ERR_WAIT && all_acked) {
		if (++c->silent == SILENT_PEERS)
			log_warn(&c->log,
			    "the collector does not answer the end of a"
			    " connection; from now on what its kernel"
			    " acknowledges counts (as confirm = \"kernel\")");
		if (asks_kernel(c)) {
			lane->state = LANE_PROVEN;
			settle(c);
			return;
		}
	}
	if (lane->to > c->confirmed) {
		log_warn(&c->log, "%s; sending again what was not confirmed",
		    err->text);
		lose(c);
	}
}

static void
on_over(void *arg, const struct err *err)
{
	struct lane *lane = arg;
	struct courier *c = lane->c;

	if (lane->state == LANE_ENDING) {
		end_answered(c, lane, err);
	} else if (lane == c->open) {
		open_lost(c, lane, err);
	} else {
		bool suspicious =
		    lane->state == LANE_GRACE && c->conf.shows_certificate;

		c->comes = NULL;
		loop_timer_stop(c->grace);
		lane_free(lane);
		complain(c, "not connected", err, suspicious);
	}
	if (c->finishing && !is_ending(c))
		tell_done(c);
}

static struct lane *
free_lane(struct courier *c)
{
	for (struct lane *l = c->lanes; l < c->lanes + LANES; l++)
		if (l->state == LANE_FREE)
			return l;
	return NULL;
}

static void
connect_lane(struct courier *c)
{
	static const struct stream_cbs cbs = {
		.up = on_up, .low = on_low, .over = on_over
	};
	struct lane *lane = free_lane(c);

	/* With none free, the ends under way come first. */
	if (c->comes != NULL || c->finishing || lane == NULL)
		return;
	*lane = (struct lane){ .c = c, .state = LANE_CONNECTING };
	lane->opened_ms = loop_now_ms(c->loop);
	lane->stream = stream_new(c->loop, &c->conf.stream, &cbs, lane);
	c->comes = lane;
}

static void
on_retry(void *arg)
{
	struct courier *c = arg;

	if (c->open == NULL || is_unconfirmed(c))
		connect_lane(c);
}

/* Begin to replace the open lane, if it has something to prove. */
static void
turn_over(struct courier *c)
{
	if (!is_unconfirmed(c) || c->comes != NULL ||
	    loop_timer_is_set(c->retry))
		return;
	connect_lane(c);
}

static void
on_turn(void *arg)
{
	struct courier *c = arg;

	if (c->open == NULL)
		return;
	if (asks_kernel(c)) {
		ask_kernel(c);
		if (is_unconfirmed(c))
			loop_timer_set(c->turn, ACK_POLL_MS);
		return;
	}
	turn_over(c);
	if (is_unconfirmed(c))
		loop_timer_set(c->turn, c->conf.confirm_interval_ms);
}

static void
on_tell(void *arg)
{
	struct courier *c = arg;

	if (c->open != NULL)
		confirm(c, c->open->to);
}

static void
on_deadline(void *arg)
{
	struct courier *c = arg;

	if (is_ending(c))
		log_warn(&c->log,
		    "the collector did not confirm in time; what is not"
		    " confirmed is sent again at the next start");
	tell_done(c);
}

/* --- the contract ----------------------------------------------------- */

struct courier *
courier_new(struct loop *l, const struct courier_conf *conf,
    const struct sink_cbs *cbs, void *arg)
{
	struct courier *c = xcalloc(1, sizeof(*c));

	c->log = (struct log){ "output", conf->who };
	c->loop = l;
	c->conf = *conf;
	c->cbs = cbs;
	c->arg = arg;
	c->retry = loop_timer_new(l, on_retry, c);
	c->turn = loop_timer_new(l, on_turn, c);
	c->grace = loop_timer_new(l, on_grace, c);
	c->deadline = loop_timer_new(l, on_deadline, c);
	c->tell = loop_task_new(l, on_tell, c);
	backoff_init(&c->backoff, BACKOFF_FIRST_MS, BACKOFF_CAP_MS, conf->seed);
	connect_lane(c);
	return c;
}

void
courier_free(struct courier **cp)
{
	struct courier *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	for (size_t i = 0; i < LANES; i++)
		stream_free(&c->lanes[i].stream);
	loop_timer_free(&c->retry);
	loop_timer_free(&c->turn);
	loop_timer_free(&c->grace);
	loop_timer_free(&c->deadline);
	loop_task_free(&c->tell);
	xfree(c);
}

int
courier_send(struct courier *c, uint64_t pos, struct str frame)
{
	struct lane *lane = c->open;

	if (lane == NULL ||
	    stream_pending_bytes(lane->stream) >= STREAM_BUFFER_MAX) {
		c->wants_room = true;
		return 0;
	}
	stream_write(lane->stream, frame);
	lane->bytes += frame.len;
	lane->to = pos;
	if (c->conf.confirm == COURIER_NONE) {
		loop_task_run(c->tell);
		return 1;
	}
	if (asks_kernel(c) && lane->bytes - c->marked_bytes >= MARK_BYTES)
		push_mark(c, lane->bytes, pos);
	if (!loop_timer_is_set(c->turn))
		loop_timer_set(c->turn,
		    asks_kernel(c) ? ACK_POLL_MS : c->conf.confirm_interval_ms);
	if (!asks_kernel(c) && lane->bytes >= c->conf.confirm_bytes)
		turn_over(c);
	return 1;
}

void
courier_finish(
    struct courier *c, uint64_t deadline_ms, void (*done)(void *arg), void *arg)
{
	c->finishing = true;
	c->done = done;
	c->done_arg = arg;
	loop_timer_stop(c->retry);
	loop_timer_stop(c->turn);
	loop_timer_stop(c->grace);
	if (c->comes != NULL) {
		lane_free(c->comes);
		c->comes = NULL;
	}
	if (c->open != NULL) {
		end_lane(c->open);
		c->open = NULL;
	}
	/* A verb never calls back: with nothing to wait for, the timer does. */
	loop_timer_set(c->deadline, is_ending(c) ? deadline_ms : 0);
}
