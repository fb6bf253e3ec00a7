/*
 * auth/token.c -- one credential's tokens: asked for once, renewed in time.
 *
 * There is no timer that renews: a token is renewed when somebody asks for
 * one and it is time, so that an idle daemon sleeps.  While the old one lives
 * it is handed out meanwhile, and nobody waits.  All times count on the
 * monotonic clock from the arrival of the answer; who sets the clock of the
 * wall changes nothing.
 */
/* SPDX-License-Identifier: ISC */
#include "auth/token.h"

#include <inttypes.h>
#include <string.h>

#include "auth/auth.h"
#include "auth/claims.h"
#include "base/backoff.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/xalloc.h"
#include "codec/httpmsg.h"
#include "codec/rfc3339.h"
#include "net/http.h"
#include "net/loop.h"

#define ANSWER_MAX (128 * 1024)
#define ANSWER_WITHIN_MS (60 * 1000)
#define RENEW_BEFORE_MS (5 * 60 * 1000)   /* of the end */
#define LONG_LIFE_MS (2 * 60 * 60 * 1000) /* renewed at its half */
#define RETEST_MS (10 * 60 * 1000)        /* of what only a person can mend */
#define LOOK_AGAIN_MS 1000                /* at a file of ours */
#define BACKOFF_FIRST_MS 1000
#define BACKOFF_CAP_MS (5 * 60 * 1000)
/* One that is refused so soon will not get better by another. */
#define REFUSED_AGAIN_MS (5 * 1000)
#define ROLES_MAX (64 * 1024)
#define DAY_MS (24 * 60 * 60 * 1000ULL)
#define ENDS_SOON_DAYS 30

struct token_wait {
	struct token *t;
	struct token_wait *next;
	token_fn *fn;
	void *arg;
};

/* Who needs which permissions, and what of them the log said is missing. */
struct need {
	char *source, *permissions; /* owned */
	char *told;                 /* owned; NULL: nothing is missing */
	struct need *next;
};

/* A bearer that somebody may still look at in this turn of the loop. */
struct retired {
	struct secret *bearer;
	struct retired *next;
};

struct token {
	struct log log;
	struct loop *loop;
	struct http *http;
	struct auth *auth;
	char *scope, *who; /* owned */
	struct loop_task *task;
	struct loop_timer *deadline; /* of the answer */
	struct token_wait *waits, **waits_end;
	struct retired *retired;

	struct secret *bearer; /* NULL: none */
	uint64_t got_ms, renew_at_ms, ends_ms;
	bool is_second; /* got because the one before was refused */
	bool was_refused;

	struct http_call *call; /* at most one */
	struct httpresp resp;
	struct buf body;
	bool asked_again; /* after a challenge */

	struct backoff backoff;
	uint64_t held_until_ms; /* ask nobody before */
	struct need *needs;
	struct buf roles; /* of the last token, a line each */
	bool roles_known;
	uint64_t told_days; /* of the credential's end; 0: nothing told */

	struct err failed;       /* why; kind 0: the last time went well */
	char told[ERR_TEXT_MAX]; /* of it in the log */
};

static void ask(struct token *t);

/* --- handing out -------------------------------------------------------- */

static bool
is_alive(const struct token *t)
{
	return t->bearer != NULL && loop_now_ms(t->loop) < t->ends_ms;
}

static bool
is_fresh(const struct token *t)
{
	return is_alive(t) && loop_now_ms(t->loop) < t->renew_at_ms;
}

static void
retire(struct token *t)
{
	struct retired *r;

	if (t->bearer == NULL)
		return;
	r = xcalloc(1, sizeof(*r));
	r->bearer = t->bearer;
	r->next = t->retired;
	t->retired = r;
	t->bearer = NULL;
	loop_task_run(t->task);
}

static void
free_retired(struct token *t)
{
	while (t->retired != NULL) {
		struct retired *r = t->retired;

		t->retired = r->next;
		secret_free(&r->bearer);
		xfree(r);
	}
}

/* Take the first who waits off the queue and tell it. */
static void
tell_first(struct token *t, const struct secret *bearer, const struct err *err)
{
	struct token_wait *w = t->waits;
	token_fn *fn = w->fn;
	void *arg = w->arg;

	t->waits = w->next;
	if (t->waits == NULL)
		t->waits_end = &t->waits;
	xfree(w);
	fn(arg, bearer, err);
}

