/* auth/federated.h -- logs in at Entra with another issuer's token. */
/* SPDX-License-Identifier: ISC */
#ifndef AUTH_FEDERATED_H
#define AUTH_FEDERATED_H

struct auth;
struct auth_conf;
struct err;

/* With the token in a file that somebody else keeps fresh. */
struct auth *federated_new(const struct auth_conf *conf, struct err *err);

#endif
