/* tests/test_rfc3339.c -- dates as the APIs write them. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include "codec/rfc3339.h"

#define BAD INT64_MIN

static const struct {
	const char *text;
	int64_t ticks;
} tick_rows[] = {
	{ "1970-01-01T00:00:00Z", 0 },
	{ "1970-01-01T00:00:00.0000001Z", 1 },
	{ "1969-12-31T23:59:59.9999999Z", -1 },
	{ "2000-02-29T12:00:00Z", 9518256000000000 },
	{ "2026-03-01T00:00:00Z", 17723232000000000 },
	{ "2026-03-01T00:00:00", 17723232000000000 },
	{ "2026-03-01 00:00:00z", 17723232000000000 },
	{ "2026-03-01t00:00:00.5Z", 17723232005000000 },
	{ "2026-03-01T00:00:00.123456789Z", 17723232001234567 },
	{ "2026-03-01T02:30:00+02:30", 17723232000000000 },
	{ "2026-02-28T23:00:00-01:00", 17723232000000000 },
	{ "2026-02-28T23:59:60Z", 17723232000000000 },
	{ "0001-01-01T00:00:00Z", -621355968000000000 },
	{ "9999-12-31T23:59:59.9999999Z", 2534023007999999999 },
	{ "", BAD },
	{ "2026-03-01", BAD },
	{ "2026-03-01T00:00Z", BAD },
	{ "2026-03-01T00:00:00.Z", BAD },
	{ "2026-03-01T00:00:00.1234567890Z", BAD },
	{ "2026-03-01T00:00:00Zx", BAD },
	{ "2026-03-01T00:00:00+0100", BAD },
	{ "2026-03-01T00:00:00+24:00", BAD },
	{ "2026-03-01T24:00:00Z", BAD },
	{ "2026-03-01T00:60:00Z", BAD },
	{ "2026-03-01T00:00:61Z", BAD },
	{ "2026-02-29T00:00:00Z", BAD },
	{ "1900-02-29T00:00:00Z", BAD },
	{ "2026-00-10T00:00:00Z", BAD },
	{ "2026-13-10T00:00:00Z", BAD },
	{ "2026-01-00T00:00:00Z", BAD },
	{ "2026-01-32T00:00:00Z", BAD },
	{ "-026-01-01T00:00:00Z", BAD },
	{ " 2026-03-01T00:00:00Z", BAD },
	{ "26-03-01T00:00:00Z", BAD },
};

static void
dates_are_read_to_the_tick_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(tick_rows) / sizeof(*tick_rows); i++) {
		int64_t got = BAD;

		if (!rfc3339_parse_ticks(str_of(tick_rows[i].text), &got))
			got = BAD;
		if (got != tick_rows[i].ticks)
			fail_msg("\"%s\": got %lld", tick_rows[i].text,
			    (long long)got);
	}
}

static void
milliseconds_are_cut_and_not_rounded(void **state)
{
	int64_t ms;

	(void)state;
	assert_true(rfc3339_parse_ms(str_of("1970-01-01T00:00:01.9999Z"), &ms));
	assert_int_equal(ms, 1999);
	assert_true(rfc3339_parse_ms(str_of("1969-12-31T23:59:59.9999Z"), &ms));
	assert_int_equal(ms, -1);
	assert_true(rfc3339_parse_ms(str_of("1969-12-31T23:59:59.0001Z"), &ms));
	assert_int_equal(ms, -1000);
}

static void
every_day_of_900_years_comes_back(void **state)
{
	char text[RFC3339_MAX];
	int64_t from, got;

	(void)state;
	assert_true(rfc3339_parse_ms(str_of("1600-01-01T00:00:00Z"), &from));
	for (int64_t day = 0; day < 900 * 365; day++) {
		int64_t want = from + day * 86400000 + day % 86400000;
		size_t len = rfc3339_format_ms(text, want);

		if (!rfc3339_parse_ms(str_make(text, len), &got) || got != want)
			fail_msg("%s: %lld", text, (long long)want);
	}
}

static void
times_are_written_in_three_ways(void **state)
{
	char text[RFC3339_MAX];

	(void)state;
	rfc3339_format_ms(text, 1772323200005);
	assert_string_equal(text, "2026-03-01T00:00:00.005Z");
	rfc3339_format_ms(text, -1);
	assert_string_equal(text, "1969-12-31T23:59:59.999Z");
	rfc3339_format_ms(text, INT64_MAX);
	assert_string_equal(text, "9999-12-31T23:59:59.999Z");
	rfc3339_format_ms(text, INT64_MIN);
	assert_string_equal(text, "0000-01-01T00:00:00.000Z");
	rfc3339_format_ticks(text, 17723232001234567);
	assert_string_equal(text, "2026-03-01T00:00:00.1234567Z");
	assert_int_equal(rfc3339_format_ticks(text, INT64_MAX), 28);
	assert_int_equal(rfc3339_format_3164(text, 1772323200005), 15);
	assert_string_equal(text, "Mar  1 00:00:00");
	rfc3339_format_3164(text, 1772323200000 - 1000);
	assert_string_equal(text, "Feb 28 23:59:59");
}

static const struct {
	const char *text;
	int64_t ms; /* with now = 2026-03-01T00:00:00Z */
} point_rows[] = {
	{ "now", 1772323200000 },
	{ "2026-03-01", 1772323200000 },
	{ "2026-03-01T00:00:01Z", 1772323201000 },
	{ "-30s", 1772323170000 },
	{ "-90m", 1772317800000 },
	{ "-1h", 1772319600000 },
	{ "-2d", 1772150400000 },
	{ "-1w", 1771718400000 },
	{ "", BAD },
	{ "-", BAD },
	{ "-d", BAD },
	{ "2d", BAD },
	{ "-2y", BAD },
	{ "--2d", BAD },
	{ "-99999999999d", BAD },
	{ "-99999999999999999999d", BAD },
	{ "2026-02-30", BAD },
	{ "Now", BAD },
};

static void
points_in_time_are_dates_days_or_so_long_ago(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(point_rows) / sizeof(*point_rows); i++) {
		int64_t got = BAD;

		if (!rfc3339_parse_point(
			str_of(point_rows[i].text), 1772323200000, &got))
			got = BAD;
		if (got != point_rows[i].ms)
			fail_msg("\"%s\": got %lld", point_rows[i].text,
			    (long long)got);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(dates_are_read_to_the_tick_or_refused),
	cmocka_unit_test(milliseconds_are_cut_and_not_rounded),
	cmocka_unit_test(every_day_of_900_years_comes_back),
	cmocka_unit_test(times_are_written_in_three_ways),
	cmocka_unit_test(points_in_time_are_dates_days_or_so_long_ago),
};

UNIT_MAIN(tests)
