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
#include "codec/b64.h"
#include "codec/httpmsg.h"
#include "tests/rsakeys.h"

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

/* Any two of these ask for two ways at once. */
static void
one_way_to_log_in_is_wanted_not_two(void **state)
{
	static const char *const names[] = { "secret-file", "certificate-file",
		"federated-token-file", "managed-identity" };

	(void)state;
	for (unsigned set = 0; set < 16; set++) {
		const struct auth_conf conf = {
			.login_url = "https://l.example",
			.tenant_id = "t",
			.client_id = "c",
			.secret_file = (set & 1) != 0 ? "/s" : NULL,
			.cert_file = (set & 2) != 0 ? "/c" : NULL,
			.federated_file = (set & 4) != 0 ? "/f" : NULL,
			.identity = (set & 8) != 0 ? AUTH_IDENTITY_ANY
						   : AUTH_IDENTITY_NONE,
		};
		bool is_one = set != 0 && (set & (set - 1)) == 0;
		struct err err = { .kind = ERR_NONE };
		struct auth *a = auth_new(&conf, &err);
		unsigned named = 0;

		if ((a != NULL) != is_one)
			fail_msg("set %u: %s", set, err.text);
		for (unsigned i = 0; i < 4 && !is_one; i++)
			named += strstr(err.text, names[i]) != NULL;
		if (!is_one && named != (set == 0 ? 4 : 2))
			fail_msg("set %u: %s", set, err.text);
		auth_free(&a);
	}
}

static const struct {
	struct auth_conf conf;
	const char *says;
} lonely[] = {
	{ { .secret_file = "/s", .key_file = "/k" },
	    "key-file: there is no certificate-file" },
	{ { .secret_file = "/s", .key_pass_file = "/k" },
	    "key-pass-file: there is no certificate-file" },
	{ { .key_file = "/k" }, "key-file: there is no certificate-file" },
	{ { .secret_file = "/s", .identity_client_id = "i" },
	    "managed-identity-client-id: there is no managed-identity" },
	{ { .secret_file = "/s", .identity_url = "http://x" },
	    "identity-url: there is no managed-identity" },
};

static void
option_without_the_one_that_it_belongs_to_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lonely) / sizeof(lonely[0]); i++) {
		struct auth_conf conf = lonely[i].conf;
		struct err err = { .kind = ERR_NONE };

		conf.login_url = "https://l.example";
		conf.tenant_id = "t";
		conf.client_id = "c";
		if (auth_new(&conf, &err) != NULL || err.kind != ERR_CONF ||
		    strcmp(err.text, lonely[i].says) != 0)
			fail_msg("row %zu: %s", i, err.text);
	}
}

static void
files_are_tried_without_asking_anybody(void **state)
{
	struct auth *a = new_auth("https://login.example");
	struct err err;

	(void)state;
	assert_int_equal(auth_check(a, 1, &err), 0);
	assert_true(auth_ends_ms(a) == 0);
	write_secret("\n", 0600);
	assert_int_equal(auth_check(a, 1, &err), -1);
	assert_int_equal(err.kind, ERR_CONF);
	assert_true(str_starts(str_of(err.text), STR_LIT("secret-file: ")));
	write_secret(SECRET "\n", 0600);
	auth_free(&a);
}

/* --- other proofs ------------------------------------------------------- */

#define TYPE                                                           \
	"&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-" \
	"assertion-type%3Ajwt-bearer&client_assertion="
#define END "&grant_type=client_credentials"

