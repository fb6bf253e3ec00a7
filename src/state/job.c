/* state/job.c -- a frame on its way to the disk. */
/* SPDX-License-Identifier: ISC */
#include "state/job.h"

#include "base/xalloc.h"
#include "state/page.h"

#define FRAME_MAX (2 * PAGE_BYTES_MAX) /* or cursors that go back */

struct job *
job_new(void)
{
	struct job *job = xcalloc(1, sizeof(*job));

	buf_init(&job->frame, FRAME_MAX);
	job->refs = 1;
	frame_begin(&job->frame);
	return job;
}

void
job_seal(struct job *job)
{
	job->payload_len = job->frame.len - FRAME_HEAD;
	frame_pad(&job->frame);
}

void
job_unref(struct job **jp)
{
	struct job *job = *jp;

	*jp = NULL;
	if (job == NULL || --job->refs > 0)
		return;
	buf_clear(&job->frame);
	xfree(job);
}

void
job_queue_init(struct job_queue *q)
{
	q->first = NULL;
	q->end = &q->first;
}

void
job_queue_add(struct job_queue *q, struct job *job)
{
	job->next = NULL;
	*q->end = job;
	q->end = &job->next;
}

struct job *
job_queue_take(struct job_queue *q)
{
	struct job *job = q->first;

	if (job == NULL)
		return NULL;
	q->first = job->next;
	if (q->first == NULL)
		q->end = &q->first;
	job->next = NULL;
	return job;
}
