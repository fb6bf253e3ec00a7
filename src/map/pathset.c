/* map/pathset.c -- many JSONPaths, walked together in one pass. */
/* SPDX-License-Identifier: ISC */
/*
 * A path of plain names is looked up when somebody asks for it; most are
 * alternatives that nobody asks for.  All others hang in a tree that has an
 * edge for each different segment, and a number where a path ends: walking a
 * record down this tree touches each element once, whatever the number of
 * paths, and collects the nodes on the way.
 *
 * Filters are edges as well.  Evidence is told apart by the end of its type,
 * match(@['@odata.type'], '.*[.]userEvidence'), and a map has dozens of
 * those side by side: they hang in a table under the words that they end
 * in, so that an element finds its edges with one look.
 */
#include "map/pathset.h"

#include <limits.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "codec/json.h"
#include "codec/jsonpath.h"
#include "map/members.h"
#include "map/pathtest.h"
#include "map/pool.h"

#define BUCKETS 64
#define NODES_KEEP 65536 /* room for nodes that is kept between records */
#define STEPS_MAX 16

enum edge {
	EDGE_NAME,
	EDGE_INDEX,
	EDGE_WILD,
	EDGE_TEST
};

/* A place in the tree, and the edge that leads to it. */
struct place {
	enum edge edge;
	bool settled; /* the tail says all of the filter */
	int path;     /* that ends here, or -1 */
	uint32_t index;
	struct str text;         /* the segment */
	struct member_name name; /* of EDGE_NAME */
	struct pathtest *test;
	struct str tail; /* of the filter: what its member ends in, or empty */

	/* Children: names; those for all elements; and those by tail. */
	struct place *names, *others, *next;
	struct place **tail_of, *same_tail;
	struct member_name tail_member; /* that tails are looked up by */
};

struct path {
	struct str text; /* begins with '$' */
	bool singular;
	struct jsonpath *slow; /* NULL when in the tree, or of names */
	int result;
	const struct member_name *name; /* of a path of names */
	unsigned names;
	bool is_names;
	uint64_t run; /* that nodes belong to */
	struct jsonpath_nodes nodes;
};

struct pathset {
	struct pool *pool; /* owns texts and places */
	struct place *top;
	struct path *path;
	uint8_t *maybe; /* by path: in the tree, whether it was met */
	int *in_tree;   /* paths of the tree */
	int n, size, n_tree;
	uint64_t run;
	struct members *members; /* borrowed, of the last run */
	const struct json_doc *doc;
	uint32_t node;
	struct buf scratch;
};

static unsigned
bucket(const char *p, size_t len)
{
	if (len == 0)
		return 0;
	return ((unsigned)len * 7 + (unsigned char)p[0] * 5 +
		   (unsigned char)p[len - 1] * 3) %
	    BUCKETS;
}

static void
place_free(void *thing)
{
	struct place *p = thing;

	pathtest_free(&p->test);
	xfree(p);
}

static struct place *
place_new(struct pathset *ps, enum edge edge, struct str text)
{
	struct place *p = xcalloc(1, sizeof(*p));

	p->edge = edge;
	p->text = pool_str(ps->pool, text);
	p->path = -1;
	pool_own(ps->pool, p, place_free);
	return p;
}

struct pathset *
pathset_new(void)
{
	struct pathset *ps = xcalloc(1, sizeof(*ps));

	ps->pool = pool_new();
	ps->top = place_new(ps, EDGE_WILD, str_of(""));
	buf_init(&ps->scratch, SIZE_MAX / 2);
	return ps;
}

void
pathset_free(struct pathset **psp)
{
	struct pathset *ps = *psp;

	*psp = NULL;
	if (ps == NULL)
		return;
	for (int i = 0; i < ps->n; i++) {
		jsonpath_free(&ps->path[i].slow);
		jsonpath_nodes_clear(&ps->path[i].nodes);
	}
	xfree(ps->path);
	xfree(ps->maybe);
	xfree(ps->in_tree);
	pool_free(&ps->pool);
	buf_clear(&ps->scratch);
	xfree(ps);
}

