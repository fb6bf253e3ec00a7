/* tests/test_base.c -- the ground: errors, texts, buffers, options, pacing. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/backoff.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/opt.h"
#include "base/ratelimit.h"
#include "base/secret.h"
#include "base/xalloc.h"

static void
err_text_cannot_forge_a_line(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(err_set(&err, ERR_RETRY, "said %s", "a\nb\tc"), -1);
	assert_string_equal(err.text, "said a?b?c");
	err_prefix(&err, "source %s: ", "x");
	assert_string_equal(err.text, "source x: said a?b?c");
	assert_int_equal(err.kind, ERR_RETRY);
}

static void
err_text_is_cut_with_dots(void **state)
{
	struct err err;
	char big[2000];

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	err_set(&err, ERR_DATA, "%s", big);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	assert_string_equal(err.text + ERR_TEXT_MAX - 4, "...");
}

static void
err_keeps_errno_and_wait(void **state)
{
	struct err err;

	(void)state;
	errno = ENOSPC;
	err_wait(&err, 1500, "slow down");
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(err.kind, ERR_WAIT);
	assert_int_equal(err.wait_ms, 1500);
}

static void
str_cut_takes_fields_one_by_one(void **state)
{
	struct str rest = STR_LIT("a,,b");

	(void)state;
	assert_str(str_cut(&rest, ','), "a");
	assert_str(str_cut(&rest, ','), "");
	assert_str(str_cut(&rest, ','), "b");
	assert_null(rest.p);
}

static void
str_numbers_refuse_what_does_not_fit(void **state)
{
	uint64_t u;
	int64_t i;

	(void)state;
	assert_true(str_to_u64(str_of("18446744073709551615"), &u));
	assert_true(u == UINT64_MAX);
	assert_false(str_to_u64(str_of("18446744073709551616"), &u));
	assert_false(str_to_u64(str_of(""), &u));
	assert_false(str_to_u64(str_of("1 "), &u));
	assert_true(str_to_i64(str_of("-9223372036854775808"), &i));
	assert_true(i == INT64_MIN);
	assert_false(str_to_i64(str_of("9223372036854775808"), &i));
	assert_false(str_to_i64(str_of("-"), &i));
}

static void
buf_remembers_that_it_failed(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 8);
	buf_add_text(&b, "12345");
	buf_add_text(&b, "6789");
	buf_add_text(&b, "x");
	assert_true(b.failed);
	assert_str(buf_str(&b), "12345");
	buf_reset(&b);
	buf_add_u64(&b, 12345678);
	assert_false(b.failed);
	assert_str(buf_str(&b), "12345678");
	buf_clear(&b);
}

static void
buf_consumes_from_the_front(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	buf_addf(&b, "%s-%d", "head", 42);
	buf_consume(&b, 5);
	assert_string_equal(buf_cstr(&b), "42");
	buf_consume(&b, 2);
	assert_int_equal(b.len, 0);
	buf_clear(&b);
}

static const char *const words[] = { "red", "green", NULL };

struct conf {
	char *name;
	int colour;
	bool loud;
	uint64_t count, wait_ms, bytes;
	struct opt_list list;
};

#define FIELD(f) offsetof(struct conf, f)
static const struct opt opts[] = {
	{ .name = "name",
	    .type = OPT_TEXT,
	    .offset = FIELD(name),
	    .def = "nobody",
	    .help = "a name" },
	{ .name = "colour",
	    .type = OPT_WORD,
	    .offset = FIELD(colour),
	    .words = words,
	    .def = "green",
	    .help = "a colour" },
	{ .name = "loud",
	    .type = OPT_BOOL,
	    .offset = FIELD(loud),
	    .def = "false",
	    .help = "whether" },
	{ .name = "count",
	    .type = OPT_NUMBER,
	    .offset = FIELD(count),
	    .def = "3",
	    .min = 1,
	    .max = 10,
	    .help = "how many" },
	{ .name = "wait",
	    .type = OPT_TIME,
	    .offset = FIELD(wait_ms),
	    .def = "5m",
	    .help = "how long" },
	{ .name = "bytes",
	    .type = OPT_BYTES,
	    .offset = FIELD(bytes),
	    .def = "8KiB",
	    .help = "how much" },
	{ .name = "list",
	    .type = OPT_LIST,
	    .offset = FIELD(list),
	    .help = "which" },
	{ .name = NULL },
};

static void
opt_defaults_are_read_like_the_operators_words(void **state)
{
	struct conf conf = { 0 };

	(void)state;
	opt_defaults(opts, &conf);
	assert_string_equal(conf.name, "nobody");
	assert_int_equal(conf.colour, 1);
	assert_false(conf.loud);
	assert_int_equal(conf.count, 3);
	assert_int_equal(conf.wait_ms, 300000);
	assert_int_equal(conf.bytes, 8192);
	assert_int_equal(conf.list.n, 0);
	opt_clear(opts, &conf);
}

static void
opt_set_names_what_is_wanted(void **state)
{
	static const struct {
		const char *opt, *text, *want;
	} rows[] = {
		{ "colour", "blue",
		    "colour = \"blue\": wanted is one of red,"
		    " green" },
		{ "loud", "yes", "loud = \"yes\": wanted is true or false" },
		{ "count", "0", "count = \"0\": too small, the least is 1" },
		{ "count", "11", "count = \"11\": too large, the most is 10" },
		{ "count", "1.5", "count = \"1.5\": wanted is a whole number" },
		{ "wait", "5",
		    "wait = \"5\": wanted is a time with its unit,"
		    " as in \"500ms\", \"30s\", \"5m\", \"2h\", \"7d\"" },
		{ "bytes", "8 kb",
		    "bytes = \"8 kb\": wanted is a size, as in"
		    " \"512\", \"8KiB\", \"16MiB\", \"2GiB\"" },
		{ "bytes", "99999999999999GiB",
		    "bytes ="
		    " \"99999999999999GiB\": wanted is a size, as in \"512\","
		    " \"8KiB\", \"16MiB\", \"2GiB\"" },
	};
	struct conf conf = { 0 };
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		err_clear(&err);
		assert_int_equal(opt_set(opt_find(opts, rows[i].opt), &conf,
				     rows[i].text, &err),
		    -1);
		assert_string_equal(err.text, rows[i].want);
		assert_int_equal(err.kind, ERR_CONF);
	}
}

static void
opt_lists_grow(void **state)
{
	struct conf conf = { 0 };

	(void)state;
	assert_int_equal(opt_set(opt_find(opts, "list"), &conf, "a", NULL), 0);
	assert_int_equal(opt_set(opt_find(opts, "list"), &conf, "b", NULL), 0);
	assert_int_equal(conf.list.n, 2);
	assert_string_equal(conf.list.v[1], "b");
	opt_clear(opts, &conf);
	assert_int_equal(conf.list.n, 0);
	assert_null(opt_find(opts, "lists"));
}

static void
backoff_doubles_up_to_its_cap_and_spreads(void **state)
{
	uint64_t base = 1000;
	struct backoff bo;

	(void)state;
	backoff_init(&bo, 1000, 60000, 7);
	for (int i = 0; i < 10; i++) {
		uint64_t wait = backoff_fail(&bo);

		assert_in_range(wait, base - base / 4, base + base / 4 + 1);
		base = base * 2 > 60000 ? 60000 : base * 2;
	}
	backoff_reset(&bo);
	assert_in_range(backoff_fail(&bo), 750, 1251);
}

static void
ratelimit_grants_a_burst_then_one_a_period(void **state)
{
	struct ratelimit_conf conf = { .burst = 3, .period_ms = 2000 };
	struct ratelimit rl;
	unsigned granted = 0;

	(void)state;
	ratelimit_init(&rl, &conf);
	assert_int_equal(ratelimit_take(&rl, 10000), 0);
	assert_int_equal(ratelimit_take(&rl, 10000), 0);
	assert_int_equal(ratelimit_take(&rl, 10000), 0);
	assert_int_equal(ratelimit_take(&rl, 10000), 2000);
	assert_int_equal(ratelimit_take(&rl, 11500), 500);
	assert_int_equal(ratelimit_take(&rl, 12000), 0);
	assert_int_equal(ratelimit_take(&rl, 12000), 2000);
	/* A whole day of asking every second never exceeds the rate. */
	for (uint64_t now = 100000; now < 100000 + 86400000; now += 1000)
		granted += ratelimit_take(&rl, now) == 0;
	assert_in_range(granted, 43200, 43203);
}