static void
federated_token_is_passed_on_as_the_file_has_it(void **state)
{
	const struct auth_conf conf = { .login_url = "https://login.example",
		.tenant_id = "t",
		.client_id = "c",
		.federated_file = secret_path };
	struct httpreq req;
	struct err err;
	struct auth *a = auth_new(&conf, &err);

	(void)state;
	assert_non_null(a);
	for (int i = 0; i < 2; i++) {
		/* As Kubernetes writes it: readable for all. */
		write_secret(i == 0 ? "e30.e30.c2ln\n" : "e30.e30.bmV3", 0644);
		httpreq_init(&req);
		assert_int_equal(ask(a, &req, &err), 1);
		assert_str(buf_str(&req.body),
		    i == 0 ? "client_id=c&scope=https%3A%2F%2Fgraph.example%2F"
			     ".default" TYPE "e30.e30.c2ln" END
			   : "client_id=c&scope=https%3A%2F%2Fgraph.example%2F"
			     ".default" TYPE "e30.e30.bmV3" END);
		httpreq_clear(&req);
	}
	write_secret("s3cret\n", 0600);
	assert_int_equal(auth_check(a, 1, &err), -1);
	assert_int_equal(err.kind, ERR_CONF);
	assert_non_null(strstr(err.text, "federated-token-file: "));
	assert_null(strstr(err.text, "s3cret"));
	write_secret(SECRET "\n", 0600);
	auth_free(&a);
}

/* The assertion in the form, and whether NAME's key signed it. */
static bool
is_signed_by(struct rsakeys *keys, const char *name, const struct httpreq *req)
{
	struct str body = buf_str(&req->body);
	const char *at = memmem(body.p, body.len, TYPE, strlen(TYPE));
	struct str jwt, text, rest;
	struct buf sig, aud;
	bool rc;

	assert_non_null(at);
	at += strlen(TYPE);
	jwt = str_make(at, (size_t)(body.p + body.len - at));
	jwt = str_cut(&jwt, '&');
	rest = jwt;
	str_cut(&rest, '.');
	buf_init(&aud, 4096);
	assert_true(b64_decode(&aud, str_cut(&rest, '.')));
	assert_non_null(strstr(buf_cstr(&aud),
	    "\"aud\":\"https://login.example/t/oauth2/v2.0/token\""));
	text = str_make(jwt.p, (size_t)(rest.p - jwt.p) - 1);
	buf_init(&sig, 4096);
	assert_true(b64_decode(&sig, rest));
	rc = rsakeys_verify(keys, name, true, text, buf_str(&sig));
	buf_clear(&aud);
	buf_clear(&sig);
	return rc;
}

static int
refuse_certificate(struct auth *a, unsigned tag, struct err *err)
{
	struct auth_token token;
	struct httpresp resp;
	int rc;

	httpresp_init(&resp);
	resp.status = 401;
	resp.tag = tag;
	rc = auth_ops(a)->read(a, &resp,
	    STR_LIT("{\"error\":\"invalid_client\",\"error_codes\":[700027]}"),
	    1, &token, err);
	httpresp_clear(&resp);
	return rc;
}

#define NOW 1750000000000 /* in 2025 */

static const struct auth_conf cert_conf = {
	.login_url = "https://login.example", .tenant_id = "t", .client_id = "c"
};

/* Ask at `wall_ms` and say whose key signed; the tag goes to *tag_r. */
static const char *
signer(struct auth *a, struct rsakeys *keys, uint64_t wall_ms, unsigned *tag_r)
{
	static const char *const names[] = { "a", "b" };
	struct auth_token token;
	struct httpreq req;
	const char *who = NULL;
	struct err err;

	httpreq_init(&req);
	if (auth_ops(a)->ask(a, "s", wall_ms, &req, &token, &err) != 1)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < 2; i++)
		if (is_signed_by(keys, names[i], &req))
			who = names[i];
	*tag_r = req.tag;
	httpreq_clear(&req);
	return who;
}

static struct auth *
new_cert_auth(struct rsakeys *keys, const struct rsakeys_pair *a,
    const struct rsakeys_pair *b)
{
	static const char *const all[] = { "a.pem", "a.key", "b.pem", "b.key",
		NULL };
	struct auth_conf conf = cert_conf;
	struct auth *auth;
	struct err err;

	rsakeys_make(keys, "a", a);
	rsakeys_make(keys, "b", b);
	rsakeys_join(keys, "all", all);
	conf.cert_file = rsakeys_path(keys, "all");
	auth = auth_new(&conf, &err);
	if (auth == NULL)
		fail_msg("%s", err.text);
	return auth;
}

