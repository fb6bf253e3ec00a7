/* bench/tree.c -- json-c's tree of a text, as the yardstick. */
/* SPDX-License-Identifier: ISC */
#include "bench/tree.h"

#include <json-c/json.h>

bool
tree_parse(const char *text, size_t len)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *tree =
	    json_tokener_parse_ex(tokener, text, (int)len);
	bool good = tree != NULL;

	json_object_put(tree);
	json_tokener_free(tokener);
	return good;
}
