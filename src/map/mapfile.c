/* map/mapfile.c -- reads a map file: its sections, events and keys. */
/* SPDX-License-Identifier: ISC */
/*
 * The language is described in cloudcefd.map(5).  Whatever can be wrong with
 * a map is found here, with file and line, so that the mapper need not look:
 * it finds every key known and written once, every label with its value,
 * every list bounded, and for every record an event that takes it.
 */
#include "map/mapread.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "map/map.h"
#include "map/pathset.h"
#include "map/pool.h"

#define EVENTS_MAX 64
#define CASES_MAX 200
#define FILE_MAX (1024 * 1024)
#define KEY_CHARS 4000 /* of a key of the map's own, if it does not say */

/* --- things with a name ------------------------------------------------- */

/* Take the current word as the name of something new. */
static struct named *
name_new(struct mapread *r, struct named **list, const char *what)
{
	struct named *n;

	if (r->l.kind != MAPWORD_BARE || !mapread_is_name(r->l.word)) {
		mapline_error(&r->l, "%s wants a name", what);
		return NULL;
	}
	if (named_find(*list, r->l.word) != NULL) {
		mapline_error(&r->l, "there is a %s \"%.*s\" already", what,
		    STR_ARG(r->l.word));
		return NULL;
	}
	n = pool_alloc(r->pool, 1, sizeof(*n));
	n->name = r->l.word;
	n->next = *list;
	*list = n;
	return mapline_word(&r->l) < 0 ? NULL : n;
}

/* path NAME JSONPATH */
static int
read_path(struct mapread *r)
{
	struct named *n = name_new(r, &r->paths, "path");
	struct pathset *check;
	struct err why = { 0 };
	unsigned line = r->l.number;
	int ok;

	if (n == NULL)
		return -1;
	r->paths = n->next; /* it cannot name itself */
	if (mapvalue_path(r, &n->text) < 0)
		return -1;
	r->paths = n;
	check = pathset_new();
	ok = pathset_add(check, n->text, &why);
	pathset_free(&check);
	if (ok < 0)
		return mapline_error_at(
		    &r->l, line, "%.*s: %s", STR_ARG(n->text), why.text);
	return mapread_end(r);
}

static const struct {
	const char *name;
	enum cef_value type;
} key_types[] = {
	{ "text", CEF_STRING },
	{ "number", CEF_LONG },
	{ "double", CEF_DOUBLE },
	{ "time", CEF_TIME },
	{ "ipv4", CEF_IPV4 },
	{ "ipv6", CEF_IPV6 },
	{ "mac", CEF_MAC },
};

static bool
key_type(struct str word, enum cef_value *type_r)
{
	for (size_t i = 0; i < sizeof(key_types) / sizeof(key_types[0]); i++) {
		if (str_is(word, key_types[i].name)) {
			*type_r = key_types[i].type;
			return true;
		}
	}
	return false;
}

/* key NAME [TYPE] [CHARACTERS] */
static int
read_key(struct mapread *r)
{
	struct str word = r->l.word;
	uint64_t max = KEY_CHARS;
	struct named *n;

	if (r->l.kind == MAPWORD_BARE && cef_key_find(word) != NULL)
		return mapline_error(&r->l,
		    "\"%.*s\" is in the dictionary already", STR_ARG(word));
	if (r->l.kind == MAPWORD_BARE && !cef_key_is_valid(word))
		return mapline_error(
		    &r->l, "a key is of letters and digits only");
	n = name_new(r, &r->keys, "key");
	if (n == NULL)
		return -1;
	n->key.value = CEF_STRING;
	if (r->l.kind == MAPWORD_BARE && key_type(r->l.word, &n->key.value) &&
	    mapline_word(&r->l) < 0)
		return -1;
	if (r->l.kind == MAPWORD_BARE && str_to_u64(r->l.word, &max)) {
		if (max == 0 || max > UINT16_MAX)
			return mapline_error(
			    &r->l, "a key has 1 to 65535 characters");
		if (mapline_word(&r->l) < 0)
			return -1;
	}
	n->key.max_chars = (uint16_t)max;
	return mapread_end(r);
}

