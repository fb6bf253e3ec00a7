/* source/graph.c -- what all Microsoft Graph collections have in common. */
/* SPDX-License-Identifier: ISC */
#include "source/graph.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/opt.h"
#include "codec/httpmsg.h"
#include "codec/json.h"
#include "codec/rfc3339.h"
#include "codec/uri.h"
#include "source/source.h"

/*
 * 150 requests in any minute for one application in one tenant: 20 at once
 * and 129 in the 60 s behind them stay below that.  Paging is one by one.
 */
const struct source_limits graph_security_limits = {
	.requests = 20,
	.period_ms = 465,
	.concurrency = 1,
	.max_record = 4 * 1024 * 1024,
};

#define WORDS_MAX 1024 /* of what a server says */

/* Spread the bits of a number over all 64; the finisher of splitmix64. */
static uint64_t
mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15U;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
	return x ^ (x >> 31);
}

uint64_t
graph_hash(struct str s)
{
	uint64_t h = 0xcbf29ce484222325U;

	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3U;
	return mix(h);
}

void
graph_headers(struct httpreq *req, uint64_t wall_ms, uint64_t n)
{
	uint64_t a = mix(wall_ms ^ mix(n)), b = mix(a ^ n);
	char id[40];

	snprintf(id, sizeof(id),
	    "%08" PRIx64 "-%04" PRIx64 "-4%03" PRIx64 "-8%03" PRIx64
	    "-%012" PRIx64,
	    a >> 32, (a >> 16) & 0xffff, a & 0xfff, b >> 52,
	    b & 0xffffffffffff);
	httpreq_header(req, "Accept", "application/json");
	/* Else newer products and engines arrive as unknownFutureValue. */
	httpreq_header(req, "Prefer", "include-unknown-enum-members");
	httpreq_header(req, "client-request-id", id);
}

bool
graph_says(struct str body, const char *words)
{
	struct str want = str_of(words);

	for (size_t i = 0; i + want.len <= body.len; i++) {
		if (str_eq_nocase(str_make(body.p + i, want.len), want))
			return true;
	}
	return false;
}

/* --- errors ------------------------------------------------------------- */

/* What an error body says; empty where it is none of Graph's. */
struct fault {
	struct buf code, message, request_id;
};

static void
read_fault(struct str body, struct fault *f)
{
	static const char *const ids[] = { "error.innerError.request-id",
		"error.innererror.request-id", NULL };
	struct json_doc doc;

	buf_init(&f->code, WORDS_MAX);
	buf_init(&f->message, WORDS_MAX);
	buf_init(&f->request_id, WORDS_MAX);
	json_init(&doc, 0, 0);
	if (json_parse(&doc, body, NULL) == 0) {
		json_decode(&doc, json_at(&doc, 0, "error.code"), &f->code);
		json_decode(
		    &doc, json_at(&doc, 0, "error.message"), &f->message);
		for (size_t i = 0; ids[i] != NULL; i++)
			json_decode(
			    &doc, json_at(&doc, 0, ids[i]), &f->request_id);
	}
	json_clear(&doc);
}

static void
clear_fault(struct fault *f)
{
	buf_clear(&f->code);
	buf_clear(&f->message);
	buf_clear(&f->request_id);
}

/* The text between two others, or an empty one. */
static struct str
between(struct str s, const char *before, const char *behind)
{
	struct str b = str_of(before), e = str_of(behind);
	size_t i = 0, j;

	while (
	    i + b.len <= s.len && !str_eq_nocase(str_make(s.p + i, b.len), b))
		i++;
	i += b.len;
	for (j = i; j + e.len <= s.len; j++) {
		if (str_eq_nocase(str_make(s.p + j, e.len), e))
			return str_make(s.p + i, j - i);
	}
	return str_make(NULL, 0);
}

static void
missing_role(struct str message, const char *permission, struct err *err)
{
	struct str need =
	    between(message, "API required roles: ", ", application roles:");
	struct str have = between(message, ", application roles: ", ".");

	/* Names of permissions have dots, so the last one ends the list. */
	if (have.p != NULL) {
		have.len = (size_t)(message.p + message.len - have.p);
		while (have.len > 0 && have.p[have.len - 1] == '.')
			have.len--;
	}
	if (need.len == 0)
		need = str_of(permission);
	err_set(err, ERR_DENIED,
	    "the application lacks a permission: grant it one of %.*s in the"
	    " Entra portal, as application permission with admin consent"
	    " (it has: %.*s)",
	    STR_ARG(need), have.len > 0 ? (int)have.len : 4,
	    have.len > 0 ? have.p : "none");
}

void
graph_error(const struct httpresp *resp, struct str body, uint64_t wall_ms,
    const char *permission, struct err *err)
{
	struct fault f;
	struct buf reason;
	struct str message;

	read_fault(body, &f);
	message = buf_str(&f.message);
	buf_init(&reason, WORDS_MAX * 4);
	buf_add_str(&reason, buf_str(&f.code));
	if (message.len > 0)
		buf_addf(&reason, ": %.*s", STR_ARG(message));
	if (f.request_id.len > 0)
		buf_addf(&reason, " (request-id %.*s)",
		    STR_ARG(buf_str(&f.request_id)));
	if (httpresp_check(resp, buf_str(&reason), wall_ms, err) == 0)
		err_set(err, ERR_RETRY, "HTTP %d in a place for errors",
		    resp->status);

	if (graph_says(message, "account is not provisioned"))
		err_set(err, ERR_DENIED,
		    "Defender is not set up in this tenant: it needs a licence"
		    " and somebody who opens security.microsoft.com once"
		    " (HTTP %d, %.*s)",
		    resp->status, STR_ARG(message));
	else if (graph_says(message, "missing application roles"))
		missing_role(message, permission, err);
	else if (resp->status == 403)
		err_prefix(err, "not allowed, %s may be missing: ", permission);
	else if (resp->status == 404) {
		err->kind = ERR_CONF;
		err_prefix(err,
		    "this cloud does not offer it, or graph-url is wrong: ");
	}
	buf_clear(&reason);
	clear_fault(&f);
}

