/* map/filter.c -- which records go on. */
/* SPDX-License-Identifier: ISC */
#include "map/filter.h"

#include "base/err.h"
#include "base/xalloc.h"
#include "codec/jsonpath.h"
#include "record/record.h"

struct filter {
	struct jsonpath *path; /* owned */
	bool is_lone;          /* the record is an element, not the root */
};

struct filter *
filter_new(struct str path, struct err *err)
{
	struct jsonpath *jp = jsonpath_new(path, err);
	struct filter *f;

	if (jp == NULL) {
		err_prefix(err, "filter: ");
		return NULL;
	}
	f = xcalloc(1, sizeof(*f));
	f->path = jp;
	f->is_lone = jsonpath_is_filter(jp);
	return f;
}

void
filter_free(struct filter **fp)
{
	struct filter *f = *fp;

	*fp = NULL;
	if (f == NULL)
		return;
	jsonpath_free(&f->path);
	xfree(f);
}

int
filter_pass(struct filter *f, const struct record *rec, struct err *err)
{
	int rc = f->is_lone ? jsonpath_test_lone(f->path, rec->doc, err)
			    : jsonpath_test(f->path, rec->doc, err);

	return rc < 0 ? err_prefix(err, "filter: ") : rc;
}
