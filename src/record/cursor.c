/* record/cursor.c -- where a source's next round begins. */
/* SPDX-License-Identifier: ISC */
#include "record/cursor.h"

#include <inttypes.h>
#include <stdio.h>

/* The line of name with its newline, empty if there is none. */
static struct str
find_line(const struct cursor *c, const char *name)
{
	struct str rest = str_make(c->text, c->len);
	size_t len = strlen(name);

	while (rest.len > 0) {
		struct str line = rest;

		line.len = str_cut(&rest, '\n').len;
		if (line.len > len && memcmp(line.p, name, len) == 0 &&
		    line.p[len] == '=') {
			line.len += rest.p != NULL;
			return line;
		}
	}
	return str_make(NULL, 0);
}

struct str
cursor_get(const struct cursor *c, const char *name)
{
	struct str line = find_line(c, name);

	if (line.len == 0)
		return line;
	(void)str_cut(&line, '=');
	return str_cut(&line, '\n');
}

bool
cursor_get_i64(const struct cursor *c, const char *name, int64_t *v_r)
{
	return str_to_i64(cursor_get(c, name), v_r);
}

static char *
put(char *at, const char *p, size_t len, char end)
{
	if (len > 0)
		memcpy(at, p, len);
	at[len] = end;
	return at + len + 1;
}

/* The value may be borrowed from the cursor itself, so it is copied first. */
bool
cursor_set(struct cursor *c, const char *name, struct str value)
{
	struct str old = find_line(c, name);
	size_t name_len = strlen(name), rest;
	char line[CURSOR_MAX], *end;

	if (str_find(value, '\n') >= 0 || value.len > CURSOR_MAX ||
	    name_len > CURSOR_MAX ||
	    c->len - old.len + name_len + value.len + 2 > CURSOR_MAX)
		return false;
	end = put(put(line, name, name_len, '='), value.p, value.len, '\n');
	if (old.len > 0) {
		char *at = c->text + (old.p - c->text);

		rest = c->len - (size_t)(at - c->text) - old.len;
		memmove(at, at + old.len, rest);
		c->len -= old.len;
	}
	memcpy(c->text + c->len, line, (size_t)(end - line));
	c->len += (size_t)(end - line);
	return true;
}

bool
cursor_set_i64(struct cursor *c, const char *name, int64_t v)
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "%" PRId64, v);

	return cursor_set(c, name, str_make(digits, (size_t)n));
}
