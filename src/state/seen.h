/* state/seen.h -- is this id known? */
/* SPDX-License-Identifier: ISC */
#ifndef STATE_SEEN_H
#define STATE_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct index;
struct page_id;
struct seen;

/* The ids that the index (borrowed) lacks are held here. */
struct seen *seen_new(struct index *ix);
void seen_free(struct seen **sp);

/* The id came with page seq, which is on its way to the disk or there. */
void seen_add(struct seen *s, const struct page_id *id, uint64_t seq);

bool seen_has(struct seen *s, const struct page_id *id);

/* Pages first to last never became durable, or are lost: their ids as well. */
void seen_forget(struct seen *s, uint64_t first, uint64_t last);

/* The index has taken in all pages up to this one. */
void seen_taken(struct seen *s, uint64_t upto);

/* How many ids are held. */
size_t seen_count(const struct seen *s);

#endif
