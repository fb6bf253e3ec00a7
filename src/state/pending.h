/* state/pending.h -- ids of durable pages that the index lacks. */
/* SPDX-License-Identifier: ISC */
#ifndef STATE_PENDING_H
#define STATE_PENDING_H

#include <stddef.h>
#include <stdint.h>

#include "state/index.h"

struct page_view;

/* All zero: empty. */
struct pending {
	struct index_entry *entries; /* owned */
	size_t n, size;
};

/* Add the ids that page seq makes known. */
void pending_add(struct pending *p, const struct page_view *view, uint64_t seq);
void pending_clear(struct pending *p);

/* Give all away; p is empty afterwards. */
struct pending pending_steal(struct pending *p);

#endif
