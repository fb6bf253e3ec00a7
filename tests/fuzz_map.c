/* tests/fuzz_map.c -- any map, a NUL, any record: one good line, or none. */
/* SPDX-License-Identifier: ISC */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "codec/json.h"
#include "map/map.h"
#include "record/record.h"
#include "tests/cef_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
map_one(struct map *m, struct str json, struct map_conf conf)
{
	static struct cef_parse p; /* large */
	struct json_doc doc;
	struct record rec = { .doc = &doc, .id = STR_LIT("id") };
	struct buf out;
	struct err err;

	json_init(&doc, 10000, 100);
	buf_init(&out, 1 << 20);
	if (json_parse(&doc, json, &err) == 0 &&
	    map_cef(m, &conf, &rec, &out, &err) == 0 &&
	    (!cef_parse_line(&p, buf_str(&out)) ||
		(conf.max_bytes > 0 && out.len > conf.max_bytes)))
		abort();
	buf_clear(&out);
	json_clear(&doc);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str json = str_make((const char *)data, size);
	struct str text = str_cut(&json, '\0');
	struct err err;
	struct map *m = map_read("map", text, &err);

	if (m == NULL)
		return 0;
	if (json.p != NULL) {
		map_one(m, json, (struct map_conf){ .profile = MAP_MCAS });
		map_one(m, json,
		    (struct map_conf){
			.profile = MAP_NATIVE, .max_bytes = 200 });
	}
	map_free(&m);
	return 0;
}
