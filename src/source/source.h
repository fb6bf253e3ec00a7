/* source/source.h -- knows one API: builds requests, reads answers. */
/* SPDX-License-Identifier: ISC */
#ifndef SOURCE_SOURCE_H
#define SOURCE_SOURCE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/opt.h"
#include "base/str.h"

struct cursor;
struct err;
struct httpreq;
struct httpresp;
struct json_doc;
struct record;
struct source;

/* The tag of a record that no request brought: a line of a file. */
#define SOURCE_TAG_LINE UINT_MAX

/* What the API allows; the limiter is fed with it. */
struct source_limits {
	uint32_t requests;    /* that may go at once */
	uint32_t period_ms;   /* then one more in each period */
	uint32_t concurrency; /* requests in the air */
	uint64_t max_record;  /* bytes; larger ones are quarantined */
};

/* Whom a source asks, and what for. */
struct source_api {
	const char *api; /* sources of one tenant and api share a limiter */
	const char *permission; /* what to grant; NULL: not known */
	const struct source_limits *limits;
};

/* What every source is told, beside its own options. */
struct source_common {
	const char *base_url; /* of its API, from the tenant; no slash at end */
	const char *tenant_id;
	uint64_t overlap_ms;      /* asked again behind the cursor */
	int64_t start_ms;         /* where the first round begins, wall */
	const char *workspace_id; /* of Log Analytics; NULL: not said */
	bool never_asks;          /* its records come from a file */
};

/*
 * Values in, values out: no loop, no socket, no clock.  A round is
 * begin, then ask / head / record... / tail for each answer, until ask says
 * there is nothing more, then end.
 */
struct source_ops {
	const char *name;       /* the type, "graph-alerts" */
	const char *api;        /* sources of one tenant and api share a
					   limiter: "graph-security" */
	unsigned rank;          /* among these: lower ones ask first; at most
				   RATELIMIT_RANKS - 1 */
	const char *service;    /* whose address and token: "graph" */
	const char *permission; /* what the operator must grant */
	const struct opt *opts; /* of its conf, beside the common ones */
	size_t conf_bytes;
	const struct source_limits *limits;

	/* api, permission and limits of one with this conf, where the type
	 * does not say it; NULL: it does. */
	struct source_api (*api_of)(const void *conf);

	/* -1, ERR_CONF: this conf has no use in that cloud ("gcc-high").
	 * NULL: the service's being there is enough. */
	int (*check)(const void *conf, const char *cloud, struct err *err);

	struct source *(*open)(const void *conf,
	    const struct source_common *common, struct err *err);
	void (*close)(struct source **sp);

	/* Begin a round at `from` (empty: the first one ever). */
	int (*begin)(struct source *s, const struct cursor *from,
	    uint64_t wall_ms, struct err *err);

	/*
	 * 1: send *req_r (initialised by the caller); 0: nothing to ask now.
	 * NULL: nothing is ever asked, since flow/follower reads a file; of
	 * the others, `begin`, `record` and `unread` are called then.
	 */
	int (*ask)(struct source *s, struct httpreq *req_r);

	/*
	 * An answer begins.  Success: say where its records stand
	 * ("value[*]").  Otherwise -1; the body is gathered and given to
	 * `fail`.
	 */
	int (*head)(struct source *s, const struct httpresp *resp,
	    const char **records_r);

	/*
	 * What stands before the answer's first record, closed behind the
	 * list of records: for answers that name the columns of a table
	 * first.  -1: the answer cannot be used.  NULL: nobody wants it.
	 */
	int (*preface)(struct source *s, unsigned tag,
	    const struct json_doc *doc, struct err *err);

	/*
	 * One record.  Return 0 and fill *rec_r, or -1 with ERR_DATA when it
	 * lacks what a record must have; or 1 when it is none, but an entry
	 * of a list that the source has taken for itself.  Called in the
	 * answer's order.
	 */
	int (*record)(struct source *s, unsigned tag,
	    const struct json_doc *doc, struct record *rec_r, struct err *err);

	/*
	 * In the place of `record`, for one that was set aside unread: too
	 * large, or no JSON.  NULL: the source does not count its records.
	 */
	void (*unread)(struct source *s, unsigned tag);

	/*
	 * The answer is complete; envelope is what stood around the records,
	 * or null where the status says that there is none (204).
	 * Return -1 with what is to be told; asking goes on where the source
	 * says, but after ERR_BUG there is no use in this round.
	 */
	int (*tail)(struct source *s, const struct httpresp *resp,
	    const struct json_doc *envelope, struct err *err);

	/*
	 * The answer was an error with this body (its first 64 KiB), or broke
	 * off (resp->status 0 and err filled by the network).  Fill err: its
	 * kind says what to do.  What was asked will be asked again by `ask`;
	 * on ERR_DEGRADE the source has already chosen to ask for less.  Three
	 * kinds let the round go on at once, and the source does not ask for
	 * the same again in it: ERR_PART is told, ERR_LOST is also set aside
	 * and counted, ERR_NONE was no failure after all.  `tail` may return
	 * the first two as well.
	 */
	void (*fail)(struct source *s, const struct httpresp *resp,
	    struct str body, uint64_t wall_ms, struct err *err);

	/* After ask gave 0 and no answer is out: true and the next cursor if
	 * the round is complete; false if something is still missing. */
	bool (*end)(struct source *s, struct cursor *to_r);

	/*
	 * True when the round ended so that what is read becomes durable, and
	 * the next should begin without a rest.  NULL: never.
	 */
	bool (*is_behind)(const struct source *s);

	/* When it is behind, but what it waits for takes time: how long that
	 * rest is, whatever the interval says.  NULL: none. */
	uint64_t (*pause_ms)(const struct source *s);
};

/* Of a source of that type and conf. */
struct source_api source_api(const struct source_ops *ops, const void *conf);

/* All types, ended by NULL; and the one of that name. */
extern const struct source_ops *const source_table[];
const struct source_ops *source_find(const char *name);

#endif
