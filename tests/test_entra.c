/* tests/test_entra.c -- requests for a token, and what answers say. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/aadsts.h"
#include "auth/auth.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "codec/httpmsg.h"

#define SECRET "s3~cr+t/va=lue&x"
#define SECRET_SENT "s3~cr%2Bt%2Fva%3Dlue%26x"

static char secret_path[] = "/tmp/test_entra.XXXXXX";

static void
write_secret(const char *text, mode_t mode)
{
	int fd = open(secret_path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (int)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static int
make_file(void **state)
{
	int fd = mkstemp(secret_path);

	(void)state;
	if (fd < 0)
		return -1;
	close(fd);
	write_secret(SECRET "\n", 0600);
	return 0;
}

static int
remove_file(void **state)
{
	(void)state;
	return unlink(secret_path);
}

static struct auth *
new_auth(const char *login_url)
{
	const struct auth_conf conf = {
		.login_url = login_url,
		.tenant_id = "contoso.example",
		.client_id = "11112222-bbbb",
		.secret_file = secret_path,
	};
	struct err err;
	struct auth *a = auth_new(&conf, &err);

	if (a == NULL)
		fail_msg("%s", err.text);
	return a;
}

static int
ask(struct auth *a, struct httpreq *req, struct err *err)
{
	struct auth_token token;

	return auth_ops(a)->ask(
	    a, "https://graph.example/.default", 1, req, &token, err);
}

static void
request_has_the_form_of_the_client_credentials_grant(void **state)
{
	struct auth *a = new_auth("https://login.example/");
	struct httpreq req;
	struct err err;

	(void)state;
	httpreq_init(&req);
	assert_int_equal(ask(a, &req, &err), 1);
	assert_int_equal(req.method, HTTP_POST);
	assert_str(buf_str(&req.url),
	    "https://login.example/contoso.example/oauth2/v2.0/token");
	assert_non_null(strstr(buf_cstr(&req.headers),
	    "Content-Type: application/x-www-form-urlencoded\n"));
	assert_str(buf_str(&req.body),
	    "client_id=11112222-bbbb"
	    "&scope=https%3A%2F%2Fgraph.example%2F.default"
	    "&client_secret=" SECRET_SENT "&grant_type=client_credentials");
	assert_null(req.bearer);
	httpreq_clear(&req);
	auth_free(&a);
	assert_null(a);
}

static void
secret_is_read_afresh_for_each_request(void **state)
{
	struct auth *a = new_auth("https://login.example");
	struct httpreq req;
	struct err err;

	(void)state;
	write_secret("another\n", 0600);
	httpreq_init(&req);
	assert_int_equal(ask(a, &req, &err), 1);
	assert_non_null(strstr(buf_cstr(&req.body), "client_secret=another&"));
	httpreq_clear(&req);

	write_secret("another\n", 0644);
	httpreq_init(&req);
	assert_int_equal(ask(a, &req, &err), -1);
	assert_int_equal(err.kind, ERR_CONF);
	assert_non_null(strstr(err.text, secret_path));
	assert_null(strstr(err.text, "another"));
	httpreq_clear(&req);
	write_secret(SECRET "\n", 0600);
	auth_free(&a);
}

static const struct {
	const char *login_url, *tenant_id, *client_id, *secret_file;
	const char *says;
} bad_confs[] = {
	{ "https://l.example", "t", "c", NULL, "secret-file" },
	{ "https://l.example", "t", "c", "", "secret-file" },
	{ "https://l.example", "t", NULL, "/s", "client-id" },
	{ "https://l.example", "", "c", "/s", "tenant-id" },
	{ "https://l.example", "common", "c", "/s", "tenant-id" },
	{ "login.example", "t", "c", "/s", "login-url" },
	{ NULL, "t", "c", "/s", "login-url" },
};

static void
configuration_that_cannot_log_in_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_confs) / sizeof(*bad_confs); i++) {
		const struct auth_conf conf = {
			.login_url = bad_confs[i].login_url,
			.tenant_id = bad_confs[i].tenant_id,
			.client_id = bad_confs[i].client_id,
			.secret_file = bad_confs[i].secret_file,
		};
		struct err err = { .kind = ERR_NONE };

		if (auth_new(&conf, &err) != NULL || err.kind != ERR_CONF ||
		    strstr(err.text, bad_confs[i].says) == NULL)
			fail_msg("row %zu: %s", i, err.text);
	}
}

/* --- answers ------------------------------------------------------------ */

