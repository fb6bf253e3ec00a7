/*
 * sink/file_out.c -- events as lines of a file, or on standard output.
 *
 * Whole lines are gathered and written at once.  A regular file holds whole
 * lines only: a write that the disk cuts short is taken back, and a torn line
 * that a crash has left is cut off when the file is opened, since its event
 * was not confirmed and comes again.
 */
/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "net/loop.h"
#include "sink/sink.h"

#define GATHER_BYTES (64 * 1024)
#define LINE_BYTES (16 * 1024 * 1024) /* more than a journal page holds */
#define SYNC_BYTES (1024 * 1024)
#define SYNC_MS 1000
#define RETRY_MS 5000

struct file_out_conf {
	char *path; /* NULL: standard output */
};

static const struct opt file_opts[] = {
	{ .name = "path",
	    .type = OPT_PATH,
	    .offset = offsetof(struct file_out_conf, path),
	    .required = true,
	    .help = "of the file, which grows" },
	{ .name = NULL },
};

static const struct opt stdout_opts[] = {
	{ .name = NULL },
};

struct sink {
	struct log log;
	const char *path; /* borrowed; NULL: standard output */
	struct loop *loop;
	const struct sink_cbs *cbs;
	void *arg;
	int fd;
	int stdout_flags; /* as they were; -1: not ours */
	bool is_regular;
	struct buf lines;                      /* gathered, not written */
	uint64_t gathered, written, confirmed; /* positions */
	uint64_t unsynced;                     /* bytes */
	struct loop_timer *sync, *retry, *deadline;
	struct loop_fd *watch; /* of a pipe that is full */
	struct loop_task *tell;
	bool wants_room, in_trouble;
	bool lost; /* a sync failed: what it covered must come again */
	void (*done)(void *arg);
	void *done_arg;
};

/* Cut a torn line off the end of a regular file. */
static int
mend(struct sink *s, off_t whole)
{
	off_t size = whole;
	char tail[4096];

	while (size > 0) {
		size_t want =
		    size < (off_t)sizeof(tail) ? (size_t)size : sizeof(tail);
		ssize_t n = pread(s->fd, tail, want, size - (off_t)want);
		const char *end;

		if (n != (ssize_t)want)
			return -1;
		end = memrchr(tail, '\n', want);
		if (end != NULL) {
			size -= (off_t)want - (end + 1 - tail);
			break;
		}
		size -= (off_t)want;
	}
	if (size == whole)
		return 0;
	log_warn(&s->log, "%s: cutting %lld bytes of a torn line off its end",
	    s->path, (long long)(whole - size));
	return ftruncate(s->fd, size);
}

/* A pipe that is full must not stop the loop. */
static int
open_stdout(struct sink *s)
{
	s->stdout_flags = fcntl(STDOUT_FILENO, F_GETFL);
	if (s->stdout_flags >= 0)
		(void)fcntl(
		    STDOUT_FILENO, F_SETFL, s->stdout_flags | O_NONBLOCK);
	return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
}

static int
open_file(struct sink *s, struct err *err)
{
	struct stat st;
	int fd = s->path == NULL
	    ? open_stdout(s)
	    : open(s->path,
		  O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640);

	if (fd < 0)
		return err_set(err, ERR_CONF, "%s: %s",
		    s->path != NULL ? s->path : "standard output",
		    strerror(errno));
	if (s->fd >= 0)
		close(s->fd);
	s->fd = fd;
	if (fstat(fd, &st) < 0)
		return err_set(
		    err, ERR_SYS, "%s: %s", s->path, strerror(errno));
	s->is_regular = s->path != NULL && S_ISREG(st.st_mode);
	if (s->is_regular && mend(s, st.st_size) < 0)
		return err_set(
		    err, ERR_SYS, "%s: %s", s->path, strerror(errno));
	return 0;
}

static void
set_confirmed(struct sink *s)
{
	if (s->written <= s->confirmed)
		return;
	s->confirmed = s->written;
	loop_task_run(s->tell);
}

static void
trouble(struct sink *s, int error)
{
	if (!s->in_trouble)
		log_error(&s->log,
		    "%s: %s; events wait in the journal,"
		    " trying again every %d s",
		    s->path != NULL ? s->path : "standard output",
		    strerror(error), RETRY_MS / 1000);
	s->in_trouble = true;
	loop_timer_set(s->retry, RETRY_MS);
}

static void
sync_file(struct sink *s)
{
	loop_timer_stop(s->sync);
	/* What a sync lost once, no later one brings back. */
	if (s->lost || s->written <= s->confirmed)
		return;
	if (s->is_regular && fdatasync(s->fd) < 0) {
		s->lost = true;
		trouble(s, errno);
		return;
	}
	s->unsynced = 0;
	set_confirmed(s);
}

static void on_writable(void *arg, int what);

/* What was taken of the gathered lines; -1: wait. */
static ssize_t
write_some(struct sink *s)
{
	ssize_t n = write(s->fd, s->lines.p, s->lines.len);

	if (n < 0 && errno == EAGAIN) {
		if (s->watch == NULL)
			s->watch = loop_fd_new(s->loop, s->fd, on_writable, s);
		loop_fd_watch(s->watch, LOOP_WRITE);
		return -1;
	}
	if (n < 0) {
		trouble(s, errno);
		return -1;
	}
	if (s->is_regular && (size_t)n < s->lines.len) {
		/* The disk is full in mid-line: take it back, all of it.  Who
		 * rotates by truncation has moved the end, so it is asked. */
		if (ftruncate(s->fd, lseek(s->fd, 0, SEEK_CUR) - n) < 0)
			log_error(&s->log, "%s: %s; it ends in a torn line",
			    s->path, strerror(errno));
		trouble(s, ENOSPC);
		return -1;
	}
	return n;
}

