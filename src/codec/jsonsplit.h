/* codec/jsonsplit.h -- finds the records in an answer while it arrives. */
/* SPDX-License-Identifier: ISC */
#ifndef CODEC_JSONSPLIT_H
#define CODEC_JSONSPLIT_H

#include <stddef.h>

#include "base/str.h"

struct buf;
struct err;
struct jsonsplit;

/*
 * An answer is an envelope around an array of records.  Bytes are fed as they
 * come; each element of the array is handed on as soon as it is complete;
 * what remains is the envelope, with the array empty ("value":[]).
 * Where the answer itself is the record, an object or an array, the envelope
 * is null.
 *
 * Memory is bounded by the largest record and the largest envelope allowed,
 * never by the answer.
 */
struct jsonsplit_conf {
	const char *records; /* "value[*]", "data[*]", "[*]",
				   "tables[0].rows[*]"; or "$": the answer
				   is one record.  Borrowed */
	size_t max_record;   /* bytes; a larger one is handed on as oversize */
	size_t max_envelope; /* bytes; a larger one is an error */
	unsigned max_depth;  /* of the envelope; 0: JSON_DEPTH_DEFAULT */
};

/*
 * A complete record, borrowed until return; white space around it is gone.
 * A record longer than max_record comes with oversize_bytes, its true
 * length, and `record` holds its first max_record bytes; else that is 0.
 * Return 0 to go on, -1 (err filled) to stop.
 */
typedef int jsonsplit_record_fn(
    void *arg, struct str record, size_t oversize_bytes, struct err *err);

/*
 * NULL if conf->records is no such path: names (".name" behind an index),
 * indices, then [*]; a $ may stand in front, or all alone.
 */
struct jsonsplit *jsonsplit_new(const struct jsonsplit_conf *conf,
    jsonsplit_record_fn *on_record, void *arg);
void jsonsplit_free(struct jsonsplit **jsp);

/*
 * Take the next bytes, cut anywhere.  Return -1 with ERR_DATA if they cannot
 * be JSON (HTML in its place is named as such), or with what on_record gave.
 * Records are not checked here beyond strings and brackets: json_parse does.
 */
int jsonsplit_feed(struct jsonsplit *js, struct str bytes, struct err *err);

/*
 * While a record is handed on: append what stands before the records, closed
 * behind them, so that it is JSON ({"columns":[...],"rows":[]}).
 */
void jsonsplit_preface(const struct jsonsplit *js, struct buf *out);

/*
 * The answer is complete: return the envelope, borrowed until the next call,
 * or -1 with ERR_RETRY if it ended early or was empty.
 */
int
jsonsplit_end(struct jsonsplit *js, struct str *envelope_r, struct err *err);

#endif
