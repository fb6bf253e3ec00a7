/* tools/sim/sim.h -- the simulator as its parts see it. */
/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_SIM_SIM_H
#define TOOLS_SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct secret;
struct sim_assertions;
struct sim_audit;
struct sim_call;
struct sim_faults;
struct sim_graph;
struct sim_identity;
struct sim_incidents;
struct sim_kinds;
struct sim_lists;
struct sim_logs;
struct sim_mdca;
struct sim_o365;
struct sim_pages;
struct sim_server;
struct sim_tokens;

enum sim_retry_after {
	SIM_RETRY_SECONDS,
	SIM_RETRY_FRACTION,
	SIM_RETRY_DATE,
	SIM_RETRY_ABSENT,
	SIM_RETRY_MIXED
};

enum sim_nextlink {
	SIM_LINK_ALWAYS,
	SIM_LINK_SOMETIMES,
	SIM_LINK_NEVER
};

/* What a scenario may change while the program runs. */
struct sim_knobs {
	uint64_t latency;         /* ms, before each answer */
	uint64_t rate_limit;      /* requests a minute for each API; 0: none */
	uint64_t mdca_rate_limit; /* for Defender for Cloud Apps */
	uint64_t token_life;      /* s */
	int retry_after;          /* enum sim_retry_after, when throttled */
	int nextlink;             /* enum sim_nextlink */
	uint64_t start_pause;     /* ms between starts of subscriptions */
	uint64_t expand_most;     /* alerts on a page of incidents; 0: any */
};

struct sim_conf {
	char *listen, *tls_cert, *tls_key;
	char *tenant, *client_id, *secret_file, *scenario;
	char *client_cert, *federated_token, *roles, *identity_keys;
	char *rate;
	uint64_t seed, seconds;
	uint64_t alerts, alert_size, span_ms, incidents, rows, lists, audit_log;
	uint64_t audits, audits_together;
	uint64_t mdca_alerts, mdca_activities;
	char *mdca_token_file;
	uint64_t updates, update_after_ms, late, late_max_ms;
	uint64_t duplicates, ties;
	bool small, subscribed;
	struct sim_knobs knobs;
};

struct sim {
	struct event_base *base;
	const struct sim_conf *conf;
	struct sim_knobs knobs;
	struct secret *secret;             /* NULL: any will do */
	struct sim_assertions *assertions; /* NULL: none is registered */
	struct sim_identity *identity;
	struct secret *mdca_token; /* NULL: any will do */
	struct sim_faults *faults;
	struct sim_server *server;
	struct sim_tokens *tokens;
	struct sim_graph *graph;
	struct sim_kinds *kinds;
	struct sim_logs *logs;
	struct sim_incidents *incidents;
	struct sim_lists *lists;
	struct sim_audit *audit;
	struct sim_o365 *o365;
	struct sim_mdca *mdca;
	struct sim_pages *pages;
};

/* Who answers what: one row an operation of one API. */
struct sim_route {
	const char *name; /* in scenarios and statistics */
	unsigned method;  /* of libevent's EVHTTP_REQ_... */
	const char *path; /* "{}" stands for any one segment */
	enum {
		SIM_OPEN,    /* anybody may ask */
		SIM_GUARDED, /* needs a token, and is throttled */
		SIM_MDCA,    /* likewise, or an API token of its own */
		SIM_CONTROL  /* the simulator's own: knows no faults */
	} guard;
	unsigned limit; /* number of the API's common limit */
	void (*serve)(struct sim *sim, struct sim_call *call);

	/*
	 * Make the API's own error body for a status.  The reason, which may
	 * be NULL, replaces what is usually said.
	 */
	void (*fail)(struct sim_call *call, int status, const char *reason);
};

#define SIM_LIMITS 8 /* numbers that limits may have */

extern const struct sim_route sim_routes[]; /* a NULL name ends it */

/* How many requests a minute the routes of that limit take. */
uint64_t sim_rate_limit(const struct sim *sim, unsigned limit);

/* Replace the scenario, and set the knobs as it says. */
struct err;
int sim_set_scenario(struct sim *sim, const char *text, struct err *err);

/* Wall clock in ticks of 100 ns. */
int64_t sim_now(void);

#endif
