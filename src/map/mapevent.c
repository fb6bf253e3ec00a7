/* map/mapevent.c -- reads the events of a map file: header, keys, labels. */
/* SPDX-License-Identifier: ISC */
#include "map/mapread.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "map/map.h"
#include "map/pathset.h"
#include "map/pool.h"

#define WHENS_MAX 8

static const char *const head_names[HEADS] = {
	[HEAD_VENDOR] = "vendor",
	[HEAD_PRODUCT] = "product",
	[HEAD_VERSION] = "version",
	[HEAD_SIGNATURE] = "signature",
	[HEAD_NAME] = "name",
	[HEAD_SEVERITY] = "severity",
};

/* An event while it is read. */
struct event {
	struct map_event e;
	struct map_field field[MAP_FIELDS_MAX];
	struct map_when when[WHENS_MAX];
	unsigned head_line[HEADS];
	struct str label_key, label; /* that waits for its value */
	unsigned label_line;
	struct str shorten[MAP_FIELDS_MAX];
	unsigned shortens, shorten_line;
	unsigned line;
};

static int
read_profile(struct mapread *r, struct event *ev)
{
	if (ev->e.profile >= 0)
		return mapline_error(&r->l, "profile stands here twice");
	if (mapline_word(&r->l) < 0)
		return -1;
	if (mapline_is(&r->l, "mcas"))
		ev->e.profile = MAP_MCAS;
	else if (mapline_is(&r->l, "native"))
		ev->e.profile = MAP_NATIVE;
	else
		return mapline_error(&r->l, "profile wants mcas or native");
	return mapline_word(&r->l) < 0 ? -1 : mapread_end(r);
}

/* when PATH [is TEXT...] */
static int
read_when(struct mapread *r, struct event *ev)
{
	struct str word[MAP_WORDS_MAX], path;
	struct map_when *w = &ev->when[ev->e.whens];
	unsigned line = r->l.number;
	struct err why = { 0 };
	int n;

	if (ev->e.whens == WHENS_MAX)
		return mapline_error(
		    &r->l, "an event has at most %d conditions", WHENS_MAX);
	if (mapline_word(&r->l) < 0 || mapvalue_path(r, &path) < 0)
		return -1;
	n = pathset_add(r->rules->whens, path, &why);
	if (n < 0)
		return mapline_error_at(
		    &r->l, line, "%.*s: %s", STR_ARG(path), why.text);
	*w = (struct map_when){ .path = (uint16_t)n };
	if (mapline_is(&r->l, "is")) {
		if (mapline_word(&r->l) < 0)
			return -1;
		while (r->l.kind == MAPWORD_TEXT && w->words < MAP_WORDS_MAX) {
			word[w->words++] = r->l.word;
			if (mapline_word(&r->l) < 0)
				return -1;
		}
		if (w->words == 0)
			return mapline_error(
			    &r->l, "is wants a text in quotes");
		w->word = pool_copy(r->pool, word, w->words, sizeof(word[0]));
	}
	ev->e.whens++;
	return mapread_end(r);
}

static int
read_shorten(struct mapread *r, struct event *ev)
{
	if (ev->shortens > 0)
		return mapline_error(&r->l, "shorten stands here twice");
	ev->shorten_line = r->l.number;
	if (mapline_word(&r->l) < 0)
		return -1;
	while (r->l.kind != MAPWORD_END) {
		if (ev->shortens == MAP_FIELDS_MAX)
			return mapline_error(&r->l, "too many keys");
		ev->shorten[ev->shortens++] = r->l.word;
		if (mapline_word(&r->l) < 0)
			return -1;
	}
	if (ev->shortens == 0)
		return mapline_error(&r->l, "shorten wants keys");
	return 0;
}

/* A constant that is longer than its place is a mistake of the map. */
static int
check_constants(
    struct mapread *r, const struct map_value *v, size_t max, const char *what)
{
	for (unsigned a = 0; max > 0 && a < v->alts; a++)
		for (unsigned t = 0; t < v->alt[a].terms; t++)
			if (v->alt[a].term[t].text.len > max)
				return mapline_error(&r->l,
				    "the text is longer than the %zu"
				    " characters of %s",
				    max, what);
	return 0;
}

static int
read_head(struct mapread *r, struct event *ev, enum map_head head)
{
	static const size_t max[HEADS] = { 63, 63, 31, 1023, 512, 2 };

	if (ev->head_line[head] > 0)
		return mapline_error(&r->l,
		    "%s is written twice (first in line %u)", head_names[head],
		    ev->head_line[head]);
	ev->head_line[head] = r->l.number;
	r->set = ev->e.paths;
	if (mapline_word(&r->l) < 0 ||
	    mapvalue_read(r, CEF_STRING, head_names[head], &ev->e.head[head]) <
		0)
		return -1;
	if (mapread_end(r) < 0)
		return -1;
	return check_constants(
	    r, &ev->e.head[head], max[head], head_names[head]);
}

