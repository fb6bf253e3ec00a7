/* net/stream.c -- one outgoing connection, TCP, TLS or unix, and its end. */
/* SPDX-License-Identifier: ISC */
/*
 * The socket is driven here rather than by libevent's bufferevents: those
 * close without close_notify, make a record of every small chunk, and do not
 * tell FIN from RST, and the difference between these two is what the whole
 * house rests on.  A FIN that answers ours says that the peer's process has
 * read everything; its kernel sends RST when it closed with bytes unread.
 *
 * One trap is left: a peer may close just before our last bytes reach it.
 * Then its FIN is on the way although it never saw them.  But it does not
 * acknowledge them either.  So a FIN counts when all that we sent, our own FIN
 * included, is acknowledged; until then we look again (state SETTLING).
 *
 * Every callback of the loop goes through enter and leave, and frees inside
 * the user's callbacks are done by leave.
 */
#include "net/stream.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/sockios.h>
#include <netinet/in.h>
#include <linux/tcp.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "net/loop.h"
#include "net/outbuf.h"
#include "net/resolve.h"
#include "net/tlsio.h"

#define STREAM_READ_BYTES (16 * 1024)
#define STREAM_READS_MAX 32 /* in one turn */
#define STREAM_IOV_MAX 16
#define STREAM_GRACE_MS 300 /* for the server to refuse our certificate */
#define STREAM_SETTLE_MS 10
#define STREAM_YOUNG_MS 5000 /* an end so early needs an explanation */

enum state {
	STATE_RESOLVING,
	STATE_CONNECTING,
	STATE_HANDSHAKING,
	STATE_PROVING, /* until the server has seen our certificate */
	STATE_UP,
	STATE_CLOSING,  /* our FIN is out, the peer's is not in */
	STATE_SETTLING, /* both are, but not all is acknowledged */
	STATE_OVER
};

struct stream {
	struct loop *loop;
	struct stream_conf conf; /* host and unix_path owned */
	char *host, *unix_path, *who;
	struct stream_cbs cbs;
	void *arg;
	enum state state;
	bool busy;   /* in a callback of the loop */
	bool doomed; /* freed while busy */

	struct loop_timer *timer; /* the state's deadline */
	struct loop_task *task;   /* begin, then write */
	struct loop_fd *watch;
	struct resolve *resolve;
	struct resolve_addr addrs[RESOLVE_MAX];
	size_t n_addrs, at_addr;
	struct err failed; /* the address that failed worst so far */
	int fd;
	struct tlsio *tlsio; /* NULL: plain */

	struct outbuf out;
	uint64_t written;         /* bytes of the user given to the kernel */
	uint64_t up_at, moved_at; /* ms */
	uint64_t seen_acked;      /* raw, at the last look */
	uint64_t closing_until;
	bool blocked; /* output waits for the socket */
	bool finishing;
	bool said_goodbye; /* close_notify came in after ours went out */
};

static void try_address(struct stream *s);
static void begin(void *arg);

/* --- life ---------------------------------------------------------------- */

/* Let go of the connection; the user's callbacks have no part in this. */
static void
drop_socket(struct stream *s)
{
	loop_fd_free(&s->watch);
	tlsio_free(&s->tlsio);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

static void
tear_down(struct stream *s)
{
	drop_socket(s);
	resolve_cancel(&s->resolve);
	loop_timer_free(&s->timer);
	loop_task_free(&s->task);
	outbuf_clear(&s->out);
	s->state = STATE_OVER;
}

static void
destroy(struct stream *s)
{
	xfree(s->host);
	xfree(s->unix_path);
	xfree(s->who);
	xfree(s);
}

static void
enter(struct stream *s)
{
	assert(!s->busy);
	s->busy = true;
}

static void
leave(struct stream *s)
{
	s->busy = false;
	if (s->doomed)
		destroy(s);
}

/*
 * The end.  The socket stays open until the stream is freed, so that the
 * kernel can still say what was acknowledged.
 */
static void
be_over(struct stream *s, struct err *err)
{
	s->state = STATE_OVER;
	loop_fd_free(&s->watch);
	loop_timer_stop(s->timer);
	loop_task_free(&s->task);
	if (err != NULL)
		err_prefix(err, "%s: ", s->who);
	s->cbs.over(s->arg, err);
}

/* --- what the kernel knows ----------------------------------------------- */

/* Bytes that the peer's kernel has, on the socket's level. */
static uint64_t
acked_raw(const struct stream *s)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	memset(&info, 0, sizeof(info));
	if (s->fd < 0 ||
	    getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ||
	    len < offsetof(struct tcp_info, tcpi_bytes_acked) +
		    sizeof(info.tcpi_bytes_acked))
		return 0;
	/* The count begins with our SYN. */
	return info.tcpi_bytes_acked > 0 ? info.tcpi_bytes_acked - 1 : 0;
}

