/*
 * auth/federated.c -- logs in at Entra with another issuer's token.
 *
 * The token is passed on as it stands in the file; Kubernetes, or whoever
 * else wrote it, replaces it before it ends.  Kubernetes writes it readable
 * for all in the pod, so its mode is no reason to refuse it.
 */
/* SPDX-License-Identifier: ISC */
#include "auth/federated.h"

#include <stddef.h>

#include "auth/auth.h"
#include "auth/entra.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "codec/httpmsg.h"

struct federated {
	struct entra_proof proof; /* first */
	char *file;               /* owned */
};

/* Three parts in the alphabet of web addresses, with a dot between them. */
static bool
is_jwt(struct str s)
{
	unsigned dots = 0;

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c <= ' ' || c >= 0x7f)
			return false;
		dots += c == '.';
	}
	return dots == 2;
}

static int
federated_add(struct entra_proof *p, const struct entra_login *login,
    struct httpreq *req, struct secret **sent_r, struct err *err)
{
	struct federated *f = (struct federated *)p;
	struct secret *token = secret_load(f->file, SECRET_SHARED, err);

	(void)login;
	if (token == NULL)
		return err_prefix(err, "federated-token-file: ");
	if (!is_jwt(secret_reveal(token))) {
		secret_free(&token);
		return err_set(err, ERR_CONF,
		    "federated-token-file: %s: holds no token (three parts"
		    " with dots between them)",
		    f->file);
	}
	httpreq_form(
	    req, "client_assertion_type", STR_LIT(ENTRA_ASSERTION_TYPE));
	httpreq_form(req, "client_assertion", secret_reveal(token));
	*sent_r = token;
	return 0;
}

static void
federated_close(struct entra_proof **pp)
{
	struct federated *f = (struct federated *)*pp;

	*pp = NULL;
	xfree(f->file);
	xfree(f);
}

struct auth *
federated_new(const struct auth_conf *conf, struct err *err)
{
	static const struct entra_proof_ops ops = {
		.name = "federated token",
		.add = federated_add,
		.close = federated_close,
	};
	struct federated *f = xcalloc(1, sizeof(*f));

	f->proof.ops = &ops;
	f->file = xstrdup(conf->federated_file);
	return entra_new(conf, &f->proof, err);
}
