/* tests/cef_parse.c -- reads a CEF line as the standard has it, strictly. */
/* SPDX-License-Identifier: ISC */
/*
 * Written from the standard's words and not from our writer's code, so that
 * the two can disagree.
 */
#include "tests/cef_parse.h"

#include "codec/utf8.h"

static bool
fail(struct cef_parse *p, const char *why)
{
	p->why = why;
	return false;
}

static bool
is_word(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
			(c >= 'a' && c <= 'z')))
			return false;
	}
	return s.len > 0;
}

/* Undo the escapes; `pairs` has an escape in its even places, its meaning
 * behind it. */
static bool
decode(struct cef_parse *p, struct str s, const char *pairs, struct str *r)
{
	char *to = p->text + p->used;

	if (s.len > sizeof(p->text) - p->used)
		return fail(p, "line too long for this parser");
	r->p = to;
	for (size_t i = 0; i < s.len; i++) {
		const char *pair = pairs;

		if (s.p[i] != '\\') {
			*to++ = s.p[i];
			continue;
		}
		if (++i == s.len)
			return fail(p, "ends inside an escape");
		while (*pair != '\0' && *pair != s.p[i])
			pair += 2;
		if (*pair == '\0')
			return fail(p, "unknown escape");
		*to++ = pair[1];
	}
	r->len = (size_t)(to - r->p);
	p->used += r->len;
	return true;
}

/* The offset of the first c that has no backslash before it, or len. */
static size_t
find_bare(struct str s, char c)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == c)
			return i;
		if (s.p[i] == '\\')
			i++;
	}
	return s.len;
}

static bool
parse_header(struct cef_parse *p, struct str *rest)
{
	if (!str_starts(*rest, STR_LIT("CEF:0|")))
		return fail(p, "does not begin with CEF:0|");
	rest->p += 6;
	rest->len -= 6;
	for (int i = 0; i < CEF_PARSE_FIELDS; i++) {
		size_t at = find_bare(*rest, '|');

		if (at == rest->len)
			return fail(p, "fewer than seven pipes");
		if (!decode(p, str_make(rest->p, at), "\\\\||", &p->header[i]))
			return false;
		rest->p += at + 1;
		rest->len -= at + 1;
	}
	return true;
}

/*
 * A value ends at the last blank before the next bare '='.  Take it off, and
 * leave the next key in front.
 */
static bool
take_value(struct cef_parse *p, struct str *rest, struct str *raw_r)
{
	size_t equals = find_bare(*rest, '='), end = rest->len;

	if (equals < rest->len) {
		end = equals;
		while (end > 0 && rest->p[end - 1] != ' ')
			end--;
		if (end == 0)
			return fail(p, "no blank before a key");
	}
	*raw_r = str_make(rest->p, equals < rest->len ? end - 1 : end);
	rest->p += end;
	rest->len -= end;
	return true;
}

static bool
parse_pair(struct cef_parse *p, struct str *rest)
{
	size_t equals = find_bare(*rest, '=');
	struct str raw, key = str_make(rest->p, equals);

	if (equals == rest->len || !is_word(key))
		return fail(p, "a key is not one word");
	if (p->n == CEF_PARSE_PAIRS)
		return fail(p, "too many pairs");
	for (size_t i = 0; i < p->n; i++)
		if (str_eq(p->pairs[i].key, key))
			return fail(p, "a key comes twice");
	rest->p += equals + 1;
	rest->len -= equals + 1;
	if (!take_value(p, rest, &raw))
		return false;
	/* The blank that a pipe needs behind it is no part of the value. */
	if (rest->len == 0 && str_ends(raw, STR_LIT("| ")))
		raw.len--;
	if (raw.len > 0 && (raw.p[0] == ' ' || raw.p[raw.len - 1] == ' '))
		return fail(p, "blanks at the ends of a value");
	p->pairs[p->n].key = key;
	return decode(p, raw, "\\\\==n\nr\r", &p->pairs[p->n++].value);
}

static bool
is_severity(struct str s)
{
	uint64_t v;

	return str_to_u64(s, &v) && v <= 10;
}

bool
cef_parse_line(struct cef_parse *p, struct str line)
{
	p->n = 0;
	p->used = 0;
	p->why = NULL;
	if (utf8_check(line) != line.len)
		return fail(p, "bad UTF-8");
	for (size_t i = 0; i < line.len; i++)
		if ((unsigned char)line.p[i] < 0x20 || line.p[i] == 0x7f)
			return fail(p, "control character");
	if (!parse_header(p, &line))
		return false;
	if (!is_severity(p->header[CEF_PARSE_SEVERITY]))
		return fail(p, "severity is no number from 0 to 10");
	while (line.len > 0)
		if (!parse_pair(p, &line))
			return false;
	return true;
}

struct str
cef_parse_get(const struct cef_parse *p, const char *key)
{
	for (size_t i = 0; i < p->n; i++)
		if (str_is(p->pairs[i].key, key))
			return p->pairs[i].value;
	return str_make(NULL, 0);
}
