/* tests/test_graph_incidents.c -- incidents, with their alerts or without. */
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
#include "source/graph_incidents.h"
#include "source/source.h"

#define BASE "https://graph.example.test"
#define DAY "2026-03-01T"
#define NOON DAY "12:00:00Z"

/* --- a small cloud ------------------------------------------------------ */

static void
write_alerts(struct buf *out, struct str ids)
{
	bool first = true;

	buf_add_char(out, '[');
	while (ids.len > 0) {
		struct str id = str_cut(&ids, ',');

		buf_addf(out, "%s{\"id\":\"%.*s\",\"title\":\"t\\\"}\"}",
		    first ? "" : ",", STR_ARG(id));
		first = false;
	}
	buf_add_char(out, ']');
}

/* "17@10:00:00", "17@10:00:00+a1,a2" with alerts. */
static void
write_incident(struct buf *out, struct str word)
{
	struct str alerts = word, time = str_cut(&alerts, '+');
	struct str id = str_cut(&time, '@');

	buf_addf(out,
	    "{\"id\":\"%.*s\",\"createdDateTime\":\"" DAY "00:00:01Z\","
	    "\"lastUpdateDateTime\":\"" DAY "%.*sZ\"",
	    STR_ARG(id), STR_ARG(time));
	if (alerts.p != NULL) {
		buf_add_text(out, ",\"alerts\":");
		write_alerts(out, alerts);
	}
	buf_add_char(out, '}');
}

/*
 * The words of a body: "=INCIDENT" is one alone, ":A1,A2" are alerts, each
 * other word is an incident of a list; ">URL" is the next link.
 */
