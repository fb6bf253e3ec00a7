/* tests/test_poller.c -- rounds, waits, logins and failures, step by step. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include "tests/fake_http.h"
#include "tests/fake_loop.h"
#include "tests/fake_store.h"

#include "auth/token.h"
#include "base/log.h"
#include "base/ratelimit.h"
#include "base/secret.h"
#include "base/xalloc.h"
#include "codec/json.h"
#include "flow/intake.h"
#include "flow/poller.h"
#include "map/filter.h"
#include "net/loop.h"
#include "record/cursor.h"
#include "record/record.h"
#include "source/source.h"

/* --- a source that asks for pages 1, 2, ... until one says "last" ------ */

struct source {
	unsigned page;    /* to ask for */
	bool asked, last; /* it is out; nothing follows */
	struct buf id;
	int64_t rounds;
	unsigned wanted; /* of the crowd: those not got yet, as bits */
	unsigned behind; /* rounds that want the next one at once */
};

static int
toy_begin(struct source *s, const struct cursor *from, uint64_t wall_ms,
    struct err *err)
{
	(void)wall_ms;
	(void)err;
	if (!cursor_get_i64(from, "rounds", &s->rounds))
		s->rounds = 0;
	s->page = 1;
	s->asked = s->last = false;
	return 0;
}

static int
toy_ask(struct source *s, struct httpreq *req)
{
	if (s->asked || s->last)
		return 0;
	buf_addf(&req->url, "http://api/%u", s->page);
	s->asked = true;
	return 1;
}

static int
toy_head(struct source *s, const struct httpresp *resp, const char **records)
{
	(void)s;
	*records = "value[*]";
	return resp->status == 200 ? 0 : -1;
}

static int
toy_record(struct source *s, unsigned tag, const struct json_doc *doc,
    struct record *rec, struct err *err)
{
	int64_t t;

	(void)tag;
	buf_reset(&s->id);
	rec->id = json_text(doc, json_member(doc, 0, str_of("id")), &s->id);
	if (rec->id.len == 0)
		return err_set(err, ERR_DATA, "it has no id");
	rec->doc = doc;
	rec->type = STR_LIT("toy");
	if (json_i64(doc, json_member(doc, 0, str_of("t")), &t))
		rec->time_ms = (uint64_t)t;
	rec->version = json_raw(doc, 0);
	return 0;
}

static int
toy_tail(struct source *s, const struct httpresp *resp,
    const struct json_doc *envelope, struct err *err)
{
	(void)resp;
	(void)err;
	s->asked = false;
	s->page++;
	s->last = json_member(envelope, 0, str_of("next")) == JSON_NONE;
	return 0;
}

static void
toy_fail(struct source *s, const struct httpresp *resp, struct str body,
    uint64_t wall_ms, struct err *err)
{
	s->asked = false;
	if (resp->status != 0)
		httpresp_check(resp, body, wall_ms, err);
}

static bool
toy_end(struct source *s, struct cursor *to)
{
	return cursor_set_i64(to, "rounds", s->rounds + 1);
}

static const struct source_limits toy_limits = { .concurrency = 1 };

static const struct source_ops toy = {
	.name = "toy",
	.api = "toy",
	.limits = &toy_limits,
	.begin = toy_begin,
	.ask = toy_ask,
	.head = toy_head,
	.record = toy_record,
	.tail = toy_tail,
	.fail = toy_fail,
	.end = toy_end,
};

/* --- a source that asks for 1, 2 and 3 at once ------------------------- */

static int
crowd_begin(struct source *s, const struct cursor *from, uint64_t wall_ms,
    struct err *err)
{
	s->wanted = 1 << 1 | 1 << 2 | 1 << 3;
	return toy_begin(s, from, wall_ms, err);
}

static int
crowd_ask(struct source *s, struct httpreq *req)
{
	for (unsigned i = 1; i <= 3; i++) {
		if ((s->wanted & 1U << i) == 0)
			continue;
		s->wanted &= ~(1U << i);
		req->tag = i;
		buf_addf(&req->url, "http://api/%u", i);
		return 1;
	}
	return 0;
}

