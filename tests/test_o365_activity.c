/* tests/test_o365_activity.c -- answers in, requests and records out. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "codec/httpmsg.h"
#include "codec/json.h"
#include "codec/jsonsplit.h"
#include "codec/rfc3339.h"
#include "codec/uri.h"
#include "record/cursor.h"
#include "record/record.h"
#include "source/o365_activity.h"
#include "source/source.h"

#define BASE "https://manage.example.test"
#define TENANT "0e1dddce-163e-4b0b-9e33-87ba56ac4655"
#define PUBLISHER "PublisherIdentifier=" TENANT
#define OPERATION "/api/v1.0/" TENANT "/activity/feed/subscriptions/"
#define DAY "2026-03-01T"
#define NOON DAY "12:00:00Z"

/* --- a small cloud ------------------------------------------------------ */

static int64_t
ms_of(const char *text)
{
	int64_t ms;

	assert_true(rfc3339_parse_ms(str_of(text), &ms));
	return ms;
}

/* The source, the requests that are out, and what came of the answers. */
struct cloud {
	struct source *s;
	struct cursor at;
	char now[32];
	struct buf ids;  /* of records, "a; b" */
	unsigned aside;  /* set aside */
	struct err told; /* the last that was */
	unsigned n_told;
	struct buf url; /* of the last request, as it is shown */
	unsigned tag;
};

static void
open_cloud(struct cloud *c, struct o365_activity_conf *conf, const char *start)
{
	struct source_common common = {
		.base_url = BASE,
		.tenant_id = TENANT,
		.overlap_ms = 10 * 60 * 1000,
		.start_ms = ms_of(start),
	};
	struct err err;

	*c = (struct cloud){ 0 };
	c->s = o365_activity_ops.open(conf, &common, &err);
	if (c->s == NULL)
		fail_msg("%s", err.text);
	buf_init(&c->ids, 1 << 20);
	buf_init(&c->url, 1 << 16);
}

static char general[] = "Audit.General", dlp[] = "DLP.All";
static char *one_feed[] = { general };
static char *two_feeds[] = { dlp, general };

/* One content type, no settling, no sweep: what is simple to write down. */
static struct o365_activity_conf
plain_conf(void)
{
	struct o365_activity_conf conf = { .publisher_id = NULL };

	opt_defaults(o365_activity_ops.opts, &conf);
	conf.content_types = (struct opt_list){ one_feed, 1 };
	conf.settle_ms = 0;
	conf.sweep_ms = 0;
	return conf;
}

static void
close_cloud(struct cloud *c)
{
	o365_activity_ops.close(&c->s);
	buf_clear(&c->ids);
	buf_clear(&c->url);
}

static void
begin(struct cloud *c, const char *now)
{
	struct err err;

	snprintf(c->now, sizeof(c->now), "%s", now);
	buf_reset(&c->ids);
	c->aside = c->n_told = 0;
	err_clear(&c->told);
	assert_int_equal(
	    o365_activity_ops.begin(c->s, &c->at, (uint64_t)ms_of(now), &err),
	    0);
}

/* Ask; show path and query, decoded, short: "start", "list", "/blob". */
static const char *
ask(struct cloud *c)
{
	struct str url, base = STR_LIT(BASE), operation = STR_LIT(OPERATION);
	struct str publisher = STR_LIT(PUBLISHER);
	struct httpreq req;

	buf_reset(&c->url);
	httpreq_init(&req);
	if (o365_activity_ops.ask(c->s, &req) == 1) {
		url = buf_str(&req.url);
		if (!str_starts(url, base) || !str_ends(url, publisher))
			fail_msg("asked for %.*s", STR_ARG(url));
		c->tag = req.tag;
		url.p += base.len;
		url.len -= base.len + publisher.len + 1;
		if (str_starts(url, operation)) {
			url.p += operation.len;
			url.len -= operation.len;
		}
		if (req.method == HTTP_POST)
			buf_add_text(&c->url, "POST ");
		assert_true(uri_decode(&c->url, url));
	}
	httpreq_clear(&req);
	return buf_cstr(&c->url);
}

static void
want(struct cloud *c, const char *request)
{
	const char *got = ask(c);

	if (strcmp(got, request) != 0)
		fail_msg("asked \"%s\"\nwanted \"%s\"", got, request);
}

struct answering {
	struct cloud *c;
	unsigned tag;
};

static int
on_record(void *arg, struct str text, size_t oversize, struct err *err)
{
	struct answering *a = arg;
	struct cloud *c = a->c;
	struct json_doc doc;
	struct record rec;
	int rc;

	assert_int_equal(oversize, 0);
	json_init(&doc, 0, 0);
	rc = json_parse(&doc, text, err);
	if (rc == 0)
		rc = o365_activity_ops.record(c->s, a->tag, &doc, &rec, err);
	if (rc < 0) {
		c->aside++;
		c->told = *err;
	} else if (rc == 0) {
		if (c->ids.len > 0)
			buf_add_text(&c->ids, "; ");
		buf_add_str(&c->ids, rec.id);
		assert_str(rec.type, "o365-activity");
		assert_int_equal(rec.version.len, 0);
	}
	json_clear(&doc);
	return 0;
}