/* Bytes not acknowledged, our FIN among them; a unix socket has none. */
static int
unacked(const struct stream *s)
{
	int n = 0;

	if (s->unix_path != NULL || ioctl(s->fd, SIOCOUTQ, &n) < 0)
		return 0;
	return n;
}

static int
socket_error(int fd)
{
	int code = 0;
	socklen_t len = sizeof(code);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
		code = errno;
	return code;
}

uint64_t
stream_acked_bytes(struct stream *s)
{
	uint64_t acked;

	if (s->unix_path != NULL)
		return s->written;
	acked = acked_raw(s);
	if (s->tlsio != NULL)
		return tlsio_plain_bytes(s->tlsio, acked);
	return acked < s->written ? acked : s->written;
}

/* --- one attempt --------------------------------------------------------- */

/*
 * This address did not work.  What the operator must mend is told rather
 * than what may pass; else the last one is.
 */
static void
attempt_failed(struct stream *s, const struct err *err)
{
	struct err worst;

	if (s->failed.kind != ERR_CONF)
		s->failed = *err;
	loop_timer_stop(s->timer);
	drop_socket(s);
	s->at_addr++;
	if (s->unix_path == NULL && s->at_addr < s->n_addrs) {
		try_address(s);
		return;
	}
	worst = s->failed;
	be_over(s, &worst);
}

static void
add_hint(const struct stream *s, struct err *err)
{
	if (s->tlsio != NULL && tlsio_sent_certificate(s->tlsio) &&
	    (s->state == STATE_PROVING ||
		loop_now_ms(s->loop) < s->up_at + STREAM_YOUNG_MS) &&
	    err->kind == ERR_RETRY) {
		char text[ERR_TEXT_MAX];

		snprintf(text, sizeof(text), "%.400s", err->text);
		err_set(err, ERR_RETRY,
		    "%s (so soon, it may have refused our certificate; its log"
		    " says why)",
		    text);
	}
}

/* The connection broke, in whatever state. */
static void
broke(struct stream *s, struct err *err)
{
	if (s->state < STATE_UP) {
		attempt_failed(s, err);
		return;
	}
	be_over(s, err);
}