static int
crowd_tail(struct source *s, const struct httpresp *resp,
    const struct json_doc *envelope, struct err *err)
{
	(void)s;
	(void)resp;
	if (json_member(envelope, 0, str_of("lost")) != JSON_NONE)
		return err_set(err, ERR_LOST, "the time before is lost");
	return 0;
}

/* The status says the kind, for the sake of the stories below. */
static void
crowd_fail(struct source *s, const struct httpresp *resp, struct str body,
    uint64_t wall_ms, struct err *err)
{
	if (resp->status == 410)
		err_set(err, ERR_LOST, "it is gone");
	else if (resp->status == 409)
		err_set(err, ERR_PART, "not now");
	else if (resp->status == 304)
		err_clear(err);
	else if (resp->status != 0)
		httpresp_check(resp, body, wall_ms, err);
	if (err->kind != ERR_LOST && err->kind != ERR_PART &&
	    err->kind != ERR_NONE)
		s->wanted |= 1U << resp->tag;
}

static bool
crowd_is_behind(const struct source *s)
{
	return s->rounds + 1 < (int64_t)s->behind;
}

static const struct source_limits crowd_limits = { .concurrency = 3 };

static const struct source_ops crowd = {
	.name = "crowd",
	.api = "crowd",
	.limits = &crowd_limits,
	.begin = crowd_begin,
	.ask = crowd_ask,
	.head = toy_head,
	.record = toy_record,
	.tail = crowd_tail,
	.fail = crowd_fail,
	.end = toy_end,
	.is_behind = crowd_is_behind,
};

/* --- a map, a token --------------------------------------------------- */

int
map_cef(struct map *m, const struct map_conf *conf, const struct record *rec,
    struct buf *out, struct err *err)
{
	(void)m;
	(void)conf;
	if (str_is(rec->id, "unmappable"))
		return err_set(err, ERR_DATA, "no rule fits");
	buf_add_str(out, rec->id);
	if (rec->is_update)
		buf_add_text(out, "(update)");
	return 0;
}

struct token_wait {
	token_fn *fn;
	void *arg;
};

struct token {
	struct loop *loop;
	struct loop_task *task;
	struct token_wait *wait;
	struct secret *bearer;
	unsigned serial;  /* of the bearer; 0: there will be none */
	bool is_stubborn; /* gives the same one though it was refused */
	struct err err;
};

static void
token_answer(void *arg)
{
	struct token *t = arg;
	struct token_wait *w = t->wait;
	token_fn *fn;
	void *fn_arg;
	char text[16];

	if (w == NULL)
		return;
	t->wait = NULL;
	fn = w->fn;
	fn_arg = w->arg;
	xfree(w);
	snprintf(text, sizeof(text), "token-%u", t->serial);
	secret_free(&t->bearer);
	t->bearer = secret_new(str_of(text));
	fn(fn_arg, t->serial > 0 ? t->bearer : NULL,
	    t->serial > 0 ? NULL : &t->err);
}

struct token_wait *
token_get(struct token *t, token_fn *fn, void *arg)
{
	t->wait = xcalloc(1, sizeof(*t->wait));
	t->wait->fn = fn;
	t->wait->arg = arg;
	loop_task_run(t->task);
	return t->wait;
}

void
token_cancel(struct token_wait **wp)
{
	xfree(*wp);
	*wp = NULL;
}

void
token_refused(struct token *t, const struct secret *bearer)
{
	if (!t->is_stubborn && secret_eq(bearer, t->bearer))
		t->serial++;
}

/* --- the scene -------------------------------------------------------- */

struct scene {
	struct loop *loop;
	struct http *http;
	struct store *store;
	struct token token;
	struct source source;
	struct ratelimit limit;
	struct intake_form form;
	struct log log;
	struct intake *intake;
	struct poller *poller;
	unsigned complete, failed;
	struct err last_err;
};

static void
on_round(void *arg, const struct err *err)
{
	struct scene *sc = arg;

	sc->complete += err == NULL;
	sc->failed += err != NULL;
	if (err != NULL)
		sc->last_err = *err;
}

