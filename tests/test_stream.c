/* tests/test_stream.c -- a connection's life, and what its end proves. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <openssl/ssl.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "net/loop.h"
#include "net/resolve.h"
#include "net/stream.h"
#include "net/tls.h"
#include "tests/testca.h"
#include "tests/testserver.h"

#define DEADLINE_MS 10000
#define MIB (1024 * 1024)

struct bench {
	struct loop *loop;
	struct loop_timer *deadline, *poll;
	struct testserver *server;
	struct testca *ca, *other;
	SSL_CTX *ctx;
	struct tls *tls;
	struct stream *stream;
	struct stream_conf conf;
	uint64_t to_write, written; /* by on_up and on_low */
	size_t most_pending;
	bool finish; /* when all is written */
	bool stop_at_up;
	bool free_at_up, free_at_low, free_at_data;
	unsigned ups, overs;
	bool proved;
	struct err err;
	struct buf heard;
	uint64_t acked_at_end;
	/* The server's side. */
	int64_t server_got;
	const char *server_says;
	bool server_says_goodbye;
	size_t server_takes;
};

/* --- the user ------------------------------------------------------------ */

static void
too_late(void *arg)
{
	struct bench *b = arg;

	loop_stop(b->loop);
}

static void
refill(struct bench *b)
{
	static char bytes[10000];

	while (b->written < b->to_write &&
	    stream_pending_bytes(b->stream) < STREAM_BUFFER_MAX) {
		uint64_t n = b->to_write - b->written;

		if (n > sizeof(bytes))
			n = sizeof(bytes);
		stream_write(b->stream, str_make(bytes, (size_t)n));
		b->written += n;
	}
	if (stream_pending_bytes(b->stream) > b->most_pending)
		b->most_pending = stream_pending_bytes(b->stream);
	if (b->written == b->to_write && b->finish)
		stream_finish(b->stream);
}

static void
on_up(void *arg)
{
	struct bench *b = arg;

	b->ups++;
	refill(b);
	if (b->free_at_up)
		stream_free(&b->stream);
	if (b->stop_at_up || b->free_at_up)
		loop_stop(b->loop);
}

static void
on_low(void *arg)
{
	struct bench *b = arg;

	refill(b);
	if (b->free_at_low) {
		stream_free(&b->stream);
		loop_stop(b->loop);
	}
}

static void
on_data(void *arg, struct str bytes)
{
	struct bench *b = arg;

	buf_add_str(&b->heard, bytes);
	if (b->free_at_data) {
		stream_free(&b->stream);
		loop_stop(b->loop);
	}
}

static void
on_over(void *arg, const struct err *err)
{
	struct bench *b = arg;

	b->overs++;
	b->proved = err == NULL;
	if (err != NULL)
		b->err = *err;
	b->acked_at_end = stream_acked_bytes(b->stream);
	stream_free(&b->stream);
	loop_stop(b->loop);
}

static const struct stream_cbs cbs = { on_up, on_low, on_data, on_over };

static int
setup(void **state)
{
	struct bench *b = xcalloc(1, sizeof(*b));

	signal(SIGPIPE, SIG_DFL); /* nobody may raise it */
	buf_init(&b->heard, 4096);
	b->loop = loop_new();
	b->deadline = loop_timer_new(b->loop, too_late, b);
	loop_timer_set(b->deadline, DEADLINE_MS);
	b->conf = (struct stream_conf){ .host = "127.0.0.1",
		.connect_timeout_ms = 3000,
		.handshake_timeout_ms = 3000,
		.stall_timeout_ms = 3000,
		.finish_timeout_ms = 3000 };
	b->server_got = -2;
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	stream_free(&b->stream);
	testserver_stop(&b->server);
	tls_free(&b->tls);
	SSL_CTX_free(b->ctx);
	testca_free(&b->ca);
	testca_free(&b->other);
	loop_timer_free(&b->deadline);
	loop_timer_free(&b->poll);
	loop_free(&b->loop);
	buf_clear(&b->heard);
	xfree(b);
	return 0;
}

