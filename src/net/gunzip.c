/* net/gunzip.c -- compressed bytes in, plain bytes out, a piece at a time. */
/* SPDX-License-Identifier: ISC */
/*
 * The output has a bound that the input knows nothing of: a few bytes can
 * unpack into megabytes, and they are unpacked when somebody wants them.
 */
#include "net/gunzip.h"

#include <limits.h>

#include <zlib.h>

#include "base/err.h"
#include "base/xalloc.h"

/* The largest window, and a gzip header before it. */
#define GUNZIP_WINDOW (15 + 16)

enum gunzip_state {
	GUNZIP_FRESH, /* a member may begin */
	GUNZIP_INSIDE,
	GUNZIP_BEHIND /* what follows the last member does not matter */
};

struct gunzip {
	z_stream z;
	enum gunzip_state state;
	bool begun; /* a member was complete already */
};

struct gunzip *
gunzip_new(void)
{
	struct gunzip *g = xcalloc(1, sizeof(*g));

	if (inflateInit2(&g->z, GUNZIP_WINDOW) != Z_OK) {
		xfree(g);
		return NULL;
	}
	return g;
}

void
gunzip_free(struct gunzip **gp)
{
	struct gunzip *g = *gp;

	*gp = NULL;
	if (g == NULL)
		return;
	inflateEnd(&g->z);
	xfree(g);
}

static unsigned
clamp(size_t n)
{
	return n < UINT_MAX ? (unsigned)n : UINT_MAX;
}

/*
 * Behind a member another may follow; anything else, such as padding, is
 * passed over, as gzip does.
 */
static void
begin_member(struct gunzip *g, struct str in)
{
	if (g->begun && in.p[0] != '\x1f') {
		g->state = GUNZIP_BEHIND;
		return;
	}
	inflateReset(&g->z);
	g->state = GUNZIP_INSIDE;
}

int
gunzip_step(struct gunzip *g, struct str *in, char *p, size_t size, size_t *n_r,
    struct err *err)
{
	z_stream *z = &g->z;
	int rc = Z_OK;

	z->next_out = (unsigned char *)p;
	z->avail_out = clamp(size);
	while (rc == Z_OK && z->avail_out > 0) {
		unsigned given = clamp(in->len);

		if (g->state == GUNZIP_FRESH && in->len > 0)
			begin_member(g, *in);
		if (g->state != GUNZIP_INSIDE)
			break;
		/* zlib does not write there, it only lacks the const. */
		z->next_in = (unsigned char *)(uintptr_t)in->p;
		z->avail_in = given;
		rc = inflate(z, Z_NO_FLUSH);
		*in = str_make(in->p + (given - z->avail_in),
		    in->len - (given - z->avail_in));
		if (rc == Z_STREAM_END) {
			g->state = GUNZIP_FRESH;
			g->begun = true;
			rc = Z_OK;
		}
	}
	if (g->state == GUNZIP_BEHIND)
		*in = str_make(NULL, 0);
	*n_r = clamp(size) - z->avail_out;
	/* No progress for want of input is no fault. */
	if (rc == Z_OK || rc == Z_BUF_ERROR)
		return 0;
	return err_set(err, ERR_RETRY, "the compressed answer is damaged: %s",
	    z->msg != NULL ? z->msg : zError(rc));
}

bool
gunzip_is_complete(const struct gunzip *g)
{
	return g->state != GUNZIP_INSIDE;
}
