/* map/pool.c -- many small things that live and die together. */
/* SPDX-License-Identifier: ISC */
#include "map/pool.h"

#include "base/xalloc.h"

#define CHUNK 32768 /* bytes; larger things have a chunk of their own */

struct item {
	struct item *next;
	void *thing;
	pool_free_fn *fn;
};

struct pool {
	struct item *items;
	char *chunk; /* the one that is filled; an item as well */
	size_t left;
};

struct pool *
pool_new(void)
{
	return xcalloc(1, sizeof(struct pool));
}

void
pool_free(struct pool **pp)
{
	struct pool *p = *pp;
	struct item *next;

	*pp = NULL;
	if (p == NULL)
		return;
	for (struct item *i = p->items; i != NULL; i = next) {
		next = i->next;
		i->fn(i->thing);
		xfree(i);
	}
	xfree(p);
}

void
pool_own(struct pool *p, void *thing, pool_free_fn *fn)
{
	struct item *i = xmalloc(sizeof(*i));

	*i = (struct item){ .next = p->items, .thing = thing, .fn = fn };
	p->items = i;
}

/* What is made one after the other is used so, and lies side by side. */
void *
pool_alloc(struct pool *p, size_t n, size_t size)
{
	size_t align = _Alignof(max_align_t), bytes = n * size;
	char *thing;

	bytes += align - 1 - (bytes + align - 1) % align;
	if (bytes > CHUNK / 4) {
		thing = xcalloc(1, bytes);
		pool_own(p, thing, xfree);
		return thing;
	}
	if (bytes > p->left) {
		p->chunk = xcalloc(1, CHUNK);
		p->left = CHUNK;
		pool_own(p, p->chunk, xfree);
	}
	thing = p->chunk + (CHUNK - p->left);
	p->left -= bytes;
	return thing;
}

void *
pool_copy(struct pool *p, const void *from, size_t n, size_t size)
{
	void *to = pool_alloc(p, n, size);

	if (n > 0)
		memcpy(to, from, n * size);
	return to;
}

struct str
pool_str(struct pool *p, struct str s)
{
	char *text = pool_alloc(p, s.len + 1, 1);

	if (s.len > 0)
		memcpy(text, s.p, s.len);
	return str_make(text, s.len);
}
