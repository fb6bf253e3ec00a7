/* tests/test_token.c -- a token is asked for once, and renewed in time. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "auth/auth.h"
#include "auth/token.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/str.h"
#include "codec/b64.h"
#include "codec/httpmsg.h"
#include "net/http.h"
#include "net/loop.h"
#include "tests/fake_http.h"
#include "tests/fake_loop.h"

#define MINUTE 60000ULL

/*
 * A way to log in whose answers are words: "BEARER LIFE RENEW" in minutes, or
 * the kind of a refusal: "conf", "denied", "retry", "challenge", "wait".
 */
static bool is_file_missing, needs_nobody;
static uint64_t login_ends_ms;
static unsigned last_tag; /* of an answer */

static int
plain_ask(struct auth *a, const char *scope, uint64_t wall_ms,
    struct httpreq *req_r, struct auth_token *token_r, struct err *err)
{
	(void)a;
	(void)wall_ms;
	if (is_file_missing)
		return err_set(err, ERR_CONF, "secret-file: not there");
	if (needs_nobody) {
		token_r->bearer = secret_new(STR_LIT("key"));
		token_r->life_ms = 60 * MINUTE;
		token_r->renew_ms = 0;
		return 0;
	}
	buf_addf(&req_r->url, "https://login.example/%s", scope);
	req_r->tag = 7;
	return 1;
}

static int
plain_read(struct auth *a, const struct httpresp *resp, struct str body,
    uint64_t wall_ms, struct auth_token *token_r, struct err *err)
{
	struct str rest = body, bearer, life;
	uint64_t minutes = 0, renew = 0;

	(void)a;
	(void)wall_ms;
	last_tag = resp->tag;
	if (str_is(body, "conf"))
		return err_set(
		    err, ERR_CONF, "secret is wrong (id %d)", resp->status);
	if (str_is(body, "denied"))
		return err_set(err, ERR_DENIED, "policy forbids it");
	if (str_is(body, "retry"))
		return err_set(err, ERR_RETRY, "passing fault");
	if (str_is(body, "wait"))
		return err_wait(err, 42000, "too many requests");
	if (str_is(body, "challenge"))
		return err_set(err, ERR_LOGIN, "challenge");
	bearer = str_cut(&rest, ' ');
	life = str_cut(&rest, ' ');
	assert_true(str_to_u64(life, &minutes));
	str_to_u64(rest, &renew);
	token_r->bearer = secret_new(bearer);
	token_r->life_ms = minutes * MINUTE;
	token_r->renew_ms = renew * MINUTE;
	return 0;
}

static uint64_t
plain_ends_ms(const struct auth *a)
{
	(void)a;
	return login_ends_ms;
}

static void
plain_close(struct auth **ap)
{
	*ap = NULL;
}

static const struct auth_ops plain_ops = {
	.name = "plain",
	.ask = plain_ask,
	.read = plain_read,
	.ends_ms = plain_ends_ms,
	.close = plain_close,
};

/* --- the stage ---------------------------------------------------------- */

struct stage {
	struct loop *loop;
	struct http *http;
	struct auth auth;
	struct token *token;
};

/* One who waits, and what it was told. */
struct waiter {
	struct stage *st;
	struct token_wait *wait;
	unsigned calls;
	char bearer[32]; /* "" when refused */
	struct err err;
};

static void
on_token(void *arg, const struct secret *bearer, const struct err *err)
{
	struct waiter *w = arg;

	w->wait = NULL;
	w->calls++;
	w->bearer[0] = '\0';
	w->err = (struct err){ .kind = ERR_NONE };
	if (err != NULL)
		w->err = *err;
	else
		snprintf(w->bearer, sizeof(w->bearer), "%.*s",
		    STR_ARG(secret_reveal(bearer)));
}

static void
want(struct stage *st, struct waiter *w)
{
	*w = (struct waiter){ .st = st };
	w->wait = token_get(st->token, on_token, w);
	assert_int_equal(w->calls, 0);
	fake_loop_turn(st->loop);
}

/* Answer the one request that is out. */
static void
reply(struct stage *st, const char *words)
{
	struct http_call *call = fake_http_next(st->http);

	assert_non_null(call);
	fake_http_answer(call, 200, NULL, str_of(words));
	fake_loop_turn(st->loop);
	assert_int_equal(fake_http_open(st->http), 0);
}

/* Ask, and answer if that is needed; the bearer, or NULL. */
static const char *
get(struct stage *st, struct waiter *w, const char *words)
{
	want(st, w);
	if (words != NULL)
		reply(st, words);
	assert_int_equal(w->calls, 1);
	return w->bearer[0] != '\0' ? w->bearer : NULL;
}