/* Feed a whole answer, as the poller does; the error that came of it. */
static enum err_kind
answer(struct cloud *c, unsigned tag, int status, const char *headers,
    const char *body)
{
	struct jsonsplit_conf conf = {
		.max_record = 1 << 20, .max_envelope = 1 << 20, .max_depth = 64
	};
	const struct source_ops *ops = &o365_activity_ops;
	struct answering a = { c, tag };
	struct err err = { .kind = ERR_NONE };
	struct jsonsplit *split = NULL;
	struct httpresp resp;
	struct json_doc doc;
	struct str envelope;
	int rc = -1;

	httpresp_init(&resp);
	resp.status = status;
	resp.tag = tag;
	buf_add_text(&resp.headers, headers);
	json_init(&doc, 0, 0);
	if (status != 0 && ops->head(c->s, &resp, &conf.records) == 0) {
		split = jsonsplit_new(&conf, on_record, &a);
		rc = jsonsplit_feed(split, str_of(body), &err);
		if (rc == 0)
			rc = jsonsplit_end(split, &envelope, &err);
		if (rc == 0)
			rc = json_parse(&doc, envelope, &err);
		if (rc < 0)
			resp.status = 0;
		else
			(void)ops->tail(c->s, &resp, &doc, &err);
	}
	if (rc < 0) {
		if (status == 0)
			err_set(&err, ERR_RETRY, "connection refused");
		(ops->fail)(
		    c->s, &resp, str_of(body), (uint64_t)ms_of(c->now), &err);
	}
	if (err.kind != ERR_NONE) {
		c->told = err;
		c->n_told++;
	}
	jsonsplit_free(&split);
	json_clear(&doc);
	httpresp_clear(&resp);
	return err.kind;
}

/* The same for what was asked last. */
static enum err_kind
reply(struct cloud *c, int status, const char *headers, const char *body)
{
	return answer(c, c->tag, status, headers, body);
}

static void
must_tell(const struct cloud *c, const char *words)
{
	if (strstr(c->told.text, words) == NULL)
		fail_msg("told \"%s\"\nwanted \"%s\"", c->told.text, words);
}

/* A list of contents "a b c", each of them published at noon. */
static const char *
list_of(struct buf *out, const char *words)
{
	struct str rest = str_of(words);

	buf_reset(out);
	buf_add_char(out, '[');
	while (rest.len > 0) {
		struct str id = str_cut(&rest, ' ');

		buf_addf(out,
		    "%s{\"contentType\":\"Audit.General\",\"contentId\":"
		    "\"%.*s\",\"contentUri\":\"" BASE "/audit/%.*s\","
		    "\"contentCreated\":\"" DAY "11:59:58.123Z\","
		    "\"contentExpiration\":\"2026-03-08T11:59:58.123Z\"}",
		    out->len > 1 ? "," : "", STR_ARG(id), STR_ARG(id));
	}
	buf_add_char(out, ']');
	return buf_cstr(out);
}

#define SUBSCRIBED                                                    \
	"[{\"contentType\":\"audit.general\",\"status\":\"enabled\"," \
	"\"webhook\":null}]"

static void
subscribed(struct cloud *c)
{
	want(c, "list");
	assert_int_equal(reply(c, 200, "", SUBSCRIBED), ERR_NONE);
}

static void
end(struct cloud *c)
{
	want(c, "");
	assert_true(o365_activity_ops.end(c->s, &c->at));
}

#define LIST(feed, low, high) \
	"content?contentType=" feed "&startTime=" low "&endTime=" high
#define GENERAL(low, high) LIST("Audit.General", low, high)
#define ERROR(code, words) \
	"{\"error\":{\"code\":\"" code "\",\"message\":\"" words "\"}}"
#define RECORD(id)                                                            \
	"{\"Id\":\"" id "\",\"RecordType\":6,\"Operation\":\"FileAccessed\"," \
	"\"CreationTime\":\"2026-02-27T23:59:59\"}"

/* Up to having listed these contents, in one window up to noon. */
static void
listed(struct cloud *c, const char *contents)
{
	struct buf list;

	buf_init(&list, 1 << 20);
	begin(c, NOON);
	subscribed(c);
	want(c, GENERAL(DAY "11:30:00", DAY "12:00:00"));
	assert_int_equal(reply(c, 200, "", list_of(&list, contents)), ERR_NONE);
	buf_clear(&list);
}

#define HALF_PAST DAY "11:30:00Z"

/* --- subscriptions ------------------------------------------------------ */

static void
what_is_not_subscribed_to_is_started_and_then_read(void **state)
{
	struct o365_activity_conf conf = plain_conf();
	struct cloud c;

	(void)state;
	conf.content_types = (struct opt_list){ two_feeds, 2 };
	open_cloud(&c, &conf, HALF_PAST);
	begin(&c, NOON);
	want(&c, "list");
	/* A status that is missing is none that is enabled. */
	reply(&c, 200, "",
	    "[{\"contentType\":\"Audit.General\",\"status\":\"enabled\"},"
	    "{\"contentType\":\"DLP.All\",\"webhook\":null},7]");
	want(&c, "POST start?contentType=DLP.All");
	assert_int_equal(reply(&c, 200, "",
			     "{\"contentType\":\"DLP.All\",\"status\":"
			     "\"enabled\",\"webhook\":null}"),
	    ERR_PART);
	must_tell(&c, "subscribed to DLP.All");
	want(&c, LIST("DLP.All", DAY "11:30:00", DAY "12:00:00"));
	reply(&c, 200, "", "[]");
	want(&c, GENERAL(DAY "11:30:00", DAY "12:00:00"));
	reply(&c, 200, "", "[]");
	end(&c);
	/* Within the hour they are believed, then looked at again. */
	begin(&c, DAY "12:10:00Z");
	want(&c, LIST("DLP.All", DAY "11:50:00", DAY "12:10:00"));
	begin(&c, DAY "13:00:00Z");
	want(&c, "list");
	close_cloud(&c);
}

static void
a_subscription_that_is_there_already_is_no_failure(void **state)
{
	struct o365_activity_conf conf = plain_conf();
	struct cloud c;

	(void)state;
	open_cloud(&c, &conf, HALF_PAST);
	begin(&c, NOON);
	want(&c, "list");
	reply(&c, 200, "", "[]");
	want(&c, "POST start?contentType=Audit.General");
	assert_int_equal(
	    reply(&c, 400, "", ERROR("AF20024", "already enabled")), ERR_NONE);
	want(&c, GENERAL(DAY "11:30:00", DAY "12:00:00"));
	close_cloud(&c);
}

