/* codec/jptext.c -- the letters of a JSONPath: blanks, strings, numbers. */
/* SPDX-License-Identifier: ISC */
#include "codec/jptext.h"

#include "base/buf.h"
#include "base/err.h"
#include "codec/utf8.h"

#define INT_MAX_EXACT 9007199254740991 /* 2^53 - 1, section 2.1 */

int
jptext_bad_at(struct jptext *t, size_t at, const char *why)
{
	size_t column = 1;

	for (size_t i = 0; i < at; i++)
		column += (t->all.p[i] & 0xc0) != 0x80;
	return err_set(t->err, ERR_CONF, "JSONPath: column %zu: %s", column,
	    at == t->all.len ? "it ends too early" : why);
}

int
jptext_bad(struct jptext *t, const char *why)
{
	return jptext_bad_at(t, t->at, why);
}

bool
jptext_eat(struct jptext *t, char c)
{
	if (t->at == t->all.len || t->all.p[t->at] != c)
		return false;
	t->at++;
	return true;
}

bool
jptext_eat_text(struct jptext *t, const char *s)
{
	struct str rest = str_make(t->all.p + t->at, t->all.len - t->at);

	if (!str_starts(rest, str_of(s)))
		return false;
	t->at += strlen(s);
	return true;
}

void
jptext_skip_blanks(struct jptext *t)
{
	while (
	    t->at < t->all.len && memchr(" \t\n\r", t->all.p[t->at], 4) != NULL)
		t->at++;
}

static size_t
skip_digits(struct jptext *t)
{
	size_t from = t->at;

	while (jptext_is_digit(jptext_peek(t)))
		t->at++;
	return t->at - from;
}

static int
read_hex4(struct jptext *t, uint32_t *v_r)
{
	static const char digits[] = "0123456789abcdef";

	*v_r = 0;
	for (int i = 0; i < 4; i++) {
		char c = jptext_peek(t);
		const char *d = NULL;

		if (c >= 'A' && c <= 'F')
			c = (char)(c | 0x20);
		if (c != '\0')
			d = strchr(digits, c);
		if (d == NULL)
			return jptext_bad(t, "\\u wants four hex digits");
		*v_r = *v_r * 16 + (uint32_t)(d - digits);
		t->at++;
	}
	return 0;
}

/* Behind "\u": a character, or both halves of one. */
static int
read_unicode(struct jptext *t, struct buf *out)
{
	size_t from = t->at;
	uint32_t cp, low;

	if (read_hex4(t, &cp) < 0)
		return -1;
	if (cp >= 0xd800 && cp <= 0xdfff) {
		if (cp > 0xdbff || !jptext_eat_text(t, "\\u"))
			return jptext_bad_at(
			    t, from, "half of a surrogate pair");
		if (read_hex4(t, &low) < 0)
			return -1;
		if (low < 0xdc00 || low > 0xdfff)
			return jptext_bad_at(
			    t, from, "half of a surrogate pair");
		cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
	}
	utf8_add(out, cp);
	return 0;
}

/* Behind a backslash. */
static int
read_escape(struct jptext *t, char quote, struct buf *out)
{
	static const char letters[] = "bfnrt/\\", means[] = "\b\f\n\r\t/\\";
	char c = jptext_peek(t);
	const char *letter = c != '\0' ? strchr(letters, c) : NULL;

	if (c != quote && c != 'u' && letter == NULL)
		return jptext_bad(t, "unknown escape");
	t->at++;
	if (c == 'u')
		return read_unicode(t, out);
	buf_add_char(out, letter != NULL ? means[letter - letters] : c);
	return 0;
}

int
jptext_read_string(struct jptext *t, struct buf *out)
{
	char quote = t->all.p[t->at++];

	while (!jptext_eat(t, quote)) {
		if (t->at == t->all.len)
			return jptext_bad(t, "");
		if ((unsigned char)jptext_peek(t) < 0x20)
			return jptext_bad(t, "control character in a string");
		if (jptext_eat(t, '\\')) {
			if (read_escape(t, quote, out) < 0)
				return -1;
		} else {
			buf_add_char(out, t->all.p[t->at++]);
		}
	}
	return 0;
}

static bool
is_name_first(char c)
{
	return jptext_is_lower(c) || (c >= 'A' && c <= 'Z') || c == '_' ||
	    (unsigned char)c >= 0x80;
}

int
jptext_read_name(struct jptext *t, struct str *name_r)
{
	size_t from = t->at;

	if (!is_name_first(jptext_peek(t)))
		return jptext_bad(t, "a name or * is expected");
	while (is_name_first(jptext_peek(t)) || jptext_is_digit(jptext_peek(t)))
		t->at++;
	*name_r = str_make(t->all.p + from, t->at - from);
	return 0;
}

int
jptext_read_int(struct jptext *t, int64_t *v_r)
{
	size_t from = t->at;
	bool minus = jptext_eat(t, '-');
	size_t n;
	uint64_t v;
	char first = jptext_peek(t);

	n = skip_digits(t);
	if (n == 0)
		return jptext_bad(t, "a number is expected");
	if (first == '0' && (n > 1 || minus))
		return jptext_bad_at(t, from, "a number with a leading zero");
	if (!str_to_u64(str_make(t->all.p + t->at - n, n), &v) ||
	    v > INT_MAX_EXACT)
		return jptext_bad_at(t, from, "a number beyond 2^53 - 1");
	*v_r = minus ? -(int64_t)v : (int64_t)v;
	return 0;
}

int
jptext_read_number(struct jptext *t, struct str *raw_r)
{
	size_t from = t->at;
	char first;
	size_t n;

	(void)jptext_eat(t, '-');
	first = jptext_peek(t);
	n = skip_digits(t);
	if (n == 0)
		return jptext_bad(t, "a number is expected");
	if (first == '0' && n > 1)
		return jptext_bad_at(t, from, "a number with a leading zero");
	if (jptext_eat(t, '.') && skip_digits(t) == 0)
		return jptext_bad(t, "a digit is expected");
	if (jptext_eat(t, 'e') || jptext_eat(t, 'E')) {
		if (!jptext_eat(t, '-'))
			(void)jptext_eat(t, '+');
		if (skip_digits(t) == 0)
			return jptext_bad(t, "a digit is expected");
	}
	*raw_r = str_make(t->all.p + from, t->at - from);
	return 0;
}
