/* tests/test_scan.c -- the scans of machines without vector instructions. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include "tests/random_json.h"

/* The rest of the tests meets the others. */
#undef __SSE2__
#include "codec/scan.h"

static const char bytes[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\\{}[];\x1f !#z~"
			    "\x7f\x80\xff\xdb\xdd\n";

static bool
is_plain(char c)
{
	unsigned char u = (unsigned char)c;

	return u >= 0x20 && u < 0x80 && c != '"' && c != '\\';
}

static void
fill(char *text, size_t len, uint64_t *seed)
{
	for (size_t i = 0; i < len; i++)
		text[i] = bytes[random_json_number(seed) % (sizeof(bytes) - 1)];
}

static void
text_is_scanned_up_to_the_first_byte_that_is_not_plain(void **state)
{
	uint64_t seed = 3;
	char text[40];

	(void)state;
	for (unsigned i = 0; i < 50000; i++) {
		size_t len = random_json_number(&seed) % sizeof(text), at = 0;

		fill(text, len, &seed);
		while (at < len && is_plain(text[at]))
			at++;
		assert_ptr_equal(scan_text(text, text + len), text + at);
	}
}

static void
a_block_shows_its_quotes_backslashes_and_brackets(void **state)
{
	uint64_t seed = 5;
	char text[64];

	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		struct scan_block b;

		fill(text, sizeof(text), &seed);
		b = scan_block(text);
		for (unsigned j = 0; j < sizeof(text); j++) {
			char c = text[j];

			assert_int_equal(b.quotes >> j & 1, c == '"');
			assert_int_equal(b.slashes >> j & 1, c == '\\');
			assert_int_equal(
			    b.opens >> j & 1, c == '{' || c == '[');
			assert_int_equal(
			    b.closes >> j & 1, c == '}' || c == ']');
		}
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(
	    text_is_scanned_up_to_the_first_byte_that_is_not_plain),
	cmocka_unit_test(a_block_shows_its_quotes_backslashes_and_brackets),
};

UNIT_MAIN(tests)
