/* flow/tailfile.c -- reads a file on from where it was, as it grows. */
/* SPDX-License-Identifier: ISC */
#include "flow/tailfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/xalloc.h"

#define BLOCK_BYTES (256 * 1024)
#define KEPT_MAX ((size_t)1 << 30)
#define OLD_SUFFIX ".1" /* as logrotate names the file before */

struct tailfile {
	char *path; /* owned */
	int fd;     /* -1: none is open */
	bool is_pipe;
	bool ended; /* the pipe has */
	struct tailfile_pos pos;
	char *block; /* owned */
	int notify;  /* -1: not listening */

	/* What came out of a pipe and may be wanted again. */
	struct buf kept;
	uint64_t kept_at;
};

struct tailfile *
tailfile_new(const char *path)
{
	struct tailfile *t = xcalloc(1, sizeof(*t));

	t->path = xstrdup(path);
	t->fd = t->notify = -1;
	t->block = xmalloc(BLOCK_BYTES);
	buf_init(&t->kept, KEPT_MAX);
	return t;
}

static bool
is_stdin(const struct tailfile *t)
{
	return strcmp(t->path, "-") == 0;
}

static void
close_file(struct tailfile *t)
{
	if (t->fd > STDIN_FILENO)
		close(t->fd);
	t->fd = -1;
}

void
tailfile_free(struct tailfile **tp)
{
	struct tailfile *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	close_file(t);
	if (t->notify >= 0)
		close(t->notify);
	buf_clear(&t->kept);
	xfree(t->block);
	xfree(t->path);
	xfree(t);
}

/* --- finding the file --------------------------------------------------- */

/* Open a name if it is a file, and of this inode where that is not 0. */
static bool
open_if(struct tailfile *t, const char *path, uint64_t inode, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return false;
	if (fstat(fd, st) < 0 || !S_ISREG(st->st_mode) ||
	    (inode != 0 && st->st_ino != inode)) {
		errno = EINVAL;
		close(fd);
		return false;
	}
	close_file(t);
	t->fd = fd;
	return true;
}

static int
open_named(struct tailfile *t, uint64_t inode, struct stat *st, struct err *err)
{
	char *old = xasprintf("%s" OLD_SUFFIX, t->path);
	bool found = inode != 0 &&
	    (open_if(t, t->path, inode, st) || open_if(t, old, inode, st));

	xfree(old);
	if (found || open_if(t, t->path, 0, st))
		return 0;
	return err_set(err, ERR_RETRY, "%s: %s", t->path,
	    errno == EINVAL ? "it is no regular file" : strerror(errno));
}

static int
open_stdin(struct tailfile *t, struct stat *st, struct err *err)
{
	t->fd = STDIN_FILENO;
	if (fstat(t->fd, st) < 0)
		return err_set(
		    err, ERR_CONF, "standard input: %s", strerror(errno));
	t->is_pipe = !S_ISREG(st->st_mode);
	return 0;
}

int
tailfile_seek(struct tailfile *t, const struct tailfile_pos *pos,
    const char **note_r, struct err *err)
{
	struct stat st = { .st_ino = 0 };

	*note_r = NULL;
	if (t->is_pipe) {
		t->pos.offset = pos->offset;
		return 0;
	}
	if ((is_stdin(t) ? open_stdin(t, &st, err)
			 : open_named(t, pos->inode, &st, err)) < 0)
		return -1;
	t->pos = (struct tailfile_pos){ .inode = st.st_ino };
	if (t->is_pipe)
		return 0;
	if (pos->inode != 0 && pos->inode != st.st_ino)
		*note_r = "another file than was read before; reading it from"
			  " its beginning";
	else if (pos->offset > (uint64_t)st.st_size)
		*note_r = "the file has become shorter; reading it from its"
			  " beginning";
	else
		t->pos.offset = pos->offset;
	return 0;
}

bool
tailfile_turn(struct tailfile *t)
{
	struct stat now, st;

	if (t->is_pipe || is_stdin(t) || t->fd < 0)
		return false;
	/* Written over in place: from the beginning again. */
	if (fstat(t->fd, &now) == 0 && (uint64_t)now.st_size < t->pos.offset) {
		t->pos.offset = 0;
		return true;
	}
	if (stat(t->path, &st) < 0 || st.st_ino == t->pos.inode ||
	    !open_if(t, t->path, 0, &st))
		return false;
	t->pos = (struct tailfile_pos){ .inode = st.st_ino };
	return true;
}