static void
open_scene_with(
    struct scene *sc, const struct source_ops *ops, bool once, unsigned most)
{
	static const struct http_conf http_conf = { .user_agent = "test" };
	struct ratelimit_conf limit = { 0 };
	struct err err;

	memset(sc, 0, sizeof(*sc));
	sc->loop = loop_new();
	sc->http = http_new(sc->loop, &http_conf, &err);
	sc->store = fake_store_new();
	sc->token.loop = sc->loop;
	sc->token.task = loop_task_new(sc->loop, token_answer, &sc->token);
	sc->token.serial = 1;
	buf_init(&sc->source.id, 1000);
	ratelimit_init(&sc->limit, &limit);
	snprintf(sc->form.name, sizeof(sc->form.name), "cef/0");
	sc->log = (struct log){ "source", "toy" };
	sc->intake = intake_new(&(struct intake_conf){ .source = "toy",
	    .ops = ops,
	    .store = sc->store,
	    .forms = &sc->form,
	    .n_forms = 1,
	    .log = &sc->log });
	sc->poller = poller_new(sc->loop,
	    &(struct poller_conf){ .name = "toy",
		.ops = ops,
		.source = &sc->source,
		.intake = sc->intake,
		.store = sc->store,
		.http = sc->http,
		.token = &sc->token,
		.limit = &sc->limit,
		.interval_ms = 60000,
		.max_record = 1000,
		.concurrency = most,
		.seed = 1,
		.once = once },
	    on_round, sc);
	poller_start(sc->poller);
	fake_loop_turn(sc->loop);
}

static void
open_scene(struct scene *sc, bool once)
{
	open_scene_with(sc, &toy, once, 0);
}

static void
close_scene(struct scene *sc)
{
	poller_free(&sc->poller);
	intake_free(&sc->intake);
	if (sc->token.wait != NULL)
		token_cancel(&sc->token.wait);
	loop_task_free(&sc->token.task);
	secret_free(&sc->token.bearer);
	buf_clear(&sc->source.id);
	http_free(&sc->http);
	fake_store_free(&sc->store);
	loop_free(&sc->loop);
}

/* The request that is out must be for this address; answer it. */
static void
answer(struct scene *sc, const char *url, int status, const char *headers,
    const char *body)
{
	struct http_call *call = fake_http_next(sc->http);

	if (call == NULL)
		fail_msg("nothing was asked; wanted is %s", url);
	assert_string_equal(fake_http_asked(call)->url, url);
	fake_http_answer(call, status, headers, str_of(body));
	fake_loop_turn(sc->loop);
}

#define PAGE_1                                                        \
	"{\"value\":[{\"id\":\"a\",\"t\":1},{\"id\":\"b\",\"t\":2}]," \
	"\"next\":\"more\"}"
#define PAGE_2 "{\"value\":[{\"id\":\"c\",\"t\":3}]}"

/* --- the stories ------------------------------------------------------ */

static void
a_round_is_complete_when_its_last_page_is_durable(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc, false);
	answer(&sc, "http://api/1", 200, NULL, PAGE_1);
	answer(&sc, "http://api/2", 200, NULL, PAGE_2);
	assert_int_equal(sc.complete, 0);
	assert_string_equal(fake_store_cursor(sc.store), "");
	fake_store_settle(sc.store, NULL);
	assert_int_equal(sc.complete, 1);
	assert_string_equal(fake_store_events(sc.store), "a\nb\nc\n");
	assert_string_equal(fake_store_cursor(sc.store), "rounds=1\n");
	/* The next round begins after the interval, not before. */
	fake_loop_advance(sc.loop, 59000);
	assert_null(fake_http_next(sc.http));
	fake_loop_advance(sc.loop, 1000);
	answer(&sc, "http://api/1", 200, NULL, PAGE_2);
	fake_store_settle(sc.store, NULL);
	assert_string_equal(fake_store_cursor(sc.store), "rounds=2\n");
	assert_string_equal(fake_store_events(sc.store), "a\nb\nc\n");
	close_scene(&sc);
}

