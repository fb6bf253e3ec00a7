/* tools/sim/sim.c -- cloudcef-sim: Microsoft's cloud, on one machine. */
/* SPDX-License-Identifier: ISC */
#include "tools/sim/sim.h"

#include <event2/event.h>
#include <event2/http.h>
#include <getopt.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/opt.h"
#include "base/secret.h"
#include "base/xalloc.h"
#include "tools/sim/sim_assertion.h"
#include "tools/sim/sim_audit.h"
#include "tools/sim/sim_call.h"
#include "tools/sim/sim_fault.h"
#include "tools/sim/sim_graph.h"
#include "tools/sim/sim_identity.h"
#include "tools/sim/sim_incidents.h"
#include "tools/sim/sim_kinds.h"
#include "tools/sim/sim_lists.h"
#include "tools/sim/sim_logs.h"
#include "tools/sim/sim_mdca.h"
#include "tools/sim/sim_o365.h"
#include "tools/sim/sim_odata.h"
#include "tools/sim/sim_pages.h"
#include "tools/sim/sim_server.h"
#include "tools/sim/sim_store.h"
#include "tools/sim/sim_token.h"

#define CASES_A_MINUTE 5
#define OPTIONS_MOST 64
#define SCENARIO_MOST (1024 * 1024)
#define PAGES_BYTES ((size_t)256 * 1024 * 1024)

/* --- routes ---------------------------------------------------------------*/

static void serve_stats(struct sim *sim, struct sim_call *call);
static void serve_reset(struct sim *sim, struct sim_call *call);
static void serve_scenario(struct sim *sim, struct sim_call *call);
static void fail_plainly(struct sim_call *call, int status, const char *why);

enum {
	LIMIT_NONE,
	LIMIT_GRAPH,
	LIMIT_CASES,
	LIMIT_O365,
	LIMIT_LOGS,
	LIMIT_MDCA
};

#define O365(path) "/api/v1.0/{}/activity/feed/" path

