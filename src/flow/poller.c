/*
 * flow/poller.c -- drives one source.
 *
 * A round: begin at the cursor, send what the source asks for, feed it the
 * answers record by record, and when it says that the round is complete, hand
 * the cursor over in the last page.  Pages go to the store while the round is
 * under way; only their durability, reported by the store, ends it.
 *
 * When anything fails, one of two things happens.  A request that failed is
 * asked again by the source, after the wait that the error's kind demands.  A
 * page that could not be written ends the round, and the next begins again at
 * the cursor that is on disk: what was lost with the page is fetched anew,
 * what was not lost is recognised.
 */
/* SPDX-License-Identifier: ISC */
#include "flow/poller.h"

#include <inttypes.h>

#include "base/backoff.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/ratelimit.h"
#include "base/secret.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "auth/token.h"
#include "codec/httpmsg.h"
#include "codec/json.h"
#include "codec/jsonsplit.h"
#include "flow/intake.h"
#include "net/http.h"
#include "net/loop.h"
#include "record/cursor.h"
#include "source/source.h"
#include "state/store.h"

#define CALLS_MAX 64
#define INFLIGHT_HIGH (4 * 1024 * 1024) /* bytes not yet durable: pause */
#define INFLIGHT_LOW (1024 * 1024)      /* and go on */
#define ERROR_BODY_MAX (64 * 1024)
#define ENVELOPE_MAX (256 * 1024)
#define DENIED_WAIT_MS (15 * 60 * 1000)
#define CONF_WAIT_MS (10 * 60 * 1000)
#define FULL_WAIT_MS 1000
#define AGAIN_MS 5000      /* a round that cannot end yet asks again */
#define ONCE_TRIES 5       /* a single round gives up after so many */
#define ONCE_WAIT_MS 60000 /* and where it would wait for longer */
#define BACKOFF_FIRST_MS 1000
#define BACKOFF_CAP_MS (5 * 60 * 1000)
#define ROUND_CAP_MS 60000 /* the disk may have room again any moment */

enum poller_state {
	POLLER_RESTING, /* until the next round is due */
	POLLER_ASKING,  /* requests are out, or may be sent */
	POLLER_WAITING, /* a pause that an error or the limit asks for */
	POLLER_CLOSING, /* all is read; pages become durable */
	POLLER_STOPPED
};

/* One request under way. */
struct call {
	struct poller *p; /* NULL: this place is free */
	struct http_call *http;
	struct httpresp resp;
	struct jsonsplit *split; /* of a success; NULL: gather the body */
	struct buf body;         /* of an error */
	struct secret *bearer;   /* that was used */
	unsigned refusals;       /* of tokens, when it was sent */
	unsigned tag;
	bool prefaced; /* the source has what stands before the records */
	bool paused;
};

struct poller {
	struct log log;
	struct loop *loop;
	struct poller_conf conf;
	poller_round_fn *on_round;
	void *arg;
	enum poller_state state;
	struct loop_timer *timer;
	struct loop_task *pump;
	struct backoff backoff; /* of requests */
	struct backoff rounds;  /* of rounds, whose requests may be fine */
	struct token_wait *token_wait;
	struct call calls[CALLS_MAX];
	unsigned n_calls;
	struct json_doc doc; /* of envelopes */
	uint64_t epoch;
	struct cursor cursor; /* that is durable */
	struct cursor next;   /* that becomes so with the last page */
	unsigned pages_out;   /* handed over, not yet durable */
	struct err failed;    /* what ended the round; kind 0: nothing */
	uint64_t began_ms;
	unsigned tries;       /* failures since the last success */
	bool is_pausing;      /* after a failure, until the wait is over */
	bool logged_in_again; /* after a refusal, since the last success */
	unsigned refusals;    /* of tokens, ever */
};

static void pump(void *arg);

