/* map/words.c -- a table of words, found without regard to case. */
/* SPDX-License-Identifier: ISC */
#include "map/words.h"

#include "base/xalloc.h"
#include "map/pool.h"

struct row {
	struct str word, text; /* in the pool */
	int next;              /* of the same bucket, or -1 */
};

struct words {
	struct pool *pool;
	struct row *row;
	int n, size;
	int *bucket; /* as many as size, a power of two */
	int rest;    /* row of "*", or -1 */
};

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Ends and middle tell nearly all words of a map apart. */
static unsigned
bucket(const struct words *w, struct str s)
{
	unsigned h = (unsigned)s.len;

	if (s.len > 0) {
		h = h * 31 + (unsigned char)lower(s.p[0]);
		h = h * 31 + (unsigned char)lower(s.p[s.len - 1]);
		h = h * 31 + (unsigned char)lower(s.p[s.len / 2]);
	}
	return (h ^ h >> 7) & (unsigned)(w->size - 1);
}

struct words *
words_new(void)
{
	struct words *w = xcalloc(1, sizeof(*w));

	w->pool = pool_new();
	w->rest = -1;
	return w;
}

void
words_free(struct words **wp)
{
	struct words *w = *wp;

	*wp = NULL;
	if (w == NULL)
		return;
	pool_free(&w->pool);
	xfree(w->row);
	xfree(w->bucket);
	xfree(w);
}

static void
link_row(struct words *w, int i)
{
	unsigned b = bucket(w, w->row[i].word);

	w->row[i].next = w->bucket[b];
	w->bucket[b] = i;
}

static void
grow(struct words *w)
{
	w->size = w->size == 0 ? 16 : w->size * 2;
	w->row = xreallocarray(w->row, (size_t)w->size, sizeof(*w->row));
	w->bucket =
	    xreallocarray(w->bucket, (size_t)w->size, sizeof(*w->bucket));
	for (int i = 0; i < w->size; i++)
		w->bucket[i] = -1;
	for (int i = 0; i < w->n; i++)
		link_row(w, i);
}

static int
find(const struct words *w, struct str word)
{
	if (w->n == 0)
		return -1;
	for (int i = w->bucket[bucket(w, word)]; i >= 0; i = w->row[i].next)
		if (str_eq(w->row[i].word, word) ||
		    str_eq_nocase(w->row[i].word, word))
			return i;
	return -1;
}

int
words_add(struct words *w, struct str word, struct str text)
{
	if (find(w, word) >= 0)
		return -1;
	if (w->n == w->size)
		grow(w);
	w->row[w->n] = (struct row){
		.word = pool_str(w->pool, word),
		.text = pool_str(w->pool, text),
	};
	link_row(w, w->n);
	if (str_is(word, "*"))
		w->rest = w->n;
	return w->n++;
}

size_t
words_count(const struct words *w)
{
	return (size_t)w->n;
}

int
words_find(const struct words *w, struct str word)
{
	int i = find(w, word);

	return i >= 0 ? i : w->rest;
}

struct str
words_text(const struct words *w, int number)
{
	return w->row[number].text;
}
