/* source/log_analytics.h -- tables of a Log Analytics workspace. */
/* SPDX-License-Identifier: ISC */
#ifndef SOURCE_LOG_ANALYTICS_H
#define SOURCE_LOG_ANALYTICS_H

#include <stdint.h>

#include "base/opt.h"

struct source_ops;

struct log_analytics_conf {
	char *table, *query; /* one of them */
	char *time_column;
	struct opt_list id_columns; /* empty: the preset's, or none */
	uint64_t page_size;
	uint64_t settle_ms;
	uint64_t sweep_ms; /* 0: never */
	uint64_t sweep_overlap_ms;
	uint64_t max_late_ms; /* 0: any */
};

extern const struct source_ops log_analytics_ops;

#endif
