/* codec/jsonpath.h -- JSONPath as RFC 9535 defines it, on a json_doc. */
/* SPDX-License-Identifier: ISC */
#ifndef CODEC_JSONPATH_H
#define CODEC_JSONPATH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct err;
struct json_doc;
struct jsonpath;

/* The nodes that a path selects, in the order of the RFC. */
struct jsonpath_nodes {
	uint32_t *v; /* owned */
	uint32_t n;
	uint32_t size;
	uint32_t max; /* cap, 0: 65536; reaching it is an error */
};

/*
 * Read a whole path ("$.evidence[?@.roles[0]=='attacker'].ipAddress").
 * NULL and ERR_CONF, with the column, if it is not well-formed or not
 * well-typed.  A pattern of match() or search() that is no I-Regexp is no
 * error: it matches nothing, as the RFC wants it.
 *
 * A path has scratch memory of its own, so that using it allocates nothing
 * in the long run; it is used by one thread at a time.
 */
struct jsonpath *jsonpath_new(struct str text, struct err *err);
void jsonpath_free(struct jsonpath **pathp);

/*
 * Put what the path selects below `node` (usually 0, the root, which `$`
 * then means) into nodes, replacing what was there.  Return -1 with ERR_DATA
 * when a cap is reached (nodes, steps, depth); nodes are then empty.
 */
int jsonpath_select(const struct jsonpath *path, const struct json_doc *doc,
    uint32_t node, struct jsonpath_nodes *nodes, struct err *err);

/* True if the path selects at least one node; -1 as above. */
int jsonpath_test(
    const struct jsonpath *path, const struct json_doc *doc, struct err *err);

/* True if the first thing that the path does is to filter: "$[?...". */
bool jsonpath_is_filter(const struct jsonpath *path);

/* jsonpath_test with the root as the one element of an array, which `$` is. */
int jsonpath_test_lone(
    const struct jsonpath *path, const struct json_doc *doc, struct err *err);

void jsonpath_nodes_clear(struct jsonpath_nodes *nodes);

#endif