static void
what_is_known_is_not_sent_again_and_a_new_version_is_an_update(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc, false);
	answer(&sc, "http://api/1", 200, NULL,
	    "{\"value\":[{\"id\":\"a\",\"t\":1},{\"id\":\"a\",\"t\":1},"
	    "{\"id\":\"a\",\"t\":2}]}");
	fake_store_settle(sc.store, NULL);
	assert_string_equal(fake_store_events(sc.store), "a\na(update)\n");
	fake_loop_advance(sc.loop, 60000);
	answer(&sc, "http://api/1", 200, NULL,
	    "{\"value\":[{\"id\":\"a\",\"t\":2},{\"id\":\"a\",\"t\":3}]}");
	fake_store_settle(sc.store, NULL);
	assert_string_equal(
	    fake_store_events(sc.store), "a\na(update)\na(update)\n");
	close_scene(&sc);
}

static void
a_failed_request_is_asked_again_after_a_wait(void **state)
{
	static const struct {
		int status;
		const char *headers;
		uint64_t least_ms, most_ms;
	} rows[] = {
		{ 500, NULL, 500, 2000 },
		{ 429, "Retry-After: 7\n", 7000, 7000 },
		{ 503, "Retry-After: 2.5\n", 2500, 3000 },
		{ 403, NULL, 900000, 900000 },
		{ 400, NULL, 600000, 600000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scene sc;
		uint64_t wait_ms;

		open_scene(&sc, false);
		answer(&sc, "http://api/1", 200, NULL, PAGE_1);
		answer(
		    &sc, "http://api/2", rows[i].status, rows[i].headers, "{}");
		assert_null(fake_http_next(sc.http));
		wait_ms = fake_loop_next_ms(sc.loop);
		assert_in_range(wait_ms, rows[i].least_ms, rows[i].most_ms);
		fake_loop_advance(sc.loop, wait_ms);
		answer(&sc, "http://api/2", 200, NULL, PAGE_2);
		fake_store_settle(sc.store, NULL);
		assert_string_equal(fake_store_events(sc.store), "a\nb\nc\n");
		assert_int_equal(sc.complete, 1);
		close_scene(&sc);
	}
}

static void
a_refused_token_is_renewed_once(void **state)
{
	struct scene sc;
	struct http_call *call;

	(void)state;
	open_scene(&sc, false);
	call = fake_http_next(sc.http);
	assert_string_equal(fake_http_asked(call)->bearer, "token-1");
	answer(&sc, "http://api/1", 401, NULL, "{}");
	call = fake_http_next(sc.http);
	assert_non_null(call);
	assert_string_equal(fake_http_asked(call)->bearer, "token-2");
	answer(&sc, "http://api/1", 401, NULL, "{}");
	/* Now it is a person's turn: no third try at once. */
	assert_null(fake_http_next(sc.http));
	assert_int_equal(fake_loop_next_ms(sc.loop), 900000);
	close_scene(&sc);
}

static void
a_token_that_comes_again_though_refused_is_not_tried_at_once(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc, false);
	sc.token.is_stubborn = true;
	answer(&sc, "http://api/1", 401, NULL, "{}");
	answer(&sc, "http://api/1", 401, NULL, "{}");
	assert_null(fake_http_next(sc.http));
	assert_int_equal(fake_loop_next_ms(sc.loop), 900000);
	close_scene(&sc);
}

static void
an_answer_that_breaks_off_is_asked_again_without_repeats(void **state)
{
	static const char *const broken[] = {
		"",
		"{\"value\":[{\"id\":\"a\",\"t\":1},{\"id\":\"b\"",
		"<html>Bad gateway</html>",
		"{\"value\":[{\"id\":\"a\",\"t\":1}] garbage",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct scene sc;

		open_scene(&sc, false);
		answer(&sc, "http://api/1", 200, NULL, broken[i]);
		assert_null(fake_http_next(sc.http));
		assert_in_range(fake_loop_next_ms(sc.loop), 500, 2000);
		fake_loop_advance(sc.loop, 2000);
		answer(&sc, "http://api/1", 200, NULL, PAGE_1);
		answer(&sc, "http://api/2", 200, NULL, PAGE_2);
		fake_store_settle(sc.store, NULL);
		assert_string_equal(fake_store_events(sc.store), "a\nb\nc\n");
		close_scene(&sc);
	}
}

