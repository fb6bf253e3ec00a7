/*
 * app/config.c -- the configuration file as plain values.
 *
 * libconfuse reads the syntax; the option tables of the rooms say what may
 * stand there.  libconfuse wants to know every option of a section before it
 * knows the section's type, and keeps no line numbers.  So all values come in
 * as texts, through a callback that notes file and line; then each section's
 * texts are read by the tables that belong to its type.
 */
/* SPDX-License-Identifier: ISC */
#include "app/config.h"

#include <confuse.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/auth.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "codec/rfc3339.h"
#include "codec/uri.h"
#include "map/filter.h"
#include "sink/sink.h"
#include "source/source.h"

/* --- tables ----------------------------------------------------------- */

static const char *const profile_words[] = { "mcas", "native", NULL };
static const char *const log_words[] = { "auto", "stderr", "journal", "syslog",
	NULL };
static const char *const alg_words[] = { "PS256", "RS256", NULL };
static const char *const identity_words[] = { "false", "true", "imds", "arc",
	NULL };
static const char *const cloud_words[] = { "commercial", "gcc", "gcc-high",
	"dod", "china", NULL };

/* The names of the services, and of the options that say where they are. */
static const struct service {
	const char *name, *option;
} services[CONFIG_SERVICES] = {
	[CONFIG_GRAPH] = { "graph", "graph-url" },
	[CONFIG_MDCA] = { "mdca", "mdca-url" },
	[CONFIG_O365] = { "o365", "o365-url" },
	[CONFIG_LOGANALYTICS] = { "loganalytics", "loganalytics-url" },
};

#define MDCA_SCOPE "05a65629-4c1b-48c1-a78b-804c4abdd4af/.default"

/*
 * Where each cloud lives.  Without a scope it does not offer the service;
 * with a scope alone, each tenant has an address of its own.
 */
static const struct cloud {
	const char *login_url;
	struct place {
		const char *url, *scope;
	} place[CONFIG_SERVICES];
} clouds[] = {
	{ "https://login.microsoftonline.com",
	    { [CONFIG_GRAPH] = { "https://graph.microsoft.com",
		  "https://graph.microsoft.com/.default" },
		[CONFIG_MDCA] = { NULL, MDCA_SCOPE },
		[CONFIG_O365] = { "https://manage.office.com",
		    "https://manage.office.com/.default" },
		[CONFIG_LOGANALYTICS] = { "https://api.loganalytics.azure.com",
		    "https://api.loganalytics.io/.default" } } },
	{ "https://login.microsoftonline.com",
	    { [CONFIG_GRAPH] = { "https://graph.microsoft.com",
		  "https://graph.microsoft.com/.default" },
		[CONFIG_MDCA] = { NULL, MDCA_SCOPE },
		[CONFIG_O365] = { "https://manage-gcc.office.com",
		    "https://manage-gcc.office.com/.default" },
		[CONFIG_LOGANALYTICS] = { "https://api.loganalytics.azure.com",
		    "https://api.loganalytics.io/.default" } } },
	{ "https://login.microsoftonline.us",
	    { [CONFIG_GRAPH] = { "https://graph.microsoft.us",
		  "https://graph.microsoft.us/.default" },
		[CONFIG_MDCA] = { NULL, MDCA_SCOPE },
		[CONFIG_O365] = { "https://manage.office365.us",
		    "https://manage.office365.us/.default" },
		[CONFIG_LOGANALYTICS] = { "https://api.loganalytics.us",
		    "https://api.loganalytics.us/.default" } } },
	{ "https://login.microsoftonline.us",
	    { [CONFIG_GRAPH] = { "https://dod-graph.microsoft.us",
		  "https://dod-graph.microsoft.us/.default" },
		[CONFIG_MDCA] = { NULL, MDCA_SCOPE },
		[CONFIG_O365] = { "https://manage.protection.apps.mil",
		    "https://manage.protection.apps.mil/.default" },
		[CONFIG_LOGANALYTICS] = { "https://api.loganalytics.us",
		    "https://api.loganalytics.us/.default" } } },
	{ "https://login.partner.microsoftonline.cn",
	    { [CONFIG_GRAPH] = { "https://microsoftgraph.chinacloudapi.cn",
		  "https://microsoftgraph.chinacloudapi.cn/.default" },
		[CONFIG_MDCA] = { NULL, NULL },
		[CONFIG_O365] = { NULL, NULL },
		[CONFIG_LOGANALYTICS] = { "https://api.loganalytics.azure.cn",
		    "https://api.loganalytics.azure.cn/.default" } } },
};