const struct sim_route sim_routes[] = {
	{ "token", EVHTTP_REQ_POST, "/{}/oauth2/v2.0/token", SIM_OPEN,
	    LIMIT_NONE, sim_token_serve, sim_token_fail },
	{ "identity", EVHTTP_REQ_GET, "/metadata/identity/oauth2/token",
	    SIM_OPEN, LIMIT_NONE, sim_identity_serve, sim_identity_fail },
	{ "alerts", EVHTTP_REQ_GET, "/v1.0/security/alerts_v2", SIM_GUARDED,
	    LIMIT_GRAPH, sim_graph_alerts, sim_odata_fail },
	{ "alert", EVHTTP_REQ_GET, "/v1.0/security/alerts_v2/{}", SIM_GUARDED,
	    LIMIT_GRAPH, sim_graph_alert, sim_odata_fail },
	{ "incidents", EVHTTP_REQ_GET, "/v1.0/security/incidents", SIM_GUARDED,
	    LIMIT_GRAPH, sim_incidents_list, sim_odata_fail },
	{ "incident", EVHTTP_REQ_GET, "/v1.0/security/incidents/{}",
	    SIM_GUARDED, LIMIT_GRAPH, sim_incidents_one, sim_odata_fail },
	{ "incident-alerts", EVHTTP_REQ_GET,
	    "/v1.0/security/incidents/{}/alerts", SIM_GUARDED, LIMIT_GRAPH,
	    sim_incidents_alerts, sim_odata_fail },
	{ "o365-list", EVHTTP_REQ_GET, O365("subscriptions/list"), SIM_GUARDED,
	    LIMIT_O365, sim_o365_subscriptions, sim_o365_fail },
	{ "o365-start", EVHTTP_REQ_POST, O365("subscriptions/start"),
	    SIM_GUARDED, LIMIT_O365, sim_o365_start, sim_o365_fail },
	{ "o365-contents", EVHTTP_REQ_GET, O365("subscriptions/content"),
	    SIM_GUARDED, LIMIT_O365, sim_o365_contents, sim_o365_fail },
	{ "o365-content", EVHTTP_REQ_GET, O365("audit/{}"), SIM_GUARDED,
	    LIMIT_O365, sim_o365_content, sim_o365_fail },
	{ "o365-stop", EVHTTP_REQ_POST, "/sim/o365/{}/stop", SIM_CONTROL,
	    LIMIT_NONE, sim_o365_stop, fail_plainly },
	{ "logs-query", EVHTTP_REQ_POST, "/v1/workspaces/{}/query", SIM_GUARDED,
	    LIMIT_LOGS, sim_logs_query, sim_logs_fail },
	{ "mdca-alerts", EVHTTP_REQ_POST, "/api/v1/alerts/", SIM_MDCA,
	    LIMIT_MDCA, sim_mdca_alerts, sim_mdca_fail },
	{ "mdca-alerts-get", EVHTTP_REQ_GET, "/api/v1/alerts/", SIM_MDCA,
	    LIMIT_MDCA, sim_mdca_alerts, sim_mdca_fail },
	{ "mdca-activities", EVHTTP_REQ_POST, "/api/v1/activities/", SIM_MDCA,
	    LIMIT_MDCA, sim_mdca_activities, sim_mdca_fail },
	{ "mdca-activities-get", EVHTTP_REQ_GET, "/api/v1/activities/",
	    SIM_MDCA, LIMIT_MDCA, sim_mdca_activities, sim_mdca_fail },
	{ "cases", EVHTTP_REQ_GET, "/v1.0/security/cases/ediscoveryCases",
	    SIM_GUARDED, LIMIT_CASES, sim_lists_serve, sim_odata_fail },
	{ "requests", EVHTTP_REQ_GET, "/v1.0/security/subjectRightsRequests",
	    SIM_GUARDED, LIMIT_GRAPH, sim_lists_serve, sim_odata_fail },
	{ "skus", EVHTTP_REQ_GET, "/v1.0/subscribedSkus", SIM_GUARDED,
	    LIMIT_GRAPH, sim_lists_serve, sim_odata_fail },
	{ "dlp", EVHTTP_REQ_GET, "/beta/security/dlpAlertEvent", SIM_GUARDED,
	    LIMIT_GRAPH, sim_lists_dlp, sim_odata_fail },
	{ "audit-create", EVHTTP_REQ_POST, "/{}/security/auditLog/queries",
	    SIM_GUARDED, LIMIT_GRAPH, sim_audit_create, sim_odata_fail },
	{ "audit-status", EVHTTP_REQ_GET, "/{}/security/auditLog/queries/{}",
	    SIM_GUARDED, LIMIT_GRAPH, sim_audit_status, sim_odata_fail },
	{ "audit-records", EVHTTP_REQ_GET,
	    "/{}/security/auditLog/queries/{}/records", SIM_GUARDED,
	    LIMIT_GRAPH, sim_audit_records, sim_odata_fail },
	{ "kind-offered", EVHTTP_REQ_GET, "/sim/kinds/{}/offered", SIM_CONTROL,
	    LIMIT_NONE, sim_kinds_offered, fail_plainly },
	{ "kind-change", EVHTTP_REQ_POST, "/sim/kinds/{}/{}", SIM_CONTROL,
	    LIMIT_NONE, sim_kinds_change, fail_plainly },
	{ "offered", EVHTTP_REQ_GET, "/sim/offered", SIM_CONTROL, LIMIT_NONE,
	    sim_graph_offered, fail_plainly },
	{ "add", EVHTTP_REQ_POST, "/sim/add", SIM_CONTROL, LIMIT_NONE,
	    sim_graph_add, fail_plainly },
	{ "update", EVHTTP_REQ_POST, "/sim/update", SIM_CONTROL, LIMIT_NONE,
	    sim_graph_update, fail_plainly },
	{ "stats", EVHTTP_REQ_GET, "/sim/stats", SIM_CONTROL, LIMIT_NONE,
	    serve_stats, fail_plainly },
	{ "reset", EVHTTP_REQ_POST, "/sim/reset", SIM_CONTROL, LIMIT_NONE,
	    serve_reset, fail_plainly },
	{ "scenario", EVHTTP_REQ_POST, "/sim/scenario", SIM_CONTROL, LIMIT_NONE,
	    serve_scenario, fail_plainly },
	{ NULL, 0, NULL, SIM_OPEN, 0, NULL, NULL },
};

static void
fail_plainly(struct sim_call *call, int status, const char *why)
{
	sim_call_restart(call);
	call->status = status;
	call->type = "text/plain";
	buf_addf(&call->rest, "%s\n", why != NULL ? why : "no");
}

static void
serve_stats(struct sim *sim, struct sim_call *call)
{
	sim_server_put_stats(sim->server, &call->rest);
}

