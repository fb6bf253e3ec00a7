/*
 * app/daemon.c -- builds the house from its plan, and runs it.
 *
 * The loop and the store live as long as the process.  What the configuration
 * describes (tenants, sources, outputs) is a house that can be taken down and
 * built anew around them: a reload lets the old one end in order, as a stop
 * does, and then builds the new one.
 */
/* SPDX-License-Identifier: ISC */
#include "app/daemon.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/config.h"
#include "auth/auth.h"
#include "auth/token.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/ratelimit.h"
#include "base/xalloc.h"
#include "codec/rfc3339.h"
#include "flow/drain.h"
#include "flow/follower.h"
#include "flow/intake.h"
#include "flow/poller.h"
#include "map/filter.h"
#include "map/map.h"
#include "net/http.h"
#include "net/loop.h"
#include "sink/sink.h"
#include "source/file_in.h"
#include "source/source.h"
#include "state/store.h"

#define CONNECT_TIMEOUT_MS 10000
#define STALL_TIMEOUT_MS 60000
#define MAX_CONNECTIONS 64
#define MINUTE_MS 60000
#define N_SIGNALS 4
#define COMMIT_TIMEOUT_MS 30000

/* What opens one service of a tenant. */
struct login {
	struct auth *auth;
	struct token *token;
};

struct tenant {
	const struct config_tenant *conf;
	struct http *http;
	struct login login[CONFIG_SERVICES]; /* of those that are asked */
};

/* Sources of one tenant that ask one API share its limit. */
struct limit {
	const struct config_tenant *tenant;
	const char *api;
	struct ratelimit rl;
};

struct room { /* of one source */
	struct daemon *d;
	struct log log;
	struct map *map;
	struct filter *filter;
	struct source *source;
	struct intake *intake;
	struct poller *poller;     /* of a source that asks */
	struct follower *follower; /* or of a file */
};

struct house {
	struct config *config; /* owned */
	struct tenant *tenants;
	struct limit *limits; /* at most one a source */
	size_t n_limits;
	struct intake_form *forms; /* at most one an output */
	size_t n_forms;
	struct room *rooms;
	struct drain **drains;
};

enum daemon_end {
	END_NONE,
	END_STOP,
	END_RELOAD
};

struct daemon {
	struct log log;
	struct loop *loop;
	struct store *store;
	struct loop_fd *store_watch;
	struct house house;
	struct loop_signal *signals[N_SIGNALS];
	enum daemon_end end;
	struct config *next; /* to reload with */
	bool once;
	size_t rounds_left; /* of a single pass */
	size_t drains_left; /* that have not ended */
	int status;
};

/* --- building --------------------------------------------------------- */

static struct map *
load_map(const struct config *c, const struct config_source *s, struct err *err)
{
	const struct file_in_conf *file = s->conf;
	const char *type =
	    s->ops == &file_in_ops ? file->record_type : s->ops->name;
	char *path = s->map != NULL ? xstrdup(s->map)
				    : map_find(c->global.maps_dir, type, err);
	struct map *map = path != NULL ? map_load(path, err) : NULL;

	xfree(path);
	return map;
}

static struct auth *
open_auth(
    const struct config *c, const struct config_source *s, struct err *err)
{
	struct auth_conf conf = config_auth(s->tenant, s->service);
	struct auth *auth = auth_new(&conf, err);

	if (auth == NULL)
		err_prefix(err, "%s:%d: tenant \"%s\": ", c->path,
		    s->tenant->line, s->tenant->name);
	return auth;
}

static struct source *
open_source(const struct config *c, const struct config_source *s,
    int64_t wall_ms, struct err *err)
{
	const struct config_tenant *t = s->tenant;
	struct source_common common = { .overlap_ms = s->overlap_ms };
	struct source *source = NULL;

	if (t != NULL) {
		common.tenant_id = t->tenant_id;
		common.workspace_id = t->workspace_id;
		if (s->ops->service != NULL)
			common.base_url = t->url[s->service];
	}
	if (rfc3339_parse_point(str_of(s->start), wall_ms, &common.start_ms))
		source = s->ops->open(s->conf, &common, err);
	else
		err_set(err, ERR_BUG, "start \"%s\"", s->start);
	if (source == NULL)
		err_prefix(
		    err, "%s:%d: source \"%s\": ", c->path, s->line, s->name);
	return source;
}

