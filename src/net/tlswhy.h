/* net/tlswhy.h -- why TLS failed, in words and with the next step. */
/* SPDX-License-Identifier: ISC */
#ifndef NET_TLSWHY_H
#define NET_TLSWHY_H

#include <stdbool.h>
#include <stddef.h>

struct err;
struct x509_st;

/* What a person wants to know of a certificate; plain text, cut to size. */
struct tlswhy_cert {
	char subject[96];
	char issuer[96];
	char names[160]; /* "a.example, 192.0.2.1", from the SAN */
	char not_before[32];
	char not_after[32];
	char fingerprint[112]; /* "SHA256:AA:BB:..." */
};

void tlswhy_read(struct tlswhy_cert *c, struct x509_st *cert);

/*
 * Fill err (ERR_CONF) for a verification that ended with an X509_V_ERR_ code
 * at this certificate; `want` is the name that was looked for.  Return -1.
 */
int tlswhy_verify(
    int code, const struct tlswhy_cert *c, const char *want, struct err *err);

/*
 * Fill err for one of OpenSSL's error codes, if it is one of those that have
 * words here: alerts, another protocol, an early end.  `own` is our own
 * certificate, or NULL when we offered none.  Return whether it was.
 */
bool tlswhy_error(
    unsigned long code, const struct tlswhy_cert *own, struct err *err);

#endif
