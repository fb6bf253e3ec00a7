/*
 * state/journal.c -- the segment files, and who may write where in them.
 *
 * A segment is a file of fixed size, allocated before it is used, so that
 * writing into it needs no more disk and its sync no metadata.  It begins
 * with a head and a checkpoint, twice: once padded so that the second copy
 * lies in another block of the disk.  Frames follow up to the end.
 *
 * Nothing is cut off after a failed write.  The next write goes over the
 * same place, and what the failed one left behind it cannot be taken for
 * ours: each frame names the page before it, and no page number is given
 * twice.
 *
 * A segment that is done with becomes a spare, under a name that no segment
 * has, and a spare becomes a segment again.  Two spares are kept at most: one
 * for the next roll, and one that only positions may use when the disk is
 * full.  A file with a second name is one that was set aside for a person; it
 * is not written again.
 *
 * The list of segments is shared with readers in another thread, under a
 * lock that is never held over a system call.
 */
/* SPDX-License-Identifier: ISC */
#include "state/journal.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "state/crc32c.h"
#include "state/le.h"

#define JOURNAL_VERSION 1
#define MAGIC "cloudcef"
#define BLOCK 4096
#define NAME_BYTES 64
#define SPARES_MAX 2

struct journal {
	struct journal_conf conf;
	struct journal_io io;
	int dir_fd;

	pthread_mutex_t lock;
	struct journal_segment *segs; /* owned; oldest first; under lock */
	size_t n_segs;                /* under lock */

	/* The writer's own. */
	int fd; /* of the newest, or -1 */
	bool is_suspect;
	uint64_t next_number;
	uint64_t spares[SPARES_MAX];
	size_t n_spares;
	uint64_t *detached; /* owned */
	size_t n_detached;
};

/* --- the system's calls --- */

static ssize_t
system_pwritev(int fd, const struct iovec *iov, int n, off_t at)
{
	return pwritev(fd, iov, n, at);
}

static const struct journal_io system_io = {
	.pwritev = system_pwritev,
	.fdatasync = fdatasync,
	.allocate = posix_fallocate,
};

static int
sys_fail(struct err *err, const char *what)
{
	return err_set(
	    err, ERR_SYS, "journal: cannot %s: %s", what, strerror(errno));
}

/* Write all of the iov, which is used up. */
static int
write_all(struct journal *j, int fd, struct iovec *iov, int n, uint64_t at)
{
	while (n > 0) {
		ssize_t done = j->io.pwritev(fd, iov, n, (off_t)at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done == 0)
			errno = ENOSPC;
		if (done <= 0)
			return -1;
		at += (uint64_t)done;
		for (; n > 0 && (size_t)done >= iov->iov_len; iov++, n--)
			done -= (ssize_t)iov->iov_len;
		if (n > 0) {
			iov->iov_base = (char *)iov->iov_base + done;
			iov->iov_len -= (size_t)done;
		}
	}
	return 0;
}

/* Some file systems cannot allocate ahead; zeros do the same. */
static int
write_zeros(struct journal *j, int fd, uint64_t from, uint64_t to)
{
	static const char zeros[64 * 1024];

	while (from < to) {
		size_t len =
		    to - from < sizeof(zeros) ? to - from : sizeof(zeros);
		struct iovec iov = { .iov_len = len };

		memcpy(&iov.iov_base, &(const char *){ zeros }, sizeof(char *));
		if (write_all(j, fd, &iov, 1, from) != 0)
			return -1;
		from += len;
	}
	return 0;
}

static int
allocate(struct journal *j, int fd)
{
	struct stat st;
	int rc = j->io.allocate(fd, 0, (off_t)j->conf.segment_bytes);

	if (rc == 0)
		return 0;
	errno = rc;
	if (rc != EOPNOTSUPP && rc != EINVAL)
		return -1;
	if (fstat(fd, &st) != 0)
		return -1;
	return write_zeros(j, fd, (uint64_t)st.st_size, j->conf.segment_bytes);
}

/* --- names --- */

static const char *
segment_name(char *name, uint64_t number)
{
	snprintf(name, NAME_BYTES, "%016" PRIx64 ".seg", number);
	return name;
}

static const char *
spare_name(char *name, uint64_t number)
{
	snprintf(name, NAME_BYTES, "spare-%016" PRIx64, number);
	return name;
}

/* True if name is exactly what `make` would make of some number. */
static bool
name_number(const char *name, const char *fmt_head,
    const char *(*make)(char *, uint64_t), uint64_t *number_r)
{
	char again[NAME_BYTES];
	size_t skip = strlen(fmt_head);

	if (strncmp(name, fmt_head, skip) != 0)
		return false;
	*number_r = strtoull(name + skip, NULL, 16);
	return strcmp(make(again, *number_r), name) == 0;
}

