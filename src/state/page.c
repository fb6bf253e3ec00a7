/*
 * state/page.c -- what one commit takes: events, ids, counts, cursor.
 *
 * Each kind of thing is gathered in a section of its own, so that a reader
 * who wants events hops over texts, and one who wants ids does not see the
 * events.  The payload is a table of lengths and then the sections.  It holds
 * no checksum: the journal's frame around it has one.
 */
/* SPDX-License-Identifier: ISC */
#include "state/page.h"

#include <assert.h>

#include "base/err.h"
#include "state/le.h"

#define CURSOR_MAX (64 * 1024)
#define NAME_MAX_BYTES 256
#define FORMS_MAX_BYTES 1024

#define SECTIONS 7
#define HEAD_BYTES (4 + 4 + 4 + 4 * SECTIONS)
#define FLAG_CURSOR 1

#define EVENT_HEAD 12 /* time; bytes of its texts */
#define TEXT_HEAD 5   /* number of its form; bytes */
#define ID_BYTES 24
#define COUNT_BYTES 12 /* hour, kind, number */
#define COUNTS_BACK 64 /* how far back an hour's counter is looked for */
#define HOUR_MS 3600000

void
page_init(struct page *p, struct str source)
{
	*p = (struct page){ 0 };
	buf_init(&p->source, NAME_MAX_BYTES);
	buf_init(&p->variants, FORMS_MAX_BYTES);
	buf_init(&p->events, PAGE_BYTES_MAX);
	buf_init(&p->ids, PAGE_BYTES_MAX);
	buf_init(&p->counts, PAGE_BYTES_MAX);
	buf_init(&p->quarantine, PAGE_BYTES_MAX);
	buf_init(&p->cursor, CURSOR_MAX);
	buf_add_str(&p->source, source);
}

void
page_clear(struct page *p)
{
	buf_clear(&p->source);
	buf_clear(&p->variants);
	buf_clear(&p->events);
	buf_clear(&p->ids);
	buf_clear(&p->counts);
	buf_clear(&p->quarantine);
	buf_clear(&p->cursor);
}

void
page_reset(struct page *p)
{
	buf_reset(&p->variants);
	buf_reset(&p->events);
	buf_reset(&p->ids);
	buf_reset(&p->counts);
	buf_reset(&p->quarantine);
	buf_reset(&p->cursor);
	p->n_events = 0;
	p->n_ids = 0;
	p->has_cursor = false;
	p->has_event = false;
}

/* --- events --- */

void
page_event(struct page *p, uint64_t time_ms)
{
	p->event_at = p->events.len;
	p->has_event = true;
	if (p->n_events >= PAGE_EVENTS_MAX)
		p->events.failed = true;
	p->n_events++;
	le_add64(&p->events, time_ms);
	le_add32(&p->events, 0);
}

/* The number of a form, or -1. */
static int
form_number(struct str forms, struct str form)
{
	for (int i = 0; forms.len > 0; i++)
		if (str_eq(str_cut(&forms, '\n'), form))
			return i;
	return -1;
}

static int
form_add(struct page *p, struct str form)
{
	int number = form_number(buf_str(&p->variants), form);
	int n = 0;

	if (number >= 0)
		return number;
	for (size_t i = 0; i < p->variants.len; i++)
		n += p->variants.p[i] == '\n';
	if (n >= PAGE_VARIANTS_MAX)
		return -1;
	buf_add_str(&p->variants, form);
	buf_add_char(&p->variants, '\n');
	return p->variants.failed ? -1 : n;
}

struct buf *
page_text_begin(struct page *p, struct str form)
{
	int number = form_add(p, form);

	assert(p->has_event);
	if (number < 0)
		p->events.failed = true;
	p->text_at = p->events.len;
	buf_add_char(&p->events, (char)number);
	le_add32(&p->events, 0);
	return &p->events;
}

