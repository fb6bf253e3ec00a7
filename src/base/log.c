/*
 * base/log.c -- one line for the operator.
 *
 * The log is the one thing that the whole program shares, so its few
 * settings are the only globals of the house.
 */
/* SPDX-License-Identifier: ISC */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "base/clock.h"
#include "base/xalloc.h"

#define LINE_MAX_BYTES 1024
#define FOLD_MS 60000

static struct {
	enum log_target target;
	char *debug_rooms; /* owned; NULL: none */
	char last[LINE_MAX_BYTES];
	enum log_level last_level;
	uint64_t last_ms; /* when `last` was written */
	unsigned repeats; /* of `last`, not yet told */
} state;

void
log_open(enum log_target target, const char *ident)
{
	state.target = target;
	if (target == LOG_TO_SYSLOG)
		openlog(ident, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

void
log_debug_rooms(const char *rooms)
{
	xfree(state.debug_rooms);
	state.debug_rooms = rooms != NULL ? xstrdup(rooms) : NULL;
}

bool
log_is_debugged(const struct log *log)
{
	const char *p = state.debug_rooms;
	size_t len = strlen(log->room);

	while (p != NULL && *p != '\0') {
		size_t n = strcspn(p, ",");

		if ((n == 3 && strncmp(p, "all", 3) == 0) ||
		    (n == len && strncmp(p, log->room, n) == 0))
			return true;
		p += n + (p[n] == ',');
	}
	return false;
}

static void
put(enum log_level level, const char *line)
{
	static const int priority[] = { LOG_ERR, LOG_WARNING, LOG_INFO,
		LOG_DEBUG };
	static const char *const word[] = { "error: ", "warning: ", "",
		"debug: " };
	char stamp[32];
	struct tm tm;
	time_t now;

	switch (state.target) {
	case LOG_TO_SYSLOG:
		syslog(priority[level], "%s%s", word[level], line);
		return;
	case LOG_TO_JOURNAL:
		fprintf(
		    stderr, "<%d>%s%s\n", priority[level], word[level], line);
		return;
	case LOG_TO_STDERR:
		break;
	}
	now = time(NULL);
	localtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%S", &tm);
	fprintf(stderr, "%s %s%s\n", stamp, word[level], line);
}

static void
tell_repeats(void)
{
	char line[64];

	if (state.repeats == 0)
		return;
	snprintf(line, sizeof(line), "the line before repeated %u times",
	    state.repeats);
	state.repeats = 0;
	put(state.last_level, line);
}

void
log_line(const struct log *log, enum log_level level, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	uint64_t now = clock_mono_ms();
	int saved = errno;
	va_list ap;
	size_t n;

	n = (size_t)snprintf(line, sizeof(line), "%s%s%s: ", log->room,
	    log->who != NULL ? " " : "", log->who != NULL ? log->who : "");
	if (n < sizeof(line)) {
		va_start(ap, fmt);
		vsnprintf(line + n, sizeof(line) - n, fmt, ap);
		va_end(ap);
	}
	for (char *p = line; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20)
			*p = ' ';
	if (level == state.last_level && strcmp(line, state.last) == 0 &&
	    now - state.last_ms < FOLD_MS) {
		state.repeats++;
	} else {
		tell_repeats();
		put(level, line);
		memcpy(state.last, line, sizeof(state.last));
		state.last_level = level;
		state.last_ms = now;
	}
	errno = saved;
}

void
log_close(void)
{
	tell_repeats();
	log_debug_rooms(NULL);
	if (state.target == LOG_TO_SYSLOG)
		closelog();
	state.target = LOG_TO_STDERR;
}