static void
a_start_too_early_is_made_up_for_while_others_are_read(void **state)
{
	struct o365_activity_conf conf = plain_conf();
	struct cloud c;

	(void)state;
	conf.content_types = (struct opt_list){ two_feeds, 2 };
	open_cloud(&c, &conf, HALF_PAST);
	begin(&c, NOON);
	subscribed(&c);
	want(&c, "POST start?contentType=DLP.All");
	assert_int_equal(
	    reply(&c, 429, "",
		"Too many frequent subscription start requests. Please retry"
		" again after 14m 56s"),
	    ERR_PART);
	must_tell(&c, "started in 897 s");
	want(&c, GENERAL(DAY "11:30:00", DAY "12:00:00"));
	reply(&c, 200, "", "[]");
	end(&c);
	assert_int_equal(cursor_get(&c.at, "until DLP.All").len, 0);
	assert_str(
	    cursor_get(&c.at, "until Audit.General"), DAY "12:00:00.000Z");

	begin(&c, DAY "12:14:56Z");
	want(&c, GENERAL(DAY "11:50:00", DAY "12:14:56"));
	reply(&c, 200, "", "[]");
	end(&c);
	begin(&c, DAY "12:14:57Z");
	want(&c, "POST start?contentType=DLP.All");
	close_cloud(&c);
}

static void
a_subscription_that_ends_is_started_again(void **state)
{
	struct o365_activity_conf conf = plain_conf();
	struct cloud c;

	(void)state;
	open_cloud(&c, &conf, HALF_PAST);
	begin(&c, NOON);
	subscribed(&c);
	want(&c, GENERAL(DAY "11:30:00", DAY "12:00:00"));
	assert_int_equal(
	    reply(&c, 400, "", ERROR("AF20023", "disabled")), ERR_PART);
	must_tell(&c, "Audit.General: the subscription was disabled");
	want(&c, "POST start?contentType=Audit.General");
	reply(&c, 200, "", "{}");
	want(&c, GENERAL(DAY "11:30:00", DAY "12:00:00"));
	/* Right after a start it may still be so: not now, then. */
	assert_int_equal(
	    reply(&c, 400, "", ERROR("AF20023", "disabled")), ERR_PART);
	end(&c);
	assert_int_equal(cursor_get(&c.at, "until Audit.General").len, 0);
	begin(&c, DAY "12:14:00Z");
	end(&c);
	begin(&c, DAY "12:15:00Z");
	want(&c, "POST start?contentType=Audit.General");
	close_cloud(&c);
}

static void
a_feed_that_is_refused_does_not_keep_the_others(void **state)
{
	static const char body[] = ERROR("AF10001", "no ActivityFeed.ReadDlp");
	struct o365_activity_conf conf = plain_conf();
	struct cloud c;

	(void)state;
	conf.content_types = (struct opt_list){ two_feeds, 2 };
	open_cloud(&c, &conf, HALF_PAST);
	begin(&c, NOON);
	subscribed(&c);
	want(&c, "POST start?contentType=DLP.All");
	assert_int_equal(reply(&c, 401, "", body), ERR_PART);
	must_tell(&c, "grant it ActivityFeed.Read");
	want(&c, GENERAL(DAY "11:30:00", DAY "12:00:00"));
	/* When there is nothing else to read, that is worse. */
	assert_int_equal(reply(&c, 403, "", body), ERR_DENIED);
	end(&c);
	begin(&c, DAY "12:14:00Z");
	end(&c);
	begin(&c, DAY "12:15:00Z");
	want(&c, "list");
	close_cloud(&c);
}

/* --- lists -------------------------------------------------------------- */

static void
pages_are_followed_until_none_is_named(void **state)
{
	struct o365_activity_conf conf = plain_conf();
	struct buf list;
	struct cloud c;

	(void)state;
	buf_init(&list, 4096);
	open_cloud(&c, &conf, HALF_PAST);
	begin(&c, NOON);
	subscribed(&c);
	want(&c, GENERAL(DAY "11:30:00", DAY "12:00:00"));
	reply(&c, 200, "NextPageUri: " BASE "/api/v1/x?a=b&nextPage=2\n",
	    list_of(&list, "one"));
	/* An empty page is no end, and names come in any letter case. */
	want(&c, "/api/v1/x?a=b&nextPage=2");
	reply(&c, 200, "nextpageuri: " BASE "/api/v1/x?a=b&nextPage=3\n", "[]");
	want(&c, "/api/v1/x?a=b&nextPage=3");
	assert_int_equal(reply(&c, 500, "", ERROR("AF50000", "x")), ERR_RETRY);
	want(&c, "/api/v1/x?a=b&nextPage=3");
	reply(&c, 200, "", list_of(&list, "two one"));
	want(&c, "/audit/one");
	reply(&c, 200, "", "[" RECORD("a") "]");
	want(&c, "/audit/two");
	reply(&c, 200, "", "[" RECORD("b") "," RECORD("c") "]");
	end(&c);
	assert_str(buf_str(&c.ids),
	    "a 6 FileAccessed; b 6 FileAccessed; c 6 FileAccessed");
	assert_int_equal(c.n_told, 1);
	buf_clear(&list);
	close_cloud(&c);
}

static void
no_request_says_twice_whose_quota_it_is_on(void **state)
{
	struct o365_activity_conf conf = plain_conf();
	struct cloud c;

	(void)state;
	open_cloud(&c, &conf, HALF_PAST);
	begin(&c, NOON);
	subscribed(&c);
	(void)ask(&c);
	reply(&c, 200,
	    "NextPageUri: " BASE
	    "/x?nextPage=2&publisheridentifier=other&" PUBLISHER "\n",
	    "[]");
	want(&c, "/x?nextPage=2&publisheridentifier=other");
	close_cloud(&c);
}

