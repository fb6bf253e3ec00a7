/*
 * sink/syslog_out.c -- events to a syslog collector.
 *
 * This room knows the options and writes the frames.  How they travel is the
 * courier's business (TCP, TLS) or the datagram's (UDP, unix).
 */
/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "codec/syslog.h"
#include "net/tls.h"
#include "sink/courier.h"
#include "sink/datagram.h"
#include "sink/sink.h"

enum transport {
	TRANSPORT_UDP,
	TRANSPORT_TCP,
	TRANSPORT_TLS,
	TRANSPORT_UNIX
};

static const char *const transport_words[] = { "udp", "tcp", "tls", "unix",
	NULL };
static const char *const framing_words[] = { "octet-counted", "newline", NULL };
static const char *const header_words[] = { "rfc5424", "rfc3164", "mcas",
	"none", NULL };
static const char *const confirm_words[] = { "read", "kernel", "none", NULL };

struct syslog_out_conf {
	int transport;
	char *host;
	uint64_t port;
	char *path;
	char *ca_file, *ca_dir, *cert_file, *key_file;
	char *server_name, *fingerprint;
	int framing, header;
	char *facility, *hostname, *app_name;
	uint64_t max_bytes;
	int confirm;
	uint64_t confirm_bytes, confirm_interval_ms;
	uint64_t connect_timeout_ms, handshake_timeout_ms, stall_timeout_ms;
	uint64_t finish_timeout_ms;
};

#define FIELD(f) offsetof(struct syslog_out_conf, f)
static const struct opt opts[] = {
	{ .name = "transport",
	    .type = OPT_WORD,
	    .offset = FIELD(transport),
	    .words = transport_words,
	    .def = "tls",
	    .help = "how events travel" },
	{ .name = "host",
	    .type = OPT_TEXT,
	    .offset = FIELD(host),
	    .help = "name or address of the collector" },
	{ .name = "port",
	    .type = OPT_NUMBER,
	    .offset = FIELD(port),
	    .max = 65535,
	    .help = "514, or 6514 with TLS" },
	{ .name = "path",
	    .type = OPT_PATH,
	    .offset = FIELD(path),
	    .help = "of the unix datagram socket" },
	{ .name = "ca-file",
	    .type = OPT_PATH,
	    .offset = FIELD(ca_file),
	    .help = "trust these certificates instead of the system's" },
	{ .name = "ca-dir",
	    .type = OPT_PATH,
	    .offset = FIELD(ca_dir),
	    .help = "the same as a folder of hashed names" },
	{ .name = "cert-file",
	    .type = OPT_PATH,
	    .offset = FIELD(cert_file),
	    .help = "our certificate, with its chain" },
	{ .name = "key-file",
	    .type = OPT_PATH,
	    .offset = FIELD(key_file),
	    .help = "its key" },
	{ .name = "server-name",
	    .type = OPT_TEXT,
	    .offset = FIELD(server_name),
	    .help = "the name that the collector must prove" },
	{ .name = "fingerprint",
	    .type = OPT_TEXT,
	    .offset = FIELD(fingerprint),
	    .help = "the one certificate that is trusted" },
	{ .name = "framing",
	    .type = OPT_WORD,
	    .offset = FIELD(framing),
	    .words = framing_words,
	    .def = "octet-counted",
	    .help = "where an event ends in a stream" },
	{ .name = "header",
	    .type = OPT_WORD,
	    .offset = FIELD(header),
	    .words = header_words,
	    .def = "rfc5424",
	    .help = "what stands before the event" },
	{ .name = "facility",
	    .type = OPT_TEXT,
	    .offset = FIELD(facility),
	    .def = "local0",
	    .help = "under which the collector files it" },
	{ .name = "hostname",
	    .type = OPT_TEXT,
	    .offset = FIELD(hostname),
	    .help = "in the header; this machine's" },
	{ .name = "app-name",
	    .type = OPT_TEXT,
	    .offset = FIELD(app_name),
	    .def = "cloudcefd",
	    .help = "in the header" },
	{ .name = "max-bytes",
	    .type = OPT_BYTES,
	    .offset = FIELD(max_bytes),
	    .min = 480,
	    .max = 1024 * 1024,
	    .help = "of a message; 8KiB, or 2KiB with UDP" },
	{ .name = "confirm",
	    .type = OPT_WORD,
	    .offset = FIELD(confirm),
	    .words = confirm_words,
	    .def = "read",
	    .help = "what counts as delivered" },
	{ .name = "confirm-bytes",
	    .type = OPT_BYTES,
	    .offset = FIELD(confirm_bytes),
	    .def = "16MiB",
	    .min = 65536,
	    .help = "turn the connection over after so much" },
	{ .name = "confirm-interval",
	    .type = OPT_TIME,
	    .offset = FIELD(confirm_interval_ms),
	    .def = "30s",
	    .min = 100,
	    .help = "or after so long" },
	{ .name = "connect-timeout",
	    .type = OPT_TIME,
	    .offset = FIELD(connect_timeout_ms),
	    .def = "10s",
	    .min = 100,
	    .help = "for each address" },
	{ .name = "handshake-timeout",
	    .type = OPT_TIME,
	    .offset = FIELD(handshake_timeout_ms),
	    .def = "10s",
	    .min = 100,
	    .help = "for TLS" },
	{ .name = "stall-timeout",
	    .type = OPT_TIME,
	    .offset = FIELD(stall_timeout_ms),
	    .def = "60s",
	    .min = 1000,
	    .help = "a collector that takes nothing for so long is left" },
	{ .name = "finish-timeout",
	    .type = OPT_TIME,
	    .offset = FIELD(finish_timeout_ms),
	    .def = "5s",
	    .min = 100,
	    .help = "for its answer to the end of a connection" },
	{ .name = NULL },
};