static int
read_answer(int status, const char *headers, const char *body,
    struct auth_token *token, struct err *err)
{
	struct auth *a = new_auth("https://login.example");
	struct httpresp resp;
	struct httpreq req;
	int rc;

	httpreq_init(&req);
	assert_int_equal(ask(a, &req, err), 1);
	httpreq_clear(&req);
	httpresp_init(&resp);
	resp.status = status;
	buf_add_text(&resp.headers, headers != NULL ? headers : "X: y\n");
	*err = (struct err){ .kind = ERR_NONE };
	*token = (struct auth_token){ .bearer = NULL };
	rc = auth_ops(a)->read(a, &resp, str_of(body), 1, token, err);
	httpresp_clear(&resp);
	auth_free(&a);
	return rc;
}

static const struct {
	const char *body;
	uint64_t life_ms, renew_ms;
} tokens[] = {
	{ "{\"token_type\":\"Bearer\",\"expires_in\":3599,"
	  "\"ext_expires_in\":3599,\"access_token\":\"ey.J0\"}",
	    3599000, 0 },
	{ "{\"token_type\":\"bearer\",\"expires_in\":\"86399\","
	  "\"refresh_in\":\"43199\",\"access_token\":\"ey.J0\"}",
	    86399000, 43199000 },
	{ "{\"token_type\":\"Bearer\",\"expires_in\":3599,"
	  "\"refresh_in\":9999,\"access_token\":\"ey\\u002eJ0\"}",
	    3599000, 0 },
	{ "{\"token_type\":\"Bearer\",\"expires_in\":99999999999,"
	  "\"access_token\":\"ey.J0\"}",
	    (uint64_t)7 * 24 * 3600 * 1000, 0 },
};

static void
token_and_its_life_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		struct auth_token token;
		struct err err;

		if (read_answer(200, NULL, tokens[i].body, &token, &err) != 0)
			fail_msg("row %zu: %s", i, err.text);
		assert_str(secret_reveal(token.bearer), "ey.J0");
		assert_true(token.life_ms == tokens[i].life_ms);
		assert_true(token.renew_ms == tokens[i].renew_ms);
		secret_free(&token.bearer);
	}
}

#define REFUSAL(word, code, text)                                     \
	"{\"error\":\"" word "\",\"error_description\":\"AADSTS" code \
	": " text                                                     \
	" Trace ID: t-1 Correlation ID: c-1\",\"error_codes\":[" code \
	"],\"correlation_id\":\"c-1\"}"

