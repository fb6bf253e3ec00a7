/* base/opt.c -- a room's settings as a table. */
/* SPDX-License-Identifier: ISC */
#include "base/opt.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/xalloc.h"

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit times[] = {
	{ "ms", 1 },
	{ "s", 1000 },
	{ "m", 60 * 1000 },
	{ "h", 3600 * 1000 },
	{ "d", 24 * 3600 * 1000 },
	{ NULL, 0 },
};

static const struct unit sizes[] = {
	{ "", 1 },
	{ "B", 1 },
	{ "KiB", 1024 },
	{ "MiB", 1024 * 1024 },
	{ "GiB", 1024 * 1024 * 1024 },
	{ "TiB", 1024ULL * 1024 * 1024 * 1024 },
	{ NULL, 0 },
};

static const struct unit plain[] = {
	{ "", 1 },
	{ NULL, 0 },
};

static void *
field(const struct opt *opt, void *conf)
{
	return (char *)conf + opt->offset;
}

static bool
parse_units(const struct unit *units, const char *text, uint64_t *v_r)
{
	size_t digits = strspn(text, "0123456789");
	uint64_t v;

	if (!str_to_u64(str_make(text, digits), &v))
		return false;
	text += digits + strspn(text + digits, " ");
	for (const struct unit *u = units; u->name != NULL; u++) {
		if (strcmp(u->name, text) != 0)
			continue;
		if (v > UINT64_MAX / u->factor)
			return false;
		*v_r = v * u->factor;
		return true;
	}
	return false;
}

static int
set_units(const struct opt *opt, const struct unit *units, const char *wanted,
    void *conf, const char *text, struct err *err)
{
	uint64_t v;

	if (!parse_units(units, text, &v))
		return err_set(err, ERR_CONF, "%s = \"%s\": wanted is %s",
		    opt->name, text, wanted);
	if (v < opt->min)
		return err_set(err, ERR_CONF,
		    "%s = \"%s\": too small, the"
		    " least is %llu%s",
		    opt->name, text, (unsigned long long)opt->min,
		    opt->type == OPT_TIME ? "ms" : "");
	if (opt->max != 0 && v > opt->max)
		return err_set(err, ERR_CONF,
		    "%s = \"%s\": too large, the"
		    " most is %llu%s",
		    opt->name, text, (unsigned long long)opt->max,
		    opt->type == OPT_TIME ? "ms" : "");
	*(uint64_t *)field(opt, conf) = v;
	return 0;
}

static int
set_word(const struct opt *opt, void *conf, const char *text, struct err *err)
{
	struct buf list;

	for (int i = 0; opt->words[i] != NULL; i++) {
		if (strcmp(opt->words[i], text) == 0) {
			*(int *)field(opt, conf) = i;
			return 0;
		}
	}
	buf_init(&list, 256);
	for (int i = 0; opt->words[i] != NULL; i++)
		buf_addf(&list, "%s%s", i > 0 ? ", " : "", opt->words[i]);
	err_set(err, ERR_CONF, "%s = \"%s\": wanted is one of %s", opt->name,
	    text, buf_cstr(&list));
	buf_clear(&list);
	return -1;
}

static void
set_text(const struct opt *opt, void *conf, const char *text)
{
	char **slot = field(opt, conf);

	xfree(*slot);
	*slot = xstrdup(text);
}

static void
add_to_list(const struct opt *opt, void *conf, const char *text)
{
	struct opt_list *list = field(opt, conf);

	list->v = xreallocarray(list->v, list->n + 2, sizeof(*list->v));
	list->v[list->n++] = xstrdup(text);
	list->v[list->n] = NULL;
}

int
opt_set(const struct opt *opt, void *conf, const char *text, struct err *err)
{
	switch (opt->type) {
	case OPT_TEXT:
	case OPT_PATH:
		set_text(opt, conf, text);
		return 0;
	case OPT_LIST:
		add_to_list(opt, conf, text);
		return 0;
	case OPT_WORD:
		return set_word(opt, conf, text, err);
	case OPT_BOOL:
		if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
			return err_set(err, ERR_CONF,
			    "%s = \"%s\": wanted is"
			    " true or false",
			    opt->name, text);
		*(bool *)field(opt, conf) = text[0] == 't';
		return 0;
	case OPT_NUMBER:
		return set_units(opt, plain, "a whole number", conf, text, err);
	case OPT_TIME:
		return set_units(opt, times,
		    "a time with its unit, as in"
		    " \"500ms\", \"30s\", \"5m\", \"2h\", \"7d\"",
		    conf, text, err);
	case OPT_BYTES:
		return set_units(opt, sizes,
		    "a size, as in \"512\", \"8KiB\","
		    " \"16MiB\", \"2GiB\"",
		    conf, text, err);
	}
	return err_set(err, ERR_BUG, "%s: no such type of option", opt->name);
}

void
opt_defaults(const struct opt *opts, void *conf)
{
	for (; opts->name != NULL; opts++)
		if (opts->def != NULL)
			(void)opt_set(opts, conf, opts->def, NULL);
}

void
opt_clear(const struct opt *opts, void *conf)
{
	for (; opts->name != NULL; opts++) {
		if (opts->type == OPT_TEXT || opts->type == OPT_PATH) {
			char **slot = field(opts, conf);

			xfree(*slot);
			*slot = NULL;
		} else if (opts->type == OPT_LIST) {
			struct opt_list *list = field(opts, conf);

			for (size_t i = 0; i < list->n; i++)
				xfree(list->v[i]);
			xfree(list->v);
			*list = (struct opt_list){ 0 };
		}
	}
}

const struct opt *
opt_find(const struct opt *opts, const char *name)
{
	for (; opts->name != NULL; opts++)
		if (strcmp(opts->name, name) == 0)
			return opts;
	return NULL;
}
