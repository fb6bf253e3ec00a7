/*
 * tools/sim/sim_server.c -- listens, finds the route, sends the answer.
 *
 * A call lives from the request to its answer.  Answers that are held back
 * (latency, delays, stalls) stand in a list; libevent takes a request away
 * from its connection when the client hangs up in the meantime, and whoever
 * holds the request then has to free it.
 */
/* SPDX-License-Identifier: ISC */
#include "tools/sim/sim_server.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "codec/uri.h"
#include "tools/sim/sim.h"
#include "tools/sim/sim_call.h"
#include "tools/sim/sim_fault.h"
#include "tools/sim/sim_limit.h"
#include "tools/sim/sim_pages.h"
#include "tools/sim/sim_rng.h"
#include "tools/sim/sim_token.h"

#define IDLE_S 600
#define HEADERS_MOST (64 * 1024)
#define REQUEST_MOST (16 * 1024 * 1024)
#define WRITE_AT_ONCE (1024 * 1024)
#define ROUTES_MOST 64
#define STATUSES 600
#define ZIP_FROM 512 /* bytes; less does not shrink */

struct route_stats {
	uint64_t requests, faults, throttled, bytes;
	uint64_t status[STATUSES];
};

struct sim_server {
	struct sim *sim;
	struct evhttp *http;
	SSL_CTX *tls;
	char *url;
	uint64_t serial;
	struct sim_limit limit[SIM_LIMITS];
	struct route_stats stats[ROUTES_MOST];
	uint64_t unknown;      /* requests for which there is no route */
	struct sim_call *held; /* a list */
};

/* --- calls ----------------------------------------------------------------*/

static void
call_free(struct sim_call *call)
{
	for (size_t i = 0; i < call->n_params; i++) {
		xfree(call->param[i].name);
		xfree(call->param[i].value);
	}
	if (call->timer != NULL)
		event_free(call->timer);
	xfree(call->path);
	xfree(call->retry_after);
	xfree(call->fault.retry_after);
	xfree(call->fault.link);
	buf_clear(&call->head);
	buf_clear(&call->rest);
	xfree(call);
}

static void
hold(struct sim_server *s, struct sim_call *call)
{
	call->next = s->held;
	if (call->next != NULL)
		call->next->prev = call;
	s->held = call;
}

static void
let_go(struct sim_server *s, struct sim_call *call)
{
	if (call->next != NULL)
		call->next->prev = call->prev;
	if (call->prev != NULL)
		call->prev->next = call->next;
	else
		s->held = call->next;
}

/* A decoded copy; in a query, a plus is a blank. */
static char *
decode(struct sim_call *call, struct str text, bool plus)
{
	char *raw = xstrndup(text.len > 0 ? text.p : "", text.len);
	struct buf out;

	for (char *p = raw; plus && *p != '\0'; p++) {
		if (*p == '+')
			*p = ' ';
	}
	buf_init(&out, HEADERS_MOST);
	if (!uri_decode(&out, str_of(raw)))
		call->bad = true;
	xfree(raw);
	return buf_steal(&out);
}

static void
read_query(struct sim_call *call, struct str query)
{
	while (query.len > 0) {
		struct str value = str_cut(&query, '&');
		struct str name = str_cut(&value, '=');
		struct sim_param *p = &call->param[call->n_params];

		if (call->n_params == SIM_PARAMS) {
			call->bad = true;
			return;
		}
		p->name = decode(call, name, true);
		p->value = decode(call, value, true);
		call->n_params++;
	}
}

static bool
match_path(const char *pattern, struct sim_call *call, struct str path)
{
	struct str rest = str_of(pattern);
	size_t n = 0;

	while (rest.p != NULL && path.p != NULL) {
		struct str want = str_cut(&rest, '/');
		struct str have = str_cut(&path, '/');

		if (str_is(want, "{}") && have.len > 0 && n < SIM_PARTS)
			call->part[n++] = have;
		else if (!str_eq(want, have))
			return false;
	}
	return rest.p == NULL && path.p == NULL;
}

static const struct sim_route *
find_route(struct sim_call *call)
{
	unsigned method = evhttp_request_get_command(call->req);

	for (const struct sim_route *r = sim_routes; r->name != NULL; r++) {
		if (r->method == method &&
		    match_path(r->path, call, str_of(call->path)))
			return r;
	}
	return NULL;
}