static const struct {
	const char *name;
	int status;
	const char *headers, *body;
	enum err_kind kind;
	uint64_t wait_ms;
	const char *says[3];
} refusals[] = {
	{ "wrong secret", 401, NULL,
	    REFUSAL("invalid_client", "7000215", "Wrong."), ERR_CONF, 0,
	    { "secret's value, not its ID", "AADSTS7000215",
		"(correlation id c-1)" } },
	{ "expired secret", 401, NULL,
	    REFUSAL("invalid_client", "7000222", "Old."), ERR_CONF, 0,
	    { "expired", "create a new one" } },
	{ "unknown application", 400, NULL,
	    REFUSAL("unauthorized_client", "700016", "None."), ERR_CONF, 0,
	    { "client-id", "tenant-id" } },
	{ "conditional access", 400, NULL,
	    REFUSAL("access_denied", "53003", "Blocked."), ERR_DENIED, 0,
	    { "Conditional Access" } },
	{ "consent", 400, NULL, REFUSAL("invalid_grant", "65001", "Consent."),
	    ERR_DENIED, 0, { "admin consent" } },
	{ "wrong cloud", 400, NULL,
	    REFUSAL("invalid_request", "900382", "Cloud."), ERR_CONF, 0,
	    { "`cloud`" } },
	{ "passing fault", 400, NULL,
	    REFUSAL("invalid_request", "90033", "Later."), ERR_RETRY, 0,
	    { "passing" } },
	{ "a code in the text only", 401, NULL,
	    "{\"error\":\"invalid_client\",\"error_description\":"
	    "\"AADSTS7000222: Old.\\r\\nTrace\"}",
	    ERR_CONF, 0, { "expired" } },
	{ "an unknown code", 400, NULL,
	    REFUSAL("invalid_grant", "123456", "Something odd."), ERR_CONF, 0,
	    { "invalid_grant", "AADSTS123456: Something odd.", "c-1" } },
	{ "temporarily unavailable", 400, NULL,
	    "{\"error\":\"temporarily_unavailable\"}", ERR_RETRY, 0,
	    { "temporarily_unavailable" } },
	{ "throttled", 429, "Retry-After: 17\n", "<html>slow</html>", ERR_WAIT,
	    17000, { "login failed" } },
	{ "busy, with words", 503, NULL,
	    REFUSAL("temporarily_unavailable", "90024", "Busy."), ERR_RETRY, 0,
	    { "login failed" } },
	{ "not found", 404, NULL, "", ERR_CONF, 0, { "404" } },
	{ "a page in its place", 200, NULL, "<html>proxy</html>", ERR_RETRY, 0,
	    { "not JSON" } },
	{ "no token", 200, NULL, "{\"token_type\":\"Bearer\",\"expires_in\":1}",
	    ERR_RETRY, 0, { "without a usable token" } },
	{ "a token that breaks the header", 200, NULL,
	    "{\"token_type\":\"Bearer\",\"expires_in\":1,"
	    "\"access_token\":\"a\\r\\nX: y\"}",
	    ERR_RETRY, 0, { "without a usable token" } },
	{ "no life", 200, NULL,
	    "{\"token_type\":\"Bearer\",\"access_token\":\"a\"}", ERR_RETRY, 0,
	    { "how long" } },
	{ "another type", 200, NULL,
	    "{\"token_type\":\"mac\",\"expires_in\":9,\"access_token\":\"a\"}",
	    ERR_RETRY, 0, { "mac" } },
	{ "an error in a success", 200, NULL,
	    REFUSAL("invalid_client", "7000215", "Wrong."), ERR_CONF, 0,
	    { "AADSTS7000215" } },
	{ "the secret as it is, echoed", 400, NULL,
	    REFUSAL("invalid_request", "123", "You said " SECRET "!"), ERR_CONF,
	    0, { "You said ****************!" } },
	{ "the secret as it was sent, echoed", 400, NULL,
	    REFUSAL("invalid_request", "123", "You said " SECRET_SENT "!"),
	    ERR_CONF, 0, { "You said ************************!" } },
};

static void
refusals_say_what_to_do(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct auth_token token;
		struct err err;
		int rc = read_answer(refusals[i].status, refusals[i].headers,
		    refusals[i].body, &token, &err);

		if (rc != -1 || err.kind != refusals[i].kind ||
		    err.wait_ms != refusals[i].wait_ms)
			fail_msg("%s: %d, kind %d, wait %d: %s",
			    refusals[i].name, rc, err.kind, (int)err.wait_ms,
			    err.text);
		for (size_t k = 0; k < 3 && refusals[i].says[k]; k++) {
			if (strstr(err.text, refusals[i].says[k]) == NULL)
				fail_msg("%s: \"%s\" is not in \"%s\"",
				    refusals[i].name, refusals[i].says[k],
				    err.text);
		}
		assert_null(strstr(err.text, SECRET));
		assert_null(strstr(err.text, SECRET_SENT));
		assert_null(token.bearer);
	}
}

static void
each_number_has_a_plain_sentence(void **state)
{
	static const uint32_t some[] = { 7000215, 7000222, 7000218, 700016,
		7000112, 70001, 700025, 700027, 700024, 700030, 50012, 500133,
		70021, 700211, 700213, 700212, 90002, 900023, 90038, 900382,
		900384, 900432, 9001023, 53003, 530035, 500011, 50001, 70011,
		700022, 700023, 65001, 650052, 650056, 650057, 1000031, 900144,
		9002313, 901002, 90055, 50196, 90006, 90012, 90024, 90033,
		90090 };

	(void)state;
	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		const struct aadsts *row = aadsts_find(some[i]);

		if (row == NULL || row->what == NULL ||
		    (row->to_do == NULL && row->kind != ERR_RETRY))
			fail_msg("AADSTS%u", some[i]);
	}
	assert_null(aadsts_find(0));
	assert_null(aadsts_find(1));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(request_has_the_form_of_the_client_credentials_grant),
	cmocka_unit_test(secret_is_read_afresh_for_each_request),
	cmocka_unit_test(configuration_that_cannot_log_in_is_refused),
	cmocka_unit_test(token_and_its_life_are_read),
	cmocka_unit_test(refusals_say_what_to_do),
	cmocka_unit_test(each_number_has_a_plain_sentence),
};

int
main(void)
{
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