/* The key that a label belongs to, or an empty text. */
static struct str
labelled_key(struct str key)
{
	static const char *const kinds[] = { "cs", "cn", "cfp", "c6a",
		"flexString", "flexNumber", "flexDate", "deviceCustomDate" };
	struct str base;

	if (!str_ends(key, STR_LIT("Label")))
		return str_make(NULL, 0);
	base = str_make(key.p, key.len - 5);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (base.len == strlen(kinds[i]) + 1 &&
		    str_starts(base, str_of(kinds[i])) &&
		    base.p[base.len - 1] <= '9')
			return base;
	return str_make(NULL, 0);
}

static bool
wants_label(struct str key)
{
	char text[64];

	if (key.len + 5 > sizeof(text))
		return false;
	memcpy(text, key.p, key.len);
	memcpy(text + key.len, "Label", 5);
	return labelled_key(str_make(text, key.len + 5)).len > 0;
}

static int
check_key(struct mapread *r, const struct event *ev, struct str key)
{
	for (unsigned i = 0; i < ev->e.fields; i++)
		if (str_eq(ev->field[i].key, key) ||
		    str_eq(ev->field[i].label_key, key))
			return mapline_error(&r->l,
			    "key \"%.*s\" is written twice"
			    " (first in line %u)",
			    STR_ARG(key), ev->field[i].line);
	return 0;
}

/* csNLabel "text": kept until the line of csN, which comes next. */
static int
read_label(struct mapread *r, struct event *ev, struct str key)
{
	const struct cef_key *row = cef_key_find(key);

	if (check_key(r, ev, key) < 0)
		return -1;
	ev->label_key = key;
	ev->label_line = r->l.number;
	if (mapline_word(&r->l) < 0)
		return -1;
	if (r->l.kind != MAPWORD_TEXT || r->l.word.len == 0)
		return mapline_error(&r->l, "a label is a text in quotes");
	ev->label = r->l.word;
	if (row != NULL && row->max_chars > 0 && ev->label.len > row->max_chars)
		return mapline_error(&r->l,
		    "the label is longer than %u"
		    " characters",
		    (unsigned)row->max_chars);
	return mapline_word(&r->l) < 0 ? -1 : mapread_end(r);
}

static int
check_label(struct mapread *r, const struct event *ev, struct str key)
{
	struct str base = labelled_key(ev->label_key);

	if (base.len > 0 && !str_eq(base, key))
		return mapline_error_at(&r->l, ev->label_line,
		    "label \"%.*s\" has no value: the next line must be"
		    " \"%.*s\"",
		    STR_ARG(ev->label_key), STR_ARG(base));
	if (base.len == 0 && wants_label(key))
		return mapline_error(&r->l,
		    "\"%.*s\" has no label: the line"
		    " before it must be \"%.*sLabel\"",
		    STR_ARG(key), STR_ARG(key));
	return 0;
}

/* What the dictionary or the map itself says of the key. */
static int
find_key(struct mapread *r, struct str key, struct map_field *f)
{
	const struct cef_key *row = cef_key_find(key);
	struct named *own = named_find(r->keys, key);

	if (row == NULL && own != NULL)
		row = &own->key;
	else if (row == NULL)
		return mapline_error(&r->l,
		    "unknown key \"%.*s\"; one of your"
		    " own needs a line \"key %.*s\" above",
		    STR_ARG(key), STR_ARG(key));
	else if (!row->producer)
		return mapline_error(&r->l,
		    "\"%.*s\" is for consumers: a producer must not send it",
		    STR_ARG(key));
	f->key = key;
	f->type = row->value;
	/* It is what duplicates are known by, however long it is. */
	f->max_chars = str_is(key, "externalId") ? 0 : row->max_chars;
	f->essential = f->type != CEF_STRING || str_is(key, "externalId") ||
	    str_is(key, "act") || str_is(key, "suser") || str_is(key, "duser");
	return 0;
}

/* What stands before the value, ready to be written. */
static struct str
make_begin(struct mapread *r, const struct map_field *f)
{
	struct str begin;
	struct buf b;

	buf_init(&b, MAPLINE_MAX * 4);
	buf_add_char(&b, ' ');
	if (f->label.len > 0) {
		buf_add_str(&b, f->label_key);
		buf_add_char(&b, '=');
		cef_escape_value(&b, f->label);
		buf_add_char(&b, ' ');
	}
	buf_add_str(&b, f->key);
	buf_add_char(&b, '=');
	begin = pool_str(r->pool, buf_str(&b));
	buf_clear(&b);
	return begin;
}

static int
read_field(struct mapread *r, struct event *ev)
{
	struct map_field *f = &ev->field[ev->e.fields];
	struct str key = r->l.word;
	char name[64];

	if (labelled_key(key).len > 0 && ev->label_key.len == 0)
		return read_label(r, ev, key);
	if (ev->e.fields == MAP_FIELDS_MAX)
		return mapline_error(
		    &r->l, "an event has at most %d keys", MAP_FIELDS_MAX);
	*f = (struct map_field){ .line = r->l.number };
	if (check_label(r, ev, key) < 0 || check_key(r, ev, key) < 0 ||
	    find_key(r, key, f) < 0)
		return -1;
	f->label_key = ev->label_key;
	f->label = ev->label;
	f->begin = make_begin(r, f);
	ev->label_key = ev->label = str_make(NULL, 0);
	r->set = ev->e.paths;
	r->field = ev->field;
	r->fields = ev->e.fields;
	snprintf(name, sizeof(name), "%.*s", STR_ARG(key));
	if (mapline_word(&r->l) < 0 ||
	    mapvalue_read(r, f->type, name, &f->value) < 0)
		return -1;
	if (mapline_is(&r->l, "keep")) {
		f->keep = true;
		if (mapline_word(&r->l) < 0)
			return -1;
	}
	ev->e.fields++;
	return mapread_end(r) < 0
	    ? -1
	    : check_constants(r, &f->value, f->max_chars, name);
}

