/* tests/random_json.h -- documents that nobody would think of. */
/* SPDX-License-Identifier: ISC */
#ifndef TESTS_RANDOM_JSON_H
#define TESTS_RANDOM_JSON_H

#include <stdint.h>

struct buf;

/* The next number of a row that *seed, which is not 0, determines. */
uint64_t random_json_number(uint64_t *seed);

/* Append one valid JSON value, at most six deep. */
void random_json_add(struct buf *out, uint64_t *seed);

/* Change a few bytes of what is there. */
void random_json_damage(struct buf *b, uint64_t *seed);

#endif