static int
set_up(void **state)
{
	static const struct http_conf conf = { .user_agent = "t" };
	struct stage *st = calloc(1, sizeof(*st));
	struct err err;

	is_file_missing = needs_nobody = false;
	login_ends_ms = 0;
	st->loop = loop_new();
	st->http = http_new(st->loop, &conf, &err);
	st->auth.ops = &plain_ops;
	st->token =
	    token_new(st->loop, st->http, &st->auth, "scope", "contoso", 1);
	*state = st;
	return 0;
}

static int
tear_down(void **state)
{
	struct stage *st = *state;

	token_free(&st->token);
	http_free(&st->http);
	loop_free(&st->loop);
	free(st);
	return 0;
}

/* --- getting one -------------------------------------------------------- */

static void
all_who_wait_share_one_request(void **state)
{
	struct stage *st = *state;
	struct waiter w[5];

	for (size_t i = 0; i < 5; i++)
		want(st, &w[i]);
	assert_int_equal(fake_http_count(st->http), 1);
	assert_string_equal(fake_http_asked(fake_http_next(st->http))->url,
	    "https://login.example/scope");
	token_cancel(&w[1].wait);
	token_cancel(&w[4].wait);
	assert_null(w[4].wait);
	reply(st, "t1 60");
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(w[i].calls, i == 1 || i == 4 ? 0 : 1);
		assert_string_equal(w[i].bearer, w[i].calls ? "t1" : "");
	}
	/* The queue is in order after a cancel at its end. */
	assert_string_equal(get(st, &w[0], NULL), "t1");
	assert_int_equal(fake_http_count(st->http), 1);
}

static void
freed_while_a_request_is_out_and_somebody_waits(void **state)
{
	struct stage *st = *state;
	struct waiter w;

	want(st, &w);
	assert_int_equal(fake_http_open(st->http), 1);
	token_free(&st->token);
	assert_int_equal(fake_http_open(st->http), 0);
	fake_loop_turn(st->loop);
	assert_int_equal(w.calls, 0);
}

static void
a_way_that_asks_nobody_needs_no_request(void **state)
{
	struct stage *st = *state;
	struct waiter w;

	needs_nobody = true;
	assert_string_equal(get(st, &w, NULL), "key");
	assert_int_equal(fake_http_count(st->http), 0);
}

static void
a_challenge_is_answered_at_once_but_once(void **state)
{
	struct stage *st = *state;
	struct waiter w;

	want(st, &w);
	fake_http_answer(
	    fake_http_next(st->http), 401, NULL, STR_LIT("challenge"));
	fake_loop_turn(st->loop);
	assert_int_equal(w.calls, 0);
	reply(st, "t1 60");
	assert_string_equal(w.bearer, "t1");

	fake_loop_advance(st->loop, 61 * MINUTE);
	want(st, &w);
	for (int i = 0; i < 2; i++) {
		fake_http_answer(
		    fake_http_next(st->http), 401, NULL, STR_LIT("challenge"));
		fake_loop_turn(st->loop);
	}
	assert_int_equal(w.calls, 1);
	assert_int_equal(w.err.kind, ERR_DENIED);
	assert_int_equal(fake_http_open(st->http), 0);
}

/* --- renewing ----------------------------------------------------------- */

static const struct {
	const char *name, *answer;
	uint64_t fresh_min; /* asked so late, nothing is renewed */
	uint64_t renew_min; /* asked so late, it is */
} lives[] = {
	{ "an hour: five minutes before its end", "t1 60", 54, 55 },
	{ "ninety minutes: the same", "t1 90", 84, 85 },
	{ "a day: at its half", "t1 1440", 719, 720 },
	{ "as the service says", "t1 1440 600", 599, 600 },
	{ "not later than we would", "t1 60 58", 54, 55 },
	{ "a short life: a quarter before its end", "t1 8", 5, 6 },
};

static void
a_token_is_renewed_before_its_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
		struct stage *st;
		struct waiter w;
		void *own;

		set_up(&own);
		st = own;
		get(st, &w, lives[i].answer);
		fake_loop_advance(st->loop, lives[i].fresh_min * MINUTE);
		get(st, &w, NULL);
		if (fake_http_count(st->http) != 1)
			fail_msg("%s: renewed too early", lives[i].name);
		fake_loop_advance(st->loop,
		    (lives[i].renew_min - lives[i].fresh_min) * MINUTE);
		/* The old one is handed out meanwhile. */
		if (strcmp(get(st, &w, NULL), "t1") != 0 ||
		    fake_http_count(st->http) != 2)
			fail_msg("%s: not renewed", lives[i].name);
		reply(st, "t2 60");
		assert_string_equal(get(st, &w, NULL), "t2");
		assert_int_equal(fake_http_count(st->http), 2);
		tear_down(&own);
	}
}

