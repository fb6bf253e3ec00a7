/*
 * state/commit.c -- the one helper thread: writes, syncs, tells.
 *
 * The thread takes what was pushed, writes as many frames as fit with one
 * call, syncs once for all of them, and hands them back.  Positions that
 * moved go with the next pages, or by themselves after a second.  When it is
 * time for the index to catch up, the thread does that as well.
 *
 * When a write fails, all that waits fails with it, and so does all that is
 * pushed until the pusher was told.  Otherwise a page could become durable
 * whose cursor passes the records of an earlier one that did not.
 *
 * A failed sync says nothing about what the file holds, and a second try
 * that succeeds says nothing either.  So the same frames are written into a
 * new segment, which says that it begins behind the last page that was safe;
 * whatever the old one holds behind that page is not believed.
 *
 * The log belongs to the loop's thread, so this one writes its lines into a
 * list that commit_reap logs.
 */
/* SPDX-License-Identifier: ISC */
#include "state/commit.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "state/catchup.h"
#include "state/job.h"
#include "state/journal.h"
#include "state/page.h"
#include "state/positions.h"
#include "state/store.h"

#define BATCH_BYTES (8 * 1024 * 1024)
#define MOVE_MS 1000
#define NOTES_MAX 64
#define PAYLOAD_MAX (PAGE_BYTES_MAX + 64 * 1024)

static const struct log logs = { "store", NULL };

struct note {
	enum log_level level;
	char *text; /* owned */
};

struct commit {
	pthread_t thread;
	bool has_thread;
	int fd;
	uint64_t wall_ms, mono_ms; /* of birth */

	pthread_mutex_t lock;
	pthread_cond_t wake;
	/* Under lock. */
	struct job_queue queue, through;
	struct positions outputs;
	bool is_stopping;
	uint64_t moved_ms;   /* when a position moved first; 0: none did */
	uint64_t generation; /* one more after every failure */
	uint64_t told;       /* the pusher knows of so many */
	uint64_t taken;
	struct err why; /* of the last failure */
	struct note notes[NOTES_MAX];
	size_t n_notes;

	/* The thread's own. */
	struct journal *journal;
	struct checkpoint state;
	struct catchup catchup;
	bool cannot_write; /* said so already */
	bool cannot_take;  /* said so already */
};

/* --- telling --- */

