/* tools/sim/sim_token.c -- the token endpoint, and who holds its tokens. */
/* SPDX-License-Identifier: ISC */
#include "tools/sim/sim_token.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/secret.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "codec/b64.h"
#include "codec/json.h"
#include "codec/uri.h"
#include "tools/sim/sim.h"
#include "tools/sim/sim_assertion.h"
#include "tools/sim/sim_call.h"
#include "tools/sim/sim_rng.h"

#define TOKENS 256       /* remembered; the oldest is forgotten */
#define TOKEN_CHARS 1200 /* about what the real ones have */
#define TOKEN_MOST 32768
#define FIELD_MOST 32768
#define DEFAULT "/.default"

/* --- tokens ---------------------------------------------------------------*/

struct token {
	char *text; /* owned; NULL: never given */
	uint64_t until_ms;
	bool revoked;
};

struct sim_tokens {
	struct token token[TOKENS]; /* a ring */
	uint64_t given;
	uint64_t seed;
};

struct sim_tokens *
sim_tokens_new(uint64_t seed)
{
	struct sim_tokens *t = xcalloc(1, sizeof(*t));

	t->seed = seed;
	return t;
}

void
sim_tokens_free(struct sim_tokens **tp)
{
	struct sim_tokens *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	for (size_t i = 0; i < TOKENS; i++)
		xfree(t->token[i].text);
	xfree(t);
}

void
sim_tokens_revoke(struct sim_tokens *t)
{
	for (size_t i = 0; i < TOKENS; i++)
		t->token[i].revoked = true;
}

static void
add_letters(struct buf *out, uint64_t h, size_t n)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789-_";

	for (size_t i = 0; i < n; i++) {
		buf_add_char(out, letters[h & 63]);
		h = sim_mix(h + i);
	}
}

/* The payload of a JWT; roles are written "A, B". */
static void
add_claims(struct buf *out, const struct sim *sim, const char *resource)
{
	struct str roles = str_of(sim->conf->roles);
	unsigned long long now = clock_wall_ms() / 1000;
	bool first = true;

	buf_add_text(out, "{\"aud\":");
	json_quote(out, str_of(resource));
	buf_addf(out, ",\"iat\":%llu,\"exp\":%llu", now,
	    now + (unsigned long long)sim->knobs.token_life);
	while (roles.p != NULL) {
		struct str role = str_trim(str_cut(&roles, ','));

		if (role.len == 0)
			continue;
		buf_add_text(out, first ? ",\"roles\":[" : ",");
		json_quote(out, role);
		first = false;
	}
	buf_add_text(out, first ? ",\"ver\":\"1.0\"}" : "],\"ver\":\"1.0\"}");
}

const char *
sim_tokens_give(struct sim *sim, const char *resource)
{
	struct sim_tokens *t = sim->tokens;
	struct token *token = &t->token[t->given % TOKENS];
	uint64_t h = sim_hash(t->seed, t->given++);
	struct buf text, claims;

	buf_init(&text, TOKEN_MOST);
	buf_init(&claims, TOKEN_MOST);
	if (sim->conf->roles != NULL) {
		b64_encode_url(
		    &text, STR_LIT("{\"alg\":\"RS256\",\"typ\":\"JWT\"}"));
		buf_add_char(&text, '.');
		add_claims(&claims, sim, resource);
		b64_encode_url(&text, buf_str(&claims));
		buf_add_char(&text, '.');
	}
	add_letters(&text, h,
	    text.len < TOKEN_CHARS - 64 ? TOKEN_CHARS - text.len : 64);
	buf_clear(&claims);
	xfree(token->text);
	token->text = buf_steal(&text);
	token->until_ms = clock_mono_ms() + sim->knobs.token_life * 1000;
	token->revoked = false;
	return token->text;
}

static bool
is_mdca_token(const struct sim_call *call, const char *text)
{
	const struct secret *token = call->sim->mdca_token;

	return token == NULL ? *text != '\0'
			     : str_eq(secret_reveal(token), str_of(text));
}

