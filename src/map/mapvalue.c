/* map/mapvalue.c -- reads the right side of a map's lines. */
/* SPDX-License-Identifier: ISC */
/*
 *	value = alternative { "else" alternative }
 *	alternative = term { "+" term }
 *	term = source { transform }
 *
 * Transforms come in three phases: on the nodes that paths select, on the
 * text of each, and, behind the word that makes one of several, on the one.
 */
#include "map/mapread.h"

#include "base/err.h"
#include "map/pathset.h"
#include "map/pool.h"

#define STEPS_MAX 16
#define TERMS_MAX 8
#define ALTS_MAX 16
#define PATHS_MAX 16

/* What a transform wants behind its name. */
enum want {
	WANT_NOTHING,
	WANT_TEXT,
	WANT_TEXTS, /* one or more */
	WANT_TWO,   /* two texts of the same length */
	WANT_NUMBER,
	WANT_NUMBER_TEXTS, /* a number, then any texts */
	WANT_PATH,
	WANT_FORM,
	WANT_TABLE,
	WANT_KEYS
};

struct step_row {
	const char *name;
	enum map_step_op op;
	enum want want;
	enum cef_value type;
};

static const struct step_row step_rows[] = {
	{ "json", STEP_JSON, WANT_PATH, 0 },
	{ "sort", STEP_SORT, WANT_FORM, 0 },
	{ "one", STEP_ONE, WANT_NOTHING, 0 },
	{ "strings", STEP_STRINGS, WANT_NUMBER_TEXTS, 0 },
	{ "as", STEP_AS, WANT_FORM, 0 },
	{ "table", STEP_TABLE, WANT_TABLE, 0 },
	{ "time", STEP_TYPE, WANT_NOTHING, CEF_TIME },
	{ "ipv4", STEP_TYPE, WANT_NOTHING, CEF_IPV4 },
	{ "ipv6", STEP_TYPE, WANT_NOTHING, CEF_IPV6 },
	{ "mac", STEP_TYPE, WANT_NOTHING, CEF_MAC },
	{ "number", STEP_TYPE, WANT_NOTHING, CEF_LONG },
	{ "html", STEP_HTML, WANT_NOTHING, 0 },
	{ "plain", STEP_PLAIN, WANT_NOTHING, 0 },
	{ "lower", STEP_LOWER, WANT_NOTHING, 0 },
	{ "upper", STEP_UPPER, WANT_NOTHING, 0 },
	{ "after", STEP_AFTER, WANT_TEXT, 0 },
	{ "before", STEP_BEFORE, WANT_TEXT, 0 },
	{ "strip", STEP_STRIP, WANT_TEXT, 0 },
	{ "chop", STEP_CHOP, WANT_TEXT, 0 },
	{ "begins", STEP_BEGINS, WANT_TEXTS, 0 },
	{ "only", STEP_ONLY, WANT_TEXTS, 0 },
	{ "drop", STEP_DROP, WANT_TEXTS, 0 },
	{ "gives", STEP_GIVES, WANT_TEXT, 0 },
	{ "default", STEP_DEFAULT, WANT_TEXT, 0 },
	{ "prefix", STEP_PREFIX, WANT_TEXT, 0 },
	{ "suffix", STEP_SUFFIX, WANT_TEXT, 0 },
	{ "cut", STEP_CUT, WANT_NUMBER, 0 },
	{ "swap", STEP_SWAP, WANT_TWO, 0 },
	{ "unlike", STEP_UNLIKE, WANT_KEYS, 0 },
	{ NULL, 0, 0, 0 },
};

static const struct gather_row {
	const char *name;
	enum map_gather gather;
	bool list; /* takes a separator and a bound */
	bool words;
} gather_rows[] = {
	{ "first", GATHER_FIRST, false, false },
	{ "last", GATHER_LAST, false, false },
	{ "join", GATHER_JOIN, true, false },
	{ "joinall", GATHER_JOINALL, true, false },
	{ "count", GATHER_COUNT, false, false },
	{ "prefer", GATHER_PREFER, false, true },
	{ "highest", GATHER_HIGHEST, false, false },
	{ "lowest", GATHER_LOWEST, false, false },
	{ "sum", GATHER_SUM, false, false },
	{ "sole", GATHER_SOLE, false, false },
	{ NULL, 0, false, false },
};

