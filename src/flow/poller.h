/* flow/poller.h -- drives one source: when to ask, wait, log in, give up. */
/* SPDX-License-Identifier: ISC */
#ifndef FLOW_POLLER_H
#define FLOW_POLLER_H

#include <stdbool.h>
#include <stdint.h>

struct err;
struct http;
struct intake;
struct loop;
struct poller;
struct ratelimit;
struct source;
struct source_ops;
struct store;
struct token;

/* Everything is borrowed for the poller's life. */
struct poller_conf {
	const char *name; /* of the source, as configured */
	const struct source_ops *ops;
	struct source *source;
	struct intake *intake;
	struct store *store;
	struct http *http;
	struct token *token;     /* NULL: the API wants none */
	const char *scheme;      /* before the token; NULL: "Bearer" */
	struct ratelimit *limit; /* shared by all who ask this API */
	uint64_t interval_ms;    /* from the end of a round to the next */
	uint64_t max_record;     /* bytes of one record */
	unsigned concurrency;    /* requests in the air; 0: as ops says */
	uint64_t seed;           /* for the spread of waits */
	bool once;               /* one round, then rest */
};

/*
 * A round has ended: err is NULL when it is complete and durable, with its
 * cursor; otherwise why not (it will be tried again, unless `once`).
 */
typedef void poller_round_fn(void *arg, const struct err *err);

struct poller *poller_new(struct loop *l, const struct poller_conf *conf,
    poller_round_fn *on_round, void *arg);
void poller_free(struct poller **pp);

/* Begin the first round in the next turn of the loop. */
void poller_start(struct poller *p);

/*
 * Ask nothing more.  What was taken and is not handed over yet is dropped:
 * the cursor stands before it, so it will be asked again.
 */
void poller_stop(struct poller *p);

/*
 * Pages have become durable, perhaps those of others: answers that were held
 * back may go on.
 */
void poller_wake(struct poller *p);

#endif
