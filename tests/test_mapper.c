/* tests/test_mapper.c -- what maps make of records. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/xalloc.h"
#include "codec/json.h"
#include "codec/utf8.h"
#include "map/map.h"
#include "record/record.h"
#include "tests/cef_parse.h"
#include "tests/random_json.h"

#define HEAD                                                      \
	"event e\nvendor \"V\"\nproduct \"P\"\nsignature \"S\"\n" \
	"name \"N\"\nseverity \"3\"\n"
#define CEF "CEF:0|V|P|1|S|N|3|"

/* What a test maps with. */
struct bench {
	struct map *map;
	struct json_doc doc;
	struct buf out;
	struct err err;
	struct map_conf conf;
	struct record rec;
};

static void
bench_open(struct bench *b, const char *map)
{
	*b = (struct bench){ .conf.profile = MAP_NATIVE };
	b->map = map_read("m", str_of(map), &b->err);
	if (b->map == NULL)
		fail_msg("%s", b->err.text);
	json_init(&b->doc, 0, 2000);
	buf_init(&b->out, 64 << 20);
}

static void
bench_close(struct bench *b)
{
	map_free(&b->map);
	json_clear(&b->doc);
	buf_clear(&b->out);
}

static int
bench_map(struct bench *b, struct str json)
{
	buf_reset(&b->out);
	err_clear(&b->err);
	if (json_parse(&b->doc, json, &b->err) < 0)
		fail_msg("%s in %.*s", b->err.text, STR_ARG(json));
	b->rec.doc = &b->doc;
	return map_cef(b->map, &b->conf, &b->rec, &b->out, &b->err);
}

