/* tests/test_syslog_out.c -- options become frames, and none is too large. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include "tests/fake_loop.h"
#include "tests/fake_stream.h"

#include "base/err.h"
#include "base/xalloc.h"
#include "net/loop.h"
#include "sink/sink.h"

struct scene {
	struct loop *loop;
	struct sink *sink;
	void *conf;
	uint64_t confirmed;
};

static void
on_ready(void *arg)
{
	(void)arg;
}

static void
on_confirmed(void *arg, uint64_t pos)
{
	((struct scene *)arg)->confirmed = pos;
}

static void
on_again(void *arg, uint64_t pos)
{
	(void)arg;
	(void)pos;
}

static void
set(struct scene *sc, const char *name, const char *text)
{
	struct err err;

	if (opt_set(opt_find(syslog_out_ops.opts, name), sc->conf, text, &err) <
	    0)
		fail_msg("%s", err.text);
}

/* TCP to "siem" with lines of the given header. */
static void
make_scene(struct scene *sc, const char *header)
{
	memset(sc, 0, sizeof(*sc));
	sc->loop = loop_new();
	sc->conf = xcalloc(1, syslog_out_ops.conf_bytes);
	opt_defaults(syslog_out_ops.opts, sc->conf);
	set(sc, "transport", "tcp");
	set(sc, "host", "siem");
	set(sc, "hostname", "h1");
	set(sc, "framing", "newline");
	set(sc, "header", header);
}

static void
open_scene(struct scene *sc)
{
	static const struct sink_cbs cbs = {
		.ready = on_ready, .confirmed = on_confirmed, .again = on_again
	};
	struct err err;

	if (syslog_out_ops.check(sc->conf, &err) < 0)
		fail_msg("%s", err.text);
	fake_stream_reset();
	sc->sink =
	    syslog_out_ops.open(sc->conf, "test", sc->loop, &cbs, sc, &err);
	assert_non_null(sc->sink);
	fake_stream_up(0);
}

static void
close_scene(struct scene *sc)
{
	if (sc->sink != NULL)
		syslog_out_ops.close(&sc->sink);
	opt_clear(syslog_out_ops.opts, sc->conf);
	xfree(sc->conf);
	loop_free(&sc->loop);
}

static int
send_bytes(struct scene *sc, uint64_t pos, size_t len)
{
	static char text[1024 * 1024];
	struct sink_event e = { .pos = pos, .text = str_make(text, len) };

	memset(text, 'x', sizeof(text));
	return syslog_out_ops.send(sc->sink, &e);
}

static void
frames_have_the_header_of_the_options(void **state)
{
	struct sink_event e = { .pos = 1, .text = STR_LIT("CEF:0|") };
	struct scene sc;

	(void)state;
	make_scene(&sc, "rfc3164");
	set(&sc, "facility", "local1");
	open_scene(&sc);
	assert_int_equal(syslog_out_ops.send(sc.sink, &e), 1);
	assert_string_equal(
	    fake_stream_text(0), "<142>Jan  1 00:00:00 h1 CEF:0|\n");
	close_scene(&sc);
}

static void
the_largest_event_fits_and_one_byte_more_never_reaches_the_socket(void **state)
{
	static const char *const headers[] = { "rfc5424", "rfc3164", "mcas",
		"none" };

	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
		struct scene sc;
		size_t max;

		make_scene(&sc, headers[i]);
		set(&sc, "max-bytes", "1000");
		max = syslog_out_ops.max_event(sc.conf);
		open_scene(&sc);
		assert_int_equal(send_bytes(&sc, 1, max), 1);
		assert_int_equal(strlen(fake_stream_text(0)), 1000 + 1);
		assert_int_equal(send_bytes(&sc, 2, max + 1), 1);
		assert_int_equal(send_bytes(&sc, 3, 1000000), 1);
		assert_int_equal(strlen(fake_stream_text(0)), 1000 + 1);
		/* It is no delivery: its position is not confirmed by it. */
		fake_loop_advance(sc.loop, 30000);
		fake_stream_up(1);
		fake_stream_end(0);
		assert_int_equal(sc.confirmed, 1);
		close_scene(&sc);
	}
}

static const struct {
	const char *name, *text, *why;
} check_rows[] = {
	{ "host", "", "needs a host" },
	{ "facility", "local8", "facility" },
	{ "ca-file", "x.pem", "certificates" },
	{ "fingerprint", "SHA256:AA", "certificates" },
	{ "transport", "unix", "needs a path" },
};

static void
options_that_do_not_go_together_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(check_rows) / sizeof(*check_rows); i++) {
		struct scene sc;
		struct err err = { 0 };

		make_scene(&sc, "none");
		set(&sc, check_rows[i].name, check_rows[i].text);
		if (syslog_out_ops.check(sc.conf, &err) == 0 ||
		    err.kind != ERR_CONF ||
		    strstr(err.text, check_rows[i].why) == NULL)
			fail_msg("%s = \"%s\": %s", check_rows[i].name,
			    check_rows[i].text, err.text);
		close_scene(&sc);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(frames_have_the_header_of_the_options),
	cmocka_unit_test(
	    the_largest_event_fits_and_one_byte_more_never_reaches_the_socket),
	cmocka_unit_test(options_that_do_not_go_together_are_refused),
};

UNIT_MAIN(tests)