/* --- reading ------------------------------------------------------------ */

/* Bytes that came out of the pipe before, and are wanted again. */
static bool
read_kept(struct tailfile *t, struct str *bytes_r)
{
	size_t at = (size_t)(t->pos.offset - t->kept_at);
	size_t n = t->kept.len - at;

	if (n == 0)
		return false;
	*bytes_r = str_make(t->kept.p + at, n < BLOCK_BYTES ? n : BLOCK_BYTES);
	t->pos.offset += bytes_r->len;
	return true;
}

static ssize_t
read_pipe(struct tailfile *t)
{
	struct pollfd wait = { .fd = t->fd, .events = POLLIN };
	ssize_t n;

	/* It is not ours alone: others may not like it not to block. */
	if (poll(&wait, 1, 0) == 0) {
		errno = EAGAIN;
		return -1;
	}
	n = read(t->fd, t->block, BLOCK_BYTES);
	if (n > 0)
		buf_add(&t->kept, t->block, (size_t)n);
	if (t->kept.failed) {
		errno = ENOMEM;
		return -1;
	}
	t->ended = n == 0;
	return n;
}

enum tailfile_got
tailfile_read(struct tailfile *t, struct str *bytes_r, struct err *err)
{
	ssize_t n = 0;

	if (t->is_pipe && read_kept(t, bytes_r))
		return TAILFILE_SOME;
	do {
		if (!t->is_pipe)
			n = pread(
			    t->fd, t->block, BLOCK_BYTES, (off_t)t->pos.offset);
		else if (!t->ended)
			n = read_pipe(t);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return TAILFILE_WAIT;
	if (n < 0) {
		err_set(err, ERR_SYS, "%s: %s", t->path, strerror(errno));
		return TAILFILE_FAILED;
	}
	*bytes_r = str_make(t->block, (size_t)n);
	t->pos.offset += (uint64_t)n;
	return n > 0 ? TAILFILE_SOME : TAILFILE_END;
}

void
tailfile_unread(struct tailfile *t, size_t n)
{
	t->pos.offset -= n;
}

struct tailfile_pos
tailfile_tell(const struct tailfile *t)
{
	return t->pos;
}

void
tailfile_release(struct tailfile *t, uint64_t offset)
{
	size_t n;

	if (!t->is_pipe || offset <= t->kept_at)
		return;
	/* The rest moves to the front: not for every little. */
	n = (size_t)(offset - t->kept_at);
	if (n < t->kept.len - n)
		return;
	buf_consume(&t->kept, n);
	t->kept_at = offset;
}

bool
tailfile_is_pipe(const struct tailfile *t)
{
	return t->is_pipe;
}

int
tailfile_fd(const struct tailfile *t)
{
	return t->is_pipe ? t->fd : -1;
}

/* --- listening ---------------------------------------------------------- */

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

int
tailfile_listen(struct tailfile *t)
{
	const uint32_t what = IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR;
	const char *base = base_name(t->path);
	char *folder;

	if (is_stdin(t) || t->notify >= 0)
		return t->notify;
	folder = base == t->path ? xstrdup(".")
				 : xstrndup(t->path, (size_t)(base - t->path));
	t->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (t->notify >= 0 && inotify_add_watch(t->notify, folder, what) < 0) {
		close(t->notify);
		t->notify = -1;
	}
	xfree(folder);
	return t->notify;
}

bool
tailfile_heard(struct tailfile *t)
{
	_Alignas(struct inotify_event) char
	    space[16 * (sizeof(struct inotify_event) + NAME_MAX + 1)];
	bool heard = false;
	ssize_t n;

	while ((n = read(t->notify, space, sizeof(space))) > 0) {
		for (char *p = space; p < space + n;) {
			const struct inotify_event *e = (void *)p;

			heard = heard || (e->mask & IN_Q_OVERFLOW) != 0 ||
			    (e->len > 0 &&
				strcmp(e->name, base_name(t->path)) == 0);
			p += sizeof(*e) + e->len;
		}
	}
	return heard;
}
