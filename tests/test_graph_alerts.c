/* tests/test_graph_alerts.c -- answers in, requests and alerts out. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "codec/httpmsg.h"
#include "codec/json.h"
#include "codec/rfc3339.h"
#include "codec/uri.h"
#include "record/cursor.h"
#include "record/record.h"
#include "source/graph_alerts.h"
#include "source/source.h"

#define BASE "https://graph.example.test"
#define DAY "2026-03-01T"
#define NOON DAY "12:00:00Z"

/* --- a small cloud ------------------------------------------------------ */

/*
 * Alerts are written as words: "a1@10:00:00" is one of that id and last
 * change, "a1@" has no time, "@10:00:00" no id, ">URL" is the next link.
 */
static void
write_page(struct buf *out, const char *words)
{
	struct str rest = str_of(words), link = { NULL, 0 };
	bool first = true;

	buf_add_text(out, "{\"@odata.context\":\"c\",\"value\":[");
	while (rest.len > 0) {
		struct str time = str_cut(&rest, ' '), id;

		if (time.len > 0 && time.p[0] == '>') {
			link = str_make(time.p + 1, time.len - 1);
			continue;
		}
		id = str_cut(&time, '@');
		buf_addf(out, "%s{\"title\":\"t\"", first ? "" : ",");
		if (id.len > 0)
			buf_addf(out, ",\"id\":\"%.*s\"", STR_ARG(id));
		if (time.len > 0)
			buf_addf(out,
			    ",\"createdDateTime\":\"" DAY "00:00:01Z\""
			    ",\"lastUpdateDateTime\":\"" DAY "%.*sZ\"}",
			    STR_ARG(time));
		else
			buf_add_text(out, ",\"lastUpdateDateTime\":null}");
		first = false;
	}
	buf_add_char(out, ']');
	if (link.len > 0)
		buf_addf(out, ",\"@odata.nextLink\":\"%.*s\"", STR_ARG(link));
	buf_add_char(out, '}');
}

static int64_t
ms_of(const char *text)
{
	int64_t ms;

	assert_true(rfc3339_parse_ms(str_of(text), &ms));
	return ms;
}

/* What a round saw: ids, and the last error told. */
struct seen {
	struct buf ids; /* "a1 b2" */
	struct err err;
};

static struct source *
open_with(const struct graph_alerts_conf *conf, const char *start)
{
	struct source_common common = {
		.base_url = BASE,
		.overlap_ms = 10 * 60 * 1000,
		.start_ms = ms_of(start),
	};
	struct err err;
	struct source *s = graph_alerts_ops.open(conf, &common, &err);

	if (s == NULL)
		fail_msg("%s", err.text);
	return s;
}

static void
begin_at(struct source *s, const struct cursor *from, const char *now)
{
	struct err err;

	assert_int_equal(
	    graph_alerts_ops.begin(s, from, (uint64_t)ms_of(now), &err), 0);
}

/* The path and query of the next request, decoded; empty: none. */
static const char *
ask(struct source *s, struct buf *text)
{
	struct httpreq req;

	buf_reset(text);
	httpreq_init(&req);
	if (graph_alerts_ops.ask(s, &req) == 1) {
		struct str url = buf_str(&req.url), base = STR_LIT(BASE);

		assert_true(str_starts(url, base));
		assert_true(uri_decode(
		    text, str_make(url.p + base.len, url.len - base.len)));
	}
	httpreq_clear(&req);
	return buf_cstr(text);
}

static void
take_record(struct source *s, const struct json_doc *page, uint32_t node,
    struct seen *seen)
{
	struct json_doc doc;
	struct record rec;
	struct err err;

	json_init(&doc, 0, 0);
	assert_int_equal(json_parse(&doc, json_raw(page, node), &err), 0);
	if (graph_alerts_ops.record(s, 0, &doc, &rec, &err) == 0) {
		if (seen->ids.len > 0)
			buf_add_char(&seen->ids, ' ');
		buf_add_str(&seen->ids, rec.id);
		assert_str(rec.type, "graph-alerts");
		assert_false(rec.is_update);
	} else {
		seen->err = err;
	}
	json_clear(&doc);
}

/* Answer as the poller would. */
static void
answer(struct source *s, int status, const char *headers, struct str body,
    struct seen *seen)
{
	struct json_doc page;
	struct httpresp resp;
	const char *records = NULL;

