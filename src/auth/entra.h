/* auth/entra.h -- logs in at Microsoft Entra ID. */
/* SPDX-License-Identifier: ISC */
#ifndef AUTH_ENTRA_H
#define AUTH_ENTRA_H

struct auth;
struct auth_conf;
struct err;

/* With a client secret that stands in a file. */
struct auth *entra_secret_new(const struct auth_conf *conf, struct err *err);

#endif
