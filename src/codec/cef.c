/* codec/cef.c -- ArcSight's Common Event Format. */
/* SPDX-License-Identifier: ISC */
/*
 * Nearly every byte of an event passes through the escapes, and nearly all
 * of them stand for themselves.  So a scan looks for the next byte that needs
 * a decision, sixteen at a time, and what lies before it is copied whole.
 */
#include "codec/cef.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "codec/utf8.h"

enum place {
	IN_HEADER,
	IN_VALUE
};

/* Beside the backslash, what would end a field here. */
static const char ends[] = { [IN_HEADER] = '|', [IN_VALUE] = '=' };

static inline bool
needs_care(unsigned char c, char end)
{
	return c < 0x20 || c >= 0x7f || c == '\\' || c == (unsigned char)end;
}

/* How many bytes from p on stand for themselves. */
static size_t
plain_run(const char *p, size_t len, char end)
{
	size_t at = 0;

#ifdef __SSE2__
	const __m128i blank = _mm_set1_epi8(0x20), del = _mm_set1_epi8(0x7f);
	const __m128i slash = _mm_set1_epi8('\\'), stop = _mm_set1_epi8(end);

	for (; len - at >= 16; at += 16) {
		__m128i v = _mm_loadu_si128((const void *)(p + at));
		/* As signed bytes, 0x80 and up are below the blank, too. */
		__m128i care =
		    _mm_or_si128(_mm_or_si128(_mm_cmplt_epi8(v, blank),
				     _mm_cmpeq_epi8(v, del)),
			_mm_or_si128(
			    _mm_cmpeq_epi8(v, slash), _mm_cmpeq_epi8(v, stop)));
		int mask = _mm_movemask_epi8(care);

		if (mask != 0)
			return at + (size_t)__builtin_ctz((unsigned)mask);
	}
#endif
	while (at < len && !needs_care((unsigned char)p[at], end))
		at++;
	return at;
}

/* CR, LF and the pair of them; returns how many bytes that took. */
static size_t
escape_line_end(struct buf *out, struct str s, enum place place)
{
	bool pair = s.len > 1 && s.p[0] == '\r' && s.p[1] == '\n';

	if (place == IN_HEADER)
		buf_add_char(out, ' ');
	else
		buf_add(out, s.p[0] == '\r' && !pair ? "\\r" : "\\n", 2);
	return pair ? 2 : 1;
}

/* True for marks that make a text show up in another order than it has. */
static bool
turns_direction(uint32_t cp)
{
	return (cp >= 0x202a && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069);
}

/* The characters beyond ASCII that s begins with; returns their bytes. */
static size_t
escape_wide(struct buf *out, struct str s)
{
	size_t from = 0, at = 0;

	while (at < s.len && (unsigned char)s.p[at] >= 0x80) {
		uint32_t cp = 0;
		int n = utf8_next(s.p + at, s.len - at, &cp);

		if (n > 0 && cp >= 0xa0 && cp != 0x2028 && cp != 0x2029 &&
		    !turns_direction(cp)) {
			at += (size_t)n;
			continue;
		}
		buf_add(out, s.p + from, at - from);
		if (n < 0)
			utf8_add(out, UTF8_REPLACEMENT);
		else if (!turns_direction(cp))
			buf_add_char(out, ' ');
		at += n < 0 ? 1 : (size_t)n;
		from = at;
	}
	buf_add(out, s.p + from, at - from);
	return at;
}

/* What s begins with needs a decision; returns how many bytes it took. */
static size_t
escape_one(struct buf *out, struct str s, enum place place)
{
	char c = s.p[0];

	if ((unsigned char)c >= 0x80)
		return escape_wide(out, s);
	if (c == '\r' || c == '\n')
		return escape_line_end(out, s, place);
	if (c == '\0')
		return 1;
	if (c == '\\' || c == ends[place]) {
		char escape[2] = { '\\', c };

		buf_add(out, escape, sizeof(escape));
	} else {
		buf_add_char(out, ' ');
	}
	return 1;
}

static void
escape(struct buf *out, struct str s, enum place place)
{
	while (s.len > 0) {
		size_t n = plain_run(s.p, s.len, ends[place]);

		buf_add(out, s.p, n);
		if (n < s.len)
			n += escape_one(
			    out, str_make(s.p + n, s.len - n), place);
		s.p += n;
		s.len -= n;
	}
}

void
cef_escape_header(struct buf *out, struct str s)
{
	escape(out, s, IN_HEADER);
}

void
cef_escape_value(struct buf *out, struct str s)
{
	escape(out, s, IN_VALUE);
}

/*
 * Consumers disagree about blanks at the ends.  Some come from the text, some
 * from characters that were made blanks, so they are removed afterwards; no
 * escape ends or begins with one.
 */
static void
trim_from(struct buf *out, size_t from)
{
	size_t n = 0;

	while (out->len > from && out->p[out->len - 1] == ' ')
		out->len--;
	while (from + n < out->len && out->p[from + n] == ' ')
		n++;
	if (n > 0) {
		memmove(out->p + from, out->p + from + n, out->len - from - n);
		out->len -= n;
	}
}

static void
add_field(struct buf *out, struct str s, size_t max_chars)
{
	size_t from = out->len;

	escape(out, cef_cut_chars(str_trim(s), max_chars), IN_HEADER);
	trim_from(out, from);
	buf_add_char(out, '|');
}

void
cef_begin(struct buf *out, const struct cef_header *h)
{
	int severity = h->severity;

	severity = severity < 0 ? 0 : severity > 10 ? 10 : severity;
	buf_add(out, "CEF:0|", 6);
	add_field(out, h->vendor, 63);
	add_field(out, h->product, 63);
	add_field(out, h->version, 31);
	add_field(out, h->signature, 1023);
	add_field(out, h->name, 512);
	buf_add_u64(out, (unsigned)severity);
	buf_add_char(out, '|');
}

/*
 * The header is known by the pipe at its end.  A value may end in a pipe as
 * well, and then the blank that parts it from the next pair is written at
 * once; at the end of an event it belongs to no value.
 */
void
cef_pair(struct buf *out, struct str key, struct str value)
{
	char last = out->len > 0 ? out->p[out->len - 1] : '|';
	size_t from;

	if (last != '|' && last != ' ')
		buf_add_char(out, ' ');
	buf_add_str(out, key);
	buf_add_char(out, '=');
	from = out->len;
	escape(out, str_trim(value), IN_VALUE);
	if (out->failed)
		return;
	trim_from(out, from);
	if (out->p[out->len - 1] == '|')
		buf_add_char(out, ' ');
}

bool
cef_key_is_valid(struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9')))
			return false;
	}
	return name.len > 0;
}

struct str
cef_cut_chars(struct str s, size_t max_chars)
{
	size_t at = 0;

	if (s.len <= max_chars)
		return s;
	for (; max_chars > 0 && at < s.len; max_chars--) {
		uint32_t cp;
		int n = utf8_next(s.p + at, s.len - at, &cp);

		at += n > 0 ? (size_t)n : 1;
	}
	return str_make(s.p, at);
}
