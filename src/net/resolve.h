/* net/resolve.h -- the addresses of a host, without waiting for them. */
/* SPDX-License-Identifier: ISC */
#ifndef NET_RESOLVE_H
#define NET_RESOLVE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct err;
struct loop;
struct resolve;

/* More addresses of one name are not looked at. */
#define RESOLVE_MAX 16

/* Enough for resolve_name. */
#define RESOLVE_NAME_MAX 80

struct resolve_addr {
	struct sockaddr_storage sa;
	socklen_t len;
};

/*
 * Addresses with the port filled in, the best first, borrowed; or n 0 and
 * err says why (ERR_RETRY: names may come back).  The request is gone when
 * this returns.
 */
typedef void resolve_fn(void *arg, const struct resolve_addr *addrs, size_t n,
    const struct err *err);

/*
 * Ask the system's resolver, as nsswitch.conf says.  A literal address needs
 * no resolver.  fn is called from the loop, never from inside this call.
 * There is no deadline here: cancel when it takes too long.
 */
struct resolve *resolve_start(
    struct loop *l, const char *host, uint16_t port, resolve_fn *fn, void *arg);

/* Forget the request; fn is not called any more.  *rp may be NULL. */
void resolve_cancel(struct resolve **rp);

/* "192.0.2.1:514" or "[2001:db8::1]:514" in text[RESOLVE_NAME_MAX]. */
const char *resolve_name(const struct resolve_addr *addr, char *text);

#endif
