/* tools/sim/sim_fault.h -- a scenario: what goes wrong, and when. */
/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_SIM_SIM_FAULT_H
#define TOOLS_SIM_SIM_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/opt.h"

struct err;
struct sim_faults;
struct sim_knobs;

enum sim_body {
	SIM_BODY_JSON,
	SIM_BODY_HTML,
	SIM_BODY_EMPTY,
	SIM_BODY_NOT_PROVISIONED
};

#define SIM_NEVER UINT64_MAX

/* What one request suffers.  All nought but cut and stall: nothing. */
struct sim_fault {
	uint64_t status; /* answered instead */
	int body;        /* enum sim_body, of that status */
	char *retry_after;
	uint64_t delay;  /* ms */
	uint64_t cut;    /* close after so many bytes of the body */
	uint64_t stall;  /* send no more after so many */
	bool reset;      /* reset the connection instead of answering */
	bool revoke;     /* first, all tokens end */
	uint64_t aadsts; /* the token endpoint's error */
	char *link;      /* host that the next link points to */
	bool partial;    /* half of the rows, and an error beside them */
	bool no_link, empty_page, null_value, broken_json, bad_utf8;
	uint64_t deep, oversized; /* in the first record; levels, bytes */
};

/*
 * Read a scenario, line by line; "set" lines go to the knobs.  NULL and
 * ERR_CONF with the line's number when one is wrong; the knobs may have
 * changed then.
 */
struct sim_faults *sim_faults_new(
    const char *text, uint64_t seed, struct sim_knobs *knobs, struct err *err);
void sim_faults_free(struct sim_faults **fp);

/*
 * Count one request for the route and say what it suffers: NULL for
 * nothing, else borrowed until the scenario is freed.
 */
const struct sim_fault *
sim_faults_take(struct sim_faults *f, const char *route);

/* The options that are knobs; also for the command line. */
extern const struct opt sim_knob_opts[];

#endif