static void
a_page_whose_answer_breaks_off_is_asked_for_again_whole(void **state)
{
	struct o365_activity_conf conf = plain_conf();
	struct buf list;
	struct cloud c;

	(void)state;
	buf_init(&list, 4096);
	open_cloud(&c, &conf, HALF_PAST);
	begin(&c, NOON);
	subscribed(&c);
	want(&c, GENERAL(DAY "11:30:00", DAY "12:00:00"));
	list_of(&list, "one two");
	buf_truncate(&list, list.len - 1);
	reply(&c, 200, "", buf_cstr(&list));
	want(&c, GENERAL(DAY "11:30:00", DAY "12:00:00"));
	reply(&c, 200, "", list_of(&list, "one two"));
	want(&c, "/audit/one");
	want(&c, "/audit/two");
	want(&c, "");
	buf_clear(&list);
	close_cloud(&c);
}

static void
no_token_goes_to_another_place(void **state)
{
	struct o365_activity_conf conf = plain_conf();
	struct cloud c;

	(void)state;
	open_cloud(&c, &conf, HALF_PAST);
	begin(&c, NOON);
	subscribed(&c);
	(void)ask(&c);
	assert_int_equal(
	    reply(&c, 200, "NextPageUri: https://evil.example.test/x\n",
		"[{\"contentId\":\"1\",\"contentUri\":"
		"\"https://evil.example.test/1\"},"
		"{\"contentId\":\"2\",\"contentUri\":\"http:"
		"//manage.example.test/2\"},"
		"{\"contentId\":\"3\"},null]"),
	    ERR_PART);
	must_tell(&c, "a next page is at https://evil.example.test:443");
	assert_int_equal(c.aside, 4);
	end(&c);
	/* What is behind that page was not seen. */
	assert_str(
	    cursor_get(&c.at, "until Audit.General"), DAY "11:30:00.000Z");
	close_cloud(&c);
}

static void
pages_that_lead_in_a_circle_end(void **state)
{
	struct o365_activity_conf conf = plain_conf();
	struct cloud c;
	int pages = 0;

	(void)state;
	open_cloud(&c, &conf, HALF_PAST);
	begin(&c, NOON);
	subscribed(&c);
	while (ask(&c)[0] != '\0') {
		reply(&c, 200,
		    pages++ % 2 == 0 ? "NextPageUri: " BASE "/a?p=1\n"
				     : "NextPageUri: " BASE "/b?p=1\n",
		    "[]");
		assert_true(pages < 5000);
	}
	assert_int_equal(c.told.kind, ERR_PART);
	assert_true(o365_activity_ops.end(c.s, &c.at));
	assert_str(
	    cursor_get(&c.at, "until Audit.General"), DAY "11:30:00.000Z");
	close_cloud(&c);
}

static void
the_feed_that_is_furthest_behind_is_listed_first(void **state)
{
	struct o365_activity_conf conf = plain_conf();
	struct cloud c;

	(void)state;
	conf.content_types = (struct opt_list){ two_feeds, 2 };
	open_cloud(&c, &conf, DAY "09:00:00Z");
	cursor_set(&c.at, "until DLP.All", str_of(DAY "10:40:00Z"));
	cursor_set(&c.at, "until Audit.General", str_of(DAY "10:10:00Z"));
	begin(&c, NOON);
	want(&c, "list");
	reply(&c, 200, "",
	    "[{\"contentType\":\"Audit.General\",\"status\":\"enabled\"},"
	    "{\"contentType\":\"DLP.All\",\"status\":\"enabled\"}]");
	want(&c, GENERAL(DAY "10:00:00", DAY "11:00:00"));
	reply(&c, 200, "", "[]");
	want(&c, LIST("DLP.All", DAY "10:30:00", DAY "11:30:00"));
	reply(&c, 200, "", "[]");
	/* Both at once: a feed has one list out, but there are two feeds. */
	want(&c, GENERAL(DAY "11:00:00", DAY "12:00:00"));
	want(&c, LIST("DLP.All", DAY "11:30:00", DAY "12:00:00"));
	want(&c, "");
	close_cloud(&c);
}

/* --- contents ----------------------------------------------------------- */

static void
contents_are_asked_for_while_others_are_out(void **state)
{
	struct o365_activity_conf conf = plain_conf();
	unsigned tags[3];
	struct cloud c;

	(void)state;
	open_cloud(&c, &conf, HALF_PAST);
	listed(&c, "one two three");
	want(&c, "/audit/one");
	tags[0] = c.tag;
	want(&c, "/audit/two");
	tags[1] = c.tag;
	want(&c, "/audit/three");
	tags[2] = c.tag;
	want(&c, "");
	answer(&c, tags[2], 200, "", "[" RECORD("c") "]");
	answer(&c, tags[0], 500, "", "oops");
	assert_false(o365_activity_ops.end(c.s, &c.at));
	want(&c, "/audit/one");
	assert_false(o365_activity_ops.end(c.s, &c.at));
	answer(&c, tags[1], 200, "", "[]");
	reply(&c, 200, "", "[" RECORD("a") "]");
	end(&c);
	assert_str(buf_str(&c.ids), "c 6 FileAccessed; a 6 FileAccessed");
	assert_str(
	    cursor_get(&c.at, "until Audit.General"), DAY "12:00:00.000Z");
	close_cloud(&c);
}

