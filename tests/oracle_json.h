/* tests/oracle_json.h -- what json-c says about a text. */
/* SPDX-License-Identifier: ISC */
#ifndef TESTS_ORACLE_JSON_H
#define TESTS_ORACLE_JSON_H

#include "base/str.h"

struct json_doc;

/*
 * Read text into doc, which has the default depth, and with json-c.  Return
 * NULL if both refuse it, or read the same in it, or json-c takes what it is
 * known to take against the standard; else say how they differ.  The text is
 * an array, as json-c cannot tell where a bare number ends.
 */
const char *oracle_json_disagrees(struct json_doc *doc, struct str text);

#endif
