/* net/tls.c -- what makes a connection to a collector private and certain. */
/* SPDX-License-Identifier: ISC */
/*
 * One context for an output.  OpenSSL checks no name by itself, so each
 * connection is told which name or address its certificate must be for.  A
 * pinned fingerprint replaces chain, name and dates: it says that this is the
 * one.  What verification found wrong is kept while the callback still has
 * the certificate, since a failed handshake leaves none behind.
 *
 * A resumed session skips the certificate, so sessions are kept no longer
 * than an hour; TLS 1.3 tickets are used once each, as RFC 8446 asks.
 */
#include "net/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include <arpa/inet.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "net/tlswhy.h"

#define TLS_SESSIONS_MAX 4 /* kept for one host */
#define TLS_SESSION_LIFE_S 3600
#define TLS_PINS_MAX 4
#define TLS_PIN_BYTES 32
#define TLS_CIPHERS_12 "ECDHE+AESGCM:ECDHE+CHACHA20"

/* Sessions of earlier connections to one host, the newest last. */
struct tls_host {
	SLIST_ENTRY(tls_host) entry;
	char *name;
	SSL_SESSION *sessions[TLS_SESSIONS_MAX];
	unsigned n_sessions;
};

struct tls {
	SSL_CTX *ctx;
	char *server_name; /* NULL: the host */
	unsigned char pins[TLS_PINS_MAX][TLS_PIN_BYTES];
	unsigned n_pins;
	bool has_own;
	struct tlswhy_cert own;
	SLIST_HEAD(, tls_host) hosts;
	/* What the last failed verification found, and in which connection. */
	const SSL *bad_ssl;
	int bad_code;
	struct tlswhy_cert bad;
};

/* The reason that OpenSSL queued last; its queue is empty afterwards. */
static const char *
ssl_reason(void)
{
	unsigned long code = ERR_peek_last_error();
	const char *text = ERR_reason_error_string(code);

	ERR_clear_error();
	return text != NULL ? text : "unknown reason";
}

static void
note_verdict(X509_STORE_CTX *store, int code)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(
	    store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	X509 *cert = X509_STORE_CTX_get_current_cert(store);

	if (cert == NULL)
		cert = X509_STORE_CTX_get0_cert(store);
	t->bad_ssl = ssl;
	t->bad_code = code;
	if (cert != NULL)
		tlswhy_read(&t->bad, cert);
}

static int
verify_chain(int ok, X509_STORE_CTX *store)
{
	if (!ok)
		note_verdict(store, X509_STORE_CTX_get_error(store));
	return ok;
}

static int
verify_pin(X509_STORE_CTX *store, void *arg)
{
	struct tls *t = arg;
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0, i, same = 0;
	X509 *cert = X509_STORE_CTX_get0_cert(store);

	if (cert != NULL &&
	    X509_digest(cert, EVP_sha256(), digest, &len) == 1 &&
	    len == TLS_PIN_BYTES)
		for (i = 0; i < t->n_pins; i++)
			same |=
			    CRYPTO_memcmp(digest, t->pins[i], len) == 0 ? 1 : 0;
	X509_STORE_CTX_set_error(
	    store, same ? X509_V_OK : X509_V_ERR_CERT_REJECTED);
	if (!same)
		note_verdict(store, X509_V_ERR_CERT_REJECTED);
	return same != 0;
}

static bool
parse_pin(struct str hex, unsigned char *pin)
{
	size_t i, n = 0;
	unsigned value = 0;

	for (i = 0; i < hex.len; i++) {
		int digit = OPENSSL_hexchar2int((unsigned char)hex.p[i]);

		if (hex.p[i] == ':' && n % 2 == 0)
			continue;
		if (digit < 0 || n >= TLS_PIN_BYTES * 2)
			return false;
		value = value << 4 | (unsigned)digit;
		if (++n % 2 == 0)
			pin[n / 2 - 1] = (unsigned char)value;
	}
	return n == TLS_PIN_BYTES * 2;
}

