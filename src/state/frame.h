/* state/frame.h -- one checksummed piece of the journal. */
/* SPDX-License-Identifier: ISC */
#ifndef STATE_FRAME_H
#define STATE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define FRAME_HEAD 48
#define FRAME_ALIGN 8

enum frame_kind {
	FRAME_PAGE = 1, /* a whole page */
	FRAME_STATE,    /* the checkpoint, at the head of every segment */
	FRAME_MOVE,     /* positions that moved */
	FRAME_BACK      /* cursors that went back */
};

struct frame {
	enum frame_kind kind;
	uint32_t length; /* of the payload */
	uint32_t payload_crc;
	uint64_t seq;  /* of a page; of other kinds, that of the page before */
	uint64_t prev; /* the page before; 0: none */
	uint64_t synced; /* the last page known durable when it was written */
	uint32_t source; /* of a page: crc32c of the source's name */
};

/* Bytes of a whole frame, padded. */
static inline size_t
frame_bytes(size_t payload_len)
{
	return (FRAME_HEAD + payload_len + FRAME_ALIGN - 1) &
	    ~(size_t)(FRAME_ALIGN - 1);
}

/* Make room for the head in an empty b; append the payload; then pad. */
void frame_begin(struct buf *b);
void frame_pad(struct buf *b);

/*
 * Write the head over the room at p.  length and payload_crc of f are
 * ignored: they come from the payload_len bytes behind the head.
 */
void frame_seal(
    char *p, const struct frame *f, size_t payload_len, uint64_t segment);

/* Read a head; false if it is none, or of another segment. */
bool frame_parse(const char *p, uint64_t segment, struct frame *f_r);

/* True if the payload is the one that f was sealed with. */
bool frame_has(const struct frame *f, const char *payload);

#endif
