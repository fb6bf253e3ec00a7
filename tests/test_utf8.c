/* tests/test_utf8.c -- UTF-8, character by character. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include "base/buf.h"
#include "codec/utf8.h"

static const struct {
	const char *bytes;
	int used;
	uint32_t cp;
} next_rows[] = {
	{ "a", 1, 'a' },
	{ "\x7f", 1, 0x7f },
	{ "\xc2\x80", 2, 0x80 },
	{ "\xdf\xbf", 2, 0x7ff },
	{ "\xe0\xa0\x80", 3, 0x800 },
	{ "\xed\x9f\xbf", 3, 0xd7ff },
	{ "\xee\x80\x80", 3, 0xe000 },
	{ "\xef\xbf\xbf", 3, 0xffff },
	{ "\xf0\x90\x80\x80", 4, 0x10000 },
	{ "\xf4\x8f\xbf\xbf", 4, 0x10ffff },
	{ "", -1, 0 },
	{ "\x80", -1, 0 },
	{ "\xbf", -1, 0 },
	{ "\xc0\x80", -1, 0 },
	{ "\xc1\xbf", -1, 0 },
	{ "\xc2", -1, 0 },
	{ "\xc2\x41", -1, 0 },
	{ "\xc2\xc2", -1, 0 },
	{ "\xe0\x80\x80", -1, 0 },
	{ "\xe0\x9f\xbf", -1, 0 },
	{ "\xe2\x82", -1, 0 },
	{ "\xe2\x28\xa1", -1, 0 },
	{ "\xe2\x82\x28", -1, 0 },
	{ "\xed\xa0\x80", -1, 0 },
	{ "\xed\xbf\xbf", -1, 0 },
	{ "\xf0\x80\x80\x80", -1, 0 },
	{ "\xf0\x8f\xbf\xbf", -1, 0 },
	{ "\xf0\x9f\x98", -1, 0 },
	{ "\xf0\x9f\x98\x20", -1, 0 },
	{ "\xf0\x9f\x20\x80", -1, 0 },
	{ "\xf0\x20\x98\x80", -1, 0 },
	{ "\xf4\x90\x80\x80", -1, 0 },
	{ "\xf5\x80\x80\x80", -1, 0 },
	{ "\xf8\x88\x80\x80\x80", -1, 0 },
	{ "\xff", -1, 0 },
};

static void
next_reads_one_character_or_refuses_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(next_rows) / sizeof(*next_rows); i++) {
		const char *bytes = next_rows[i].bytes;
		uint32_t cp = 0;
		int used = utf8_next(bytes, strlen(bytes), &cp);

		if (used != next_rows[i].used)
			fail_msg("row %zu: used %d", i, used);
		if (used > 0 && cp != next_rows[i].cp)
			fail_msg("row %zu: U+%04X", i, (unsigned)cp);
	}
}

static void
every_character_comes_back_as_it_was_added(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 16);
	for (uint32_t cp = 0; cp <= 0x10ffff; cp++) {
		uint32_t got = 0;

		if (cp >= 0xd800 && cp <= 0xdfff)
			continue;
		buf_reset(&b);
		utf8_add(&b, cp);
		if (utf8_next(b.p, b.len, &got) != (int)b.len || got != cp)
			fail_msg("U+%04X came back as U+%04X", (unsigned)cp,
			    (unsigned)got);
		if (utf8_next(b.p, b.len - 1, &got) != -1)
			fail_msg(
			    "U+%04X was read without its end", (unsigned)cp);
	}
	buf_clear(&b);
}

static void
check_stops_before_the_first_bad_byte(void **state)
{
	char text[64];

	(void)state;
	assert_int_equal(utf8_check(STR_LIT("")), 0);
	assert_int_equal(utf8_check(STR_LIT("gr\xc3\xbc\xc3\x9f")), 6);
	assert_int_equal(utf8_check(STR_LIT("a\0b")), 3);
	assert_int_equal(utf8_check(STR_LIT("ab\xe2\x82")), 2);
	for (size_t len = 1; len < sizeof(text); len++) {
		for (size_t bad = 0; bad < len; bad++) {
			memset(text, 'x', len);
			text[bad] = '\xff';
			assert_int_equal(utf8_check(str_make(text, len)), bad);
		}
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(next_reads_one_character_or_refuses_it),
	cmocka_unit_test(every_character_comes_back_as_it_was_added),
	cmocka_unit_test(check_stops_before_the_first_bad_byte),
};

UNIT_MAIN(tests)
