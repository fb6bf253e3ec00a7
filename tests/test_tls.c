/* tests/test_tls.c -- whom we trust, and how a refusal is told. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <openssl/ssl.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "net/tls.h"
#include "net/tlsio.h"
#include "tests/testca.h"
#include "tests/testserver.h"

#define HOUR_S 3600

struct bench {
	struct testca *ca, *other;
	SSL_CTX *ctx;
	struct testserver *server;
	struct tls *tls;
	struct tlsio *io;
	int fd;
	const char *says; /* the plain server's words */
	unsigned resumed; /* handshakes that were */
};

static int
setup(void **state)
{
	struct bench *b = xcalloc(1, sizeof(*b));
	struct testca_cert good = { .subject = "good",
		.san = "DNS:siem.example,IP:127.0.0.1" };
	struct testca_cert client = { .subject = "daemon" };

	signal(SIGPIPE, SIG_IGN);
	b->fd = -1;
	b->ca = testca_new("Test Authority");
	b->other = testca_new("Other Authority");
	testca_issue(b->ca, "good", &good);
	testca_issue(b->ca, "client", &client);
	testca_issue(b->other, "stranger", &client);
	*state = b;
	return 0;
}

static void
hang_up(struct bench *b)
{
	tlsio_free(&b->io);
	if (b->fd >= 0)
		close(b->fd);
	b->fd = -1;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	hang_up(b);
	testserver_stop(&b->server);
	tls_free(&b->tls);
	SSL_CTX_free(b->ctx);
	testca_free(&b->ca);
	testca_free(&b->other);
	xfree(b);
	return 0;
}

/* Shake hands, say one byte, and read until the client leaves. */
static void
serve_tls(struct testserver *ts, int fd, void *arg)
{
	struct bench *b = arg;
	SSL *ssl = testserver_tls(b->ctx, fd);
	char byte;

	(void)ts;
	if (ssl == NULL) {
		/* The alert is out; reading on keeps RST from eating it. */
		shutdown(fd, SHUT_WR);
		testserver_drain(fd);
		return;
	}
	if (SSL_session_reused(ssl))
		__atomic_add_fetch(&b->resumed, 1, __ATOMIC_SEQ_CST);
	SSL_write(ssl, "x", 1);
	while (SSL_read(ssl, &byte, 1) > 0)
		;
	SSL_free(ssl);
}

static void
serve_plain(struct testserver *ts, int fd, void *arg)
{
	struct bench *b = arg;

	(void)ts;
	(void)!write(fd, b->says, strlen(b->says));
	shutdown(fd, SHUT_WR);
	testserver_drain(fd);
}

static void
serve_with(struct bench *b, struct testca *ca, const char *name,
    struct testca *clients)
{
	b->ctx = testca_server(ca, name, clients);
	b->server = testserver_start(serve_tls, b);
}

static struct tls *
new_tls(struct bench *b, const struct tls_conf *conf)
{
	struct err err = { 0 };

	b->tls = tls_new(conf, &err);
	if (b->tls == NULL)
		fail_msg("%s", err.text);
	return b->tls;
}

/* Connect (blocking), shake hands, and read a byte. */
static enum io_result
dial(struct bench *b, const char *host, struct err *err)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	enum io_result res;
	char byte;
	size_t n;

	sin.sin_port = htons(testserver_port(b->server));
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	b->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
	    connect(b->fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	b->io = tlsio_new(b->tls, host, b->fd, err);
	assert_non_null(b->io);
	res = tlsio_handshake(b->io, err);
	if (res == IO_OK)
		res = tlsio_read(b->io, &byte, 1, &n, err);
	return res;
}

static void
assert_words(const char *row, const struct err *err, const char *words)
{
	if (strstr(err->text, words) == NULL)
		fail_msg("%s: \"%s\" lacks \"%s\"", row, err->text, words);
}

static void
tls_trusts_by_chain_and_name_or_address(void **state)
{
	struct bench *b = *state;
	struct tls_conf conf = { .ca_file = testca_path(b->ca, "ca.pem") };
	static const char *const hosts[] = { "siem.example", "SIEM.example.",
		"127.0.0.1" };
	struct err err = { 0 };
	size_t i;

	serve_with(b, b->ca, "good", NULL);
	new_tls(b, &conf);
	for (i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		if (dial(b, hosts[i], &err) != IO_OK)
			fail_msg("%s: %s", hosts[i], err.text);
		hang_up(b);
	}
}