static void
what_was_fetched_is_not_fetched_again(void **state)
{
	struct o365_activity_conf conf = plain_conf();
	struct buf list;
	struct cloud c;

	(void)state;
	buf_init(&list, 4096);
	open_cloud(&c, &conf, HALF_PAST);
	listed(&c, "one two");
	(void)ask(&c);
	reply(&c, 200, "", "[]");
	(void)ask(&c);
	reply(&c, 200, "", "[]");
	end(&c);
	begin(&c, DAY "12:01:00Z");
	want(&c, GENERAL(DAY "11:50:00", DAY "12:01:00"));
	reply(&c, 200, "", list_of(&list, "two three one"));
	want(&c, "/audit/three");
	reply(&c, 200, "", "[]");
	end(&c);
	buf_clear(&list);
	close_cloud(&c);
}

static void
a_round_that_was_lost_is_fetched_again(void **state)
{
	struct o365_activity_conf conf = plain_conf();
	struct cursor before;
	struct buf list;
	struct cloud c;

	(void)state;
	buf_init(&list, 4096);
	open_cloud(&c, &conf, HALF_PAST);
	listed(&c, "one");
	(void)ask(&c);
	reply(&c, 200, "", "[]");
	end(&c);
	before = c.at;
	/* This one's last page could not be written. */
	begin(&c, DAY "12:01:00Z");
	(void)ask(&c);
	reply(&c, 200, "", list_of(&list, "one two"));
	want(&c, "/audit/two");
	reply(&c, 200, "", "[" RECORD("b") "]");
	end(&c);
	c.at = before;
	begin(&c, DAY "12:02:00Z");
	(void)ask(&c);
	reply(&c, 200, "", list_of(&list, "one two"));
	want(&c, "/audit/two");
	reply(&c, 200, "", "[" RECORD("b") "]");
	end(&c);
	buf_clear(&list);
	close_cloud(&c);
}

static void
a_content_that_is_gone_is_lost_and_the_round_goes_on(void **state)
{
	static const struct {
		int status;
		const char *body, *words;
	} rows[] = {
		{ 400, ERROR("AF20051", "expired"),
		    "content one: the content"
		    " has expired" },
		{ 404, ERROR("AF20050", "none"), "does not exist" },
		{ 400, ERROR("AF20052", "bad"), "its own content id" },
		{ 404, "<html>", "content one: the server answered 404" },
		{ 410, "", "410" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct o365_activity_conf conf = plain_conf();
		struct cloud c;

		open_cloud(&c, &conf, HALF_PAST);
		listed(&c, "one two");
		want(&c, "/audit/one");
		assert_int_equal(
		    reply(&c, rows[i].status, "", rows[i].body), ERR_LOST);
		must_tell(&c, rows[i].words);
		want(&c, "/audit/two");
		reply(&c, 200, "", "[" RECORD("b") "]");
		end(&c);
		assert_str(cursor_get(&c.at, "until Audit.General"),
		    DAY "12:00:00.000Z");
		close_cloud(&c);
	}
}

static void
a_content_that_expired_before_is_set_aside_unasked(void **state)
{
	struct o365_activity_conf conf = plain_conf();
	struct cloud c;

	(void)state;
	open_cloud(&c, &conf, HALF_PAST);
	begin(&c, NOON);
	subscribed(&c);
	(void)ask(&c);
	reply(&c, 200, "",
	    "[{\"contentId\":\"1\",\"contentUri\":\"" BASE "/1\","
	    "\"contentExpiration\":\"" DAY "11:58:59.000Z\"}]");
	assert_int_equal(c.aside, 1);
	must_tell(&c, "expired before it was listed");
	end(&c);
	close_cloud(&c);
}

static void
a_content_that_fails_holds_the_cursor_and_nothing_else(void **state)
{
	struct o365_activity_conf conf = plain_conf();
	struct buf list;
	struct cloud c;

	(void)state;
	buf_init(&list, 4096);
	open_cloud(&c, &conf, DAY "10:30:00Z");
	begin(&c, NOON);
	subscribed(&c);
	want(&c, GENERAL(DAY "10:30:00", DAY "11:30:00"));
	reply(&c, 200, "", list_of(&list, "one two"));
	want(&c, GENERAL(DAY "11:30:00", DAY "12:00:00"));
	reply(&c, 200, "", list_of(&list, "three"));
	want(&c, "/audit/one");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(
		    reply(&c, 500, "", ERROR("AF50000", "x")), ERR_RETRY);
		/* Others come before it. */
		if (i == 0) {
			want(&c, "/audit/two");
			reply(&c, 200, "", "[" RECORD("b") "]");
			want(&c, "/audit/three");
			reply(&c, 200, "", "[" RECORD("c") "]");
		}
		want(&c, "/audit/one");
	}
	assert_int_equal(reply(&c, 500, "", ERROR("AF50000", "x")), ERR_PART);
	must_tell(&c, "again in the next round");
	end(&c);
	assert_str(
	    cursor_get(&c.at, "until Audit.General"), DAY "10:30:00.000Z");
	/* It is listed again, and the others are known. */
	begin(&c, DAY "12:01:00Z");
	want(&c, GENERAL(DAY "10:30:00", DAY "11:30:00"));
	reply(&c, 200, "", list_of(&list, "one two"));
	want(&c, GENERAL(DAY "11:30:00", DAY "12:01:00"));
	reply(&c, 200, "", list_of(&list, "three"));
	want(&c, "/audit/one");
	reply(&c, 200, "", "[" RECORD("a") "]");
	end(&c);
	assert_str(
	    cursor_get(&c.at, "until Audit.General"), DAY "12:01:00.000Z");
	buf_clear(&list);
	close_cloud(&c);
}

