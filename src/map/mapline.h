/* map/mapline.h -- a map file as words, with the line that each stands in. */
/* SPDX-License-Identifier: ISC */
#ifndef MAP_MAPLINE_H
#define MAP_MAPLINE_H

#include <stdbool.h>

#include "base/str.h"

struct err;
struct pool;

#define MAPLINE_MAX 4096 /* bytes of a line */

enum mapword {
	MAPWORD_END, /* of the statement */
	MAPWORD_BARE,
	MAPWORD_TEXT /* was written in quotes; the text is without them */
};

/*
 * A statement is a line, with the lines behind it that begin with "else" or
 * "+".  Words are separated by blanks outside of quotes and brackets; "#"
 * at the beginning of a word begins a comment.
 */
struct mapline {
	const char *file;
	struct pool *pool;
	struct str rest; /* of the file behind the line */
	struct str line; /* what is left of the line */
	unsigned number; /* of the line */
	enum mapword kind;
	struct str word; /* the current one; lives as long as the pool */
	struct err *err;
};

void mapline_init(struct mapline *l, const char *file, struct str text,
    struct pool *pool, struct err *err);

/* Go to the next statement and its first word: 1; 0 at the end; -1 error. */
int mapline_next(struct mapline *l);

/* The next word of the statement: 0, or -1 on an error. */
int mapline_word(struct mapline *l);

/* True if the current word is bare and reads so. */
bool mapline_is(const struct mapline *l, const char *word);

/* Fill err with FILE:LINE and the text; return -1. */
int mapline_error(const struct mapline *l, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int mapline_error_at(const struct mapline *l, unsigned number, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));

#endif
