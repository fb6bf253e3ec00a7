/* base/err.h -- what went wrong, and what may be done about it. */
/* SPDX-License-Identifier: ISC */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdint.h>

/*
 * The kind says what the caller may do.  It is chosen where the cause is
 * known; nobody upstairs looks at status numbers or errno again.
 */
enum err_kind {
	ERR_NONE = 0,
	ERR_BUG,     /* we did it wrong: report it */
	ERR_CONF,    /* the operator must change something */
	ERR_SYS,     /* the system refused: disk, memory, descriptors */
	ERR_RETRY,   /* passing trouble: try again with backoff */
	ERR_WAIT,    /* try again after wait_ms, as the server asks */
	ERR_LOGIN,   /* the token is not good: get a new one, once */
	ERR_DEGRADE, /* ask for less: smaller page, no expansion */
	ERR_DENIED,  /* a permission is missing: wait long, tell a person */
	ERR_GONE,    /* the thing asked for exists no more: count it */
	ERR_DATA,    /* these bytes are not what they should be */
	ERR_FULL,    /* a limit is reached: hold, do not drop */
	ERR_PART,    /* a part is left out for now: go on with the rest */
	ERR_LOST     /* a part is gone for good: count it, and go on */
};

#define ERR_TEXT_MAX 512

struct err {
	enum err_kind kind;
	uint64_t wait_ms;        /* with ERR_WAIT; else 0 */
	char text[ERR_TEXT_MAX]; /* names the thing and the reason */
};

/*
 * Fill err (which may be NULL) and return -1, so that a failing branch is
 * one line.  Control characters in the text become '?', so that a server's
 * words cannot forge a log line; overlong text is cut with "...".
 */
int err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with ERR_WAIT and the time that the server asked for. */
int err_wait(struct err *err, uint64_t wait_ms, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Put words before the text that is there.  Kind and wait stay. Return -1. */
int err_prefix(struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Make err say that nothing is wrong. */
void err_clear(struct err *err);

#endif
