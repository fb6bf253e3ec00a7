/* codec/jsonrows.h -- rows of a table as objects with named members. */
/* SPDX-License-Identifier: ISC */
#ifndef CODEC_JSONROWS_H
#define CODEC_JSONROWS_H

#include <stddef.h>
#include <stdint.h>

struct err;
struct json_doc;
struct jsonrows;

/*
 * Some services answer with the columns of a table first, each an object
 * with "name" and "type", and then with rows that are bare arrays of values.
 * Here such a row becomes an object, so that its values can be named.
 *
 * A value of type "dynamic" may come as JSON, or as a text that holds JSON;
 * either becomes JSON, but a text that holds no object and no array stays.
 */
struct jsonrows *jsonrows_new(size_t max_bytes); /* of an object's text */
void jsonrows_free(struct jsonrows **rp);

/* Take the columns from this array.  -1 with ERR_DATA: they are none. */
int jsonrows_columns(struct jsonrows *r, const struct json_doc *doc,
    uint32_t array, struct err *err);

/*
 * The row that is the root of `row` as an object, good until the next call.
 * A row that is an object already is given back as it is.  NULL with
 * ERR_DATA if it has not one value for each column.
 */
const struct json_doc *
jsonrows_name(struct jsonrows *r, const struct json_doc *row, struct err *err);

#endif
