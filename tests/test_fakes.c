/* tests/test_fakes.c -- do the fakes keep the promises of the real ones? */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include "base/secret.h"
#include "base/xalloc.h"
#include "tests/fake_http.h"
#include "tests/fake_loop.h"

struct bench {
	struct loop *loop;
	struct loop_timer *early, *late;
	struct loop_task *task;
	struct http *http;
	struct http_call *call;
	struct buf trace;
	bool pause_at_head, cancel_at_body, free_at_head;
};

static int
setup(void **state)
{
	struct bench *b = xcalloc(1, sizeof(*b));
	struct http_conf conf = { .user_agent = "test" };

	buf_init(&b->trace, 4096);
	b->loop = loop_new();
	b->http = http_new(b->loop, &conf, NULL);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	loop_timer_free(&b->early);
	loop_timer_free(&b->late);
	loop_task_free(&b->task);
	http_free(&b->http);
	loop_free(&b->loop);
	buf_clear(&b->trace);
	xfree(b);
	return 0;
}

static void
note_early(void *arg)
{
	struct bench *b = arg;

	buf_addf(&b->trace, "early@%d ",
	    (int)(loop_now_ms(b->loop) - FAKE_LOOP_START_MS));
	loop_task_run(b->task);
}

static void
note_late(void *arg)
{
	struct bench *b = arg;

	buf_addf(&b->trace, "late@%d ",
	    (int)(loop_now_ms(b->loop) - FAKE_LOOP_START_MS));
}

static void
note_task(void *arg)
{
	struct bench *b = arg;

	buf_add_text(&b->trace, "task ");
}

static void
fake_loop_fires_timers_at_their_own_moments(void **state)
{
	struct bench *b = *state;

	b->early = loop_timer_new(b->loop, note_early, b);
	b->late = loop_timer_new(b->loop, note_late, b);
	b->task = loop_task_new(b->loop, note_task, b);
	loop_timer_set(b->late, 300);
	loop_timer_set(b->early, 100);
	assert_int_equal(fake_loop_next_ms(b->loop), 100);
	fake_loop_advance(b->loop, 99);
	assert_str(buf_str(&b->trace), "");
	fake_loop_advance(b->loop, 1000);
	assert_str(buf_str(&b->trace), "early@100 task late@300 ");
	assert_int_equal(loop_wall_ms(b->loop), FAKE_LOOP_START_WALL_MS + 1099);
	assert_true(fake_loop_next_ms(b->loop) == UINT64_MAX);
}

static void
note_fd(void *arg, int what)
{
	struct bench *b = arg;

	buf_addf(&b->trace, "fd%d ", what);
}

static void
fake_loop_fires_only_what_is_watched(void **state)
{
	struct bench *b = *state;
	struct loop_fd *w = loop_fd_new(b->loop, 7, note_fd, b);

	assert_false(fake_loop_fire(b->loop, 7, LOOP_READ));
	loop_fd_watch(w, LOOP_WRITE);
	assert_int_equal(fake_loop_watched(b->loop, 7), LOOP_WRITE);
	assert_false(fake_loop_fire(b->loop, 7, LOOP_READ));
	assert_true(fake_loop_fire(b->loop, 7, LOOP_READ | LOOP_WRITE));
	assert_str(buf_str(&b->trace), "fd2 ");
	loop_fd_free(&w);
}

static void
on_head(void *arg, const struct httpresp *resp)
{
	struct bench *b = arg;

	buf_addf(&b->trace, "%d/%u(%.*s) ", resp->status, resp->tag,
	    (int)resp->headers.len, resp->headers.p);
	if (b->pause_at_head)
		http_pause(b->call);
	if (b->free_at_head)
		http_free(&b->http);
}

static void
on_body(void *arg, struct str bytes)
{
	struct bench *b = arg;

	if (b->cancel_at_body)
		http_cancel(&b->call);
	buf_addf(&b->trace, "[%.*s] ", STR_ARG(bytes));
}

static void
on_done(void *arg, const struct err *err)
{
	struct bench *b = arg;

	buf_addf(&b->trace, "done:%s ", err != NULL ? err->text : "whole");
	b->call = NULL;
}

