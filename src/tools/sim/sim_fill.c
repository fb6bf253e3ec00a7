/* tools/sim/sim_fill.c -- record texts with blanks, and what fills them. */
/* SPDX-License-Identifier: ISC */
#include "tools/sim/sim_fill.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/xalloc.h"
#include "codec/rfc3339.h"
#include "tools/sim/sim_names.h"
#include "tools/sim/sim_rng.h"

#define TICKS_PER_S 10000000

/* Either literal text or a blank. */
struct segment {
	const char *text; /* in the template's copy; NULL for a blank */
	size_t len;
	const struct sim_slot *slot;
	struct sim_arg arg;
};

struct sim_template {
	char *text; /* owned */
	struct segment *seg;
	size_t n;
	size_t *member; /* segment where each member begins; n + 1 of them */
	size_t members;
};

uint64_t
sim_fill_hash(const struct sim_fill *fill, uint64_t salt)
{
	return sim_hash(fill->seed, salt + 0x10001 * fill->round);
}

void
sim_put_hex(struct buf *out, uint64_t hash, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	if (!buf_reserve(out, n))
		return;
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && i % 16 == 0)
			hash = sim_mix(hash + i);
		out->p[out->len++] = digits[hash >> (i % 16 * 4) & 15];
	}
}

void
sim_put_guid(struct buf *out, uint64_t hash)
{
	size_t at = out->len;

	sim_put_hex(out, hash, 36);
	if (out->failed)
		return;
	for (size_t i = 8; i <= 23; i += 5)
		out->p[at + i] = '-';
	out->p[at + 14] = '4';
	out->p[at + 19] = "89ab"[hash & 3];
}

void
sim_put_time(struct buf *out, int64_t ticks)
{
	char text[RFC3339_MAX];
	size_t n = rfc3339_format_ticks(text, ticks);

	/* Most services leave out what is nought, some write all digits. */
	if (sim_mix((uint64_t)ticks) % 4 != 0) {
		for (n--; text[n - 1] == '0'; n--)
			;
		if (text[n - 1] == '.')
			n--;
		text[n++] = 'Z';
	}
	buf_add(out, text, n);
}

/* --- common blanks --------------------------------------------------------*/

enum {
	SALT_PERSON = 1000,
	SALT_HOST = 2000,
	SALT_PLACE = 3000,
	SALT_FILE = 4000,
	SALT_DOMAIN = 5000,
	SALT_COMMAND = 6000,
	SALT_URL = 7000,
	SALT_GUID = 8000,
	SALT_TIME = 9000
};

static uint64_t
hash_of(const struct sim_fill *f, const struct sim_arg *arg, uint64_t salt)
{
	return sim_fill_hash(f, salt + arg->a);
}

static const struct sim_person *
person(const struct sim_fill *f, const struct sim_arg *arg)
{
	uint64_t h = hash_of(f, arg, SALT_PERSON);

	return &sim_persons[sim_below(h, (uint32_t)sim_n_persons)];
}

static const char *
domain(const struct sim_fill *f)
{
	uint64_t h = sim_hash(f->seed, SALT_DOMAIN);

	return sim_domains[sim_below(h, (uint32_t)sim_n_domains)];
}

static const struct sim_place *
place(const struct sim_fill *f, const struct sim_arg *arg)
{
	uint64_t h = hash_of(f, arg, SALT_PLACE);

	return &sim_places[sim_below(h, (uint32_t)sim_n_places)];
}

static void
put_user_name(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	buf_add_text(out, person(f, arg)->display);
}

static void
put_user_account(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	buf_add_text(out, person(f, arg)->account);
}

static void
put_user_upn(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	buf_add_text(out, person(f, arg)->account);
	buf_add_char(out, '@');
	buf_add_text(out, domain(f));
}

static void
put_user_sid(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	size_t who = (size_t)(person(f, arg) - sim_persons);

	buf_add_text(out, "S-1-5-21-1190045522-730311417-2040071882-");
	buf_add_u64(out, 1100 + who);
}

static void
put_user_id(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	sim_put_guid(out, sim_mix((uint64_t)(person(f, arg) - sim_persons)));
}

static void
put_domain(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	buf_add_text(out, domain(f));
}

static void
put_host(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	uint64_t h = hash_of(f, arg, SALT_HOST);

	buf_add_text(out, sim_hosts[sim_below(h, (uint32_t)sim_n_hosts)]);
	buf_add_char(out, '-');
	buf_add_u64(out, h % 900 + 100);
}

static void
put_host_id(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	sim_put_hex(out, sim_mix(hash_of(f, arg, SALT_HOST)), 40);
}

/* Mostly v4 of the documentation's nets, often v6, now and then mapped. */
static void
put_ip(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	static const char *const nets[] = { "192.0.2.", "198.51.100.",
		"203.0.113." };
	uint64_t h = sim_mix(hash_of(f, arg, SALT_PLACE));
	uint64_t form = h % 20;

	if (form < 5) {
		buf_add_text(out, "2001:db8:");
		sim_put_hex(out, h >> 16, 3);
		buf_add_text(out, form == 0 ? "::" : ":0:1:");
		sim_put_hex(out, h >> 32, 4);
		buf_add_text(out, form == 0 ? "" : "::17");
		return;
	}
	if (form == 5)
		buf_add_text(out, "::ffff:");
	buf_add_text(out, nets[h / 20 % 3]);
	buf_add_u64(out, (h >> 40) % 254 + 1);
}

