/* tests/fake_http.c -- net/http.h whose answers a test gives. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include "tests/fake_http.h"

#include <sys/queue.h>

#include "base/secret.h"
#include "base/xalloc.h"
#include "net/loop.h"

#define FAKE_HTTP_CHUNK (256 * 1024)

enum part_kind {
	PART_HEAD,
	PART_BODY,
	PART_DONE
};

struct part {
	TAILQ_ENTRY(part) entry;
	enum part_kind kind;
	int status;
	char *bytes; /* owned: headers, or body */
	size_t len;
	bool failed;
	struct err err;
};

struct http_call {
	TAILQ_ENTRY(http_call) entry;
	struct http *http;
	struct http_cbs cbs;
	void *arg;
	struct fake_http_asked asked;
	char *url, *headers, *body, *bearer; /* owned; what asked points to */
	TAILQ_HEAD(, part) parts;
	bool seen; /* by the script */
	bool answered;
	bool paused;
};

struct http {
	struct http_conf conf;
	char *ca_file, *proxy, *user_agent;
	struct loop_task *task;
	TAILQ_HEAD(, http_call) calls;
	unsigned count;
	fake_http_script *script;
	void *script_arg;
	struct http_call *current; /* the one called back; NULL once gone */
	bool *gone;                /* set when freed in a callback */
};

static char *
copy_text(const char *s)
{
	return s != NULL ? xstrdup(s) : NULL;
}

static void
part_free(struct part *p)
{
	xfree(p->bytes);
	xfree(p);
}

static void
call_free(struct http_call *c)
{
	struct http *h = c->http;
	struct part *p;

	if (h->current == c)
		h->current = NULL;
	while ((p = TAILQ_FIRST(&c->parts)) != NULL) {
		TAILQ_REMOVE(&c->parts, p, entry);
		part_free(p);
	}
	TAILQ_REMOVE(&h->calls, c, entry);
	xfree(c->url);
	xfree(c->headers);
	xfree(c->body);
	xfree(c->bearer);
	xfree(c);
}

/* Give one part to the user; the call may be gone afterwards. */
static void
deliver_part(struct http_call *c, struct part *p)
{
	struct httpresp resp = { .status = p->status, .tag = c->asked.tag };

	switch (p->kind) {
	case PART_HEAD:
		buf_init(&resp.headers, HTTPMSG_HEADERS_MAX);
		buf_add(&resp.headers, p->bytes, p->len);
		if (c->cbs.head != NULL)
			c->cbs.head(c->arg, &resp);
		buf_clear(&resp.headers);
		break;
	case PART_BODY:
		if (c->cbs.body != NULL)
			c->cbs.body(c->arg, str_make(p->bytes, p->len));
		break;
	case PART_DONE:
		c->cbs.done(c->arg, p->failed ? &p->err : NULL);
		break;
	}
}

/* Everything that one call has; false when the client is gone. */
static bool
deliver(struct http *h, struct http_call *c)
{
	/* Outlives the client, whom a callback may free. */
	bool *gone = xcalloc(1, sizeof(*gone));
	struct part *p;
	bool lives;

	h->current = c;
	h->gone = gone;
	if (!c->seen && h->script != NULL) {
		c->seen = true;
		h->script(h->script_arg, c, &c->asked);
	}
	while (!*gone && h->current == c && !c->paused &&
	    (p = TAILQ_FIRST(&c->parts)) != NULL) {
		bool last = p->kind == PART_DONE;

		TAILQ_REMOVE(&c->parts, p, entry);
		deliver_part(c, p);
		part_free(p);
		if (last && !*gone && h->current == c)
			call_free(c);
	}
	lives = !*gone;
	if (lives) {
		h->current = NULL;
		h->gone = NULL;
	}
	xfree(gone);
	return lives;
}

static bool
is_ready(const struct http *h, const struct http_call *c)
{
	if (!c->seen && h->script != NULL)
		return true;
	return !c->paused && !TAILQ_EMPTY(&c->parts);
}

static void
deliver_all(void *arg)
{
	struct http *h = arg;
	struct http_call *c;

	/* From the front each time: any call may go in any callback. */
	do {
		TAILQ_FOREACH(c, &h->calls, entry)
		if (is_ready(h, c))
			break;
	} while (c != NULL && deliver(h, c));
}

struct http *
http_new(struct loop *l, const struct http_conf *conf, struct err *err)
{
	struct http *h = xcalloc(1, sizeof(*h));

	(void)err;
	h->conf = *conf;
	h->conf.ca_file = h->ca_file = copy_text(conf->ca_file);
	h->conf.proxy = h->proxy = copy_text(conf->proxy);
	h->conf.user_agent = h->user_agent = copy_text(conf->user_agent);
	TAILQ_INIT(&h->calls);
	h->task = loop_task_new(l, deliver_all, h);
	return h;
}