static void
a_page_that_cannot_be_written_begins_the_round_again(void **state)
{
	struct err full;
	struct scene sc;

	(void)state;
	err_set(&full, ERR_SYS, "disk full");
	open_scene(&sc, false);
	answer(&sc, "http://api/1", 200, NULL, PAGE_1);
	answer(&sc, "http://api/2", 200, NULL, PAGE_2);
	fake_store_settle(sc.store, &full);
	assert_int_equal(sc.failed, 1);
	assert_int_equal(sc.last_err.kind, ERR_SYS);
	assert_string_equal(fake_store_events(sc.store), "");
	fake_loop_advance(sc.loop, 2000);
	answer(&sc, "http://api/1", 200, NULL, PAGE_1);
	answer(&sc, "http://api/2", 200, NULL, PAGE_2);
	fake_store_settle(sc.store, NULL);
	assert_string_equal(fake_store_events(sc.store), "a\nb\nc\n");
	assert_int_equal(sc.complete, 1);
	close_scene(&sc);
}

static void
a_disk_that_stays_full_does_not_wear_out_the_cloud(void **state)
{
	struct err full;
	struct scene sc;
	uint64_t wait_ms = 0;

	(void)state;
	err_set(&full, ERR_SYS, "disk full");
	open_scene(&sc, false);
	for (int i = 0; i < 8; i++) {
		answer(&sc, "http://api/1", 200, NULL, PAGE_2);
		fake_store_settle(sc.store, &full);
		wait_ms = fake_loop_next_ms(sc.loop);
		fake_loop_advance(sc.loop, wait_ms);
	}
	assert_in_range(wait_ms, 45000, 75001);
	answer(&sc, "http://api/1", 200, NULL, PAGE_2);
	fake_store_settle(sc.store, NULL);
	assert_string_equal(fake_store_events(sc.store), "c\n");
	close_scene(&sc);
}

static void
bad_records_are_set_aside_and_hold_nobody(void **state)
{
	char big[3000];
	struct scene sc;

	(void)state;
	snprintf(big, sizeof(big),
	    "{\"value\":[{\"id\":\"a\"},{\"noid\":1},{\"id\":\"unmappable\"},"
	    "{\"id\":\"%02000d\"},null,{\"id\":\"b\"},{\"id\":\"x\",01}]}",
	    7);
	open_scene(&sc, false);
	answer(&sc, "http://api/1", 200, NULL, big);
	fake_store_settle(sc.store, NULL);
	assert_string_equal(fake_store_events(sc.store), "a\nb\n");
	assert_int_equal(sc.complete, 1);
	assert_int_equal(fake_store_quarantined(sc.store), 1);
	assert_int_equal(intake_tally(sc.intake)->n[PAGE_LISTED], 7);
	assert_int_equal(intake_tally(sc.intake)->n[PAGE_QUARANTINED], 5);
	assert_int_equal(intake_tally(sc.intake)->n[PAGE_SPOOLED], 2);
	/* Asked again, they are known as what they are. */
	fake_loop_advance(sc.loop, 60000);
	answer(&sc, "http://api/1", 200, NULL, big);
	fake_store_settle(sc.store, NULL);
	assert_int_equal(sc.complete, 2);
	assert_int_equal(intake_tally(sc.intake)->n[PAGE_LISTED], 7);
	assert_int_equal(intake_tally(sc.intake)->n[PAGE_QUARANTINED], 0);
	assert_int_equal(intake_tally(sc.intake)->n[PAGE_DUPLICATE], 7);
	close_scene(&sc);
}