static const struct {
	const char *lines, *json, *want;
} value_rows[] = {
	/* sources */
	{ "msg $.a", "{\"a\":\"x\"}", "msg=x" },
	{ "msg $.a", "{\"a\":\"\\u0041\\n\"}", "msg=A" },
	{ "msg $.a", "{\"a\":12.50}", "msg=12.50" },
	{ "msg $.a", "{\"a\":true}", "msg=true" },
	{ "msg $.a", "{\"a\":{\"b\":1}}", "msg={\"b\":1}" },
	{ "msg $.a", "{\"a\":null}", "" },
	{ "msg $.a", "{\"a\":[]}", "" },
	{ "msg $.a", "{\"a\":{ }}", "" },
	{ "msg $.a", "{\"a\":\" \\t\"}", "" },
	{ "msg $.a", "{}", "" },
	{ "msg $.a.b", "{\"a\":\"x\"}", "" },
	{ "msg $.a", "[1]", "" },
	{ "msg $", "\"text\"", "msg=text" },
	{ "msg \"const\"", "{}", "msg=const" },
	{ "msg record.id", "{}", "msg=id1" },
	{ "msg record.type", "{}", "msg=test" },
	{ "msg record.portal + \"/\" + $.a", "{\"a\":1}",
	    "msg=https://portal.test/1" },
	{ "cn2Label \"u\"\ncn2 record.update", "{}", "cn2Label=u cn2=0" },
	{ "rt record.time", "{}", "rt=1781165141133" },
	{ "msg record.raw", "{\"a\":1}", "msg={\"a\":1}" },
	{ "msg record.raw", "{\n \"a \\\" b\" : [ 1,\r\n2 ]\n}",
	    "msg={\"a \\\\\" b\":[1,2]}" },
	/* alternatives and parts */
	{ "msg $.a else $.b else \"c\"", "{\"b\":\"y\"}", "msg=y" },
	{ "msg $.a else $.b else \"c\"", "{\"b\":\"\"}", "msg=c" },
	{ "msg $.a + \":\" + $.b", "{\"a\":1,\"b\":2}", "msg=1:2" },
	{ "msg $.a + $.b prefix \":\"", "{\"a\":1}", "msg=1" },
	{ "msg \"u:\" + $.a", "{\"a\":1}", "msg=u:1" },
	{ "msg \"u:\" + $.a", "{\"a\":null}", "" },
	{ "msg \"u:\" + $.a else \"none\"", "{}", "msg=none" },
	{ "msg $.a suffix \"/\" + $.b must else $.c", "{\"a\":1,\"c\":3}",
	    "msg=3" },
	{ "msg $.a suffix \"/\" + $.b must else $.c", "{\"a\":1,\"b\":2}",
	    "msg=1/2" },
	/* many to one */
	{ "msg $.a[*] first", "{\"a\":[null,\"\",\"x\",\"y\"]}", "msg=x" },
	{ "msg $.a[*] last", "{\"a\":[\"x\",\"y\",\"\"]}", "msg=y" },
	{ "msg $.a[*] last", "{\"a\":[]}", "" },
	{ "msg $.a[*] join \",\" 9", "{\"a\":[1,null,2,\"\",3]}", "msg=1,2,3" },
	{ "msg $.a[*] joinall \",\" 9", "{\"a\":[null,1,\"\",2,\"\"]}",
	    "msg=,1,,2," },
	{ "msg $.a[*] join \";\" 2", "{\"a\":[1,2,3,4]}", "msg=1;2;+2 more" },
	{ "msg $.a[*] distinct join \",\" 2", "{\"a\":[1,1,2,2,3,1,3,4]}",
	    "msg=1,2,+2 more" },
	{ "msg $.a[*] count", "{\"a\":[1,null,{},{\"x\":1}]}", "msg=2" },
	{ "msg $.a[*] count", "{}", "msg=0" },
	{ "msg $.a[*] distinct count", "{\"a\":[1,2,1]}", "msg=2" },
	{ "msg $.a[*] prefer \"blocked\" \"active\"",
	    "{\"a\":[\"none\",\"active\",\"Blocked\"]}", "msg=blocked" },
	{ "msg $.a[*] prefer \"blocked\"", "{\"a\":[\"none\"]}", "" },
	{ "msg $.a[*] highest", "{\"a\":[3,\"-1\",\"x\",12]}", "msg=12" },
	{ "msg $.a[*] highest", "{\"a\":[\"-3\",\"-1\"]}", "msg=-1" },
	{ "msg $.a[*] sum", "{\"a\":[3,\"4\",\"x\",null,-2]}", "msg=5" },
	{ "msg $.a[*] sum", "{\"a\":[9223372036854775807,1]}",
	    "msg=9223372036854775807" },
	{ "msg $.a[*] lowest", "{\"a\":[3,\"-1\",\"x\",12]}", "msg=-1" },
	{ "start $.a[*] time lowest",
	    "{\"a\":[\"2026-03-01T00:00:00.5Z\",null,"
	    "\"2026-03-01T00:00:00Z\"]}",
	    "start=1772323200000" },
	{ "msg $.a[*] sole", "{\"a\":[\"x\",null,\"x\",\"\"]}", "msg=x" },
	{ "msg $.a[*] sole else \"several\"", "{\"a\":[\"x\",\"y\",\"y\"]}",
	    "msg=several" },
	{ "msg $.a $.b[*] join \",\" 9", "{\"a\":1,\"b\":[2,3]}", "msg=1,2,3" },
	{ "msg $.a[*] prefix \"<\" join \",\" 9 suffix \"!\"", "{\"a\":[1,2]}",
	    "msg=<1,<2!" },
	/* transforms */
	{ "msg $.a lower", "{\"a\":\"AbC1\"}", "msg=abc1" },
	{ "msg $.a upper", "{\"a\":\"AbC1\"}", "msg=ABC1" },
	{ "msg $.a html plain", "{\"a\":\"<p>a</p>  <b>b</b> &amp; c\"}",
	    "msg=a b & c" },
	{ "msg $.a after \".\"", "{\"a\":\"x.y.z\"}", "msg=z" },
	{ "msg $.a before \".\"", "{\"a\":\"x.y.z\"}", "msg=x" },
	{ "msg $.a strip \"ca\"", "{\"a\":\"ca12\"}", "msg=12" },
	{ "msg $.a chop \"12\"", "{\"a\":\"ca12\"}", "msg=ca" },
	{ "msg $.a begins \"AL\" \"c\" else \"no\"", "{\"a\":\"ca12\"}",
	    "msg=ca12" },
	{ "msg $.a begins \"AL\" else \"no\"", "{\"a\":\"ca12\"}", "msg=no" },
	{ "msg $.a only \"CA12\" else \"no\"", "{\"a\":\"ca12\"}", "msg=ca12" },
	{ "msg $.a only \"ca1\" else \"no\"", "{\"a\":\"ca12\"}", "msg=no" },
	{ "msg $.a drop \"null\" else \"no\"", "{\"a\":\"NULL\"}", "msg=no" },
	{ "msg $.a gives \"yes\" else \"no\"", "{\"a\":\"x\"}", "msg=yes" },
	{ "msg $.a gives \"yes\" else \"no\"", "{\"a\":\"\"}", "msg=no" },
	{ "msg $.a default \"d\"", "{}", "msg=d" },
	{ "msg $.a cut 2", "{\"a\":\"\xc3\xa4\xc3\xb6\xc3\xbc\"}",
	    "msg=\xc3\xa4\xc3\xb6" },
	{ "msg $.a swap \";|\" \",/\"", "{\"a\":\"x;y|z\"}", "msg=x,y/z" },
	{ "msg $.a time", "{\"a\":\"2026-06-11T08:05:41.13Z\"}",
	    "msg=1781165141130" },
	{ "suser $.a\nmsg $.l[*] unlike \"suser\" join \",\" 9",
	    "{\"a\":\"x\",\"l\":[\"y\",\"x\",\"z\"]}", "suser=x msg=y,z" },
	{ "msg $.a json $.b", "{\"a\":\"{\\\"b\\\":[1,2]}\"}", "msg=[1,2]" },
	{ "msg $.a json $.b[*] join \",\" 9",
	    "{\"a\":\"{\\\"b\\\":[1,\\\"x\\\"]}\"}", "msg=1,x" },
	{ "msg $.a json $.b", "{\"a\":{\"b\":7}}", "msg=7" },
	{ "msg $.a json $.b else \"no\"", "{\"a\":\"[2603:10a6]:174\"}",
	    "msg=no" },
	{ "msg $.l[*] json $.b join \",\" 9",
	    "{\"l\":[\"{\\\"b\\\":1}\",\"{\",\"{\\\"b\\\":2}\"]}", "msg=1,2" },
	{ "msg $.l[*] json $.b last",
	    "{\"l\":[\"{\\\"b\\\":\\\"x\\\"}\",\"{\\\"c\\\":2}\"]}", "msg=x" },
	{ "msg $ strings 2 \"skip\" join \"|\" 9",
	    "{\"@t\":\"x\",\"n\":1,\"skip\":\"s\",\"a\":\"A\",\"e\":\"\","
	    "\"b\":\"B\",\"c\":\"C\"}",
	    "msg=A|B" },
	{ "msg $.l[*] one", "{\"l\":[\"\",\"x\"]}", "" },
	/* types come with the key */
	{ "src $.a[*] first", "{\"a\":[\"fe80::1\",\"x\",\"192.0.2.1:80\"]}",
	    "src=192.0.2.1" },
	{ "c6a2Label \"s\"\nc6a2 $.a[*] first",
	    "{\"a\":[\"192.0.2.1\",\"2001:DB8::0:1\"]}",
	    "c6a2Label=s c6a2=2001:db8::1" },
	{ "src $.a", "{\"a\":\"host\"}", "" },
	{ "fsize $.a", "{\"a\":2147483648}", "" },
	{ "fsize $.a", "{\"a\":\"2147483647\"}", "fsize=2147483647" },
	{ "cn3Label \"i\"\ncn3 $.a", "{\"a\":\"12a\"}", "" },
	{ "end $.a", "{\"a\":\"0001-01-01T00:00:00Z\"}", "" },
	{ "end $.a else $.b", "{\"a\":\"0001-01-01T00:00:00Z\",\"b\":1}",
	    "end=1000" },
	/* labels and empty fields */
	{ "cs1Label \"l\"\ncs1 $.a", "{\"a\":\"x\"}", "cs1Label=l cs1=x" },
	{ "cs1Label \"l\"\ncs1 $.a", "{}", "" },
	{ "cs1Label \"l\"\ncs1 $.a keep", "{}", "cs1Label=l cs1=" },
	{ "c6a1Label \"\\\"D A\\\"\"\nc6a1 $.a keep", "{}",
	    "c6a1Label=\"D A\" c6a1=" },
	{ "msg $.a keep\nsuser $.b keep", "{\"b\":\"x\"}", "msg= suser=x" },
	/* what could forge something */
	{ "msg $.a\nsuser $.b", "{\"a\":\"x suser=root\",\"b\":\"y\"}",
	    "msg=x suser\\=root suser=y" },
	{ "msg $.a", "{\"a\":\"a\\r\\nCEF:0|x\"}", "msg=a\\nCEF:0|x" },
	{ "msg $.a\nsuser $.b", "{\"a\":\"x|\",\"b\":\"y\"}",
	    "msg=x| suser=y" },
	{ "msg $.a\nsuser $.b", "{\"a\":\"end\\\\\",\"b\":\"y\"}",
	    "msg=end\\\\ suser=y" },
	{ "msg $.a\nsuser $.b", "{\"a\":\"\\u0000\\u202e\",\"b\":\"y\"}",
	    "suser=y" },
	{ "msg $.a\nsuser $.b", "{\"a\":\"\\u007fx\\u0085\",\"b\":\"y\"}",
	    "msg=x suser=y" },
	{ "msg $.a", "{\"a\":\"\\ud800\"}", "msg=\xef\xbf\xbd" },
};

