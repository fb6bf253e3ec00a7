/* map/pathtest.c -- the common filters of JSONPath, decided in place. */
/* SPDX-License-Identifier: ISC */
#include "map/pathtest.h"

#include "base/buf.h"
#include "base/xalloc.h"
#include "codec/json.h"
#include "map/members.h"

#define NAMES_MAX 6
#define DEPTH_MAX 16

enum test {
	TEST_AND,
	TEST_OR,
	TEST_NOT,
	TEST_EQUALS, /* member == text */
	TEST_ENDS,   /* match(member, '.*text') */
	TEST_EXISTS  /* member, or member[?of] */
};

struct pathtest {
	enum test test;
	struct pathtest *a, *b; /* operands; a: what elements must pass */
	bool from_root;
	struct member_name name[NAMES_MAX]; /* of the member */
	unsigned names;
	struct str text;
	char *own; /* of the outermost: the whole filter */

	/* What begins with $ is the same for every node of a record. */
	uint64_t run;
	bool held;
};

/* Where the reading stands. */
struct reader {
	struct str in;
	size_t at;
	unsigned depth;
};

static struct pathtest *read_or(struct reader *r);

static void
node_free(struct pathtest *t)
{
	if (t == NULL)
		return;
	node_free(t->a);
	node_free(t->b);
	xfree(t->own);
	xfree(t);
}

static struct pathtest *
node_new(enum test test, struct pathtest *a, struct pathtest *b)
{
	struct pathtest *t = xcalloc(1, sizeof(*t));

	t->test = test;
	t->a = a;
	t->b = b;
	return t;
}

static void
skip_blanks(struct reader *r)
{
	while (r->at < r->in.len &&
	    (r->in.p[r->at] == ' ' || r->in.p[r->at] == '\t'))
		r->at++;
}

static bool
eat(struct reader *r, const char *word)
{
	size_t len = strlen(word);

	skip_blanks(r);
	if (r->in.len - r->at < len || memcmp(r->in.p + r->at, word, len) != 0)
		return false;
	r->at += len;
	return true;
}

/* 'text' or "text" without escapes. */
static bool
read_text(struct reader *r, struct str *text_r)
{
	size_t from;
	char quote;

	skip_blanks(r);
	if (r->at >= r->in.len)
		return false;
	quote = r->in.p[r->at];
	if (quote != '\'' && quote != '"')
		return false;
	from = ++r->at;
	while (r->at < r->in.len && r->in.p[r->at] != quote) {
		if (r->in.p[r->at] == '\\')
			return false;
		r->at++;
	}
	*text_r = str_make(r->in.p + from, r->at - from);
	return r->at++ < r->in.len;
}

static bool
is_letter(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	    (!first && c >= '0' && c <= '9');
}

/* ".name" or "['name']", as many as there are; stops before "[?". */
static bool
read_names(struct reader *r, struct pathtest *t)
{
	for (;;) {
		struct str name;

		if (r->at >= r->in.len ||
		    (r->in.p[r->at] != '.' && r->in.p[r->at] != '['))
			return true;
		if (r->at + 1 < r->in.len && r->in.p[r->at + 1] == '?')
			return true;
		if (t->names == NAMES_MAX)
			return false;
		if (r->in.p[r->at++] == '[') {
			if (!read_text(r, &name) || !eat(r, "]"))
				return false;
		} else {
			size_t from = r->at;

			while (r->at < r->in.len &&
			    is_letter(r->in.p[r->at], r->at == from))
				r->at++;
			name = str_make(r->in.p + from, r->at - from);
			if (name.len == 0)
				return false;
		}
		t->name[t->names++] = member_name(name);
	}
}

static bool
read_query(struct reader *r, struct pathtest *t)
{
	if (eat(r, "$"))
		t->from_root = true;
	else if (!eat(r, "@"))
		return false;
	return read_names(r, t);
}

/* '.*' and then plain letters, with dots written as [.]: the plain text. */
static bool
read_ending(struct str pattern, struct str *text_r)
{
	struct str rest;

	if (!str_starts(pattern, STR_LIT(".*")))
		return false;
	rest = str_make(pattern.p + 2, pattern.len - 2);
	if (str_starts(rest, STR_LIT("[.]")))
		rest = str_make(rest.p + 3, rest.len - 3);
	for (size_t i = 0; i < rest.len; i++)
		if (!is_letter(rest.p[i], false))
			return false;
	*text_r = str_make(pattern.p + 2, pattern.len - 2);
	return rest.len > 0;
}

static bool
read_match(struct reader *r, struct pathtest *t)
{
	struct str pattern;

	t->test = TEST_ENDS;
	return read_query(r, t) && eat(r, ",") && read_text(r, &pattern) &&
	    read_ending(pattern, &t->text) && eat(r, ")");
}

/* A comparison, or whether something is there. */
static bool
read_basic(struct reader *r, struct pathtest *t)
{
	if (!read_query(r, t))
		return false;
	if (r->in.len - r->at >= 2 && r->in.p[r->at] == '[') {
		r->at += 2;
		t->a = read_or(r);
		return t->a != NULL && eat(r, "]") && t->names > 0 &&
		    (r->at == r->in.len || r->in.p[r->at] != '[');
	}
	if (eat(r, "==")) {
		t->test = TEST_EQUALS;
		return read_text(r, &t->text);
	}
	return t->names > 0;
}