void
http_free(struct http **hp)
{
	struct http *h = *hp;
	struct http_call *c;

	*hp = NULL;
	if (h == NULL)
		return;
	if (h->gone != NULL)
		*h->gone = true;
	while ((c = TAILQ_FIRST(&h->calls)) != NULL)
		call_free(c);
	loop_task_free(&h->task);
	xfree(h->ca_file);
	xfree(h->proxy);
	xfree(h->user_agent);
	xfree(h);
}

struct http_call *
http_start(struct http *h, const struct httpreq *req,
    const struct http_cbs *cbs, void *arg)
{
	struct http_call *c = xcalloc(1, sizeof(*c));

	c->http = h;
	c->cbs = *cbs;
	c->arg = arg;
	TAILQ_INIT(&c->parts);
	c->url = xstrndup(req->url.len > 0 ? req->url.p : "", req->url.len);
	c->headers = xstrndup(
	    req->headers.len > 0 ? req->headers.p : "", req->headers.len);
	c->body = xstrndup(req->body.len > 0 ? req->body.p : "", req->body.len);
	if (req->bearer != NULL) {
		struct str s = secret_reveal(req->bearer);

		c->bearer = xstrndup(s.p, s.len);
	}
	c->asked = (struct fake_http_asked){
		.number = ++h->count,
		.method = req->method,
		.url = c->url,
		.headers = c->headers,
		.body = str_make(c->body, req->body.len),
		.bearer = c->bearer,
		.no_proxy = req->no_proxy,
		.tag = req->tag,
	};
	TAILQ_INSERT_TAIL(&h->calls, c, entry);
	loop_task_run(h->task);
	return c;
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
	loop_task_run(c->http->task);
}

void
fake_http_on_request(struct http *h, fake_http_script *fn, void *arg)
{
	h->script = fn;
	h->script_arg = arg;
	loop_task_run(h->task);
}

struct http_call *
fake_http_next(struct http *h)
{
	struct http_call *c;

	TAILQ_FOREACH(c, &h->calls, entry)
	if (!c->answered)
		return c;
	return NULL;
}

const struct fake_http_asked *
fake_http_asked(const struct http_call *c)
{
	return &c->asked;
}

unsigned
fake_http_open(const struct http *h)
{
	struct http_call *c;
	unsigned n = 0;

	TAILQ_FOREACH(c, &h->calls, entry)
	n++;
	return n;
}

bool
fake_http_is_paused(const struct http_call *c)
{
	return c->paused;
}

unsigned
fake_http_count(const struct http *h)
{
	return h->count;
}

static struct part *
add_part(struct http_call *c, enum part_kind kind, struct str bytes)
{
	struct part *p = xcalloc(1, sizeof(*p));

	p->kind = kind;
	p->len = bytes.len;
	if (bytes.len > 0) {
		/* No NUL behind it: reading on is for the sanitizer to see. */
		p->bytes = xmalloc(bytes.len);
		memcpy(p->bytes, bytes.p, bytes.len);
	}
	TAILQ_INSERT_TAIL(&c->parts, p, entry);
	c->answered = true;
	loop_task_run(c->http->task);
	return p;
}

void
fake_http_head(struct http_call *c, int status, const char *headers)
{
	add_part(c, PART_HEAD, str_of(headers))->status = status;
}

void
fake_http_body(struct http_call *c, struct str bytes)
{
	while (bytes.len > 0) {
		size_t n =
		    bytes.len < FAKE_HTTP_CHUNK ? bytes.len : FAKE_HTTP_CHUNK;

		add_part(c, PART_BODY, str_make(bytes.p, n));
		bytes = str_make(bytes.p + n, bytes.len - n);
	}
}

void
fake_http_done(struct http_call *c)
{
	add_part(c, PART_DONE, str_make(NULL, 0));
}

void
fake_http_fail(struct http_call *c, enum err_kind kind, const char *text)
{
	struct part *p = add_part(c, PART_DONE, str_make(NULL, 0));

	p->failed = true;
	err_set(&p->err, kind, "%s", text);
}

void
fake_http_answer(
    struct http_call *c, int status, const char *headers, struct str body)
{
	fake_http_head(c, status, headers);
	fake_http_body(c, body);
	fake_http_done(c);
}

const struct http_conf *
fake_http_conf(const struct http *h)
{
	return &h->conf;
}