static const struct {
	const char *name;
	enum map_source from;
} record_rows[] = {
	{ "record.id", FROM_ID },
	{ "record.time", FROM_TIME },
	{ "record.type", FROM_TYPE },
	{ "record.update", FROM_UPDATE },
	{ "record.portal", FROM_PORTAL },
	{ "record.raw", FROM_RAW },
};

/* A term while it is read. */
struct term {
	struct map_term t;
	uint16_t path[PATHS_MAX];
	struct map_step step[STEPS_MAX + 1], after[STEPS_MAX + 1];
	bool several;      /* sources may give several values */
	bool gathered;     /* and a word says what becomes of them */
	bool on_values;    /* a transform of texts was read */
	struct str source; /* as written, for messages */
};

/* --- arguments ---------------------------------------------------------- */

static int
want_text(struct mapread *r, const char *who, struct str *text_r)
{
	if (r->l.kind != MAPWORD_TEXT)
		return mapline_error(&r->l, "%s wants a text in quotes", who);
	*text_r = r->l.word;
	return mapline_word(&r->l);
}

static int
read_texts(struct mapread *r, const char *who, unsigned least,
    const struct str **word_r, uint32_t *n_r)
{
	struct str word[MAP_WORDS_MAX];
	uint32_t n = 0;

	while (r->l.kind == MAPWORD_TEXT) {
		if (n == MAP_WORDS_MAX)
			return mapline_error(&r->l, "%s takes at most %d texts",
			    who, MAP_WORDS_MAX);
		if (want_text(r, who, &word[n++]) < 0)
			return -1;
	}
	if (n < least)
		return mapline_error(&r->l, "%s wants a text in quotes", who);
	*word_r = pool_copy(r->pool, word, n, sizeof(word[0]));
	*n_r = n;
	return 0;
}

static int
read_number(struct mapread *r, const char *who, uint64_t max, uint32_t *n_r)
{
	uint64_t n;

	if (r->l.kind != MAPWORD_BARE || !str_to_u64(r->l.word, &n) || n == 0)
		return mapline_error(&r->l, "%s wants a number above 0", who);
	if (n > max)
		return mapline_error(&r->l, "%s takes at most %llu", who,
		    (unsigned long long)max);
	*n_r = (uint32_t)n;
	return mapline_word(&r->l);
}

static struct named *
read_name(struct mapread *r, struct named *list, const char *what)
{
	struct named *n = NULL;

	if (r->l.kind == MAPWORD_BARE)
		n = named_find(list, r->l.word);
	if (n == NULL) {
		mapline_error(&r->l, "no %s \"%.*s\" stands above", what,
		    STR_ARG(r->l.word));
		return NULL;
	}
	return mapline_word(&r->l) < 0 ? NULL : n;
}

/* Fields of the event that were read before this one. */
static int
read_keys(struct mapread *r, struct map_step *s)
{
	uint16_t field[MAP_WORDS_MAX];

	if (read_texts(r, "unlike", 1, &s->word, &s->words) < 0)
		return -1;
	for (uint32_t i = 0; i < s->words; i++) {
		unsigned f = 0;

		while (f < r->fields && !str_eq(r->field[f].key, s->word[i]))
			f++;
		if (f == r->fields)
			return mapline_error(&r->l,
			    "unlike \"%.*s\": no such key stands above",
			    STR_ARG(s->word[i]));
		field[i] = (uint16_t)f;
	}
	s->by.field = pool_copy(r->pool, field, s->words, sizeof(field[0]));
	return 0;
}

/* --- paths -------------------------------------------------------------- */

