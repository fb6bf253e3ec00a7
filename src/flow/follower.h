/* flow/follower.h -- drives a source that is a file: reads, waits, resumes. */
/* SPDX-License-Identifier: ISC */
#ifndef FLOW_FOLLOWER_H
#define FLOW_FOLLOWER_H

#include <stdbool.h>
#include <stdint.h>

struct err;
struct follower;
struct intake;
struct loop;
struct source;
struct source_ops;
struct store;

/* Everything is borrowed for the follower's life. */
struct follower_conf {
	const char *name; /* of the source, as configured */
	const char *path; /* "-": standard input */
	bool follow;      /* read on as soon as the file grows */
	const struct source_ops *ops;
	struct source *source;
	struct intake *intake;
	struct store *store;
	uint64_t interval_ms; /* from the end of the file to the next look */
	uint64_t max_record;  /* bytes of one record */
	uint64_t seed;        /* for the spread of waits */
	bool once;            /* to the end of the file, then rest */
};

/*
 * The end of the file was reached, and what was read is durable with its
 * place (err NULL); otherwise why not (it is tried again, unless `once`).
 */
typedef void follower_round_fn(void *arg, const struct err *err);

struct follower *follower_new(struct loop *l, const struct follower_conf *conf,
    follower_round_fn *on_round, void *arg);
void follower_free(struct follower **fp);

/* Begin to read in the next turn of the loop. */
void follower_start(struct follower *f);

/* Read nothing more; what is not handed over yet will be read again. */
void follower_stop(struct follower *f);

/* Pages have become durable, perhaps those of others: there may be room. */
void follower_wake(struct follower *f);

#endif
