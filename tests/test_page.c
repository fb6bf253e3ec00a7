/* tests/test_page.c -- what one commit takes, written and read back. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include "base/buf.h"
#include "base/err.h"
#include "state/page.h"

static void
add_event(struct page *p, uint64_t time_ms, const char *form, const char *text)
{
	page_event(p, time_ms);
	buf_add_text(page_text_begin(p, str_of(form)), text);
	page_text_end(p);
}

static void
page_comes_back_as_it_was_written(void **state)
{
	struct page_id id = { 1000, 2, 3 }, got;
	struct str reason, raw;
	struct page_view view;
	struct page_walk walk;
	struct page_event event;
	enum page_count what;
	uint64_t time_ms;
	struct page p;
	struct buf b;
	size_t at = 0;
	uint32_t n;

	(void)state;
	page_init(&p, str_of("alerts"));
	assert_true(page_is_empty(&p));
	add_event(&p, 11, "cef/8192", "CEF:0|one");
	add_event(&p, 12, "cef/8192", "CEF:0|two");
	page_id(&p, &id);
	page_count(&p, 7200000 + 5, PAGE_LISTED, 2);
	page_count(&p, 7200000 + 9, PAGE_LISTED, 3);
	page_quarantine(&p, 13, str_of("too big"), str_of("{\"a\":1}"));
	page_cursor(&p, str_of("2026-01-31"));
	assert_false(page_is_empty(&p));
	assert_false(page_failed(&p));

	buf_init(&b, PAGE_BYTES_MAX);
	page_encode(&p, &b);
	assert_int_equal(b.len, page_bytes(&p));
	assert_int_equal(page_decode(buf_str(&b), &view, NULL), 0);
	assert_str(view.source, "alerts");
	assert_true(view.has_cursor);
	assert_str(view.cursor, "2026-01-31");
	assert_int_equal(view.n_events, 2);
	page_walk_init(&walk, &view, str_of("cef/8192"));
	assert_true(page_walk_next(&walk, &event));
	assert_int_equal(event.time_ms, 11);
	assert_str(event.text, "CEF:0|one");
	assert_true(page_walk_next(&walk, &event));
	assert_str(event.text, "CEF:0|two");
	assert_false(page_walk_next(&walk, &event));
	assert_true(page_view_id(&view, 0, &got));
	assert_memory_equal(&got, &id, sizeof(id));
	assert_false(page_view_id(&view, 1, &got));
	assert_true(page_view_count(&view, 0, &time_ms, &what, &n));
	assert_int_equal(time_ms, 7200000);
	assert_int_equal(what, PAGE_LISTED);
	assert_int_equal(n, 5);
	assert_false(page_view_count(&view, 1, &time_ms, &what, &n));
	assert_true(page_view_quarantine(&view, &at, &time_ms, &reason, &raw));
	assert_int_equal(time_ms, 13);
	assert_str(reason, "too big");
	assert_str(raw, "{\"a\":1}");
	assert_false(page_view_quarantine(&view, &at, &time_ms, &reason, &raw));

	page_reset(&p);
	assert_true(page_is_empty(&p));
	assert_str(buf_str(&p.source), "alerts");
	buf_clear(&b);
	page_clear(&p);
}

static void
event_gives_the_form_asked_for_or_its_first(void **state)
{
	static const struct {
		const char *form, *first, *second;
	} rows[] = {
		{ "cef/8192", "one as cef", "two as cef" },
		{ "json/65536", "one as json", "two as cef" },
		{ "leef/1024", "one as cef", "two as cef" },
	};
	struct page p;
	struct buf b;

	(void)state;
	page_init(&p, str_of("s"));
	page_event(&p, 1);
	buf_add_text(page_text_begin(&p, str_of("cef/8192")), "one as cef");
	page_text_end(&p);
	buf_add_text(page_text_begin(&p, str_of("json/65536")), "one as json");
	page_text_end(&p);
	add_event(&p, 2, "cef/8192", "two as cef");
	buf_init(&b, PAGE_BYTES_MAX);
	page_encode(&p, &b);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct page_view view;
		struct page_walk walk;
		struct page_event event;

		page_decode(buf_str(&b), &view, NULL);
		page_walk_init(&walk, &view, str_of(rows[i].form));
		assert_true(page_walk_next(&walk, &event));
		assert_str(event.text, rows[i].first);
		assert_true(page_walk_next(&walk, &event));
		assert_str(event.text, rows[i].second);
		assert_int_equal(event.time_ms, 2);
		assert_false(page_walk_next(&walk, &event));
	}
	buf_clear(&b);
	page_clear(&p);
}

static void
event_that_did_not_fit_can_be_taken_back(void **state)
{
	static char big[1024 * 1024];
	struct page_view view;
	struct page p;
	struct buf b;
	uint32_t fitted;

	(void)state;
	page_init(&p, str_of("s"));
	memset(big, 'x', sizeof(big));
	while (!page_failed(&p)) {
		page_event(&p, 1);
		buf_add(page_text_begin(&p, str_of("f")), big, sizeof(big));
		page_text_end(&p);
	}
	fitted = p.n_events - 1;
	page_event_undo(&p);
	page_event_undo(&p); /* only once */
	assert_false(page_failed(&p));
	assert_int_equal(p.n_events, fitted);
	assert_true(fitted > 0);
	buf_init(&b, PAGE_BYTES_MAX);
	page_encode(&p, &b);
	assert_int_equal(page_decode(buf_str(&b), &view, NULL), 0);
	assert_int_equal(view.n_events, fitted);
	buf_clear(&b);
	page_clear(&p);
}

static void
page_has_room_for_sixteen_forms(void **state)
{
	char form[16];
	struct page p;

	(void)state;
	page_init(&p, str_of("s"));
	page_event(&p, 1);
	for (int i = 0; i <= PAGE_VARIANTS_MAX; i++) {
		assert_false(page_failed(&p));
		snprintf(form, sizeof(form), "f%d", i);
		page_text_begin(&p, str_of(form));
		page_text_end(&p);
	}
	assert_true(page_failed(&p));
	page_clear(&p);
}

/* What is no page must never be read past its end, wherever it is cut. */
static void
broken_payload_is_refused(void **state)
{
	struct page_view view;
	struct page p;
	struct buf b;
	struct err err;

	(void)state;
	page_init(&p, str_of("source"));
	add_event(&p, 1, "f", "text");
	page_cursor(&p, str_of("c"));
	buf_init(&b, PAGE_BYTES_MAX);
	page_encode(&p, &b);
	for (size_t len = 0; len < b.len; len++) {
		assert_int_equal(
		    page_decode(str_make(b.p, len), &view, &err), -1);
		assert_int_equal(err.kind, ERR_DATA);
	}
	b.p[0] = PAGE_VERSION + 1;
	assert_int_equal(page_decode(buf_str(&b), &view, &err), -1);
	buf_clear(&b);
	page_clear(&p);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(page_comes_back_as_it_was_written),
	cmocka_unit_test(event_gives_the_form_asked_for_or_its_first),
	cmocka_unit_test(event_that_did_not_fit_can_be_taken_back),
	cmocka_unit_test(page_has_room_for_sixteen_forms),
	cmocka_unit_test(broken_payload_is_refused),
};

UNIT_MAIN(tests)
