/*
 * tools/sim/sim_store.c -- which records exist, and since when they show.
 *
 * Two things happen: births, whose times follow one another, and updates,
 * which wait in a heap.  Both append a version, so that versions come nearly
 * in the order of their times; the few places between are found by moving a
 * newcomer forward, since times are cut to few digits of fraction.
 */
/* SPDX-License-Identifier: ISC */
#include "tools/sim/sim_store.h"

#include "base/xalloc.h"
#include "tools/sim/sim_rng.h"

enum {
	SALT_BIRTH = 1,
	SALT_PACE,
	SALT_TIE,
	SALT_DIGITS,
	SALT_AGE,
	SALT_UPDATE,
	SALT_DELAY,
	SALT_LATE,
	SALT_LATENESS,
	SALT_TWICE
};

struct change {
	int64_t time;
	uint32_t record;
};

struct sim_store {
	struct sim_store_conf conf;
	struct sim_record *record;
	size_t n_records, record_size;
	struct sim_version *version;
	uint32_t *order;
	size_t n_versions, version_size;
	struct change *heap;
	size_t n_heap, heap_size;
	int64_t next_birth;
	int64_t last_birth; /* time as written, for ties */
};

static void *
grow(void *p, size_t n, size_t *size, size_t item)
{
	if (n < *size)
		return p;
	*size = *size == 0 ? 1024 : *size * 2;
	return xreallocarray(p, *size, item);
}

/* --- what is to come ------------------------------------------------------*/

static void
heap_push(struct sim_store *s, int64_t time, uint32_t record)
{
	size_t at = s->n_heap++;

	s->heap = grow(s->heap, at, &s->heap_size, sizeof(*s->heap));
	while (at > 0 && s->heap[(at - 1) / 2].time > time) {
		s->heap[at] = s->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	s->heap[at] = (struct change){ time, record };
}

static struct change
heap_pop(struct sim_store *s)
{
	struct change top = s->heap[0], last = s->heap[--s->n_heap];
	size_t at = 0;

	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= s->n_heap)
			break;
		if (child + 1 < s->n_heap &&
		    s->heap[child + 1].time < s->heap[child].time)
			child++;
		if (s->heap[child].time >= last.time)
			break;
		s->heap[at] = s->heap[child];
		at = child;
	}
	s->heap[at] = last;
	return top;
}

static void
plan_update(struct sim_store *s, uint32_t number, int64_t now)
{
	const struct sim_version *v = &s->version[number];
	uint64_t seed = sim_hash(s->record[v->record].seed, v->number);
	uint64_t span = (uint64_t)s->conf.update_after * 2;

	if (v->number >= 5 ||
	    !sim_chance(sim_hash(seed, SALT_UPDATE), s->conf.updates))
		return;
	heap_push(s,
	    now + 1 + (int64_t)(sim_hash(seed, SALT_DELAY) % (span + 1)),
	    v->record);
}

/* --- versions -------------------------------------------------------------*/

/* Cut a time to 0 to 7 digits of fraction, as the services do. */
static int64_t
cut_time(int64_t time, uint64_t hash)
{
	static const int64_t unit[] = { 10000000, 1000000, 100000, 10000, 10000,
		10, 1, 1 };

	return time - time % unit[hash & 7];
}

static void
append_version(struct sim_store *s, const struct sim_version *v)
{
	size_t size = s->version_size;
	size_t at = s->n_versions++;
	uint32_t number = (uint32_t)at;

	s->version = grow(s->version, at, &size, sizeof(*s->version));
	s->order = grow(s->order, at, &s->version_size, sizeof(*s->order));
	s->version[at] = *v;
	while (at > 0 && s->version[s->order[at - 1]].time > v->time) {
		s->order[at] = s->order[at - 1];
		at--;
	}
	s->order[at] = number;
}

/* The record's youngest version, and its duplicate, end when this shows. */
static void
end_version(struct sim_store *s, const struct sim_record *rec, int64_t when)
{
	for (size_t i = rec->last; i < s->n_versions; i++) {
		struct sim_version *v = &s->version[i];

		if (i > rec->last && !v->duplicate)
			break;
		v->gone = when;
	}
}

static void
add_version(struct sim_store *s, uint32_t record, uint16_t number, int64_t time,
    int64_t now)
{
	struct sim_record *rec = &s->record[record];
	uint64_t seed = sim_hash(rec->seed, number);
	struct sim_version v = { .time = time,
		.gone = INT64_MAX,
		.record = record,
		.number = number };

	v.visible = time > now ? time : now;
	if (sim_chance(sim_hash(seed, SALT_LATE), s->conf.late))
		v.visible += (int64_t)(sim_hash(seed, SALT_LATENESS) %
		    (uint64_t)(s->conf.late_max + 1));
	if (number > 0) {
		if (v.visible < s->version[rec->last].visible)
			v.visible = s->version[rec->last].visible;
		end_version(s, rec, v.visible);
	}
	rec->last = (uint32_t)s->n_versions;
	append_version(s, &v);
	if (sim_chance(sim_hash(seed, SALT_TWICE), s->conf.duplicates)) {
		v.duplicate = true;
		append_version(s, &v);
	}
	plan_update(s, rec->last, now);
}

