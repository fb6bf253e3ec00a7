/*
 * tools/sim/sim_fault.c -- a scenario: what goes wrong, and when.
 *
 * A line is a list of words, each of which is an option of the rule: a
 * condition or an effect.  So the tables below are the grammar.
 */
/* SPDX-License-Identifier: ISC */
#include "tools/sim/sim_fault.h"

#include <stddef.h>
#include <string.h>

#include "base/err.h"
#include "base/opt.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "tools/sim/sim.h"
#include "tools/sim/sim_rng.h"

#define RULES_MOST 256

struct rule {
	char *route; /* owned; "any" for all */
	uint64_t from, count, every, percent;
	struct sim_fault fault;
	uint64_t seen; /* requests so far */
};

struct sim_faults {
	struct rule rule[RULES_MOST];
	size_t n;
	uint64_t seed;
};

static const char *const bodies[] = { "json", "html", "empty",
	"not-provisioned", NULL };

#define NUMBER(name, field, def, min, max, help)                           \
	{                                                                  \
		name, OPT_NUMBER, offsetof(struct rule, field), def, NULL, \
		    min, max, false, help                                  \
	}
#define FLAG(name, field, help)                                              \
	{                                                                    \
		name, OPT_BOOL, offsetof(struct rule, field), "false", NULL, \
		    0, 0, false, help                                        \
	}
#define TEXT(name, field, help)                                              \
	{                                                                    \
		name, OPT_TEXT, offsetof(struct rule, field), NULL, NULL, 0, \
		    0, false, help                                           \
	}
#define NEVER "18446744073709551615"

static const struct opt rule_opts[] = {
	NUMBER("from", from, "1", 1, 0, "the first request that counts"),
	NUMBER("for", count, NEVER, 1, 0, "how many count"),
	NUMBER("every", every, "1", 1, 0, "of them, one in so many"),
	NUMBER("percent", percent, "100", 0, 100, "by chance"),
	NUMBER("status", fault.status, NULL, 200, 599, "answer this"),
	{ "body", OPT_WORD, offsetof(struct rule, fault.body), "json", bodies,
	    0, 0, false, "of that answer" },
	TEXT("retry-after", fault.retry_after, "header of that answer"),
	NUMBER("delay", fault.delay, "0", 0, 3600000, "ms before it"),
	NUMBER("cut", fault.cut, NEVER, 0, 0, "close after so many bytes"),
	NUMBER("stall", fault.stall, NEVER, 0, 0, "stop after so many"),
	FLAG("reset", fault.reset, "reset the connection"),
	FLAG("revoke", fault.revoke, "end all tokens"),
	NUMBER("aadsts", fault.aadsts, NULL, 1, 0, "refuse a token so"),
	TEXT("link", fault.link, "host of the next link"),
	FLAG("partial", fault.partial, "a part of the rows, and an error"),
	FLAG("no-link", fault.no_link, "leave the next link out"),
	FLAG("empty-page", fault.empty_page, "no records, but a link"),
	FLAG("null-value", fault.null_value, "null for the array"),
	FLAG("broken-json", fault.broken_json, "no JSON any more"),
	FLAG("bad-utf8", fault.bad_utf8, "in the first record"),
	NUMBER("deep-json", fault.deep, NULL, 1, 1000000, "levels in it"),
	NUMBER("oversized", fault.oversized, NULL, 1, 1 << 30, "bytes in it"),
	{ NULL, OPT_TEXT, 0, NULL, NULL, 0, 0, false, NULL },
};

static const char *const retry_words[] = { "seconds", "fraction", "date",
	"absent", "mixed", NULL };
static const char *const link_words[] = { "always", "sometimes", "never",
	NULL };

#define KNOB(field) offsetof(struct sim_knobs, field)

const struct opt sim_knob_opts[] = {
	{ "latency", OPT_NUMBER, KNOB(latency), "0", NULL, 0, 3600000, false,
	    "ms before each answer" },
	{ "rate-limit", OPT_NUMBER, KNOB(rate_limit), "150", NULL, 0, 1000000,
	    false, "requests a minute for each API; 0: none" },
	{ "mdca-rate-limit", OPT_NUMBER, KNOB(mdca_rate_limit), "30", NULL, 0,
	    1000000, false, "the same for Defender for Cloud Apps" },
	{ "token-life", OPT_NUMBER, KNOB(token_life), "3599", NULL, 0, 0, false,
	    "seconds that a token lives" },
	{ "retry-after", OPT_WORD, KNOB(retry_after), "seconds", retry_words, 0,
	    0, false, "how a 429 names the time" },
	{ "nextlink", OPT_WORD, KNOB(nextlink), "always", link_words, 0, 0,
	    false, "whether a full page has a link to the next" },
	{ "start-pause", OPT_TIME, KNOB(start_pause), "0s", NULL, 0, 0, false,
	    "between two starts of subscriptions" },
	{ "expand-most", OPT_NUMBER, KNOB(expand_most), "0", NULL, 0, 1000000,
	    false, "alerts on a page of incidents before it fails; 0: any" },
	{ NULL, OPT_TEXT, 0, NULL, NULL, 0, 0, false, NULL },
};

