/* codec/jsonpath_eval.c -- lets a JSONPath that was read walk a document. */
/* SPDX-License-Identifier: ISC */
/*
 * The RFC speaks of lists of nodes that go from segment to segment.  Here
 * each node walks through all the segments left before its neighbour starts,
 * which selects the same nodes in the same order and needs no lists between.
 *
 * A walk is told to stop by true: enough was found, or something failed.
 * After a failure nothing has children any more, so that all loops end by
 * themselves, and what they found is thrown away.
 */
#include "codec/jsonpath_eval.h"

#include <math.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "codec/iregexp.h"
#include "codec/jsonpath.h"

#define NODES_DEFAULT 65536
#define STEPS_MAX (1U << 24) /* about a tenth of a second */
#define DEPTH_MAX 1024       /* containers within containers and filters */

struct eval {
	const struct json_doc *doc;
	struct jp_scratch *scratch;
	struct err *err;
	uint64_t steps; /* left */
	uint32_t root;  /* what $ means: a node, or JP_LONE */
	unsigned depth;
	bool failed;
};

static bool walk(struct eval *ev, const struct jp_segment *seg, uint32_t node,
    struct jp_taker *tk);
static bool holds(struct eval *ev, const struct jp_expr *e, uint32_t node);
static bool
is_equal(struct eval *ev, const struct jp_value *a, const struct jp_value *b);

/* --- caps ---------------------------------------------------------------- */

static bool
fail(struct eval *ev, const char *why)
{
	if (!ev->failed)
		err_set(ev->err, ERR_DATA, "JSONPath: %s", why);
	ev->failed = true;
	ev->steps = 0;
	return true;
}

static bool
charge(struct eval *ev, uint64_t steps)
{
	if (ev->steps < steps) {
		fail(ev, "too many steps");
		return false;
	}
	ev->steps -= steps;
	return true;
}

static bool
enter(struct eval *ev)
{
	if (ev->depth == DEPTH_MAX)
		return !fail(ev, "too deep");
	ev->depth++;
	return true;
}

/* --- the document -------------------------------------------------------- */

static unsigned
type_of(const struct eval *ev, uint32_t node)
{
	return node == JP_LONE ? JSON_ARRAY : ev->doc->tok[node].type;
}

static bool
is_container(unsigned type)
{
	return type == JSON_ARRAY || type == JSON_OBJECT;
}

/* The values in an array or object; nothing else has any. */
struct kids {
	uint32_t at, end; /* tokens: of an element, or of a member's name */
	uint32_t skip;    /* from there to the value */
};

static struct kids
kids_of(const struct eval *ev, uint32_t node)
{
	if (node == JP_LONE)
		return (struct kids){ .at = 0, .end = 1 };
	return (struct kids){
		.at = node + 1,
		.end = ev->doc->tok[node].next,
		.skip = ev->doc->tok[node].type == JSON_OBJECT,
	};
}

static inline uint32_t
next_kid(struct eval *ev, struct kids *k)
{
	uint32_t kid = k->at + k->skip;

	if (k->at >= k->end || !charge(ev, 1))
		return JSON_NONE;
	k->at = ev->doc->tok[kid].next;
	return kid;
}

static int64_t
count_kids(struct eval *ev, uint32_t node)
{
	struct kids k = kids_of(ev, node);
	int64_t n = 0;

	while (next_kid(ev, &k) != JSON_NONE)
		n++;
	return n;
}

/* The member of that name; of several the last, as json_member has it. */
static uint32_t
find_member(struct eval *ev, const struct jp_selector *sel, uint32_t object)
{
	const struct json_doc *doc = ev->doc;
	const struct json_token *tok = doc->tok;
	const uint32_t end = tok[object].next, len = (uint32_t)sel->name.len;
	uint32_t found = JSON_NONE, n = 0;

	for (uint32_t k = object + 1; k < end; k = tok[k + 1].next, n++) {
		const struct json_token *t = &tok[k];

		if (t->escaped ? json_is(doc, k, sel->name)
			       : (t->hash == sel->hash && t->len == len &&
				     memcmp(doc->text.p + t->off, sel->name.p,
					 len) == 0))
			found = k + 1;
	}
	return charge(ev, n) ? found : JSON_NONE;
}

