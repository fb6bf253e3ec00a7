/* tools/sim/sim_alerts.h -- what a security alert says. */
/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_SIM_SIM_ALERTS_H
#define TOOLS_SIM_SIM_ALERTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct sim_alerts;
struct sim_record;
struct sim_version;

/* Make the templates; the texts are about so long on average. */
struct sim_alerts *sim_alerts_new(size_t mean_bytes);
void sim_alerts_free(struct sim_alerts **ap);

/*
 * Append the alert as one JSON object.  A duplicate has its members in
 * another order.  Without newer_enums, newer members are hidden as the
 * service hides them.
 */
void sim_alerts_put(const struct sim_alerts *a, const struct sim_record *rec,
    const struct sim_version *v, bool newer_enums, struct buf *out);

/* Append its id; and its time as the alert writes it. */
void sim_alerts_put_id(
    const struct sim_alerts *a, const struct sim_record *rec, struct buf *out);
void sim_alerts_put_time(const struct sim_version *v, struct buf *out);

/* The values that a filter compares. */
const char *
sim_alerts_service(const struct sim_alerts *a, const struct sim_record *rec);
const char *
sim_alerts_severity(const struct sim_alerts *a, const struct sim_record *rec);
const char *sim_alerts_status(const struct sim_version *v);

/* Members of the enumerations; NULL ends the list. */
extern const char *const sim_alert_services[];
extern const char *const sim_alert_severities[];
extern const char *const sim_alert_statuses[];

#endif
