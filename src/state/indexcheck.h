/* state/indexcheck.h -- is an LMDB file whole, before LMDB believes it? */
/* SPDX-License-Identifier: ISC */
#ifndef STATE_INDEXCHECK_H
#define STATE_INDEXCHECK_H

#include <stdbool.h>

#include "base/str.h"

struct err;

/* Is this entry of the main table one that its writer wrote? */
typedef bool indexcheck_entry_fn(struct str key, struct str value);

/*
 * Read every page that is in use, and nothing through a mapping.  0: whole,
 * or of a format that this check does not know.  -1, ERR_DATA: damaged, with
 * the first thing found; ERR_SYS: cannot be read.
 */
int indexcheck(const char *path, indexcheck_entry_fn *entry, struct err *err);

#endif
