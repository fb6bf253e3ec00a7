/*
 * auth/entra.c -- logs in at Microsoft Entra ID, as an application.
 *
 * The client credentials grant of the v2.0 endpoint.  The secret's file is
 * read at each request, so that a rotated secret needs no restart.  Status
 * numbers of refusals vary; what counts is the number in the answer's
 * error_codes, and where that is unknown, the word in `error`.
 */
/* SPDX-License-Identifier: ISC */
#include "auth/entra.h"

#include <inttypes.h>
#include <string.h>

#include "auth/aadsts.h"
#include "auth/auth.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/xalloc.h"
#include "codec/httpmsg.h"
#include "codec/json.h"
#include "codec/uri.h"

#define WORDS_MAX 4096
#define BEARER_MAX (48 * 1024)
#define LIFE_MAX_S (7 * 24 * 3600)
#define SHOWN_MAX 200 /* bytes of what the server says */
#define MASKED_MIN 4  /* a shorter secret would blot out common words */

struct entra {
	struct auth auth; /* first: what the others see */
	char *login_url, *tenant_id, *client_id, *secret_file; /* owned */
	struct secret *sent; /* to blot it out where a server echoes it */
};

static void
entra_close(struct auth **ap)
{
	struct entra *e = (struct entra *)*ap;

	*ap = NULL;
	if (e == NULL)
		return;
	secret_free(&e->sent);
	xfree(e->login_url);
	xfree(e->tenant_id);
	xfree(e->client_id);
	xfree(e->secret_file);
	xfree(e);
}

static int
entra_ask(struct auth *a, const char *scope, uint64_t wall_ms,
    struct httpreq *req_r, struct auth_token *token_r, struct err *err)
{
	struct entra *e = (struct entra *)a;
	struct secret *secret = secret_read(e->secret_file, err);

	(void)wall_ms;
	(void)token_r;
	if (secret == NULL)
		return err_prefix(err, "secret-file: ");
	secret_free(&e->sent);
	e->sent = secret;
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
	httpreq_form(req_r, "client_secret", secret_reveal(secret));
	httpreq_form(req_r, "grant_type", STR_LIT("client_credentials"));
	return 1;
}

/* --- a token ------------------------------------------------------------ */

/* It goes into a header line: printable, without blanks. */
static bool
is_bearer(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] <= 0x20 || s.p[i] >= 0x7f)
			return false;
	}
	return s.len > 0 && s.len <= BEARER_MAX;
}

static int
read_token(
    const struct json_doc *doc, struct auth_token *token_r, struct err *err)
{
	struct str type, bearer;
	struct buf scratch;
	int64_t life_s = 0, renew_s = 0;
	int rc = -1;

	buf_init(&scratch, BEARER_MAX);
	type = json_text(
	    doc, json_member(doc, 0, STR_LIT("token_type")), &scratch);
	if (!str_eq_nocase(type, STR_LIT("Bearer"))) {
		err_set(err, ERR_RETRY, "a token of type \"%.*s\", not Bearer",
		    type.len > 40 ? 40 : (int)type.len, type.p);
		goto out;
	}
	bearer = json_text(
	    doc, json_member(doc, 0, STR_LIT("access_token")), &scratch);
	if (!is_bearer(bearer)) {
		err_set(err, ERR_RETRY, "an answer without a usable token");
		goto out;
	}
	if (!json_i64(
		doc, json_member(doc, 0, STR_LIT("expires_in")), &life_s) ||
	    life_s <= 0) {
		err_set(err, ERR_RETRY,
		    "a token that does not say how long it"
		    " lives");
		goto out;
	}
	if (life_s > LIFE_MAX_S)
		life_s = LIFE_MAX_S;
	if (!json_i64(
		doc, json_member(doc, 0, STR_LIT("refresh_in")), &renew_s) ||
	    renew_s < 0 || renew_s > life_s)
		renew_s = 0;
	*token_r = (struct auth_token){
		.bearer = secret_new(bearer),
		.life_ms = (uint64_t)life_s * 1000,
		.renew_ms = (uint64_t)renew_s * 1000,
	};
	rc = 0;
out:
	if (scratch.p != NULL)
		explicit_bzero(scratch.p, scratch.size);
	buf_clear(&scratch);
	return rc;
}

