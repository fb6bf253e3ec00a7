/*
 * state/checkpoint.c -- what a journal's reader knows at one moment.
 *
 * An encoded checkpoint is a version byte and then entries, each with a byte
 * that says what it is.  A zero byte ends it, and so does the end, so that a
 * writer may pad it with zeros.
 */
/* SPDX-License-Identifier: ISC */
#include "state/checkpoint.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "state/le.h"

#define CHECKPOINT_VERSION 1
#define CURSOR_CAP (64 * 1024)

enum entry {
	ENTRY_END,
	ENTRY_CURSOR,
	ENTRY_NO_CURSOR,
	ENTRY_OUTPUT
};

static void
cursor_clear(struct checkpoint_cursor *c)
{
	xfree(c->source);
	buf_clear(&c->cursor);
}

void
checkpoint_drop_cursors(struct checkpoint *cp)
{
	for (size_t i = 0; i < cp->n_cursors; i++)
		cursor_clear(&cp->cursors[i]);
	xfree(cp->cursors);
	cp->cursors = NULL;
	cp->n_cursors = 0;
}

void
checkpoint_clear(struct checkpoint *cp)
{
	checkpoint_drop_cursors(cp);
	for (size_t i = 0; i < cp->n_outputs; i++)
		xfree(cp->outputs[i].name);
	xfree(cp->outputs);
	*cp = (struct checkpoint){ 0 };
}

static struct checkpoint_cursor *
cursor_find(const struct checkpoint *cp, struct str source)
{
	for (size_t i = 0; i < cp->n_cursors; i++)
		if (str_is(source, cp->cursors[i].source))
			return &cp->cursors[i];
	return NULL;
}

const struct buf *
checkpoint_cursor(const struct checkpoint *cp, struct str source)
{
	const struct checkpoint_cursor *c = cursor_find(cp, source);

	return c != NULL ? &c->cursor : NULL;
}

void
checkpoint_set_cursor(
    struct checkpoint *cp, struct str source, struct str cursor)
{
	struct checkpoint_cursor *c = cursor_find(cp, source);

	if (c == NULL) {
		cp->cursors = xreallocarray(
		    cp->cursors, cp->n_cursors + 1, sizeof(*cp->cursors));
		c = &cp->cursors[cp->n_cursors++];
		c->source = xstrndup(source.p, source.len);
		buf_init(&c->cursor, CURSOR_CAP);
	}
	buf_reset(&c->cursor);
	buf_add_str(&c->cursor, cursor);
}

void
checkpoint_drop_cursor(struct checkpoint *cp, struct str source)
{
	struct checkpoint_cursor *c = cursor_find(cp, source);

	if (c == NULL)
		return;
	cursor_clear(c);
	*c = cp->cursors[--cp->n_cursors];
}

void
checkpoint_set_output(struct checkpoint *cp, struct str name, uint64_t pos)
{
	size_t i = 0;

	while (i < cp->n_outputs && !str_is(name, cp->outputs[i].name))
		i++;
	if (pos == CHECKPOINT_DROPPED) {
		if (i == cp->n_outputs)
			return;
		xfree(cp->outputs[i].name);
		cp->outputs[i] = cp->outputs[--cp->n_outputs];
		return;
	}
	if (i == cp->n_outputs) {
		cp->outputs = xreallocarray(
		    cp->outputs, cp->n_outputs + 1, sizeof(*cp->outputs));
		cp->outputs[cp->n_outputs++].name = xstrndup(name.p, name.len);
	}
	cp->outputs[i].pos = pos;
}

void
checkpoint_copy(struct checkpoint *to, const struct checkpoint *from)
{
	for (size_t i = 0; i < from->n_cursors; i++)
		checkpoint_set_cursor(to, str_of(from->cursors[i].source),
		    buf_str(&from->cursors[i].cursor));
	for (size_t i = 0; i < from->n_outputs; i++)
		checkpoint_set_output(
		    to, str_of(from->outputs[i].name), from->outputs[i].pos);
}

size_t
checkpoint_bytes(const struct checkpoint *cp)
{
	size_t n = 1;

	for (size_t i = 0; i < cp->n_cursors; i++)
		n += 9 + strlen(cp->cursors[i].source) +
		    cp->cursors[i].cursor.len;
	for (size_t i = 0; i < cp->n_outputs; i++)
		n += 13 + strlen(cp->outputs[i].name);
	return n;
}

void
checkpoint_part(struct buf *out)
{
	buf_add_char(out, CHECKPOINT_VERSION);
}

void
checkpoint_part_cursor(
    struct buf *out, struct str source, const struct str *cursor)
{
	buf_add_char(out, cursor != NULL ? ENTRY_CURSOR : ENTRY_NO_CURSOR);
	le_add_str(out, source);
	if (cursor != NULL)
		le_add_str(out, *cursor);
}

void
checkpoint_part_output(struct buf *out, struct str name, uint64_t pos)
{
	buf_add_char(out, ENTRY_OUTPUT);
	le_add_str(out, name);
	le_add64(out, pos);
}

void
checkpoint_encode(const struct checkpoint *cp, struct buf *out)
{
	checkpoint_part(out);
	for (size_t i = 0; i < cp->n_cursors; i++) {
		struct str cursor = buf_str(&cp->cursors[i].cursor);

		checkpoint_part_cursor(
		    out, str_of(cp->cursors[i].source), &cursor);
	}
	for (size_t i = 0; i < cp->n_outputs; i++)
		checkpoint_part_output(
		    out, str_of(cp->outputs[i].name), cp->outputs[i].pos);
}

static bool
apply_entry(struct checkpoint *cp, enum entry what, struct str *rest)
{
	struct str name, cursor;
	uint64_t pos;

	if (!le_take_str(rest, &name))
		return false;
	switch (what) {
	case ENTRY_CURSOR:
		if (!le_take_str(rest, &cursor))
			return false;
		checkpoint_set_cursor(cp, name, cursor);
		return true;
	case ENTRY_NO_CURSOR:
		checkpoint_drop_cursor(cp, name);
		return true;
	case ENTRY_OUTPUT:
		if (!le_take64(rest, &pos))
			return false;
		checkpoint_set_output(cp, name, pos);
		return true;
	case ENTRY_END:
		break;
	}
	return false;
}

int
checkpoint_apply(struct checkpoint *cp, struct str encoded, struct err *err)
{
	struct str rest = encoded;

	if (rest.len == 0 || rest.p[0] != CHECKPOINT_VERSION)
		return err_set(err, ERR_DATA,
		    "checkpoint: not of a version that this program knows");
	rest = str_make(rest.p + 1, rest.len - 1);
	while (rest.len > 0 && rest.p[0] != ENTRY_END) {
		enum entry what = (enum entry)(unsigned char)rest.p[0];

		rest = str_make(rest.p + 1, rest.len - 1);
		if (!apply_entry(cp, what, &rest))
			return err_set(
			    err, ERR_DATA, "checkpoint: an entry is cut short");
	}
	return 0;
}
