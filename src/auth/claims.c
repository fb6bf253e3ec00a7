/* auth/claims.c -- what a token says of itself; for the operator only. */
/* SPDX-License-Identifier: ISC */
#include "auth/claims.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "codec/b64.h"
#include "codec/json.h"

#define PAYLOAD_MAX (64 * 1024)
#define PAYLOAD_TOKENS 8192
#define PAYLOAD_DEPTH 16

/* The payload of three parts, or of none. */
static struct str
payload_of(struct str token)
{
	struct str none = { NULL, 0 };
	struct str payload;

	str_cut(&token, '.');
	if (token.p == NULL)
		return none;
	payload = str_cut(&token, '.');
	if (token.p == NULL || str_find(token, '.') >= 0)
		return none;
	return payload;
}

static bool
read_roles(struct str payload, struct buf *roles)
{
	struct json_doc doc;
	bool is_known = false;
	uint32_t list;

	json_init(&doc, PAYLOAD_TOKENS, PAYLOAD_DEPTH);
	if (json_parse(&doc, payload, NULL) < 0 ||
	    json_type(&doc, 0) != JSON_OBJECT)
		goto out;
	is_known = true;
	list = json_member(&doc, 0, STR_LIT("roles"));
	if (list == JSON_NONE || json_type(&doc, list) != JSON_ARRAY)
		goto out;
	for (uint32_t i = json_first(&doc, list); i != JSON_NONE;
	     i = json_after(&doc, list, i)) {
		json_decode(&doc, i, roles);
		buf_add_char(roles, '\n');
	}
out:
	json_clear(&doc);
	return is_known;
}

bool
claims_roles(struct str token, struct buf *roles)
{
	struct str payload = payload_of(token);
	struct buf json;
	bool is_known;

	buf_init(&json, PAYLOAD_MAX);
	is_known = payload.len > 0 && b64_decode(&json, payload) &&
	    !json.failed && read_roles(buf_str(&json), roles);
	if (json.p != NULL)
		explicit_bzero(json.p, json.size);
	buf_clear(&json);
	return is_known;
}

static bool
gives_word(struct str has, struct str wanted)
{
	return str_eq_nocase(has, wanted) ||
	    (str_eq_nocase(wanted, STR_LIT("Read")) &&
		(str_eq_nocase(has, STR_LIT("ReadWrite")) ||
		    str_eq_nocase(has, STR_LIT("Manage"))));
}

/* Word by word between the dots. */
static bool
gives(struct str has, struct str wanted)
{
	while (has.p != NULL && wanted.p != NULL)
		if (!gives_word(str_cut(&has, '.'), str_cut(&wanted, '.')))
			return false;
	return has.p == NULL && wanted.p == NULL;
}

static bool
have(struct str roles, struct str wanted)
{
	while (roles.p != NULL)
		if (gives(str_cut(&roles, '\n'), wanted))
			return true;
	return false;
}

void
claims_missing(struct str roles, struct str wanted, struct buf *out)
{
	while (wanted.p != NULL) {
		struct str one = str_trim(str_cut(&wanted, ','));

		if (one.len == 0 || have(roles, one))
			continue;
		if (out->len > 0)
			buf_add_text(out, ", ");
		buf_add_str(out, one);
	}
}
