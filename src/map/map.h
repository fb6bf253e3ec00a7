/* map/map.h -- a record becomes an event, by rules that are data. */
/* SPDX-License-Identifier: ISC */
#ifndef MAP_MAP_H
#define MAP_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct err;
struct map;
struct record;

enum map_profile {
	MAP_MCAS,  /* as the retired agent, where the record is of its kind */
	MAP_NATIVE /* standard keys, no empty fields, full evidence */
};

/*
 * Read and compile FILE; every error is ERR_CONF with "FILE:LINE: ".  The
 * language is described in cloudcefd.map(5).
 */
struct map *map_load(const char *path, struct err *err);
void map_free(struct map **mp);

/* What one record becomes, before it takes a form. */
struct map_conf {
	enum map_profile profile;
	size_t max_bytes; /* of the event; 0: no limit */
};

/*
 * Append rec as one CEF event to out: exactly one well-formed line, without
 * its newline, not longer than max_bytes.  -1 with ERR_DATA if the map
 * cannot make one; out is then as before.  Not reentrant for one map.
 */
int map_cef(struct map *m, const struct map_conf *conf,
    const struct record *rec, struct buf *out, struct err *err);

#endif
