/* tests/test_jwt.c -- assertions, and the files that their keys stand in. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include <sys/stat.h>

#include "auth/jwt.h"
#include "base/buf.h"
#include "base/err.h"
#include "codec/b64.h"
#include "tests/rsakeys.h"

static struct rsakeys *keys;

static int
make_keys(void **state)
{
	static const char *const both[] = { "a.pem", "a.key", NULL };
	static const char *const two[] = { "a.pem", "b.pem", "b.key", "a.key",
		NULL };
	static const char *const chain[] = { "a.pem", "b.pem", "a.key", NULL };

	(void)state;
	keys = rsakeys_new();
	rsakeys_make(keys, "a", &(struct rsakeys_pair){ .bits = 0 });
	rsakeys_make(keys, "b",
	    &(struct rsakeys_pair){
		.begins_s = 1700000000, .ends_s = 1800000000 });
	rsakeys_make(
	    keys, "locked", &(struct rsakeys_pair){ .pass = "geh heim" });
	rsakeys_make(keys, "weak", &(struct rsakeys_pair){ .bits = 1024 });
	rsakeys_make(keys, "ec", &(struct rsakeys_pair){ .ec = true });
	rsakeys_join(keys, "both", both);
	rsakeys_join(keys, "two", two);
	rsakeys_join(keys, "chain", chain);
	rsakeys_join(keys, "open.key", (const char *const[]){ "a.key", NULL });
	rsakeys_join(keys, "open", both);
	chmod(rsakeys_path(keys, "open.key"), 0644);
	chmod(rsakeys_path(keys, "open"), 0644);
	chmod(rsakeys_path(keys, "a.pem"), 0644);
	return 0;
}

static int
remove_keys(void **state)
{
	(void)state;
	rsakeys_free(&keys);
	return 0;
}

static void
write_file(const char *name, const char *text)
{
	FILE *f = fopen(rsakeys_path(keys, name), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	chmod(rsakeys_path(keys, name), 0600);
}

static struct jwt_keys *
read_files(const char *cert, const char *key, const char *pass, struct err *err)
{
	*err = (struct err){ .kind = ERR_NONE };
	return jwt_keys_read(rsakeys_path(keys, cert),
	    key != NULL ? rsakeys_path(keys, key) : NULL,
	    pass != NULL ? rsakeys_path(keys, pass) : NULL, err);
}

static const struct jwt_claims claims = {
	.aud = { "https://login.example/t/oauth2/v2.0/token", 41 },
	.client_id = { "app\"1", 5 },
	.jti = "0000-1",
	.wall_ms = 1750000000999,
};

/* The decoded part of that number. */
static void
part_of(struct str jwt, unsigned n, struct buf *out)
{
	while (n-- > 0)
		str_cut(&jwt, '.');
	assert_true(b64_decode(out, str_cut(&jwt, '.')));
}

static void
check_assertion(
    const struct jwt_keys *k, size_t i, const char *name, enum auth_alg alg)
{
	struct buf jwt, part;
	struct str text;
	char want[512];
	struct err err;

	buf_init(&jwt, 8192);
	buf_init(&part, 8192);
	assert_int_equal(jwt_sign(k, i, alg, &claims, &jwt, &err), 0);
	part_of(buf_str(&jwt), 0, &part);
	if (alg == AUTH_PS256)
		snprintf(want, sizeof(want),
		    "{\"alg\":\"PS256\",\"typ\":\"JWT\",\"x5t#S256\":\"%s\"}",
		    rsakeys_thumbprint(keys, name, false));
	else
		snprintf(want, sizeof(want),
		    "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"x5t\":\"%s\","
		    "\"x5t#S256\":\"%s\"}",
		    rsakeys_thumbprint(keys, name, true),
		    rsakeys_thumbprint(keys, name, false));
	assert_str(buf_str(&part), want);
	buf_reset(&part);
	part_of(buf_str(&jwt), 1, &part);
	assert_str(buf_str(&part),
	    "{\"aud\":\"https://login.example/t/oauth2/v2.0/token\","
	    "\"exp\":1750000540,\"iat\":1750000000,\"iss\":\"app\\\"1\","
	    "\"jti\":\"0000-1\",\"nbf\":1749999940,\"sub\":\"app\\\"1\"}");
	buf_reset(&part);
	part_of(buf_str(&jwt), 2, &part);
	text = buf_str(&jwt);
	while (text.p[text.len - 1] != '.')
		text.len--;
	text.len--;
	assert_true(rsakeys_verify(
	    keys, name, alg == AUTH_PS256, text, buf_str(&part)));
	assert_false(rsakeys_verify(
	    keys, name, alg != AUTH_PS256, text, buf_str(&part)));
	assert_null(memchr(jwt.p, '=', jwt.len));
	buf_clear(&jwt);
	buf_clear(&part);
}

static void
assertion_has_its_header_claims_and_signature(void **state)
{
	struct err err;
	struct jwt_keys *k = read_files("a.pem", "a.key", NULL, &err);

	(void)state;
	assert_non_null(k);
	assert_int_equal(jwt_keys_count(k), 1);
	check_assertion(k, 0, "a", AUTH_PS256);
	check_assertion(k, 0, "a", AUTH_RS256);
	jwt_keys_free(&k);
	assert_null(k);
}

