/* net/resolve.c -- the addresses of a host, without waiting for them. */
/* SPDX-License-Identifier: ISC */
/*
 * getaddrinfo is the one resolver that knows all that nsswitch.conf may name,
 * and it blocks; so each request gets a short-lived thread.  The thread and
 * the one who asked share a job, which lives until both have let go of it: a
 * request can be forgotten while its thread still waits for a name server.
 * The eventfd belongs to the job, so that a late thread can never write into
 * a descriptor that has become something else.
 */
#include "net/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "net/loop.h"

/* What the two sides share; the thread writes before it rings. */
struct job {
	atomic_int users;
	int bell;   /* eventfd, or -1 */
	char *host; /* owned */
	char port[8];
	int flags;
	int code; /* of getaddrinfo */
	int code_errno;
	struct addrinfo *found; /* owned */
};

struct resolve {
	struct job *job; /* a share */
	struct loop_fd *watch;
	struct loop_task *task;
	resolve_fn *fn;
	void *arg;
	struct err err; /* why there was no thread */
};

static void
job_drop(struct job *j)
{
	if (atomic_fetch_sub(&j->users, 1) > 1)
		return;
	if (j->found != NULL)
		freeaddrinfo(j->found);
	if (j->bell >= 0)
		close(j->bell);
	xfree(j->host);
	xfree(j);
}

static void
job_look_up(struct job *j)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = j->flags | AI_NUMERICSERV };

	j->code = getaddrinfo(j->host, j->port, &hints, &j->found);
	j->code_errno = errno;
	if (j->code != 0)
		j->found = NULL;
}

static void *
run_thread(void *arg)
{
	struct job *j = arg;
	uint64_t one = 1;
	ssize_t n;

	job_look_up(j);
	do {
		n = write(j->bell, &one, sizeof(one));
	} while (n < 0 && errno == EINTR);
	job_drop(j);
	return NULL;
}

static size_t
copy_found(const struct job *j, struct resolve_addr *addrs)
{
	const struct addrinfo *ai;
	size_t n = 0;

	for (ai = j->found; ai != NULL && n < RESOLVE_MAX; ai = ai->ai_next) {
		if (ai->ai_addrlen > sizeof(addrs[n].sa))
			continue;
		memcpy(&addrs[n].sa, ai->ai_addr, ai->ai_addrlen);
		addrs[n++].len = ai->ai_addrlen;
	}
	return n;
}

static void
explain(const struct job *j, struct err *err)
{
	switch (j->code) {
	case EAI_NONAME:
#ifdef EAI_NODATA
	case EAI_NODATA:
#endif
		err_set(err, ERR_RETRY,
		    "the name %s is not known; check its spelling, or ask who"
		    " runs the name server",
		    j->host);
		break;
	case EAI_AGAIN:
		err_set(err, ERR_RETRY,
		    "no name server answered for %s; see /etc/resolv.conf",
		    j->host);
		break;
	case EAI_SYSTEM:
		err_set(err, ERR_RETRY, "cannot look up %s: %s", j->host,
		    strerror(j->code_errno));
		break;
	default:
		err_set(err, ERR_RETRY, "cannot look up %s: %s", j->host,
		    gai_strerror(j->code));
		break;
	}
}

static void
answer(void *arg)
{
	struct resolve *r = arg;
	struct resolve_addr addrs[RESOLVE_MAX];
	resolve_fn *fn = r->fn;
	void *fn_arg = r->arg;
	struct err err = r->err;
	size_t n = 0;

	if (err.kind == ERR_NONE) {
		n = copy_found(r->job, addrs);
		if (n == 0)
			explain(r->job, &err);
	}
	resolve_cancel(&r);
	fn(fn_arg, addrs, n, n > 0 ? NULL : &err);
}

static void
bell_rang(void *arg, int what)
{
	(void)what;
	answer(arg);
}

/* Start the thread with all signals blocked: they are for the loop. */
static int
start_thread(struct job *j)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, before;
	int rc;

	rc = pthread_attr_init(&attr);
	if (rc != 0)
		return rc;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	atomic_fetch_add(&j->users, 1);
	rc = pthread_create(&thread, &attr, run_thread, j);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (rc != 0)
		job_drop(j);
	return rc;
}

static void
ask_system(struct resolve *r, struct loop *l)
{
	struct job *j = r->job;
	int rc;

	j->flags = 0;
	j->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = j->bell < 0 ? errno : start_thread(j);
	if (rc != 0) {
		err_set(&r->err, ERR_RETRY, "cannot look up %s: %s", j->host,
		    strerror(rc));
		loop_task_run(r->task);
		return;
	}
	r->watch = loop_fd_new(l, j->bell, bell_rang, r);
	loop_fd_watch(r->watch, LOOP_READ);
}

struct resolve *
resolve_start(
    struct loop *l, const char *host, uint16_t port, resolve_fn *fn, void *arg)
{
	struct resolve *r = xcalloc(1, sizeof(*r));
	struct job *j = xcalloc(1, sizeof(*j));

	atomic_init(&j->users, 1);
	j->bell = -1;
	j->host = xstrdup(host);
	snprintf(j->port, sizeof(j->port), "%u", (unsigned)port);
	j->flags = AI_NUMERICHOST;
	r->job = j;
	r->fn = fn;
	r->arg = arg;
	r->task = loop_task_new(l, answer, r);
	job_look_up(j);
	if (j->code == 0)
		loop_task_run(r->task);
	else
		ask_system(r, l);
	return r;
}

void
resolve_cancel(struct resolve **rp)
{
	struct resolve *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	loop_fd_free(&r->watch);
	loop_task_free(&r->task);
	job_drop(r->job);
	xfree(r);
}

const char *
resolve_name(const struct resolve_addr *addr, char *text)
{
	char host[RESOLVE_NAME_MAX - 16], port[8];
	bool six = addr->sa.ss_family == AF_INET6;

	if (getnameinfo((const struct sockaddr *)&addr->sa, addr->len, host,
		sizeof(host), port, sizeof(port),
		NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return "an unknown address";
	snprintf(text, RESOLVE_NAME_MAX, six ? "[%s]:%s" : "%s:%s", host, port);
	return text;
}
