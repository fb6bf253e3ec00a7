/*
 * flow/intake.c -- the line.
 *
 * Whoever wants to know what happens to a record reads intake_take: read it,
 * known already? filter, map, write the event.  All of it goes into one page,
 * which the journal takes whole or not at all; so the events, the ids that
 * make them known and the counts can never disagree.
 */
/* SPDX-License-Identifier: ISC */
#include "flow/intake.h"

#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "codec/json.h"
#include "map/filter.h"
#include "record/record.h"
#include "source/source.h"
#include "state/store.h"

#define HOUR_MS 3600000
#define HOURS_MAX 64 /* that one page tells apart before it is cut */
#define IDS_MAX 8192 /* in one page before it is cut */
#define PLACES (IDS_MAX * 2 + 4)
#define DEPTH_MAX 1024 /* of a record; a deeper one is set aside */

/* The counts of one hour of the records' own time. */
struct hour {
	uint64_t hour_ms;
	uint32_t n[PAGE_COUNTS];
};

struct intake {
	struct intake_conf conf;
	struct json_doc doc;
	struct page page;
	struct hour hours[HOURS_MAX + 2];
	unsigned n_hours;
	struct page_id *ids; /* owned; those of this page, open addressing */
	unsigned n_ids;
	struct intake_tally tally;
};

struct intake *
intake_new(const struct intake_conf *conf)
{
	struct intake *in = xcalloc(1, sizeof(*in));

	in->conf = *conf;
	json_init(&in->doc, 0, DEPTH_MAX);
	page_init(&in->page, str_of(conf->source));
	in->ids = xcalloc(PLACES, sizeof(*in->ids));
	return in;
}

void
intake_free(struct intake **ip)
{
	struct intake *in = *ip;

	*ip = NULL;
	if (in == NULL)
		return;
	json_clear(&in->doc);
	page_clear(&in->page);
	xfree(in->ids);
	xfree(in);
}

void
intake_next(struct intake *in)
{
	page_reset(&in->page);
	in->n_hours = 0;
	if (in->n_ids > 0)
		memset(in->ids, 0, PLACES * sizeof(*in->ids));
	in->n_ids = 0;
}

void
intake_begin(struct intake *in)
{
	intake_next(in);
	in->tally = (struct intake_tally){ 0 };
}

const struct intake_tally *
intake_tally(const struct intake *in)
{
	return &in->tally;
}

/* Where id stands in this page's table, or the free place for it. */
static struct page_id *
id_place(struct intake *in, const struct page_id *id)
{
	for (size_t at = (size_t)(id->lo % PLACES);; at = (at + 1) % PLACES) {
		struct page_id *p = &in->ids[at];

		if ((p->hi | p->lo) == 0 ||
		    (p->hi == id->hi && p->lo == id->lo))
			return p;
	}
}

/* In this page, in one on its way to the disk, or on the disk. */
static bool
is_known(struct intake *in, const struct page_id *id)
{
	const struct page_id *place = id_place(in, id);

	return (place->hi | place->lo) != 0 || store_seen(in->conf.store, id);
}

static void
make_known(struct intake *in, const struct page_id *id)
{
	*id_place(in, id) = *id;
	in->n_ids++;
	page_id(&in->page, id);
}

/* Known ids are forgotten after some days; this one is seen again. */
static void
keep_known(
    struct intake *in, const struct record *rec, const struct page_id *version)
{
	struct record_key key = record_id_key(str_of(in->conf.source), rec);
	const struct page_id id = { rec->born_ms, key.hi, key.lo };

	make_known(in, version);
	make_known(in, &id);
}

static void
count(struct intake *in, uint64_t time_ms, enum page_count what)
{
	uint64_t hour_ms = time_ms - time_ms % HOUR_MS;
	unsigned i = 0;

	while (i < in->n_hours && in->hours[i].hour_ms != hour_ms)
		i++;
	if (i == in->n_hours)
		in->hours[in->n_hours++] = (struct hour){ .hour_ms = hour_ms };
	in->hours[i].n[what]++;
	in->tally.n[what]++;
}

/* Every record that was listed ends in exactly one way. */
static void
count_end(struct intake *in, uint64_t time_ms, enum page_count end)
{
	count(in, time_ms, PAGE_LISTED);
	count(in, time_ms, PAGE_FETCHED);
	if (end != PAGE_QUARANTINED)
		count(in, time_ms, PAGE_PARSED);
	count(in, time_ms, end);
}

static void
set_aside(
    struct intake *in, uint64_t time_ms, struct str raw, const struct err *why)
{
	log_warn(in->conf.log, "set a record of %zu bytes aside: %s", raw.len,
	    why->text);
	page_quarantine(&in->page, time_ms, str_of(why->text), raw);
	count_end(in, time_ms, PAGE_QUARANTINED);
}

