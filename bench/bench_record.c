/* bench/bench_record.c -- what it costs to make an event of a record. */
/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/tree.h"

#include "base/buf.h"
#include "base/err.h"
#include "codec/json.h"
#include "map/map.h"
#include "record/record.h"

#define FILE_MAX_BYTES (256 * 1024 * 1024)
#define MEASURE_NS 1000000000ULL /* CPU time spent on each kind of work */

struct work {
	struct str *records; /* owned; they point into text */
	size_t n;
	size_t bytes;
	struct buf text;
	struct json_doc doc;
	struct map *map;
	struct buf event;
};

static uint64_t
cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "bench_record: %s: %s\n", what, why);
	exit(1);
}

static void
read_records(struct work *w, const char *path)
{
	char chunk[65536];
	struct str rest;
	size_t got;
	FILE *f = fopen(path, "re");

	if (f == NULL)
		die(path, strerror(errno));
	buf_init(&w->text, FILE_MAX_BYTES);
	while ((got = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_add(&w->text, chunk, got);
	fclose(f);
	if (w->text.failed)
		die(path, "more than 256 MiB");
	rest = buf_str(&w->text);
	while (rest.p != NULL) {
		struct str line = str_cut(&rest, '\n');

		if (line.len == 0)
			continue;
		w->records =
		    realloc(w->records, (w->n + 1) * sizeof(*w->records));
		if (w->records == NULL)
			die(path, "no memory");
		w->records[w->n++] = line;
		w->bytes += line.len;
	}
	if (w->n == 0)
		die(path, "no records");
}

static void
do_json_c(struct work *w, struct str record)
{
	(void)w;
	if (!tree_parse(record.p, record.len))
		die("json-c", "refuses a record");
}

static void
do_parse(struct work *w, struct str record)
{
	struct err err;

	if (json_parse(&w->doc, record, &err) < 0)
		die("parse", err.text);
}

static void
do_event(struct work *w, struct str record)
{
	struct map_conf conf = { .profile = MAP_NATIVE, .max_bytes = 8192 };
	struct record rec = { .doc = &w->doc };
	struct err err;

	do_parse(w, record);
	buf_reset(&w->event);
	if (map_cef(w->map, &conf, &rec, &w->event, &err) < 0)
		die("map", err.text);
}

/* CPU nanoseconds for a record, over as many rounds as a second takes. */
static double
measure(struct work *w, void (*deed)(struct work *w, struct str record))
{
	uint64_t begin = cpu_ns(), spent;
	uint64_t done = 0;

	do {
		for (size_t i = 0; i < w->n; i++)
			deed(w, w->records[i]);
		done += w->n;
		spent = cpu_ns() - begin;
	} while (spent < MEASURE_NS);
	return (double)spent / (double)done;
}

int
main(int argc, char **argv)
{
	struct work w = { 0 };
	double tree, parse, event;
	struct err err;

	if (argc != 3) {
		fprintf(stderr, "usage: bench_record MAPFILE RECORDS\n");
		return 2;
	}
	w.map = map_load(argv[1], &err);
	if (w.map == NULL)
		die("map", err.text);
	read_records(&w, argv[2]);
	json_init(&w.doc, 0, 1024);
	buf_init(&w.event, 1024 * 1024);
	tree = measure(&w, do_json_c);
	parse = measure(&w, do_parse);
	event = measure(&w, do_event);
	printf("%zu records, %zu bytes each\n", w.n, w.bytes / w.n);
	printf("json-c's tree alone      %8.2f us a record\n", tree / 1000);
	printf("our reading              %8.2f us, %5.1f times faster\n",
	    parse / 1000, tree / parse);
	printf("our reading and mapping  %8.2f us, %5.1f times faster,"
	       " %.0f records a second\n",
	    event / 1000, tree / event, 1e9 / event);
	map_free(&w.map);
	json_clear(&w.doc);
	buf_clear(&w.event);
	buf_clear(&w.text);
	free(w.records);
	return 0;
}
