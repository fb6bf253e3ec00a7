/* codec/jsonpath_parse.c -- reads a JSONPath, and refuses what is none. */
/* SPDX-License-Identifier: ISC */
/*
 * One function for each rule of RFC 9535's grammar (its appendix A), with
 * one character of look-ahead; so white space is taken only where the grammar
 * has an S.  What the grammar lets through and section 2.4.3 calls ill-typed
 * is refused where it is read: a comparison takes values only, a test takes
 * a query or a logical function, and an argument is what its function
 * declares in the table below.
 */
#include "codec/jsonpath_ast.h"

#include <math.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "codec/iregexp.h"
#include "codec/jptext.h"
#include "codec/utf8.h"

#define PATH_MAX_BYTES 65536
#define NEST_MAX 64

struct jp_block {
	struct jp_block *next;
	max_align_t data[];
};

struct parser {
	struct jptext in;
	struct jp_tree *tree;
	unsigned depth;
};

enum param_type {
	VALUE_TYPE,
	NODES_TYPE,
	LOGICAL_TYPE
};

static const struct function {
	const char *name;
	enum jp_function function;
	enum param_type result;
	unsigned n_args;
	enum param_type arg[2];
} functions[] = {
	{ "length", JP_LENGTH, VALUE_TYPE, 1, { VALUE_TYPE } },
	{ "count", JP_COUNT, VALUE_TYPE, 1, { NODES_TYPE } },
	{ "value", JP_VALUE, VALUE_TYPE, 1, { NODES_TYPE } },
	{ "match", JP_MATCH, LOGICAL_TYPE, 2, { VALUE_TYPE, VALUE_TYPE } },
	{ "search", JP_SEARCH, LOGICAL_TYPE, 2, { VALUE_TYPE, VALUE_TYPE } },
};
#define N_FUNCTIONS (sizeof(functions) / sizeof(functions[0]))

static struct jp_expr *read_or(struct parser *p);
static int read_segments(struct parser *p, struct jp_query *q);

/* Zeroed memory that lives as long as the path. */
static void *
keep(struct parser *p, size_t size)
{
	struct jp_block *b = xcalloc(1, sizeof(*b) + size);

	b->next = p->tree->blocks;
	p->tree->blocks = b;
	return b->data;
}

static int
enter(struct parser *p)
{
	if (++p->depth > NEST_MAX)
		return jptext_bad(&p->in, "nested too deeply");
	return 0;
}

/* What the text says lives on in the path, and the text need not. */
static struct str
keep_text(struct parser *p, struct str s)
{
	char *copy = keep(p, s.len + 1);

	if (s.len > 0)
		memcpy(copy, s.p, s.len);
	return str_make(copy, s.len);
}

/* No escape gets longer when it is decoded, so the path's length is enough. */
static int
read_string(struct parser *p, struct str *s_r)
{
	struct buf out;
	int rc;

	buf_init(&out, p->in.all.len);
	rc = jptext_read_string(&p->in, &out);
	if (rc == 0)
		*s_r = keep_text(p, buf_str(&out));
	buf_clear(&out);
	return rc;
}

/*
 * The reader of documents alone knows how it hashes names, so it is shown
 * one.  A name with a character that JSON must escape never stands plain in a
 * document, and is found without a hash.
 */
static uint16_t
hash_name(struct str name)
{
	struct json_doc doc;
	struct buf text;
	uint16_t hash = 0;

	json_init(&doc, 4, 2);
	buf_init(&text, name.len + 8);
	buf_add_text(&text, "{\"");
	buf_add_str(&text, name);
	buf_add_text(&text, "\":0}");
	if (json_parse(&doc, buf_str(&text), NULL) == 0)
		hash = doc.tok[1].hash;
	buf_clear(&text);
	json_clear(&doc);
	return hash;
}

static void
set_name(struct jp_selector *sel, struct str name)
{
	sel->kind = JP_NAME;
	sel->name = name;
	sel->hash = hash_name(name);
}

