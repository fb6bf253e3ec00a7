/* map/convert.c -- what the transforms of a map do to a text. */
/* SPDX-License-Identifier: ISC */
#include "map/convert.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/buf.h"
#include "codec/rfc3339.h"
#include "codec/utf8.h"

#define YEAR_10000_MS 253402300800000LL

struct str
convert_trim(struct str in)
{
	while (in.len > 0 && (unsigned char)in.p[0] <= ' ') {
		in.p++;
		in.len--;
	}
	while (in.len > 0 && (unsigned char)in.p[in.len - 1] <= ' ')
		in.len--;
	return in;
}

/* --- types -------------------------------------------------------------- */

/*
 * Numbers come in seconds, milliseconds, microseconds, ticks of 100 ns or
 * nanoseconds; the size tells which, for times after 2001.
 */
static bool
time_of_number(int64_t n, int64_t *ms_r)
{
	if (n <= 0)
		return false;
	if (n < 100000000000LL)
		*ms_r = n * 1000;
	else if (n < 100000000000000LL)
		*ms_r = n;
	else if (n < 10000000000000000LL)
		*ms_r = n / 1000;
	else if (n < 1000000000000000000LL)
		*ms_r = n / 10000;
	else
		*ms_r = n / 1000000;
	return true;
}

static bool
to_time(struct str in, char *space, struct str *out_r)
{
	char *end = space + CONVERT_MAX, *p = end;
	int64_t n, ms;

	if (in.len > 4 && in.p[4] == '-') {
		if (!rfc3339_parse_ms(in, &ms))
			return false;
	} else if (!str_to_i64(in, &n) || !time_of_number(n, &ms)) {
		return false;
	}
	if (ms <= 0 || ms >= YEAR_10000_MS)
		return false;
	for (; ms > 0; ms /= 10)
		*--p = (char)('0' + ms % 10);
	*out_r = str_make(p, (size_t)(end - p));
	return true;
}

static bool
to_number(struct str in, int64_t least, int64_t most, struct str *out_r)
{
	int64_t n;

	*out_r = in;
	return str_to_i64(in, &n) && n >= least && n <= most;
}

/* Digits with one point at most, and an exponent as JSON has it. */
static bool
to_double(struct str in, struct str *out_r)
{
	unsigned digits = 0, points = 0;

	*out_r = in;
	for (size_t i = 0; i < in.len; i++) {
		char c = in.p[i];

		if (c >= '0' && c <= '9')
			digits++;
		else if (c == '.' && points++ == 0 && digits > 0)
			continue;
		else if ((c == '-' || c == '+') &&
		    (i == 0 || in.p[i - 1] == 'e' || in.p[i - 1] == 'E'))
			continue;
		else if ((c == 'e' || c == 'E') && digits > 0)
			points = 1;
		else
			return false;
	}
	return digits > 0 && in.p[in.len - 1] >= '0' && in.p[in.len - 1] <= '9';
}

/* "[v6]:port", "v4:port", "v6%zone": the address alone. */
static struct str
bare_address(struct str in)
{
	ptrdiff_t at;

	in = convert_trim(in);
	if (in.len > 1 && in.p[0] == '[') {
		in = str_make(in.p + 1, in.len - 1);
		at = str_find(in, ']');
		return at < 0 ? in : str_make(in.p, (size_t)at);
	}
	at = str_find(in, '%');
	if (at > 0)
		in.len = (size_t)at;
	at = str_find(in, ':');
	if (at > 0 && memchr(in.p, '.', (size_t)at) != NULL)
		in.len = (size_t)at;
	return in;
}

static bool
is_ipv4(struct str in)
{
	unsigned parts = 0, value = 0, digits = 0;

	if (in.len < 7 || in.len > 15)
		return false;
	for (size_t i = 0; i < in.len; i++) {
		if (in.p[i] == '.') {
			if (digits == 0 || ++parts > 3)
				return false;
			value = digits = 0;
			continue;
		}
		if (in.p[i] < '0' || in.p[i] > '9' || ++digits > 3 ||
		    (digits > 1 && value == 0))
			return false;
		value = value * 10 + (unsigned)(in.p[i] - '0');
		if (value > 255)
			return false;
	}
	return parts == 3 && digits > 0;
}

/* The 16 bytes of an IPv6 address; its IPv4 address if it holds one. */
static bool
read_ipv6(struct str in, struct in6_addr *a, bool *mapped_r)
{
	char text[INET6_ADDRSTRLEN];

	if (in.len < 2 || in.len >= sizeof(text) || str_find(in, ':') < 0)
		return false;
	memcpy(text, in.p, in.len);
	text[in.len] = '\0';
	if (inet_pton(AF_INET6, text, a) != 1)
		return false;
	*mapped_r = IN6_IS_ADDR_V4MAPPED(a);
	return true;
}

