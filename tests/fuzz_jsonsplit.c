/* tests/fuzz_jsonsplit.c -- any bytes, cut anywhere, as if they were whole. */
/* SPDX-License-Identifier: ISC */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "codec/json.h"
#include "codec/jsonsplit.h"

#define MAX 4096 /* bytes, and more than can be nested in them */

struct got {
	struct buf text; /* the records and the envelope, or the error */
	bool valid;      /* each of them is JSON */
};

static bool
is_valid(struct str text)
{
	struct json_doc doc;
	bool valid;

	json_init(&doc, 0, MAX);
	valid = json_parse(&doc, text, NULL) == 0;
	json_clear(&doc);
	return valid;
}

static int
on_record(void *arg, struct str record, size_t oversize_bytes, struct err *err)
{
	struct got *got = arg;

	(void)oversize_bytes;
	(void)err;
	got->valid = got->valid && is_valid(record);
	buf_add_str(&got->text, record);
	buf_add_char(&got->text, '\n');
	return 0;
}

/* Feed text in pieces of `step` bytes. */
static void
split(struct str text, size_t step, struct got *got)
{
	static const struct jsonsplit_conf conf = { "value[*]", MAX, MAX, MAX };
	struct jsonsplit *js = jsonsplit_new(&conf, on_record, got);
	struct err err = { 0 };
	struct str envelope;
	int rc = 0;

	buf_init(&got->text, 4 * MAX);
	got->valid = true;
	for (size_t at = 0; at < text.len && rc == 0; at += step) {
		size_t len = text.len - at < step ? text.len - at : step;

		rc = jsonsplit_feed(js, str_make(text.p + at, len), &err);
	}
	if (rc == 0 && jsonsplit_end(js, &envelope, &err) == 0) {
		got->valid = got->valid && is_valid(envelope);
		buf_add_str(&got->text, envelope);
	} else {
		got->valid = false;
		buf_add_text(&got->text, err.text);
	}
	jsonsplit_free(&js);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_make((const char *)data, size < MAX ? size : MAX);
	struct got whole, cut;

	if (size == 0)
		return 0;
	split(text, MAX, &whole);
	split(text, 1 + size % 7, &cut);
	if (!str_eq(buf_str(&whole.text), buf_str(&cut.text))) {
		fprintf(stderr, "whole: %.*s\ncut: %.*s\n",
		    STR_ARG(buf_str(&whole.text)), STR_ARG(buf_str(&cut.text)));
		abort();
	}
	if (whole.valid != is_valid(text)) {
		fprintf(stderr, "valid: %d in pieces\n", whole.valid);
		abort();
	}
	buf_clear(&whole.text);
	buf_clear(&cut.text);
	return 0;
}