static void
watch(struct stream *s, bool writing)
{
	loop_fd_watch(s->watch, writing ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

/* --- output -------------------------------------------------------------- */

static enum io_result
write_plain(struct stream *s, size_t *n_r, struct err *err)
{
	struct iovec iov[STREAM_IOV_MAX];
	struct msghdr msg = { .msg_iov = iov };
	ssize_t n;

	msg.msg_iovlen = (size_t)outbuf_iov(&s->out, iov, STREAM_IOV_MAX);
	n = sendmsg(s->fd, &msg, MSG_NOSIGNAL);
	if (n >= 0) {
		*n_r = (size_t)n;
		return IO_OK;
	}
	if (errno == EAGAIN || errno == EINTR)
		return IO_WAIT;
	err_set(err, ERR_RETRY, "%s", strerror(errno));
	return IO_FAILED;
}

/* Write until nothing waits or the socket takes no more. */
static enum io_result
write_out(struct stream *s, struct err *err)
{
	enum io_result res = IO_OK;

	while (res == IO_OK && s->out.bytes > 0) {
		size_t n = 0;

		if (s->tlsio != NULL)
			res = tlsio_write(
			    s->tlsio, outbuf_front(&s->out), &n, err);
		else
			res = write_plain(s, &n, err);
		if (res == IO_OK) {
			outbuf_take(&s->out, n);
			s->written += n;
			s->moved_at = loop_now_ms(s->loop);
		}
	}
	s->blocked = res == IO_WAIT;
	return res;
}

/* All is written: say so to the peer, and hear what it says. */
static void
half_close(struct stream *s)
{
	struct err err = { 0 };

	if (s->tlsio != NULL) {
		enum io_result res = tlsio_close(s->tlsio, &err);

		if (res == IO_WAIT) {
			watch(s, true);
			return;
		}
		if (res != IO_OK) {
			if (res != IO_FAILED)
				err_set(&err, ERR_RETRY,
				    "the peer closed the connection");
			broke(s, &err);
			return;
		}
	}
	if (shutdown(s->fd, SHUT_WR) < 0) {
		err_set(&err, ERR_RETRY, "%s", strerror(errno));
		broke(s, &err);
		return;
	}
	s->state = STATE_CLOSING;
	s->closing_until = loop_now_ms(s->loop) + s->conf.finish_timeout_ms;
	loop_timer_set(s->timer, s->conf.finish_timeout_ms);
	watch(s, false);
}

static bool read_in(struct stream *s);

/*
 * A write that fails knows only that the connection is gone.  What the peer
 * said before, an alert perhaps, still waits to be read.
 */
static void
write_failed(struct stream *s, struct err *err)
{
	if (!read_in(s))
		return;
	add_hint(s, err);
	broke(s, err);
}

static void
write_more(struct stream *s)
{
	uint64_t before = s->written;
	struct err err = { 0 };
	enum io_result res;

	if (s->state != STATE_UP)
		return;
	res = write_out(s, &err);
	if (res != IO_OK && res != IO_WAIT) {
		if (res != IO_FAILED)
			err_set(&err, ERR_RETRY, "the peer is gone");
		write_failed(s, &err);
		return;
	}
	if ((s->written > before || s->blocked) && !loop_timer_is_set(s->timer))
		loop_timer_set(s->timer, s->conf.stall_timeout_ms);
	if (s->out.bytes == 0 && s->finishing) {
		half_close(s);
		return;
	}
	watch(
	    s, s->blocked && (s->tlsio == NULL || tlsio_wants_write(s->tlsio)));
	if (s->written > before && s->out.bytes <= STREAM_LOW &&
	    !s->finishing && s->cbs.low != NULL)
		s->cbs.low(s->arg);
}

static void
be_up(struct stream *s)
{
	s->state = STATE_UP;
	s->up_at = s->moved_at = loop_now_ms(s->loop);
	loop_timer_stop(s->timer);
	watch(s, false);
	if (!s->finishing)
		s->cbs.up(s->arg);
	if (!s->doomed)
		loop_task_run(s->task);
}

/* --- the end, as the peer makes it --------------------------------------- */

static void
settle(struct stream *s)
{
	struct err err = { 0 };
	int code = s->unix_path != NULL ? 0 : socket_error(s->fd);

	if (code != 0) {
		err_set(&err, ERR_RETRY,
		    "the peer closed before it had read everything (%s)",
		    strerror(code));
		be_over(s, &err);
	} else if (unacked(s) == 0) {
		be_over(s, NULL);
	} else if (loop_now_ms(s->loop) >= s->closing_until) {
		err_set(&err, ERR_RETRY,
		    "the peer closed and did not acknowledge everything");
		be_over(s, &err);
	} else {
		s->state = STATE_SETTLING;
		loop_fd_watch(s->watch, 0);
		loop_timer_set(s->timer, STREAM_SETTLE_MS);
	}
}

/* No more will come from the peer: res says in which way. */
static void
input_ended(struct stream *s, enum io_result res, struct err *err)
{
	if (s->state == STATE_CLOSING && res == IO_EOF) {
		settle(s);
		return;
	}
	if (s->state == STATE_CLOSING && res == IO_GOODBYE) {
		/* Its FIN is still to come, and is what counts. */
		s->said_goodbye = true;
		return;
	}
	if (res != IO_FAILED)
		err_set(err, ERR_RETRY, "the peer closed the connection");
	else if (s->state == STATE_CLOSING && err->kind == ERR_RETRY)
		err_prefix(err, "the peer did not read everything: ");
	add_hint(s, err);
	broke(s, err);
}

static enum io_result
read_once(struct stream *s, char *p, size_t size, size_t *n_r, struct err *err)
{
	ssize_t n;

	if (s->tlsio != NULL && !s->said_goodbye)
		return tlsio_read(s->tlsio, p, size, n_r, err);
	n = recv(s->fd, p, size, 0);
	if (n > 0) {
		*n_r = (size_t)n;
		return IO_OK;
	}
	if (n == 0)
		return IO_EOF;
	if (errno == EAGAIN || errno == EINTR)
		return IO_WAIT;
	err_set(err, ERR_RETRY, "%s", strerror(errno));
	return IO_FAILED;
}

/* Read what is there.  False when the attempt or the stream has ended. */
static bool
read_in(struct stream *s)
{
	char bytes[STREAM_READ_BYTES];
	int fd = s->fd;

	for (int i = 0; i < STREAM_READS_MAX; i++) {
		struct err err = { 0 };
		size_t n = 0;
		enum io_result res =
		    read_once(s, bytes, sizeof(bytes), &n, &err);

		if (res == IO_WAIT)
			return true;
		if (res != IO_OK) {
			bool goodbye = s->said_goodbye;

			input_ended(s, res, &err);
			if (s->doomed || s->state == STATE_OVER ||
			    s->state == STATE_SETTLING || s->fd != fd ||
			    s->said_goodbye == goodbye)
				return false;
			continue;
		}
		if (s->state == STATE_PROVING)
			be_up(s);
		if (!s->doomed && s->cbs.data != NULL && !s->said_goodbye)
			s->cbs.data(s->arg, str_make(bytes, n));
		if (s->doomed)
			return false;
	}
	/* What OpenSSL still holds makes no event of the socket. */
	if (s->tlsio != NULL && tlsio_has_input(s->tlsio))
		loop_task_run(s->task);
	return true;
}

/* --- becoming up --------------------------------------------------------- */

static void
shake_hands(struct stream *s)
{
	struct err err = { 0 };
	enum io_result res = tlsio_handshake(s->tlsio, &err);

	switch (res) {
	case IO_WAIT:
		watch(s, tlsio_wants_write(s->tlsio));
		return;
	case IO_OK:
		break;
	case IO_GOODBYE:
	case IO_EOF:
		err_set(&err, ERR_RETRY,
		    "the peer closed the connection in the TLS handshake; see"
		    " whether this is its TLS port");
		attempt_failed(s, &err);
		return;
	case IO_FAILED:
	default:
		if (err.kind == ERR_RETRY)
			err_prefix(&err, "in the TLS handshake: ");
		attempt_failed(s, &err);
		return;
	}
	if (tlsio_is_proved(s->tlsio)) {
		be_up(s);
		return;
	}
	s->state = STATE_PROVING;
	watch(s, false);
	loop_timer_set(s->timer, STREAM_GRACE_MS);
}

/* A port of our own range may be given to us: then we talk to ourselves. */
static bool
is_connected_to_itself(int fd)
{
	struct sockaddr_storage ours = { 0 }, theirs = { 0 };
	socklen_t ours_len = sizeof(ours), theirs_len = sizeof(theirs);

	return getsockname(fd, (struct sockaddr *)&ours, &ours_len) == 0 &&
	    getpeername(fd, (struct sockaddr *)&theirs, &theirs_len) == 0 &&
	    ours.ss_family != AF_UNIX && ours_len == theirs_len &&
	    memcmp(&ours, &theirs, ours_len) == 0;
}

static void
connect_failed(struct stream *s, int code)
{
	char name[RESOLVE_NAME_MAX];
	enum err_kind kind = code == EACCES ? ERR_CONF : ERR_RETRY;
	struct err err = { 0 };

	if (s->unix_path != NULL)
		err_set(&err, kind, "%s%s", strerror(code),
		    code == ENOENT ? "; see whether the collector runs" : "");
	else
		err_set(&err, kind, "connecting to %s: %s%s",
		    resolve_name(&s->addrs[s->at_addr], name), strerror(code),
		    code == ECONNREFUSED
			? "; nothing listens there, see whether the collector"
			  " runs and which port it has"
			: "");
	attempt_failed(s, &err);
}

static void
connected(struct stream *s)
{
	int code = socket_error(s->fd);
	struct err err = { 0 };

	if (code == 0 && is_connected_to_itself(s->fd))
		code = ECONNREFUSED;
	if (code != 0) {
		connect_failed(s, code);
		return;
	}
	loop_timer_stop(s->timer);
	if (s->conf.tls == NULL) {
		be_up(s);
		return;
	}
	s->tlsio =
	    tlsio_new(s->conf.tls, s->host != NULL ? s->host : "", s->fd, &err);
	if (s->tlsio == NULL) {
		attempt_failed(s, &err);
		return;
	}
	s->state = STATE_HANDSHAKING;
	loop_timer_set(s->timer, s->conf.handshake_timeout_ms);
	shake_hands(s);
}

/* --- what the loop calls ------------------------------------------------- */

static void
socket_event(void *arg, int what)
{
	struct stream *s = arg;

	enter(s);
	switch (s->state) {
	case STATE_CONNECTING:
		connected(s);
		break;
	case STATE_HANDSHAKING:
		shake_hands(s);
		break;
	case STATE_PROVING:
	case STATE_UP:
	case STATE_CLOSING:
		if (!read_in(s))
			break;
		if (s->state == STATE_PROVING && tlsio_is_proved(s->tlsio))
			be_up(s);
		else if (s->state == STATE_UP &&
		    ((what & LOOP_WRITE) != 0 || s->blocked))
			write_more(s);
		break;
	case STATE_RESOLVING:
	case STATE_SETTLING:
	case STATE_OVER:
		break;
	}
	leave(s);
}

static void
task_runs(void *arg)
{
	struct stream *s = arg;

	enter(s);
	switch (s->state) {
	case STATE_RESOLVING:
		begin(s);
		break;
	case STATE_UP:
		if (s->tlsio == NULL || !tlsio_has_input(s->tlsio) ||
		    read_in(s))
			write_more(s);
		break;
	case STATE_CLOSING:
		read_in(s);
		break;
	case STATE_CONNECTING:
	case STATE_HANDSHAKING:
	case STATE_PROVING:
	case STATE_SETTLING:
	case STATE_OVER:
		break;
	}
	leave(s);
}

/*
 * Has anything moved?  Writes tell so themselves; acknowledgements have to
 * be looked up.
 */
static void
look_for_a_stall(struct stream *s)
{
	uint64_t now = loop_now_ms(s->loop);
	uint64_t limit = s->conf.stall_timeout_ms;
	uint64_t acked = acked_raw(s);
	struct err err = { 0 };

	if (acked != s->seen_acked)
		s->moved_at = now;
	s->seen_acked = acked;
	if (s->out.bytes == 0 && unacked(s) == 0) {
		outbuf_rest(&s->out);
		return;
	}
	if (now - s->moved_at < limit) {
		loop_timer_set(s->timer, s->moved_at + limit - now);
		return;
	}
	err_set(&err, ERR_RETRY,
	    "the peer has taken nothing for %u s, though output waits",
	    (unsigned)((now - s->moved_at) / 1000));
	be_over(s, &err);
}

static void
timer_fires(void *arg)
{
	struct stream *s = arg;
	struct err err = { 0 };

	enter(s);
	switch (s->state) {
	case STATE_RESOLVING:
		resolve_cancel(&s->resolve);
		err_set(&err, ERR_RETRY,
		    "no answer from the name server in time; see"
		    " /etc/resolv.conf");
		be_over(s, &err);
		break;
	case STATE_CONNECTING:
		connect_failed(s, ETIMEDOUT);
		break;
	case STATE_HANDSHAKING:
		err_set(&err, ERR_RETRY,
		    "no answer to the TLS handshake; see whether this is the"
		    " collector's TLS port");
		attempt_failed(s, &err);
		break;
	case STATE_PROVING:
		be_up(s);
		break;
	case STATE_UP:
		look_for_a_stall(s);
		break;
	case STATE_CLOSING:
		err_wait(&err, 0,
		    "the peer did not answer the end of the connection");
		be_over(s, &err);
		break;
	case STATE_SETTLING:
		settle(s);
		break;
	case STATE_OVER:
		break;
	}
	leave(s);
}

/* --- connecting ---------------------------------------------------------- */

static void
set_options(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, 60 },
		{ IPPROTO_TCP, TCP_KEEPINTVL, 10 },
		{ IPPROTO_TCP, TCP_KEEPCNT, 3 },
		/* We write whole batches; waiting for more gains nothing. */
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
	};
	size_t i;

	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		(void)setsockopt(fd, options[i].level, options[i].name,
		    &options[i].value, sizeof(options[i].value));
}

