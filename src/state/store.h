/* state/store.h -- the state on disk, spoken to in five verbs. */
/* SPDX-License-Identifier: ISC */
#ifndef STATE_STORE_H
#define STATE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct err;
struct journal_io;
struct page;
struct page_id;
struct store;

struct store_conf {
	const char *dir;      /* made if missing, mode 0700; locked */
	uint64_t limit_bytes; /* of the journal; high water at 90 %, low 75 % */
	uint64_t segment_bytes;      /* 0: 16 MiB */
	uint64_t keep_ids_ms;        /* 0: 8 days */
	const struct journal_io *io; /* NULL: the system's; for tests */
};

/*
 * Open, lock and recover.  What was found (torn tail, bad frames, a segment
 * or index set aside, sources that go back) is logged.  ERR_CONF: somebody
 * else holds it, or the directory is not ours.  wall_ms is today, for ages.
 */
struct store *
store_open(const struct store_conf *conf, uint64_t wall_ms, struct err *err);

/*
 * Finish the commits under way, write positions, close.  No done function is
 * called any more: wait until store_inflight_bytes is 0 to hear of all.
 */
void store_close(struct store **sp);

/*
 * A position in the journal: page sequence in the upper 44 bits, number of
 * the event in the lower 20.  It orders all events; 0 is before the first.
 */
typedef uint64_t store_pos;

#define STORE_POS(seq, event) (((uint64_t)(seq) << 20) | (uint64_t)(event))
#define STORE_POS_SEQ(pos) ((pos) >> 20)
#define STORE_POS_EVENT(pos) ((uint32_t)((pos)&0xfffff))
#define STORE_POS_ALL 0xfffff /* as the event: the whole page */

/* The last page that a position is wholly behind. */
static inline uint64_t
store_pos_done(store_pos pos)
{
	uint64_t seq = STORE_POS_SEQ(pos);

	return STORE_POS_EVENT(pos) == STORE_POS_ALL || seq == 0 ? seq
								 : seq - 1;
}

/* --- sources --- */

/*
 * Take charge of a source: give its cursor (empty if it has none; borrowed
 * until the next call), and an epoch that makes an earlier holder's appends
 * void.  ERR_RETRY: pages of an earlier holder are still on their way; ask
 * again after the next store_reap.
 */
int store_acquire(struct store *s, struct str source, uint64_t *epoch_r,
    struct str *cursor_r, struct err *err);

/* No done function of this holder is called any more. */
void store_release(struct store *s, struct str source, uint64_t epoch);

/*
 * Hand over a page.  It is encoded before this returns and may be reset.
 * `done` comes from store_reap: durable (err NULL), or not, and then nothing
 * of it is there: append it again later.  Appends of one source keep order;
 * when one fails, those behind it fail as well, and all are told so in one
 * store_reap.  -1 with ERR_FULL: too much is on its way, or the journal is at
 * its limit: hold the page and try after the next store_reap.  ERR_GONE: the
 * epoch is not that of the holder any more (the source may have gone back):
 * acquire it again and begin at its cursor.  ERR_BUG: it can never fit.
 */
typedef void store_done_fn(void *arg, const struct err *err);
int store_append(struct store *s, uint64_t epoch, const struct page *p,
    store_done_fn *done, void *arg, struct err *err);

/* Bytes handed over and not yet durable: the appender's brake. */
size_t store_inflight_bytes(const struct store *s);

/* True if the id is known: on disk, or in a page on its way there. */
bool store_seen(struct store *s, const struct page_id *id);

/* At high water until low water is reached: pollers stop asking. */
bool store_is_full(const struct store *s);
uint64_t store_bytes(const struct store *s);

/* --- outputs --- */

struct store_reader;

/*
 * Read the events of the named sources (NULL: all) in one form, from behind
 * the output's confirmed position.  A name never seen before begins at the
 * oldest event kept.
 */
struct store_reader *store_reader_new(struct store *s, struct str output,
    struct str form, const char *const *sources);
void store_reader_free(struct store_reader **rp);

struct store_event {
	store_pos pos; /* confirm this to say: up to and with it */
	uint64_t time_ms;
	struct str source;
	struct str text; /* all borrowed until the next call */
};

/* The next durable event: 1; none now: 0; -1: this one cannot be read and
 * has been counted, announced and passed (its cursor went back). */
int store_next(
    struct store_reader *r, struct store_event *event_r, struct err *err);

/* Go back to just behind pos, which is not before the confirmed one. */
void store_rewind(struct store_reader *r, store_pos pos);

/* Everything up to pos has reached the other side.  Saved with the next
 * commit, or by itself soon. */
void store_confirm(struct store_reader *r, store_pos pos);
store_pos store_confirmed(const struct store_reader *r);

/* How many bytes of the journal wait for this output's confirmation. */
void store_backlog(const struct store_reader *r, uint64_t *bytes_r);

/*
 * Forget the positions of outputs that are not named (NULL ends the names):
 * they hold the journal no more.  Call it when the configuration was read.
 */
void store_keep_outputs(struct store *s, const char *const *names);

/* --- the loop's side --- */

/* Readable when store_reap has something to tell. */
int store_fd(const struct store *s);

/* Call the done functions of commits that are through. */
void store_reap(struct store *s);

/* Called by whoever runs the loop when store_reap made new events readable;
 * set once. */
typedef void store_wake_fn(void *arg);
void store_on_events(struct store *s, store_wake_fn *fn, void *arg);

#endif
