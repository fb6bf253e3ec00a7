/* tests/testserver.c -- a small server on loopback, in threads of the test. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include "tests/testserver.h"

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/xalloc.h"

#define DEADLINE_S 10

struct conn {
	SLIST_ENTRY(conn) entry;
	struct testserver *ts;
	int fd;
	pthread_t thread;
};

struct testserver {
	testserver_fn *fn;
	void *arg;
	int fd;
	int stop[2]; /* a pipe: closed at one end when all must stop */
	pthread_t thread;
	SLIST_HEAD(, conn) conns;
};

static void *
serve(void *arg)
{
	struct conn *c = arg;

	c->ts->fn(c->ts, c->fd, c->ts->arg);
	close(c->fd);
	return NULL;
}

static void *
accept_all(void *arg)
{
	struct testserver *ts = arg;
	struct timeval tv = { .tv_sec = DEADLINE_S };

	for (;;) {
		struct pollfd fds[2] = {
			{ .fd = ts->fd, .events = POLLIN },
			{ .fd = ts->stop[0], .events = POLLIN },
		};
		struct conn *c;
		int fd;

		poll(fds, 2, -1);
		if (fds[1].revents != 0)
			return NULL;
		fd = accept(ts->fd, NULL, NULL);
		if (fd < 0)
			continue;
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
		c = xcalloc(1, sizeof(*c));
		c->ts = ts;
		c->fd = fd;
		SLIST_INSERT_HEAD(&ts->conns, c, entry);
		pthread_create(&c->thread, NULL, serve, c);
	}
}

static struct testserver *
start(const struct sockaddr *sa, socklen_t len, testserver_fn *fn, void *arg)
{
	struct testserver *ts = xcalloc(1, sizeof(*ts));

	ts->fn = fn;
	ts->arg = arg;
	SLIST_INIT(&ts->conns);
	ts->fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(ts->fd >= 0);
	assert_int_equal(bind(ts->fd, sa, len), 0);
	assert_int_equal(listen(ts->fd, 256), 0);
	assert_int_equal(pipe(ts->stop), 0);
	assert_int_equal(pthread_create(&ts->thread, NULL, accept_all, ts), 0);
	return ts;
}

struct testserver *
testserver_start(testserver_fn *fn, void *arg)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return start((const struct sockaddr *)&sin, sizeof(sin), fn, arg);
}

struct testserver *
testserver_start_unix(const char *path, testserver_fn *fn, void *arg)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	return start((const struct sockaddr *)&sun, sizeof(sun), fn, arg);
}

uint16_t
testserver_port(const struct testserver *ts)
{
	struct sockaddr_in sin = { 0 };
	socklen_t len = sizeof(sin);

	getsockname(ts->fd, (struct sockaddr *)&sin, &len);
	return ntohs(sin.sin_port);
}

void
testserver_stop(struct testserver **tsp)
{
	struct testserver *ts = *tsp;
	struct conn *c;

	*tsp = NULL;
	if (ts == NULL)
		return;
	close(ts->stop[1]);
	pthread_join(ts->thread, NULL);
	while ((c = SLIST_FIRST(&ts->conns)) != NULL) {
		SLIST_REMOVE_HEAD(&ts->conns, entry);
		pthread_join(c->thread, NULL);
		xfree(c);
	}
	close(ts->fd);
	close(ts->stop[0]);
	xfree(ts);
}

void
testserver_hold(struct testserver *ts)
{
	struct pollfd fd = { .fd = ts->stop[0], .events = POLLIN };

	poll(&fd, 1, DEADLINE_S * 1000);
}

void
testserver_reset(int fd)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

int64_t
testserver_drain(int fd)
{
	char bytes[65536];
	int64_t total = 0;
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
		total += n;
	return n == 0 ? total : -1;
}

struct ssl_st *
testserver_tls(struct ssl_ctx_st *ctx, int fd)
{
	SSL *ssl = SSL_new(ctx);

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1)
		return ssl;
	ERR_clear_error();
	SSL_free(ssl);
	return NULL;
}