/*
 * Why there is no token.  Passing trouble says how long nobody is asked, so
 * that who waits comes back when it makes sense.
 */
static struct err
reason(const struct token *t)
{
	struct err err = t->failed;
	uint64_t now = loop_now_ms(t->loop);

	if ((err.kind == ERR_RETRY || err.kind == ERR_WAIT) &&
	    t->held_until_ms > now)
		err_wait(&err, t->held_until_ms - now, "%s", t->failed.text);
	return err;
}

/*
 * Serve who waits.  Each may ask again from its callback: that one is served
 * in a later turn, so that a refusal cannot keep us here.
 */
static void
serve(void *arg)
{
	struct token *t = arg;
	size_t n = 0;

	free_retired(t);
	if (t->waits == NULL)
		return;
	if (!is_fresh(t) && t->call == NULL &&
	    loop_now_ms(t->loop) >= t->held_until_ms) {
		t->asked_again = false;
		ask(t);
	}
	for (struct token_wait *w = t->waits; w != NULL; w = w->next)
		n++;
	for (; n > 0 && t->waits != NULL; n--) {
		struct err err;

		if (is_alive(t)) {
			tell_first(t, t->bearer, NULL);
		} else if (t->call != NULL) {
			break;
		} else {
			err = reason(t);
			tell_first(t, NULL, &err);
		}
	}
}

/* --- an answer ---------------------------------------------------------- */

/* Who watches the log learns what is wrong once, not at each attempt. */
static void
tell_failure(struct token *t, uint64_t wait_ms)
{
	char *ids = strrchr(t->failed.text, '(');
	size_t len = ids != NULL ? (size_t)(ids - t->failed.text)
				 : strlen(t->failed.text);

	if (strncmp(t->told, t->failed.text, len) == 0 && t->told[len] == '\0')
		return;
	memcpy(t->told, t->failed.text, len);
	t->told[len] = '\0';
	if (is_alive(t))
		log_warn(&t->log,
		    "%s; next attempt in %" PRIu64 " s at the earliest, the"
		    " old token is good for another %" PRIu64 " min",
		    t->failed.text, (wait_ms + 999) / 1000,
		    (t->ends_ms - loop_now_ms(t->loop)) / 60000);
	else
		log_line(&t->log,
		    t->failed.kind == ERR_RETRY || t->failed.kind == ERR_WAIT
			? LOG_LEVEL_WARN
			: LOG_LEVEL_ERROR,
		    "%s; next attempt in %" PRIu64 " s at the earliest",
		    t->failed.text, (wait_ms + 999) / 1000);
}

/* How long to ask nobody after this. */
static uint64_t
hold_ms(struct token *t, const struct err *err)
{
	if (err->kind == ERR_WAIT && err->wait_ms > 0)
		return err->wait_ms;
	if (err->kind == ERR_WAIT || err->kind == ERR_RETRY ||
	    err->kind == ERR_SYS || err->kind == ERR_DATA)
		return backoff_fail(&t->backoff);
	return RETEST_MS;
}

static void
fail(struct token *t, const struct err *err, uint64_t wait_ms)
{
	t->failed = *err;
	if (err->kind == ERR_LOGIN)
		t->failed.kind = ERR_DENIED; /* there is no other way in */
	t->held_until_ms = loop_now_ms(t->loop) + wait_ms;
	tell_failure(t, wait_ms);
	loop_task_run(t->task);
}

/* When a token should be renewed, counted from its arrival. */
static uint64_t
renew_after_ms(const struct auth_token *token)
{
	uint64_t life = token->life_ms;
	uint64_t before =
	    life / 4 < RENEW_BEFORE_MS ? life / 4 : RENEW_BEFORE_MS;
	uint64_t after = life > LONG_LIFE_MS ? life / 2 : life - before;

	if (token->renew_ms > 0 && token->renew_ms < after)
		after = token->renew_ms;
	return after;
}

/* --- what a new token tells --------------------------------------------- */

static void
check_need(struct token *t, struct need *n)
{
	struct buf missing;

	buf_init(&missing, ROLES_MAX);
	token_missing(t, n->permissions, &missing);
	if (missing.len == 0 && n->told != NULL) {
		log_info(&t->log, "source %s: %s is granted now", n->source,
		    n->told);
		xfree(n->told);
		n->told = NULL;
	} else if (missing.len > 0 &&
	    (n->told == NULL || !str_is(buf_str(&missing), n->told))) {
		log_warn(&t->log,
		    "source %s: the token does not carry the permission %s;"
		    " add it to the application and grant admin consent",
		    n->source, buf_cstr(&missing));
		xfree(n->told);
		n->told = buf_steal(&missing);
	}
	buf_clear(&missing);
}