static void
signal_loop(struct commit *c)
{
	uint64_t one = 1;
	ssize_t n;

	do
		n = write(c->fd, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
}

static void note(struct commit *c, enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void
note(struct commit *c, enum log_level level, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX + 256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&c->lock);
	if (c->n_notes < NOTES_MAX)
		c->notes[c->n_notes++] = (struct note){ level, xstrdup(text) };
	pthread_mutex_unlock(&c->lock);
	signal_loop(c);
}

static void
say(const struct note *n)
{
	log_line(&logs, n->level, "%s", n->text);
}

/* --- outputs --- */

/* Under lock.  Something about positions is to be written soon. */
static void
mark_moved(struct commit *c)
{
	if (c->moved_ms == 0) {
		c->moved_ms = clock_mono_ms();
		pthread_cond_signal(&c->wake);
	}
}

/* Under lock: the end of what was there before the oldest segment. */
static uint64_t
oldest_position(struct commit *c)
{
	struct journal_segment oldest;

	if (!journal_segment(c->journal, 0, &oldest))
		return 0;
	return STORE_POS(oldest.before, STORE_POS_ALL);
}

struct position *
commit_output(struct commit *c, struct str name)
{
	struct position *p;

	pthread_mutex_lock(&c->lock);
	p = positions_find(&c->outputs, name);
	if (p == NULL || p->is_dropped) {
		p = positions_begin(&c->outputs, name, oldest_position(c));
		mark_moved(c);
	}
	pthread_mutex_unlock(&c->lock);
	return p;
}

uint64_t
commit_position(struct commit *c, const struct position *p)
{
	uint64_t pos;

	pthread_mutex_lock(&c->lock);
	pos = p->wanted;
	pthread_mutex_unlock(&c->lock);
	return pos;
}

void
commit_move(struct commit *c, struct position *p, uint64_t pos)
{
	pthread_mutex_lock(&c->lock);
	if (positions_move(p, pos))
		mark_moved(c);
	pthread_mutex_unlock(&c->lock);
}

static bool
is_named(const char *const *names, const char *name)
{
	while (*names != NULL && strcmp(*names, name) != 0)
		names++;
	return *names != NULL;
}

void
commit_keep_outputs(struct commit *c, const char *const *names)
{
	struct position *p;

	pthread_mutex_lock(&c->lock);
	for (p = c->outputs.first; p != NULL; p = p->next) {
		if (p->is_dropped || is_named(names, p->name))
			continue;
		p->is_dropped = true;
		mark_moved(c);
		log_info(&logs,
		    "output %s is not configured any more; the journal does "
		    "not wait for it",
		    p->name);
	}
	pthread_mutex_unlock(&c->lock);
}

uint64_t
commit_confirmed(struct commit *c)
{
	uint64_t page;

	pthread_mutex_lock(&c->lock);
	page = positions_done(&c->outputs, false);
	pthread_mutex_unlock(&c->lock);
	return page;
}

/* Write what moved as the payload of a frame; false if nothing did. */
static bool
moves_encode(struct commit *c, struct buf *b)
{
	bool any;

	checkpoint_part(b);
	pthread_mutex_lock(&c->lock);
	any = positions_encode(&c->outputs, b);
	c->moved_ms = 0;
	pthread_mutex_unlock(&c->lock);
	return any;
}

/* The moves are on disk: what they say is durable. */
static void
moves_done(struct commit *c, struct str moves)
{
	checkpoint_apply(&c->state, moves, NULL);
	pthread_mutex_lock(&c->lock);
	positions_written(&c->outputs, true);
	pthread_mutex_unlock(&c->lock);
}

/* They could not be written: try again in a while. */
static void
moves_failed(struct commit *c)
{
	pthread_mutex_lock(&c->lock);
	positions_written(&c->outputs, false);
	mark_moved(c);
	pthread_mutex_unlock(&c->lock);
}

/* --- writing --- */

/* One line when writing stops working, one when it works again. */
static void
tell_writing(struct commit *c, const struct err *err)
{
	if (err != NULL && !c->cannot_write)
		note(c, LOG_LEVEL_ERROR,
		    "%s; sources wait and try again, and nothing is lost as "
		    "long as the cloud keeps it",
		    err->text);
	else if (err == NULL && c->cannot_write)
		note(c, LOG_LEVEL_INFO,
		    "the journal can be written again; sources go on");
	c->cannot_write = err != NULL;
}

static int
roll(struct commit *c, bool for_pages, struct err *err)
{
	struct buf b;
	int rc;

	buf_init(&b, PAYLOAD_MAX);
	checkpoint_encode(&c->state, &b);
	rc = journal_roll(c->journal, buf_str(&b), for_pages, err);
	buf_clear(&b);
	if (rc == 0)
		c->catchup.has_rolled = true;
	return rc;
}

struct batch {
	struct job *jobs[JOURNAL_BATCH_MAX];
	struct journal_out outs[JOURNAL_BATCH_MAX];
	size_t n_jobs;
	struct buf moves; /* a frame, or empty */
	bool has_moves;
};

static struct str
moves_payload(const struct batch *b)
{
	return str_make(
	    b->moves.p + FRAME_HEAD, b->outs[b->n_jobs].payload_len);
}

/* Put the positions behind the pages, if any moved and there is room. */
static void
batch_add_moves(struct commit *c, struct batch *b, size_t room)
{
	size_t len;

	buf_init(&b->moves, PAYLOAD_MAX);
	frame_begin(&b->moves);
	b->has_moves = moves_encode(c, &b->moves);
	len = b->moves.len - FRAME_HEAD;
	frame_pad(&b->moves);
	if (!b->has_moves)
		return;
	if (b->moves.len > room) {
		b->has_moves = false;
		moves_failed(c);
		return;
	}
	b->outs[b->n_jobs] = (struct journal_out){
		.kind = FRAME_MOVE, .payload_len = len, .frame = &b->moves
	};
}

static void
batch_fill_outs(struct batch *b)
{
	for (size_t i = 0; i < b->n_jobs; i++) {
		struct job *job = b->jobs[i];

		b->outs[i] = (struct journal_out){
			.kind = job->is_page ? FRAME_PAGE : FRAME_BACK,
			.seq = job->seq,
			.source = job->source,
			.payload_len = job->payload_len,
			.frame = &job->frame,
		};
	}
}

static int
batch_write(struct commit *c, struct batch *b, struct err *err)
{
	size_t n = b->n_jobs + b->has_moves;
	int rc;

	if (n == 0)
		return 0;
	rc = journal_write(c->journal, b->outs, n, err);
	if (rc == 0 || journal_room(c->journal) > 0)
		return rc;
	/* The sync failed: the same again, in a segment that is not suspect. */
	if (roll(c, false, err) != 0)
		return -1;
	return journal_write(c->journal, b->outs, n, err);
}

static void
apply_job(struct commit *c, struct job *job)
{
	struct page_view view;

	if (!job->is_page) {
		checkpoint_apply(&c->state, job_payload(job), NULL);
		return;
	}
	if (page_decode(job_payload(job), &view, NULL) != 0)
		return;
	if (view.has_cursor)
		checkpoint_set_cursor(&c->state, view.source, view.cursor);
	catchup_page(&c->catchup, &view, job->seq, clock_mono_ms());
}

static void
batch_done(struct commit *c, struct batch *b)
{
	uint64_t segment = journal_newest(c->journal);

	if (b->has_moves)
		moves_done(c, moves_payload(b));
	for (size_t i = 0; i < b->n_jobs; i++) {
		b->jobs[i]->segment = segment;
		b->jobs[i]->at = b->outs[i].at_r;
		apply_job(c, b->jobs[i]);
	}
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < b->n_jobs; i++)
		job_queue_add(&c->through, b->jobs[i]);
	pthread_mutex_unlock(&c->lock);
	/* Positions can be written when pages cannot, so they do not count. */
	if (b->n_jobs > 0) {
		tell_writing(c, NULL);
		signal_loop(c);
	}
}

