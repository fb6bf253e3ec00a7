/* state/walk.h -- read the journal frame by frame, over bad places too. */
/* SPDX-License-Identifier: ISC */
#ifndef STATE_WALK_H
#define STATE_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "state/frame.h"

struct journal;
struct journal_segment;

/* Where one reader stands.  Fields are for reading. */
struct walk {
	struct journal *journal; /* borrowed */
	uint64_t segment, at;    /* of the frame that comes next */
	uint64_t page;           /* the last page passed */
	bool is_torn;            /* the open end was no clean one */
	bool has_looked;         /* through all of the open end */
	uint64_t highest;        /* page number seen in it */
	uint64_t promised;       /* page known durable when a frame of it was */
	int fd;                  /* of the segment fd_segment, or -1 */
	uint64_t fd_segment;
	struct buf buf;
};

struct walk_frame {
	struct frame head;
	struct str payload; /* borrowed until the walk goes on */
	uint64_t segment, at;
};

/* Pages that the journal held and that cannot be read. */
struct walk_gap {
	uint64_t segment, at; /* where reading failed */
	uint64_t first, last; /* pages, both included */
	bool has_source;      /* it is one page, and its head says whose */
	uint32_t source;      /* crc32c of that source's name */
};

/* Begin at the oldest frame. */
void walk_init(struct walk *w, struct journal *j);
void walk_clear(struct walk *w);

/* Begin with the first frame of a segment. */
void walk_segment(struct walk *w, uint64_t number);

/* Begin with what follows `page`, heads only being looked at on the way. */
void walk_seek(struct walk *w, uint64_t page);

/* Go on behind a frame that the caller has from elsewhere. */
void walk_skip(struct walk *w, uint64_t segment, uint64_t at, uint64_t page);

/*
 * 1: a frame.  0: no more now.  -1: a gap; the walk stands behind it.  A bad
 * place that cost no page is passed without a word.  In an open end, what
 * was never promised is no gap.
 */
int
walk_next(struct walk *w, struct walk_frame *frame_r, struct walk_gap *gap_r);

#endif