static void
values_are_made_as_the_lines_say(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(value_rows) / sizeof(*value_rows); i++) {
		char *map =
		    xasprintf("version 1\n" HEAD "%s\n", value_rows[i].lines);
		struct str want = str_of(value_rows[i].want), got;
		struct bench b;

		bench_open(&b, map);
		b.rec = (struct record){ .id = STR_LIT("id1"),
			.portal = STR_LIT("https://portal.test"),
			.type = STR_LIT("test"),
			.time_ms = 1781165141133 };
		if (bench_map(&b, str_of(value_rows[i].json)) < 0)
			fail_msg("%s: %s", value_rows[i].lines, b.err.text);
		got = str_make(
		    b.out.p + sizeof(CEF) - 1, b.out.len - sizeof(CEF) + 1);
		if (!str_eq(got, want))
			fail_msg("%s of %s\ngot  \"%.*s\"\nwant \"%s\"",
			    value_rows[i].lines, value_rows[i].json,
			    STR_ARG(got), value_rows[i].want);
		bench_close(&b);
		xfree(map);
	}
}

static const char forms_map[] =
    "version 1\n"
    "table role\nattacker 2\n* 1\n"
    "form rank\n@.role table role default \"0\" + @.verdict default \"0\"\n"
    "form name\n@.upn else @.domain suffix \"\\\\\" + @.account must"
    " else @.account\n"
    "form entry\nby @['@odata.type'] after \".\"\nswap \";|\" \",/\"\n"
    "limit 12\n"
    "user \"user:\" + @ as name\n"
    "file \"file:\" + @.name @.hash join \"|\" 2\n"
    "* @['@odata.type'] after \".\" suffix \":\" + @ strings 2 join \"|\" 2\n"
    "path user $.e[?match(@['@odata.type'], '.*[.]user')]\n" HEAD
    "suser user sort rank as name first\n"
    "duser user sort rank one as name\n"
    "cs6Label \"evidence\"\ncs6 $.e[*] as entry distinct join \";\" 4\n";

