/*
 * auth/jwt.c -- assertions signed with the key of a certificate.
 *
 * A PEM file is taken apart into its blocks before OpenSSL sees them, so that
 * one file may hold the new and the old certificate with both keys, and an
 * error tells which file is meant.  The library never asks for a pass phrase:
 * it gets the one from the file, or none.
 */
/* SPDX-License-Identifier: ISC */
#include "auth/jwt.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/xalloc.h"
#include "codec/b64.h"
#include "codec/json.h"

#define BITS_MIN 2048
#define ASSERTION_MAX 16384
#define SKEW_S 60 /* clocks that go after ours */
#define GOOD_FOR_S 600

struct pair {
	X509 *cert;
	EVP_PKEY *key; /* NULL: it is not here */
};

struct jwt_keys {
	struct pair v[JWT_KEYS_MAX];
	size_t n;
};

/* --- files -------------------------------------------------------------- */

static size_t
find_text(struct str s, size_t from, const char *what)
{
	size_t len = strlen(what);

	for (size_t i = from; i + len <= s.len; i++)
		if (memcmp(s.p + i, what, len) == 0)
			return i;
	return s.len;
}

/* The next block of a PEM text, up to the one behind it. */
static bool
next_block(struct str *rest, struct str *block_r)
{
	size_t from = find_text(*rest, 0, "-----BEGIN ");
	size_t to = find_text(*rest, from + 1, "-----BEGIN ");

	if (from >= rest->len)
		return false;
	*block_r = str_make(rest->p + from, to - from);
	*rest = str_make(rest->p + to, rest->len - to);
	return true;
}

static bool
is_block(struct str block, const char *what)
{
	struct str label = str_cut(&block, '\n');

	return find_text(label, 0, what) < label.len;
}

static int
read_certs(
    struct jwt_keys *k, struct str text, const char *path, struct err *err)
{
	struct str block;
	BIO *bio;

	while (next_block(&text, &block)) {
		if (!is_block(block, "CERTIFICATE-----"))
			continue;
		if (k->n == JWT_KEYS_MAX)
			return err_set(err, ERR_CONF,
			    "certificate-file: %s: more than %d certificates",
			    path, JWT_KEYS_MAX);
		bio = BIO_new_mem_buf(block.p, (int)block.len);
		k->v[k->n].cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
		BIO_free(bio);
		if (k->v[k->n].cert == NULL)
			return err_set(err, ERR_CONF,
			    "certificate-file: %s: a certificate that is cut"
			    " short or damaged",
			    path);
		k->n++;
	}
	if (k->n == 0)
		return err_set(err, ERR_CONF,
		    "certificate-file: %s: holds no certificate in PEM; from"
		    " a .pfx make one with: openssl pkcs12 -nodes -in OLD",
		    path);
	return 0;
}

/* Called for a key that is encrypted. */
static int
on_pass(char *out, int size, int writing, void *arg)
{
	const struct secret *pass = arg;
	struct str s;

	(void)writing;
	if (pass == NULL)
		return -1;
	s = secret_reveal(pass);
	if (s.len > (size_t)size)
		return -1;
	memcpy(out, s.p, s.len);
	return (int)s.len;
}

static EVP_PKEY *
read_key(struct str block, const struct secret *pass)
{
	BIO *bio = BIO_new_mem_buf(block.p, (int)block.len);
	void *arg;
	EVP_PKEY *key;

	/* The library's callback takes no const. */
	memcpy(&arg, &pass, sizeof(arg));
	key = PEM_read_bio_PrivateKey(bio, NULL, on_pass, arg);
	BIO_free(bio);
	return key;
}

static bool
is_encrypted(struct str block)
{
	return is_block(block, "ENCRYPTED PRIVATE KEY-----") ||
	    find_text(block, 0, "Proc-Type: 4,ENCRYPTED") < block.len;
}

/* Keep the key with each certificate that has its public half. */
static bool
give_key(struct jwt_keys *k, EVP_PKEY *key)
{
	bool fits = false;

	for (size_t i = 0; i < k->n; i++) {
		if (k->v[i].key != NULL ||
		    X509_check_private_key(k->v[i].cert, key) != 1)
			continue;
		EVP_PKEY_up_ref(key);
		k->v[i].key = key;
		fits = true;
	}
	return fits;
}

static int
check_key(const EVP_PKEY *key, const char *path, struct err *err)
{
	if (!EVP_PKEY_is_a(key, "RSA"))
		return err_set(err, ERR_CONF,
		    "key-file: %s: not an RSA key; Entra takes no other", path);
	if (EVP_PKEY_get_bits(key) < BITS_MIN)
		return err_set(err, ERR_CONF,
		    "key-file: %s: a key of %d bits; wanted are %d or more",
		    path, EVP_PKEY_get_bits(key), BITS_MIN);
	return 0;
}