static void
ratelimit_lets_lower_ranks_go_first(void **state)
{
	struct ratelimit_conf conf = { .burst = 2, .period_ms = 1000 };
	struct ratelimit rl;

	(void)state;
	ratelimit_init(&rl, &conf);
	assert_int_equal(ratelimit_take(&rl, 10000), 0);
	assert_int_equal(ratelimit_take(&rl, 10000), 0);
	/* The later rank asks earlier, and is overtaken. */
	assert_int_equal(ratelimit_claim(&rl, 1, 10000), 1000);
	assert_int_equal(ratelimit_claim(&rl, 0, 10400), 600);
	assert_int_equal(ratelimit_claim(&rl, 1, 11000), 1000);
	assert_int_equal(ratelimit_claim(&rl, 0, 11001), 0);
	assert_int_equal(ratelimit_take(&rl, 11001), 0);
	/* It was served and does not ask again: its claim is gone. */
	assert_int_equal(ratelimit_claim(&rl, 1, 12000), 0);
	assert_int_equal(ratelimit_take(&rl, 12000), 0);
	/* A claim of one who never comes back ends by itself. */
	assert_int_equal(ratelimit_claim(&rl, 0, 12000), 1000);
	assert_int_equal(ratelimit_claim(&rl, 1, 13000), 1000);
	assert_int_equal(ratelimit_claim(&rl, 1, 14000), 0);
}

