/* record/record.h -- one thing as the API gave it: the value that travels. */
/* SPDX-License-Identifier: ISC */
#ifndef RECORD_RECORD_H
#define RECORD_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct json_doc;

#define RECORD_ID_MAX 512
#define RECORD_VERSION_MAX 64

/* Everything is borrowed from the document or the source until it returns. */
struct record {
	const struct json_doc *doc; /* parsed, whole */
	struct str type;    /* source type whose map applies: "graph-alerts" */
	struct str id;      /* the origin's own; never empty */
	struct str version; /* changes when the record does; may be empty */
	struct str portal;  /* where people look such things up, "https://x",
			       for maps that make links; may be empty */
	uint64_t time_ms;   /* the record's own time, since 1970 */
	uint64_t born_ms;   /* the same in all its versions; 0: not known */
	bool is_update;     /* an older version was seen */
	bool is_standing;   /* if known, it shall stay so as if seen now */
};

/* What makes a record known: id and version, hashed once. */
struct record_key {
	uint64_t hi, lo;
};

/* The key of a record of that source (its configured name). */
struct record_key record_key(struct str source, const struct record *rec);

/* The key of its id alone, to tell an update from a first sight. */
struct record_key record_id_key(struct str source, const struct record *rec);

#endif