static bool
takes_gzip(struct sim_call *call)
{
	const char *h = sim_call_header(call, "Accept-Encoding");

	return h != NULL && strstr(h, "gzip") != NULL;
}

static struct str
body_of(struct evhttp_request *req)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(req);
	size_t n = evbuffer_get_length(in);

	return str_make(n > 0 ? (char *)evbuffer_pullup(in, -1) : "", n);
}

static struct sim_call *
call_new(struct sim_server *s, struct evhttp_request *req)
{
	struct sim_call *call = xcalloc(1, sizeof(*call));
	struct str rest = str_of(evhttp_request_get_uri(req)), path;

	call->sim = s->sim;
	call->req = req;
	call->status = HTTP_OK;
	call->type = "application/json";
	call->fault.cut = call->fault.stall = SIM_NEVER;
	call->body = body_of(req);
	call->gzip = takes_gzip(call);
	buf_init(&call->head, SIM_BODY_MOST);
	buf_init(&call->rest, SIM_BODY_MOST);
	path = str_cut(&rest, '?');
	call->query = rest.p;
	call->path = decode(call, path, false);
	read_query(call, rest);
	return call;
}

/* --- sending --------------------------------------------------------------*/

static void
free_moved(const void *data, size_t len, void *arg)
{
	struct buf *moved = arg;

	(void)data;
	(void)len;
	buf_clear(moved);
	xfree(moved);
}

/* Hand a buffer's memory over; it is empty afterwards. */
static void
move_to(struct evbuffer *out, struct buf *b)
{
	struct buf *moved;

	if (b->len == 0)
		return;
	moved = xmalloc(sizeof(*moved));
	*moved = *b;
	buf_init(b, SIM_BODY_MOST);
	evbuffer_add_reference(out, moved->p, moved->len, free_moved, moved);
}

static void
zip(struct sim_call *call)
{
	struct sim_pages *pages = call->sim->pages;
	const struct sim_page *page = NULL;
	struct buf zipped;

	if (call->page_found)
		page = sim_pages_find(pages, call->page_key);
	if (page == NULL)
		page =
		    sim_pages_add(pages, call->page_key, buf_str(&call->rest));
	buf_init(&zipped, SIM_BODY_MOST);
	sim_pages_put(page, buf_str(&call->head), &zipped);
	buf_clear(&call->head);
	buf_clear(&call->rest);
	call->head = zipped;
	sim_call_add_header(call, "Content-Encoding", "gzip");
	sim_call_add_header(call, "Vary", "Accept-Encoding");
}

static void
add_headers(struct sim_call *call)
{
	const char *id = sim_call_header(call, "client-request-id");
	struct buf guid;

	buf_init(&guid, 64);
	sim_call_guid(call, &guid);
	sim_call_add_header(call, "Content-Type", call->type);
	sim_call_add_header(call, "Cache-Control", "no-cache");
	sim_call_add_header(call, "request-id", buf_cstr(&guid));
	sim_call_add_header(
	    call, "client-request-id", id != NULL ? id : buf_cstr(&guid));
	if (call->retry_after != NULL)
		sim_call_add_header(call, "Retry-After", call->retry_after);
	buf_clear(&guid);
}

static struct route_stats *
stats_of(struct sim_server *s, const struct sim_route *route)
{
	return &s->stats[route - sim_routes];
}

/* Close with a reset instead of an end: what lies in the buffers is lost. */
static void
reset_connection(struct sim_call *call)
{
	struct evhttp_connection *con =
	    evhttp_request_get_connection(call->req);
	struct linger hard = { .l_onoff = 1 };
	int fd;

	if (con == NULL) {
		evhttp_request_free(call->req);
		return;
	}
	fd = bufferevent_getfd(evhttp_connection_get_bufferevent(con));
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	evhttp_connection_free(con);
}

/* Promise all of the body, and send only the first part of it. */
static void
promise(struct sim_call *call, struct evbuffer *body, uint64_t part)
{
	size_t len = evbuffer_get_length(body);
	char text[24];
	struct buf number;

	buf_init(&number, sizeof(text));
	buf_add_u64(&number, len);
	sim_call_add_header(call, "Content-Length", buf_cstr(&number));
	buf_clear(&number);
	if (part < len) {
		struct evbuffer *first = evbuffer_new();

		evbuffer_remove_buffer(body, first, (size_t)part);
		evbuffer_drain(body, evbuffer_get_length(body));
		evbuffer_add_buffer(body, first);
		evbuffer_free(first);
	}
}

