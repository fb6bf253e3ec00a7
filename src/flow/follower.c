/*
 * flow/follower.c -- drives a source that is a file.
 *
 * A round reads to the end of the file, a block in each turn of the loop, and
 * takes each line through the same intake as records from the cloud.  The
 * place behind the last line of a page is the cursor that is written with
 * it; so whatever happens, reading goes on behind the last line that is
 * durable.  When a page could not be written, the round begins again there.
 *
 * A line without its end is not taken while the file may grow.
 */
/* SPDX-License-Identifier: ISC */
#include "flow/follower.h"

#include <inttypes.h>
#include <string.h>

#include "base/backoff.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "flow/intake.h"
#include "flow/tailfile.h"
#include "net/loop.h"
#include "record/cursor.h"
#include "source/source.h"
#include "state/store.h"

#define INFLIGHT_HIGH (8 * 1024 * 1024) /* bytes not yet durable: hold */
#define INFLIGHT_LOW (2 * 1024 * 1024)  /* and go on */
#define PAGES_MAX 256                   /* on their way at once */
#define FULL_WAIT_MS 1000
#define BACKOFF_FIRST_MS 1000
#define BACKOFF_CAP_MS (5 * 60 * 1000)

enum follower_state {
	FOLLOWER_RESTING, /* until the next look is due */
	FOLLOWER_READING,
	FOLLOWER_WAITING, /* for a pipe's bytes */
	FOLLOWER_HOLDING, /* until there is room for what comes */
	FOLLOWER_CLOSING, /* all is read; pages become durable */
	FOLLOWER_STOPPED
};

struct follower {
	struct log log;
	struct loop *loop;
	struct follower_conf conf;
	follower_round_fn *on_round;
	void *arg;
	enum follower_state state;
	struct loop_timer *timer;
	struct loop_task *step;
	struct loop_fd *pipe, *news; /* NULL: nothing to watch */
	struct backoff backoff;
	uint64_t epoch;

	struct tailfile *file;
	bool is_open;
	bool has_news;       /* something happened to the file */
	size_t rest;         /* of the block at hand: not taken yet */
	struct buf line;     /* that the last block cut */
	uint64_t line_bytes; /* the same, not capped */

	struct tailfile_pos stored;  /* as the store has it */
	struct tailfile_pos durable; /* behind the last page that is */
	struct tailfile_pos handed;  /* behind the last one handed over */
	/* Behind those on their way, from the oldest on. */
	struct tailfile_pos pages[PAGES_MAX];
	unsigned first, pages_out;
	bool page_waits;   /* the page under way found no room */
	struct err failed; /* what ended the round; kind 0: nothing */
	uint64_t began_ms;
};

static void
move_to(struct follower *f, enum follower_state state)
{
	static const char *const name[] = { "resting", "reading", "waiting",
		"holding", "closing", "stopped" };

	if (f->state != state)
		log_debug(&f->log, "%s, then %s", name[f->state], name[state]);
	f->state = state;
	if (f->pipe != NULL)
		loop_fd_watch(
		    f->pipe, state == FOLLOWER_WAITING ? LOOP_READ : 0);
	if (state == FOLLOWER_READING)
		loop_task_run(f->step);
}

/* --- where we are --------------------------------------------------------- */

static struct tailfile_pos
read_cursor(struct str text)
{
	struct cursor c = { .len = text.len };
	int64_t inode, offset;

	if (text.len == 0 || text.len > CURSOR_MAX)
		return (struct tailfile_pos){ 0, 0 };
	memcpy(c.text, text.p, text.len);
	if (!cursor_get_i64(&c, "inode", &inode) ||
	    !cursor_get_i64(&c, "offset", &offset) || offset < 0)
		return (struct tailfile_pos){ 0, 0 };
	return (struct tailfile_pos){ (uint64_t)inode, (uint64_t)offset };
}

static bool
is_same(struct tailfile_pos a, struct tailfile_pos b)
{
	return a.inode == b.inode && a.offset == b.offset;
}

/* Behind the last line that was taken. */
static struct tailfile_pos
taken_to(const struct follower *f)
{
	struct tailfile_pos pos = tailfile_tell(f->file);

	pos.offset -= f->rest + f->line_bytes;
	return pos;
}

static void
forget_line(struct follower *f)
{
	buf_reset(&f->line);
	f->line_bytes = 0;
}

/* --- the end of a round --------------------------------------------------- */

