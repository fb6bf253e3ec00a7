/* map/eval.c -- works out the values of a map for one record. */
/* SPDX-License-Identifier: ISC */
/*
 * Texts are borrowed from the record as long as possible; what must be made
 * is made in buffers that are kept from record to record.  A form within a
 * form has a level of its own, so that nothing is overwritten that somebody
 * further up still reads.
 */
#include "map/eval.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/xalloc.h"
#include "codec/json.h"
#include "map/convert.h"
#include "map/members.h"
#include "map/pathset.h"
#include "map/rules.h"
#include "map/textset.h"
#include "record/record.h"

#define TEXT_MAX (64 * 1024 * 1024) /* of one text */
#define TEXT_KEEP (256 * 1024)      /* of a buffer, between records */
#define MORE_CHARS 24               /* left free for "+N more" */

struct ranked {
	int64_t rank;
	uint32_t at, node;
};

struct level {
	struct buf text[2]; /* a transform writes to the one it does not read */
	struct buf made;    /* parts, written one behind the other */
	struct buf list;
	char space[CONVERT_MAX];
	struct textset met;

	struct ranked *ranked;
	uint32_t ranked_size, ranked_n;
	const struct map_form *ranked_by; /* what they were sorted for last */
	const struct pathset *ranked_set;
	uint16_t ranked_path;

	/* The JSON in a text that was read last. */
	struct buf inner_text;
	struct json_doc inner;
	const struct json_doc *inner_of;
	uint32_t inner_node;
	bool inner_ok;
};

struct eval {
	const struct record *rec;
	struct level *level;
	unsigned levels;
	struct buf kept[MAP_FIELDS_MAX];
	bool lost;
	struct members *members;
};

/* Where values are worked out: for the event, or for a node in a form. */
struct run {
	struct eval *e;
	struct level *lv;
	const struct map_form *form; /* that they stand in, or NULL */
	struct pathset *paths;
	const struct json_doc *doc; /* that the paths were walked in */
	size_t max_chars;           /* of a list; 0: no limit */
};

/* One term, and what has been made of its values so far. */
struct gather {
	const struct run *r;
	const struct map_term *t;
	struct str result;
	bool done;
	bool started; /* there was a value */
	uint32_t members, more;
	uint32_t rank;  /* of the word found */
	int64_t number; /* the highest, the lowest, or the sum */
};

struct eval *
eval_new(unsigned depth)
{
	struct eval *e = xcalloc(1, sizeof(*e));

	e->levels = depth + 1;
	e->level = xcalloc(e->levels, sizeof(*e->level));
	for (unsigned i = 0; i < e->levels; i++) {
		struct level *lv = &e->level[i];

		buf_init(&lv->text[0], TEXT_MAX);
		buf_init(&lv->text[1], TEXT_MAX);
		buf_init(&lv->made, TEXT_MAX);
		buf_init(&lv->list, TEXT_MAX);
		buf_init(&lv->inner_text, TEXT_MAX);
		textset_init(&lv->met);
		json_init(&lv->inner, 0, 0);
	}
	for (unsigned i = 0; i < MAP_FIELDS_MAX; i++)
		buf_init(&e->kept[i], TEXT_MAX);
	return e;
}

void
eval_free(struct eval **ep)
{
	struct eval *e = *ep;

	*ep = NULL;
	if (e == NULL)
		return;
	for (unsigned i = 0; i < e->levels; i++) {
		struct level *lv = &e->level[i];

		buf_clear(&lv->text[0]);
		buf_clear(&lv->text[1]);
		buf_clear(&lv->made);
		buf_clear(&lv->list);
		buf_clear(&lv->inner_text);
		textset_clear(&lv->met);
		json_clear(&lv->inner);
		xfree(lv->ranked);
	}
	for (unsigned i = 0; i < MAP_FIELDS_MAX; i++)
		buf_clear(&e->kept[i]);
	xfree(e->level);
	xfree(e);
}