	httpresp_init(&resp);
	resp.status = status;
	if (headers != NULL)
		buf_add_text(&resp.headers, headers);
	json_init(&page, 0, 0);
	seen->err = (struct err){ .kind = ERR_NONE };
	if (status == 0) {
		err_set(&seen->err, ERR_RETRY, "connection broke");
		(graph_alerts_ops.fail)(s, &resp, str_of(""), 1, &seen->err);
	} else if (graph_alerts_ops.head(s, &resp, &records) < 0) {
		(graph_alerts_ops.fail)(s, &resp, body, 1, &seen->err);
	} else {
		uint32_t list;

		assert_string_equal(records, "value[*]");
		assert_int_equal(json_parse(&page, body, &seen->err), 0);
		list = json_member(&page, 0, STR_LIT("value"));
		if (list != JSON_NONE) {
			for (uint32_t i = json_first(&page, list);
			     i != JSON_NONE; i = json_after(&page, list, i))
				take_record(s, &page, i, seen);
		}
		graph_alerts_ops.tail(s, &resp, &page, &seen->err);
	}
	json_clear(&page);
	httpresp_clear(&resp);
}

static void
answer_page(struct source *s, const char *words, struct seen *seen)
{
	struct buf body;

	buf_init(&body, 1 << 20);
	write_page(&body, words);
	answer(s, 200, NULL, buf_str(&body), seen);
	buf_clear(&body);
}

static void
clear_seen(struct seen *seen)
{
	buf_clear(&seen->ids);
}

static struct seen
new_seen(void)
{
	struct seen seen = { .err.kind = ERR_NONE };

	buf_init(&seen.ids, 1 << 20);
	return seen;
}

/* --- scripts of a round ------------------------------------------------- */

#define LIST "/v1.0/security/alerts_v2?$filter=lastUpdateDateTime ge " DAY
#define RISING "&$orderby=lastUpdateDateTime asc"
#define ASK(low, high) \
	LIST low "Z and lastUpdateDateTime lt " DAY high "Z" RISING "&$top=3"
#define ASK_FALLING(low, high) \
	LIST low "Z and lastUpdateDateTime lt " DAY high "Z&$top=3"

/* The window of the scripts: midnight to a minute before noon. */
#define FROM "00:00:00.0000000"
#define UNTIL "11:59:00.0000000"

#define ORDERBY_REFUSED                                                \
	"{\"error\":{\"code\":\"BadRequest\",\"message\":\"The query " \
	"specified in the URI is not valid: $orderby is not "          \
	"supported.\"}}"

struct step {
	const char *want; /* to be asked; NULL: the end of the script */
	int status;       /* of the answer; 0: it breaks off */
	const char *body; /* of an error; of a success: words */
	enum err_kind told;
};

