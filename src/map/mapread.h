/* map/mapread.h -- what is known while a map file is read. */
/* SPDX-License-Identifier: ISC */
#ifndef MAP_MAPREAD_H
#define MAP_MAPREAD_H

#include "map/mapline.h"
#include "map/rules.h"

/* Things that lines have named, in the order in which they stand. */
struct named {
	struct named *next;
	struct str name;
	struct str text;     /* of a path */
	struct words *table; /* of a table */
	struct map_form *form;
	struct cef_key key; /* one of the map's own */
};

struct mapread {
	struct mapline l;
	struct map_rules *rules;
	struct pool *pool;
	struct named *paths, *tables, *forms, *keys;

	/* Where values are read now. */
	struct pathset *set; /* takes their paths */
	bool in_form;
	unsigned depth;                /* of the forms that they use */
	const struct map_field *field; /* fields of the event so far */
	unsigned fields;
};

struct named *named_find(struct named *list, struct str name);

/* Letters, digits, '-' and '_'. */
bool mapread_is_name(struct str s);

/* What the map's pool owns. */
struct pathset *mapread_set(struct mapread *r);
struct words *mapread_words(struct mapread *r);

/* The words that begin a section; in an event "version" is its own. */
#define SECTIONS_IN_EVENT 5
#define SECTIONS 7
bool mapread_is_section(const struct mapread *r, int n);

/* Go to the next statement: 1 if it belongs to the section, else 0. */
int mapread_row(struct mapread *r, int n_sections);

/* 0 if the statement is at its end, else -1. */
int mapread_end(struct mapread *r);

/*
 * Read a value, from the current word on, up to the end of the statement or
 * to the word "keep".  The value is of that type; CEF_STRING takes all.
 */
int mapvalue_read(struct mapread *r, enum cef_value type, const char *key,
    struct map_value *value_r);

/* The current word as a path, with its first name written out. */
int mapvalue_path(struct mapread *r, struct str *path_r);

/* event NAME, then profile, when, the header, keys, shorten. */
int mapevent_read(struct mapread *r, struct map_event *event_r);

#endif
