/* net/http.c -- requests to web services, many at once. */
/* SPDX-License-Identifier: ISC */
/*
 * libcurl does the protocol, our loop the waiting.  Two rules keep the two
 * apart: nobody calls libcurl from inside its callbacks, and nobody calls the
 * user from there.  So curl's callbacks only gather: headers, and body bytes
 * up to a bound, above which the transfer is held.  A task at the end of the
 * turn, the pump, gives the user what was gathered and lets the transfer go on.
 *
 * The pump has a frame on its stack that says which call it is giving to, so
 * that a user who cancels that call, or frees the whole client, in his callback
 * leaves a note there instead of a dangling pointer.  What he was given lies in
 * the frame as well and lives until he returns.
 *
 * HTTP/1.1 on purpose: each answer has a connection of its own, so that one
 * which nobody reads waits in the server and not here.  Over HTTP/2 libcurl
 * 7.88 held 78 MB for six slow answers of 30 MB where it takes 16 MB so, and
 * it missed the end of one answer in about a thousand.
 */
#include "net/http.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/xalloc.h"
#include "codec/httpmsg.h"
#include "net/gunzip.h"
#include "net/loop.h"

#define HTTP_BODY_HELD (256 * 1024) /* gathered, at most */
#define HTTP_HEADERS_MAX 256        /* lines of an answer */
#define HTTP_URL_MAX (64 * 1024)
#define HTTP_LINE_MAX (128 * 1024) /* of a request header */
#define HTTP_IDLE_HANDLES 64
#define HTTP_IDLE_BUFFERS 8

struct http_socket {
	LIST_ENTRY(http_socket) entry;
	struct http *http;
	curl_socket_t fd;
	struct loop_fd *watch;
};

struct http_call {
	TAILQ_ENTRY(http_call) entry;
	TAILQ_ENTRY(http_call) ready;
	struct http *http;
	struct http_cbs cbs;
	void *arg;
	CURL *easy; /* NULL when the request was refused, or has ended */
	struct curl_slist *lines;
	struct buf post;
	char *where; /* "https://host": for the words of errors */
	char reason[CURL_ERROR_SIZE];
	struct httpresp resp;
	unsigned n_headers;
	struct buf body;       /* gathered, as it came */
	size_t taken;          /* of body, by gunzip */
	struct gunzip *gunzip; /* NULL: the body is not compressed */
	bool is_full;          /* gunzip holds more than it gave */
	struct err failed;
	bool is_ready; /* in the pump's list */
	bool head_complete, head_told;
	bool held;   /* curl waits for us: there was no room */
	bool paused; /* by the user */
	bool ended;  /* curl is done with it */
};

struct http_frame {
	struct http_call *call; /* NULL once it is gone */
	bool http_gone;
};

TAILQ_HEAD(http_calls, http_call);

struct http {
	struct loop *loop;
	struct http_conf conf;
	char *ca_file, *proxy, *user_agent;
	CURLM *multi;
	CURLSH *share; /* of TLS sessions */
	struct loop_timer *timer;
	struct loop_task *pump;
	struct http_calls calls, ready;
	LIST_HEAD(, http_socket) sockets;
	CURL *idle[HTTP_IDLE_HANDLES];
	unsigned n_idle;
	struct buf buffers[HTTP_IDLE_BUFFERS];
	unsigned n_buffers;
	struct http_frame *frame; /* while the pump gives */
};

static void
be_ready(struct http_call *c)
{
	if (!c->is_ready) {
		c->is_ready = true;
		TAILQ_INSERT_TAIL(&c->http->ready, c, ready);
	}
	loop_task_run(c->http->pump);
}

/* --- what curl calls ----------------------------------------------------- */

static void
take_buffer(struct http *h, struct buf *b)
{
	if (b->p == NULL && h->n_buffers > 0)
		*b = h->buffers[--h->n_buffers];
}

static void
give_buffer(struct http *h, struct buf *b)
{
	if (b->p == NULL)
		return;
	if (h->n_buffers < HTTP_IDLE_BUFFERS) {
		buf_reset(b);
		h->buffers[h->n_buffers++] = *b;
		buf_init(b, HTTP_BODY_HELD);
	} else {
		buf_clear(b);
	}
}