/* --- heads --- */

static void
head_write(char *p, uint64_t number, uint64_t before)
{
	memset(p, 0, JOURNAL_SEGMENT_HEAD);
	memcpy(p, MAGIC, 8);
	le_put32(p + 8, JOURNAL_VERSION);
	le_put64(p + 16, number);
	le_put64(p + 24, before);
	le_put32(p + 60, crc32c(0, p, 60));
}

/* 1: read; 0: damaged or never written; -1: of a newer version. */
static int
head_read(const char *p, struct journal_segment *seg, struct err *err)
{
	if (memcmp(p, MAGIC, 8) != 0 || le_get32(p + 60) != crc32c(0, p, 60))
		return 0;
	if (le_get32(p + 8) > JOURNAL_VERSION)
		return err_set(err, ERR_CONF,
		    "the journal was written by a newer version of this "
		    "program (format %u, this one knows %d)",
		    le_get32(p + 8), JOURNAL_VERSION);
	if (le_get64(p + 16) != seg->number)
		return 0;
	seg->before = le_get64(p + 24);
	return 1;
}

/*
 * The head is damaged: any whole frame of this segment tells as well.  Heads
 * of frames suffice, since they have their own checksum.
 */
static bool
head_search(int fd, struct journal_segment *seg)
{
	char *p = xmalloc(seg->size);
	ssize_t len = pread(fd, p, seg->size, 0);
	struct frame f;
	bool found = false;

	for (ssize_t at = 0; !found && at + FRAME_HEAD <= len;
	     at += FRAME_ALIGN)
		if (frame_parse(p + at, seg->number, &f)) {
			seg->before = f.prev;
			found = true;
		}
	xfree(p);
	return found;
}

/* --- opening --- */

