/* auth/cert.c -- logs in at Entra with a certificate and its key. */
/* SPDX-License-Identifier: ISC */
#include "auth/cert.h"

#include <assert.h>
#include <stddef.h>

#include "auth/auth.h"
#include "auth/entra.h"
#include "auth/jwt.h"
#include "base/buf.h"
#include "base/secret.h"
#include "base/xalloc.h"
#include "codec/httpmsg.h"

#define ASSERTION_MAX 16384
#define NOT_REGISTERED 700027 /* says Entra of the certificate */

struct cert {
	struct entra_proof proof;               /* first */
	char *cert_file, *key_file, *pass_file; /* owned; may be NULL */
	enum auth_alg alg;
	unsigned current; /* the one to try first */
	unsigned n;       /* how many there were the last time */
	uint64_t ends_ms; /* of the one last used */
};

/* One that is valid now, if there is one; the current one before others. */
static unsigned
choose(const struct cert *c, const struct jwt_keys *keys, uint64_t wall_ms)
{
	assert(c->n > 0);
	for (unsigned k = 0; k < c->n; k++) {
		unsigned i = (c->current + k) % c->n;

		if (jwt_begins_ms(keys, i) <= wall_ms &&
		    wall_ms < jwt_ends_ms(keys, i))
			return i;
	}
	return c->current % c->n;
}

static int
cert_add(struct entra_proof *p, const struct entra_login *login,
    struct httpreq *req, struct secret **sent_r, struct err *err)
{
	struct cert *c = (struct cert *)p;
	struct jwt_claims claims = { .aud = login->endpoint,
		.client_id = str_of(login->client_id),
		.wall_ms = login->wall_ms };
	struct jwt_keys *keys;
	struct buf assertion;
	int rc;

	keys = jwt_keys_read(c->cert_file, c->key_file, c->pass_file, err);
	if (keys == NULL)
		return -1;
	c->n = (unsigned)jwt_keys_count(keys);
	req->tag = choose(c, keys, login->wall_ms);
	c->ends_ms = jwt_ends_ms(keys, req->tag);
	buf_init(&assertion, ASSERTION_MAX);
	rc = jwt_sign(keys, req->tag, c->alg, &claims, &assertion, err);
	if (rc == 0) {
		httpreq_form(req, "client_assertion_type",
		    STR_LIT(ENTRA_ASSERTION_TYPE));
		httpreq_form(req, "client_assertion", buf_str(&assertion));
		*sent_r = secret_new(buf_str(&assertion));
	}
	buf_clear(&assertion);
	jwt_keys_free(&keys);
	return rc;
}

/* Requests for several APIs may be under way: only the first answer turns. */
static bool
cert_refused(struct entra_proof *p, unsigned tag, uint32_t code)
{
	struct cert *c = (struct cert *)p;

	if (code != NOT_REGISTERED || c->n < 2)
		return false;
	if (tag == c->current % c->n)
		c->current = (tag + 1) % c->n;
	return true;
}

static uint64_t
cert_ends_ms(const struct entra_proof *p)
{
	return ((const struct cert *)p)->ends_ms;
}

static void
cert_close(struct entra_proof **pp)
{
	struct cert *c = (struct cert *)*pp;

	*pp = NULL;
	xfree(c->cert_file);
	xfree(c->key_file);
	xfree(c->pass_file);
	xfree(c);
}

static char *
copy(const char *text)
{
	return text != NULL && *text != '\0' ? xstrdup(text) : NULL;
}

struct auth *
cert_new(const struct auth_conf *conf, struct err *err)
{
	static const struct entra_proof_ops ops = {
		.name = "certificate",
		.add = cert_add,
		.refused = cert_refused,
		.ends_ms = cert_ends_ms,
		.close = cert_close,
	};
	struct cert *c = xcalloc(1, sizeof(*c));

	c->proof.ops = &ops;
	c->cert_file = copy(conf->cert_file);
	c->key_file = copy(conf->key_file);
	c->pass_file = copy(conf->key_pass_file);
	c->alg = conf->alg;
	return entra_new(conf, &c->proof, err);
}
