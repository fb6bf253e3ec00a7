/* source/graph_any.h -- any collection of Microsoft Graph, as configured. */
/* SPDX-License-Identifier: ISC */
#ifndef SOURCE_GRAPH_ANY_H
#define SOURCE_GRAPH_ANY_H

#include <stdbool.h>
#include <stdint.h>

struct source_ops;

struct graph_any_conf {
	char *path, *query;
	char *records, *id, *time, *version; /* JSONPaths; NULL: none */
	bool eventual;
	uint64_t settle_ms;
};

extern const struct source_ops graph_any_ops;

#endif
