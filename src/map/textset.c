/* map/textset.c -- which texts have been met already. */
/* SPDX-License-Identifier: ISC */
#include "map/textset.h"

#include "base/xalloc.h"

#define SLOTS_FIRST 64
#define SLOTS_KEEP 4096 /* kept between uses */
#define TEXT_MAX (64 * 1024 * 1024)

void
textset_init(struct textset *t)
{
	*t = (struct textset){ 0 };
	buf_init(&t->text, TEXT_MAX);
}

void
textset_clear(struct textset *t)
{
	buf_clear(&t->text);
	xfree(t->row);
	xfree(t->slot);
	textset_init(t);
}

void
textset_reset(struct textset *t)
{
	if (t->slots > SLOTS_KEEP)
		textset_clear(t);
	t->n = 0;
	buf_reset(&t->text);
	if (t->slots > 0)
		memset(t->slot, 0, t->slots * sizeof(*t->slot));
}

/* Eight bytes at a time; equal hashes are compared by their texts. */
static uint64_t
hash(struct str s)
{
	uint64_t h = s.len, part;

	for (; s.len >= 8; s = str_make(s.p + 8, s.len - 8)) {
		memcpy(&part, s.p, 8);
		h = (h ^ part) * 0x9e3779b97f4a7c15U;
		h ^= h >> 32;
	}
	part = 0;
	if (s.len > 0)
		memcpy(&part, s.p, s.len);
	h = (h ^ part) * 0x9e3779b97f4a7c15U;
	return h ^ h >> 29;
}

static void
grow(struct textset *t)
{
	t->slots = t->slots == 0 ? SLOTS_FIRST : t->slots * 2;
	t->size = t->slots / 2;
	t->row = xreallocarray(t->row, t->size, sizeof(*t->row));
	t->slot = xreallocarray(t->slot, t->slots, sizeof(*t->slot));
	memset(t->slot, 0, t->slots * sizeof(*t->slot));
	for (uint32_t i = 0; i < t->n; i++) {
		uint32_t at = (uint32_t)t->row[i].hash & (t->slots - 1);

		while (t->slot[at] != 0)
			at = (at + 1) & (t->slots - 1);
		t->slot[at] = i + 1;
	}
}

bool
textset_add(struct textset *t, struct str s)
{
	uint64_t h = hash(s);
	uint32_t at;

	if (t->n == t->size)
		grow(t);
	at = (uint32_t)h & (t->slots - 1);
	for (; t->slot[at] != 0; at = (at + 1) & (t->slots - 1)) {
		const struct textset_row *row = &t->row[t->slot[at] - 1];

		if (row->hash == h &&
		    str_eq(str_make(t->text.p + row->off, row->len), s))
			return false;
	}
	t->row[t->n] =
	    (struct textset_row){ .hash = h, .off = t->text.len, .len = s.len };
	buf_add_str(&t->text, s);
	if (!t->text.failed)
		t->slot[at] = ++t->n;
	return true;
}