/* One event, in each form that some output wants; or none of it. */
static int
write_event(struct intake *in, const struct record *rec, struct err *err)
{
	page_event(&in->page, rec->time_ms);
	for (size_t i = 0; i < in->conf.n_forms; i++) {
		const struct intake_form *form = &in->conf.forms[i];
		struct buf *out =
		    page_text_begin(&in->page, str_of(form->name));

		if (map_cef(in->conf.map, &form->conf, rec, out, err) < 0) {
			page_event_undo(&in->page);
			return -1;
		}
		page_text_end(&in->page);
	}
	if (page_failed(&in->page)) {
		page_event_undo(&in->page);
		return err_set(err, ERR_DATA, "its event fits into no page");
	}
	return 0;
}

static bool
is_ripe(const struct intake *in)
{
	return page_bytes(&in->page) >= PAGE_BYTES_SOFT ||
	    in->n_ids >= IDS_MAX || in->n_hours >= HOURS_MAX;
}

/*
 * What cannot be read has no id; its bytes make it known, so that the overlap
 * of the next round does not set it aside again.
 */
static void
set_aside_once(
    struct intake *in, uint64_t wall_ms, struct str raw, const struct err *why)
{
	const struct record rec = { .id = raw };
	struct record_key key = record_key(str_of(in->conf.source), &rec);
	struct page_id id = { 0, key.hi, key.lo };

	if (is_known(in, &id)) {
		count_end(in, wall_ms, PAGE_DUPLICATE);
		return;
	}
	make_known(in, &id);
	set_aside(in, wall_ms, raw, why);
}

/* A record that cannot be read is set aside; its source counts it yet. */
static void
set_aside_unread(struct intake *in, struct source *s, unsigned tag,
    uint64_t wall_ms, struct str raw, const struct err *why)
{
	if (in->conf.ops->unread != NULL)
		in->conf.ops->unread(s, tag);
	set_aside_once(in, wall_ms, raw, why);
}

bool
intake_take(struct intake *in, struct source *s, unsigned tag, struct str raw,
    size_t oversize_bytes, uint64_t wall_ms)
{
	struct page_id id, version;
	struct record rec = { 0 };
	struct record_key key;
	struct err err;
	int rc;

	/* Read it. */
	if (oversize_bytes > 0) {
		err_set(&err, ERR_DATA, "its %zu bytes are more than allowed",
		    oversize_bytes);
		set_aside_unread(in, s, tag, wall_ms, raw, &err);
		return is_ripe(in);
	}
	if (json_parse(&in->doc, raw, &err) < 0) {
		set_aside_unread(in, s, tag, wall_ms, raw, &err);
		return is_ripe(in);
	}
	rc = in->conf.ops->record(s, tag, &in->doc, &rec, &err);
	if (rc < 0)
		set_aside_once(in, wall_ms, raw, &err);
	if (rc != 0)
		return is_ripe(in);

	/* Known already? */
	key = record_key(str_of(in->conf.source), &rec);
	version = (struct page_id){ rec.time_ms, key.hi, key.lo };
	if (is_known(in, &version)) {
		if (rec.is_standing)
			keep_known(in, &rec, &version);
		count_end(in, rec.time_ms, PAGE_DUPLICATE);
		return is_ripe(in);
	}
	make_known(in, &version);
	key = record_id_key(str_of(in->conf.source), &rec);
	id = (struct page_id){ rec.born_ms, key.hi, key.lo };
	rec.is_update = is_known(in, &id);

	/* Does anybody want it?  A filter that cannot tell lets it go on. */
	if (in->conf.filter != NULL &&
	    filter_pass(in->conf.filter, &rec, &err) == 0) {
		count_end(in, rec.time_ms, PAGE_FILTERED);
		return is_ripe(in);
	}

	/* Map it, and write the event. */
	if (write_event(in, &rec, &err) < 0) {
		set_aside(in, rec.time_ms, rec.doc->text, &err);
		return is_ripe(in);
	}
	make_known(in, &id);
	count_end(in, rec.time_ms, PAGE_SPOOLED);
	return is_ripe(in);
}

bool
intake_lost(
    struct intake *in, struct str known, const char *why, uint64_t wall_ms)
{
	page_quarantine(&in->page, wall_ms, str_of(why), known);
	count_end(in, wall_ms, PAGE_QUARANTINED);
	return is_ripe(in);
}

struct page *
intake_page(struct intake *in)
{
	for (unsigned i = 0; i < in->n_hours; i++) {
		const struct hour *h = &in->hours[i];

		for (int what = 0; what < PAGE_COUNTS; what++)
			if (h->n[what] > 0)
				page_count(&in->page, h->hour_ms,
				    (enum page_count)what, h->n[what]);
	}
	in->n_hours = 0;
	return &in->page;
}