/* Under lock. */
static void
fail_job(struct commit *c, struct job *job)
{
	job->has_failed = true;
	job_queue_add(&c->through, job);
}

/* These fail, and all that waits behind them. */
static void
batch_failed(struct commit *c, struct batch *b, const struct err *err)
{
	struct job *job;

	if (b->has_moves)
		moves_failed(c);
	if (b->n_jobs > 0) {
		pthread_mutex_lock(&c->lock);
		c->generation++;
		c->why = *err;
		for (size_t i = 0; i < b->n_jobs; i++)
			fail_job(c, b->jobs[i]);
		while ((job = job_queue_take(&c->queue)) != NULL)
			fail_job(c, job);
		pthread_mutex_unlock(&c->lock);
		signal_loop(c);
	}
	tell_writing(c, err);
}

/* Take what fits from the queue.  What is of an earlier generation fails. */
static void
batch_take(struct commit *c, struct batch *b, size_t room)
{
	size_t bytes = 0;
	struct job *job;
	bool any_stale = false;

	b->n_jobs = 0;
	b->has_moves = false;
	pthread_mutex_lock(&c->lock);
	while ((job = c->queue.first) != NULL) {
		if (job->generation != c->generation) {
			fail_job(c, job_queue_take(&c->queue));
			any_stale = true;
			continue;
		}
		if (b->n_jobs == JOURNAL_BATCH_MAX - 1 ||
		    (!job->is_page && b->n_jobs > 0) ||
		    bytes + job->frame.len > room ||
		    (b->n_jobs > 0 && bytes + job->frame.len > BATCH_BYTES))
			break;
		bytes += job->frame.len;
		b->jobs[b->n_jobs++] = job_queue_take(&c->queue);
	}
	pthread_mutex_unlock(&c->lock);
	if (any_stale)
		signal_loop(c);
	batch_fill_outs(b);
	batch_add_moves(c, b, room - bytes);
}