static void
put_ip4(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	uint64_t h = hash_of(f, arg, SALT_HOST);

	buf_add_text(out, "10.");
	buf_add_u64(out, h & 127);
	buf_add_char(out, '.');
	buf_add_u64(out, h >> 8 & 255);
	buf_add_char(out, '.');
	buf_add_u64(out, (h >> 16) % 254 + 1);
}

static void
put_city(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	buf_add_text(out, place(f, arg)->city);
}

static void
put_country(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	buf_add_text(out, place(f, arg)->country);
}

static void
put_cc(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	buf_add_text(out, place(f, arg)->letters);
}

static void
put_position(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	buf_add_text(out, place(f, arg)->position);
}

static const struct sim_file *
file(const struct sim_fill *f, const struct sim_arg *arg)
{
	uint64_t h = hash_of(f, arg, SALT_FILE);

	return &sim_files[sim_below(h, (uint32_t)sim_n_files)];
}

static void
put_file(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	buf_add_text(out, file(f, arg)->name);
}

static void
put_folder(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	buf_add_text(out, file(f, arg)->folder);
}

static void
put_command(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	uint64_t h = hash_of(f, arg, SALT_COMMAND);

	buf_add_text(out, sim_commands[sim_below(h, (uint32_t)sim_n_commands)]);
}

static void
put_url(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	uint64_t h = hash_of(f, arg, SALT_URL);

	buf_add_text(out, sim_urls[sim_below(h, (uint32_t)sim_n_urls)]);
	sim_put_hex(out, h, 12);
}

static void
put_subject(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	uint64_t h = hash_of(f, arg, SALT_URL);

	buf_add_text(out, sim_subjects[sim_below(h, (uint32_t)sim_n_subjects)]);
}

static void
put_guid(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	sim_put_guid(out, hash_of(f, arg, SALT_GUID));
}

static void
put_hex(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	sim_put_hex(out, sim_fill_hash(f, arg->salt), (size_t)arg->a);
}

/* ${num:LOW-HIGH} */
static void
put_num(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	uint64_t h = sim_fill_hash(f, arg->salt);

	buf_add_u64(out, arg->a + h % (arg->b - arg->a + 1));
}

/* ${pick:one|two|three} */
static void
put_pick(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	struct str rest = str_make(arg->text, arg->len), word;
	uint32_t n = 1;

	for (size_t i = 0; i < arg->len; i++)
		n += arg->text[i] == '|';
	n = sim_below(sim_fill_hash(f, arg->salt), n) + 1;
	do {
		word = str_cut(&rest, '|');
	} while (--n > 0);
	buf_add_str(out, word);
}

/* ${newer:member}: an enum's member from behind its unknownFutureValue. */
static void
put_newer(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	if (f->newer_enums)
		buf_add(out, arg->text, arg->len);
	else
		buf_add_text(out, "unknownFutureValue");
}

static void
put_created(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	sim_put_time(out, f->created);
}

static void
put_updated(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	sim_put_time(out, f->updated);
}

/* ${ago:SECONDS}: about so long before the record was created. */
static void
put_ago(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	uint64_t span = arg->a * TICKS_PER_S;
	uint64_t h = hash_of(f, arg, SALT_TIME);
	int64_t t = f->created - (int64_t)(span / 2 + h % (span / 2 + 1));

	/* Whole seconds, milliseconds and full ticks all occur. */
	if (h >> 60 < 6)
		t -= t % TICKS_PER_S;
	else if (h >> 60 < 12)
		t -= t % RFC3339_TICKS_PER_MS;
	sim_put_time(out, t);
}

static const struct sim_slot common[] = {
	{ "user.name", put_user_name },
	{ "user.account", put_user_account },
	{ "user.upn", put_user_upn },
	{ "user.sid", put_user_sid },
	{ "user.id", put_user_id },
	{ "domain", put_domain },
	{ "host", put_host },
	{ "host.id", put_host_id },
	{ "ip", put_ip },
	{ "ip4", put_ip4 },
	{ "city", put_city },
	{ "country", put_country },
	{ "cc", put_cc },
	{ "position", put_position },
	{ "file", put_file },
	{ "folder", put_folder },
	{ "command", put_command },
	{ "url", put_url },
	{ "subject", put_subject },
	{ "guid", put_guid },
	{ "hex", put_hex },
	{ "num", put_num },
	{ "pick", put_pick },
	{ "newer", put_newer },
	{ "created", put_created },
	{ "updated", put_updated },
	{ "ago", put_ago },
	{ NULL, NULL },
};

/* --- templates ------------------------------------------------------------*/

static _Noreturn void
give_up(const char *what, struct str s)
{
	fprintf(stderr, "cloudcef-sim: template: %s: %.*s\n", what, STR_ARG(s));
	abort();
}