/* Numbers are read as those of documents are, so that both agree. */
static int
read_number(struct parser *p, struct jp_value *v)
{
	struct json_doc doc;
	struct str raw;
	int rc;

	if (jptext_read_number(&p->in, &raw) < 0)
		return -1;
	json_init(&doc, 4, 2);
	rc = json_parse(&doc, raw, p->in.err);
	if (rc == 0) {
		v->type = JSON_NUMBER;
		v->is_whole = json_i64(&doc, 0, &v->i);
		if (!v->is_whole && !json_double(&doc, 0, &v->d))
			v->d = raw.p[0] == '-' ? -HUGE_VAL : HUGE_VAL;
	}
	json_clear(&doc);
	return rc;
}

/* --- segments and selectors ---------------------------------------------- */

/* Behind the first ":" of a slice. */
static int
read_slice(struct parser *p, struct jp_selector *sel)
{
	sel->kind = JP_SLICE;
	sel->step = 1;
	jptext_skip_blanks(&p->in);
	if (jptext_is_digit(jptext_peek(&p->in)) ||
	    jptext_peek(&p->in) == '-') {
		if (jptext_read_int(&p->in, &sel->end) < 0)
			return -1;
		sel->has_end = true;
		jptext_skip_blanks(&p->in);
	}
	if (!jptext_eat(&p->in, ':'))
		return 0;
	jptext_skip_blanks(&p->in);
	if (jptext_is_digit(jptext_peek(&p->in)) || jptext_peek(&p->in) == '-')
		return jptext_read_int(&p->in, &sel->step);
	return 0;
}

static int
read_index_or_slice(struct parser *p, struct jp_selector *sel)
{
	int64_t v = 0;
	size_t behind;

	if (jptext_eat(&p->in, ':'))
		return read_slice(p, sel);
	if (jptext_read_int(&p->in, &v) < 0)
		return -1;
	behind = p->in.at;
	jptext_skip_blanks(&p->in);
	if (jptext_eat(&p->in, ':')) {
		sel->start = v;
		sel->has_start = true;
		return read_slice(p, sel);
	}
	p->in.at = behind;
	sel->kind = JP_INDEX;
	sel->index = v;
	return 0;
}

static int
read_selector(struct parser *p, struct jp_selector *sel)
{
	char c = jptext_peek(&p->in);
	struct str name;

	if (c == '\'' || c == '"') {
		if (read_string(p, &name) < 0)
			return -1;
		set_name(sel, name);
		return 0;
	}
	if (jptext_eat(&p->in, '*')) {
		sel->kind = JP_WILD;
		return 0;
	}
	if (jptext_eat(&p->in, '?')) {
		sel->kind = JP_FILTER;
		jptext_skip_blanks(&p->in);
		sel->filter = read_or(p);
		return sel->filter != NULL ? 0 : -1;
	}
	if (c == ':' || c == '-' || jptext_is_digit(c))
		return read_index_or_slice(p, sel);
	return jptext_bad(&p->in, "a selector is expected");
}

/* Behind "[". */
static int
read_brackets(struct parser *p, struct jp_segment *seg)
{
	struct jp_selector **tail = &seg->first;

	do {
		struct jp_selector *sel = keep(p, sizeof(*sel));

		jptext_skip_blanks(&p->in);
		if (read_selector(p, sel) < 0)
			return -1;
		*tail = sel;
		tail = &sel->next;
		jptext_skip_blanks(&p->in);
	} while (jptext_eat(&p->in, ','));
	return jptext_eat(&p->in, ']')
	    ? 0
	    : jptext_bad(&p->in, "\",\" or \"]\" is expected");
}

/* Behind a dot, or two. */
static int
read_shorthand(struct parser *p, struct jp_segment *seg)
{
	struct str name;

	seg->first = keep(p, sizeof(*seg->first));
	if (jptext_eat(&p->in, '*')) {
		seg->first->kind = JP_WILD;
		return 0;
	}
	if (jptext_read_name(&p->in, &name) < 0)
		return -1;
	set_name(seg->first, keep_text(p, name));
	return 0;
}