static void
move_to(struct poller *p, enum poller_state state)
{
	static const char *const name[] = { "resting", "asking", "waiting",
		"closing", "stopped" };

	if (p->state != state)
		log_debug(&p->log, "%s, then %s", name[p->state], name[state]);
	p->state = state;
}

/* Go on after wait_ms, whatever comes in meanwhile. */
static void
pause_for(struct poller *p, uint64_t wait_ms)
{
	move_to(p, POLLER_WAITING);
	loop_timer_set(p->timer, wait_ms);
}

/* --- calls ------------------------------------------------------------ */

static void
call_close(struct call *c)
{
	if (c->p == NULL)
		return;
	c->p->n_calls--;
	if (c->http != NULL)
		http_cancel(&c->http);
	jsonsplit_free(&c->split);
	httpresp_clear(&c->resp);
	buf_clear(&c->body);
	secret_free(&c->bearer);
	c->p = NULL;
}

static struct call *
call_open(struct poller *p, const struct httpreq *req)
{
	struct call *c = p->calls;

	while (c->p != NULL)
		c++;
	*c = (struct call){ .p = p, .tag = req->tag, .refusals = p->refusals };
	httpresp_init(&c->resp);
	buf_init(&c->body, ERROR_BODY_MAX);
	if (req->bearer != NULL)
		c->bearer = secret_new(secret_reveal(req->bearer));
	p->n_calls++;
	return c;
}

static void
close_all_calls(struct poller *p)
{
	for (size_t i = 0; i < CALLS_MAX; i++)
		call_close(&p->calls[i]);
}

/* --- the end of a round ----------------------------------------------- */

static void
tell_round(struct poller *p)
{
	const uint64_t *n = intake_tally(p->conf.intake)->n;
	uint64_t took_ms = loop_now_ms(p->loop) - p->began_ms;
	enum log_level level =
	    n[PAGE_SPOOLED] > 0 ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG;

	if (level == LOG_LEVEL_DEBUG && !log_is_debugged(&p->log))
		return;
	log_line(&p->log, level,
	    "round complete in %" PRIu64 ".%03" PRIu64 " s: %" PRIu64
	    " listed, %" PRIu64 " known already, %" PRIu64
	    " filtered out, %" PRIu64 " set aside, %" PRIu64 " new",
	    took_ms / 1000, took_ms % 1000, n[PAGE_LISTED], n[PAGE_DUPLICATE],
	    n[PAGE_FILTERED], n[PAGE_QUARANTINED], n[PAGE_SPOOLED]);
}

/* The round was a part of something longer: begin the next one. */
static bool
goes_on(struct poller *p)
{
	const struct source_ops *ops = p->conf.ops;
	uint64_t pause_ms = 0;

	if (ops->is_behind == NULL || !ops->is_behind(p->conf.source))
		return false;
	if (ops->pause_ms != NULL)
		pause_ms = ops->pause_ms(p->conf.source);
	if (p->conf.once && pause_ms > ONCE_WAIT_MS)
		return false;
	if (pause_ms > 0)
		loop_timer_set(p->timer, pause_ms);
	else
		loop_task_run(p->pump);
	return true;
}

/* All pages are accounted for: complete, or to be done again. */
static void
round_over(struct poller *p)
{
	struct err failed = p->failed;
	uint64_t wait_ms = p->conf.interval_ms;

	move_to(p, POLLER_RESTING);
	if (failed.kind == ERR_NONE) {
		backoff_reset(&p->backoff);
		backoff_reset(&p->rounds);
		tell_round(p);
		if (goes_on(p))
			return;
	} else {
		wait_ms = backoff_fail(&p->rounds);
		log_warn(&p->log,
		    "%s; beginning the round again in %" PRIu64 " s",
		    failed.text, (wait_ms + 999) / 1000);
	}
	if (!p->conf.once)
		loop_timer_set(p->timer, wait_ms);
	p->on_round(p->arg, failed.kind == ERR_NONE ? NULL : &failed);
}