/* What a cloud's service leaves out, by the source type that would ask. */
enum {
	IN_GCC_HIGH = 1 << 2,
	IN_DOD = 1 << 3,
	IN_CHINA = 1 << 4
};
static const struct gap {
	const char *type;
	unsigned clouds;
	const char *instead; /* NULL: nothing */
} gaps[] = {
	{ "graph-alerts", IN_CHINA, NULL },
	{ "graph-incidents", IN_CHINA, NULL },
	{ "graph-audit", IN_CHINA, NULL },
	{ "graph-audit", IN_GCC_HIGH | IN_DOD, "o365-activity" },
	{ "mdca-discovery", IN_CHINA, NULL },
};

#define GLOBAL(f) offsetof(struct config_global, f)
const struct opt config_global_opts[] = {
	{ .name = "state-dir",
	    .type = OPT_PATH,
	    .offset = GLOBAL(state_dir),
	    .def = LOCALSTATEDIR "/lib/cloudcefd",
	    .help = "where journal and index are kept" },
	{ .name = "spool-limit",
	    .type = OPT_BYTES,
	    .offset = GLOBAL(spool_limit),
	    .def = "2GiB",
	    .min = 64 * 1024 * 1024,
	    .help = "what the journal may take on disk" },
	{ .name = "profile",
	    .type = OPT_WORD,
	    .offset = GLOBAL(profile),
	    .words = profile_words,
	    .def = "mcas",
	    .help = "how events look: like the retired agent's, or native" },
	{ .name = "maps-dir",
	    .type = OPT_PATH,
	    .offset = GLOBAL(maps_dir),
	    .help = "where maps are looked for first" },
	{ .name = "stop-timeout",
	    .type = OPT_TIME,
	    .offset = GLOBAL(stop_timeout_ms),
	    .def = "10s",
	    .help = "how long a stop waits for confirmations" },
	{ .name = "log",
	    .type = OPT_WORD,
	    .offset = GLOBAL(log),
	    .words = log_words,
	    .def = "auto",
	    .help = "where log lines go" },
	{ .name = "pid-file",
	    .type = OPT_PATH,
	    .offset = GLOBAL(pid_file),
	    .help = "written once the daemon runs" },
	{ .name = NULL },
};

#define TENANT(f) offsetof(struct config_tenant, f)
const struct opt config_tenant_opts[] = {
	{ .name = "tenant-id",
	    .type = OPT_TEXT,
	    .offset = TENANT(tenant_id),
	    .required = true,
	    .help = "directory id, or a verified domain" },
	{ .name = "cloud",
	    .type = OPT_WORD,
	    .offset = TENANT(cloud),
	    .words = cloud_words,
	    .def = "commercial",
	    .help = "which of Microsoft's clouds the tenant lives in" },
	{ .name = "client-id",
	    .type = OPT_TEXT,
	    .offset = TENANT(client_id),
	    .help = "application id of the registration" },
	{ .name = "secret-file",
	    .type = OPT_PATH,
	    .offset = TENANT(secret_file),
	    .help = "file whose first line is the client secret" },
	{ .name = "certificate-file",
	    .type = OPT_PATH,
	    .offset = TENANT(cert_file),
	    .help = "PEM file with the registered certificate" },
	{ .name = "key-file",
	    .type = OPT_PATH,
	    .offset = TENANT(key_file),
	    .help = "PEM file with its key" },
	{ .name = "key-pass-file",
	    .type = OPT_PATH,
	    .offset = TENANT(key_pass_file),
	    .help = "file whose first line is the key's pass phrase" },
	{ .name = "assertion-alg",
	    .type = OPT_WORD,
	    .offset = TENANT(alg),
	    .words = alg_words,
	    .def = "PS256",
	    .help = "how the key signs" },
	{ .name = "federated-token-file",
	    .type = OPT_PATH,
	    .offset = TENANT(federated_file),
	    .help = "file with another issuer's token" },
	{ .name = "managed-identity",
	    .type = OPT_WORD,
	    .offset = TENANT(identity),
	    .words = identity_words,
	    .def = "false",
	    .help = "log in with the identity of this Azure machine" },
	{ .name = "managed-identity-client-id",
	    .type = OPT_TEXT,
	    .offset = TENANT(identity_client_id),
	    .help = "which one, if it is not the machine's own" },
	{ .name = "identity-url",
	    .type = OPT_TEXT,
	    .offset = TENANT(identity_url),
	    .help = "where its tokens are given, instead of the usual place" },
	{ .name = "identity-key-dir",
	    .type = OPT_PATH,
	    .offset = TENANT(identity_key_dir),
	    .def = "/var/opt/azcmagent/tokens",
	    .help = "where the agent of Azure Arc writes its keys" },
	{ .name = "login-url",
	    .type = OPT_TEXT,
	    .offset = TENANT(login_url),
	    .help = "where tokens are issued, instead of the cloud's place" },
	{ .name = "graph-url",
	    .type = OPT_TEXT,
	    .offset = TENANT(url[CONFIG_GRAPH]),
	    .help = "where Graph answers, instead of the cloud's place" },
	{ .name = "mdca-token-file",
	    .type = OPT_PATH,
	    .offset = TENANT(mdca_token_file),
	    .help = "file with an API token of Defender for Cloud Apps" },
	{ .name = "mdca-url",
	    .type = OPT_TEXT,
	    .offset = TENANT(url[CONFIG_MDCA]),
	    .help = "where the tenant's Defender for Cloud Apps answers" },
	{ .name = "o365-url",
	    .type = OPT_TEXT,
	    .offset = TENANT(url[CONFIG_O365]),
	    .help = "where the Management Activity API answers, instead" },
	{ .name = "loganalytics-url",
	    .type = OPT_TEXT,
	    .offset = TENANT(url[CONFIG_LOGANALYTICS]),
	    .help = "where Log Analytics is queried, instead" },
	{ .name = "workspace-id",
	    .type = OPT_TEXT,
	    .offset = TENANT(workspace_id),
	    .help = "id of the tenant's Log Analytics workspace" },
	{ .name = "ca-file",
	    .type = OPT_PATH,
	    .offset = TENANT(ca_file),
	    .help = "trust these certificates instead of the system's" },
	{ .name = "proxy",
	    .type = OPT_TEXT,
	    .offset = TENANT(proxy),
	    .help = "web proxy, as http://host:port" },
	{ .name = NULL },
};

