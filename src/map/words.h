/* map/words.h -- a table of words, found without regard to case. */
/* SPDX-License-Identifier: ISC */
#ifndef MAP_WORDS_H
#define MAP_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct words;

struct words *words_new(void);
void words_free(struct words **wp);

/*
 * Add a row and return its number, counted from 0; -1 if the word is there
 * already.  The word "*" stands for all that have no row.
 */
int words_add(struct words *w, struct str word, struct str text);
size_t words_count(const struct words *w);

/* The number of the word's row, else that of "*", else -1. */
int words_find(const struct words *w, struct str word);
struct str words_text(const struct words *w, int number);

#endif
