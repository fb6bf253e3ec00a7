/* codec/jsonpath.c -- JSONPath as RFC 9535 defines it, on a json_doc. */
/* SPDX-License-Identifier: ISC */
#include "codec/jsonpath.h"

#include "base/buf.h"
#include "base/xalloc.h"
#include "codec/iregexp.h"
#include "codec/jsonpath_ast.h"
#include "codec/jsonpath_eval.h"

#define SCRATCH_KEPT 65536 /* bytes; what is larger is released */

struct jsonpath {
	struct jp_tree tree;
	struct jp_scratch *scratch; /* changes while the path is used */
};

static struct jp_scratch *
scratch_new(void)
{
	struct jp_scratch *s = xcalloc(1, sizeof(*s));

	buf_init(&s->text[0], UINT32_MAX);
	buf_init(&s->text[1], UINT32_MAX);
	buf_init(&s->stack, UINT32_MAX);
	s->patterns = iregexp_cache_new();
	return s;
}

/* A single big record must not weigh on every path for ever. */
static void
scratch_trim(struct jp_scratch *s, size_t kept)
{
	struct buf *bufs[] = { &s->text[0], &s->text[1], &s->stack };

	for (unsigned i = 0; i < 3; i++)
		if (bufs[i]->size > kept || bufs[i]->failed)
			buf_clear(bufs[i]);
}

struct jsonpath *
jsonpath_new(struct str text, struct err *err)
{
	struct jsonpath *path = xcalloc(1, sizeof(*path));

	path->scratch = scratch_new();
	if (jsonpath_parse(&path->tree, text, err) < 0)
		jsonpath_free(&path);
	return path;
}

void
jsonpath_free(struct jsonpath **pathp)
{
	struct jsonpath *path = *pathp;

	*pathp = NULL;
	if (path == NULL)
		return;
	jsonpath_parse_clear(&path->tree);
	scratch_trim(path->scratch, 0);
	iregexp_cache_free(&path->scratch->patterns);
	xfree(path->scratch);
	xfree(path);
}

bool
jsonpath_is_filter(const struct jsonpath *path)
{
	const struct jp_segment *seg = path->tree.query.first;

	return seg != NULL && !seg->is_deep && seg->first->kind == JP_FILTER;
}

static int
evaluate(const struct jsonpath *path, const struct json_doc *doc, uint32_t root,
    struct jp_taker *tk, struct err *err)
{
	int rc = jsonpath_eval(&path->tree, path->scratch, doc, root, tk, err);

	scratch_trim(path->scratch, SCRATCH_KEPT);
	return rc;
}

int
jsonpath_select(const struct jsonpath *path, const struct json_doc *doc,
    uint32_t node, struct jsonpath_nodes *nodes, struct err *err)
{
	struct jp_taker tk = { .nodes = nodes, .enough = UINT32_MAX };

	nodes->n = 0;
	if (evaluate(path, doc, node, &tk, err) == 0)
		return 0;
	nodes->n = 0;
	return -1;
}

int
jsonpath_test(
    const struct jsonpath *path, const struct json_doc *doc, struct err *err)
{
	struct jp_taker tk = { .enough = 1 };

	return evaluate(path, doc, 0, &tk, err) < 0 ? -1 : tk.n > 0;
}

int
jsonpath_test_lone(
    const struct jsonpath *path, const struct json_doc *doc, struct err *err)
{
	struct jp_taker tk = { .enough = 1 };

	return evaluate(path, doc, JP_LONE, &tk, err) < 0 ? -1 : tk.n > 0;
}

void
jsonpath_nodes_clear(struct jsonpath_nodes *nodes)
{
	uint32_t max = nodes->max;

	xfree(nodes->v);
	*nodes = (struct jsonpath_nodes){ .max = max };
}