static void
run(struct bench *b)
{
	if (b->server != NULL)
		b->conf.port = testserver_port(b->server);
	b->conf.tls = b->tls;
	b->stream = stream_new(b->loop, &b->conf, &cbs, b);
	loop_run(b->loop);
}

static void
assert_failed(struct bench *b, enum err_kind kind, const char *words)
{
	assert_int_equal(b->overs, 1);
	assert_false(b->proved);
	if (b->err.kind != kind || strstr(b->err.text, words) == NULL)
		fail_msg("kind %d, \"%s\"; wanted kind %d, \"%s\"", b->err.kind,
		    b->err.text, kind, words);
}

static void
assert_proved(struct bench *b)
{
	assert_int_equal(b->overs, 1);
	if (!b->proved)
		fail_msg("%s", b->err.text);
}

/* --- servers ------------------------------------------------------------- */

static void
read_all(struct testserver *ts, int fd, void *arg)
{
	struct bench *b = arg;

	(void)ts;
	b->server_got = testserver_drain(fd);
}

static void
hold(struct testserver *ts, int fd, void *arg)
{
	(void)fd;
	(void)arg;
	testserver_hold(ts);
}

static void
reset_at_once(struct testserver *ts, int fd, void *arg)
{
	(void)ts;
	(void)arg;
	testserver_reset(fd);
}

static void
speak_and_read(struct testserver *ts, int fd, void *arg)
{
	struct bench *b = arg;

	(void)ts;
	(void)!send(fd, b->server_says, strlen(b->server_says), MSG_NOSIGNAL);
	testserver_drain(fd);
}

static void
close_at_once(struct testserver *ts, int fd, void *arg)
{
	(void)ts;
	(void)fd;
	(void)arg;
}

/* Wait until something lies unread, then let go: the kernel sends RST. */
static void
close_unread(struct testserver *ts, int fd, void *arg)
{
	char byte;

	(void)ts;
	(void)arg;
	(void)!recv(fd, &byte, 1, MSG_PEEK);
}

static void
read_to_the_end_and_hold(struct testserver *ts, int fd, void *arg)
{
	read_all(ts, fd, arg);
	testserver_hold(ts);
}

static void
tls_read_all(struct testserver *ts, int fd, void *arg)
{
	struct bench *b = arg;
	SSL *ssl = testserver_tls(b->ctx, fd);
	char bytes[20000];
	int64_t total = 0;
	int n;

	(void)ts;
	if (ssl == NULL) {
		shutdown(fd, SHUT_WR);
		testserver_drain(fd);
		return;
	}
	if (b->server_says != NULL)
		SSL_write(ssl, b->server_says, (int)strlen(b->server_says));
	while ((n = SSL_read(ssl, bytes, sizeof(bytes))) > 0)
		total += n;
	b->server_got =
	    SSL_get_error(ssl, n) == SSL_ERROR_ZERO_RETURN ? total : -1;
	if (b->server_says_goodbye)
		SSL_shutdown(ssl);
	SSL_free(ssl);
}

static void
tls_close_unread(struct testserver *ts, int fd, void *arg)
{
	struct bench *b = arg;
	SSL *ssl = testserver_tls(b->ctx, fd);
	char byte;

	(void)ts;
	if (ssl == NULL)
		return;
	/* A close_notify of its own, without having read ours. */
	(void)!recv(fd, &byte, 1, MSG_PEEK);
	SSL_shutdown(ssl);
	SSL_free(ssl);
}

static void
serve_tls(struct bench *b, testserver_fn *fn, struct testca *clients)
{
	struct testca_cert good = { .subject = "good", .san = "IP:127.0.0.1" };
	struct tls_conf conf = { 0 };
	struct err err = { 0 };

	if (b->ca == NULL)
		b->ca = testca_new("Test Authority");
	testca_issue(b->ca, "good", &good);
	b->ctx = testca_server(b->ca, "good", clients);
	conf.ca_file = testca_path(b->ca, "ca.pem");
	if (b->tls == NULL)
		b->tls = tls_new(&conf, &err);
	if (b->tls == NULL)
		fail_msg("%s", err.text);
	b->server = testserver_start(fn, b);
}