static void
ratelimit_holds_as_the_server_asks(void **state)
{
	struct ratelimit_conf conf = { .burst = 1, .period_ms = 10 };
	struct ratelimit rl;

	(void)state;
	ratelimit_init(&rl, &conf);
	ratelimit_hold(&rl, 5000);
	ratelimit_hold(&rl, 4000);
	assert_int_equal(ratelimit_take(&rl, 1000), 4000);
	assert_int_equal(ratelimit_take(&rl, 5000), 0);
}

static char *
write_file(const char *text, mode_t mode)
{
	char *path = xstrdup("/tmp/test_base.XXXXXX");
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	return path;
}

static void
secret_files_that_others_can_read_are_refused(void **state)
{
	static const struct {
		const char *text;
		mode_t mode;
		const char *want; /* NULL: refused */
	} rows[] = {
		{ "hunter2\n", 0600, "hunter2" },
		{ "  spaced out  \nsecond", 0640, "spaced out" },
		{ "hunter2\n", 0644, NULL },
		{ "\nhunter2", 0600, NULL },
		{ "", 0600, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *path = write_file(rows[i].text, rows[i].mode);
		struct err err = { 0 };
		struct secret *s = secret_read(path, &err);

		if (rows[i].want != NULL) {
			assert_non_null(s);
			assert_str(secret_reveal(s), rows[i].want);
		} else {
			assert_null(s);
			assert_int_equal(err.kind, ERR_CONF);
			assert_non_null(strstr(err.text, path));
			assert_null(strstr(err.text, "hunter2"));
		}
		secret_free(&s);
		unlink(path);
		xfree(path);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(err_text_cannot_forge_a_line),
	cmocka_unit_test(err_text_is_cut_with_dots),
	cmocka_unit_test(err_keeps_errno_and_wait),
	cmocka_unit_test(str_cut_takes_fields_one_by_one),
	cmocka_unit_test(str_numbers_refuse_what_does_not_fit),
	cmocka_unit_test(buf_remembers_that_it_failed),
	cmocka_unit_test(buf_consumes_from_the_front),
	cmocka_unit_test(opt_defaults_are_read_like_the_operators_words),
	cmocka_unit_test(opt_set_names_what_is_wanted),
	cmocka_unit_test(opt_lists_grow),
	cmocka_unit_test(backoff_doubles_up_to_its_cap_and_spreads),
	cmocka_unit_test(ratelimit_grants_a_burst_then_one_a_period),
	cmocka_unit_test(ratelimit_lets_lower_ranks_go_first),
	cmocka_unit_test(ratelimit_holds_as_the_server_asks),
	cmocka_unit_test(secret_files_that_others_can_read_are_refused),
};

UNIT_MAIN(tests)
