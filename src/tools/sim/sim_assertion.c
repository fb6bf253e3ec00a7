/* tools/sim/sim_assertion.c -- are signed assertions as they have to be? */
/* SPDX-License-Identifier: ISC */
#include "tools/sim/sim_assertion.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "codec/b64.h"
#include "codec/json.h"

#define CERTS 8
#define TAKEN 1024 /* ids remembered */
#define ID_MOST 64
#define PART_MOST 8192
#define DAY_S 86400

enum {
	NOT_GOOD = 50012,
	NOT_IN_TIME = 700024,
	NOT_REGISTERED = 700027,
	NOT_THIS_CLIENT = 700021
};

struct sim_assertions {
	X509 *cert[CERTS];
	size_t n;
	char taken[TAKEN][ID_MOST + 1]; /* a ring */
	size_t at;
};

struct sim_assertions *
sim_assertions_new(const char *path, struct err *err)
{
	struct sim_assertions *a = xcalloc(1, sizeof(*a));
	BIO *bio = BIO_new_file(path, "r");

	while (bio != NULL && a->n < CERTS) {
		a->cert[a->n] = PEM_read_bio_X509(bio, NULL, NULL, NULL);
		if (a->cert[a->n] == NULL)
			break;
		a->n++;
	}
	BIO_free(bio);
	ERR_clear_error();
	if (a->n == 0) {
		err_set(err, ERR_CONF, "%s: no certificate in it", path);
		sim_assertions_free(&a);
	}
	return a;
}

void
sim_assertions_free(struct sim_assertions **ap)
{
	struct sim_assertions *a = *ap;

	*ap = NULL;
	if (a == NULL)
		return;
	for (size_t i = 0; i < a->n; i++)
		X509_free(a->cert[i]);
	xfree(a);
}

/* --- one of them ----------------------------------------------------------*/

struct jwt {
	struct str part[3];  /* as they came */
	struct buf bytes[3]; /* decoded */
	struct json_doc head, claims;
	struct buf scratch;
};

static void
jwt_init(struct jwt *j)
{
	for (size_t i = 0; i < 3; i++)
		buf_init(&j->bytes[i], PART_MOST);
	buf_init(&j->scratch, PART_MOST);
	json_init(&j->head, 0, 0);
	json_init(&j->claims, 0, 0);
}

static void
jwt_clear(struct jwt *j)
{
	for (size_t i = 0; i < 3; i++)
		buf_clear(&j->bytes[i]);
	buf_clear(&j->scratch);
	json_clear(&j->head);
	json_clear(&j->claims);
}

static bool
jwt_read(struct jwt *j, struct str text)
{
	for (size_t i = 0; i < 3; i++) {
		j->part[i] = str_cut(&text, '.');
		/* Without padding and in the alphabet of addresses. */
		if (str_find(j->part[i], '=') >= 0 ||
		    str_find(j->part[i], '+') >= 0 ||
		    str_find(j->part[i], '/') >= 0 ||
		    !b64_decode(&j->bytes[i], j->part[i]))
			return false;
	}
	return text.p == NULL &&
	    json_parse(&j->head, buf_str(&j->bytes[0]), NULL) == 0 &&
	    json_parse(&j->claims, buf_str(&j->bytes[1]), NULL) == 0;
}

static bool
says(const struct json_doc *doc, const char *name, const char *value)
{
	return json_is(doc, json_member(doc, 0, str_of(name)), str_of(value));
}

/* Does the header name this certificate? */
static bool
is_meant(struct jwt *j, const X509 *cert)
{
	const bool is_old = says(&j->head, "alg", "RS256") &&
	    json_member(&j->head, 0, STR_LIT("x5t#S256")) == JSON_NONE;
	unsigned char digest[EVP_MAX_MD_SIZE];
	struct buf print;
	unsigned n = 0;
	bool rc;

	X509_digest(cert, is_old ? EVP_sha1() : EVP_sha256(), digest, &n);
	buf_init(&print, 128);
	b64_encode_url(&print, str_make((const char *)digest, n));
	rc = says(&j->head, is_old ? "x5t" : "x5t#S256", buf_cstr(&print));
	buf_clear(&print);
	return rc;
}

