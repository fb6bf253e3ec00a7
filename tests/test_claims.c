/* tests/test_claims.c -- permissions that a token names, and those it lacks. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include "auth/claims.h"
#include "base/buf.h"
#include "codec/b64.h"

/* Payloads; NULL stands for a token that is not made of three parts. */
static const struct {
	const char *payload, *want;
	bool is_known;
} tokens[] = {
	{ "{\"aud\":\"g\",\"roles\":[\"A.Read\",\"B\\u002eRead.All\"]}",
	    "A.Read\nB.Read.All\n", true },
	{ "{\"roles\":[]}", "", true },
	{ "{\"aud\":\"g\"}", "", true },
	{ "{\"roles\":\"A.Read\"}", "", true },
	{ "[\"A.Read\"]", "", false },
	{ "not json", "", false },
	{ "", "", false },
};

static void
roles_are_read_from_the_payload(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		struct buf token, roles;

		buf_init(&token, 4096);
		buf_init(&roles, 4096);
		buf_add_text(&token, "eyJhbGciOiJub25lIn0.");
		b64_encode_url(&token, str_of(tokens[i].payload));
		buf_add_text(&token, ".c2ln");
		if (claims_roles(buf_str(&token), &roles) != tokens[i].is_known)
			fail_msg("row %zu", i);
		assert_str(buf_str(&roles), tokens[i].want);
		buf_clear(&token);
		buf_clear(&roles);
	}
}

static void
opaque_tokens_say_nothing(void **state)
{
	static const char *const some[] = { "", "abc", "a.b", "a.%%%.c",
		"a.e30.b.c.d", "..", "EwBwA8l6BAAU" };

	(void)state;
	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		struct buf roles;

		buf_init(&roles, 4096);
		if (claims_roles(str_of(some[i]), &roles))
			fail_msg("%s", some[i]);
		assert_int_equal(roles.len, 0);
		buf_clear(&roles);
	}
}

static const struct {
	const char *roles, *wanted, *missing;
} needs[] = {
	{ "A.Read.All\n", "A.Read.All", "" },
	{ "a.read.all\n", "A.Read.All", "" },
	{ "", "A.Read.All", "A.Read.All" },
	{ "B.Read.All\nA.Read.All\n", "A.Read.All, B.Read.All", "" },
	{ "B.Read.All\n", "A.Read.All, B.Read.All,C.Read",
	    "A.Read.All, C.Read" },
	{ "A.ReadWrite.All\n", "A.Read.All", "" },
	{ "A.Read.All\n", "A.ReadWrite.All", "A.ReadWrite.All" },
	{ "Investigation.manage\n", "Investigation.read", "" },
	{ "Feed.Read\n", "Feed.ReadDlp", "Feed.ReadDlp" },
	{ "Feed.ReadDlp\n", "Feed.Read", "Feed.Read" },
	{ "A.Read\n", "A.Read.All", "A.Read.All" },
	{ "A.Read.All\n", "A.Read", "A.Read" },
	{ "A.Read.All\n", "", "" },
};

static void
permissions_that_a_token_lacks_are_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		struct buf out;

		buf_init(&out, 4096);
		claims_missing(
		    str_of(needs[i].roles), str_of(needs[i].wanted), &out);
		assert_str(buf_str(&out), needs[i].missing);
		buf_clear(&out);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(roles_are_read_from_the_payload),
	cmocka_unit_test(opaque_tokens_say_nothing),
	cmocka_unit_test(permissions_that_a_token_lacks_are_named),
};

UNIT_MAIN(tests)