static void
write_body(struct buf *out, const char *words)
{
	struct str rest = str_of(words), link = { NULL, 0 };
	bool first = true;

	if (words[0] == '=') {
		write_incident(out, str_of(words + 1));
		return;
	}
	buf_add_text(out, "{\"value\":");
	if (words[0] != ':')
		buf_add_char(out, '[');
	while (rest.len > 0) {
		struct str word = str_cut(&rest, ' ');

		if (word.p[0] == '>') {
			link = str_make(word.p + 1, word.len - 1);
		} else if (word.p[0] == ':') {
			write_alerts(out, str_make(word.p + 1, word.len - 1));
		} else {
			if (!first)
				buf_add_char(out, ',');
			write_incident(out, word);
			first = false;
		}
	}
	if (words[0] != ':')
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

struct seen {
	struct buf ids; /* "17(a1,a2) 18" */
	struct err err;
};

static struct seen
new_seen(void)
{
	struct seen seen = { .err.kind = ERR_NONE };

	buf_init(&seen.ids, 1 << 20);
	return seen;
}

static struct source *
open_with(const struct graph_incidents_conf *conf)
{
	struct source_common common = {
		.base_url = BASE,
		.overlap_ms = 10 * 60 * 1000,
		.start_ms = ms_of(DAY "00:00:00Z"),
	};
	struct err err;
	struct source *s = graph_incidents_ops.open(conf, &common, &err);

	if (s == NULL)
		fail_msg("%s", err.text);
	return s;
}

static void
begin_at(struct source *s, const struct cursor *from, const char *now)
{
	struct err err;

	assert_int_equal(
	    graph_incidents_ops.begin(s, from, (uint64_t)ms_of(now), &err), 0);
}

/* The path and query of the next request, decoded; empty: none. */
static const char *
ask(struct source *s, struct buf *text)
{
	struct httpreq req;

	buf_reset(text);
	httpreq_init(&req);
	if (graph_incidents_ops.ask(s, &req) == 1) {
		struct str url = buf_str(&req.url), base = STR_LIT(BASE);

		assert_true(str_starts(url, base));
		assert_non_null(strstr(buf_cstr(&req.headers), "Prefer: "));
		assert_true(uri_decode(
		    text, str_make(url.p + base.len, url.len - base.len)));
		assert_int_equal(graph_incidents_ops.ask(s, &req), 0);
	}
	httpreq_clear(&req);
	return buf_cstr(text);
}

static void
note(const struct record *rec, struct seen *seen)
{
	uint32_t list = json_member(rec->doc, 0, STR_LIT("alerts"));
	bool first = true;

	if (seen->ids.len > 0)
		buf_add_char(&seen->ids, ' ');
	buf_add_str(&seen->ids, rec->id);
	assert_str(rec->type, "graph-incidents");
	assert_true(rec->time_ms > rec->born_ms && rec->born_ms > 0);
	if (list == JSON_NONE)
		return;
	buf_add_char(&seen->ids, '(');
	for (uint32_t i = json_first(rec->doc, list); i != JSON_NONE;
	     i = json_after(rec->doc, list, i)) {
		if (!first)
			buf_add_char(&seen->ids, ',');
		json_decode(rec->doc, json_member(rec->doc, i, STR_LIT("id")),
		    &seen->ids);
		first = false;
	}
	buf_add_char(&seen->ids, ')');
}

static void
take_record(struct source *s, struct str text, struct seen *seen)
{
	struct json_doc doc;
	struct record rec;
	struct err err;
	int rc;

	json_init(&doc, 0, 0);
	assert_int_equal(json_parse(&doc, text, &err), 0);
	rc = graph_incidents_ops.record(s, 0, &doc, &rec, &err);
	if (rc == 0)
		note(&rec, seen);
	else if (rc < 0)
		seen->err = err;
	json_clear(&doc);
}

static void
take_body(struct source *s, const char *records, const struct httpresp *resp,
    struct str body, struct seen *seen)
{
	static const char none[] = "null";
	struct json_doc page;
	uint32_t list;

	json_init(&page, 0, 0);
	assert_int_equal(json_parse(&page, body, &seen->err), 0);
	seen->err = (struct err){ .kind = ERR_NONE };
	if (strcmp(records, "$") == 0) {
		take_record(s, body, seen);
		assert_int_equal(json_parse(&page, str_of(none), NULL), 0);
	} else {
		assert_string_equal(records, "value[*]");
		list = json_member(&page, 0, STR_LIT("value"));
		for (uint32_t i = json_first(&page, list); i != JSON_NONE;
		     i = json_after(&page, list, i))
			take_record(s, json_raw(&page, i), seen);
	}
	graph_incidents_ops.tail(s, resp, &page, &seen->err);
	json_clear(&page);
}

/* Answer as the poller would. */
static void
answer(struct source *s, int status, const char *words, struct seen *seen)
{
	struct httpresp resp;
	const char *records = NULL;
	struct buf body;

	httpresp_init(&resp);
	buf_init(&body, 16 << 20);
	resp.status = status;
	seen->err = (struct err){ .kind = ERR_NONE };
	if (status == 200)
		write_body(&body, words);
	else if (words != NULL)
		buf_add_text(&body, words);
	if (status == 0) {
		err_set(&seen->err, ERR_RETRY, "connection broke");
		(graph_incidents_ops.fail)(s, &resp, str_of(""), 1, &seen->err);
	} else if (graph_incidents_ops.head(s, &resp, &records) < 0) {
		(graph_incidents_ops.fail)(s, &resp, buf_str(&body),
		    (uint64_t)ms_of(NOON), &seen->err);
	} else {
		take_body(s, records, &resp, buf_str(&body), seen);
	}
	buf_clear(&body);
	httpresp_clear(&resp);
}

/* --- scripts of a round ------------------------------------------------- */

#define PATH "/v1.0/security/incidents"
#define LIST PATH "?$filter=lastUpdateDateTime ge " DAY
#define FROM "00:00:00.0000000"
#define UNTIL "11:59:00.0000000"
#define ASK(low, top)                                     \
	LIST low "Z and lastUpdateDateTime lt " DAY UNTIL \
		 "Z&$orderby=lastUpdateDateTime asc&$top=" top
#define EXPANDED(low, top) ASK(low, top) "&$expand=alerts"
#define ONE(id) PATH "/" id "?$expand=alerts"

/* The service cannot put pages together at all. */
#define HOPELESS                                                  \
	{ EXPANDED(FROM, "12"), 500, "", ERR_RETRY },             \
	    { EXPANDED(FROM, "12"), 504, "<html>", ERR_DEGRADE }, \
	{                                                         \
		EXPANDED(FROM, "10"), 500, "", ERR_DEGRADE        \
	}

struct step {
	const char *want; /* to be asked; NULL: the end of the script */
	int status;       /* of the answer; 0: it breaks off */
	const char *body; /* of an error; of a success: words */
	enum err_kind told;
};

static const struct script {
	const char *name;
	struct step steps[16];
	const char *ids;
} scripts[] = {
	{ "pages bring incidents with their alerts",
	    { { EXPANDED(FROM, "12"), 200,
		  "1@01:00:00+a,b 2@02:00:00+ >" BASE "/next", ERR_NONE },
		{ "/next", 200, "3@03:00:00+c", ERR_NONE } },
	    "1(a,b) 2() 3(c)" },
	{ "an incident that changed comes again",
	    { { EXPANDED(FROM, "12"), 200, "1@01:00:00+a >" BASE "/n",
		  ERR_NONE },
		{ "/n", 200, "1@03:00:00+a,b", ERR_NONE } },
	    "1(a) 1(a,b)" },
	{ "pages that fail get shorter",
	    { { EXPANDED(FROM, "12"), 500, "", ERR_RETRY },
		{ EXPANDED(FROM, "12"), 500, "", ERR_DEGRADE },
		{ EXPANDED(FROM, "10"), 200, "1@01:00:00+a >" BASE "/n",
		    ERR_NONE },
		{ "/n", 200, "", ERR_NONE } },
	    "1(a)" },
	{ "what fails for ever is got one by one",
	    { HOPELESS,
		{ ASK(FROM, "12"), 200, "1@01:00:00 2@02:00:00 >" BASE "/n",
		    ERR_NONE },
		{ ONE("1"), 200, "=1@01:00:00+a,b", ERR_NONE },
		{ ONE("2"), 200, "=2@02:00:00+", ERR_NONE },
		{ "/n", 200, "3@03:00:00", ERR_NONE },
		{ ONE("3"), 200, "=3@03:30:00+c", ERR_NONE } },
	    "1(a,b) 2() 3(c)" },
	{ "an incident with too many alerts is put together from its pages",
	    { HOPELESS,
		{ ASK(FROM, "12"), 200, "1@01:00:00 2@02:00:00 >" BASE "/n",
		    ERR_NONE },
		{ ONE("1"), 500, "", ERR_RETRY },
		{ ONE("1"), 500, "", ERR_PART },
		{ PATH "/1/alerts", 200, ":a,b >" BASE "/a2", ERR_NONE },
		{ "/a2", 503, "", ERR_RETRY },
		{ PATH "/1/alerts", 200, ":a,b >" BASE "/a2", ERR_NONE },
		{ "/a2", 200, ":c", ERR_NONE },
		{ PATH "/1", 200, "=1@01:00:00", ERR_NONE },
		{ ONE("2"), 200, "=2@02:00:00+d", ERR_NONE },
		{ "/n", 200, "", ERR_NONE } },
	    "1(a,b,c) 2(d)" },
	{ "at worst it goes alone",
	    { HOPELESS,
		{ ASK(FROM, "12"), 200, "1@01:00:00 >" BASE "/n", ERR_NONE },
		{ ONE("1"), 500, "", ERR_RETRY },
		{ ONE("1"), 0, "", ERR_RETRY }, { ONE("1"), 504, "", ERR_PART },
		{ PATH "/1/alerts", 200, ":a >" BASE "/a2", ERR_NONE },
		{ "/a2", 500, "", ERR_RETRY },
		{ PATH "/1/alerts", 500, "", ERR_PART },
		{ PATH "/1", 500, "", ERR_RETRY },
		{ PATH "/1", 500, "", ERR_RETRY },
		{ PATH "/1", 200, "=1@01:00:00", ERR_NONE },
		{ "/n", 200, "", ERR_NONE } },
	    "1" },
	{ "one that is gone meanwhile does not hold up the others",
	    { HOPELESS,
		{ ASK(FROM, "12"), 200, "1@01:00:00 2@02:00:00 >" BASE "/n",
		    ERR_NONE },
		{ ONE("1"), 404, "", ERR_PART },
		{ ONE("2"), 200, "=2@02:00:00+a", ERR_NONE },
		{ "/n", 200, "", ERR_NONE } },
	    "2(a)" },
	{ "a service that knows no list of alerts leaves the incident",
	    { HOPELESS,
		{ ASK(FROM, "12"), 200, "1@01:00:00 >" BASE "/n", ERR_NONE },
		{ ONE("1"), 500, "", ERR_RETRY },
		{ ONE("1"), 500, "", ERR_PART },
		{ PATH "/1/alerts", 404, "", ERR_PART },
		{ PATH "/1", 200, "=1@01:00:00", ERR_NONE },
		{ "/n", 200, "", ERR_NONE } },
	    "1" },
	{ "a refused $expand is left out at once",
	    { { EXPANDED(FROM, "12"), 400,
		  "{\"error\":{\"message\":\"$expand is not supported\"}}",
		  ERR_DEGRADE },
		{ ASK(FROM, "12"), 200, "1@01:00:00 >" BASE "/n", ERR_NONE },
		{ ONE("1"), 200, "=1@01:00:00+a", ERR_NONE },
		{ "/n", 200, "", ERR_NONE } },
	    "1(a)" },
	{ "alerts are not looked for elsewhere",
	    { HOPELESS,
		{ ASK(FROM, "12"), 200, "1@01:00:00 >" BASE "/n", ERR_NONE },
		{ ONE("1"), 500, "", ERR_RETRY },
		{ ONE("1"), 500, "", ERR_PART },
		{ PATH "/1/alerts", 200, ":a >https://evil.example/",
		    ERR_DATA },
		{ PATH "/1", 200, "=1@01:00:00", ERR_NONE },
		{ "/n", 200, "", ERR_NONE } },
	    "1(a)" },
	{ "a list that breaks off is asked for again as a whole",
	    { HOPELESS, { ASK(FROM, "12"), 503, "", ERR_RETRY },
		{ ASK(FROM, "12"), 200, "1@01:00:00 >" BASE "/n", ERR_NONE },
		{ ONE("1"), 429, "", ERR_WAIT },
		{ ONE("1"), 401, "", ERR_LOGIN },
		{ ONE("1"), 200, "=1@01:00:00+a", ERR_NONE },
		{ "/n", 200, "", ERR_NONE } },
	    "1(a)" },
};

static void
play_script(const struct script *sc)
{
	const struct graph_incidents_conf conf = {
		.page_size = 12, .alerts = true, .settle_ms = 60000
	};
	const struct cursor none = { .len = 0 };
	struct source *s = open_with(&conf);
	struct seen seen = new_seen();
	struct cursor to;
	struct buf text;

	buf_init(&text, 1 << 16);
	begin_at(s, &none, NOON);
	for (const struct step *st = sc->steps; st->want; st++) {
		const char *got = ask(s, &text);

		if (strcmp(got, st->want) != 0)
			fail_msg("%s, step %td:\ngot  %s\nwant %s", sc->name,
			    st - sc->steps, got, st->want);
		assert_false(graph_incidents_ops.end(s, &to));
		answer(s, st->status, st->body, &seen);
		if (seen.err.kind != st->told)
			fail_msg("%s, step %td: told %d: %s", sc->name,
			    st - sc->steps, seen.err.kind, seen.err.text);
	}
	if (*ask(s, &text) != '\0')
		fail_msg("%s: goes on: %s", sc->name, buf_cstr(&text));
	if (!str_is(buf_str(&seen.ids), sc->ids))
		fail_msg("%s: ids %s", sc->name, buf_cstr(&seen.ids));
	assert_true(graph_incidents_ops.end(s, &to));
	assert_str(cursor_get(&to, "read-until"), DAY UNTIL "Z");
	buf_clear(&text);
	buf_clear(&seen.ids);
	graph_incidents_ops.close(&s);
	assert_null(s);
}

static void
incidents_come_with_all_of_their_alerts_that_can_be_had(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		play_script(&scripts[i]);
}

/* --- and the rest ------------------------------------------------------- */

static void
an_hour_later_pages_with_alerts_are_tried_again(void **state)
{
	static const struct {
		const char *now, *want;
	} rounds[] = {
		{ DAY "12:59:59Z", "&$top=12" },
		{ DAY "13:00:00Z", "&$top=12&$expand=alerts" },
	};
	const struct graph_incidents_conf conf = { .page_size = 12,
		.alerts = true };
	const struct cursor none = { .len = 0 };
	struct source *s = open_with(&conf);
	struct seen seen = new_seen();
	struct buf text;

	(void)state;
	buf_init(&text, 1 << 16);
	begin_at(s, &none, NOON);
	for (int i = 0; i < 3; i++) {
		ask(s, &text);
		answer(s, 500, "", &seen);
	}
	assert_non_null(strstr(seen.err.text, "without their alerts"));
	for (size_t i = 0; i < 2; i++) {
		begin_at(s, &none, rounds[i].now);
		assert_true(
		    str_ends(str_of(ask(s, &text)), str_of(rounds[i].want)));
	}
	buf_clear(&text);
	buf_clear(&seen.ids);
	graph_incidents_ops.close(&s);
}

static void
alerts_that_nobody_wants_are_not_asked_for(void **state)
{
	char high[] = "high";
	char *severities[] = { high };
	const struct graph_incidents_conf conf = { .page_size = 12,
		.severities = { severities, 1 },
		.settle_ms = 60000 };
	const struct cursor none = { .len = 0 };
	struct source *s = open_with(&conf);
	struct seen seen = new_seen();
	struct buf text;

	(void)state;
	buf_init(&text, 1 << 16);
	begin_at(s, &none, NOON);
	assert_string_equal(ask(s, &text),
	    LIST FROM "Z and lastUpdateDateTime lt " DAY UNTIL
		      "Z and (severity eq 'high')"
		      "&$orderby=lastUpdateDateTime asc&$top=12");
	answer(s, 200, "1@01:00:00 >" BASE "/n", &seen);
	assert_string_equal(ask(s, &text), "/n");
	answer(s, 200, "", &seen);
	assert_string_equal(ask(s, &text), "");
	assert_str(buf_str(&seen.ids), "1");
	buf_clear(&text);
	buf_clear(&seen.ids);
	graph_incidents_ops.close(&s);
}

static void
more_alerts_than_can_be_held_are_told(void **state)
{
	const struct graph_incidents_conf conf = { .page_size = 10,
		.alerts = true };
	const struct cursor none = { .len = 0 };
	struct source *s = open_with(&conf);
	struct seen seen = new_seen();
	struct buf text, page;

	(void)state;
	buf_init(&text, 1 << 16);
	buf_init(&page, 8 << 20);
	begin_at(s, &none, NOON);
	for (int i = 0; i < 2; i++) {
		ask(s, &text);
		answer(s, 500, "", &seen);
	}
	ask(s, &text);
	answer(s, 200, "7@01:00:00 >" BASE "/n", &seen);
	for (int i = 0; i < 2; i++) {
		ask(s, &text);
		answer(s, 500, "", &seen);
	}
	buf_add_text(&page, ":");
	for (int i = 0; i < 200000; i++)
		buf_addf(&page, "%s%06d", i > 0 ? "," : "", i);
	assert_string_equal(ask(s, &text), PATH "/7/alerts");
	answer(s, 200, buf_cstr(&page), &seen);
	assert_int_equal(seen.err.kind, ERR_DATA);
	assert_non_null(strstr(seen.err.text, "incident 7: its alerts"));
	assert_string_equal(ask(s, &text), PATH "/7");
	answer(s, 200, "=7@01:00:00", &seen);
	assert_int_equal(seen.err.kind, ERR_NONE);
	assert_true(str_starts(buf_str(&seen.ids), STR_LIT("7(000000,000001")));
	buf_clear(&text);
	buf_clear(&page);
	buf_clear(&seen.ids);
	graph_incidents_ops.close(&s);
}

static void
the_table_knows_incidents(void **state)
{
	const struct source_ops *ops = source_find("graph-incidents");

	(void)state;
	assert_ptr_equal(ops, &graph_incidents_ops);
	assert_string_equal(ops->api, source_find("graph-alerts")->api);
	assert_string_equal(ops->permission, "SecurityIncident.Read.All");
	for (size_t i = 0; ops->opts[i].name != NULL; i++)
		assert_non_null(ops->opts[i].help);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(
	    incidents_come_with_all_of_their_alerts_that_can_be_had),
	cmocka_unit_test(an_hour_later_pages_with_alerts_are_tried_again),
	cmocka_unit_test(alerts_that_nobody_wants_are_not_asked_for),
	cmocka_unit_test(more_alerts_than_can_be_held_are_told),
	cmocka_unit_test(the_table_knows_incidents),
};

UNIT_MAIN(tests)
