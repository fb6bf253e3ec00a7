/* tests/test_http.c -- answers whole, cut, late, huge, refused. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include <malloc.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <openssl/ssl.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/xalloc.h"
#include "codec/httpmsg.h"
#include "net/gunzip.h"
#include "net/http.h"
#include "net/loop.h"
#include "tests/testca.h"
#include "tests/testserver.h"

#define DEADLINE_MS 20000
#define MIB (1024 * 1024)
#define CALLS_MAX 64

struct bench;

/* One call as its user sees it. */
struct ask {
	struct bench *bench;
	struct http_call *call;
	int status;
	unsigned tag;
	struct buf headers, body;
	uint64_t body_bytes;
	size_t largest;
	bool done, failed;
	struct err err;
};

struct bench {
	struct loop *loop;
	struct loop_timer *deadline, *later;
	struct loop_task *resume;
	struct http *http;
	struct http_conf conf;
	struct testserver *server;
	struct testca *ca;
	SSL_CTX *ctx;
	struct ask asks[CALLS_MAX];
	unsigned n_asks, n_done;
	bool pause_each, cancel_at_head, cancel_at_body, cancel_all_at_done;
	bool free_at_body, start_at_done;
	size_t heap_before, heap_peak;
	/* The server's side. */
	int connections, requests;
	char request[8192];
};

/* --- the server ---------------------------------------------------------- */

struct wire {
	struct bench *bench;
	int fd;
	SSL *ssl;
	char path[64];
};

static int
wire_read(struct wire *w, char *p, int size)
{
	return w->ssl != NULL ? SSL_read(w->ssl, p, size)
			      : (int)recv(w->fd, p, (size_t)size, 0);
}