static int
load_pins(struct tls *t, const char *text, struct err *err)
{
	struct str rest = str_of(text);

	do {
		struct str one = str_trim(str_cut(&rest, ','));
		struct str alg = str_cut(&one, ':');

		if (t->n_pins == TLS_PINS_MAX)
			return err_set(err, ERR_CONF,
			    "fingerprint: more than %d of them", TLS_PINS_MAX);
		if (!(str_eq_nocase(alg, STR_LIT("SHA256")) ||
			str_eq_nocase(alg, STR_LIT("SHA-256"))) ||
		    !parse_pin(one, t->pins[t->n_pins]))
			return err_set(err, ERR_CONF,
			    "fingerprint: must be SHA256: and 32 hex pairs with"
			    " colons, as printed by: openssl x509 -noout"
			    " -fingerprint -sha256 -in CERTIFICATE");
		t->n_pins++;
	} while (rest.p != NULL);
	SSL_CTX_set_cert_verify_callback(t->ctx, verify_pin, t);
	return 0;
}

static int
load_trust(struct tls *t, const struct tls_conf *conf, struct err *err)
{
	struct stat st;

	if (conf->ca_file == NULL && conf->ca_dir == NULL) {
		if (SSL_CTX_set_default_verify_paths(t->ctx) != 1)
			return err_set(err, ERR_CONF,
			    "the system's certificates: %s", ssl_reason());
		return 0;
	}
	if (conf->ca_file != NULL &&
	    SSL_CTX_load_verify_file(t->ctx, conf->ca_file) != 1)
		return err_set(err, ERR_CONF, "%s: %s", conf->ca_file,
		    access(conf->ca_file, R_OK) < 0 ? strerror(errno)
						    : ssl_reason());
	if (conf->ca_dir != NULL) {
		if (stat(conf->ca_dir, &st) < 0)
			return err_set(err, ERR_CONF, "%s: %s", conf->ca_dir,
			    strerror(errno));
		if (!S_ISDIR(st.st_mode) ||
		    SSL_CTX_load_verify_dir(t->ctx, conf->ca_dir) != 1)
			return err_set(err, ERR_CONF,
			    "%s: is no directory of certificates",
			    conf->ca_dir);
	}
	/* Who names a server's own or an intermediate certificate means it. */
	X509_STORE_set_flags(
	    SSL_CTX_get_cert_store(t->ctx), X509_V_FLAG_PARTIAL_CHAIN);
	return 0;
}

/* Never ask at the terminal; remember that a passphrase was wanted. */
static int
refuse_passphrase(char *text, int size, int writing, void *arg)
{
	(void)text;
	(void)size;
	(void)writing;
	*(bool *)arg = true;
	return -1;
}

static EVP_PKEY *
read_key(const char *path, struct err *err)
{
	EVP_PKEY *key = NULL;
	BIO *file = NULL;
	bool wanted = false;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0 || fstat(fd, &st) < 0) {
		err_set(err, ERR_CONF, "%s: %s", path, strerror(errno));
		goto out;
	}
	if ((st.st_mode & S_IRWXO) != 0) {
		err_set(err, ERR_CONF,
		    "%s: others may read this key; do: chmod o= %s", path,
		    path);
		goto out;
	}
	file = BIO_new_fd(fd, BIO_NOCLOSE);
	if (file != NULL)
		key = PEM_read_bio_PrivateKey(
		    file, NULL, refuse_passphrase, &wanted);
	if (key == NULL && wanted)
		err_set(err, ERR_CONF,
		    "%s: is protected by a passphrase, which nobody is there to"
		    " type; store the key without one: openssl pkey -in OLD"
		    " -out NEW",
		    path);
	else if (key == NULL)
		err_set(err, ERR_CONF, "%s: holds no private key (%s)", path,
		    ssl_reason());