static const struct {
	const char *json, *want;
} form_rows[] = {
	{ "{\"e\":[{\"@odata.type\":\"#g.user\",\"upn\":\"a;b\"},"
	  "{\"@odata.type\":\"#g.user\",\"account\":\"c\",\"domain\":\"D\","
	  "\"role\":\"attacker\"},"
	  "{\"@odata.type\":\"g.file\",\"name\":\"x|y\",\"hash\":7}]}",
	    "suser=D\\\\c duser=D\\\\c cs6Label=evidence"
	    " cs6=user:a,b;user:D\\\\c;file:x/y|7" },
	{ "{\"e\":[{\"@odata.type\":\"#g.new\",\"n\":1,\"a\":\"A\",\"b\":\"B\","
	  "\"c\":\"C\"},null,3,{},[],\"x\","
	  "{\"@odata.type\":\"#g.user\"},{\"@odata.type\":\"#g.user\","
	  "\"domain\":\"D\"}]}",
	    "cs6Label=evidence cs6=new:A|B" },
	{ "{\"e\":[{\"@odata.type\":\"#g.user\",\"upn\":\"a\"},"
	  "{\"@odata.type\":\"#g.user\",\"upn\":\"a\"},"
	  "{\"@odata.type\":\"#g.user\",\"upn\":\"b\",\"verdict\":3},"
	  "{\"@odata.type\":\"#g.user\",\"upn\":\"c\",\"verdict\":3},"
	  "{\"@odata.type\":\"#g.user\",\"upn\":\"d\"},"
	  "{\"@odata.type\":\"#g.user\",\"upn\":\"e\"},"
	  "{\"@odata.type\":\"#g.user\",\"upn\":\"f\"}]}",
	    "suser=b duser=b cs6Label=evidence"
	    " cs6=user:a;user:b;user:c;user:d;+2 more" },
	{ "{\"e\":[{\"@odata.type\":\"g.file\",\"name\":\"0123456789\"}]}",
	    "cs6Label=evidence cs6=file:0123456 cloudcefdTruncated=cs6" },
};

