/*
 * state/store.c -- the state on disk, spoken to in five verbs.
 *
 * This is where the parts meet: the journal is the truth, the commit thread
 * writes it, the index and the table of fresh ids know what was seen, the
 * cursors know where sources stand, and the spool reads for the outputs.  All
 * of it but the thread belongs to whoever runs the loop.
 *
 * When a reader finds that pages cannot be read, the sources that they may
 * have come from go back.  Their holders lose the epoch at once, so that no
 * page of theirs can carry a cursor over the gap, and a frame with the old
 * cursors is queued behind all that was appended before.  Only when it is
 * durable may the index write down that the gap was dealt with; if we die
 * before, the gap is found again.
 */
/* SPDX-License-Identifier: ISC */
#include "state/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "state/commit.h"
#include "state/crc32c.h"
#include "state/cursors.h"
#include "state/index.h"
#include "state/job.h"
#include "state/journal.h"
#include "state/page.h"
#include "state/recover.h"
#include "state/seen.h"
#include "state/spool.h"
#include "state/walk.h"

#define SEGMENT_BYTES (16 * 1024 * 1024)
#define SEGMENT_BYTES_MIN (64 * 1024)
#define KEEP_IDS_MS UINT64_C(691200000) /* 8 days */
#define INFLIGHT_MAX (8 * 1024 * 1024)
#define FRESH_IDS_MAX (1024 * 1024)
#define OUTPUTS_BYTES 4096 /* of a checkpoint */
#define BACK_MAX (16 * 1024 * 1024)

static const struct log logs = { "store", NULL };

struct store {
	struct store_conf conf;
	int lock_fd;
	struct journal *journal;
	struct index *index;
	struct commit *commit;
	struct cursors *cursors;
	struct seen *seen;
	struct spool *spool;

	uint64_t next_seq;
	uint64_t taken; /* by the index, as the table of fresh ids knows */
	bool is_full;
	struct job *flight, **flight_end; /* pushed, not yet reaped */
	struct job *reaped;               /* through, not yet told */
	size_t inflight_bytes;
	struct buf back; /* cursors that go back, not yet pushed */
	unsigned backs;  /* pushed and not yet through */

	store_wake_fn *on_events;
	void *arg;
};

struct store_reader {
	struct spool_reader *reader;
};

/* --- opening --- */

static int
make_dir(const char *dir, struct err *err)
{
	struct stat st;

	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return err_set(err, ERR_CONF,
		    "state-dir %s: cannot make it: %s", dir, strerror(errno));
	if (stat(dir, &st) != 0)
		return err_set(
		    err, ERR_CONF, "state-dir %s: %s", dir, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return err_set(
		    err, ERR_CONF, "state-dir %s: not a directory", dir);
	if (st.st_uid != geteuid())
		return err_set(err, ERR_CONF,
		    "state-dir %s: belongs to user %u, not to this one (%u)",
		    dir, (unsigned)st.st_uid, (unsigned)geteuid());
	return 0;
}

static int
lock_dir(struct store *s, struct err *err)
{
	char *path = xasprintf("%s/lock", s->conf.dir);
	char pid[32] = { 0 };
	int rc = -1;

	s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock_fd < 0) {
		err_set(err, ERR_CONF, "%s: %s", path, strerror(errno));
	} else if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		if (pread(s->lock_fd, pid, sizeof(pid) - 1, 0) < 0)
			pid[0] = '\0';
		pid[strcspn(pid, "\n")] = '\0';
		err_set(err, ERR_CONF,
		    "state-dir %s: in use by the process with id %s",
		    s->conf.dir, pid[0] != '\0' ? pid : "?");
	} else {
		/* Only for that message, so a full disk does not matter. */
		snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
		if (ftruncate(s->lock_fd, 0) == 0 &&
		    pwrite(s->lock_fd, pid, strlen(pid), 0) < 0)
			log_debug(&logs, "cannot write %s", path);
		rc = 0;
	}
	xfree(path);
	return rc;
}

static int
open_index(struct store *s, uint64_t wall_ms, struct err *err)
{
	struct index_conf conf = { .keep_ms = s->conf.keep_ids_ms };
	struct err aside;
	char *path = xasprintf("%s/index", s->conf.dir);

	conf.path = path;
	s->index = index_open(&conf, wall_ms, &aside, err);
	if (s->index != NULL && aside.kind != ERR_NONE)
		log_error(&logs,
		    "the index is damaged (%s) and was set aside; a new one "
		    "takes in what the journal has, and records older than "
		    "that may come twice",
		    aside.text);
	xfree(path);
	return s->index != NULL ? 0 : -1;
}