static void
connect_to(struct stream *s, const struct sockaddr *sa, socklen_t len)
{
	s->state = STATE_CONNECTING;
	s->fd = socket(
	    sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0) {
		connect_failed(s, errno);
		return;
	}
	s->watch = loop_fd_new(s->loop, s->fd, socket_event, s);
	if (sa->sa_family != AF_UNIX)
		set_options(s->fd);
	if (connect(s->fd, sa, len) == 0) {
		connected(s);
	} else if (errno == EINPROGRESS) {
		loop_fd_watch(s->watch, LOOP_WRITE);
		loop_timer_set(s->timer, s->conf.connect_timeout_ms);
	} else {
		connect_failed(s, errno);
	}
}

static void
try_address(struct stream *s)
{
	const struct resolve_addr *addr = &s->addrs[s->at_addr];

	connect_to(s, (const struct sockaddr *)&addr->sa, addr->len);
}

static void
resolved(void *arg, const struct resolve_addr *addrs, size_t n,
    const struct err *failed)
{
	struct stream *s = arg;

	enter(s);
	s->resolve = NULL;
	loop_timer_stop(s->timer);
	if (n == 0) {
		struct err err = *failed;

		be_over(s, &err);
	} else {
		memcpy(s->addrs, addrs, n * sizeof(*addrs));
		s->n_addrs = n;
		try_address(s);
	}
	leave(s);
}