static size_t
gather_body(char *p, size_t size, size_t count, void *arg)
{
	struct http_call *c = arg;
	size_t len = size * count;

	be_ready(c);
	if (len > HTTP_BODY_HELD - c->body.len) {
		c->held = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	take_buffer(c->http, &c->body);
	buf_add(&c->body, p, len);
	if (c->body.failed) {
		err_set(&c->failed, ERR_RETRY, "no memory for the answer");
		return 0;
	}
	return len;
}

/* "HTTP/1.1 200 OK": a new answer; what came before was a forerunner. */
static void
start_head(struct http_call *c, struct str line)
{
	uint64_t status = 0;

	str_cut(&line, ' ');
	if (!str_to_u64(str_cut(&line, ' '), &status) || status > 999)
		status = 0;
	buf_reset(&c->resp.headers);
	c->n_headers = 0;
	c->resp.status = (int)status;
}

static bool
add_header(struct http_call *c, struct str line)
{
	struct buf *b = &c->resp.headers;
	bool folded = line.p[0] == ' ' || line.p[0] == '\t';

	/* An old server may fold a line: the rest belongs to the one before. */
	if (folded && b->len > 0) {
		buf_truncate(b, b->len - 1);
		buf_add_char(b, ' ');
		line = str_trim(line);
	}
	buf_add_str(b, line);
	buf_add_char(b, '\n');
	if (b->failed || ++c->n_headers > HTTP_HEADERS_MAX) {
		err_set(&c->failed, ERR_RETRY,
		    "%s: its answer has too many headers", c->where);
		return false;
	}
	return true;
}

static bool
choose_encoding(struct http_call *c)
{
	struct str enc = httpresp_header(&c->resp, "Content-Encoding");

	if (enc.len == 0 || str_eq_nocase(enc, STR_LIT("identity")))
		return true;
	if (str_eq_nocase(enc, STR_LIT("gzip")) ||
	    str_eq_nocase(enc, STR_LIT("x-gzip")))
		c->gunzip = gunzip_new();
	if (c->gunzip == NULL)
		err_set(&c->failed, ERR_RETRY,
		    "%s: the answer cannot be unpacked (%.*s)", c->where,
		    (int)(enc.len < 40 ? enc.len : 40), enc.p);
	return c->gunzip != NULL;
}

static size_t
gather_header(char *p, size_t size, size_t count, void *arg)
{
	struct http_call *c = arg;
	size_t len = size * count;
	struct str line = str_make(p, len);

	/* What comes behind a complete head is a trailer. */
	if (c->head_complete)
		return len;
	while (line.len > 0 &&
	    (line.p[line.len - 1] == '\n' || line.p[line.len - 1] == '\r'))
		line.len--;
	if (str_starts(line, STR_LIT("HTTP/"))) {
		start_head(c, line);
	} else if (line.len > 0) {
		if (!add_header(c, line))
			return 0;
	} else if (c->resp.status >= 200) {
		c->head_complete = true;
		be_ready(c);
		if (!choose_encoding(c))
			return 0;
	}
	return len;
}

static void
socket_event(void *arg, int what)
{
	struct http_socket *so = arg;
	struct http *h = so->http;
	int running;

	/* so may be gone after this. */
	curl_multi_socket_action(h->multi, so->fd,
	    ((what & LOOP_READ) != 0 ? CURL_CSELECT_IN : 0) |
		((what & LOOP_WRITE) != 0 ? CURL_CSELECT_OUT : 0),
	    &running);
	loop_task_run(h->pump);
}

static void
forget_socket(struct http_socket *so)
{
	LIST_REMOVE(so, entry);
	loop_fd_free(&so->watch);
	xfree(so);
}

static int
watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct http *h = arg;
	struct http_socket *so = known;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (so != NULL)
			forget_socket(so);
		return 0;
	}
	if (so == NULL) {
		so = xcalloc(1, sizeof(*so));
		so->http = h;
		so->fd = fd;
		so->watch = loop_fd_new(h->loop, fd, socket_event, so);
		LIST_INSERT_HEAD(&h->sockets, so, entry);
		/* The one call that curl means to be made in here. */
		curl_multi_assign(h->multi, fd, so);
	}
	loop_fd_watch(so->watch,
	    ((what & CURL_POLL_IN) != 0 ? LOOP_READ : 0) |
		((what & CURL_POLL_OUT) != 0 ? LOOP_WRITE : 0));
	return 0;
}