static void
close_round(struct poller *p)
{
	close_all_calls(p);
	if (p->token_wait != NULL)
		token_cancel(&p->token_wait);
	loop_timer_stop(p->timer);
	move_to(p, POLLER_CLOSING);
	if (p->pages_out == 0)
		round_over(p);
}

/* Nothing of this round counts but what is durable already. */
static void
fail_round(struct poller *p, const struct err *err)
{
	if (p->failed.kind == ERR_NONE)
		p->failed = *err;
	if (p->state != POLLER_CLOSING)
		close_round(p);
}

static void
resume_calls(struct poller *p)
{
	if (store_inflight_bytes(p->conf.store) > INFLIGHT_LOW)
		return;
	for (size_t i = 0; i < CALLS_MAX; i++) {
		struct call *c = &p->calls[i];

		if (c->p == NULL || !c->paused)
			continue;
		c->paused = false;
		http_resume(c->http);
	}
}

static void
on_durable(void *arg, const struct err *err)
{
	struct poller *p = arg;

	p->pages_out--;
	if (p->state == POLLER_STOPPED)
		return;
	if (err != NULL) {
		if (p->failed.kind == ERR_NONE)
			p->failed = *err;
		if (p->state != POLLER_CLOSING) {
			close_round(p);
			return;
		}
	}
	if (p->state == POLLER_CLOSING) {
		if (p->pages_out == 0)
			round_over(p);
		return;
	}
}

void
poller_wake(struct poller *p)
{
	resume_calls(p);
}

static int
hand_over_page(struct poller *p, struct err *err)
{
	struct page *page = intake_page(p->conf.intake);

	if (store_append(p->conf.store, p->epoch, page, on_durable, p, err) < 0)
		return -1;
	p->pages_out++;
	intake_next(p->conf.intake);
	return 0;
}

static void
complete_round(struct poller *p)
{
	struct err err;

	p->next = p->cursor;
	if (!p->conf.ops->end(p->conf.source, &p->next)) {
		pause_for(p, AGAIN_MS);
		return;
	}
	page_cursor(
	    intake_page(p->conf.intake), str_make(p->next.text, p->next.len));
	if (hand_over_page(p, &err) < 0)
		fail_round(p, &err);
	else
		close_round(p);
}

/* --- errors ----------------------------------------------------------- */

/* The round goes on without what err tells of. */
static bool
lets_go_on(const struct err *err)
{
	return err->kind == ERR_NONE || err->kind == ERR_PART ||
	    err->kind == ERR_LOST;
}

static void
go_on(struct poller *p, const struct err *err, struct str known)
{
	struct err full;

	if (err->kind != ERR_NONE)
		log_warn(&p->log, "%s", err->text);
	if (err->kind == ERR_LOST &&
	    intake_lost(
		p->conf.intake, known, err->text, loop_wall_ms(p->loop)) &&
	    hand_over_page(p, &full) < 0) {
		fail_round(p, &full);
		return;
	}
	loop_task_run(p->pump);
}

/*
 * Many requests are out at once, and what ails one ails the others: the first
 * failure decides how long to wait, and those that come in meanwhile are no
 * more than its echo.
 */
static bool
is_echo(struct poller *p, const struct err *err)
{
	if (!p->is_pausing)
		return false;
	if (err->kind == ERR_WAIT)
		ratelimit_hold(
		    p->conf.limit, loop_now_ms(p->loop) + err->wait_ms);
	else if (err->kind == ERR_BUG || err->kind == ERR_CONF ||
	    err->kind == ERR_DENIED)
		return false;
	log_debug(&p->log, "%s; as another request", err->text);
	return true;
}

/*
 * A request or the login failed.  The source (or the token) asks again; here
 * it is decided when.
 */
