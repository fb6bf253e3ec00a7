/* map/mapline.c -- a map file as words, with the line that each stands in. */
/* SPDX-License-Identifier: ISC */
#include "map/mapline.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"
#include "map/pool.h"

void
mapline_init(struct mapline *l, const char *file, struct str text,
    struct pool *pool, struct err *err)
{
	*l = (struct mapline){
		.file = file, .pool = pool, .rest = text, .err = err
	};
}

static int
error_at(const struct mapline *l, unsigned number, const char *fmt, va_list ap)
{
	char text[ERR_TEXT_MAX];

	vsnprintf(text, sizeof(text), fmt, ap);
	return err_set(l->err, ERR_CONF, "%s:%u: %s", l->file, number, text);
}

int
mapline_error(const struct mapline *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	error_at(l, l->number, fmt, ap);
	va_end(ap);
	return -1;
}

int
mapline_error_at(const struct mapline *l, unsigned number, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	error_at(l, number, fmt, ap);
	va_end(ap);
	return -1;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void
skip_blanks(struct mapline *l)
{
	while (l->line.len > 0 && is_blank(l->line.p[0])) {
		l->line.p++;
		l->line.len--;
	}
	if (l->line.len > 0 && l->line.p[0] == '#')
		l->line.len = 0;
}

/* Take the next line that says something: 1, 0 at the end, -1 error. */
static int
take_line(struct mapline *l)
{
	while (l->rest.p != NULL && l->rest.len > 0) {
		l->line = str_cut(&l->rest, '\n');
		l->number++;
		if (l->line.len > MAPLINE_MAX)
			return mapline_error(
			    l, "the line is longer than %d bytes", MAPLINE_MAX);
		if (memchr(l->line.p, '\0', l->line.len) != NULL)
			return mapline_error(l, "this is not text");
		skip_blanks(l);
		if (l->line.len > 0)
			return 1;
	}
	return 0;
}

/* "else" and "+" at the beginning of a line go on with the statement. */
static bool
goes_on(struct str line)
{
	return (line.len >= 1 && line.p[0] == '+' &&
		   (line.len == 1 || is_blank(line.p[1]))) ||
	    (line.len >= 4 && memcmp(line.p, "else", 4) == 0 &&
		(line.len == 4 || is_blank(line.p[4])));
}

static int
read_text(struct mapline *l)
{
	char *to = pool_alloc(l->pool, l->line.len + 1, 1);
	size_t n = 0, i;

	for (i = 1; i < l->line.len && l->line.p[i] != '"'; i++) {
		char c = l->line.p[i];

		if (c == '\\') {
			if (++i == l->line.len ||
			    (l->line.p[i] != '"' && l->line.p[i] != '\\'))
				return mapline_error(l,
				    "in a text only \\\" and \\\\ are escaped");
			c = l->line.p[i];
		}
		to[n++] = c;
	}
	if (i == l->line.len)
		return mapline_error(l, "a quote is not closed");
	l->kind = MAPWORD_TEXT;
	l->word = str_make(to, n);
	l->line = str_make(l->line.p + i + 1, l->line.len - i - 1);
	if (l->line.len > 0 && !is_blank(l->line.p[0]))
		return mapline_error(
		    l, "a blank is missing behind \"%.*s\"", STR_ARG(l->word));
	return 0;
}

static int
read_bare(struct mapline *l)
{
	unsigned depth = 0;
	char quote = '\0';
	size_t i;

	for (i = 0; i < l->line.len; i++) {
		char c = l->line.p[i];

		if (quote != '\0') {
			if (c == '\\' && i + 1 < l->line.len)
				i++;
			else if (c == quote)
				quote = '\0';
		} else if (depth > 0 && (c == '\'' || c == '"')) {
			quote = c;
		} else if (c == '[' || c == '(') {
			depth++;
		} else if ((c == ']' || c == ')') && depth > 0) {
			depth--;
		} else if (depth == 0 && is_blank(c)) {
			break;
		}
	}
	if (depth > 0)
		return mapline_error(l, "a bracket is not closed");
	l->kind = MAPWORD_BARE;
	l->word = pool_str(l->pool, str_make(l->line.p, i));
	l->line = str_make(l->line.p + i, l->line.len - i);
	return 0;
}

int
mapline_word(struct mapline *l)
{
	skip_blanks(l);
	if (l->line.len == 0) {
		struct mapline ahead = *l;
		int more = take_line(&ahead);

		if (more < 0)
			return -1;
		if (more == 0 || !goes_on(ahead.line)) {
			l->kind = MAPWORD_END;
			l->word = str_of("");
			return 0;
		}
		*l = ahead;
	}
	return l->line.p[0] == '"' ? read_text(l) : read_bare(l);
}

int
mapline_next(struct mapline *l)
{
	int more = take_line(l);

	l->kind = MAPWORD_END;
	l->word = str_of("");
	if (more <= 0)
		return more;
	return mapline_word(l) < 0 ? -1 : 1;
}

bool
mapline_is(const struct mapline *l, const char *word)
{
	return l->kind == MAPWORD_BARE && str_is(l->word, word);
}