static bool
is_path(const struct mapread *r)
{
	struct str w = r->l.word;
	size_t n = 0;

	if (r->l.kind != MAPWORD_BARE || w.len == 0)
		return false;
	if (w.p[0] == '$' || w.p[0] == '@')
		return true;
	while (n < w.len && w.p[n] != '.' && w.p[n] != '[')
		n++;
	return named_find(r->paths, str_make(w.p, n)) != NULL;
}

/* The current word as a path, with its first name written out. */
int
mapvalue_path(struct mapread *r, struct str *path_r)
{
	struct str w = r->l.word, head;
	struct named *n;
	size_t at = 0;
	char *text;

	if (!is_path(r))
		return mapline_error(&r->l,
		    "\"%.*s\" is not a path;"
		    " it begins with $ or with a name given by \"path\"",
		    STR_ARG(w));
	*path_r = w;
	if (w.p[0] != '$' && w.p[0] != '@') {
		while (at < w.len && w.p[at] != '.' && w.p[at] != '[')
			at++;
		n = named_find(r->paths, str_make(w.p, at));
		head = n->text;
		text = pool_alloc(r->pool, head.len + w.len - at, 1);
		memcpy(text, head.p, head.len);
		memcpy(text + head.len, w.p + at, w.len - at);
		*path_r = str_make(text, head.len + w.len - at);
	}
	return mapline_word(&r->l);
}

/* A bad path names its line; what is wrong comes from the path's reader. */
static int
add_path(struct mapread *r, struct pathset *set, struct str path, unsigned line)
{
	struct err why = { 0 };
	int n = pathset_add(set, path, &why);

	if (n < 0)
		mapline_error_at(
		    &r->l, line, "%.*s: %s", STR_ARG(path), why.text);
	else if (n > UINT16_MAX)
		n = mapline_error_at(&r->l, line, "too many paths");
	return n;
}

static int
read_paths(struct mapread *r, struct term *t)
{
	t->t.from = FROM_PATHS;
	t->source = r->l.word;
	while (is_path(r)) {
		unsigned line = r->l.number;
		struct str path;
		int n;

		if (t->t.paths == PATHS_MAX)
			return mapline_error(
			    &r->l, "at most %d paths make one list", PATHS_MAX);
		if (mapvalue_path(r, &path) < 0)
			return -1;
		if (path.p[0] != (r->in_form ? '@' : '$'))
			return mapline_error_at(&r->l, line,
			    "%.*s: a path begins with %s", STR_ARG(path),
			    r->in_form ? "@ in a form" : "$ here");
		n = add_path(r, r->set, path, line);
		if (n < 0)
			return -1;
		t->several |= t->t.paths > 0 || !pathset_is_singular(r->set, n);
		t->path[t->t.paths++] = (uint16_t)n;
	}
	return 0;
}

/* The path of "json" has a set of its own: it walks another document. */
static int
read_inner(struct mapread *r, struct term *t, struct map_step *s)
{
	unsigned line = r->l.number;
	struct str path = STR_LIT("");

	if (mapvalue_path(r, &path) < 0)
		return -1;
	if (!str_starts(path, STR_LIT("$")))
		return mapline_error_at(
		    &r->l, line, "json wants a path that begins with $");
	s->by.inner = mapread_set(r);
	if (add_path(r, s->by.inner, path, line) < 0)
		return -1;
	t->several |= !pathset_is_singular(s->by.inner, 0);
	t->t.has_json = true;
	return 0;
}

static int
read_source(struct mapread *r, struct term *t)
{
	if (r->l.kind == MAPWORD_TEXT) {
		t->t.from = FROM_TEXT;
		t->t.text = t->source = r->l.word;
		return mapline_word(&r->l);
	}
	for (size_t i = 0; i < sizeof(record_rows) / sizeof(record_rows[0]);
	     i++) {
		if (mapline_is(&r->l, record_rows[i].name)) {
			t->t.from = record_rows[i].from;
			t->source = r->l.word;
			return mapline_word(&r->l);
		}
	}
	if (is_path(r))
		return read_paths(r, t);
	if (r->l.kind == MAPWORD_END)
		return mapline_error(&r->l, "a value is missing");
	return mapline_error(&r->l,
	    "\"%.*s\" is neither a path, a text in"
	    " quotes, nor a part of the record",
	    STR_ARG(r->l.word));
}