/* --- tables ------------------------------------------------------------- */

static int
read_row(struct mapread *r, struct words *w)
{
	struct str word = r->l.word;

	if (mapline_word(&r->l) < 0)
		return -1;
	if (r->l.kind == MAPWORD_END)
		return mapline_error(
		    &r->l, "\"%.*s\" has no text beside it", STR_ARG(word));
	if (words_add(w, word, r->l.word) < 0)
		return mapline_error(&r->l,
		    "the table has a row \"%.*s\" already", STR_ARG(word));
	return mapline_word(&r->l) < 0 ? -1 : mapread_end(r);
}

/* table NAME, then rows WORD TEXT */
static int
read_table(struct mapread *r)
{
	unsigned line = r->l.number;
	struct named *n = name_new(r, &r->tables, "table");
	int more;

	if (n == NULL || mapread_end(r) < 0)
		return -1;
	n->table = mapread_words(r);
	while ((more = mapread_row(r, SECTIONS)) > 0)
		if (read_row(r, n->table) < 0)
			return -1;
	if (more == 0 && words_count(n->table) == 0)
		return mapline_error_at(&r->l, line, "the table has no rows");
	return more;
}

/* --- forms -------------------------------------------------------------- */

static int
read_case(struct mapread *r, struct map_form *f, struct map_case *c)
{
	*c = (struct map_case){ .paths = mapread_set(r) };
	if (f->by != NULL) {
		struct str word = r->l.word;

		if (words_add(f->names, word, str_of("")) < 0)
			return mapline_error(&r->l,
			    "the form has a case \"%.*s\" already",
			    STR_ARG(word));
		if (mapline_word(&r->l) < 0)
			return -1;
	} else if (f->n > 0) {
		return mapline_error(
		    &r->l, "a form without \"by\" has one value only");
	}
	r->set = c->paths;
	if (mapvalue_read(r, CEF_STRING, "", &c->value) < 0)
		return -1;
	f->n++;
	return mapread_end(r);
}

/* by VALUE; swap "from" "to"; limit N: true if it was one of them. */
static int
read_option(struct mapread *r, struct map_form *f)
{
	struct map_value *by;
	uint64_t n;

	if (mapline_is(&r->l, "by")) {
		if (f->by != NULL || f->n > 0)
			return mapline_error(
			    &r->l, "by must stand first, and once");
		by = pool_alloc(r->pool, 1, sizeof(*by));
		f->by_paths = r->set = mapread_set(r);
		if (mapline_word(&r->l) < 0 ||
		    mapvalue_read(r, CEF_STRING, "by", by) < 0)
			return -1;
		f->by = by;
		f->names = mapread_words(r);
		return mapread_end(r) < 0 ? -1 : 1;
	}
	if (mapline_is(&r->l, "limit")) {
		if (mapline_word(&r->l) < 0)
			return -1;
		if (!str_to_u64(r->l.word, &n) || n == 0 || n > KEY_CHARS)
			return mapline_error(
			    &r->l, "limit wants 1 to %d", KEY_CHARS);
		f->limit = (uint32_t)n;
		return mapline_word(&r->l) < 0 || mapread_end(r) < 0 ? -1 : 1;
	}
	if (mapline_is(&r->l, "swap")) {
		struct str *text[] = { &f->swap_from, &f->swap_to };

		for (int i = 0; i < 2; i++) {
			if (mapline_word(&r->l) < 0)
				return -1;
			if (r->l.kind != MAPWORD_TEXT)
				return mapline_error(
				    &r->l, "swap wants a text in quotes");
			*text[i] = r->l.word;
		}
		if (f->swap_from.len != f->swap_to.len)
			return mapline_error(
			    &r->l, "swap wants two texts of the same length");
		return mapline_word(&r->l) < 0 || mapread_end(r) < 0 ? -1 : 1;
	}
	return 0;
}

