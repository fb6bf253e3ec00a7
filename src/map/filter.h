/* map/filter.h -- which records go on. */
/* SPDX-License-Identifier: ISC */
#ifndef MAP_FILTER_H
#define MAP_FILTER_H

#include "base/str.h"

struct err;
struct filter;
struct record;

/*
 * A JSONPath; a record goes on if it selects something.  As in "$[?@.x]" the
 * record is seen as the one element of an array when the path begins with
 * "$[?", else as the root.
 */
struct filter *filter_new(struct str path, struct err *err);
void filter_free(struct filter **fp);

/* 1: goes on; 0: does not; -1, ERR_DATA: a cap was reached: let it go on. */
int filter_pass(struct filter *f, const struct record *rec, struct err *err);

#endif
