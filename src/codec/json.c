/* codec/json.c -- a JSON text as a flat tape over its own bytes. */
/* SPDX-License-Identifier: ISC */
/*
 * Reading is one loop over the text, in which a goto stands for what the
 * grammar (RFC 8259) expects next: a value, a member's name, or what follows
 * a value.  There is no stack: while a container is open, nobody needs the
 * `next` of its token yet, so that it holds the number of the container
 * around it.
 *
 * Most bytes lie inside strings, and most strings are plain ASCII; they are
 * skipped sixteen bytes at a time by scan_text.  All that is rarer (escapes,
 * other characters, white space, errors) is kept out of line.
 */
#include "codec/json.h"

#include <math.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "codec/scan.h"
#include "codec/utf8.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define COLD __attribute__((noinline, cold))

#define NUMBER_MAX 64 /* bytes; longer ones take the slow way */

struct reader {
	struct json_doc *doc;
	const char *end;
	const char *at; /* where it failed */
	const char *why;
	enum err_kind kind;
};

void
json_init(struct json_doc *doc, uint32_t max_tokens, uint16_t max_depth)
{
	*doc = (struct json_doc){
		.max_tokens = max_tokens > 0 ? max_tokens : JSON_TOKENS_DEFAULT,
		.max_depth = max_depth > 0 ? max_depth : JSON_DEPTH_DEFAULT,
	};
}

void
json_clear(struct json_doc *doc)
{
	free(doc->tok);
	json_init(doc, doc->max_tokens, doc->max_depth);
}

/* --- reading --------------------------------------------------------------*/

COLD static const char *
fail(struct reader *r, const char *at, const char *why)
{
	r->at = at;
	r->why = why;
	r->kind = ERR_DATA;
	return NULL;
}

