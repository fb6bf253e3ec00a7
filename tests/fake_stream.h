/* tests/fake_stream.h -- net/stream.h whose peer is the test. */
/* SPDX-License-Identifier: ISC */
#ifndef TESTS_FAKE_STREAM_H
#define TESTS_FAKE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "net/stream.h"

/* Streams are numbered from 0 in the order in which they were made. */
void fake_stream_reset(void); /* forget all, between tests */
unsigned fake_stream_count(void);

void fake_stream_up(unsigned i);
void fake_stream_over(unsigned i, enum err_kind kind, const char *text);
void fake_stream_end(unsigned i); /* the peer's orderly end: the proof */

bool fake_stream_is_open(unsigned i); /* not freed */
bool fake_stream_is_finishing(unsigned i);
const char *fake_stream_text(unsigned i); /* all that was written */

/* What the peer's kernel has; and what waits in our buffer. */
void fake_stream_ack(unsigned i, uint64_t bytes);
void fake_stream_hold(unsigned i, size_t pending);
void fake_stream_low(unsigned i);

#endif
