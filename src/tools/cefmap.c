/* tools/cefmap.c -- reads records, writes events: the mapper as a filter. */
/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "codec/json.h"
#include "codec/jsonpath.h"
#include "codec/jsonrows.h"
#include "codec/jsonsplit.h"
#include "map/map.h"
#include "record/record.h"

#define RECORD_MAX (4 * 1024 * 1024)
#define ENVELOPE_MAX (4 * 1024 * 1024)
#define DEPTH_MAX 2000 /* what can be read can be mapped */
#define READ_BYTES (64 * 1024)
#define WRITE_BYTES (64 * 1024)
#define OUT_MAX (64 * 1024 * 1024)

#define EXIT_PROBLEM 1
#define EXIT_USAGE 2

struct cefmap {
	/* as asked for */
	const char *type, *map_file, *map_dir, *path, *portal;
	bool is_body;
	struct map_conf conf;

	struct map *map;
	struct jsonpath *query;
	struct jsonpath_nodes nodes;
	struct json_doc doc;
	struct jsonsplit *split; /* of a body */
	struct jsonrows *rows;   /* NULL: its records are no rows of a table */
	bool has_begun;
	const struct json_doc *record;
	struct buf out;
	const char *file;          /* being read */
	unsigned long long number; /* of the line, or of the record */
	unsigned long long problems;
};

static void
problem(struct cefmap *c, const char *text)
{
	c->problems++;
	fprintf(stderr, "cefmap: %s:%llu: %s\n", c->file, c->number, text);
}

static void
flush(struct cefmap *c)
{
	size_t done = 0;

	while (done < c->out.len) {
		ssize_t n =
		    write(STDOUT_FILENO, c->out.p + done, c->out.len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			fprintf(stderr, "cefmap: standard output: %s\n",
			    strerror(errno));
			exit(EXIT_PROBLEM);
		}
		done += (size_t)n;
	}
	buf_reset(&c->out);
}

/* --- one record --------------------------------------------------------- */

/*
 * A node as JSON again.  A line's end in its text can only be white space
 * between tokens, since none may stand in a string.
 */
static void
write_node(struct cefmap *c, uint32_t node)
{
	struct str raw = json_raw(c->record, node);
	bool quoted = json_type(c->record, node) == JSON_STRING;

	if (quoted)
		buf_add_char(&c->out, '"');
	for (size_t i = 0; i < raw.len; i++)
		if (raw.p[i] != '\n' && raw.p[i] != '\r')
			buf_add_char(&c->out, raw.p[i]);
	if (quoted)
		buf_add_char(&c->out, '"');
}

static int
write_nodes(struct cefmap *c, struct err *err)
{
	if (jsonpath_select(c->query, c->record, 0, &c->nodes, err) < 0)
		return -1;
	buf_add_char(&c->out, '[');
	for (uint32_t i = 0; i < c->nodes.n; i++) {
		if (i > 0)
			buf_add_char(&c->out, ',');
		write_node(c, c->nodes.v[i]);
	}
	buf_add_char(&c->out, ']');
	return 0;
}

/* A row of a table gets the names of the columns. */
static int
read_record(struct cefmap *c, struct str text, struct err *err)
{
	c->record = &c->doc;
	if (json_parse(&c->doc, text, err) < 0)
		return -1;
	if (c->rows != NULL)
		c->record = jsonrows_name(c->rows, &c->doc, err);
	return c->record != NULL ? 0 : -1;
}

static void
do_record(struct cefmap *c, struct str text)
{
	struct record rec = { .type = str_of(c->type),
		.portal = str_of(c->portal) };
	struct err err = { 0 };
	size_t start = c->out.len;
	int ok = read_record(c, text, &err);

	rec.doc = c->record;
	if (ok == 0)
		ok = c->query != NULL
		    ? write_nodes(c, &err)
		    : map_cef(c->map, &c->conf, &rec, &c->out, &err);
	if (ok == 0)
		buf_add_char(&c->out, '\n');
	if (c->out.failed) {
		ok = err_set(&err, ERR_FULL, "the result is too long");
		c->out.failed = false;
	}
	if (ok < 0) {
		buf_truncate(&c->out, start);
		problem(c, err.text);
	}
	if (c->out.len >= WRITE_BYTES)
		flush(c);
}