static int
set_timer(CURLM *multi, long delay_ms, void *arg)
{
	struct http *h = arg;

	(void)multi;
	if (delay_ms < 0)
		loop_timer_stop(h->timer);
	else
		loop_timer_set(h->timer, (uint64_t)delay_ms);
	return 0;
}

static void
timer_fires(void *arg)
{
	struct http *h = arg;
	int running;

	curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	loop_task_run(h->pump);
}

/* --- a request ----------------------------------------------------------- */

/* "https://host:port" of a URL, without what a login may have put there. */
static char *
origin_of(const char *url)
{
	const char *host = strstr(url, "://");
	const char *at;
	size_t len;

	if (host == NULL)
		return xstrdup("the URL");
	host += 3;
	len = strcspn(host, "/?#");
	at = memchr(host, '@', len);
	if (at != NULL) {
		len -= (size_t)(at + 1 - host);
		host = at + 1;
	}
	return xasprintf("%.*s%.*s", (int)(strstr(url, "://") + 3 - url), url,
	    (int)(len < 200 ? len : 200), host);
}

static bool
is_clean(struct str s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return false;
	return true;
}

static int
add_line(struct http_call *c, struct str name, struct str value)
{
	struct curl_slist *lines;
	struct buf b;

	if (!is_clean(name) || !is_clean(value))
		return err_set(&c->failed, ERR_CONF,
		    "%s: a header of the request has control characters",
		    c->where);
	buf_init(&b, HTTP_LINE_MAX);
	buf_add_str(&b, name);
	buf_add_str(&b, value);
	lines = curl_slist_append(c->lines, buf_cstr(&b));
	if (b.failed || lines == NULL)
		err_set(&c->failed, ERR_CONF,
		    "%s: a header of the request is too long", c->where);
	else
		c->lines = lines;
	if (b.p != NULL)
		explicit_bzero(b.p, b.size);
	buf_clear(&b);
	return c->failed.kind == ERR_NONE ? 0 : -1;
}

static int
add_bearer(struct http_call *c, const struct httpreq *req)
{
	char name[64];

	snprintf(name, sizeof(name), "Authorization: %s ",
	    req->scheme != NULL ? req->scheme : "Bearer");
	return add_line(c, str_of(name), secret_reveal(req->bearer));
}

static int
add_lines(struct http_call *c, const struct httpreq *req)
{
	struct str rest = buf_str(&req->headers);

	while (rest.len > 0) {
		struct str line = str_cut(&rest, '\n');

		if (line.len > 0 && add_line(c, line, STR_LIT("")) < 0)
			return -1;
	}
	/* Do not wait for "100 Continue" before a large body. */
	if (add_line(c, STR_LIT("Expect:"), STR_LIT("")) < 0 ||
	    add_line(c, STR_LIT("Accept-Encoding: "), STR_LIT("gzip")) < 0)
		return -1;
	return req->bearer != NULL ? add_bearer(c, req) : 0;
}

/* Only http and https, in the words of old and new versions. */
static CURLcode
restrict_protocols(CURL *e)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	return curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	return curl_easy_setopt(
	    e, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

#define SET(option, value)                                       \
	do {                                                     \
		if (rc == CURLE_OK)                              \
			rc = curl_easy_setopt(e, option, value); \
	} while (0)

static CURLcode
set_transport(struct http_call *c, const struct httpreq *req, const char *url)
{
	const struct http *h = c->http;
	CURL *e = c->easy;
	CURLcode rc = restrict_protocols(e);
	bool direct = h->proxy == NULL || req->no_proxy;

	SET(CURLOPT_URL, url);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (h->ca_file != NULL)
		SET(CURLOPT_CAINFO, h->ca_file);
	/* Empty texts keep the environment's proxies out. */
	SET(CURLOPT_PROXY, direct ? "" : h->proxy);
	SET(CURLOPT_NOPROXY, "");
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)h->conf.connect_timeout_ms);
	SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
	SET(CURLOPT_LOW_SPEED_TIME,
	    (long)((h->conf.stall_timeout_ms + 999) / 1000));
	SET(CURLOPT_SHARE, h->share);
	return rc;
}

