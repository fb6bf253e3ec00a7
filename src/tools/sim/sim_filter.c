/* tools/sim/sim_filter.c -- the part of $filter that the service takes. */
/* SPDX-License-Identifier: ISC */
#include "tools/sim/sim_filter.h"

#include <string.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "codec/rfc3339.h"

#define NODES_MOST 64
#define DEPTH_MOST 16

enum op {
	OP_AND,
	OP_OR,
	OP_EQ,
	OP_GE,
	OP_GT,
	OP_LE,
	OP_LT
};

struct node {
	enum op op;
	unsigned left, right; /* of AND and OR */
	unsigned property;
	union sim_value value;
};

struct sim_filter {
	struct node node[NODES_MOST];
	unsigned n, root;
};

struct parser {
	struct sim_filter *f;
	const struct sim_property *props;
	struct str all, rest;
	unsigned depth;
	struct err *err;
};

static int parse_or(struct parser *p, unsigned *node_r);

static bool
ends_word(char c)
{
	return c == ' ' || c == '(' || c == ')';
}

/* The next word, parenthesis or quoted text; empty at the end. */
static struct str
look(struct parser *p)
{
	size_t n = 0;

	while (p->rest.len > 0 && p->rest.p[0] == ' ')
		p->rest = str_make(p->rest.p + 1, p->rest.len - 1);
	if (p->rest.len == 0)
		return p->rest;
	if (ends_word(p->rest.p[0]))
		return str_make(p->rest.p, 1);
	if (p->rest.p[0] == '\'') {
		for (n = 1; n < p->rest.len && p->rest.p[n] != '\''; n++)
			;
		return str_make(p->rest.p, n < p->rest.len ? n + 1 : n);
	}
	while (n < p->rest.len && !ends_word(p->rest.p[n]))
		n++;
	return str_make(p->rest.p, n);
}

static struct str
take(struct parser *p)
{
	struct str word = look(p);

	p->rest = str_make(word.p + word.len,
	    (size_t)(p->all.p + p->all.len - word.p) - word.len);
	return word;
}

static int
refuse(struct parser *p, const char *why, struct str word)
{
	return err_set(p->err, ERR_DATA, "Invalid filter clause: %s at '%.*s'",
	    why, STR_ARG(word));
}

static int
add_node(struct parser *p, const struct node *node, unsigned *node_r)
{
	if (p->f->n == NODES_MOST)
		return refuse(p, "too many nodes", p->rest);
	p->f->node[p->f->n] = *node;
	*node_r = p->f->n++;
	return 0;
}

static int
find_property(struct parser *p, struct str name, unsigned *property_r)
{
	for (unsigned i = 0; p->props[i].name != NULL; i++) {
		if (str_is(name, p->props[i].name)) {
			*property_r = i;
			return 0;
		}
	}
	return refuse(p, "property cannot be filtered by", name);
}

static int
find_op(struct parser *p, struct str name, bool date, enum op *op_r)
{
	static const struct {
		const char *name;
		enum op op;
		bool date;
	} ops[] = {
		{ "eq", OP_EQ, false },
		{ "ge", OP_GE, true },
		{ "gt", OP_GT, true },
		{ "le", OP_LE, true },
		{ "lt", OP_LT, true },
	};

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (str_is(name, ops[i].name) && ops[i].date == date) {
			*op_r = ops[i].op;
			return 0;
		}
	}
	return refuse(p, "operator is not supported", name);
}

static int
read_value(struct parser *p, const struct sim_property *prop, struct str text,
    union sim_value *v_r)
{
	struct str word = str_make(text.p + 1, text.len > 1 ? text.len - 2 : 0);

	if (prop->words == NULL) {
		/* A zone is not optional here, unlike elsewhere. */
		if (text.len < 20 || !rfc3339_parse_ticks(text, &v_r->time))
			return refuse(p, "not a date", text);
		return 0;
	}
	if (text.len < 2 || text.p[0] != '\'' || text.p[text.len - 1] != '\'')
		return refuse(p, "not a quoted text", text);
	for (const char *const *w = prop->words; *w != NULL; w++) {
		if (str_eq_nocase(word, str_of(*w))) {
			v_r->word = *w;
			return 0;
		}
	}
	return refuse(p, "not a member of the enumeration", text);
}

