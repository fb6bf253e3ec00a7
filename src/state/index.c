/*
 * state/index.c -- which ids are known: the part that can be made again.
 *
 * One LMDB table.  The key is the record's own time and then its hash, so
 * that what comes in order of time is written at the end of the tree: pages
 * become full, and few of them change in a take.  A table a day keyed by the
 * hash alone would touch every page of that day in every take, and with it
 * more bytes would go to the disk than the events themselves have.  The day
 * on which an id was seen stands in the value, and what is old is looked for
 * among old keys only, a stretch in every take.
 *
 * One entry with a key of one byte holds what belongs to the whole: up to
 * which page it has taken the journal in, which pages were lost, and a copy
 * of the last checkpoint, for the case that the journal's own is damaged.
 *
 * An id that came with a page that was lost is not known: the list of lost
 * pages is asked in every hit.  That is cheaper than looking through the
 * whole table for their ids, and it holds over a restart.
 *
 * The file always has some megabytes more than LMDB uses.  So a take still
 * succeeds when the disk is full, and the journal's segments can go; and an
 * offset that went bad while we run does not lead behind the end of the file.
 *
 * One thread takes, another one finds.  LMDB lets them, but not while the
 * map is made larger, so both hold the lock.
 */
/* SPDX-License-Identifier: ISC */
#include "state/index.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lmdb.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "state/crc32c.h"
#include "state/indexcheck.h"
#include "state/le.h"

#define INDEX_VERSION 1
#define DAY_MS UINT64_C(86400000)
#define KEY_BYTES 22   /* time, 6, highest byte first; hash, 16 */
#define VALUE_BYTES 12 /* page, 6; day, 2; checksum, 4 */
#define PAGE_MASK UINT64_C(0xffffffffffff)
#define MAP_FIRST (64 * 1024 * 1024)
#define RESERVE (4 * 1024 * 1024)
#define RESERVE_LOW (2 * 1024 * 1024)
#define LOST_MAX 256
#define FINDS_UNTIL_RELEASE 512
#define PRUNE_MIN 1024
#define CHECKPOINT_MAX (16 * 1024 * 1024)

struct lost {
	uint64_t first, last, day;
	bool is_ours; /* met since the index was opened */
	bool is_firm; /* the sources have gone back, on disk */
};

struct index {
	struct index_conf conf;
	char *path; /* owned */
	pthread_mutex_t lock;
	MDB_env *env;  /* NULL when broken */
	MDB_txn *find; /* reset between uses */
	MDB_dbi dbi;
	size_t map_bytes;
	bool is_broken;
	uint64_t watermark;
	struct buf checkpoint;
	struct lost lost[LOST_MAX];
	size_t n_lost;
	unsigned char last_key[KEY_BYTES];  /* no key is behind it */
	unsigned char prune_key[KEY_BYTES]; /* where pruning goes on */
	unsigned finds;
};

static const char whole_key[1] = { 0 };

/* --- entries --- */

static void
key_make(unsigned char *key, const struct page_id *id)
{
	for (int i = 0; i < 6; i++)
		key[i] = (unsigned char)(id->time_ms >> (40 - 8 * i));
	le_put64((char *)key + 6, id->hi);
	le_put64((char *)key + 14, id->lo);
}

static uint32_t
entry_crc(const void *key, const char *value)
{
	return crc32c(crc32c(0, key, KEY_BYTES), value, VALUE_BYTES - 4);
}

static void
value_make(char *value, const void *key, uint64_t seq, uint64_t day)
{
	le_put64(value, (seq & PAGE_MASK) | day << 48);
	le_put32(value + 8, entry_crc(key, value));
}

static bool
entry_is_good(struct str key, struct str value)
{
	if (key.len == sizeof(whole_key))
		return value.len > 4 &&
		    le_get32(value.p) == crc32c(0, value.p + 4, value.len - 4);
	return key.len == KEY_BYTES && value.len == VALUE_BYTES &&
	    le_get32(value.p + 8) == entry_crc(key.p, value.p);
}

static MDB_val
val(const void *p, size_t len)
{
	MDB_val v = { .mv_size = len };

	memcpy(&v.mv_data, &p, sizeof(p));
	return v;
}

/* --- what LMDB says --- */

