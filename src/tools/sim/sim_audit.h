/* tools/sim/sim_audit.h -- Microsoft Graph: searches in the audit log. */
/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_SIM_SIM_AUDIT_H
#define TOOLS_SIM_SIM_AUDIT_H

struct sim;
struct sim_audit;
struct sim_call;

struct sim_audit *sim_audit_new(struct sim *sim);
void sim_audit_free(struct sim_audit **ap);

void sim_audit_create(struct sim *sim, struct sim_call *call);
void sim_audit_status(struct sim *sim, struct sim_call *call);
void sim_audit_records(struct sim *sim, struct sim_call *call);

#endif