static void
tell_round(struct follower *f)
{
	const uint64_t *n = intake_tally(f->conf.intake)->n;
	uint64_t took_ms = loop_now_ms(f->loop) - f->began_ms;

	if (n[PAGE_LISTED] == 0)
		return;
	log_info(&f->log,
	    "read to the end in %" PRIu64 ".%03" PRIu64 " s: %" PRIu64
	    " records, %" PRIu64 " known already, %" PRIu64
	    " filtered out, %" PRIu64 " set aside, %" PRIu64 " new",
	    took_ms / 1000, took_ms % 1000, n[PAGE_LISTED], n[PAGE_DUPLICATE],
	    n[PAGE_FILTERED], n[PAGE_QUARANTINED], n[PAGE_SPOOLED]);
}

/* A pipe that has ended has nothing more to say. */
static bool
is_over(const struct follower *f)
{
	return f->conf.once ||
	    (tailfile_is_pipe(f->file) && f->failed.kind == ERR_NONE);
}

/* All pages are accounted for. */
static void
round_over(struct follower *f)
{
	struct err failed = f->failed;
	uint64_t wait_ms = f->conf.interval_ms;

	move_to(f, FOLLOWER_RESTING);
	if (failed.kind == ERR_NONE) {
		backoff_reset(&f->backoff);
		tell_round(f);
		if (f->has_news)
			wait_ms = 0;
	} else {
		f->is_open = false;
		forget_line(f);
		wait_ms = backoff_fail(&f->backoff);
		log_warn(&f->log, "%s; trying again in %" PRIu64 " s",
		    failed.text, (wait_ms + 999) / 1000);
	}
	if (!is_over(f))
		loop_timer_set(f->timer, wait_ms);
	f->on_round(f->arg, failed.kind == ERR_NONE ? NULL : &failed);
}

static void
close_round(struct follower *f)
{
	loop_timer_stop(f->timer);
	move_to(f, FOLLOWER_CLOSING);
	if (f->pages_out == 0)
		round_over(f);
}

static void
fail_round(struct follower *f, const struct err *err)
{
	if (f->failed.kind == ERR_NONE)
		f->failed = *err;
	if (f->state != FOLLOWER_CLOSING)
		close_round(f);
}

/* --- pages ---------------------------------------------------------------- */

static void resume(struct follower *f);

static void
on_durable(void *arg, const struct err *err)
{
	struct follower *f = arg;
	struct tailfile_pos pos = f->pages[f->first];

	f->first = (f->first + 1) % PAGES_MAX;
	f->pages_out--;
	if (f->state == FOLLOWER_STOPPED)
		return;
	if (err == NULL) {
		f->durable = pos;
		if (!tailfile_is_pipe(f->file))
			f->stored = pos;
		tailfile_release(f->file, pos.offset);
	} else if (f->failed.kind == ERR_NONE) {
		f->failed = *err;
	}
	if (f->failed.kind != ERR_NONE && f->state != FOLLOWER_CLOSING)
		close_round(f);
	else if (f->state == FOLLOWER_CLOSING && f->pages_out == 0)
		round_over(f);
	else
		resume(f);
}

/* Look again when our pages are durable, or after some time: what takes the
 * room may be others'. */
static void
hold(struct follower *f)
{
	move_to(f, FOLLOWER_HOLDING);
	loop_timer_set(f->timer, FULL_WAIT_MS);
}

/* Hand the page under way over, with the place behind it: 0, or -1 if the
 * reading cannot go on for now. */
static int
hand_over_page(struct follower *f)
{
	struct page *page = intake_page(f->conf.intake);
	struct tailfile_pos pos = taken_to(f);
	struct cursor c = { .len = 0 };
	struct err err;

	if (!tailfile_is_pipe(f->file)) {
		cursor_set_i64(&c, "inode", (int64_t)pos.inode);
		cursor_set_i64(&c, "offset", (int64_t)pos.offset);
		page_cursor(page, str_make(c.text, c.len));
	}
	f->page_waits = f->pages_out == PAGES_MAX;
	if (f->page_waits) {
		hold(f);
		return -1;
	}
	if (store_append(f->conf.store, f->epoch, page, on_durable, f, &err) <
	    0) {
		f->page_waits = err.kind == ERR_FULL;
		if (f->page_waits)
			hold(f);
		else
			fail_round(f, &err);
		return -1;
	}
	f->pages[(f->first + f->pages_out++) % PAGES_MAX] = f->handed = pos;
	intake_next(f->conf.intake);
	return 0;
}

/* Has something been taken that is on its way to nowhere yet? */
static bool
owes_page(const struct follower *f)
{
	return !is_same(taken_to(f), f->handed);
}

