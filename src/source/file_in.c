/* source/file_in.c -- records from a file of JSON lines. */
/* SPDX-License-Identifier: ISC */
#include "source/file_in.h"

#include "base/err.h"
#include "base/opt.h"
#include "base/xalloc.h"
#include "record/cursor.h"
#include "source/source.h"

#define FIELD(f) offsetof(struct file_in_conf, f)
static const struct opt options[] = {
	{ .name = "follow",
	    .type = OPT_BOOL,
	    .offset = FIELD(follow),
	    .def = "false",
	    .help = "read on at once when the file grows or is replaced" },
	{ .name = "path",
	    .type = OPT_PATH,
	    .offset = FIELD(path),
	    .required = true,
	    .help = "the file; - is standard input" },
	{ .name = "record-type",
	    .type = OPT_TEXT,
	    .offset = FIELD(record_type),
	    .required = true,
	    .help = "the source type that the records are of" },
	{ .name = NULL },
};

static const struct source_limits limits = {
	.concurrency = 1,
	.max_record = 4 * 1024 * 1024,
};

/* Whoever knows these records. */
struct source {
	const struct source_ops *ops;
	struct source *source;
};

static void
file_close(struct source **sp)
{
	struct source *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	if (s->source != NULL)
		s->ops->close(&s->source);
	xfree(s);
}

static struct source *
file_open(const void *conf, const struct source_common *common, struct err *err)
{
	const struct file_in_conf *c = conf;
	const struct source_ops *ops = source_find(c->record_type);
	struct source_common theirs = *common;
	struct source *s;
	void *settings;

	if (ops == NULL || ops->ask == NULL) {
		err_set(err, ERR_CONF,
		    "record-type = \"%s\": there is no such source type",
		    c->record_type);
		return NULL;
	}
	/* Nothing will be asked there. */
	theirs.base_url = "https://localhost";
	if (theirs.tenant_id == NULL)
		theirs.tenant_id = "00000000-0000-0000-0000-000000000000";
	theirs.never_asks = true;
	s = xcalloc(1, sizeof(*s));
	s->ops = ops;
	settings = xcalloc(1, ops->conf_bytes);
	opt_defaults(ops->opts, settings);
	s->source = ops->open(settings, &theirs, err);
	opt_clear(ops->opts, settings);
	xfree(settings);
	if (s->source == NULL)
		file_close(&s);
	return s;
}

/* What the file was read up to is no business of theirs. */
static int
file_begin(struct source *s, const struct cursor *from, uint64_t wall_ms,
    struct err *err)
{
	const struct cursor none = { .len = 0 };

	(void)from;
	return s->ops->begin(s->source, &none, wall_ms, err);
}

static int
file_record(struct source *s, unsigned tag, const struct json_doc *doc,
    struct record *rec_r, struct err *err)
{
	return s->ops->record(s->source, tag, doc, rec_r, err);
}

const struct source_ops file_in_ops = {
	.name = "file",
	.opts = options,
	.conf_bytes = sizeof(struct file_in_conf),
	.limits = &limits,
	.open = file_open,
	.close = file_close,
	.begin = file_begin,
	.record = file_record,
};