static int
read_segment(struct parser *p, struct jp_segment *seg)
{
	int rc;

	if (jptext_eat_text(&p->in, "..")) {
		seg->is_deep = true;
		rc = jptext_eat(&p->in, '[') ? read_brackets(p, seg)
					     : read_shorthand(p, seg);
	} else if (jptext_eat(&p->in, '.')) {
		rc = read_shorthand(p, seg);
	} else {
		p->in.at++;
		rc = read_brackets(p, seg);
	}
	if (rc == 0)
		seg->is_single = !seg->is_deep && seg->first->next == NULL &&
		    (seg->first->kind == JP_NAME ||
			seg->first->kind == JP_INDEX);
	return rc;
}

/* Blanks belong to a query only if one more segment stands behind them. */
static int
read_segments(struct parser *p, struct jp_query *q)
{
	struct jp_segment **tail = &q->first;

	q->is_singular = true;
	for (;;) {
		size_t behind = p->in.at;
		struct jp_segment *seg;

		jptext_skip_blanks(&p->in);
		if (jptext_peek(&p->in) != '.' && jptext_peek(&p->in) != '[') {
			p->in.at = behind;
			return 0;
		}
		seg = keep(p, sizeof(*seg));
		if (read_segment(p, seg) < 0)
			return -1;
		*tail = seg;
		tail = &seg->next;
		if (!seg->is_single)
			q->is_singular = false;
	}
}

/* --- filters ------------------------------------------------------------- */

static const struct function *
function_of(const struct jp_call *call)
{
	const struct function *f = functions;

	while (f->function != call->function)
		f++;
	return f;
}

/* NULL if the operand is of that type, else why it is not. */
static const char *
mistype(const struct jp_operand *o, enum param_type type)
{
	if (type == NODES_TYPE)
		return o->kind == JP_QUERY ? NULL : "a query is expected here";
	if (o->kind == JP_QUERY && !o->query.is_singular)
		return "this query may select more than one value";
	if (o->kind == JP_CALL && function_of(o->call)->result != VALUE_TYPE)
		return "this function has no value to compare";
	return NULL;
}

static int read_operand(struct parser *p, struct jp_operand *o);

/* What can be known about a pattern before any document is seen. */
static int
read_pattern(struct parser *p, size_t at, struct jp_call *call)
{
	const struct jp_operand *o = &call->arg[1];

	if (function_of(call)->result != LOGICAL_TYPE ||
	    o->kind != JP_LITERAL || o->literal.type != JSON_STRING)
		return 0;
	call->re = iregexp_new(o->literal.s);
	if (iregexp_state(call->re) == IREGEXP_TOO_BIG)
		return jptext_bad_at(
		    &p->in, at, "this regular expression is too big");
	return 0;
}

static int
read_args(struct parser *p, const struct function *f, struct jp_call *call)
{
	const char *why;
	size_t from = p->in.at;

	for (unsigned i = 0; i < f->n_args; i++) {
		jptext_skip_blanks(&p->in);
		if (i > 0 && !jptext_eat(&p->in, ','))
			return jptext_bad(
			    &p->in, "one more argument is expected");
		jptext_skip_blanks(&p->in);
		from = p->in.at;
		if (read_operand(p, &call->arg[i]) < 0)
			return -1;
		why = mistype(&call->arg[i], f->arg[i]);
		if (why != NULL)
			return jptext_bad_at(&p->in, from, why);
	}
	jptext_skip_blanks(&p->in);
	if (!jptext_eat(&p->in, ')'))
		return jptext_bad(
		    &p->in, "the end of the arguments is expected");
	return read_pattern(p, from, call);
}

/* Behind a function's name and "(". */
static int
read_call(struct parser *p, struct str name, size_t at, struct jp_operand *o)
{
	const struct function *f = functions;
	int rc;

	while (f < functions + N_FUNCTIONS && !str_is(name, f->name))
		f++;
	if (f == functions + N_FUNCTIONS)
		return jptext_bad_at(&p->in, at, "there is no such function");
	o->kind = JP_CALL;
	o->call = keep(p, sizeof(*o->call));
	o->call->function = f->function;
	o->call->next = p->tree->calls;
	p->tree->calls = o->call;
	if (enter(p) < 0)
		return -1;
	rc = read_args(p, f, o->call);
	p->depth--;
	return rc;
}

