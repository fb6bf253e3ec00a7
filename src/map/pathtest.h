/* map/pathtest.h -- the common filters of JSONPath, decided in place. */
/* SPDX-License-Identifier: ISC */
#ifndef MAP_PATHTEST_H
#define MAP_PATHTEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct buf;
struct json_doc;
struct members;
struct pathtest;

/*
 * Read what stands in "[?...]".  Known are, with && || ! and brackets: a
 * member compared with a text (== and !=); match(member, '.*[.]word'); the
 * existence of a member, or of an element of it that passes a filter of the
 * same kind.  Members are named from @ or $.  NULL: it says more than that.
 */
struct pathtest *pathtest_new(struct str text);
void pathtest_free(struct pathtest **tp);

/*
 * True if the filter begins with match(@.member, '.*[.]tail'), so that it can
 * only hold where the member's text ends in ".tail", and does hold there if
 * that is all (settled).  Both texts are borrowed.
 */
bool pathtest_tail(const struct pathtest *t, struct str *member_r,
    struct str *tail_r, bool *settled_r);

/* Where a filter is asked; run changes whenever doc or root do. */
struct pathtest_at {
	struct members *members;
	const struct json_doc *doc;
	uint32_t root; /* what $ means */
	uint64_t run;  /* above 0 */
	struct buf *scratch;
};

/* With tail_fits, what pathtest_tail told is known to hold. */
bool pathtest_holds(struct pathtest *t, const struct pathtest_at *at,
    uint32_t node, bool tail_fits);

#endif
