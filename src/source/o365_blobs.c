/* source/o365_blobs.c -- which contents are to be fetched, and which were. */
/* SPDX-License-Identifier: ISC */
/*
 * The same content is listed again and again, since each round looks back.
 * So ids of contents are remembered, by their hash, with the round that saw
 * them; the older ones are forgotten in whole generations.  Forgetting costs
 * a request, as the records within are recognised further down the line.
 *
 * What a round fetched counts only when the round is durable: if it is lost,
 * all that it saw is made unknown again, else the next round would pass over
 * contents whose records are nowhere.
 */
#include "source/o365_blobs.h"

#include <string.h>

#include "base/xalloc.h"

#define WAITING_MAX 65536
#define KNOWN_MAX 32768 /* in a generation; there are two */
#define KNOWN_FIRST 1024

struct known {
	uint64_t *keys; /* owned, as are the rounds; open addressing */
	uint32_t *rounds;
	size_t n, size; /* a power of two */
};

struct o365_blobs {
	struct o365_blob *v; /* owned */
	uint32_t n, size;
	uint32_t free; /* a chain */
	struct o365_page queue;
	uint32_t waiting, used;
	struct known young, old;
	uint32_t round; /* 0 marks what is not known */
};

/* --- known -------------------------------------------------------------- */

static void
known_clear(struct known *k)
{
	xfree(k->keys);
	xfree(k->rounds);
	*k = (struct known){ 0 };
}

/* The place of key, or the free one for it; the table has room. */
static size_t
known_place(const struct known *k, uint64_t key)
{
	size_t at = key & (k->size - 1);

	while (k->keys[at] != 0 && k->keys[at] != key)
		at = (at + 1) & (k->size - 1);
	return at;
}

static uint32_t *
known_find(const struct known *k, uint64_t key)
{
	size_t at;

	if (k->n == 0)
		return NULL;
	at = known_place(k, key);
	return k->keys[at] == key ? &k->rounds[at] : NULL;
}

static void
known_grow(struct known *k)
{
	struct known more = { .size = k->size == 0 ? KNOWN_FIRST : k->size * 2,
		.n = k->n };

	more.keys = xcalloc(more.size, sizeof(*more.keys));
	more.rounds = xcalloc(more.size, sizeof(*more.rounds));
	for (size_t i = 0; i < k->size; i++) {
		size_t at;

		if (k->keys[i] == 0)
			continue;
		at = known_place(&more, k->keys[i]);
		more.keys[at] = k->keys[i];
		more.rounds[at] = k->rounds[i];
	}
	known_clear(k);
	*k = more;
}

static void
known_forget(struct known *k, uint32_t round)
{
	for (size_t i = 0; i < k->size; i++)
		if (k->rounds[i] == round)
			k->rounds[i] = 0;
}

static uint32_t *
find(const struct o365_blobs *b, uint64_t key)
{
	uint32_t *round = known_find(&b->young, key);

	return round != NULL ? round : known_find(&b->old, key);
}

static void
mark(struct o365_blobs *b, uint64_t key, uint32_t round)
{
	uint32_t *have = find(b, key);
	size_t at;

	if (have != NULL) {
		*have = round;
		return;
	}
	if (b->young.n >= KNOWN_MAX) {
		known_clear(&b->old);
		b->old = b->young;
		b->young = (struct known){ 0 };
	}
	if (b->young.n >= b->young.size / 2)
		known_grow(&b->young);
	at = known_place(&b->young, key);
	b->young.keys[at] = key;
	b->young.rounds[at] = round;
	b->young.n++;
}

/* --- places ------------------------------------------------------------- */

struct o365_blobs *
o365_blobs_new(void)
{
	struct o365_blobs *b = xcalloc(1, sizeof(*b));

	b->free = O365_BLOB_NONE;
	b->queue = (struct o365_page){ O365_BLOB_NONE, O365_BLOB_NONE };
	return b;
}

void
o365_blobs_free(struct o365_blobs **bp)
{
	struct o365_blobs *b = *bp;

	*bp = NULL;
	if (b == NULL)
		return;
	o365_blobs_begin(b, false);
	known_clear(&b->young);
	known_clear(&b->old);
	xfree(b);
}