/* --- a refusal ---------------------------------------------------------- */

/* What the words of OAuth mean where the number is not known. */
static const struct {
	const char *word;
	enum err_kind kind;
} oauth[] = {
	{ "temporarily_unavailable", ERR_RETRY },
	{ "server_error", ERR_RETRY },
	{ "access_denied", ERR_DENIED },
	{ "consent_required", ERR_DENIED },
	{ "interaction_required", ERR_DENIED },
};

static enum err_kind
kind_of_word(struct str word)
{
	for (size_t i = 0; i < sizeof(oauth) / sizeof(oauth[0]); i++) {
		if (str_is(word, oauth[i].word))
			return oauth[i].kind;
	}
	return ERR_CONF;
}

static ptrdiff_t
find_text(struct str s, struct str what)
{
	for (size_t i = 0; what.len > 0 && i + what.len <= s.len; i++) {
		if (memcmp(s.p + i, what.p, what.len) == 0)
			return (ptrdiff_t)i;
	}
	return -1;
}

/* Put stars over the secret, as it is and as it was sent. */
static void
blot_out(const struct entra *e, struct buf *text)
{
	struct buf encoded;
	struct str forms[2];
	ptrdiff_t at;

	if (e->sent == NULL || secret_reveal(e->sent).len < MASKED_MIN)
		return;
	forms[0] = secret_reveal(e->sent);
	buf_init(&encoded, 3 * forms[0].len + 1);
	uri_encode(&encoded, forms[0]);
	forms[1] = buf_str(&encoded);
	for (size_t i = 0; i < 2; i++) {
		while ((at = find_text(buf_str(text), forms[i])) >= 0)
			memset(text->p + at, '*', forms[i].len);
	}
	if (encoded.p != NULL)
		explicit_bzero(encoded.p, encoded.size);
	buf_clear(&encoded);
}

/* The first line of a description, without the ids that follow in it. */
static struct str
shown(struct str description)
{
	ptrdiff_t ids = find_text(description, STR_LIT(" Trace ID:"));

	if (ids >= 0)
		description.len = (size_t)ids;
	description = str_cut(&description, '\n');
	if (description.len > SHOWN_MAX)
		description.len = SHOWN_MAX;
	return str_trim(description);
}

struct refusal {
	struct buf word, description, correlation;
	uint32_t code;
};

static uint32_t
code_of(const struct json_doc *doc, struct str description)
{
	uint32_t codes = json_member(doc, 0, STR_LIT("error_codes"));
	struct str digits = description;
	uint64_t in_text = 0;
	int64_t code = 0;

	if (codes != JSON_NONE && json_type(doc, codes) == JSON_ARRAY &&
	    json_first(doc, codes) != JSON_NONE &&
	    json_i64(doc, json_first(doc, codes), &code) && code > 0 &&
	    code <= UINT32_MAX)
		return (uint32_t)code;
	if (!str_starts(digits, STR_LIT("AADSTS")))
		return 0;
	digits.p += 6;
	digits.len -= 6;
	if (!str_to_u64(str_cut(&digits, ':'), &in_text) ||
	    in_text > UINT32_MAX)
		return 0;
	return (uint32_t)in_text;
}

static void
refusal_init(struct refusal *r, const struct json_doc *doc)
{
	r->code = 0;
	buf_init(&r->word, WORDS_MAX);
	buf_init(&r->description, WORDS_MAX);
	buf_init(&r->correlation, WORDS_MAX);
	if (doc == NULL)
		return;
	json_decode(doc, json_member(doc, 0, STR_LIT("error")), &r->word);
	json_decode(doc, json_member(doc, 0, STR_LIT("error_description")),
	    &r->description);
	json_decode(doc, json_member(doc, 0, STR_LIT("correlation_id")),
	    &r->correlation);
	r->code = code_of(doc, buf_str(&r->description));
}

static void
refusal_clear(struct refusal *r)
{
	buf_clear(&r->word);
	buf_clear(&r->description);
	buf_clear(&r->correlation);
}