/* --- transforms --------------------------------------------------------- */

static int
read_form(struct mapread *r, struct map_step *s)
{
	struct named *n = read_name(r, r->forms, "form");

	if (n == NULL)
		return -1;
	s->by.form = n->form;
	if (r->depth < n->form->depth + 1)
		r->depth = n->form->depth + 1;
	if (r->depth > MAP_FORM_DEPTH)
		return mapline_error(
		    &r->l, "forms stand more than %d deep", MAP_FORM_DEPTH);
	return 0;
}

static int
read_args(struct mapread *r, const struct step_row *row, struct term *t,
    struct map_step *s)
{
	struct named *n;

	switch (row->want) {
	case WANT_NOTHING:
		return 0;
	case WANT_TEXT:
		return want_text(r, row->name, &s->a);
	case WANT_TEXTS:
		return read_texts(r, row->name, 1, &s->word, &s->words);
	case WANT_TWO:
		if (want_text(r, row->name, &s->a) < 0 ||
		    want_text(r, row->name, &s->b) < 0)
			return -1;
		if (s->a.len != s->b.len)
			return mapline_error(&r->l,
			    "%s wants two texts of the"
			    " same length",
			    row->name);
		return 0;
	case WANT_NUMBER:
		return read_number(r, row->name, 65535, &s->n);
	case WANT_NUMBER_TEXTS:
		return read_number(r, row->name, MAP_JOIN_MAX, &s->n) < 0
		    ? -1
		    : read_texts(r, row->name, 0, &s->word, &s->words);
	case WANT_PATH:
		return read_inner(r, t, s);
	case WANT_FORM:
		return read_form(r, s);
	case WANT_TABLE:
		n = read_name(r, r->tables, "table");
		if (n == NULL)
			return -1;
		s->by.table = n->table;
		return 0;
	case WANT_KEYS:
		return read_keys(r, s);
	}
	return 0;
}

/* Each phase takes what belongs to it, and none comes back. */
static int
check_phase(struct mapread *r, const struct step_row *row, struct term *t)
{
	if (row->op > STEP_AS) {
		t->on_values = true;
		return 0;
	}
	if (t->gathered || t->on_values)
		return mapline_error(&r->l,
		    "%s must stand before what works on texts", row->name);
	if (t->t.from != FROM_PATHS)
		return mapline_error(&r->l, "%s wants a path", row->name);
	if (row->op == STEP_JSON && t->t.steps > 0)
		return mapline_error(&r->l, "json must stand first");
	if (t->t.has_json && (row->op == STEP_SORT || row->op == STEP_ONE))
		return mapline_error(
		    &r->l, "%s cannot stand behind json", row->name);
	t->t.has_sort |= row->op == STEP_SORT || row->op == STEP_ONE;
	if (row->op == STEP_AS)
		t->on_values = true;
	return 0;
}

static int
read_step(struct mapread *r, const struct step_row *row, struct term *t)
{
	struct map_step *s;

	if (check_phase(r, row, t) < 0)
		return -1;
	/* What stands for nothing is put where there was no value at all. */
	if (row->op == STEP_DEFAULT && !t->several)
		t->gathered = true;
	if (row->op == STEP_DEFAULT && !t->gathered)
		return mapline_error(&r->l,
		    "default must stand behind what"
		    " makes one of several");
	if (t->t.steps + t->t.afters >= STEPS_MAX)
		return mapline_error(
		    &r->l, "at most %d transforms make a value", STEPS_MAX);
	s = t->gathered ? &t->after[t->t.afters++] : &t->step[t->t.steps++];
	*s = (struct map_step){ .op = row->op, .type = row->type };
	if (mapline_word(&r->l) < 0 || read_args(r, row, t, s) < 0)
		return -1;
	if (row->op == STEP_ONE && !t->t.has_json)
		t->several = false;
	if (row->op == STEP_STRINGS)
		t->several = true;
	return 0;
}

