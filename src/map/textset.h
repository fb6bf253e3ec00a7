/* map/textset.h -- which texts have been met already. */
/* SPDX-License-Identifier: ISC */
#ifndef MAP_TEXTSET_H
#define MAP_TEXTSET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* Texts by value; fields are private. */
struct textset {
	struct buf text;
	struct textset_row {
		uint64_t hash;
		size_t off, len;
	} * row;
	uint32_t n, size;
	uint32_t *slot; /* number of a row plus one, 0: free */
	uint32_t slots; /* a power of two */
};

void textset_init(struct textset *t);
void textset_clear(struct textset *t);
void textset_reset(struct textset *t);

/* True if s was not in it; now it is. */
bool textset_add(struct textset *t, struct str s);

#endif
