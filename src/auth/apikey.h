/* auth/apikey.h -- a key that was given once and for all. */
/* SPDX-License-Identifier: ISC */
#ifndef AUTH_APIKEY_H
#define AUTH_APIKEY_H

struct auth;
struct auth_conf;
struct err;

/* With the API token of Defender for Cloud Apps that stands in a file. */
struct auth *apikey_new(const struct auth_conf *conf, struct err *err);

#endif
