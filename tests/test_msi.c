/* tests/test_msi.c -- tokens of a managed identity, from IMDS and Azure Arc. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/xalloc.h"
#include "codec/httpmsg.h"

#define SCOPE "https://graph.example/.default"

static char dir[] = "/tmp/test_msi.XXXXXX";
static char realm[64];

static int
make_dir(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(realm, sizeof(realm), "%s/one.key", dir);
	return 0;
}

static int
remove_dir(void **state)
{
	(void)state;
	unlink(realm);
	return rmdir(dir);
}

static struct auth *
new_auth(enum auth_identity identity, const char *client_id, const char *url)
{
	const struct auth_conf conf = { .identity = identity,
		.identity_client_id = client_id,
		.identity_url = url,
		.identity_key_dir = dir };
	struct err err;
	struct auth *a = auth_new(&conf, &err);

	if (a == NULL)
		fail_msg("%s", err.text);
	return a;
}

static const struct {
	enum auth_identity identity;
	const char *client_id, *base, *want;
} requests[] = {
	{ AUTH_IDENTITY_IMDS, NULL, NULL,
	    "http://169.254.169.254/metadata/identity/oauth2/token"
	    "?api-version=2018-02-01&resource=https%3A%2F%2Fgraph.example" },
	{ AUTH_IDENTITY_IMDS, "id-1", NULL,
	    "http://169.254.169.254/metadata/identity/oauth2/token"
	    "?api-version=2018-02-01&resource=https%3A%2F%2Fgraph.example"
	    "&client_id=id-1" },
	{ AUTH_IDENTITY_ARC, "", NULL,
	    "http://127.0.0.1:40342/metadata/identity/oauth2/token"
	    "?api-version=2020-06-01&resource=https%3A%2F%2Fgraph.example" },
	{ AUTH_IDENTITY_IMDS, NULL, "http://127.0.0.1:99/",
	    "http://127.0.0.1:99/metadata/identity/oauth2/token"
	    "?api-version=2018-02-01&resource=https%3A%2F%2Fgraph.example" },
};

static void
request_names_the_resource_and_goes_round_the_proxy(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		struct auth *a = new_auth(requests[i].identity,
		    requests[i].client_id, requests[i].base);
		struct auth_token token;
		struct httpreq req;
		struct err err;

		httpreq_init(&req);
		assert_int_equal(
		    auth_ops(a)->ask(a, SCOPE, 1, &req, &token, &err), 1);
		assert_int_equal(req.method, HTTP_GET);
		assert_str(buf_str(&req.url), requests[i].want);
		assert_str(buf_str(&req.headers), "Metadata: true\n");
		assert_int_equal(req.body.len, 0);
		assert_true(req.no_proxy);
		assert_null(req.bearer);
		httpreq_clear(&req);
		auth_free(&a);
	}
}

static void
configuration_that_makes_no_sense_is_refused(void **state)
{
	const struct auth_conf bad_url = { .identity = AUTH_IDENTITY_ANY,
		.identity_url = "ftp://x" };
	struct err err;

	(void)state;
	assert_null(auth_new(&bad_url, &err));
	assert_int_equal(err.kind, ERR_CONF);
	assert_non_null(strstr(err.text, "identity-url: "));
}

/* --- answers ------------------------------------------------------------ */

static int
answer(struct auth *a, int status, const char *headers, const char *body,
    struct auth_token *token, struct err *err)
{
	struct httpresp resp;
	int rc;

	httpresp_init(&resp);
	resp.status = status;
	buf_add_text(&resp.headers, headers);
	*err = (struct err){ .kind = ERR_NONE };
	*token = (struct auth_token){ .bearer = NULL };
	rc = auth_ops(a)->read(
	    a, &resp, str_of(body), 1506480573000, token, err);
	httpresp_clear(&resp);
	return rc;
}

#define TOKEN(more) \
	"{\"access_token\":\"ey.J0\",\"token_type\":\"Bearer\"" more "}"

