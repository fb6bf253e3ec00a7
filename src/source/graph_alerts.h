/* source/graph_alerts.h -- security alerts of Microsoft Graph (alerts_v2). */
/* SPDX-License-Identifier: ISC */
#ifndef SOURCE_GRAPH_ALERTS_H
#define SOURCE_GRAPH_ALERTS_H

#include <stdint.h>

#include "base/opt.h"

struct source_ops;

struct graph_alerts_conf {
	uint64_t page_size;
	struct opt_list services, severities; /* empty: all */
	uint64_t settle_ms;
	uint64_t sweep_ms; /* 0: never */
	uint64_t sweep_overlap_ms;
};

extern const struct source_ops graph_alerts_ops;

#endif