static int
parse_comparison(struct parser *p, unsigned *node_r)
{
	struct node node = { 0 };
	const struct sim_property *prop;

	if (find_property(p, take(p), &node.property) != 0)
		return -1;
	prop = &p->props[node.property];
	if (find_op(p, take(p), prop->words == NULL, &node.op) != 0 ||
	    read_value(p, prop, take(p), &node.value) != 0)
		return -1;
	return add_node(p, &node, node_r);
}

static int
parse_primary(struct parser *p, unsigned *node_r)
{
	if (!str_is(look(p), "("))
		return parse_comparison(p, node_r);
	if (++p->depth > DEPTH_MOST)
		return refuse(p, "nested too deeply", p->rest);
	take(p);
	if (parse_or(p, node_r) != 0)
		return -1;
	p->depth--;
	if (!str_is(take(p), ")"))
		return refuse(p, "a parenthesis is not closed", p->all);
	return 0;
}

static int
parse_and(struct parser *p, unsigned *node_r)
{
	struct node node = { .op = OP_AND };

	if (parse_primary(p, node_r) != 0)
		return -1;
	while (str_is(look(p), "and")) {
		take(p);
		node.left = *node_r;
		if (parse_primary(p, &node.right) != 0 ||
		    add_node(p, &node, node_r) != 0)
			return -1;
	}
	return 0;
}

static int
parse_or(struct parser *p, unsigned *node_r)
{
	struct node node = { .op = OP_OR };

	if (parse_and(p, node_r) != 0)
		return -1;
	while (str_is(look(p), "or")) {
		take(p);
		node.left = *node_r;
		if (parse_and(p, &node.right) != 0 ||
		    add_node(p, &node, node_r) != 0)
			return -1;
	}
	return 0;
}

struct sim_filter *
sim_filter_new(
    struct str text, const struct sim_property *props, struct err *err)
{
	struct sim_filter *f = xcalloc(1, sizeof(*f));
	struct parser p = {
		.f = f, .props = props, .all = text, .rest = text, .err = err
	};

	if (parse_or(&p, &f->root) != 0)
		sim_filter_free(&f);
	else if (look(&p).len > 0) {
		refuse(&p, "unexpected text", look(&p));
		sim_filter_free(&f);
	}
	return f;
}

void
sim_filter_free(struct sim_filter **fp)
{
	xfree(*fp);
	*fp = NULL;
}

static bool
takes(const struct sim_filter *f, unsigned at, const union sim_value *v)
{
	const struct node *n = &f->node[at];

	switch (n->op) {
	case OP_AND:
		return takes(f, n->left, v) && takes(f, n->right, v);
	case OP_OR:
		return takes(f, n->left, v) || takes(f, n->right, v);
	case OP_EQ:
		return strcmp(v[n->property].word, n->value.word) == 0;
	case OP_GE:
		return v[n->property].time >= n->value.time;
	case OP_GT:
		return v[n->property].time > n->value.time;
	case OP_LE:
		return v[n->property].time <= n->value.time;
	case OP_LT:
		return v[n->property].time < n->value.time;
	}
	return false;
}

bool
sim_filter_takes(const struct sim_filter *f, const union sim_value *v)
{
	return takes(f, f->root, v);
}

/* Only what holds for all of the filter may narrow: the sides of an AND. */
static void
narrow(const struct sim_filter *f, unsigned at, unsigned property, int64_t *low,
    int64_t *high)
{
	const struct node *n = &f->node[at];

	if (n->op == OP_AND) {
		narrow(f, n->left, property, low, high);
		narrow(f, n->right, property, low, high);
	} else if (n->op != OP_OR && n->op != OP_EQ &&
	    n->property == property) {
		bool lower = n->op == OP_GE || n->op == OP_GT;

		if (lower && n->value.time > *low)
			*low = n->value.time;
		else if (!lower && n->value.time < *high)
			*high = n->value.time;
	}
}

void
sim_filter_bounds(const struct sim_filter *f, unsigned property, int64_t *low_r,
    int64_t *high_r)
{
	*low_r = INT64_MIN;
	*high_r = INT64_MAX;
	narrow(f, f->root, property, low_r, high_r);
}
