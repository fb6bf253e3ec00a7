/* map/members.h -- members of objects by name, remembered for a record. */
/* SPDX-License-Identifier: ISC */
#ifndef MAP_MEMBERS_H
#define MAP_MEMBERS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/str.h"
#include "codec/json.h"

/* A name with what the JSON reader hashes it to; text is borrowed. */
struct member_name {
	struct str text;
	uint16_t hash;
};

struct member_name member_name(struct str text);

#define MEMBERS_OBJECTS 64 /* remembered: 2 to the 6th */
#define MEMBERS_SLOTS 64   /* of an object's table, a power of two */

/* Fields are private; they stand here because the question is asked often. */
struct members {
	uint64_t round;
	struct members_object {
		const struct json_doc *doc;
		uint64_t round;
		uint32_t node;
		bool is_odd; /* large, a name escaped or twice: no table */
		/* Of a member's name: tokens behind node; 0: free. */
		uint16_t key[MEMBERS_SLOTS];
	} object[MEMBERS_OBJECTS];
};

struct members *members_new(void);
void members_free(struct members **mp);

/* Forget all objects: a document that was asked about is read anew. */
void members_reset(struct members *m);

/* Put the members of an object into its table. */
void members_learn(struct members *m, struct members_object *o,
    const struct json_doc *doc, uint32_t node);

/* memcmp, for names: nearly all of them have 4 to 24 letters. */
static inline bool
member_is_same(const char *a, const char *b, size_t len)
{
	uint64_t x, y;
	uint32_t v, w;

	if (len >= 8) {
		for (size_t i = 0; i < len; i += 8) {
			/* The last eight may overlap with those before. */
			i = i + 8 > len ? len - 8 : i;
			memcpy(&x, a + i, 8);
			memcpy(&y, b + i, 8);
			if (x != y)
				return false;
		}
		return true;
	}
	if (len < 4)
		return memcmp(a, b, len) == 0;
	memcpy(&v, a, 4);
	memcpy(&w, b, 4);
	if (v != w)
		return false;
	memcpy(&v, a + len - 4, 4);
	memcpy(&w, b + len - 4, 4);
	return v == w;
}

static inline bool
member_is_named(const struct json_token *t, uint16_t hash, struct str name,
    const struct json_doc *doc)
{
	return t->hash == hash && t->len == name.len &&
	    member_is_same(doc->text.p + t->off, name.p, name.len);
}

/*
 * The value of the member of that name, the last one if there are several;
 * JSON_NONE if there is none, or if node is no object.
 */
static inline uint32_t
members_find(struct members *m, const struct json_doc *doc, uint32_t node,
    const struct member_name *name)
{
	struct members_object *o = &m->object[(node * 0x9e3779b1U) >> 26];
	const struct json_token *tok = doc->tok + node;
	uint32_t key;

	if (tok->type != JSON_OBJECT)
		return JSON_NONE;
	if (o->node != node || o->round != m->round || o->doc != doc)
		members_learn(m, o, doc, node);
	if (o->is_odd)
		return json_member(doc, node, name->text);
	for (uint32_t at = name->hash % MEMBERS_SLOTS; (key = o->key[at]) != 0;
	     at = (at + 1) % MEMBERS_SLOTS)
		if (member_is_named(&tok[key], name->hash, name->text, doc))
			return node + key + 1;
	return JSON_NONE;
}

#endif
