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
 * The file of the map for a source type, to be freed: TYPE.map in dir; with
 * dir NULL the operator's in SYSCONFDIR/cloudcefd/maps, else the one that was
 * installed.  A type that has no map of its own gets fallback.map.  NULL and
 * ERR_CONF if there is none.
 */
char *map_find(const char *dir, const char *type, struct err *err);

/*
 * Read and compile FILE; every error is ERR_CONF with "FILE:LINE: ".  The
 * language is described in cloudcefd.map(5).
 */
struct map *map_load(const char *path, struct err *err);
void map_free(struct map **mp);

/* The same from a text; name stands for the file in messages. */
struct map *map_read(const char *name, struct str text, struct err *err);

/* Where an answer holds the records, as codec/jsonsplit wants it. */
const char *map_records(const struct map *m);

/* What one record becomes, before it takes a form. */
struct map_conf {
	enum map_profile profile;
	size_t max_bytes; /* of the event; 0: no limit */
};

/*
 * Append rec as one CEF event to out: exactly one well-formed line, without
 * its newline, not longer than max_bytes.  The record's id, type and time may
 * be empty.  -1 if the map cannot make one, ERR_DATA (it does not fit in
 * max_bytes) or ERR_FULL (nor in out); out is then as before.  Not reentrant
 * for one map.
 */
int map_cef(struct map *m, const struct map_conf *conf,
    const struct record *rec, struct buf *out, struct err *err);

#endif