static void
tls_says_what_is_wrong_with_a_certificate(void **state)
{
	static const struct {
		const char *row, *host;
		struct testca_cert cert;
		bool unknown_ca;
		const char *words[3];
	} rows[] = {
		{ "expired", "a.example",
		    { .subject = "old",
			.san = "DNS:a.example",
			.begins_s = -3 * HOUR_S,
			.ends_s = -2 * HOUR_S },
		    false, { "CN=old", "expired on 20", "renewed" } },
		{ "not yet valid", "a.example",
		    { .subject = "young",
			.san = "DNS:a.example",
			.begins_s = HOUR_S },
		    false, { "CN=young", "not valid before 20", "clock" } },
		{ "self-signed", "a.example",
		    { .subject = "own",
			.san = "DNS:a.example",
			.self_signed = true },
		    false, { "signed by itself", "ca-file", "SHA256:" } },
		{ "another name", "b.example",
		    { .subject = "a", .san = "DNS:a.example,DNS:c.example" },
		    false,
		    { "is for a.example, c.example", "not for b.example",
			"server-name" } },
		{ "a name where an address is wanted", "127.0.0.1",
		    { .subject = "a", .san = "DNS:127.0.0.1,IP:127.0.0.9" },
		    false,
		    { "127.0.0.9", "not for the address 127.0.0.1",
			"server-name" } },
		{ "a client's certificate", "a.example",
		    { .subject = "a",
			.san = "DNS:a.example",
			.usage = "clientAuth" },
		    false, { "not meant for servers", "", "" } },
		{ "a weak key", "a.example",
		    { .subject = "a",
			.san = "DNS:a.example",
			.rsa_1024 = true },
		    false, { "too weak", "2048", "" } },
		{ "nobody we know", "a.example",
		    { .subject = "a", .san = "DNS:a.example" }, true,
		    { "CN=Test Authority", "not trusted here", "ca-file" } },
	};
	struct bench *b = *state;
	size_t i, w;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tls_conf conf = {
			.ca_file = testca_path(
			    rows[i].unknown_ca ? b->other : b->ca, "ca.pem")
		};
		struct err err = { 0 };

		testca_issue(b->ca, "row", &rows[i].cert);
		serve_with(b, b->ca, "row", NULL);
		new_tls(b, &conf);
		assert_int_equal(dial(b, rows[i].host, &err), IO_FAILED);
		assert_int_equal(err.kind, ERR_CONF);
		for (w = 0; w < 3; w++)
			assert_words(rows[i].row, &err, rows[i].words[w]);
		hang_up(b);
		tls_free(&b->tls);
		testserver_stop(&b->server);
		SSL_CTX_free(b->ctx);
		b->ctx = NULL;
	}
}

static void
tls_server_name_stands_for_the_host(void **state)
{
	struct bench *b = *state;
	struct tls_conf conf = { .ca_file = testca_path(b->ca, "ca.pem"),
		.server_name = "siem.example" };
	struct err err = { 0 };

	serve_with(b, b->ca, "good", NULL);
	new_tls(b, &conf);
	if (dial(b, "10.9.8.7", &err) != IO_OK)
		fail_msg("%s", err.text);
}

static void
tls_fingerprint_trusts_just_this_one(void **state)
{
	struct bench *b = *state;
	struct testca_cert odd = { .subject = "odd",
		.self_signed = true,
		.begins_s = -2 * HOUR_S,
		.ends_s = -HOUR_S };
	struct tls_conf conf = { 0 };
	struct err err = { 0 };
	char two[300];

	testca_issue(b->ca, "odd", &odd);
	snprintf(two, sizeof(two), "%s, %s", testca_fingerprint(b->ca, "good"),
	    testca_fingerprint(b->ca, "odd"));
	conf.fingerprint = two;
	serve_with(b, b->ca, "odd", NULL);
	new_tls(b, &conf);
	if (dial(b, "any.example", &err) != IO_OK)
		fail_msg("%s", err.text);
	hang_up(b);
	tls_free(&b->tls);

	conf.fingerprint = testca_fingerprint(b->ca, "good");
	new_tls(b, &conf);
	assert_int_equal(dial(b, "any.example", &err), IO_FAILED);
	assert_int_equal(err.kind, ERR_CONF);
	assert_words("pin", &err, "another fingerprint");
	assert_words("pin", &err, testca_fingerprint(b->ca, "odd"));
}

static void
tls_refused_client_certificate_is_told_by_name(void **state)
{
	struct bench *b = *state;
	struct tls_conf none = { .ca_file = testca_path(b->ca, "ca.pem") };
	struct tls_conf wrong = { .ca_file = testca_path(b->ca, "ca.pem"),
		.cert_file = testca_path(b->other, "stranger.pem"),
		.key_file = testca_path(b->other, "stranger.key") };
	struct tls_conf good = { .ca_file = testca_path(b->ca, "ca.pem"),
		.cert_file = testca_path(b->ca, "client.pem"),
		.key_file = testca_path(b->ca, "client.key") };
	struct err err = { 0 };

	serve_with(b, b->ca, "good", b->ca);
	new_tls(b, &none);
	assert_int_equal(dial(b, "siem.example", &err), IO_FAILED);
	assert_int_equal(err.kind, ERR_CONF);
	assert_words("none", &err, "wants a client certificate");
	hang_up(b);
	tls_free(&b->tls);

	new_tls(b, &wrong);
	assert_int_equal(dial(b, "siem.example", &err), IO_FAILED);
	assert_int_equal(err.kind, ERR_CONF);
	assert_words("wrong", &err, "our certificate \"CN=daemon\" (until 20");
	hang_up(b);
	tls_free(&b->tls);

	new_tls(b, &good);
	if (dial(b, "siem.example", &err) != IO_OK)
		fail_msg("%s", err.text);
	assert_true(tlsio_is_proved(b->io));
}

