/* tools/sim/sim_pages.h -- zipped bodies, and pages zipped before. */
/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_SIM_SIM_PAGES_H
#define TOOLS_SIM_SIM_PAGES_H

#include <stdint.h>

#include "base/str.h"

struct buf;
struct sim_page;
struct sim_pages;

/* Keep at most so many bytes of zipped pages, the latest ones. */
struct sim_pages *sim_pages_new(size_t most_bytes);
void sim_pages_free(struct sim_pages **pp);

/* The page of that key, borrowed until the next sim_pages_add, or NULL. */
const struct sim_page *sim_pages_find(const struct sim_pages *p, uint64_t key);

/* Zip a page and keep it; borrowed likewise.  Key 0 is never found again. */
const struct sim_page *
sim_pages_add(struct sim_pages *p, uint64_t key, struct str text);

/* Append one gzip stream: head, zipped now, and the page. */
void
sim_pages_put(const struct sim_page *page, struct str head, struct buf *out);

#endif
