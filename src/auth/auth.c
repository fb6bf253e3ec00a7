/* auth/auth.c -- picks the way to log in that a tenant's section describes. */
/* SPDX-License-Identifier: ISC */
#include "auth/auth.h"

#include <stddef.h>
#include <string.h>

#include "auth/apikey.h"
#include "auth/cert.h"
#include "auth/entra.h"
#include "auth/federated.h"
#include "auth/msi.h"
#include "base/err.h"
#include "base/secret.h"
#include "codec/httpmsg.h"

static bool
is_set(const char *text)
{
	return text != NULL && *text != '\0';
}

static bool
has_secret(const struct auth_conf *conf)
{
	return is_set(conf->secret_file);
}

static bool
has_cert(const struct auth_conf *conf)
{
	return is_set(conf->cert_file);
}

static bool
has_federated(const struct auth_conf *conf)
{
	return is_set(conf->federated_file);
}

static bool
has_identity(const struct auth_conf *conf)
{
	return conf->identity != AUTH_IDENTITY_NONE;
}

static bool
has_token(const struct auth_conf *conf)
{
	return is_set(conf->token_file);
}

static const struct {
	const char *option; /* that asks for this way */
	bool (*is_asked_for)(const struct auth_conf *conf);
	struct auth *(*open)(const struct auth_conf *conf, struct err *err);
} ways[] = {
	{ "secret-file", has_secret, entra_secret_new },
	{ "certificate-file", has_cert, cert_new },
	{ "federated-token-file", has_federated, federated_new },
	{ "managed-identity", has_identity, msi_new },
	{ "mdca-token-file", has_token, apikey_new },
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

/* What only means something beside another option. */
static int
check_company(const struct auth_conf *conf, struct err *err)
{
	const struct {
		const char *option, *needs;
		bool is_there, has_company;
	} rows[] = {
		{ "key-file", "certificate-file", is_set(conf->key_file),
		    has_cert(conf) },
		{ "key-pass-file", "certificate-file",
		    is_set(conf->key_pass_file), has_cert(conf) },
		{ "managed-identity-client-id", "managed-identity",
		    is_set(conf->identity_client_id), has_identity(conf) },
		{ "identity-url", "managed-identity",
		    is_set(conf->identity_url), has_identity(conf) },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].is_there && !rows[i].has_company)
			return err_set(err, ERR_CONF, "%s: there is no %s",
			    rows[i].option, rows[i].needs);
	return 0;
}

struct auth *
auth_new(const struct auth_conf *conf, struct err *err)
{
	size_t way = WAYS;

	for (size_t i = 0; i < WAYS; i++) {
		if (!ways[i].is_asked_for(conf))
			continue;
		if (way < WAYS) {
			err_set(err, ERR_CONF,
			    "%s and %s: one of them says how to log in, not"
			    " both",
			    ways[i].option, ways[way].option);
			return NULL;
		}
		way = i;
	}
	if (check_company(conf, err) < 0)
		return NULL;
	if (way == WAYS) {
		err_set(err, ERR_CONF,
		    "there is no way to log in: it needs secret-file,"
		    " certificate-file, federated-token-file or"
		    " managed-identity");
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

int
auth_check(struct auth *a, uint64_t wall_ms, struct err *err)
{
	struct auth_token token = { .bearer = NULL };
	struct httpreq req;
	int rc;

	httpreq_init(&req);
	rc = a->ops->ask(a, "", wall_ms, &req, &token, err);
	secret_free(&token.bearer);
	if (req.body.p != NULL)
		explicit_bzero(req.body.p, req.body.size);
	httpreq_clear(&req);
	return rc < 0 ? -1 : 0;
}

uint64_t
auth_ends_ms(const struct auth *a)
{
	return a->ops->ends_ms != NULL ? a->ops->ends_ms(a) : 0;
}