static const struct script {
	const char *name;
	struct step steps[12];
	const char *ids;
} scripts[] = {
	{ "nothing there", { { ASK(FROM, UNTIL), 200, "", ERR_NONE } }, "" },
	{ "one short page is asked for more, once",
	    { { ASK(FROM, UNTIL), 200, "a@01:00:00 b@02:00:00.5", ERR_NONE },
		{ ASK("02:00:00.5000000", UNTIL), 200, "b@02:00:00.5",
		    ERR_NONE } },
	    "a b b" },
	{ "next links are followed, and an empty page with one",
	    { { ASK(FROM, UNTIL), 200,
		  "a@01:00:00 b@01:00:01 c@01:00:02 >" BASE "/next?1",
		  ERR_NONE },
		{ "/next?1", 200, ">" BASE "/next?2", ERR_NONE },
		{ "/next?2", 200, "d@01:00:03", ERR_NONE } },
	    "a b c d" },
	{ "a link on the same host in other letters is followed",
	    { { ASK(FROM, UNTIL), 200,
		  "a@01:00:00 b@01:00:01 c@01:00:02 >" BASE "/%74", ERR_NONE },
		{ "/t", 200, "", ERR_NONE } },
	    "a b c" },
	{ "full pages without links move the boundary",
	    { { ASK(FROM, UNTIL), 200, "a@01:00:00 b@01:00:01 c@01:00:02",
		  ERR_NONE },
		{ ASK("01:00:02.0000000", UNTIL), 200,
		    "c@01:00:02 d@01:00:03 e@01:00:04.1234567", ERR_NONE },
		{ ASK("01:00:04.1234567", UNTIL), 200, "e@01:00:04.1234567",
		    ERR_NONE } },
	    "a b c c d e e" },
	{ "a page of one moment is passed over",
	    { { ASK(FROM, UNTIL), 200, "a@01:00:00 b@01:00:00 c@01:00:00",
		  ERR_NONE },
		{ ASK("01:00:00.0000000", UNTIL), 200,
		    "a@01:00:00 b@01:00:00 c@01:00:00", ERR_NONE },
		{ ASK("01:00:00.0000000", UNTIL) "&$skip=3", 200,
		    "d@01:00:00 e@01:00:05", ERR_NONE },
		{ ASK("01:00:05.0000000", UNTIL), 200, "e@01:00:05",
		    ERR_NONE } },
	    "a b c a b c d e e" },
	{ "fractions are compared as numbers, not as text",
	    { { ASK(FROM, UNTIL), 200, "a@01:00:00 b@01:00:00.09 c@01:00:00.1",
		  ERR_NONE },
		{ ASK("01:00:00.1000000", UNTIL), 200, "c@01:00:00.1",
		    ERR_NONE } },
	    "a b c c" },
	{ "newest first is read downwards",
	    { { ASK(FROM, UNTIL), 200, "f@06:00:00 e@05:00:00 d@04:00:00",
		  ERR_NONE },
		{ ASK_FALLING(FROM, "04:00:00.0000001"), 200,
		    "d@04:00:00 c@03:00:00 b@02:00:00", ERR_NONE },
		{ ASK_FALLING(FROM, "02:00:00.0000001"), 200,
		    "b@02:00:00 a@01:00:00", ERR_NONE },
		{ ASK_FALLING(FROM, "01:00:00.0000001"), 200, "a@01:00:00",
		    ERR_NONE } },
	    "f e d d c b b a a" },
	{ "a refused $orderby is left out",
	    { { ASK(FROM, UNTIL), 400, ORDERBY_REFUSED, ERR_DEGRADE },
		{ ASK_FALLING(FROM, UNTIL), 200, "b@02:00:00 a@01:00:00",
		    ERR_NONE },
		{ ASK_FALLING(FROM, "01:00:00.0000001"), 200, "a@01:00:00",
		    ERR_NONE } },
	    "b a a" },
	{ "a link to another host is not followed, and told once",
	    { { ASK(FROM, UNTIL), 200,
		  "a@01:00:00 b@01:00:01 c@01:00:02"
		  " >https://evil.example/x",
		  ERR_DATA },
		{ ASK("01:00:02.0000000", UNTIL), 200,
		    "c@01:00:02 d@01:00:03 e@01:00:04"
		    " >https://evil.example/x",
		    ERR_NONE },
		{ ASK("01:00:04.0000000", UNTIL), 200, "e@01:00:04",
		    ERR_NONE } },
	    "a b c c d e e" },
	{ "a link to plain http is another place",
	    { { ASK(FROM, UNTIL), 200,
		  "a@01:00:00 >http://graph.example.test/x", ERR_DATA },
		{ ASK("01:00:00.0000000", UNTIL), 200, "a@01:00:00",
		    ERR_NONE } },
	    "a a" },
	{ "what failed is asked again",
	    { { ASK(FROM, UNTIL), 503, "<html>busy</html>", ERR_RETRY },
		{ ASK(FROM, UNTIL), 0, NULL, ERR_RETRY },
		{ ASK(FROM, UNTIL), 200, "a@01:00:00 >" BASE "/n", ERR_NONE },
		{ "/n", 502, "", ERR_RETRY }, { "/n", 0, NULL, ERR_RETRY },
		{ "/n", 200, "b@01:00:01", ERR_NONE } },
	    "a b" },
	{ "a stale link is left for the boundary",
	    { { ASK(FROM, UNTIL), 200,
		  "a@01:00:00 b@01:00:01 c@01:00:02 >" BASE "/n", ERR_NONE },
		{ "/n", 410, "", ERR_DEGRADE },
		{ ASK("01:00:02.0000000", UNTIL), 200, "c@01:00:02",
		    ERR_NONE } },
	    "a b c c" },
	{ "alerts without a time do not disturb the others",
	    { { ASK(FROM, UNTIL), 200, "a@01:00:00 x@ b@01:00:01", ERR_NONE },
		{ ASK("01:00:01.0000000", UNTIL), 200, "b@01:00:01",
		    ERR_NONE } },
	    "a x b b" },
	{ "an answer without a list is not taken for an empty one",
	    { { ASK(FROM, UNTIL), 200, "NOLIST", ERR_RETRY },
		{ ASK(FROM, UNTIL), 200, "", ERR_NONE } },
	    "" },
	{ "a partial answer is used and asked for again",
	    { { ASK(FROM, UNTIL), 206, "a@01:00:00", ERR_RETRY },
		{ ASK(FROM, UNTIL), 200, "a@01:00:00 b@02:00:00", ERR_NONE },
		{ ASK("02:00:00.0000000", UNTIL), 200, "b@02:00:00",
		    ERR_NONE } },
	    "a a b b" },
};

