/* map/rules.h -- what a map file says, compiled: shared inside the room. */
/* SPDX-License-Identifier: ISC */
#ifndef MAP_RULES_H
#define MAP_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "codec/cef.h"
#include "map/words.h"

struct jsonpath;
struct map_event;
struct map_form;
struct map_value;
struct pathset;

#define MAP_FORM_DEPTH 8   /* forms within forms */
#define MAP_FIELDS_MAX 200 /* of one event */
#define MAP_JOIN_MAX 1000  /* members of a joined list */
#define MAP_WORDS_MAX 64   /* that one transform takes */
#define MAP_NO_PATH UINT16_MAX

/* What a value is transformed by.  Up to STEP_AS they work on nodes. */
enum map_step_op {
	STEP_JSON,    /* text holds JSON: go on with what a path selects */
	STEP_SORT,    /* best first, by the number that a form gives */
	STEP_ONE,     /* the first node only */
	STEP_STRINGS, /* an object: its first n members that are texts */
	STEP_AS,      /* write the node by a form */
	STEP_TABLE,
	STEP_TYPE, /* must be as the key's type wants it */
	STEP_HTML,
	STEP_PLAIN,
	STEP_LOWER,
	STEP_UPPER,
	STEP_AFTER,
	STEP_BEFORE,
	STEP_STRIP,
	STEP_CHOP,
	STEP_BEGINS,
	STEP_ONLY,
	STEP_DROP,
	STEP_GIVES,
	STEP_DEFAULT, /* a text for nothing */
	STEP_PREFIX,
	STEP_SUFFIX,
	STEP_CUT,
	STEP_SWAP,
	STEP_UNLIKE, /* not what another key of the event holds */
	STEP_OPS
};

struct map_step {
	enum map_step_op op;
	enum cef_value type; /* STEP_TYPE */
	struct str a, b;     /* texts */
	union {
		const struct words *table;
		struct map_form *form;
		struct pathset *inner; /* STEP_JSON: its path, alone */
		const uint16_t *field; /* STEP_UNLIKE: numbers of fields */
	} by;
	const struct str *word; /* texts, many */
	uint32_t words;
	uint32_t n; /* STEP_STRINGS, STEP_CUT */
};

/* How several values become one. */
enum map_gather {
	GATHER_FIRST, /* that is not empty */
	GATHER_LAST,
	GATHER_JOIN,    /* those that are not empty */
	GATHER_JOINALL, /* empty ones as well */
	GATHER_COUNT,
	GATHER_PREFER,  /* the first of the words that occurs */
	GATHER_HIGHEST, /* number */
	GATHER_LOWEST,
	GATHER_SUM, /* of numbers */
	GATHER_SOLE /* the one there is; nothing if they differ */
};

enum map_source {
	FROM_TEXT,  /* a constant */
	FROM_PATHS, /* nodes */
	FROM_ID,    /* of the record: its id, time, ... */
	FROM_TIME,
	FROM_TYPE,
	FROM_UPDATE,
	FROM_PORTAL,
	FROM_RAW
};

/* One source with its transforms.  What every term needs stands first. */
struct map_term {
	uint8_t from;   /* enum map_source */
	uint8_t gather; /* enum map_gather */
	bool single;    /* one node at most, and transforms of its text */
	bool must;      /* without it the whole alternative is empty */
	bool distinct;
	bool has_json, has_sort;
	uint16_t paths, steps, afters;
	const uint16_t *path;   /* numbers in the pathset around */
	struct map_step *step;  /* on nodes, then on each value */
	struct map_step *after; /* on the one value */
	struct str text;        /* FROM_TEXT */

	struct str sep;
	uint32_t max; /* members joined */
	uint32_t words;
	const struct str *word;    /* GATHER_PREFER */
	const struct words *ranks; /* their numbers in it are the same */
};

/* Terms written one behind the other. */
struct map_alt {
	const struct map_term *term;
	uint16_t terms;
	bool constant; /* of constants only */
};

/* The first alternative that is not empty. */
struct map_value {
	const struct map_alt *alt;
	/* For each: the path without which it is nothing, or MAP_NO_PATH. */
	const uint16_t *needs;
	uint16_t alts;
};

/* How a node is written. */
struct map_form {
	struct str name;
	const struct map_value *by; /* NULL: there is one case only */
	struct pathset *by_paths;
	struct words *names; /* of cases; row text is unused */
	struct map_case {
		struct map_value value;
		struct pathset *paths;
	} * cases; /* by number of the name; then the one for all others */
	uint16_t n;
	struct str swap_from, swap_to; /* in texts of the record */
	uint32_t limit;                /* characters, 0: none */
	unsigned depth;                /* 1 plus that of forms used */
};

struct map_field {
	struct str begin; /* blank, label and its value, key and "=" */
	struct map_value value;
	uint32_t max_chars; /* 0: no limit */
	bool keep;          /* written when empty */
	bool remembered;    /* an "unlike" asks for it */
	bool essential;     /* never shortened to save room */
	enum cef_value type;
	struct str key;
	struct str label_key, label; /* empty: none */
	unsigned line;
};

/* A condition: the path selects something, or one of the words. */
struct map_when {
	uint16_t path; /* in the map's `whens` */
	const struct str *word;
	uint32_t words;
};

enum map_head {
	HEAD_VENDOR,
	HEAD_PRODUCT,
	HEAD_VERSION,
	HEAD_SIGNATURE,
	HEAD_NAME,
	HEAD_SEVERITY,
	HEADS
};

struct map_event {
	struct str name;
	int profile; /* enum map_profile, or -1 for all */
	const struct map_when *when;
	uint16_t whens;
	struct map_value head[HEADS];
	const struct map_field *field;
	uint16_t fields;
	struct pathset *paths;
	const uint16_t *shorten; /* fields, least valuable first */
	uint16_t shortens;
};

struct map_rules {
	struct str file;
	struct str version;
	struct str records;
	struct pathset *whens;
	const struct map_event *event;
	uint16_t events;
	unsigned depth;    /* of forms within forms */
	struct pool *pool; /* owns all of it */
};

/* mapfile.c makes it, mapper.c uses it. */
struct map_rules *
map_rules_read(const char *name, struct str text, struct err *err);
void map_rules_free(struct map_rules **rp);

#endif