#define SOURCE(f) offsetof(struct config_source, f)
const struct opt config_source_opts[] = {
	{ .name = "type",
	    .type = OPT_TEXT,
	    .offset = SOURCE(type),
	    .required = true,
	    .help = "what is read" },
	{ .name = "tenant",
	    .type = OPT_TEXT,
	    .offset = SOURCE(tenant_name),
	    .help = "name of the tenant section" },
	{ .name = "interval",
	    .type = OPT_TIME,
	    .offset = SOURCE(interval_ms),
	    .def = "60s",
	    .min = 1000,
	    .help = "from the end of a round to the next" },
	{ .name = "start",
	    .type = OPT_TEXT,
	    .offset = SOURCE(start),
	    .def = "-2d",
	    .help = "where the first round ever begins" },
	{ .name = "overlap",
	    .type = OPT_TIME,
	    .offset = SOURCE(overlap_ms),
	    .def = "10m",
	    .help = "asked again behind what was read" },
	{ .name = "filter",
	    .type = OPT_TEXT,
	    .offset = SOURCE(filter),
	    .help = "a JSONPath; records where it selects nothing stay" },
	{ .name = "map",
	    .type = OPT_PATH,
	    .offset = SOURCE(map),
	    .help = "map file instead of the type's own" },
	{ .name = "concurrency",
	    .type = OPT_NUMBER,
	    .offset = SOURCE(concurrency),
	    .max = 64,
	    .help = "requests under way at once, instead of the type's" },
	{ .name = "requests-per-minute",
	    .type = OPT_NUMBER,
	    .offset = SOURCE(requests_per_minute),
	    .max = 1000000,
	    .help = "how often the API is asked, instead of the type's" },
	{ .name = "max-record",
	    .type = OPT_BYTES,
	    .offset = SOURCE(max_record),
	    .def = "4MiB",
	    .min = 1024,
	    .max = 6 * 1024 * 1024,
	    .help = "a larger record is set aside" },
	{ .name = NULL },
};

#define OUTPUT(f) offsetof(struct config_output, f)
const struct opt config_output_opts[] = {
	{ .name = "type",
	    .type = OPT_TEXT,
	    .offset = OUTPUT(type),
	    .required = true,
	    .help = "where events go" },
	{ .name = "sources",
	    .type = OPT_LIST,
	    .offset = OUTPUT(sources),
	    .help = "names of the sources wanted; all if there are none" },
	{ .name = NULL },
};

/* --- reading ---------------------------------------------------------- */

/* One text of the file, with the place where it stands. */
struct setting {
	const cfg_t *section;
	const char *name; /* borrowed from the tables */
	char *text;       /* owned */
	int line;
};

struct reader {
	const char *path;
	char *dir; /* owned; with its slash, or empty */
	struct setting *settings;
	size_t n_settings;
	struct err *err;
	bool failed;
};

/*
 * libconfuse hands nothing of ours to its callbacks, so the reader at work
 * stands here while cfg_parse runs.
 */
static struct reader *at_work;