static uint32_t
find_element(struct eval *ev, int64_t index, uint32_t array)
{
	struct kids k = kids_of(ev, array);
	uint32_t kid = JSON_NONE;

	if (index < 0)
		index += count_kids(ev, array);
	if (index < 0)
		return JSON_NONE;
	do
		kid = next_kid(ev, &k);
	while (kid != JSON_NONE && index-- > 0);
	return kid;
}

/* What a name or an index selects: one node or none. */
static uint32_t
find_single(struct eval *ev, const struct jp_selector *sel, uint32_t node)
{
	unsigned type = type_of(ev, node);

	if (sel->kind == JP_NAME && type == JSON_OBJECT)
		return find_member(ev, sel, node);
	if (sel->kind == JP_INDEX && type == JSON_ARRAY)
		return find_element(ev, sel->index, node);
	return JSON_NONE;
}

/* --- walking ------------------------------------------------------------- */

static bool
take(struct eval *ev, struct jp_taker *tk, uint32_t node)
{
	struct jsonpath_nodes *to = tk->nodes;

	if (ev->failed)
		return true;
	if (tk->n++ == 0)
		tk->first = node;
	if (to != NULL) {
		if (to->n == (to->max > 0 ? to->max : NODES_DEFAULT))
			return fail(ev, "it selects too many values");
		if (to->n == to->size) {
			to->size = to->size < 8 ? 8 : 2 * to->size;
			to->v = xreallocarray(to->v, to->size, sizeof(*to->v));
		}
		to->v[to->n++] = node;
	}
	return tk->n >= tk->enough;
}

static bool
walk_kids(struct eval *ev, const struct jp_segment *seg,
    const struct jp_selector *sel, uint32_t node, struct jp_taker *tk)
{
	struct kids k = kids_of(ev, node);
	bool stop = false;
	uint32_t kid;

	while (!stop && (kid = next_kid(ev, &k)) != JSON_NONE)
		if (sel->kind == JP_WILD || holds(ev, sel->filter, kid))
			stop = walk(ev, seg->next, kid, tk);
	return stop;
}

static int64_t
clamp(int64_t v, int64_t low, int64_t high)
{
	return v < low ? low : v > high ? high : v;
}

/*
 * The first index and the one to stop at, as section 2.3.4.2.2 computes them;
 * going backwards they stand one lower, so that -1 is "before the first".
 */
static void
slice_bounds(
    const struct jp_selector *sel, int64_t len, int64_t *from_r, int64_t *to_r)
{
	int64_t low = sel->step < 0 ? -1 : 0;
	int64_t high = sel->step < 0 ? len - 1 : len;
	int64_t start = sel->start < 0 ? sel->start + len : sel->start;
	int64_t end = sel->end < 0 ? sel->end + len : sel->end;

	*from_r = sel->step < 0 ? high : low;
	*to_r = sel->step < 0 ? low : high;
	if (sel->has_start)
		*from_r = clamp(start, low, high);
	if (sel->has_end)
		*to_r = clamp(end, low, high);
}

static bool
walk_forwards(struct eval *ev, const struct jp_segment *seg,
    const struct jp_selector *sel, uint32_t node, struct jp_taker *tk)
{
	struct kids k = kids_of(ev, node);
	int64_t next, to;
	bool stop = false;
	uint32_t kid;

	slice_bounds(sel, count_kids(ev, node), &next, &to);
	for (int64_t i = 0; !stop && next < to; i++) {
		kid = next_kid(ev, &k);
		if (kid == JSON_NONE)
			break;
		if (i != next)
			continue;
		stop = walk(ev, seg->next, kid, tk);
		next += sel->step;
	}
	return stop;
}