const char *
sim_tokens_check(struct sim_tokens *t, const struct sim_call *call)
{
	const char *h = sim_call_header(call, "Authorization");

	if (h == NULL)
		return "Access token is empty.";
	if (call->route->guard == SIM_MDCA && strncasecmp(h, "Token ", 6) == 0)
		return is_mdca_token(call, h + 6) ? NULL : "Invalid token.";
	if (strncasecmp(h, "Bearer ", 7) != 0)
		return "Authorization scheme is not Bearer.";
	for (size_t i = 0; i < TOKENS; i++) {
		const struct token *token = &t->token[i];

		if (token->text == NULL || strcmp(token->text, h + 7) != 0)
			continue;
		if (token->revoked)
			return "Continuous access evaluation: the token was"
			       " revoked.";
		if (token->until_ms <= clock_mono_ms())
			return "Lifetime validation failed, the token is"
			       " expired.";
		return NULL;
	}
	return "Signature validation failed, the token is unknown.";
}

/* --- refusals -------------------------------------------------------------*/

struct refusal {
	unsigned code;
	int status;
	const char *error;
	const char *text; /* "%s" is what was wrong, where there is one */
};

static const struct refusal refusals[] = {
	{ 7000215, 401, "invalid_client",
	    "The client secret is not a right one. The value is wanted, not the"
	    " identifier, of a secret of application '%s'." },
	{ 50012, 401, "invalid_client",
	    "The signed assertion is not good. %s" },
	{ 700021, 401, "invalid_client",
	    "The assertion is not by the application in 'client_id'.%s" },
	{ 700213, 401, "invalid_client",
	    "No federated identity record fits the subject of the"
	    " assertion.%s" },
	{ 7000222, 401, "invalid_client",
	    "The client secrets of application '%s' are expired." },
	{ 7000218, 401, "invalid_client",
	    "The request body must hold 'client_assertion' or"
	    " 'client_secret'.%s" },
	{ 700016, 400, "unauthorized_client",
	    "No application with identifier '%s' was found in the directory." },
	{ 7000112, 400, "unauthorized_client",
	    "Application '%s' is disabled." },
	{ 700027, 401, "invalid_client",
	    "The certificate that signed the assertion is not registered. %s" },
	{ 700024, 401, "invalid_client",
	    "The assertion is not within its valid time.%s" },
	{ 70011, 400, "invalid_scope",
	    "The value of parameter 'scope' is not valid: '%s'." },
	{ 70003, 400, "unsupported_grant_type",
	    "The grant type '%s' is not supported." },
	{ 90002, 400, "invalid_request",
	    "Tenant '%s' was not found. Look at the tenant's name and at the"
	    " cloud." },
	{ 900023, 400, "invalid_request",
	    "'%s' is neither a GUID nor the name of a domain." },
	{ 900144, 400, "invalid_request",
	    "The request body must hold the parameter '%s'." },
	{ 500011, 400, "invalid_resource",
	    "The resource principal '%s' was not found in the tenant." },
	{ 53003, 400, "access_denied",
	    "Access is blocked by a Conditional Access policy.%s" },
	{ 65001, 400, "invalid_grant",
	    "Nobody has consented to the application '%s'." },
	{ 50196, 400, "invalid_grant",
	    "The server ended this: a client loop was seen.%s" },
	{ 90055, 429, "temporarily_unavailable",
	    "The tenant asks for too many tokens.%s" },
	{ 90033, 503, "temporarily_unavailable",
	    "A passing error has occurred. Try again.%s" },
	{ 0, 400, "invalid_request", "The request was refused.%s" },
};

static const struct refusal *
find_refusal(unsigned code)
{
	const struct refusal *r = refusals;

	while (r->code != 0 && r->code != code)
		r++;
	return r;
}

/* "...%s..." with word in it, and as the text of a JSON string. */
static void
put_text(struct buf *out, const char *text, const char *word)
{
	const char *at = strstr(text, "%s");

	if (at == NULL) {
		buf_add_text(out, text);
		return;
	}
	buf_add(out, text, (size_t)(at - text));
	sim_put_plain(out, word);
	buf_add_text(out, at + 2);
}