/* --- connecting ---------------------------------------------------------- */

static void
stream_says_who_refused(void **state)
{
	struct bench *b = *state;
	struct testserver *ts = testserver_start(hold, b);

	b->conf.port = testserver_port(ts);
	testserver_stop(&ts);
	run(b);
	assert_failed(b, ERR_RETRY, "Connection refused; nothing listens");
	assert_failed(b, ERR_RETRY, "127.0.0.1:");
	assert_int_equal(b->ups, 0);
}

static void
stream_says_that_a_name_is_unknown(void **state)
{
	struct bench *b = *state;

	b->conf.host = "no-such-host.invalid";
	b->conf.port = 1;
	run(b);
	assert_failed(b, ERR_RETRY, "no-such-host.invalid");
}

static void
stream_tries_every_address_of_a_name(void **state)
{
	struct bench *b = *state;

	/* Where localhost is ::1 as well, nobody listens there. */
	b->conf.host = "localhost";
	b->server = testserver_start(read_all, b);
	b->finish = true;
	run(b);
	assert_proved(b);
}

static void
stream_reports_a_reset(void **state)
{
	struct bench *b = *state;

	b->server = testserver_start(reset_at_once, b);
	run(b);
	assert_failed(b, ERR_RETRY, "127.0.0.1:");
}

static void
stream_notices_when_an_idle_peer_leaves(void **state)
{
	struct bench *b = *state;

	b->server = testserver_start(close_at_once, b);
	run(b);
	assert_failed(b, ERR_RETRY, "the peer closed the connection");
	assert_int_equal(b->ups, 1);
}

static void
stream_hands_on_what_the_peer_says(void **state)
{
	struct bench *b = *state;

	b->server_says = "hello";
	b->free_at_data = true;
	b->server = testserver_start(speak_and_read, b);
	run(b);
	assert_str(buf_str(&b->heard), "hello");
	assert_int_equal(b->overs, 0);
}

/* --- the end, and what it proves ----------------------------------------- */

static void
stream_proves_delivery_by_the_peers_fin(void **state)
{
	struct bench *b = *state;

	b->to_write = 20 * MIB + 7;
	b->finish = true;
	b->server = testserver_start(read_all, b);
	run(b);
	assert_proved(b);
	testserver_stop(&b->server);
	assert_int_equal(b->server_got, 20 * MIB + 7);
	assert_int_equal(b->acked_at_end, 20 * MIB + 7);
	assert_true(b->most_pending < STREAM_BUFFER_MAX + 10000);
}

static void
stream_reset_is_no_proof(void **state)
{
	struct bench *b = *state;

	b->to_write = 1000;
	b->finish = true;
	b->server = testserver_start(close_unread, b);
	run(b);
	assert_failed(b, ERR_RETRY, "127.0.0.1:");
}

static void
stream_early_close_is_no_proof(void **state)
{
	struct bench *b = *state;

	/* The peer's FIN comes before any byte of ours was read. */
	b->to_write = 100 * MIB;
	b->finish = true;
	b->server = testserver_start(close_at_once, b);
	run(b);
	assert_failed(b, ERR_RETRY, "127.0.0.1:");
}

static void
stream_half_close_without_answer_has_a_deadline(void **state)
{
	struct bench *b = *state;

	b->to_write = 1000;
	b->finish = true;
	b->conf.finish_timeout_ms = 50;
	b->server = testserver_start(read_to_the_end_and_hold, b);
	run(b);
	assert_failed(b, ERR_WAIT, "did not answer the end");
	assert_int_equal(b->acked_at_end, 1000);
}

static void
stream_peer_that_never_reads_is_a_stall(void **state)
{
	struct bench *b = *state;

	b->to_write = 100 * MIB;
	b->conf.stall_timeout_ms = 100;
	b->server = testserver_start(hold, b);
	run(b);
	assert_failed(b, ERR_RETRY, "has taken nothing");
	assert_true(b->acked_at_end < 100 * MIB);
}