/* Send what is there.  True if the call has to live on. */
static bool
send_body(struct sim_call *call, struct evbuffer *body)
{
	const struct sim_fault *fault = &call->fault;

	if (fault->stall != SIM_NEVER) {
		promise(call, body, fault->stall);
		evhttp_send_reply_start(call->req, call->status, NULL);
		evhttp_send_reply_chunk(call->req, body);
		return true;
	}
	if (fault->cut != SIM_NEVER) {
		promise(call, body, fault->cut);
		sim_call_add_header(call, "Connection", "close");
	}
	evhttp_send_reply(call->req, call->status, NULL, body);
	return false;
}

static void
send_answer(struct sim_server *s, struct sim_call *call)
{
	struct evbuffer *body;
	bool stays = false;

	if (call->fault.reset) {
		reset_connection(call);
		call_free(call);
		return;
	}
	if (call->gzip &&
	    (call->page_found || call->head.len + call->rest.len >= ZIP_FROM))
		zip(call);
	add_headers(call);
	body = evbuffer_new();
	move_to(body, &call->head);
	move_to(body, &call->rest);
	if (call->route != NULL) {
		struct route_stats *stats = stats_of(s, call->route);

		stats->status[call->status]++;
		stats->bytes += evbuffer_get_length(body);
	}
	if (evhttp_request_get_connection(call->req) == NULL)
		evhttp_request_free(call->req);
	else
		stays = send_body(call, body);
	evbuffer_free(body);
	if (stays)
		hold(s, call);
	else
		call_free(call);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct sim_call *call = arg;
	struct sim_server *s = call->sim->server;

	(void)fd;
	(void)what;
	let_go(s, call);
	call->prev = call->next = NULL;
	send_answer(s, call);
}

/*
 * Send now, or after the delay.  A reset waits for one turn of the loop at
 * least, since the connection is still on the stack now.
 */
static void
finish(struct sim_server *s, struct sim_call *call)
{
	uint64_t ms = call->fault.delay;
	struct timeval tv;

	if (call->route != NULL && call->route->guard != SIM_CONTROL)
		ms += s->sim->knobs.latency;
	if (ms == 0 && !call->fault.reset) {
		send_answer(s, call);
		return;
	}
	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	call->timer = evtimer_new(s->sim->base, on_timer, call);
	hold(s, call);
	evtimer_add(call->timer, &tv);
}

/* --- answering ------------------------------------------------------------*/

static char *
http_date(uint64_t after_ms)
{
	time_t t = (time_t)((clock_wall_ms() + after_ms + 999) / 1000);
	char text[64];
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	return xstrdup(text);
}

/* The scenario's words: "date+5", or the header as it shall be. */
static char *
retry_after_of(const char *words)
{
	uint64_t s;

	if (words == NULL)
		return NULL;
	if (strncmp(words, "date+", 5) == 0 &&
	    str_to_u64(str_of(words + 5), &s))
		return http_date(s * 1000);
	return xstrdup(words);
}

static char *
throttle_text(struct sim_server *s, uint64_t wait_ms)
{
	int form = s->sim->knobs.retry_after;

	if (form == SIM_RETRY_MIXED)
		form = (int)(sim_mix(++s->serial) % SIM_RETRY_MIXED);
	switch (form) {
	case SIM_RETRY_SECONDS:
		return xasprintf(
		    "%llu", (unsigned long long)(wait_ms + 999) / 1000);
	case SIM_RETRY_FRACTION:
		return xasprintf("%.3f", (double)wait_ms / 1000.0);
	case SIM_RETRY_DATE:
		return http_date(wait_ms);
	default:
		return NULL;
	}
}

static bool
is_throttled(struct sim_server *s, struct sim_call *call)
{
	uint64_t wait_ms = sim_limit_take(&s->limit[call->route->limit],
	    sim_rate_limit(s->sim, call->route->limit), clock_mono_ms());

	if (wait_ms == 0)
		return false;
	stats_of(s, call->route)->throttled++;
	call->route->fail(call, 429, NULL);
	call->retry_after = throttle_text(s, wait_ms);
	return true;
}

