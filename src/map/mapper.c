/* map/mapper.c -- a record becomes a CEF event. */
/* SPDX-License-Identifier: ISC */
/*
 * The event is written straight into the caller's buffer, field by field, as
 * the map lists them.  Where each field stands is noted on the way, so that
 * an event that came out too long is shortened in place: cutting an escaped
 * value where no escape and no character is torn is the same as cutting the
 * text before it was escaped.
 */
#include "map/map.h"

#include "base/err.h"
#include "base/xalloc.h"
#include "codec/cef.h"
#include "codec/json.h"
#include "map/convert.h"
#include "map/eval.h"
#include "map/members.h"
#include "map/pathset.h"
#include "map/rules.h"
#include "record/record.h"

#define SEVERITY_UNKNOWN 6 /* seen, but not as an alarm */

/* Names the keys whose values are not whole. */
#define MARK " cloudcefdTruncated="

/* Where a field stands in the event; from == end: it was not written. */
struct span {
	size_t from;  /* its blank, or its first letter behind the header */
	size_t value; /* behind the "=" of the value */
	size_t end;
	bool cut;
};

struct map {
	struct map_rules *rules;
	struct eval *eval;
	struct members *members;
	struct buf head[HEADS]; /* header texts that had to be copied */
	struct buf scratch;
	struct span span[MAP_FIELDS_MAX];
	uint16_t order[MAP_FIELDS_MAX];
};

struct map *
map_read(const char *name, struct str text, struct err *err)
{
	struct map_rules *rules = map_rules_read(name, text, err);
	struct map *m;

	if (rules == NULL)
		return NULL;
	m = xcalloc(1, sizeof(*m));
	m->rules = rules;
	m->eval = eval_new(rules->depth);
	m->members = members_new();
	for (int i = 0; i < HEADS; i++)
		buf_init(&m->head[i], SIZE_MAX / 2);
	buf_init(&m->scratch, SIZE_MAX / 2);
	return m;
}

void
map_free(struct map **mp)
{
	struct map *m = *mp;

	*mp = NULL;
	if (m == NULL)
		return;
	map_rules_free(&m->rules);
	eval_free(&m->eval);
	members_free(&m->members);
	for (int i = 0; i < HEADS; i++)
		buf_clear(&m->head[i]);
	buf_clear(&m->scratch);
	xfree(m);
}

const char *
map_records(const struct map *m)
{
	return m->rules->records.p;
}

/* --- which event -------------------------------------------------------- */

static bool
node_is_one_of(struct map *m, const struct map_when *w,
    const struct json_doc *doc, uint32_t node)
{
	struct str s;

	if (json_type(doc, node) == JSON_NULL)
		return false;
	if (w->words == 0)
		return true;
	s = json_type(doc, node) == JSON_STRING
	    ? json_text(doc, node, &m->scratch)
	    : json_raw(doc, node);
	for (uint32_t i = 0; i < w->words; i++)
		if (str_eq_nocase(s, w->word[i]))
			return true;
	return false;
}

static bool
when_holds(struct map *m, const struct map_when *w, const struct json_doc *doc)
{
	const uint32_t *nodes;
	uint32_t n;

	if (pathset_nodes(m->rules->whens, w->path, &nodes, &n, NULL) < 0)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (node_is_one_of(m, w, doc, nodes[i]))
			return true;
	return false;
}

/* The first event whose conditions hold; the map's reader saw to it that
 * there is one. */
static const struct map_event *
choose(struct map *m, enum map_profile profile, const struct json_doc *doc)
{
	const struct map_event *e = m->rules->event;

	members_reset(m->members);
	pathset_run(m->rules->whens, m->members, doc, 0);
	for (;; e++) {
		unsigned i = 0;

		if (e->profile >= 0 && e->profile != (int)profile)
			continue;
		while (i < e->whens && when_holds(m, &e->when[i], doc))
			i++;
		if (i == e->whens)
			return e;
	}
}

/* --- writing ------------------------------------------------------------ */