static CURLcode
set_message(struct http_call *c, const struct httpreq *req)
{
	CURL *e = c->easy;
	CURLcode rc = CURLE_OK;

	if (req->method != HTTP_GET) {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->post.len);
		SET(CURLOPT_POSTFIELDS, c->post.len > 0 ? c->post.p : "");
	}
	if (req->method == HTTP_PATCH)
		SET(CURLOPT_CUSTOMREQUEST, "PATCH");
	if (c->http->user_agent != NULL)
		SET(CURLOPT_USERAGENT, c->http->user_agent);
	SET(CURLOPT_HTTPHEADER, c->lines);
	SET(CURLOPT_ERRORBUFFER, c->reason);
	SET(CURLOPT_PRIVATE, (void *)c);
	SET(CURLOPT_HEADERFUNCTION, gather_header);
	SET(CURLOPT_HEADERDATA, (void *)c);
	SET(CURLOPT_WRITEFUNCTION, gather_body);
	SET(CURLOPT_WRITEDATA, (void *)c);
	return rc;
}

#undef SET

/* Hand the request to curl; -1 and c->failed if it does not take it. */
static int
submit(struct http_call *c, const struct httpreq *req)
{
	struct http *h = c->http;
	struct buf url;
	int rc = -1;

	buf_init(&url, HTTP_URL_MAX);
	buf_add_str(&url, buf_str(&req->url));
	c->where = origin_of(buf_cstr(&url));
	if (url.failed || req->url.failed || req->headers.failed ||
	    req->body.failed || !is_clean(buf_str(&url))) {
		err_set(&c->failed, ERR_CONF,
		    "%s: the request is too long, or its address has control"
		    " characters",
		    c->where);
		goto out;
	}
	buf_init(&c->post, HTTPMSG_BODY_MAX);
	buf_add_str(&c->post, buf_str(&req->body));
	if (add_lines(c, req) < 0)
		goto out;
	c->easy = h->n_idle > 0 ? h->idle[--h->n_idle] : curl_easy_init();
	if (c->easy == NULL ||
	    set_transport(c, req, buf_cstr(&url)) != CURLE_OK ||
	    set_message(c, req) != CURLE_OK ||
	    curl_multi_add_handle(h->multi, c->easy) != CURLM_OK) {
		err_set(&c->failed, ERR_CONF,
		    "%s: libcurl does not take the request", c->where);
		if (c->easy != NULL)
			curl_easy_cleanup(c->easy);
		c->easy = NULL;
		goto out;
	}
	rc = 0;
out:
	buf_clear(&url);
	return rc;
}

struct http_call *
http_start(struct http *h, const struct httpreq *req,
    const struct http_cbs *cbs, void *arg)
{
	struct http_call *c = xcalloc(1, sizeof(*c));

	c->http = h;
	c->cbs = *cbs;
	c->arg = arg;
	buf_init(&c->resp.headers, HTTPMSG_HEADERS_MAX);
	c->resp.tag = req->tag;
	buf_init(&c->body, HTTP_BODY_HELD);
	TAILQ_INSERT_TAIL(&h->calls, c, entry);
	if (submit(c, req) < 0) {
		c->ended = true;
		be_ready(c);
	}
	return c;
}

/* The headers hold the token, the body maybe a client's secret. */
static void
wipe_request(struct http_call *c)
{
	struct curl_slist *line;

	for (line = c->lines; line != NULL; line = line->next)
		explicit_bzero(line->data, strlen(line->data));
	curl_slist_free_all(c->lines);
	c->lines = NULL;
	if (c->post.p != NULL)
		explicit_bzero(c->post.p, c->post.size);
	buf_clear(&c->post);
}

