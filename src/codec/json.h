/* codec/json.h -- a JSON text as a flat tape over its own bytes. */
/* SPDX-License-Identifier: ISC */
#ifndef CODEC_JSON_H
#define CODEC_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct buf;
struct err;

enum json_type {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

/*
 * One pass checks the whole text (grammar, depth, UTF-8, lone surrogates in
 * escapes are let through and read as U+FFFD) and writes one token a value,
 * in document order: an object is followed by key, value, key, value; an
 * array by its elements.  A node is a token's number; node 0 is the root.
 * Strings stay escaped in the text until somebody asks for them.
 */
struct json_token {
	uint32_t off;    /* of the value in the text; of a string:
				   behind its opening quote */
	uint32_t len;    /* of the value; of a string: between quotes */
	uint32_t next;   /* number of the first token behind this value */
	uint8_t type;    /* enum json_type */
	uint8_t escaped; /* a string with at least one backslash */
	uint16_t hash;   /* of a string's raw bytes, when it is a key */
};

struct json_doc {
	struct str text;        /* borrowed; must outlive the doc's use */
	struct json_token *tok; /* owned */
	uint32_t n;             /* tokens */
	uint32_t size;          /* allocated */
	uint32_t max_tokens;    /* cap */
	uint16_t max_depth;     /* cap */
};

#define JSON_NONE UINT32_MAX
#define JSON_DEPTH_DEFAULT 64
#define JSON_TOKENS_DEFAULT (1024 * 1024)

/* Caps of 0 take the defaults.  One doc reads many texts, one by one. */
void json_init(struct json_doc *doc, uint32_t max_tokens, uint16_t max_depth);
void json_clear(struct json_doc *doc);

/*
 * Read text, which is one JSON value with white space around it, perhaps
 * behind a byte order mark, and is not longer than 4 GiB.  Return 0, or -1
 * with ERR_DATA naming reason and offset (ERR_SYS: no memory); the doc then
 * has no nodes.
 */
int json_parse(struct json_doc *doc, struct str text, struct err *err);

static inline enum json_type
json_type(const struct json_doc *doc, uint32_t node)
{
	return (enum json_type)doc->tok[node].type;
}

/* The raw bytes of a value; of a string, those between its quotes. */
static inline struct str
json_raw(const struct json_doc *doc, uint32_t node)
{
	const struct json_token *t = &doc->tok[node];

	return str_make(doc->text.p + t->off, t->len);
}

/*
 * Walk the children: first child of an array (or first *key* of an object),
 * JSON_NONE when empty; and the one behind it, JSON_NONE at the end.  In an
 * object the value of key k is k + 1 and the next key json_after(doc, obj,
 * k + 1).
 */
uint32_t json_first(const struct json_doc *doc, uint32_t parent);
uint32_t
json_after(const struct json_doc *doc, uint32_t parent, uint32_t child);

/*
 * The value of the member of that (unescaped) name; the last one wins.
 * JSON_NONE if there is none, or if `object` is none or JSON_NONE.
 */
uint32_t
json_member(const struct json_doc *doc, uint32_t object, struct str name);

/* The same along a path of plain names, "error.innerError.code". */
uint32_t json_at(const struct json_doc *doc, uint32_t node, const char *path);

/* True if node is a string whose decoded text is s. */
bool json_is(const struct json_doc *doc, uint32_t node, struct str s);

/*
 * Append the decoded text of a string (escapes resolved, lone surrogates as
 * U+FFFD), or the raw text of any other value.  JSON_NONE appends nothing.
 */
void json_decode(const struct json_doc *doc, uint32_t node, struct buf *out);

/*
 * Borrow the decoded text: without escapes straight from the document, else
 * decoded into scratch, which is reset first.  Empty for JSON_NONE and for
 * anything that is not a string.
 */
struct str
json_text(const struct json_doc *doc, uint32_t node, struct buf *scratch);

/*
 * A number that is a whole one in range (15, 15.0 and 1.5e1 are), or a string
 * that holds one and nothing else.  False for JSON_NONE and all others.
 */
bool json_i64(const struct json_doc *doc, uint32_t node, int64_t *v_r);

/* The nearest double, likewise; false if it is beyond all of them. */
bool json_double(const struct json_doc *doc, uint32_t node, double *v_r);

/* Append s as a JSON string with its quotes; bad UTF-8 becomes U+FFFD. */
void json_quote(struct buf *out, struct str s);

#endif