static int
fail_at(struct reader *r, int line, const char *text)
{
	r->failed = true;
	return err_set(r->err, ERR_CONF, "%s:%d: %s", r->path, line, text);
}

/* Say what is the matter with a value, before its place is put there. */
static int
fail_with(struct reader *r, int line, const struct err *what)
{
	return fail_at(r, line, what->text);
}

static void
on_syntax_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	struct reader *r = at_work;
	char text[ERR_TEXT_MAX];

	if (r->failed)
		return;
	vsnprintf(text, sizeof(text), fmt, ap);
	fail_at(r, cfg != NULL ? cfg->line : 0, text);
}

static int
on_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	struct reader *r = at_work;

	r->settings =
	    xreallocarray(r->settings, r->n_settings + 1, sizeof(*r->settings));
	r->settings[r->n_settings++] = (struct setting){ .section = cfg,
		.name = opt->name,
		.text = xstrdup(value),
		.line = cfg->line };
	*(const char **)result = value;
	return 0;
}

/* A section's options for libconfuse: the union of tables, all as texts. */
struct grammar {
	cfg_opt_t *v; /* owned */
	size_t n;
};

static void
grammar_add(struct grammar *g, cfg_opt_t opt)
{
	g->v = xreallocarray(g->v, g->n + 1, sizeof(*g->v));
	g->v[g->n++] = opt;
}

static void
grammar_add_table(struct grammar *g, const struct opt *opts)
{
	for (; opts->name != NULL; opts++) {
		bool have = false;

		for (size_t i = 0; i < g->n; i++)
			have = have || strcmp(g->v[i].name, opts->name) == 0;
		if (have)
			continue;
		if (opts->type == OPT_LIST)
			grammar_add(g,
			    (cfg_opt_t)CFG_STR_LIST_CB(
				opts->name, NULL, CFGF_NODEFAULT, on_value));
		else
			grammar_add(g,
			    (cfg_opt_t)CFG_STR_CB(
				opts->name, NULL, CFGF_NODEFAULT, on_value));
	}
}

static void
grammar_end(struct grammar *g)
{
	grammar_add(g, (cfg_opt_t)CFG_END());
}

static const struct opt *
table_of(const struct opt *common, const struct opt *own, const char *name,
    bool *is_own_r)
{
	const struct opt *opt = opt_find(common, name);

	*is_own_r = false;
	if (opt == NULL && own != NULL) {
		opt = opt_find(own, name);
		*is_own_r = opt != NULL;
	}
	return opt;
}

/* A path is relative to the file that names it; "-" is no path. */
static char *
resolve(const struct reader *r, const struct opt *opt, const char *text)
{
	if (opt->type != OPT_PATH || text[0] == '/' || text[0] == '\0' ||
	    strcmp(text, "-") == 0)
		return xstrdup(text);
	return xasprintf("%s%s", r->dir, text);
}

static int
put(struct reader *r, const struct opt *opt, void *conf, const char *text,
    int line)
{
	char *value = resolve(r, opt, text);
	struct err err;
	int rc = opt_set(opt, conf, value, &err);

	if (rc < 0)
		fail_with(r, line, &err);
	xfree(value);
	return rc;
}

/* All settings of one section into its common and its own conf. */
static int
fill(struct reader *r, cfg_t *section, const char *what,
    const struct opt *common, void *common_conf, const struct opt *own,
    void *own_conf, const char *type)
{
	char text[ERR_TEXT_MAX];

	for (size_t i = 0; i < r->n_settings; i++) {
		struct setting *st = &r->settings[i];
		const struct opt *opt;
		bool is_own;

		if (st->section != section)
			continue;
		opt = table_of(common, own, st->name, &is_own);
		if (opt == NULL) {
			snprintf(text, sizeof(text),
			    "%s: not an option of %s of type \"%s\"", st->name,
			    what, type);
			return fail_at(r, st->line, text);
		}
		if (put(r, opt, is_own ? own_conf : common_conf, st->text,
			st->line) < 0)
			return -1;
	}
	return 0;
}

static const struct setting *
find_setting(const struct reader *r, const cfg_t *section, const char *name)
{
	for (size_t i = 0; i < r->n_settings; i++)
		if (r->settings[i].section == section &&
		    strcmp(r->settings[i].name, name) == 0)
			return &r->settings[i];
	return NULL;
}

/* The line of a setting, or of the end of its section. */
static int
line_of(const struct reader *r, cfg_t *section, const char *name)
{
	const struct setting *st = find_setting(r, section, name);

	return st != NULL ? st->line : section->line;
}

static int
require(
    struct reader *r, cfg_t *section, const char *what, const struct opt *opts)
{
	char text[ERR_TEXT_MAX];