static void
a_full_store_stops_the_asking_until_it_has_room(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc, false);
	fake_store_set_full(sc.store, true);
	answer(&sc, "http://api/1", 200, NULL, PAGE_1);
	fake_loop_advance(sc.loop, 600000);
	assert_null(fake_http_next(sc.http));
	fake_store_set_full(sc.store, false);
	fake_loop_advance(sc.loop, 1000);
	answer(&sc, "http://api/2", 200, NULL, PAGE_2);
	fake_store_settle(sc.store, NULL);
	assert_string_equal(fake_store_events(sc.store), "a\nb\nc\n");
	close_scene(&sc);
}

static void
a_slow_disk_pauses_the_answer(void **state)
{
	struct http_call *call;
	struct scene sc;

	(void)state;
	open_scene(&sc, false);
	call = fake_http_next(sc.http);
	fake_http_head(call, 200, NULL);
	fake_store_set_inflight(sc.store, 100 * 1024 * 1024);
	fake_http_body(call, str_of("{\"value\":["));
	fake_loop_turn(sc.loop);
	assert_true(fake_http_is_paused(call));
	close_scene(&sc);
}

static void
an_answer_held_for_others_pages_goes_on_with_them(void **state)
{
	struct http_call *call;
	struct scene sc;

	(void)state;
	open_scene(&sc, false);
	call = fake_http_next(sc.http);
	fake_http_head(call, 200, NULL);
	fake_store_set_inflight(sc.store, 100 * 1024 * 1024);
	fake_http_body(call, str_of("{\"value\":["));
	fake_loop_turn(sc.loop);
	assert_true(fake_http_is_paused(call));
	fake_store_set_inflight(sc.store, 0);
	poller_wake(sc.poller);
	assert_false(fake_http_is_paused(call));
	close_scene(&sc);
}

static void
a_round_begins_where_the_store_says_even_when_it_went_back(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc, false);
	answer(&sc, "http://api/1", 200, NULL, PAGE_2);
	fake_store_settle(sc.store, NULL);
	assert_string_equal(fake_store_cursor(sc.store), "rounds=1\n");
	fake_store_go_back(sc.store, "rounds=7\n");
	fake_loop_advance(sc.loop, 60000);
	answer(&sc, "http://api/1", 200, NULL, PAGE_2);
	fake_store_settle(sc.store, NULL);
	assert_string_equal(fake_store_cursor(sc.store), "rounds=8\n");
	close_scene(&sc);
}

static void
a_single_round_gives_up_where_it_would_wait_long(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc, true);
	answer(&sc, "http://api/1", 403, NULL, "{}");
	assert_int_equal(sc.failed, 1);
	assert_int_equal(sc.last_err.kind, ERR_DENIED);
	fake_loop_advance(sc.loop, 86400000);
	assert_null(fake_http_next(sc.http));
	close_scene(&sc);
}

static void
a_single_round_survives_some_trouble_and_then_rests(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc, true);
	for (int i = 0; i < 3; i++) {
		answer(&sc, "http://api/1", 502, NULL, "<html>");
		fake_loop_advance(sc.loop, 10000);
	}
	answer(&sc, "http://api/1", 200, NULL, PAGE_2);
	fake_store_settle(sc.store, NULL);
	assert_int_equal(sc.complete, 1);
	fake_loop_advance(sc.loop, 86400000);
	assert_null(fake_http_next(sc.http));
	close_scene(&sc);
}

static void
no_token_is_told_and_tried_again(void **state)
{
	struct scene sc;

	(void)state;
	open_scene(&sc, false);
	sc.token.serial = 0;
	err_set(&sc.token.err, ERR_DENIED, "wrong secret");
	answer(&sc, "http://api/1", 200, NULL, PAGE_1);
	assert_null(fake_http_next(sc.http));
	sc.token.serial = 5;
	fake_loop_advance(sc.loop, 900000);
	answer(&sc, "http://api/2", 200, NULL, PAGE_2);
	fake_store_settle(sc.store, NULL);
	assert_string_equal(fake_store_events(sc.store), "a\nb\nc\n");
	close_scene(&sc);
}