/* --- requests and pages ------------------------------------------------- */

int
graph_next_link(const struct json_doc *envelope, const char *base_url,
    struct buf *link_r, struct err *err)
{
	struct uri base, link;
	struct str text;

	buf_reset(link_r);
	text = json_text(envelope,
	    json_member(envelope, 0, STR_LIT("@odata.nextLink")), link_r);
	if (text.len == 0)
		return 0;
	if (text.p != link_r->p) {
		buf_reset(link_r);
		buf_add_str(link_r, text);
	}
	if (link_r->failed)
		return err_set(err, ERR_DATA,
		    "a next link of %zu bytes is"
		    " too long",
		    text.len);
	if (uri_parse(buf_str(link_r), &link, err) < 0)
		return err_prefix(err, "a next link that is not followed: ");
	if (uri_parse(str_of(base_url), &base, err) < 0)
		return -1;
	if (uri_same_origin(&base, &link))
		return 1;
	return err_set(err, ERR_DATA,
	    "a next link leads to %.*s://%.*s:%u, which is not %s: it is not"
	    " followed",
	    STR_ARG(link.scheme), STR_ARG(link.host), link.port, base_url);
}

void
graph_chain_init(struct graph_chain *c)
{
	*c = (struct graph_chain){ .n = 0 };
	buf_init(&c->link, GRAPH_LINK_MAX);
}

void
graph_chain_clear(struct graph_chain *c)
{
	buf_clear(&c->link);
}

void
graph_chain_begin(struct graph_chain *c)
{
	buf_reset(&c->link);
	c->n = 0;
}

/* Every so often a link is remembered, each time after twice as many. */
static bool
is_circle(struct graph_chain *c, uint64_t hash)
{
	if (c->n > 0 && hash == c->mark)
		return true;
	if (c->n == 0)
		c->mark_at = 1;
	if (++c->n == c->mark_at) {
		c->mark = hash;
		c->mark_at *= 2;
	}
	return false;
}

int
graph_chain_next(struct graph_chain *c, const struct json_doc *envelope,
    const char *base_url, struct err *err)
{
	int rc = graph_next_link(envelope, base_url, &c->link, err);

	if (rc > 0 && is_circle(c, graph_hash(buf_str(&c->link))))
		rc = err_set(err, ERR_DATA, "the next links lead in a circle");
	if (rc <= 0)
		graph_chain_begin(c);
	return rc;
}

bool
graph_clock(const struct httpresp *resp, int64_t *ticks_r)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct str date = httpresp_header(resp, "Date");
	char text[RFC3339_MAX];
	int month = 0;

	/* "Sun, 06 Nov 1994 08:49:37 GMT", the one form that may be sent. */
	if (date.len != 29)
		return false;
	while (month < 12 && memcmp(months + 3 * month, date.p + 8, 3) != 0)
		month++;
	snprintf(text, sizeof(text), "%.4s-%02d-%.2sT%.8sZ", date.p + 12,
	    month + 1, date.p + 5, date.p + 17);
	return rfc3339_parse_ticks(str_of(text), ticks_r);
}

void
graph_any_of(
    struct buf *filter, const char *name, char *const *values, size_t n)
{
	if (n == 0)
		return;
	for (size_t i = 0; i < n; i++)
		buf_addf(filter, "%s%s eq '%s'", i == 0 ? "(" : " or ", name,
		    values[i]);
	buf_add_char(filter, ')');
}

const char *const graph_severities[] = { "informational", "low", "medium",
	"high", "unknown", NULL };

static bool
is_word(const char *word)
{
	return word[0] != '\0' &&
	    strspn(word,
		"abcdefghijklmnopqrstuvwxyz0123456789"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(word);
}

static int
check_known(const char *option, const char *word, const char *const *known,
    struct err *err)
{
	char list[ERR_TEXT_MAX / 2];
	size_t n = 0;

	for (size_t k = 0; known[k] != NULL; k++)
		if (strcmp(known[k], word) == 0)
			return 0;
	for (size_t k = 0; known[k] != NULL && n < sizeof(list); k++)
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s",
		    k > 0 ? ", " : "", known[k]);
	return err_set(
	    err, ERR_CONF, "%s: \"%s\" is none of %s", option, word, list);
}

int
graph_check_words(const char *option, const struct opt_list *list,
    const char *const *known, struct err *err)
{
	for (size_t i = 0; i < list->n; i++) {
		if (!is_word(list->v[i]))
			return err_set(err, ERR_CONF,
			    "%s: \"%s\" is no name: letters and digits only",
			    option, list->v[i]);
		if (known != NULL &&
		    check_known(option, list->v[i], known, err) < 0)
			return -1;
	}
	return 0;
}
