/* tests/test_syslog.c -- syslog's headers and frames. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include "codec/syslog.h"

#define TIME 1772323200005

static const struct {
	enum syslog_header header;
	enum syslog_framing framing;
	const char *host, *app, *want;
} frame_rows[] = {
	{ SYSLOG_RFC5424, SYSLOG_DATAGRAM, "h1", "app",
	    "<134>1 2026-03-01T00:00:00.005Z h1 app 77 - - CEF:0|x" },
	{ SYSLOG_RFC3164, SYSLOG_DATAGRAM, "h1", "app",
	    "<134>Mar  1 00:00:00 h1 CEF:0|x" },
	{ SYSLOG_MCAS, SYSLOG_DATAGRAM, "h1", "app",
	    "<134>2026-03-01T00:00:00.005Z h1 CEF:0|x" },
	{ SYSLOG_NONE, SYSLOG_DATAGRAM, "h1", "app", "CEF:0|x" },
	{ SYSLOG_NONE, SYSLOG_OCTET_COUNTED, "h1", "app", "7 CEF:0|x" },
	{ SYSLOG_NONE, SYSLOG_NEWLINE, "h1", "app", "CEF:0|x\n" },
	{ SYSLOG_RFC3164, SYSLOG_OCTET_COUNTED, "h1", "app",
	    "31 <134>Mar  1 00:00:00 h1 CEF:0|x" },
	{ SYSLOG_RFC5424, SYSLOG_NEWLINE, "a b\n\xc3\xbc", "x y",
	    "<134>1 2026-03-01T00:00:00.005Z a-b--- x-y 77 - - CEF:0|x\n" },
	{ SYSLOG_RFC5424, SYSLOG_DATAGRAM, "2001:db8::1", NULL,
	    "<134>1 2026-03-01T00:00:00.005Z 2001-db8--1 - 77 - - CEF:0|x" },
	{ SYSLOG_RFC3164, SYSLOG_DATAGRAM, "", NULL,
	    "<134>Mar  1 00:00:00 localhost CEF:0|x" },
};

static void
frames_have_the_header_and_end_that_were_asked_for(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 1024);
	for (size_t i = 0; i < sizeof(frame_rows) / sizeof(*frame_rows); i++) {
		struct syslog_conf conf = { .header = frame_rows[i].header,
			.framing = frame_rows[i].framing,
			.facility = 16,
			.severity = 6,
			.hostname = frame_rows[i].host,
			.app_name = frame_rows[i].app };
		struct syslog sl;

		buf_reset(&out);
		syslog_init(&sl, &conf, 77);
		syslog_frame(&sl, &out, TIME, STR_LIT("CEF:0|x"));
		assert_str(buf_str(&out), frame_rows[i].want);
		if (frame_rows[i].framing == SYSLOG_DATAGRAM)
			assert_int_equal(syslog_header_bytes(&sl) + 7, out.len);
	}
	buf_clear(&out);
}

static void
frames_follow_each_other_with_their_own_times(void **state)
{
	struct syslog_conf conf = { .header = SYSLOG_MCAS,
		.framing = SYSLOG_NEWLINE,
		.hostname = "h" };
	struct syslog sl;
	struct buf out;

	(void)state;
	buf_init(&out, 1024);
	syslog_init(&sl, &conf, 1);
	syslog_frame(&sl, &out, 0, STR_LIT("a"));
	syslog_frame(&sl, &out, 0, STR_LIT("b"));
	syslog_frame(&sl, &out, 1, STR_LIT("c"));
	assert_str(buf_str(&out),
	    "<0>1970-01-01T00:00:00.000Z h a\n"
	    "<0>1970-01-01T00:00:00.000Z h b\n"
	    "<0>1970-01-01T00:00:00.001Z h c\n");
	buf_clear(&out);
}

static void
an_event_cannot_end_its_frame(void **state)
{
	struct syslog_conf conf = { .header = SYSLOG_NONE,
		.framing = SYSLOG_NEWLINE };
	struct syslog sl;
	struct buf out;

	(void)state;
	buf_init(&out, 1024);
	syslog_init(&sl, &conf, 1);
	syslog_frame(&sl, &out, 0, STR_LIT("\na\n\nb\n"));
	assert_str(buf_str(&out), " a  b \n");
	buf_clear(&out);
}

static void
overlong_names_are_cut_and_a_full_buffer_gets_nothing(void **state)
{
	char host[400], app[100];
	struct syslog_conf conf = {
		.facility = 23, .severity = 7, .hostname = host, .app_name = app
	};
	struct syslog sl;
	struct buf out;

	(void)state;
	memset(host, 'h', sizeof(host));
	host[sizeof(host) - 1] = '\0';
	memset(app, 'a', sizeof(app));
	app[sizeof(app) - 1] = '\0';
	syslog_init(&sl, &conf, 2147483647);
	assert_int_equal(syslog_header_bytes(&sl),
	    7 + 24 + 1 + 255 + 1 + 48 + strlen(" 2147483647 - - "));
	buf_init(&out, 100);
	buf_add_text(&out, "x");
	syslog_frame(&sl, &out, 0, STR_LIT("event"));
	assert_true(out.failed);
	assert_str(buf_str(&out), "x");
	buf_clear(&out);
}

static void
facilities_have_names(void **state)
{
	(void)state;
	assert_int_equal(syslog_facility("kern"), 0);
	assert_int_equal(syslog_facility("authpriv"), 10);
	assert_int_equal(syslog_facility("local0"), 16);
	assert_int_equal(syslog_facility("local7"), 23);
	assert_int_equal(syslog_facility("local8"), -1);
	assert_int_equal(syslog_facility(""), -1);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(frames_have_the_header_and_end_that_were_asked_for),
	cmocka_unit_test(frames_follow_each_other_with_their_own_times),
	cmocka_unit_test(an_event_cannot_end_its_frame),
	cmocka_unit_test(overlong_names_are_cut_and_a_full_buffer_gets_nothing),
	cmocka_unit_test(facilities_have_names),
};

UNIT_MAIN(tests)
