/* tools/sim/sim_mdca_records.h -- what Defender for Cloud Apps' records say. */
/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_SIM_SIM_MDCA_RECORDS_H
#define TOOLS_SIM_SIM_MDCA_RECORDS_H

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct sim_mdca_records;
struct sim_record;
struct sim_version;

struct sim_mdca_records *sim_mdca_records_new(void);
void sim_mdca_records_free(struct sim_mdca_records **rp);

/* Append an alert or an activity; the rest of its text begins with portal. */
void sim_mdca_put_alert(const struct sim_mdca_records *r,
    const struct sim_record *rec, const struct sim_version *v,
    const char *portal, struct buf *out);
void sim_mdca_put_activity(const struct sim_mdca_records *r,
    const struct sim_record *rec, const struct sim_version *v, struct buf *out);

void sim_mdca_put_alert_id(const struct sim_record *rec, struct buf *out);
void sim_mdca_put_activity_id(const struct sim_mdca_records *r,
    const struct sim_record *rec, struct buf *out);

/* What filters compare; times in ms since 1970. */
struct sim_mdca_values {
	int64_t date;     /* raised, or happened */
	int64_t created;  /* saved */
	int64_t resolved; /* 0: not yet */
	int64_t severity, service;
};
void sim_mdca_alert_values(const struct sim_mdca_records *r,
    const struct sim_record *rec, const struct sim_version *v,
    struct sim_mdca_values *values_r);
void sim_mdca_activity_values(const struct sim_mdca_records *r,
    const struct sim_record *rec, const struct sim_version *v,
    struct sim_mdca_values *values_r);

#endif