static void
tls_recognises_plain_text_on_its_port(void **state)
{
	static const char *const words[] = {
		"220 mail.example ESMTP\r\n",
		"HTTP/1.1 400 Bad Request\r\n\r\n",
	};
	struct bench *b = *state;
	struct tls_conf conf = { .ca_file = testca_path(b->ca, "ca.pem") };
	size_t i;

	new_tls(b, &conf);
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct err err = { 0 };

		b->says = words[i];
		b->server = testserver_start(serve_plain, b);
		assert_int_equal(dial(b, "siem.example", &err), IO_FAILED);
		assert_int_equal(err.kind, ERR_CONF);
		assert_words(words[i], &err, "does not speak TLS");
		hang_up(b);
		testserver_stop(&b->server);
	}
}

static void
tls_resumes_its_sessions(void **state)
{
	struct bench *b = *state;
	struct tls_conf conf = { .ca_file = testca_path(b->ca, "ca.pem") };
	struct err err = { 0 };

	serve_with(b, b->ca, "good", NULL);
	new_tls(b, &conf);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(dial(b, "siem.example", &err), IO_OK);
		/* OpenSSL forgets the session of an end without goodbye. */
		assert_int_equal(tlsio_close(b->io, &err), IO_OK);
		hang_up(b);
	}
	/* Another name must be verified anew. */
	assert_int_equal(dial(b, "127.0.0.1", &err), IO_OK);
	hang_up(b);
	testserver_stop(&b->server);
	assert_int_equal(b->resumed, 2);
}

static void
write_text(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

static void
tls_refuses_bad_files_at_once(void **state)
{
	struct bench *b = *state;
	const char *pem = testca_path(b->ca, "client.pem");
	const char *key = testca_path(b->ca, "client.key");
	const char *open_key = testca_path(b->ca, "open.key");
	const char *empty = testca_path(b->ca, "empty.pem");
	const char *locked = testca_path(b->ca, "locked.key");
	const struct {
		struct tls_conf conf;
		const char *words;
	} rows[] = {
		{ { .ca_file = testca_path(b->ca, "none.pem") },
		    "none.pem: No such file" },
		{ { .ca_file = empty }, "empty.pem: " },
		{ { .ca_dir = testca_path(b->ca, "none.d") },
		    "none.d: No such file" },
		{ { .ca_dir = pem }, "is no directory" },
		{ { .cert_file = testca_path(b->ca, "none.pem") },
		    "none.pem: No such file" },
		{ { .cert_file = pem, .key_file = open_key }, "chmod o=" },
		{ { .cert_file = pem, .key_file = empty },
		    "holds no private key" },
		{ { .cert_file = pem, .key_file = locked }, "passphrase" },
		{ { .cert_file = pem,
		      .key_file = testca_path(b->other, "stranger.key") },
		    "is not the key of the certificate" },
		{ { .key_file = key }, "set cert-file" },
		{ { .fingerprint = "SHA1:AA" }, "SHA256:" },
		{ { .fingerprint = "SHA256:AA:BB" }, "32 hex pairs" },
	};
	/* Any passphrase will do: nobody is asked for it. */
	static const char encrypted[] =
	    "-----BEGIN EC PRIVATE KEY-----\n"
	    "Proc-Type: 4,ENCRYPTED\n"
	    "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n"
	    "\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
	    "-----END EC PRIVATE KEY-----\n";
	size_t i;

	write_text(open_key, "", 0604);
	write_text(empty, "", 0600);
	write_text(locked, encrypted, 0600);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = { 0 };

		b->tls = tls_new(&rows[i].conf, &err);
		if (b->tls != NULL)
			fail_msg("row %zu: taken", i);
		assert_int_equal(err.kind, ERR_CONF);
		assert_words("file", &err, rows[i].words);
	}
}

#define WITH_CA(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static const struct CMUnitTest tests[] = {
	WITH_CA(tls_trusts_by_chain_and_name_or_address),
	WITH_CA(tls_says_what_is_wrong_with_a_certificate),
	WITH_CA(tls_server_name_stands_for_the_host),
	WITH_CA(tls_fingerprint_trusts_just_this_one),
	WITH_CA(tls_refused_client_certificate_is_told_by_name),
	WITH_CA(tls_recognises_plain_text_on_its_port),
	WITH_CA(tls_resumes_its_sessions),
	WITH_CA(tls_refuses_bad_files_at_once),
};

UNIT_MAIN(tests)