static const struct {
	const char *client_id, *body;
	uint64_t life_ms; /* 0: refused */
	const char *says;
} tokens[] = {
	{ NULL, TOKEN(",\"refresh_token\":\"\",\"expires_in\":\"3599\""),
	    3599000, "" },
	{ NULL, TOKEN(",\"expires_on\":\"1506484173\""), 3600000, "" },
	{ NULL, TOKEN(",\"expires_on\":1506484173"), 3600000, "" },
	{ NULL, TOKEN(",\"expires_on\":\"2017-09-27 03:49:33\""), 3600000, "" },
	{ NULL, TOKEN(",\"expires_on\":\"1506480000\""), 0, "how long" },
	{ NULL, TOKEN(""), 0, "how long" },
	{ "id-1", TOKEN(",\"expires_in\":9,\"client_id\":\"ID-1\""), 9000, "" },
	{ "id-1", TOKEN(",\"expires_in\":9"), 9000, "" },
	{ "id-1", TOKEN(",\"expires_in\":9,\"client_id\":\"id-2\""), 0,
	    "another identity" },
	{ "id-1", TOKEN(",\"expires_in\":9,\"client_id\":null"), 0,
	    "another identity" },
};

static void
token_is_read_with_numbers_in_quotes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		struct auth *a =
		    new_auth(AUTH_IDENTITY_IMDS, tokens[i].client_id, NULL);
		struct auth_token token;
		struct err err;
		int rc = answer(a, 200, "", tokens[i].body, &token, &err);

		if (rc != (tokens[i].life_ms > 0 ? 0 : -1) ||
		    token.life_ms != tokens[i].life_ms ||
		    strstr(err.text, tokens[i].says) == NULL)
			fail_msg("row %zu: %d %llu %s", i, rc,
			    (unsigned long long)token.life_ms, err.text);
		secret_free(&token.bearer);
		auth_free(&a);
	}
}

static void
agent_that_does_not_say_whose_token_it_is_is_not_believed(void **state)
{
	struct auth *a = new_auth(AUTH_IDENTITY_ARC, "id-1", NULL);
	struct auth_token token;
	struct err err;

	(void)state;
	assert_int_equal(
	    answer(a, 200, "", TOKEN(",\"expires_in\":9"), &token, &err), -1);
	assert_non_null(strstr(err.text, "managed-identity-client-id"));
	auth_free(&a);
}

static const struct {
	int status;
	const char *headers, *body;
	enum err_kind kind;
	const char *says;
} refusals[] = {
	{ 400, "",
	    "{\"error\":\"invalid_request\",\"error_description\":"
	    "\"Identity not found\"}",
	    ERR_CONF, "is one assigned to this machine?" },
	{ 400, "",
	    "{\"error\":\"invalid_resource\",\"error_description\":"
	    "\"AADSTS500011: No such thing.\"}",
	    ERR_CONF, "AADSTS500011" },
	{ 401, "",
	    "{\"error\":\"unknown_source\",\"error_description\":\"Unknown\"}",
	    ERR_CONF, "unknown_source" },
	{ 403, "", "<html>proxy</html>", ERR_CONF, "proxy" },
	{ 404, "", "", ERR_RETRY, "404" },
	{ 404, "", "{\"error\":\"not_found\"}", ERR_RETRY, "not_found" },
	{ 410, "", "", ERR_RETRY, "410" },
	{ 429, "Retry-After: 7\n", "", ERR_WAIT, "429" },
	{ 500, "", "{\"error\":\"unknown\"}", ERR_RETRY, "500" },
	{ 503, "", "<html></html>", ERR_RETRY, "503" },
	{ 200, "", "<html></html>", ERR_RETRY, "not JSON" },
};

static void
refusals_say_what_to_do(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct auth *a = new_auth(AUTH_IDENTITY_IMDS, NULL, NULL);
		struct auth_token token;
		struct err err;
		int rc = answer(a, refusals[i].status, refusals[i].headers,
		    refusals[i].body, &token, &err);

		if (rc != -1 || err.kind != refusals[i].kind ||
		    strstr(err.text, refusals[i].says) == NULL)
			fail_msg("row %zu: kind %d: %s", i, err.kind, err.text);
		auth_free(&a);
	}
}

/* --- the challenge of Azure Arc ----------------------------------------- */

