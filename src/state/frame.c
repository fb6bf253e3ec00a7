/*
 * state/frame.c -- one checksummed piece of the journal.
 *
 * The head has a checksum of its own, so that a damaged payload still tells
 * whose it was and where the next frame begins.  It covers the number of the
 * segment as well: files are used again, and a frame of an earlier life must
 * never pass for one of this.
 */
/* SPDX-License-Identifier: ISC */
#include "state/frame.h"

#include "state/crc32c.h"
#include "state/le.h"

#define MAGIC UINT32_C(0x46434343) /* "CCCF" */

static uint32_t
head_crc(const char *p, uint64_t segment)
{
	char number[8];

	le_put64(number, segment);
	return crc32c(crc32c(0, number, sizeof(number)), p, FRAME_HEAD - 4);
}

void
frame_begin(struct buf *b)
{
	static const char room[FRAME_HEAD];

	buf_add(b, room, sizeof(room));
}

void
frame_pad(struct buf *b)
{
	while (b->len % FRAME_ALIGN != 0 && !b->failed)
		buf_add_char(b, '\0');
}

void
frame_seal(char *p, const struct frame *f, size_t payload_len, uint64_t segment)
{
	le_put32(p, MAGIC);
	le_put32(p + 4, (uint32_t)f->kind);
	le_put32(p + 8, (uint32_t)payload_len);
	le_put32(p + 12, crc32c(0, p + FRAME_HEAD, payload_len));
	le_put64(p + 16, f->seq);
	le_put64(p + 24, f->prev);
	le_put64(p + 32, f->synced);
	le_put32(p + 40, f->source);
	le_put32(p + 44, head_crc(p, segment));
}

bool
frame_parse(const char *p, uint64_t segment, struct frame *f_r)
{
	if (le_get32(p) != MAGIC || le_get32(p + 44) != head_crc(p, segment))
		return false;
	*f_r = (struct frame){
		.kind = (enum frame_kind)le_get32(p + 4),
		.length = le_get32(p + 8),
		.payload_crc = le_get32(p + 12),
		.seq = le_get64(p + 16),
		.prev = le_get64(p + 24),
		.synced = le_get64(p + 32),
		.source = le_get32(p + 40),
	};
	return f_r->kind >= FRAME_PAGE && f_r->kind <= FRAME_BACK;
}

bool
frame_has(const struct frame *f, const char *payload)
{
	return crc32c(0, payload, f->length) == f->payload_crc;
}
