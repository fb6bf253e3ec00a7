/* base/err.c -- what went wrong, and what may be done about it. */
/* SPDX-License-Identifier: ISC */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void
finish(char *text, int wanted)
{
	if (wanted >= ERR_TEXT_MAX)
		memcpy(text + ERR_TEXT_MAX - 4, "...", 4);
	for (char *p = text; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;

		if (c < 0x20 || c == 0x7f)
			*p = '?';
	}
}

static int
fill(struct err *err, enum err_kind kind, uint64_t wait_ms, const char *fmt,
    va_list ap)
{
	int saved = errno;

	if (err == NULL)
		return -1;
	err->kind = kind;
	err->wait_ms = wait_ms;
	err->text[0] = '\0';
	finish(err->text, vsnprintf(err->text, sizeof(err->text), fmt, ap));
	errno = saved;
	return -1;
}

int
err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(err, kind, 0, fmt, ap);
	va_end(ap);
	return -1;
}

int
err_wait(struct err *err, uint64_t wait_ms, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(err, ERR_WAIT, wait_ms, fmt, ap);
	va_end(ap);
	return -1;
}

int
err_prefix(struct err *err, const char *fmt, ...)
{
	char rest[ERR_TEXT_MAX];
	va_list ap;
	int n;

	if (err == NULL)
		return -1;
	memcpy(rest, err->text, sizeof(rest));
	va_start(ap, fmt);
	n = vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	if (n >= 0 && n < ERR_TEXT_MAX)
		n += snprintf(
		    err->text + n, sizeof(err->text) - (size_t)n, "%s", rest);
	finish(err->text, n);
	return -1;
}

void
err_clear(struct err *err)
{
	err->kind = ERR_NONE;
	err->wait_ms = 0;
	err->text[0] = '\0';
}