/* After a handshake with our certificate, wait for a late refusal. */
#define GRACE_MS 300

struct sink {
	struct log log;
	const struct syslog_out_conf *conf;
	struct syslog syslog;
	char host[256]; /* our own, for the header */
	struct buf frame;
	uint64_t oversized; /* events that were not sent */
	struct tls *tls;
	struct courier *courier; /* either of these */
	struct datagram *datagram;
};

static bool
is_datagram(const struct syslog_out_conf *c)
{
	return c->transport == TRANSPORT_UDP || c->transport == TRANSPORT_UNIX;
}

static struct tls *
open_tls(const struct syslog_out_conf *c, struct err *err)
{
	struct tls_conf conf = { .ca_file = c->ca_file,
		.ca_dir = c->ca_dir,
		.cert_file = c->cert_file,
		.key_file = c->key_file,
		.server_name = c->server_name,
		.fingerprint = c->fingerprint };

	return tls_new(&conf, err);
}

static int
check(const void *conf, struct err *err)
{
	const struct syslog_out_conf *c = conf;
	bool has_tls = c->ca_file || c->ca_dir || c->cert_file || c->key_file ||
	    c->server_name || c->fingerprint;
	struct tls *tls;

	if (c->transport == TRANSPORT_UNIX) {
		if (c->path == NULL || strlen(c->path) > 107)
			return err_set(err, ERR_CONF,
			    "transport = \"unix\""
			    " needs a path of at most 107 bytes");
	} else if (c->host == NULL || c->host[0] == '\0') {
		return err_set(err, ERR_CONF,
		    "transport = \"%s\" needs a"
		    " host",
		    transport_words[c->transport]);
	}
	if (syslog_facility(c->facility) < 0)
		return err_set(err, ERR_CONF,
		    "facility = \"%s\": wanted is"
		    " kern to local7, as in \"local0\"",
		    c->facility);
	if (c->transport == TRANSPORT_UDP && c->max_bytes > 65507)
		return err_set(err, ERR_CONF,
		    "max-bytes: a UDP datagram holds"
		    " at most 65507 bytes");
	if (c->transport != TRANSPORT_TLS)
		return has_tls ? err_set(err, ERR_CONF,
				     "certificates are for"
				     " transport = \"tls\", not \"%s\"",
				     transport_words[c->transport])
			       : 0;
	tls = open_tls(c, err);
	if (tls == NULL)
		return -1;
	tls_free(&tls);
	return 0;
}

static size_t
max_bytes(const struct syslog_out_conf *c)
{
	if (c->max_bytes != 0)
		return c->max_bytes;
	return c->transport == TRANSPORT_UDP ? 2048 : 8192;
}

static void
open_syslog(struct sink *s)
{
	const struct syslog_out_conf *c = s->conf;
	struct syslog_conf conf = {
		.header = (enum syslog_header)c->header,
		.framing = is_datagram(c) ? SYSLOG_DATAGRAM
					  : (enum syslog_framing)c->framing,
		.facility = (uint8_t)syslog_facility(c->facility),
		.severity = 6,
		.hostname = s->host,
		.app_name = c->app_name,
	};

	if (c->hostname != NULL)
		snprintf(s->host, sizeof(s->host), "%s", c->hostname);
	else if (gethostname(s->host, sizeof(s->host) - 1) < 0)
		s->host[0] = '\0';
	syslog_init(&s->syslog, &conf, (int)getpid());
}

static void
open_datagram(struct sink *s, const char *who, struct loop *l,
    const struct sink_cbs *cbs, void *arg)
{
	const struct syslog_out_conf *c = s->conf;
	struct datagram_conf conf = { .who = who,
		.host = c->host,
		.port = (uint16_t)(c->port != 0 ? c->port : 514),
		.seed = clock_mono_ms() };

	if (c->transport == TRANSPORT_UNIX)
		conf.unix_path = c->path;
	s->datagram = datagram_new(l, &conf, cbs, arg);
}