/* --- lines ---------------------------------------------------------------- */

/* True if the page should be handed over now. */
static bool
take_line(struct follower *f, struct str line, uint64_t bytes)
{
	if (bytes <= f->conf.max_record) {
		line = str_trim(line);
		if (line.len == 0)
			return false;
		bytes = 0;
	}
	return intake_take(f->conf.intake, f->conf.source, SOURCE_TAG_LINE,
	    line, (size_t)bytes, loop_wall_ms(f->loop));
}

/* Keep the beginning of a line whose end is in the next block. */
static void
keep_line(struct follower *f, struct str part)
{
	size_t room = f->conf.max_record - f->line.len;

	f->line_bytes += part.len;
	buf_add(&f->line, part.p, part.len < room ? part.len : room);
}

/* A line ends with this part of it. */
static bool
end_line(struct follower *f, struct str part)
{
	uint64_t bytes = f->line_bytes + part.len;
	struct str line = part;
	bool ripe;

	if (f->line_bytes > 0) {
		keep_line(f, part);
		line = buf_str(&f->line);
	} else if (line.len > f->conf.max_record) {
		line.len = f->conf.max_record;
	}
	ripe = take_line(f, line, bytes);
	forget_line(f);
	return ripe;
}

/* Take the lines of a block; what there is no room for is put back. */
static void
take_block(struct follower *f, struct str block)
{
	const char *end;

	f->rest = block.len;
	while ((end = memchr(block.p, '\n', f->rest)) != NULL) {
		struct str part = str_make(block.p, (size_t)(end - block.p));

		f->rest -= part.len + 1;
		block.p = end + 1;
		if (end_line(f, part) && hand_over_page(f) < 0) {
			tailfile_unread(f->file, f->rest);
			f->rest = 0;
			return;
		}
	}
	keep_line(f, str_make(block.p, f->rest));
	f->rest = 0;
}

/* --- reading -------------------------------------------------------------- */

/* The end for now: what is left becomes durable, with its place. */
static void
at_end(struct follower *f)
{
	bool is_last = !f->conf.follow || tailfile_is_pipe(f->file);

	if (f->line_bytes > 0 && is_last)
		(void)end_line(f, str_make("", 0));
	if (owes_page(f) && hand_over_page(f) < 0)
		return;
	if (tailfile_turn(f->file)) {
		/* The file that was there is complete. */
		if (f->line_bytes > 0)
			(void)end_line(f, str_make("", 0));
		forget_line(f);
		log_info(&f->log,
		    "%s: a new file; reading it from its"
		    " beginning",
		    f->conf.path);
		loop_task_run(f->step);
		return;
	}
	close_round(f);
}

static void on_pipe(void *arg, int what);
static void on_news(void *arg, int what);

static void
open_file(struct follower *f)
{
	const char *note;
	struct err err;
	int fd;

	forget_line(f);
	if (tailfile_seek(f->file, &f->durable, &note, &err) < 0) {
		fail_round(f, &err);
		return;
	}
	f->is_open = true;
	f->durable = f->handed = tailfile_tell(f->file);
	if (note != NULL)
		log_warn(&f->log, "%s: %s", f->conf.path, note);
	fd = tailfile_fd(f->file);
	if (fd >= 0 && f->pipe == NULL)
		f->pipe = loop_fd_new(f->loop, fd, on_pipe, f);
}

/* Hear of what happens to the file, where the system tells. */
static void
listen_for_news(struct follower *f)
{
	int fd =
	    f->conf.follow && f->news == NULL ? tailfile_listen(f->file) : -1;

	if (fd < 0)
		return;
	f->news = loop_fd_new(f->loop, fd, on_news, f);
	loop_fd_watch(f->news, LOOP_READ);
}

/* Read a block, or see why not now. */
static void
on_step(void *arg)
{
	struct follower *f = arg;
	struct str block;
	struct err err;

	if (f->state != FOLLOWER_READING)
		return;
	if (store_inflight_bytes(f->conf.store) > INFLIGHT_HIGH ||
	    store_is_full(f->conf.store)) {
		hold(f);
		return;
	}
	switch (tailfile_read(f->file, &block, &err)) {
	case TAILFILE_FAILED:
		fail_round(f, &err);
		break;
	case TAILFILE_SOME:
		take_block(f, block);
		if (f->state == FOLLOWER_READING)
			loop_task_run(f->step);
		break;
	case TAILFILE_WAIT:
		if (!owes_page(f) || hand_over_page(f) == 0)
			move_to(f, FOLLOWER_WAITING);
		break;
	case TAILFILE_END:
	default:
		at_end(f);
		break;
	}
}