static void
an_idle_token_needs_no_timer(void **state)
{
	struct stage *st = *state;
	struct waiter w;

	get(st, &w, "t1 60");
	assert_true(fake_loop_next_ms(st->loop) == UINT64_MAX);
}

static void
a_dead_token_is_not_handed_out(void **state)
{
	struct stage *st = *state;
	struct waiter w;

	get(st, &w, "t1 60");
	fake_loop_advance(st->loop, 60 * MINUTE);
	want(st, &w);
	assert_int_equal(w.calls, 0);
	reply(st, "t2 60");
	assert_string_equal(w.bearer, "t2");
}

static void
a_wall_clock_that_jumps_changes_nothing(void **state)
{
	struct stage *st = *state;
	struct waiter w;

	get(st, &w, "t1 60");
	fake_loop_jump_wall(st->loop, 365LL * 24 * 3600 * 1000);
	assert_string_equal(get(st, &w, NULL), "t1");
	fake_loop_jump_wall(st->loop, -730LL * 24 * 3600 * 1000);
	assert_string_equal(get(st, &w, NULL), "t1");
	assert_int_equal(fake_http_count(st->http), 1);
}

static void
the_old_token_serves_while_renewal_fails(void **state)
{
	struct stage *st = *state;
	struct waiter w;

	get(st, &w, "t1 60");
	fake_loop_advance(st->loop, 55 * MINUTE);
	get(st, &w, NULL);
	reply(st, "conf");
	/* Nobody is asked for ten minutes, and nobody hears of it. */
	for (int i = 0; i < 4; i++) {
		assert_string_equal(get(st, &w, NULL), "t1");
		fake_loop_advance(st->loop, MINUTE);
	}
	assert_int_equal(fake_http_count(st->http), 2);
	fake_loop_advance(st->loop, MINUTE);
	assert_null(get(st, &w, NULL));
	assert_int_equal(w.err.kind, ERR_CONF);
	assert_int_equal(fake_http_count(st->http), 2);
	fake_loop_advance(st->loop, 5 * MINUTE);
	assert_string_equal(get(st, &w, "t2 60"), "t2");
}

/* --- failing ------------------------------------------------------------ */

static void
what_a_person_must_mend_is_tested_again_in_ten_minutes(void **state)
{
	static const struct {
		const char *answer;
		enum err_kind kind;
	} rows[] = { { "conf", ERR_CONF }, { "denied", ERR_DENIED } };
	struct stage *st = *state;
	struct waiter w;

	for (size_t i = 0; i < 2; i++) {
		unsigned asked = fake_http_count(st->http);

		assert_null(get(st, &w, rows[i].answer));
		assert_int_equal(w.err.kind, rows[i].kind);
		fake_loop_advance(st->loop, 10 * MINUTE - 1);
		assert_null(get(st, &w, NULL));
		assert_int_equal(w.err.kind, rows[i].kind);
		assert_int_equal(fake_http_count(st->http), asked + 1);
		fake_loop_advance(st->loop, 1);
	}
	assert_string_equal(get(st, &w, "t1 60"), "t1");
}

static void
passing_trouble_backs_off_and_says_for_how_long(void **state)
{
	struct stage *st = *state;
	uint64_t before = 0;
	struct waiter w;

	for (int i = 0; i < 6; i++) {
		assert_null(get(st, &w, "retry"));
		assert_int_equal(w.err.kind, ERR_WAIT);
		assert_true(w.err.wait_ms > before);
		before = w.err.wait_ms;
		fake_loop_advance(st->loop, before - 1);
		assert_null(get(st, &w, NULL));
		assert_int_equal(w.err.wait_ms, 1);
		fake_loop_advance(st->loop, 1);
	}
	assert_int_equal(fake_http_count(st->http), 6);
	assert_string_equal(get(st, &w, "t1 60"), "t1");
}

static void
the_servers_own_delay_is_kept(void **state)
{
	struct stage *st = *state;
	struct waiter w;

	assert_null(get(st, &w, "wait"));
	assert_int_equal(w.err.kind, ERR_WAIT);
	assert_int_equal(w.err.wait_ms, 42000);
	fake_loop_advance(st->loop, 41999);
	assert_null(get(st, &w, NULL));
	fake_loop_advance(st->loop, 1);
	assert_string_equal(get(st, &w, "t1 60"), "t1");
}

