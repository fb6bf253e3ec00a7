/* tests/test_uri.c -- web addresses. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include "base/buf.h"
#include "base/err.h"
#include "codec/uri.h"

static const struct {
	const char *text;
	const char *host; /* NULL: refused */
	unsigned port;
	const char *path, *query;
} parse_rows[] = {
	{ "https://a.example", "a.example", 443, "", "" },
	{ "HTTP://A.example:8080/x/y?z=1", "A.example", 8080, "/x/y", "z=1" },
	{ "https://a:/?", "a", 443, "/", "" },
	{ "https://a?b=/c", "a", 443, "", "b=/c" },
	{ "https://a/b#c?d", "a", 443, "/b", "" },
	{ "https://[2001:db8::1]:444/", "2001:db8::1", 444, "/", "" },
	{ "https://a/b@c:d", "a", 443, "/b@c:d", "" },
	{ "", NULL, 0, NULL, NULL },
	{ "a.example", NULL, 0, NULL, NULL },
	{ "ftp://a", NULL, 0, NULL, NULL },
	{ "https:/a", NULL, 0, NULL, NULL },
	{ "https://", NULL, 0, NULL, NULL },
	{ "https:///x", NULL, 0, NULL, NULL },
	{ "https://u@a/", NULL, 0, NULL, NULL },
	{ "https://u:p@a/", NULL, 0, NULL, NULL },
	{ "https://a\\@b/", NULL, 0, NULL, NULL },
	{ "https://a/\\b", NULL, 0, NULL, NULL },
	{ "https://a b/", NULL, 0, NULL, NULL },
	{ "https://a/b c", NULL, 0, NULL, NULL },
	{ "https://a/\r\nX: y", NULL, 0, NULL, NULL },
	{ "https://a:0/", NULL, 0, NULL, NULL },
	{ "https://a:65536/", NULL, 0, NULL, NULL },
	{ "https://a:1x/", NULL, 0, NULL, NULL },
	{ "https://a%2eb/", NULL, 0, NULL, NULL },
	{ "https://[::1/", NULL, 0, NULL, NULL },
	{ "https://[]/", NULL, 0, NULL, NULL },
	{ "https://[::1]x/", NULL, 0, NULL, NULL },
};

static void
addresses_are_taken_apart_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(parse_rows) / sizeof(*parse_rows); i++) {
		struct uri uri;
		struct err err = { 0 };
		int rc = uri_parse(str_of(parse_rows[i].text), &uri, &err);

		if ((rc == 0) != (parse_rows[i].host != NULL))
			fail_msg("\"%s\": %s", parse_rows[i].text, err.text);
		if (rc < 0) {
			assert_int_equal(err.kind, ERR_DATA);
			continue;
		}
		assert_str(uri.host, parse_rows[i].host);
		assert_int_equal(uri.port, parse_rows[i].port);
		assert_str(uri.path, parse_rows[i].path);
		assert_str(uri.query, parse_rows[i].query);
	}
}

static const struct {
	const char *a, *b;
	bool same;
} origin_rows[] = {
	{ "https://a.example/x", "HTTPS://A.EXAMPLE:443?y", true },
	{ "http://a", "http://a:80", true },
	{ "https://a", "http://a", false },
	{ "https://a", "https://a:444", false },
	{ "https://a", "https://a.b", false },
	{ "https://a.b", "https://b", false },
	{ "http://a:443", "https://a", false },
};

static void
a_token_goes_to_the_same_scheme_host_and_port_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(origin_rows) / sizeof(*origin_rows);
	     i++) {
		struct uri a, b;

		assert_int_equal(
		    uri_parse(str_of(origin_rows[i].a), &a, NULL), 0);
		assert_int_equal(
		    uri_parse(str_of(origin_rows[i].b), &b, NULL), 0);
		if (uri_same_origin(&a, &b) != origin_rows[i].same)
			fail_msg("%s, %s", origin_rows[i].a, origin_rows[i].b);
	}
}

static void
every_byte_comes_back_from_its_encoding(void **state)
{
	struct buf enc, dec;
	char all[256];

	(void)state;
	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	buf_init(&enc, 4096);
	buf_init(&dec, 4096);
	uri_encode(&enc, str_make(all, sizeof(all)));
	assert_true(uri_decode(&dec, buf_str(&enc)));
	assert_true(str_eq(buf_str(&dec), str_make(all, sizeof(all))));
	buf_reset(&enc);
	uri_encode(&enc, str_of("a B-._~+&=%/\xc3\xa9"));
	assert_str(buf_str(&enc), "a%20B-._~%2B%26%3D%25%2F%C3%A9");
	buf_clear(&enc);
	buf_clear(&dec);
}

static void
bad_escapes_add_nothing(void **state)
{
	static const char *const rows[] = { "%", "a%2", "%2g", "%g2", "ab%" };
	struct buf out;

	(void)state;
	buf_init(&out, 64);
	buf_add_text(&out, "x");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_false(uri_decode(&out, str_of(rows[i])));
		assert_str(buf_str(&out), "x");
	}
	assert_true(uri_decode(&out, str_of("%2f+%2F")));
	assert_str(buf_str(&out), "x/+/");
	buf_clear(&out);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(addresses_are_taken_apart_or_refused),
	cmocka_unit_test(a_token_goes_to_the_same_scheme_host_and_port_only),
	cmocka_unit_test(every_byte_comes_back_from_its_encoding),
	cmocka_unit_test(bad_escapes_add_nothing),
};

UNIT_MAIN(tests)