/* Take the transfer from curl, whether it is over or not. */
static void
release_easy(struct http_call *c)
{
	struct http *h = c->http;

	if (c->easy != NULL) {
		curl_multi_remove_handle(h->multi, c->easy);
		curl_easy_reset(c->easy);
		if (h->n_idle < HTTP_IDLE_HANDLES)
			h->idle[h->n_idle++] = c->easy;
		else
			curl_easy_cleanup(c->easy);
		c->easy = NULL;
	}
	wipe_request(c);
}

static void
call_free(struct http_call *c)
{
	struct http *h = c->http;

	if (h->frame != NULL && h->frame->call == c)
		h->frame->call = NULL;
	release_easy(c);
	if (c->is_ready)
		TAILQ_REMOVE(&h->ready, c, ready);
	TAILQ_REMOVE(&h->calls, c, entry);
	buf_clear(&c->resp.headers);
	give_buffer(h, &c->body);
	gunzip_free(&c->gunzip);
	xfree(c->where);
	xfree(c);
}

void
http_cancel(struct http_call **callp)
{
	struct http_call *c = *callp;

	*callp = NULL;
	if (c != NULL)
		call_free(c);
}

void
http_pause(struct http_call *c)
{
	c->paused = true;
}

void
http_resume(struct http_call *c)
{
	c->paused = false;
	be_ready(c);
}

/* --- why a transfer failed ----------------------------------------------- */

static const struct {
	CURLcode code;
	enum err_kind kind;
	const char *words; /* curl's own reason follows */
} failures[] = {
	{ CURLE_PEER_FAILED_VERIFICATION, ERR_CONF,
	    "its certificate is not accepted (for an authority or a proxy of"
	    " your own, set ca-file)" },
	{ CURLE_SSL_CACERT_BADFILE, ERR_CONF, "ca-file cannot be used" },
	{ CURLE_URL_MALFORMAT, ERR_CONF, "this is no address" },
	{ CURLE_UNSUPPORTED_PROTOCOL, ERR_CONF,
	    "the address must begin with http:// or https://" },
	{ CURLE_COULDNT_RESOLVE_PROXY, ERR_RETRY,
	    "the proxy's name is not known" },
	{ CURLE_COULDNT_RESOLVE_HOST, ERR_RETRY, "its name is not known" },
	{ CURLE_COULDNT_CONNECT, ERR_RETRY, "no connection" },
	{ CURLE_SSL_CONNECT_ERROR, ERR_RETRY, "TLS failed" },
	{ CURLE_OPERATION_TIMEDOUT, ERR_RETRY, "no answer in time" },
	{ CURLE_GOT_NOTHING, ERR_RETRY, "closed without an answer" },
	{ CURLE_PARTIAL_FILE, ERR_RETRY, "the answer broke off" },
	{ CURLE_RECV_ERROR, ERR_RETRY, "the answer broke off" },
	{ CURLE_SEND_ERROR, ERR_RETRY, "the request broke off" },
};

/* Cases where curl's reason tells more than its code. */
static const struct {
	const char *reason;
	enum err_kind kind;
	const char *words;
} special_failures[] = {
	{ "HTTP/0.9", ERR_RETRY, "what answers there does not speak HTTP" },
	{ "wrong version number", ERR_CONF,
	    "what answers there does not speak TLS; see whether https:// is"
	    " right, and the port" },
	{ "Operation too slow", ERR_RETRY,
	    "connected, but nothing came for too long" },
	{ "response 407", ERR_CONF,
	    "the proxy wants a login; put it into proxy" },
};

