/* tools/sim/sim_filter.h -- the part of $filter that the service takes. */
/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_SIM_SIM_FILTER_H
#define TOOLS_SIM_SIM_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct err;
struct sim_filter;

/* A property that may be filtered by: a date, or one of some words. */
struct sim_property {
	const char *name;         /* NULL ends a table */
	const char *const *words; /* NULL for a date */
};

/* The values of one record, in the order of the properties. */
union sim_value {
	int64_t time;     /* ticks */
	const char *word; /* of the property's words */
};

/*
 * Read comparisons (dates: ge, gt, le, lt; words: eq), `and`, `or` and
 * parentheses.  NULL and ERR_DATA, in the service's manner, for all else.
 */
struct sim_filter *sim_filter_new(
    struct str text, const struct sim_property *props, struct err *err);
void sim_filter_free(struct sim_filter **fp);

bool sim_filter_takes(const struct sim_filter *f, const union sim_value *v);

/* What the filter leaves of a date property: low <= value <= high. */
void sim_filter_bounds(const struct sim_filter *f, unsigned property,
    int64_t *low_r, int64_t *high_r);

#endif
