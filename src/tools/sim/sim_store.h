/* tools/sim/sim_store.h -- which records exist, and since when they show. */
/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_SIM_SIM_STORE_H
#define TOOLS_SIM_SIM_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A store knows when its records were born and changed, not what they say:
 * the text follows from a record's seed when it is asked for, so that a
 * million records cost little.  All times are ticks of 100 ns since 1970.
 */
#define SIM_TICKS_PER_S INT64_C(10000000)

struct sim_store_conf {
	uint64_t seed;
	uint64_t count;       /* records of the past */
	int64_t start, end;   /* between which they were born */
	double rate;          /* births a second after that; 0: none */
	uint64_t updates;     /* of 100 versions, how many get a younger one */
	int64_t update_after; /* its mean age then */
	uint64_t late;        /* of 100 versions, how many show up late */
	int64_t late_max;     /* by at most so much */
	uint64_t duplicates;  /* of 100 versions, how many are listed twice */
	uint64_t ties;        /* of 100 births, how many share a time */
};

struct sim_record {
	uint64_t seed;
	int64_t created;
	uint32_t last;     /* its youngest version */
	uint32_t incident; /* that an alert belongs to; 0: by its seed */
};

/* One state of a record.  It shows from `visible` until `gone`. */
struct sim_version {
	int64_t time; /* when it became so, as the record says */
	int64_t visible;
	int64_t gone;
	uint32_t record;
	uint16_t number; /* 0 is the first */
	bool duplicate;  /* the same as the version before it */
};

struct sim_store;

struct sim_store *sim_store_new(const struct sim_store_conf *conf);
void sim_store_free(struct sim_store **sp);

/* Let happen what happens until now. */
void sim_store_advance(struct sim_store *s, int64_t now);

/* Let n records be born now, or n of the youngest get a new version. */
void sim_store_add(struct sim_store *s, uint64_t n, int64_t now);
void sim_store_update(struct sim_store *s, uint64_t n, int64_t now);

/* Records, and their versions with those listed twice. */
size_t sim_store_records(const struct sim_store *s);
size_t sim_store_versions(const struct sim_store *s);
const struct sim_record *
sim_store_record(const struct sim_store *s, uint32_t number);

/*
 * The versions in the order of their time, by place; versions of the same
 * time follow in the order of their birth, which is their number.
 */
uint32_t sim_store_at(const struct sim_store *s, size_t place);
const struct sim_version *
sim_store_version(const struct sim_store *s, uint32_t number);

/* The first place whose version is not before (time, number). */
size_t
sim_store_place(const struct sim_store *s, int64_t time, uint32_t number);

/* Does a query see it, and did one ever see it? */
static inline bool
sim_version_shows(const struct sim_version *v, int64_t now)
{
	return v->visible <= now && now < v->gone;
}

static inline bool
sim_version_was_shown(const struct sim_version *v, int64_t now)
{
	return v->visible <= now && v->visible < v->gone && !v->duplicate;
}

#endif