static void
a_broken_network_is_passing_trouble(void **state)
{
	struct stage *st = *state;
	struct waiter w;

	want(st, &w);
	fake_http_fail(fake_http_next(st->http), ERR_RETRY, "no route");
	fake_loop_turn(st->loop);
	assert_int_equal(w.calls, 1);
	assert_int_equal(w.err.kind, ERR_WAIT);
	assert_non_null(strstr(w.err.text, "no route"));
	fake_loop_advance(st->loop, w.err.wait_ms);
	assert_string_equal(get(st, &w, "t1 60"), "t1");
}

static void
an_answer_that_drips_for_ever_is_given_up(void **state)
{
	struct stage *st = *state;
	struct waiter w;

	want(st, &w);
	fake_http_head(fake_http_next(st->http), 200, NULL);
	fake_loop_advance(st->loop, MINUTE);
	assert_int_equal(w.calls, 1);
	assert_int_equal(w.err.kind, ERR_WAIT);
	assert_int_equal(fake_http_open(st->http), 0);
}

static void
a_missing_file_is_looked_for_again_soon(void **state)
{
	struct stage *st = *state;
	struct waiter w;

	is_file_missing = true;
	assert_null(get(st, &w, NULL));
	assert_int_equal(w.err.kind, ERR_CONF);
	is_file_missing = false;
	fake_loop_advance(st->loop, 1000);
	assert_string_equal(get(st, &w, "t1 60"), "t1");
}

/* --- refused ------------------------------------------------------------ */

static void
a_refused_token_is_fetched_anew_but_once(void **state)
{
	struct stage *st = *state;
	struct secret *t1 = secret_new(STR_LIT("t1"));
	struct secret *t2 = secret_new(STR_LIT("t2"));
	struct waiter w;

	get(st, &w, "t1 60");
	token_refused(st->token, t1);
	assert_string_equal(get(st, &w, "t2 60"), "t2");
	/* One that is gone already changes nothing. */
	token_refused(st->token, t1);
	assert_string_equal(get(st, &w, NULL), "t2");
	/* A second refusal at once is no matter of the token. */
	token_refused(st->token, t2);
	assert_string_equal(get(st, &w, NULL), "t2");
	assert_int_equal(fake_http_count(st->http), 2);
	/* Later it may be. */
	fake_loop_advance(st->loop, 20 * MINUTE);
	token_refused(st->token, t2);
	assert_string_equal(get(st, &w, "t3 60"), "t3");
	secret_free(&t1);
	secret_free(&t2);
}

/* --- what a token tells ------------------------------------------------- */

/* Standard error, caught in memory from here to caught(). */
static int caught_fd, real_fd;

static void
catch_log(void)
{
	real_fd = dup(STDERR_FILENO);
	caught_fd = memfd_create("log", MFD_CLOEXEC);
	assert_true(real_fd >= 0 && caught_fd >= 0);
	dup2(caught_fd, STDERR_FILENO);
	log_open(LOG_TO_STDERR, "t"); /* forgets what it said before */
}

static char *
caught(void)
{
	static char text[16384];
	ssize_t n;

	dup2(real_fd, STDERR_FILENO);
	close(real_fd);
	n = pread(caught_fd, text, sizeof(text) - 1, 0);
	assert_true(n >= 0);
	text[n] = '\0';
	close(caught_fd);
	return text;
}

/* Log in anew with a token of these roles; NULL: an opaque one. */
static char *
log_in_with(struct stage *st, const char *payload)
{
	struct buf words;
	struct waiter w;

	buf_init(&words, 4096);
	if (payload != NULL) {
		buf_add_text(&words, "eyJ9.");
		b64_encode_url(&words, str_of(payload));
		buf_add_text(&words, ".sig 60");
	} else {
		buf_add_text(&words, "opaque 60");
	}
	fake_loop_advance(st->loop, 61 * MINUTE);
	catch_log();
	want(st, &w);
	reply(st, buf_cstr(&words));
	buf_clear(&words);
	return caught();
}