/* Make room for a token behind the first n, which fill what there is. */
COLD static bool
grow(struct reader *r, uint32_t n, const char *at)
{
	struct json_doc *doc = r->doc;
	uint64_t size = doc->size < 256 ? 256 : 2 * (uint64_t)doc->size;
	struct json_token *tok;

	if (size > doc->max_tokens)
		size = doc->max_tokens;
	if (size <= n) {
		fail(r, at, "too many values");
		return false;
	}
	tok = reallocarray(doc->tok, size, sizeof(*tok));
	if (tok == NULL) {
		fail(r, at, "no memory for its values");
		r->kind = ERR_SYS;
		return false;
	}
	doc->tok = tok;
	doc->size = (uint32_t)size;
	return true;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

__attribute__((noinline)) static const char *
skip_blanks(const char *p, const char *end)
{
	while (p < end && is_blank(*p))
		p++;
	return p;
}

/* The next byte that is no white space; '\0' with *pp at the end if none. */
static inline char
peek(const char **pp, const char *end)
{
	if (UNLIKELY(*pp < end && (unsigned char)**pp <= ' '))
		*pp = skip_blanks(*pp, end);
	return LIKELY(*pp < end) ? **pp : '\0';
}

/* Four hexadecimal digits as a number, or -1. */
static int
hex4(const char *p, const char *end)
{
	int v = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = p[i];

		if (is_digit(c))
			v = v * 16 + (c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			v = v * 16 + ((c | 0x20) - 'a' + 10);
		else
			return -1;
	}
	return v;
}

/* p is at a backslash: return what is behind its escape. */
static const char *
read_escape(struct reader *r, const char *p)
{
	if (r->end - p < 2)
		return fail(r, r->end, "it ends inside a string");
	if (p[1] == 'u') {
		if (hex4(p + 2, r->end) < 0)
			return fail(r, p, "\\u without four hex digits");
		return p + 6;
	}
	if (p[1] == '\0' || strchr("\"\\/bfnrt", p[1]) == NULL)
		return fail(r, p, "unknown escape");
	return p + 2;
}

static const char *
read_beyond_ascii(struct reader *r, const char *p)
{
	uint32_t cp;

	while (p < r->end && (unsigned char)*p >= 0x80) {
		int n = utf8_next(p, (size_t)(r->end - p), &cp);

		if (n < 0)
			return fail(r, p, "bad UTF-8");
		p += n;
	}
	return p;
}

/* The rest of a string from the first byte that is not plain. */
__attribute__((noinline)) static const char *
read_string_rest(struct reader *r, const char *p, uint8_t *escaped_r)
{
	while (p < r->end && *p != '"') {
		if (*p == '\\') {
			*escaped_r = 1;
			p = read_escape(r, p);
		} else if ((unsigned char)*p < 0x20) {
			return fail(r, p, "control character in a string");
		} else {
			p = read_beyond_ascii(r, p);
		}
		if (p == NULL)
			return NULL;
		p = scan_text(p, r->end);
	}
	return p < r->end ? p : fail(r, p, "it ends inside a string");
}

/* p is behind an opening quote: return the closing one. */
static inline const char *
read_string(struct reader *r, const char *p, uint8_t *escaped_r)
{
	*escaped_r = 0;
	p = scan_text(p, r->end);
	if (LIKELY(p < r->end && *p == '"'))
		return p;
	return read_string_rest(r, p, escaped_r);
}

static inline const char *
skip_digits(const char *p, const char *end)
{
	while (p < end && is_digit(*p))
		p++;
	return p;
}

/* Return what is behind the number at p, or NULL if there is none. */
static const char *
read_number(const char *p, const char *end)
{
	const char *digits;

	if (p < end && *p == '-')
		p++;
	digits = p;
	p = skip_digits(p, end);
	if (p == digits || (*digits == '0' && p - digits > 1))
		return NULL;
	if (p < end && *p == '.') {
		digits = ++p;
		p = skip_digits(p, end);
		if (p == digits)
			return NULL;
	}
	if (p < end && (*p | 0x20) == 'e') {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		digits = p;
		p = skip_digits(p, end);
		if (p == digits)
			return NULL;
	}
	return p;
}

/* The same for a value that is neither string nor container. */
static inline const char *
read_scalar(struct reader *r, const char *p, char c, uint8_t *type_r)
{
	size_t len = (size_t)(r->end - p);
	const char *behind = NULL;

	if (c == 't' && len >= 4 && memcmp(p, "true", 4) == 0) {
		*type_r = JSON_TRUE;
		return p + 4;
	}
	if (c == 'f' && len >= 5 && memcmp(p, "false", 5) == 0) {
		*type_r = JSON_FALSE;
		return p + 5;
	}
	if (c == 'n' && len >= 4 && memcmp(p, "null", 4) == 0) {
		*type_r = JSON_NULL;
		return p + 4;
	}
	*type_r = JSON_NUMBER;
	if (c == '-' || is_digit(c)) {
		behind = read_number(p, r->end);
		return behind != NULL ? behind : fail(r, p, "bad number");
	}
	return fail(r, p, p < r->end ? "no value" : "it ends before a value");
}

/*
 * What a name is looked up by, beside its length: four of its bytes, taken
 * from places where names of the same length differ.
 */
static inline uint16_t
hash(const char *p, size_t len)
{
	const unsigned char *u = (const unsigned char *)p;
	uint32_t v;

	if (len == 0)
		return 0;
	v = u[0] | (uint32_t)u[len / 4] << 8 | (uint32_t)u[len / 2] << 16 |
	    (uint32_t)u[len - 1] << 24;
	return (uint16_t)((v * 0x9e3779b1U) >> 16);
}

/* What a byte that should go on or close a container is instead. */
COLD static const char *
fail_behind_value(struct reader *r, const char *p, bool in_object)
{
	if (p == r->end)
		return fail(r, p, "it ends inside an array or object");
	return fail(r, p,
	    in_object ? "neither comma nor } behind a member"
		      : "neither comma nor ] behind an element");
}

/* Read one value and what is in it; return what is behind it. */
static const char *
read_value(struct reader *r, const char *p)
{
	struct json_doc *doc = r->doc;
	const char *const begin = doc->text.p, *const end = r->end;
	struct json_token *tok = doc->tok, *t;
	uint32_t n = 0, open = JSON_NONE, depth = 0;
	bool in_object = false;
	const char *from;
	char c;

value:
	c = peek(&p, end);
	if (UNLIKELY(doc->size == n)) {
		if (!grow(r, n, p))
			return NULL;
		tok = doc->tok;
	}
	t = &tok[n++];
	from = p;
	t->hash = 0;
	if (LIKELY(c == '"')) {
		t->type = JSON_STRING;
		p = read_string(r, ++from, &t->escaped);
		if (UNLIKELY(p == NULL))
			return NULL;
		t->off = (uint32_t)(from - begin);
		t->len = (uint32_t)(p - from);
		t->next = n;
		p++;
		goto behind;
	}
	t->escaped = 0;
	t->off = (uint32_t)(from - begin);
	if (c == '{' || c == '[') {
		if (UNLIKELY(++depth > doc->max_depth))
			return fail(r, p, "nested too deeply");
		in_object = c == '{';
		t->type = in_object ? JSON_OBJECT : JSON_ARRAY;
		t->next = open;
		open = n - 1;
		p++;
		c = peek(&p, end);
		if (c == (in_object ? '}' : ']'))
			goto close;
		if (in_object)
			goto name;
		goto value;
	}
	p = read_scalar(r, p, c, &t->type);
	if (UNLIKELY(p == NULL))
		return NULL;
	t->len = (uint32_t)(p - from);
	t->next = n;

behind:
	if (UNLIKELY(open == JSON_NONE)) {
		doc->n = n;
		return p;
	}
	c = peek(&p, end);
	if (LIKELY(c == ',')) {
		p++;
		if (!in_object)
			goto value;
		c = peek(&p, end);
		goto name;
	}
	if (UNLIKELY(c != (in_object ? '}' : ']')))
		return fail_behind_value(r, p, in_object);
close:
	t = &tok[open];
	p++;
	t->len = (uint32_t)(p - begin) - t->off;
	open = t->next;
	t->next = n;
	depth--;
	in_object = open != JSON_NONE && tok[open].type == JSON_OBJECT;
	goto behind;

name:
	if (UNLIKELY(c != '"'))
		return fail(r, p, "a member's name is missing");
	if (UNLIKELY(doc->size == n)) {
		if (!grow(r, n, p))
			return NULL;
		tok = doc->tok;
	}
	t = &tok[n++];
	from = p + 1;
	p = read_string(r, from, &t->escaped);
	if (UNLIKELY(p == NULL))
		return NULL;
	t->off = (uint32_t)(from - begin);
	t->len = (uint32_t)(p - from);
	t->next = n;
	t->type = JSON_STRING;
	t->hash = hash(from, t->len);
	p++;
	if (UNLIKELY(peek(&p, end) != ':'))
		return fail(r, p, "no colon behind a member's name");
	p++;
	goto value;
}

int
json_parse(struct json_doc *doc, struct str text, struct err *err)
{
	struct reader r = { .doc = doc };
	const char *p;

	if (text.p == NULL)
		text = STR_LIT("");
	doc->text = text;
	doc->n = 0;
	if (text.len > UINT32_MAX)
		return err_set(err, ERR_DATA, "JSON: larger than 4 GiB");
	p = text.p;
	r.end = p + text.len;
	if (str_starts(text, STR_LIT("\xef\xbb\xbf")))
		p += 3;
	p = read_value(&r, p);
	if (p != NULL) {
		p = skip_blanks(p, r.end);
		if (p == r.end)
			return 0;
		fail(&r, p, "something behind the value");
	}
	doc->n = 0;
	return err_set(err, r.kind, "JSON: %s at byte %zu", r.why,
	    (size_t)(r.at - text.p));
}

/* --- walking ------------------------------------------------------------- */

static bool
is_type(const struct json_doc *doc, uint32_t node, enum json_type type)
{
	return node < doc->n && doc->tok[node].type == type;
}

uint32_t
json_first(const struct json_doc *doc, uint32_t parent)
{
	if (!is_type(doc, parent, JSON_ARRAY) &&
	    !is_type(doc, parent, JSON_OBJECT))
		return JSON_NONE;
	return doc->tok[parent].next > parent + 1 ? parent + 1 : JSON_NONE;
}

uint32_t
json_after(const struct json_doc *doc, uint32_t parent, uint32_t child)
{
	uint32_t next = doc->tok[child].next;

	return next < doc->tok[parent].next ? next : JSON_NONE;
}

/*
 * Read the escape at p, which is well-formed, as the character that it
 * stands for; return its bytes.  Two escapes that are a surrogate pair are
 * one character.
 */
static size_t
decode_escape(const char *p, const char *end, uint32_t *cp_r)
{
	static const char letters[] = "bfnrt", means[] = "\b\f\n\r\t";
	const char *letter;
	int hi, lo;

	if (p[1] != 'u') {
		letter = strchr(letters, p[1]);
		*cp_r = (unsigned char)(letter != NULL ? means[letter - letters]
						       : p[1]);
		return 2;
	}
	hi = hex4(p + 2, end);
	*cp_r = (uint32_t)hi;
	if (hi < 0xd800 || hi > 0xdfff)
		return 6;
	*cp_r = UTF8_REPLACEMENT;
	if (hi > 0xdbff || end - p < 12 || p[6] != '\\' || p[7] != 'u')
		return 6;
	lo = hex4(p + 8, end);
	if (lo < 0xdc00 || lo > 0xdfff)
		return 6;
	*cp_r =
	    0x10000 + ((uint32_t)(hi - 0xd800) << 10) + (uint32_t)(lo - 0xdc00);
	return 12;
}

static void
decode(struct str raw, struct buf *out)
{
	const char *p = raw.p, *end = raw.p + raw.len;

	while (p < end) {
		const char *slash = memchr(p, '\\', (size_t)(end - p));
		uint32_t cp;

		buf_add(out, p, (size_t)((slash != NULL ? slash : end) - p));
		if (slash == NULL)
			return;
		p = slash + decode_escape(slash, end, &cp);
		utf8_add(out, cp);
	}
}

/* Does raw, a string with escapes in it, decode to s? */
static bool
decodes_to(struct str raw, struct str s)
{
	const char *p = raw.p, *end = raw.p + raw.len;
	uint32_t want, got;
	int n;

	while (p < end && s.len > 0) {
		n = utf8_next(s.p, s.len, &want);
		if (n < 0)
			return false;
		if (*p == '\\')
			p += decode_escape(p, end, &got);
		else
			p += utf8_next(p, (size_t)(end - p), &got);
		if (got != want)
			return false;
		s = str_make(s.p + n, s.len - (size_t)n);
	}
	return p == end && s.len == 0;
}

uint32_t
json_member(const struct json_doc *doc, uint32_t object, struct str name)
{
	const struct json_token *tok = doc->tok;
	uint16_t h = hash(name.p, name.len);
	uint32_t found = JSON_NONE;

	if (!is_type(doc, object, JSON_OBJECT))
		return JSON_NONE;
	for (uint32_t k = object + 1; k < tok[object].next;
	     k = tok[k + 1].next) {
		const struct json_token *t = &tok[k];

		if (t->escaped ? decodes_to(json_raw(doc, k), name)
			       : (t->len == name.len && t->hash == h &&
				     str_eq(json_raw(doc, k), name)))
			found = k + 1;
	}
	return found;
}

uint32_t
json_at(const struct json_doc *doc, uint32_t node, const char *path)
{
	struct str rest = str_of(path);

	while (rest.len > 0 && node != JSON_NONE)
		node = json_member(doc, node, str_cut(&rest, '.'));
	return node;
}

/* --- values -------------------------------------------------------------- */

bool
json_is(const struct json_doc *doc, uint32_t node, struct str s)
{
	if (!is_type(doc, node, JSON_STRING))
		return false;
	return doc->tok[node].escaped ? decodes_to(json_raw(doc, node), s)
				      : str_eq(json_raw(doc, node), s);
}

void
json_decode(const struct json_doc *doc, uint32_t node, struct buf *out)
{
	if (node >= doc->n)
		return;
	if (doc->tok[node].escaped)
		decode(json_raw(doc, node), out);
	else
		buf_add_str(out, json_raw(doc, node));
}

struct str
json_text(const struct json_doc *doc, uint32_t node, struct buf *scratch)
{
	if (!is_type(doc, node, JSON_STRING))
		return str_make(NULL, 0);
	if (!doc->tok[node].escaped)
		return json_raw(doc, node);
	buf_reset(scratch);
	decode(json_raw(doc, node), scratch);
	return buf_str(scratch);
}

/*
 * The text of a number, or of a string that holds nothing but one; nobody
 * writes digits as escapes, so a string with escapes holds none.
 */
static bool
number_text(const struct json_doc *doc, uint32_t node, struct str *text_r)
{
	if (is_type(doc, node, JSON_NUMBER)) {
		*text_r = json_raw(doc, node);
		return true;
	}
	if (!is_type(doc, node, JSON_STRING))
		return false;
	*text_r = json_raw(doc, node);
	return read_number(text_r->p, text_r->p + text_r->len) ==
	    text_r->p + text_r->len;
}

/* The exponent behind the e, held within what matters. */
static int64_t
read_exponent(struct str s)
{
	bool minus = s.len > 0 && s.p[0] == '-';
	int64_t v = 0;

	for (size_t i = 0; i < s.len; i++)
		if (is_digit(s.p[i]) && v < INT32_MAX)
			v = v * 10 + (s.p[i] - '0');
	return minus ? -v : v;
}

static bool
times10(uint64_t *v, int64_t times)
{
	for (; times > 0 && *v != 0; times--)
		if (__builtin_mul_overflow(*v, 10U, v))
			return false;
	return true;
}

/*
 * The amount of a number that is whole, however it is written: 1.5e1 is
 * fifteen, and so is 15.000.  Exact, where a detour over doubles is not.
 */
static bool
whole_amount(struct str s, uint64_t *v_r)
{
	int64_t zeros = 0, decimals = 0, exponent = 0;
	bool behind_point = false;
	uint64_t v = 0;

	for (size_t i = s.p[0] == '-'; i < s.len; i++) {
		char c = s.p[i];

		if ((c | 0x20) == 'e') {
			exponent =
			    read_exponent(str_make(s.p + i + 1, s.len - i - 1));
			break;
		}
		if (c == '.') {
			behind_point = true;
			continue;
		}
		decimals += behind_point;
		zeros++;
		if (c == '0')
			continue;
		if (!times10(&v, zeros) ||
		    __builtin_add_overflow(v, (unsigned)(c - '0'), &v))
			return false;
		zeros = 0;
	}
	/* Now it is v, and behind it this many zeros. */
	zeros += exponent - decimals;
	*v_r = v;
	return v == 0 || (zeros >= 0 && times10(v_r, zeros));
}

bool
json_i64(const struct json_doc *doc, uint32_t node, int64_t *v_r)
{
	struct str s;
	uint64_t v;
	bool minus;

	if (!number_text(doc, node, &s))
		return false;
	if (str_to_i64(s, v_r))
		return true;
	minus = s.p[0] == '-';
	if (!whole_amount(s, &v) || v > (uint64_t)INT64_MAX + minus)
		return false;
	*v_r = minus ? (int64_t)(0 - v) : (int64_t)v;
	return true;
}

bool
json_double(const struct json_doc *doc, uint32_t node, double *v_r)
{
	char few[NUMBER_MAX];
	struct buf many;
	struct str s;
	int64_t v;

	if (!number_text(doc, node, &s))
		return false;
	if (str_to_i64(s, &v) && v != 0) {
		*v_r = (double)v; /* rounded as strtod rounds */
		return true;
	}
	/* strtod wants a terminated text. */
	if (s.len < sizeof(few)) {
		memcpy(few, s.p, s.len);
		few[s.len] = '\0';
		*v_r = strtod(few, NULL);
		return isfinite(*v_r);
	}
	buf_init(&many, s.len + 1);
	buf_add_str(&many, s);
	*v_r = strtod(buf_cstr(&many), NULL);
	buf_clear(&many);
	return isfinite(*v_r);
}

/* --- writing ------------------------------------------------------------- */

/* What stands for the character at p; return its bytes. */
static size_t
quote_one(struct buf *out, const char *p, const char *end)
{
	static const char letters[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
	uint32_t cp;
	int n = utf8_next(p, (size_t)(end - p), &cp);
	const char *mean;

	if (n < 0) {
		utf8_add(out, UTF8_REPLACEMENT);
		return 1;
	}
	mean = *p != '\0' ? strchr(means, *p) : NULL;
	if (mean != NULL) {
		buf_add_char(out, '\\');
		buf_add_char(out, letters[mean - means]);
	} else if (cp < 0x20) {
		buf_addf(out, "\\u%04x", (unsigned)cp);
	} else {
		buf_add(out, p, (size_t)n);
	}
	return (size_t)n;
}

void
json_quote(struct buf *out, struct str s)
{
	const char *p = s.len > 0 ? s.p : "", *end = p + s.len;

	buf_add_char(out, '"');
	while (p < end) {
		const char *stop = scan_text(p, end);

		buf_add(out, p, (size_t)(stop - p));
		p = stop;
		if (p < end)
			p += quote_one(out, p, end);
	}
	buf_add_char(out, '"');
}
