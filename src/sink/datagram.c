/* sink/datagram.c -- sends each event as a datagram, UDP or unix. */
/* SPDX-License-Identifier: ISC */
#include "sink/datagram.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/backoff.h"
#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "net/loop.h"
#include "net/resolve.h"

#define RESOLVE_EVERY_MS (5 * 60 * 1000) /* a collector may move */
#define COMPLAIN_EVERY_MS 60000
#define BACKOFF_FIRST_MS 1000
#define BACKOFF_CAP_MS 60000
#define SEND_BUFFER (1024 * 1024)

struct datagram {
	struct log log;
	struct loop *loop;
	struct datagram_conf conf;
	const struct sink_cbs *cbs;
	void *arg;
	int fd; /* -1: not connected */
	struct loop_fd *watch;
	struct resolve *resolve;
	struct loop_timer *timer; /* connect again, or resolve again */
	struct loop_task *tell;
	struct backoff backoff;
	uint64_t sent; /* position of the last one */
	uint64_t refused;
	uint64_t complained_ms;
	bool wants_room;
	void (*done)(void *arg);
	void *done_arg;
};

static const char *
peer(const struct datagram *d, char *text, size_t size)
{
	if (d->conf.unix_path != NULL)
		snprintf(text, size, "%s", d->conf.unix_path);
	else
		snprintf(text, size, "%s port %u", d->conf.host,
		    (unsigned)d->conf.port);
	return text;
}

static void
disconnect(struct datagram *d)
{
	loop_fd_free(&d->watch);
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
}

static void
fail(struct datagram *d, const char *why)
{
	uint64_t wait_ms = backoff_fail(&d->backoff);
	char text[300];

	disconnect(d);
	log_warn(&d->log, "cannot reach %s: %s; trying again in %" PRIu64 " s",
	    peer(d, text, sizeof(text)), why, (wait_ms + 999) / 1000);
	loop_timer_set(d->timer, wait_ms);
}

static void
on_writable(void *arg, int what)
{
	struct datagram *d = arg;

	(void)what;
	loop_fd_watch(d->watch, 0);
	d->wants_room = false;
	d->cbs->ready(d->arg);
}

static void
connect_to(struct datagram *d, const struct sockaddr *sa, socklen_t len)
{
	int size = SEND_BUFFER;

	disconnect(d);
	d->fd =
	    socket(sa->sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (d->fd < 0 || connect(d->fd, sa, len) < 0) {
		fail(d, strerror(errno));
		return;
	}
	/* A larger buffer only spares waiting; what is given will do. */
	(void)setsockopt(d->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	d->watch = loop_fd_new(d->loop, d->fd, on_writable, d);
	backoff_reset(&d->backoff);
	if (d->conf.unix_path == NULL)
		loop_timer_set(d->timer, RESOLVE_EVERY_MS);
	d->wants_room = false;
	d->cbs->ready(d->arg);
}

static void
on_resolved(void *arg, const struct resolve_addr *addrs, size_t n,
    const struct err *err)
{
	struct datagram *d = arg;

	d->resolve = NULL;
	if (n > 0)
		connect_to(
		    d, (const struct sockaddr *)&addrs[0].sa, addrs[0].len);
	else if (d->fd < 0)
		fail(d, err->text);
	else
		loop_timer_set(d->timer, RESOLVE_EVERY_MS);
}

static void
connect_unix(struct datagram *d)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	memcpy(sa.sun_path, d->conf.unix_path,
	    strnlen(d->conf.unix_path, sizeof(sa.sun_path) - 1));
	connect_to(d, (const struct sockaddr *)&sa, sizeof(sa));
}

static void
on_timer(void *arg)
{
	struct datagram *d = arg;

	if (d->conf.unix_path != NULL)
		connect_unix(d);
	else if (d->resolve == NULL)
		d->resolve = resolve_start(
		    d->loop, d->conf.host, d->conf.port, on_resolved, d);
}

static void
on_tell(void *arg)
{
	struct datagram *d = arg;
	void (*done)(void *arg) = d->done;

	if (d->sent > 0)
		d->cbs->confirmed(d->arg, d->sent);
	d->done = NULL;
	if (done != NULL)
		done(d->done_arg);
}

struct datagram *
datagram_new(struct loop *l, const struct datagram_conf *conf,
    const struct sink_cbs *cbs, void *arg)
{
	struct datagram *d = xcalloc(1, sizeof(*d));

	d->log = (struct log){ "output", conf->who };
	d->loop = l;
	d->conf = *conf;
	d->cbs = cbs;
	d->arg = arg;
	d->fd = -1;
	d->timer = loop_timer_new(l, on_timer, d);
	d->tell = loop_task_new(l, on_tell, d);
	backoff_init(&d->backoff, BACKOFF_FIRST_MS, BACKOFF_CAP_MS, conf->seed);
	loop_timer_set(d->timer, 0);
	return d;
}

void
datagram_free(struct datagram **dp)
{
	struct datagram *d = *dp;

	*dp = NULL;
	if (d == NULL)
		return;
	disconnect(d);
	resolve_cancel(&d->resolve);
	loop_timer_free(&d->timer);
	loop_task_free(&d->tell);
	xfree(d);
}

/* An earlier datagram was refused; the error is told to the next one. */
static void
count_refused(struct datagram *d)
{
	uint64_t now = loop_now_ms(d->loop);
	char text[300];

	d->refused++;
	if (d->complained_ms != 0 && now - d->complained_ms < COMPLAIN_EVERY_MS)
		return;
	d->complained_ms = now;
	log_warn(&d->log,
	    "%s refuses datagrams, %" PRIu64 " so far; they are"
	    " lost, as UDP cannot hold them",
	    peer(d, text, sizeof(text)), d->refused);
}

int
datagram_send(struct datagram *d, uint64_t pos, struct str message)
{
	ssize_t n;

	d->wants_room = true;
	if (d->fd < 0)
		return 0;
	n = send(d->fd, message.p, message.len, MSG_NOSIGNAL);
	if (n < 0 && errno == ECONNREFUSED && d->conf.unix_path == NULL) {
		count_refused(d);
		n = send(d->fd, message.p, message.len, MSG_NOSIGNAL);
	}
	if (n < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
		loop_fd_watch(d->watch, LOOP_WRITE);
		return 0;
	}
	if (n < 0 && errno == EMSGSIZE) {
		log_error(&d->log,
		    "an event of %zu bytes does not fit into a"
		    " datagram here and is dropped; lower max-bytes",
		    message.len);
	} else if (n < 0) {
		fail(d, strerror(errno));
		return 0;
	}
	d->wants_room = false;
	d->sent = pos;
	loop_task_run(d->tell);
	return 1;
}

void
datagram_finish(struct datagram *d, void (*done)(void *arg), void *arg)
{
	d->done = done;
	d->done_arg = arg;
	loop_task_run(d->tell);
}
