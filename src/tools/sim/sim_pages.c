/*
 * tools/sim/sim_pages.c -- zipped bodies, and pages zipped before.
 *
 * A benchmark asks for the same pages again and again, while the few bytes
 * before the records (the next link) differ.  A deflate stream may be put
 * together from parts that each end at a byte's border and do not look back
 * over it, and CRCs can be combined; so the records are zipped once.
 */
/* SPDX-License-Identifier: ISC */
#include "tools/sim/sim_pages.h"

#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

#include "base/buf.h"
#include "base/xalloc.h"
#include "tools/sim/sim_call.h"

#define SLOTS 4096 /* pages at most */
#define LEVEL 3
#define WINDOW -15 /* raw deflate */

struct sim_page {
	uint64_t key;
	char *zipped; /* owned */
	size_t len;
	uint32_t crc;
	size_t length; /* before */
};

struct sim_pages {
	struct sim_page page[SLOTS]; /* a ring, the oldest leave first */
	size_t oldest, n, bytes, most;
	struct sim_page once; /* the last one without a key */
};

struct sim_pages *
sim_pages_new(size_t most_bytes)
{
	struct sim_pages *p = xcalloc(1, sizeof(*p));

	p->most = most_bytes;
	return p;
}

static void
drop_oldest(struct sim_pages *p)
{
	struct sim_page *page = &p->page[p->oldest];

	p->bytes -= page->len;
	xfree(page->zipped);
	page->zipped = NULL;
	p->oldest = (p->oldest + 1) % SLOTS;
	p->n--;
}

void
sim_pages_free(struct sim_pages **pp)
{
	struct sim_pages *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	while (p->n > 0)
		drop_oldest(p);
	xfree(p->once.zipped);
	xfree(p);
}

const struct sim_page *
sim_pages_find(const struct sim_pages *p, uint64_t key)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct sim_page *page = &p->page[(p->oldest + i) % SLOTS];

		if (page->key == key && key != 0)
			return page;
	}
	return NULL;
}

/* Append text, deflated; flush says whether the stream ends with it. */
static void
deflate_to(struct buf *out, struct str text, int flush)
{
	z_stream z = { 0 };

	if (deflateInit2(
		&z, LEVEL, Z_DEFLATED, WINDOW, 9, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	if (buf_reserve(out, deflateBound(&z, text.len) + 64)) {
		z.next_in = (const Bytef *)text.p;
		z.avail_in = (uInt)text.len;
		z.next_out = (Bytef *)out->p + out->len;
		z.avail_out = (uInt)(out->size - out->len);
		(void)deflate(&z, flush);
		out->len = (size_t)((char *)z.next_out - out->p);
	}
	deflateEnd(&z);
}

static uint32_t
crc_of(struct str text)
{
	return (uint32_t)crc32(0, (const Bytef *)text.p, (uInt)text.len);
}

static struct sim_page *
free_slot(struct sim_pages *p, uint64_t key)
{
	if (key == 0) {
		xfree(p->once.zipped);
		return &p->once;
	}
	while (p->n == SLOTS || (p->n > 0 && p->bytes > p->most))
		drop_oldest(p);
	return &p->page[(p->oldest + p->n++) % SLOTS];
}

const struct sim_page *
sim_pages_add(struct sim_pages *p, uint64_t key, struct str text)
{
	struct sim_page *page = free_slot(p, key);
	struct buf out;

	buf_init(&out, SIM_BODY_MOST);
	deflate_to(&out, text, Z_FINISH);
	page->key = key;
	page->crc = crc_of(text);
	page->length = text.len;
	page->len = out.len;
	page->zipped = xmalloc(out.len + 1);
	memcpy(page->zipped, out.p, out.len);
	buf_clear(&out);
	if (key != 0)
		p->bytes += page->len;
	return page;
}

static void
put_le32(struct buf *out, size_t v)
{
	for (int i = 0; i < 4; i++)
		buf_add_char(out, (char)(v >> 8 * i & 255));
}

void
sim_pages_put(const struct sim_page *page, struct str head, struct buf *out)
{
	static const char header[10] = { 0x1f, (char)0x8b, 8, 0, 0, 0, 0, 0, 0,
		3 };
	uint32_t crc = (uint32_t)crc32_combine(
	    crc_of(head), page->crc, (z_off_t)page->length);

	buf_add(out, header, sizeof(header));
	deflate_to(out, head, Z_FULL_FLUSH);
	buf_add(out, page->zipped, page->len);
	put_le32(out, crc);
	put_le32(out, head.len + page->length);
}
