/* codec/jsonsplit.c -- finds the records in an answer while it arrives. */
/* SPDX-License-Identifier: ISC */
/*
 * Two machines take turns.  Outside of the records' array, a machine that
 * goes byte by byte copies the envelope, keeps the containers that are open,
 * and compares names with the path.  Inside, where nearly all bytes are, 64
 * bytes at a time become bit masks: which of them lie in strings follows from
 * the quotes, which brackets count follows from that, and a record ends where
 * its depth comes back to zero.
 *
 * A record that begins and ends in one chunk is handed on from there; only
 * one that is cut is copied, up to the largest size allowed.
 */
#include "codec/jsonsplit.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "codec/json.h"
#include "codec/scan.h"

#define STEPS_MAX 8

enum state {
	AT_START,      /* nothing yet but white space */
	IN_ENVELOPE,   /* around the records' array */
	BEFORE_FIRST,  /* behind its [ */
	BEFORE_RECORD, /* behind a comma */
	BEHIND_RECORD, /* a comma or ] must follow */
	IN_CONTAINER,  /* of a record */
	IN_SCALAR,     /* a record that is a string, a number, a word */
	BEHIND_ALL,    /* only white space may follow */
	STOPPED        /* after an error */
};

/* A step from one container into a value of it. */
struct step {
	struct str name; /* p is NULL: by index */
	uint32_t index;
};

/* An open container of the envelope. */
struct level {
	bool is_object;
	bool on_path;   /* the path leads through it */
	uint32_t index; /* of the element that is next to begin */
};

/* Where a record's bytes stand, from one block of 64 to the next. */
struct inside {
	uint64_t in_string; /* all ones or 0 */
	uint64_t escaped;   /* 1: the next byte is */
	uint32_t depth;
};

struct jsonsplit {
	struct jsonsplit_conf conf;
	jsonsplit_record_fn *on_record;
	void *arg;
	enum state state;
	size_t bom; /* bytes of it that came */

	struct step steps[STEPS_MAX];
	unsigned nsteps;
	bool is_whole; /* the answer is the record */

	struct buf envelope;
	struct level *levels; /* owned; conf.max_depth of them */
	unsigned depth;
	bool in_string;
	bool after_slash;
	bool wants_name; /* the next string is a member's name */
	bool in_word;    /* the answer is a number or a word, no more */
	size_t name_at;  /* the last name in the envelope, with quotes */
	size_t name_len;

	struct inside inside;
	struct buf partial; /* what came of a record that was cut */
	size_t record_len;  /* the same, not capped */
};

/* --- birth --------------------------------------------------------------- */

static bool
parse_index(struct str *rest, uint32_t *index_r)
{
	struct str digits = *rest;
	uint64_t v;

	if (!str_starts(digits, STR_LIT("[")))
		return false;
	digits = str_make(digits.p + 1, digits.len - 1);
	digits = str_cut(&digits, ']');
	if (!str_to_u64(digits, &v) || v >= UINT32_MAX)
		return false;
	*index_r = (uint32_t)v;
	*rest = str_make(rest->p + digits.len + 2, rest->len - digits.len - 2);
	return true;
}

/* One step off the front of rest; false if there is none. */
static bool
parse_step(struct str *rest, struct step *step)
{
	size_t len = 0;

	*step = (struct step){ .index = 0 };
	if (parse_index(rest, &step->index))
		return true;
	if (rest->p == NULL)
		return false;
	if (str_starts(*rest, STR_LIT("."))) {
		rest->p++;
		rest->len--;
	}
	while (len < rest->len && rest->p[len] != '.' && rest->p[len] != '[')
		len++;
	step->name = str_make(rest->p, len);
	*rest = str_make(rest->p + len, rest->len - len);
	return len > 0;
}

static bool
parse_path(struct jsonsplit *js)
{
	struct str rest = str_of(js->conf.records);

	if (str_starts(rest, STR_LIT("$")))
		rest = str_make(rest.p + 1, rest.len - 1);
	js->is_whole = rest.len == 0 && js->conf.records[0] == '$';
	if (js->is_whole) {
		buf_add_text(&js->envelope, "null");
		return true;
	}
	while (!str_is(rest, "[*]"))
		if (js->nsteps == STEPS_MAX ||
		    !parse_step(&rest, &js->steps[js->nsteps++]))
			return false;
	return true;
}

struct jsonsplit *
jsonsplit_new(const struct jsonsplit_conf *conf, jsonsplit_record_fn *on_record,
    void *arg)
{
	struct jsonsplit *js = xcalloc(1, sizeof(*js));

	js->conf = *conf;
	if (js->conf.max_depth == 0)
		js->conf.max_depth = JSON_DEPTH_DEFAULT;
	js->on_record = on_record;
	js->arg = arg;
	js->levels = xcalloc(js->conf.max_depth, sizeof(*js->levels));
	buf_init(&js->envelope, conf->max_envelope);
	buf_init(&js->partial, conf->max_record);
	if (!parse_path(js))
		jsonsplit_free(&js);
	return js;
}

