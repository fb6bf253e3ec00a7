/* tests/fuzz_jsonpath.c -- any path, a line feed, any document. */
/* SPDX-License-Identifier: ISC */
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "codec/json.h"
#include "codec/jsonpath.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str doc_text = str_make((const char *)data, size);
	struct str path_text = str_cut(&doc_text, '\n');
	struct jsonpath_nodes nodes = { .max = 1000 };
	struct json_doc doc;
	struct err err;
	struct jsonpath *path = jsonpath_new(path_text, &err);

	json_init(&doc, 1000, 0);
	if (path != NULL && doc_text.p != NULL &&
	    json_parse(&doc, doc_text, &err) == 0) {
		(void)jsonpath_select(path, &doc, 0, &nodes, &err);
		(void)jsonpath_test(path, &doc, &err);
		(void)jsonpath_test_lone(path, &doc, &err);
	}
	json_clear(&doc);
	jsonpath_nodes_clear(&nodes);
	jsonpath_free(&path);
	return 0;
}