static void
play(struct source *s, const struct step *step, struct seen *seen)
{
	struct buf body;

	buf_init(&body, 1 << 20);
	if (step->body != NULL && strcmp(step->body, "NOLIST") == 0)
		buf_add_text(&body, "{\"value2\":[]}");
	else if (step->status / 100 == 2)
		write_page(&body, step->body);
	else if (step->body != NULL)
		buf_add_text(&body, step->body);
	answer(s, step->status, NULL, buf_str(&body), seen);
	buf_clear(&body);
}

static void
alerts_are_read_whole_however_pages_end(void **state)
{
	const struct graph_alerts_conf conf = { .page_size = 3,
		.settle_ms = 60000 };
	const struct cursor none = { .len = 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		const struct script *sc = &scripts[i];
		struct source *s = open_with(&conf, DAY "00:00:00Z");
		struct seen seen = new_seen();
		struct cursor to;
		struct buf text;

		buf_init(&text, 1 << 16);
		begin_at(s, &none, NOON);
		for (const struct step *st = sc->steps; st->want; st++) {
			const char *got = ask(s, &text);

			if (strcmp(got, st->want) != 0)
				fail_msg("%s, step %td:\ngot  %s\nwant %s",
				    sc->name, st - sc->steps, got, st->want);
			assert_false(graph_alerts_ops.end(s, &to));
			play(s, st, &seen);
			if (seen.err.kind != st->told)
				fail_msg("%s, step %td: told %d: %s", sc->name,
				    st - sc->steps, seen.err.kind,
				    seen.err.text);
		}
		if (*ask(s, &text) != '\0')
			fail_msg("%s: goes on: %s", sc->name, buf_cstr(&text));
		if (!str_is(buf_str(&seen.ids), sc->ids))
			fail_msg("%s: ids %s", sc->name, buf_cstr(&seen.ids));
		assert_true(graph_alerts_ops.end(s, &to));
		assert_str(cursor_get(&to, "read-until"), DAY UNTIL "Z");
		buf_clear(&text);
		clear_seen(&seen);
		graph_alerts_ops.close(&s);
		assert_null(s);
	}
}

/* --- errors ------------------------------------------------------------- */

#define GRAPH_ERROR(code, message)                                       \
	"{\"error\":{\"code\":\"" code "\",\"message\":\"" message "\"," \
	"\"innerError\":{\"request-id\":\"r-17\"}}}"

static const struct {
	int status;
	const char *headers, *body;
	enum err_kind kind;
	uint64_t wait_ms;
	const char *says[3];
} errors[] = {
	{ 401, NULL, GRAPH_ERROR("InvalidAuthenticationToken", "It expired."),
	    ERR_LOGIN, 0, { "It expired.", "r-17" } },
	{ 403, NULL,
	    GRAPH_ERROR("Forbidden",
		"Missing application roles. API required roles: "
		"SecurityAlert.Read.All, SecurityIncident.Read.All, "
		"application roles: User.Read.All,Policy.Read.All."),
	    ERR_DENIED, 0,
	    { "one of SecurityAlert.Read.All, SecurityIncident.Read.All in",
		"admin consent", "it has: User.Read.All,Policy.Read.All)" } },
	{ 403, NULL,
	    GRAPH_ERROR("Forbidden", "Missing application roles, somehow"),
	    ERR_DENIED, 0, { "SecurityAlert.Read.All", "none" } },
	{ 403, NULL,
	    GRAPH_ERROR("Forbidden",
		"Unauthorized request - Account is not provisioned."),
	    ERR_DENIED, 0, { "Defender is not set up", "licence" } },
	{ 401, NULL, GRAPH_ERROR("x", "Account is not provisioned."),
	    ERR_DENIED, 0, { "licence" } },
	{ 403, NULL, "{\"error\":{\"code\":\"insufficient_claims\"}}",
	    ERR_DENIED, 0,
	    { "insufficient_claims", "SecurityAlert.Read.All" } },
	{ 404, NULL, GRAPH_ERROR("ResourceNotFound", "No such thing"), ERR_CONF,
	    0, { "graph-url" } },
	{ 400, NULL, GRAPH_ERROR("BadRequest", "Invalid filter clause"),
	    ERR_CONF, 0, { "Invalid filter clause" } },
	{ 429, "Retry-After: 2.128\n",
	    "{\"error\":{\"code\":\"TooManyRequests\",\"innererror\":"
	    "{\"request-id\":\"r-18\"}}}",
	    ERR_WAIT, 2128, { "TooManyRequests", "r-18" } },
	{ 503, "Retry-After: 7\n", "<html>", ERR_WAIT, 7000, { NULL } },
	{ 504, NULL, GRAPH_ERROR("UnknownError", ""), ERR_RETRY, 0,
	    { "UnknownError" } },
};