static void
bear(struct sim_store *s, int64_t now)
{
	uint32_t number = (uint32_t)s->n_records++;
	uint64_t seed = sim_hash(s->conf.seed, number);
	int64_t time = cut_time(now, sim_hash(seed, SALT_DIGITS));
	uint64_t age = sim_hash(seed, SALT_AGE) % (40 * SIM_TICKS_PER_S);

	if (number > 0 && sim_chance(sim_hash(seed, SALT_TIE), s->conf.ties))
		time = s->last_birth;
	s->last_birth = time;
	s->record =
	    grow(s->record, number, &s->record_size, sizeof(*s->record));
	s->record[number] = (struct sim_record){
		.seed = seed,
		.created = cut_time(time - (int64_t)age, seed),
	};
	add_version(s, number, 0, time, now);
}

static void
change(struct sim_store *s, uint32_t record, int64_t now)
{
	const struct sim_record *rec = &s->record[record];
	const struct sim_version *last = &s->version[rec->last];
	uint16_t number = (uint16_t)(last->number + 1);
	int64_t time = cut_time(now, sim_hash(rec->seed, number));

	/* A version is always younger than the one before it. */
	if (time <= last->time)
		time = now > last->time ? now : last->time + SIM_TICKS_PER_S;
	add_version(s, record, number, time, now);
}

/* --- time -----------------------------------------------------------------*/

static void
plan_birth(struct sim_store *s)
{
	uint64_t n = s->n_records;
	uint64_t h = sim_hash(s->conf.seed ^ SALT_BIRTH, n) >> 32;
	double part = (double)h / 4294967296.0;

	if (n < s->conf.count) {
		double span = (double)(s->conf.end - s->conf.start);

		s->next_birth = s->conf.start +
		    (int64_t)(((double)n + part) * span /
			(double)s->conf.count);
	} else if (s->conf.rate > 0) {
		double step = (double)SIM_TICKS_PER_S / s->conf.rate;
		int64_t from =
		    s->next_birth > s->conf.end ? s->next_birth : s->conf.end;

		s->next_birth = from + 1 + (int64_t)(step * (0.5 + part));
	} else {
		s->next_birth = INT64_MAX;
	}
}

struct sim_store *
sim_store_new(const struct sim_store_conf *conf)
{
	struct sim_store *s = xcalloc(1, sizeof(*s));

	s->conf = *conf;
	plan_birth(s);
	return s;
}

void
sim_store_free(struct sim_store **sp)
{
	struct sim_store *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	xfree(s->record);
	xfree(s->version);
	xfree(s->order);
	xfree(s->heap);
	xfree(s);
}

void
sim_store_advance(struct sim_store *s, int64_t now)
{
	for (;;) {
		int64_t change_at = s->n_heap > 0 ? s->heap[0].time : INT64_MAX;

		if (s->next_birth <= now && s->next_birth <= change_at) {
			bear(s, s->next_birth);
			plan_birth(s);
		} else if (change_at <= now) {
			struct change c = heap_pop(s);

			change(s, c.record, c.time);
		} else {
			return;
		}
	}
}

void
sim_store_add(struct sim_store *s, uint64_t n, int64_t now)
{
	while (n-- > 0)
		bear(s, now);
}

void
sim_store_update(struct sim_store *s, uint64_t n, int64_t now)
{
	uint32_t at = (uint32_t)s->n_records;

	while (n-- > 0 && at > 0)
		change(s, --at, now);
}

/* --- looking --------------------------------------------------------------*/

size_t
sim_store_records(const struct sim_store *s)
{
	return s->n_records;
}

size_t
sim_store_versions(const struct sim_store *s)
{
	return s->n_versions;
}

const struct sim_record *
sim_store_record(const struct sim_store *s, uint32_t number)
{
	return &s->record[number];
}

uint32_t
sim_store_at(const struct sim_store *s, size_t place)
{
	return s->order[place];
}

const struct sim_version *
sim_store_version(const struct sim_store *s, uint32_t number)
{
	return &s->version[number];
}

size_t
sim_store_place(const struct sim_store *s, int64_t time, uint32_t number)
{
	size_t low = 0, high = s->n_versions;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct sim_version *v = &s->version[s->order[mid]];

		if (v->time < time ||
		    (v->time == time && s->order[mid] < number))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}