static void
second_certificate_is_tried_when_the_first_is_not_registered(void **state)
{
	const struct rsakeys_pair any = { .bits = 0 };
	struct rsakeys *keys = rsakeys_new();
	struct auth *a = new_cert_auth(keys, &any, &any);
	unsigned first, other, third;
	struct err err;

	(void)state;
	assert_string_equal(auth_ops(a)->name, "certificate");
	assert_string_equal(signer(a, keys, NOW, &first), "a");
	assert_true(auth_ends_ms(a) == 2208988800000);
	/* Two requests with the first one were under way. */
	assert_int_equal(refuse_certificate(a, first, &err), -1);
	assert_int_equal(err.kind, ERR_LOGIN);
	assert_string_equal(signer(a, keys, NOW, &other), "b");
	assert_int_equal(refuse_certificate(a, first, &err), -1);
	assert_int_equal(err.kind, ERR_LOGIN);
	assert_string_equal(signer(a, keys, NOW, &third), "b");
	/* The other is refused as well: back to the first. */
	assert_int_equal(refuse_certificate(a, other, &err), -1);
	assert_non_null(strstr(err.text, "certificate is not registered"));
	assert_string_equal(signer(a, keys, NOW, &third), "a");
	auth_free(&a);
	rsakeys_free(&keys);
}

static void
certificate_that_is_valid_goes_before_others(void **state)
{
	const struct rsakeys_pair over = { .begins_s = 1500000000,
		.ends_s = 1600000000 };
	const struct rsakeys_pair now = { .begins_s = 1700000000,
		.ends_s = 1800000000 };
	struct rsakeys *keys = rsakeys_new();
	struct auth *a = new_cert_auth(keys, &over, &now);
	unsigned tag;

	(void)state;
	assert_string_equal(signer(a, keys, NOW, &tag), "b");
	assert_true(auth_ends_ms(a) == 1800000000000);
	/* The clock may be wrong: without a valid one, the first. */
	assert_string_equal(signer(a, keys, 1900000000000, &tag), "a");
	auth_free(&a);
	rsakeys_free(&keys);
}

static void
lonely_certificate_is_not_tried_twice(void **state)
{
	struct rsakeys *keys = rsakeys_new();
	struct auth_conf conf = cert_conf;
	struct auth *a;
	unsigned tag;
	struct err err;

	(void)state;
	rsakeys_make(keys, "a", &(struct rsakeys_pair){ .bits = 0 });
	rsakeys_make(keys, "b", &(struct rsakeys_pair){ .bits = 0 });
	conf.cert_file = rsakeys_path(keys, "a.pem");
	conf.key_file = rsakeys_path(keys, "a.key");
	conf.key_pass_file = "";
	a = auth_new(&conf, &err);
	assert_non_null(a);
	assert_int_equal(auth_check(a, 1, &err), 0);
	assert_string_equal(signer(a, keys, NOW, &tag), "a");
	assert_int_equal(refuse_certificate(a, tag, &err), -1);
	assert_int_equal(err.kind, ERR_CONF);
	/* A new pair of files needs no restart. */
	rsakeys_join(keys, "a.pem", (const char *const[]){ "b.pem", NULL });
	assert_int_equal(auth_check(a, 1, &err), -1);
	assert_int_equal(err.kind, ERR_CONF);
	rsakeys_join(keys, "a.key", (const char *const[]){ "b.key", NULL });
	assert_string_equal(signer(a, keys, NOW, &tag), "b");
	auth_free(&a);
	rsakeys_free(&keys);
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
	cmocka_unit_test(one_way_to_log_in_is_wanted_not_two),
	cmocka_unit_test(option_without_the_one_that_it_belongs_to_is_refused),
	cmocka_unit_test(files_are_tried_without_asking_anybody),
	cmocka_unit_test(federated_token_is_passed_on_as_the_file_has_it),
	cmocka_unit_test(
	    second_certificate_is_tried_when_the_first_is_not_registered),
	cmocka_unit_test(certificate_that_is_valid_goes_before_others),
	cmocka_unit_test(lonely_certificate_is_not_tried_twice),
	cmocka_unit_test(token_and_its_life_are_read),
	cmocka_unit_test(refusals_say_what_to_do),
	cmocka_unit_test(each_number_has_a_plain_sentence),
};

int
main(void)
{
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
