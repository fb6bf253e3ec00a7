/* state/cursors.c -- where each source's next round begins, and who has it. */
/* SPDX-License-Identifier: ISC */
#include "state/cursors.h"

#include "base/xalloc.h"
#include "state/checkpoint.h"

#define CURSOR_CAP (64 * 1024)
#define ENTRY_BYTES 16 /* beside name and cursor, in a checkpoint */

struct cursors {
	struct cursors_source *first; /* owned */
	uint64_t epoch;               /* the last one given */
};

struct cursors *
cursors_new(const struct checkpoint *cp)
{
	struct cursors *c = xcalloc(1, sizeof(*c));

	for (size_t i = 0; i < cp->n_cursors; i++)
		cursors_set(cursors_source(c, str_of(cp->cursors[i].source)),
		    buf_str(&cp->cursors[i].cursor));
	return c;
}

void
cursors_free(struct cursors **cp)
{
	struct cursors *c = *cp;
	struct cursors_source *s;

	*cp = NULL;
	if (c == NULL)
		return;
	while ((s = c->first) != NULL) {
		c->first = s->next;
		buf_clear(&s->cursor);
		xfree(s->name);
		xfree(s);
	}
	xfree(c);
}

struct cursors_source *
cursors_source(struct cursors *c, struct str name)
{
	struct cursors_source *s = c->first;

	while (s != NULL && !str_is(name, s->name))
		s = s->next;
	if (s == NULL) {
		s = xcalloc(1, sizeof(*s));
		s->name = xstrndup(name.p, name.len);
		buf_init(&s->cursor, CURSOR_CAP);
		s->next = c->first;
		c->first = s;
	}
	return s;
}

uint64_t
cursors_acquire(struct cursors *c, struct cursors_source *s)
{
	s->epoch = ++c->epoch;
	s->is_held = true;
	return s->epoch;
}

bool
cursors_holds(const struct cursors_source *s, uint64_t epoch)
{
	return s->is_held && s->epoch == epoch;
}

void
cursors_set(struct cursors_source *s, struct str cursor)
{
	buf_reset(&s->cursor);
	buf_add_str(&s->cursor, cursor);
}

void
cursors_back(struct cursors *c, struct cursors_source *s, struct str cursor)
{
	cursors_set(s, cursor);
	s->epoch = ++c->epoch;
	s->is_held = false;
}

struct cursors_source *
cursors_first(struct cursors *c)
{
	return c->first;
}

size_t
cursors_bytes(const struct cursors *c)
{
	size_t n = 0;

	for (const struct cursors_source *s = c->first; s != NULL; s = s->next)
		n += ENTRY_BYTES + strlen(s->name) + s->cursor.len;
	return n;
}
