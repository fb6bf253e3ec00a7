/* source/mdca_activities.h -- the activity log of Defender for Cloud Apps. */
/* SPDX-License-Identifier: ISC */
#ifndef SOURCE_MDCA_ACTIVITIES_H
#define SOURCE_MDCA_ACTIVITIES_H

#include <stdbool.h>
#include <stdint.h>

struct source_ops;

struct mdca_activities_conf {
	char *api_filter; /* NULL: none */
	uint64_t page_size;
	bool scan;
	uint64_t settle_ms;
};

extern const struct source_ops mdca_activities_ops;

#endif