static void
stopping_in_mid_answer_leaves_the_cursor_where_it_was(void **state)
{
	struct http_call *call;
	struct scene sc;

	(void)state;
	open_scene(&sc, false);
	call = fake_http_next(sc.http);
	fake_http_head(call, 200, NULL);
	fake_http_body(call, str_of("{\"value\":[{\"id\":\"a\",\"t\":1},"));
	fake_loop_turn(sc.loop);
	poller_stop(sc.poller);
	fake_loop_advance(sc.loop, 86400000);
	fake_store_settle(sc.store, NULL);
	assert_int_equal(fake_http_open(sc.http), 0);
	assert_string_equal(fake_store_cursor(sc.store), "");
	assert_string_equal(fake_store_events(sc.store), "");
	close_scene(&sc);
}

/* --- many at once ------------------------------------------------------ */

#define ONE(id) "{\"value\":[{\"id\":\"" id "\",\"t\":1}]}"

/* Answer all that is out, in the order of asking, with one status. */
static void
answer_all(struct scene *sc, int status, const char *headers)
{
	struct http_call *call;

	while ((call = fake_http_next(sc->http)) != NULL)
		fake_http_answer(call, status, headers, str_of("{}"));
	fake_loop_turn(sc->loop);
}

static void
one_trouble_of_many_requests_is_waited_for_once(void **state)
{
	struct scene sc;
	uint64_t wait_ms;

	(void)state;
	open_scene_with(&sc, &crowd, true, 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(fake_http_open(sc.http), 3);
		answer_all(&sc, 502, NULL);
		assert_int_equal(sc.failed, 0);
		wait_ms = fake_loop_next_ms(sc.loop);
		assert_in_range(wait_ms, 500, 2000U << i);
		fake_loop_advance(sc.loop, wait_ms);
	}
	answer_all(&sc, 429, "Retry-After: 7\n");
	assert_int_equal(fake_loop_next_ms(sc.loop), 7000);
	close_scene(&sc);
}

static void
one_expired_token_of_many_requests_is_renewed_once(void **state)
{
	struct scene sc;

	(void)state;
	open_scene_with(&sc, &crowd, false, 0);
	answer_all(&sc, 401, NULL);
	assert_int_equal(fake_http_open(sc.http), 3);
	assert_string_equal(
	    fake_http_asked(fake_http_next(sc.http))->bearer, "token-2");
	assert_int_equal(sc.token.serial, 2);
	answer(&sc, "http://api/1", 200, NULL, ONE("a"));
	answer(&sc, "http://api/2", 200, NULL, ONE("b"));
	answer(&sc, "http://api/3", 200, NULL, ONE("c"));
	fake_store_settle(sc.store, NULL);
	assert_string_equal(fake_store_events(sc.store), "a\nb\nc\n");
	close_scene(&sc);
}

static void
no_more_are_asked_at_once_than_was_said(void **state)
{
	struct scene sc;

	(void)state;
	open_scene_with(&sc, &crowd, false, 2);
	assert_int_equal(fake_http_open(sc.http), 2);
	answer(&sc, "http://api/1", 200, NULL, ONE("a"));
	assert_int_equal(fake_http_open(sc.http), 2);
	close_scene(&sc);
}

static void
what_is_lost_is_counted_and_the_round_goes_on(void **state)
{
	const uint64_t *n;
	struct scene sc;

	(void)state;
	open_scene_with(&sc, &crowd, false, 1);
	answer(&sc, "http://api/1", 410, NULL, "gone");
	answer(&sc, "http://api/2", 409, NULL, "not now");
	answer(&sc, "http://api/3", 200, NULL,
	    "{\"value\":[{\"id\":\"a\"}],\"lost\":1}");
	fake_store_settle(sc.store, NULL);
	assert_int_equal(sc.complete, 1);
	n = intake_tally(sc.intake)->n;
	assert_int_equal(n[PAGE_LISTED], 3);
	assert_int_equal(n[PAGE_QUARANTINED], 2);
	assert_int_equal(n[PAGE_SPOOLED], 1);
	close_scene(&sc);
}