static void
check_roles(struct token *t)
{
	buf_reset(&t->roles);
	t->roles_known = claims_roles(secret_reveal(t->bearer), &t->roles);
	for (struct need *n = t->needs; n != NULL; n = n->next)
		check_need(t, n);
}

/* Tell once a day, and once when it is over. */
static void
check_end(struct token *t)
{
	uint64_t ends_ms = auth_ends_ms(t->auth);
	uint64_t now_ms = loop_wall_ms(t->loop);
	uint64_t days = ends_ms > now_ms ? (ends_ms - now_ms) / DAY_MS : 0;
	uint64_t tell = ends_ms > now_ms ? days + 2 : 1;
	char date[RFC3339_MAX];

	if (ends_ms == 0 || days >= ENDS_SOON_DAYS)
		tell = 0;
	if (t->told_days == tell)
		return;
	t->told_days = tell;
	if (tell == 0)
		return;
	rfc3339_format_ms(date, (int64_t)ends_ms);
	if (tell == 1)
		log_warn(&t->log,
		    "the certificate used to log in ended on %.10s; register"
		    " a new one",
		    date);
	else
		log_warn(&t->log,
		    "the certificate used to log in ends in %" PRIu64
		    " day%s, on %.10s; register a new one",
		    days, days == 1 ? "" : "s", date);
}

static void
take(struct token *t, struct auth_token *token)
{
	retire(t);
	t->bearer = token->bearer;
	token->bearer = NULL;
	t->got_ms = loop_now_ms(t->loop);
	t->renew_at_ms = t->got_ms + renew_after_ms(token);
	t->ends_ms = t->got_ms + token->life_ms;
	t->held_until_ms = 0;
	t->is_second = t->was_refused;
	t->was_refused = false;
	t->failed = (struct err){ .kind = ERR_NONE };
	t->told[0] = '\0';
	backoff_reset(&t->backoff);
	log_info(&t->log,
	    "logged in for %s by %s; the token is good for %" PRIu64 " min",
	    t->scope, auth_ops(t->auth)->name, token->life_ms / 60000);
	check_roles(t);
	check_end(t);
	loop_task_run(t->task);
}

static void
close_call(struct token *t)
{
	if (t->call != NULL)
		http_cancel(&t->call);
	loop_timer_stop(t->deadline);
	httpresp_clear(&t->resp);
	if (t->body.p != NULL)
		explicit_bzero(t->body.p, t->body.size);
	buf_clear(&t->body);
}

static void
on_head(void *arg, const struct httpresp *resp)
{
	struct token *t = arg;

	t->resp.status = resp->status;
	t->resp.tag = resp->tag;
	buf_reset(&t->resp.headers);
	buf_add_str(&t->resp.headers, buf_str(&resp->headers));
}

static void
on_body(void *arg, struct str bytes)
{
	struct token *t = arg;

	buf_add_str(&t->body, bytes);
}

static void
on_done(void *arg, const struct err *broken)
{
	struct token *t = arg;
	struct auth_token token = { .bearer = NULL };
	struct err err = { .kind = ERR_NONE };
	int rc = -1;

	t->call = NULL;
	if (broken != NULL) {
		err = *broken;
		err_prefix(&err, "login failed: ");
	} else {
		rc = auth_ops(t->auth)->read(t->auth, &t->resp,
		    buf_str(&t->body), loop_wall_ms(t->loop), &token, &err);
	}
	close_call(t);
	if (rc == 0) {
		take(t, &token);
	} else if (err.kind == ERR_LOGIN && !t->asked_again) {
		t->asked_again = true;
		ask(t);
	} else {
		fail(t, &err, hold_ms(t, &err));
	}
}

static void
on_deadline(void *arg)
{
	struct token *t = arg;
	struct err err;

	close_call(t);
	err_set(&err, ERR_RETRY, "login failed: no whole answer within %d s",
	    ANSWER_WITHIN_MS / 1000);
	fail(t, &err, hold_ms(t, &err));
}

/* --- asking ------------------------------------------------------------- */