static int
tell_refusal(struct entra *e, const struct httpresp *resp, struct refusal *r,
    uint64_t wall_ms, struct err *err)
{
	const struct aadsts *row = aadsts_find(r->code);
	struct err by_status;
	struct str says;

	blot_out(e, &r->description);
	blot_out(e, &r->word);
	says = shown(buf_str(&r->description));
	if (httpresp_check(resp, says, wall_ms, &by_status) == 0)
		err_set(&by_status, r->word.len > 0 ? ERR_CONF : ERR_RETRY,
		    "no token in the answer");
	/* Too many requests, or trouble of the service's own. */
	if (r->word.len == 0 || by_status.kind == ERR_WAIT ||
	    by_status.kind == ERR_RETRY) {
		*err = by_status;
		if (err->kind != ERR_WAIT && err->kind != ERR_RETRY)
			err->kind = ERR_CONF;
		return err_prefix(err, "login failed: ");
	}
	if (row == NULL)
		err_set(err, kind_of_word(buf_str(&r->word)),
		    "login refused: %.*s: %.*s", STR_ARG(buf_str(&r->word)),
		    STR_ARG(says));
	else
		err_set(err, row->kind,
		    "login refused: %s%s%s [AADSTS%" PRIu32 "]", row->what,
		    row->to_do != NULL ? "; " : "",
		    row->to_do != NULL ? row->to_do : "", row->code);
	if (r->correlation.len > 0 && r->correlation.len <= 64) {
		struct err told = *err;

		err_set(err, told.kind, "%s (correlation id %.*s)", told.text,
		    STR_ARG(buf_str(&r->correlation)));
	}
	return -1;
}

static int
entra_read(struct auth *a, const struct httpresp *resp, struct str body,
    uint64_t wall_ms, struct auth_token *token_r, struct err *err)
{
	struct entra *e = (struct entra *)a;
	struct json_doc doc;
	struct refusal r;
	bool is_json;
	int rc = -1;

	json_init(&doc, 0, 0);
	is_json = json_parse(&doc, body, NULL) == 0 &&
	    json_type(&doc, 0) == JSON_OBJECT;
	refusal_init(&r, is_json ? &doc : NULL);
	if (resp->status == 200 && is_json && r.word.len == 0) {
		rc = read_token(&doc, token_r, err);
		if (rc < 0)
			err_prefix(err, "login failed: ");
	} else if (resp->status == 200 && !is_json) {
		err_set(err, ERR_RETRY,
		    "login failed: the answer is not JSON; is login-url"
		    " right, or a proxy in between?");
	} else {
		rc = tell_refusal(e, resp, &r, wall_ms, err);
	}
	refusal_clear(&r);
	json_clear(&doc);
	return rc;
}

/* --- its birth ---------------------------------------------------------- */

static int
check(const struct auth_conf *conf, struct err *err)
{
	static const char *const many[] = { "common", "organizations",
		"consumers" };
	struct uri uri;

	if (conf->tenant_id == NULL || *conf->tenant_id == '\0')
		return err_set(err, ERR_CONF, "tenant-id is missing");
	if (conf->client_id == NULL || *conf->client_id == '\0')
		return err_set(err, ERR_CONF, "client-id is missing");
	for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++) {
		if (strcmp(conf->tenant_id, many[i]) == 0)
			return err_set(err, ERR_CONF,
			    "tenant-id: \"%s\" is no tenant of its own; write"
			    " its GUID or domain",
			    many[i]);
	}
	if (conf->login_url == NULL)
		return err_set(err, ERR_CONF, "login-url is missing");
	if (uri_parse(str_of(conf->login_url), &uri, err) < 0) {
		err->kind = ERR_CONF;
		return err_prefix(err, "login-url: ");
	}
	return 0;
}

struct auth *
entra_secret_new(const struct auth_conf *conf, struct err *err)
{
	static const struct auth_ops ops = {
		.name = "client-secret",
		.ask = entra_ask,
		.read = entra_read,
		.close = entra_close,
	};
	struct str login;
	struct entra *e;

	if (check(conf, err) < 0)
		return NULL;
	login = str_of(conf->login_url);
	while (login.len > 0 && login.p[login.len - 1] == '/')
		login.len--;
	e = xcalloc(1, sizeof(*e));
	e->auth.ops = &ops;
	e->login_url = xstrndup(login.p, login.len);
	e->tenant_id = xstrdup(conf->tenant_id);
	e->client_id = xstrdup(conf->client_id);
	e->secret_file = xstrdup(conf->secret_file);
	return &e->auth;
}