/* The status that the scenario wants, in the form that it wants. */
static void
answer_fault(struct sim_call *call)
{
	int status = (int)call->fault.status;

	switch (call->fault.body) {
	case SIM_BODY_HTML:
		sim_call_html(call, status);
		break;
	case SIM_BODY_EMPTY:
		call->status = status;
		break;
	case SIM_BODY_NOT_PROVISIONED:
		call->route->fail(call, status,
		    "Unauthorized request - Account is not provisioned.");
		break;
	default:
		call->route->fail(call, status, NULL);
	}
	call->retry_after = retry_after_of(call->fault.retry_after);
}

static void
take_fault(struct sim_server *s, struct sim_call *call)
{
	const struct sim_fault *fault =
	    sim_faults_take(s->sim->faults, call->route->name);

	if (fault == NULL)
		return;
	stats_of(s, call->route)->faults++;
	call->fault = *fault;
	if (fault->retry_after != NULL)
		call->fault.retry_after = xstrdup(fault->retry_after);
	if (fault->link != NULL)
		call->fault.link = xstrdup(fault->link);
	if (fault->revoke)
		sim_tokens_revoke(s->sim->tokens);
}

static void
answer(struct sim_server *s, struct sim_call *call)
{
	const struct sim_route *route = call->route;
	const char *why;

	if (route->guard != SIM_CONTROL)
		take_fault(s, call);
	if (call->fault.status != 0) {
		answer_fault(call);
		return;
	}
	if (call->bad) {
		route->fail(call, 400, "The query cannot be read.");
		return;
	}
	if (route->guard == SIM_GUARDED || route->guard == SIM_MDCA) {
		why = sim_tokens_check(s->sim->tokens, call);
		if (why != NULL) {
			route->fail(call, 401, why);
			return;
		}
		if (is_throttled(s, call))
			return;
	}
	route->serve(s->sim, call);
}

