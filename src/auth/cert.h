/* auth/cert.h -- logs in at Entra with a certificate and its key. */
/* SPDX-License-Identifier: ISC */
#ifndef AUTH_CERT_H
#define AUTH_CERT_H

struct auth;
struct auth_conf;
struct err;

/*
 * Where the files hold two certificates with their keys, the old one and the
 * new, the other is tried when Entra does not know the first.
 */
struct auth *cert_new(const struct auth_conf *conf, struct err *err);

#endif