static void
write_lines(struct sink *s)
{
	while (s->lines.len > 0 && !loop_timer_is_set(s->retry)) {
		ssize_t n = write_some(s);

		if (n < 0)
			return;
		s->unsynced += (uint64_t)n;
		buf_consume(&s->lines, (size_t)n);
	}
	if (s->lines.len > 0)
		return;
	buf_reset(&s->lines);
	if (s->in_trouble)
		log_info(&s->log, "%s: writing again",
		    s->path != NULL ? s->path : "standard output");
	s->in_trouble = false;
	s->written = s->gathered;
	if (!s->is_regular || s->unsynced >= SYNC_BYTES)
		sync_file(s);
	else if (!loop_timer_is_set(s->sync))
		loop_timer_set(s->sync, SYNC_MS);
}

static void
tell_done(struct sink *s)
{
	void (*done)(void *arg) = s->done;

	s->done = NULL;
	loop_timer_stop(s->deadline);
	if (done != NULL)
		done(s->done_arg);
}

static void
on_tell(void *arg)
{
	struct sink *s = arg;

	if (s->confirmed > 0)
		s->cbs->confirmed(s->arg, s->confirmed);
	if (s->done != NULL && s->confirmed == s->gathered) {
		tell_done(s);
	} else if (s->wants_room && s->lines.len < GATHER_BYTES) {
		s->wants_room = false;
		s->cbs->ready(s->arg);
	}
}

static void
on_writable(void *arg, int what)
{
	struct sink *s = arg;

	(void)what;
	loop_fd_watch(s->watch, 0);
	write_lines(s);
	loop_task_run(s->tell);
}

static void
on_retry(void *arg)
{
	struct sink *s = arg;

	if (s->lost) {
		/* A later sync may succeed although the pages are gone. */
		s->lost = false;
		buf_reset(&s->lines);
		s->gathered = s->written = s->confirmed;
		s->unsynced = 0;
		s->wants_room = false;
		s->cbs->again(s->arg, s->confirmed);
		return;
	}
	write_lines(s);
	sync_file(s);
	loop_task_run(s->tell);
}

static void
on_sync(void *arg)
{
	sync_file(arg);
}

static void
on_deadline(void *arg)
{
	tell_done(arg);
}

static void
sink_close(struct sink **sp)
{
	struct sink *s = *sp;

	*sp = NULL;
	loop_timer_free(&s->sync);
	loop_timer_free(&s->retry);
	loop_timer_free(&s->deadline);
	loop_fd_free(&s->watch);
	loop_task_free(&s->tell);
	if (s->stdout_flags >= 0)
		(void)fcntl(STDOUT_FILENO, F_SETFL, s->stdout_flags);
	if (s->fd >= 0)
		close(s->fd);
	buf_clear(&s->lines);
	xfree(s);
}

static struct sink *
sink_open(const void *conf, const char *who, struct loop *l,
    const struct sink_cbs *cbs, void *arg, struct err *err)
{
	const struct file_out_conf *c = conf;
	struct sink *s = xcalloc(1, sizeof(*s));

	s->log = (struct log){ "output", who };
	s->path = c->path;
	s->loop = l;
	s->cbs = cbs;
	s->arg = arg;
	s->fd = s->stdout_flags = -1;
	buf_init(&s->lines, GATHER_BYTES + LINE_BYTES);
	s->sync = loop_timer_new(l, on_sync, s);
	s->retry = loop_timer_new(l, on_retry, s);
	s->deadline = loop_timer_new(l, on_deadline, s);
	s->tell = loop_task_new(l, on_tell, s);
	if (open_file(s, err) < 0)
		sink_close(&s);
	return s;
}

static int
sink_send(struct sink *s, const struct sink_event *e)
{
	if (s->lines.len >= GATHER_BYTES) {
		write_lines(s);
		if (s->lines.len > 0) {
			s->wants_room = true;
			return 0;
		}
	}
	/* Refused whole, or a part of it would pass for an event. */
	if (!buf_reserve(&s->lines, e->text.len + 1)) {
		trouble(s, ENOMEM);
		s->wants_room = true;
		return 0;
	}
	buf_add_str(&s->lines, e->text);
	buf_add_char(&s->lines, '\n');
	s->gathered = e->pos;
	return 1;
}

static void
sink_flush(struct sink *s)
{
	write_lines(s);
}

static void
sink_finish(
    struct sink *s, uint64_t deadline_ms, void (*done)(void *arg), void *arg)
{
	s->done = done;
	s->done_arg = arg;
	loop_timer_set(s->deadline, deadline_ms);
	write_lines(s);
	sync_file(s);
	loop_task_run(s->tell);
}

static void
reopen(struct sink *s)
{
	struct err err;

	write_lines(s);
	sync_file(s);
	loop_fd_free(&s->watch);
	if (s->path != NULL && open_file(s, &err) < 0)
		log_error(&s->log, "%s; going on with the old file", err.text);
}

const struct sink_ops file_out_ops = {
	.name = "file",
	.opts = file_opts,
	.conf_bytes = sizeof(struct file_out_conf),
	.open = sink_open,
	.close = sink_close,
	.send = sink_send,
	.flush = sink_flush,
	.finish = sink_finish,
	.reopen = reopen,
};

const struct sink_ops stdout_out_ops = {
	.name = "stdout",
	.opts = stdout_opts,
	.conf_bytes = sizeof(struct file_out_conf),
	.open = sink_open,
	.close = sink_close,
	.send = sink_send,
	.flush = sink_flush,
	.finish = sink_finish,
};