static void
react(struct poller *p, const struct err *err)
{
	uint64_t wait_ms = 0;

	if (is_echo(p, err))
		return;
	switch (err->kind) {
	case ERR_WAIT:
		wait_ms = err->wait_ms;
		ratelimit_hold(p->conf.limit, loop_now_ms(p->loop) + wait_ms);
		break;
	case ERR_DENIED:
		wait_ms = DENIED_WAIT_MS;
		break;
	case ERR_CONF:
		wait_ms = CONF_WAIT_MS;
		break;
	case ERR_BUG:
		fail_round(p, err);
		return;
	case ERR_NONE:
	case ERR_SYS:
	case ERR_RETRY:
	case ERR_LOGIN:
	case ERR_DEGRADE:
	case ERR_GONE:
	case ERR_DATA:
	case ERR_FULL:
	case ERR_PART:
	case ERR_LOST:
		wait_ms = backoff_fail(&p->backoff);
		break;
	}
	p->tries++;
	if (p->conf.once && (wait_ms > ONCE_WAIT_MS || p->tries > ONCE_TRIES)) {
		fail_round(p, err);
		return;
	}
	log_line(&p->log,
	    err->kind == ERR_DENIED || err->kind == ERR_CONF ? LOG_LEVEL_ERROR
							     : LOG_LEVEL_WARN,
	    "%s; trying again in %" PRIu64 " s", err->text,
	    (wait_ms + 999) / 1000);
	p->is_pausing = true;
	pause_for(p, wait_ms);
}

/* The API does not take our token: a new one may help, once. */
static void
login_again(struct poller *p, const struct secret *bearer, unsigned refusals,
    struct err *err)
{
	/* It was sent before the token was found bad and replaced. */
	if (refusals != p->refusals) {
		loop_task_run(p->pump);
		return;
	}
	if (bearer == NULL || p->conf.token == NULL || p->logged_in_again) {
		err->kind = ERR_DENIED;
		err_prefix(err, "a new token is refused as well: ");
		react(p, err);
		return;
	}
	p->logged_in_again = true;
	p->refusals++;
	log_info(&p->log, "%s; logging in again", err->text);
	token_refused(p->conf.token, bearer);
	loop_task_run(p->pump);
}

static void
call_failed(struct call *c, struct str body, struct err *err)
{
	struct poller *p = c->p;
	struct secret *bearer = c->bearer;
	unsigned refusals = c->refusals;

	p->conf.ops->fail(
	    p->conf.source, &c->resp, body, loop_wall_ms(p->loop), err);
	c->bearer = NULL;
	if (lets_go_on(err))
		go_on(p, err, body);
	call_close(c);
	if (err->kind == ERR_LOGIN)
		login_again(p, bearer, refusals, err);
	else if (!lets_go_on(err))
		react(p, err);
	secret_free(&bearer);
}

/* --- answers ---------------------------------------------------------- */

/* Before the first record: what the source wants to know of the answer. */
static int
preface(struct call *c, struct err *err)
{
	struct poller *p = c->p;
	struct buf text;
	int rc;

	if (c->prefaced || p->conf.ops->preface == NULL)
		return 0;
	buf_init(&text, ENVELOPE_MAX + JSON_DEPTH_DEFAULT + 1);
	jsonsplit_preface(c->split, &text);
	rc = json_parse(&p->doc, buf_str(&text), err);
	if (rc == 0)
		rc = p->conf.ops->preface(p->conf.source, c->tag, &p->doc, err);
	buf_clear(&text);
	c->prefaced = rc == 0;
	return rc;
}

static int
on_record(void *arg, struct str record, size_t oversize_bytes, struct err *err)
{
	struct call *c = arg;
	struct poller *p = c->p;

	if (preface(c, err) < 0)
		return -1;
	if (!intake_take(p->conf.intake, p->conf.source, c->tag, record,
		oversize_bytes, loop_wall_ms(p->loop)))
		return 0;
	if (hand_over_page(p, err) < 0) {
		p->failed = *err;
		return -1;
	}
	return 0;
}