static void
write_key(const char *text)
{
	int fd = open(realm, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
}

static int
challenge(struct auth *a, const char *headers, struct err *err)
{
	struct auth_token token;

	return answer(a, 401, headers, "", &token, err);
}

static void
challenge_is_met_once_with_the_content_of_the_file(void **state)
{
	struct auth *a = new_auth(AUTH_IDENTITY_ARC, NULL, NULL);
	char header[128];
	struct auth_token token;
	struct httpreq req;
	struct err err;

	(void)state;
	write_key("k3y+content==\n");
	snprintf(header, sizeof(header), "WWW-Authenticate: Basic realm=%s\n",
	    realm);
	assert_int_equal(challenge(a, header, &err), -1);
	assert_int_equal(err.kind, ERR_LOGIN);
	assert_null(strstr(err.text, "k3y"));
	for (int i = 0; i < 2; i++) {
		httpreq_init(&req);
		assert_int_equal(
		    auth_ops(a)->ask(a, SCOPE, 1, &req, &token, &err), 1);
		assert_str(buf_str(&req.headers),
		    i == 0 ? "Metadata: true\n"
			     "Authorization: Basic k3y+content==\n"
			   : "Metadata: true\n");
		httpreq_clear(&req);
	}
	auth_free(&a);
}

static void
only_a_key_file_of_the_agent_is_read(void **state)
{
	static const char *const rows[] = {
		"", /* no header at all */
		"WWW-Authenticate: Basic realm=\n",
		"WWW-Authenticate: Basic\n",
		"WWW-Authenticate: Bearer realm=%s/one.key\n",
		"WWW-Authenticate: Basic realm=/etc/one.key\n",
		"WWW-Authenticate: Basic realm=%s/../one.key\n",
		"WWW-Authenticate: Basic realm=%s/sub/one.key\n",
		"WWW-Authenticate: Basic realm=%s/.key\n",
		"WWW-Authenticate: Basic realm=%s/one.txt\n",
		"WWW-Authenticate: Basic realm=%sx/one.key\n",
		"WWW-Authenticate: Basic realm=%s/none.key\n",
		"WWW-Authenticate: Basic realm=%s/link.key\n",
		"WWW-Authenticate: Basic realm=%s/long.key\n",
		"WWW-Authenticate: Basic realm=%s/lines.key\n",
	};
	char *path[3];

	(void)state;
	write_key("k3y");
	path[0] = xasprintf("%s/link.key", dir);
	path[1] = xasprintf("%s/long.key", dir);
	path[2] = xasprintf("%s/lines.key", dir);
	assert_int_equal(symlink(realm, path[0]), 0);
	for (int i = 1; i < 3; i++) {
		FILE *f = fopen(path[i], "w");

		assert_non_null(f);
		if (i == 1)
			fprintf(f, "%05000d", 0);
		else
			fprintf(f, "one\nX: two");
		fclose(f);
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct auth *a = new_auth(AUTH_IDENTITY_ARC, NULL, NULL);
		const char *at = strstr(rows[i], "%s");
		char header[160];
		struct err err;

		snprintf(header, sizeof(header), "%.*s%s%s",
		    at != NULL ? (int)(at - rows[i]) : (int)strlen(rows[i]),
		    rows[i], at != NULL ? dir : "", at != NULL ? at + 2 : "");
		if (challenge(a, header, &err) != -1 || err.kind != ERR_CONF ||
		    strstr(err.text, "managed-identity: ") == NULL)
			fail_msg("row %zu: kind %d: %s", i, err.kind, err.text);
		auth_free(&a);
	}
	for (int i = 0; i < 3; i++) {
		unlink(path[i]);
		xfree(path[i]);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(request_names_the_resource_and_goes_round_the_proxy),
	cmocka_unit_test(configuration_that_makes_no_sense_is_refused),
	cmocka_unit_test(token_is_read_with_numbers_in_quotes),
	cmocka_unit_test(
	    agent_that_does_not_say_whose_token_it_is_is_not_believed),
	cmocka_unit_test(refusals_say_what_to_do),
	cmocka_unit_test(challenge_is_met_once_with_the_content_of_the_file),
	cmocka_unit_test(only_a_key_file_of_the_agent_is_read),
};

int
main(void)
{
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