static void
forms_write_nodes_by_their_type(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, forms_map);
	for (size_t i = 0; i < sizeof(form_rows) / sizeof(*form_rows); i++) {
		assert_int_equal(bench_map(&b, str_of(form_rows[i].json)), 0);
		assert_str(str_make(b.out.p + sizeof(CEF) - 1,
			       b.out.len - sizeof(CEF) + 1),
		    form_rows[i].want);
	}
	bench_close(&b);
}

static void
json_in_json_in_json_is_read_afresh(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b,
	    "version 1\nform in\n@ json $.x[*] join \"+\" 9\n" HEAD
	    "msg $.l[*] json $.b as in join \",\" 9\n");
	assert_int_equal(
	    bench_map(&b,
		STR_LIT("{\"l\":[\"{\\\"b\\\":\\\"{\\\\\\\"x\\\\\\\":[1,2]}"
			"\\\"}\",\"{\\\"b\\\":\\\"{\\\\\\\"x\\\\\\\":[3]}"
			"\\\"}\",\"{\\\"b\\\":{\\\"x\\\":[4]}}\"]}")),
	    0);
	assert_str(buf_str(&b.out), CEF "msg=1+2,3,4");
	bench_close(&b);
}

static const char choose_map[] =
    "version 7\n"
    "event a\nprofile mcas\nwhen $.kind is \"one\" \"two\"\nwhen $.x\n"
    "vendor \"A\"\nproduct \"P\"\nversion \"9\"\nsignature $.s\n"
    "name $.n plain else \"none\"\nseverity $.v\n"
    "event b\nwhen $.kind\nvendor \"B\"\nproduct \"P\"\nsignature \"S\"\n"
    "name \"N\"\nseverity \"1\"\n"
    "event c\nvendor \"C\"\nproduct \"P\"\nsignature \"S\"\nname \"N\"\n"
    "severity \"1\"\n";

static const struct {
	enum map_profile profile;
	const char *json, *want;
} choose_rows[] = {
	{ MAP_MCAS, "{\"kind\":\"TWO\",\"x\":0,\"s\":\"a|b\",\"v\":10}",
	    "CEF:0|A|P|9|a\\|b|none|10|" },
	{ MAP_NATIVE, "{\"kind\":\"two\",\"x\":0}", "CEF:0|B|P|7|S|N|1|" },
	{ MAP_MCAS, "{\"kind\":\"two\"}", "CEF:0|B|P|7|S|N|1|" },
	{ MAP_MCAS, "{\"kind\":\"two\",\"x\":null}", "CEF:0|B|P|7|S|N|1|" },
	{ MAP_MCAS, "{\"kind\":\"three\",\"x\":1}", "CEF:0|B|P|7|S|N|1|" },
	{ MAP_MCAS, "{\"kind\":null}", "CEF:0|C|P|7|S|N|1|" },
	{ MAP_NATIVE, "[]", "CEF:0|C|P|7|S|N|1|" },
	{ MAP_NATIVE, "null", "CEF:0|C|P|7|S|N|1|" },
	{ MAP_MCAS, "{\"kind\":\"one\",\"x\":1,\"v\":11,\"n\":\"a\\nb\"}",
	    "CEF:0|A|P|9||a b|6|" },
	{ MAP_MCAS, "{\"kind\":\"one\",\"x\":1,\"v\":\"high\"}",
	    "CEF:0|A|P|9||none|6|" },
};