/* form NAME, options, then one value, or rows WORD VALUE. */
static int
read_form(struct mapread *r)
{
	unsigned line = r->l.number;
	struct named *n = name_new(r, &r->forms, "form");
	struct map_case cases[CASES_MAX];
	struct map_form *f;
	int more;

	if (n == NULL || mapread_end(r) < 0)
		return -1;
	f = pool_alloc(r->pool, 1, sizeof(*f));
	f->name = n->name;
	r->forms = n->next; /* it cannot use itself */
	r->in_form = true;
	r->depth = 0;
	while ((more = mapread_row(r, SECTIONS)) > 0) {
		more = read_option(r, f);
		if (more > 0)
			continue;
		if (more < 0)
			return -1;
		if (f->n == CASES_MAX)
			return mapline_error(
			    &r->l, "a form has at most %d cases", CASES_MAX);
		if (read_case(r, f, &cases[f->n]) < 0)
			return -1;
	}
	if (more == 0 && f->n == 0)
		return mapline_error_at(&r->l, line, "the form has no value");
	f->cases = pool_copy(r->pool, cases, f->n, sizeof(cases[0]));
	f->depth = r->depth;
	r->in_form = false;
	n->form = f;
	r->forms = n;
	return more;
}

/* --- the file ----------------------------------------------------------- */

/* version TEXT, records PATH */
static int
read_setting(struct mapread *r, const char *name, struct str *text_r)
{
	if (text_r->len > 0)
		return mapline_error(&r->l, "%s is written twice", name);
	if (r->l.kind == MAPWORD_END)
		return mapline_error(&r->l, "%s wants a text", name);
	*text_r = r->l.word;
	if (text_r->len > 31)
		return mapline_error(
		    &r->l, "%s has at most 31 characters", name);
	return mapline_word(&r->l) < 0 ? -1 : mapread_end(r);
}

/* One section; it leaves the first word of the next one behind. */
static int
read_section(struct mapread *r, struct map_event *event)
{
	struct str word = r->l.word;

	if (!mapread_is_section(r, SECTIONS))
		return mapline_error(
		    &r->l, "\"%.*s\" begins no section", STR_ARG(word));
	if (mapline_word(&r->l) < 0)
		return -1;
	if (str_is(word, "table"))
		return read_table(r);
	if (str_is(word, "form"))
		return read_form(r);
	if (str_is(word, "event")) {
		if (r->rules->events == EVENTS_MAX)
			return mapline_error(
			    &r->l, "a map has at most %d events", EVENTS_MAX);
		return mapevent_read(r, &event[r->rules->events++]);
	}
	if ((str_is(word, "version")
		    ? read_setting(r, "version", &r->rules->version)
		    : str_is(word, "records")
		    ? read_setting(r, "records", &r->rules->records)
		    : str_is(word, "path") ? read_path(r)
					   : read_key(r)) < 0)
		return -1;
	return mapline_next(&r->l) < 0 ? -1 : 0;
}

/* Every record must find an event, and every event a record. */
static int
check_events(struct mapread *r)
{
	static const char *const profile[] = { "mcas", "native" };

	for (int p = 0; p < 2; p++) {
		const struct map_event *all = NULL;

		for (unsigned i = 0; i < r->rules->events; i++) {
			const struct map_event *e = &r->rules->event[i];

			if (e->profile >= 0 && e->profile != p)
				continue;
			if (all != NULL && e->profile >= 0)
				return mapline_error(&r->l,
				    "event \"%.*s\" is"
				    " never reached: \"%.*s\" takes all",
				    STR_ARG(e->name), STR_ARG(all->name));
			if (e->whens == 0 && all == NULL)
				all = e;
		}
		if (all == NULL)
			return mapline_error(&r->l,
			    "profile %s lacks an event"
			    " without \"when\", for records that no other"
			    " takes",
			    profile[p]);
	}
	return 0;
}