static int
take_key(struct jwt_keys *k, struct str block, const struct secret *pass,
    const char *path, struct err *err)
{
	EVP_PKEY *key = read_key(block, pass);
	int rc;

	if (key == NULL && is_encrypted(block) && pass == NULL)
		return err_set(err, ERR_CONF,
		    "key-file: %s: the key is encrypted; name the file with"
		    " its pass phrase in key-pass-file",
		    path);
	if (key == NULL && is_encrypted(block))
		return err_set(err, ERR_CONF,
		    "key-pass-file: its pass phrase does not open %s", path);
	if (key == NULL)
		return err_set(err, ERR_CONF,
		    "key-file: %s: a key that is cut short or damaged", path);
	rc = check_key(key, path, err);
	if (rc == 0)
		give_key(k, key);
	EVP_PKEY_free(key);
	return rc;
}

static int
read_keys(struct jwt_keys *k, struct str text, const struct secret *pass,
    const char *path, struct err *err)
{
	struct str block;
	bool any = false;

	while (next_block(&text, &block)) {
		if (!is_block(block, "PRIVATE KEY-----"))
			continue;
		any = true;
		if (take_key(k, block, pass, path, err) < 0)
			return -1;
	}
	if (!any)
		return err_set(err, ERR_CONF,
		    "key-file: %s: holds no private key in PEM", path);
	return 0;
}

/* Those without a key belong to a chain, or to another machine. */
static int
drop_keyless(struct jwt_keys *k, const char *path, struct err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < k->n; i++) {
		struct pair pair = k->v[i];

		k->v[i] = (struct pair){ .cert = NULL };
		if (pair.key != NULL)
			k->v[n++] = pair;
		else
			X509_free(pair.cert);
	}
	k->n = n;
	if (n == 0)
		return err_set(err, ERR_CONF,
		    "key-file: %s: is not the key of the certificate", path);
	return 0;
}

static int
read_files(struct jwt_keys *k, const char *cert_file, const char *key_file,
    const char *pass_file, struct err *err)
{
	const char *keys_path = key_file != NULL ? key_file : cert_file;
	struct secret *certs = NULL, *keys = NULL, *pass = NULL;
	int rc = -1;

	certs = secret_load(cert_file,
	    SECRET_WHOLE | (key_file != NULL ? SECRET_SHARED : 0), err);
	if (certs == NULL) {
		err_prefix(err, "certificate-file: ");
		goto out;
	}
	if (key_file != NULL) {
		keys = secret_load(key_file, SECRET_WHOLE, err);
		if (keys == NULL) {
			err_prefix(err, "key-file: ");
			goto out;
		}
	}
	if (pass_file != NULL) {
		pass = secret_read(pass_file, err);
		if (pass == NULL) {
			err_prefix(err, "key-pass-file: ");
			goto out;
		}
	}
	if (read_certs(k, secret_reveal(certs), cert_file, err) < 0 ||
	    read_keys(k, secret_reveal(keys != NULL ? keys : certs), pass,
		keys_path, err) < 0)
		goto out;
	rc = drop_keyless(k, keys_path, err);
out:
	secret_free(&certs);
	secret_free(&keys);
	secret_free(&pass);
	return rc;
}

struct jwt_keys *
jwt_keys_read(const char *cert_file, const char *key_file,
    const char *pass_file, struct err *err)
{
	struct jwt_keys *k = xcalloc(1, sizeof(*k));

	if (read_files(k, cert_file, key_file, pass_file, err) < 0)
		jwt_keys_free(&k);
	ERR_clear_error();
	return k;
}

void
jwt_keys_free(struct jwt_keys **kp)
{
	struct jwt_keys *k = *kp;

	*kp = NULL;
	if (k == NULL)
		return;
	for (size_t i = 0; i < k->n; i++) {
		X509_free(k->v[i].cert);
		EVP_PKEY_free(k->v[i].key);
	}
	xfree(k);
}

size_t
jwt_keys_count(const struct jwt_keys *k)
{
	return k->n;
}

static uint64_t
wall_of(const ASN1_TIME *t)
{
	struct tm tm;
	time_t s;

	if (ASN1_TIME_to_tm(t, &tm) != 1)
		return 0;
	s = timegm(&tm);
	return s > 0 ? (uint64_t)s * 1000 : 0;
}

uint64_t
jwt_begins_ms(const struct jwt_keys *k, size_t i)
{
	return wall_of(X509_get0_notBefore(k->v[i].cert));
}

