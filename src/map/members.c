/* map/members.c -- members of objects by name, remembered for a record. */
/* SPDX-License-Identifier: ISC */
/*
 * The entries of an alert's evidence are asked the same things by many paths
 * and forms.  The first question to an object puts its members into a small
 * table; all others are answered from there.
 */
#include "map/members.h"

#include "base/buf.h"
#include "base/xalloc.h"
#include "codec/json.h"

#define OBJECTS 64 /* remembered: 2 to the 6th */
#define SLOTS 128  /* of an object's table, a power of two */
#define MEMBERS 90 /* that a table takes; larger objects are searched */

struct object {
	const struct json_doc *doc;
	uint64_t round;
	uint32_t node;
	bool is_large;       /* or has a name with escapes: no table */
	uint16_t key[SLOTS]; /* a member's name: tokens behind node; 0: free */
};

struct members {
	uint64_t round;
	struct object object[OBJECTS];
};

struct member_name
member_name(struct str text)
{
	struct member_name name = { .text = text };
	struct json_doc doc;
	struct buf json;

	buf_init(&json, SIZE_MAX / 2);
	json_init(&doc, 0, 0);
	buf_add_char(&json, '{');
	json_quote(&json, text);
	buf_add_text(&json, ":0}");
	if (json_parse(&doc, buf_str(&json), NULL) == 0)
		name.hash = doc.tok[1].hash;
	json_clear(&doc);
	buf_clear(&json);
	return name;
}

struct members *
members_new(void)
{
	struct members *m = xcalloc(1, sizeof(*m));

	m->round = 1;
	return m;
}

void
members_free(struct members **mp)
{
	struct members *m = *mp;

	*mp = NULL;
	xfree(m);
}

void
members_reset(struct members *m)
{
	m->round++;
}

static void
fill(struct object *o)
{
	const struct json_token *tok = o->doc->tok;
	uint32_t end = tok[o->node].next, n = 0;

	memset(o->key, 0, sizeof(o->key));
	o->is_large = false;
	for (uint32_t k = o->node + 1; k < end; k = tok[k + 1].next) {
		uint32_t at = tok[k].hash % SLOTS;

		if (tok[k].escaped || ++n > MEMBERS ||
		    k - o->node > UINT16_MAX) {
			o->is_large = true;
			return;
		}
		while (o->key[at] != 0)
			at = (at + 1) % SLOTS;
		o->key[at] = (uint16_t)(k - o->node);
	}
}

static struct object *
object_at(struct members *m, uint32_t node)
{
	return &m->object[(node * 0x9e3779b1U) >> 26];
}

uint32_t
members_find(struct members *m, const struct json_doc *doc, uint32_t node,
    const struct member_name *name)
{
	struct object *o = object_at(m, node);
	const struct json_token *tok = doc->tok + node;
	uint32_t found = JSON_NONE, key;

	if (tok->type != JSON_OBJECT)
		return JSON_NONE;
	if (o->round != m->round || o->node != node || o->doc != doc) {
		o->round = m->round;
		o->node = node;
		o->doc = doc;
		fill(o);
	}
	if (o->is_large)
		return json_member(doc, node, name->text);
	/* Names of one hash stand in their order, so the last one wins. */
	for (uint32_t at = name->hash % SLOTS; (key = o->key[at]) != 0;
	     at = (at + 1) % SLOTS)
		if (tok[key].hash == name->hash &&
		    tok[key].len == name->text.len &&
		    memcmp(doc->text.p + tok[key].off, name->text.p,
			name->text.len) == 0)
			found = node + key + 1;
	return found;
}
