/* app/daemon.h -- builds the house from its plan, and runs it. */
/* SPDX-License-Identifier: ISC */
#ifndef APP_DAEMON_H
#define APP_DAEMON_H

#include <stdbool.h>

struct config;
struct daemon;
struct err;

/*
 * Check what only the rooms can tell: that maps compile.  ERR_CONF with the
 * file and line concerned.
 */
int daemon_check(const struct config *c, struct err *err);

/*
 * Open the state and build everything, asking nobody yet.  The config is
 * taken.  `once`: every source does one round, then it ends.
 */
struct daemon *daemon_new(struct config **cp, bool once, struct err *err);
void daemon_free(struct daemon **dp);

/* Run until a signal (or the rounds) end it: 0, or 1 if not all went well. */
int daemon_run(struct daemon *d);

#endif