	for (; opts != NULL && opts->name != NULL; opts++) {
		if (!opts->required ||
		    find_setting(r, section, opts->name) != NULL)
			continue;
		snprintf(text, sizeof(text), "%s \"%s\" needs %s: %s", what,
		    cfg_title(section), opts->name, opts->help);
		return fail_at(r, section->line, text);
	}
	return 0;
}

/* --- sections --------------------------------------------------------- */

static int
check_url(struct reader *r, cfg_t *section, const char *name, char *url)
{
	struct uri uri;
	struct err err;
	size_t len = url != NULL ? strlen(url) : 0;

	if (len == 0)
		return 0;
	if (url[len - 1] == '/')
		url[len - 1] = '\0';
	if (uri_parse(str_of(url), &uri, &err) == 0)
		return 0;
	err_prefix(&err, "%s = \"%s\": ", name, url);
	return fail_with(r, line_of(r, section, name), &err);
}

/*
 * What the tokens for that address are for.  It stays the cloud's own,
 * wherever the service is asked, but for an address of another cloud's: a
 * subscription may live elsewhere than its tenant.
 */
static const char *
scope_of(const struct config_tenant *t, int service)
{
	const char *url = t->url[service];

	for (size_t i = 0; i < sizeof(clouds) / sizeof(clouds[0]); i++) {
		const struct place *place = &clouds[i].place[service];

		if (url != NULL && place->url != NULL &&
		    strcmp(url, place->url) == 0)
			return place->scope;
	}
	return clouds[t->cloud].place[service].scope;
}

static int
find_places(struct reader *r, cfg_t *section, struct config_tenant *t)
{
	const struct cloud *cloud = &clouds[t->cloud];

	for (int i = 0; i < CONFIG_SERVICES; i++) {
		const struct place *place = &cloud->place[i];

		if (check_url(r, section, services[i].option, t->url[i]) < 0)
			return -1;
		if (t->url[i] == NULL && place->url != NULL)
			t->url[i] = xstrdup(place->url);
		t->scope[i] = scope_of(t, i);
	}
	if (t->login_url == NULL)
		t->login_url = xstrdup(cloud->login_url);
	return 0;
}

struct auth_conf
config_auth(const struct config_tenant *t, enum config_service service)
{
	if (service == CONFIG_MDCA && t->mdca_token_file != NULL)
		return (struct auth_conf){ .token_file = t->mdca_token_file };
	return (struct auth_conf){
		.login_url = t->login_url,
		.tenant_id = t->tenant_id,
		.client_id = t->client_id,
		.secret_file = t->secret_file,
		.cert_file = t->cert_file,
		.key_file = t->key_file,
		.key_pass_file = t->key_pass_file,
		.alg = (enum auth_alg)t->alg,
		.federated_file = t->federated_file,
		.identity = (enum auth_identity)t->identity,
		.identity_client_id = t->identity_client_id,
		.identity_url = t->identity_url,
		.identity_key_dir = t->identity_key_dir,
	};
}

/* The text names the option that is wrong, if one is: that is its place. */
static int
fail_login(struct reader *r, cfg_t *section, const struct err *err)
{
	size_t len = strcspn(err->text, ": ");
	char *name = xstrndup(err->text, len);
	char text[ERR_TEXT_MAX];
	int rc;

	if (opt_find(config_tenant_opts, name) != NULL) {
		rc = fail_at(r, line_of(r, section, name), err->text);
	} else {
		snprintf(text, sizeof(text), "tenant \"%s\": %.400s",
		    cfg_title(section), err->text);
		rc = fail_at(r, section->line, text);
	}
	xfree(name);
	return rc;
}

/*
 * Key files are read afresh at every login; here they only have to be good.
 */
static int
check_login(struct reader *r, cfg_t *section, const struct config_tenant *t,
    enum config_service service)
{
	struct auth_conf conf = config_auth(t, service);
	struct auth *auth;
	struct err err;
	int rc = 0;

	auth = auth_new(&conf, &err);
	if (auth == NULL || auth_check(auth, clock_wall_ms(), &err) < 0)
		rc = fail_login(r, section, &err);
	auth_free(&auth);
	return rc;
}

/* An API token is enough for those who read nothing else. */
static int
check_logins(struct reader *r, cfg_t *section, struct config_tenant *t)
{
	if (t->mdca_token_file != NULL &&
	    check_login(r, section, t, CONFIG_MDCA) < 0)
		return -1;
	t->has_entra = t->mdca_token_file == NULL || t->secret_file != NULL ||
	    t->cert_file != NULL || t->federated_file != NULL ||
	    t->identity != AUTH_IDENTITY_NONE;
	if (!t->has_entra)
		return 0;
	if (require(r, section, "tenant", config_tenant_opts) < 0)
		return -1;
	return check_login(r, section, t, CONFIG_GRAPH);
}