static void
errors_say_what_to_do(void **state)
{
	const struct graph_alerts_conf conf = { .page_size = 100 };
	const struct cursor none = { .len = 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		struct source *s = open_with(&conf, DAY "00:00:00Z");
		struct seen seen = new_seen();
		struct buf text;

		buf_init(&text, 1 << 16);
		begin_at(s, &none, NOON);
		ask(s, &text);
		answer(s, errors[i].status, errors[i].headers,
		    str_of(errors[i].body), &seen);
		if (seen.err.kind != errors[i].kind ||
		    (errors[i].wait_ms != 0 &&
			seen.err.wait_ms / 1000 != errors[i].wait_ms / 1000 &&
			seen.err.wait_ms / 1000 - 1 !=
			    errors[i].wait_ms / 1000))
			fail_msg("row %zu: kind %d, wait %d: %s", i,
			    seen.err.kind, (int)seen.err.wait_ms,
			    seen.err.text);
		for (size_t k = 0; k < 3 && errors[i].says[k]; k++) {
			if (strstr(seen.err.text, errors[i].says[k]) == NULL)
				fail_msg("row %zu: %s", i, seen.err.text);
		}
		buf_clear(&text);
		clear_seen(&seen);
		graph_alerts_ops.close(&s);
	}
}

static void
a_service_that_fails_is_asked_for_less(void **state)
{
	static const struct {
		enum err_kind told;
		const char *top; /* of the request after it */
	} want[] = {
		{ ERR_RETRY, "$top=50" },
		{ ERR_DEGRADE, "$top=25" },
		{ ERR_DEGRADE, "$top=12" },
		{ ERR_DEGRADE, "$top=10" },
		{ ERR_RETRY, "$top=10" },
	};
	const struct graph_alerts_conf conf = { .page_size = 50 };
	const struct cursor none = { .len = 0 };
	struct source *s = open_with(&conf, DAY "00:00:00Z");
	struct seen seen = new_seen();
	struct cursor to;
	struct buf text;

	(void)state;
	buf_init(&text, 1 << 16);
	begin_at(s, &none, NOON);
	ask(s, &text);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		answer(s, i % 2 ? 500 : 504, NULL, str_of(""), &seen);
		assert_int_equal(seen.err.kind, want[i].told);
		assert_non_null(strstr(ask(s, &text), want[i].top));
	}
	answer_page(s, "", &seen);
	assert_true(graph_alerts_ops.end(s, &to));
	/* The next round tries more again. */
	begin_at(s, &to, DAY "12:01:00Z");
	assert_non_null(strstr(ask(s, &text), "$top=20"));
	buf_clear(&text);
	clear_seen(&seen);
	graph_alerts_ops.close(&s);
}

static void
the_same_useless_answer_ends_the_round_by_name(void **state)
{
	const struct graph_alerts_conf conf = { .page_size = 50 };
	const struct cursor none = { .len = 0 };
	struct source *s = open_with(&conf, DAY "00:00:00Z");
	struct seen seen = new_seen();
	struct cursor to;
	struct buf text;

	(void)state;
	buf_init(&text, 1 << 16);
	begin_at(s, &none, NOON);
	for (int i = 0; i < 3; i++) {
		assert_string_not_equal(ask(s, &text), "");
		answer(s, 200, NULL, str_of("{}"), &seen);
		assert_int_equal(seen.err.kind, i < 2 ? ERR_RETRY : ERR_BUG);
	}
	assert_non_null(strstr(seen.err.text, "no progress"));
	assert_false(graph_alerts_ops.end(s, &to));
	buf_clear(&text);
	clear_seen(&seen);
	graph_alerts_ops.close(&s);
}

/* --- rounds ------------------------------------------------------------- */

/* One round at `now` in which the service lists these words; the request. */
static void
round_at(struct source *s, struct cursor *c, const char *now,
    const char *headers, const char *words, struct buf *first)
{
	struct seen seen = new_seen();
	struct buf body, text;

	buf_init(&text, 1 << 16);
	buf_init(&body, 1 << 16);
	buf_reset(first);
	begin_at(s, c, now);
	for (int asks = 0; *ask(s, &text) != '\0'; asks++) {
		assert_true(asks < 4);
		if (asks == 0)
			buf_add_str(first, buf_str(&text));
		buf_reset(&body);
		write_page(&body, asks == 0 ? words : "");
		answer(s, 200, headers, buf_str(&body), &seen);
	}
	assert_true(graph_alerts_ops.end(s, c));
	buf_clear(&text);
	buf_clear(&body);
	clear_seen(&seen);
}