out:
	ERR_clear_error();
	BIO_free(file);
	if (fd >= 0)
		close(fd);
	return key;
}

static int
load_own(struct tls *t, const struct tls_conf *conf, struct err *err)
{
	const char *key_file = conf->key_file;
	EVP_PKEY *key;
	int rc = -1;

	if (conf->cert_file == NULL && key_file == NULL)
		return 0;
	if (conf->cert_file == NULL)
		return err_set(err, ERR_CONF,
		    "%s: a key needs its certificate; set cert-file", key_file);
	if (key_file == NULL)
		key_file = conf->cert_file;
	if (SSL_CTX_use_certificate_chain_file(t->ctx, conf->cert_file) != 1)
		return err_set(err, ERR_CONF, "%s: %s", conf->cert_file,
		    access(conf->cert_file, R_OK) < 0 ? strerror(errno)
						      : ssl_reason());
	key = read_key(key_file, err);
	if (key == NULL)
		return -1;
	if (SSL_CTX_use_PrivateKey(t->ctx, key) != 1 ||
	    SSL_CTX_check_private_key(t->ctx) != 1) {
		ERR_clear_error();
		err_set(err, ERR_CONF,
		    "%s: is not the key of the certificate in %s", key_file,
		    conf->cert_file);
		goto out;
	}
	t->has_own = true;
	tlswhy_read(&t->own, SSL_CTX_get0_certificate(t->ctx));
	rc = 0;
out:
	EVP_PKEY_free(key);
	return rc;
}

/* Returning 1 keeps the reference. */
static int
keep_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls_host *host = SSL_get_app_data(ssl);

	if (host == NULL)
		return 0;
	if (host->n_sessions == TLS_SESSIONS_MAX) {
		SSL_SESSION_free(host->sessions[0]);
		memmove(host->sessions, host->sessions + 1,
		    (TLS_SESSIONS_MAX - 1) * sizeof(host->sessions[0]));
		host->n_sessions--;
	}
	host->sessions[host->n_sessions++] = session;
	return 1;
}

static bool
is_fresh(const SSL_SESSION *s)
{
	int64_t age_s = (int64_t)(clock_wall_ms() / 1000) -
	    (int64_t)SSL_SESSION_get_time(s);

	return age_s >= 0 && age_s < TLS_SESSION_LIFE_S &&
	    age_s < SSL_SESSION_get_timeout(s) && SSL_SESSION_is_resumable(s);
}

static void
offer_session(struct tls_host *host, SSL *ssl)
{
	while (host->n_sessions > 0) {
		SSL_SESSION *s = host->sessions[host->n_sessions - 1];
		bool once =
		    SSL_SESSION_get_protocol_version(s) >= TLS1_3_VERSION;
		bool used = is_fresh(s) && SSL_set_session(ssl, s) == 1;

		if (once || !used) {
			host->n_sessions--;
			SSL_SESSION_free(s);
		}
		if (used)
			return;
	}
}

static struct tls_host *
find_host(struct tls *t, const char *name)
{
	struct tls_host *host;

	SLIST_FOREACH(host, &t->hosts, entry)
	if (strcasecmp(host->name, name) == 0)
		return host;
	host = xcalloc(1, sizeof(*host));
	host->name = xstrdup(name);
	SLIST_INSERT_HEAD(&t->hosts, host, entry);
	return host;
}