static void
on_request(struct evhttp_request *req, void *arg)
{
	struct sim_server *s = arg;
	struct sim_call *call = call_new(s, req);
	struct bufferevent *bev = evhttp_connection_get_bufferevent(
	    evhttp_request_get_connection(req));

	int on = 1;

	/*
	 * Else libevent writes 16 KiB at a time and the kernel waits for more,
	 * and that is what a benchmark would see.
	 */
	bufferevent_set_max_single_write(bev, WRITE_AT_ONCE);
	(void)setsockopt(
	    bufferevent_getfd(bev), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	call->route = find_route(call);
	if (call->route == NULL) {
		s->unknown++;
		sim_call_html(call, HTTP_NOTFOUND);
	} else {
		stats_of(s, call->route)->requests++;
		answer(s, call);
	}
	finish(s, call);
}

/* --- statistics -----------------------------------------------------------*/

static void
put_route_stats(const struct route_stats *st, const char *name, struct buf *out)
{
	char sep = '{';

	buf_addf(out,
	    "\"%s\":{\"requests\":%llu,\"faults\":%llu,\"throttled\":%llu,"
	    "\"bytes\":%llu,\"status\":",
	    name, (unsigned long long)st->requests,
	    (unsigned long long)st->faults, (unsigned long long)st->throttled,
	    (unsigned long long)st->bytes);
	for (int i = 0; i < STATUSES; i++) {
		if (st->status[i] == 0)
			continue;
		buf_addf(out, "%c\"%d\":%llu", sep, i,
		    (unsigned long long)st->status[i]);
		sep = ',';
	}
	buf_add_text(out, sep == '{' ? "{}}" : "}}");
}

void
sim_server_put_stats(const struct sim_server *s, struct buf *out)
{
	bool first = true;

	buf_addf(out, "{\"unknown\":%llu,\"routes\":{",
	    (unsigned long long)s->unknown);
	for (size_t i = 0; sim_routes[i].name != NULL; i++) {
		if (sim_routes[i].guard == SIM_CONTROL)
			continue;
		if (!first)
			buf_add_char(out, ',');
		put_route_stats(&s->stats[i], sim_routes[i].name, out);
		first = false;
	}
	buf_add_text(out, "}}\n");
}

void
sim_server_reset(struct sim_server *s)
{
	memset(s->stats, 0, sizeof(s->stats));
	s->unknown = 0;
	for (size_t i = 0; i < SIM_LIMITS; i++)
		sim_limit_clear(&s->limit[i]);
}

uint64_t
sim_server_serial(struct sim_server *s)
{
	return ++s->serial;
}

const char *
sim_server_url(const struct sim_server *s)
{
	return s->url;
}

/* --- listening ------------------------------------------------------------*/

static struct bufferevent *
new_tls_connection(struct event_base *base, void *arg)
{
	struct sim_server *s = arg;

	return bufferevent_openssl_socket_new(base, -1, SSL_new(s->tls),
	    BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
}

static int
set_up_tls(struct sim_server *s, const struct sim_conf *conf, struct err *err)
{
	if (conf->tls_cert == NULL && conf->tls_key == NULL)
		return 0;
	if (conf->tls_cert == NULL || conf->tls_key == NULL)
		return err_set(
		    err, ERR_CONF, "tls-cert and tls-key go together");
	s->tls = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_min_proto_version(s->tls, TLS1_2_VERSION);
	if (SSL_CTX_use_certificate_chain_file(s->tls, conf->tls_cert) != 1)
		return err_set(err, ERR_CONF, "%s: %s", conf->tls_cert,
		    ERR_reason_error_string(ERR_get_error()));
	if (SSL_CTX_use_PrivateKey_file(
		s->tls, conf->tls_key, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(s->tls) != 1)
		return err_set(err, ERR_CONF, "%s: %s", conf->tls_key,
		    ERR_reason_error_string(ERR_get_error()));
	evhttp_set_bevcb(s->http, new_tls_connection, s);
	return 0;
}

/* The port that the system chose. */
static unsigned
bound_port(struct evhttp_bound_socket *bound)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (getsockname(evhttp_bound_socket_get_fd(bound),
		(struct sockaddr *)&ss, &len) != 0)
		return 0;
	memcpy(&in, &ss, sizeof(in));
	memcpy(&in6, &ss, sizeof(in6));
	return ntohs(ss.ss_family == AF_INET6 ? in6.sin6_port : in.sin_port);
}

/* "127.0.0.1:8080" or "[::1]:0". */
static int
listen_at(struct sim_server *s, const char *address, struct err *err)
{
	const char *colon = strrchr(address, ':');
	bool brackets = address[0] == '[';
	struct evhttp_bound_socket *bound = NULL;
	uint64_t port;
	char *host;

	if (colon == NULL || !str_to_u64(str_of(colon + 1), &port) ||
	    port > 65535 || (brackets && colon[-1] != ']'))
		return err_set(err, ERR_CONF,
		    "listen = \"%s\": wanted is ADDRESS:PORT", address);
	host = xstrndup(address + brackets,
	    (size_t)(colon - address) - 2 * (size_t)brackets);
	bound = evhttp_bind_socket_with_handle(s->http, host, (uint16_t)port);
	if (bound != NULL)
		s->url = xasprintf("%s://%s%s%s:%u",
		    s->tls != NULL ? "https" : "http", brackets ? "[" : "",
		    host, brackets ? "]" : "", bound_port(bound));
	xfree(host);
	if (bound == NULL)
		return err_set(err, ERR_SYS, "cannot listen at %s: %s", address,
		    strerror(errno));
	return 0;
}

struct sim_server *
sim_server_new(struct sim *sim, struct err *err)
{
	struct sim_server *s = xcalloc(1, sizeof(*s));

	s->sim = sim;
	s->http = evhttp_new(sim->base);
	evhttp_set_gencb(s->http, on_request, s);
	evhttp_set_timeout(s->http, IDLE_S);
	evhttp_set_max_headers_size(s->http, HEADERS_MOST);
	evhttp_set_max_body_size(s->http, REQUEST_MOST);
	evhttp_set_allowed_methods(s->http,
	    EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PATCH |
		EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE);
	if (set_up_tls(s, sim->conf, err) != 0 ||
	    listen_at(s, sim->conf->listen, err) != 0)
		sim_server_free(&s);
	return s;
}

void
sim_server_free(struct sim_server **sp)
{
	struct sim_server *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	while (s->held != NULL) {
		struct sim_call *call = s->held;

		/* One that lost its connection belongs to nobody else. */
		let_go(s, call);
		if (evhttp_request_get_connection(call->req) == NULL)
			evhttp_request_free(call->req);
		call_free(call);
	}
	evhttp_free(s->http);
	SSL_CTX_free(s->tls);
	for (size_t i = 0; i < SIM_LIMITS; i++)
		sim_limit_clear(&s->limit[i]);
	xfree(s->url);
	xfree(s);
}
