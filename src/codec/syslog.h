/* codec/syslog.h -- syslog's headers and frames. */
/* SPDX-License-Identifier: ISC */
#ifndef CODEC_SYSLOG_H
#define CODEC_SYSLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

enum syslog_header {
	SYSLOG_RFC5424,
	SYSLOG_RFC3164, /* the event directly behind the host name */
	SYSLOG_MCAS,    /* as the retired agent: PRI, ISO time, host */
	SYSLOG_NONE     /* the event alone */
};

enum syslog_framing {
	SYSLOG_OCTET_COUNTED,
	SYSLOG_NEWLINE,
	SYSLOG_DATAGRAM /* no frame: the datagram is one */
};

struct syslog_conf {
	enum syslog_header header;
	enum syslog_framing framing;
	uint8_t facility;     /* 0 to 23 */
	uint8_t severity;     /* 0 to 7 */
	const char *hostname; /* borrowed; cleaned by syslog_init */
	const char *app_name; /* borrowed; for RFC 5424 */
};

/* The constant parts, made once; the time is formatted once a change. */
struct syslog {
	struct syslog_conf conf;
	char before[16];  /* "<134>1 " */
	char behind[512]; /* " host app pid - - " */
	size_t before_len, behind_len;
	int64_t time_ms;
	char time[40];
	size_t time_len;
};

void
syslog_init(struct syslog *sl, const struct syslog_conf *conf, int process_id);

/*
 * Append one whole frame around event, with the event's own time; after a
 * failure of out nothing of it is there.
 */
void syslog_frame(
    struct syslog *sl, struct buf *out, int64_t time_ms, struct str event);

/*
 * How many bytes the header adds.  A collector's limit is for header and
 * event; what frames them (count, newline) is not part of the message.
 */
size_t syslog_header_bytes(const struct syslog *sl);

/* "local0" to its number; -1 if there is none of that name. */
int syslog_facility(const char *name);

#endif
