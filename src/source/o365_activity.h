/* source/o365_activity.h -- the Office 365 Management Activity API. */
/* SPDX-License-Identifier: ISC */
#ifndef SOURCE_O365_ACTIVITY_H
#define SOURCE_O365_ACTIVITY_H

#include <stdint.h>

#include "base/opt.h"

struct source_ops;

struct o365_activity_conf {
	struct opt_list content_types; /* empty: the five that there are */
	char *publisher_id;            /* NULL: the tenant's own id */
	uint64_t window_ms;
	uint64_t settle_ms;
	uint64_t sweep_ms; /* 0: never */
	uint64_t sweep_overlap_ms;
	uint64_t subscription_check_ms;
};

extern const struct source_ops o365_activity_ops;

#endif