static void
a_round_begins_an_overlap_behind_the_cursor(void **state)
{
	const struct graph_alerts_conf conf = { .page_size = 3,
		.settle_ms = 60000 };
	struct source *s = open_with(&conf, DAY "11:00:00Z");
	struct cursor c = { .len = 0 };
	struct buf first;

	(void)state;
	buf_init(&first, 1 << 16);
	round_at(s, &c, NOON, NULL, "", &first);
	assert_str(buf_str(&first), ASK("11:00:00.0000000", UNTIL));
	round_at(s, &c, DAY "12:01:00Z", NULL, "", &first);
	assert_str(
	    buf_str(&first), ASK("11:49:00.0000000", "12:00:00.0000000"));
	buf_clear(&first);
	graph_alerts_ops.close(&s);
}

static void
nothing_before_the_start_is_ever_asked_for(void **state)
{
	const struct graph_alerts_conf conf = { .page_size = 3,
		.settle_ms = 60000,
		.sweep_ms = 60000,
		.sweep_overlap_ms = 24 * 3600 * 1000 };
	struct source *s = open_with(&conf, NOON);
	struct cursor c = { .len = 0 };
	struct buf first;

	(void)state;
	buf_init(&first, 1 << 16);
	round_at(s, &c, NOON, NULL, "", &first);
	assert_str(buf_str(&first), "");
	graph_alerts_ops.close(&s);
	/* Not even after a restart with another "now". */
	s = open_with(&conf, DAY "12:01:30Z");
	round_at(s, &c, DAY "12:02:00Z", NULL, "", &first);
	assert_str(
	    buf_str(&first), ASK("12:00:00.0000000", "12:01:00.0000000"));
	buf_clear(&first);
	graph_alerts_ops.close(&s);
}

static void
a_sweep_looks_back_for_what_came_late(void **state)
{
	const struct graph_alerts_conf conf = { .page_size = 3,
		.settle_ms = 60000,
		.sweep_ms = 6 * 3600 * 1000,
		.sweep_overlap_ms = 5 * 3600 * 1000 };
	struct source *s = open_with(&conf, DAY "00:00:00Z");
	struct cursor c = { .len = 0 };
	struct buf first;

	(void)state;
	buf_init(&first, 1 << 16);
	round_at(s, &c, NOON, NULL, "", &first);
	round_at(s, &c, DAY "17:59:00Z", NULL, "", &first);
	assert_str(
	    buf_str(&first), ASK("11:49:00.0000000", "17:58:00.0000000"));
	round_at(s, &c, DAY "18:00:00Z", NULL, "", &first);
	assert_str(
	    buf_str(&first), ASK("12:59:00.0000000", "17:59:00.0000000"));
	round_at(s, &c, DAY "18:01:00Z", NULL, "", &first);
	assert_str(
	    buf_str(&first), ASK("17:49:00.0000000", "18:00:00.0000000"));
	buf_clear(&first);
	graph_alerts_ops.close(&s);
}

static void
a_clock_set_back_asks_nothing_and_keeps_the_cursor(void **state)
{
	const struct graph_alerts_conf conf = { .page_size = 3,
		.settle_ms = 60000 };
	struct source *s = open_with(&conf, DAY "00:00:00Z");
	struct cursor c = { .len = 0 };
	struct buf first;

	(void)state;
	buf_init(&first, 1 << 16);
	round_at(s, &c, NOON, NULL, "", &first);
	round_at(s, &c, DAY "03:00:00Z", NULL, "", &first);
	assert_str(buf_str(&first), "");
	assert_str(cursor_get(&c, "read-until"), DAY UNTIL "Z");
	/* Some minutes only: what can be asked is asked. */
	round_at(s, &c, DAY "11:55:00Z", NULL, "", &first);
	assert_str(
	    buf_str(&first), ASK("11:49:00.0000000", "11:54:00.0000000"));
	assert_str(cursor_get(&c, "read-until"), DAY UNTIL "Z");
	buf_clear(&first);
	graph_alerts_ops.close(&s);
}