int
daemon_check(const struct config *c, struct err *err)
{
	for (size_t i = 0; i < c->n_sources; i++) {
		const struct config_source *s = &c->sources[i];
		struct map *map = load_map(c, s, err);
		struct source *source;

		if (map == NULL)
			return -1;
		map_free(&map);
		source = open_source(c, s, (int64_t)clock_wall_ms(), err);
		if (source == NULL)
			return -1;
		s->ops->close(&source);
	}
	return 0;
}

static int
build_tenants(struct daemon *d, struct house *h, struct err *err)
{
	struct config *c = h->config;

	h->tenants = xcalloc(c->n_tenants, sizeof(*h->tenants));
	for (size_t i = 0; i < c->n_tenants; i++) {
		struct tenant *t = &h->tenants[i];
		struct http_conf http = {
			.ca_file = c->tenants[i].ca_file,
			.proxy = c->tenants[i].proxy,
			.user_agent = "cloudcefd/" PACKAGE_VERSION,
			.connect_timeout_ms = CONNECT_TIMEOUT_MS,
			.stall_timeout_ms = STALL_TIMEOUT_MS,
			.max_connections = MAX_CONNECTIONS,
		};

		t->conf = &c->tenants[i];
		t->http = http_new(d->loop, &http, err);
		if (t->http == NULL)
			return err_prefix(
			    err, "tenant \"%s\": ", t->conf->name);
	}
	return 0;
}

/* The login for a source: one for all that ask the service. */
static struct login *
login_of(struct daemon *d, struct house *h, const struct config_source *s,
    struct err *err)
{
	struct tenant *t = &h->tenants[s->tenant - h->config->tenants];
	struct login *login = &t->login[s->service];

	if (login->token != NULL)
		return login;
	login->auth = open_auth(h->config, s, err);
	if (login->auth == NULL)
		return NULL;
	login->token = token_new(d->loop, t->http, login->auth,
	    t->conf->scope[s->service], t->conf->name,
	    clock_wall_ms() + (uint64_t)(t - h->tenants) * CONFIG_SERVICES +
		s->service + 1);
	return login;
}

static const char *
form_of(struct house *h, const struct config_output *o)
{
	size_t max = o->ops->max_event != NULL ? o->ops->max_event(o->conf) : 0;
	char name[sizeof(h->forms[0].name)];

	snprintf(name, sizeof(name), "cef/%zu", max);
	for (size_t i = 0; i < h->n_forms; i++)
		if (strcmp(h->forms[i].name, name) == 0)
			return h->forms[i].name;
	memcpy(h->forms[h->n_forms].name, name, sizeof(name));
	h->forms[h->n_forms].conf =
	    (struct map_conf){ .profile =
				   (enum map_profile)h->config->global.profile,
		    .max_bytes = max };
	return h->forms[h->n_forms++].name;
}

/*
 * What may go at once and what follows in the minute behind it stay within
 * what was set.  Faster than one in a millisecond is no limit.
 */
static struct ratelimit_conf
pace_of(const struct config_source *s)
{
	const struct source_limits *limits = source_api(s->ops, s->conf).limits;
	struct ratelimit_conf conf = { .burst = limits->requests,
		.period_ms = limits->period_ms };
	uint64_t n = s->requests_per_minute;

	if (n == 0)
		return conf;
	if (n > MINUTE_MS)
		return (struct ratelimit_conf){ 0 };
	if (conf.burst > n / 2)
		conf.burst = n > 1 ? (uint32_t)(n / 2) : 1;
	n = n > conf.burst ? n - conf.burst : 1;
	conf.period_ms = (uint32_t)((MINUTE_MS + n - 1) / n);
	return conf;
}

/* The first of the sources that share a limit and set it sets it for all. */
static const struct config_source *
pacer_of(const struct config *c, const struct config_source *s)
{
	const char *api = source_api(s->ops, s->conf).api;

	for (size_t i = 0; i < c->n_sources; i++) {
		const struct config_source *other = &c->sources[i];

		if (other->requests_per_minute > 0 && other->ops->api != NULL &&
		    other->tenant == s->tenant &&
		    strcmp(source_api(other->ops, other->conf).api, api) == 0)
			return other;
	}
	return s;
}

static struct ratelimit *
limit_of(struct house *h, const struct config_source *s)
{
	struct ratelimit_conf conf = pace_of(pacer_of(h->config, s));
	const char *api = source_api(s->ops, s->conf).api;
	struct limit *l = h->limits;

	for (size_t i = 0; i < h->n_limits; i++, l++)
		if (l->tenant == s->tenant && strcmp(l->api, api) == 0)
			return &l->rl;
	l->tenant = s->tenant;
	l->api = api;
	ratelimit_init(&l->rl, &conf);
	h->n_limits++;
	return &l->rl;
}