static int
open_journal(struct store *s, struct err *err)
{
	struct journal_conf conf = { .segment_bytes = s->conf.segment_bytes,
		.io = s->conf.io };
	char *path = xasprintf("%s/journal", s->conf.dir);

	conf.dir = path;
	s->journal = journal_open(&conf, err);
	xfree(path);
	return s->journal != NULL ? 0 : -1;
}

static bool on_gap(void *arg, const struct walk_gap *gap);
static void push_back(struct store *s);

static int
open_parts(struct store *s, uint64_t wall_ms, struct err *err)
{
	struct commit_conf commit = { .wall_ms = wall_ms };
	struct spool_conf spool = { .on_gap = on_gap, .arg = s };
	struct recovery rec;

	if (open_index(s, wall_ms, err) != 0 || open_journal(s, err) != 0 ||
	    recover(s->journal, s->index, wall_ms, &rec, err) != 0)
		return -1;
	s->next_seq = rec.next_seq;
	s->cursors = cursors_new(&rec.state);
	s->seen = seen_new(s->index);
	for (size_t i = 0; i < rec.pending.n; i++)
		seen_add(s->seen, &rec.pending.entries[i].id,
		    rec.pending.entries[i].seq);
	commit.journal = spool.journal = s->journal;
	commit.index = s->index;
	commit.state = rec.state;
	commit.pending = pending_steal(&rec.pending);
	rec.state = (struct checkpoint){ 0 };
	s->commit = commit_new(&commit, err);
	if (s->commit != NULL) {
		spool.commit = s->commit;
		s->spool = spool_new(&spool);
		s->taken = commit_taken(s->commit);
		buf_add_str(&s->back, buf_str(&rec.back));
		push_back(s);
	}
	recover_clear(&rec);
	return s->commit != NULL ? 0 : -1;
}

struct store *
store_open(const struct store_conf *conf, uint64_t wall_ms, struct err *err)
{
	struct store *s = xcalloc(1, sizeof(*s));

	s->conf = *conf;
	s->lock_fd = -1;
	if (s->conf.segment_bytes == 0)
		s->conf.segment_bytes = SEGMENT_BYTES;
	if (s->conf.segment_bytes < SEGMENT_BYTES_MIN)
		s->conf.segment_bytes = SEGMENT_BYTES_MIN;
	if (s->conf.keep_ids_ms == 0)
		s->conf.keep_ids_ms = KEEP_IDS_MS;
	if (s->conf.limit_bytes == 0)
		s->conf.limit_bytes = UINT64_MAX;
	s->flight_end = &s->flight;
	buf_init(&s->back, BACK_MAX);
	if (make_dir(conf->dir, err) != 0 || lock_dir(s, err) != 0 ||
	    open_parts(s, wall_ms, err) != 0)
		store_close(&s);
	return s;
}

void
store_close(struct store **sp)
{
	struct store *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	if (s->commit != NULL)
		push_back(s);
	commit_free(&s->commit);
	spool_free(&s->spool);
	seen_free(&s->seen);
	cursors_free(&s->cursors);
	journal_close(&s->journal);
	index_close(&s->index);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	buf_clear(&s->back);
	xfree(s);
}

/* --- going back --- */

static void
push(struct store *s, struct job *job)
{
	job->flight = NULL;
	*s->flight_end = job;
	s->flight_end = &job->flight;
	s->inflight_bytes += job->frame.len;
	commit_push(s->commit, job);
}

/* Send the cursors that go back to the journal; again if it failed before. */
static void
push_back(struct store *s)
{
	struct job *job;

	if (s->back.len == 0)
		return;
	job = job_new();
	buf_add_str(&job->frame, buf_str(&s->back));
	job_seal(job);
	buf_reset(&s->back);
	s->backs++;
	push(s, job);
}

static void
source_back(struct store *s, struct cursors_source *source,
    const struct checkpoint *before, bool has_state)
{
	struct str name = str_of(source->name);
	const struct buf *b = checkpoint_cursor(before, name);
	struct str cursor = { NULL, 0 };

	if (b == NULL && !has_state) {
		log_error(&logs,
		    "source %s: no cursor from before the damage is known; "
		    "what it fetched in those pages has to be replayed",
		    source->name);
		cursor = buf_str(&source->cursor);
	} else if (b != NULL) {
		cursor = buf_str(b);
	}
	checkpoint_part_cursor(&s->back, name, cursor.len > 0 ? &cursor : NULL);
	cursors_back(s->cursors, source, cursor);
}