void
jsonsplit_free(struct jsonsplit **jsp)
{
	struct jsonsplit *js = *jsp;

	*jsp = NULL;
	if (js == NULL)
		return;
	buf_clear(&js->envelope);
	buf_clear(&js->partial);
	xfree(js->levels);
	xfree(js);
}

/* --- the envelope -------------------------------------------------------- */

static int
keep(struct jsonsplit *js, const char *from, const char *to, struct err *err)
{
	buf_add(&js->envelope, from, (size_t)(to - from));
	if (!js->envelope.failed)
		return 0;
	return err_set(err, ERR_DATA,
	    "answer: more than %zu bytes around its records",
	    js->conf.max_envelope);
}

static int
refuse(char c, struct err *err)
{
	if (c > ' ' && c < 0x7f)
		return err_set(
		    err, ERR_DATA, "answer: no JSON: '%c' out of place", c);
	return err_set(err, ERR_DATA,
	    "answer: no JSON: byte 0x%02x out of place", (unsigned char)c);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Is the name that came last the one of that step? */
static bool
is_name(const struct jsonsplit *js, struct str want)
{
	struct str quoted =
	    str_make(js->envelope.p + js->name_at, js->name_len);
	struct json_doc doc;
	bool same;

	if (quoted.len < 2)
		return false;
	if (memchr(quoted.p, '\\', quoted.len) == NULL)
		return str_eq(str_make(quoted.p + 1, quoted.len - 2), want);
	json_init(&doc, 1, 1);
	same = json_parse(&doc, quoted, NULL) == 0 && json_is(&doc, 0, want);
	json_clear(&doc);
	return same;
}

/* Does the path lead into the value that begins now? */
static bool
is_on_path(const struct jsonsplit *js)
{
	const struct level *in;
	const struct step *step;

	if (js->depth == 0)
		return true;
	in = &js->levels[js->depth - 1];
	if (!in->on_path || js->depth > js->nsteps)
		return false;
	step = &js->steps[js->depth - 1];
	if (step->name.p == NULL)
		return !in->is_object && in->index == step->index;
	return in->is_object && is_name(js, step->name);
}

static int
open_container(struct jsonsplit *js, char c, struct err *err)
{
	bool on_path;

	if (js->wants_name || js->in_word)
		return refuse(c, err);
	on_path = is_on_path(js);
	if (on_path && c == '[' && js->depth == js->nsteps) {
		js->state = BEFORE_FIRST;
		return 0;
	}
	if (js->depth == js->conf.max_depth)
		return err_set(err, ERR_DATA, "answer: nested too deeply");
	js->levels[js->depth++] = (struct level){
		.is_object = c == '{',
		.on_path = on_path,
	};
	js->wants_name = c == '{';
	return 0;
}

/* A value of the envelope has ended. */
static void
end_value(struct jsonsplit *js)
{
	js->state = js->depth == 0 ? BEHIND_ALL : IN_ENVELOPE;
	js->in_word = false;
	js->wants_name = false;
}

/* A byte of the envelope between its strings and containers. */
static int
take_mark(struct jsonsplit *js, char c, struct err *err)
{
	struct level *in = js->depth > 0 ? &js->levels[js->depth - 1] : NULL;

	if (is_blank(c)) {
		if (js->in_word)
			end_value(js);
		return 0;
	}
	if (c != ',' && c != ':' && c != '}' && c != ']') {
		js->in_word = in == NULL;
		return 0;
	}
	if (in == NULL || (c != ',' && in->is_object != (c != ']')))
		return refuse(c, err);
	if (c == ',') {
		in->index++;
		js->wants_name = in->is_object;
	} else if (c == ':') {
		js->wants_name = false;
	} else {
		js->depth--;
		end_value(js);
	}
	return 0;
}

/* Go on in a string of the envelope; return what is behind it, or end. */
static const char *
skip_string(struct jsonsplit *js, const char *p, const char *end)
{
	while (p < end) {
		if (js->after_slash) {
			js->after_slash = false;
			p++;
			continue;
		}
		p = scan_text(p, end);
		if (p == end)
			break;
		if (*p == '"') {
			js->in_string = false;
			return p + 1;
		}
		js->after_slash = *p++ == '\\';
	}
	return p;
}

/* A string of the envelope has ended, and the envelope has all of it. */
static void
end_string(struct jsonsplit *js)
{
	if (js->wants_name)
		js->name_len = js->envelope.len - js->name_at;
	else if (js->depth == 0)
		end_value(js);
}

static const char *
feed_envelope(
    struct jsonsplit *js, const char *p, const char *end, struct err *err)
{
	const char *from = p;
	bool was_string = js->in_string;

	if (js->in_string) {
		p = skip_string(js, p, end);
	} else if (*p == '"') {
		was_string = js->in_string = true;
		if (js->wants_name)
			js->name_at = js->envelope.len;
		p = skip_string(js, p + 1, end);
	} else if (*p == '{' || *p == '[') {
		if (open_container(js, *p++, err) < 0)
			return NULL;
	} else if (take_mark(js, *p++, err) < 0) {
		return NULL;
	}
	if (keep(js, from, p, err) < 0)
		return NULL;
	if (was_string && !js->in_string)
		end_string(js);
	return p;
}

/* --- the records --------------------------------------------------------- */

/* Which of the n bytes have a backslash before them that counts? */
static uint64_t
find_escaped(struct inside *in, uint64_t slashes, size_t n)
{
	uint64_t escaped = in->escaped, behind = 0;

	slashes &= ~escaped;
	while (slashes != 0) {
		uint64_t slash = slashes & (0 - slashes);

		escaped |= slash << 1;
		behind = slash >> 63;
		slashes &= ~(slash | slash << 1);
	}
	in->escaped = n < 64 ? escaped >> n & 1 : behind;
	return escaped;
}

/* Each bit becomes the parity of itself and all the bits below it. */
static uint64_t
parity_below(uint64_t v)
{
	for (unsigned i = 1; i < 64; i *= 2)
		v ^= v << i;
	return v;
}

/*
 * Take the 64 bytes at p, of which n are a record's and the rest are 0.
 * Return how many of them the record has, if it ends here, or 0.
 */
static unsigned
take_block(struct inside *in, const char *p, size_t n)
{
	struct scan_block b = scan_block(p);
	uint64_t strings = in->in_string, brackets;

	if ((b.slashes | in->escaped) != 0)
		b.quotes &= ~find_escaped(in, b.slashes, n);
	if (b.quotes != 0)
		strings ^= parity_below(b.quotes);
	in->in_string = 0 - (strings >> 63);
	brackets = (b.opens | b.closes) & ~strings;
	for (; brackets != 0; brackets &= brackets - 1) {
		if ((b.opens & brackets & (0 - brackets)) != 0)
			in->depth++;
		else if (--in->depth == 0)
			return (unsigned)__builtin_ctzll(brackets) + 1;
	}
	return 0;
}

/* What is behind the container at p, or NULL if it goes on behind end. */
static const char *
find_end(struct inside *in, const char *p, const char *end)
{
	char last[64];

	for (; p < end; p += 64) {
		size_t n = (size_t)(end - p);
		const char *block = p;
		unsigned used;

		if (n < sizeof(last)) {
			memset(last, 0, sizeof(last));
			memcpy(last, p, n);
			block = last;
		} else {
			n = sizeof(last);
		}
		used = take_block(in, block, n);
		if (used > 0)
			return p + used;
		if (n < sizeof(last))
			break;
	}
	return NULL;
}

/* The same for a string, a number or a word. */
static const char *
find_scalar_end(struct jsonsplit *js, const char *p, const char *end)
{
	if (js->record_len == 0 && *p == '"') {
		js->in_string = true;
		p++;
	}
	if (js->in_string) {
		p = skip_string(js, p, end);
		return js->in_string ? NULL : p;
	}
	while (p < end && !is_blank(*p) && *p != ',' && *p != ']')
		p++;
	return p < end ? p : NULL;
}

/* Keep the first part of a record that the chunk cuts. */
static int
hold(struct jsonsplit *js, const char *from, const char *to, struct err *err)
{
	size_t len = (size_t)(to - from);
	size_t room = js->conf.max_record - js->partial.len;

	js->record_len += len;
	buf_add(&js->partial, from, len < room ? len : room);
	if (js->partial.failed)
		return err_set(err, ERR_SYS, "answer: no memory for a record");
	return 0;
}

/* The record is complete with the bytes in [from, to). */
static int
hand_on(struct jsonsplit *js, const char *from, const char *to, struct err *err)
{
	struct str record = str_make(from, (size_t)(to - from));
	size_t len = js->record_len + record.len;

	if (js->record_len > 0) {
		if (hold(js, from, to, err) < 0)
			return -1;
		record = buf_str(&js->partial);
	}
	buf_reset(&js->partial);
	js->record_len = 0;
	js->state = js->is_whole ? BEHIND_ALL : BEHIND_RECORD;
	if (len <= js->conf.max_record)
		return js->on_record(js->arg, record, 0, err);
	record.len = js->conf.max_record;
	return js->on_record(js->arg, record, len, err);
}

static const char *
feed_record(
    struct jsonsplit *js, const char *p, const char *end, struct err *err)
{
	const char *behind = js->state == IN_CONTAINER
	    ? find_end(&js->inside, p, end)
	    : find_scalar_end(js, p, end);

	if (behind != NULL)
		return hand_on(js, p, behind, err) < 0 ? NULL : behind;
	return hold(js, p, end, err) < 0 ? NULL : end;
}

static const char *
end_records(struct jsonsplit *js, const char *p, struct err *err)
{
	end_value(js);
	return keep(js, p, p + 1, err) < 0 ? NULL : p + 1;
}

static bool
begins_scalar(char c)
{
	return c != '\0' && strchr("\"-0123456789tfn", c) != NULL;
}

/* A byte between the records. */
static const char *
feed_between(struct jsonsplit *js, const char *p, struct err *err)
{
	char c = *p;

	if (is_blank(c))
		return p + 1;
	if (c == ']' && js->state != BEFORE_RECORD)
		return end_records(js, p, err);
	if (js->state == BEHIND_RECORD) {
		js->state = BEFORE_RECORD;
		if (c == ',')
			return p + 1;
	} else if (c == '{' || c == '[') {
		js->inside = (struct inside){ .depth = 0 };
		js->state = IN_CONTAINER;
		return p;
	} else if (begins_scalar(c)) {
		js->state = IN_SCALAR;
		return p;
	}
	refuse(c, err);
	return NULL;
}

/* --- the whole ----------------------------------------------------------- */

static const char *
feed_start(struct jsonsplit *js, const char *p, struct err *err)
{
	static const char bom[] = "\xef\xbb\xbf";
	char c = *p;

	if (js->bom < sizeof(bom) - 1 && c == bom[js->bom]) {
		js->bom++;
		return p + 1;
	}
	if (js->bom == 0)
		js->bom = sizeof(bom) - 1;
	if (js->bom == sizeof(bom) - 1) {
		if (is_blank(c))
			return p + 1;
		if (c == '<') {
			err_set(err, ERR_DATA,
			    "answer: HTML or XML in the place of JSON");
			return NULL;
		}
		if (js->is_whole && (c == '{' || c == '[')) {
			js->inside = (struct inside){ .depth = 0 };
			js->state = IN_CONTAINER;
			return p;
		}
		if (!js->is_whole &&
		    (c == '{' || c == '[' || begins_scalar(c))) {
			js->state = IN_ENVELOPE;
			return p;
		}
	}
	refuse(c, err);
	return NULL;
}

static const char *
feed_some(struct jsonsplit *js, const char *p, const char *end, struct err *err)
{
	switch (js->state) {
	case AT_START:
		return feed_start(js, p, err);
	case IN_ENVELOPE:
		return feed_envelope(js, p, end, err);
	case BEFORE_FIRST:
	case BEFORE_RECORD:
	case BEHIND_RECORD:
		return feed_between(js, p, err);
	case IN_CONTAINER:
	case IN_SCALAR:
		return feed_record(js, p, end, err);
	case BEHIND_ALL:
		if (is_blank(*p))
			return p + 1;
		refuse(*p, err);
		return NULL;
	case STOPPED:
	default:
		err_set(err, ERR_BUG, "answer: goes on after an error");
		return NULL;
	}
}

int
jsonsplit_feed(struct jsonsplit *js, struct str bytes, struct err *err)
{
	const char *p = bytes.p, *end = p;

	if (bytes.len > 0)
		end += bytes.len;
	while (p != end) {
		p = feed_some(js, p, end, err);
		if (p == NULL) {
			js->state = STOPPED;
			return -1;
		}
	}
	return 0;
}

void
jsonsplit_preface(const struct jsonsplit *js, struct buf *out)
{
	buf_add_str(out, buf_str(&js->envelope));
	if (js->is_whole)
		return;
	buf_add_char(out, ']');
	for (unsigned i = js->depth; i-- > 0;)
		buf_add_char(out, js->levels[i].is_object ? '}' : ']');
}

/* A number or a word says only by the answer's end that it is whole. */
static bool
is_whole_word(const struct jsonsplit *js)
{
	struct json_doc doc;
	bool whole;

	json_init(&doc, 1, 1);
	whole = json_parse(&doc, buf_str(&js->envelope), NULL) == 0;
	json_clear(&doc);
	return whole;
}

int
jsonsplit_end(struct jsonsplit *js, struct str *envelope_r, struct err *err)
{
	if (js->state == STOPPED)
		return err_set(err, ERR_BUG, "answer: ends after an error");
	if (js->state == AT_START)
		return err_set(err, ERR_RETRY, "answer: it is empty");
	if (js->state != BEHIND_ALL && !(js->in_word && is_whole_word(js)))
		return err_set(err, ERR_RETRY, "answer: it ends early");
	*envelope_r = buf_str(&js->envelope);
	return 0;
}