static void
put_timestamp(struct buf *out)
{
	time_t t = (time_t)(clock_wall_ms() / 1000);
	char text[32];
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%SZ", &tm);
	buf_add_text(out, text);
}

/* The description repeats the ids and the time, on lines of their own. */
static void
refuse(struct sim_call *call, unsigned code, const char *word)
{
	const struct refusal *r = find_refusal(code);
	struct buf *out = &call->rest;
	struct buf trace, correlation;

	buf_init(&trace, 64);
	buf_init(&correlation, 64);
	sim_call_guid(call, &trace);
	sim_call_guid(call, &correlation);
	sim_call_restart(call);
	call->status = r->status;
	buf_addf(out,
	    "{\"error\":\"%s\",\"error_description\":\"AADSTS%u: ", r->error,
	    code);
	put_text(out, r->text, word);
	buf_addf(out,
	    "\\r\\nTrace ID: %s\\r\\nCorrelation ID: %s\\r\\nTimestamp: ",
	    buf_cstr(&trace), buf_cstr(&correlation));
	put_timestamp(out);
	buf_addf(out, "\",\"error_codes\":[%u],\"timestamp\":\"", code);
	put_timestamp(out);
	buf_addf(out,
	    "\",\"trace_id\":\"%s\",\"correlation_id\":\"%s\",\"error_uri\":\"",
	    buf_cstr(&trace), buf_cstr(&correlation));
	sim_call_origin(call, out);
	buf_addf(out, "/error?code=%u\"}", code);
	buf_clear(&trace);
	buf_clear(&correlation);
}

void
sim_token_fail(struct sim_call *call, int status, const char *reason)
{
	refuse(call,
	    status == 429       ? 90055
		: status >= 500 ? 90033
				: 50196,
	    reason != NULL ? reason : "");
	call->status = status;
}

/* --- the endpoint ---------------------------------------------------------*/

enum {
	GRANT,
	CLIENT,
	SECRET,
	TYPE,
	ASSERTION,
	SCOPE,
	RESOURCE,
	FIELDS
};

static const char *const field_names[FIELDS] = { "grant_type", "client_id",
	"client_secret", "client_assertion_type", "client_assertion", "scope",
	"resource" };

#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

struct form {
	char *field[FIELDS]; /* owned; NULL when absent */
};

static char *
decode(struct str raw)
{
	char *text = xstrndup(raw.len > 0 ? raw.p : "", raw.len);
	struct buf out;

	for (char *p = text; *p != '\0'; p++) {
		if (*p == '+')
			*p = ' ';
	}
	buf_init(&out, FIELD_MOST);
	(void)uri_decode(&out, str_of(text));
	xfree(text);
	return buf_steal(&out);
}

static void
read_form(struct form *form, struct str body)
{
	while (body.len > 0) {
		struct str value = str_cut(&body, '&');
		struct str name = str_cut(&value, '=');

		for (size_t i = 0; i < FIELDS; i++) {
			if (!str_is(name, field_names[i]))
				continue;
			xfree(form->field[i]);
			form->field[i] = decode(value);
		}
	}
}

static bool
is_set(const char *text)
{
	return text != NULL && text[0] != '\0';
}

/* A name of our own choice, if there is one, has to be the one given. */
static bool
differs(const char *wanted, const char *given)
{
	return wanted != NULL && strcasecmp(wanted, given) != 0;
}

static bool
is_scope(const char *scope)
{
	struct str s = str_of(scope);

	return str_ends(s, STR_LIT(DEFAULT)) && s.len > strlen(DEFAULT) &&
	    str_find(s, ' ') < 0;
}

/* The address that the client used, as an assertion has to name it. */
static char *
endpoint_of(const struct sim_call *call)
{
	struct buf out;

	buf_init(&out, FIELD_MOST);
	sim_call_origin(call, &out);
	buf_add_char(&out, '/');
	buf_add_str(&out, call->part[0]);
	buf_add_text(&out, "/oauth2/v2.0/token");
	return buf_steal(&out);
}