static void
the_first_event_that_fits_takes_the_record(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, choose_map);
	for (size_t i = 0; i < sizeof(choose_rows) / sizeof(*choose_rows);
	     i++) {
		b.conf.profile = choose_rows[i].profile;
		assert_int_equal(bench_map(&b, str_of(choose_rows[i].json)), 0);
		assert_str(buf_str(&b.out), choose_rows[i].want);
	}
	bench_close(&b);
}

static void
values_longer_than_their_key_are_cut_and_named(void **state)
{
	struct str v;
	struct cef_parse *p = xmalloc(sizeof(*p));
	struct bench b;
	struct buf json;

	(void)state;
	bench_open(&b, "version 1\n" HEAD "externalId $.a\nmsg $.a\nact $.a\n");
	buf_init(&json, 1 << 20);
	buf_add_text(&json, "{\"a\":\"");
	for (int i = 0; i < 2000; i++)
		buf_add_text(&json, "\xc3\xa4");
	buf_add_text(&json, "\"}");
	assert_int_equal(bench_map(&b, buf_str(&json)), 0);
	if (!cef_parse_line(p, buf_str(&b.out)))
		fail_msg("%s", p->why);
	assert_int_equal(cef_parse_get(p, "externalId").len, 4000);
	assert_int_equal(cef_parse_get(p, "msg").len, 2 * 1023);
	assert_int_equal(cef_parse_get(p, "act").len, 2 * 63);
	v = cef_parse_get(p, "cloudcefdTruncated");
	assert_str(v, "msg,act");
	buf_clear(&json);
	bench_close(&b);
	xfree(p);
}

/*
 * From the size that it takes down to the least, an event is one well-formed
 * line within the bound, keeps its id, and loses the fields in the order that
 * the map names.
 */
static void
events_are_shortened_in_the_order_of_the_map(void **state)
{
	static const char json[] =
	    "{\"id\":\"12345\",\"m\":\"a=b\\\\c \xc3\xa4\xe2\x82\xac"
	    "\xf0\x9f\x98\x80 d=e\\n\\nf\",\"c\":\"\\\\\\\\==| x\","
	    "\"o\":\"other text\",\"u\":\"user\"}";
	struct cef_parse *p = xmalloc(sizeof(*p));
	size_t full, msg = SIZE_MAX, reason = SIZE_MAX;
	struct bench b;
	int ok = 0;

	(void)state;
	bench_open(&b,
	    "version 1\n" HEAD "externalId $.id\nsuser $.u\nmsg $.m\n"
	    "cs6Label \"six\"\ncs6 $.c\nreason $.o\n"
	    "shorten cs6 msg\n");
	assert_int_equal(bench_map(&b, str_of(json)), 0);
	full = b.out.len;
	for (size_t max = full; ok == 0 && max > 0; max--) {
		struct str six, m, r, mark;

		b.conf.max_bytes = max;
		ok = bench_map(&b, str_of(json));
		if (ok < 0)
			break;
		assert_true(b.out.len <= max);
		if (!cef_parse_line(p, buf_str(&b.out)))
			fail_msg(
			    "%s in %.*s", p->why, STR_ARG(buf_str(&b.out)));
		assert_str(cef_parse_get(p, "externalId"), "12345");
		assert_str(cef_parse_get(p, "suser"), "user");
		six = cef_parse_get(p, "cs6");
		m = cef_parse_get(p, "msg");
		r = cef_parse_get(p, "reason");
		mark = cef_parse_get(p, "cloudcefdTruncated");
		assert_int_equal(mark.p != NULL, max < full);
		assert_int_equal(
		    six.p != NULL, cef_parse_get(p, "cs6Label").p != NULL);
		if (m.len < msg && msg != SIZE_MAX)
			assert_null(six.p); /* msg gives when cs6 is gone */
		if (r.len < reason && reason != SIZE_MAX)
			assert_null(m.p);
		msg = m.len;
		reason = r.len;
	}
	assert_int_equal(ok, -1);
	assert_int_equal(b.err.kind, ERR_DATA);
	assert_int_equal(b.out.len, 0);
	assert_non_null(strstr(b.err.text, "event e: needs "));
	bench_close(&b);
	xfree(p);
}