static struct pathtest *
read_term(struct reader *r)
{
	struct pathtest *t;
	size_t from;

	if (eat(r, "!")) {
		t = r->depth++ < DEPTH_MAX ? read_term(r) : NULL;
		return t != NULL ? node_new(TEST_NOT, t, NULL) : NULL;
	}
	if (eat(r, "(")) {
		t = r->depth++ < DEPTH_MAX ? read_or(r) : NULL;
		if (t != NULL && eat(r, ")"))
			return t;
		node_free(t);
		return NULL;
	}
	t = node_new(TEST_EXISTS, NULL, NULL);
	if (eat(r, "match(") ? read_match(r, t) : read_basic(r, t)) {
		from = r->at;
		if (t->test != TEST_EXISTS || t->a != NULL || !eat(r, "!="))
			return t;
		t->test = TEST_EQUALS;
		if (read_text(r, &t->text))
			return node_new(TEST_NOT, t, NULL);
		r->at = from;
	}
	node_free(t);
	return NULL;
}

static struct pathtest *
read_and(struct reader *r)
{
	struct pathtest *t = read_term(r), *more;

	while (t != NULL && eat(r, "&&")) {
		more = read_term(r);
		if (more == NULL) {
			node_free(t);
			return NULL;
		}
		t = node_new(TEST_AND, t, more);
	}
	return t;
}

static struct pathtest *
read_or(struct reader *r)
{
	struct pathtest *t = read_and(r), *more;

	while (t != NULL && eat(r, "||")) {
		more = read_and(r);
		if (more == NULL) {
			node_free(t);
			return NULL;
		}
		t = node_new(TEST_OR, t, more);
	}
	return t;
}

struct pathtest *
pathtest_new(struct str text)
{
	char *own = xstrndup(text.p, text.len);
	struct reader r = { .in = str_make(own, text.len) };
	struct pathtest *t = read_or(&r);

	skip_blanks(&r);
	if (t == NULL || r.at < r.in.len) {
		node_free(t);
		xfree(own);
		return NULL;
	}
	t->own = own;
	return t;
}

void
pathtest_free(struct pathtest **tp)
{
	struct pathtest *t = *tp;

	*tp = NULL;
	node_free(t);
}

bool
pathtest_tail(const struct pathtest *t, struct str *member_r,
    struct str *tail_r, bool *settled_r)
{
	*settled_r = t->test == TEST_ENDS;
	while (t->test == TEST_AND)
		t = t->a;
	if (t->test != TEST_ENDS || t->from_root || t->names != 1 ||
	    !str_starts(t->text, STR_LIT("[.]")))
		return false;
	*member_r = t->name[0].text;
	*tail_r = str_make(t->text.p + 3, t->text.len - 3);
	return true;
}

/* --- deciding ----------------------------------------------------------- */

static uint32_t
member_of(const struct pathtest *t, const struct pathtest_at *at, uint32_t node)
{
	if (t->from_root)
		node = at->root;
	for (unsigned i = 0; i < t->names && node != JSON_NONE; i++)
		node = members_find(at->members, at->doc, node, &t->name[i]);
	return node;
}

/* In a pattern a dot, and so ".*", stands for anything but a line's end. */
static bool
ends_in(const struct json_doc *doc, uint32_t node, struct str ending,
    struct buf *scratch)
{
	struct str s;

	if (json_type(doc, node) != JSON_STRING)
		return false;
	s = json_text(doc, node, scratch);
	if (str_starts(ending, STR_LIT("[.]"))) {
		size_t n = ending.len - 3;

		if (s.len <= n || s.p[s.len - n - 1] != '.' ||
		    !str_ends(s, str_make(ending.p + 3, n)))
			return false;
	} else if (!str_ends(s, ending)) {
		return false;
	}
	return str_find(s, '\n') < 0 && str_find(s, '\r') < 0;
}

static bool
some_child_passes(
    struct pathtest *t, const struct pathtest_at *at, uint32_t node)
{
	const struct json_token *tok = at->doc->tok;
	uint32_t end = tok[node].next;
	uint32_t skip = tok[node].type == JSON_OBJECT; /* over the key */

	if (!skip && tok[node].type != JSON_ARRAY)
		return false;
	for (uint32_t c = node + 1; c < end; c = tok[c + skip].next)
		if (pathtest_holds(t, at, c + skip, false))
			return true;
	return false;
}

static bool
member_passes(struct pathtest *t, const struct pathtest_at *at, uint32_t node)
{
	uint32_t m = member_of(t, at, node);

	if (m == JSON_NONE)
		return false;
	if (t->test == TEST_EQUALS)
		return json_is(at->doc, m, t->text);
	if (t->test == TEST_ENDS)
		return ends_in(at->doc, m, t->text, at->scratch);
	return t->a == NULL || some_child_passes(t->a, at, m);
}

bool
pathtest_holds(struct pathtest *t, const struct pathtest_at *at, uint32_t node,
    bool tail_fits)
{
	switch (t->test) {
	case TEST_AND:
		return pathtest_holds(t->a, at, node, tail_fits) &&
		    pathtest_holds(t->b, at, node, false);
	case TEST_OR:
		return pathtest_holds(t->a, at, node, false) ||
		    pathtest_holds(t->b, at, node, false);
	case TEST_NOT:
		return !pathtest_holds(t->a, at, node, false);
	case TEST_ENDS:
	case TEST_EQUALS:
	case TEST_EXISTS:
		break;
	}
	if (tail_fits && t->test == TEST_ENDS)
		return true;
	if (!t->from_root)
		return member_passes(t, at, node);
	if (t->run != at->run) {
		t->run = at->run;
		t->held = member_passes(t, at, node);
	}
	return t->held;
}