/* A giant record must not leave giant buffers behind. */
static void
level_tidy(struct level *lv)
{
	struct buf *all[] = { &lv->text[0], &lv->text[1], &lv->made, &lv->list,
		&lv->inner_text };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i]->size > TEXT_KEEP)
			buf_clear(all[i]);
	if (lv->ranked_size > TEXT_KEEP / sizeof(*lv->ranked)) {
		xfree(lv->ranked);
		lv->ranked = NULL;
		lv->ranked_size = 0;
	}
	lv->inner_of = NULL;
	lv->ranked_by = NULL;
}

void
eval_begin(struct eval *e, const struct record *rec, struct members *members)
{
	e->rec = rec;
	e->members = members;
	e->lost = false;
	for (unsigned i = 0; i < e->levels; i++)
		level_tidy(&e->level[i]);
}

bool
eval_take_lost(struct eval *e)
{
	bool lost = e->lost;

	e->lost = false;
	return lost;
}

static bool
is_in(const struct buf *b, struct str s)
{
	return b->p != NULL && s.p >= b->p && s.p < b->p + b->size;
}

bool
eval_is_passing(const struct eval *e, struct str s)
{
	for (unsigned i = 0; i < e->levels; i++) {
		const struct level *lv = &e->level[i];

		if (is_in(&lv->text[0], s) || is_in(&lv->text[1], s) ||
		    is_in(&lv->made, s) || is_in(&lv->list, s) ||
		    is_in(&lv->inner_text, s) ||
		    (s.p >= lv->space && s.p < lv->space + CONVERT_MAX))
			return true;
	}
	return false;
}

void
eval_remember(struct eval *e, unsigned i, struct str s)
{
	buf_reset(&e->kept[i]);
	buf_add_str(&e->kept[i], s);
}

/* --- texts -------------------------------------------------------------- */

/* The buffer for transforms that s does not stand in, emptied. */
static struct buf *
other_text(struct level *lv, struct str s)
{
	struct buf *b = is_in(&lv->text[0], s) ? &lv->text[1] : &lv->text[0];

	buf_reset(b);
	return b;
}

static struct str
text_made(const struct run *r, const struct buf *b)
{
	r->e->lost |= b->failed;
	return buf_str(b);
}

static bool
holds_any(struct str s, struct str chars)
{
	for (size_t i = 0; i < chars.len; i++)
		if (str_find(s, chars.p[i]) >= 0)
			return true;
	return false;
}

static struct str
swapped(const struct run *r, struct str s, struct str from, struct str to)
{
	struct buf *b;

	if (!holds_any(s, from))
		return s;
	b = other_text(r->lv, s);
	convert_swap(s, from, to, b);
	return text_made(r, b);
}

/* JSON as it came, on one line. */
static struct str
compact(const struct run *r, struct str s)
{
	struct buf *b;

	if (str_find(s, '\n') < 0 && str_find(s, '\r') < 0)
		return s;
	b = other_text(r->lv, s);
	convert_json(s, b);
	return text_made(r, b);
}

/* What is written for a node: null, "", [] and {} all mean nothing. */
static struct str
node_text(const struct run *r, const struct json_doc *doc, uint32_t node)
{
	const struct json_token *t = &doc->tok[node];
	struct str s = json_raw(doc, node);

	switch ((enum json_type)t->type) {
	case JSON_NULL:
		return str_make(NULL, 0);
	case JSON_STRING:
		if (t->escaped) {
			buf_reset(&r->lv->text[0]);
			json_decode(doc, node, &r->lv->text[0]);
			s = text_made(r, &r->lv->text[0]);
		}
		s = convert_trim(s);
		break;
	case JSON_ARRAY:
	case JSON_OBJECT:
		if (t->next == node + 1)
			return str_make(NULL, 0);
		s = compact(r, s);
		break;
	case JSON_NUMBER:
	case JSON_FALSE:
	case JSON_TRUE:
		return s;
	}
	if (r->form != NULL && r->form->swap_from.len > 0)
		s = swapped(r, s, r->form->swap_from, r->form->swap_to);
	return s;
}

