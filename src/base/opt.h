/* base/opt.h -- a room's settings as a table: name, type, default, help. */
/* SPDX-License-Identifier: ISC */
#ifndef BASE_OPT_H
#define BASE_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/* The type says how the text is written and what the field of the conf is. */
enum opt_type {
	OPT_TEXT,   /* char *          any text */
	OPT_PATH,   /* char *          a file; relative to the file naming it */
	OPT_WORD,   /* int             one of `words`, as its number */
	OPT_BOOL,   /* bool            true, false */
	OPT_NUMBER, /* uint64_t        decimal */
	OPT_TIME,   /* uint64_t, ms    "500ms" "30s" "5m" "2h" "7d" */
	OPT_BYTES,  /* uint64_t        "8KiB" "16MiB" "2GiB" "512" */
	OPT_LIST    /* struct opt_list texts in braces */
};

struct opt_list {
	char **v; /* owned, as are the texts; NULL behind the last, or empty */
	size_t n;
};

struct opt {
	const char *name; /* as written in the file; NULL ends a table */
	enum opt_type type;
	size_t offset;   /* of the field in the conf */
	const char *def; /* as the operator would write it; NULL: unset */
	const char *const *words; /* for OPT_WORD; NULL ends the list */
	uint64_t min, max; /* for numbers, times, bytes; 0 max: no limit */
	bool required;
	const char *help; /* one line */
};

/* Set every field of conf to its default, freeing nothing. */
void opt_defaults(const struct opt *opts, void *conf);

/* Free what texts and lists own; the fields are unset afterwards. */
void opt_clear(const struct opt *opts, void *conf);

/* The row of that name, or NULL. */
const struct opt *opt_find(const struct opt *opts, const char *name);

/*
 * Read text into the field of conf that opt names; for a list, append it.
 * The error (ERR_CONF) names the option, what was written, and what is
 * wanted.  A path is taken as it stands: whoever knows the file resolves it.
 */
int
opt_set(const struct opt *opt, void *conf, const char *text, struct err *err);

#endif
