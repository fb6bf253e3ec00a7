/* source/graph_incidents.h -- incidents of Microsoft Graph. */
/* SPDX-License-Identifier: ISC */
#ifndef SOURCE_GRAPH_INCIDENTS_H
#define SOURCE_GRAPH_INCIDENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/opt.h"

struct source_ops;

struct graph_incidents_conf {
	uint64_t page_size;
	bool alerts;                /* each with those that belong to it */
	struct opt_list severities; /* empty: all */
	uint64_t settle_ms;
	uint64_t sweep_ms; /* 0: never */
	uint64_t sweep_overlap_ms;
};

extern const struct source_ops graph_incidents_ops;

#endif