/* --- reading a path ----------------------------------------------------- */

static bool
is_name_char(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	    (unsigned char)c >= 0x80 || (!first && c >= '0' && c <= '9');
}

/* One segment, as read. */
struct segment {
	enum edge edge;
	struct str text;
	uint32_t index;
};

/* Behind "[" at p[at]: where its "]" stands, or 0. */
static size_t
bracket_end(struct str p, size_t at)
{
	unsigned depth = 1;
	char quote = '\0';

	for (size_t i = at + 1; i < p.len; i++) {
		char c = p.p[i];

		if (quote != '\0') {
			if (c == '\\')
				i++;
			else if (c == quote)
				quote = '\0';
		} else if (c == '\'' || c == '"') {
			quote = c;
		} else if (c == '[') {
			depth++;
		} else if (c == ']' && --depth == 0) {
			return i;
		}
	}
	return 0;
}

/* 'name' or "name" without escapes. */
static bool
read_quoted(struct str in, struct segment *seg_r)
{
	if (in.len < 2 || (in.p[0] != '\'' && in.p[0] != '"') ||
	    in.p[in.len - 1] != in.p[0])
		return false;
	seg_r->edge = EDGE_NAME;
	seg_r->text = str_make(in.p + 1, in.len - 2);
	return str_find(seg_r->text, '\\') < 0 &&
	    str_find(seg_r->text, in.p[0]) < 0;
}

static bool
read_bracket(struct str in, struct segment *seg_r)
{
	uint64_t n;

	in = str_trim(in);
	if (str_is(in, "*")) {
		seg_r->edge = EDGE_WILD;
		seg_r->text = in;
		return true;
	}
	if (in.len > 0 && in.p[0] == '?') {
		seg_r->edge = EDGE_TEST;
		seg_r->text = str_make(in.p + 1, in.len - 1);
		return true;
	}
	if (str_to_u64(in, &n) && n < UINT32_MAX) {
		seg_r->edge = EDGE_INDEX;
		seg_r->text = in;
		seg_r->index = (uint32_t)n;
		return true;
	}
	return read_quoted(in, seg_r);
}

/* The next segment of p from *at on; false if it is of a rarer shape. */
static bool
read_segment(struct str p, size_t *at, struct segment *seg_r)
{
	size_t i = *at, end;

	*seg_r = (struct segment){ .edge = EDGE_NAME };
	if (p.p[i] == '[') {
		end = bracket_end(p, i);
		*at = end + 1;
		return end > 0 &&
		    read_bracket(str_make(p.p + i + 1, end - i - 1), seg_r);
	}
	if (p.p[i] != '.' || ++i >= p.len)
		return false;
	if (p.p[i] == '*') {
		*at = i + 1;
		seg_r->edge = EDGE_WILD;
		seg_r->text = STR_LIT("*");
		return true;
	}
	for (end = i; end < p.len && is_name_char(p.p[end], end == i); end++)
		;
	seg_r->text = str_make(p.p + i, end - i);
	*at = end;
	return end > i;
}

/* --- the tree ----------------------------------------------------------- */

/* The child behind the segment, and where a new one would be hung. */
static struct place *
child_find(struct place *p, const struct segment *seg, struct place ***end_r)
{
	struct place **at = seg->edge == EDGE_NAME ? &p->names : &p->others;

	for (; *at != NULL; at = &(*at)->next)
		if ((*at)->edge == seg->edge && str_eq((*at)->text, seg->text))
			return *at;
	*end_r = at;
	for (unsigned b = 0; p->tail_of != NULL && b < BUCKETS; b++)
		for (struct place *c = p->tail_of[b]; c != NULL;
		     c = c->same_tail)
			if (seg->edge == EDGE_TEST &&
			    str_eq(c->text, seg->text))
				return c;
	return NULL;
}

