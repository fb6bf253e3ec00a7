/* tests/fake_store.c -- state/store.h in memory, for one source and output. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include "tests/fake_store.h"

#include "base/buf.h"
#include "base/xalloc.h"
#include "state/page.h"

#define MANY 4096

struct pending {
	struct buf payload;
	store_done_fn *done;
	void *arg;
};

struct store {
	char cursor[4096];
	struct page_id ids[MANY];
	size_t n_ids;
	char *events[MANY]; /* owned; durable, position i + 1 */
	size_t n_events;
	struct pending pending[64];
	size_t n_pending;
	size_t inflight;
	bool full;
	unsigned quarantined;
	uint64_t epoch;
	struct buf text;
	store_wake_fn *wake;
	void *wake_arg;
};

struct store_reader {
	struct store *s;
	store_pos at, confirmed;
};

struct store *
fake_store_new(void)
{
	struct store *s = xcalloc(1, sizeof(*s));

	buf_init(&s->text, 1 << 20);
	return s;
}

void
fake_store_free(struct store **sp)
{
	struct store *s = *sp;

	*sp = NULL;
	for (size_t i = 0; i < s->n_events; i++)
		xfree(s->events[i]);
	for (size_t i = 0; i < s->n_pending; i++)
		buf_clear(&s->pending[i].payload);
	buf_clear(&s->text);
	xfree(s);
}

static void
take_in(struct store *s, struct str payload)
{
	struct page_view view;
	struct page_event event;
	struct page_walk walk;
	struct page_id id;
	struct err err;

	if (page_decode(payload, &view, &err) < 0)
		fail_msg("%s", err.text);
	page_walk_init(&walk, &view, str_of("cef/0"));
	while (page_walk_next(&walk, &event)) {
		assert_true(s->n_events < MANY);
		s->events[s->n_events++] =
		    xstrndup(event.text.p, event.text.len);
	}
	for (uint32_t i = 0; page_view_id(&view, i, &id); i++) {
		assert_true(s->n_ids < MANY);
		s->ids[s->n_ids++] = id;
	}
	if (view.has_cursor)
		snprintf(
		    s->cursor, sizeof(s->cursor), "%.*s", STR_ARG(view.cursor));
	s->quarantined += view.quarantine.len > 0;
}

void
fake_store_settle(struct store *s, const struct err *err)
{
	size_t n = s->n_pending;
	struct pending settled[64];

	memcpy(settled, s->pending, n * sizeof(settled[0]));
	s->n_pending = 0;
	for (size_t i = 0; i < n; i++) {
		if (err == NULL)
			take_in(s, buf_str(&settled[i].payload));
		buf_clear(&settled[i].payload);
		settled[i].done(settled[i].arg, err);
	}
	if (err == NULL && s->wake != NULL)
		s->wake(s->wake_arg);
}

void
fake_store_set_full(struct store *s, bool full)
{
	s->full = full;
}

void
fake_store_set_inflight(struct store *s, size_t bytes)
{
	s->inflight = bytes;
}

const char *
fake_store_events(struct store *s)
{
	buf_reset(&s->text);
	for (size_t i = 0; i < s->n_events; i++)
		buf_addf(&s->text, "%s\n", s->events[i]);
	return buf_cstr(&s->text);
}

const char *
fake_store_cursor(struct store *s)
{
	return s->cursor;
}

void
fake_store_go_back(struct store *s, const char *cursor)
{
	snprintf(s->cursor, sizeof(s->cursor), "%s", cursor);
}

unsigned
fake_store_quarantined(const struct store *s)
{
	return s->quarantined;
}

void
fake_store_add(struct store *s, const char *text)
{
	assert_true(s->n_events < MANY);
	s->events[s->n_events++] = xstrdup(text);
	if (s->wake != NULL)
		s->wake(s->wake_arg);
}

/* --- the contract ----------------------------------------------------- */

int
store_acquire(struct store *s, struct str source, uint64_t *epoch_r,
    struct str *cursor_r, struct err *err)
{
	(void)source;
	(void)err;
	*epoch_r = ++s->epoch;
	*cursor_r = str_of(s->cursor);
	return 0;
}

void
store_release(struct store *s, struct str source, uint64_t epoch)
{
	(void)source;
	assert_true(epoch == s->epoch);
}

int
store_append(struct store *s, uint64_t epoch, const struct page *p,
    store_done_fn *done, void *arg, struct err *err)
{
	struct pending *pending = &s->pending[s->n_pending];

	(void)err;
	assert_true(epoch == s->epoch);
	assert_true(s->n_pending < 64);
	assert_false(page_failed(p));
	*pending = (struct pending){ .done = done, .arg = arg };
	buf_init(&pending->payload, PAGE_BYTES_MAX);
	page_encode(p, &pending->payload);
	assert_false(pending->payload.failed);
	s->n_pending++;
	return 0;
}

size_t
store_inflight_bytes(const struct store *s)
{
	return s->inflight;
}

bool
store_seen(struct store *s, const struct page_id *id)
{
	for (size_t i = 0; i < s->n_ids; i++)
		if (memcmp(&s->ids[i], id, sizeof(*id)) == 0)
			return true;
	for (size_t i = 0; i < s->n_pending; i++) {
		struct page_view view;
		struct page_id other;

		if (page_decode(buf_str(&s->pending[i].payload), &view, NULL) <
		    0)
			continue;
		for (uint32_t k = 0; page_view_id(&view, k, &other); k++)
			if (memcmp(&other, id, sizeof(*id)) == 0)
				return true;
	}
	return false;
}

bool
store_is_full(const struct store *s)
{
	return s->full;
}

struct store_reader *
store_reader_new(struct store *s, struct str output, struct str form,
    const char *const *sources)
{
	struct store_reader *r = xcalloc(1, sizeof(*r));

	(void)output;
	(void)form;
	(void)sources;
	r->s = s;
	return r;
}

void
store_reader_free(struct store_reader **rp)
{
	xfree(*rp);
	*rp = NULL;
}

int
store_next(struct store_reader *r, struct store_event *event_r, struct err *err)
{
	(void)err;
	if (r->at >= r->s->n_events)
		return 0;
	*event_r = (struct store_event){ .pos = r->at + 1,
		.time_ms = 1000,
		.source = STR_LIT("a"),
		.text = str_of(r->s->events[r->at]) };
	r->at++;
	return 1;
}

void
store_rewind(struct store_reader *r, store_pos pos)
{
	assert_true(pos >= r->confirmed);
	r->at = pos;
}

void
store_confirm(struct store_reader *r, store_pos pos)
{
	if (pos > r->confirmed)
		r->confirmed = pos;
}

store_pos
store_confirmed(const struct store_reader *r)
{
	return r->confirmed;
}

void
store_on_events(struct store *s, store_wake_fn *fn, void *arg)
{
	s->wake = fn;
	s->wake_arg = arg;
}