static void
look_at_acks(void *arg)
{
	struct bench *b = arg;

	b->acked_at_end = stream_acked_bytes(b->stream);
	if (b->acked_at_end == b->to_write)
		loop_stop(b->loop);
	else
		loop_timer_set(b->poll, 1);
}

static void
stream_counts_acknowledged_bytes(void **state)
{
	struct bench *b = *state;

	b->to_write = 3 * MIB + 1;
	b->server = testserver_start(read_all, b);
	b->poll = loop_timer_new(b->loop, look_at_acks, b);
	loop_timer_set(b->poll, 1);
	b->conf.port = testserver_port(b->server);
	run(b);
	assert_int_equal(b->acked_at_end, 3 * MIB + 1);
	stream_free(&b->stream);
}

static void
stream_finished_before_up_sends_what_waits(void **state)
{
	struct bench *b = *state;

	b->server = testserver_start(read_all, b);
	b->conf.port = testserver_port(b->server);
	b->stream = stream_new(b->loop, &b->conf, &cbs, b);
	stream_write(b->stream, STR_LIT("early"));
	stream_finish(b->stream);
	assert_int_equal(b->overs, 0);
	loop_run(b->loop);
	assert_proved(b);
	assert_int_equal(b->ups, 0);
	testserver_stop(&b->server);
	assert_int_equal(b->server_got, 5);
}

static void
stream_may_be_freed_in_up(void **state)
{
	struct bench *b = *state;

	b->to_write = 1000;
	b->free_at_up = true;
	b->server = testserver_start(read_all, b);
	run(b);
	assert_int_equal(b->ups, 1);
	assert_int_equal(b->overs, 0);
}

static void
stream_may_be_freed_in_low(void **state)
{
	struct bench *b = *state;

	b->to_write = 1000;
	b->free_at_low = true;
	b->server = testserver_start(read_all, b);
	run(b);
	assert_int_equal(b->overs, 0);
	assert_null(b->stream);
}

/* --- unix ---------------------------------------------------------------- */

static void
stream_speaks_over_a_unix_socket(void **state)
{
	struct bench *b = *state;

	b->ca = testca_new("only its directory is wanted");
	b->conf.unix_path = testca_path(b->ca, "sock");
	b->to_write = 5 * MIB;
	b->finish = true;
	b->server = testserver_start_unix(b->conf.unix_path, read_all, b);
	run(b);
	assert_proved(b);
	testserver_stop(&b->server);
	assert_int_equal(b->server_got, 5 * MIB);
}

static void
stream_unix_peer_that_did_not_read_proves_nothing(void **state)
{
	struct bench *b = *state;

	b->ca = testca_new("only its directory is wanted");
	b->conf.unix_path = testca_path(b->ca, "sock");
	b->to_write = 1000;
	b->finish = true;
	b->server = testserver_start_unix(b->conf.unix_path, close_unread, b);
	run(b);
	assert_failed(b, ERR_RETRY, "sock: ");
}

static void
stream_unix_socket_that_is_not_there_is_named(void **state)
{
	struct bench *b = *state;

	b->conf.unix_path = "/nonexistent/sock";
	run(b);
	assert_failed(b, ERR_RETRY, "/nonexistent/sock: No such file");
}

/* --- TLS ----------------------------------------------------------------- */

static void
stream_tls_proves_delivery_by_the_peers_fin(void **state)
{
	struct bench *b = *state;

	b->to_write = 8 * MIB + 3;
	b->finish = true;
	b->server_says_goodbye = true;
	serve_tls(b, tls_read_all, NULL);
	run(b);
	assert_proved(b);
	testserver_stop(&b->server);
	assert_int_equal(b->server_got, 8 * MIB + 3);
	assert_int_equal(b->acked_at_end, 8 * MIB + 3);
}

