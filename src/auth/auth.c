/* auth/auth.c -- picks the way to log in that a tenant's section describes. */
/* SPDX-License-Identifier: ISC */
#include "auth/auth.h"

#include <stddef.h>

#include "auth/apikey.h"
#include "auth/entra.h"
#include "base/err.h"

static const struct {
	const char *option; /* whose presence asks for this way */
	size_t offset;      /* in auth_conf */
	struct auth *(*open)(const struct auth_conf *conf, struct err *err);
} ways[] = {
	{ "secret-file", offsetof(struct auth_conf, secret_file),
	    entra_secret_new },
	{ "mdca-token-file", offsetof(struct auth_conf, token_file),
	    apikey_new },
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

static bool
is_asked_for(const struct auth_conf *conf, size_t way)
{
	const char *const *field =
	    (const void *)((const char *)conf + ways[way].offset);

	return *field != NULL && **field != '\0';
}

struct auth *
auth_new(const struct auth_conf *conf, struct err *err)
{
	size_t way = WAYS;

	for (size_t i = 0; i < WAYS; i++) {
		if (!is_asked_for(conf, i))
			continue;
		if (way < WAYS) {
			err_set(err, ERR_CONF,
			    "%s and %s: one of them says how to log in, not"
			    " both",
			    ways[way].option, ways[i].option);
			return NULL;
		}
		way = i;
	}
	if (way == WAYS) {
		err_set(err, ERR_CONF, "no way to log in: set secret-file");
		return NULL;
	}
	return ways[way].open(conf, err);
}

void
auth_free(struct auth **ap)
{
	if (*ap != NULL)
		(*ap)->ops->close(ap);
}

const struct auth_ops *
auth_ops(const struct auth *a)
{
	return a->ops;
}
