/* base/log.h -- one line for the operator: where, who, what, why, what next. */
/* SPDX-License-Identifier: ISC */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

/*
 * error: someone must act.  warn: we are managing, worse than usual.  info: a
 * life event.  debug: for us, switched on by room.
 */
enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

/* Where and who: carried by the object that logs, printed before the text. */
struct log {
	const char *room; /* "sink": the folder or file that speaks */
	const char *who;  /* "splunk": the named thing, or NULL */
};

enum log_target {
	LOG_TO_STDERR,  /* with local time */
	LOG_TO_JOURNAL, /* standard error with <level> for the journal */
	LOG_TO_SYSLOG
};

/* Where lines go from now on; before the first call: standard error. */
void log_open(enum log_target target, const char *ident);
void log_close(void);

/* Print debug lines of these rooms ("net,sink" or "all"); NULL: of none. */
void log_debug_rooms(const char *rooms);
bool log_is_debugged(const struct log *log);

/*
 * Write one line.  The same line again within a minute is counted instead
 * and told as "repeated N times".  errno is kept.  Never pass a token or,
 * above debug, a customer's data.
 */
void log_line(const struct log *log, enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(log, ...) log_line((log), LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(log, ...) log_line((log), LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(log, ...) log_line((log), LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(log, ...)                                            \
	do {                                                           \
		if (log_is_debugged(log))                              \
			log_line((log), LOG_LEVEL_DEBUG, __VA_ARGS__); \
	} while (0)

#endif