/* There may be room again for what was held. */
static void
resume(struct follower *f)
{
	if (f->state != FOLLOWER_HOLDING)
		return;
	if (store_inflight_bytes(f->conf.store) > INFLIGHT_LOW ||
	    store_is_full(f->conf.store)) {
		loop_timer_set(f->timer, FULL_WAIT_MS);
		return;
	}
	loop_timer_stop(f->timer);
	if (!f->page_waits || hand_over_page(f) == 0)
		move_to(f, FOLLOWER_READING);
}

/*
 * Each round goes on from the place that the store has: after damage it may
 * have gone back, and the rest of what we knew counts no more.
 */
static int
take_charge(struct follower *f, struct err *err)
{
	struct tailfile_pos pos;
	struct str cursor;

	if (store_acquire(f->conf.store, str_of(f->conf.name), &f->epoch,
		&cursor, err) < 0)
		return -1;
	pos = read_cursor(cursor);
	if (!tailfile_is_pipe(f->file) && !is_same(pos, f->stored)) {
		f->stored = f->durable = pos;
		f->is_open = false;
	}
	return 0;
}

static void
begin_round(struct follower *f)
{
	const struct cursor none = { .len = 0 };
	struct err err;

	intake_begin(f->conf.intake);
	f->failed = (struct err){ .kind = ERR_NONE };
	f->page_waits = f->has_news = false;
	f->began_ms = loop_now_ms(f->loop);
	loop_timer_stop(f->timer);
	if (take_charge(f, &err) < 0 ||
	    f->conf.ops->begin(
		f->conf.source, &none, loop_wall_ms(f->loop), &err) < 0) {
		fail_round(f, &err);
		return;
	}
	listen_for_news(f);
	move_to(f, FOLLOWER_READING);
	if (!f->is_open)
		open_file(f);
}

static void
on_timer(void *arg)
{
	struct follower *f = arg;

	if (f->state == FOLLOWER_RESTING)
		begin_round(f);
	else
		resume(f);
}

static void
on_pipe(void *arg, int what)
{
	(void)what;
	move_to(arg, FOLLOWER_READING);
}

static void
on_news(void *arg, int what)
{
	struct follower *f = arg;

	(void)what;
	if (!tailfile_heard(f->file))
		return;
	f->has_news = true;
	if (f->state == FOLLOWER_RESTING && !f->conf.once)
		begin_round(f);
}

/* --- its life ------------------------------------------------------------- */

struct follower *
follower_new(struct loop *l, const struct follower_conf *conf,
    follower_round_fn *on_round, void *arg)
{
	struct follower *f = xcalloc(1, sizeof(*f));

	f->log = (struct log){ "source", conf->name };
	f->loop = l;
	f->conf = *conf;
	f->on_round = on_round;
	f->arg = arg;
	buf_init(&f->line, (size_t)conf->max_record);
	backoff_init(&f->backoff, BACKOFF_FIRST_MS, BACKOFF_CAP_MS, conf->seed);
	f->file = tailfile_new(conf->path);
	f->timer = loop_timer_new(l, on_timer, f);
	f->step = loop_task_new(l, on_step, f);
	return f;
}

void
follower_start(struct follower *f)
{
	loop_timer_set(f->timer, 0);
}

void
follower_stop(struct follower *f)
{
	/* What came out of a pipe comes from nowhere again. */
	if (f->is_open && tailfile_is_pipe(f->file) && owes_page(f) &&
	    f->failed.kind == ERR_NONE && f->state != FOLLOWER_STOPPED)
		(void)hand_over_page(f);
	loop_timer_stop(f->timer);
	move_to(f, FOLLOWER_STOPPED);
	if (f->news != NULL)
		loop_fd_watch(f->news, 0);
}

void
follower_wake(struct follower *f)
{
	resume(f);
}

void
follower_free(struct follower **fp)
{
	struct follower *f = *fp;

	*fp = NULL;
	if (f == NULL)
		return;
	follower_stop(f);
	if (f->epoch != 0)
		store_release(f->conf.store, str_of(f->conf.name), f->epoch);
	loop_timer_free(&f->timer);
	loop_task_free(&f->step);
	loop_fd_free(&f->pipe);
	loop_fd_free(&f->news);
	tailfile_free(&f->file);
	buf_clear(&f->line);
	xfree(f);
}
