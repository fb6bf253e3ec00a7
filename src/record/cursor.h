/* record/cursor.h -- where a source's next round begins. */
/* SPDX-License-Identifier: ISC */
#ifndef RECORD_CURSOR_H
#define RECORD_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define CURSOR_MAX 4096

/*
 * A plain value: lines "name=value\n" that only its source understands.
 * Empty: the source has never completed a round.
 */
struct cursor {
	size_t len;
	char text[CURSOR_MAX];
};

/* The value of name, borrowed from the cursor; empty if it has none. */
struct str cursor_get(const struct cursor *c, const char *name);
bool cursor_get_i64(const struct cursor *c, const char *name, int64_t *v_r);

/* Set or replace; false if it does not fit or the value holds a newline. */
bool cursor_set(struct cursor *c, const char *name, struct str value);
bool cursor_set_i64(struct cursor *c, const char *name, int64_t v);

#endif
