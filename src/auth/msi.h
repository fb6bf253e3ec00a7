/* auth/msi.h -- logs in with the managed identity of an Azure machine. */
/* SPDX-License-Identifier: ISC */
#ifndef AUTH_MSI_H
#define AUTH_MSI_H

struct auth;
struct auth_conf;
struct err;

#define MSI_KEY_DIR "/var/opt/azcmagent/tokens" /* of Azure Arc's agent */

/* From the metadata service of Azure, or from the agent of Azure Arc. */
struct auth *msi_new(const struct auth_conf *conf, struct err *err);

#endif
