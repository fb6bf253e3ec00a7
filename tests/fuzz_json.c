/* tests/fuzz_json.c -- any bytes, read as json-c reads them. */
/* SPDX-License-Identifier: ISC */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "codec/json.h"
#include "tests/oracle_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_doc doc;
	struct buf text;
	const char *reason;

	json_init(&doc, 0, 0);
	buf_init(&text, size + 2);
	buf_add_char(&text, '[');
	buf_add(&text, data, size);
	buf_add_char(&text, ']');
	reason = oracle_json_disagrees(&doc, buf_str(&text));
	if (reason != NULL) {
		fprintf(stderr, "%s: %.*s\n", reason, STR_ARG(buf_str(&text)));
		abort();
	}
	json_parse(&doc, str_make((const char *)data, size), NULL);
	buf_clear(&text);
	json_clear(&doc);
	return 0;
}