static void
a_content_that_cannot_be_read_is_lost_after_some_tries(void **state)
{
	static const char *const bodies[] = { "[{\"Id\":\"a\"}}", "{}", "{",
		"<html><body>Sorry</body></html>" };

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct o365_activity_conf conf = plain_conf();
		struct cloud c;
		int n = 0;

		open_cloud(&c, &conf, HALF_PAST);
		listed(&c, "one");
		while (ask(&c)[0] != '\0') {
			reply(&c, 200, "", bodies[i]);
			n++;
			assert_true(n < 10);
		}
		if (n != 4 ||
		    (c.told.kind != ERR_LOST && c.told.kind != ERR_PART))
			fail_msg("%s: %d tries, %s", bodies[i], n, c.told.text);
		assert_true(o365_activity_ops.end(c.s, &c.at));
		close_cloud(&c);
	}
}

static void
a_network_that_is_down_is_nobodys_fault(void **state)
{
	struct o365_activity_conf conf = plain_conf();
	struct cloud c;

	(void)state;
	open_cloud(&c, &conf, HALF_PAST);
	listed(&c, "one");
	for (int i = 0; i < 50; i++) {
		want(&c, "/audit/one");
		assert_int_equal(reply(&c, 0, "", ""), ERR_RETRY);
	}
	want(&c, "/audit/one");
	reply(&c, 401, "", "");
	assert_int_equal(c.told.kind, ERR_LOGIN);
	want(&c, "/audit/one");
	close_cloud(&c);
}

/* --- records ------------------------------------------------------------ */

static void
records_are_told_apart_by_more_than_their_id(void **state)
{
	struct o365_activity_conf conf = plain_conf();
	struct cloud c;

	(void)state;
	open_cloud(&c, &conf, HALF_PAST);
	listed(&c, "one");
	(void)ask(&c);
	reply(&c, 200, "",
	    "[{\"Id\":\"a\",\"RecordType\":13,\"Operation\":\"DlpRuleMatch\"},"
	    "{\"Operation\":\"DlpRuleUndo\",\"RecordType\":13,\"Id\":\"a\"},"
	    "{\"RecordType\":\"20\",\"Id\":\"b\"},"
	    "{\"bad\\c\":1},17,"
	    "{\"Operation\":\"no id\"}]");
	end(&c);
	assert_str(buf_str(&c.ids),
	    "a 13 DlpRuleMatch; a 13 DlpRuleUndo; b 20 ;"
	    " Audit.General 81284b058b745f2b 5");
	assert_int_equal(c.aside, 2);
	close_cloud(&c);
}

static void
a_time_without_a_zone_is_universal(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "{\"Id\":\"a\",\"CreationTime\":\"2026-02-27T23:59:59\"}",
		    "2026-02-27T23:59:59Z" },
		{ "{\"Id\":\"a\",\"CreationTime\":\"2026-02-27 23:59:59\"}",
		    "2026-02-27T23:59:59Z" },
		/* Else that of the content. */
		{ "{\"Id\":\"a\",\"CreationTime\":\"0001-01-01T00:00:00\"}",
		    DAY "11:59:58.123Z" },
		{ "{\"Id\":\"a\",\"CreationTime\":null}", DAY "11:59:58.123Z" },
		{ "{\"Id\":\"a\"}", DAY "11:59:58.123Z" },
	};
	struct o365_activity_conf conf = plain_conf();
	struct cloud c;

	(void)state;
	setenv("TZ", "Asia/Kolkata", 1);
	open_cloud(&c, &conf, HALF_PAST);
	listed(&c, "one");
	(void)ask(&c);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct json_doc doc;
		struct record rec;
		struct err err;

		json_init(&doc, 0, 0);
		assert_int_equal(
		    json_parse(&doc, str_of(rows[i].text), &err), 0);
		assert_int_equal(
		    o365_activity_ops.record(c.s, c.tag, &doc, &rec, &err), 0);
		if (rec.time_ms != (uint64_t)ms_of(rows[i].want))
			fail_msg("%s", rows[i].text);
		json_clear(&doc);
	}
	unsetenv("TZ");
	close_cloud(&c);
}

/* --- time --------------------------------------------------------------- */

static void
far_behind_the_newest_window_comes_first(void **state)
{
	struct o365_activity_conf conf = plain_conf();
	struct cloud c;

	(void)state;
	open_cloud(&c, &conf, "2026-02-28T00:00:00Z");
	begin(&c, NOON);
	subscribed(&c);
	want(&c, GENERAL(DAY "11:00:00", DAY "12:00:00"));
	reply(&c, 200, "", "[]");
	want(&c, GENERAL("2026-02-28T00:00:00", "2026-02-28T01:00:00"));
	reply(&c, 200, "", "[]");
	want(&c, GENERAL("2026-02-28T01:00:00", "2026-02-28T02:00:00"));
	close_cloud(&c);
}

/* A list of n contents, numbered from `first`. */
static void
many(struct buf *out, unsigned first, unsigned n)
{
	struct buf words;

	buf_init(&words, 1 << 20);
	for (unsigned i = 0; i < n; i++)
		buf_addf(&words, "%s%u", i > 0 ? " " : "", first + i);
	list_of(out, buf_cstr(&words));
	buf_clear(&words);
}

static void
a_long_way_is_gone_in_rounds_that_become_durable(void **state)
{
	struct o365_activity_conf conf = plain_conf();
	unsigned lists = 0, rounds = 0, contents = 0, first = 1;
	struct buf list;
	struct cloud c;

	(void)state;
	buf_init(&list, 4 << 20);
	open_cloud(&c, &conf, "2026-02-28T12:00:00Z");
	do {
		begin(&c, NOON);
		while (ask(&c)[0] != '\0') {
			if (strcmp(buf_cstr(&c.url), "list") == 0) {
				reply(&c, 200, "", SUBSCRIBED);
			} else if (buf_cstr(&c.url)[0] == '/') {
				reply(&c, 200, "", "[]");
				contents++;
			} else {
				many(&list, first, 2000);
				first += 2000;
				reply(&c, 200, "", buf_cstr(&list));
				lists++;
			}
		}
		assert_true(o365_activity_ops.end(c.s, &c.at));
		assert_int_equal(c.n_told, 0);
		rounds++;
		assert_true(rounds < 100);
	} while (o365_activity_ops.is_behind(c.s));
	assert_true(rounds > 3);
	assert_true(lists >= 24);
	assert_int_equal(contents, lists * 2000);
	assert_str(
	    cursor_get(&c.at, "until Audit.General"), DAY "12:00:00.000Z");
	buf_clear(&list);
	close_cloud(&c);
}

