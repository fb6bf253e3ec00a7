/* tests/test_record.c -- the key of a record, and the cursor. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include "record/cursor.h"
#include "record/record.h"

static struct record
make(const char *id, const char *version)
{
	struct record rec = { 0 };

	rec.id = str_of(id);
	rec.version = str_of(version);
	return rec;
}

/* With an empty source the first field leaves the hash where it begins, so
 * the id's hash is that of the published function with seed 0. */
static const struct {
	const char *id;
	uint64_t hi, lo;
} hash_rows[] = {
	{ "", 0, 0 },
	{ "hello", 0xcbd8a7b341bd9b02, 0x5b1e906a48ae1d19 },
	{ "hello, world", 0x342fac623a5ebc8e, 0x4cdcbc079642414d },
	{ "19 Jan 2038 at 3:14:07 AM", 0xb89e5988b737affc, 0x664fc2950231b2cb },
	{ "The quick brown fox jumps over the lazy dog.", 0xcd99481f9ee902c9,
	    0x695da1a38987b6e7 },
};

static void
keys_are_the_published_hash(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(hash_rows) / sizeof(*hash_rows); i++) {
		struct record rec = make(hash_rows[i].id, "");
		struct record_key k = record_id_key(str_of(""), &rec);

		if (k.hi != hash_rows[i].hi || k.lo != hash_rows[i].lo)
			fail_msg("\"%s\": %016llx %016llx", hash_rows[i].id,
			    (unsigned long long)k.hi, (unsigned long long)k.lo);
	}
}

static void
keys_do_not_change_between_releases(void **state)
{
	struct record rec = make("105e_1_a", "2026-03-01T00:00:00Z");
	struct record_key k = record_key(str_of("alerts"), &rec);

	(void)state;
	if (k.hi != 0x983cfa21d49101f6 || k.lo != 0x09bf4fc0fc8403ed)
		fail_msg("0x%016llx 0x%016llx", (unsigned long long)k.hi,
		    (unsigned long long)k.lo);
}

static void
what_differs_in_any_field_has_another_key(void **state)
{
	static const char *const rows[][3] = {
		{ "a", "b", "c" },
		{ "ab", "", "c" },
		{ "", "ab", "c" },
		{ "a", "bc", "" },
		{ "a", "", "bc" },
		{ "", "abc", "" },
		{ "abc", "", "" },
		{ "", "", "abc" },
		{ "a", "b", "" },
		{ "a", "b", "d" },
		{ "b", "a", "c" },
	};
	struct record_key keys[2 * sizeof(rows) / sizeof(*rows)];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct record rec = make(rows[i][1], rows[i][2]);

		keys[n++] = record_key(str_of(rows[i][0]), &rec);
		for (size_t j = 0; j + 1 < n; j++)
			if (memcmp(&keys[j], &keys[n - 1], sizeof(*keys)) == 0)
				fail_msg("rows %zu and %zu", j, i);
	}
}

static void
the_key_of_an_id_is_the_same_in_all_versions_and_no_version(void **state)
{
	struct record one = make("x", "1"), two = make("x", "2"),
		      none = make("x", "");
	struct record_key a = record_id_key(str_of("s"), &one);
	struct record_key b = record_id_key(str_of("s"), &two);
	struct record_key c = record_key(str_of("s"), &none);

	(void)state;
	assert_memory_equal(&a, &b, sizeof(a));
	assert_memory_not_equal(&a, &c, sizeof(a));
}

static void
cursors_keep_values_by_name(void **state)
{
	struct cursor c = { 0 };
	int64_t v;

	(void)state;
	assert_null(cursor_get(&c, "a").p);
	assert_true(cursor_set(&c, "a", str_of("1=2")));
	assert_true(cursor_set(&c, "ab", str_of("")));
	assert_true(cursor_set_i64(&c, "b", INT64_MIN));
	assert_str(cursor_get(&c, "a"), "1=2");
	assert_str(cursor_get(&c, "ab"), "");
	assert_true(cursor_get_i64(&c, "b", &v) && v == INT64_MIN);
	assert_false(cursor_get_i64(&c, "a", &v));
	assert_false(cursor_get_i64(&c, "none", &v));
	assert_true(cursor_set(&c, "a", str_of("new")));
	assert_true(cursor_set(&c, "b", cursor_get(&c, "a")));
	assert_str(str_make(c.text, c.len), "ab=\na=new\nb=new\n");
}

static void
cursors_refuse_what_does_not_fit(void **state)
{
	static char big[CURSOR_MAX];
	struct cursor c = { 0 };

	(void)state;
	memset(big, 'x', sizeof(big));
	assert_false(cursor_set(&c, "a", str_of("x\ny")));
	assert_false(cursor_set(&c, "a", str_make(big, CURSOR_MAX - 2)));
	assert_true(cursor_set(&c, "a", str_make(big, CURSOR_MAX - 3)));
	assert_int_equal(c.len, CURSOR_MAX);
	assert_false(cursor_set(&c, "b", str_of("")));
	assert_true(cursor_set(&c, "a", str_of("1")));
	assert_true(cursor_set(&c, "b", str_of("")));
	assert_str(str_make(c.text, c.len), "a=1\nb=\n");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(keys_are_the_published_hash),
	cmocka_unit_test(keys_do_not_change_between_releases),
	cmocka_unit_test(what_differs_in_any_field_has_another_key),
	cmocka_unit_test(
	    the_key_of_an_id_is_the_same_in_all_versions_and_no_version),
	cmocka_unit_test(cursors_keep_values_by_name),
	cmocka_unit_test(cursors_refuse_what_does_not_fit),
};

UNIT_MAIN(tests)