/* As after the start, but for the records and the tokens. */
static void
serve_reset(struct sim *sim, struct sim_call *call)
{
	sim_server_reset(sim->server);
	(void)sim_set_scenario(sim, "", NULL);
	buf_add_text(&call->rest, "{}\n");
}

static void
serve_scenario(struct sim *sim, struct sim_call *call)
{
	char *text = xstrndup(call->body.p, call->body.len);
	struct err err = { 0 };

	if (sim_set_scenario(sim, text, &err) != 0)
		fail_plainly(call, 400, err.text);
	else
		buf_add_text(&call->rest, "{}\n");
	xfree(text);
}

int
sim_set_scenario(struct sim *sim, const char *text, struct err *err)
{
	struct sim_knobs knobs = sim->conf->knobs;
	struct sim_faults *faults =
	    sim_faults_new(text, sim->conf->seed, &knobs, err);

	if (faults == NULL)
		return -1;
	sim_faults_free(&sim->faults);
	sim->faults = faults;
	sim->knobs = knobs;
	return 0;
}

uint64_t
sim_rate_limit(const struct sim *sim, unsigned limit)
{
	if (limit == LIMIT_CASES)
		return CASES_A_MINUTE;
	return limit == LIMIT_MDCA ? sim->knobs.mdca_rate_limit
				   : sim->knobs.rate_limit;
}

int64_t
sim_now(void)
{
	return (int64_t)clock_wall_ms() * (SIM_TICKS_PER_S / 1000);
}

/* --- options --------------------------------------------------------------*/

#define FIELD(f) offsetof(struct sim_conf, f)
#define OPTION(name, type, field, def, max, help)                        \
	{                                                                \
		name, type, FIELD(field), def, NULL, 0, max, false, help \
	}

static const struct opt options[] = {
	OPTION("listen", OPT_TEXT, listen, "127.0.0.1:0", 0,
	    "ADDRESS:PORT; port 0: any free one"),
	OPTION("tls-cert", OPT_PATH, tls_cert, NULL, 0,
	    "certificate chain, PEM; answers over TLS"),
	OPTION("tls-key", OPT_PATH, tls_key, NULL, 0, "its key, PEM"),
	OPTION("tenant", OPT_TEXT, tenant, NULL, 0,
	    "the only tenant there is; unset: any"),
	OPTION("client-id", OPT_TEXT, client_id, NULL, 0,
	    "the only application there is; unset: any"),
	OPTION("secret-file", OPT_PATH, secret_file, NULL, 0,
	    "file with its secret; unset: any"),
	OPTION("client-cert", OPT_PATH, client_cert, NULL, 0,
	    "PEM file with its registered certificates"),
	OPTION("federated-token", OPT_TEXT, federated_token, NULL, 0,
	    "the other issuer's token that is trusted"),
	OPTION("identity-keys", OPT_PATH, identity_keys, NULL, 0,
	    "folder for Azure Arc's keys; unset: no Azure Arc"),
	OPTION("roles", OPT_TEXT, roles, NULL, 0,
	    "permissions in the tokens, \"A, B\"; unset: opaque tokens"),
	OPTION("scenario", OPT_PATH, scenario, NULL, 0, "file with faults"),
	OPTION("seconds", OPT_NUMBER, seconds, "0", 0,
	    "stop after so long; 0: when told"),
	OPTION("seed", OPT_NUMBER, seed, "1", 0, "of all that seems random"),
	OPTION("alerts", OPT_NUMBER, alerts, "1000", 20000000,
	    "alerts that are there at the start"),
	OPTION("incidents", OPT_NUMBER, incidents, "200", 1000000,
	    "incidents that are there at the start"),
	OPTION("rows", OPT_NUMBER, rows, "200", 1000000,
	    "rows of each log table that are there at the start"),
	OPTION("list-size", OPT_NUMBER, lists, "20", 100000,
	    "things on each of the plain lists"),
	OPTION("audit-log", OPT_NUMBER, audit_log, "100", 5000000,
	    "records that searches in the audit log find"),
	OPTION("audits", OPT_NUMBER, audits, "1000", 5000000,
	    "audit records that are there at the start"),
	OPTION("audits-together", OPT_NUMBER, audits_together, "10", 100000,
	    "audit records in one content, on average"),
	OPTION("subscribed", OPT_BOOL, subscribed, "false", 0,
	    "all content types of audit records are subscribed to"),
	OPTION("mdca-alerts", OPT_NUMBER, mdca_alerts, "200", 1000000,
	    "alerts of Defender for Cloud Apps at the start"),
	OPTION("mdca-activities", OPT_NUMBER, mdca_activities, "1000", 1000000,
	    "its activities at the start"),
	OPTION("mdca-token-file", OPT_PATH, mdca_token_file, NULL, 0,
	    "file with its API token; unset: any"),
	OPTION("span", OPT_TIME, span_ms, "1d", 0,
	    "time before now in which they were born"),
	OPTION("rate", OPT_TEXT, rate, "0", 0, "new alerts a second"),
	OPTION("alert-size", OPT_BYTES, alert_size, "4800", 1024 * 1024,
	    "mean size of an alert"),
	OPTION("small", OPT_BOOL, small, "false", 0,
	    "alerts of about 1 KiB, with few members"),
	OPTION("updates", OPT_NUMBER, updates, "0", 100,
	    "percent of versions that get a younger one"),
	OPTION("update-after", OPT_TIME, update_after_ms, "10m", 0,
	    "mean age of a version then"),
	OPTION("late", OPT_NUMBER, late, "0", 100,
	    "percent of versions that show up late"),
	OPTION(
	    "late-max", OPT_TIME, late_max_ms, "2m", 0, "by at most so long"),
	OPTION("duplicates", OPT_NUMBER, duplicates, "0", 100,
	    "percent of versions that are listed twice"),
	OPTION("ties", OPT_NUMBER, ties, "0", 100,
	    "percent of alerts with the time of the one before"),
	{ NULL, OPT_TEXT, 0, NULL, NULL, 0, 0, false, NULL },
};

