/*
 * state/seen.c -- is this id known?
 *
 * The ids of pages that the index has not taken in yet stand in a hash table
 * with open addressing; the index is asked for the rest.  Ids are hashes
 * already, so their bits are used as they are.  Nothing is ever taken out
 * alone: a table without the pages that are done with is made anew, which
 * happens once in many thousand ids.
 */
/* SPDX-License-Identifier: ISC */
#include "state/seen.h"

#include <string.h>

#include "base/xalloc.h"
#include "state/index.h"
#include "state/page.h"

#define SLOTS_MIN 1024
#define SLOTS_KEPT 65536 /* as many as one take of the index fills */

struct slot {
	struct page_id id;
	uint64_t seq; /* 0: empty */
};

struct seen {
	struct index *index; /* borrowed */
	struct slot *slots;  /* owned */
	size_t n_slots;      /* a power of two */
	struct slot *spare;  /* owned: n_slots as well, or NULL */
	size_t n;
};

struct seen *
seen_new(struct index *ix)
{
	struct seen *s = xcalloc(1, sizeof(*s));

	s->index = ix;
	s->n_slots = SLOTS_MIN;
	s->slots = xcalloc(s->n_slots, sizeof(*s->slots));
	return s;
}

void
seen_free(struct seen **sp)
{
	struct seen *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	xfree(s->slots);
	xfree(s->spare);
	xfree(s);
}

/* The slot of an id, or the empty one where it would be. */
static struct slot *
slot_of(const struct seen *s, const struct page_id *id)
{
	size_t i = (size_t)(id->hi ^ id->lo ^ id->time_ms);

	for (;; i++) {
		struct slot *slot = &s->slots[i & (s->n_slots - 1)];

		if (slot->seq == 0 ||
		    (slot->id.lo == id->lo && slot->id.hi == id->hi &&
			slot->id.time_ms == id->time_ms))
			return slot;
	}
}

/*
 * An empty table.  The one before it is kept, since wiping that costs less
 * than getting a new one.
 */
static void
table_change(struct seen *s, size_t n_slots)
{
	struct slot *old = s->slots;

	if (n_slots != s->n_slots) {
		xfree(s->spare);
		s->spare = NULL;
	}
	if (s->spare != NULL)
		memset(s->spare, 0, n_slots * sizeof(*s->spare));
	s->slots =
	    s->spare != NULL ? s->spare : xcalloc(n_slots, sizeof(*s->slots));
	s->spare = old;
	s->n_slots = n_slots;
	s->n = 0;
}

/* Make the table anew without the pages from first to last. */
static void
sift(struct seen *s, size_t n_slots, uint64_t first, uint64_t last)
{
	size_t n_old = s->n_slots;

	table_change(s, n_slots);
	for (size_t i = 0; i < n_old; i++) {
		const struct slot *old = &s->spare[i];

		if (old->seq == 0 || (old->seq >= first && old->seq <= last))
			continue;
		*slot_of(s, &old->id) = *old;
		s->n++;
	}
	if (n_old != n_slots) {
		xfree(s->spare);
		s->spare = NULL;
	}
}

void
seen_add(struct seen *s, const struct page_id *id, uint64_t seq)
{
	struct slot *slot;

	if (s->n >= s->n_slots / 2)
		sift(s, 2 * s->n_slots, UINT64_MAX, 0);
	slot = slot_of(s, id);
	if (slot->seq != 0)
		return;
	*slot = (struct slot){ *id, seq };
	s->n++;
}

bool
seen_has(struct seen *s, const struct page_id *id)
{
	return slot_of(s, id)->seq != 0 || index_find(s->index, id);
}

void
seen_forget(struct seen *s, uint64_t first, uint64_t last)
{
	sift(s, s->n_slots, first, last);
}

void
seen_taken(struct seen *s, uint64_t upto)
{
	size_t n_slots = s->n_slots;

	if (s->n == 0)
		return;
	sift(s, n_slots, 0, upto);
	while (n_slots > SLOTS_KEPT && n_slots > 8 * s->n)
		n_slots /= 2;
	if (n_slots < s->n_slots)
		sift(s, n_slots, UINT64_MAX, 0);
}

size_t
seen_count(const struct seen *s)
{
	return s->n;
}
