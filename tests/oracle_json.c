/* tests/oracle_json.c -- what json-c says about a text. */
/* SPDX-License-Identifier: ISC */
#include "tests/oracle_json.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* json-c has an enum of that name, too. */
#define json_type jsonc_type
#include <json-c/json.h>
#undef json_type

#include "base/buf.h"
#include "base/err.h"
#include "codec/json.h"
#include "codec/utf8.h"

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/*
 * json-c, as strict as it can be, takes more than RFC 8259 allows: names in
 * single quotes, control characters in strings, overlong or surrogate UTF-8,
 * NaN, Infinity, and numbers such as 1., -.5 or 00.  Is it one of those at
 * which we stopped?
 */
static bool
is_known_laxity(struct str text, const char *reason)
{
	const char *at = strstr(reason, " at byte ");
	size_t off = at != NULL ? strtoul(at + 9, NULL, 10) : text.len;
	struct str rest = str_make(text.p + off, text.len - off);
	const char *point;

	if (off >= text.len)
		return false;
	if (strstr(reason, "control character") != NULL)
		return (unsigned char)rest.p[0] < 0x20;
	if (strstr(reason, "bad UTF-8") != NULL)
		return utf8_check(rest) == 0;
	if (strstr(reason, "name is missing") != NULL)
		return rest.p[0] == '\'';
	if (strstr(reason, "no value") != NULL)
		return str_starts(rest, STR_LIT("NaN")) ||
		    str_starts(rest, STR_LIT("Infinity"));
	if (strstr(reason, "bad number") == NULL)
		return false;
	if (rest.p[0] == '-')
		rest = str_make(rest.p + 1, rest.len - 1);
	point = memchr(rest.p, '.', rest.len);
	return str_starts(rest, STR_LIT("Infinity")) ||
	    (rest.len > 1 && rest.p[0] == '0' && is_digit(rest.p[1])) ||
	    (point != NULL &&
		(point == rest.p || point + 1 == rest.p + rest.len ||
		    !is_digit(point[1])));
}

/*
 * json-c keeps names as C strings, so that a name with a NUL in it may stand
 * for another one, and nothing can be said about the members.
 */
static bool
has_nul(struct str s)
{
	return s.len > 0 && memchr(s.p, '\0', s.len) != NULL;
}

static bool
agree(const struct json_doc *doc, uint32_t node, struct json_object *o);

static bool
agree_number(const struct json_doc *doc, uint32_t node, struct json_object *o)
{
	double d = json_object_get_double(o), mine;
	int64_t v;

	if (json_object_is_type(o, json_type_int) && json_i64(doc, node, &v))
		return v == json_object_get_int64(o);
	/* A whole number beyond 64 bits is the nearest one to json-c. */
	if (!json_double(doc, node, &mine))
		return isinf(d) || fabs(d) >= 0x1p63;
	return json_object_is_type(o, json_type_int) ? fabs(mine) >= 0x1p63
						     : mine == d;
}

static bool
agree_object(const struct json_doc *doc, uint32_t node, struct json_object *o)
{
	struct buf name;
	bool same = true;

	buf_init(&name, 4096);
	for (uint32_t k = json_first(doc, node); same && k != JSON_NONE;
	     k = json_after(doc, node, k + 1)) {
		struct json_object *value;

		buf_reset(&name);
		json_decode(doc, k, &name);
		if (has_nul(buf_str(&name)))
			break;
		same = json_object_object_get_ex(o, buf_cstr(&name), &value) &&
		    agree(doc, json_member(doc, node, buf_str(&name)), value);
	}
	buf_clear(&name);
	return same;
}

static bool
agree_array(const struct json_doc *doc, uint32_t node, struct json_object *o)
{
	size_t i = 0, n = json_object_array_length(o);

	for (uint32_t e = json_first(doc, node); e != JSON_NONE;
	     e = json_after(doc, node, e), i++)
		if (i >= n || !agree(doc, e, json_object_array_get_idx(o, i)))
			return false;
	return i == n;
}

static bool
agree(const struct json_doc *doc, uint32_t node, struct json_object *o)
{
	switch (json_type(doc, node)) {
	case JSON_NULL:
		return o == NULL;
	case JSON_FALSE:
	case JSON_TRUE:
		return json_object_is_type(o, json_type_boolean) &&
		    json_object_get_boolean(o) ==
		    (json_type(doc, node) == JSON_TRUE);
	case JSON_NUMBER:
		return (json_object_is_type(o, json_type_int) ||
			   json_object_is_type(o, json_type_double)) &&
		    agree_number(doc, node, o);
	case JSON_STRING:
		return json_object_is_type(o, json_type_string) &&
		    json_is(doc, node,
			str_make(json_object_get_string(o),
			    (size_t)json_object_get_string_len(o)));
	case JSON_ARRAY:
		return json_object_is_type(o, json_type_array) &&
		    agree_array(doc, node, o);
	case JSON_OBJECT:
		return json_object_is_type(o, json_type_object) &&
		    agree_object(doc, node, o);
	default:
		return false;
	}
}

const char *
oracle_json_disagrees(struct json_doc *doc, struct str text)
{
	/* One that is used again remembers half a pair of surrogates. */
	struct json_tokener *tokener =
	    json_tokener_new_ex(JSON_DEPTH_DEFAULT + 1);
	const char *reason = NULL;
	struct json_object *o;
	struct err err = { 0 };
	int rc = json_parse(doc, text, &err);
	bool taken;

	json_tokener_set_flags(
	    tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	o = json_tokener_parse_ex(tokener, text.p, (int)text.len);
	taken = json_tokener_get_error(tokener) == json_tokener_success &&
	    json_tokener_get_parse_end(tokener) == text.len;
	if (rc == 0 && !taken)
		reason = "json-c refuses";
	else if (rc < 0 && taken && !is_known_laxity(text, err.text))
		reason = "json-c takes";
	else if (rc == 0 && !agree(doc, 0, o))
		reason = "json-c reads something else";
	json_object_put(o);
	json_tokener_free(tokener);
	return reason;
}