/* --- lines -------------------------------------------------------------- */

static bool
is_blank(struct str s)
{
	return str_trim(s).len == 0;
}

/* The bytes of a line so far; what is too long is told and passed over. */
struct lines {
	struct buf line;
	bool skip;
};

static void
end_line(struct cefmap *c, struct lines *l, struct str line)
{
	c->number++;
	if (l->skip)
		problem(c, "the record is longer than 4 MiB");
	else if (!is_blank(line))
		do_record(c, line);
	l->skip = false;
	buf_reset(&l->line);
}

static void
feed_lines(struct cefmap *c, struct lines *l, struct str bytes)
{
	ptrdiff_t end;

	while ((end = str_find(bytes, '\n')) >= 0) {
		struct str part = str_make(bytes.p, (size_t)end);

		bytes = str_make(part.p + end + 1, bytes.len - part.len - 1);
		if (l->line.len + part.len > RECORD_MAX)
			l->skip = true;
		if (l->line.len == 0 || l->skip) {
			end_line(c, l, part);
			continue;
		}
		buf_add_str(&l->line, part);
		end_line(c, l, buf_str(&l->line));
	}
	if (l->line.len + bytes.len > RECORD_MAX)
		l->skip = true;
	if (!l->skip)
		buf_add_str(&l->line, bytes);
}

/* --- files -------------------------------------------------------------- */

/* Does the answer name the columns of a table before its rows? */
static void
read_columns(struct cefmap *c)
{
	uint32_t table, columns;
	struct buf text;

	if (c->has_begun)
		return;
	c->has_begun = true;
	buf_init(&text, ENVELOPE_MAX + DEPTH_MAX);
	jsonsplit_preface(c->split, &text);
	if (json_parse(&c->doc, buf_str(&text), NULL) == 0) {
		table = json_at(&c->doc, 0, "tables");
		if (table != JSON_NONE &&
		    json_type(&c->doc, table) == JSON_ARRAY)
			table = json_first(&c->doc, table);
		columns = json_member(&c->doc, table, STR_LIT("columns"));
		c->rows = jsonrows_new(RECORD_MAX);
		if (jsonrows_columns(c->rows, &c->doc, columns, NULL) < 0)
			jsonrows_free(&c->rows);
	}
	buf_clear(&text);
}

static int
on_record(void *arg, struct str record, size_t oversize_bytes, struct err *err)
{
	struct cefmap *c = arg;

	(void)err;
	c->number++;
	read_columns(c);
	if (oversize_bytes > 0)
		problem(c, "the record is longer than 4 MiB");
	else
		do_record(c, record);
	return 0;
}

/* Where the records are: an answer that is an array says so itself. */
static struct jsonsplit *
new_split(struct cefmap *c, struct str first)
{
	struct jsonsplit_conf conf = {
		.records = c->map != NULL ? map_records(c->map) : "value[*]",
		.max_record = RECORD_MAX,
		.max_envelope = ENVELOPE_MAX,
		.max_depth = DEPTH_MAX,
	};

	first = str_trim(first);
	if (first.len > 0 && first.p[0] == '[')
		conf.records = "[*]";
	return jsonsplit_new(&conf, on_record, c);
}

