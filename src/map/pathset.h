/* map/pathset.h -- many JSONPaths, walked together in one pass. */
/* SPDX-License-Identifier: ISC */
#ifndef MAP_PATHSET_H
#define MAP_PATHSET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct err;
struct json_doc;
struct members;
struct pathset;

/*
 * Paths of the common shapes (names, indexes, wildcards, filters that compare
 * a member with a text or with its ending) share a tree, so a member that
 * forty paths begin with is looked up once.  Any other path is left to
 * codec/jsonpath, when somebody asks for it.  What is selected is the same.
 */
struct pathset *pathset_new(void);
void pathset_free(struct pathset **psp);

/*
 * Add a path and return its number; the same text gives the same number.
 * A path that begins with '@' is read as one that begins with '$'.  -1 and
 * ERR_CONF if RFC 9535 does not allow it.
 */
int pathset_add(struct pathset *ps, struct str path, struct err *err);

/* True if the path can select one node at most. */
bool pathset_is_singular(const struct pathset *ps, int number);

/* False if it is left to codec/jsonpath; for tests. */
bool pathset_is_fast(const struct pathset *ps, int number);

/*
 * Walk doc from node on, which `$` then means in every path.  What was
 * selected before is forgotten.  members is borrowed until the next run.
 */
void pathset_run(struct pathset *ps, struct members *members,
    const struct json_doc *doc, uint32_t node);

/*
 * The nodes that a path selected in the last run, in the order of the RFC;
 * borrowed until the next run.  -1 with ERR_DATA when a cap was reached.
 */
int pathset_nodes(struct pathset *ps, int number, const uint32_t **nodes_r,
    uint32_t *n_r, struct err *err);

/* The same for a path that is singular: its node, or JSON_NONE. */
uint32_t pathset_one(struct pathset *ps, int number);

/*
 * By number: 0 if the path is known, without looking further, to have
 * selected nothing.  Good until the next run or pathset_add.
 */
const uint8_t *pathset_maybe(const struct pathset *ps);

#endif