/* Is it the file's fault, or the system's? */
static int
fail(struct index *ix, int rc, const char *what, struct err *err)
{
	bool is_damage = rc < 0 && rc != MDB_MAP_FULL && rc != MDB_READERS_FULL;

	if (is_damage || rc == EINVAL)
		ix->is_broken = true;
	return err_set(err, ix->is_broken ? ERR_DATA : ERR_SYS,
	    "index: cannot %s: %s", what, mdb_strerror(rc));
}

/* --- the entry about the whole --- */

static void
whole_encode(const struct index *ix, struct buf *b, uint64_t watermark,
    struct str checkpoint)
{
	le_add32(b, 0);
	le_add32(b, INDEX_VERSION);
	le_add64(b, watermark);
	le_add32(b, (uint32_t)ix->n_lost);
	for (size_t i = 0; i < ix->n_lost; i++) {
		le_add64(b, ix->lost[i].first);
		le_add64(b, ix->lost[i].last);
		le_add32(b, (uint32_t)ix->lost[i].day);
		le_add32(b, ix->lost[i].is_firm);
	}
	buf_add_str(b, checkpoint);
	if (!b->failed)
		le_put32(b->p, crc32c(0, b->p + 4, b->len - 4));
}

static bool
whole_decode(struct index *ix, struct str s)
{
	uint32_t crc, version, n;

	if (!entry_is_good(str_make(whole_key, sizeof(whole_key)), s) ||
	    !le_take32(&s, &crc) || !le_take32(&s, &version) ||
	    version != INDEX_VERSION || !le_take64(&s, &ix->watermark) ||
	    !le_take32(&s, &n) || n > LOST_MAX)
		return false;
	for (ix->n_lost = 0; ix->n_lost < n; ix->n_lost++) {
		struct lost *l = &ix->lost[ix->n_lost];
		uint32_t day, is_firm;

		if (!le_take64(&s, &l->first) || !le_take64(&s, &l->last) ||
		    !le_take32(&s, &day) || !le_take32(&s, &is_firm))
			return false;
		l->day = day;
		l->is_ours = false;
		l->is_firm = is_firm != 0;
	}
	buf_reset(&ix->checkpoint);
	buf_add_str(&ix->checkpoint, s);
	return true;
}

/* Read what belongs to the whole, and the last key. */
static int
load(struct index *ix, struct err *err)
{
	MDB_val key = val(whole_key, sizeof(whole_key)), data;
	MDB_cursor *cursor = NULL;
	int rc = mdb_txn_renew(ix->find);

	if (rc != 0)
		return fail(ix, rc, "read", err);
	rc = mdb_get(ix->find, ix->dbi, &key, &data);
	if (rc == MDB_NOTFOUND) {
		rc = 0;
		goto out;
	}
	if (rc != 0)
		goto out;
	if (!whole_decode(ix, str_make(data.mv_data, data.mv_size))) {
		rc = MDB_CORRUPTED;
		goto out;
	}
	rc = mdb_cursor_open(ix->find, ix->dbi, &cursor);
	if (rc == 0)
		rc = mdb_cursor_get(cursor, &key, &data, MDB_LAST);
	if (rc == 0 && key.mv_size == KEY_BYTES)
		memcpy(ix->last_key, key.mv_data, KEY_BYTES);
out:
	if (cursor != NULL)
		mdb_cursor_close(cursor);
	mdb_txn_reset(ix->find);
	return rc == 0 ? 0 : fail(ix, rc, "read", err);
}

/* --- opening --- */

static void
shut(struct index *ix)
{
	if (ix->find != NULL)
		mdb_txn_abort(ix->find);
	ix->find = NULL;
	if (ix->env != NULL)
		mdb_env_close(ix->env);
	ix->env = NULL;
	ix->watermark = 0;
	ix->n_lost = 0;
	buf_reset(&ix->checkpoint);
	memset(ix->last_key, 0, sizeof(ix->last_key));
	memset(ix->prune_key, 0, sizeof(ix->prune_key));
}