static bool
is_signed(const struct jwt *j, X509 *cert)
{
	const struct str signature = buf_str(&j->bytes[2]);
	const size_t len = j->part[0].len + 1 + j->part[1].len;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *how;
	bool rc;

	rc = EVP_DigestVerifyInit(
		 ctx, &how, EVP_sha256(), NULL, X509_get0_pubkey(cert)) == 1;
	if (rc && says(&j->head, "alg", "PS256"))
		rc = EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) ==
			1 &&
		    EVP_PKEY_CTX_set_rsa_pss_saltlen(
			how, RSA_PSS_SALTLEN_DIGEST) == 1;
	rc = rc &&
	    EVP_DigestVerify(ctx, (const unsigned char *)signature.p,
		signature.len, (const unsigned char *)j->part[0].p, len) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return rc;
}

static unsigned
judge_signature(
    const struct sim_assertions *a, struct jwt *j, const char **word_r)
{
	if (!says(&j->head, "alg", "PS256") &&
	    !says(&j->head, "alg", "RS256")) {
		*word_r = "The algorithm is not known.";
		return NOT_GOOD;
	}
	for (size_t i = 0; i < a->n; i++) {
		if (!is_meant(j, a->cert[i]))
			continue;
		*word_r = "The signature is not the key's.";
		return is_signed(j, a->cert[i]) ? 0 : NOT_REGISTERED;
	}
	*word_r = "The key was not found.";
	return NOT_REGISTERED;
}

static unsigned
judge_time(const struct jwt *j, const char **word_r)
{
	const int64_t now = (int64_t)(clock_wall_ms() / 1000);
	int64_t begins, ends;

	*word_r = "";
	if (!json_i64(&j->claims, json_member(&j->claims, 0, STR_LIT("nbf")),
		&begins) ||
	    !json_i64(
		&j->claims, json_member(&j->claims, 0, STR_LIT("exp")), &ends))
		return NOT_GOOD;
	return begins <= now && now < ends && ends - begins <= DAY_S
	    ? 0
	    : NOT_IN_TIME;
}

static unsigned
judge_id(struct sim_assertions *a, struct jwt *j, const char **word_r)
{
	struct str id = json_text(&j->claims,
	    json_member(&j->claims, 0, STR_LIT("jti")), &j->scratch);

	*word_r = "It has no jti.";
	if (id.len == 0 || id.len > ID_MOST)
		return NOT_GOOD;
	*word_r = "Its jti was used before.";
	for (size_t i = 0; i < TAKEN; i++)
		if (str_is(id, a->taken[i]))
			return NOT_GOOD;
	memcpy(a->taken[a->at % TAKEN], id.p, id.len);
	a->taken[a->at++ % TAKEN][id.len] = '\0';
	return 0;
}

unsigned
sim_assertions_judge(struct sim_assertions *a, struct str text,
    const char *client_id, const char *endpoint, const char **word_r)
{
	unsigned code;
	struct jwt j;

	jwt_init(&j);
	*word_r = "It is no JWT.";
	if (!jwt_read(&j, text)) {
		code = NOT_GOOD;
		goto out;
	}
	code = judge_signature(a, &j, word_r);
	if (code == 0)
		code = judge_time(&j, word_r);
	if (code == 0 && !says(&j.claims, "aud", endpoint)) {
		*word_r = "The audience is another.";
		code = NOT_GOOD;
	}
	if (code == 0 &&
	    (!says(&j.claims, "iss", client_id) ||
		!says(&j.claims, "sub", client_id))) {
		*word_r = "";
		code = NOT_THIS_CLIENT;
	}
	if (code == 0)
		code = judge_id(a, &j, word_r);
out:
	jwt_clear(&j);
	return code;
}