static void
open_courier(struct sink *s, const char *who, struct loop *l,
    const struct sink_cbs *cbs, void *arg)
{
	const struct syslog_out_conf *c = s->conf;
	uint16_t port = c->transport == TRANSPORT_TLS ? 6514 : 514;
	struct courier_conf conf = {
		.who = who,
		.stream = {
			.host = c->host,
			.port = c->port != 0 ? (uint16_t)c->port : port,
			.tls = s->tls,
			.connect_timeout_ms = c->connect_timeout_ms,
			.handshake_timeout_ms = c->handshake_timeout_ms,
			.stall_timeout_ms = c->stall_timeout_ms,
			.finish_timeout_ms = c->finish_timeout_ms,
		},
		.confirm = (enum courier_confirm)c->confirm,
		.confirm_bytes = c->confirm_bytes,
		.confirm_interval_ms = c->confirm_interval_ms,
		.grace_ms = c->cert_file != NULL ? GRACE_MS : 0,
		.shows_certificate = c->cert_file != NULL,
		.seed = clock_mono_ms(),
	};

	s->courier = courier_new(l, &conf, cbs, arg);
}

static void
sink_close(struct sink **sp)
{
	struct sink *s = *sp;

	*sp = NULL;
	courier_free(&s->courier);
	datagram_free(&s->datagram);
	tls_free(&s->tls);
	buf_clear(&s->frame);
	xfree(s);
}

static struct sink *
sink_open(const void *conf, const char *who, struct loop *l,
    const struct sink_cbs *cbs, void *arg, struct err *err)
{
	struct sink *s = xcalloc(1, sizeof(*s));

	s->log = (struct log){ "output", who };
	s->conf = conf;
	buf_init(&s->frame, max_bytes(conf) + 1024);
	/* Taken now, so that no frame can fail for want of memory. */
	if (!buf_reserve(&s->frame, s->frame.cap)) {
		err_set(err, ERR_SYS, "no memory for a message of max-bytes");
		sink_close(&s);
		return NULL;
	}
	open_syslog(s);
	if (s->conf->transport == TRANSPORT_TLS) {
		s->tls = open_tls(s->conf, err);
		if (s->tls == NULL) {
			sink_close(&s);
			return NULL;
		}
	}
	if (is_datagram(s->conf))
		open_datagram(s, who, l, cbs, arg);
	else
		open_courier(s, who, l, cbs, arg);
	return s;
}

/*
 * Whoever makes the event keeps it within max_event, so this is our mistake,
 * or the limit was lowered after the event was kept.  A collector would tear
 * it or end the connection each time it comes, so it must not reach the
 * socket; nor may it hold up all that follow.
 */
static bool
is_oversized(struct sink *s, const struct sink_event *e)
{
	size_t bytes = syslog_header_bytes(&s->syslog) + e->text.len;

	if (bytes <= max_bytes(s->conf))
		return false;
	s->oversized++;
	log_error(&s->log,
	    "event %" PRIu64 " has %zu bytes with its header, max-bytes is"
	    " %zu; it is NOT delivered, the next one follows (%" PRIu64
	    " such events since the start)",
	    e->pos, bytes, max_bytes(s->conf), s->oversized);
	return true;
}

static int
sink_send(struct sink *s, const struct sink_event *e)
{
	if (is_oversized(s, e))
		return 1;
	buf_reset(&s->frame);
	syslog_frame(&s->syslog, &s->frame, (int64_t)e->time_ms, e->text);
	if (s->courier != NULL)
		return courier_send(s->courier, e->pos, buf_str(&s->frame));
	return datagram_send(s->datagram, e->pos, buf_str(&s->frame));
}

/* Streams write by themselves as soon as the loop turns. */
static void
sink_flush(struct sink *s)
{
	(void)s;
}

static void
sink_finish(
    struct sink *s, uint64_t deadline_ms, void (*done)(void *arg), void *arg)
{
	if (s->courier != NULL)
		courier_finish(s->courier, deadline_ms, done, arg);
	else
		datagram_finish(s->datagram, done, arg);
}

/* What a message may have, without what the header takes of it. */
static size_t
max_event(const void *conf)
{
	struct sink s = { .conf = conf };
	size_t header;

	open_syslog(&s);
	header = syslog_header_bytes(&s.syslog);
	return max_bytes(conf) - header;
}

const struct sink_ops syslog_out_ops = {
	.name = "syslog",
	.opts = opts,
	.conf_bytes = sizeof(struct syslog_out_conf),
	.check = check,
	.open = sink_open,
	.close = sink_close,
	.send = sink_send,
	.flush = sink_flush,
	.finish = sink_finish,
	.max_event = max_event,
};