static bool
wire_send(struct wire *w, const void *p, size_t len)
{
	if (w->ssl != NULL)
		return SSL_write(w->ssl, p, (int)len) == (int)len;
	return send(w->fd, p, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static bool
say(struct wire *w, const char *text)
{
	return wire_send(w, text, strlen(text));
}

/* Read one request whole; its first word behind the method is the path. */
static bool
read_request(struct wire *w)
{
	char text[8192];
	const char *head_end, *length;
	size_t have = 0, want = 0;

	for (;;) {
		int n =
		    wire_read(w, text + have, (int)(sizeof(text) - 1 - have));

		if (n <= 0)
			return false;
		have += (size_t)n;
		text[have] = '\0';
		head_end = strstr(text, "\r\n\r\n");
		if (head_end == NULL)
			continue;
		length = strstr(text, "Content-Length: ");
		want = (size_t)(head_end + 4 - text);
		if (length != NULL)
			want += strtoul(length + 16, NULL, 10);
		if (have >= want)
			break;
	}
	sscanf(text, "%*s %63s", w->path);
	memcpy(w->bench->request, text, have + 1);
	__atomic_add_fetch(&w->bench->requests, 1, __ATOMIC_SEQ_CST);
	return true;
}

static bool
send_zeroes(struct wire *w, size_t total)
{
	static const char zeroes[65536];

	while (total > 0) {
		size_t n = total < sizeof(zeroes) ? total : sizeof(zeroes);

		if (!wire_send(w, zeroes, n))
			return false;
		total -= n;
	}
	return true;
}

/* The same bytes so many times, packed. */
static bool
answer_gzip(struct wire *w, const char *bytes, size_t len, unsigned times)
{
	static const size_t size = 1024 * 1024;
	unsigned char *packed = xmalloc(size), *copy = xmalloc(len);
	z_stream z = { .next_out = packed, .avail_out = (unsigned)size };
	char head[200];
	bool ok;

	memcpy(copy, bytes, len);
	deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
	while (times-- > 0) {
		z.next_in = copy;
		z.avail_in = (unsigned)len;
		deflate(&z, times > 0 ? Z_NO_FLUSH : Z_FINISH);
	}
	snprintf(head, sizeof(head),
	    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
	    "Content-Length: %lu\r\n\r\n",
	    z.total_out);
	ok = say(w, head) && wire_send(w, packed, z.total_out);
	deflateEnd(&z);
	xfree(copy);
	xfree(packed);
	return ok;
}

static bool
answer_bomb(struct wire *w)
{
	static const char zeroes[65536];

	return answer_gzip(w, zeroes, sizeof(zeroes), 1600);
}

static bool
answer_many_headers(struct wire *w)
{
	bool ok = say(w, "HTTP/1.1 200 OK\r\n");

	for (int i = 0; ok && i < 300; i++)
		ok = say(w, "X-More: and more\r\n");
	return ok && say(w, "Content-Length: 0\r\n\r\n");
}

/* Answers that are the same text each time; those that close break off. */
static const struct {
	const char *path, *text;
	bool close;
} answers[] = {
	{ "/short",
	    "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello",
	    false },
	{ "/chunked",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "5\r\nhello\r\n6\r\n world\r\n0\r\nX-Trailer: t\r\n\r\n",
	    false },
	{ "/cut-chunked",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "5\r\nhello\r\n6\r\n wo",
	    true },
	{ "/cut-length", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
	    true },
	{ "/cut-head", "HTTP/1.1 200 OK\r\nContent-Le", true },
	{ "/nothing", "", true },
	{ "/until-close", "HTTP/1.0 200 OK\r\n\r\nhello", true },
	{ "/continue",
	    "HTTP/1.1 100 Continue\r\nX-Not: this\r\n\r\n"
	    "HTTP/1.1 201 Created\r\nX-But: that\r\nContent-Length: 0\r\n\r\n",
	    false },
	{ "/429",
	    "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\n"
	    "Content-Length: 9\r\n\r\nslow down",
	    false },
	{ "/html",
	    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html\r\n"
	    "Content-Length: 14\r\n\r\n<html>no</html",
	    false },
	{ "/moved",
	    "HTTP/1.1 302 Found\r\nLocation: /short\r\n"
	    "Content-Length: 0\r\n\r\n",
	    false },
	{ "/folded",
	    "HTTP/1.1 200 OK\r\nX-A: one\r\n  two\r\n"
	    "Content-Length: 0\r\n\r\n",
	    false },
	{ "/cut-gzip",
	    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
	    "Content-Length: 16\r\n\r\n"
	    "\x1f\x8b\x08\x01\x01\x01\x01\x01\x01\x03\xcb\x48\xcd\xc9\xc9"
	    "\x07",
	    false },
	{ "/bad-gzip",
	    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
	    "Content-Length: 12\r\n\r\nhello, world",
	    false },
	{ "/brotli",
	    "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n"
	    "Content-Length: 5\r\n\r\nhello",
	    false },
	{ "/no-http", "220 mail.example ESMTP\r\n", true },
};

static bool
answer(struct testserver *ts, struct wire *w)
{
	size_t i;

	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (strcmp(w->path, answers[i].path) == 0)
			return say(w, answers[i].text) && !answers[i].close;
	if (strcmp(w->path, "/gzip") == 0)
		return answer_gzip(w, "hello hello", 11, 1);
	if (strcmp(w->path, "/bomb") == 0)
		return answer_bomb(w);
	if (strcmp(w->path, "/many-headers") == 0)
		return answer_many_headers(w);
	if (strcmp(w->path, "/big") == 0)
		return say(w,
			   "HTTP/1.1 200 OK\r\n"
			   "Content-Length: 104857600\r\n\r\n") &&
		    send_zeroes(w, 100 * MIB);
	if (strcmp(w->path, "/stall") == 0)
		say(w, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome");
	testserver_hold(ts);
	return false;
}

static void
serve(struct testserver *ts, int fd, void *arg)
{
	struct bench *b = arg;
	struct wire w = { .bench = b, .fd = fd };

	__atomic_add_fetch(&b->connections, 1, __ATOMIC_SEQ_CST);
	if (b->ctx != NULL) {
		w.ssl = testserver_tls(b->ctx, fd);
		if (w.ssl == NULL)
			return;
	}
	while (read_request(&w) && answer(ts, &w))
		;
	if (w.ssl != NULL)
		SSL_shutdown(w.ssl);
	SSL_free(w.ssl);
}

static void
speak_first(struct testserver *ts, int fd, void *arg)
{
	struct wire w = { .bench = arg, .fd = fd };

	(void)ts;
	say(&w, "220 mail.example ESMTP\r\n");
	shutdown(fd, SHUT_WR);
	testserver_drain(fd);
}

/* --- the user ------------------------------------------------------------ */

static void
too_late(void *arg)
{
	struct bench *b = arg;

	loop_stop(b->loop);
}

static void
measure_heap(struct bench *b)
{
	struct mallinfo2 m = mallinfo2();

	if (m.uordblks + m.hblkhd > b->heap_peak)
		b->heap_peak = m.uordblks + m.hblkhd;
}

static void
on_head(void *arg, const struct httpresp *resp)
{
	struct ask *a = arg;
	struct bench *b = a->bench;

	a->status = resp->status;
	a->tag = resp->tag;
	if (b->cancel_at_head) {
		http_cancel(&a->call);
		loop_stop(b->loop);
	}
	buf_add_str(&a->headers, buf_str(&resp->headers));
}

static void
on_body(void *arg, struct str bytes)
{
	struct ask *a = arg;
	struct bench *b = a->bench;

	measure_heap(b);
	if (b->cancel_at_body)
		http_cancel(&a->call);
	if (b->free_at_body)
		http_free(&b->http);
	if (b->cancel_at_body || b->free_at_body)
		loop_stop(b->loop);
	a->body_bytes += bytes.len;
	if (bytes.len > a->largest)
		a->largest = bytes.len;
	if (a->body.len + bytes.len < 1000)
		buf_add_str(&a->body, bytes);
	if (b->pause_each) {
		http_pause(a->call);
		loop_task_run(b->resume);
	}
}

static void
resume_all(void *arg)
{
	struct bench *b = arg;

	for (unsigned i = 0; i < b->n_asks; i++)
		if (b->asks[i].call != NULL)
			http_resume(b->asks[i].call);
}

static struct ask *start(struct bench *b, const char *path);

static void
on_done(void *arg, const struct err *err)
{
	struct ask *a = arg;
	struct bench *b = a->bench;

	a->done = true;
	a->failed = err != NULL;
	if (err != NULL)
		a->err = *err;
	a->call = NULL;
	b->n_done++;
	if (b->cancel_all_at_done) {
		for (unsigned i = 0; i < b->n_asks; i++)
			http_cancel(&b->asks[i].call);
		loop_stop(b->loop);
	}
	if (b->start_at_done) {
		b->start_at_done = false;
		start(b, "/chunked");
	}
	if (b->n_done == b->n_asks)
		loop_stop(b->loop);
}

static const struct http_cbs cbs = { on_head, on_body, on_done };

static struct ask *
start_req(struct bench *b, struct httpreq *req, const char *path)
{
	struct ask *a = &b->asks[b->n_asks++];

	a->bench = b;
	buf_init(&a->headers, 100000);
	buf_init(&a->body, 1000);
	buf_init(&req->url, 1000);
	if (strstr(path, "://") == NULL)
		buf_addf(&req->url, "%s://127.0.0.1:%u",
		    b->ctx != NULL ? "https" : "http",
		    (unsigned)testserver_port(b->server));
	buf_add_text(&req->url, path);
	a->call = http_start(b->http, req, &cbs, a);
	buf_clear(&req->url);
	assert_false(a->done);
	return a;
}

static struct ask *
start(struct bench *b, const char *path)
{
	struct httpreq req = { .tag = 40 + b->n_asks };

	return start_req(b, &req, path);
}

static struct ask *
get(struct bench *b, const char *path)
{
	struct ask *a = start(b, path);

	loop_run(b->loop);
	return a;
}

static int
setup(void **state)
{
	struct bench *b = xcalloc(1, sizeof(*b));

	b->loop = loop_new();
	b->deadline = loop_timer_new(b->loop, too_late, b);
	loop_timer_set(b->deadline, DEADLINE_MS);
	b->resume = loop_task_new(b->loop, resume_all, b);
	b->conf = (struct http_conf){ .user_agent = "test/1",
		.connect_timeout_ms = 5000,
		.stall_timeout_ms = 15000,
		.max_connections = 64 };
	b->server = testserver_start(serve, b);
	b->http = http_new(b->loop, &b->conf, NULL);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	http_free(&b->http);
	testserver_stop(&b->server);
	loop_timer_free(&b->deadline);
	loop_timer_free(&b->later);
	loop_task_free(&b->resume);
	loop_free(&b->loop);
	SSL_CTX_free(b->ctx);
	testca_free(&b->ca);
	for (unsigned i = 0; i < b->n_asks; i++) {
		buf_clear(&b->asks[i].headers);
		buf_clear(&b->asks[i].body);
	}
	xfree(b);
	return 0;
}

/* Another client, for another configuration. */
static void
renew(struct bench *b)
{
	struct err err = { 0 };

	http_free(&b->http);
	b->http = http_new(b->loop, &b->conf, &err);
	if (b->http == NULL)
		fail_msg("%s", err.text);
}

static void
assert_whole(const struct ask *a, int status, const char *body)
{
	if (!a->done || a->failed)
		fail_msg("%s", a->done ? a->err.text : "not done");
	assert_int_equal(a->status, status);
	assert_str(buf_str(&a->body), body);
}

static void
assert_broken(const struct ask *a, enum err_kind kind, const char *words)
{
	assert_true(a->done);
	if (!a->failed || a->err.kind != kind ||
	    strstr(a->err.text, words) == NULL)
		fail_msg("kind %d, \"%s\"; wanted kind %d, \"%s\"", a->err.kind,
		    a->failed ? a->err.text : "whole", kind, words);
}

/* --- answers ------------------------------------------------------------- */

static void
http_brings_answers_whole(void **state)
{
	static const struct {
		const char *path;
		int status;
		const char *headers, *body;
	} rows[] = {
		{ "/short", 200, "X-A: b\nContent-Length: 5\n", "hello" },
		{ "/chunked", 200, "Transfer-Encoding: chunked\n",
		    "hello world" },
		{ "/until-close", 200, "", "hello" },
		{ "/continue", 201, "X-But: that\nContent-Length: 0\n", "" },
		{ "/429", 429, "Retry-After: 7\nContent-Length: 9\n",
		    "slow down" },
		{ "/html", 503, "Content-Type: text/html\nContent-Length: 14\n",
		    "<html>no</html" },
		{ "/moved", 302, "Location: /short\nContent-Length: 0\n", "" },
		{ "/folded", 200, "X-A: one two\nContent-Length: 0\n", "" },
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ask *a = get(b, rows[i].path);

		assert_whole(a, rows[i].status, rows[i].body);
		assert_str(buf_str(&a->headers), rows[i].headers);
		assert_int_equal(a->tag, 40 + i);
	}
}

static void
http_undoes_gzip(void **state)
{
	struct bench *b = *state;

	assert_whole(get(b, "/gzip"), 200, "hello hello");
	assert_non_null(strstr(b->request, "Accept-Encoding: gzip"));
}

static void
http_tells_a_cut_answer_from_a_whole_one(void **state)
{
	static const struct {
		const char *path, *words;
	} rows[] = {
		{ "/cut-chunked", "the answer broke off" },
		{ "/cut-length", "the answer broke off" },
		{ "/cut-head", "127.0.0.1:" },
		{ "/nothing", "closed without an answer" },
		{ "/no-http", "does not speak HTTP" },
		{ "/cut-gzip", "the compressed answer broke off" },
		{ "/bad-gzip", "the compressed answer is damaged" },
		{ "/brotli", "cannot be unpacked (br)" },
		{ "/many-headers", "too many headers" },
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_broken(get(b, rows[i].path), ERR_RETRY, rows[i].words);
}

static void
http_sends_what_was_asked(void **state)
{
	struct bench *b = *state;
	struct secret *bearer = secret_new(STR_LIT("tok.en"));
	struct httpreq req = { .method = HTTP_POST, .bearer = bearer };
	struct ask *a;

	buf_init(&req.headers, 1000);
	buf_init(&req.body, 1000);
	buf_add_text(&req.headers, "Content-Type: application/json\nX-B: c\n");
	buf_add_text(&req.body, "{\"a\":1}");
	a = start_req(b, &req, "/short");
	buf_clear(&req.headers);
	buf_clear(&req.body);
	secret_free(&bearer);
	loop_run(b->loop);
	assert_whole(a, 200, "hello");
	assert_non_null(strstr(b->request, "POST /short HTTP/1.1\r\n"));
	assert_non_null(strstr(b->request, "Authorization: Bearer tok.en\r\n"));
	assert_non_null(
	    strstr(b->request, "Content-Type: application/json\r\n"));
	assert_non_null(strstr(b->request, "X-B: c\r\n"));
	assert_non_null(strstr(b->request, "User-Agent: test/1\r\n"));
	assert_non_null(strstr(b->request, "\r\n\r\n{\"a\":1}"));
	assert_null(strstr(b->request, "Expect"));

	req = (struct httpreq){ .method = HTTP_PATCH };
	a = start_req(b, &req, "/short");
	loop_run(b->loop);
	assert_whole(a, 200, "hello");
	assert_non_null(strstr(b->request, "PATCH /short HTTP/1.1\r\n"));
	assert_null(strstr(b->request, "Authorization"));

	bearer = secret_new(STR_LIT("key="));
	req = (struct httpreq){ .bearer = bearer, .scheme = "Token" };
	a = start_req(b, &req, "/short");
	secret_free(&bearer);
	loop_run(b->loop);
	assert_whole(a, 200, "hello");
	assert_non_null(strstr(b->request, "Authorization: Token key=\r\n"));
}

static void
http_lets_no_header_break_its_line(void **state)
{
	struct bench *b = *state;
	struct secret *bearer = secret_new(STR_LIT("tok\r\nX-Evil: 1"));
	struct httpreq req = { .bearer = bearer };
	struct ask *a = start_req(b, &req, "/short");

	secret_free(&bearer);
	loop_run(b->loop);
	assert_broken(a, ERR_CONF, "control characters");
	assert_null(strstr(a->err.text, "tok"));
	assert_int_equal(b->requests, 0);
}

static void
http_uses_a_connection_again(void **state)
{
	struct bench *b = *state;

	for (int i = 0; i < 5; i++)
		assert_whole(get(b, "/short"), 200, "hello");
	assert_int_equal(b->connections, 1);
}

static void
http_refuses_other_schemes(void **state)
{
	struct bench *b = *state;

	assert_broken(get(b, "file:///etc/passwd"), ERR_CONF, "http://");
	assert_broken(get(b, "ftp://127.0.0.1/x"), ERR_CONF, "http://");
	assert_broken(get(b, "http://a b/"), ERR_CONF, "no address");
}

static void
http_says_who_refused(void **state)
{
	struct bench *b = *state;
	struct testserver *other = testserver_start(serve, b);
	char url[64];

	snprintf(url, sizeof(url), "http://me:pw@127.0.0.1:%u/x",
	    (unsigned)testserver_port(other));
	testserver_stop(&other);
	assert_broken(get(b, url), ERR_RETRY, "Connection refused");
	assert_null(strstr(b->asks[0].err.text, "pw"));
}

static void
http_gives_up_on_a_stalled_answer(void **state)
{
	struct bench *b = *state;

	b->conf.stall_timeout_ms = 1000;
	renew(b);
	start(b, "/silence");
	get(b, "/stall");
	assert_broken(&b->asks[0], ERR_RETRY, "nothing came");
	assert_broken(&b->asks[1], ERR_RETRY, "nothing came");
}

/* --- unpacking ----------------------------------------------------------- */

static size_t
pack(char *p, size_t size, const char *text)
{
	z_stream z = { 0 };
	unsigned char *copy = (unsigned char *)xstrdup(text);

	deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
	z.next_in = copy;
	z.avail_in = (unsigned)strlen(text);
	z.next_out = (unsigned char *)p;
	z.avail_out = (unsigned)size;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	xfree(copy);
	return z.total_out;
}

static void
gunzip_goes_through_members_bytewise_and_past_padding(void **state)
{
	struct gunzip *g = gunzip_new();
	char packed[500], plain[100];
	size_t len, have = 0, n;
	struct err err;

	(void)state;
	len = pack(packed, sizeof(packed), "one and ");
	assert_true(gunzip_is_complete(g));
	for (size_t i = 0; i < 2; i++) {
		size_t end = len;

		if (i == 1)
			end += pack(packed + len, sizeof(packed) - len, "two");
		for (size_t at = i * len; at < end; at++) {
			struct str in = str_make(packed + at, 1);

			assert_int_equal(
			    gunzip_step(g, &in, plain + have, 3, &n, &err), 0);
			have += n;
			assert_int_equal(in.len, 0);
			assert_int_equal(gunzip_is_complete(g), at == end - 1);
		}
	}
	struct str in = str_make("\0\0\0", 3);

	assert_int_equal(gunzip_step(g, &in, plain + have, 3, &n, &err), 0);
	assert_int_equal(n, 0);
	assert_int_equal(in.len, 0);
	assert_true(gunzip_is_complete(g));
	assert_str(str_make(plain, have), "one and two");
	gunzip_free(&g);
}

/* --- much, and many ------------------------------------------------------ */

static void
http_holds_a_huge_body_in_little_memory(void **state)
{
	static const struct {
		const char *path;
		bool slow;
		size_t bound;
	} rows[] = {
		{ "/big", false, 2 * MIB },
		{ "/big", true, 2 * MIB },
		{ "/bomb", false, 2 * MIB },
		{ "/bomb", true, 2 * MIB },
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ask *a;

		b->pause_each = rows[i].slow;
		b->heap_peak = 0;
		measure_heap(b);
		b->heap_before = b->heap_peak;
		a = get(b, rows[i].path);
		assert_true(a->done && !a->failed);
		assert_int_equal(a->body_bytes, 100 * MIB);
		assert_true(a->largest <= 256 * 1024);
		if (b->heap_peak - b->heap_before > rows[i].bound)
			fail_msg("row %zu: %zu bytes", i,
			    b->heap_peak - b->heap_before);
	}
}

static void
http_keeps_a_short_answer_while_paused(void **state)
{
	struct bench *b = *state;
	struct ask *a = start(b, "/chunked");

	http_pause(a->call);
	b->later = loop_timer_new(b->loop, too_late, b);
	loop_timer_set(b->later, 50);
	loop_run(b->loop);
	assert_false(a->done);
	assert_int_equal(a->body_bytes, 0);
	http_resume(a->call);
	loop_run(b->loop);
	assert_whole(a, 200, "hello world");
}

static void
http_asks_many_at_once(void **state)
{
	struct bench *b = *state;

	for (unsigned i = 0; i < CALLS_MAX; i++)
		start(b, i % 2 == 0 ? "/short" : "/chunked");
	loop_run(b->loop);
	for (unsigned i = 0; i < CALLS_MAX; i++)
		assert_whole(
		    &b->asks[i], 200, i % 2 == 0 ? "hello" : "hello world");
}

static void
http_opens_no_more_connections_than_told(void **state)
{
	struct bench *b = *state;

	b->conf.max_connections = 3;
	renew(b);
	for (unsigned i = 0; i < CALLS_MAX; i++)
		start(b, "/short");
	loop_run(b->loop);
	for (unsigned i = 0; i < CALLS_MAX; i++)
		assert_whole(&b->asks[i], 200, "hello");
	assert_true(b->connections <= 3);
}

/* --- taking back --------------------------------------------------------- */

static void
http_call_may_be_cancelled_in_its_callbacks(void **state)
{
	struct bench *b = *state;

	b->cancel_at_head = true;
	get(b, "/chunked");
	b->cancel_at_head = false;
	b->cancel_at_body = true;
	get(b, "/big");
	assert_int_equal(b->n_done, 0);
	assert_true(b->asks[1].body_bytes > 0);
}

static void
http_others_may_be_cancelled_when_one_is_done(void **state)
{
	struct bench *b = *state;

	b->cancel_all_at_done = true;
	start(b, "/silence");
	start(b, "/stall");
	start(b, "/short");
	start(b, "/short");
	loop_run(b->loop);
	assert_int_equal(b->n_done, 1);
}

static void
http_client_may_be_freed_in_a_callback(void **state)
{
	struct bench *b = *state;

	b->free_at_body = true;
	start(b, "/big");
	get(b, "/big");
	assert_null(b->http);
	assert_int_equal(b->n_done, 0);
}

static void
http_next_call_may_start_when_one_is_done(void **state)
{
	struct bench *b = *state;

	b->start_at_done = true;
	get(b, "/short");
	assert_whole(&b->asks[0], 200, "hello");
	assert_whole(&b->asks[1], 200, "hello world");
}

/* --- TLS ----------------------------------------------------------------- */

static void
serve_tls(struct bench *b, const struct testca_cert *cert)
{
	b->ca = testca_new("Test Authority");
	testca_issue(b->ca, "server", cert);
	b->ctx = testca_server(b->ca, "server", NULL);
	b->conf.ca_file = testca_path(b->ca, "ca.pem");
	renew(b);
}

static void
http_speaks_tls_with_whom_the_file_names(void **state)
{
	struct testca_cert good = { .subject = "good", .san = "IP:127.0.0.1" };
	struct bench *b = *state;

	serve_tls(b, &good);
	assert_whole(get(b, "/chunked"), 200, "hello world");
	assert_whole(get(b, "/gzip"), 200, "hello hello");

	b->conf.ca_file = NULL;
	renew(b);
	assert_broken(
	    get(b, "/short"), ERR_CONF, "its certificate is not accepted");
}

static void
http_says_what_is_wrong_with_a_certificate(void **state)
{
	struct testca_cert old = { .subject = "old",
		.san = "IP:127.0.0.1",
		.begins_s = -7200,
		.ends_s = -3600 };
	struct bench *b = *state;

	serve_tls(b, &old);
	assert_broken(get(b, "/short"), ERR_CONF, "expired");
	assert_broken(get(b, "/short"), ERR_CONF, "https://127.0.0.1:");
}

static void
http_tls_to_a_plain_port_is_recognised(void **state)
{
	struct bench *b = *state;
	struct testserver *mail = testserver_start(speak_first, b);
	char url[64];

	snprintf(url, sizeof(url), "https://127.0.0.1:%u/",
	    (unsigned)testserver_port(mail));
	assert_broken(get(b, url), ERR_CONF, "does not speak TLS");
	testserver_stop(&mail);
}

static void
http_names_a_missing_ca_file(void **state)
{
	struct bench *b = *state;
	struct err err = { 0 };
	struct http *h;

	b->conf.ca_file = "/nonexistent/ca.pem";
	h = http_new(b->loop, &b->conf, &err);
	assert_null(h);
	assert_int_equal(err.kind, ERR_CONF);
	assert_non_null(strstr(err.text, "/nonexistent/ca.pem: No such"));
}

#define WITH_SERVER(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static const struct CMUnitTest tests[] = {
	WITH_SERVER(http_brings_answers_whole),
	WITH_SERVER(http_undoes_gzip),
	WITH_SERVER(http_tells_a_cut_answer_from_a_whole_one),
	WITH_SERVER(http_sends_what_was_asked),
	WITH_SERVER(http_lets_no_header_break_its_line),
	WITH_SERVER(http_uses_a_connection_again),
	WITH_SERVER(http_refuses_other_schemes),
	WITH_SERVER(http_says_who_refused),
	WITH_SERVER(http_gives_up_on_a_stalled_answer),
	cmocka_unit_test(gunzip_goes_through_members_bytewise_and_past_padding),
	WITH_SERVER(http_holds_a_huge_body_in_little_memory),
	WITH_SERVER(http_keeps_a_short_answer_while_paused),
	WITH_SERVER(http_asks_many_at_once),
	WITH_SERVER(http_opens_no_more_connections_than_told),
	WITH_SERVER(http_call_may_be_cancelled_in_its_callbacks),
	WITH_SERVER(http_others_may_be_cancelled_when_one_is_done),
	WITH_SERVER(http_client_may_be_freed_in_a_callback),
	WITH_SERVER(http_next_call_may_start_when_one_is_done),
	WITH_SERVER(http_speaks_tls_with_whom_the_file_names),
	WITH_SERVER(http_says_what_is_wrong_with_a_certificate),
	WITH_SERVER(http_tls_to_a_plain_port_is_recognised),
	WITH_SERVER(http_names_a_missing_ca_file),
};

UNIT_MAIN(tests)