static void
a_clock_that_is_ahead_does_not_carry_the_cursor_along(void **state)
{
	const struct graph_alerts_conf conf = { .page_size = 3,
		.settle_ms = 60000 };
	struct source *s = open_with(&conf, DAY "00:00:00Z");
	struct cursor c = { .len = 0 };
	struct buf first;

	(void)state;
	buf_init(&first, 1 << 16);
	round_at(s, &c, "2026-03-09T12:00:00Z",
	    "Date: Sun, 01 Mar 2026 12:00:00 GMT\n", "a@11:59:30", &first);
	assert_str(cursor_get(&c, "read-until"), DAY UNTIL "Z");
	buf_clear(&first);
	graph_alerts_ops.close(&s);
}

static void
services_and_severities_narrow_the_question(void **state)
{
	char cloud_apps[] = "microsoftDefenderForCloudApps";
	char dlp[] = "dataLossPrevention", high[] = "high";
	char *services[] = { cloud_apps, dlp }, *severities[] = { high };
	const struct graph_alerts_conf conf = { .page_size = 3,
		.settle_ms = 60000,
		.services = { services, 2 },
		.severities = { severities, 1 } };
	struct source *s = open_with(&conf, DAY "00:00:00Z");
	const struct cursor none = { .len = 0 };
	struct buf text;

	(void)state;
	buf_init(&text, 1 << 16);
	begin_at(s, &none, NOON);
	assert_string_equal(ask(s, &text),
	    LIST FROM "Z and lastUpdateDateTime lt " DAY UNTIL "Z"
		      " and (serviceSource eq 'microsoftDefenderForCloudApps'"
		      " or serviceSource eq 'dataLossPrevention')"
		      " and (severity eq 'high')" RISING "&$top=3");
	buf_clear(&text);
	graph_alerts_ops.close(&s);
}

static void
a_severity_that_does_not_exist_is_refused(void **state)
{
	char critical[] = "critical", quote[] = "a' or 'b";
	char *severities[] = { critical }, *services[] = { quote };
	const struct graph_alerts_conf bad[] = {
		{ .page_size = 3, .severities = { severities, 1 } },
		{ .page_size = 3, .services = { services, 1 } },
	};
	const struct source_common common = { .base_url = BASE };
	struct err err;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_null(graph_alerts_ops.open(&bad[i], &common, &err));
		assert_int_equal(err.kind, ERR_CONF);
	}
	assert_non_null(strstr(err.text, "services"));
}

static void
requests_carry_the_headers_that_graph_wants(void **state)
{
	const struct graph_alerts_conf conf = { .page_size = 3 };
	struct source *s = open_with(&conf, DAY "00:00:00Z");
	const struct cursor none = { .len = 0 };
	struct httpreq req;

	(void)state;
	begin_at(s, &none, NOON);
	httpreq_init(&req);
	assert_int_equal(graph_alerts_ops.ask(s, &req), 1);
	assert_int_equal(req.method, HTTP_GET);
	assert_non_null(strstr(
	    buf_cstr(&req.headers), "Prefer: include-unknown-enum-members\n"));
	assert_non_null(strstr(buf_cstr(&req.headers), "client-request-id: "));
	assert_null(strstr(buf_cstr(&req.url), " "));
	assert_null(strstr(buf_cstr(&req.url), "+"));
	/* One at a time: paging has no second request. */
	assert_int_equal(graph_alerts_ops.ask(s, &req), 0);
	httpreq_clear(&req);
	graph_alerts_ops.close(&s);
}

/* --- records ------------------------------------------------------------ */

static const struct {
	const char *json;
	const char *id, *version; /* id NULL: refused */
	const char *time, *born;
} records[] = {
	{ "{\"id\":\"ca1\",\"createdDateTime\":\"2026-02-28T10:00:00Z\","
	  "\"lastUpdateDateTime\":\"2026-03-01T08:05:41.1330415Z\"}",
	    "ca1", "2026-03-01T08:05:41.1330415Z", "2026-03-01T08:05:41.133Z",
	    "2026-02-28T10:00:00Z" },
	{ "{\"id\":\"ca1\",\"lastUpdateDateTime\":\"2026-03-01T08:05:41.5Z\"}",
	    "ca1", "2026-03-01T08:05:41.5000000Z", "2026-03-01T08:05:41.5Z",
	    "1970-01-01T00:00:00Z" },
	{ "{\"id\":\"d\\u006c2\",\"createdDateTime\":\"2026-02-28T10:00:00Z\","
	  "\"lastUpdateDateTime\":\"0001-01-01T00:00:00Z\"}",
	    "dl2", "2026-02-28T10:00:00.0000000Z", "2026-02-28T10:00:00Z",
	    "2026-02-28T10:00:00Z" },
	{ "{\"id\":\"x\",\"createdDateTime\":null}", "x", "", DAY "11:59:00Z",
	    "1970-01-01T00:00:00Z" },
	{ "{\"lastUpdateDateTime\":\"2026-03-01T08:05:41.5Z\"}", NULL, NULL,
	    NULL, NULL },
	{ "{\"id\":\"\"}", NULL, NULL, NULL, NULL },
	{ "{\"id\":null}", NULL, NULL, NULL, NULL },
	{ "[1]", NULL, NULL, NULL, NULL },
	{ "null", NULL, NULL, NULL, NULL },
};

