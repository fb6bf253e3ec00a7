/* tests/mdca_script.c -- plays the service of Defender for Cloud Apps. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include "tests/mdca_script.h"

#include "codec/httpmsg.h"
#include "codec/json.h"
#include "record/record.h"
#include "source/source.h"

void
mdca_seen_init(struct mdca_seen *seen)
{
	*seen = (struct mdca_seen){ .time_ms = 0 };
	buf_init(&seen->ids, 1 << 20);
	buf_init(&seen->versions, 1 << 20);
}

void
mdca_seen_clear(struct mdca_seen *seen)
{
	buf_clear(&seen->ids);
	buf_clear(&seen->versions);
}

struct source *
mdca_open(const struct source_ops *ops, const void *conf, int64_t start_ms)
{
	struct source_common common = {
		.base_url = MDCA_BASE, .overlap_ms = 1000, .start_ms = start_ms
	};
	struct err err;
	struct source *s = ops->open(conf, &common, &err);

	if (s == NULL)
		fail_msg("%s", err.text);
	return s;
}

void
mdca_begin_at(const struct source_ops *ops, struct source *s,
    const struct cursor *from, int64_t now_ms)
{
	struct err err;

	assert_int_equal(ops->begin(s, from, (uint64_t)now_ms, &err), 0);
}

/* --- answers ------------------------------------------------------------ */

static void
write_record(struct buf *out, struct str word)
{
	struct str closed = word, time = str_cut(&closed, '/'), id;

	id = str_cut(&time, '@');
	buf_addf(
	    out, "%s{\"title\":null", out->p[out->len - 1] == '[' ? "" : ",");
	if (id.len > 0)
		buf_addf(out, ",\"_id\":\"%.*s\"", STR_ARG(id));
	if (time.len > 0)
		buf_addf(out, ",\"timestamp\":%.*s,\"created\":%.*s",
		    STR_ARG(time), STR_ARG(time));
	if (closed.len > 0)
		buf_addf(out, ",\"resolveTime\":%.*s", STR_ARG(closed));
	buf_add_char(out, '}');
}

static void
write_page(struct buf *out, const char *words)
{
	struct str rest = str_of(words), next = { NULL, 0 };
	const char *more = NULL;

	buf_add_text(out, "{\"data\":[");
	while (rest.len > 0) {
		struct str word = str_cut(&rest, ' ');

		if (str_starts(word, STR_LIT(">")))
			next = str_make(word.p + 1, word.len - 1);
		else if (str_is(word, "more"))
			more = "true";
		else if (str_is(word, "end"))
			more = "false";
		else
			write_record(out, word);
	}
	buf_add_char(out, ']');
	if (more != NULL)
		buf_addf(out, ",\"hasNext\":%s", more);
	if (next.len > 0)
		buf_addf(out, ",\"nextQueryFilters\":%.*s", STR_ARG(next));
	buf_add_text(out, ",\"total\":null}");
}

static void
add_word(struct buf *out, struct str word)
{
	if (out->len > 0)
		buf_add_char(out, ' ');
	buf_add_str(out, word);
}

static void
take_record(const struct source_ops *ops, struct source *s, struct str text,
    struct mdca_seen *seen)
{
	struct json_doc doc;
	struct record rec;
	struct err err;

	json_init(&doc, 0, 0);
	assert_int_equal(json_parse(&doc, text, &err), 0);
	if (ops->record(s, 0, &doc, &rec, &err) == 0) {
		add_word(&seen->ids, rec.id);
		add_word(&seen->versions, rec.version);
		assert_str(rec.type, ops->name);
		assert_ptr_equal(rec.doc, &doc);
		seen->time_ms = (int64_t)rec.time_ms;
		seen->born_ms = (int64_t)rec.born_ms;
	} else {
		assert_int_equal(err.kind, ERR_DATA);
		seen->err = err;
	}
	json_clear(&doc);
}

