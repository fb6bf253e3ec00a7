/* tests/test_httpmsg.c -- a request and an answer as plain values. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include "base/err.h"
#include "codec/httpmsg.h"

#define WALL 784111777000 /* Sun, 06 Nov 1994 08:49:37 GMT */

static void
requests_are_put_together_encoded(void **state)
{
	struct httpreq req;

	(void)state;
	httpreq_init(&req);
	buf_add_text(&req.url, "https://a/b");
	httpreq_query(&req, "$filter", str_of("x gt 'a&b'"));
	httpreq_query(&req, "n", str_of("1"));
	assert_str(
	    buf_str(&req.url), "https://a/b?$filter=x%20gt%20%27a%26b%27&n=1");
	httpreq_form(&req, "scope", str_of("https://a/.default"));
	httpreq_form(&req, "k", str_of("a+b"));
	assert_str(
	    buf_str(&req.body), "scope=https%3A%2F%2Fa%2F.default&k=a%2Bb");
	httpreq_header(&req, "Accept", "x\r\nEvil: y");
	httpreq_header(&req, "Prefer", "z");
	assert_str(buf_str(&req.headers), "Accept: x  Evil: y\nPrefer: z\n");
	httpreq_clear(&req);
}

static void
headers_are_found_whatever_their_case(void **state)
{
	struct httpresp resp;

	(void)state;
	httpresp_init(&resp);
	buf_add_text(&resp.headers,
	    "HTTP/1.1 200 OK\nX-A: 1\nRETRY-after:  5 \nX-A: 2\nempty:\n");
	assert_str(httpresp_header(&resp, "x-a"), "1");
	assert_str(httpresp_header(&resp, "Retry-After"), "5");
	assert_str(httpresp_header(&resp, "Empty"), "");
	assert_str(httpresp_header(&resp, "X"), "");
	assert_str(httpresp_header(&resp, "HTTP/1.1 200 OK"), "");
	httpresp_clear(&resp);
}

static const struct {
	const char *headers;
	uint64_t ms;
} retry_rows[] = {
	{ "", 0 },
	{ "Retry-After: soon\n", 0 },
	{ "Retry-After: -5\n", 0 },
	{ "Retry-After: 1e3\n", 0 },
	{ "Retry-After: 10\n", 10000 },
	{ "Retry-After: 2.128\n", 2128 },
	{ "Retry-After: 2.1280001\n", 2129 },
	{ "Retry-After: 0\n", 1000 },
	{ "Retry-After: 0.25\n", 1000 },
	{ "Retry-After: 99999999999\n", 300000 },
	{ "Retry-After: Sun, 06 Nov 1994 08:49:47 GMT\n", 10000 },
	{ "Retry-After: Sunday, 06-Nov-94 08:49:47 GMT\n", 10000 },
	{ "Retry-After: Sun Nov  6 08:49:47 1994\n", 10000 },
	{ "Retry-After: Sun, 06 Nov 1994 08:49:07 GMT\n", 1000 },
	{ "Retry-After: Sun, 31 Feb 1994 08:49:07 GMT\n", 0 },
	{ "Retry-After: Sun, 06 anF 1994 08:49:07 GMT\n", 0 },
	{ "Retry-After: Sun, 06 Nov 1994 09:49:57 GMT\n"
	  "Date: Sun, 06 Nov 1994 09:49:37 GMT\n",
	    20000 },
};

static void
retry_after_is_read_in_all_its_forms(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(retry_rows) / sizeof(*retry_rows); i++) {
		struct httpresp resp;
		uint64_t ms;

		httpresp_init(&resp);
		buf_add_text(&resp.headers, retry_rows[i].headers);
		ms = httpresp_retry_after(&resp, WALL, 300000);
		if (ms != retry_rows[i].ms)
			fail_msg("%s: got %llu", retry_rows[i].headers,
			    (unsigned long long)ms);
		httpresp_clear(&resp);
	}
}

static const struct {
	int status;
	const char *headers;
	enum err_kind kind;
	uint64_t wait_ms;
} check_rows[] = {
	{ 200, "", ERR_NONE, 0 },
	{ 206, "", ERR_NONE, 0 },
	{ 0, "", ERR_RETRY, 0 },
	{ 302, "", ERR_CONF, 0 },
	{ 400, "", ERR_CONF, 0 },
	{ 401, "Retry-After: 5\n", ERR_LOGIN, 0 },
	{ 403, "", ERR_DENIED, 0 },
	{ 404, "", ERR_GONE, 0 },
	{ 410, "", ERR_GONE, 0 },
	{ 408, "", ERR_RETRY, 0 },
	{ 429, "", ERR_WAIT, HTTPMSG_WAIT_MS },
	{ 429, "Retry-After: 7\n", ERR_WAIT, 7000 },
	{ 500, "", ERR_RETRY, 0 },
	{ 503, "Retry-After: 7\n", ERR_WAIT, 7000 },
	{ 503, "Retry-After: 86400\n", ERR_WAIT, HTTPMSG_WAIT_MAX_MS },
};

static void
a_status_says_what_may_be_done(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(check_rows) / sizeof(*check_rows); i++) {
		struct httpresp resp;
		struct err err = { 0 };
		int rc;

		httpresp_init(&resp);
		resp.status = check_rows[i].status;
		buf_add_text(&resp.headers, check_rows[i].headers);
		rc = httpresp_check(&resp, str_of("why"), WALL, &err);
		if ((rc == 0) != (check_rows[i].kind == ERR_NONE) ||
		    err.kind != check_rows[i].kind ||
		    err.wait_ms != check_rows[i].wait_ms)
			fail_msg("%d: kind %d, wait %llu, %s", resp.status,
			    (int)err.kind, (unsigned long long)err.wait_ms,
			    err.text);
		if (rc < 0)
			assert_non_null(strstr(err.text, ": why"));
		httpresp_clear(&resp);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(requests_are_put_together_encoded),
	cmocka_unit_test(headers_are_found_whatever_their_case),
	cmocka_unit_test(retry_after_is_read_in_all_its_forms),
	cmocka_unit_test(a_status_says_what_may_be_done),
};

UNIT_MAIN(tests)
