/*
 * state/positions.c -- where each output stands, wished and written.
 *
 * A position goes on while an earlier one is being written, and an output may
 * be dropped or come back meanwhile.  So what is on its way is remembered
 * beside what is wanted, and only that becomes durable.
 */
/* SPDX-License-Identifier: ISC */
#include "state/positions.h"

#include "base/xalloc.h"
#include "state/checkpoint.h"
#include "state/store.h"

void
positions_clear(struct positions *ps)
{
	struct position *p;

	while ((p = ps->first) != NULL) {
		ps->first = p->next;
		xfree(p->name);
		xfree(p);
	}
}

struct position *
positions_find(const struct positions *ps, struct str name)
{
	struct position *p = ps->first;

	while (p != NULL && !str_is(name, p->name))
		p = p->next;
	return p;
}

static struct position *
add(struct positions *ps, struct str name)
{
	struct position *p = xcalloc(1, sizeof(*p));

	p->name = xstrndup(name.p, name.len);
	p->next = ps->first;
	ps->first = p;
	return p;
}

struct position *
positions_begin(struct positions *ps, struct str name, uint64_t pos)
{
	struct position *p = positions_find(ps, name);

	if (p == NULL)
		p = add(ps, name);
	p->wanted = p->durable = pos;
	p->is_written = false;
	p->is_dropped = false;
	return p;
}

void
positions_known(struct positions *ps, struct str name, uint64_t pos)
{
	positions_begin(ps, name, pos)->is_written = true;
}

bool
positions_move(struct position *p, uint64_t pos)
{
	if (p->is_dropped || pos <= p->wanted)
		return false;
	p->wanted = pos;
	return true;
}

uint64_t
positions_done(const struct positions *ps, bool durable)
{
	uint64_t page = UINT64_MAX;

	for (const struct position *p = ps->first; p != NULL; p = p->next) {
		uint64_t done =
		    store_pos_done(durable ? p->durable : p->wanted);

		if (!p->is_dropped && done < page)
			page = done;
	}
	return page;
}

bool
positions_encode(struct positions *ps, struct buf *out)
{
	bool any = false;

	for (struct position *p = ps->first; p != NULL; p = p->next) {
		uint64_t pos = p->is_dropped ? CHECKPOINT_DROPPED : p->wanted;

		p->is_writing = !p->is_written || p->durable != pos;
		if (!p->is_writing)
			continue;
		p->writing = pos;
		checkpoint_part_output(out, str_of(p->name), pos);
		any = true;
	}
	return any;
}

void
positions_written(struct positions *ps, bool ok)
{
	for (struct position *p = ps->first; p != NULL; p = p->next) {
		/* One that came back meanwhile is written with the next. */
		bool came_back = p->is_writing && !p->is_dropped &&
		    p->writing == CHECKPOINT_DROPPED;

		if (p->is_writing && ok && !came_back) {
			p->durable = p->writing;
			p->is_written = true;
		}
		p->is_writing = false;
	}
}