/* Keep the file ahead of what LMDB uses; best effort, tried in each take. */
static void
reserve(struct index *ix)
{
	MDB_envinfo info;
	struct stat st;
	MDB_stat page;
	off_t used;
	int fd;

	if (mdb_env_get_fd(ix->env, &fd) != 0 || fstat(fd, &st) != 0 ||
	    mdb_env_info(ix->env, &info) != 0 ||
	    mdb_env_stat(ix->env, &page) != 0)
		return;
	used = (off_t)((info.me_last_pgno + 1) * page.ms_psize);
	if (st.st_size >= used + RESERVE_LOW)
		return;
	if (posix_fallocate(fd, used, RESERVE) != 0 &&
	    ftruncate(fd, used + RESERVE) != 0)
		return;
}

static size_t
map_for(const char *path)
{
	size_t bytes = MAP_FIRST;
	struct stat st;

	if (stat(path, &st) == 0)
		while (bytes < 2 * (size_t)st.st_size)
			bytes *= 2;
	return bytes;
}

/*
 * LMDB's lock file is of use between processes, and there is one: whatever
 * an earlier one left in it is thrown away, since LMDB would map it as it is.
 */
static void
drop_lock_file(const struct index *ix)
{
	char *name = xasprintf("%s-lock", ix->path);

	unlink(name);
	xfree(name);
}

static int
start(struct index *ix, struct err *err)
{
	int rc;

	ix->is_broken = false;
	drop_lock_file(ix);
	ix->map_bytes = map_for(ix->path);
	rc = mdb_env_create(&ix->env);
	if (rc == 0)
		rc = mdb_env_set_mapsize(ix->env, ix->map_bytes);
	if (rc == 0)
		rc = mdb_env_open(ix->env, ix->path,
		    MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD, 0600);
	if (rc == 0)
		rc = mdb_txn_begin(ix->env, NULL, MDB_RDONLY, &ix->find);
	if (rc == 0)
		rc = mdb_dbi_open(ix->find, NULL, 0, &ix->dbi);
	if (rc != 0) {
		fail(ix, rc, "open", err);
		shut(ix);
		return -1;
	}
	mdb_txn_reset(ix->find);
	if (load(ix, err) != 0) {
		shut(ix);
		return -1;
	}
	reserve(ix);
	return 0;
}

static int
set_aside(struct index *ix, uint64_t wall_ms, struct err *err)
{
	char *name = xasprintf("%s.damaged-%" PRIu64, ix->path, wall_ms / 1000);
	int rc = rename(ix->path, name);

	if (rc != 0 && errno != ENOENT)
		err_set(err, ERR_SYS, "index: cannot set %s aside: %s",
		    ix->path, strerror(errno));
	else
		rc = 0;
	xfree(name);
	return rc;
}

struct index *
index_open(const struct index_conf *conf, uint64_t wall_ms, struct err *aside,
    struct err *err)
{
	struct index *ix = xcalloc(1, sizeof(*ix));

	err_clear(aside);
	ix->conf = *conf;
	ix->path = xstrdup(conf->path);
	ix->conf.path = ix->path;
	buf_init(&ix->checkpoint, CHECKPOINT_MAX);
	pthread_mutex_init(&ix->lock, NULL);
	if (access(ix->path, F_OK) == 0 &&
	    indexcheck(ix->path, entry_is_good, aside) != 0)
		ix->is_broken = true;
	if (!ix->is_broken && start(ix, aside) == 0)
		return ix;
	if (aside->kind != ERR_SYS || ix->is_broken)
		if (index_restart(ix, wall_ms, err) == 0)
			return ix;
	if (aside->kind == ERR_SYS && !ix->is_broken)
		err_set(err, ERR_SYS, "%s", aside->text);
	index_close(&ix);
	return NULL;
}

int
index_restart(struct index *ix, uint64_t wall_ms, struct err *err)
{
	int rc;

	pthread_mutex_lock(&ix->lock);
	shut(ix);
	rc = set_aside(ix, wall_ms, err);
	if (rc == 0)
		rc = start(ix, err);
	pthread_mutex_unlock(&ix->lock);
	return rc;
}

void
index_close(struct index **ixp)
{
	struct index *ix = *ixp;

	*ixp = NULL;
	if (ix == NULL)
		return;
	shut(ix);
	drop_lock_file(ix);
	pthread_mutex_destroy(&ix->lock);
	buf_clear(&ix->checkpoint);
	xfree(ix->path);
	xfree(ix);
}

/* --- what is lost --- */