static void
ask(struct token *t)
{
	static const struct http_cbs cbs = {
		.head = on_head, .body = on_body, .done = on_done
	};
	struct auth_token token = { .bearer = NULL };
	struct httpreq req;
	struct err err;
	int rc;

	httpreq_init(&req);
	rc = auth_ops(t->auth)->ask(
	    t->auth, t->scope, loop_wall_ms(t->loop), &req, &token, &err);
	if (rc > 0) {
		httpresp_init(&t->resp);
		buf_init(&t->body, ANSWER_MAX);
		t->call = http_start(t->http, &req, &cbs, t);
		loop_timer_set(t->deadline, ANSWER_WITHIN_MS);
	} else if (rc == 0) {
		take(t, &token);
	} else {
		/* Nobody was bothered: a mended file is seen soon. */
		fail(t, &err, LOOK_AGAIN_MS);
	}
	if (req.body.p != NULL)
		explicit_bzero(req.body.p, req.body.size);
	if (req.headers.p != NULL)
		explicit_bzero(req.headers.p, req.headers.size);
	httpreq_clear(&req);
}

struct token_wait *
token_get(struct token *t, token_fn *fn, void *arg)
{
	struct token_wait *w = xcalloc(1, sizeof(*w));

	w->t = t;
	w->fn = fn;
	w->arg = arg;
	*t->waits_end = w;
	t->waits_end = &w->next;
	loop_task_run(t->task);
	return w;
}

void
token_cancel(struct token_wait **wp)
{
	struct token_wait *w = *wp, **at;
	struct token *t;

	*wp = NULL;
	if (w == NULL)
		return;
	t = w->t;
	for (at = &t->waits; *at != w; at = &(*at)->next)
		;
	*at = w->next;
	if (t->waits_end == &w->next)
		t->waits_end = at;
	xfree(w);
}

void
token_refused(struct token *t, const struct secret *bearer)
{
	uint64_t age_ms = loop_now_ms(t->loop) - t->got_ms;

	if (t->bearer == NULL || !secret_eq(t->bearer, bearer))
		return;
	if (t->is_second && age_ms < REFUSED_AGAIN_MS)
		return;
	t->was_refused = true;
	retire(t);
}

/* --- what is known ------------------------------------------------------ */

void
token_need(struct token *t, const char *source, const char *permissions)
{
	struct need *n = xcalloc(1, sizeof(*n));

	n->source = xstrdup(source);
	n->permissions = xstrdup(permissions);
	n->next = t->needs;
	t->needs = n;
	check_need(t, n);
}

bool
token_missing(const struct token *t, const char *permissions, struct buf *out)
{
	if (t->roles_known)
		claims_missing(buf_str(&t->roles), str_of(permissions), out);
	return t->roles_known;
}

uint64_t
token_login_ends_ms(const struct token *t)
{
	return auth_ends_ms(t->auth);
}

/* --- its life ----------------------------------------------------------- */

struct token *
token_new(struct loop *l, struct http *h, struct auth *a, const char *scope,
    const char *who, uint64_t seed)
{
	struct token *t = xcalloc(1, sizeof(*t));

	t->loop = l;
	t->http = h;
	t->auth = a;
	t->scope = xstrdup(scope);
	t->who = xstrdup(who);
	t->log = (struct log){ "auth", t->who };
	t->waits_end = &t->waits;
	buf_init(&t->roles, ROLES_MAX);
	t->task = loop_task_new(l, serve, t);
	t->deadline = loop_timer_new(l, on_deadline, t);
	backoff_init(&t->backoff, BACKOFF_FIRST_MS, BACKOFF_CAP_MS, seed);
	return t;
}

void
token_free(struct token **tp)
{
	struct token *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	if (t->call != NULL)
		close_call(t);
	while (t->waits != NULL) {
		struct token_wait *w = t->waits;

		t->waits = w->next;
		xfree(w);
	}
	while (t->needs != NULL) {
		struct need *n = t->needs;

		t->needs = n->next;
		xfree(n->source);
		xfree(n->permissions);
		xfree(n->told);
		xfree(n);
	}
	buf_clear(&t->roles);
	loop_timer_free(&t->deadline);
	loop_task_free(&t->task);
	free_retired(t);
	secret_free(&t->bearer);
	xfree(t->scope);
	xfree(t->who);
	xfree(t);
}