static void
usage(FILE *to)
{
	const struct opt *tables[] = { options, sim_knob_opts };

	fprintf(to, "usage: cloudcef-sim [--OPTION VALUE]...\n");
	for (size_t i = 0; i < 2; i++) {
		for (const struct opt *o = tables[i]; o->name != NULL; o++)
			fprintf(to, "  --%-14s %s%s%s%s\n", o->name, o->help,
			    o->def != NULL ? " (default " : "",
			    o->def != NULL ? o->def : "",
			    o->def != NULL ? ")" : "");
	}
}

static size_t
add_options(const struct opt *table, struct option *out)
{
	size_t n = 0;

	for (; table[n].name != NULL; n++)
		out[n] = (struct option){ table[n].name,
			table[n].type == OPT_BOOL ? no_argument
						  : required_argument,
			NULL, 0 };
	return n;
}

static int
set_option(
    struct sim_conf *conf, const char *name, const char *value, struct err *err)
{
	const struct opt *opt = opt_find(options, name);

	if (value == NULL)
		value = "true";
	if (opt != NULL)
		return opt_set(opt, conf, value, err);
	return opt_set(opt_find(sim_knob_opts, name), &conf->knobs, value, err);
}

static int
read_options(struct sim_conf *conf, int argc, char **argv, struct err *err)
{
	struct option names[OPTIONS_MOST] = { 0 };
	size_t n = add_options(options, names);
	int c, at = 0;

	n += add_options(sim_knob_opts, names + n);
	names[n] = (struct option){ "help", no_argument, NULL, 'h' };
	opt_defaults(options, conf);
	opt_defaults(sim_knob_opts, &conf->knobs);
	while ((c = getopt_long(argc, argv, "h", names, &at)) != -1) {
		if (c == 'h') {
			usage(stdout);
			exit(0);
		}
		if (c != 0)
			return err_set(err, ERR_CONF, "try --help");
		if (set_option(conf, names[at].name, optarg, err) != 0)
			return err_prefix(err, "--");
	}
	if (optind < argc)
		return err_set(err, ERR_CONF, "%s: unexpected", argv[optind]);
	return 0;
}

static int
read_rate(const char *text, double *rate_r, struct err *err)
{
	char *end;

	*rate_r = strtod(text, &end);
	if (end == text || *end != '\0' || !(*rate_r >= 0) || *rate_r > 100000)
		return err_set(err, ERR_CONF,
		    "--rate = \"%s\": wanted is a number from 0 to 100000",
		    text);
	return 0;
}

/* --- life -----------------------------------------------------------------*/