static void
what_the_service_keeps_no_longer_is_told_as_lost(void **state)
{
	struct o365_activity_conf conf = plain_conf();
	struct cloud c;

	(void)state;
	open_cloud(&c, &conf, "2026-02-01T00:00:00Z");
	cursor_set(
	    &c.at, "until Audit.General", str_of("2026-02-20T00:00:00Z"));
	begin(&c, NOON);
	subscribed(&c);
	want(&c, GENERAL(DAY "11:00:00", DAY "12:00:00"));
	assert_int_equal(reply(&c, 200, "", "[]"), ERR_LOST);
	must_tell(&c,
	    "from 2026-02-20T00:00:00.000Z to 2026-02-22T12:05:01.000Z is"
	    " lost");
	want(&c, GENERAL("2026-02-22T12:05:01", "2026-02-22T13:05:01"));
	assert_int_equal(reply(&c, 200, "", "[]"), ERR_NONE);
	close_cloud(&c);
	/* Before the first round nothing was promised. */
	open_cloud(&c, &conf, "2026-02-01T00:00:00Z");
	begin(&c, NOON);
	subscribed(&c);
	(void)ask(&c);
	assert_int_equal(reply(&c, 200, "", "[]"), ERR_NONE);
	close_cloud(&c);
}

static void
a_wrong_clock_is_found_out(void **state)
{
	struct o365_activity_conf conf = plain_conf();
	struct cloud c;

	(void)state;
	open_cloud(&c, &conf, HALF_PAST);
	begin(&c, NOON);
	subscribed(&c);
	want(&c, GENERAL(DAY "11:30:00", DAY "12:00:00"));
	assert_int_equal(reply(&c, 400, "Date: Sun, 01 Mar 2026 11:40:00 GMT\n",
			     ERROR("AF20055", "bad times")),
	    ERR_PART);
	must_tell(&c, "clock and the service's are 1200 s apart");
	end(&c);
	begin(&c, DAY "12:05:00Z");
	want(&c, GENERAL(DAY "11:30:00", DAY "11:45:00"));
	reply(&c, 200, "", "[]");
	close_cloud(&c);
}

static void
the_cursor_does_not_pass_the_clock_of_the_service(void **state)
{
	struct o365_activity_conf conf = plain_conf();
	struct cloud c;

	(void)state;
	open_cloud(&c, &conf, HALF_PAST);
	begin(&c, NOON);
	subscribed(&c);
	want(&c, GENERAL(DAY "11:30:00", DAY "12:00:00"));
	reply(&c, 200, "Date: Sun, 01 Mar 2026 11:40:00 GMT\n", "[]");
	end(&c);
	assert_false(o365_activity_ops.is_behind(c.s));
	assert_str(
	    cursor_get(&c.at, "until Audit.General"), DAY "11:40:00.000Z");
	close_cloud(&c);
}

static void
every_so_often_a_round_looks_back_further(void **state)
{
	struct o365_activity_conf conf = plain_conf();
	struct cloud c;

	(void)state;
	conf.sweep_ms = 30 * 60 * 1000;
	open_cloud(&c, &conf, DAY "00:00:00Z");
	cursor_set(&c.at, "start", str_of(DAY "00:00:00Z"));
	cursor_set(&c.at, "swept", str_of(DAY "11:31:00Z"));
	cursor_set(&c.at, "until Audit.General", str_of(DAY "11:59:00Z"));
	begin(&c, NOON);
	subscribed(&c);
	want(&c, GENERAL(DAY "11:49:00", DAY "12:00:00"));
	begin(&c, DAY "12:01:00Z");
	want(&c, GENERAL(DAY "06:01:00", DAY "07:01:00"));
	close_cloud(&c);
}

/* --- errors ------------------------------------------------------------- */