/* --- transforms --------------------------------------------------------- */

static bool
is_one_of(struct str s, const struct str *word, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (str_eq_nocase(s, word[i]))
			return true;
	return false;
}

static bool
begins_with_one(struct str s, const struct str *word, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (str_starts(s, word[i]))
			return true;
	return false;
}

static struct str
look_up(const struct words *table, struct str s)
{
	int row = words_find(table, s);

	return row < 0 ? str_make(NULL, 0) : words_text(table, row);
}

static struct str
rewritten(const struct run *r, const struct map_step *st, struct str s)
{
	struct buf *b;

	if (st->op == STEP_PLAIN && convert_is_plain(s))
		return s;
	b = other_text(r->lv, s);
	if (st->op == STEP_HTML) {
		convert_html(s, b);
	} else if (st->op == STEP_PLAIN) {
		convert_plain(s, b);
	} else if (st->op == STEP_LOWER || st->op == STEP_UPPER) {
		convert_case(s, st->op == STEP_UPPER, b);
	} else if (st->op == STEP_PREFIX) {
		buf_add_str(b, st->a);
		buf_add_str(b, s);
	} else {
		buf_add_str(b, s);
		buf_add_str(b, st->a);
	}
	return text_made(r, b);
}

static struct str
unlike(const struct run *r, const struct map_step *st, struct str s)
{
	for (uint32_t i = 0; i < st->words; i++)
		if (str_eq(buf_str(&r->e->kept[st->by.field[i]]), s))
			return str_make(NULL, 0);
	return s;
}

/* One transform of a text that is not empty. */
static struct str
step(const struct run *r, const struct map_step *st, struct str s)
{
	const struct str none = { NULL, 0 };

	switch (st->op) {
	case STEP_TABLE:
		return look_up(st->by.table, s);
	case STEP_TYPE:
		return convert_type(st->type, s, r->lv->space, &s) ? s : none;
	case STEP_AFTER:
		return convert_after(s, st->a);
	case STEP_BEFORE:
		return convert_before(s, st->a);
	case STEP_STRIP:
		return str_starts(s, st->a)
		    ? str_make(s.p + st->a.len, s.len - st->a.len)
		    : s;
	case STEP_CHOP:
		return str_ends(s, st->a) ? str_make(s.p, s.len - st->a.len)
					  : s;
	case STEP_BEGINS:
		return begins_with_one(s, st->word, st->words) ? s : none;
	case STEP_ONLY:
		return is_one_of(s, st->word, st->words) ? s : none;
	case STEP_DROP:
		return is_one_of(s, st->word, st->words) ? none : s;
	case STEP_GIVES:
		return st->a;
	case STEP_CUT:
		return cef_cut_chars(s, st->n);
	case STEP_SWAP:
		return swapped(r, s, st->a, st->b);
	case STEP_UNLIKE:
		return unlike(r, st, s);
	case STEP_HTML:
	case STEP_PLAIN:
	case STEP_LOWER:
	case STEP_UPPER:
	case STEP_PREFIX:
	case STEP_SUFFIX:
		return rewritten(r, st, s);
	case STEP_JSON:
	case STEP_SORT:
	case STEP_ONE:
	case STEP_STRINGS:
	case STEP_AS:
	case STEP_DEFAULT:
	case STEP_OPS:
		break;
	}
	return s;
}

/* Nothing stays nothing, unless the map says what stands in its place. */
static struct str
steps(const struct run *r, const struct map_step *st, unsigned n, struct str s)
{
	for (unsigned i = 0; i < n; i++)
		if (st[i].op == STEP_DEFAULT)
			s = s.len > 0 ? s : st[i].a;
		else if (s.len > 0)
			s = step(r, &st[i], s);
	return s;
}

/* --- many become one ---------------------------------------------------- */