/* Hang a filter into the table of tails; false if it is not of that kind. */
static bool
tail_add(struct pathset *ps, struct place *p, struct place *c)
{
	struct str member, tail;
	unsigned b;

	if (!pathtest_tail(c->test, &member, &tail, &c->settled) ||
	    (p->tail_of != NULL && !str_eq(member, p->tail_member.text)))
		return false;
	if (p->tail_of == NULL) {
		p->tail_of = pool_alloc(ps->pool, BUCKETS, sizeof(p));
		p->tail_member = member_name(member);
	}
	c->tail = tail;
	b = bucket(tail.p, tail.len);
	c->same_tail = p->tail_of[b];
	p->tail_of[b] = c;
	return true;
}

/* Put the path into the tree; NULL if it is of a shape that does not fit. */
static struct place *
tree_add(struct pathset *ps, const struct segment *seg, unsigned n)
{
	struct place *p = ps->top, *c, **end;
	struct pathtest *test;

	for (unsigned i = 0; i < n; i++, p = c) {
		c = child_find(p, &seg[i], &end);
		if (c != NULL)
			continue;
		test =
		    seg[i].edge == EDGE_TEST ? pathtest_new(seg[i].text) : NULL;
		if (seg[i].edge == EDGE_TEST && test == NULL)
			return NULL;
		c = place_new(ps, seg[i].edge, seg[i].text);
		c->index = seg[i].index;
		c->test = test;
		if (c->edge == EDGE_NAME)
			c->name = member_name(c->text);
		if (test == NULL || !tail_add(ps, p, c))
			*end = c;
	}
	return p;
}

static int
path_find(const struct pathset *ps, struct str text)
{
	for (int i = 0; i < ps->n; i++)
		if (str_eq(ps->path[i].text, text))
			return i;
	return -1;
}

static int
same_names(const struct pathset *ps, const struct path *p)
{
	for (int i = 0; i < ps->n; i++) {
		const struct path *q = &ps->path[i];
		unsigned k = 0;

		if (!q->is_names || q->names != p->names)
			continue;
		while (k < p->names && str_eq(q->name[k].text, p->name[k].text))
			k++;
		if (k == p->names)
			return i;
	}
	return -1;
}

static unsigned
read_segments(struct str text, struct segment seg[STEPS_MAX])
{
	unsigned n = 0;
	size_t at = 1;

	while (at < text.len) {
		if (n == STEPS_MAX || !read_segment(text, &at, &seg[n++]))
			return UINT_MAX;
	}
	return n;
}

/*
 * Make what is known of the path; return the number of one that is the same
 * in another spelling, or -1.
 */
static int
path_prepare(struct pathset *ps, struct path *p)
{
	struct segment seg[STEPS_MAX];
	unsigned n = read_segments(p->text, seg);
	struct member_name name[STEPS_MAX];
	struct place *place;

	p->is_names = p->singular = n != UINT_MAX;
	for (unsigned i = 0; n != UINT_MAX && i < n; i++) {
		p->is_names &= seg[i].edge == EDGE_NAME;
		p->singular &=
		    seg[i].edge == EDGE_NAME || seg[i].edge == EDGE_INDEX;
		if (p->is_names)
			name[i] = member_name(pool_str(ps->pool, seg[i].text));
	}
	if (p->is_names) {
		p->names = n;
		p->name = pool_copy(ps->pool, name, n, sizeof(name[0]));
		return same_names(ps, p);
	}
	place = n == UINT_MAX ? NULL : tree_add(ps, seg, n);
	if (place == NULL) {
		p->singular = false;
		return path_find(ps, p->text);
	}
	if (place->path < 0) {
		place->path = ps->n;
		jsonpath_free(&p->slow);
		return -1;
	}
	return place->path;
}