/* The tape goes forwards only, so the elements are stacked before. */
static bool
walk_backwards(struct eval *ev, const struct jp_segment *seg,
    const struct jp_selector *sel, uint32_t node, struct jp_taker *tk)
{
	struct kids k = kids_of(ev, node);
	struct buf *stack = &ev->scratch->stack;
	size_t base = stack->len;
	int64_t len = 0, i, to;
	bool stop = false;
	uint32_t kid;

	for (; (kid = next_kid(ev, &k)) != JSON_NONE; len++)
		buf_add(stack, &kid, sizeof(kid));
	if (stack->failed)
		return fail(ev, "no memory");
	slice_bounds(sel, len, &i, &to);
	for (; !stop && !ev->failed && i > to; i += sel->step) {
		memcpy(&kid, stack->p + base + (size_t)i * sizeof(kid),
		    sizeof(kid));
		stop = walk(ev, seg->next, kid, tk);
	}
	buf_truncate(stack, base);
	return stop;
}

static bool
walk_selector(struct eval *ev, const struct jp_segment *seg,
    const struct jp_selector *sel, uint32_t node, struct jp_taker *tk)
{
	uint32_t kid;

	switch (sel->kind) {
	case JP_NAME:
	case JP_INDEX:
		kid = find_single(ev, sel, node);
		return kid != JSON_NONE && walk(ev, seg->next, kid, tk);
	case JP_SLICE:
		if (type_of(ev, node) != JSON_ARRAY || sel->step == 0)
			return false;
		if (sel->step > 0)
			return walk_forwards(ev, seg, sel, node, tk);
		return walk_backwards(ev, seg, sel, node, tk);
	case JP_WILD:
	case JP_FILTER:
		return walk_kids(ev, seg, sel, node, tk);
	}
	return false;
}

/* The node itself, then what is in it, in document order. */
static bool
walk_segment(struct eval *ev, const struct jp_segment *seg, uint32_t node,
    struct jp_taker *tk)
{
	struct kids k = kids_of(ev, node);
	bool stop = false;
	uint32_t kid;

	if (!is_container(type_of(ev, node)))
		return false;
	if (!enter(ev))
		return true;
	for (const struct jp_selector *sel = seg->first; !stop && sel != NULL;
	     sel = sel->next)
		stop = walk_selector(ev, seg, sel, node, tk);
	if (seg->is_deep)
		while (!stop && (kid = next_kid(ev, &k)) != JSON_NONE)
			stop = walk_segment(ev, seg, kid, tk);
	ev->depth--;
	return stop;
}

static bool
walk(struct eval *ev, const struct jp_segment *seg, uint32_t node,
    struct jp_taker *tk)
{
	for (; seg != NULL && seg->is_single; seg = seg->next) {
		node = find_single(ev, seg->first, node);
		if (node == JSON_NONE)
			return ev->failed;
	}
	if (seg == NULL)
		return take(ev, tk, node);
	return walk_segment(ev, seg, node, tk);
}

static bool
walk_query(struct eval *ev, const struct jp_query *q, uint32_t node,
    struct jp_taker *tk)
{
	return walk(ev, q->first, q->from_root ? ev->root : node, tk);
}

/* --- values -------------------------------------------------------------- */

static struct jp_value
value_of(const struct eval *ev, uint32_t node)
{
	struct jp_value v = { .type = JP_NOTHING, .node = node };

	if (node == JSON_NONE)
		return v;
	v.type = (uint8_t)type_of(ev, node);
	if (v.type != JSON_NUMBER)
		return v;
	v.is_whole = json_i64(ev->doc, node, &v.i);
	if (!v.is_whole && !json_double(ev->doc, node, &v.d))
		v.d =
		    json_raw(ev->doc, node).p[0] == '-' ? -HUGE_VAL : HUGE_VAL;
	return v;
}

static double
double_of(const struct jp_value *v)
{
	return v->is_whole ? (double)v->i : v->d;
}

