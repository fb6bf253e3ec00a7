/* tests/test_b64.c -- base64, in both alphabets. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include "base/buf.h"
#include "codec/b64.h"

static const struct {
	const char *bytes, *plain, *url;
} rows[] = {
	{ "", "", "" },
	{ "f", "Zg==", "Zg" },
	{ "fo", "Zm8=", "Zm8" },
	{ "foo", "Zm9v", "Zm9v" },
	{ "foob", "Zm9vYg==", "Zm9vYg" },
	{ "\xfb\xff\xbf", "+/+/", "-_-_" },
	{ "\xff\xfe", "//4=", "__4" },
};

static void
texts_are_those_of_the_standard(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 64);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		buf_reset(&out);
		b64_encode(&out, str_of(rows[i].bytes));
		assert_str(buf_str(&out), rows[i].plain);
		buf_reset(&out);
		b64_encode_url(&out, str_of(rows[i].bytes));
		assert_str(buf_str(&out), rows[i].url);
		buf_reset(&out);
		assert_true(b64_decode(&out, str_of(rows[i].plain)));
		assert_str(buf_str(&out), rows[i].bytes);
		buf_reset(&out);
		assert_true(b64_decode(&out, str_of(rows[i].url)));
		assert_str(buf_str(&out), rows[i].bytes);
	}
	buf_clear(&out);
}

static void
what_is_neither_alphabet_is_refused_and_adds_nothing(void **state)
{
	static const char *const bad[] = { "Z", "Zg=", "Zg===", "=",
		"====", "Zm9v=", "Z=g=", "Zm9v Zm9v", "Zm9v\n", "+_+_",
		"Zh==", "Zm9=", "Zm9v!aaa" };
	struct buf out;

	(void)state;
	buf_init(&out, 64);
	buf_add_text(&out, "x");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (b64_decode(&out, str_of(bad[i])))
			fail_msg("\"%s\" was taken", bad[i]);
		assert_str(buf_str(&out), "x");
	}
	buf_clear(&out);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(texts_are_those_of_the_standard),
	cmocka_unit_test(what_is_neither_alphabet_is_refused_and_adds_nothing),
};

UNIT_MAIN(tests)