static void on_round(void *arg, const struct err *err);

/* What asks a service. */
static int
build_poller(struct room *r, struct house *h, const struct config_source *s,
    uint64_t seed, struct err *err)
{
	struct tenant *t = &h->tenants[s->tenant - h->config->tenants];
	struct login *login = login_of(r->d, h, s, err);

	if (login == NULL)
		return -1;
	if (source_api(s->ops, s->conf).permission != NULL)
		token_need(login->token, s->name,
		    source_api(s->ops, s->conf).permission);
	r->poller = poller_new(r->d->loop,
	    &(struct poller_conf){ .name = s->name,
		.ops = s->ops,
		.source = r->source,
		.intake = r->intake,
		.store = r->d->store,
		.http = t->http,
		.token = login->token,
		.scheme = auth_ops(login->auth)->scheme,
		.limit = limit_of(h, s),
		.interval_ms = s->interval_ms,
		.max_record = s->max_record,
		.concurrency = (unsigned)s->concurrency,
		.seed = seed,
		.once = r->d->once },
	    on_round, r);
	return 0;
}

/* What reads a file. */
static void
build_follower(struct room *r, const struct config_source *s, uint64_t seed)
{
	const struct file_in_conf *file = s->conf;

	r->follower = follower_new(r->d->loop,
	    &(struct follower_conf){ .name = s->name,
		.path = file->path,
		.follow = file->follow,
		.ops = s->ops,
		.source = r->source,
		.intake = r->intake,
		.store = r->d->store,
		.interval_ms = s->interval_ms,
		.max_record = s->max_record,
		.seed = seed,
		.once = r->d->once },
	    on_round, r);
}

static int
build_source(struct daemon *d, struct house *h, size_t i, struct err *err)
{
	const struct config_source *s = &h->config->sources[i];
	struct room *r = &h->rooms[i];
	int64_t wall_ms = (int64_t)clock_wall_ms();
	uint64_t seed = (uint64_t)wall_ms + i + 1;

	r->d = d;
	r->log = (struct log){ "source", s->name };
	r->map = load_map(h->config, s, err);
	if (r->map == NULL)
		return -1;
	if (s->filter != NULL) {
		r->filter = filter_new(str_of(s->filter), err);
		if (r->filter == NULL)
			return -1;
	}
	r->source = open_source(h->config, s, wall_ms, err);
	if (r->source == NULL)
		return -1;
	r->intake = intake_new(&(struct intake_conf){ .source = s->name,
	    .ops = s->ops,
	    .store = d->store,
	    .map = r->map,
	    .filter = r->filter,
	    .forms = h->forms,
	    .n_forms = h->n_forms,
	    .log = &r->log });
	if (s->ops->ask != NULL)
		return build_poller(r, h, s, seed, err);
	build_follower(r, s, seed);
	return 0;
}

static int
build_output(struct daemon *d, struct house *h, size_t i, struct err *err)
{
	const struct config_output *o = &h->config->outputs[i];

	h->drains[i] = drain_new(d->loop,
	    &(struct drain_conf){ .name = o->name,
		.form = form_of(h, o),
		.sources = (const char *const *)o->sources.v,
		.ops = o->ops,
		.sink_conf = o->conf,
		.store = d->store },
	    err);
	if (h->drains[i] == NULL)
		return err_prefix(err, "output \"%s\": ", o->name);
	return 0;
}

static int
build(struct daemon *d, struct config **cp, struct err *err)
{
	struct house *h = &d->house;
	struct config *c = *cp;

	*cp = NULL;
	*h = (struct house){ .config = c };
	h->limits = xcalloc(c->n_sources, sizeof(*h->limits));
	h->forms = xcalloc(c->n_outputs, sizeof(*h->forms));
	h->rooms = xcalloc(c->n_sources, sizeof(*h->rooms));
	h->drains = xcalloc(c->n_outputs, sizeof(*h->drains));
	if (build_tenants(d, h, err) < 0)
		return -1;
	/* Outputs first: they say in which forms events are written. */
	for (size_t i = 0; i < c->n_outputs; i++)
		if (build_output(d, h, i, err) < 0)
			return -1;
	for (size_t i = 0; i < c->n_sources; i++)
		if (build_source(d, h, i, err) < 0)
			return -1;
	return 0;
}

