/* codec/jsonpath_eval.h -- lets a JSONPath that was read walk a document. */
/* SPDX-License-Identifier: ISC */
#ifndef CODEC_JSONPATH_EVAL_H
#define CODEC_JSONPATH_EVAL_H

#include <stdint.h>

#include "base/buf.h"
#include "codec/jsonpath_ast.h"

struct iregexp_cache;
struct jsonpath_nodes;

/* The number of an array that is not there: its one element is node 0. */
#define JP_LONE (JSON_NONE - 1)

/* Memory that one evaluation leaves to the next. */
struct jp_scratch {
	struct buf text[2]; /* decoded strings: left and right */
	struct buf stack;   /* uint32_t; children to be walked backwards */
	struct iregexp_cache *patterns;
};

/* Takes the nodes that come out. */
struct jp_taker {
	struct jsonpath_nodes *nodes; /* NULL: they are only counted */
	uint32_t first;
	uint32_t n;
	uint32_t enough; /* stop at that many */
};

/*
 * Walk from root, which is a node of doc or JP_LONE and is what "$" means.
 * Return -1 with ERR_DATA when a cap is reached; what was taken is void then.
 */
int jsonpath_eval(const struct jp_tree *tree, struct jp_scratch *scratch,
    const struct json_doc *doc, uint32_t root, struct jp_taker *tk,
    struct err *err);

#endif
