/*
 * auth/entra.c -- logs in at Microsoft Entra ID, as an application.
 *
 * The client credentials grant of the v2.0 endpoint.  The ways to log in
 * differ in one thing only, the proof that goes into the form.  Its files are
 * read at each request, so that what is rotated needs no restart.
 */
/* SPDX-License-Identifier: ISC */
#include "auth/entra.h"

#include <string.h>

#include "auth/answer.h"
#include "auth/auth.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/xalloc.h"
#include "codec/httpmsg.h"
#include "codec/uri.h"

struct entra {
	struct auth auth; /* first: what the others see */
	struct auth_ops ops;
	char *login_url, *tenant_id, *client_id; /* owned */
	struct entra_proof *proof;               /* owned */
	struct secret *sent; /* to blot it out where a server echoes it */
};

static void
entra_close(struct auth **ap)
{
	struct entra *e = (struct entra *)*ap;

	*ap = NULL;
	if (e == NULL)
		return;
	e->proof->ops->close(&e->proof);
	secret_free(&e->sent);
	xfree(e->login_url);
	xfree(e->tenant_id);
	xfree(e->client_id);
	xfree(e);
}

static int
entra_ask(struct auth *a, const char *scope, uint64_t wall_ms,
    struct httpreq *req_r, struct auth_token *token_r, struct err *err)
{
	struct entra *e = (struct entra *)a;
	struct entra_login login = { .client_id = e->client_id,
		.wall_ms = wall_ms };
	struct secret *sent = NULL;

	(void)token_r;
	req_r->method = HTTP_POST;
	buf_add_text(&req_r->url, e->login_url);
	buf_add_char(&req_r->url, '/');
	uri_encode(&req_r->url, str_of(e->tenant_id));
	buf_add_text(&req_r->url, "/oauth2/v2.0/token");
	httpreq_header(req_r, "Accept", "application/json");
	httpreq_header(
	    req_r, "Content-Type", "application/x-www-form-urlencoded");
	httpreq_form(req_r, "client_id", str_of(e->client_id));
	httpreq_form(req_r, "scope", str_of(scope));
	login.endpoint = buf_str(&req_r->url);
	if (e->proof->ops->add(e->proof, &login, req_r, &sent, err) < 0)
		return -1;
	secret_free(&e->sent);
	e->sent = sent;
	httpreq_form(req_r, "grant_type", STR_LIT("client_credentials"));
	return 1;
}

static int
entra_read(struct auth *a, const struct httpresp *resp, struct str body,
    uint64_t wall_ms, struct auth_token *token_r, struct err *err)
{
	struct entra *e = (struct entra *)a;
	struct answer answer;
	int rc;

	answer_init(&answer, body);
	if (resp->status == 200 && answer.is_json && answer.word.len == 0) {
		rc = answer_token(&answer, wall_ms, token_r, err);
		if (rc < 0)
			err_prefix(err, "login failed: ");
		goto out;
	}
	if (e->sent != NULL)
		answer_blot(&answer, secret_reveal(e->sent));
	rc = answer_refusal(&answer, resp, wall_ms, err);
	if (e->proof->ops->refused != NULL && answer.code != 0 &&
	    e->proof->ops->refused(e->proof, resp->tag, answer.code))
		err->kind = ERR_LOGIN;
out:
	answer_clear(&answer);
	return rc;
}

static uint64_t
entra_ends_ms(const struct auth *a)
{
	const struct entra *e = (const struct entra *)a;

	return e->proof->ops->ends_ms != NULL ? e->proof->ops->ends_ms(e->proof)
					      : 0;
}

/* --- its birth ---------------------------------------------------------- */

static int
check(const struct auth_conf *conf, struct err *err)
{
	static const char *const many[] = { "common", "organizations",
		"consumers" };
	struct uri uri;

	if (conf->tenant_id == NULL || *conf->tenant_id == '\0')
		return err_set(err, ERR_CONF, "logging in needs tenant-id");
	if (conf->client_id == NULL || *conf->client_id == '\0')
		return err_set(err, ERR_CONF,
		    "logging in needs client-id: application id of the"
		    " registration");
	for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++) {
		if (strcmp(conf->tenant_id, many[i]) == 0)
			return err_set(err, ERR_CONF,
			    "tenant-id: \"%s\" is no tenant of its own; write"
			    " its GUID or domain",
			    many[i]);
	}
	if (conf->login_url == NULL)
		return err_set(err, ERR_CONF, "logging in needs login-url");
	if (uri_parse(str_of(conf->login_url), &uri, err) < 0) {
		err->kind = ERR_CONF;
		return err_prefix(err, "login-url: ");
	}
	return 0;
}

struct auth *
entra_new(
    const struct auth_conf *conf, struct entra_proof *proof, struct err *err)
{
	struct str login;
	struct entra *e;

	if (check(conf, err) < 0) {
		proof->ops->close(&proof);
		return NULL;
	}
	login = str_of(conf->login_url);
	while (login.len > 0 && login.p[login.len - 1] == '/')
		login.len--;
	e = xcalloc(1, sizeof(*e));
	e->ops = (struct auth_ops){
		.name = proof->ops->name,
		.ask = entra_ask,
		.read = entra_read,
		.ends_ms = entra_ends_ms,
		.close = entra_close,
	};
	e->auth.ops = &e->ops;
	e->login_url = xstrndup(login.p, login.len);
	e->tenant_id = xstrdup(conf->tenant_id);
	e->client_id = xstrdup(conf->client_id);
	e->proof = proof;
	return &e->auth;
}

/* --- the plainest proof: a secret --------------------------------------- */

struct password {
	struct entra_proof proof; /* first */
	char *file;               /* owned */
};

static int
password_add(struct entra_proof *p, const struct entra_login *login,
    struct httpreq *req, struct secret **sent_r, struct err *err)
{
	struct password *w = (struct password *)p;

	(void)login;
	*sent_r = secret_read(w->file, err);
	if (*sent_r == NULL)
		return err_prefix(err, "secret-file: ");
	httpreq_form(req, "client_secret", secret_reveal(*sent_r));
	return 0;
}

static void
password_close(struct entra_proof **pp)
{
	struct password *w = (struct password *)*pp;

	*pp = NULL;
	xfree(w->file);
	xfree(w);
}

struct auth *
entra_secret_new(const struct auth_conf *conf, struct err *err)
{
	static const struct entra_proof_ops ops = {
		.name = "client-secret",
		.add = password_add,
		.close = password_close,
	};
	struct password *w = xcalloc(1, sizeof(*w));

	w->proof.ops = &ops;
	w->file = xstrdup(conf->secret_file);
	return entra_new(conf, &w->proof, err);
}