static void
on_head(void *arg, const struct httpresp *resp)
{
	struct call *c = arg;
	struct poller *p = c->p;
	struct jsonsplit_conf conf = {
		.max_record = p->conf.max_record,
		.max_envelope = ENVELOPE_MAX,
		.max_depth = JSON_DEPTH_DEFAULT,
	};

	c->resp.status = resp->status;
	c->resp.tag = c->tag;
	buf_reset(&c->resp.headers);
	buf_add_str(&c->resp.headers, buf_str(&resp->headers));
	jsonsplit_free(&c->split);
	c->prefaced = false;
	if (p->conf.ops->head(p->conf.source, &c->resp, &conf.records) == 0)
		c->split = jsonsplit_new(&conf, on_record, c);
}

/* The answer cannot be used: as if the network had cut it. */
static void
give_up_answer(struct call *c, struct err *err)
{
	struct poller *p = c->p;

	if (p->failed.kind != ERR_NONE) {
		fail_round(p, err);
		return;
	}
	c->resp.status = 0;
	call_failed(c, str_make(NULL, 0), err);
}

static void
on_body(void *arg, struct str bytes)
{
	struct call *c = arg;
	struct poller *p = c->p;
	struct err err;

	if (c->split == NULL) {
		if (bytes.len > ERROR_BODY_MAX - c->body.len)
			bytes.len = ERROR_BODY_MAX - c->body.len;
		buf_add_str(&c->body, bytes);
		return;
	}
	if (jsonsplit_feed(c->split, bytes, &err) < 0) {
		give_up_answer(c, &err);
		return;
	}
	if (store_inflight_bytes(p->conf.store) > INFLIGHT_HIGH) {
		c->paused = true;
		http_pause(c->http);
	}
}

static void
on_done(void *arg, const struct err *broken)
{
	struct call *c = arg;
	struct poller *p = c->p;
	struct str envelope;
	struct err err;

	c->http = NULL;
	if (broken != NULL) {
		err = *broken;
		give_up_answer(c, &err);
		return;
	}
	if (c->split == NULL) {
		err_set(&err, ERR_RETRY, "HTTP %d", c->resp.status);
		call_failed(c, buf_str(&c->body), &err);
		return;
	}
	envelope = STR_LIT("null"); /* where no answer is the answer */
	if ((c->resp.status != 204 &&
		jsonsplit_end(c->split, &envelope, &err) < 0) ||
	    json_parse(&p->doc, envelope, &err) < 0) {
		give_up_answer(c, &err);
		return;
	}
	err_clear(&err);
	if (p->conf.ops->tail(p->conf.source, &c->resp, &p->doc, &err) < 0 &&
	    !lets_go_on(&err)) {
		call_close(c);
		react(p, &err);
		return;
	}
	call_close(c);
	p->tries = 0;
	p->logged_in_again = false;
	backoff_reset(&p->backoff);
	go_on(p, &err, str_make(NULL, 0));
}

/* --- asking ----------------------------------------------------------- */

static void
send_calls(struct poller *p, const struct secret *bearer)
{
	static const struct http_cbs cbs = {
		.head = on_head, .body = on_body, .done = on_done
	};
	uint64_t now = loop_now_ms(p->loop);
	unsigned most = p->conf.concurrency > 0
	    ? p->conf.concurrency
	    : p->conf.ops->limits->concurrency;
	int more = 1;

	while (more && p->n_calls < most && p->n_calls < CALLS_MAX) {
		uint64_t wait_ms =
		    ratelimit_claim(p->conf.limit, p->conf.ops->rank, now);
		struct httpreq req;

		if (wait_ms > 0) {
			pause_for(p, wait_ms);
			return;
		}
		httpreq_init(&req);
		more = p->conf.ops->ask(p->conf.source, &req);
		if (more) {
			struct call *c;

			(void)ratelimit_take(p->conf.limit, now);
			req.bearer = bearer;
			req.scheme = p->conf.scheme;
			c = call_open(p, &req);
			c->http = http_start(p->conf.http, &req, &cbs, c);
		}
		httpreq_clear(&req);
	}
	if (p->n_calls == 0)
		complete_round(p);
}