/* Two spellings of one path share its number. */
int
pathset_add(struct pathset *ps, struct str path, struct err *err)
{
	char *text = pool_copy(ps->pool, path.p, path.len, 1);
	struct path new = { .text = str_make(text, path.len) };
	int number;

	if (path.len > 0 && text[0] == '@')
		text[0] = '$';
	new.slow = jsonpath_new(new.text, err);
	if (new.slow == NULL)
		return -1;
	number = path_prepare(ps, &new);
	if (number >= 0 || new.is_names)
		jsonpath_free(&new.slow);
	if (number >= 0)
		return number;
	if (ps->n == ps->size) {
		ps->size = ps->size * 2 + 8;
		ps->path = xreallocarray(
		    ps->path, (size_t)ps->size, sizeof(*ps->path));
		ps->maybe = xreallocarray(
		    ps->maybe, (size_t)ps->size, sizeof(*ps->maybe));
		ps->in_tree = xreallocarray(
		    ps->in_tree, (size_t)ps->size, sizeof(*ps->in_tree));
	}
	ps->path[ps->n] = new;
	ps->maybe[ps->n] = 1;
	if (new.slow == NULL && !new.is_names)
		ps->in_tree[ps->n_tree++] = ps->n;
	return ps->n++;
}

bool
pathset_is_singular(const struct pathset *ps, int number)
{
	return ps->path[number].singular;
}

bool
pathset_is_fast(const struct pathset *ps, int number)
{
	return ps->path[number].slow == NULL;
}

/* --- walking ------------------------------------------------------------ */

/* Forget what an earlier run left; giant rooms are given back. */
static void
path_begin(struct pathset *ps, struct path *p)
{
	p->run = ps->run;
	p->nodes.n = 0;
	if (p->nodes.size > NODES_KEEP)
		jsonpath_nodes_clear(&p->nodes);
}

static void
path_take(struct pathset *ps, struct path *p, uint32_t node)
{
	struct jsonpath_nodes *nodes = &p->nodes;

	if (p->run != ps->run)
		path_begin(ps, p);
	if (nodes->n == nodes->size) {
		nodes->size = nodes->size * 2 + 8;
		nodes->v =
		    xreallocarray(nodes->v, nodes->size, sizeof(*nodes->v));
	}
	nodes->v[nodes->n++] = node;
}

static void
path_found(struct pathset *ps, int number, uint32_t node)
{
	ps->maybe[number] = 1;
	path_take(ps, &ps->path[number], node);
}

static void walk(struct pathset *ps, struct place *p, uint32_t node);

static void
walk_test(struct pathset *ps, struct place *c, uint32_t node)
{
	/* It was found by its tail, if it has one. */
	struct pathtest_at at = { ps->members, ps->doc, ps->node, ps->run,
		&ps->scratch };

	bool fits = c->tail.len > 0;

	if ((fits && c->settled) || pathtest_holds(c->test, &at, node, fits))
		walk(ps, c, node);
}

/* The filters that the end of one member chooses. */
static void
walk_tails(struct pathset *ps, struct place *p, uint32_t node)
{
	uint32_t member =
	    members_find(ps->members, ps->doc, node, &p->tail_member);
	struct str s;
	size_t at;

	if (member == JSON_NONE || json_type(ps->doc, member) != JSON_STRING)
		return;
	s = json_text(ps->doc, member, &ps->scratch);
	for (at = s.len; at > 0 && s.p[at - 1] != '.'; at--)
		;
	/* A dot of a pattern, and so ".*", is no line's end. */
	if (at == 0 ||
	    (ps->doc->tok[member].escaped &&
		(str_find(s, '\n') >= 0 || str_find(s, '\r') >= 0)))
		return;
	s = str_make(s.p + at, s.len - at);
	for (struct place *c = p->tail_of[bucket(s.p, s.len)]; c != NULL;
	     c = c->same_tail) {
		if (!str_eq(c->tail, s))
			continue;
		walk_test(ps, c, node);
		/* The text may stand in scratch, which was used. */
		if (ps->doc->tok[member].escaped) {
			s = json_text(ps->doc, member, &ps->scratch);
			s = str_make(s.p + at, s.len - at);
		}
	}
}

