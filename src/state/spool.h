/* state/spool.h -- the outputs' readers over the journal. */
/* SPDX-License-Identifier: ISC */
#ifndef STATE_SPOOL_H
#define STATE_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "state/store.h"

struct commit;
struct job;
struct err;
struct journal;
struct spool;
struct spool_reader;
struct walk_gap;

/*
 * A reader met pages that cannot be read.  True if that is news; false if it
 * was dealt with before.
 */
typedef bool spool_gap_fn(void *arg, const struct walk_gap *gap);

struct spool_conf {
	struct journal *journal; /* borrowed */
	struct commit *commit;   /* borrowed: it keeps the positions */
	spool_gap_fn *on_gap;
	void *arg;
};

struct spool *spool_new(const struct spool_conf *conf);
void spool_free(struct spool **sp); /* after its readers */

/* A page became durable: keep it (one more reference) while it is recent. */
void spool_publish(struct spool *s, struct job *job);

/* The verbs of a reader, as store.h tells them. */
struct spool_reader *spool_reader_new(struct spool *s, struct str output,
    struct str form, const char *const *sources);
void spool_reader_free(struct spool_reader **rp);
int spool_next(
    struct spool_reader *r, struct store_event *event_r, struct err *err);
void spool_rewind(struct spool_reader *r, store_pos pos);
void spool_confirm(struct spool_reader *r, store_pos pos);
store_pos spool_confirmed(const struct spool_reader *r);
uint64_t spool_backlog(const struct spool_reader *r);

#endif
