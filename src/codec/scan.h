/* codec/scan.h -- skips quickly over bytes that mean nothing in JSON. */
/* SPDX-License-Identifier: ISC */
#ifndef CODEC_SCAN_H
#define CODEC_SCAN_H

#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/*
 * The first byte in [p, end) that is no plain text inside a JSON string: a
 * quote, a backslash, a control character, or the beginning of a character
 * beyond ASCII; end if there is none.  Never reads outside of [p, end).
 */
static inline const char *
scan_text(const char *p, const char *end)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"');
	const __m128i slash = _mm_set1_epi8('\\');
	const __m128i blank = _mm_set1_epi8(' ');

	while (end - p >= 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)p);
		/* Signed: what is beyond ASCII is less than a blank too. */
		__m128i stop = _mm_or_si128(_mm_cmplt_epi8(v, blank),
		    _mm_or_si128(
			_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash)));
		unsigned mask = (unsigned)_mm_movemask_epi8(stop);

		if (mask != 0)
			return p + __builtin_ctz(mask);
		p += 16;
	}
#else
	const uint64_t ones = 0x0101010101010101U;
	const uint64_t highs = 0x8080808080808080U;

	while (end - p >= 8) {
		uint64_t v, quote, slash;

		memcpy(&v, p, sizeof(v));
		quote = v ^ (ones * '"');
		slash = v ^ (ones * '\\');
		/* A borrow may mark a byte too many, never one too few. */
		if ((((quote - ones) | (slash - ones) | (v - ones * ' ') | v) &
			highs) != 0)
			break;
		p += 8;
	}
#endif
	while (p < end && *p != '"' && *p != '\\' &&
	    (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80)
		p++;
	return p;
}

/* A bit for each of 64 bytes, the first byte's the lowest. */
struct scan_block {
	uint64_t quotes;
	uint64_t slashes; /* backslashes */
	uint64_t opens;   /* { and [ */
	uint64_t closes;  /* } and ] */
};

#ifdef __SSE2__
static inline uint64_t
scan_equal(__m128i v, char c, unsigned at)
{
	__m128i equal = _mm_cmpeq_epi8(v, _mm_set1_epi8(c));

	return (uint64_t)(unsigned)_mm_movemask_epi8(equal) << at;
}
#endif

/* Look at the 64 bytes at p.  The two kinds of brackets differ in one bit. */
static inline struct scan_block
scan_block(const char *p)
{
	struct scan_block b = { 0, 0, 0, 0 };

#ifdef __SSE2__
	for (unsigned i = 0; i < 64; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(p + i));
		__m128i bracket = _mm_or_si128(v, _mm_set1_epi8(0x20));

		b.quotes |= scan_equal(v, '"', i);
		b.slashes |= scan_equal(v, '\\', i);
		b.opens |= scan_equal(bracket, '{', i);
		b.closes |= scan_equal(bracket, '}', i);
	}
#else
	for (unsigned i = 0; i < 64; i++) {
		b.quotes |= (uint64_t)(p[i] == '"') << i;
		b.slashes |= (uint64_t)(p[i] == '\\') << i;
		b.opens |= (uint64_t)((p[i] | 0x20) == '{') << i;
		b.closes |= (uint64_t)((p[i] | 0x20) == '}') << i;
	}
#endif
	return b;
}

#endif