static bool
read_bytes(struct cefmap *c, int fd, char *space, struct str *bytes_r)
{
	ssize_t n;

	do {
		n = read(fd, space, READ_BYTES);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		problem(c, strerror(errno));
	*bytes_r = str_make(space, n < 0 ? 0 : (size_t)n);
	return n > 0;
}

static void
do_body(struct cefmap *c, int fd, char *space)
{
	struct err err = { 0 };
	struct str bytes;
	int ok = 0;

	while (ok == 0 && read_bytes(c, fd, space, &bytes)) {
		if (c->split == NULL && is_blank(bytes))
			continue;
		if (c->split == NULL)
			c->split = new_split(c, bytes);
		ok = jsonsplit_feed(c->split, bytes, &err);
	}
	if (c->split == NULL)
		ok = err_set(&err, ERR_DATA, "the file is empty");
	else if (ok == 0)
		ok = jsonsplit_end(c->split, &bytes, &err);
	if (ok < 0)
		problem(c, err.text);
	jsonsplit_free(&c->split);
	if (c->rows != NULL)
		jsonrows_free(&c->rows);
	c->has_begun = false;
}

static void
do_lines(struct cefmap *c, int fd, char *space)
{
	struct lines l = { .skip = false };
	struct str bytes;

	buf_init(&l.line, RECORD_MAX);
	while (read_bytes(c, fd, space, &bytes))
		feed_lines(c, &l, bytes);
	if (l.line.len > 0 || l.skip)
		end_line(c, &l, buf_str(&l.line));
	buf_clear(&l.line);
}

static void
do_file(struct cefmap *c, const char *path)
{
	char *space = xmalloc(READ_BYTES);
	int fd = STDIN_FILENO;

	c->file = path;
	c->number = 0;
	if (strcmp(path, "-") != 0)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		problem(c, strerror(errno));
	else if (c->is_body)
		do_body(c, fd, space);
	else
		do_lines(c, fd, space);
	flush(c);
	if (fd > STDIN_FILENO)
		close(fd);
	xfree(space);
}

/* --- what is asked for -------------------------------------------------- */

static void __attribute__((noreturn)) usage(const char *why)
{
	if (why != NULL)
		fprintf(stderr, "cefmap: %s\n", why);
	fputs("usage: cefmap [-b] [-F cef] [-M directory] [-P portal]\n"
	      "              [-p mcas|native] -m mapfile | -t source-type"
	      " [file ...]\n"
	      "       cefmap -q path [-b] [file ...]\n",
	    stderr);
	exit(EXIT_USAGE);
}

static void
read_profile(struct cefmap *c, const char *name)
{
	if (strcmp(name, "mcas") == 0)
		c->conf.profile = MAP_MCAS;
	else if (strcmp(name, "native") == 0)
		c->conf.profile = MAP_NATIVE;
	else
		usage("-p takes mcas or native");
}

static void
read_options(struct cefmap *c, int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "bF:M:m:P:p:q:t:")) != -1) {
		if (opt == 'b')
			c->is_body = true;
		else if (opt == 'F' && strcmp(optarg, "cef") != 0)
			usage("-F takes cef");
		else if (opt == 'M')
			c->map_dir = optarg;
		else if (opt == 'm')
			c->map_file = optarg;
		else if (opt == 'P')
			c->portal = optarg;
		else if (opt == 'p')
			read_profile(c, optarg);
		else if (opt == 'q')
			c->path = optarg;
		else if (opt == 't')
			c->type = optarg;
		else if (opt != 'F')
			usage(NULL);
	}
	if (c->path == NULL && c->type == NULL && c->map_file == NULL)
		usage("-t or -m must say how to map, or -q what to select");
	if (c->map_file != NULL && c->map_dir != NULL)
		usage("-m names the map itself, so -M has nothing to find");
}

static int
prepare(struct cefmap *c, struct err *err)
{
	char *file = NULL;

	if (c->path != NULL) {
		c->query = jsonpath_new(str_of(c->path), err);
		return c->query != NULL ? 0 : -1;
	}
	if (c->map_file == NULL) {
		file = map_find(c->map_dir, c->type, err);
		if (file == NULL)
			return -1;
	}
	c->map = map_load(file != NULL ? file : c->map_file, err);
	xfree(file);
	return c->map != NULL ? 0 : -1;
}

int
main(int argc, char **argv)
{
	struct cefmap c = { .conf.profile = MAP_MCAS };
	struct err err = { 0 };

	read_options(&c, argc, argv);
	if (prepare(&c, &err) < 0) {
		fprintf(stderr, "cefmap: %s\n", err.text);
		return EXIT_USAGE;
	}
	json_init(&c.doc, 0, DEPTH_MAX);
	buf_init(&c.out, OUT_MAX);
	if (optind == argc)
		do_file(&c, "-");
	for (int i = optind; i < argc; i++)
		do_file(&c, argv[i]);
	buf_clear(&c.out);
	json_clear(&c.doc);
	jsonpath_nodes_clear(&c.nodes);
	jsonpath_free(&c.query);
	map_free(&c.map);
	return c.problems > 0 ? EXIT_PROBLEM : 0;
}
