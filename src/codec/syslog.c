/* codec/syslog.c -- syslog's headers and frames. */
/* SPDX-License-Identifier: ISC */
/*
 * RFC 5424 without structured data and without the byte order mark, which
 * hides an event from parsers that look for it at the first byte; times with
 * milliseconds and Z, the one form that all collectors take.  The other
 * headers leave out the tag, so that "CEF:" stands behind the host name.
 */
#include "codec/syslog.h"

#include <assert.h>
#include <stdio.h>

#include "codec/rfc3339.h"

#define HOST_MAX 255
#define APP_MAX 48

static const char *const facilities[] = { "kern", "user", "mail", "daemon",
	"auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
	"ntp", "audit", "alert", "clock", "local0", "local1", "local2",
	"local3", "local4", "local5", "local6", "local7" };

int
syslog_facility(const char *name)
{
	for (int i = 0; i < (int)(sizeof(facilities) / sizeof(*facilities));
	     i++)
		if (strcmp(facilities[i], name) == 0)
			return i;
	return -1;
}

/*
 * Collectors take a colon in a host name for the end of a tag, so an IPv6
 * address gets dashes as well.
 */
static bool
is_host_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

static bool
is_graphic(char c)
{
	return c > ' ' && c < 0x7f;
}

/* Write text with '-' for what is not ok, cut to max, `empty` for nothing. */
static void
clean(char *out, size_t max, const char *text, bool (*ok)(char),
    const char *empty)
{
	size_t n = 0;

	if (text == NULL || *text == '\0')
		text = empty;
	for (; n < max && text[n] != '\0'; n++)
		out[n] = ok(text[n]) ? text[n] : '-';
	out[n] = '\0';
}

void
syslog_init(struct syslog *sl, const struct syslog_conf *conf, int process_id)
{
	int priority = conf->facility * 8 + conf->severity;
	char host[HOST_MAX + 1], app[APP_MAX + 1];

	assert(conf->facility <= 23 && conf->severity <= 7);
	*sl = (struct syslog){ .conf = *conf };
	if (conf->header == SYSLOG_NONE)
		return;
	clean(host, HOST_MAX, conf->hostname, is_host_char, "localhost");
	clean(app, APP_MAX, conf->app_name, is_graphic, "-");
	sl->before_len = (size_t)snprintf(sl->before, sizeof(sl->before),
	    "<%d>%s", priority, conf->header == SYSLOG_RFC5424 ? "1 " : "");
	if (conf->header == SYSLOG_RFC5424)
		sl->behind_len =
		    (size_t)snprintf(sl->behind, sizeof(sl->behind),
			" %s %s %d - - ", host, app, process_id);
	else
		sl->behind_len = (size_t)snprintf(
		    sl->behind, sizeof(sl->behind), " %s ", host);
}

static void
set_time(struct syslog *sl, int64_t time_ms)
{
	if (sl->conf.header == SYSLOG_NONE ||
	    (sl->time_len > 0 && sl->time_ms == time_ms))
		return;
	sl->time_ms = time_ms;
	sl->time_len = sl->conf.header == SYSLOG_RFC3164
	    ? rfc3339_format_3164(sl->time, time_ms)
	    : rfc3339_format_ms(sl->time, time_ms);
}

/* A newline would end the frame; no event has one, but a stranger's might. */
static void
blank_newlines(char *p, size_t len)
{
	char *at;

	while (len > 0 && (at = memchr(p, '\n', len)) != NULL) {
		*at = ' ';
		len -= (size_t)(at + 1 - p);
		p = at + 1;
	}
}

void
syslog_frame(
    struct syslog *sl, struct buf *out, int64_t time_ms, struct str event)
{
	size_t bytes;

	set_time(sl, time_ms);
	bytes = sl->before_len + sl->time_len + sl->behind_len + event.len;
	if (!buf_reserve(out, bytes + 24))
		return;
	if (sl->conf.framing == SYSLOG_OCTET_COUNTED) {
		buf_add_u64(out, bytes);
		buf_add_char(out, ' ');
	}
	buf_add(out, sl->before, sl->before_len);
	buf_add(out, sl->time, sl->time_len);
	buf_add(out, sl->behind, sl->behind_len);
	buf_add_str(out, event);
	if (sl->conf.framing == SYSLOG_NEWLINE) {
		blank_newlines(out->p + out->len - event.len, event.len);
		buf_add_char(out, '\n');
	}
}

size_t
syslog_header_bytes(const struct syslog *sl)
{
	size_t time_len = strlen("2026-06-11T08:05:41.133Z");

	if (sl->conf.header == SYSLOG_NONE)
		time_len = 0;
	else if (sl->conf.header == SYSLOG_RFC3164)
		time_len = strlen("Jun 11 08:05:41");
	return sl->before_len + time_len + sl->behind_len;
}
