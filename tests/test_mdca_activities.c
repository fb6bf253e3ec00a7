/* tests/test_mdca_activities.c -- answers in, requests and activities out. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include <stdbool.h>

#include "tests/mdca_script.h"

#include "codec/json.h"
#include "record/record.h"
#include "source/mdca_activities.h"
#include "source/source.h"

#define OPS (&mdca_activities_ops)

/* The round of the scripts: from 1000 to 9000 ms. */
#define FILTER(low, high) \
	"{\"filters\":{\"created\":{\"gte\":" low ",\"lte\":" high "}}"
#define SORTED ",\"sortField\":\"created\",\"sortDirection\":\"asc\""
#define SCAN ",\"isScan\":true,\"limit\":500}"
#define ASK_SCAN(low, high) FILTER(low, high) SORTED SCAN
#define ASK_NEXT(filters) "{\"filters\":" filters SORTED SCAN
#define ASK(low, high) FILTER(low, high) SORTED ",\"skip\":0,\"limit\":3}"
#define ASK_100(low, high) FILTER(low, high) SORTED ",\"skip\":0,\"limit\":100}"

static const struct script {
	const char *name;
	bool scan;
	struct mdca_step steps[10];
	const char *ids;
} scripts[] = {
	{ "nothing there", true,
	    { { ASK_SCAN("1000", "8999"), 200, "end", ERR_NONE } }, "" },
	{ "a scan is followed by its own filters, word for word", true,
	    { { ASK_SCAN("1000", "8999"), 200,
		  "a@3000 b@2000 more >{\"x\":[1]}", ERR_NONE },
		{ ASK_NEXT("{\"x\":[1]}"), 200, "c@1000 more >{\"x\":{}}",
		    ERR_NONE },
		{ ASK_NEXT("{\"x\":{}}"), 200, "d@8000 end >{\"old\":1}",
		    ERR_NONE } },
	    "a b c d" },
	{ "a page of a scan may be empty", true,
	    { { ASK_SCAN("1000", "8999"), 200, "more >{\"x\":1}", ERR_NONE },
		{ ASK_NEXT("{\"x\":1}"), 200, "a@2000 end", ERR_NONE } },
	    "a" },
	{ "a scan without the next filters goes on by time", true,
	    { { ASK_SCAN("1000", "8999"), 200, "a@2000 b@3000 more", ERR_NONE },
		{ ASK_SCAN("3000", "8999"), 200, "b@3000 c@4000 end",
		    ERR_NONE } },
	    "a b b c" },
	{ "filters that are none are not sent", true,
	    { { ASK_SCAN("1000", "8999"), 200, "a@2000 more >null", ERR_NONE },
		{ ASK_SCAN("2000", "8999"), 200, "a@2000 end >[]", ERR_NONE } },
	    "a a" },
	{ "what broke off is asked again where it stood", true,
	    { { ASK_SCAN("1000", "8999"), 200, "a@2000 more >{\"x\":1}",
		  ERR_NONE },
		{ ASK_NEXT("{\"x\":1}"), 0, NULL, ERR_RETRY },
		{ ASK_NEXT("{\"x\":1}"), 503, "", ERR_RETRY },
		{ ASK_NEXT("{\"x\":1}"), 200, "b@3000 end", ERR_NONE } },
	    "a b" },
	{ "a scan that cannot be continued goes on by time", true,
	    { { ASK_SCAN("1000", "8999"), 200, "a@2000 more >{\"x\":1}",
		  ERR_NONE },
		{ ASK_NEXT("{\"x\":1}"), 400, "{}", ERR_DEGRADE },
		{ ASK_SCAN("2000", "8999"), 200, "a@2000 b@3000 end",
		    ERR_NONE } },
	    "a a b" },
	{ "a refused scan is read page by page", true,
	    { { ASK_SCAN("1000", "8999"), 400, "{}", ERR_DEGRADE },
		{ ASK_100("1000", "8999"), 200, "a@2000 more", ERR_NONE },
		{ ASK_100("2000", "8999"), 200, "a@2000 b@3000 end",
		    ERR_NONE } },
	    "a a b" },
	{ "a scan that leads in a circle is left for the time", true,
	    { { ASK_SCAN("1000", "8999"), 200, "a@2000 more >{\"x\":1}",
		  ERR_NONE },
		{ ASK_NEXT("{\"x\":1}"), 200, "b@3000 more >{\"x\":1}",
		    ERR_DATA },
		{ ASK_SCAN("1000", "8999"), 200, "a@2000 b@3000 end",
		    ERR_NONE } },
	    "a b a b" },
	{ "without scan mode more is asked for by time", false,
	    { { ASK("1000", "8999"), 200, "a@2000 b@3000 c@3001 more",
		  ERR_NONE },
		{ ASK("3001", "8999"), 200, "c@3001 d@4000 end", ERR_NONE } },
	    "a b c c d" },
};