static int
read_tenant(struct reader *r, cfg_t *section, struct config_tenant *t)
{
	t->name = xstrdup(cfg_title(section));
	t->line = section->line;
	opt_defaults(config_tenant_opts, t);
	if (fill(r, section, "a tenant", config_tenant_opts, t, NULL, NULL,
		"") < 0 ||
	    check_url(r, section, "login-url", t->login_url) < 0 ||
	    find_places(r, section, t) < 0)
		return -1;
	return check_logins(r, section, t);
}

static const struct config_tenant *
find_tenant(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->n_tenants; i++)
		if (strcmp(c->tenants[i].name, name) == 0)
			return &c->tenants[i];
	return NULL;
}

/* The names of a table of kinds, for a message. */
#define NAMES(table, text)                                           \
	do {                                                         \
		for (size_t i_ = 0; (table)[i_] != NULL; i_++)       \
			buf_addf((text), "%s%s", i_ > 0 ? ", " : "", \
			    (table)[i_]->name);                      \
	} while (0)

static int
fail_type(struct reader *r, cfg_t *section, const char *type, bool is_source)
{
	const struct setting *st = find_setting(r, section, "type");
	struct buf text;

	buf_init(&text, ERR_TEXT_MAX);
	if (st == NULL)
		buf_addf(
		    &text, "\"%s\" needs a type: one of ", cfg_title(section));
	else
		buf_addf(&text, "type = \"%s\": wanted is one of ", type);
	if (is_source)
		NAMES(source_table, &text);
	else
		NAMES(sink_table, &text);
	fail_at(r, line_of(r, section, "type"), buf_cstr(&text));
	buf_clear(&text);
	return -1;
}

/* Does the tenant's cloud have what this type reads? */
static int
check_gaps(struct reader *r, int line, const struct config_source *s)
{
	char text[ERR_TEXT_MAX];

	for (size_t i = 0; i < sizeof(gaps) / sizeof(gaps[0]); i++) {
		const struct gap *g = &gaps[i];

		if (strcmp(g->type, s->ops->name) != 0 ||
		    (g->clouds & 1u << s->tenant->cloud) == 0)
			continue;
		snprintf(text, sizeof(text),
		    "type = \"%s\": the cloud \"%s\" does not offer this%s%s",
		    s->type, cloud_words[s->tenant->cloud],
		    g->instead != NULL ? "; the same is read by " : "",
		    g->instead != NULL ? g->instead : "");
		return fail_at(r, line, text);
	}
	return 0;
}

/* Is the service there, and can the tenant log in to it? */
/* The service is there, but not all that it has elsewhere. */
static int
check_cloud(struct reader *r, cfg_t *section, const struct config_source *s)
{
	struct err err;

	if (s->ops->check == NULL ||
	    s->ops->check(s->conf, cloud_words[s->tenant->cloud], &err) == 0)
		return 0;
	return fail_with(r, line_of(r, section, "type"), &err);
}

static int
check_service(struct reader *r, cfg_t *section, struct config_source *s)
{
	const struct config_tenant *t = s->tenant;
	int line = line_of(r, section, "type"), i = 0;
	char text[ERR_TEXT_MAX];

	if (check_gaps(r, line, s) < 0)
		return -1;
	while (strcmp(services[i].name, s->ops->service) != 0)
		i++;
	s->service = (enum config_service)i;
	if (t->scope[i] == NULL)
		snprintf(text, sizeof(text),
		    "type = \"%s\": the cloud \"%s\" does not offer this",
		    s->type, cloud_words[t->cloud]);
	else if (t->url[i] == NULL)
		snprintf(text, sizeof(text),
		    "type = \"%s\": tenant \"%s\" needs %s: %s", s->type,
		    t->name, services[i].option,
		    opt_find(config_tenant_opts, services[i].option)->help);
	else if (i != CONFIG_MDCA && !t->has_entra)
		snprintf(text, sizeof(text),
		    "type = \"%s\": tenant \"%s\" needs a way to log in, as"
		    " secret-file or certificate-file; mdca-token-file is for"
		    " Defender for Cloud Apps alone",
		    s->type, t->name);
	else
		return check_cloud(r, section, s);
	return fail_at(r, line, text);
}

/* Only who asks a service needs a tenant. */
static int
check_tenant(struct reader *r, cfg_t *section, const struct config *c,
    struct config_source *s)
{
	char text[ERR_TEXT_MAX];