static const struct http_cbs cbs = { on_head, on_body, on_done };

static void
start(struct bench *b, const char *url)
{
	struct secret *bearer = secret_new(STR_LIT("tok"));
	struct httpreq req = { .method = HTTP_POST, .tag = 9 };

	buf_init(&req.url, 1000);
	buf_init(&req.headers, 1000);
	buf_init(&req.body, 1000);
	buf_add_text(&req.url, url);
	buf_add_text(&req.body, "a=b");
	req.bearer = bearer;
	b->call = http_start(b->http, &req, &cbs, b);
	buf_clear(&req.url);
	buf_clear(&req.headers);
	buf_clear(&req.body);
	secret_free(&bearer);
}

static void
answer_by_script(
    void *arg, struct http_call *call, const struct fake_http_asked *asked)
{
	struct bench *b = arg;

	buf_addf(&b->trace, "%s %.*s %s ", asked->url, STR_ARG(asked->body),
	    asked->bearer);
	fake_http_answer(call, 200, "A: b\n", STR_LIT("body"));
}

static void
fake_http_answers_from_the_loop_by_script(void **state)
{
	struct bench *b = *state;

	fake_http_on_request(b->http, answer_by_script, b);
	start(b, "http://x/");
	assert_str(buf_str(&b->trace), "");
	fake_loop_turn(b->loop);
	assert_str(buf_str(&b->trace),
	    "http://x/ a=b tok 200/9(A: b\n) [body] done:whole ");
	assert_int_equal(fake_http_open(b->http), 0);
	assert_int_equal(fake_http_count(b->http), 1);
}

static void
fake_http_holds_the_body_while_paused(void **state)
{
	struct bench *b = *state;

	b->pause_at_head = true;
	start(b, "http://x/");
	assert_ptr_equal(fake_http_next(b->http), b->call);
	fake_http_answer(b->call, 200, NULL, STR_LIT("body"));
	assert_null(fake_http_next(b->http));
	fake_loop_turn(b->loop);
	assert_str(buf_str(&b->trace), "200/9() ");
	assert_true(fake_http_is_paused(b->call));
	http_resume(b->call);
	fake_loop_turn(b->loop);
	assert_str(buf_str(&b->trace), "200/9() [body] done:whole ");
}

static void
fake_http_lets_a_call_be_cancelled_in_its_body(void **state)
{
	struct bench *b = *state;

	b->cancel_at_body = true;
	start(b, "http://x/");
	fake_http_answer(b->call, 200, NULL, STR_LIT("body"));
	fake_loop_turn(b->loop);
	assert_str(buf_str(&b->trace), "200/9() [body] ");
	assert_int_equal(fake_http_open(b->http), 0);
}

static void
fake_http_lets_the_client_go_in_a_callback(void **state)
{
	struct bench *b = *state;

	b->free_at_head = true;
	start(b, "http://x/");
	fake_http_answer(b->call, 200, NULL, STR_LIT("body"));
	start(b, "http://y/");
	fake_loop_turn(b->loop);
	assert_str(buf_str(&b->trace), "200/9() ");
}

static void
fake_http_fails_in_the_middle(void **state)
{
	struct bench *b = *state;

	start(b, "http://x/");
	fake_http_head(b->call, 200, NULL);
	fake_http_body(b->call, STR_LIT("bo"));
	fake_http_fail(b->call, ERR_RETRY, "reset");
	fake_loop_turn(b->loop);
	assert_str(buf_str(&b->trace), "200/9() [bo] done:reset ");
}

#define WITH_FAKES(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static const struct CMUnitTest tests[] = {
	WITH_FAKES(fake_loop_fires_timers_at_their_own_moments),
	WITH_FAKES(fake_loop_fires_only_what_is_watched),
	WITH_FAKES(fake_http_answers_from_the_loop_by_script),
	WITH_FAKES(fake_http_holds_the_body_while_paused),
	WITH_FAKES(fake_http_lets_a_call_be_cancelled_in_its_body),
	WITH_FAKES(fake_http_lets_the_client_go_in_a_callback),
	WITH_FAKES(fake_http_fails_in_the_middle),
};

UNIT_MAIN(tests)
