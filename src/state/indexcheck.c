/*
 * state/indexcheck.c -- is an LMDB file whole, before LMDB believes it?
 *
 * LMDB has no checksums and takes its pages for what they say: a page of
 * zeros ends the process, a wild offset may make it write anywhere, a file
 * cut short raises SIGBUS.  So before it opens a file, all pages that the
 * newest meta page leads to are read and compared with what the format (data
 * version 1, LMDB 0.9) demands: numbers, bounds, order of keys, counts, no
 * page in use twice.  The entries have checksums of their own.  A page costs
 * less than a microsecond, so ten million ids take some tenths of a second.
 */
/* SPDX-License-Identifier: ISC */
#include "state/indexcheck.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/xalloc.h"

#define META_MAGIC 0xBEEFC0DE
#define META_VERSION 1
#define DEPTH_MAX 16
#define PSIZE_MIN 512
#define PSIZE_MAX 65536
#define KEY_MAX 512

enum {
	PAGE_BRANCH = 0x01,
	PAGE_LEAF = 0x02,
	PAGE_OVER = 0x04,
	PAGE_META = 8
};
enum {
	PAGE_TRANSIENT = 0xc010
}; /* marks that mean nothing on disk */
enum {
	NODE_BIG = 1
};
enum {
	FREE_FLAGS = 0x0008,
	ENV_NOSUBDIR = 0x4000
};

/* As LMDB has them: native words, so the machine's own layout. */
struct page_head {
	size_t number;
	uint16_t pad, flags;
	uint16_t lower, upper; /* of an overflow page: how many, 32 bits */
};

struct tree {
	uint32_t pad; /* of the first table: the page size */
	uint16_t flags, depth;
	size_t branches, leaves, overflows, entries, root;
};

struct meta {
	struct page_head head;
	uint32_t magic, version;
	void *address;
	size_t mapsize;
	struct tree trees[2]; /* free pages; the main table */
	size_t last, txn;
};

struct check {
	int fd;
	size_t psize, last;  /* last page in use */
	unsigned char *seen; /* owned: a bit a page */
	indexcheck_entry_fn *entry;
	bool is_free;               /* the table walked is that of free pages */
	struct tree sum;            /* what was met */
	unsigned char key[KEY_MAX]; /* the last one met */
	size_t key_len;
	bool has_key;
	struct err *err;
};

static bool
bad(struct check *c, const char *what, size_t number)
{
	err_set(c->err, ERR_DATA, "page %zu: %s", number, what);
	return false;
}