static void
each_assertion_has_an_id_of_its_own(void **state)
{
	struct jwt_claims fresh = claims;
	struct buf jwt[2];
	struct err err;
	struct jwt_keys *k = read_files("a.pem", "a.key", NULL, &err);
	char id[2][37];

	(void)state;
	assert_non_null(k);
	fresh.jti = NULL;
	for (int i = 0; i < 2; i++) {
		struct buf part;
		const char *at;

		buf_init(&jwt[i], 8192);
		buf_init(&part, 8192);
		assert_int_equal(
		    jwt_sign(k, 0, AUTH_PS256, &fresh, &jwt[i], &err), 0);
		part_of(buf_str(&jwt[i]), 1, &part);
		at = strstr(buf_cstr(&part), "\"jti\":\"");
		assert_non_null(at);
		memcpy(id[i], at + 7, 36);
		id[i][36] = '\0';
		assert_int_equal(at[7 + 36], '"');
		assert_int_equal(id[i][14], '4');
		assert_int_equal(strspn(id[i], "0123456789abcdef-"), 36);
		buf_clear(&part);
		buf_clear(&jwt[i]);
	}
	assert_string_not_equal(id[0], id[1]);
	jwt_keys_free(&k);
}

static void
key_opens_with_the_pass_phrase_from_its_file(void **state)
{
	struct jwt_keys *k;
	struct err err;

	(void)state;
	write_file("pass", "geh heim\n");
	k = read_files("locked.pem", "locked.key", "pass", &err);
	assert_non_null(k);
	check_assertion(k, 0, "locked", AUTH_PS256);
	jwt_keys_free(&k);
}

static void
key_may_stand_beside_its_certificate(void **state)
{
	struct err err;
	struct jwt_keys *k = read_files("both", NULL, NULL, &err);

	(void)state;
	assert_non_null(k);
	check_assertion(k, 0, "a", AUTH_PS256);
	jwt_keys_free(&k);
}

static void
two_certificates_find_their_keys_in_any_order(void **state)
{
	struct err err;
	struct jwt_keys *k = read_files("two", NULL, NULL, &err);

	(void)state;
	assert_non_null(k);
	assert_int_equal(jwt_keys_count(k), 2);
	check_assertion(k, 0, "a", AUTH_PS256);
	check_assertion(k, 1, "b", AUTH_RS256);
	assert_true(jwt_begins_ms(k, 1) == 1700000000000);
	assert_true(jwt_ends_ms(k, 1) == 1800000000000);
	assert_true(jwt_ends_ms(k, 0) == 2208988800000);
	jwt_keys_free(&k);
}

static void
certificates_of_a_chain_are_left_out(void **state)
{
	struct err err;
	struct jwt_keys *k = read_files("chain", NULL, NULL, &err);

	(void)state;
	assert_non_null(k);
	assert_int_equal(jwt_keys_count(k), 1);
	check_assertion(k, 0, "a", AUTH_PS256);
	jwt_keys_free(&k);
}

static const struct {
	const char *cert, *key, *pass;
	const char *option, *says;
} bad[] = {
	{ "none.pem", "a.key", NULL, "certificate-file: ", "No such file" },
	{ "a.pem", "none.key", NULL, "key-file: ", "No such file" },
	{ "locked.pem", "locked.key", "none",
	    "key-pass-file: ", "No such file" },
	{ "a.pem", "open.key", NULL, "key-file: ", "others may read" },
	{ "open", NULL, NULL, "certificate-file: ", "others may read" },
	{ "a.pem", "b.key", NULL, "key-file: ", "not the key of the" },
	{ "a.pem", "a.pem", NULL, "key-file: ", "others may read" },
	{ "b.pem", "b.pem", NULL, "key-file: ", "holds no private key" },
	{ "b.pem", NULL, NULL, "key-file: ", "holds no private key" },
	{ "a.key", "a.key", NULL,
	    "certificate-file: ", "holds no certificate" },
	{ "empty", "a.key", NULL, "certificate-file: ", "empty" },
	{ "binary", "a.key", NULL, "certificate-file: ", "openssl pkcs12" },
	{ "cut.pem", "a.key", NULL, "certificate-file: ", "damaged" },
	{ "a.pem", "cut.key", NULL, "key-file: ", "damaged" },
	{ "locked.pem", "locked.key", NULL, "key-file: ", "key-pass-file" },
	{ "locked.pem", "locked.key", "wrong",
	    "key-pass-file: ", "does not open" },
	{ "weak.pem", "weak.key", NULL, "key-file: ", "1024 bits" },
	{ "ec.pem", "ec.key", NULL, "key-file: ", "not an RSA key" },
};

static void
files_that_will_not_do_are_named(void **state)
{
	(void)state;
	write_file("empty", "");
	write_file("binary", "\x30\x82\x01\x02");
	write_file("wrong", "geh nicht heim\n");
	write_file("cut.pem",
	    "-----BEGIN CERTIFICATE-----\nMIIC\n"
	    "-----END CERTIFICATE-----\n");
	write_file("cut.key", "-----BEGIN PRIVATE KEY-----\nMIIC\n");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err;

		if (read_files(bad[i].cert, bad[i].key, bad[i].pass, &err) !=
			NULL ||
		    err.kind != ERR_CONF ||
		    !str_starts(str_of(err.text), str_of(bad[i].option)) ||
		    strstr(err.text, bad[i].says) == NULL)
			fail_msg("row %zu: %s", i, err.text);
		assert_null(strstr(err.text, "heim"));
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(assertion_has_its_header_claims_and_signature),
	cmocka_unit_test(each_assertion_has_an_id_of_its_own),
	cmocka_unit_test(key_opens_with_the_pass_phrase_from_its_file),
	cmocka_unit_test(key_may_stand_beside_its_certificate),
	cmocka_unit_test(two_certificates_find_their_keys_in_any_order),
	cmocka_unit_test(certificates_of_a_chain_are_left_out),
	cmocka_unit_test(files_that_will_not_do_are_named),
};

int
main(void)
{
	return cmocka_run_group_tests(tests, make_keys, remove_keys);
}