void
page_text_end(struct page *p)
{
	struct buf *b = &p->events;

	if (b->failed)
		return;
	le_put32(
	    b->p + p->text_at + 1, (uint32_t)(b->len - p->text_at - TEXT_HEAD));
	le_put32(b->p + p->event_at + 8,
	    (uint32_t)(b->len - p->event_at - EVENT_HEAD));
}

void
page_event_undo(struct page *p)
{
	if (!p->has_event)
		return;
	p->has_event = false;
	p->n_events--;
	p->events.failed = false;
	buf_truncate(&p->events, p->event_at);
}

/* --- the rest --- */

void
page_id(struct page *p, const struct page_id *id)
{
	le_add64(&p->ids, id->time_ms);
	le_add64(&p->ids, id->hi);
	le_add64(&p->ids, id->lo);
	p->n_ids++;
}

/*
 * A page of one answer has few hours, so the counter is mostly among the
 * last; if not, a second one for the same hour does no harm, since readers
 * sum.
 */
void
page_count(struct page *p, uint64_t hour_ms, enum page_count what, uint32_t n)
{
	struct buf *b = &p->counts;
	uint32_t hour = (uint32_t)(hour_ms / HOUR_MS);
	size_t i = b->len;

	for (int back = 0; i > 0 && back < COUNTS_BACK; back++) {
		i -= COUNT_BYTES;
		if (le_get32(b->p + i) != hour ||
		    le_get32(b->p + i + 4) != (uint32_t)what)
			continue;
		le_put32(b->p + i + 8, le_get32(b->p + i + 8) + n);
		return;
	}
	if (!buf_reserve(b, COUNT_BYTES))
		return;
	le_add32(b, hour);
	le_add32(b, (uint32_t)what);
	le_add32(b, n);
}

void
page_quarantine(
    struct page *p, uint64_t time_ms, struct str reason, struct str raw)
{
	struct buf *b = &p->quarantine;

	if (!buf_reserve(b, 16 + reason.len + raw.len))
		return;
	le_add64(b, time_ms);
	le_add_str(b, reason);
	le_add_str(b, raw);
}

void
page_cursor(struct page *p, struct str cursor)
{
	buf_reset(&p->cursor);
	buf_add_str(&p->cursor, cursor);
	p->has_cursor = true;
}

size_t
page_bytes(const struct page *p)
{
	return HEAD_BYTES + p->source.len + p->variants.len + p->events.len +
	    p->ids.len + p->counts.len + p->quarantine.len + p->cursor.len;
}

bool
page_is_empty(const struct page *p)
{
	return p->n_events == 0 && p->n_ids == 0 && p->counts.len == 0 &&
	    p->quarantine.len == 0 && !p->has_cursor;
}

bool
page_failed(const struct page *p)
{
	return p->source.failed || p->variants.failed || p->events.failed ||
	    p->ids.failed || p->counts.failed || p->quarantine.failed ||
	    p->cursor.failed || page_bytes(p) > PAGE_BYTES_MAX;
}

/* --- the payload --- */

void
page_encode(const struct page *p, struct buf *out)
{
	const struct buf *sections[SECTIONS] = { &p->source, &p->variants,
		&p->events, &p->ids, &p->counts, &p->quarantine, &p->cursor };

	if (!buf_reserve(out, page_bytes(p)))
		return;
	buf_add_char(out, PAGE_VERSION);
	buf_add_char(out, p->has_cursor ? FLAG_CURSOR : 0);
	buf_add(out, "\0", 2);
	le_add32(out, p->n_events);
	le_add32(out, p->n_ids);
	for (size_t i = 0; i < SECTIONS; i++)
		le_add32(out, (uint32_t)sections[i]->len);
	for (size_t i = 0; i < SECTIONS; i++)
		buf_add_str(out, buf_str(sections[i]));
}

