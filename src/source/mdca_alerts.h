/* source/mdca_alerts.h -- alerts of Defender for Cloud Apps. */
/* SPDX-License-Identifier: ISC */
#ifndef SOURCE_MDCA_ALERTS_H
#define SOURCE_MDCA_ALERTS_H

#include <stdbool.h>
#include <stdint.h>

struct source_ops;

struct mdca_alerts_conf {
	char *api_filter; /* NULL: none */
	uint64_t page_size;
	uint64_t settle_ms;
	uint64_t sweep_ms; /* 0: never */
	uint64_t sweep_overlap_ms;
	bool updates;
};

extern const struct source_ops mdca_alerts_ops;

#endif