/* The entry that these pages stand in, or NULL. */
static struct lost *
lost_find(struct index *ix, uint64_t first, uint64_t last)
{
	for (size_t i = 0; i < ix->n_lost; i++)
		if (first >= ix->lost[i].first && last <= ix->lost[i].last)
			return &ix->lost[i];
	return NULL;
}

bool
index_has_lost(struct index *ix, uint64_t first, uint64_t last)
{
	const struct lost *l;
	bool has;

	pthread_mutex_lock(&ix->lock);
	l = lost_find(ix, first, last);
	has = l != NULL && (l->is_ours || l->is_firm);
	pthread_mutex_unlock(&ix->lock);
	return has;
}

/*
 * If there are too many, one grows over all in between, and more is asked for
 * again than need be.
 */
void
index_lose(struct index *ix, uint64_t first, uint64_t last, uint64_t wall_ms)
{
	struct lost *l;

	pthread_mutex_lock(&ix->lock);
	l = lost_find(ix, first, last);
	if (l == NULL && ix->n_lost < LOST_MAX) {
		l = &ix->lost[ix->n_lost++];
		*l = (struct lost){ .first = first, .last = last };
	} else if (l == NULL) {
		l = &ix->lost[LOST_MAX - 1];
		l->first = first < l->first ? first : l->first;
		l->last = last > l->last ? last : l->last;
	}
	l->day = wall_ms / DAY_MS;
	l->is_ours = true;
	l->is_firm = false;
	pthread_mutex_unlock(&ix->lock);
}

void
index_firm(struct index *ix)
{
	pthread_mutex_lock(&ix->lock);
	for (size_t i = 0; i < ix->n_lost; i++)
		if (ix->lost[i].is_ours)
			ix->lost[i].is_firm = true;
	pthread_mutex_unlock(&ix->lock);
}

static uint64_t
keep_days(const struct index *ix)
{
	return (ix->conf.keep_ms + DAY_MS - 1) / DAY_MS;
}

/* True if what was seen on that day has been kept long enough. */
static bool
is_old(const struct index *ix, uint64_t day, uint64_t wall_ms)
{
	return day + keep_days(ix) < wall_ms / DAY_MS;
}

static void
lost_prune(struct index *ix, uint64_t wall_ms)
{
	size_t n = 0;

	for (size_t i = 0; i < ix->n_lost; i++)
		if (!is_old(ix, ix->lost[i].day, wall_ms))
			ix->lost[n++] = ix->lost[i];
	ix->n_lost = n;
}

/* --- finding --- */

uint64_t
index_watermark(struct index *ix)
{
	uint64_t watermark;

	pthread_mutex_lock(&ix->lock);
	watermark = ix->watermark;
	pthread_mutex_unlock(&ix->lock);
	return watermark;
}

struct str
index_checkpoint(struct index *ix)
{
	return buf_str(&ix->checkpoint);
}

bool
index_is_broken(struct index *ix)
{
	bool is_broken;

	pthread_mutex_lock(&ix->lock);
	is_broken = ix->is_broken;
	pthread_mutex_unlock(&ix->lock);
	return is_broken;
}

/*
 * What was read counts as our memory as long as it is mapped, so it is let go
 * from time to time; the system's cache still has it.  LMDB does not tell
 * where its map is, but each page begins with its own number.
 */
static void
release_pages(struct index *ix)
{
	MDB_val key = val(whole_key, sizeof(whole_key)), data;
	size_t mask, number;
	MDB_stat stat;
	char *page;

	ix->finds = 0;
	if (mdb_env_stat(ix->env, &stat) != 0 || mdb_txn_renew(ix->find) != 0)
		return;
	if (mdb_get(ix->find, ix->dbi, &key, &data) == 0) {
		mask = (size_t)stat.ms_psize - 1;
		page = (char *)data.mv_data - ((uintptr_t)data.mv_data & mask);
		memcpy(&number, page, sizeof(number));
		if (number < ix->map_bytes / stat.ms_psize)
			madvise(page - number * stat.ms_psize, ix->map_bytes,
			    MADV_DONTNEED);
	}
	mdb_txn_reset(ix->find);
}

