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

#define MEMBERS 44 /* that a table takes; larger objects are searched */

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
fill(struct members_object *o)
{
	const struct json_token *tok = o->doc->tok;
	uint32_t end = tok[o->node].next, n = 0;

	memset(o->key, 0, sizeof(o->key));
	o->is_odd = false;
	for (uint32_t k = o->node + 1; k < end; k = tok[k + 1].next) {
		uint32_t at = tok[k].hash % MEMBERS_SLOTS;

		if (tok[k].escaped || ++n > MEMBERS ||
		    k - o->node > UINT16_MAX) {
			o->is_odd = true;
			return;
		}
		for (; o->key[at] != 0; at = (at + 1) % MEMBERS_SLOTS) {
			if (member_is_named(&tok[o->node + o->key[at]],
				tok[k].hash, json_raw(o->doc, k), o->doc)) {
				o->is_odd = true;
				return;
			}
		}
		o->key[at] = (uint16_t)(k - o->node);
	}
}

void
members_learn(struct members *m, struct members_object *o,
    const struct json_doc *doc, uint32_t node)
{
	o->round = m->round;
	o->node = node;
	o->doc = doc;
	fill(o);
}