static void
activities_are_read_whole_however_pages_end(void **state)
{
	const struct cursor none = { .len = 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		const struct script *sc = &scripts[i];
		const struct mdca_activities_conf conf = {
			.page_size = sc->scan ? 500 : 3,
			.settle_ms = 1000,
			.scan = sc->scan,
		};
		struct source *s = mdca_open(OPS, &conf, 1000);
		struct mdca_seen seen;
		struct cursor to;

		mdca_seen_init(&seen);
		mdca_begin_at(OPS, s, &none, 10000);
		mdca_play(OPS, s, sc->name, sc->steps, &seen);
		if (!str_is(buf_str(&seen.ids), sc->ids))
			fail_msg("%s: ids %s", sc->name, buf_cstr(&seen.ids));
		assert_true(OPS->end(s, &to));
		assert_str(cursor_get(&to, "read-until"), "9000");
		mdca_seen_clear(&seen);
		OPS->close(&s);
		assert_null(s);
	}
}

static void
activities_go_on_at_the_cursor_with_overlap(void **state)
{
	const struct mdca_activities_conf conf = { .page_size = 100,
		.settle_ms = 1000 };
	const struct cursor none = { .len = 0 };
	struct source *s = mdca_open(OPS, &conf, 1000);
	struct mdca_seen seen;
	struct cursor to;
	struct buf text;

	(void)state;
	mdca_seen_init(&seen);
	buf_init(&text, 4096);
	mdca_begin_at(OPS, s, &none, 10000);
	assert_string_equal(mdca_asked(OPS, s, &text), ASK_100("1000", "8999"));
	mdca_answer(OPS, s, 200, NULL, "end", &seen);
	assert_true(OPS->end(s, &to));
	mdca_begin_at(OPS, s, &to, 20000);
	assert_string_equal(
	    mdca_asked(OPS, s, &text), ASK_100("8000", "18999"));
	/* The service's clock is behind ours. */
	mdca_answer(
	    OPS, s, 200, "Date: Thu, 01 Jan 1970 00:00:15 GMT\n", "end", &seen);
	assert_true(OPS->end(s, &to));
	assert_str(cursor_get(&to, "read-until"), "14000");
	buf_clear(&text);
	mdca_seen_clear(&seen);
	OPS->close(&s);
}

#define DAY 86400000

static void
activities_of_a_long_time_are_read_day_by_day(void **state)
{
	const struct mdca_activities_conf conf = { .page_size = 100 };
	const struct cursor none = { .len = 0 };
	struct source *s = mdca_open(OPS, &conf, 0);
	struct mdca_seen seen;
	struct cursor to = none;
	struct buf text;
	int rounds = 0;

	(void)state;
	mdca_seen_init(&seen);
	buf_init(&text, 4096);
	do {
		mdca_begin_at(OPS, s, &to, 2 * DAY + 5);
		mdca_asked(OPS, s, &text);
		mdca_answer(OPS, s, 200, NULL, "end", &seen);
		assert_true(OPS->end(s, &to));
		rounds++;
	} while (OPS->is_behind(s));
	assert_int_equal(rounds, 3);
	assert_str(cursor_get(&to, "read-until"), "172800005");
	/* The service's clock has not come so far: there is no hurry. */
	mdca_begin_at(OPS, s, &to, 9 * (int64_t)DAY);
	mdca_asked(OPS, s, &text);
	mdca_answer(
	    OPS, s, 200, "Date: Fri, 02 Jan 1970 00:00:00 GMT\n", "end", &seen);
	assert_true(OPS->end(s, &to));
	assert_false(OPS->is_behind(s));
	buf_clear(&text);
	mdca_seen_clear(&seen);
	OPS->close(&s);
}