static bool
on_gap(void *arg, const struct walk_gap *gap)
{
	struct store *s = arg;
	uint64_t wall_ms = commit_wall_ms(s->commit);
	struct cursors_source *source = cursors_first(s->cursors);
	struct checkpoint before = { 0 };
	bool has_state;

	if (index_has_lost(s->index, gap->first, gap->last))
		return false;
	recover_announce(s->journal, gap, wall_ms);
	has_state = recover_before(s->journal, gap, &before);
	index_lose(s->index, gap->first, gap->last, wall_ms);
	seen_forget(s->seen, gap->first, gap->last);
	if (s->back.len == 0)
		checkpoint_part(&s->back);
	for (; source != NULL; source = source->next)
		if (recover_concerns(gap, str_of(source->name)))
			source_back(s, source, &before, has_state);
	checkpoint_clear(&before);
	push_back(s);
	return true;
}

/* --- sources --- */

int
store_acquire(struct store *s, struct str source, uint64_t *epoch_r,
    struct str *cursor_r, struct err *err)
{
	struct cursors_source *src = cursors_source(s->cursors, source);

	if (src->inflight > 0)
		return err_set(err, ERR_RETRY,
		    "source %s: pages of an earlier holder are on their way",
		    src->name);
	*epoch_r = cursors_acquire(s->cursors, src);
	*cursor_r = buf_str(&src->cursor);
	return 0;
}

void
store_release(struct store *s, struct str source, uint64_t epoch)
{
	struct cursors_source *src = cursors_source(s->cursors, source);

	if (cursors_holds(src, epoch))
		src->is_held = false;
	for (struct job *job = s->flight; job != NULL; job = job->flight)
		if (job->owner == src && job->epoch == epoch)
			job->done = NULL;
	for (struct job *job = s->reaped; job != NULL; job = job->next)
		if (job->owner == src && job->epoch == epoch)
			job->done = NULL;
}

static int
check_room(struct store *s, const struct page *p, size_t len, struct err *err)
{
	size_t state =
	    cursors_bytes(s->cursors) + p->cursor.len + OUTPUTS_BYTES;

	if (page_failed(p))
		return err_set(err, ERR_BUG, "page: over its bounds");
	if (len > journal_room_max(s->journal, state))
		return err_set(err, ERR_BUG,
		    "page: %zu bytes do not fit a segment of %" PRIu64, len,
		    s->conf.segment_bytes);
	if (s->inflight_bytes > 0 && s->inflight_bytes + len > INFLIGHT_MAX)
		return err_set(err, ERR_FULL,
		    "store: %zu bytes are on their way to the disk",
		    s->inflight_bytes);
	if (store_bytes(s) + s->inflight_bytes + len > s->conf.limit_bytes)
		return err_set(err, ERR_FULL,
		    "store: the journal is at its limit of %" PRIu64 " bytes",
		    s->conf.limit_bytes);
	if (seen_count(s->seen) >= FRESH_IDS_MAX)
		return err_set(err, ERR_FULL,
		    "store: %zu ids wait for the index", seen_count(s->seen));
	return 0;
}

static void
remember_ids(struct store *s, const struct job *job)
{
	struct page_view view;
	struct page_id id;

	if (page_decode(job_payload(job), &view, NULL) != 0)
		return;
	for (uint32_t i = 0; page_view_id(&view, i, &id); i++)
		seen_add(s->seen, &id, job->seq);
}

int
store_append(struct store *s, uint64_t epoch, const struct page *p,
    store_done_fn *done, void *arg, struct err *err)
{
	struct str name = buf_str(&p->source);
	struct cursors_source *src = cursors_source(s->cursors, name);
	size_t len = frame_bytes(page_bytes(p));
	struct job *job;

	if (!cursors_holds(src, epoch))
		return err_set(err, ERR_GONE,
		    "source %s: not held by this holder any more", src->name);
	if (check_room(s, p, len, err) != 0)
		return -1;
	job = job_new();
	if (buf_reserve(&job->frame, len))
		page_encode(p, &job->frame);
	job_seal(job);
	if (job->frame.failed) {
		job_unref(&job);
		return err_set(err, ERR_SYS, "store: no memory for a page");
	}
	job->is_page = true;
	job->source = crc32c(0, name.p, name.len);
	job->seq = s->next_seq++;
	job->owner = src;
	job->epoch = epoch;
	job->done = done;
	job->arg = arg;
	src->inflight++;
	remember_ids(s, job);
	push_back(s);
	push(s, job);
	return 0;
}

size_t
store_inflight_bytes(const struct store *s)
{
	return s->inflight_bytes;
}

bool
store_seen(struct store *s, const struct page_id *id)
{
	return seen_has(s->seen, id);
}

/* --- full --- */

uint64_t
store_bytes(const struct store *s)
{
	return journal_bytes(s->journal, commit_confirmed(s->commit), s->taken);
}

