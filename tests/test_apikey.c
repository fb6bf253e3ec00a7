/* tests/test_apikey.c -- a key from a file, without asking anybody. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/err.h"
#include "base/secret.h"
#include "codec/httpmsg.h"

static char path[] = "/tmp/test_apikey.XXXXXX";

static void
write_key(const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (int)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static int
make_file(void **state)
{
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/test_apikey.XXXXXX");
	fd = mkstemp(path);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static int
remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static struct auth *
new_auth(void)
{
	const struct auth_conf conf = { .token_file = path };
	struct err err;
	struct auth *a = auth_new(&conf, &err);

	if (a == NULL)
		fail_msg("%s", err.text);
	return a;
}

static int
ask(struct auth *a, struct auth_token *token_r, struct err *err)
{
	struct httpreq req;
	int rc;

	httpreq_init(&req);
	rc = auth_ops(a)->ask(a, "scope", 1, &req, token_r, err);
	assert_int_equal(req.url.len, 0);
	httpreq_clear(&req);
	return rc;
}

static void
apikey_is_read_afresh_each_time(void **state)
{
	struct auth *a = new_auth();
	struct auth_token token;
	struct err err;

	(void)state;
	assert_string_equal(auth_ops(a)->scheme, "Token");
	write_key("Zm9vYmFy=\n", 0600);
	assert_int_equal(ask(a, &token, &err), 0);
	assert_str(secret_reveal(token.bearer), "Zm9vYmFy=");
	assert_true(token.life_ms >= 60000);
	secret_free(&token.bearer);
	write_key("another\nline", 0600);
	assert_int_equal(ask(a, &token, &err), 0);
	assert_str(secret_reveal(token.bearer), "another");
	secret_free(&token.bearer);
	auth_free(&a);
	assert_null(a);
}

static void
apikey_that_is_none_is_refused(void **state)
{
	static const struct {
		const char *text;
		mode_t mode;
	} rows[] = {
		{ "two words\n", 0600 },
		{ "k\xc3\xa9y\n", 0600 },
		{ "\n", 0600 },
		{ "readable\n", 0644 },
	};
	struct auth *a = new_auth();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct auth_token token = { .bearer = NULL };
		struct err err;

		write_key(rows[i].text, rows[i].mode);
		if (ask(a, &token, &err) != -1 || err.kind != ERR_CONF ||
		    strstr(err.text, "mdca-token-file") == NULL ||
		    strstr(err.text, "words") != NULL)
			fail_msg("row %zu: %s", i, err.text);
		assert_null(token.bearer);
	}
	auth_free(&a);
}

static void
apikey_and_a_secret_are_two_ways(void **state)
{
	const struct auth_conf conf = { .token_file = path,
		.secret_file = path };
	struct err err;

	(void)state;
	assert_null(auth_new(&conf, &err));
	assert_int_equal(err.kind, ERR_CONF);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(
	    apikey_is_read_afresh_each_time, make_file, remove_file),
	cmocka_unit_test_setup_teardown(
	    apikey_that_is_none_is_refused, make_file, remove_file),
	cmocka_unit_test(apikey_and_a_secret_are_two_ways),
};

UNIT_MAIN(tests)