/*
 * The first in the queue does not fit, or no spare stands behind it: make
 * room, or fail it.
 */
static void
make_room(struct commit *c, size_t need)
{
	struct batch b = { .n_jobs = 1 };
	struct err err;

	if (journal_room_max(c->journal, checkpoint_bytes(&c->state)) < need)
		err_set(&err, ERR_BUG,
		    "journal: a page of %zu bytes does not fit a segment",
		    need);
	else if (need <= journal_room(c->journal)) {
		if (journal_make_spare(c->journal, &err) == 0)
			return;
	} else if (roll(c, true, &err) == 0)
		return;
	pthread_mutex_lock(&c->lock);
	b.jobs[0] = job_queue_take(&c->queue);
	pthread_mutex_unlock(&c->lock);
	if (b.jobs[0] != NULL)
		batch_failed(c, &b, &err);
}

/* Positions alone.  They may use the last spare; pages may not. */
static void
write_moves(struct commit *c)
{
	struct batch b = { .n_jobs = 0 };
	struct err err;
	int rc = 0;

	if (journal_room(c->journal) < checkpoint_bytes(&c->state) + 4096)
		rc = roll(c, false, &err);
	if (rc != 0) {
		moves_failed(c);
		tell_writing(c, &err);
		return;
	}
	batch_add_moves(c, &b, journal_room(c->journal));
	if (b.has_moves) {
		if (batch_write(c, &b, &err) == 0)
			batch_done(c, &b);
		else
			batch_failed(c, &b, &err);
	}
	buf_clear(&b.moves);
}

/* --- the index --- */

static int
take(struct commit *c, struct err *err)
{
	int rc = catchup_take(
	    &c->catchup, &c->state, clock_mono_ms(), commit_wall_ms(c), err);

	if (c->catchup.was_rebuilt)
		note(c, LOG_LEVEL_ERROR,
		    "the index is damaged and was set aside; a new one takes "
		    "in what the journal has, and records older than that may "
		    "come twice");
	c->catchup.was_rebuilt = false;
	if (rc != 0)
		return rc;
	pthread_mutex_lock(&c->lock);
	c->taken = c->catchup.taken;
	pthread_mutex_unlock(&c->lock);
	signal_loop(c);
	return 0;
}

static void
take_ids(struct commit *c)
{
	struct err err;

	if (take(c, &err) == 0) {
		if (c->cannot_take)
			note(c, LOG_LEVEL_INFO,
			    "the index can be written again");
		c->cannot_take = false;
		return;
	}
	if (!c->cannot_take)
		note(c, LOG_LEVEL_ERROR,
		    "%s; the journal keeps what it lacks, and it is tried "
		    "again every few seconds",
		    err.text);
	c->cannot_take = true;
}

/* --- the queue --- */

/*
 * Cursors that go back are written only when the index has on disk which ids
 * are forgotten; otherwise the records that are asked for again could be
 * taken for known ones.
 */
static int
prepare_back(struct commit *c)
{
	struct batch b = { .n_jobs = 1 };
	struct err err;

	if (take(c, &err) == 0)
		return 0;
	pthread_mutex_lock(&c->lock);
	b.jobs[0] = job_queue_take(&c->queue);
	pthread_mutex_unlock(&c->lock);
	batch_failed(c, &b, &err);
	return -1;
}