static void
take_answer(const struct source_ops *ops, struct source *s,
    const struct httpresp *resp, struct str body, struct mdca_seen *seen)
{
	struct json_doc page;
	struct err err;
	uint32_t list;

	json_init(&page, 0, 0);
	assert_int_equal(json_parse(&page, body, &err), 0);
	list = json_member(&page, 0, STR_LIT("data"));
	if (list != JSON_NONE && json_type(&page, list) == JSON_ARRAY) {
		for (uint32_t i = json_first(&page, list); i != JSON_NONE;
		     i = json_after(&page, list, i)) {
			struct buf text;

			/* A string comes with its quotes. */
			buf_init(&text, 1 << 20);
			if (json_type(&page, i) == JSON_STRING)
				json_quote(&text, json_raw(&page, i));
			else
				buf_add_str(&text, json_raw(&page, i));
			take_record(ops, s, buf_str(&text), seen);
			buf_clear(&text);
		}
	}
	if (ops->tail(s, resp, &page, &err) < 0)
		seen->err = err;
	json_clear(&page);
}

void
mdca_answer(const struct source_ops *ops, struct source *s, int status,
    const char *headers, const char *body, struct mdca_seen *seen)
{
	struct httpresp resp;
	const char *records = NULL;
	struct buf page;

	httpresp_init(&resp);
	buf_init(&page, 1 << 20);
	resp.status = status;
	if (headers != NULL)
		buf_add_text(&resp.headers, headers);
	if (body != NULL && status == 200 && body[0] != '{')
		write_page(&page, body);
	else if (body != NULL)
		buf_add_text(&page, body);
	seen->err = (struct err){ .kind = ERR_NONE };
	if (status == 0) {
		err_set(&seen->err, ERR_RETRY, "connection broke");
		(ops->fail)(s, &resp, str_of(""), 1, &seen->err);
	} else if (ops->head(s, &resp, &records) < 0) {
		(ops->fail)(s, &resp, buf_str(&page), 1, &seen->err);
	} else {
		assert_string_equal(records, "data[*]");
		take_answer(ops, s, &resp, buf_str(&page), seen);
	}
	buf_clear(&page);
	httpresp_clear(&resp);
}

/* --- rounds ------------------------------------------------------------- */

const char *
mdca_asked(const struct source_ops *ops, struct source *s, struct buf *text)
{
	struct httpreq req;

	buf_reset(text);
	httpreq_init(&req);
	if (ops->ask(s, &req) == 1) {
		assert_int_equal(req.method, HTTP_POST);
		assert_true(str_starts(
		    buf_str(&req.url), STR_LIT(MDCA_BASE "/api/v1/")));
		assert_true(str_ends(buf_str(&req.url), STR_LIT("/")));
		assert_non_null(strstr(buf_cstr(&req.headers),
		    "Content-Type: application/json\n"));
		buf_add_str(text, buf_str(&req.body));
	}
	httpreq_clear(&req);
	return buf_cstr(text);
}

void
mdca_play(const struct source_ops *ops, struct source *s, const char *name,
    const struct mdca_step *steps, struct mdca_seen *seen)
{
	struct cursor to;
	struct buf text;

	buf_init(&text, 1 << 16);
	for (const struct mdca_step *st = steps; st->want != NULL; st++) {
		const char *got = mdca_asked(ops, s, &text);

		if (strcmp(got, st->want) != 0)
			fail_msg("%s, step %td:\ngot  %s\nwant %s", name,
			    st - steps, got, st->want);
		if (ops->end(s, &to))
			fail_msg("%s, step %td: ends", name, st - steps);
		mdca_answer(ops, s, st->status, NULL, st->body, seen);
		if (seen->err.kind != st->told)
			fail_msg("%s, step %td: told %d: %s", name, st - steps,
			    seen->err.kind, seen->err.text);
	}
	if (*mdca_asked(ops, s, &text) != '\0')
		fail_msg("%s: goes on: %s", name, buf_cstr(&text));
	buf_clear(&text);
}
