/* tests/fake_store.h -- state/store.h in memory, durable when told so. */
/* SPDX-License-Identifier: ISC */
#ifndef TESTS_FAKE_STORE_H
#define TESTS_FAKE_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "state/store.h"

/* Link fake_store.c and every verb of state/store.h is the fake's. */
struct store *fake_store_new(void);
void fake_store_free(struct store **sp);

/*
 * The pages handed over so far become durable (err NULL), or are lost; their
 * done functions run, then whoever waits for events is woken.
 */
void fake_store_settle(struct store *s, const struct err *err);

void fake_store_set_full(struct store *s, bool full);
void fake_store_set_inflight(struct store *s, size_t bytes); /* 0: true one */

/* What is durable: its events' texts, each with a newline; the cursor. */
const char *fake_store_events(struct store *s);
const char *fake_store_cursor(struct store *s);
unsigned fake_store_quarantined(const struct store *s);

/* As after damage: the source's cursor is another one. */
void fake_store_go_back(struct store *s, const char *cursor);

/* An event that becomes durable at once. */
void fake_store_add(struct store *s, const char *text);

#endif