/* Take the next word off the line; empty at its end or at a comment. */
static struct str
take_word(struct str *line)
{
	struct str word;
	size_t n = 0;

	*line = str_trim(*line);
	if (line->len > 0 && line->p[0] == '#')
		line->len = 0;
	while (n < line->len && line->p[n] != ' ' && line->p[n] != '\t')
		n++;
	word = str_make(line->p, n);
	*line = str_make(line->p + n, line->len - n);
	return word;
}

/* Set the option that word names, from the words behind it. */
static int
set_option(const struct opt *opts, void *conf, struct str word,
    struct str *line, struct err *err)
{
	char *name = xstrndup(word.p, word.len);
	const struct opt *opt = opt_find(opts, name);
	struct str value = STR_LIT("true");
	char *text;
	int rc;

	xfree(name);
	if (opt == NULL)
		return err_set(
		    err, ERR_CONF, "unknown word \"%.*s\"", STR_ARG(word));
	if (opt->type != OPT_BOOL)
		value = take_word(line);
	if (value.len == 0)
		return err_set(err, ERR_CONF, "%s: needs a value", opt->name);
	text = xstrndup(value.p, value.len);
	rc = opt_set(opt, conf, text, err);
	xfree(text);
	return rc;
}

static bool
is_route(struct str name)
{
	if (str_is(name, "any"))
		return true;
	for (const struct sim_route *r = sim_routes; r->name != NULL; r++) {
		if (str_is(name, r->name) && r->guard != SIM_CONTROL)
			return true;
	}
	return false;
}

static int
read_rule(struct sim_faults *f, struct str line, struct err *err)
{
	struct str word = take_word(&line);
	struct rule *rule;

	if (!is_route(word))
		return err_set(
		    err, ERR_CONF, "unknown route \"%.*s\"", STR_ARG(word));
	if (f->n == RULES_MOST)
		return err_set(err, ERR_CONF, "more than %d rules", RULES_MOST);
	rule = &f->rule[f->n++];
	opt_defaults(rule_opts, rule);
	rule->route = xstrndup(word.p, word.len);
	while ((word = take_word(&line)).len > 0) {
		if (set_option(rule_opts, rule, word, &line, err) != 0)
			return -1;
	}
	return 0;
}

static int
read_line(struct sim_faults *f, struct str line, struct sim_knobs *knobs,
    struct err *err)
{
	struct str word = take_word(&line);

	if (word.len == 0)
		return 0;
	if (str_is(word, "on"))
		return read_rule(f, line, err);
	if (!str_is(word, "set"))
		return err_set(err, ERR_CONF,
		    "\"%.*s\": a line begins with on or set", STR_ARG(word));
	word = take_word(&line);
	if (set_option(sim_knob_opts, knobs, word, &line, err) != 0)
		return -1;
	if (take_word(&line).len > 0)
		return err_set(err, ERR_CONF, "more words than expected");
	return 0;
}

struct sim_faults *
sim_faults_new(
    const char *text, uint64_t seed, struct sim_knobs *knobs, struct err *err)
{
	struct sim_faults *f = xcalloc(1, sizeof(*f));
	struct str rest = str_of(text), line;
	unsigned number = 0;

	f->seed = seed;
	while (rest.p != NULL) {
		line = str_cut(&rest, '\n');
		number++;
		if (read_line(f, line, knobs, err) != 0) {
			err_prefix(err, "scenario line %u: ", number);
			sim_faults_free(&f);
			return NULL;
		}
	}
	return f;
}

void
sim_faults_free(struct sim_faults **fp)
{
	struct sim_faults *f = *fp;

	*fp = NULL;
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->n; i++) {
		xfree(f->rule[i].route);
		opt_clear(rule_opts, &f->rule[i]);
	}
	xfree(f);
}

static bool
applies(const struct sim_faults *f, struct rule *r)
{
	uint64_t seen = ++r->seen, at;

	if (seen < r->from)
		return false;
	at = seen - r->from;
	if (at >= r->count || at % r->every != 0)
		return false;
	return sim_chance(
	    sim_hash(f->seed ^ (uintptr_t)(r - f->rule), seen), r->percent);
}

const struct sim_fault *
sim_faults_take(struct sim_faults *f, const char *route)
{
	const struct sim_fault *fault = NULL;

	/* All rules count, the first that applies is the one. */
	for (size_t i = 0; i < f->n; i++) {
		struct rule *r = &f->rule[i];

		if (strcmp(r->route, "any") != 0 &&
		    strcmp(r->route, route) != 0)
			continue;
		if (applies(f, r) && fault == NULL)
			fault = &r->fault;
	}
	return fault;
}
