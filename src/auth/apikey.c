/*
 * auth/apikey.c -- a key that was given once and for all.
 *
 * Nobody needs to be asked for it.  The file is read afresh every hour, and
 * when the API refuses the key, so that a new one needs no restart.
 */
/* SPDX-License-Identifier: ISC */
#include "auth/apikey.h"

#include "auth/auth.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/xalloc.h"

#define KEY_MAX 4096
#define LIFE_MS (60 * 60 * 1000)

struct apikey {
	struct auth auth; /* first: what the others see */
	char *path;       /* owned */
};

static void
apikey_close(struct auth **ap)
{
	struct apikey *k = (struct apikey *)*ap;

	*ap = NULL;
	if (k == NULL)
		return;
	xfree(k->path);
	xfree(k);
}

/* It goes into a header line. */
static bool
is_key(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] <= 0x20 || s.p[i] >= 0x7f)
			return false;
	}
	return s.len > 0 && s.len <= KEY_MAX;
}

static int
apikey_ask(struct auth *a, const char *scope, uint64_t wall_ms,
    struct httpreq *req_r, struct auth_token *token_r, struct err *err)
{
	struct apikey *k = (struct apikey *)a;
	struct secret *key = secret_read(k->path, err);

	(void)scope;
	(void)wall_ms;
	(void)req_r;
	if (key == NULL)
		return err_prefix(err, "mdca-token-file: ");
	if (!is_key(secret_reveal(key))) {
		secret_free(&key);
		return err_set(err, ERR_CONF,
		    "mdca-token-file: %s: its first line is no API token",
		    k->path);
	}
	*token_r = (struct auth_token){ .bearer = key, .life_ms = LIFE_MS };
	return 0;
}

static int
apikey_read(struct auth *a, const struct httpresp *resp, struct str body,
    uint64_t wall_ms, struct auth_token *token_r, struct err *err)
{
	(void)a;
	(void)resp;
	(void)body;
	(void)wall_ms;
	(void)token_r;
	return err_set(err, ERR_BUG, "an answer, though nobody was asked");
}

struct auth *
apikey_new(const struct auth_conf *conf, struct err *err)
{
	static const struct auth_ops ops = {
		.name = "api-token",
		.scheme = "Token",
		.ask = apikey_ask,
		.read = apikey_read,
		.close = apikey_close,
	};
	struct apikey *k = xcalloc(1, sizeof(*k));

	(void)err;
	k->auth.ops = &ops;
	k->path = xstrdup(conf->token_file);
	return &k->auth;
}
