/* tests/mdca_script.h -- plays the service of Defender for Cloud Apps. */
/* SPDX-License-Identifier: ISC */
#ifndef TESTS_MDCA_SCRIPT_H
#define TESTS_MDCA_SCRIPT_H

#include "base/buf.h"
#include "base/err.h"
#include "record/cursor.h"

struct source;
struct source_ops;

#define MDCA_BASE "https://contoso.us3.example.test"

/*
 * What is asked for, and the answer: of a success its records as words,
 * "a1@1000" with the id and the time in ms, "a1@1000/2000" with that of the
 * closing as well, "a1" without a time, "@1000" without an id; then "more" or
 * "end" for hasNext, and ">{...}" for the filters of the next page.  Other
 * bodies begin with a brace, or come with an error.
 */
struct mdca_step {
	const char *want; /* the body of the request; NULL ends the script */
	int status;       /* of the answer; 0: it breaks off */
	const char *body;
	enum err_kind told;
};

/* What a source made of answers. */
struct mdca_seen {
	struct buf ids, versions; /* parted by blanks */
	struct err err;
	int64_t time_ms, born_ms; /* of the last record */
};

void mdca_seen_init(struct mdca_seen *seen);
void mdca_seen_clear(struct mdca_seen *seen);

struct source *
mdca_open(const struct source_ops *ops, const void *conf, int64_t start_ms);
void mdca_begin_at(const struct source_ops *ops, struct source *s,
    const struct cursor *from, int64_t now_ms);

/* Answer a request that is out. */
void mdca_answer(const struct source_ops *ops, struct source *s, int status,
    const char *headers, const char *body, struct mdca_seen *seen);

/* The body of the next request; empty: there is none. */
const char *
mdca_asked(const struct source_ops *ops, struct source *s, struct buf *text);

/* Play a round to its end; fails, naming the script, where it differs. */
void mdca_play(const struct source_ops *ops, struct source *s, const char *name,
    const struct mdca_step *steps, struct mdca_seen *seen);

#endif