static int
read_all(struct mapread *r)
{
	struct map_event event[EVENTS_MAX];
	int more = mapline_next(&r->l);

	if (more < 0)
		return -1;
	/* A section ends at the next one's first word, or at the end. */
	while (more > 0 && r->l.kind != MAPWORD_END)
		if (read_section(r, event) < 0)
			return -1;
	r->rules->event =
	    pool_copy(r->pool, event, r->rules->events, sizeof(event[0]));
	if (r->rules->version.len == 0)
		return mapline_error(&r->l, "the map has no version");
	return check_events(r);
}

struct map_rules *
map_rules_read(const char *name, struct str text, struct err *err)
{
	struct pool *pool = pool_new();
	struct map_rules *rules = pool_alloc(pool, 1, sizeof(*rules));
	struct mapread r = { .rules = rules, .pool = pool };

	rules->pool = pool;
	rules->file = pool_str(pool, str_of(name));
	mapline_init(&r.l, name, text, pool, err);
	rules->whens = mapread_set(&r);
	if (read_all(&r) < 0) {
		pool_free(&pool);
		return NULL;
	}
	if (rules->records.len == 0)
		rules->records = STR_LIT("value[*]");
	return rules;
}

void
map_rules_free(struct map_rules **rp)
{
	struct map_rules *rules = *rp;
	struct pool *pool;

	*rp = NULL;
	if (rules == NULL)
		return;
	pool = rules->pool;
	pool_free(&pool);
}

/* --- files -------------------------------------------------------------- */

static int
read_file(const char *path, struct buf *text, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t n = 0;

	if (fd < 0 || fstat(fd, &st) < 0 || S_ISDIR(st.st_mode)) {
		err_set(err, ERR_CONF, "%s: %s", path,
		    fd < 0 ? strerror(errno) : "this is not a file");
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while (buf_reserve(text, 16384)) {
		n = read(fd, text->p + text->len, text->size - text->len);
		if (n <= 0)
			break;
		text->len += (size_t)n;
	}
	close(fd);
	if (n < 0)
		return err_set(err, ERR_CONF, "%s: cannot be read", path);
	if (text->failed)
		return err_set(
		    err, ERR_CONF, "%s: longer than %d bytes", path, FILE_MAX);
	return 0;
}

struct map *
map_load(const char *path, struct err *err)
{
	struct map *m = NULL;
	struct buf text;

	buf_init(&text, FILE_MAX);
	if (read_file(path, &text, err) == 0)
		m = map_read(path, buf_str(&text), err);
	buf_clear(&text);
	return m;
}

static char *
find_in(const char *dir, const char *type)
{
	char *path = xasprintf("%s/%s.map", dir, type);

	if (access(path, F_OK) == 0)
		return path;
	xfree(path);
	return NULL;
}

char *
map_find(const char *dir, const char *type, struct err *err)
{
	const char *const dirs[] = { dir != NULL ? dir
						 : SYSCONFDIR "/cloudcefd/maps",
		dir != NULL ? NULL : PKGDATADIR "/maps" };
	const char *const names[] = { type, "fallback" };
	char *path = NULL;

	if (!mapread_is_name(str_of(type))) {
		err_set(err, ERR_CONF, "\"%s\" is not a type", type);
		return NULL;
	}
	for (size_t n = 0; n < 2 && path == NULL; n++)
		for (size_t d = 0; d < 2 && path == NULL; d++)
			if (dirs[d] != NULL)
				path = find_in(dirs[d], names[n]);
	if (path == NULL)
		err_set(err, ERR_CONF,
		    "no map for %s: neither %s.map nor"
		    " fallback.map in %s",
		    type, type, dir != NULL ? dir : dirs[0]);
	return path;
}
