/* source/source.c -- the table of the source types. */
/* SPDX-License-Identifier: ISC */
#include "source/source.h"

#include <string.h>

#include "source/file_in.h"
#include "source/graph_alerts.h"
#include "source/graph_any.h"
#include "source/graph_audit.h"
#include "source/graph_incidents.h"
#include "source/log_analytics.h"
#include "source/mdca_activities.h"
#include "source/mdca_alerts.h"
#include "source/o365_activity.h"

const struct source_ops *const source_table[] = {
	&file_in_ops,
	&graph_alerts_ops,
	&graph_any_ops,
	&graph_audit_ops,
	&graph_incidents_ops,
	&log_analytics_ops,
	&mdca_activities_ops,
	&mdca_alerts_ops,
	&o365_activity_ops,
	NULL,
};

struct source_api
source_api(const struct source_ops *ops, const void *conf)
{
	if (ops->api_of != NULL)
		return ops->api_of(conf);
	return (struct source_api){ ops->api, ops->permission, ops->limits };
}

const struct source_ops *
source_find(const char *name)
{
	for (size_t i = 0; source_table[i] != NULL; i++) {
		if (strcmp(source_table[i]->name, name) == 0)
			return source_table[i];
	}
	return NULL;
}