static int
read_ranks(struct mapread *r, struct term *t)
{
	struct words *ranks = mapread_words(r);

	if (read_texts(r, "prefer", 1, &t->t.word, &t->t.words) < 0)
		return -1;
	for (uint32_t i = 0; i < t->t.words; i++)
		if (words_add(ranks, t->t.word[i], str_of("")) < 0)
			return mapline_error(&r->l,
			    "prefer names \"%.*s\" twice",
			    STR_ARG(t->t.word[i]));
	t->t.ranks = ranks;
	return 0;
}

static int
read_gather(struct mapread *r, const struct gather_row *row, struct term *t)
{
	if (t->gathered)
		return mapline_error(
		    &r->l, "%s: the value is one already", row->name);
	t->gathered = true;
	t->t.gather = row->gather;
	if (mapline_word(&r->l) < 0)
		return -1;
	if (row->list)
		return want_text(r, row->name, &t->t.sep) < 0
		    ? -1
		    : read_number(r, row->name, MAP_JOIN_MAX, &t->t.max);
	return row->words ? read_ranks(r, t) : 0;
}

/* The current word as a transform: 1 if it was one, 0 if not. */
static int
read_transform(struct mapread *r, struct term *t)
{
	if (r->l.kind != MAPWORD_BARE)
		return 0;
	if (mapline_is(&r->l, "must")) {
		t->t.must = true;
		return mapline_word(&r->l) < 0 ? -1 : 1;
	}
	if (mapline_is(&r->l, "distinct")) {
		if (t->gathered)
			return mapline_error(&r->l,
			    "distinct must stand before the list is made");
		t->t.distinct = true;
		return mapline_word(&r->l) < 0 ? -1 : 1;
	}
	for (const struct step_row *s = step_rows; s->name != NULL; s++)
		if (mapline_is(&r->l, s->name))
			return read_step(r, s, t) < 0 ? -1 : 1;
	for (const struct gather_row *g = gather_rows; g->name != NULL; g++)
		if (mapline_is(&r->l, g->name))
			return read_gather(r, g, t) < 0 ? -1 : 1;
	return 0;
}

static int
term_finish(struct mapread *r, struct term *t, struct map_term *term_r)
{
	if (t->several && !t->gathered)
		return mapline_error(&r->l,
		    "%.*s may give several values: say"
		    " first, last, join, joinall, count, prefer, highest,"
		    " lowest, sum or sole",
		    STR_ARG(t->source));
	if (t->t.distinct && t->t.gather != GATHER_JOIN &&
	    t->t.gather != GATHER_COUNT)
		return mapline_error(&r->l, "distinct is for join and count");
	*term_r = t->t;
	term_r->single = t->t.from == FROM_PATHS && !t->several &&
	    t->t.gather == GATHER_FIRST &&
	    (t->t.steps == 0 || t->step[0].op > STEP_AS);
	term_r->path =
	    pool_copy(r->pool, t->path, t->t.paths, sizeof(t->path[0]));
	/* Room for one more: the key's type may be added. */
	term_r->step =
	    pool_copy(r->pool, t->step, t->t.steps + 1u, sizeof(t->step[0]));
	term_r->after =
	    pool_copy(r->pool, t->after, t->t.afters + 1u, sizeof(t->after[0]));
	return 0;
}

static int
read_term(struct mapread *r, struct map_term *term_r)
{
	struct term t = { .t.gather = GATHER_FIRST };
	int more;

	if (read_source(r, &t) < 0)
		return -1;
	do {
		more = read_transform(r, &t);
	} while (more > 0);
	return more < 0 ? -1 : term_finish(r, &t, term_r);
}

