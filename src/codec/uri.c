/* codec/uri.c -- web addresses: taken apart, compared, put together. */
/* SPDX-License-Identifier: ISC */
#include "codec/uri.h"

#include "base/buf.h"
#include "base/err.h"

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9');
}

static bool
consists_of(struct str s, const char *also)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_alnum(s.p[i]) &&
		    (s.p[i] == '\0' || strchr(also, s.p[i]) == NULL))
			return false;
	return s.len > 0;
}

/*
 * Programs differ in what they make of a backslash, a blank or a control
 * character in an address.  A token is sent on the strength of this reading,
 * so there must be no second one.
 */
static bool
is_plain(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c <= ' ' || c == 0x7f || c == '\\')
			return false;
	}
	return true;
}

static bool
take_scheme(struct str *rest, struct uri *uri)
{
	ptrdiff_t at = str_find(*rest, ':');
	struct str behind;

	if (at < 0)
		return false;
	uri->scheme = str_make(rest->p, (size_t)at);
	if (str_eq_nocase(uri->scheme, STR_LIT("https")))
		uri->port = 443;
	else if (str_eq_nocase(uri->scheme, STR_LIT("http")))
		uri->port = 80;
	else
		return false;
	behind = str_make(rest->p + at + 1, rest->len - (size_t)at - 1);
	if (!str_starts(behind, STR_LIT("//")))
		return false;
	*rest = str_make(behind.p + 2, behind.len - 2);
	return true;
}

static bool
take_host(struct str *authority, struct uri *uri)
{
	ptrdiff_t at;

	if (authority->len > 0 && authority->p[0] == '[') {
		at = str_find(*authority, ']');
		if (at < 0)
			return false;
		uri->host = str_make(authority->p + 1, (size_t)at - 1);
		authority->p += at + 1;
		authority->len -= (size_t)at + 1;
		return consists_of(uri->host, ":.");
	}
	at = str_find(*authority, ':');
	uri->host = *authority;
	if (at >= 0)
		uri->host.len = (size_t)at;
	authority->p += uri->host.len;
	authority->len -= uri->host.len;
	return consists_of(uri->host, "-._");
}

static bool
take_port(struct str authority, struct uri *uri)
{
	uint64_t port;

	if (authority.len == 0)
		return true;
	if (authority.p[0] != ':')
		return false;
	if (authority.len == 1)
		return true;
	if (!str_to_u64(str_make(authority.p + 1, authority.len - 1), &port) ||
	    port == 0 || port > UINT16_MAX)
		return false;
	uri->port = (uint16_t)port;
	return true;
}

int
uri_parse(struct str text, struct uri *uri_r, struct err *err)
{
	struct str rest = text, authority;
	ptrdiff_t at;

	*uri_r = (struct uri){ 0 };
	if (!is_plain(text))
		return err_set(err, ERR_DATA,
		    "address \"%.*s\": holds a blank, a backslash or a control"
		    " character",
		    STR_ARG(text));
	if (!take_scheme(&rest, uri_r))
		return err_set(err, ERR_DATA,
		    "address \"%.*s\": begins neither with https:// nor"
		    " with http://",
		    STR_ARG(text));

	at = str_find(rest, '#');
	if (at >= 0)
		rest.len = (size_t)at;
	authority.p = rest.p;
	for (authority.len = 0; authority.len < rest.len; authority.len++)
		if (strchr("/?", rest.p[authority.len]) != NULL)
			break;
	rest.p += authority.len;
	rest.len -= authority.len;
	if (!take_host(&authority, uri_r) || !take_port(authority, uri_r))
		return err_set(err, ERR_DATA,
		    "address \"%.*s\": the host or port is not one",
		    STR_ARG(text));
	uri_r->path = str_cut(&rest, '?');
	uri_r->query = rest;
	return 0;
}

bool
uri_same_origin(const struct uri *a, const struct uri *b)
{
	return str_eq_nocase(a->scheme, b->scheme) &&
	    str_eq_nocase(a->host, b->host) && a->port == b->port;
}

void
uri_encode(struct buf *out, struct str s)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];
		char escape[3] = { '%', hex[c >> 4], hex[c & 15] };

		if (consists_of(str_make(s.p + i, 1), "-._~"))
			buf_add_char(out, s.p[i]);
		else
			buf_add(out, escape, sizeof(escape));
	}
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
uri_decode(struct buf *out, struct str s)
{
	size_t before = out->len;

	for (size_t i = 0; i < s.len; i++) {
		int high, low;

		if (s.p[i] != '%') {
			buf_add_char(out, s.p[i]);
			continue;
		}
		high = s.len - i > 2 ? hex_value(s.p[i + 1]) : -1;
		low = s.len - i > 2 ? hex_value(s.p[i + 2]) : -1;
		if (high < 0 || low < 0) {
			buf_truncate(out, before);
			return false;
		}
		buf_add_char(out, (char)(high << 4 | low));
		i += 2;
	}
	return true;
}