static void
on_token(void *arg, const struct secret *bearer, const struct err *err)
{
	struct poller *p = arg;

	p->token_wait = NULL;
	if (err != NULL)
		react(p, err);
	else if (p->state == POLLER_ASKING)
		send_calls(p, bearer);
}

/*
 * Each round begins at the cursor that the store has: after damage it may
 * have gone back, and the rest of what we knew counts no more.
 */
static int
take_charge(struct poller *p, struct err *err)
{
	struct str cursor;

	if (store_acquire(p->conf.store, str_of(p->conf.name), &p->epoch,
		&cursor, err) < 0)
		return -1;
	if (cursor.len > CURSOR_MAX)
		return err_set(
		    err, ERR_BUG, "a cursor of %zu bytes", cursor.len);
	p->cursor.len = cursor.len;
	if (cursor.len > 0)
		memcpy(p->cursor.text, cursor.p, cursor.len);
	return 0;
}

static void
begin_round(struct poller *p)
{
	struct err err;

	intake_begin(p->conf.intake);
	p->failed = (struct err){ .kind = ERR_NONE };
	p->is_pausing = false;
	p->began_ms = loop_now_ms(p->loop);
	p->tries = 0;
	if (take_charge(p, &err) < 0 ||
	    p->conf.ops->begin(
		p->conf.source, &p->cursor, loop_wall_ms(p->loop), &err) < 0)
		fail_round(p, &err);
	else
		move_to(p, POLLER_ASKING);
}

/* Whatever there is to do now. */
static void
pump(void *arg)
{
	struct poller *p = arg;

	if (p->state == POLLER_RESTING)
		begin_round(p);
	if (p->state != POLLER_ASKING || p->token_wait != NULL)
		return;
	if (store_is_full(p->conf.store))
		pause_for(p, FULL_WAIT_MS);
	else if (p->conf.token != NULL)
		p->token_wait = token_get(p->conf.token, on_token, p);
	else
		send_calls(p, NULL);
}

static void
on_timer(void *arg)
{
	struct poller *p = arg;

	if (p->state == POLLER_WAITING)
		move_to(p, POLLER_ASKING);
	p->is_pausing = false;
	pump(p);
}

/* --- its life --------------------------------------------------------- */

struct poller *
poller_new(struct loop *l, const struct poller_conf *conf,
    poller_round_fn *on_round, void *arg)
{
	struct poller *p = xcalloc(1, sizeof(*p));

	p->log = (struct log){ "source", conf->name };
	p->loop = l;
	p->conf = *conf;
	p->on_round = on_round;
	p->arg = arg;
	json_init(&p->doc, 0, 0);
	backoff_init(&p->backoff, BACKOFF_FIRST_MS, BACKOFF_CAP_MS, conf->seed);
	backoff_init(&p->rounds, BACKOFF_FIRST_MS, ROUND_CAP_MS, conf->seed);
	p->timer = loop_timer_new(l, on_timer, p);
	p->pump = loop_task_new(l, pump, p);
	return p;
}

void
poller_start(struct poller *p)
{
	loop_task_run(p->pump);
}

void
poller_stop(struct poller *p)
{
	close_all_calls(p);
	if (p->token_wait != NULL)
		token_cancel(&p->token_wait);
	loop_timer_stop(p->timer);
	move_to(p, POLLER_STOPPED);
}

void
poller_free(struct poller **pp)
{
	struct poller *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	poller_stop(p);
	if (p->epoch != 0)
		store_release(p->conf.store, str_of(p->conf.name), p->epoch);
	loop_timer_free(&p->timer);
	loop_task_free(&p->pump);
	json_clear(&p->doc);
	xfree(p);
}
