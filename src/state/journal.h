/* state/journal.h -- the segment files, and who may write where in them. */
/* SPDX-License-Identifier: ISC */
#ifndef STATE_JOURNAL_H
#define STATE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/str.h"
#include "state/frame.h"

struct err;
struct journal;

/* The system calls that can fail in interesting ways; tests put theirs. */
struct journal_io {
	ssize_t (*pwritev)(int fd, const struct iovec *iov, int n, off_t at);
	int (*fdatasync)(int fd);
	int (*allocate)(int fd, off_t from, off_t len); /* an errno, or 0 */
};

struct journal_conf {
	const char *dir; /* made if missing */
	uint64_t segment_bytes;
	const struct journal_io *io; /* NULL: the system's */
};

#define JOURNAL_SEGMENT_HEAD 64
#define JOURNAL_BATCH_MAX 64

/* One segment file, as far as it is known. */
struct journal_segment {
	uint64_t number;
	uint64_t before; /* the last page before it */
	uint64_t last;   /* the last page in it (or before it) */
	uint64_t used;   /* bytes with frames */
	uint64_t size;   /* of the file */
	bool is_newest;
	bool has_open_end; /* newest, and nobody has looked where it ends */
};

/*
 * Open the directory and read the heads of all segments.  ERR_CONF: written
 * by a newer version of this program.
 */
struct journal *journal_open(const struct journal_conf *conf, struct err *err);
void journal_close(struct journal **jp);

/* --- from any thread --- */

/* The first segment whose number is at least `number`; false if none. */
bool journal_segment(
    struct journal *j, uint64_t number, struct journal_segment *seg_r);

/* The number of the segment in which what follows `page` begins; 0: none. */
uint64_t journal_find(struct journal *j, uint64_t page);

/* The number of the newest segment older than `number`; 0: none. */
uint64_t journal_older(struct journal *j, uint64_t number);

/* Open a segment to read: a descriptor, or -1. */
int journal_read_fd(struct journal *j, uint64_t number);

/*
 * Bytes in use, without closed segments that end at or before page `taken`,
 * and without the newest if all in it is `confirmed`.
 */
uint64_t journal_bytes(struct journal *j, uint64_t confirmed, uint64_t taken);

/* The last durable page; 0: none. */
uint64_t journal_last(struct journal *j);

/* Keep a damaged segment under another name, for a person to look at. */
int journal_set_aside(
    struct journal *j, uint64_t number, uint64_t wall_ms, struct err *err);

/* --- by the one writer --- */

/*
 * Go on writing in the newest segment behind `at`, after page `last`; if
 * nothing good was found in it, the first write begins another.
 */
int
journal_resume(struct journal *j, uint64_t at, uint64_t last, struct err *err);

/* Bytes left in the segment; 0 if the next write must come after a roll. */
size_t journal_room(const struct journal *j);

/* Bytes that an empty segment has left when its head holds such a state. */
size_t journal_room_max(const struct journal *j, size_t state_bytes);

/*
 * Begin the next segment with a checkpoint.  With keep_spare it fails unless
 * one more free segment stands ready behind it: so pages leave room for
 * positions when the disk is full.
 */
int journal_roll(
    struct journal *j, struct str state, bool keep_spare, struct err *err);

/* A free segment to fall back on; pages are not written without one. */
bool journal_has_spare(const struct journal *j);
int journal_make_spare(struct journal *j, struct err *err);

/* A frame to write: frame_begin, payload, frame_pad were done. */
struct journal_out {
	enum frame_kind kind;
	uint64_t seq;    /* of a page */
	uint32_t source; /* of a page */
	size_t payload_len;
	struct buf *frame;
	uint64_t at_r;
};

/*
 * Write up to JOURNAL_BATCH_MAX frames that fit, and sync.  They are durable
 * all, or -1 and none of them counts.  After a failed sync there is no room
 * until the next roll, since nobody knows what the file holds.
 */
int journal_write(
    struct journal *j, struct journal_out *outs, size_t n, struct err *err);
uint64_t journal_newest(const struct journal *j);

/*
 * Take the segments that end at or before page `upto` off the list, so that
 * no reader begins in them; return how many.  Then recycle their files.
 */
size_t journal_detach(struct journal *j, uint64_t upto);
void journal_recycle(struct journal *j);

#endif