static void
stream_tls_fin_alone_is_proof_too(void **state)
{
	struct bench *b = *state;

	b->to_write = 100000;
	b->finish = true;
	serve_tls(b, tls_read_all, NULL);
	run(b);
	assert_proved(b);
	testserver_stop(&b->server);
	assert_int_equal(b->server_got, 100000);
}

static void
stream_tls_goodbye_before_reset_is_no_proof(void **state)
{
	struct bench *b = *state;

	b->to_write = 3 * MIB;
	b->finish = true;
	serve_tls(b, tls_close_unread, NULL);
	run(b);
	assert_failed(b, ERR_RETRY, "127.0.0.1:");
}

static void
stream_tls_counts_acknowledged_bytes(void **state)
{
	struct bench *b = *state;

	b->to_write = 3 * MIB + 1;
	serve_tls(b, tls_read_all, NULL);
	b->poll = loop_timer_new(b->loop, look_at_acks, b);
	loop_timer_set(b->poll, 1);
	run(b);
	assert_int_equal(b->acked_at_end, 3 * MIB + 1);
	stream_free(&b->stream);
}

static void
stream_tls_hands_on_what_the_peer_says(void **state)
{
	struct bench *b = *state;

	b->server_says = "hello";
	b->free_at_data = true;
	serve_tls(b, tls_read_all, NULL);
	run(b);
	assert_str(buf_str(&b->heard), "hello");
}

static void
stream_tls_hello_without_answer_has_a_deadline(void **state)
{
	struct bench *b = *state;

	b->conf.handshake_timeout_ms = 50;
	serve_tls(b, hold, NULL);
	run(b);
	assert_failed(b, ERR_RETRY, "no answer to the TLS handshake");
	assert_int_equal(b->ups, 0);
}

static void
stream_tls_plain_text_is_recognised(void **state)
{
	struct bench *b = *state;

	b->server_says = "* OK ready\r\n";
	serve_tls(b, speak_and_read, NULL);
	run(b);
	assert_failed(b, ERR_CONF, "does not speak TLS");
	assert_failed(b, ERR_CONF, "127.0.0.1:");
}

static void
stream_tls_wrong_name_is_told(void **state)
{
	struct bench *b = *state;

	b->conf.host = "localhost";
	serve_tls(b, tls_read_all, NULL);
	run(b);
	assert_failed(b, ERR_CONF, "is for 127.0.0.1, not for localhost");
}

static struct tls *
with_certificate(struct bench *b, struct testca *issuer)
{
	struct testca_cert client = { .subject = "daemon" };
	struct tls_conf conf = { .ca_file = testca_path(b->ca, "ca.pem"),
		.cert_file = testca_path(issuer, "daemon.pem"),
		.key_file = testca_path(issuer, "daemon.key") };
	struct err err = { 0 };
	struct tls *t;

	testca_issue(issuer, "daemon", &client);
	t = tls_new(&conf, &err);
	if (t == NULL)
		fail_msg("%s", err.text);
	return t;
}

static void
stream_tls_refused_certificate_shows_before_up(void **state)
{
	struct bench *b = *state;

	b->ca = testca_new("Test Authority");
	b->other = testca_new("Other Authority");
	b->tls = with_certificate(b, b->other);
	b->to_write = 1000;
	serve_tls(b, tls_read_all, b->ca);
	run(b);
	assert_failed(b, ERR_CONF, "our certificate \"CN=daemon\"");
	assert_int_equal(b->ups, 0);
}

static void
stream_tls_accepted_certificate_is_up_at_once(void **state)
{
	struct bench *b = *state;

	b->ca = testca_new("Test Authority");
	b->tls = with_certificate(b, b->ca);
	b->to_write = 1000;
	b->finish = true;
	serve_tls(b, tls_read_all, b->ca);
	run(b);
	assert_proved(b);
	assert_int_equal(b->ups, 1);
}

/* --- names --------------------------------------------------------------- */

struct lookup {
	struct loop *loop;
	struct resolve *resolve;
	char text[ERR_TEXT_MAX];
	unsigned calls;
};

