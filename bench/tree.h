/* bench/tree.h -- json-c, in a file of its own, as it shares names with us. */
/* SPDX-License-Identifier: ISC */
#ifndef BENCH_TREE_H
#define BENCH_TREE_H

#include <stdbool.h>
#include <stddef.h>

/* Make json-c's tree of a text and free it; false if it is refused. */
bool tree_parse(const char *text, size_t len);

#endif