static bool
find(struct index *ix, const unsigned char *key)
{
	MDB_val k = val(key, KEY_BYTES), data;
	bool found = false;
	int rc = mdb_txn_renew(ix->find);

	if (rc == 0) {
		rc = mdb_get(ix->find, ix->dbi, &k, &data);
		if (rc == 0) {
			struct str v = str_make(data.mv_data, data.mv_size);
			uint64_t seq;

			found = entry_is_good(
			    str_make((const char *)key, KEY_BYTES), v);
			seq = found ? le_get64(v.p) & PAGE_MASK : 0;
			found = found && lost_find(ix, seq, seq) == NULL;
		}
		mdb_txn_reset(ix->find);
	}
	if (rc != 0 && rc != MDB_NOTFOUND)
		fail(ix, rc, "read", NULL);
	return found;
}

bool
index_find(struct index *ix, const struct page_id *id)
{
	unsigned char key[KEY_BYTES];
	bool found = false;

	key_make(key, id);
	pthread_mutex_lock(&ix->lock);
	if (ix->env != NULL && !ix->is_broken &&
	    memcmp(key, ix->last_key, KEY_BYTES) <= 0) {
		found = find(ix, key);
		if (++ix->finds >= FINDS_UNTIL_RELEASE)
			release_pages(ix);
	}
	pthread_mutex_unlock(&ix->lock);
	return found;
}

/* --- taking --- */

static int
by_id(const void *a, const void *b)
{
	const struct index_entry *x = a, *y = b;

	if (x->id.time_ms != y->id.time_ms)
		return x->id.time_ms < y->id.time_ms ? -1 : 1;
	if (x->id.hi != y->id.hi)
		return x->id.hi < y->id.hi ? -1 : 1;
	return x->id.lo < y->id.lo ? -1 : x->id.lo > y->id.lo;
}

/* Entries often come in order already; sorting them again costs as much. */
static void
sort(struct index_entry *entries, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (by_id(&entries[i - 1], &entries[i]) > 0) {
			qsort(entries, n, sizeof(*entries), by_id);
			return;
		}
}

/* What a take works with; last_key becomes the index's when all is well. */
struct take {
	struct index *ix;
	MDB_txn *txn;
	MDB_cursor *cursor;
	uint64_t wall_ms;
	unsigned char last_key[KEY_BYTES];
	unsigned char prune_key[KEY_BYTES];
};

/* A key behind all others is appended, which leaves the page before full. */
static int
put_entry(struct take *t, const struct index_entry *e)
{
	unsigned char key[KEY_BYTES];
	char value[VALUE_BYTES];
	MDB_val k, v;
	int order;

	key_make(key, &e->id);
	value_make(value, key, e->seq, t->wall_ms / DAY_MS);
	k = val(key, sizeof(key));
	v = val(value, sizeof(value));
	order = memcmp(key, t->last_key, KEY_BYTES);
	if (order > 0)
		memcpy(t->last_key, key, KEY_BYTES);
	return mdb_cursor_put(t->cursor, &k, &v, order > 0 ? MDB_APPEND : 0);
}

static int
put_whole(struct take *t, uint64_t watermark, struct str checkpoint)
{
	MDB_val k = val(whole_key, sizeof(whole_key)), v;
	struct buf b;
	int rc;

	buf_init(&b, CHECKPOINT_MAX + 64 + 24 * LOST_MAX);
	pthread_mutex_lock(&t->ix->lock);
	lost_prune(t->ix, t->wall_ms);
	whole_encode(t->ix, &b, watermark, checkpoint);
	pthread_mutex_unlock(&t->ix->lock);
	v = val(b.p, b.len);
	rc = b.failed ? ENOMEM : mdb_put(t->txn, t->ix->dbi, &k, &v, 0);
	buf_clear(&b);
	return rc;
}

/*
 * Look at up to `most` keys from where the last take left off; note those
 * that are old.  Keys with a time later than the oldest day kept cannot be.
 */
static int
prune_collect(
    struct take *t, unsigned char (*old)[KEY_BYTES], size_t most, size_t *n_r)
{
	uint64_t keep_ms = (keep_days(t->ix) + 1) * DAY_MS;
	struct page_id edge = {
		.time_ms = t->wall_ms > keep_ms ? t->wall_ms - keep_ms : 0
	};
	unsigned char until[KEY_BYTES];
	MDB_val k = val(t->prune_key, KEY_BYTES), v;
	int rc = mdb_cursor_get(t->cursor, &k, &v, MDB_SET_RANGE);
	size_t looked = 0;