static void
a_permission_that_is_missing_is_named_once(void **state)
{
	struct stage *st = *state;
	struct buf missing;
	char *log;

	buf_init(&missing, 256);
	token_need(st->token, "alerts", "A.Read.All, B.Read");
	token_need(st->token, "others", "C.Read");
	assert_false(token_missing(st->token, "A.Read.All", &missing));
	log = log_in_with(st, NULL);
	assert_null(strstr(log, "permission"));
	assert_false(token_missing(st->token, "A.Read.All", &missing));

	log = log_in_with(st, "{\"roles\":[\"A.Read.All\",\"C.Read\"]}");
	assert_non_null(strstr(log,
	    "warning: auth contoso: source alerts: the token does not carry"
	    " the permission B.Read; add it"));
	assert_null(strstr(log, "source others"));
	assert_true(token_missing(st->token, "A.Read.All, X", &missing));
	assert_str(buf_str(&missing), "X");
	buf_reset(&missing);

	log = log_in_with(st, "{\"roles\":[\"A.Read.All\",\"C.Read\"]}");
	assert_null(strstr(log, "permission"));
	log = log_in_with(st, "{\"roles\":[\"B.Read\",\"C.Read\"]}");
	assert_non_null(strstr(log, "permission A.Read.All; add"));
	log = log_in_with(
	    st, "{\"roles\":[\"B.Read\",\"C.Read\",\"A.ReadWrite.All\"]}");
	assert_non_null(
	    strstr(log, "source alerts: A.Read.All is granted now"));

	/* Who comes later is told as well; no roles at all are none. */
	catch_log();
	token_need(st->token, "late", "D.Read");
	assert_non_null(strstr(caught(), "source late: the token does not"));
	log = log_in_with(st, "{\"aud\":\"x\"}");
	assert_non_null(strstr(log, "permission A.Read.All, B.Read; add"));
	buf_clear(&missing);
}

#define DAY (24 * 60 * MINUTE)

static const struct {
	int64_t ends_in_ms; /* at the login; 0: never */
	const char *says;   /* NULL: nothing */
} ends[] = {
	{ 0, NULL },
	{ 31 * (int64_t)DAY, NULL },
	{ 30 * (int64_t)DAY, NULL },
	{ 30 * (int64_t)DAY - 1, "ends in 29 days, on 20" },
	{ 29 * (int64_t)DAY + 1, NULL },
	{ 2 * (int64_t)DAY - 1, "ends in 1 day, on 20" },
	{ (int64_t)DAY - 1, "ends in 0 days, on 20" },
	{ -1000, "ended on 20" },
	{ -1001, NULL },
	{ 40 * (int64_t)DAY, NULL },
	{ 1000, "ends in 0 days" },
};

static void
an_end_of_the_certificate_that_is_near_is_told_once_a_day(void **state)
{
	struct stage *st = *state;

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		uint64_t then = loop_wall_ms(st->loop) + 61 * MINUTE;
		char *log;

		login_ends_ms = ends[i].ends_in_ms == 0
		    ? 0
		    : (uint64_t)((int64_t)then + ends[i].ends_in_ms);
		log = log_in_with(st, NULL);
		if ((strstr(log, "certificate") != NULL) !=
			(ends[i].says != NULL) ||
		    (ends[i].says != NULL && strstr(log, ends[i].says) == NULL))
			fail_msg("row %zu: %s", i, log);
		assert_true(token_login_ends_ms(st->token) == login_ends_ms);
	}
}

static void
the_answer_carries_the_tag_of_its_request(void **state)
{
	struct stage *st = *state;
	struct waiter w;

	last_tag = 0;
	get(st, &w, "t1 60");
	assert_int_equal(last_tag, 7);
}

static const struct CMUnitTest tests[] = {
#define ON_STAGE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	ON_STAGE(all_who_wait_share_one_request),
	ON_STAGE(freed_while_a_request_is_out_and_somebody_waits),
	ON_STAGE(a_way_that_asks_nobody_needs_no_request),
	ON_STAGE(a_challenge_is_answered_at_once_but_once),
	cmocka_unit_test(a_token_is_renewed_before_its_end),
	ON_STAGE(an_idle_token_needs_no_timer),
	ON_STAGE(a_dead_token_is_not_handed_out),
	ON_STAGE(a_wall_clock_that_jumps_changes_nothing),
	ON_STAGE(the_old_token_serves_while_renewal_fails),
	ON_STAGE(what_a_person_must_mend_is_tested_again_in_ten_minutes),
	ON_STAGE(passing_trouble_backs_off_and_says_for_how_long),
	ON_STAGE(the_servers_own_delay_is_kept),
	ON_STAGE(a_broken_network_is_passing_trouble),
	ON_STAGE(an_answer_that_drips_for_ever_is_given_up),
	ON_STAGE(a_missing_file_is_looked_for_again_soon),
	ON_STAGE(a_refused_token_is_fetched_anew_but_once),
	ON_STAGE(a_permission_that_is_missing_is_named_once),
	ON_STAGE(an_end_of_the_certificate_that_is_near_is_told_once_a_day),
	ON_STAGE(the_answer_carries_the_tag_of_its_request),
};

UNIT_MAIN(tests)