static void
tear_down(struct house *h)
{
	struct config *c = h->config;

	for (size_t i = 0; c != NULL && i < c->n_sources; i++) {
		struct room *r = &h->rooms[i];

		poller_free(&r->poller);
		follower_free(&r->follower);
		intake_free(&r->intake);
		if (r->source != NULL)
			c->sources[i].ops->close(&r->source);
		filter_free(&r->filter);
		map_free(&r->map);
	}
	for (size_t i = 0; c != NULL && i < c->n_outputs; i++)
		drain_free(&h->drains[i]);
	for (size_t i = 0; c != NULL && h->tenants && i < c->n_tenants; i++) {
		for (size_t k = 0; k < CONFIG_SERVICES; k++) {
			token_free(&h->tenants[i].login[k].token);
			auth_free(&h->tenants[i].login[k].auth);
		}
		http_free(&h->tenants[i].http);
	}
	xfree(h->tenants);
	xfree(h->limits);
	xfree(h->forms);
	xfree(h->rooms);
	xfree(h->drains);
	config_free(&h->config);
	*h = (struct house){ 0 };
}

static void
start_room(struct room *r)
{
	if (r->poller != NULL)
		poller_start(r->poller);
	else
		follower_start(r->follower);
}

static void
wake_room(struct room *r)
{
	if (r->poller != NULL)
		poller_wake(r->poller);
	else if (r->follower != NULL)
		follower_wake(r->follower);
}

static void
stop_room(struct room *r)
{
	if (r->poller != NULL)
		poller_stop(r->poller);
	else
		follower_stop(r->follower);
}

/* --- ending ----------------------------------------------------------- */

static void
on_drained(void *arg)
{
	struct daemon *d = arg;

	if (--d->drains_left == 0)
		loop_stop(d->loop);
}

/* Ask nothing more, bring what is there to its end, leave the loop. */
static void
begin_end(struct daemon *d, enum daemon_end end)
{
	struct config *c = d->house.config;

	if (d->end != END_NONE) {
		/* A stop ends a reload, and a second stop ends waiting. */
		if (end == END_STOP && d->end == END_STOP)
			loop_stop(d->loop);
		else if (end == END_STOP)
			d->end = END_STOP;
		return;
	}
	d->end = end;
	d->drains_left = c->n_outputs;
	for (size_t i = 0; i < c->n_sources; i++)
		stop_room(&d->house.rooms[i]);
	for (size_t i = 0; i < c->n_outputs; i++)
		drain_finish(d->house.drains[i], c->global.stop_timeout_ms,
		    d->once, on_drained, d);
}

static void
on_round(void *arg, const struct err *err)
{
	struct room *r = arg;
	struct daemon *d = r->d;

	if (!d->once)
		return;
	if (err != NULL) {
		log_error(
		    &r->log, "%s; its round was not completed", err->text);
		d->status = 1;
	}
	if (--d->rounds_left == 0)
		begin_end(d, END_STOP);
}

static void
on_stop_signal(void *arg)
{
	struct daemon *d = arg;

	log_info(&d->log, "stopping: sending what is there, for at most %llu s",
	    (unsigned long long)d->house.config->global.stop_timeout_ms / 1000);
	d->once = false;
	begin_end(d, END_STOP);
}

static void
on_reload_signal(void *arg)
{
	struct daemon *d = arg;
	struct config *next;
	struct err err;

	next = config_load(d->house.config->path, &err);
	if (next == NULL || daemon_check(next, &err) < 0) {
		log_error(&d->log,
		    "%s; going on with the configuration as it"
		    " was",
		    err.text);
		config_free(&next);
		return;
	}
	if (strcmp(next->global.state_dir, d->house.config->global.state_dir) !=
	    0)
		log_warn(&d->log, "a new state-dir counts from the next start");
	config_free(&d->next);
	d->next = next;
	log_info(&d->log, "reloading %s", next->path);
	begin_end(d, END_RELOAD);
}

static void
on_reopen_signal(void *arg)
{
	struct daemon *d = arg;

	for (size_t i = 0; i < d->house.config->n_outputs; i++)
		drain_reopen(d->house.drains[i]);
}

/* --- running ---------------------------------------------------------- */

static void
on_store(void *arg, int what)
{
	struct daemon *d = arg;
	struct config *c = d->house.config;

	(void)what;
	store_reap(d->store);
	for (size_t i = 0; c != NULL && i < c->n_sources; i++)
		wake_room(&d->house.rooms[i]);
}

static void
on_events(void *arg)
{
	struct daemon *d = arg;
	struct config *c = d->house.config;

	for (size_t i = 0; c != NULL && i < c->n_outputs; i++)
		if (d->house.drains[i] != NULL)
			drain_wake(d->house.drains[i]);
}

