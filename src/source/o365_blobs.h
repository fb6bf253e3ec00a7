/* source/o365_blobs.h -- which contents are to be fetched, and which were. */
/* SPDX-License-Identifier: ISC */
#ifndef SOURCE_O365_BLOBS_H
#define SOURCE_O365_BLOBS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct o365_blobs;

#define O365_BLOB_NONE UINT32_MAX

/* One content, from being listed until it is in. */
struct o365_blob {
	char *uri;       /* owned; NULL: this place is free */
	uint64_t key;    /* of its id */
	int64_t low;     /* where the window begins that listed it; ms */
	int64_t created; /* ms; 0: not said */
	unsigned feed;
	unsigned tries;   /* that failed */
	uint32_t records; /* handed on, in the answer under way */
	bool is_answering;
	uint32_t next; /* in whatever chain it stands */
};

/* Those of a page that is not complete yet: begin with O365_BLOB_NONE. */
struct o365_page {
	uint32_t first, last;
};

struct o365_blobs *o365_blobs_new(void);
void o365_blobs_free(struct o365_blobs **bp);

/*
 * A round begins: nothing is to be fetched.  If the last one was lost,
 * nothing that it fetched was.
 */
void o365_blobs_begin(struct o365_blobs *b, bool was_lost);

enum o365_added {
	O365_ADDED,
	O365_KNOWN, /* it is to be fetched already, or was */
	O365_FULL   /* too many wait */
};

/* Put one into the page; give uri, key, low, created, feed. */
enum o365_added o365_blobs_add(struct o365_blobs *b, struct o365_page *page,
    const struct o365_blob *blob, struct str uri);

/* The page is complete: its contents wait.  Or it is not: forget them. */
void o365_blobs_accept(struct o365_blobs *b, struct o365_page *page);
void o365_blobs_drop(struct o365_blobs *b, struct o365_page *page);

/* The one that waits longest, or O365_BLOB_NONE. */
uint32_t o365_blobs_take(struct o365_blobs *b);
struct o365_blob *o365_blobs_at(struct o365_blobs *b, uint32_t number);

/* What became of one that was taken. */
void o365_blobs_done(struct o365_blobs *b, uint32_t number);
void o365_blobs_again(struct o365_blobs *b, uint32_t number); /* waits */
void o365_blobs_leave(struct o365_blobs *b, uint32_t number); /* unknown */

uint32_t o365_blobs_waiting(const struct o365_blobs *b);

#endif