/* One element or member value below p, by every edge but names. */
static void
walk_child(struct pathset *ps, struct place *p, uint32_t node, uint32_t index)
{
	if (p->tail_of != NULL)
		walk_tails(ps, p, node);
	for (struct place *c = p->others; c != NULL; c = c->next) {
		if (c->edge == EDGE_TEST)
			walk_test(ps, c, node);
		else if (c->edge == EDGE_WILD || c->index == index)
			walk(ps, c, node);
	}
}

static void
walk(struct pathset *ps, struct place *p, uint32_t node)
{
	const struct json_token *tok = ps->doc->tok;
	uint32_t end = tok[node].next, i = 0, child;

	if (p->path >= 0)
		path_found(ps, p->path, node);
	for (struct place *c = p->names; c != NULL; c = c->next) {
		child = members_find(ps->members, ps->doc, node, &c->name);
		if (child != JSON_NONE)
			walk(ps, c, child);
	}
	if (p->others == NULL && p->tail_of == NULL)
		return;
	if (tok[node].type == JSON_ARRAY)
		for (child = node + 1; child < end; child = tok[child].next)
			walk_child(ps, p, child, i++);
	else if (tok[node].type == JSON_OBJECT)
		for (child = node + 2; child < end; child = tok[child].next + 1)
			walk_child(ps, p, child, UINT32_MAX);
}

/* --- asking ------------------------------------------------------------- */

/* Where a path of names leads, or JSON_NONE. */
static uint32_t
path_follow(const struct pathset *ps, const struct path *p)
{
	uint32_t node = ps->node;

	for (unsigned i = 0; i < p->names && node != JSON_NONE; i++)
		node = members_find(ps->members, ps->doc, node, &p->name[i]);
	return node;
}

static void
path_look_up(struct pathset *ps, struct path *p)
{
	uint32_t node = path_follow(ps, p);

	path_begin(ps, p);
	if (node != JSON_NONE)
		path_take(ps, p, node);
}

uint32_t
pathset_one(struct pathset *ps, int number)
{
	const struct path *p = &ps->path[number];

	if (p->is_names)
		return path_follow(ps, p);
	return p->run == ps->run && p->nodes.n > 0 ? p->nodes.v[0] : JSON_NONE;
}

void
pathset_run(struct pathset *ps, struct members *members,
    const struct json_doc *doc, uint32_t node)
{
	ps->members = members;
	ps->doc = doc;
	ps->node = node;
	ps->run++;
	for (int i = 0; i < ps->n_tree; i++)
		ps->maybe[ps->in_tree[i]] = 0;
	if (ps->top->names != NULL || ps->top->others != NULL ||
	    ps->top->tail_of != NULL || ps->top->path >= 0)
		walk(ps, ps->top, node);
}

const uint8_t *
pathset_maybe(const struct pathset *ps)
{
	return ps->maybe;
}

int
pathset_nodes(struct pathset *ps, int number, const uint32_t **nodes_r,
    uint32_t *n_r, struct err *err)
{
	struct path *p = &ps->path[number];

	if (p->run != ps->run && p->slow != NULL) {
		path_begin(ps, p);
		p->result = jsonpath_select(
		    p->slow, ps->doc, ps->node, &p->nodes, NULL);
	} else if (p->run != ps->run && p->is_names) {
		path_look_up(ps, p);
	}
	*nodes_r = p->nodes.v;
	*n_r = p->run == ps->run && p->result == 0 ? p->nodes.n : 0;
	if (p->result == 0)
		return 0;
	return err_set(
	    err, ERR_DATA, "path %.*s: reached a limit", STR_ARG(p->text));
}