static int
read_event_line(struct mapread *r, struct event *ev)
{
	if (mapline_is(&r->l, "profile"))
		return read_profile(r, ev);
	if (mapline_is(&r->l, "when"))
		return read_when(r, ev);
	if (mapline_is(&r->l, "shorten"))
		return read_shorten(r, ev);
	for (int h = 0; h < HEADS; h++)
		if (mapline_is(&r->l, head_names[h]))
			return read_head(r, ev, (enum map_head)h);
	if (r->l.kind != MAPWORD_BARE)
		return mapline_error(&r->l, "a key is missing");
	return read_field(r, ev);
}

/* The keys of "shorten" as numbers of fields. */
static int
finish_shorten(struct mapread *r, struct event *ev)
{
	uint16_t field[MAP_FIELDS_MAX];

	for (unsigned i = 0; i < ev->shortens; i++) {
		struct str key = ev->shorten[i];
		unsigned f = 0;

		while (f < ev->e.fields && !str_eq(ev->field[f].key, key))
			f++;
		if (f == ev->e.fields)
			return mapline_error_at(&r->l, ev->shorten_line,
			    "shorten: the event has no key \"%.*s\"",
			    STR_ARG(key));
		if (ev->field[f].type != CEF_STRING ||
		    str_is(key, "externalId"))
			return mapline_error_at(&r->l, ev->shorten_line,
			    "shorten: \"%.*s\" cannot be shortened",
			    STR_ARG(key));
		field[i] = (uint16_t)f;
	}
	ev->e.shorten =
	    pool_copy(r->pool, field, ev->shortens, sizeof(field[0]));
	ev->e.shortens = (uint16_t)ev->shortens;
	return 0;
}

/* Values that an "unlike" compares with are kept while the event is made. */
static void
mark_remembered(struct map_field *field, const struct map_term *t)
{
	for (unsigned i = 0; i < t->steps; i++)
		if (t->step[i].op == STEP_UNLIKE)
			for (unsigned k = 0; k < t->step[i].words; k++)
				field[t->step[i].by.field[k]].remembered = true;
	for (unsigned i = 0; i < t->afters; i++)
		if (t->after[i].op == STEP_UNLIKE)
			for (unsigned k = 0; k < t->after[i].words; k++)
				field[t->after[i].by.field[k]].remembered =
				    true;
}

static int
finish_event(struct mapread *r, struct event *ev)
{
	if (ev->label_key.len > 0)
		return check_label(r, ev, str_of(""));
	for (int h = 0; h < HEADS; h++)
		if (ev->head_line[h] == 0 && h != HEAD_VERSION)
			return mapline_error_at(&r->l, ev->line,
			    "event \"%.*s\" has no %s", STR_ARG(ev->e.name),
			    head_names[h]);
	if (finish_shorten(r, ev) < 0)
		return -1;
	for (unsigned f = 0; f < ev->e.fields; f++)
		for (unsigned a = 0; a < ev->field[f].value.alts; a++)
			for (unsigned t = 0;
			     t < ev->field[f].value.alt[a].terms; t++)
				mark_remembered(ev->field,
				    &ev->field[f].value.alt[a].term[t]);
	ev->e.field =
	    pool_copy(r->pool, ev->field, ev->e.fields, sizeof(ev->field[0]));
	ev->e.when =
	    pool_copy(r->pool, ev->when, ev->e.whens, sizeof(ev->when[0]));
	return 0;
}

/* event NAME, then profile, when, the header, keys, shorten. */
int
mapevent_read(struct mapread *r, struct map_event *event_r)
{
	struct event *ev = pool_alloc(r->pool, 1, sizeof(*ev));
	int more;

	ev->line = r->l.number;
	ev->e.profile = -1;
	if (r->l.kind != MAPWORD_BARE || !mapread_is_name(r->l.word))
		return mapline_error(&r->l, "event wants a name");
	ev->e.name = r->l.word;
	if (mapline_word(&r->l) < 0 || mapread_end(r) < 0)
		return -1;
	ev->e.paths = mapread_set(r);
	r->depth = 0;
	while ((more = mapread_row(r, SECTIONS_IN_EVENT)) > 0)
		if (read_event_line(r, ev) < 0)
			return -1;
	if (more < 0 || finish_event(r, ev) < 0)
		return -1;
	if (r->rules->depth < r->depth)
		r->rules->depth = r->depth;
	*event_r = ev->e;
	return 0;
}