/* true, false, null, or a function. */
static int
read_word(struct parser *p, struct jp_operand *o)
{
	size_t from = p->in.at;
	struct str word;

	while (jptext_is_lower(jptext_peek(&p->in)) ||
	    jptext_is_digit(jptext_peek(&p->in)) || jptext_peek(&p->in) == '_')
		p->in.at++;
	word = str_make(p->in.all.p + from, p->in.at - from);
	if (jptext_eat(&p->in, '('))
		return read_call(p, word, from, o);
	o->kind = JP_LITERAL;
	if (str_is(word, "true"))
		o->literal.type = JSON_TRUE;
	else if (str_is(word, "false"))
		o->literal.type = JSON_FALSE;
	else if (str_is(word, "null"))
		o->literal.type = JSON_NULL;
	else
		return jptext_bad_at(
		    &p->in, from, "neither function nor literal");
	return 0;
}

/* A literal, a query or a function. */
static int
read_operand(struct parser *p, struct jp_operand *o)
{
	char c = jptext_peek(&p->in);

	o->kind = JP_LITERAL;
	if (c == '@' || c == '$') {
		o->kind = JP_QUERY;
		o->query.from_root = c == '$';
		p->in.at++;
		return read_segments(p, &o->query);
	}
	o->literal.node = JSON_NONE;
	if (c == '\'' || c == '"') {
		o->literal.type = JSON_STRING;
		return read_string(p, &o->literal.s);
	}
	if (c == '-' || jptext_is_digit(c))
		return read_number(p, &o->literal);
	if (jptext_is_lower(c))
		return read_word(p, o);
	return jptext_bad(&p->in, "@, $, a literal or a function is expected");
}

static bool
read_op(struct parser *p, enum jp_op *op_r)
{
	static const char *const text[] = { [JP_EQ] = "==",
		[JP_NE] = "!=",
		[JP_LE] = "<=",
		[JP_GE] = ">=",
		[JP_LT] = "<",
		[JP_GT] = ">" };

	for (unsigned i = 0; i < sizeof(text) / sizeof(text[0]); i++)
		if (jptext_eat_text(&p->in, text[i])) {
			*op_r = (enum jp_op)i;
			return true;
		}
	return false;
}

/* An operand that stands for itself must be able to be true or false. */
static int
set_test(
    struct parser *p, size_t at, struct jp_expr *e, const struct jp_operand *o)
{
	if (o->kind == JP_LITERAL)
		return jptext_bad_at(&p->in, at, "a literal must be compared");
	if (o->kind == JP_QUERY) {
		e->kind = JP_EXISTS;
		e->query = o->query;
		return 0;
	}
	if (function_of(o->call)->result != LOGICAL_TYPE)
		return jptext_bad_at(
		    &p->in, at, "the function's value must be compared");
	e->kind = JP_HOLDS;
	e->call = o->call;
	return 0;
}

/* Behind "(". */
static struct jp_expr *
read_parens(struct parser *p)
{
	struct jp_expr *e;

	jptext_skip_blanks(&p->in);
	e = read_or(p);
	if (e == NULL)
		return NULL;
	jptext_skip_blanks(&p->in);
	if (jptext_eat(&p->in, ')'))
		return e;
	jptext_bad(&p->in, "\"&&\", \"||\" or \")\" is expected");
	return NULL;
}

/* Behind "!": a test, or something in parentheses, but no comparison. */
static int
read_not(struct parser *p, struct jp_expr *e)
{
	struct jp_operand o = { .kind = JP_LITERAL };
	size_t from;

	e->kind = JP_NOT;
	jptext_skip_blanks(&p->in);
	if (jptext_eat(&p->in, '(')) {
		e->first = read_parens(p);
		return e->first != NULL ? 0 : -1;
	}
	from = p->in.at;
	if (read_operand(p, &o) < 0)
		return -1;
	e->first = keep(p, sizeof(*e->first));
	return set_test(p, from, e->first, &o);
}