	if (s->tenant_name != NULL)
		s->tenant = find_tenant(c, s->tenant_name);
	if (s->tenant_name != NULL && s->tenant == NULL) {
		snprintf(text, sizeof(text),
		    "tenant = \"%s\": there is no such tenant section",
		    s->tenant_name);
		return fail_at(r, line_of(r, section, "tenant"), text);
	}
	if (s->ops->service == NULL)
		return 0;
	if (s->tenant == NULL) {
		snprintf(text, sizeof(text), "source \"%s\" needs tenant: %s",
		    s->name, opt_find(config_source_opts, "tenant")->help);
		return fail_at(r, section->line, text);
	}
	return check_service(r, section, s);
}

static int
check_source(struct reader *r, cfg_t *section, const struct config *c,
    struct config_source *s)
{
	struct filter *filter;
	char text[ERR_TEXT_MAX];
	int64_t start_ms;
	struct err err;

	if (check_tenant(r, section, c, s) < 0)
		return -1;
	if (!rfc3339_parse_point(
		str_of(s->start), (int64_t)clock_wall_ms(), &start_ms)) {
		snprintf(text, sizeof(text),
		    "start = \"%s\": wanted is a date (2026-01-31, or with a"
		    " time 2026-01-31T02:00:00Z) or a time before now (-2d)",
		    s->start);
		return fail_at(r, line_of(r, section, "start"), text);
	}
	if (s->filter == NULL)
		return 0;
	filter = filter_new(str_of(s->filter), &err);
	if (filter == NULL) {
		err_prefix(&err, "filter: ");
		return fail_with(r, line_of(r, section, "filter"), &err);
	}
	filter_free(&filter);
	return 0;
}

static int
read_source(struct reader *r, cfg_t *section, const struct config *c,
    struct config_source *s)
{
	const struct setting *type = find_setting(r, section, "type");

	s->name = xstrdup(cfg_title(section));
	s->line = section->line;
	s->ops = type != NULL ? source_find(type->text) : NULL;
	if (s->ops == NULL)
		return fail_type(
		    r, section, type != NULL ? type->text : "", true);
	s->conf = xcalloc(1, s->ops->conf_bytes);
	opt_defaults(config_source_opts, s);
	opt_defaults(s->ops->opts, s->conf);
	if (fill(r, section, "a source", config_source_opts, s, s->ops->opts,
		s->conf, s->ops->name) < 0 ||
	    require(r, section, "source", config_source_opts) < 0 ||
	    require(r, section, "source", s->ops->opts) < 0)
		return -1;
	return check_source(r, section, c, s);
}

static bool
has_source(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->n_sources; i++)
		if (strcmp(c->sources[i].name, name) == 0)
			return true;
	return false;
}

static int
read_output(struct reader *r, cfg_t *section, const struct config *c,
    struct config_output *o)
{
	const struct setting *type = find_setting(r, section, "type");
	char text[ERR_TEXT_MAX];
	struct err err;

	o->name = xstrdup(cfg_title(section));
	o->line = section->line;
	o->ops = type != NULL ? sink_find(type->text) : NULL;
	if (o->ops == NULL)
		return fail_type(
		    r, section, type != NULL ? type->text : "", false);
	o->conf = xcalloc(1, o->ops->conf_bytes);
	opt_defaults(config_output_opts, o);
	opt_defaults(o->ops->opts, o->conf);
	if (fill(r, section, "an output", config_output_opts, o, o->ops->opts,
		o->conf, o->ops->name) < 0 ||
	    require(r, section, "output", config_output_opts) < 0 ||
	    require(r, section, "output", o->ops->opts) < 0)
		return -1;
	for (size_t i = 0; i < o->sources.n; i++) {
		if (has_source(c, o->sources.v[i]))
			continue;
		snprintf(text, sizeof(text),
		    "sources: there is no source section \"%s\"",
		    o->sources.v[i]);
		return fail_at(r, line_of(r, section, "sources"), text);
	}
	if (o->ops->check != NULL && o->ops->check(o->conf, &err) < 0) {
		err_prefix(&err, "output \"%s\": ", o->name);
		return fail_with(r, section->line, &err);
	}
	return 0;
}