static void
on_resolved(void *arg, const struct resolve_addr *addrs, size_t n,
    const struct err *err)
{
	struct lookup *lu = arg;
	char text[RESOLVE_NAME_MAX];

	lu->calls++;
	snprintf(lu->text, sizeof(lu->text), "%s",
	    n > 0 ? resolve_name(&addrs[0], text) : err->text);
	loop_stop(lu->loop);
}

static void
resolve_answers_literal_addresses_from_the_loop(void **state)
{
	static const struct {
		const char *host, *want;
	} rows[] = {
		{ "192.0.2.1", "192.0.2.1:514" },
		{ "2001:db8::1", "[2001:db8::1]:514" },
	};
	struct bench *b = *state;
	struct lookup lu = { .loop = b->loop };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		lu.calls = 0;
		lu.resolve =
		    resolve_start(b->loop, rows[i].host, 514, on_resolved, &lu);
		assert_int_equal(lu.calls, 0);
		loop_run(b->loop);
		assert_int_equal(lu.calls, 1);
		assert_string_equal(lu.text, rows[i].want);
	}
}

static void
resolve_asks_the_system_and_may_be_cancelled(void **state)
{
	struct bench *b = *state;
	struct lookup lu = { .loop = b->loop };

	lu.resolve =
	    resolve_start(b->loop, "no.invalid", 514, on_resolved, &lu);
	resolve_cancel(&lu.resolve);
	assert_null(lu.resolve);
	lu.resolve = resolve_start(b->loop, "localhost", 514, on_resolved, &lu);
	loop_run(b->loop);
	assert_int_equal(lu.calls, 1);
	assert_non_null(strstr(lu.text, ":514"));
}

#define WITH_LOOP(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static const struct CMUnitTest tests[] = {
	WITH_LOOP(stream_says_who_refused),
	WITH_LOOP(stream_says_that_a_name_is_unknown),
	WITH_LOOP(stream_tries_every_address_of_a_name),
	WITH_LOOP(stream_reports_a_reset),
	WITH_LOOP(stream_notices_when_an_idle_peer_leaves),
	WITH_LOOP(stream_hands_on_what_the_peer_says),
	WITH_LOOP(stream_proves_delivery_by_the_peers_fin),
	WITH_LOOP(stream_reset_is_no_proof),
	WITH_LOOP(stream_early_close_is_no_proof),
	WITH_LOOP(stream_half_close_without_answer_has_a_deadline),
	WITH_LOOP(stream_peer_that_never_reads_is_a_stall),
	WITH_LOOP(stream_counts_acknowledged_bytes),
	WITH_LOOP(stream_finished_before_up_sends_what_waits),
	WITH_LOOP(stream_may_be_freed_in_up),
	WITH_LOOP(stream_may_be_freed_in_low),
	WITH_LOOP(stream_speaks_over_a_unix_socket),
	WITH_LOOP(stream_unix_peer_that_did_not_read_proves_nothing),
	WITH_LOOP(stream_unix_socket_that_is_not_there_is_named),
	WITH_LOOP(stream_tls_proves_delivery_by_the_peers_fin),
	WITH_LOOP(stream_tls_fin_alone_is_proof_too),
	WITH_LOOP(stream_tls_goodbye_before_reset_is_no_proof),
	WITH_LOOP(stream_tls_counts_acknowledged_bytes),
	WITH_LOOP(stream_tls_hands_on_what_the_peer_says),
	WITH_LOOP(stream_tls_hello_without_answer_has_a_deadline),
	WITH_LOOP(stream_tls_plain_text_is_recognised),
	WITH_LOOP(stream_tls_wrong_name_is_told),
	WITH_LOOP(stream_tls_refused_certificate_shows_before_up),
	WITH_LOOP(stream_tls_accepted_certificate_is_up_at_once),
	WITH_LOOP(resolve_answers_literal_addresses_from_the_loop),
	WITH_LOOP(resolve_asks_the_system_and_may_be_cancelled),
};

UNIT_MAIN(tests)