static bool
to_ipv4(struct str in, char *space, struct str *out_r)
{
	struct in6_addr a;
	bool mapped;

	*out_r = in = bare_address(in);
	if (is_ipv4(in))
		return true;
	if (!read_ipv6(in, &a, &mapped) || !mapped)
		return false;
	inet_ntop(AF_INET, &a.s6_addr[12], space, CONVERT_MAX);
	*out_r = str_of(space);
	return true;
}

static bool
to_ipv6(struct str in, char *space, struct str *out_r)
{
	struct in6_addr a;
	bool mapped;

	if (!read_ipv6(bare_address(in), &a, &mapped) || mapped)
		return false;
	inet_ntop(AF_INET6, &a, space, CONVERT_MAX);
	*out_r = str_of(space);
	return true;
}

static bool
is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
	    (c >= 'A' && c <= 'F');
}

/* Twelve hex digits with any of - : . between them. */
static bool
to_mac(struct str in, char *space, struct str *out_r)
{
	unsigned n = 0, at = 0;

	for (size_t i = 0; i < in.len; i++) {
		char c = in.p[i];

		if (c == '-' || c == ':' || c == '.')
			continue;
		if (!is_hex(c) || n == 12)
			return false;
		if (n > 0 && n % 2 == 0)
			space[at++] = ':';
		space[at++] = c;
		n++;
	}
	*out_r = str_make(space, at);
	return n == 12;
}

bool
convert_type(enum cef_value type, struct str in, char space[CONVERT_MAX],
    struct str *out_r)
{
	if (in.len == 0)
		return false;
	switch (type) {
	case CEF_STRING:
		*out_r = in;
		return true;
	case CEF_INT:
		return to_number(in, INT32_MIN, INT32_MAX, out_r);
	case CEF_LONG:
		return to_number(in, INT64_MIN, INT64_MAX, out_r);
	case CEF_DOUBLE:
		return to_double(in, out_r);
	case CEF_IPV4:
		return to_ipv4(in, space, out_r);
	case CEF_IPV6:
		return to_ipv6(in, space, out_r);
	case CEF_MAC:
		return to_mac(in, space, out_r);
	case CEF_TIME:
		return to_time(in, space, out_r);
	}
	return false;
}

/* --- texts -------------------------------------------------------------- */

static const struct {
	const char *name;
	uint32_t cp;
} entities[] = {
	{ "amp", '&' },
	{ "lt", '<' },
	{ "gt", '>' },
	{ "quot", '"' },
	{ "apos", '\'' },
	{ "nbsp", ' ' },
	{ "ndash", 0x2013 },
	{ "mdash", 0x2014 },
	{ "hellip", 0x2026 },
	{ "copy", 0xa9 },
	{ "reg", 0xae },
};

/* "#39" and "#x27": the character, 0 if it is none that may stand there. */
static uint32_t
numbered(struct str s)
{
	bool hex = s.len > 1 && (s.p[1] == 'x' || s.p[1] == 'X');
	uint32_t cp = 0;

	for (size_t i = hex ? 2 : 1; i < s.len; i++) {
		char c = s.p[i];

		if (!is_hex(c) || (!hex && c > '9') || cp > 0x10ffff)
			return 0;
		cp = cp * (hex ? 16 : 10) +
		    (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff) ? 0 : cp;
}

/* At '&': append what it stands for and return its length, 0 if nothing. */
static size_t
add_entity(struct str s, struct buf *out)
{
	struct str name = str_make(s.p + 1, 0);
	uint32_t cp = 0;

	while (name.len + 1 < s.len && name.len < 10 && name.p[name.len] != ';')
		name.len++;
	if (name.len + 1 >= s.len || name.p[name.len] != ';')
		return 0;
	if (name.len > 0 && name.p[0] == '#')
		cp = numbered(name);
	for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++)
		if (str_is(name, entities[i].name))
			cp = entities[i].cp;
	if (cp == 0)
		return 0;
	utf8_add(out, cp);
	return name.len + 2;
}

/* At '<': the length of the tag, 0 if it is a mere sign. */
static size_t
tag_length(struct str s)
{
	ptrdiff_t end = str_find(s, '>');
	char c = s.len > 1 ? s.p[1] : '\0';

	if (end < 0 ||
	    !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '/' ||
		c == '!'))
		return 0;
	return (size_t)end + 1;
}