static struct str
head_text(struct map *m, const struct map_event *e, enum map_head h)
{
	struct str s = eval_value(m->eval, &e->head[h], e->paths, 0);

	if (!eval_is_passing(m->eval, s))
		return s;
	buf_reset(&m->head[h]);
	buf_add_str(&m->head[h], s);
	return buf_str(&m->head[h]);
}

static void
write_head(struct map *m, const struct map_event *e, struct buf *out)
{
	struct cef_header h = {
		.vendor = head_text(m, e, HEAD_VENDOR),
		.product = head_text(m, e, HEAD_PRODUCT),
		.version = head_text(m, e, HEAD_VERSION),
		.signature = head_text(m, e, HEAD_SIGNATURE),
		.name = head_text(m, e, HEAD_NAME),
		.severity = SEVERITY_UNKNOWN,
	};
	struct str s = head_text(m, e, HEAD_SEVERITY);
	int64_t n;

	if (h.version.len == 0)
		h.version = m->rules->version;
	if (str_to_i64(s, &n) && n >= 0 && n <= 10)
		h.severity = (int)n;
	cef_begin(out, &h);
}

/* Characters that were made blanks are no part of a value's ends. */
static void
trim_from(struct buf *out, size_t from)
{
	size_t n = 0;

	while (out->len > from && out->p[out->len - 1] == ' ')
		out->len--;
	while (from + n < out->len && out->p[from + n] == ' ')
		n++;
	if (n > 0) {
		memmove(out->p + from, out->p + from + n, out->len - from - n);
		out->len -= n;
	}
}

static void
write_field(struct map *m, const struct map_event *e, unsigned i,
    struct buf *out, bool *first)
{
	const struct map_field *f = &e->field[i];
	struct span *sp = &m->span[i];
	struct str s = eval_value(m->eval, &f->value, e->paths, f->max_chars);

	*sp = (struct span){ out->len, out->len, out->len, false };
	sp->cut = eval_take_lost(m->eval);
	if (f->max_chars > 0 && s.len > f->max_chars) {
		size_t len = s.len;

		s = convert_trim(cef_cut_chars(s, f->max_chars));
		sp->cut |= s.len < len;
	}
	if (f->remembered)
		eval_remember(m->eval, i, s);
	if (s.len == 0 && !f->keep)
		return;
	buf_add(out, f->begin.p + *first, f->begin.len - *first);
	sp->value = out->len;
	cef_escape_value(out, s);
	if (out->failed)
		return;
	trim_from(out, sp->value);
	/* Of marks and controls alone nothing is left. */
	if (out->len == sp->value && !f->keep) {
		buf_truncate(out, sp->from);
		sp->value = sp->from;
		return;
	}
	*first = false;
	sp->end = out->len;
}

/* --- room --------------------------------------------------------------- */

/* Bytes that the mark takes with these keys in it. */
static size_t
mark_bytes(const struct map *m, const struct map_event *e)
{
	size_t n = 0;

	for (unsigned i = 0; i < e->fields; i++)
		if (m->span[i].cut)
			n += e->field[i].key.len + 1;
	return n == 0 ? 0 : strlen(MARK) + n - 1;
}

static void
write_mark(const struct map *m, const struct map_event *e, struct buf *out)
{
	bool first = true;

	for (unsigned i = 0; i < e->fields; i++) {
		if (!m->span[i].cut)
			continue;
		buf_add_text(out, first ? MARK : ",");
		buf_add_str(out, e->field[i].key);
		first = false;
	}
}

/* Where an escaped value can end at or before `at` with nothing torn. */
static size_t
whole_until(const struct buf *out, size_t value, size_t at)
{
	size_t slashes = 0;

	while (at > value && ((unsigned char)out->p[at] & 0xc0) == 0x80)
		at--;
	while (at - slashes > value && out->p[at - slashes - 1] == '\\')
		slashes++;
	at -= slashes % 2;
	while (at > value && out->p[at - 1] == ' ')
		at--;
	return at;
}

static void
moved(size_t *at, size_t from, size_t to)
{
	if (*at >= to)
		*at -= to - from;
	else if (*at > from)
		*at = from;
}