/* What stands first in the queue. */
struct ahead {
	bool any, is_stale, is_page;
	size_t bytes;
};

static struct ahead
look_ahead(struct commit *c)
{
	struct ahead a = { 0 };
	const struct job *job;

	pthread_mutex_lock(&c->lock);
	job = c->queue.first;
	if (job != NULL)
		a = (struct ahead){ .any = true,
			.is_stale = job->generation != c->generation,
			.is_page = job->is_page,
			.bytes = job->frame.len };
	pthread_mutex_unlock(&c->lock);
	return a;
}

static void
write_queue(struct commit *c)
{
	struct ahead a;
	struct batch b;
	struct err err;

	while ((a = look_ahead(c)).any) {
		if (!a.is_stale) {
			if (a.bytes > journal_room(c->journal) ||
			    !journal_has_spare(c->journal)) {
				make_room(c, a.bytes);
				continue;
			}
			if (!a.is_page && prepare_back(c) != 0)
				continue;
		}
		batch_take(c, &b, journal_room(c->journal));
		if (batch_write(c, &b, &err) == 0)
			batch_done(c, &b);
		else
			batch_failed(c, &b, &err);
		buf_clear(&b.moves);
	}
}

/* --- the thread --- */

static void
reclaim(struct commit *c)
{
	uint64_t upto;
	size_t n;

	pthread_mutex_lock(&c->lock);
	upto = positions_done(&c->outputs, true);
	if (c->taken < upto)
		upto = c->taken;
	n = journal_detach(c->journal, upto);
	pthread_mutex_unlock(&c->lock);
	if (n == 0)
		return;
	journal_recycle(c->journal);
	signal_loop(c);
}

/* Under lock: sleep until there is something to do, or until due_ms. */
static void
sleep_until(struct commit *c, uint64_t due_ms)
{
	struct timespec ts = { .tv_sec = (time_t)(due_ms / 1000),
		.tv_nsec = (long)(due_ms % 1000) * 1000000 };

	if (due_ms == CATCHUP_NEVER)
		pthread_cond_wait(&c->wake, &c->lock);
	else
		pthread_cond_timedwait(&c->wake, &c->lock, &ts);
}

/* Wait for work.  True: positions are due; *stop_r: it is the last time. */
static bool
wait_for_work(struct commit *c, uint64_t take_ms, bool *stop_r)
{
	bool moves;

	pthread_mutex_lock(&c->lock);
	for (;;) {
		uint64_t now = clock_mono_ms();
		uint64_t due = take_ms;

		*stop_r = c->is_stopping;
		moves = c->moved_ms != 0 &&
		    (*stop_r || now >= c->moved_ms + MOVE_MS);
		if (c->queue.first != NULL || moves || *stop_r ||
		    now >= take_ms)
			break;
		if (c->moved_ms != 0 && c->moved_ms + MOVE_MS < due)
			due = c->moved_ms + MOVE_MS;
		sleep_until(c, due);
	}
	pthread_mutex_unlock(&c->lock);
	return moves;
}

static void *
run(void *arg)
{
	struct commit *c = arg;
	bool stop = false;

	while (!stop) {
		bool moves =
		    wait_for_work(c, catchup_due_ms(&c->catchup), &stop);

		write_queue(c);
		if (moves)
			write_moves(c);
		if ((stop && c->catchup.pending.n > 0) ||
		    clock_mono_ms() >= catchup_due_ms(&c->catchup))
			take_ids(c);
		reclaim(c);
	}
	return NULL;
}

/* --- the loop's side --- */