static void
explain(struct http_call *c, CURLcode code)
{
	enum err_kind kind = ERR_RETRY;
	const char *words = NULL, *reason = c->reason;
	long sys = 0;
	size_t i;

	if (c->failed.kind != ERR_NONE)
		return; /* by one of ours */
	for (i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		if (failures[i].code == code) {
			kind = failures[i].kind;
			words = failures[i].words;
		}
	}
	for (i = 0; i < sizeof(special_failures) / sizeof(special_failures[0]);
	     i++) {
		if (strstr(reason, special_failures[i].reason) != NULL) {
			kind = special_failures[i].kind;
			words = special_failures[i].words;
		}
	}
	if (code == CURLE_COULDNT_CONNECT && c->easy != NULL &&
	    curl_easy_getinfo(c->easy, CURLINFO_OS_ERRNO, &sys) == CURLE_OK &&
	    sys != 0)
		reason = strerror((int)sys);
	if (reason[0] == '\0')
		reason = curl_easy_strerror(code);
	err_set(&c->failed, kind, "%s: %s%s%s", c->where,
	    words != NULL ? words : "", words != NULL ? ": " : "", reason);
}

/* --- the pump ------------------------------------------------------------ */

static void
harvest(struct http *h)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(h->multi, &left)) != NULL) {
		struct http_call *c = NULL;
		CURLcode code = msg->data.result;

		if (msg->msg != CURLMSG_DONE ||
		    curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE,
			(char **)&c) != CURLE_OK ||
		    c == NULL)
			continue;
		if (code == CURLE_OK && !c->head_complete)
			code = CURLE_GOT_NOTHING;
		if (code != CURLE_OK)
			explain(c, code);
		release_easy(c);
		c->ended = true;
		c->held = false;
		be_ready(c);
	}
}

/* Each gives one thing and returns whether call and client are still there. */
static bool
give_head(struct http_frame *f)
{
	struct http_call *c = f->call;
	struct httpresp resp = c->resp;

	c->head_told = true;
	buf_init(&c->resp.headers, HTTPMSG_HEADERS_MAX);
	if (c->cbs.head != NULL)
		c->cbs.head(c->arg, &resp);
	buf_clear(&resp.headers);
	return f->call != NULL;
}

/* Let the user have these bytes; they are his until he returns. */
static bool
give_bytes(struct http_frame *f, struct buf *bytes)
{
	struct http_call *c = f->call;
	struct http *h = c->http;

	if (c->cbs.body != NULL && bytes->len > 0)
		c->cbs.body(c->arg, buf_str(bytes));
	if (f->http_gone)
		buf_clear(bytes);
	else
		give_buffer(h, bytes);
	return f->call != NULL;
}

static void
unpack_failed(struct http_call *c)
{
	err_prefix(&c->failed, "%s: ", c->where);
	release_easy(c);
	buf_reset(&c->body);
	c->is_full = c->held = false;
	c->ended = true;
}

static bool
give_unpacked(struct http_frame *f)
{
	struct http_call *c = f->call;
	struct str in = str_make(c->body.p + c->taken, c->body.len - c->taken);
	struct buf out;

	buf_init(&out, HTTP_BODY_HELD);
	take_buffer(c->http, &out);
	if (!buf_reserve(&out, HTTP_BODY_HELD)) {
		err_set(&c->failed, ERR_RETRY, "no memory for the answer");
		unpack_failed(c);
	} else if (gunzip_step(c->gunzip, &in, out.p, HTTP_BODY_HELD, &out.len,
		       &c->failed) < 0) {
		unpack_failed(c);
	} else {
		c->is_full = out.len == HTTP_BODY_HELD;
		c->taken = c->body.len - in.len;
		if (in.len == 0) {
			c->taken = 0;
			give_buffer(c->http, &c->body);
		}
	}
	return give_bytes(f, &out);
}

static bool
give_body(struct http_frame *f)
{
	struct http_call *c = f->call;
	struct buf bytes = c->body;

	if (c->gunzip != NULL)
		return give_unpacked(f);
	buf_init(&c->body, HTTP_BODY_HELD);
	return give_bytes(f, &bytes);
}

static bool
has_body(const struct http_call *c)
{
	return c->body.len > 0 || c->is_full;
}

static void
give_end(struct http_frame *f)
{
	struct http_call *c = f->call;
	struct err err;

	if (c->failed.kind == ERR_NONE && c->gunzip != NULL &&
	    !gunzip_is_complete(c->gunzip))
		err_set(&c->failed, ERR_RETRY,
		    "%s: the compressed answer broke off", c->where);
	err = c->failed;
	c->cbs.done(c->arg, err.kind != ERR_NONE ? &err : NULL);
	if (f->call == c)
		call_free(c);
}

