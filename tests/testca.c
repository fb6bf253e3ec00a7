/* tests/testca.c -- an authority that issues certificates for one test. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include "tests/testca.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/xalloc.h"

#define DAY_S 86400

struct text {
	SLIST_ENTRY(text) entry;
	char *p;
};

struct testca {
	char dir[32];
	EVP_PKEY *key;
	X509 *cert;
	long serial;
	SLIST_HEAD(, text) texts;
};

static const char *
keep(struct testca *ca, char *p)
{
	struct text *t = xcalloc(1, sizeof(*t));

	t->p = p;
	SLIST_INSERT_HEAD(&ca->texts, t, entry);
	return p;
}

const char *
testca_path(struct testca *ca, const char *file)
{
	return keep(ca, xasprintf("%s/%s", ca->dir, file));
}

static FILE *
create(struct testca *ca, const char *name, const char *suffix)
{
	char *path = xasprintf("%s/%s%s", ca->dir, name, suffix);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	FILE *f;

	assert_true(fd >= 0);
	f = fdopen(fd, "w");
	assert_non_null(f);
	xfree(path);
	return f;
}

static void
add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(ext);
	assert_int_equal(X509_add_ext(cert, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

static X509 *
make(struct testca *ca, const struct testca_cert *conf, EVP_PKEY *key,
    bool is_ca)
{
	X509 *cert = X509_new();
	bool own = is_ca || conf->self_signed;
	X509 *issuer = own ? cert : ca->cert;
	X509_NAME *name = X509_get_subject_name(cert);

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), ++ca->serial);
	X509_gmtime_adj(X509_getm_notBefore(cert),
	    conf->begins_s != 0 ? conf->begins_s : -DAY_S);
	X509_gmtime_adj(
	    X509_getm_notAfter(cert), conf->ends_s != 0 ? conf->ends_s : DAY_S);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
	    (const unsigned char *)conf->subject, -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(issuer));
	X509_set_pubkey(cert, key);
	add_extension(cert, issuer, NID_basic_constraints,
	    is_ca ? "critical,CA:TRUE" : "CA:FALSE");
	if (is_ca)
		add_extension(
		    cert, issuer, NID_key_usage, "critical,keyCertSign");
	if (conf->san != NULL)
		add_extension(cert, issuer, NID_subject_alt_name, conf->san);
	if (conf->usage != NULL)
		add_extension(cert, issuer, NID_ext_key_usage, conf->usage);
	assert_true(X509_sign(cert, own ? key : ca->key, EVP_sha256()) > 0);
	return cert;
}

static EVP_PKEY *
make_key(bool weak)
{
	EVP_PKEY *key = weak ? EVP_RSA_gen(1024) : EVP_EC_gen("P-256");

	assert_non_null(key);
	return key;
}

struct testca *
testca_new(const char *name)
{
	struct testca *ca = xcalloc(1, sizeof(*ca));
	struct testca_cert conf = { .subject = name };
	FILE *f;

	snprintf(ca->dir, sizeof(ca->dir), "/tmp/testca-XXXXXX");
	assert_non_null(mkdtemp(ca->dir));
	SLIST_INIT(&ca->texts);
	ca->key = make_key(false);
	ca->cert = make(ca, &conf, ca->key, true);
	f = create(ca, "ca", ".pem");
	PEM_write_X509(f, ca->cert);
	fclose(f);
	return ca;
}

static void
remove_dir(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;

	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.')
			unlinkat(dirfd(dir), e->d_name, 0);
	closedir(dir);
	rmdir(path);
}

void
testca_free(struct testca **cap)
{
	struct testca *ca = *cap;
	struct text *t;

	*cap = NULL;
	if (ca == NULL)
		return;
	remove_dir(ca->dir);
	while ((t = SLIST_FIRST(&ca->texts)) != NULL) {
		SLIST_REMOVE_HEAD(&ca->texts, entry);
		xfree(t->p);
		xfree(t);
	}
	X509_free(ca->cert);
	EVP_PKEY_free(ca->key);
	xfree(ca);
}

void
testca_issue(
    struct testca *ca, const char *name, const struct testca_cert *conf)
{
	EVP_PKEY *key = make_key(conf->rsa_1024);
	X509 *cert = make(ca, conf, key, false);
	FILE *f = create(ca, name, ".pem");

	PEM_write_X509(f, cert);
	fclose(f);
	f = create(ca, name, ".key");
	PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
	fclose(f);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static const char *
path_of(struct testca *ca, const char *name, const char *suffix)
{
	return keep(ca, xasprintf("%s/%s%s", ca->dir, name, suffix));
}

const char *
testca_fingerprint(struct testca *ca, const char *name)
{
	FILE *f = fopen(path_of(ca, name, ".pem"), "r");
	X509 *cert = PEM_read_X509(f, NULL, NULL, NULL);
	unsigned char digest[EVP_MAX_MD_SIZE];
	char text[8 + 3 * EVP_MAX_MD_SIZE];
	unsigned n = 0, i;
	int at = snprintf(text, sizeof(text), "SHA256");

	fclose(f);
	assert_int_equal(X509_digest(cert, EVP_sha256(), digest, &n), 1);
	for (i = 0; i < n; i++)
		at += snprintf(
		    text + at, sizeof(text) - (size_t)at, ":%02X", digest[i]);
	X509_free(cert);
	return keep(ca, xstrdup(text));
}

struct ssl_ctx_st *
testca_server(struct testca *ca, const char *name, struct testca *clients)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	/* The weak key must come as far as the client. */
	SSL_CTX_set_security_level(ctx, 0);
	assert_int_equal(SSL_CTX_use_certificate_file(
			     ctx, path_of(ca, name, ".pem"), SSL_FILETYPE_PEM),
	    1);
	assert_int_equal(SSL_CTX_use_PrivateKey_file(
			     ctx, path_of(ca, name, ".key"), SSL_FILETYPE_PEM),
	    1);
	if (clients != NULL) {
		SSL_CTX_load_verify_file(ctx, path_of(clients, "ca", ".pem"));
		SSL_CTX_set_verify(ctx,
		    SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	}
	/* Resumption with client certificates wants a context of its own. */
	SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"t", 1);
	return ctx;
}
