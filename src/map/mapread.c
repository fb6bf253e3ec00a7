/* map/mapread.c -- small things that all readers of a map file need. */
/* SPDX-License-Identifier: ISC */
#include "map/mapread.h"

#include "map/pathset.h"
#include "map/pool.h"

static const char *const sections[SECTIONS] = { "path", "key", "table", "form",
	"event", "version", "records" };

bool
mapread_is_section(const struct mapread *r, int n)
{
	for (int i = 0; i < n; i++)
		if (mapline_is(&r->l, sections[i]))
			return true;
	return false;
}

int
mapread_end(struct mapread *r)
{
	if (r->l.kind == MAPWORD_END)
		return 0;
	return mapline_error(
	    &r->l, "\"%.*s\" is too much here", STR_ARG(r->l.word));
}

static void
free_pathset(void *thing)
{
	struct pathset *set = thing;

	pathset_free(&set);
}

static void
free_words(void *thing)
{
	struct words *w = thing;

	words_free(&w);
}

struct pathset *
mapread_set(struct mapread *r)
{
	struct pathset *set = pathset_new();

	pool_own(r->pool, set, free_pathset);
	return set;
}

struct words *
mapread_words(struct mapread *r)
{
	struct words *w = words_new();

	pool_own(r->pool, w, free_words);
	return w;
}

int
mapread_row(struct mapread *r, int n_sections)
{
	int more = mapline_next(&r->l);

	if (more <= 0)
		return more;
	return mapread_is_section(r, n_sections) ? 0 : 1;
}

bool
mapread_is_name(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
	}
	return s.len > 0;
}

struct named *
named_find(struct named *list, struct str name)
{
	for (struct named *n = list; n != NULL; n = n->next)
		if (str_eq(n->name, name))
			return n;
	return NULL;
}