static int
read_scenario(struct sim *sim, const char *path, struct err *err)
{
	char chunk[4096];
	struct buf text;
	size_t n;
	FILE *f;
	int rc;

	if (path == NULL)
		return sim_set_scenario(sim, "", err);
	f = fopen(path, "re");
	if (f == NULL)
		return err_set(err, ERR_CONF, "%s: %m", path);
	buf_init(&text, SCENARIO_MOST);
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_add(&text, chunk, n);
	fclose(f);
	rc = sim_set_scenario(sim, buf_cstr(&text), err);
	if (rc != 0)
		err_prefix(err, "%s: ", path);
	buf_clear(&text);
	return rc;
}

static int
read_secret(struct secret **secret_r, const char *path, struct err *err)
{
	if (path != NULL)
		*secret_r = secret_read(path, err);
	return path == NULL || *secret_r != NULL ? 0 : -1;
}

static int
build(struct sim *sim, double rate, struct err *err)
{
	const struct sim_conf *conf = sim->conf;

	if (read_secret(&sim->secret, conf->secret_file, err) != 0 ||
	    read_secret(&sim->mdca_token, conf->mdca_token_file, err) != 0)
		return -1;
	if (conf->client_cert != NULL) {
		sim->assertions = sim_assertions_new(conf->client_cert, err);
		if (sim->assertions == NULL)
			return -1;
	}
	sim->identity = sim_identity_new(conf->identity_keys);
	if (read_scenario(sim, conf->scenario, err) != 0)
		return -1;
	sim->tokens = sim_tokens_new(conf->seed);
	sim->graph = sim_graph_new(conf, rate);
	sim->kinds = sim_kinds_new(conf);
	sim->incidents = sim_incidents_new(sim);
	sim->logs = sim_logs_new(sim);
	sim->lists = sim_lists_new(sim);
	sim->audit = sim_audit_new(sim);
	sim->o365 = sim_o365_new(sim);
	sim->mdca = sim_mdca_new(sim);
	sim->pages = sim_pages_new(PAGES_BYTES);
	sim->server = sim_server_new(sim, err);
	return sim->server != NULL ? 0 : -1;
}

static void
tear_down(struct sim *sim)
{
	sim_server_free(&sim->server);
	sim_pages_free(&sim->pages);
	sim_o365_free(&sim->o365);
	sim_logs_free(&sim->logs);
	sim_mdca_free(&sim->mdca);
	sim_incidents_free(&sim->incidents);
	sim_lists_free(&sim->lists);
	sim_audit_free(&sim->audit);
	sim_kinds_free(&sim->kinds);
	sim_graph_free(&sim->graph);
	sim_tokens_free(&sim->tokens);
	sim_faults_free(&sim->faults);
	sim_identity_free(&sim->identity);
	sim_assertions_free(&sim->assertions);
	secret_free(&sim->secret);
	secret_free(&sim->mdca_token);
}

static void
on_stop(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(arg);
}

/* Until a signal comes, or the time is over. */
static void
run(struct sim *sim)
{
	struct timeval tv = { .tv_sec = (time_t)sim->conf->seconds };
	struct event *stop[] = {
		evsignal_new(sim->base, SIGTERM, on_stop, sim->base),
		evsignal_new(sim->base, SIGINT, on_stop, sim->base),
		evtimer_new(sim->base, on_stop, sim->base),
	};

	event_add(stop[0], NULL);
	event_add(stop[1], NULL);
	if (tv.tv_sec > 0)
		event_add(stop[2], &tv);
	printf("listening on %s\n", sim_server_url(sim->server));
	fflush(stdout);
	event_base_dispatch(sim->base);
	for (size_t i = 0; i < 3; i++)
		event_free(stop[i]);
}

int
main(int argc, char **argv)
{
	struct sim_conf conf = { 0 };
	struct sim sim = { .conf = &conf };
	struct err err = { 0 };
	double rate = 0;
	int rc = 0;

	signal(SIGPIPE, SIG_IGN);
	sim.base = event_base_new();
	if (read_options(&conf, argc, argv, &err) != 0 ||
	    read_rate(conf.rate, &rate, &err) != 0 ||
	    build(&sim, rate, &err) != 0) {
		fprintf(stderr, "cloudcef-sim: %s\n", err.text);
		rc = 2;
	} else {
		run(&sim);
	}
	tear_down(&sim);
	event_base_free(sim.base);
	opt_clear(options, &conf);
	return rc;
}
