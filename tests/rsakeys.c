/* tests/rsakeys.c -- certificates with RSA keys, made for one test. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include "tests/rsakeys.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/buf.h"
#include "base/xalloc.h"
#include "codec/b64.h"

#define TEXTS 256
#define IN_2020 1577836800
#define IN_2040 2208988800

struct rsakeys {
	char dir[32];
	char *texts[TEXTS]; /* owned */
	size_t n;
};

static const char *
keep(struct rsakeys *k, char *p)
{
	assert_true(k->n < TEXTS);
	return k->texts[k->n++] = p;
}

struct rsakeys *
rsakeys_new(void)
{
	struct rsakeys *k = xcalloc(1, sizeof(*k));

	snprintf(k->dir, sizeof(k->dir), "/tmp/rsakeys-XXXXXX");
	assert_non_null(mkdtemp(k->dir));
	return k;
}

void
rsakeys_free(struct rsakeys **kp)
{
	struct rsakeys *k = *kp;
	DIR *dir = opendir(k->dir);
	struct dirent *e;

	*kp = NULL;
	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.')
			unlinkat(dirfd(dir), e->d_name, 0);
	closedir(dir);
	rmdir(k->dir);
	while (k->n > 0)
		xfree(k->texts[--k->n]);
	xfree(k);
}

const char *
rsakeys_path(struct rsakeys *k, const char *file)
{
	return keep(k, xasprintf("%s/%s", k->dir, file));
}

static FILE *
create(struct rsakeys *k, const char *file)
{
	int fd = open(rsakeys_path(k, file),
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	return fdopen(fd, "w");
}

static void
write_pair(struct rsakeys *k, const char *name, X509 *cert, EVP_PKEY *key,
    const char *pass)
{
	char file[64];
	FILE *f;

	snprintf(file, sizeof(file), "%s.pem", name);
	f = create(k, file);
	assert_int_equal(PEM_write_X509(f, cert), 1);
	fclose(f);
	snprintf(file, sizeof(file), "%s.key", name);
	f = create(k, file);
	assert_int_equal(PEM_write_PKCS8PrivateKey(f, key,
			     pass != NULL ? EVP_aes_256_cbc() : NULL, pass,
			     pass != NULL ? (int)strlen(pass) : 0, NULL, NULL),
	    1);
	fclose(f);
}

void
rsakeys_make(
    struct rsakeys *k, const char *name, const struct rsakeys_pair *pair)
{
	EVP_PKEY *key = pair->ec
	    ? EVP_EC_gen("P-256")
	    : EVP_RSA_gen(pair->bits != 0 ? (unsigned)pair->bits : 2048u);
	X509 *cert = X509_new();

	assert_non_null(key);
	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	ASN1_TIME_set(X509_getm_notBefore(cert),
	    (time_t)(pair->begins_s != 0 ? pair->begins_s : IN_2020));
	ASN1_TIME_set(X509_getm_notAfter(cert),
	    (time_t)(pair->ends_s != 0 ? pair->ends_s : IN_2040));
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN",
	    MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	X509_set_pubkey(cert, key);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	write_pair(k, name, cert, key, pair->pass);
	X509_free(cert);
	EVP_PKEY_free(key);
}

void
rsakeys_join(struct rsakeys *k, const char *to, const char *const *files)
{
	FILE *out = create(k, to);
	int c;

	for (; *files != NULL; files++) {
		FILE *in = fopen(rsakeys_path(k, *files), "r");

		assert_non_null(in);
		while ((c = getc(in)) != EOF)
			putc(c, out);
		fclose(in);
	}
	fclose(out);
}

static X509 *
read_cert(struct rsakeys *k, const char *name)
{
	char file[64];
	X509 *cert;
	FILE *f;

	snprintf(file, sizeof(file), "%s.pem", name);
	f = fopen(rsakeys_path(k, file), "r");
	assert_non_null(f);
	cert = PEM_read_X509(f, NULL, NULL, NULL);
	assert_non_null(cert);
	fclose(f);
	return cert;
}

bool
rsakeys_verify(struct rsakeys *k, const char *name, bool pss, struct str text,
    struct str signature)
{
	X509 *cert = read_cert(k, name);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *how;
	int rc;

	assert_int_equal(EVP_DigestVerifyInit(ctx, &how, EVP_sha256(), NULL,
			     X509_get0_pubkey(cert)),
	    1);
	if (pss) {
		EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING);
		EVP_PKEY_CTX_set_rsa_pss_saltlen(how, 32);
	}
	rc = EVP_DigestVerify(ctx, (const unsigned char *)signature.p,
	    signature.len, (const unsigned char *)text.p, text.len);
	EVP_MD_CTX_free(ctx);
	X509_free(cert);
	return rc == 1;
}

const char *
rsakeys_thumbprint(struct rsakeys *k, const char *name, bool sha1)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	X509 *cert = read_cert(k, name);
	struct buf out;
	unsigned n = 0;

	buf_init(&out, 256);
	assert_int_equal(
	    X509_digest(cert, sha1 ? EVP_sha1() : EVP_sha256(), digest, &n), 1);
	b64_encode_url(&out, str_make((const char *)digest, n));
	X509_free(cert);
	return keep(k, buf_steal(&out));
}
