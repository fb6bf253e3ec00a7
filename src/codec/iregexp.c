/* codec/iregexp.c -- the regular expressions of JSONPath: RFC 9485. */
/* SPDX-License-Identifier: ISC */
/*
 * The pattern is checked against the grammar of RFC 9485 and written down
 * again for PCRE2 on the way, so that nothing reaches PCRE2 that only PCRE2
 * understands: no back references, no assertions, no verbs.  As section 5 of
 * the RFC has it, a caret and a dollar outside of brackets are left to the
 * engine, where they stand for both ends of the text.
 *
 * Even so a backtracking engine can be kept busy for ages, and its own limit
 * does not help: it counts anew for every place where a search may begin,
 * and takes a walk over a megabyte for one step.  So PCRE2 is asked to call
 * back before each item of the pattern; there the steps are counted, and the
 * way that was gone since the call before.
 */
#include "codec/iregexp.h"

#include <stdio.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "codec/utf8.h"

#define PATTERN_MAX 8192     /* bytes as written */
#define TRANSLATED_MAX 65536 /* eight times that, the most it can become */
#define STEPS_MAX (1U << 20) /* of one match */
#define STEPS_SMALL 64       /* so few cannot have taken much memory */
#define STRIDE 16            /* bytes walked over for the price of a step */
#define HEAP_MAX_KIB 16384   /* for remembering where to go back to */
#define CACHE_SLOTS 8

struct iregexp {
	enum iregexp_state state;
	uint64_t price; /* of a step */
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *context;
};

struct iregexp_cache {
	struct {
		char *text; /* owned; NULL while the slot is empty */
		size_t len;
		struct iregexp *re; /* owned */
	} slot[CACHE_SLOTS];
	unsigned oldest;
};

/* --- from I-Regexp to PCRE2 ---------------------------------------------- */

struct reader {
	struct str in;
	size_t at;
	struct buf out;
	uint64_t most; /* the largest count of a repetition */
};

static bool
eat(struct reader *r, char c)
{
	if (r->at == r->in.len || r->in.p[r->at] != c)
		return false;
	r->at++;
	return true;
}

