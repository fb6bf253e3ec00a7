/* source/graph_audit.h -- searches in the audit log, by Microsoft Graph. */
/* SPDX-License-Identifier: ISC */
#ifndef SOURCE_GRAPH_AUDIT_H
#define SOURCE_GRAPH_AUDIT_H

#include <stdint.h>

#include "base/opt.h"

struct source_ops;

struct graph_audit_conf {
	int api_version;                          /* 0: v1.0; 1: beta */
	struct opt_list record_types, operations; /* empty: all */
	uint64_t window_ms;
	uint64_t settle_ms;
};

extern const struct source_ops graph_audit_ops;

#endif
