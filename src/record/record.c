/* record/record.c -- what makes a record known. */
/* SPDX-License-Identifier: ISC */
/*
 * Keys are kept on disk for days and must come out the same in every version
 * of the program and on every machine.  So the hash is a published one,
 * MurmurHash3 x64 128 by Austin Appleby, reading little-endian words.  It
 * begins from a seed; the fields of a record are hashed one after the other,
 * each seeded with the whole state that the one before it left.  As a field's
 * length is mixed in at its end, ("ab", "c") and ("a", "bc") are different,
 * and so are an empty version and none.
 */
#include "record/record.h"

#include <endian.h>

#define C1 0x87c37b91114253d5U
#define C2 0x4cf5ad432745937fU

static uint64_t
rotate(uint64_t v, unsigned bits)
{
	return v << bits | v >> (64 - bits);
}

static uint64_t
load(const char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static uint64_t
scramble_hi(uint64_t k)
{
	return rotate(k * C1, 31) * C2;
}

static uint64_t
scramble_lo(uint64_t k)
{
	return rotate(k * C2, 33) * C1;
}

static uint64_t
finish(uint64_t k)
{
	k ^= k >> 33;
	k *= 0xff51afd7ed558ccdU;
	k ^= k >> 33;
	k *= 0xc4ceb9fe1a85ec53U;
	return k ^ k >> 33;
}

static void
hash(struct record_key *h, struct str s)
{
	char rest[16] = { 0 };
	uint64_t len = s.len;

	for (; s.len >= 16; s.p += 16, s.len -= 16) {
		h->hi ^= scramble_hi(load(s.p));
		h->hi = (rotate(h->hi, 27) + h->lo) * 5 + 0x52dce729;
		h->lo ^= scramble_lo(load(s.p + 8));
		h->lo = (rotate(h->lo, 31) + h->hi) * 5 + 0x38495ab5;
	}
	if (s.len > 0)
		memcpy(rest, s.p, s.len);
	h->lo ^= scramble_lo(load(rest + 8));
	h->hi ^= scramble_hi(load(rest));

	h->hi ^= len;
	h->lo ^= len;
	h->hi += h->lo;
	h->lo += h->hi;
	h->hi = finish(h->hi);
	h->lo = finish(h->lo);
	h->hi += h->lo;
	h->lo += h->hi;
}

struct record_key
record_id_key(struct str source, const struct record *rec)
{
	struct record_key key = { 0, 0 };

	hash(&key, source);
	hash(&key, rec->id);
	return key;
}

struct record_key
record_key(struct str source, const struct record *rec)
{
	struct record_key key = record_id_key(source, rec);

	hash(&key, rec->version);
	return key;
}
