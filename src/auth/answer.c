/*
 * auth/answer.c -- what a token endpoint answers: a token, or a refusal.
 *
 * Status numbers of refusals vary; what counts is the number in the answer's
 * error_codes, and where that is unknown, the word in `error`.
 */
/* SPDX-License-Identifier: ISC */
#include "auth/answer.h"

#include <inttypes.h>
#include <string.h>

#include "auth/aadsts.h"
#include "auth/auth.h"
#include "base/err.h"
#include "base/secret.h"
#include "codec/httpmsg.h"
#include "codec/rfc3339.h"
#include "codec/uri.h"

#define WORDS_MAX 4096
#define BEARER_MAX (48 * 1024)
#define LIFE_MAX_S (7 * 24 * 3600)
#define SHOWN_MAX 200 /* bytes of what the server says */
#define MASKED_MIN 4  /* a shorter secret would blot out common words */

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

/*
 * Seconds that it lives.  Managed identities write all numbers as texts, and
 * some say when it ends instead.
 */
static int64_t
life_of(const struct json_doc *doc, uint64_t wall_ms, struct buf *scratch)
{
	uint32_t on = json_member(doc, 0, STR_LIT("expires_on"));
	int64_t life_s = 0, ends_s = 0, ends_ms = 0;

	if (json_i64(doc, json_member(doc, 0, STR_LIT("expires_in")), &life_s))
		return life_s;
	if (json_i64(doc, on, &ends_s))
		return ends_s - (int64_t)(wall_ms / 1000);
	if (rfc3339_parse_ms(json_text(doc, on, scratch), &ends_ms))
		return (ends_ms - (int64_t)wall_ms) / 1000;
	return 0;
}

int
answer_token(const struct answer *a, uint64_t wall_ms,
    struct auth_token *token_r, struct err *err)
{
	const struct json_doc *doc = &a->doc;
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
	life_s = life_of(doc, wall_ms, &scratch);
	bearer = json_text(
	    doc, json_member(doc, 0, STR_LIT("access_token")), &scratch);
	if (!is_bearer(bearer)) {
		err_set(err, ERR_RETRY, "an answer without a usable token");
		goto out;
	}
	if (life_s <= 0) {
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

static void
blot_out(struct buf *text, struct str secret)
{
	ptrdiff_t at;

	while ((at = find_text(buf_str(text), secret)) >= 0)
		memset(text->p + at, '*', secret.len);
}

void
answer_blot(struct answer *a, struct str secret)
{
	struct buf encoded;

	if (secret.len < MASKED_MIN)
		return;
	buf_init(&encoded, 3 * secret.len + 1);
	uri_encode(&encoded, secret);
	blot_out(&a->word, secret);
	blot_out(&a->word, buf_str(&encoded));
	blot_out(&a->description, secret);
	blot_out(&a->description, buf_str(&encoded));
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

static int
tell(const struct answer *a, struct str says, struct err *err)
{
	const struct aadsts *row = aadsts_find(a->code);

	if (row == NULL)
		return err_set(err, kind_of_word(buf_str(&a->word)),
		    "login refused: %.*s: %.*s", STR_ARG(buf_str(&a->word)),
		    STR_ARG(says));
	return err_set(err, row->kind,
	    "login refused: %s%s%s [AADSTS%" PRIu32 "]", row->what,
	    row->to_do != NULL ? "; " : "",
	    row->to_do != NULL ? row->to_do : "", row->code);
}

int
answer_refusal(const struct answer *a, const struct httpresp *resp,
    uint64_t wall_ms, struct err *err)
{
	struct str says = shown(buf_str(&a->description));
	struct err by_status;

	if (resp->status == 200 && !a->is_json)
		return err_set(err, ERR_RETRY,
		    "login failed: the answer is not JSON; is the address"
		    " right, or a proxy in between?");
	if (httpresp_check(resp, says, wall_ms, &by_status) == 0)
		err_set(&by_status, a->word.len > 0 ? ERR_CONF : ERR_RETRY,
		    "no token in the answer");
	/* Too many requests, or trouble of the service's own. */
	if (a->word.len == 0 || by_status.kind == ERR_WAIT ||
	    by_status.kind == ERR_RETRY) {
		*err = by_status;
		if (err->kind != ERR_WAIT && err->kind != ERR_RETRY)
			err->kind = ERR_CONF;
		return err_prefix(err, "login failed: ");
	}
	tell(a, says, err);
	if (a->correlation.len > 0 && a->correlation.len <= 64) {
		struct err told = *err;

		err_set(err, told.kind, "%s (correlation id %.*s)", told.text,
		    STR_ARG(buf_str(&a->correlation)));
	}
	return -1;
}

/* --- both --------------------------------------------------------------- */

void
answer_init(struct answer *a, struct str body)
{
	*a = (struct answer){ .is_json = false };
	json_init(&a->doc, 0, 0);
	buf_init(&a->word, WORDS_MAX);
	buf_init(&a->description, WORDS_MAX);
	buf_init(&a->correlation, WORDS_MAX);
	a->is_json = json_parse(&a->doc, body, NULL) == 0 &&
	    json_type(&a->doc, 0) == JSON_OBJECT;
	if (!a->is_json)
		return;
	json_decode(
	    &a->doc, json_member(&a->doc, 0, STR_LIT("error")), &a->word);
	json_decode(&a->doc,
	    json_member(&a->doc, 0, STR_LIT("error_description")),
	    &a->description);
	json_decode(&a->doc, json_member(&a->doc, 0, STR_LIT("correlation_id")),
	    &a->correlation);
	a->code = code_of(&a->doc, buf_str(&a->description));
}

void
answer_clear(struct answer *a)
{
	json_clear(&a->doc);
	buf_clear(&a->word);
	buf_clear(&a->description);
	buf_clear(&a->correlation);
}
