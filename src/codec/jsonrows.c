/* codec/jsonrows.c -- rows of a table as objects with named members. */
/* SPDX-License-Identifier: ISC */
#include "codec/jsonrows.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "codec/json.h"

#define COLUMNS_MAX 2048
#define NAMES_MAX (256 * 1024)

struct column {
	size_t at, len; /* of "name": in the names */
	bool is_dynamic;
};

struct jsonrows {
	struct buf names; /* each quoted, with its colon */
	struct column *columns;
	uint32_t n;
	struct buf scratch, text;
	struct json_doc inner, doc;
};

struct jsonrows *
jsonrows_new(size_t max_bytes)
{
	struct jsonrows *r = xcalloc(1, sizeof(*r));

	buf_init(&r->names, NAMES_MAX);
	buf_init(&r->scratch, max_bytes);
	buf_init(&r->text, max_bytes);
	/* What stands in a text stands one level deeper afterwards. */
	json_init(&r->inner, 0, JSON_DEPTH_DEFAULT - 1);
	json_init(&r->doc, 0, JSON_DEPTH_DEFAULT);
	return r;
}

void
jsonrows_free(struct jsonrows **rp)
{
	struct jsonrows *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	buf_clear(&r->names);
	buf_clear(&r->scratch);
	buf_clear(&r->text);
	json_clear(&r->inner);
	json_clear(&r->doc);
	xfree(r->columns);
	xfree(r);
}

static int
add_column(struct jsonrows *r, const struct json_doc *doc, uint32_t node,
    struct err *err)
{
	uint32_t type = json_member(doc, node, STR_LIT("type"));
	uint32_t name = json_member(doc, node, STR_LIT("name"));
	struct column *c;

	if (name == JSON_NONE || json_type(doc, name) != JSON_STRING)
		return err_set(err, ERR_DATA, "a column without a name");
	if (r->n == COLUMNS_MAX)
		return err_set(
		    err, ERR_DATA, "more than %d columns", COLUMNS_MAX);
	c = &r->columns[r->n++];
	c->at = r->names.len;
	buf_add_char(&r->names, '"');
	buf_add_str(&r->names, json_raw(doc, name));
	buf_add_text(&r->names, "\":");
	c->len = r->names.len - c->at;
	c->is_dynamic =
	    type != JSON_NONE && json_is(doc, type, STR_LIT("dynamic"));
	return 0;
}

int
jsonrows_columns(struct jsonrows *r, const struct json_doc *doc, uint32_t array,
    struct err *err)
{
	buf_reset(&r->names);
	r->n = 0;
	if (array == JSON_NONE || json_type(doc, array) != JSON_ARRAY)
		return err_set(err, ERR_DATA, "rows without columns");
	if (r->columns == NULL)
		r->columns = xcalloc(COLUMNS_MAX, sizeof(*r->columns));
	for (uint32_t i = json_first(doc, array); i != JSON_NONE;
	     i = json_after(doc, array, i))
		if (add_column(r, doc, i, err) < 0)
			return -1;
	if (r->names.failed)
		return err_set(err, ERR_DATA,
		    "the names of the columns are"
		    " too long");
	return 0;
}

static bool
holds_json(struct jsonrows *r, struct str text)
{
	text = str_trim(text);
	return text.len > 0 && (text.p[0] == '{' || text.p[0] == '[') &&
	    json_parse(&r->inner, text, NULL) == 0;
}

static void
add_value(struct jsonrows *r, const struct json_doc *row, uint32_t node,
    bool is_dynamic)
{
	bool is_text = json_type(row, node) == JSON_STRING;

	if (is_text && is_dynamic) {
		struct str text = json_text(row, node, &r->scratch);

		if (!r->scratch.failed && holds_json(r, text)) {
			buf_add_str(&r->text, str_trim(text));
			return;
		}
	}
	if (is_text)
		buf_add_char(&r->text, '"');
	buf_add_str(&r->text, json_raw(row, node));
	if (is_text)
		buf_add_char(&r->text, '"');
}

const struct json_doc *
jsonrows_name(struct jsonrows *r, const struct json_doc *row, struct err *err)
{
	uint32_t n = 0, i;

	if (json_type(row, 0) == JSON_OBJECT)
		return row;
	if (json_type(row, 0) != JSON_ARRAY) {
		err_set(err, ERR_DATA, "a row that is no array");
		return NULL;
	}
	buf_reset(&r->text);
	buf_add_char(&r->text, '{');
	for (i = json_first(row, 0); i != JSON_NONE && n < r->n;
	     i = json_after(row, 0, i)) {
		const struct column *c = &r->columns[n];

		if (n++ > 0)
			buf_add_char(&r->text, ',');
		buf_add(&r->text, r->names.p + c->at, c->len);
		add_value(r, row, i, c->is_dynamic);
	}
	buf_add_char(&r->text, '}');
	if (n == 0 || n != r->n || i != JSON_NONE) {
		err_set(err, ERR_DATA,
		    "a row that has not one value for each of %u columns",
		    r->n);
		return NULL;
	}
	if (r->text.failed) {
		err_set(err, ERR_DATA, "a row that is too long");
		return NULL;
	}
	return json_parse(&r->doc, buf_str(&r->text), err) == 0 ? &r->doc
								: NULL;
}