int
page_decode(struct str payload, struct page_view *v, struct err *err)
{
	struct str *sections[SECTIONS] = { &v->source, &v->variants, &v->events,
		&v->ids, &v->counts, &v->quarantine, &v->cursor };
	size_t at = HEAD_BYTES;

	*v = (struct page_view){ 0 };
	if (payload.len < HEAD_BYTES || payload.p[0] != PAGE_VERSION)
		return err_set(err, ERR_DATA,
		    "page: not of a version that this program knows");
	v->has_cursor = (payload.p[1] & FLAG_CURSOR) != 0;
	v->n_events = le_get32(payload.p + 4);
	v->n_ids = le_get32(payload.p + 8);
	for (size_t i = 0; i < SECTIONS; i++) {
		size_t len = le_get32(payload.p + 12 + 4 * i);

		if (len > payload.len - at)
			return err_set(
			    err, ERR_DATA, "page: a section is cut short");
		*sections[i] = str_make(payload.p + at, len);
		at += len;
	}
	if (v->ids.len != (size_t)v->n_ids * ID_BYTES ||
	    v->counts.len % COUNT_BYTES != 0 || v->n_events > PAGE_EVENTS_MAX)
		return err_set(err, ERR_DATA, "page: numbers do not agree");
	return 0;
}

void
page_walk_init(
    struct page_walk *w, const struct page_view *view, struct str form)
{
	*w = (struct page_walk){ .view = view };
	w->form = form_number(view->variants, form);
}

/* The text in the wanted form among those of one event; else its first. */
static struct str
text_choose(struct str texts, int form)
{
	struct str first = { NULL, 0 };

	while (texts.len >= TEXT_HEAD) {
		int number = (unsigned char)texts.p[0];
		size_t len = le_get32(texts.p + 1);
		struct str text;

		if (len > texts.len - TEXT_HEAD)
			break;
		text = str_make(texts.p + TEXT_HEAD, len);
		if (number == form)
			return text;
		if (first.p == NULL)
			first = text;
		texts = str_make(text.p + len, texts.len - TEXT_HEAD - len);
	}
	return first;
}

bool
page_walk_next(struct page_walk *w, struct page_event *event_r)
{
	struct str events = w->view->events;
	const char *p = events.p + w->at;
	size_t left = events.len - w->at;
	size_t len;

	if (left < EVENT_HEAD || w->number >= w->view->n_events)
		return false;
	len = le_get32(p + 8);
	if (len > left - EVENT_HEAD)
		return false;
	event_r->time_ms = le_get64(p);
	event_r->text = text_choose(str_make(p + EVENT_HEAD, len), w->form);
	w->at += EVENT_HEAD + len;
	w->number++;
	return true;
}

bool
page_view_id(const struct page_view *view, uint32_t i, struct page_id *id_r)
{
	const char *p = view->ids.p + (size_t)i * ID_BYTES;

	if (i >= view->n_ids)
		return false;
	*id_r =
	    (struct page_id){ le_get64(p), le_get64(p + 8), le_get64(p + 16) };
	return true;
}

bool
page_view_count(const struct page_view *view, uint32_t i, uint64_t *hour_ms_r,
    enum page_count *what_r, uint32_t *n_r)
{
	const char *p = view->counts.p + (size_t)i * COUNT_BYTES;

	if ((size_t)i >= view->counts.len / COUNT_BYTES)
		return false;
	*hour_ms_r = (uint64_t)le_get32(p) * HOUR_MS;
	*what_r = (enum page_count)le_get32(p + 4);
	*n_r = le_get32(p + 8);
	return *what_r < PAGE_COUNTS;
}

bool
page_view_quarantine(const struct page_view *view, size_t *at,
    uint64_t *time_ms_r, struct str *reason_r, struct str *raw_r)
{
	struct str rest;

	if (*at >= view->quarantine.len)
		return false;
	rest = str_make(view->quarantine.p + *at, view->quarantine.len - *at);
	if (!le_take64(&rest, time_ms_r) || !le_take_str(&rest, reason_r) ||
	    !le_take_str(&rest, raw_r))
		return false;
	*at = view->quarantine.len - rest.len;
	return true;
}