static char
peek(const struct reader *r)
{
	return r->at < r->in.len ? r->in.p[r->at] : '\0';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

/* What stands behind "\p" or "\P": a general category in braces. */
static bool
read_category(struct reader *r, char p)
{
	static const char *const minor[] = { "Llmotu", "Mcen", "Ndlo",
		"Pcdefios", "Zlps", "Sckmo", "Ccfno" };
	size_t from = r->at;

	if (!eat(r, '{'))
		return false;
	for (size_t i = 0; i < sizeof(minor) / sizeof(minor[0]); i++) {
		if (!eat(r, minor[i][0]))
			continue;
		if (is_one_of(peek(r), minor[i] + 1))
			r->at++;
		if (!eat(r, '}'))
			return false;
		buf_addf(&r->out, "\\%c", p);
		buf_add(&r->out, r->in.p + from, r->at - from);
		return true;
	}
	return false;
}

/* One character behind a backslash: it stands for itself, or n, r, t. */
static bool
read_single_escape(struct reader *r, uint32_t *cp_r)
{
	char c = peek(r);

	if (!is_one_of(c, "()*+-.?[\\]^nrt{|}"))
		return false;
	r->at++;
	*cp_r = c == 'n' ? '\n'
	    : c == 'r'   ? '\r'
	    : c == 't'   ? '\t'
			 : (unsigned char)c;
	return true;
}

/* Anything ASCII that is no letter and no digit goes by its number. */
static void
put(struct reader *r, uint32_t cp)
{
	if (cp >= 0x80)
		utf8_add(&r->out, cp);
	else if (is_digit((char)cp) || (cp >= 'A' && cp <= 'Z') ||
	    (cp >= 'a' && cp <= 'z'))
		buf_add_char(&r->out, (char)cp);
	else
		buf_addf(&r->out, "\\x{%x}", (unsigned)cp);
}

/* One character in brackets, plain or escaped; "-", "[", "]" must be. */
static bool
read_class_char(struct reader *r, uint32_t *cp_r)
{
	int n;

	if (eat(r, '\\'))
		return read_single_escape(r, cp_r);
	if (is_one_of(peek(r), "-[]"))
		return false;
	n = utf8_next(r->in.p + r->at, r->in.len - r->at, cp_r);
	if (n < 0)
		return false;
	r->at += (size_t)n;
	return true;
}

static bool
read_class_item(struct reader *r)
{
	char next = r->at + 1 < r->in.len ? r->in.p[r->at + 1] : '\0';
	uint32_t cp;

	if (peek(r) == '\\' && (next == 'p' || next == 'P')) {
		r->at += 2;
		return read_category(r, next);
	}
	if (!read_class_char(r, &cp))
		return false;
	put(r, cp);
	next = r->at + 1 < r->in.len ? r->in.p[r->at + 1] : '\0';
	if (peek(r) != '-' || next == ']')
		return true;
	r->at++;
	if (!read_class_char(r, &cp))
		return false;
	buf_add_char(&r->out, '-');
	put(r, cp);
	return true;
}

/* Behind "[".  A "-" for itself may only come first or last. */
static bool
read_class(struct reader *r)
{
	bool first = true;

	buf_add_char(&r->out, '[');
	if (eat(r, '^'))
		buf_add_char(&r->out, '^');
	while (first || !eat(r, ']')) {
		if (eat(r, '-')) {
			if (!first && peek(r) != ']')
				return false;
			put(r, '-');
		} else if (!read_class_item(r)) {
			return false;
		}
		first = false;
	}
	buf_add_char(&r->out, ']');
	return true;
}

static bool
read_digits(struct reader *r)
{
	size_t from = r->at;
	uint64_t count = 0;

	for (; is_digit(peek(r)); r->at++)
		if (count <= UINT16_MAX)
			count = count * 10 + (uint64_t)(peek(r) - '0');
	if (count > r->most)
		r->most = count;
	return r->at > from;
}

/* Behind "{": a count, a least count, or both ends. */
static bool
read_range(struct reader *r)
{
	size_t from = r->at - 1;

	if (!read_digits(r))
		return false;
	if (eat(r, ','))
		(void)read_digits(r);
	if (!eat(r, '}'))
		return false;
	buf_add(&r->out, r->in.p + from, r->at - from);
	return true;
}

static bool
read_escape(struct reader *r)
{
	uint32_t cp;

	if (eat(r, 'p'))
		return read_category(r, 'p');
	if (eat(r, 'P'))
		return read_category(r, 'P');
	if (!read_single_escape(r, &cp))
		return false;
	put(r, cp);
	return true;
}

/* One step of the grammar; *atom: something stands there to be repeated. */
static bool
read_piece(struct reader *r, char c, unsigned *depth, bool *atom)
{
	bool was_atom = *atom;

	*atom = true;
	switch (c) {
	case '(':
		++*depth;
		buf_add_text(&r->out, "(?:");
		*atom = false;
		return true;
	case ')':
		buf_add_char(&r->out, c);
		return (*depth)-- > 0;
	case '|':
		buf_add_char(&r->out, c);
		*atom = false;
		return true;
	case '*':
	case '+':
	case '?':
		buf_add_char(&r->out, c);
		*atom = false;
		return was_atom;
	case '{':
		*atom = false;
		return was_atom && read_range(r);
	case '[':
		return read_class(r);
	case '.':
		buf_add_text(&r->out, "[^\\n\\r]");
		return true;
	case '\\':
		return read_escape(r);
	case ']':
	case '}':
		return false;
	default:
		buf_add_char(&r->out, c);
		return true;
	}
}

static bool
translate(struct reader *r)
{
	unsigned depth = 0;
	bool atom = false;

	if (utf8_check(r->in) != r->in.len)
		return false;
	while (r->at < r->in.len)
		if (!read_piece(r, r->in.p[r->at++], &depth, &atom))
			return false;
	return depth == 0;
}

/* --- PCRE2 --------------------------------------------------------------- */

/* The pattern is right, and yet more than PCRE2 takes. */
static bool
is_size_error(int code)
{
	return code == PCRE2_ERROR_QUANTIFIER_TOO_BIG ||
	    code == PCRE2_ERROR_PARENTHESES_NEST_TOO_DEEP ||
	    code == PCRE2_ERROR_PATTERN_TOO_LARGE ||
	    code == PCRE2_ERROR_PATTERN_TOO_COMPLICATED ||
	    code == PCRE2_ERROR_HEAP_FAILED;
}

static enum iregexp_state
compile(struct iregexp *re, struct str text)
{
	size_t at;
	int code;

	re->code = pcre2_compile((PCRE2_SPTR)text.p, text.len,
	    PCRE2_UTF | PCRE2_AUTO_CALLOUT | PCRE2_DOLLAR_ENDONLY |
		PCRE2_NEVER_BACKSLASH_C,
	    &code, &at, NULL);
	if (re->code == NULL)
		return is_size_error(code) ? IREGEXP_TOO_BIG : IREGEXP_NOT_ONE;
	re->data = pcre2_match_data_create(1, NULL);
	re->context = pcre2_match_context_create(NULL);
	if (re->data == NULL || re->context == NULL)
		return IREGEXP_TOO_BIG;
	pcre2_set_heap_limit(re->context, HEAP_MAX_KIB);
	return IREGEXP_GOOD;
}

struct iregexp *
iregexp_new(struct str pattern)
{
	struct iregexp *re = xcalloc(1, sizeof(*re));
	struct reader r = { .in = pattern };

	re->state = IREGEXP_TOO_BIG;
	if (pattern.len > PATTERN_MAX)
		return re;
	buf_init(&r.out, TRANSLATED_MAX);
	if (!translate(&r))
		re->state = IREGEXP_NOT_ONE;
	else if (!r.out.failed)
		re->state = compile(re, str_make(buf_cstr(&r.out), r.out.len));
	re->price = 1 + r.most / STRIDE;
	buf_clear(&r.out);
	return re;
}

void
iregexp_free(struct iregexp **rep)
{
	struct iregexp *re = *rep;

	*rep = NULL;
	if (re == NULL)
		return;
	pcre2_match_context_free(re->context);
	pcre2_match_data_free(re->data);
	pcre2_code_free(re->code);
	xfree(re);
}

enum iregexp_state
iregexp_state(const struct iregexp *re)
{
	return re->state;
}

struct meter {
	uint64_t used, max, price;
	size_t at; /* in the subject, when last seen */
};

/*
 * What walks back before it gets to the next item is not seen walking, but
 * can have gone no farther than a repetition must.
 */
static int
count_step(pcre2_callout_block *now, void *arg)
{
	struct meter *m = arg;
	size_t at = now->current_position;

	m->used += m->price + (at > m->at ? at - m->at : m->at - at) / STRIDE;
	m->at = at;
	return m->used > m->max ? PCRE2_ERROR_MATCHLIMIT : 0;
}

/* PCRE2 keeps the memory that a match took for the next; we do not. */
static int
match(struct iregexp *re, struct str subject, uint32_t options, struct meter *m)
{
	int rc;

	pcre2_set_callout(re->context, count_step, m);
	rc = pcre2_match(re->code, (PCRE2_SPTR)subject.p, subject.len, 0,
	    options, re->data, re->context);
	if (m->used > STEPS_SMALL) {
		pcre2_match_data_free(re->data);
		re->data = pcre2_match_data_create(1, NULL);
		if (re->data == NULL)
			re->state = IREGEXP_TOO_BIG;
	}
	return rc;
}

int
iregexp_match(struct iregexp *re, struct str subject, bool anywhere,
    uint64_t *steps, struct err *err)
{
	uint32_t options = anywhere ? 0 : PCRE2_ANCHORED | PCRE2_ENDANCHORED;
	struct meter m = { .used = subject.len / STRIDE, .price = re->price };
	int rc;

	if (re->state == IREGEXP_NOT_ONE)
		return 0;
	if (re->state == IREGEXP_TOO_BIG)
		return err_set(err, ERR_DATA, "regular expression: too big");
	if (subject.p == NULL)
		subject.p = "";
	m.max = *steps < STEPS_MAX ? *steps : STEPS_MAX;
	rc = m.used > m.max ? PCRE2_ERROR_MATCHLIMIT
			    : match(re, subject, options, &m);
	*steps -= m.used < *steps ? m.used : *steps;
	if (rc >= 0)
		return 1;
	if (rc == PCRE2_ERROR_NOMATCH)
		return 0;
	if (rc == PCRE2_ERROR_MATCHLIMIT)
		return err_set(
		    err, ERR_DATA, "regular expression: too many steps");
	return err_set(
	    err, ERR_DATA, "regular expression: gave up with error %d", rc);
}

/* --- the cache ----------------------------------------------------------- */

struct iregexp_cache *
iregexp_cache_new(void)
{
	return xcalloc(1, sizeof(struct iregexp_cache));
}

void
iregexp_cache_free(struct iregexp_cache **cachep)
{
	struct iregexp_cache *cache = *cachep;

	*cachep = NULL;
	if (cache == NULL)
		return;
	for (unsigned i = 0; i < CACHE_SLOTS; i++) {
		iregexp_free(&cache->slot[i].re);
		xfree(cache->slot[i].text);
	}
	xfree(cache);
}

/* A pattern that is too long is not worth its memory: its head is enough. */
struct iregexp *
iregexp_cache_get(struct iregexp_cache *cache, struct str pattern)
{
	unsigned i = cache->oldest;

	if (pattern.len > PATTERN_MAX)
		pattern.len = PATTERN_MAX + 1;
	for (unsigned k = 0; k < CACHE_SLOTS; k++)
		if (cache->slot[k].text != NULL &&
		    str_eq(str_make(cache->slot[k].text, cache->slot[k].len),
			pattern))
			return cache->slot[k].re;

	cache->oldest = (i + 1) % CACHE_SLOTS;
	iregexp_free(&cache->slot[i].re);
	xfree(cache->slot[i].text);
	cache->slot[i].text =
	    xstrndup(pattern.len > 0 ? pattern.p : "", pattern.len);
	cache->slot[i].len = pattern.len;
	cache->slot[i].re = iregexp_new(pattern);
	return cache->slot[i].re;
}