static size_t
count_chars(struct str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

/* Whether s fits behind the list; bytes decide while they can. */
static bool
list_has_room(const struct gather *g, struct str s, size_t room)
{
	struct str list = buf_str(&g->r->lv->list);

	if (list.len + g->t->sep.len + s.len <= room)
		return true;
	return count_chars(list) + count_chars(g->t->sep) + count_chars(s) <=
	    room;
}

/* A member that has no more room is counted; the first one is cut. */
static void
list_add(struct gather *g, struct str s)
{
	size_t max = g->r->max_chars;
	size_t room = max > MORE_CHARS ? max - MORE_CHARS : max;
	struct buf *list = &g->r->lv->list;

	if (g->more > 0 || g->members == g->t->max) {
		g->more++;
		return;
	}
	if (max > 0 && !list_has_room(g, s, room)) {
		if (g->started) {
			g->more++;
			return;
		}
		s = cef_cut_chars(s, room);
		g->r->e->lost = true;
	}
	if (g->started)
		buf_add_str(list, g->t->sep);
	buf_add_str(list, s);
	g->started = true;
	g->members++;
}

static void
prefer(struct gather *g, struct str s)
{
	int row = words_find(g->t->ranks, s);

	if (row < 0 || (uint32_t)row >= g->rank)
		return;
	g->rank = (uint32_t)row;
	g->result = g->t->word[row];
	g->done = row == 0;
}

/* One text, however often; another one makes it none. */
static void
sole(struct gather *g, struct str s)
{
	struct buf *list = &g->r->lv->list;

	if (!g->started) {
		buf_add_str(list, s);
		g->started = true;
	} else if (!str_eq(buf_str(list), s)) {
		buf_reset(list);
		g->done = true;
	}
}

/* Take one value into what the term makes of all of them. */
static void
take(struct gather *g, struct str s)
{
	int64_t n;

	if (s.len == 0 && g->t->gather != GATHER_JOINALL)
		return;
	if (g->t->distinct && !textset_add(&g->r->lv->met, s))
		return;
	switch ((enum map_gather)g->t->gather) {
	case GATHER_FIRST:
		g->result = s;
		g->done = true;
		break;
	case GATHER_LAST:
		buf_reset(&g->r->lv->list);
		buf_add_str(&g->r->lv->list, s);
		break;
	case GATHER_JOIN:
	case GATHER_JOINALL:
		list_add(g, s);
		break;
	case GATHER_COUNT:
		g->members++;
		break;
	case GATHER_PREFER:
		prefer(g, s);
		break;
	case GATHER_HIGHEST:
	case GATHER_LOWEST:
		if (str_to_i64(s, &n) &&
		    (!g->started ||
			(g->t->gather == GATHER_HIGHEST ? n > g->number
							: n < g->number))) {
			g->number = n;
			g->started = true;
		}
		break;
	case GATHER_SUM:
		if (str_to_i64(s, &n) &&
		    !__builtin_add_overflow(g->number, n, &n)) {
			g->number = n;
			g->started = true;
		}
		break;
	case GATHER_SOLE:
		sole(g, s);
		break;
	}
}

static void
gather_begin(struct gather *g)
{
	if (g->t->distinct)
		textset_reset(&g->r->lv->met);
	if (g->t->gather != GATHER_FIRST)
		buf_reset(&g->r->lv->list);
	g->rank = g->t->words;
}

static struct str
gather_end(struct gather *g)
{
	struct buf *list = &g->r->lv->list;

	switch ((enum map_gather)g->t->gather) {
	case GATHER_FIRST:
	case GATHER_PREFER:
		return g->result;
	case GATHER_JOIN:
	case GATHER_JOINALL:
		if (g->more > 0) {
			buf_add_str(list, g->t->sep);
			buf_add_char(list, '+');
			buf_add_u64(list, g->more);
			buf_add_text(list, " more");
		}
		break;
	case GATHER_COUNT:
		buf_add_u64(list, g->members);
		break;
	case GATHER_HIGHEST:
	case GATHER_LOWEST:
	case GATHER_SUM:
		if (g->started)
			buf_addf(list, "%lld", (long long)g->number);
		break;
	case GATHER_LAST:
	case GATHER_SOLE:
		break;
	}
	return text_made(g->r, list);
}

/* --- nodes -------------------------------------------------------------- */

static struct str form_text(const struct run *r, const struct map_form *f,
    const struct json_doc *doc, uint32_t node);

/* The text of a node by the transforms from number `at` on. */
static void
take_text(struct gather *g, struct str s, unsigned at)
{
	unsigned n = g->t->steps - at;

	take(g, n == 0 ? s : steps(g->r, &g->t->step[at], n, s));
}

/* Texts of an object's members, without the names that say what it is. */
static void
take_strings(
    struct gather *g, const struct json_doc *doc, uint32_t node, unsigned at)
{
	const struct map_step *st = &g->t->step[at];
	uint32_t end = doc->tok[node].next, n = 0;

	if (json_type(doc, node) != JSON_OBJECT)
		return;
	for (uint32_t k = node + 1; k < end && n < st->n && !g->done;
	     k = doc->tok[k + 1].next) {
		struct str name = json_raw(doc, k), s;

		if (json_type(doc, k + 1) != JSON_STRING ||
		    (name.len > 0 && name.p[0] == '@') ||
		    is_one_of(name, st->word, st->words))
			continue;
		s = node_text(g->r, doc, k + 1);
		n += s.len > 0;
		take_text(g, s, at + 1);
	}
}

static void
take_node(
    struct gather *g, const struct json_doc *doc, uint32_t node, unsigned at)
{
	const struct map_step *st = &g->t->step[at];
	bool more = at < g->t->steps;

	if (!more && g->t->gather == GATHER_COUNT && !g->t->distinct &&
	    json_type(doc, node) == JSON_OBJECT)
		g->members += json_first(doc, node) != JSON_NONE;
	else if (more && st->op == STEP_STRINGS)
		take_strings(g, doc, node, at);
	else if (more && st->op == STEP_AS)
		take_text(g, form_text(g->r, st->by.form, doc, node), at + 1);
	else
		take_text(g, node_text(g->r, doc, node), at);
}

/* Read the JSON that stands in a text, unless it was the last one read. */
static bool
inner_read(const struct run *r, const struct json_doc *doc, uint32_t node)
{
	struct level *lv = r->lv;

	if (lv->inner_of == doc && lv->inner_node == node)
		return lv->inner_ok;
	lv->inner_of = doc;
	lv->inner_node = node;
	/* What was known of the text that stood here before is void. */
	members_reset(r->e->members);
	for (struct level *l = lv + 1; l < r->e->level + r->e->levels; l++)
		l->inner_of = NULL;
	buf_reset(&lv->inner_text);
	json_decode(doc, node, &lv->inner_text);
	lv->inner_ok = !lv->inner_text.failed &&
	    json_parse(&lv->inner, buf_str(&lv->inner_text), NULL) == 0;
	return lv->inner_ok;
}

static uint32_t
nodes_of(const struct run *r, struct pathset *set, int path,
    const uint32_t **nodes_r)
{
	uint32_t n;

	if (pathset_nodes(set, path, nodes_r, &n, NULL) < 0)
		r->e->lost = true;
	return n;
}

static void
take_inner(struct gather *g, const struct json_doc *doc, uint32_t node)
{
	struct pathset *set = g->t->step[0].by.inner;
	const uint32_t *nodes;
	uint32_t n;

	if (json_type(doc, node) == JSON_STRING) {
		if (!inner_read(g->r, doc, node))
			return;
		doc = &g->r->lv->inner;
		node = 0;
	}
	pathset_run(set, g->r->e->members, doc, node);
	n = nodes_of(g->r, set, 0, &nodes);
	for (uint32_t i = 0; i < n && !g->done; i++)
		take_node(g, doc, nodes[i], 1);
}

static int
compare_ranked(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank > y->rank ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static void
collect(const struct gather *g, uint32_t *n_r)
{
	struct level *lv = g->r->lv;
	const uint32_t *nodes;
	uint32_t all = 0;

	for (unsigned p = 0; p < g->t->paths; p++) {
		uint32_t n = nodes_of(g->r, g->r->paths, g->t->path[p], &nodes);

		if (all + n > lv->ranked_size) {
			lv->ranked_size = (all + n) * 2;
			lv->ranked = xreallocarray(
			    lv->ranked, lv->ranked_size, sizeof(*lv->ranked));
		}
		for (uint32_t i = 0; i < n; i++) {
			lv->ranked[all] =
			    (struct ranked){ .at = all, .node = nodes[i] };
			all++;
		}
	}
	*n_r = all;
}

/* Rank nodes and put the highest first. */
static void
rank(const struct gather *g, const struct map_form *f, struct ranked *rk,
    uint32_t n)
{
	struct str s;

	for (uint32_t i = 0; i < n; i++) {
		s = form_text(g->r, f, g->r->doc, rk[i].node);
		if (!str_to_i64(s, &rk[i].rank))
			rk[i].rank = 0;
	}
	qsort(rk, n, sizeof(*rk), compare_ranked);
}

/*
 * The nodes in the order that "sort" asks for.  Lines that tell of one entry
 * stand together and sort alike, so the last order is kept; in the event
 * only, since a form has other nodes each time.
 */
static struct ranked *
sorted(const struct gather *g, uint32_t *n_r)
{
	const struct map_step *st = &g->t->step[0];
	const struct map_form *by = st->op == STEP_SORT ? st->by.form : NULL;
	struct level *lv = g->r->lv;

	if (by != NULL && by == lv->ranked_by && g->t->paths == 1 &&
	    g->t->path[0] == lv->ranked_path && g->r->paths == lv->ranked_set) {
		*n_r = lv->ranked_n;
		return lv->ranked;
	}
	lv->ranked_by = NULL;
	collect(g, n_r);
	if (by != NULL && *n_r > 1)
		rank(g, by, lv->ranked, *n_r);
	if (g->t->paths == 1 && lv == g->r->e->level) {
		lv->ranked_by = by;
		lv->ranked_path = g->t->path[0];
		lv->ranked_set = g->r->paths;
		lv->ranked_n = *n_r;
	}
	return lv->ranked;
}

/* "sort" and "one", then the nodes that are left. */
static void
take_sorted(struct gather *g)
{
	uint32_t n;
	struct ranked *rk = sorted(g, &n);
	unsigned at = 0;

	for (; at < g->t->steps && g->t->step[at].op <= STEP_ONE; at++)
		if (g->t->step[at].op == STEP_ONE && n > 1)
			n = 1;
	for (uint32_t i = 0; i < n && !g->done; i++)
		take_node(g, g->r->doc, rk[i].node, at);
}

static void
take_paths(struct gather *g)
{
	const uint32_t *nodes;

	for (unsigned p = 0; p < g->t->paths && !g->done; p++) {
		uint32_t n = nodes_of(g->r, g->r->paths, g->t->path[p], &nodes);

		for (uint32_t i = 0; i < n && !g->done; i++) {
			if (g->t->has_json)
				take_inner(g, g->r->doc, nodes[i]);
			else
				take_node(g, g->r->doc, nodes[i], 0);
		}
	}
}

/* --- values ------------------------------------------------------------- */

static struct str
record_text(const struct run *r, const struct map_term *t)
{
	const struct record *rec = r->e->rec;
	struct buf *b = &r->lv->text[0];

	switch ((enum map_source)t->from) {
	case FROM_TEXT:
		return t->text;
	case FROM_ID:
		return rec->id;
	case FROM_TYPE:
		return rec->type;
	case FROM_UPDATE:
		return rec->is_update ? STR_LIT("1") : STR_LIT("0");
	case FROM_PORTAL:
		return rec->portal;
	case FROM_RAW:
		return compact(r, json_raw(rec->doc, 0));
	case FROM_TIME:
		buf_reset(b);
		if (rec->time_ms > 0)
			buf_add_u64(b, rec->time_ms);
		return buf_str(b);
	case FROM_PATHS:
		break;
	}
	return str_make(NULL, 0);
}

static struct str
gather_text(const struct run *r, const struct map_term *t)
{
	struct gather g = { .r = r, .t = t };
	struct str s;

	gather_begin(&g);
	if (t->from != FROM_PATHS)
		take_text(&g, record_text(r, t), 0);
	else if (t->has_sort)
		take_sorted(&g);
	else
		take_paths(&g);
	s = gather_end(&g);
	return t->afters == 0 ? s : steps(r, t->after, t->afters, s);
}

static struct str
term_text(const struct run *r, const struct map_term *t)
{
	struct str s = t->text;
	uint32_t node;

	if (t->single) {
		node = pathset_one(r->paths, t->path[0]);
		if (node == JSON_NONE)
			s = str_make(NULL, 0);
		else
			s = node_text(r, r->doc, node);
		if (t->steps > 0)
			s = steps(r, t->step, t->steps, s);
	} else if (t->from != FROM_TEXT || t->steps > 0) {
		return gather_text(r, t);
	}
	return t->afters == 0 ? s : steps(r, t->after, t->afters, s);
}

static struct str
alt_text(const struct run *r, const struct map_alt *alt)
{
	struct buf *made = &r->lv->made;
	bool any = alt->constant;
	struct str s;

	if (alt->terms == 1)
		return term_text(r, &alt->term[0]);
	buf_reset(made);
	for (unsigned i = 0; i < alt->terms; i++) {
		s = term_text(r, &alt->term[i]);
		if (s.len == 0 && alt->term[i].must)
			return s;
		any |= s.len > 0 && alt->term[i].from != FROM_TEXT;
		buf_add_str(made, s);
	}
	return any ? text_made(r, made) : str_make(NULL, 0);
}

/* Most alternatives are for evidence that this alert has not. */
static struct str
value_text(const struct run *r, const struct map_value *v)
{
	const uint8_t *maybe = pathset_maybe(r->paths);
	struct str s = { NULL, 0 };

	for (unsigned i = 0; i < v->alts && s.len == 0; i++)
		if (v->needs[i] == MAP_NO_PATH || maybe[v->needs[i]])
			s = alt_text(r, &v->alt[i]);
	return s;
}

/* What a form writes for a node, by the case that its type falls under. */
static struct str
form_text(const struct run *r, const struct map_form *f,
    const struct json_doc *doc, uint32_t node)
{
	struct run in = {
		.e = r->e,
		.lv = r->lv + 1,
		.doc = doc,
		.max_chars = f->limit,
	};
	const struct map_case *c = f->cases;
	struct str s;
	int i;

	if (f->by != NULL) {
		in.paths = f->by_paths;
		pathset_run(in.paths, r->e->members, doc, node);
		i = words_find(f->names, value_text(&in, f->by));
		if (i < 0)
			return str_make(NULL, 0);
		c = &f->cases[i];
	}
	/* A form within a form keeps the outer one's signs free as well. */
	in.form = f->swap_from.len > 0 ? f : r->form;
	in.paths = c->paths;
	pathset_run(in.paths, r->e->members, doc, node);
	s = value_text(&in, &c->value);
	if (f->limit > 0 && s.len > f->limit) {
		struct str cut = cef_cut_chars(s, f->limit);

		r->e->lost |= cut.len < s.len;
		s = cut;
	}
	return s;
}

struct str
eval_value(struct eval *e, const struct map_value *v, struct pathset *paths,
    size_t max_chars)
{
	struct run r = {
		.e = e,
		.lv = e->level,
		.paths = paths,
		.doc = e->rec->doc,
		.max_chars = max_chars,
	};

	return value_text(&r, v);
}