static void
give(struct http_frame *f)
{
	struct http_call *c = f->call;

	if (c->head_complete && !c->head_told && !give_head(f))
		return;
	if (c->paused)
		return;
	if (has_body(c) && !give_body(f))
		return;
	if (c->paused)
		return;
	if (has_body(c)) {
		be_ready(c);
	} else if (c->ended) {
		give_end(f);
	} else if (c->held) {
		/* More may be gathered before this returns. */
		c->held = false;
		curl_easy_pause(c->easy, CURLPAUSE_CONT);
		loop_task_run(c->http->pump);
	}
}

/*
 * One round over those who are ready now.  Who becomes ready meanwhile waits
 * for the next turn, so that a fast answer does not keep the others waiting.
 */
static void
pump(void *arg)
{
	struct http *h = arg;
	struct http_frame frame = { 0 };
	unsigned n = 0;

	harvest(h);
	TAILQ_FOREACH(frame.call, &h->ready, ready)
	n++;
	h->frame = &frame;
	while (n-- > 0 && (frame.call = TAILQ_FIRST(&h->ready)) != NULL) {
		TAILQ_REMOVE(&h->ready, frame.call, ready);
		frame.call->is_ready = false;
		give(&frame);
		if (frame.http_gone)
			return;
	}
	h->frame = NULL;
	if (!TAILQ_EMPTY(&h->ready))
		loop_task_run(h->pump);
}

/* --- the client ---------------------------------------------------------- */

static int
set_up_curl(struct http *h)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -1;
	h->multi = curl_multi_init();
	h->share = curl_share_init();
	if (h->multi == NULL || h->share == NULL ||
	    curl_share_setopt(h->share, CURLSHOPT_SHARE,
		CURL_LOCK_DATA_SSL_SESSION) != CURLSHE_OK)
		return -1;
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
	    (long)h->conf.max_connections);
	return 0;
}

struct http *
http_new(struct loop *l, const struct http_conf *conf, struct err *err)
{
	struct http *h;

	if (conf->ca_file != NULL && access(conf->ca_file, R_OK) < 0) {
		err_set(
		    err, ERR_CONF, "%s: %s", conf->ca_file, strerror(errno));
		return NULL;
	}
	h = xcalloc(1, sizeof(*h));
	h->loop = l;
	h->conf = *conf;
	h->ca_file = conf->ca_file != NULL ? xstrdup(conf->ca_file) : NULL;
	h->proxy = conf->proxy != NULL ? xstrdup(conf->proxy) : NULL;
	h->user_agent =
	    conf->user_agent != NULL ? xstrdup(conf->user_agent) : NULL;
	TAILQ_INIT(&h->calls);
	TAILQ_INIT(&h->ready);
	LIST_INIT(&h->sockets);
	h->timer = loop_timer_new(l, timer_fires, h);
	h->pump = loop_task_new(l, pump, h);
	if (set_up_curl(h) < 0) {
		err_set(err, ERR_SYS, "libcurl cannot start");
		http_free(&h);
	}
	return h;
}

void
http_free(struct http **hp)
{
	struct http *h = *hp;
	struct http_call *c;
	struct http_socket *so;

	*hp = NULL;
	if (h == NULL)
		return;
	if (h->frame != NULL)
		h->frame->http_gone = true;
	while ((c = TAILQ_FIRST(&h->calls)) != NULL)
		call_free(c);
	while (h->n_idle > 0)
		curl_easy_cleanup(h->idle[--h->n_idle]);
	if (h->multi != NULL)
		curl_multi_cleanup(h->multi);
	if (h->share != NULL)
		curl_share_cleanup(h->share);
	while ((so = LIST_FIRST(&h->sockets)) != NULL)
		forget_socket(so);
	while (h->n_buffers > 0)
		buf_clear(&h->buffers[--h->n_buffers]);
	loop_timer_free(&h->timer);
	loop_task_free(&h->pump);
	curl_global_cleanup();
	xfree(h->ca_file);
	xfree(h->proxy);
	xfree(h->user_agent);
	xfree(h);
}
