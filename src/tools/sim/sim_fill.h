/* tools/sim/sim_fill.h -- record texts with blanks, and what fills them. */
/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_SIM_SIM_FILL_H
#define TOOLS_SIM_SIM_FILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct sim_template;

/* The record whose text is being composed. */
struct sim_fill {
	uint64_t seed;    /* of the record: everything follows from it */
	uint64_t round;   /* counts repeated parts, so that they differ */
	int64_t created;  /* ticks since 1970 */
	int64_t updated;  /* ticks; the version's own time */
	unsigned version; /* 0 is the first */
	bool newer_enums; /* the client understands newer members */
	const void *kind; /* whatever the record's own slots need */
};

/* What stands behind the colon: the text, and the numbers in it. */
struct sim_arg {
	const char *text; /* owned by the template; "" without a colon */
	size_t len;
	uint64_t a, b; /* of "A", "A-B" or "A.B" */
	uint64_t salt; /* differs for each name and text */
};

struct sim_slot {
	const char *name;
	void (*put)(struct buf *out, const struct sim_fill *fill,
	    const struct sim_arg *arg);
};

/*
 * Read a template.  In it a single quote stands for JSON's double quote (a
 * grave accent for the apostrophe), so that it can be read as C; JSON's own
 * backslashes are written as they are.  "${name:argument}" is a blank, looked
 * up in own (which may be NULL) and then among the common ones.  A template
 * with an unknown name is a mistake of ours and ends the program.
 */
struct sim_template *
sim_template_new(const char *text, const struct sim_slot *own);
void sim_template_free(struct sim_template **tp);

/* Append the text for one record. */
void sim_template_put(
    const struct sim_template *t, const struct sim_fill *fill, struct buf *out);

/*
 * The same for a template that is one JSON object, with its members begun at
 * number `first`, round the end to the one before it.
 */
void sim_template_put_rotated(const struct sim_template *t,
    const struct sim_fill *fill, size_t first, struct buf *out);
size_t sim_template_members(const struct sim_template *t);

/* A number for this record and round, by salt. */
uint64_t sim_fill_hash(const struct sim_fill *fill, uint64_t salt);

/* "0a1b...": a GUID's 36 characters; and n hexadecimal digits. */
void sim_put_guid(struct buf *out, uint64_t hash);
void sim_put_hex(struct buf *out, uint64_t hash, size_t n);

/* A date with as many digits of fraction as it happens to have. */
void sim_put_time(struct buf *out, int64_t ticks);

#endif