static void
a_first_field_that_goes_takes_its_blank_along(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, "version 1\n" HEAD "msg $.m\nsuser $.u\nshorten msg\n");
	b.conf.max_bytes = sizeof(CEF) + sizeof("suser=u") +
	    sizeof("cloudcefdTruncated=msg") - 2;
	assert_int_equal(
	    bench_map(&b,
		STR_LIT("{\"m\":\"some words that are too long to stay\","
			"\"u\":\"u\"}")),
	    0);
	assert_str(buf_str(&b.out), CEF "suser=u cloudcefdTruncated=msg");
	bench_close(&b);
}

static void
a_full_buffer_is_left_as_it_was(void **state)
{
	struct bench b;
	struct buf small;

	(void)state;
	bench_open(&b, "version 1\n" HEAD "msg $.m\n");
	buf_init(&small, 60);
	buf_add_text(&small, "before");
	assert_int_equal(bench_map(&b, STR_LIT("{\"m\":\"0123456789\"}")), 0);
	for (size_t cap = 6; cap < 6 + b.out.len; cap++) {
		small.cap = cap;
		if (small.size > cap)
			buf_clear(&small), buf_add_text(&small, "before");
		assert_int_equal(
		    map_cef(b.map, &b.conf, &b.rec, &small, &b.err), -1);
		assert_int_equal(b.err.kind, ERR_FULL);
		assert_false(small.failed);
		assert_str(buf_str(&small), "before");
	}
	buf_clear(&small);
	bench_close(&b);
}

/* --- the map that ships --------------------------------------------------- */

static char *
shipped(const char *name)
{
	const char *top = getenv("srcdir");

	return xasprintf("%s/maps/%s", top != NULL ? top : ".", name);
}

static void
bench_open_shipped(struct bench *b, const char *name)
{
	char *path = shipped(name);

	*b = (struct bench){ .conf.profile = MAP_NATIVE };
	b->map = map_load(path, &b->err);
	if (b->map == NULL)
		fail_msg("%s", b->err.text);
	json_init(&b->doc, 0, 2000);
	buf_init(&b->out, 64 << 20);
	xfree(path);
}

/* One well-formed line with every key once, whatever the record holds. */
static void
want_line(struct bench *b, struct cef_parse *p, struct str json)
{
	for (int profile = MAP_MCAS; profile <= MAP_NATIVE; profile++) {
		b->conf.profile = (enum map_profile)profile;
		if (bench_map(b, json) < 0)
			fail_msg("%s", b->err.text);
		if (!cef_parse_line(p, buf_str(&b->out)))
			fail_msg("%s: %.2000s", p->why, buf_cstr(&b->out));
	}
}

static void
any_json_becomes_one_well_formed_line(void **state)
{
	static const char *const names[] = { "serviceSource", "evidence",
		"title", "description", "id", "severity", "createdDateTime",
		"mitreTechniques", "@odata.type", "userAccount", "ipAddress",
		"roles", "detectorId", "userPrincipalName", "fileDetails" };
	static const char *const maps[] = { "graph-alerts.map",
		"fallback.map" };
	struct cef_parse *p = xmalloc(sizeof(*p));
	uint64_t seed = 4;
	struct bench b;
	struct buf json;

	(void)state;
	buf_init(&json, 1 << 20);
	for (int m = 0; m < 2; m++) {
		bench_open_shipped(&b, maps[m]);
		for (int round = 0; round < 1500; round++) {
			buf_reset(&json);
			buf_add_text(&json,
			    "{\"serviceSource\":\"microsoft"
			    "DefenderForCloudApps\",\"evidence\":[{\"@odata."
			    "type\":\"#microsoft.graph.security."
			    "userEvidence\"");
			for (int i = 0; i < 12; i++) {
				buf_addf(&json,
				    "%s,\"%s\":", i == 6 ? "}]" : "",
				    names[random_json_number(&seed) % 15]);
				random_json_add(&json, &seed);
			}
			buf_add_char(&json, '}');
			want_line(&b, p, buf_str(&json));
			buf_reset(&json);
			random_json_add(&json, &seed);
			want_line(&b, p, buf_str(&json));
		}
		bench_close(&b);
	}
	buf_clear(&json);
	xfree(p);
}