static unsigned
judge_assertion(const struct sim *sim, const struct sim_call *call,
    char *const *f, const char **word_r)
{
	const char *federated = sim->conf->federated_token;
	char *endpoint;
	unsigned code;

	*word_r = "The type of the assertion is another.";
	if (!is_set(f[TYPE]) || strcmp(f[TYPE], ASSERTION_TYPE) != 0)
		return 50012;
	*word_r = "";
	if (federated != NULL && strcmp(federated, f[ASSERTION]) == 0)
		return 0;
	if (sim->assertions != NULL) {
		endpoint = endpoint_of(call);
		code = sim_assertions_judge(sim->assertions,
		    str_of(f[ASSERTION]), f[CLIENT], endpoint, word_r);
		xfree(endpoint);
		return code;
	}
	if (federated != NULL)
		return 700213;
	return sim->secret != NULL ? 700027 : 0;
}

/* Where nothing is asked for, anything will do. */
static unsigned
judge_proof(const struct sim *sim, const struct sim_call *call, char *const *f,
    const char **word_r)
{
	if (is_set(f[ASSERTION]))
		return judge_assertion(sim, call, f, word_r);
	*word_r = "";
	if (!is_set(f[SECRET]))
		return 7000218;
	*word_r = f[CLIENT];
	if (sim->secret != NULL)
		return str_eq(secret_reveal(sim->secret), str_of(f[SECRET]))
		    ? 0
		    : 7000215;
	return sim->assertions != NULL || sim->conf->federated_token != NULL
	    ? 7000215
	    : 0;
}

/* What is wrong with the request: an AADSTS code, or 0. */
static unsigned
judge(const struct sim *sim, const struct sim_call *call, const char *tenant,
    const struct form *form, const char **word_r)
{
	char *const *f = form->field;
	static const int wanted[] = { GRANT, CLIENT, SCOPE };
	unsigned code;

	*word_r = tenant;
	if (differs(sim->conf->tenant, tenant))
		return 90002;
	for (size_t i = 0; i < 3; i++) {
		*word_r = field_names[wanted[i]];
		if (!is_set(f[wanted[i]]))
			return 900144;
	}
	*word_r = f[GRANT];
	if (strcmp(f[GRANT], "client_credentials") != 0)
		return 70003;
	*word_r = f[CLIENT];
	if (differs(sim->conf->client_id, f[CLIENT]))
		return 700016;
	code = judge_proof(sim, call, f, word_r);
	if (code != 0)
		return code;
	*word_r = f[SCOPE];
	return is_scope(f[SCOPE]) && f[RESOURCE] == NULL ? 0 : 70011;
}

void
sim_token_serve(struct sim *sim, struct sim_call *call)
{
	uint64_t life = sim->knobs.token_life;
	char *tenant = xstrndup(call->part[0].p, call->part[0].len);
	char *resource;
	struct form form = { 0 };
	const char *word;
	unsigned code;

	read_form(&form, call->body);
	code = judge(sim, call, tenant, &form, &word);
	if (code == 0 && call->fault.aadsts != 0) {
		code = (unsigned)call->fault.aadsts;
		word = code == 70011 ? form.field[SCOPE] : form.field[CLIENT];
	}
	if (code != 0) {
		refuse(call, code, word);
		goto out;
	}
	resource = xstrndup(
	    form.field[SCOPE], strlen(form.field[SCOPE]) - strlen(DEFAULT));
	buf_addf(&call->rest,
	    "{\"token_type\":\"Bearer\",\"expires_in\":%llu,"
	    "\"ext_expires_in\":%llu,\"access_token\":\"%s\"}",
	    (unsigned long long)life, (unsigned long long)life,
	    sim_tokens_give(sim, resource));
	xfree(resource);
out:
	for (size_t i = 0; i < FIELDS; i++)
		xfree(form.field[i]);
	xfree(tenant);
}