/* The characters of a string; they stay until that side is asked again. */
static struct str
text_of(struct eval *ev, const struct jp_value *v, unsigned side)
{
	struct buf *decoded = &ev->scratch->text[side];
	struct str s;

	if (v->node == JSON_NONE)
		return v->s;
	s = json_text(ev->doc, v->node, decoded);
	if (decoded->failed)
		fail(ev, "no memory");
	charge(ev, s.len / 64);
	return s;
}

/* Bytes of UTF-8 stand in the order of the characters that they write. */
static int
compare_text(struct str a, struct str b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len > 0 ? memcmp(a.p, b.p, len) : 0;

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static bool
is_less(struct eval *ev, const struct jp_value *a, const struct jp_value *b)
{
	if (a->type != b->type)
		return false;
	if (a->type == JSON_STRING)
		return compare_text(text_of(ev, a, 0), text_of(ev, b, 1)) < 0;
	if (a->type != JSON_NUMBER)
		return false;
	if (a->is_whole && b->is_whole)
		return a->i < b->i;
	return double_of(a) < double_of(b);
}

static bool
is_equal_array(struct eval *ev, uint32_t a, uint32_t b)
{
	struct kids ka = kids_of(ev, a), kb = kids_of(ev, b);

	for (;;) {
		uint32_t na = next_kid(ev, &ka), nb = next_kid(ev, &kb);
		struct jp_value va, vb;

		if (na == JSON_NONE || nb == JSON_NONE)
			return na == nb;
		va = value_of(ev, na);
		vb = value_of(ev, nb);
		if (!is_equal(ev, &va, &vb))
			return false;
	}
}

static bool
is_equal_object(struct eval *ev, uint32_t a, uint32_t b)
{
	struct kids ka = kids_of(ev, a);
	int64_t n = count_kids(ev, b), left = n;
	uint32_t na;

	while ((na = next_kid(ev, &ka)) != JSON_NONE) {
		struct str name =
		    json_text(ev->doc, na - 1, &ev->scratch->text[0]);
		uint32_t nb = json_member(ev->doc, b, name);
		struct jp_value va = value_of(ev, na), vb = value_of(ev, nb);

		if (left-- == 0 || !charge(ev, (uint64_t)n) ||
		    !is_equal(ev, &va, &vb))
			return false;
	}
	return left == 0;
}

static bool
is_equal_container(
    struct eval *ev, const struct jp_value *a, const struct jp_value *b)
{
	bool yes;

	if (a->node == b->node)
		return true;
	if (!enter(ev))
		return false;
	yes = a->type == JSON_ARRAY ? is_equal_array(ev, a->node, b->node)
				    : is_equal_object(ev, a->node, b->node);
	ev->depth--;
	return yes;
}

static bool
is_equal(struct eval *ev, const struct jp_value *a, const struct jp_value *b)
{
	if (a->type != b->type)
		return false;
	if (a->type == JSON_STRING)
		return str_eq(text_of(ev, a, 0), text_of(ev, b, 1));
	if (is_container(a->type))
		return is_equal_container(ev, a, b);
	if (a->type != JSON_NUMBER)
		return true;
	if (a->is_whole && b->is_whole)
		return a->i == b->i;
	return double_of(a) == double_of(b);
}

/* --- filters ------------------------------------------------------------- */

static struct jp_value
call_value(struct eval *ev, const struct jp_call *call, uint32_t node);

static struct jp_value
operand_value(struct eval *ev, const struct jp_operand *o, uint32_t node)
{
	struct jp_taker tk = { .enough = 1, .first = JSON_NONE };

	switch (o->kind) {
	case JP_LITERAL:
		return o->literal;
	case JP_QUERY:
		walk_query(ev, &o->query, node, &tk);
		return value_of(ev, tk.first);
	case JP_CALL:
		break;
	}
	return call_value(ev, o->call, node);
}

static struct jp_value
whole_value(int64_t i)
{
	return (struct jp_value){
		.type = JSON_NUMBER, .is_whole = true, .node = JSON_NONE, .i = i
	};
}

static int64_t
count_characters(struct eval *ev, struct str s)
{
	int64_t n = 0;

	if (charge(ev, s.len / 16))
		for (size_t i = 0; i < s.len; i++)
			n += (s.p[i] & 0xc0) != 0x80;
	return n;
}

static struct jp_value
call_value(struct eval *ev, const struct jp_call *call, uint32_t node)
{
	struct jp_taker tk = { .first = JSON_NONE, .enough = UINT32_MAX };
	struct jp_value v = { .type = JP_NOTHING, .node = JSON_NONE };

	if (call->function == JP_LENGTH) {
		v = operand_value(ev, &call->arg[0], node);
		if (v.type == JSON_STRING)
			return whole_value(
			    count_characters(ev, text_of(ev, &v, 0)));
		if (is_container(v.type))
			return whole_value(count_kids(ev, v.node));
		return value_of(ev, JSON_NONE);
	}
	if (call->function == JP_VALUE)
		tk.enough = 2;
	walk_query(ev, &call->arg[0].query, node, &tk);
	if (call->function == JP_COUNT)
		return whole_value(tk.n);
	return tk.n == 1 ? value_of(ev, tk.first) : v;
}

/* match() and search(). */
static bool
call_holds(struct eval *ev, const struct jp_call *call, uint32_t node)
{
	struct jp_value subject = operand_value(ev, &call->arg[0], node);
	struct jp_value pattern = operand_value(ev, &call->arg[1], node);
	struct iregexp *re = call->re;
	struct str text;
	int rc;

	if (subject.type != JSON_STRING || pattern.type != JSON_STRING)
		return false;
	text = text_of(ev, &subject, 0);
	if (re == NULL)
		re = iregexp_cache_get(
		    ev->scratch->patterns, text_of(ev, &pattern, 1));
	if (ev->failed)
		return false;
	rc = iregexp_match(
	    re, text, call->function == JP_SEARCH, &ev->steps, ev->err);
	if (rc < 0) {
		err_prefix(ev->err, "JSONPath: ");
		ev->failed = true;
		ev->steps = 0;
	}
	return rc > 0;
}

static bool
compare(struct eval *ev, const struct jp_expr *e, uint32_t node)
{
	struct jp_value a = operand_value(ev, &e->side[0], node);
	struct jp_value b = operand_value(ev, &e->side[1], node);

	switch (e->op) {
	case JP_EQ:
		return is_equal(ev, &a, &b);
	case JP_NE:
		return !is_equal(ev, &a, &b);
	case JP_LT:
		return is_less(ev, &a, &b);
	case JP_GT:
		return is_less(ev, &b, &a);
	case JP_LE:
		return is_less(ev, &a, &b) || is_equal(ev, &a, &b);
	case JP_GE:
		return is_less(ev, &b, &a) || is_equal(ev, &a, &b);
	}
	return false;
}

static bool
holds(struct eval *ev, const struct jp_expr *e, uint32_t node)
{
	struct jp_taker tk = { .enough = 1 };

	switch (e->kind) {
	case JP_OR:
	case JP_AND:
		for (const struct jp_expr *x = e->first; x != NULL; x = x->next)
			if (holds(ev, x, node) == (e->kind == JP_OR))
				return e->kind == JP_OR;
		return e->kind == JP_AND;
	case JP_NOT:
		return !holds(ev, e->first, node);
	case JP_EXISTS:
		walk_query(ev, &e->query, node, &tk);
		return tk.n > 0;
	case JP_HOLDS:
		return call_holds(ev, e->call, node);
	case JP_COMPARE:
		return compare(ev, e, node);
	}
	return false;
}

/* --- the whole ----------------------------------------------------------- */

int
jsonpath_eval(const struct jp_tree *tree, struct jp_scratch *scratch,
    const struct json_doc *doc, uint32_t root, struct jp_taker *tk,
    struct err *err)
{
	struct eval ev = {
		.doc = doc,
		.scratch = scratch,
		.err = err,
		.steps = STEPS_MAX,
		.root = root,
	};

	if ((root == JP_LONE ? 0 : root) < doc->n)
		walk_query(&ev, &tree->query, root, tk);
	return ev.failed ? -1 : 0;
}
