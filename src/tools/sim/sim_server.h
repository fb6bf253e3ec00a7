/* tools/sim/sim_server.h -- listens, finds the route, sends the answer. */
/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_SIM_SIM_SERVER_H
#define TOOLS_SIM_SIM_SERVER_H

#include <stdint.h>

struct buf;
struct err;
struct sim;
struct sim_server;

/* Listen as sim->conf says.  NULL, with err filled, if that cannot be. */
struct sim_server *sim_server_new(struct sim *sim, struct err *err);
void sim_server_free(struct sim_server **sp);

/* "http://127.0.0.1:8080" */
const char *sim_server_url(const struct sim_server *s);

/* Append what was asked and answered, as JSON; and forget it. */
void sim_server_put_stats(const struct sim_server *s, struct buf *out);
void sim_server_reset(struct sim_server *s);

/* A number that no call had before. */
uint64_t sim_server_serial(struct sim_server *s);

#endif