static int
start(struct commit *c, struct err *err)
{
	sigset_t all, before;
	int rc;

	/* Signals are for the loop. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&c->thread, NULL, run, c);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0)
		return err_set(err, ERR_SYS, "store: cannot start a thread: %s",
		    strerror(rc));
	c->has_thread = true;
	return 0;
}

struct commit *
commit_new(struct commit_conf *conf, struct err *err)
{
	struct commit *c = xcalloc(1, sizeof(*c));
	pthread_condattr_t attr;

	c->wall_ms = conf->wall_ms;
	c->mono_ms = clock_mono_ms();
	c->journal = conf->journal;
	c->state = conf->state;
	conf->state = (struct checkpoint){ 0 };
	catchup_init(&c->catchup, conf->journal, conf->index, &conf->pending,
	    c->mono_ms);
	c->taken = c->catchup.taken;
	job_queue_init(&c->queue);
	job_queue_init(&c->through);
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->wake, &attr);
	pthread_condattr_destroy(&attr);
	for (size_t i = 0; i < c->state.n_outputs; i++)
		positions_known(&c->outputs, str_of(c->state.outputs[i].name),
		    c->state.outputs[i].pos);
	c->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->fd < 0)
		err_set(err, ERR_SYS, "store: cannot make an eventfd: %s",
		    strerror(errno));
	if (c->fd < 0 || start(c, err) != 0)
		commit_free(&c);
	return c;
}

void
commit_free(struct commit **cp)
{
	struct commit *c = *cp;
	struct job *job;

	*cp = NULL;
	if (c == NULL)
		return;
	if (c->has_thread) {
		pthread_mutex_lock(&c->lock);
		c->is_stopping = true;
		pthread_cond_signal(&c->wake);
		pthread_mutex_unlock(&c->lock);
		pthread_join(c->thread, NULL);
	}
	for (size_t i = 0; i < c->n_notes; i++) {
		say(&c->notes[i]);
		xfree(c->notes[i].text);
	}
	while ((job = job_queue_take(&c->through)) != NULL)
		job_unref(&job);
	positions_clear(&c->outputs);
	if (c->fd >= 0)
		close(c->fd);
	checkpoint_clear(&c->state);
	catchup_clear(&c->catchup);
	pthread_cond_destroy(&c->wake);
	pthread_mutex_destroy(&c->lock);
	xfree(c);
}

int
commit_fd(const struct commit *c)
{
	return c->fd;
}

uint64_t
commit_wall_ms(const struct commit *c)
{
	return c->wall_ms + clock_mono_ms() - c->mono_ms;
}

void
commit_push(struct commit *c, struct job *job)
{
	pthread_mutex_lock(&c->lock);
	job->generation = c->told;
	job_queue_add(&c->queue, job);
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
}

struct job *
commit_reap(struct commit *c, struct err *err_r)
{
	struct note notes[NOTES_MAX];
	struct job *jobs, *job;
	struct job_queue rest;
	uint64_t count;
	size_t n;

	while (read(c->fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
	job_queue_init(&rest);
	pthread_mutex_lock(&c->lock);
	/* Whoever is told of a failure is told of all that fails with it. */
	while ((job = job_queue_take(&c->queue)) != NULL)
		if (job->generation != c->generation)
			fail_job(c, job);
		else
			job_queue_add(&rest, job);
	c->queue = rest;
	if (rest.first == NULL)
		job_queue_init(&c->queue);
	c->told = c->generation;
	*err_r = c->why;
	jobs = c->through.first;
	job_queue_init(&c->through);
	n = c->n_notes;
	memcpy(notes, c->notes, n * sizeof(*notes));
	c->n_notes = 0;
	pthread_mutex_unlock(&c->lock);
	for (size_t i = 0; i < n; i++) {
		say(&notes[i]);
		xfree(notes[i].text);
	}
	return jobs;
}

uint64_t
commit_taken(struct commit *c)
{
	uint64_t taken;

	pthread_mutex_lock(&c->lock);
	taken = c->taken;
	pthread_mutex_unlock(&c->lock);
	return taken;
}
