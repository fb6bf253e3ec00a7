/* map/pathset.c -- many JSONPaths, walked together in one pass. */
/* SPDX-License-Identifier: ISC */
/*
 * The tree has an edge for each different segment; where a path ends, its
 * number stands.  Walking a record down this tree touches each member of it
 * once, whatever the number of paths, and collects the nodes on the way.
 *
 * A set of a few plain names, as forms have them, is not worth a walk: each
 * path is looked up when somebody asks, since most are alternatives that
 * nobody asks for.
 *
 * Filters are edges as well.  Evidence is told apart by the end of its type,
 * match(@['@odata.type'], '.*[.]userEvidence'), and a map has dozens of
 * those side by side: they hang in a table under the words that they end
 * in, so that an element finds its edges with one look.
 */
#include "map/pathset.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "codec/json.h"
#include "codec/jsonpath.h"
#include "map/pathtest.h"
#include "map/pool.h"

#define BUCKETS 64
#define NODES_KEEP 65536 /* room for nodes that is kept between records */
#define SMALL 8          /* paths that are looked up one by one */
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
	uint16_t hash; /* of the name, as a json_token has it */
	bool settled;  /* the tail says all of the filter */
	int path;      /* that ends here, or -1 */
	uint32_t hit;  /* the member found while an object is walked */
	uint32_t index;
	struct str text; /* the name, or the filter's text */
	struct pathtest *test;
	struct str tail; /* of the filter: what its member ends in, or empty */

	/* All children, those in no table, and the two tables. */
	struct place *child, *last, *next;
	struct place *other, *next_other;
	struct place **name, *same_name;
	struct place **tail_of, *same_tail;
	struct str tail_member; /* the member that tails are looked up by */
	uint64_t names;         /* a bit for each bucket that has a name */
};

struct path {
	struct str text; /* begins with '$' */
	bool singular;
	struct jsonpath *slow; /* NULL when in the tree */
	int result;
	const struct place **step; /* of a path of names: the places on it */
	unsigned steps;
	uint64_t run; /* that nodes belong to */
	struct jsonpath_nodes nodes;
};

struct pathset {
	struct pool *pool; /* owns texts and places */
	struct place *top;
	struct path *path;
	int n, size;
	bool is_small; /* nothing but a few paths of names: looked up */
	uint64_t run;
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
	p->hit = JSON_NONE;
	pool_own(ps->pool, p, place_free);
	return p;
}

