/* state/job.h -- a frame on its way to the disk. */
/* SPDX-License-Identifier: ISC */
#ifndef STATE_JOB_H
#define STATE_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "state/frame.h"

struct err;

/* The commit thread has it from commit_push to commit_reap. */
struct job {
	struct job *next;
	bool is_page;       /* else cursors that go back */
	uint64_t seq;       /* of a page */
	uint32_t source;    /* of a page: crc32c of its source's name */
	size_t payload_len; /* in frame, behind the room for the head */
	struct buf frame;   /* owned: frame_begin, payload, frame_pad */
	/* filled when it comes back */
	bool has_failed;
	uint64_t segment, at; /* where it stands */
	/* the pusher's own */
	struct job *flight;
	void *owner;
	uint64_t epoch;
	void (*done)(void *arg, const struct err *err);
	void *arg;
	unsigned refs;
	uint64_t before;     /* the page committed before it */
	uint64_t generation; /* the thread's */
};

/* With one reference, and room for the head in its frame. */
struct job *job_new(void);

/* The payload was appended to the frame: note its length, and pad. */
void job_seal(struct job *job);

/* Drop a reference, and what *jp points to with the last one. */
void job_unref(struct job **jp);

static inline struct str
job_payload(const struct job *job)
{
	return str_make(job->frame.p + FRAME_HEAD, job->payload_len);
}

/* First in, first out. */
struct job_queue {
	struct job *first, **end;
};

void job_queue_init(struct job_queue *q);
void job_queue_add(struct job_queue *q, struct job *job);
struct job *job_queue_take(struct job_queue *q); /* NULL: empty */

#endif