static const struct sim_slot *
find_slot(const struct sim_slot *slots, struct str name)
{
	for (; slots != NULL && slots->name != NULL; slots++) {
		if (str_is(name, slots->name))
			return slots;
	}
	return NULL;
}

static void
read_arg(struct sim_arg *arg, struct str blank, struct str text)
{
	char *end;

	arg->text = text.p != NULL ? text.p : "";
	arg->len = text.len;
	arg->salt = 14695981039346656037U;
	for (size_t i = 0; i < blank.len; i++)
		arg->salt =
		    (arg->salt ^ (unsigned char)blank.p[i]) * 1099511628211U;
	arg->a = strtoull(arg->text, &end, 10);
	arg->b = arg->a;
	if (*end == '-' || *end == '.')
		arg->b = strtoull(end + 1, NULL, 10);
}

static struct segment *
add_segment(struct sim_template *t)
{
	t->seg = xreallocarray(t->seg, t->n + 1, sizeof(*t->seg));
	memset(&t->seg[t->n], 0, sizeof(*t->seg));
	return &t->seg[t->n++];
}

static void
add_literal(struct sim_template *t, const char *from, const char *to)
{
	struct segment *seg;

	if (from == to)
		return;
	seg = add_segment(t);
	seg->text = from;
	seg->len = (size_t)(to - from);
}

static char *
add_blank(struct sim_template *t, char *at, const struct sim_slot *own)
{
	struct str blank, rest, name;
	struct segment *seg;
	char *end = strchr(at, '}');

	if (end == NULL)
		give_up("no end of a blank", str_of(at));
	blank = str_make(at, (size_t)(end - at));
	rest = blank;
	name = str_cut(&rest, ':');
	seg = add_segment(t);
	seg->slot = find_slot(own, name);
	if (seg->slot == NULL)
		seg->slot = find_slot(common, name);
	if (seg->slot == NULL)
		give_up("unknown blank", blank);
	read_arg(&seg->arg, blank, rest);
	return end + 1;
}

static void
add_member(struct sim_template *t)
{
	t->member = xreallocarray(t->member, t->members + 2, sizeof(size_t));
	t->member[t->members++] = t->n;
	t->member[t->members] = t->n;
}

/*
 * Cut the text at its blanks and, when it is an object, at the commas between
 * its members.  The braces and those commas are left out then: whoever puts
 * the text writes them again.
 */
static void
cut(struct sim_template *t, const struct sim_slot *own)
{
	bool object = t->text[0] == '{', quoted = false;
	char *p = t->text + object, *from = p;
	int depth = 0;

	if (object)
		add_member(t);
	while (*p != '\0') {
		if (p[0] == '$' && p[1] == '{') {
			add_literal(t, from, p);
			p = from = add_blank(t, p + 2, own);
			continue;
		}
		if (*p == '\\' && p[1] != '\0')
			p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (!quoted && (*p == '{' || *p == '['))
			depth++;
		else if (!quoted && (*p == '}' || *p == ']'))
			depth--;
		if (object && !quoted &&
		    (depth < 0 || (depth == 0 && *p == ','))) {
			add_literal(t, from, p);
			from = p + 1;
			if (depth == 0)
				add_member(t);
		}
		p++;
	}
	add_literal(t, from, p);
	if (t->member != NULL)
		t->member[t->members] = t->n;
}

struct sim_template *
sim_template_new(const char *text, const struct sim_slot *own)
{
	struct sim_template *t = xcalloc(1, sizeof(*t));

	t->text = xstrdup(text);
	for (char *p = t->text; *p != '\0'; p++) {
		if (*p == '\'')
			*p = '"';
		else if (*p == '`')
			*p = '\'';
	}
	cut(t, own);
	return t;
}

void
sim_template_free(struct sim_template **tp)
{
	struct sim_template *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	xfree(t->text);
	xfree(t->seg);
	xfree(t->member);
	xfree(t);
}

size_t
sim_template_members(const struct sim_template *t)
{
	return t->members;
}

static void
put_segments(const struct sim_template *t, const struct sim_fill *fill,
    size_t from, size_t to, struct buf *out)
{
	for (const struct segment *s = t->seg + from; s < t->seg + to; s++) {
		if (s->text != NULL)
			buf_add(out, s->text, s->len);
		else
			s->slot->put(out, fill, &s->arg);
	}
}

void
sim_template_put_rotated(const struct sim_template *t,
    const struct sim_fill *fill, size_t first, struct buf *out)
{
	char sep = '{';

	for (size_t i = 0; i < t->members; i++) {
		size_t m = (first + i) % t->members;

		buf_add_char(out, sep);
		put_segments(t, fill, t->member[m], t->member[m + 1], out);
		sep = ',';
	}
	buf_add_char(out, '}');
}

void
sim_template_put(
    const struct sim_template *t, const struct sim_fill *fill, struct buf *out)
{
	if (t->members > 0)
		sim_template_put_rotated(t, fill, 0, out);
	else
		put_segments(t, fill, 0, t->n, out);
}
