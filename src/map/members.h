/* map/members.h -- members of objects by name, remembered for a record. */
/* SPDX-License-Identifier: ISC */
#ifndef MAP_MEMBERS_H
#define MAP_MEMBERS_H

#include <stdint.h>

#include "base/str.h"

struct json_doc;
struct members;

/* A name with what the JSON reader hashes it to; text is borrowed. */
struct member_name {
	struct str text;
	uint16_t hash;
};

struct member_name member_name(struct str text);

struct members *members_new(void);
void members_free(struct members **mp);

/* Forget all objects: a document that was asked about is read anew. */
void members_reset(struct members *m);

/*
 * The value of the member of that name, the last one if there are several;
 * JSON_NONE if there is none, or if node is no object.
 */
uint32_t members_find(struct members *m, const struct json_doc *doc,
    uint32_t node, const struct member_name *name);

#endif
