/* app/config.h -- the configuration file as plain values, checked. */
/* SPDX-License-Identifier: ISC */
#ifndef APP_CONFIG_H
#define APP_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/auth.h"
#include "base/opt.h"

struct err;
struct sink_ops;
struct source_ops;

/* What stands outside of sections. */
struct config_global {
	char *state_dir;
	uint64_t spool_limit;
	int profile; /* enum map_profile */
	char *maps_dir;
	uint64_t stop_timeout_ms;
	int log; /* enum config_log */
	char *pid_file;
};

enum config_log {
	CONFIG_LOG_AUTO, /* the journal under systemd, else syslog */
	CONFIG_LOG_STDERR,
	CONFIG_LOG_JOURNAL,
	CONFIG_LOG_SYSLOG
};

/* What sources ask, as their ops name it. */
enum config_service {
	CONFIG_GRAPH,
	CONFIG_MDCA,
	CONFIG_O365,
	CONFIG_LOGANALYTICS,
	CONFIG_SERVICES
};

struct config_tenant {
	char *name;
	char *tenant_id;
	int cloud; /* enum config_cloud */
	char *client_id;
	char *secret_file;
	char *cert_file, *key_file, *key_pass_file;
	int alg; /* enum auth_alg */
	char *federated_file;
	int identity; /* enum auth_identity */
	char *identity_client_id, *identity_url, *identity_key_dir;
	char *mdca_token_file;
	bool has_entra;  /* it can log in for all services */
	char *login_url; /* set, or implied by the cloud */
	/* Of each service: where it is, set or implied; and what its tokens
	 * are for, NULL where the cloud does not offer it. */
	char *url[CONFIG_SERVICES];
	const char *scope[CONFIG_SERVICES];
	char *workspace_id; /* of Log Analytics */
	char *ca_file;
	char *proxy;
	int line;
};

struct config_source {
	char *name;
	char *type;
	char *tenant_name;
	uint64_t interval_ms;
	char *start;
	uint64_t overlap_ms;
	char *filter;
	char *map;
	uint64_t max_record;
	uint64_t concurrency;               /* 0: as the type says */
	uint64_t requests_per_minute;       /* 0: as the type says */
	const struct config_tenant *tenant; /* borrowed from the config; NULL:
					       of a file */
	enum config_service service;        /* of the tenant's */
	const struct source_ops *ops;
	void *conf; /* owned; the type's own settings */
	int line;
};

struct config_output {
	char *name;
	char *type;
	struct opt_list sources; /* empty: all */
	const struct sink_ops *ops;
	void *conf; /* owned */
	int line;
};

struct config {
	char *path;
	struct config_global global;
	struct config_tenant *tenants;
	size_t n_tenants;
	struct config_source *sources;
	size_t n_sources;
	struct config_output *outputs;
	size_t n_outputs;
};

/* How the tenant logs in to that service; all of it is borrowed from t. */
struct auth_conf
config_auth(const struct config_tenant *t, enum config_service service);

/*
 * Read and check FILE, whole: every error is ERR_CONF with "FILE:LINE: ".
 * Relative paths are relative to the file.  NULL on error.
 */
struct config *config_load(const char *path, struct err *err);
void config_free(struct config **cp);

/* The tables, for whoever prints or checks them. */
extern const struct opt config_global_opts[];
extern const struct opt config_tenant_opts[];
extern const struct opt config_source_opts[];
extern const struct opt config_output_opts[];

#endif