static void
ten_thousand_entries_are_joined_and_counted(void **state)
{
	struct cef_parse *p = xmalloc(sizeof(*p));
	struct bench b;
	struct buf json;
	struct str s;

	(void)state;
	bench_open_shipped(&b, "graph-alerts.map");
	buf_init(&json, 8 << 20);
	buf_add_text(&json,
	    "{\"id\":\"x\",\"title\":\"t\",\"serviceSource\":"
	    "\"microsoft365Defender\",\"evidence\":[");
	for (int i = 0; i < 10000; i++)
		buf_addf(&json,
		    "%s{\"@odata.type\":\"#microsoft.graph."
		    "security.userEvidence\",\"userAccount\":{\"userPrincipal"
		    "Name\":\"user%d@contoso.example\"}}",
		    i > 0 ? "," : "", i);
	buf_add_text(&json, "]}");
	assert_int_equal(bench_map(&b, buf_str(&json)), 0);
	if (!cef_parse_line(p, buf_str(&b.out)))
		fail_msg("%s", p->why);
	assert_str(cef_parse_get(p, "suser"), "user0@contoso.example");
	assert_str(cef_parse_get(p, "cn1"), "10000");
	s = cef_parse_get(p, "cs6");
	assert_true(s.len < 4000);
	assert_true(str_ends(s, STR_LIT(";+9900 more")));
	s = cef_parse_get(p, "cs3");
	assert_true(str_ends(s, STR_LIT(",+9949 more")));
	assert_null(cef_parse_get(p, "cloudcefdTruncated").p);
	buf_clear(&json);
	bench_close(&b);
	xfree(p);
}

static void
deep_and_long_records_become_events(void **state)
{
	struct cef_parse *p = xmalloc(sizeof(*p));
	struct bench b;
	struct buf json;

	(void)state;
	bench_open_shipped(&b, "graph-alerts.map");
	buf_init(&json, 8 << 20);
	buf_add_text(&json, "{\"id\":\"deep\",\"x\":");
	for (int i = 0; i < 998; i++)
		buf_add_char(&json, '[');
	for (int i = 0; i < 998; i++)
		buf_add_char(&json, ']');
	buf_add_char(&json, '}');
	want_line(&b, p, buf_str(&json));
	assert_str(cef_parse_get(p, "externalId"), "deep");

	buf_reset(&json);
	buf_add_text(&json,
	    "{\"id\":\"long\",\"serviceSource\":\"x\","
	    "\"description\":\"");
	for (int i = 0; i < 1 << 20; i++)
		buf_add_char(&json, '=');
	buf_add_text(&json, "\"}");
	b.conf.max_bytes = 1000;
	want_line(&b, p, buf_str(&json));
	assert_true(b.out.len <= 1000);
	assert_str(cef_parse_get(p, "externalId"), "long");
	assert_str(cef_parse_get(p, "cloudcefdTruncated"), "msg");
	buf_clear(&json);
	bench_close(&b);
	xfree(p);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(values_are_made_as_the_lines_say),
	cmocka_unit_test(forms_write_nodes_by_their_type),
	cmocka_unit_test(json_in_json_in_json_is_read_afresh),
	cmocka_unit_test(the_first_event_that_fits_takes_the_record),
	cmocka_unit_test(values_longer_than_their_key_are_cut_and_named),
	cmocka_unit_test(events_are_shortened_in_the_order_of_the_map),
	cmocka_unit_test(a_first_field_that_goes_takes_its_blank_along),
	cmocka_unit_test(a_full_buffer_is_left_as_it_was),
	cmocka_unit_test(any_json_becomes_one_well_formed_line),
	cmocka_unit_test(ten_thousand_entries_are_joined_and_counted),
	cmocka_unit_test(deep_and_long_records_become_events),
};

UNIT_MAIN(tests)
