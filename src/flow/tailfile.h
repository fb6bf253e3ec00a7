/* flow/tailfile.h -- reads a file on from where it was, as it grows. */
/* SPDX-License-Identifier: ISC */
#ifndef FLOW_TAILFILE_H
#define FLOW_TAILFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct err;
struct tailfile;

/* A place in a file that may be renamed.  inode 0: none. */
struct tailfile_pos {
	uint64_t inode;
	uint64_t offset;
};

enum tailfile_got {
	TAILFILE_FAILED = -1,
	TAILFILE_END,  /* nothing more for now */
	TAILFILE_SOME, /* bytes */
	TAILFILE_WAIT  /* a pipe is empty: wait for its descriptor */
};

/* "-" is standard input, which may be a file or a pipe. */
struct tailfile *tailfile_new(const char *path);
void tailfile_free(struct tailfile **tp);

/*
 * Go to the position: in the file of that name, or in the one that was it
 * before it got ".1" behind its name.  Where neither is that file, or it is
 * shorter, go to the beginning and say so in note_r (else NULL).  ERR_RETRY:
 * there is no file.  In a pipe one can go back to what was not released yet.
 */
int tailfile_seek(struct tailfile *t, const struct tailfile_pos *pos,
    const char **note_r, struct err *err);

/* The next bytes, at most 256 KiB, borrowed until the next call. */
enum tailfile_got
tailfile_read(struct tailfile *t, struct str *bytes_r, struct err *err);

/* Put the last n bytes back: they will be read again. */
void tailfile_unread(struct tailfile *t, size_t n);

/* Behind what was read. */
struct tailfile_pos tailfile_tell(const struct tailfile *t);

/* At the end: go on with the file that has got the name since; false: none. */
bool tailfile_turn(struct tailfile *t);

/* A pipe: what stands before offset is not needed any more. */
void tailfile_release(struct tailfile *t, uint64_t offset);

/* A pipe has an end for good, and no place to go on from another day. */
bool tailfile_is_pipe(const struct tailfile *t);

/* To wait for a pipe's bytes; -1: nothing to wait for. */
int tailfile_fd(const struct tailfile *t);

/*
 * A descriptor that becomes readable when something happens to the file, or
 * -1 where that cannot be had; tailfile_heard reads it and says whether it
 * was this file.
 */
int tailfile_listen(struct tailfile *t);
bool tailfile_heard(struct tailfile *t);

#endif
