/* map/eval.h -- works out the values of a map for one record. */
/* SPDX-License-Identifier: ISC */
#ifndef MAP_EVAL_H
#define MAP_EVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct eval;
struct map_value;
struct members;
struct pathset;
struct record;

/* `depth` is how deep forms stand within forms. */
struct eval *eval_new(unsigned depth);
void eval_free(struct eval **ep);

/* Begin with a record, whose paths pathset_run has walked. */
void
eval_begin(struct eval *e, const struct record *rec, struct members *members);

/*
 * The value's text, empty if there is none; lists are made so that
 * they have at most max_chars characters (0: no limit).  Borrowed until the
 * next call.
 */
struct str eval_value(struct eval *e, const struct map_value *v,
    struct pathset *paths, size_t max_chars);

/* True if s stands in memory that the next call writes to. */
bool eval_is_passing(const struct eval *e, struct str s);

/* Keep what field number i of the event holds, for those "unlike" it. */
void eval_remember(struct eval *e, unsigned i, struct str s);

/*
 * True if something of the values since the last call was left out: a form's
 * text was cut, a path or a buffer reached its limit.
 */
bool eval_take_lost(struct eval *e);

#endif
