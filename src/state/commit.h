/* state/commit.h -- the one helper thread: writes, syncs, tells. */
/* SPDX-License-Identifier: ISC */
#ifndef STATE_COMMIT_H
#define STATE_COMMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "state/checkpoint.h"
#include "state/pending.h"

struct commit;
struct index;
struct job;
struct journal;
struct position;

struct commit_conf {
	struct journal *journal; /* borrowed */
	struct index *index;     /* borrowed */
	uint64_t wall_ms;        /* now */
	struct checkpoint state; /* taken: what the journal says */
	struct pending pending;  /* taken: ids that the index lacks */
};

/* Start the thread.  NULL, ERR_SYS: the system has none. */
struct commit *commit_new(struct commit_conf *conf, struct err *err);

/* Write what was pushed, positions and ids, and end the thread. */
void commit_free(struct commit **cp);

/* Readable when commit_reap has something. */
int commit_fd(const struct commit *c);

/* Today, as counted on from the moment of birth. */
uint64_t commit_wall_ms(const struct commit *c);

void commit_push(struct commit *c, struct job *job);

/*
 * The jobs that are through, in order.  After one failed, all that were
 * pushed before this call told so have failed as well, and err_r says why.
 * What the thread has to say is logged here.
 */
struct job *commit_reap(struct commit *c, struct err *err_r);

/* All pages up to this one are in the index. */
uint64_t commit_taken(struct commit *c);

/* --- outputs --- */

/* The output of that name; one never seen begins at the oldest page. */
struct position *commit_output(struct commit *c, struct str name);

/* Where it stands: what it was last moved to. */
uint64_t commit_position(struct commit *c, const struct position *p);

/* Everything up to pos is confirmed; written with what comes next, or soon. */
void commit_move(struct commit *c, struct position *p, uint64_t pos);

/* Forget outputs that are not named, and log which. */
void commit_keep_outputs(struct commit *c, const char *const *names);

/* The last page that every output has confirmed; UINT64_MAX: no outputs. */
uint64_t commit_confirmed(struct commit *c);

#endif