static int
by_number(const void *a, const void *b)
{
	const struct journal_segment *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static void
spare_found(struct journal *j, const char *name, uint64_t number)
{
	struct stat st;

	if (number >= j->next_number)
		j->next_number = number + 1;
	if (j->n_spares < SPARES_MAX && fstatat(j->dir_fd, name, &st, 0) == 0 &&
	    (uint64_t)st.st_size == j->conf.segment_bytes && st.st_nlink == 1)
		j->spares[j->n_spares++] = number;
	else
		unlinkat(j->dir_fd, name, 0);
}

static int
list(struct journal *j, struct err *err)
{
	int fd = openat(j->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;
	uint64_t number;

	if (d == NULL)
		return sys_fail(err, "list the directory");
	while ((e = readdir(d)) != NULL) {
		if (name_number(e->d_name, "spare-", spare_name, &number))
			spare_found(j, e->d_name, number);
		else if (name_number(e->d_name, "", segment_name, &number)) {
			j->segs = xreallocarray(
			    j->segs, j->n_segs + 1, sizeof(*j->segs));
			j->segs[j->n_segs++] =
			    (struct journal_segment){ .number = number };
			if (number >= j->next_number)
				j->next_number = number + 1;
		}
	}
	closedir(d);
	if (j->n_segs > 0)
		qsort(j->segs, j->n_segs, sizeof(*j->segs), by_number);
	return 0;
}

/* Learn what one segment's head says; *known_r false: it says nothing. */
static int
learn(struct journal *j, struct journal_segment *seg, bool *known_r,
    struct err *err)
{
	char head[JOURNAL_SEGMENT_HEAD] = { 0 };
	struct stat st;
	int fd = journal_read_fd(j, seg->number);
	int rc;

	if (fd < 0 || fstat(fd, &st) != 0) {
		if (fd >= 0)
			close(fd);
		return sys_fail(err, "open a segment");
	}
	seg->size = (uint64_t)st.st_size;
	seg->used = seg->size;
	if (pread(fd, head, sizeof(head), 0) < 0)
		memset(head, 0, sizeof(head));
	rc = head_read(head, seg, err);
	*known_r = rc > 0 || (rc == 0 && head_search(fd, seg));
	close(fd);
	return rc < 0 ? -1 : 0;
}

/*
 * A segment that says nothing at all is passed over: if pages were in it,
 * its neighbours know that they are missing.
 */
static int
learn_all(struct journal *j, struct err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < j->n_segs; i++) {
		struct journal_segment seg = j->segs[i];
		bool known = false;

		if (learn(j, &seg, &known, err) != 0)
			return -1;
		if (known)
			j->segs[n++] = seg;
		else if (i + 1 == j->n_segs)
			unlinkat(j->dir_fd,
			    segment_name((char[NAME_BYTES]){ 0 }, seg.number),
			    0);
	}
	j->n_segs = n;
	for (size_t i = 0; i + 1 < n; i++)
		j->segs[i].last = j->segs[i + 1].before;
	if (n > 0) {
		j->segs[n - 1].last = j->segs[n - 1].before;
		j->segs[n - 1].is_newest = true;
		j->segs[n - 1].has_open_end = true;
	}
	return 0;
}

struct journal *
journal_open(const struct journal_conf *conf, struct err *err)
{
	struct journal *j = xcalloc(1, sizeof(*j));

	j->conf = *conf;
	j->io = conf->io != NULL ? *conf->io : system_io;
	j->fd = -1;
	j->next_number = 1;
	pthread_mutex_init(&j->lock, NULL);
	if (mkdir(conf->dir, 0700) != 0 && errno != EEXIST) {
		j->dir_fd = -1;
		sys_fail(err, "make its directory");
		goto fail;
	}
	j->dir_fd = open(conf->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->dir_fd < 0) {
		sys_fail(err, "open its directory");
		goto fail;
	}
	if (list(j, err) != 0 || learn_all(j, err) != 0)
		goto fail;
	return j;
fail:
	journal_close(&j);
	return NULL;
}

void
journal_close(struct journal **jp)
{
	struct journal *j = *jp;

	*jp = NULL;
	if (j == NULL)
		return;
	if (j->fd >= 0)
		close(j->fd);
	if (j->dir_fd >= 0)
		close(j->dir_fd);
	pthread_mutex_destroy(&j->lock);
	xfree(j->segs);
	xfree(j->detached);
	xfree(j);
}

/* --- from any thread --- */

bool
journal_segment(
    struct journal *j, uint64_t number, struct journal_segment *seg_r)
{
	bool found = false;

	pthread_mutex_lock(&j->lock);
	for (size_t i = j->n_segs; i > 0 && j->segs[i - 1].number >= number;
	     i--) {
		*seg_r = j->segs[i - 1];
		found = true;
	}
	pthread_mutex_unlock(&j->lock);
	return found;
}

uint64_t
journal_find(struct journal *j, uint64_t page)
{
	uint64_t number;
	size_t i;

	pthread_mutex_lock(&j->lock);
	i = j->n_segs;
	while (i > 1 && j->segs[i - 1].before > page)
		i--;
	number = i > 0 ? j->segs[i - 1].number : 0;
	pthread_mutex_unlock(&j->lock);
	return number;
}

uint64_t
journal_older(struct journal *j, uint64_t number)
{
	uint64_t older = 0;

	pthread_mutex_lock(&j->lock);
	for (size_t i = 0; i < j->n_segs && j->segs[i].number < number; i++)
		older = j->segs[i].number;
	pthread_mutex_unlock(&j->lock);
	return older;
}

int
journal_read_fd(struct journal *j, uint64_t number)
{
	char name[NAME_BYTES];

	return openat(
	    j->dir_fd, segment_name(name, number), O_RDONLY | O_CLOEXEC);
}

uint64_t
journal_bytes(struct journal *j, uint64_t confirmed, uint64_t taken)
{
	uint64_t done = confirmed < taken ? confirmed : taken;
	uint64_t bytes = 0;

	pthread_mutex_lock(&j->lock);
	for (size_t i = 0; i < j->n_segs; i++) {
		const struct journal_segment *seg = &j->segs[i];

		if (seg->last > (seg->is_newest ? confirmed : done))
			bytes += seg->used;
	}
	pthread_mutex_unlock(&j->lock);
	return bytes;
}

uint64_t
journal_last(struct journal *j)
{
	uint64_t last;

	pthread_mutex_lock(&j->lock);
	last = j->n_segs > 0 ? j->segs[j->n_segs - 1].last : 0;
	pthread_mutex_unlock(&j->lock);
	return last;
}

int
journal_set_aside(
    struct journal *j, uint64_t number, uint64_t wall_ms, struct err *err)
{
	char name[NAME_BYTES], aside[2 * NAME_BYTES];

	segment_name(name, number);
	snprintf(
	    aside, sizeof(aside), "damaged-%s-%" PRIu64, name, wall_ms / 1000);
	if (linkat(j->dir_fd, name, j->dir_fd, aside, 0) != 0 &&
	    errno != EEXIST)
		return sys_fail(err, "set a damaged segment aside");
	return 0;
}

/* --- by the one writer --- */

static struct journal_segment *
newest(const struct journal *j)
{
	return j->n_segs > 0 ? &j->segs[j->n_segs - 1] : NULL;
}

uint64_t
journal_newest(const struct journal *j)
{
	return j->n_segs > 0 ? newest(j)->number : 0;
}

int
journal_resume(struct journal *j, uint64_t at, uint64_t last, struct err *err)
{
	struct journal_segment *seg = newest(j);
	char name[NAME_BYTES];

	assert(seg != NULL && j->fd < 0);
	pthread_mutex_lock(&j->lock);
	seg->used = at;
	seg->last = last;
	seg->has_open_end = false;
	pthread_mutex_unlock(&j->lock);
	/* Without its checkpoint a segment is of no use: begin another. */
	if (at <= JOURNAL_SEGMENT_HEAD)
		return 0;
	j->fd = openat(
	    j->dir_fd, segment_name(name, seg->number), O_RDWR | O_CLOEXEC);
	if (j->fd < 0)
		return sys_fail(err, "open the newest segment");
	/* What was cut short is made long again, if the disk has room. */
	if (seg->size < j->conf.segment_bytes && allocate(j, j->fd) != 0)
		j->is_suspect = true;
	return 0;
}

static void
free_file(struct journal *j, uint64_t number)
{
	char name[NAME_BYTES], spare[NAME_BYTES];
	struct stat st;

	segment_name(name, number);
	if (j->n_spares < SPARES_MAX && fstatat(j->dir_fd, name, &st, 0) == 0 &&
	    st.st_nlink == 1 && (uint64_t)st.st_size == j->conf.segment_bytes &&
	    renameat(j->dir_fd, name, j->dir_fd,
		spare_name(spare, j->next_number)) == 0)
		j->spares[j->n_spares++] = j->next_number++;
	else
		unlinkat(j->dir_fd, name, 0);
}

size_t
journal_room(const struct journal *j)
{
	const struct journal_segment *seg = newest(j);

	if (j->fd < 0 || j->is_suspect || seg->used >= j->conf.segment_bytes)
		return 0;
	return j->conf.segment_bytes - seg->used;
}

/* The first copy of the checkpoint ends where a block of the disk does. */
static size_t
state_ends(size_t state_bytes)
{
	size_t end = JOURNAL_SEGMENT_HEAD + frame_bytes(state_bytes);

	return (end + BLOCK - 1) & ~(size_t)(BLOCK - 1);
}

size_t
journal_room_max(const struct journal *j, size_t state_bytes)
{
	size_t head = state_ends(state_bytes) + frame_bytes(state_bytes);

	return head < j->conf.segment_bytes ? j->conf.segment_bytes - head : 0;
}

bool
journal_has_spare(const struct journal *j)
{
	return j->n_spares > 0;
}

int
journal_make_spare(struct journal *j, struct err *err)
{
	char name[NAME_BYTES];
	int fd;

	spare_name(name, j->next_number);
	fd = openat(
	    j->dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return sys_fail(err, "make a segment");
	if (allocate(j, fd) != 0 || fsync(fd) != 0) {
		sys_fail(err, "allocate a segment");
		close(fd);
		unlinkat(j->dir_fd, name, 0);
		return -1;
	}
	close(fd);
	j->spares[j->n_spares++] = j->next_number++;
	return 0;
}

/*
 * Turn the oldest spare into the segment `number`: its descriptor, or -1.  A
 * file that makes trouble is a spare no more.
 */
static int
spare_use(struct journal *j, uint64_t number, struct err *err)
{
	char name[NAME_BYTES], spare[NAME_BYTES];
	int fd;

	spare_name(spare, j->spares[0]);
	segment_name(name, number);
	j->spares[0] = j->spares[1];
	j->n_spares--;
	fd = openat(j->dir_fd, spare, O_RDWR | O_CLOEXEC);
	if (fd >= 0 && renameat(j->dir_fd, spare, j->dir_fd, name) == 0 &&
	    fsync(j->dir_fd) == 0)
		return fd;
	sys_fail(err, "begin a segment");
	if (fd >= 0)
		close(fd);
	unlinkat(j->dir_fd, spare, 0);
	unlinkat(j->dir_fd, name, 0);
	return -1;
}

/* The head and the checkpoint, twice, as they go to disk. */
static void
opening(const struct journal *j, struct buf *b, uint64_t number,
    uint64_t before, struct str state)
{
	struct frame f = { .kind = FRAME_STATE,
		.seq = before,
		.prev = before,
		.synced = before };
	size_t first = state_ends(state.len);
	size_t again = frame_bytes(state.len);

	buf_init(b, j->conf.segment_bytes);
	if (!buf_reserve(b, first + again))
		return;
	memset(b->p, 0, first + again);
	b->len = first + again;
	head_write(b->p, number, before);
	memcpy(b->p + JOURNAL_SEGMENT_HEAD + FRAME_HEAD, state.p, state.len);
	frame_seal(b->p + JOURNAL_SEGMENT_HEAD, &f,
	    first - JOURNAL_SEGMENT_HEAD - FRAME_HEAD, number);
	memcpy(b->p + first + FRAME_HEAD, state.p, state.len);
	frame_seal(b->p + first, &f, state.len, number);
}

static void
enlist(struct journal *j, uint64_t number, uint64_t before, uint64_t used)
{
	pthread_mutex_lock(&j->lock);
	if (j->n_segs > 0)
		newest(j)->is_newest = false;
	j->segs = xreallocarray(j->segs, j->n_segs + 1, sizeof(*j->segs));
	j->segs[j->n_segs++] = (struct journal_segment){
		.number = number,
		.before = before,
		.last = before,
		.used = used,
		.size = j->conf.segment_bytes,
		.is_newest = true,
	};
	pthread_mutex_unlock(&j->lock);
}

int
journal_roll(
    struct journal *j, struct str state, bool keep_spare, struct err *err)
{
	uint64_t before = j->n_segs > 0 ? newest(j)->last : 0;
	uint64_t number;
	struct iovec iov;
	struct buf b;
	int fd;

	while (j->n_spares < (keep_spare ? 2 : 1))
		if (journal_make_spare(j, err) != 0)
			return -1;
	number = j->next_number++;
	fd = spare_use(j, number, err);
	if (fd < 0)
		return -1;
	opening(j, &b, number, before, state);
	iov = (struct iovec){ b.p, b.len };
	if (b.len == 0 || write_all(j, fd, &iov, 1, 0) != 0 ||
	    j->io.fdatasync(fd) != 0) {
		sys_fail(err, "write the head of a segment");
		close(fd);
		free_file(j, number);
		buf_clear(&b);
		return -1;
	}
	if (j->fd >= 0)
		close(j->fd);
	j->fd = fd;
	j->is_suspect = false;
	enlist(j, number, before, b.len);
	buf_clear(&b);
	return 0;
}

int
journal_write(
    struct journal *j, struct journal_out *outs, size_t n, struct err *err)
{
	struct journal_segment *seg = newest(j);
	struct iovec iov[JOURNAL_BATCH_MAX];
	uint64_t page, at;

	assert(seg != NULL && n > 0 && n <= JOURNAL_BATCH_MAX);
	page = seg->last;
	at = seg->used;
	for (size_t i = 0; i < n; i++) {
		struct journal_out *out = &outs[i];
		struct frame f = { .kind = out->kind,
			.prev = page,
			.synced = seg->last,
			.source = out->source };

		if (out->kind == FRAME_PAGE)
			page = out->seq;
		f.seq = page;
		frame_seal(out->frame->p, &f, out->payload_len, seg->number);
		iov[i] = (struct iovec){ out->frame->p, out->frame->len };
		out->at_r = at;
		at += out->frame->len;
	}
	assert(at - seg->used <= journal_room(j));
	if (write_all(j, j->fd, iov, (int)n, seg->used) != 0) {
		/* Another place may be better, unless there is no room. */
		j->is_suspect = errno != ENOSPC && errno != EDQUOT;
		return sys_fail(err, "write");
	}
	if (j->io.fdatasync(j->fd) != 0) {
		j->is_suspect = true;
		return sys_fail(err, "sync");
	}
	pthread_mutex_lock(&j->lock);
	seg->last = page;
	seg->used = at;
	pthread_mutex_unlock(&j->lock);
	return 0;
}

size_t
journal_detach(struct journal *j, uint64_t upto)
{
	size_t n = 0;

	pthread_mutex_lock(&j->lock);
	while (n + 1 < j->n_segs && j->segs[n].last <= upto)
		n++;
	if (n > 0) {
		j->detached = xreallocarray(
		    j->detached, j->n_detached + n, sizeof(*j->detached));
		for (size_t i = 0; i < n; i++)
			j->detached[j->n_detached++] = j->segs[i].number;
		j->n_segs -= n;
		memmove(j->segs, j->segs + n, j->n_segs * sizeof(*j->segs));
	}
	pthread_mutex_unlock(&j->lock);
	return n;
}

void
journal_recycle(struct journal *j)
{
	for (size_t i = 0; i < j->n_detached; i++)
		free_file(j, j->detached[i]);
	j->n_detached = 0;
}