static void
connect_unix(struct stream *s)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t len = strlen(s->unix_path);
	struct err err = { 0 };

	if (len >= sizeof(sun.sun_path)) {
		err_set(&err, ERR_CONF,
		    "the path is too long for a socket (over %zu bytes)",
		    sizeof(sun.sun_path) - 1);
		be_over(s, &err);
		return;
	}
	memcpy(sun.sun_path, s->unix_path, len + 1);
	connect_to(s, (const struct sockaddr *)&sun, sizeof(sun));
}

static void
begin(void *arg)
{
	struct stream *s = arg;

	if (s->unix_path != NULL) {
		connect_unix(s);
		return;
	}
	loop_timer_set(s->timer, s->conf.connect_timeout_ms);
	s->resolve = resolve_start(s->loop, s->host, s->conf.port, resolved, s);
}

/* --- what the user calls ------------------------------------------------- */

struct stream *
stream_new(struct loop *l, const struct stream_conf *conf,
    const struct stream_cbs *cbs, void *arg)
{
	struct stream *s = xcalloc(1, sizeof(*s));

	s->loop = l;
	s->conf = *conf;
	s->cbs = *cbs;
	s->arg = arg;
	s->fd = -1;
	if (conf->unix_path != NULL) {
		s->unix_path = xstrdup(conf->unix_path);
		s->who = xstrdup(conf->unix_path);
	} else {
		bool six = strchr(conf->host, ':') != NULL;

		s->host = xstrdup(conf->host);
		s->who = xasprintf(six ? "[%s]:%u" : "%s:%u", conf->host,
		    (unsigned)conf->port);
	}
	outbuf_init(&s->out);
	s->timer = loop_timer_new(l, timer_fires, s);
	s->task = loop_task_new(l, task_runs, s);
	loop_task_run(s->task);
	return s;
}

void
stream_free(struct stream **sp)
{
	struct stream *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	tear_down(s);
	s->doomed = true;
	if (!s->busy)
		destroy(s);
}

void
stream_write(struct stream *s, struct str bytes)
{
	assert(!s->finishing);
	if (s->state == STATE_OVER)
		return;
	outbuf_add(&s->out, bytes);
	if (s->state == STATE_UP && !s->blocked)
		loop_task_run(s->task);
}

size_t
stream_pending_bytes(const struct stream *s)
{
	return s->out.bytes;
}

void
stream_finish(struct stream *s)
{
	if (s->finishing || s->state == STATE_OVER)
		return;
	s->finishing = true;
	if (s->state == STATE_UP)
		loop_task_run(s->task);
}
