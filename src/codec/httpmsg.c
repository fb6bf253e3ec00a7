/* codec/httpmsg.c -- a request and an answer as plain values. */
/* SPDX-License-Identifier: ISC */
#include "codec/httpmsg.h"

#include <stdio.h>

#include "base/err.h"
#include "codec/rfc3339.h"
#include "codec/uri.h"

#define URL_MAX (64 * 1024)

void
httpreq_init(struct httpreq *req)
{
	*req = (struct httpreq){ .method = HTTP_GET };
	buf_init(&req->url, URL_MAX);
	buf_init(&req->headers, HTTPMSG_HEADERS_MAX);
	buf_init(&req->body, HTTPMSG_BODY_MAX);
}

void
httpreq_clear(struct httpreq *req)
{
	buf_clear(&req->url);
	buf_clear(&req->headers);
	buf_clear(&req->body);
	req->bearer = NULL;
	req->scheme = NULL;
}

/* A value cannot bring a line of its own: controls become blanks. */
void
httpreq_header(struct httpreq *req, const char *name, const char *value)
{
	buf_add_text(&req->headers, name);
	buf_add_text(&req->headers, ": ");
	for (const char *c = value; *c != '\0'; c++)
		buf_add_char(&req->headers,
		    (unsigned char)*c < ' ' || *c == 0x7f ? ' ' : *c);
	buf_add_char(&req->headers, '\n');
}

void
httpreq_query(struct httpreq *req, const char *name, struct str value)
{
	bool has_query = str_find(buf_str(&req->url), '?') >= 0;

	buf_add_char(&req->url, has_query ? '&' : '?');
	buf_add_text(&req->url, name);
	buf_add_char(&req->url, '=');
	uri_encode(&req->url, value);
}

void
httpreq_form(struct httpreq *req, const char *name, struct str value)
{
	if (req->body.len > 0)
		buf_add_char(&req->body, '&');
	buf_add_text(&req->body, name);
	buf_add_char(&req->body, '=');
	uri_encode(&req->body, value);
}

void
httpresp_init(struct httpresp *resp)
{
	*resp = (struct httpresp){ 0 };
	buf_init(&resp->headers, HTTPMSG_HEADERS_MAX);
}

void
httpresp_clear(struct httpresp *resp)
{
	buf_clear(&resp->headers);
	resp->status = 0;
}

struct str
httpresp_header(const struct httpresp *resp, const char *name)
{
	struct str rest = buf_str(&resp->headers);

	while (rest.len > 0) {
		struct str value = str_cut(&rest, '\n');
		struct str key = str_cut(&value, ':');

		if (value.p != NULL && str_eq_nocase(key, str_of(name)))
			return str_trim(value);
	}
	return str_make(NULL, 0);
}

/* "120" or "2.128": in ms, rounded up. */
static bool
parse_seconds(struct str s, uint64_t *ms_r)
{
	struct str fraction = s, whole = str_cut(&fraction, '.');
	uint64_t seconds, worth = 100, ms = 0;
	bool more = false;

	if (!str_to_u64(whole, &seconds))
		return false;
	for (size_t i = 0; i < fraction.len; i++) {
		unsigned digit = (unsigned)(unsigned char)fraction.p[i] - '0';

		if (digit > 9)
			return false;
		ms += digit * worth;
		more |= worth == 0 && digit > 0;
		worth /= 10;
	}
	if (seconds > UINT32_MAX)
		seconds = UINT32_MAX;
	*ms_r = seconds * 1000 + ms + more;
	return true;
}

/*
 * The three forms of a date that HTTP knows (RFC 9110, 5.6.7): with a comma
 * behind the day, the same with dashes and a short year, and C's own.
 */
static bool
parse_date(struct str s, int64_t *ms_r)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	unsigned day, year, hour, minute, second;
	char text[64], month[4];
	const char *at;

	if (s.len == 0 || s.len >= sizeof(text))
		return false;
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	if (sscanf(text, "%*[A-Za-z], %2u%*1[ -]%3s%*1[ -]%4u %2u:%2u:%2u",
		&day, month, &year, &hour, &minute, &second) != 6 &&
	    sscanf(text, "%*[A-Za-z] %3s %2u %2u:%2u:%2u %4u", month, &day,
		&hour, &minute, &second, &year) != 6)
		return false;
	if (strlen(month) != 3 || (at = strstr(months, month)) == NULL ||
	    (at - months) % 3 != 0)
		return false;
	if (year < 100)
		year += year < 70 ? 2000 : 1900;
	snprintf(text, sizeof(text), "%04u-%02u-%02uT%02u:%02u:%02uZ", year,
	    (unsigned)(at - months) / 3 + 1, day, hour, minute, second);
	return rfc3339_parse_ms(str_of(text), ms_r);
}

bool
httpresp_date(const struct httpresp *resp, int64_t *ms_r)
{
	return parse_date(httpresp_header(resp, "Date"), ms_r);
}

/*
 * A date is compared with the server's own clock where the answer shows it,
 * since ours may be wrong.
 */
uint64_t
httpresp_retry_after(
    const struct httpresp *resp, uint64_t wall_ms, uint64_t max_ms)
{
	struct str text = httpresp_header(resp, "Retry-After");
	uint64_t ms;
	int64_t until, now;

	if (!parse_seconds(text, &ms)) {
		if (!parse_date(text, &until))
			return 0;
		if (!httpresp_date(resp, &now))
			now = (int64_t)wall_ms;
		ms = until > now ? (uint64_t)(until - now) : 0;
	}
	if (ms < 1000)
		ms = 1000;
	return ms < max_ms ? ms : max_ms;
}

static enum err_kind
kind_of(int status)
{
	switch (status) {
	case 401:
		return ERR_LOGIN;
	case 403:
		return ERR_DENIED;
	case 404:
	case 410:
		return ERR_GONE;
	case 408:
		return ERR_RETRY;
	case 429:
		return ERR_WAIT;
	default:
		return status == 0 || status >= 500 ? ERR_RETRY : ERR_CONF;
	}
}

int
httpresp_check(const struct httpresp *resp, struct str reason, uint64_t wall_ms,
    struct err *err)
{
	enum err_kind kind = kind_of(resp->status);
	uint64_t wait_ms = 0;

	if (resp->status >= 200 && resp->status < 300)
		return 0;
	if (resp->status == 0)
		return err_set(err, kind, "the server gave no answer%s%.*s",
		    reason.len > 0 ? ": " : "", STR_ARG(reason));
	if (kind == ERR_RETRY || kind == ERR_WAIT)
		wait_ms =
		    httpresp_retry_after(resp, wall_ms, HTTPMSG_WAIT_MAX_MS);
	if (kind == ERR_WAIT && wait_ms == 0)
		wait_ms = HTTPMSG_WAIT_MS;
	if (wait_ms > 0)
		return err_wait(err, wait_ms, "the server answered %d%s%.*s",
		    resp->status, reason.len > 0 ? ": " : "", STR_ARG(reason));
	return err_set(err, kind, "the server answered %d%s%.*s", resp->status,
	    reason.len > 0 ? ": " : "", STR_ARG(reason));
}
