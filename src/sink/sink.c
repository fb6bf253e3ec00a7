/* sink/sink.c -- the kinds of output there are. */
/* SPDX-License-Identifier: ISC */
#include "sink/sink.h"

#include <string.h>

const struct sink_ops *const sink_table[] = {
	&syslog_out_ops,
	&file_out_ops,
	&stdout_out_ops,
	NULL,
};

const struct sink_ops *
sink_find(const char *name)
{
	for (size_t i = 0; sink_table[i] != NULL; i++)
		if (strcmp(sink_table[i]->name, name) == 0)
			return sink_table[i];
	return NULL;
}
