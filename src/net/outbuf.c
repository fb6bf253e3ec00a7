/* net/outbuf.c -- bytes on their way out, in pieces that fill TLS records. */
/* SPDX-License-Identifier: ISC */
#include "net/outbuf.h"

#include <assert.h>

#include "base/xalloc.h"

#define OUTBUF_SPARES_MAX 16

struct outbuf_piece {
	TAILQ_ENTRY(outbuf_piece) entry;
	size_t from, to; /* what is filled and has not gone */
	char bytes[OUTBUF_PIECE];
};

void
outbuf_init(struct outbuf *b)
{
	TAILQ_INIT(&b->pieces);
	TAILQ_INIT(&b->spares);
	b->n_spares = 0;
	b->bytes = 0;
}

void
outbuf_clear(struct outbuf *b)
{
	struct outbuf_piece *piece;

	while ((piece = TAILQ_FIRST(&b->pieces)) != NULL) {
		TAILQ_REMOVE(&b->pieces, piece, entry);
		xfree(piece);
	}
	b->bytes = 0;
	outbuf_rest(b);
}

void
outbuf_rest(struct outbuf *b)
{
	struct outbuf_piece *piece;

	while ((piece = TAILQ_FIRST(&b->spares)) != NULL) {
		TAILQ_REMOVE(&b->spares, piece, entry);
		xfree(piece);
	}
	b->n_spares = 0;
}

static struct outbuf_piece *
add_piece(struct outbuf *b)
{
	struct outbuf_piece *piece = TAILQ_FIRST(&b->spares);

	if (piece != NULL) {
		TAILQ_REMOVE(&b->spares, piece, entry);
		b->n_spares--;
	} else {
		piece = xmalloc(sizeof(*piece));
	}
	piece->from = piece->to = 0;
	TAILQ_INSERT_TAIL(&b->pieces, piece, entry);
	return piece;
}

void
outbuf_add(struct outbuf *b, struct str bytes)
{
	struct outbuf_piece *last = TAILQ_LAST(&b->pieces, outbuf_pieces);

	b->bytes += bytes.len;
	while (bytes.len > 0) {
		size_t n;

		if (last == NULL || last->to == OUTBUF_PIECE)
			last = add_piece(b);
		n = OUTBUF_PIECE - last->to;
		if (n > bytes.len)
			n = bytes.len;
		memcpy(last->bytes + last->to, bytes.p, n);
		last->to += n;
		bytes = str_make(bytes.p + n, bytes.len - n);
	}
}

struct str
outbuf_front(const struct outbuf *b)
{
	const struct outbuf_piece *piece = TAILQ_FIRST(&b->pieces);

	if (piece == NULL)
		return str_make(NULL, 0);
	return str_make(piece->bytes + piece->from, piece->to - piece->from);
}

int
outbuf_iov(const struct outbuf *b, struct iovec *iov, int max)
{
	struct outbuf_piece *piece;
	int n = 0;

	TAILQ_FOREACH(piece, &b->pieces, entry)
	{
		if (n == max)
			break;
		iov[n].iov_base = piece->bytes + piece->from;
		iov[n++].iov_len = piece->to - piece->from;
	}
	return n;
}

void
outbuf_take(struct outbuf *b, size_t n)
{
	assert(n <= b->bytes);
	b->bytes -= n;
	while (n > 0) {
		struct outbuf_piece *piece = TAILQ_FIRST(&b->pieces);
		size_t have = piece->to - piece->from;

		if (n < have) {
			piece->from += n;
			return;
		}
		n -= have;
		TAILQ_REMOVE(&b->pieces, piece, entry);
		if (b->n_spares < OUTBUF_SPARES_MAX) {
			TAILQ_INSERT_HEAD(&b->spares, piece, entry);
			b->n_spares++;
		} else {
			xfree(piece);
		}
	}
}