static void
each_code_is_explained(void **state)
{
	static const struct {
		int status;
		const char *headers, *body;
		enum err_kind kind;
		const char *words;
	} rows[] = {
		{ 400, "", ERROR("AF20010", "x"), ERR_CONF,
		    "not the tenant that the login belongs to" },
		{ 400, "", ERROR("AF20013", "x"), ERR_CONF, "not a GUID" },
		{ 400, "",
		    ERROR("StartSubscription [CorrId=1] failed",
			"Tenant " TENANT " does not exist."),
		    ERR_CONF, "switch it on in the Purview portal" },
		{ 500, "", ERROR("AF50000", "An internal error"), ERR_RETRY,
		    "AF50000, HTTP 500: An internal error" },
		{ 503, "Retry-After: 7\n", "<html>Busy", ERR_WAIT, "<html>" },
		{ 429, "Retry-After: 7\n", ERROR("AF429", "GetBlob"), ERR_WAIT,
		    "too many requests" },
		{ 401, "", "{\"Message\":\"Authorization denied\"}", ERR_LOGIN,
		    "Authorization denied" },
		{ 400, "", ERROR("AF20001", "x"), ERR_BUG, "missing" },
		{ 418, "", "", ERR_CONF, "418" },
		{ 0, "", "", ERR_RETRY, "connection refused" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct o365_activity_conf conf = plain_conf();
		struct cloud c;

		open_cloud(&c, &conf, HALF_PAST);
		begin(&c, NOON);
		(void)ask(&c);
		if (reply(&c, rows[i].status, rows[i].headers, rows[i].body) !=
		    rows[i].kind)
			fail_msg("row %zu: %s", i, c.told.text);
		must_tell(&c, rows[i].words);
		want(&c, "list");
		close_cloud(&c);
	}
}

static void
being_asked_too_much_is_told_by_code_and_waits_longer_each_time(void **state)
{
	static const char body[] = ERROR("AF429", "Too many requests.");
	struct o365_activity_conf conf = plain_conf();
	unsigned tags[2];
	struct cloud c;

	(void)state;
	open_cloud(&c, &conf, HALF_PAST);
	listed(&c, "one two");
	(void)ask(&c);
	tags[0] = c.tag;
	(void)ask(&c);
	tags[1] = c.tag;
	assert_int_equal(answer(&c, tags[0], 403, "", body), ERR_WAIT);
	assert_int_equal(c.told.wait_ms, 30000);
	/* What was out with it says nothing new. */
	assert_int_equal(answer(&c, tags[1], 403, "", body), ERR_WAIT);
	assert_int_equal(c.told.wait_ms, 30000);
	snprintf(c.now, sizeof(c.now), DAY "12:00:30Z");
	(void)ask(&c);
	assert_int_equal(reply(&c, 429, "", body), ERR_WAIT);
	assert_int_equal(c.told.wait_ms, 60000);
	(void)ask(&c);
	snprintf(c.now, sizeof(c.now), DAY "12:30:00Z");
	assert_int_equal(reply(&c, 403, "Retry-After: 5\n", body), ERR_WAIT);
	assert_int_equal(c.told.wait_ms, 5000);
	want(&c, "/audit/one");
	want(&c, "/audit/two");
	close_cloud(&c);
}

static void
settings_that_cannot_work_are_refused(void **state)
{
	static char again[] = "dlp.all", blank[] = "a b";
	static char *twice[] = { dlp, again }, *odd[] = { blank };
	static const struct {
		const char *tenant, *publisher;
		struct opt_list types;
		const char *words;
	} rows[] = {
		{ "contoso.example.test", NULL, { NULL, 0 },
		    "needs the tenant" },
		{ TENANT "0", NULL, { NULL, 0 }, "tenant-id" },
		{ TENANT, "me", { NULL, 0 }, "publisher-id = \"me\"" },
		{ TENANT, NULL, { twice, 2 }, "is there twice" },
		{ TENANT, NULL, { odd, 1 }, "\"a b\" is no name" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct o365_activity_conf conf = plain_conf();
		struct source_common common = { .base_url = BASE,
			.tenant_id = rows[i].tenant };
		char publisher[64];
		struct err err;

		conf.content_types = rows[i].types;
		if (rows[i].publisher != NULL) {
			snprintf(publisher, sizeof(publisher), "%s",
			    rows[i].publisher);
			conf.publisher_id = publisher;
		}
		assert_null(o365_activity_ops.open(&conf, &common, &err));
		assert_int_equal(err.kind, ERR_CONF);
		if (strstr(err.text, rows[i].words) == NULL)
			fail_msg("row %zu: %s", i, err.text);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_is_not_subscribed_to_is_started_and_then_read),
	cmocka_unit_test(a_subscription_that_is_there_already_is_no_failure),
	cmocka_unit_test(
	    a_start_too_early_is_made_up_for_while_others_are_read),
	cmocka_unit_test(a_subscription_that_ends_is_started_again),
	cmocka_unit_test(a_feed_that_is_refused_does_not_keep_the_others),
	cmocka_unit_test(pages_are_followed_until_none_is_named),
	cmocka_unit_test(no_request_says_twice_whose_quota_it_is_on),
	cmocka_unit_test(
	    a_page_whose_answer_breaks_off_is_asked_for_again_whole),
	cmocka_unit_test(no_token_goes_to_another_place),
	cmocka_unit_test(pages_that_lead_in_a_circle_end),
	cmocka_unit_test(the_feed_that_is_furthest_behind_is_listed_first),
	cmocka_unit_test(contents_are_asked_for_while_others_are_out),
	cmocka_unit_test(what_was_fetched_is_not_fetched_again),
	cmocka_unit_test(a_round_that_was_lost_is_fetched_again),
	cmocka_unit_test(a_content_that_is_gone_is_lost_and_the_round_goes_on),
	cmocka_unit_test(a_content_that_expired_before_is_set_aside_unasked),
	cmocka_unit_test(
	    a_content_that_fails_holds_the_cursor_and_nothing_else),
	cmocka_unit_test(
	    a_content_that_cannot_be_read_is_lost_after_some_tries),
	cmocka_unit_test(a_network_that_is_down_is_nobodys_fault),
	cmocka_unit_test(records_are_told_apart_by_more_than_their_id),
	cmocka_unit_test(a_time_without_a_zone_is_universal),
	cmocka_unit_test(far_behind_the_newest_window_comes_first),
	cmocka_unit_test(a_long_way_is_gone_in_rounds_that_become_durable),
	cmocka_unit_test(what_the_service_keeps_no_longer_is_told_as_lost),
	cmocka_unit_test(a_wrong_clock_is_found_out),
	cmocka_unit_test(the_cursor_does_not_pass_the_clock_of_the_service),
	cmocka_unit_test(every_so_often_a_round_looks_back_further),
	cmocka_unit_test(each_code_is_explained),
	cmocka_unit_test(
	    being_asked_too_much_is_told_by_code_and_waits_longer_each_time),
	cmocka_unit_test(settings_that_cannot_work_are_refused),
};

UNIT_MAIN(tests)