uint64_t
jwt_ends_ms(const struct jwt_keys *k, size_t i)
{
	return wall_of(X509_get0_notAfter(k->v[i].cert));
}

/* --- an assertion ------------------------------------------------------- */

static void
add_thumbprint(
    struct buf *out, const char *name, const X509 *cert, const EVP_MD *md)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (X509_digest(cert, md, digest, &n) != 1)
		n = 0;
	buf_addf(out, ",\"%s\":\"", name);
	b64_encode_url(out, str_make((const char *)digest, n));
	buf_add_char(out, '"');
}

/*
 * Who takes RS256 may be old and know the thumbprint by SHA-1 only: it is
 * said in both ways then.
 */
static void
add_header(struct buf *out, const X509 *cert, enum auth_alg alg)
{
	buf_addf(out, "{\"alg\":\"%s\",\"typ\":\"JWT\"",
	    alg == AUTH_RS256 ? "RS256" : "PS256");
	if (alg == AUTH_RS256)
		add_thumbprint(out, "x5t", cert, EVP_sha1());
	add_thumbprint(out, "x5t#S256", cert, EVP_sha256());
	buf_add_char(out, '}');
}

static void
add_fresh_id(struct buf *out)
{
	unsigned char b[16];

	if (RAND_bytes(b, sizeof(b)) != 1) {
		out->failed = true;
		return;
	}
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	for (size_t i = 0; i < sizeof(b); i++)
		buf_addf(out, "%s%02x",
		    i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", b[i]);
}

static void
add_payload(struct buf *out, const struct jwt_claims *claims)
{
	uint64_t now = claims->wall_ms / 1000;
	uint64_t begins = now > SKEW_S ? now - SKEW_S : 0;

	buf_add_text(out, "{\"aud\":");
	json_quote(out, claims->aud);
	buf_add_text(out, ",\"exp\":");
	buf_add_u64(out, begins + GOOD_FOR_S);
	buf_add_text(out, ",\"iat\":");
	buf_add_u64(out, now);
	buf_add_text(out, ",\"iss\":");
	json_quote(out, claims->client_id);
	buf_add_text(out, ",\"jti\":\"");
	if (claims->jti != NULL)
		buf_add_text(out, claims->jti);
	else
		add_fresh_id(out);
	buf_add_text(out, "\",\"nbf\":");
	buf_add_u64(out, begins);
	buf_add_text(out, ",\"sub\":");
	json_quote(out, claims->client_id);
	buf_add_char(out, '}');
}

static bool
begin_signing(EVP_MD_CTX *ctx, EVP_PKEY *key, enum auth_alg alg)
{
	EVP_PKEY_CTX *how; /* belongs to ctx */

	if (EVP_DigestSignInit(ctx, &how, EVP_sha256(), NULL, key) != 1)
		return false;
	return alg == AUTH_RS256 ||
	    (EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) == 1 &&
		EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST) ==
		    1 &&
		EVP_PKEY_CTX_set_rsa_mgf1_md(how, EVP_sha256()) == 1);
}

static bool
add_signature(
    struct buf *out, struct str what, EVP_PKEY *key, enum auth_alg alg)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = (size_t)EVP_PKEY_get_size(key);
	unsigned char *bytes = xmalloc(len);
	bool done;

	done = ctx != NULL && begin_signing(ctx, key, alg) &&
	    EVP_DigestSign(
		ctx, bytes, &len, (const unsigned char *)what.p, what.len) == 1;
	if (done)
		b64_encode_url(out, str_make((const char *)bytes, len));
	xfree(bytes);
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return done;
}

int
jwt_sign(const struct jwt_keys *k, size_t i, enum auth_alg alg,
    const struct jwt_claims *claims, struct buf *out, struct err *err)
{
	struct buf part, jwt;
	bool done;

	buf_init(&part, ASSERTION_MAX);
	buf_init(&jwt, ASSERTION_MAX);
	add_header(&part, k->v[i].cert, alg);
	b64_encode_url(&jwt, buf_str(&part));
	buf_add_char(&jwt, '.');
	buf_reset(&part);
	add_payload(&part, claims);
	b64_encode_url(&jwt, buf_str(&part));
	buf_reset(&part);
	done = add_signature(&part, buf_str(&jwt), k->v[i].key, alg);
	buf_add_char(&jwt, '.');
	buf_add_str(&jwt, buf_str(&part));
	done = done && !part.failed && !jwt.failed;
	if (done)
		buf_add_str(out, buf_str(&jwt));
	buf_clear(&part);
	buf_clear(&jwt);
	return done ? 0
		    : err_set(err, ERR_SYS, "the assertion cannot be signed");
}