/* Tags that part words: what stands before and behind is not one word. */
static bool
parts_words(struct str tag)
{
	static const char *const names[] = { "br", "p", "/p", "div", "/div",
		"li", "/li", "td", "/td", "tr", "/tr" };
	struct str name = str_make(tag.p + 1, 0);

	while (name.len + 2 < tag.len &&
	    (unsigned char)name.p[name.len] > ' ' &&
	    (name.len == 0 || name.p[name.len] != '/'))
		name.len++;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_eq_nocase(name, str_of(names[i])))
			return true;
	return false;
}

void
convert_html(struct str in, struct buf *out)
{
	size_t n, from = out->len;

	while (in.len > 0) {
		n = 0;
		if (in.p[0] == '<') {
			n = tag_length(in);
			if (n > 0 && parts_words(str_make(in.p, n)) &&
			    out->len > from)
				buf_add_char(out, ' ');
		} else if (in.p[0] == '&') {
			n = add_entity(in, out);
		}
		if (n == 0) {
			buf_add_char(out, in.p[0]);
			n = 1;
		}
		in = str_make(in.p + n, in.len - n);
	}
}

static bool
is_unseen(uint32_t cp)
{
	return (cp >= 0x200b && cp <= 0x200f) || cp == 0xfeff ||
	    (cp >= 0x202a && cp <= 0x202e) || (cp >= 0x2060 && cp <= 0x2064) ||
	    (cp >= 0x2066 && cp <= 0x206f) || cp == 0xad || cp == 0x061c;
}

static bool
is_space(uint32_t cp)
{
	return cp <= ' ' || (cp >= 0x7f && cp <= 0xa0) || cp == 0x2028 ||
	    cp == 0x2029 || cp == 0x3000 || (cp >= 0x2000 && cp <= 0x200a);
}

void
convert_plain(struct str in, struct buf *out)
{
	size_t from = out->len;
	bool space = false;
	uint32_t cp;

	while (in.len > 0) {
		int n = utf8_next(in.p, in.len, &cp);

		if (n < 0) {
			n = 1;
			cp = UTF8_REPLACEMENT;
		}
		in = str_make(in.p + n, in.len - (size_t)n);
		if (is_space(cp)) {
			space = true;
			continue;
		}
		if (is_unseen(cp))
			continue;
		if (space && out->len > from)
			buf_add_char(out, ' ');
		space = false;
		utf8_add(out, cp);
	}
}

void
convert_json(struct str in, struct buf *out)
{
	bool text = false;

	for (size_t i = 0; i < in.len; i++) {
		char c = in.p[i];

		if (text && c == '\\' && i + 1 < in.len) {
			buf_add(out, in.p + i++, 2);
			continue;
		}
		if (c == '"')
			text = !text;
		if (text || (unsigned char)c > ' ')
			buf_add_char(out, c);
	}
}

bool
convert_is_plain(struct str in)
{
	unsigned char before = ' ';

	for (size_t i = 0; i < in.len; i++) {
		unsigned char c = (unsigned char)in.p[i];

		if (c < ' ' || c >= 0x7f || (c == ' ' && before == ' '))
			return false;
		before = c;
	}
	return before != ' ';
}

void
convert_case(struct str in, bool upper, struct buf *out)
{
	char from = upper ? 'a' : 'A';

	if (!buf_reserve(out, in.len))
		return;
	for (size_t i = 0; i < in.len; i++) {
		char c = in.p[i];

		out->p[out->len++] =
		    c >= from && c < from + 26 ? (char)(c ^ 0x20) : c;
	}
}

void
convert_swap(struct str in, struct str from, struct str to, struct buf *out)
{
	if (!buf_reserve(out, in.len))
		return;
	for (size_t i = 0; i < in.len; i++) {
		const char *at = memchr(from.p, in.p[i], from.len);

		out->p[out->len++] = at == NULL ? in.p[i] : to.p[at - from.p];
	}
}

struct str
convert_after(struct str in, struct str mark)
{
	if (mark.len == 0 || in.len == 0)
		return in;
	if (mark.len == 1) {
		const char *at = memrchr(in.p, mark.p[0], in.len);

		return at == NULL
		    ? in
		    : str_make(at + 1, in.len - (size_t)(at + 1 - in.p));
	}
	for (size_t i = in.len; i >= mark.len; i--)
		if (memcmp(in.p + i - mark.len, mark.p, mark.len) == 0)
			return str_make(in.p + i, in.len - i);
	return in;
}

struct str
convert_before(struct str in, struct str mark)
{
	const char *at;

	if (mark.len == 0 || in.len == 0)
		return in;
	at = memmem(in.p, in.len, mark.p, mark.len);
	return at == NULL ? in : str_make(in.p, (size_t)(at - in.p));
}