void
o365_blobs_begin(struct o365_blobs *b, bool was_lost)
{
	for (uint32_t i = 0; i < b->n; i++) {
		struct o365_blob *blob = &b->v[i];

		if (blob->uri != NULL)
			mark(b, blob->key, 0);
		xfree(blob->uri);
	}
	if (was_lost && b->round > 0) {
		known_forget(&b->young, b->round);
		known_forget(&b->old, b->round);
	}
	xfree(b->v);
	b->v = NULL;
	b->n = b->size = b->waiting = b->used = 0;
	b->free = O365_BLOB_NONE;
	b->queue = (struct o365_page){ O365_BLOB_NONE, O365_BLOB_NONE };
	b->round++;
}

static uint32_t
open_place(struct o365_blobs *b)
{
	uint32_t at = b->free;

	b->used++;
	if (at != O365_BLOB_NONE) {
		b->free = b->v[at].next;
		return at;
	}
	if (b->n == b->size) {
		b->size = b->size == 0 ? 64 : b->size * 2;
		b->v = xreallocarray(b->v, b->size, sizeof(*b->v));
	}
	return b->n++;
}

static void
close_place(struct o365_blobs *b, uint32_t at)
{
	xfree(b->v[at].uri);
	b->v[at] = (struct o365_blob){ .next = b->free };
	b->free = at;
	b->used--;
}

static void
append(struct o365_blobs *b, struct o365_page *chain, uint32_t at)
{
	b->v[at].next = O365_BLOB_NONE;
	if (chain->first == O365_BLOB_NONE)
		chain->first = at;
	else
		b->v[chain->last].next = at;
	chain->last = at;
}

/* --- its verbs ---------------------------------------------------------- */

enum o365_added
o365_blobs_add(struct o365_blobs *b, struct o365_page *page,
    const struct o365_blob *blob, struct str uri)
{
	uint64_t key = blob->key != 0 ? blob->key : 1;
	uint32_t *round = find(b, key);
	uint32_t at;

	if (round != NULL && *round != 0)
		return O365_KNOWN;
	if (b->used >= WAITING_MAX)
		return O365_FULL;
	at = open_place(b);
	b->v[at] = *blob;
	b->v[at].key = key;
	b->v[at].uri = xstrndup(uri.p, uri.len);
	append(b, page, at);
	mark(b, key, b->round);
	return O365_ADDED;
}

void
o365_blobs_accept(struct o365_blobs *b, struct o365_page *page)
{
	uint32_t at = page->first;

	while (at != O365_BLOB_NONE) {
		uint32_t next = b->v[at].next;

		append(b, &b->queue, at);
		b->waiting++;
		at = next;
	}
	*page = (struct o365_page){ O365_BLOB_NONE, O365_BLOB_NONE };
}

void
o365_blobs_drop(struct o365_blobs *b, struct o365_page *page)
{
	uint32_t at = page->first;

	while (at != O365_BLOB_NONE) {
		uint32_t next = b->v[at].next;

		o365_blobs_leave(b, at);
		at = next;
	}
	*page = (struct o365_page){ O365_BLOB_NONE, O365_BLOB_NONE };
}

uint32_t
o365_blobs_take(struct o365_blobs *b)
{
	uint32_t at = b->queue.first;

	if (at == O365_BLOB_NONE)
		return at;
	b->queue.first = b->v[at].next;
	b->waiting--;
	b->v[at].is_answering = false;
	b->v[at].records = 0;
	return at;
}

struct o365_blob *
o365_blobs_at(struct o365_blobs *b, uint32_t number)
{
	return &b->v[number];
}

void
o365_blobs_done(struct o365_blobs *b, uint32_t number)
{
	close_place(b, number);
}

void
o365_blobs_again(struct o365_blobs *b, uint32_t number)
{
	append(b, &b->queue, number);
	b->waiting++;
}

void
o365_blobs_leave(struct o365_blobs *b, uint32_t number)
{
	mark(b, b->v[number].key, 0);
	close_place(b, number);
}

uint32_t
o365_blobs_waiting(const struct o365_blobs *b)
{
	return b->waiting;
}