struct pathset *
pathset_new(void)
{
	struct pathset *ps = xcalloc(1, sizeof(*ps));

	ps->pool = pool_new();
	ps->is_small = true;
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

static struct place *
child_find(struct place *p, const struct segment *seg)
{
	for (struct place *c = p->child; c != NULL; c = c->next)
		if (c->edge == seg->edge && str_eq(c->text, seg->text))
			return c;
	return NULL;
}

/* Hang a filter into the table of tails, if it is of that kind. */
static void
tail_add(struct pathset *ps, struct place *p, struct place *c)
{
	struct str member, tail;
	unsigned b;

	if (!pathtest_tail(c->test, &member, &tail, &c->settled) ||
	    (p->tail_of != NULL && !str_eq(member, p->tail_member)))
		return;
	if (p->tail_of == NULL)
		p->tail_of = pool_alloc(ps->pool, BUCKETS, sizeof(p));
	p->tail_member = member;
	c->tail = tail;
	b = bucket(tail.p, tail.len);
	c->same_tail = p->tail_of[b];
	p->tail_of[b] = c;
}

/* What the JSON reader hashes a member's name to. */
static uint16_t
name_hash(struct str name)
{
	struct json_doc doc;
	struct buf text;
	uint16_t hash = 0;

	buf_init(&text, SIZE_MAX / 2);
	json_init(&doc, 0, 0);
	buf_add_char(&text, '{');
	json_quote(&text, name);
	buf_add_text(&text, ":0}");
	if (json_parse(&doc, buf_str(&text), NULL) == 0)
		hash = doc.tok[1].hash;
	json_clear(&doc);
	buf_clear(&text);
	return hash;
}

static struct place *
child_add(struct pathset *ps, struct place *p, const struct segment *seg,
    struct pathtest *test)
{
	struct place *c = place_new(ps, seg->edge, seg->text), **last;
	unsigned b;

	c->index = seg->index;
	c->test = test;
	if (c->edge == EDGE_NAME) {
		if (p->name == NULL)
			p->name = pool_alloc(ps->pool, BUCKETS, sizeof(c));
		c->hash = name_hash(c->text);
		b = c->hash % BUCKETS;
		c->same_name = p->name[b];
		p->name[b] = c;
		p->names |= (uint64_t)1 << b;
	} else {
		if (test != NULL)
			tail_add(ps, p, c);
		if (c->tail.len == 0) {
			for (last = &p->other; *last != NULL;
			     last = &(*last)->next_other)
				;
			*last = c;
		}
	}
	if (p->last != NULL)
		p->last->next = c;
	else
		p->child = c;
	p->last = c;
	return c;
}

/* Put the path into the tree; NULL if it is of a shape that does not fit. */
static struct place *
tree_add(struct pathset *ps, struct str text, struct path *path_r)
{
	const struct place *step[STEPS_MAX];
	struct place *p = ps->top, *c;
	struct segment seg;
	struct pathtest *test;
	bool names = true;
	size_t at = 1;

	path_r->singular = true;
	while (at < text.len) {
		if (!read_segment(text, &at, &seg))
			return NULL;
		path_r->singular &=
		    seg.edge == EDGE_NAME || seg.edge == EDGE_INDEX;
		names &= seg.edge == EDGE_NAME && path_r->steps < STEPS_MAX;
		c = child_find(p, &seg);
		if (c == NULL) {
			test = NULL;
			if (seg.edge == EDGE_TEST) {
				test = pathtest_new(seg.text);
				if (test == NULL)
					return NULL;
			}
			c = child_add(ps, p, &seg, test);
		}
		p = c;
		if (names)
			step[path_r->steps++] = c;
	}
	ps->is_small &= names;
	path_r->step = pool_copy(
	    ps->pool, step, names ? path_r->steps : 0, sizeof(step[0]));
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

/* Two spellings of one place share its number. */
int
pathset_add(struct pathset *ps, struct str path, struct err *err)
{
	char *text = pool_copy(ps->pool, path.p, path.len, 1);
	struct path new = { .slow = NULL };
	struct place *place;
	struct jsonpath *slow;
	int number;

	if (path.len > 0 && text[0] == '@')
		text[0] = '$';
	path = str_make(text, path.len);
	slow = jsonpath_new(path, err);
	if (slow == NULL)
		return -1;
	place = tree_add(ps, path, &new);
	number = place != NULL ? place->path : path_find(ps, path);
	if (number >= 0) {
		jsonpath_free(&slow);
		return number;
	}
	new.text = path;
	if (place != NULL) {
		place->path = ps->n;
		jsonpath_free(&slow);
	} else {
		new.singular = false;
		new.slow = slow;
	}
	if (ps->n == ps->size) {
		ps->size = ps->size * 2 + 8;
		ps->path = xreallocarray(
		    ps->path, (size_t)ps->size, sizeof(*ps->path));
	}
	ps->path[ps->n] = new;
	ps->is_small &= ps->n < SMALL;
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

static void walk(struct pathset *ps, struct place *p, uint32_t node);

static void
walk_test(struct pathset *ps, struct place *c, uint32_t node)
{
	struct pathtest_at at = { ps->doc, ps->node, ps->run, &ps->scratch };

	if (pathtest_holds(c->test, &at, node))
		walk(ps, c, node);
}

/* The filters that the end of one member chooses. */
static void
walk_tails(struct pathset *ps, struct place *p, uint32_t node)
{
	uint32_t member;
	struct str s;
	size_t at;
	struct place *c;

	if (json_type(ps->doc, node) != JSON_OBJECT)
		return;
	member = json_member(ps->doc, node, p->tail_member);
	if (member == JSON_NONE || json_type(ps->doc, member) != JSON_STRING)
		return;
	s = json_text(ps->doc, member, &ps->scratch);
	for (at = s.len; at > 0 && s.p[at - 1] != '.'; at--)
		;
	/* A dot of a pattern, and so ".*", is no line's end. */
	if (at == 0 || memchr(s.p, '\n', s.len) != NULL ||
	    memchr(s.p, '\r', s.len) != NULL)
		return;
	s = str_make(s.p + at, s.len - at);
	c = p->tail_of[bucket(s.p, s.len)];
	while (c != NULL) {
		struct place *next = c->same_tail;

		if (str_eq(c->tail, s)) {
			if (c->settled)
				walk(ps, c, node);
			else
				walk_test(ps, c, node);
			/* The text may stand in scratch, which was used. */
			if (ps->doc->tok[member].escaped) {
				s = json_text(ps->doc, member, &ps->scratch);
				s = str_make(s.p + at, s.len - at);
			}
		}
		c = next;
	}
}

/* One element or member value below p, by every edge but names. */
static void
walk_child(struct pathset *ps, struct place *p, uint32_t node, uint32_t index)
{
	if (p->tail_of != NULL)
		walk_tails(ps, p, node);
	for (struct place *c = p->other; c != NULL; c = c->next_other) {
		if (c->edge == EDGE_TEST)
			walk_test(ps, c, node);
		else if (c->edge == EDGE_WILD || c->index == index)
			walk(ps, c, node);
	}
}

static void
walk_array(struct pathset *ps, struct place *p, uint32_t node)
{
	uint32_t end = ps->doc->tok[node].next, i = 0;

	for (uint32_t e = node + 1; e < end; e = ps->doc->tok[e].next)
		walk_child(ps, p, e, i++);
}

/* The edge for a member's name; one with escapes is rare, and compared. */
static inline struct place *
name_find(struct pathset *ps, struct place *p, uint32_t key)
{
	const struct json_token *t = &ps->doc->tok[key];
	struct place *c;

	if (t->escaped) {
		for (c = p->child; c != NULL; c = c->next)
			if (c->edge == EDGE_NAME &&
			    json_is(ps->doc, key, c->text))
				return c;
		return NULL;
	}
	if ((p->names >> (t->hash % BUCKETS) & 1) == 0)
		return NULL;
	for (c = p->name[t->hash % BUCKETS]; c != NULL; c = c->same_name)
		if (c->hash == t->hash && c->text.len == t->len &&
		    memcmp(c->text.p, ps->doc->text.p + t->off, t->len) == 0)
			return c;
	return NULL;
}

/* Of two members of one name the last wins: so look first, go down later. */
static void
walk_object(struct pathset *ps, struct place *p, uint32_t node)
{
	const struct json_token *tok = ps->doc->tok;
	uint32_t end = tok[node].next;
	bool each = p->other != NULL || p->tail_of != NULL;
	unsigned found = 0;
	struct place *c;

	for (uint32_t k = node + 1; k < end; k = tok[k + 1].next) {
		c = p->names != 0 ? name_find(ps, p, k) : NULL;
		if (c != NULL) {
			found += c->hit == JSON_NONE;
			c->hit = k + 1;
		}
		if (each)
			walk_child(ps, p, k + 1, UINT32_MAX);
	}
	for (c = p->child; found > 0; c = c->next) {
		uint32_t hit = c->hit;

		if (hit == JSON_NONE)
			continue;
		found--;
		c->hit = JSON_NONE;
		walk(ps, c, hit);
	}
}

static void
walk(struct pathset *ps, struct place *p, uint32_t node)
{
	enum json_type type;

	if (p->path >= 0)
		path_take(ps, &ps->path[p->path], node);
	if (p->child == NULL)
		return;
	type = json_type(ps->doc, node);
	if (type == JSON_OBJECT)
		walk_object(ps, p, node);
	else if (type == JSON_ARRAY && (p->other != NULL || p->tail_of != NULL))
		walk_array(ps, p, node);
}

/* --- asking ------------------------------------------------------------- */

static uint32_t
member_find(const struct json_doc *doc, uint32_t object, const struct place *c)
{
	const struct json_token *tok = doc->tok;
	uint32_t end = tok[object].next, found = JSON_NONE;

	if (tok[object].type != JSON_OBJECT)
		return JSON_NONE;
	for (uint32_t k = object + 1; k < end; k = tok[k + 1].next) {
		const struct json_token *t = &tok[k];

		if (t->escaped ? json_is(doc, k, c->text)
			       : t->hash == c->hash && t->len == c->text.len &&
			    memcmp(c->text.p, doc->text.p + t->off, t->len) ==
				0)
			found = k + 1;
	}
	return found;
}

static void
path_look_up(struct pathset *ps, struct path *p)
{
	uint32_t node = ps->node;

	path_begin(ps, p);
	for (unsigned i = 0; i < p->steps && node != JSON_NONE; i++)
		node = member_find(ps->doc, node, p->step[i]);
	if (node != JSON_NONE)
		path_take(ps, p, node);
}

void
pathset_run(struct pathset *ps, const struct json_doc *doc, uint32_t node)
{
	ps->doc = doc;
	ps->node = node;
	ps->run++;
	if (!ps->is_small)
		walk(ps, ps->top, node);
}

bool
pathset_is_empty(const struct pathset *ps, int number)
{
	const struct path *p = &ps->path[number];

	return !ps->is_small && p->slow == NULL && p->run != ps->run;
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
	} else if (p->run != ps->run && ps->is_small) {
		path_look_up(ps, p);
	}
	*nodes_r = p->nodes.v;
	*n_r = p->run == ps->run && p->result == 0 ? p->nodes.n : 0;
	if (p->result == 0 || p->run != ps->run)
		return 0;
	return err_set(
	    err, ERR_DATA, "path %.*s: reached a limit", STR_ARG(p->text));
}