	key_make(until, &edge);
	*n_r = 0;
	for (; rc == 0 && looked < most; looked++) {
		if (k.mv_size == KEY_BYTES && v.mv_size == VALUE_BYTES) {
			if (memcmp(k.mv_data, until, KEY_BYTES) >= 0)
				break;
			if (is_old(
				t->ix, le_get64(v.mv_data) >> 48, t->wall_ms))
				memcpy(old[(*n_r)++], k.mv_data, KEY_BYTES);
			memcpy(t->prune_key, k.mv_data, KEY_BYTES);
		}
		rc = mdb_cursor_get(t->cursor, &k, &v, MDB_NEXT);
	}
	if (rc == MDB_NOTFOUND || looked < most)
		memset(t->prune_key, 0, KEY_BYTES);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int
prune(struct take *t, size_t most)
{
	unsigned char(*old)[KEY_BYTES] = xreallocarray(NULL, most, KEY_BYTES);
	size_t n = 0;
	int rc = prune_collect(t, old, most, &n);

	for (size_t i = 0; rc == 0 && i < n; i++) {
		MDB_val k = val(old[i], KEY_BYTES);

		rc = mdb_del(t->txn, t->ix->dbi, &k, NULL);
		if (rc == MDB_NOTFOUND)
			rc = 0;
	}
	xfree(old);
	return rc;
}

static int
take_once(struct take *t, const struct index_entry *entries, size_t n,
    uint64_t watermark, struct str checkpoint)
{
	struct index *ix = t->ix;
	int rc = mdb_txn_begin(ix->env, NULL, 0, &t->txn);

	if (rc != 0)
		return rc;
	memcpy(t->last_key, ix->last_key, KEY_BYTES);
	memcpy(t->prune_key, ix->prune_key, KEY_BYTES);
	rc = mdb_cursor_open(t->txn, ix->dbi, &t->cursor);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = put_entry(t, &entries[i]);
	if (rc == 0)
		rc = prune(t, 2 * n + PRUNE_MIN);
	if (t->cursor != NULL)
		mdb_cursor_close(t->cursor);
	t->cursor = NULL;
	if (rc == 0)
		rc = put_whole(t, watermark, checkpoint);
	if (rc == 0)
		return mdb_txn_commit(t->txn);
	mdb_txn_abort(t->txn);
	return rc;
}

static int
grow(struct index *ix)
{
	int rc;

	if (ix->map_bytes > SIZE_MAX / 4)
		return ENOMEM;
	rc = mdb_env_set_mapsize(ix->env, 2 * ix->map_bytes);
	if (rc == 0)
		ix->map_bytes *= 2;
	return rc;
}

/* The other thread waits for the lock only while nothing is written. */
static void
taken(struct index *ix, const struct take *t, uint64_t watermark,
    struct str checkpoint)
{
	ix->watermark = watermark;
	memcpy(ix->last_key, t->last_key, KEY_BYTES);
	memcpy(ix->prune_key, t->prune_key, KEY_BYTES);
	buf_reset(&ix->checkpoint);
	buf_add_str(&ix->checkpoint, checkpoint);
	release_pages(ix);
}

int
index_take(struct index *ix, struct index_entry *entries, size_t n,
    uint64_t watermark, struct str checkpoint, uint64_t wall_ms,
    struct err *err)
{
	struct take t = { .ix = ix, .wall_ms = wall_ms };
	int rc;

	if (index_is_broken(ix) || ix->env == NULL)
		return err_set(err, ERR_DATA, "index: it is damaged");
	sort(entries, n);
	reserve(ix);
	while ((rc = take_once(&t, entries, n, watermark, checkpoint)) ==
	    MDB_MAP_FULL) {
		pthread_mutex_lock(&ix->lock);
		rc = grow(ix);
		pthread_mutex_unlock(&ix->lock);
		if (rc != 0)
			break;
	}
	pthread_mutex_lock(&ix->lock);
	if (rc == 0)
		taken(ix, &t, watermark, checkpoint);
	else
		rc = fail(ix, rc, "write", err);
	pthread_mutex_unlock(&ix->lock);
	return rc;
}