static int
read_comparison(struct parser *p, size_t left_at, struct jp_expr *e,
    const struct jp_operand *left)
{
	struct jp_operand *side = keep(p, 2 * sizeof(*side));
	size_t right_at;
	const char *why;

	e->kind = JP_COMPARE;
	e->side = side;
	side[0] = *left;
	jptext_skip_blanks(&p->in);
	right_at = p->in.at;
	if (read_operand(p, &side[1]) < 0)
		return -1;
	why = mistype(&side[0], VALUE_TYPE);
	if (why != NULL)
		return jptext_bad_at(&p->in, left_at, why);
	why = mistype(&side[1], VALUE_TYPE);
	return why != NULL ? jptext_bad_at(&p->in, right_at, why) : 0;
}

static struct jp_expr *
read_basic(struct parser *p)
{
	struct jp_operand o = { .kind = JP_LITERAL };
	struct jp_expr *e;
	size_t from = p->in.at, behind;

	if (jptext_eat(&p->in, '('))
		return read_parens(p);
	e = keep(p, sizeof(*e));
	if (jptext_eat(&p->in, '!'))
		return read_not(p, e) == 0 ? e : NULL;
	if (read_operand(p, &o) < 0)
		return NULL;
	behind = p->in.at;
	jptext_skip_blanks(&p->in);
	if (read_op(p, &e->op))
		return read_comparison(p, from, e, &o) == 0 ? e : NULL;
	p->in.at = behind;
	return set_test(p, from, e, &o) == 0 ? e : NULL;
}

/* One or more with that operator between them. */
static struct jp_expr *
read_chain(struct parser *p, enum jp_expr_kind kind)
{
	const char *op = kind == JP_OR ? "||" : "&&";
	struct jp_expr *chain = NULL, *first = NULL, **tail = &first;
	size_t behind;

	for (;;) {
		struct jp_expr *e =
		    kind == JP_OR ? read_chain(p, JP_AND) : read_basic(p);

		if (e == NULL)
			return NULL;
		/*
		 * A chain of one is what it holds; e is not in a chain yet,
		 * whatever it may be itself.
		 */
		*tail = e;
		tail = &e->next;
		behind = p->in.at;
		jptext_skip_blanks(&p->in);
		if (!jptext_eat_text(&p->in, op))
			break;
		jptext_skip_blanks(&p->in);
	}
	p->in.at = behind;
	if (first->next == NULL)
		return first;
	chain = keep(p, sizeof(*chain));
	chain->kind = kind;
	chain->first = first;
	return chain;
}

static struct jp_expr *
read_or(struct parser *p)
{
	struct jp_expr *e;

	if (enter(p) < 0)
		return NULL;
	e = read_chain(p, JP_OR);
	p->depth--;
	return e;
}

/* --- the whole ----------------------------------------------------------- */

int
jsonpath_parse(struct jp_tree *tree, struct str text, struct err *err)
{
	struct parser p = { .in = { .all = text, .err = err }, .tree = tree };
	size_t valid;

	*tree = (struct jp_tree){ .query.from_root = true };
	if (text.len > PATH_MAX_BYTES)
		return err_set(err, ERR_CONF, "JSONPath: longer than %d bytes",
		    PATH_MAX_BYTES);
	valid = utf8_check(text);
	if (valid != text.len)
		return jptext_bad_at(&p.in, valid, "bad UTF-8");
	if (!jptext_eat(&p.in, '$'))
		return jptext_bad(&p.in, "a path begins with $");
	if (read_segments(&p, &tree->query) < 0)
		return -1;
	return p.in.at == text.len
	    ? 0
	    : jptext_bad(&p.in, "\".\" or \"[\" is expected");
}

void
jsonpath_parse_clear(struct jp_tree *tree)
{
	for (struct jp_call *c = tree->calls; c != NULL; c = c->next)
		iregexp_free(&c->re);
	while (tree->blocks != NULL) {
		struct jp_block *b = tree->blocks;

		tree->blocks = b->next;
		xfree(b);
	}
	tree->calls = NULL;
}