/* --- values ------------------------------------------------------------- */

static const char *const type_names[] = {
	[CEF_STRING] = "a text",
	[CEF_INT] = "a number",
	[CEF_LONG] = "a number",
	[CEF_DOUBLE] = "a number",
	[CEF_IPV4] = "an IPv4 address",
	[CEF_IPV6] = "an IPv6 address",
	[CEF_MAC] = "a MAC address",
	[CEF_TIME] = "a time",
};

/* A key of a type takes nothing else: of several, the first that fits. */
static int
want_type(struct mapread *r, enum cef_value type, const char *key,
    struct map_term *t, unsigned terms)
{
	struct map_step *s;

	if (type == CEF_STRING)
		return 0;
	if (terms > 1 || t->gather == GATHER_JOIN ||
	    t->gather == GATHER_JOINALL || t->gather == GATHER_PREFER)
		return mapline_error(
		    &r->l, "%s takes %s, not a list", key, type_names[type]);
	if (t->afters > 0 || t->gather == GATHER_COUNT ||
	    t->gather == GATHER_HIGHEST || t->gather == GATHER_LOWEST ||
	    t->gather == GATHER_SUM)
		s = &t->after[t->afters++];
	else
		s = &t->step[t->steps++];
	*s = (struct map_step){ .op = STEP_TYPE, .type = type };
	return 0;
}

static int
read_alt(struct mapread *r, enum cef_value type, const char *key,
    struct map_alt *alt_r)
{
	struct map_term term[TERMS_MAX];
	unsigned n = 0;

	alt_r->constant = true;
	for (;;) {
		if (n == TERMS_MAX)
			return mapline_error(
			    &r->l, "at most %d parts make a value", TERMS_MAX);
		if (read_term(r, &term[n]) < 0)
			return -1;
		alt_r->constant &= term[n].from == FROM_TEXT;
		n++;
		if (!mapline_is(&r->l, "+"))
			break;
		if (mapline_word(&r->l) < 0)
			return -1;
	}
	for (unsigned i = 0; i < n; i++) {
		if (want_type(r, type, key, &term[i], n) < 0)
			return -1;
	}
	alt_r->term = pool_copy(r->pool, term, n, sizeof(term[0]));
	alt_r->terms = (uint16_t)n;
	return 0;
}

/* The path without which the alternative is nothing. */
static uint16_t
needed_path(const struct map_alt *alt)
{
	const struct map_term *t = &alt->term[0];

	for (unsigned i = 0; i < t->afters; i++)
		if (t->after[i].op == STEP_DEFAULT)
			return MAP_NO_PATH;
	if (alt->terms > 1 || t->from != FROM_PATHS || t->paths > 1 ||
	    t->gather == GATHER_COUNT)
		return MAP_NO_PATH;
	return t->path[0];
}

int
mapvalue_read(struct mapread *r, enum cef_value type, const char *key,
    struct map_value *value_r)
{
	struct map_alt alt[ALTS_MAX];
	uint16_t needs[ALTS_MAX];
	unsigned n = 0;

	for (;;) {
		if (n == ALTS_MAX)
			return mapline_error(&r->l,
			    "at most %d alternatives make a value", ALTS_MAX);
		if (read_alt(r, type, key, &alt[n]) < 0)
			return -1;
		needs[n] = needed_path(&alt[n]);
		n++;
		if (!mapline_is(&r->l, "else"))
			break;
		if (mapline_word(&r->l) < 0)
			return -1;
	}
	if (r->l.kind != MAPWORD_END && !mapline_is(&r->l, "keep"))
		return mapline_error(
		    &r->l, "unknown transform \"%.*s\"", STR_ARG(r->l.word));
	value_r->alt = pool_copy(r->pool, alt, n, sizeof(alt[0]));
	value_r->needs = pool_copy(r->pool, needs, n, sizeof(needs[0]));
	value_r->alts = (uint16_t)n;
	return 0;
}
