/* tools/sim/sim_o365_records.h -- what a Microsoft 365 audit record says. */
/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_SIM_SIM_O365_RECORDS_H
#define TOOLS_SIM_SIM_O365_RECORDS_H

#include <stdbool.h>

struct buf;
struct sim_o365_records;
struct sim_record;

/* The content types, in this order; NULL ends the list. */
#define SIM_O365_FEEDS 5
extern const char *const sim_o365_feeds[];

struct sim_o365_records *sim_o365_records_new(void);
void sim_o365_records_free(struct sim_o365_records **rp);

/*
 * Append the record as one JSON object; where a DLP rule's match was undone,
 * as two with the same Id.  A duplicate has its members in another order.
 */
void sim_o365_records_put(const struct sim_o365_records *r, unsigned feed,
    const struct sim_record *rec, bool is_duplicate, struct buf *out);

void sim_o365_records_put_id(const struct sim_record *rec, struct buf *out);

#endif