static void
records_carry_id_version_and_times(void **state)
{
	const struct graph_alerts_conf conf = { .page_size = 3,
		.settle_ms = 60000 };
	struct source *s = open_with(&conf, DAY "00:00:00Z");
	const struct cursor none = { .len = 0 };

	(void)state;
	begin_at(s, &none, NOON);
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		struct json_doc doc;
		struct record rec;
		struct err err;
		int rc;

		json_init(&doc, 0, 0);
		assert_int_equal(
		    json_parse(&doc, str_of(records[i].json), &err), 0);
		rc = graph_alerts_ops.record(s, 0, &doc, &rec, &err);
		if (records[i].id == NULL) {
			assert_int_equal(rc, -1);
			assert_int_equal(err.kind, ERR_DATA);
		} else {
			assert_int_equal(rc, 0);
			assert_str(rec.id, records[i].id);
			assert_str(rec.version, records[i].version);
			assert_true(
			    rec.time_ms == (uint64_t)ms_of(records[i].time));
			assert_true(
			    rec.born_ms == (uint64_t)ms_of(records[i].born));
			assert_ptr_equal(rec.doc, &doc);
		}
		json_clear(&doc);
	}
	graph_alerts_ops.close(&s);
}

static void
an_overlong_id_is_refused(void **state)
{
	static const char *const parts[] = { "x", "\\u0041" };
	const struct graph_alerts_conf conf = { .page_size = 3 };
	struct source *s = open_with(&conf, DAY "00:00:00Z");
	const struct cursor none = { .len = 0 };

	(void)state;
	begin_at(s, &none, NOON);
	for (size_t k = 0; k < 2; k++) {
		struct json_doc doc;
		struct record rec;
		struct buf text;
		struct err err;

		buf_init(&text, 1 << 16);
		buf_add_text(&text, "{\"id\":\"");
		for (int i = 0; i <= RECORD_ID_MAX; i++)
			buf_add_text(&text, parts[k]);
		buf_add_text(&text, "\"}");
		json_init(&doc, 0, 0);
		assert_int_equal(json_parse(&doc, buf_str(&text), &err), 0);
		assert_int_equal(
		    graph_alerts_ops.record(s, 0, &doc, &rec, &err), -1);
		assert_non_null(strstr(err.text, "too long"));
		json_clear(&doc);
		buf_clear(&text);
	}
	graph_alerts_ops.close(&s);
}

static void
the_table_knows_each_type_and_its_allowance(void **state)
{
	const struct source_ops *ops = source_find("graph-alerts");

	(void)state;
	assert_ptr_equal(ops, &graph_alerts_ops);
	assert_null(source_find("graph-alert"));
	/* 150 a minute: what may go at once and what the minute adds. */
	assert_true(
	    ops->limits->requests + 60000 / ops->limits->period_ms < 150);
	for (size_t i = 0; ops->opts[i].name != NULL; i++)
		assert_non_null(ops->opts[i].help);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(alerts_are_read_whole_however_pages_end),
	cmocka_unit_test(errors_say_what_to_do),
	cmocka_unit_test(a_service_that_fails_is_asked_for_less),
	cmocka_unit_test(the_same_useless_answer_ends_the_round_by_name),
	cmocka_unit_test(a_round_begins_an_overlap_behind_the_cursor),
	cmocka_unit_test(nothing_before_the_start_is_ever_asked_for),
	cmocka_unit_test(a_sweep_looks_back_for_what_came_late),
	cmocka_unit_test(a_clock_set_back_asks_nothing_and_keeps_the_cursor),
	cmocka_unit_test(a_clock_that_is_ahead_does_not_carry_the_cursor_along),
	cmocka_unit_test(services_and_severities_narrow_the_question),
	cmocka_unit_test(a_severity_that_does_not_exist_is_refused),
	cmocka_unit_test(requests_carry_the_headers_that_graph_wants),
	cmocka_unit_test(records_carry_id_version_and_times),
	cmocka_unit_test(an_overlong_id_is_refused),
	cmocka_unit_test(the_table_knows_each_type_and_its_allowance),
};

UNIT_MAIN(tests)
