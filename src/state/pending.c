/* state/pending.c -- ids of durable pages that the index lacks. */
/* SPDX-License-Identifier: ISC */
#include "state/pending.h"

#include "base/xalloc.h"
#include "state/page.h"

void
pending_add(struct pending *p, const struct page_view *view, uint64_t seq)
{
	size_t need = p->n + view->n_ids;
	struct page_id id;

	if (need > p->size) {
		p->size = need + need / 2;
		p->entries =
		    xreallocarray(p->entries, p->size, sizeof(*p->entries));
	}
	for (uint32_t i = 0; page_view_id(view, i, &id); i++)
		p->entries[p->n++] = (struct index_entry){ id, seq };
}

void
pending_clear(struct pending *p)
{
	xfree(p->entries);
	*p = (struct pending){ 0 };
}

struct pending
pending_steal(struct pending *p)
{
	struct pending all = *p;

	*p = (struct pending){ 0 };
	return all;
}