/* Take the bytes from..to out of the event and move what knows about it. */
static void
take_out(struct map *m, const struct map_event *e, struct buf *out, size_t from,
    size_t to)
{
	memmove(out->p + from, out->p + to, out->len - to);
	out->len -= to - from;
	for (unsigned i = 0; i < e->fields; i++) {
		struct span *sp = &m->span[i];

		moved(&sp->from, from, to);
		moved(&sp->value, from, to);
		moved(&sp->end, from, to);
	}
}

/* Give up to `need` bytes of a field; all of it goes with key and label. */
static void
shorten(struct map *m, const struct map_event *e, unsigned i, struct buf *out,
    size_t need)
{
	struct span *sp = &m->span[i];
	size_t at = sp->value;
	size_t from = sp->from, end = sp->end;

	if (sp->end - sp->value > need)
		at = whole_until(out, sp->value, sp->end - need);
	sp->cut = true;
	if (at > sp->value || e->field[i].keep) {
		take_out(m, e, out, at, end);
		sp->end = at;
		return;
	}
	/* The first pair has no blank; then the next one's goes with it. */
	if (out->p[from] != ' ' && end < out->len)
		end++;
	take_out(m, e, out, from, end);
	sp->from = sp->value = sp->end = from;
}

/* The map's order first, then what else is text, the longest first. */
static unsigned
shorten_order(struct map *m, const struct map_event *e)
{
	unsigned n = 0;

	for (unsigned i = 0; i < e->shortens; i++)
		m->order[n++] = e->shorten[i];
	for (unsigned i = 0; i < e->fields; i++) {
		unsigned k = 0;

		while (k < e->shortens && e->shorten[k] != i)
			k++;
		if (k < e->shortens || e->field[i].essential)
			continue;
		for (k = n++; k > e->shortens &&
		     m->span[m->order[k - 1]].end -
			     m->span[m->order[k - 1]].value <
			 m->span[i].end - m->span[i].value;
		     k--)
			m->order[k] = m->order[k - 1];
		m->order[k] = (uint16_t)i;
	}
	return n;
}

static int
make_room(struct map *m, const struct map_event *e, struct buf *out,
    size_t start, size_t max, struct err *err)
{
	size_t size = out->len - start + mark_bytes(m, e);
	unsigned n = size > max ? shorten_order(m, e) : 0;

	for (unsigned i = 0; i < n && size > max; i++) {
		struct span *sp = &m->span[m->order[i]];
		bool was = sp->cut;

		if (sp->end == sp->value)
			continue;
		sp->cut = true;
		size = out->len - start + mark_bytes(m, e);
		sp->cut = was;
		shorten(m, e, m->order[i], out, size - max);
		size = out->len - start + mark_bytes(m, e);
	}
	if (size <= max)
		return 0;
	return err_set(err, ERR_DATA,
	    "event %.*s: needs %zu bytes at least,"
	    " which is more than %zu",
	    STR_ARG(e->name), size, max);
}

int
map_cef(struct map *m, const struct map_conf *conf, const struct record *rec,
    struct buf *out, struct err *err)
{
	const struct map_event *e;
	size_t start = out->len;
	bool first = true;
	int ok = 0;

	if (rec->doc->n == 0)
		return err_set(err, ERR_DATA, "the record is not JSON");
	e = choose(m, conf->profile, rec->doc);
	eval_begin(m->eval, rec, m->members);
	pathset_run(e->paths, m->members, rec->doc, 0);
	write_head(m, e, out);
	for (unsigned i = 0; i < e->fields; i++)
		write_field(m, e, i, out, &first);
	if (!out->failed && conf->max_bytes > 0)
		ok = make_room(m, e, out, start, conf->max_bytes, err);
	if (ok == 0)
		write_mark(m, e, out);
	if (out->failed)
		ok = err_set(err, ERR_FULL, "event %.*s: no room left",
		    STR_ARG(e->name));
	if (ok < 0) {
		out->failed = false;
		buf_truncate(out, start);
	}
	return ok;
}