static void
watch_signals(struct daemon *d)
{
	static const struct {
		int signo;
		loop_cb *cb;
	} rows[N_SIGNALS] = {
		{ SIGTERM, on_stop_signal },
		{ SIGINT, on_stop_signal },
		{ SIGHUP, on_reload_signal },
		{ SIGUSR1, on_reopen_signal },
	};

	for (size_t i = 0; i < N_SIGNALS; i++)
		d->signals[i] =
		    loop_signal_new(d->loop, rows[i].signo, rows[i].cb, d);
}

/* The journal waits for the outputs that are configured, and no others. */
static void
keep_outputs(struct daemon *d, const struct config *c)
{
	const char **names = xcalloc(c->n_outputs + 1, sizeof(*names));

	for (size_t i = 0; i < c->n_outputs; i++)
		names[i] = c->outputs[i].name;
	store_keep_outputs(d->store, names);
	xfree(names);
}

static int
open_store(struct daemon *d, const struct config *c, struct err *err)
{
	struct store_conf conf = { .dir = c->global.state_dir,
		.limit_bytes = c->global.spool_limit };

	d->store = store_open(&conf, clock_wall_ms(), err);
	if (d->store == NULL)
		return -1;
	keep_outputs(d, c);
	store_on_events(d->store, on_events, d);
	d->store_watch = loop_fd_new(d->loop, store_fd(d->store), on_store, d);
	loop_fd_watch(d->store_watch, LOOP_READ);
	return 0;
}

struct daemon *
daemon_new(struct config **cp, bool once, struct err *err)
{
	struct daemon *d = xcalloc(1, sizeof(*d));

	d->log = (struct log){ "daemon", NULL };
	d->once = once;
	d->loop = loop_new();
	if (open_store(d, *cp, err) < 0 || build(d, cp, err) < 0)
		daemon_free(&d);
	else
		watch_signals(d);
	return d;
}

void
daemon_free(struct daemon **dp)
{
	struct daemon *d = *dp;

	*dp = NULL;
	if (d == NULL)
		return;
	tear_down(&d->house);
	config_free(&d->next);
	loop_fd_free(&d->store_watch);
	if (d->store != NULL)
		store_close(&d->store);
	for (size_t i = 0; i < N_SIGNALS; i++)
		if (d->signals[i] != NULL)
			loop_signal_free(&d->signals[i]);
	loop_free(&d->loop);
	xfree(d);
}

static void
start(struct daemon *d)
{
	const struct config *c = d->house.config;

	d->end = END_NONE;
	d->rounds_left = c->n_sources;
	for (size_t i = 0; i < c->n_sources; i++)
		start_room(&d->house.rooms[i]);
	log_info(&d->log, "running: %zu source%s, %zu output%s", c->n_sources,
	    c->n_sources == 1 ? "" : "s", c->n_outputs,
	    c->n_outputs == 1 ? "" : "s");
}

/* Whoever takes charge of a source must not find pages of the one before. */
static void
finish_commits(struct daemon *d)
{
	struct pollfd pfd = { .fd = store_fd(d->store), .events = POLLIN };
	uint64_t until_ms = clock_mono_ms() + COMMIT_TIMEOUT_MS;

	while (
	    store_inflight_bytes(d->store) > 0 && clock_mono_ms() < until_ms) {
		(void)poll(&pfd, 1, 100);
		store_reap(d->store);
	}
}

static int
rebuild(struct daemon *d)
{
	struct err err;

	finish_commits(d);
	tear_down(&d->house);
	keep_outputs(d, d->next);
	if (build(d, &d->next, &err) == 0)
		return 0;
	log_error(&d->log, "%s; stopping, as the old configuration is gone",
	    err.text);
	return -1;
}

static bool
all_is_confirmed(const struct daemon *d)
{
	for (size_t i = 0; i < d->house.config->n_outputs; i++)
		if (!drain_is_done(d->house.drains[i]))
			return false;
	return true;
}

int
daemon_run(struct daemon *d)
{
	bool once = d->once;

	do {
		start(d);
		loop_run(d->loop);
	} while (d->end == END_RELOAD && rebuild(d) == 0);
	if (d->end == END_RELOAD)
		return 1;
	if (once && d->rounds_left > 0)
		d->status = 1;
	if (once && !all_is_confirmed(d)) {
		log_error(&d->log,
		    "not all events are confirmed; they stay in"
		    " the journal for the next run");
		d->status = 1;
	}
	log_info(&d->log, "stopped");
	return d->status;
}
