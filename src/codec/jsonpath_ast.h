/* codec/jsonpath_ast.h -- a JSONPath as it was read, for the evaluator. */
/* SPDX-License-Identifier: ISC */
#ifndef CODEC_JSONPATH_AST_H
#define CODEC_JSONPATH_AST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "codec/json.h"

struct err;
struct iregexp;
struct jp_expr;

/* What a comparison or a function looks at (RFC 9535's ValueType). */
#define JP_NOTHING 0xff

struct jp_value {
	uint8_t type;  /* enum json_type, or JP_NOTHING */
	bool is_whole; /* a number that i holds; else d does */
	uint32_t node; /* JSON_NONE for a literal or a computed value */
	union {
		int64_t i;
		double d;
		struct str s; /* decoded, of a literal string */
	};
};

enum jp_selector_kind {
	JP_NAME,
	JP_INDEX,
	JP_SLICE,
	JP_WILD,
	JP_FILTER
};

struct jp_selector {
	enum jp_selector_kind kind;
	struct jp_selector *next; /* in the same brackets */
	uint16_t hash;            /* of a name, as keys have it */
	bool has_start, has_end;  /* of a slice */
	union {
		struct str name;
		int64_t index;
		struct {
			int64_t start, end, step;
		};
		struct jp_expr *filter;
	};
};

struct jp_segment {
	struct jp_selector *first;
	struct jp_segment *next;
	bool is_deep;   /* ".." */
	bool is_single; /* one name or index: at most one node comes out */
};

struct jp_query {
	struct jp_segment *first; /* NULL: the node itself */
	bool from_root;           /* "$"; else "@" */
	bool is_singular;         /* all its segments are single */
};

enum jp_function {
	JP_LENGTH,
	JP_COUNT,
	JP_VALUE,
	JP_MATCH,
	JP_SEARCH
};

enum jp_operand_kind {
	JP_LITERAL,
	JP_QUERY,
	JP_CALL
};

struct jp_operand {
	enum jp_operand_kind kind;
	union {
		struct jp_value literal;
		struct jp_query query;
		struct jp_call *call;
	};
};

struct jp_call {
	enum jp_function function;
	struct jp_operand arg[2];
	struct iregexp *re;   /* owned; of a literal pattern, else NULL */
	struct jp_call *next; /* of all calls of the path */
};

enum jp_op {
	JP_EQ,
	JP_NE,
	JP_LE,
	JP_GE,
	JP_LT,
	JP_GT
};

enum jp_expr_kind {
	JP_OR,
	JP_AND,
	JP_NOT,
	JP_EXISTS,
	JP_HOLDS,
	JP_COMPARE
};

struct jp_expr {
	enum jp_expr_kind kind;
	enum jp_op op;
	struct jp_expr *next; /* beside it in an "or" or an "and" */
	union {
		struct jp_expr *first;   /* of "or", "and", "not" */
		struct jp_query query;   /* that must select something */
		struct jp_call *call;    /* of match() or search() */
		struct jp_operand *side; /* two, of a comparison */
	};
};

struct jp_block; /* a piece of memory that the path owns */

struct jp_tree {
	struct jp_query query;
	struct jp_block *blocks;
	struct jp_call *calls;
};

/*
 * Fill the tree, or return -1 with ERR_CONF and the column; either way it is
 * to be cleared.  The text is not needed any more afterwards.
 */
int jsonpath_parse(struct jp_tree *tree, struct str text, struct err *err);
void jsonpath_parse_clear(struct jp_tree *tree);

#endif