static bool
read_page(struct check *c, size_t number, unsigned char *p, size_t pages)
{
	size_t len = c->psize * pages, done = 0;

	while (done < len) {
		ssize_t n = pread(c->fd, p + done, len - done,
		    (off_t)(number * c->psize + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return bad(c, "cannot be read", number);
		done += (size_t)n;
	}
	return true;
}

/* Mark pages as in use; false if one is out of bounds or marked already. */
static bool
claim(struct check *c, size_t number, size_t pages)
{
	if (number < 2 || pages > c->last || number > c->last + 1 - pages)
		return bad(c, "out of bounds", number);
	for (size_t i = number; i < number + pages; i++) {
		unsigned char bit = (unsigned char)(1u << (i % 8));

		if (c->seen[i / 8] & bit)
			return bad(c, "in use twice", i);
		c->seen[i / 8] |= bit;
	}
	return true;
}

/* --- entries --- */

static int
key_order(const struct check *c, const unsigned char *p, size_t len)
{
	size_t common = len < c->key_len ? len : c->key_len;
	size_t a, b;
	int order;

	if (c->is_free && len == sizeof(a) && c->key_len == sizeof(b)) {
		memcpy(&a, c->key, sizeof(a));
		memcpy(&b, p, sizeof(b));
		return a < b ? -1 : a > b;
	}
	order = memcmp(c->key, p, common);
	if (order != 0)
		return order;
	return c->key_len < len ? -1 : c->key_len > len;
}

/* Keys come in order; one that divides two pages may come again below. */
static bool
key_follows(struct check *c, const unsigned char *p, size_t len, bool divides,
    bool *divided)
{
	int order = c->has_key ? key_order(c, p, len) : -1;

	if (len > KEY_MAX || order > 0 || (order == 0 && !*divided))
		return false;
	memcpy(c->key, p, len);
	c->key_len = len;
	c->has_key = true;
	*divided = divides;
	return true;
}

/* A list of free pages: how many, then their numbers, falling. */
static bool
check_free(struct check *c, const unsigned char *p, size_t len)
{
	size_t n, number, before = SIZE_MAX;

	if (len < sizeof(n) || len % sizeof(n) != 0)
		return false;
	memcpy(&n, p, sizeof(n));
	if (n != len / sizeof(n) - 1)
		return false;
	for (size_t i = 1; i <= n; i++) {
		memcpy(&number, p + i * sizeof(n), sizeof(n));
		if (number >= before || !claim(c, number, 1))
			return false;
		before = number;
	}
	return true;
}

static bool
check_value(struct check *c, const unsigned char *key, size_t key_len,
    const unsigned char *p, size_t len)
{
	c->sum.entries++;
	if (c->is_free)
		return key_len == sizeof(size_t) && check_free(c, p, len);
	return c->entry(str_make((const char *)key, key_len),
	    str_make((const char *)p, len));
}

static bool
check_big(struct check *c, const unsigned char *key, size_t key_len,
    const unsigned char *p, size_t len)
{
	struct page_head head;
	unsigned char *big;
	uint32_t pages;
	size_t number;
	bool ok = false;

	memcpy(&number, p, sizeof(number));
	if (len > c->last * c->psize)
		return bad(c, "a value too long", number);
	pages = (uint32_t)((sizeof(head) - 1 + len) / c->psize + 1);
	if (!claim(c, number, pages))
		return false;
	big = malloc(pages * c->psize);
	if (big == NULL)
		return bad(c, "no memory to read it", number);
	if (!read_page(c, number, big, pages))
		goto out;
	memcpy(&head, big, sizeof(head));
	c->sum.overflows += pages;
	if (head.number != number || head.flags != PAGE_OVER ||
	    memcmp(&head.lower, &pages, sizeof(pages)) != 0)
		bad(c, "no overflow page", number);
	else if (!check_value(c, key, key_len, big + sizeof(head), len))
		bad(c, "a value is damaged", number);
	else
		ok = true;
out:
	free(big);
	return ok;
}

/* --- pages --- */

struct node {
	uint16_t lo, hi, flags, ksize;
	const unsigned char *key;
	size_t dsize; /* of a leaf */
	size_t child; /* of a branch */
	size_t bytes;
};

/* Read the i-th node of a page whose bounds are good. */
static bool
node_at(const struct check *c, const unsigned char *page,
    const struct page_head *head, size_t i, bool is_leaf, struct node *n)
{
	uint16_t at, word[4];

	memcpy(&at, page + sizeof(*head) + 2 * i, sizeof(at));
	if (at < head->upper || at % 2 != 0 || at + sizeof(word) > c->psize)
		return false;
	memcpy(word, page + at, sizeof(word));
	n->lo = word[BYTE_ORDER == BIG_ENDIAN ? 1 : 0];
	n->hi = word[BYTE_ORDER == BIG_ENDIAN ? 0 : 1];
	n->flags = word[2];
	n->ksize = word[3];
	n->key = page + at + sizeof(word);
	n->dsize = n->lo | (size_t)n->hi << 16;
	n->child = n->dsize;
	if (sizeof(size_t) > 4)
		n->child |= (size_t)((uint64_t)n->flags << 32);
	n->bytes = sizeof(word) + n->ksize;
	if (is_leaf)
		n->bytes += n->flags & NODE_BIG ? sizeof(size_t) : n->dsize;
	return n->bytes <= c->psize - at && (!is_leaf || n->flags <= NODE_BIG);
}

static bool
check_page(struct check *c, size_t number, unsigned depth, bool *divided);

static bool
check_node(struct check *c, const struct node *n, size_t i, bool is_leaf,
    size_t number, unsigned depth, bool *divided)
{
	if (!is_leaf) {
		/* The first key of a branch stands for "less than all". */
		if (i > 0 && !key_follows(c, n->key, n->ksize, true, divided))
			return bad(c, "keys out of order", number);
		return check_page(c, n->child, depth - 1, divided);
	}
	if (!key_follows(c, n->key, n->ksize, false, divided))
		return bad(c, "keys out of order", number);
	if (n->flags & NODE_BIG)
		return check_big(
		    c, n->key, n->ksize, n->key + n->ksize, n->dsize);
	if (!check_value(c, n->key, n->ksize, n->key + n->ksize, n->dsize))
		return bad(c, "an entry is damaged", number);
	return true;
}

static bool
check_nodes(struct check *c, const unsigned char *page, size_t number,
    unsigned depth, bool *divided)
{
	bool is_leaf = depth == 1;
	struct page_head head;
	size_t n, bytes = 0;
	struct node node;

	memcpy(&head, page, sizeof(head));
	head.flags &= (uint16_t)~PAGE_TRANSIENT;
	if (head.number != number ||
	    head.flags != (is_leaf ? PAGE_LEAF : PAGE_BRANCH) ||
	    head.lower <= sizeof(head) || head.lower > head.upper ||
	    head.lower % 2 != 0 || head.upper > c->psize)
		return bad(c, "its head is damaged", number);
	n = (head.lower - sizeof(head)) / 2;
	for (size_t i = 0; i < n; i++) {
		if (!node_at(c, page, &head, i, is_leaf, &node))
			return bad(c, "an entry leads out of it", number);
		bytes += (node.bytes + 1) & ~(size_t)1;
		if (!check_node(c, &node, i, is_leaf, number, depth, divided))
			return false;
	}
	if (bytes != c->psize - head.upper)
		return bad(c, "its entries do not fill it", number);
	return true;
}

static bool
check_page(struct check *c, size_t number, unsigned depth, bool *divided)
{
	unsigned char *page;
	bool ok;

	if (!claim(c, number, 1))
		return false;
	if (depth == 1)
		c->sum.leaves++;
	else
		c->sum.branches++;
	page = xmalloc(c->psize);
	ok = read_page(c, number, page, 1) &&
	    check_nodes(c, page, number, depth, divided);
	xfree(page);
	return ok;
}

static bool
check_tree(struct check *c, const struct tree *t, bool is_free)
{
	bool divided = false;

	c->sum = (struct tree){ 0 };
	c->has_key = false;
	c->is_free = is_free;
	if (t->root == SIZE_MAX)
		return t->depth == 0 && t->entries == 0;
	if (t->depth == 0 || t->depth > DEPTH_MAX)
		return bad(c, "a tree of no such depth", t->root);
	if (!check_page(c, t->root, t->depth, &divided))
		return false;
	if (c->sum.branches != t->branches || c->sum.leaves != t->leaves ||
	    c->sum.overflows != t->overflows || c->sum.entries != t->entries)
		return bad(c, "counts do not agree", t->root);
	return true;
}

/* --- the file --- */

static bool
meta_is_good(const struct meta *m, size_t number)
{
	uint16_t flags = m->trees[0].flags & (uint16_t)~ENV_NOSUBDIR;

	return m->head.number == number && m->head.flags == PAGE_META &&
	    m->magic == META_MAGIC && flags == FREE_FLAGS &&
	    m->trees[1].flags == 0 && (m->txn == 0 || m->txn % 2 == number);
}

/* Read both meta pages and choose as LMDB does.  1, 0: unknown format, -1. */
static int
choose(struct check *c, struct meta *m_r)
{
	struct meta m[2];

	if (pread(c->fd, &m[0], sizeof(m[0]), 0) != (ssize_t)sizeof(m[0]))
		return bad(c, "cut short", 0) - 1;
	c->psize = m[0].trees[0].pad;
	if (c->psize < PSIZE_MIN || c->psize > PSIZE_MAX ||
	    (c->psize & (c->psize - 1)) != 0)
		return bad(c, "a page size that cannot be", 0) - 1;
	if (pread(c->fd, &m[1], sizeof(m[1]), (off_t)c->psize) !=
	    (ssize_t)sizeof(m[1]))
		return bad(c, "cut short", 1) - 1;
	if (m[0].magic == META_MAGIC && m[1].magic == META_MAGIC &&
	    m[0].version == m[1].version && m[0].version != META_VERSION)
		return 0;
	for (size_t i = 0; i < 2; i++)
		if (m[i].version != META_VERSION || !meta_is_good(&m[i], i) ||
		    m[i].trees[0].pad != c->psize)
			return bad(c, "a damaged meta page", i) - 1;
	if (m[0].txn != m[1].txn + 1 && m[1].txn != m[0].txn + 1 &&
	    (m[0].txn != 0 || m[1].txn != 0))
		return bad(c, "meta pages that do not follow another", 0) - 1;
	*m_r = m[m[1].txn > m[0].txn];
	return 1;
}

static int
check_file(struct check *c)
{
	struct meta m;
	struct stat st;
	int rc;

	if (fstat(c->fd, &st) != 0)
		return err_set(c->err, ERR_SYS, "%s", strerror(errno));
	rc = choose(c, &m);
	if (rc <= 0)
		return rc;
	c->last = m.last;
	if (m.last < 1 || m.last >= (size_t)st.st_size / c->psize)
		return err_set(c->err, ERR_DATA,
		    "it should have %zu pages of %zu bytes and has %lld bytes",
		    m.last + 1, c->psize, (long long)st.st_size);
	c->seen = xcalloc(m.last / 8 + 1, 1);
	if (!check_tree(c, &m.trees[0], true) ||
	    !check_tree(c, &m.trees[1], false))
		return -1;
	return 0;
}

int
indexcheck(const char *path, indexcheck_entry_fn *entry, struct err *err)
{
	struct err mine = { .kind = ERR_NONE };
	struct check c = { .entry = entry, .err = err != NULL ? err : &mine };
	int rc;

	c.fd = open(path, O_RDONLY | O_CLOEXEC);
	if (c.fd < 0)
		return err_set(
		    err, ERR_SYS, "cannot open %s: %s", path, strerror(errno));
	rc = check_file(&c);
	close(c.fd);
	xfree(c.seen);
	return rc;
}