static void
update_full(struct store *s)
{
	uint64_t limit = s->conf.limit_bytes;
	uint64_t bytes = store_bytes(s);

	if (!s->is_full && bytes >= limit / 10 * 9) {
		s->is_full = true;
		log_warn(&logs,
		    "the journal holds %" PRIu64 " of %" PRIu64
		    " bytes; sources stop asking until outputs have caught up",
		    bytes, limit);
	} else if (s->is_full && bytes <= limit / 4 * 3) {
		s->is_full = false;
		log_info(&logs,
		    "the journal holds %" PRIu64 " of %" PRIu64
		    " bytes; sources ask again",
		    bytes, limit);
	}
}

bool
store_is_full(const struct store *s)
{
	return s->is_full;
}

/* --- the loop's side --- */

int
store_fd(const struct store *s)
{
	return commit_fd(s->commit);
}

void
store_on_events(struct store *s, store_wake_fn *fn, void *arg)
{
	s->on_events = fn;
	s->arg = arg;
}

static void
settle_page(struct store *s, struct job *job)
{
	struct cursors_source *src = job->owner;
	struct page_view view;

	src->inflight--;
	if (job->has_failed)
		return;
	spool_publish(s->spool, job);
	if (src->epoch == job->epoch &&
	    page_decode(job_payload(job), &view, NULL) == 0 && view.has_cursor)
		cursors_set(src, view.cursor);
}

static void
settle_back(struct store *s, struct job *job)
{
	s->backs--;
	if (job->has_failed) {
		/* What came later has the last word, so it goes behind. */
		struct buf later = s->back;

		buf_init(&s->back, BACK_MAX);
		buf_add_str(&s->back, job_payload(job));
		if (later.len > 0)
			buf_add(&s->back, later.p + 1, later.len - 1);
		buf_clear(&later);
	} else if (s->backs == 0 && s->back.len == 0) {
		index_firm(s->index);
	}
}

/* Bring everything up to date before anybody is told: he may append again. */
static bool
settle(struct store *s, struct job *jobs)
{
	uint64_t first = UINT64_MAX, last = 0;
	bool any = false;

	for (struct job *job = jobs; job != NULL; job = job->next) {
		assert(job == s->flight);
		s->flight = job->flight;
		if (s->flight == NULL)
			s->flight_end = &s->flight;
		s->inflight_bytes -= job->frame.len;
		if (!job->is_page) {
			settle_back(s, job);
			continue;
		}
		settle_page(s, job);
		if (job->has_failed) {
			first = job->seq < first ? job->seq : first;
			last = job->seq;
		} else {
			any = true;
		}
	}
	/* All failed pages stand behind all that did not. */
	if (last > 0)
		seen_forget(s->seen, first, last);
	return any;
}

static void
tell(struct store *s, const struct err *why)
{
	struct job *job;

	while ((job = s->reaped) != NULL) {
		s->reaped = job->next;
		job->next = NULL;
		if (job->done != NULL)
			job->done(job->arg, job->has_failed ? why : NULL);
		job_unref(&job);
	}
}

void
store_reap(struct store *s)
{
	struct err why;
	uint64_t taken;
	bool any;

	s->reaped = commit_reap(s->commit, &why);
	any = settle(s, s->reaped);
	taken = commit_taken(s->commit);
	if (taken != s->taken)
		seen_taken(s->seen, taken);
	s->taken = taken;
	update_full(s);
	tell(s, &why);
	if (any && s->on_events != NULL)
		s->on_events(s->arg);
}

/* --- outputs --- */

struct store_reader *
store_reader_new(struct store *s, struct str output, struct str form,
    const char *const *sources)
{
	struct store_reader *r = xcalloc(1, sizeof(*r));

	r->reader = spool_reader_new(s->spool, output, form, sources);
	return r;
}

void
store_reader_free(struct store_reader **rp)
{
	struct store_reader *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	spool_reader_free(&r->reader);
	xfree(r);
}

int
store_next(struct store_reader *r, struct store_event *event_r, struct err *err)
{
	return spool_next(r->reader, event_r, err);
}

void
store_rewind(struct store_reader *r, store_pos pos)
{
	spool_rewind(r->reader, pos);
}

void
store_confirm(struct store_reader *r, store_pos pos)
{
	spool_confirm(r->reader, pos);
}

store_pos
store_confirmed(const struct store_reader *r)
{
	return spool_confirmed(r->reader);
}

void
store_backlog(const struct store_reader *r, uint64_t *bytes_r)
{
	*bytes_r = spool_backlog(r->reader);
}

void
store_keep_outputs(struct store *s, const char *const *names)
{
	commit_keep_outputs(s->commit, names);
}