static int
set_up_context(SSL_CTX *ctx, struct err *err)
{
	if (ctx == NULL ||
	    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(ctx, TLS_CIPHERS_12) != 1)
		return err_set(err, ERR_SYS, "OpenSSL: %s", ssl_reason());
	SSL_CTX_set_options(
	    ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(ctx,
	    SSL_MODE_ENABLE_PARTIAL_WRITE |
		SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, verify_chain);
	SSL_CTX_set_session_cache_mode(
	    ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, keep_session);
	return 0;
}

struct tls *
tls_new(const struct tls_conf *conf, struct err *err)
{
	struct tls *t = xcalloc(1, sizeof(*t));

	SLIST_INIT(&t->hosts);
	if (conf->server_name != NULL)
		t->server_name = xstrdup(conf->server_name);
	ERR_clear_error();
	t->ctx = SSL_CTX_new(TLS_client_method());
	if (set_up_context(t->ctx, err) < 0)
		goto fail;
	SSL_CTX_set_app_data(t->ctx, t);
	if (conf->fingerprint != NULL) {
		if (load_pins(t, conf->fingerprint, err) < 0)
			goto fail;
	} else if (load_trust(t, conf, err) < 0) {
		goto fail;
	}
	if (load_own(t, conf, err) < 0)
		goto fail;
	return t;
fail:
	tls_free(&t);
	return NULL;
}

void
tls_free(struct tls **tp)
{
	struct tls *t = *tp;
	struct tls_host *host;

	*tp = NULL;
	if (t == NULL)
		return;
	while ((host = SLIST_FIRST(&t->hosts)) != NULL) {
		SLIST_REMOVE_HEAD(&t->hosts, entry);
		while (host->n_sessions > 0)
			SSL_SESSION_free(host->sessions[--host->n_sessions]);
		xfree(host->name);
		xfree(host);
	}
	SSL_CTX_free(t->ctx);
	xfree(t->server_name);
	xfree(t);
}

/* An address has no SNI, and is looked for among the iPAddress names. */
static int
expect_name(SSL *ssl, const char *name)
{
	unsigned char address[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, name, address) == 1 ||
	    inet_pton(AF_INET6, name, address) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name);
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set_tlsext_host_name(ssl, name) == 1 &&
	    SSL_set1_host(ssl, name) == 1;
}

/* The name as certificates write it: no dot at the end, no scope. */
static char *
name_to_verify(const struct tls *t, const char *host)
{
	const char *name = t->server_name != NULL ? t->server_name : host;
	size_t len = strcspn(name, "%");

	if (len > 1 && name[len - 1] == '.')
		len--;
	return xstrndup(name, len);
}

struct ssl_st *
tls_client(struct tls *t, const char *host, struct err *err)
{
	struct tls_host *known = find_host(t, host);
	char *name = name_to_verify(t, host);
	SSL *ssl;

	ERR_clear_error();
	ssl = SSL_new(t->ctx);
	if (ssl == NULL || expect_name(ssl, name) != 1) {
		err_set(err, ERR_CONF, "\"%s\" is no name to verify: %s", name,
		    ssl_reason());
		SSL_free(ssl);
		ssl = NULL;
		goto out;
	}
	if (t->bad_ssl == ssl)
		t->bad_ssl = NULL;
	SSL_set_app_data(ssl, known);
	SSL_set_connect_state(ssl);
	offer_session(known, ssl);
out:
	xfree(name);
	return ssl;
}

int
tls_explain(struct tls *t, struct ssl_st *ssl, const unsigned long *ssl_errors,
    unsigned n, struct err *err)
{
	const struct tls_host *host = SSL_get_app_data(ssl);
	char *want;

	if (t->bad_ssl == ssl) {
		want = name_to_verify(t, host->name);
		tlswhy_verify(t->bad_code, &t->bad, want, err);
		xfree(want);
		return -1;
	}
	for (unsigned i = n; i > 0; i--)
		if (tlswhy_error(
			ssl_errors[i - 1], t->has_own ? &t->own : NULL, err))
			return -1;
	if (n > 0) {
		const char *text = ERR_reason_error_string(ssl_errors[n - 1]);

		return err_set(err, ERR_RETRY, "TLS failed: %s",
		    text != NULL ? text : "unknown reason");
	}
	return err_set(err, ERR_RETRY, "TLS failed without saying why");
}