static void
an_error_that_is_none_is_passed_over(void **state)
{
	struct scene sc;

	(void)state;
	open_scene_with(&sc, &crowd, false, 0);
	answer_all(&sc, 304, NULL);
	fake_store_settle(sc.store, NULL);
	assert_int_equal(sc.complete, 1);
	assert_int_equal(intake_tally(sc.intake)->n[PAGE_LISTED], 0);
	close_scene(&sc);
}

static void
who_is_behind_does_not_rest_between_rounds(void **state)
{
	struct scene sc;

	(void)state;
	open_scene_with(&sc, &crowd, true, 0);
	sc.source.behind = 3;
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(fake_http_open(sc.http), 3);
		answer_all(&sc, 304, NULL);
		assert_int_equal(sc.complete, 0);
		/* Nothing begins before the last round is durable. */
		assert_int_equal(fake_http_open(sc.http), 0);
		fake_store_settle(sc.store, NULL);
		fake_loop_turn(sc.loop);
	}
	assert_int_equal(sc.complete, 1);
	assert_string_equal(fake_store_cursor(sc.store), "rounds=3\n");
	fake_loop_advance(sc.loop, 86400000);
	assert_null(fake_http_next(sc.http));
	close_scene(&sc);
}

static uint64_t
two_minutes(const struct source *s)
{
	(void)s;
	return 120000;
}

static void
who_waits_for_the_service_rests_as_long_as_it_says(void **state)
{
	struct source_ops slow = crowd;

	(void)state;
	slow.pause_ms = two_minutes;
	for (int once = 0; once < 2; once++) {
		struct scene sc;

		open_scene_with(&sc, &slow, once, 0);
		sc.source.behind = 2;
		answer_all(&sc, 304, NULL);
		fake_store_settle(sc.store, NULL);
		fake_loop_turn(sc.loop);
		/* A single round is over where it would wait long. */
		assert_int_equal(sc.complete, once);
		assert_null(fake_http_next(sc.http));
		fake_loop_advance(sc.loop, 120000);
		assert_int_equal(fake_http_open(sc.http), once ? 0 : 3);
		close_scene(&sc);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_round_is_complete_when_its_last_page_is_durable),
	cmocka_unit_test(
	    what_is_known_is_not_sent_again_and_a_new_version_is_an_update),
	cmocka_unit_test(a_failed_request_is_asked_again_after_a_wait),
	cmocka_unit_test(a_refused_token_is_renewed_once),
	cmocka_unit_test(
	    a_token_that_comes_again_though_refused_is_not_tried_at_once),
	cmocka_unit_test(
	    an_answer_that_breaks_off_is_asked_again_without_repeats),
	cmocka_unit_test(a_page_that_cannot_be_written_begins_the_round_again),
	cmocka_unit_test(a_disk_that_stays_full_does_not_wear_out_the_cloud),
	cmocka_unit_test(bad_records_are_set_aside_and_hold_nobody),
	cmocka_unit_test(a_full_store_stops_the_asking_until_it_has_room),
	cmocka_unit_test(a_slow_disk_pauses_the_answer),
	cmocka_unit_test(an_answer_held_for_others_pages_goes_on_with_them),
	cmocka_unit_test(
	    a_round_begins_where_the_store_says_even_when_it_went_back),
	cmocka_unit_test(a_single_round_gives_up_where_it_would_wait_long),
	cmocka_unit_test(a_single_round_survives_some_trouble_and_then_rests),
	cmocka_unit_test(no_token_is_told_and_tried_again),
	cmocka_unit_test(stopping_in_mid_answer_leaves_the_cursor_where_it_was),
	cmocka_unit_test(one_trouble_of_many_requests_is_waited_for_once),
	cmocka_unit_test(one_expired_token_of_many_requests_is_renewed_once),
	cmocka_unit_test(no_more_are_asked_at_once_than_was_said),
	cmocka_unit_test(what_is_lost_is_counted_and_the_round_goes_on),
	cmocka_unit_test(an_error_that_is_none_is_passed_over),
	cmocka_unit_test(who_is_behind_does_not_rest_between_rounds),
	cmocka_unit_test(who_waits_for_the_service_rests_as_long_as_it_says),
};

UNIT_MAIN(tests)