static int
read_sections(struct reader *r, cfg_t *root, struct config *c)
{
	size_t n;

	n = cfg_size(root, "tenant");
	c->tenants = xcalloc(n, sizeof(*c->tenants));
	for (size_t i = 0; i < n; i++) {
		c->n_tenants++;
		if (read_tenant(r, cfg_getnsec(root, "tenant", (unsigned)i),
			&c->tenants[i]) < 0)
			return -1;
	}
	n = cfg_size(root, "source");
	c->sources = xcalloc(n, sizeof(*c->sources));
	for (size_t i = 0; i < n; i++) {
		c->n_sources++;
		if (read_source(r, cfg_getnsec(root, "source", (unsigned)i), c,
			&c->sources[i]) < 0)
			return -1;
	}
	n = cfg_size(root, "output");
	c->outputs = xcalloc(n, sizeof(*c->outputs));
	for (size_t i = 0; i < n; i++) {
		c->n_outputs++;
		if (read_output(r, cfg_getnsec(root, "output", (unsigned)i), c,
			&c->outputs[i]) < 0)
			return -1;
	}
	if (c->n_sources == 0)
		return fail_at(r, root->line, "there is no source section");
	if (c->n_outputs == 0)
		return fail_at(r, root->line, "there is no output section");
	return 0;
}

/* --- the file --------------------------------------------------------- */

struct grammars {
	struct grammar root, tenant, source, output;
};

static void
grammars_build(struct grammars *g)
{
	const cfg_flag_t flags = CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES;

	*g = (struct grammars){ 0 };
	grammar_add_table(&g->tenant, config_tenant_opts);
	grammar_add_table(&g->source, config_source_opts);
	for (size_t i = 0; source_table[i] != NULL; i++)
		grammar_add_table(&g->source, source_table[i]->opts);
	grammar_add_table(&g->output, config_output_opts);
	for (size_t i = 0; sink_table[i] != NULL; i++)
		grammar_add_table(&g->output, sink_table[i]->opts);
	grammar_end(&g->tenant);
	grammar_end(&g->source);
	grammar_end(&g->output);
	grammar_add_table(&g->root, config_global_opts);
	grammar_add(&g->root, (cfg_opt_t)CFG_SEC("tenant", g->tenant.v, flags));
	grammar_add(&g->root, (cfg_opt_t)CFG_SEC("source", g->source.v, flags));
	grammar_add(&g->root, (cfg_opt_t)CFG_SEC("output", g->output.v, flags));
	grammar_end(&g->root);
}

static void
grammars_free(struct grammars *g)
{
	xfree(g->root.v);
	xfree(g->tenant.v);
	xfree(g->source.v);
	xfree(g->output.v);
}

static int
read_file(struct reader *r, cfg_t *root, struct config *c)
{
	FILE *f = fopen(r->path, "re");
	int rc;

	if (f == NULL)
		return err_set(
		    r->err, ERR_CONF, "%s: %s", r->path, strerror(errno));
	rc = cfg_parse_fp(root, f);
	fclose(f);
	if (rc != CFG_SUCCESS || r->failed) {
		if (!r->failed)
			fail_at(r, root->line, "this is not understood");
		return -1;
	}
	opt_defaults(config_global_opts, &c->global);
	if (fill(r, root, "the file", config_global_opts, &c->global, NULL,
		NULL, "") < 0)
		return -1;
	return read_sections(r, root, c);
}

struct config *
config_load(const char *path, struct err *err)
{
	struct reader r = { .path = path, .err = err };
	struct config *c = xcalloc(1, sizeof(*c));
	const char *slash = strrchr(path, '/');
	struct grammars grammars;
	cfg_t *root;

	c->path = xstrdup(path);
	r.dir = xstrndup(path, slash != NULL ? (size_t)(slash + 1 - path) : 0);
	grammars_build(&grammars);
	root = cfg_init(grammars.root.v, CFGF_NONE);
	cfg_set_error_function(root, on_syntax_error);
	at_work = &r;
	if (read_file(&r, root, c) < 0)
		config_free(&c);
	at_work = NULL;
	cfg_free(root);
	grammars_free(&grammars);
	for (size_t i = 0; i < r.n_settings; i++)
		xfree(r.settings[i].text);
	xfree(r.settings);
	xfree(r.dir);
	return c;
}

void
config_free(struct config **cp)
{
	struct config *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->n_tenants; i++) {
		opt_clear(config_tenant_opts, &c->tenants[i]);
		xfree(c->tenants[i].name);
	}
	for (size_t i = 0; i < c->n_sources; i++) {
		struct config_source *s = &c->sources[i];

		opt_clear(config_source_opts, s);
		if (s->ops != NULL)
			opt_clear(s->ops->opts, s->conf);
		xfree(s->conf);
		xfree(s->name);
	}
	for (size_t i = 0; i < c->n_outputs; i++) {
		struct config_output *o = &c->outputs[i];

		opt_clear(config_output_opts, o);
		if (o->ops != NULL)
			opt_clear(o->ops->opts, o->conf);
		xfree(o->conf);
		xfree(o->name);
	}
	opt_clear(config_global_opts, &c->global);
	xfree(c->tenants);
	xfree(c->sources);
	xfree(c->outputs);
	xfree(c->path);
	xfree(c);
}