static void
activities_that_are_too_many_at_a_time_are_fewer(void **state)
{
	const struct mdca_activities_conf conf = { .page_size = 5000,
		.scan = true };
	static const int limits[] = { 5000, 5000, 2500, 1250, 625, 500, 500 };
	const struct cursor none = { .len = 0 };
	struct source *s = mdca_open(OPS, &conf, 1000);
	struct mdca_seen seen;
	struct buf text;

	(void)state;
	mdca_seen_init(&seen);
	buf_init(&text, 4096);
	mdca_begin_at(OPS, s, &none, 10000);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		char want[32];

		snprintf(want, sizeof(want), "\"limit\":%d}", limits[i]);
		if (strstr(mdca_asked(OPS, s, &text), want) == NULL)
			fail_msg("step %zu: %s", i, buf_cstr(&text));
		mdca_answer(OPS, s, 504, NULL, "", &seen);
	}
	buf_clear(&text);
	mdca_seen_clear(&seen);
	OPS->close(&s);
}

static const struct {
	const char *record, *id;
	int64_t time_ms;
} records[] = {
	{ "{\"_id\":\"7_1_x\",\"timestamp\":4096,\"created\":5000}", "7_1_x",
	    4096 },
	{ "{\"uid\":\"7_1_y\",\"timestamp\":null,\"created\":5000.5}", "7_1_y",
	    5000 },
	{ "{\"_id\":12,\"timestamp\":{},\"created\":[],\"Level\":1,"
	  "\"level\":2}",
	    "12", 9000 },
};

static void
activities_become_records_whatever_their_shape(void **state)
{
	const struct mdca_activities_conf conf = { .page_size = 3,
		.settle_ms = 1000 };
	const struct cursor none = { .len = 0 };
	struct source *s = mdca_open(OPS, &conf, 1000);
	struct json_doc doc;
	struct record rec;
	struct err err;

	(void)state;
	json_init(&doc, 0, 0);
	mdca_begin_at(OPS, s, &none, 10000);
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		const char *text = records[i].record;

		assert_int_equal(json_parse(&doc, str_of(text), &err), 0);
		if (OPS->record(s, 0, &doc, &rec, &err) < 0)
			fail_msg("%s: %s", text, err.text);
		if (!str_is(rec.id, records[i].id) || rec.version.len != 0 ||
		    (int64_t)rec.time_ms != records[i].time_ms)
			fail_msg("%s: %.*s %d", text, STR_ARG(rec.id),
			    (int)rec.time_ms);
	}
	json_clear(&doc);
	OPS->close(&s);
}

static void
activities_refuse_to_be_filtered_by_their_cursor(void **state)
{
	char filter[] = "{\"created\":{\"gt\":1}}";
	const struct mdca_activities_conf conf = { .page_size = 3,
		.api_filter = filter };
	struct source_common common = { .base_url = MDCA_BASE };
	struct err err;

	(void)state;
	assert_null(OPS->open(&conf, &common, &err));
	assert_int_equal(err.kind, ERR_CONF);
}

static void
activities_wait_behind_alerts(void **state)
{
	const struct source_ops *alerts = source_find("mdca-alerts");

	(void)state;
	assert_non_null(alerts);
	assert_ptr_equal(source_find("mdca-activities"), OPS);
	assert_string_equal(alerts->api, OPS->api);
	assert_true(alerts->rank < OPS->rank);
	/* 30 requests in any minute is all that a tenant has. */
	assert_true(
	    OPS->limits->requests + 60000 / OPS->limits->period_ms < 30);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(activities_are_read_whole_however_pages_end),
	cmocka_unit_test(activities_go_on_at_the_cursor_with_overlap),
	cmocka_unit_test(activities_of_a_long_time_are_read_day_by_day),
	cmocka_unit_test(activities_that_are_too_many_at_a_time_are_fewer),
	cmocka_unit_test(activities_become_records_whatever_their_shape),
	cmocka_unit_test(activities_refuse_to_be_filtered_by_their_cursor),
	cmocka_unit_test(activities_wait_behind_alerts),
};

UNIT_MAIN(tests)
