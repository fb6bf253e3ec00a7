/*
 * tools/sim/sim_logs.c -- the query API of Log Analytics.
 *
 * Of the query language it understands what cloudcefd writes behind a table:
 * by which time to read, from when to when, how many rows to pass over and
 * how many to take.  A row arrives when its version becomes visible, and
 * stays.  Where columns hold JSON, every other answer has it as a text, and
 * the columns stand in another order.
 */
/* SPDX-License-Identifier: ISC */
#include "tools/sim/sim_logs.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "codec/json.h"
#include "codec/rfc3339.h"
#include "tools/sim/sim.h"
#include "tools/sim/sim_call.h"
#include "tools/sim/sim_fill.h"
#include "tools/sim/sim_kinds.h"
#include "tools/sim/sim_rng.h"
#include "tools/sim/sim_server.h"
#include "tools/sim/sim_store.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define QUERY_MOST (64 * 1024)
#define ROW_MOST (1024 * 1024)
#define TOO_MANY 500000 /* rows of one answer */
#define COLUMNS_MOST 64
#define WORKSPACE "2c8f7d10-6a53-4be1-9d44-70b1e5c3a9f8"
#define TENANT "4f0c6a1e-52b7-4d1b-9a38-c6a1b2d07e55"

enum {
	SALT_ID = 300,
	SALT_FORM
};

/* --- what a row says ------------------------------------------------------*/

struct table {
	const char *name;
	struct sim_store *store; /* borrowed from the kinds */
	struct sim_template *row;
};

struct sim_logs {
	struct table table[5];
	struct json_doc doc;
};

static void
put_id(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	sim_put_guid(out, sim_hash(f->seed, SALT_ID));
}

static void
put_status(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	static const char *const words[] = { "New", "InProgress", "InProgress",
		"Resolved", "Resolved", "Dismissed" };

	(void)arg;
	buf_add_text(out, words[f->version]);
}

static const struct sim_slot slots[] = {
	{ "id", put_id },
	{ "status", put_status },
	{ NULL, NULL },
};

#define HEAD(name)                                                  \
	"{'TenantId':'" WORKSPACE "','TimeGenerated':'${updated}'," \
	"'SourceSystem':${pick:''|'Azure'|null},'Type':'" name "'," \
	"'_BilledSize':${num:200-4000}.5,'_IsBillable':'True',"

static const struct {
	const char *name;
	bool changes;
	const char *row;
} kinds[] = {
	{ "McasShadowItReporting", false,
	    HEAD("McasShadowItReporting") "'Date':'${created}','StreamName':'${"
					  "pick:Win10 Endpoint Users|"
					  "Zürich proxy = "
					  "1|防火墙}','AppName':'${pick:"
					  "FileDrop|Chat = GPT|"
					  "Box of "
					  "\\\"Notes\\\"}','AppId':'${num:"
					  "10000-30000}',"
					  "'AppInstance':'','AppCategory':'${"
					  "pick:Cloud storage|Generative "
					  "AI|Collaboration}','AppTags':${pick:"
					  "['Unsanctioned']|[]|"
					  "['Sanctioned','Reviewed']},'"
					  "AppScore':${num:1-10},"
					  "'TotalEvents':${num:1-500},'"
					  "BlockedEvents':${num:0-3},"
					  "'UploadedBytes':${num:0-9000000000},"
					  "'DownloadedBytes':"
					  "${num:0-90000},'TotalBytes':${num:0-"
					  "9000000000},"
					  "'IpAddress':'${ip:0}','UserName':'${"
					  "user.upn:0}',"
					  "'EnrichedUserName':${pick:''|null},"
					  "'RawUserName':'${user.account:0}','"
					  "MachineName':'${host:0}',"
					  "'MachineId':'${id}','AadTenantId':"
					  "'" TENANT "'}" },
	{ "PurviewDataSensitivityLogs", false,
	    HEAD(
		"PurviewDataSensitivityLogs") "'ActivityType':'${pick:"
					      "Classification|Labeling}',"
					      "'PurviewTenantId':'" TENANT
					      "','PurviewAccountName':'"
					      "fabpurview',"
					      "'PurviewRegion':'westeurope','"
					      "SourceName':'lake-${num:1-9}',"
					      "'SourceType':'${pick:"
					      "AzureStorage|AzureSqlDatabase}',"
					      "'SourcePath':'/subscriptions/"
					      "${guid:1}/resourceGroups/data',"
					      "'SourceRegion':'westeurope','"
					      "SourceCollectionName':"
					      "'${pick:|finance}','"
					      "SourceScanId':'${id}','"
					      "AssetName':"
					      "'${file:0}','AssetPath':'https:/"
					      "/lake.blob.example/${file:0}',"
					      "'AssetType':'${pick:File|Table}'"
					      ",'AssetCreationTime':"
					      "${pick:'0001-01-01T00:00:00Z'|"
					      "null|'2025-04-01T01:02:03.5Z'},"
					      "'AssetLastScanTime':'${created}'"
					      ",'FileExtension':'',"
					      "'FileSize':${num:0-5000000000},'"
					      "Classification':"
					      "${pick:['MICROSOFT.PERSONAL."
					      "EMAIL','Kundennummer']|[]|"
					      "['Taiwan Passport "
					      "Number']},'"
					      "ClassificationDetails':"
					      "[{'Id':'${guid:2}','Name':'"
					      "MICROSOFT.PERSONAL.EMAIL',"
					      "'Confidence':${num:75-100},'"
					      "Count':${num:1-900}}],"
					      "'SensitivityLabel':${pick:[]|['"
					      "Confidential\\\\Staff']},"
					      "'ClassificationTrigger':'${pick:"
					      "System|}'}" },
	{ "SecurityAlert", true,
	    HEAD("SecurityAlert") "'DisplayName':'${pick:DLP policy (Cards) "
				  "matched|Massendownload|"
				  "Impossible\\ntravel}','AlertName':'${pick:"
				  "DLP policy (Cards) "
				  "matched|Massendownload}','AlertSeverity':'${"
				  "pick:High|Medium|Low|"
				  "Informational}','Description':'${user.name:"
				  "0} was seen.',"
				  "'ProviderName':'Microsoft Data Loss "
				  "Prevention','ProductName':"
				  "'${pick:Microsoft Data Loss "
				  "Prevention|Microsoft Cloud App "
				  "Security|Azure "
				  "Sentinel}','VendorOriginalId':'dl${hex:24}',"
				  "'SystemAlertId':'${id}','AlertType':'${pick:"
				  "DLP|a7c1_rule|}',"
				  "'StartTime':'${created}','EndTime':'${"
				  "updated}','Status':"
				  "'${status}','Entities':'[{\\\"$id\\\":"
				  "\\\"1\\\",\\\"Type\\\":"
				  "\\\"account\\\",\\\"Name\\\":\\\"${user."
				  "account:0}\\\","
				  "\\\"UPNSuffix\\\":\\\"${domain}\\\"},{\\\"$"
				  "id\\\":\\\"2\\\","
				  "\\\"Type\\\":\\\"host\\\",\\\"HostName\\\":"
				  "\\\"${host:0}\\\"}]',"
				  "'ExtendedProperties':'{\\\"PolicyName\\\":"
				  "\\\"Cards\\\"}',"
				  "'CompromisedEntity':'${host:0}','AlertLink':"
				  "'https://security.example/alerts/"
				  "${id}','Tactics':"
				  "'Exfiltration','Techniques':'','IsIncident':"
				  "false}" },
	{ "SecurityIncident", true,
	    HEAD("SecurityIncident") "'IncidentName':'${id}','IncidentNumber':$"
				     "{num:1-99999},"
				     "'Title':'${pick:Multi-stage "
				     "incident|Vorfall äöü}',"
				     "'Description':'','Severity':'${pick:High|"
				     "Medium|Low|"
				     "Informational}','Status':'${status}','"
				     "Classification':null,"
				     "'Owner':{'objectId':null,'"
				     "userPrincipalName':"
				     "${pick:null|'soc@contoso.example'}},'"
				     "ProviderName':"
				     "'Microsoft "
				     "XDR','ProviderIncidentId':'${num:1-99999}"
				     "',"
				     "'FirstActivityTime':'${created}','"
				     "LastActivityTime':'${created}',"
				     "'LastModifiedTime':'${updated}','"
				     "CreatedTime':'${created}',"
				     "'ClosedTime':null,'AlertIds':['${guid:3}'"
				     ",'${guid:4}'],"
				     "'Labels':[{'labelName':'vip','labelType':"
				     "'User'}],"
				     "'AdditionalData':{'alertsCount':2,'"
				     "alertProductNames':"
				     "['Microsoft Data Loss "
				     "Prevention'],'tactics':['Collection']},"
				     "'IncidentUrl':'https://portal.example/"
				     "incidents/${id}'}" },
	{ "OfficeActivity", false,
	    HEAD(
		"OfficeActivity") "'OfficeId':'${id}','RecordType':'"
				  "SharePointFileOperation',"
				  "'Operation':'${pick:FileDownloaded|"
				  "FileUploaded|New-InboxRule}',"
				  "'OfficeWorkload':'${pick:OneDrive|"
				  "SharePoint|Exchange}',"
				  "'OrganizationId':'" TENANT
				  "','UserId':'${user.upn:0}',"
				  "'UserKey':'${hex:16}','UserType':'Regular','"
				  "ClientIP':'${ip:0}',"
				  "'ResultStatus':'${pick:|Succeeded|False}','"
				  "OfficeObjectId':"
				  "'https://contoso.example/sites/"
				  "${file:0}','SourceFileName':"
				  "'${file:0}','Parameters':'[{\\\"Name\\\":"
				  "\\\"x\\\"}]',"
				  "'UserAgent':'${pick:Mozilla/5.0 (X11)|}'}" },
};

/* Columns that hold JSON; those that hold a time end with "Time". */
static const char *const dynamic[] = { "AppTags", "Classification",
	"ClassificationDetails", "SensitivityLabel", "Owner", "AlertIds",
	"Labels", "AdditionalData" };

/* --- life -----------------------------------------------------------------*/

static void
put_record_id(const void *arg, uint32_t record, struct buf *out)
{
	const struct table *t = arg;

	sim_put_guid(
	    out, sim_hash(sim_store_record(t->store, record)->seed, SALT_ID));
}

struct sim_logs *
sim_logs_new(struct sim *sim)
{
	struct sim_logs *l = xcalloc(1, sizeof(*l));

	json_init(&l->doc, 0, 0);
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct table *t = &l->table[i];
		const struct sim_kind_conf kind = { .name = kinds[i].name,
			.count = sim->conf->rows,
			.never_change = !kinds[i].changes,
			.arg = t,
			.put_id = put_record_id };

		t->name = kinds[i].name;
		t->row = sim_template_new(kinds[i].row, slots);
		t->store = sim_kinds_add(sim->kinds, &kind);
	}
	return l;
}

void
sim_logs_free(struct sim_logs **lp)
{
	struct sim_logs *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	for (size_t i = 0; i < COUNT(kinds); i++)
		sim_template_free(&l->table[i].row);
	json_clear(&l->doc);
	xfree(l);
}

/* --- errors ---------------------------------------------------------------*/

static const struct failure {
	int status;
	const char *code, *inner, *text;
} failures[] = {
	{ 400, "BadArgumentError", "SyntaxError", "Syntax Error" },
	{ 401, "AuthenticationFailed", NULL, "Authentication failed." },
	{ 403, "InsufficientAccessError", "UnauthorizedClient",
	    "The service principal does not have sufficient permissions." },
	{ 404, "PathNotFoundError", NULL, "The requested path is not there." },
	{ 429, "ThrottledError", NULL, "Too many requests. Try again later." },
	{ 504, "GatewayTimeout", NULL, "The query did not end in time." },
	{ 0, "InternalServerError", NULL, "A passing error has occurred." },
};

static void
put_error(struct sim_call *call, int status, const char *code,
    const char *inner, const char *text)
{
	struct buf *out = &call->rest;

	sim_call_restart(call);
	call->status = status;
	buf_add_text(out, "{\"error\":{\"message\":\"");
	sim_put_plain(out, inner == NULL ? text : "The request is not valid");
	buf_addf(out, "\",\"code\":\"%s\"", code);
	if (inner != NULL) {
		buf_addf(out, ",\"innererror\":{\"code\":\"%s\",\"message\":\"",
		    inner);
		sim_put_plain(out, text);
		buf_add_text(out, "\"}");
	}
	buf_add_text(out, "}}");
}

void
sim_logs_fail(struct sim_call *call, int status, const char *reason)
{
	const struct failure *f = failures;

	while (f->status != 0 && f->status != status)
		f++;
	put_error(
	    call, status, f->code, f->inner, reason != NULL ? reason : f->text);
}

/* --- the query ------------------------------------------------------------*/

struct query {
	struct table *table;
	bool by_arrival;
	int64_t low, high;        /* of that time */
	int64_t earliest, latest; /* of TimeGenerated */
	uint64_t skip, take;
};

/* The text behind the first `words`, or NULL. */
static const char *
behind(const char *text, const char *words)
{
	const char *at = text != NULL ? strstr(text, words) : NULL;

	return at != NULL ? at + strlen(words) : NULL;
}

/* Read the moment that begins here, up to a delimiter. */
static const char *
read_moment(const char *text, int64_t *ticks_r)
{
	size_t n = text != NULL ? strcspn(text, ")/") : 0;

	if (n == 0 || !rfc3339_parse_ticks(str_make(text, n), ticks_r))
		return NULL;
	return text + n;
}

static struct table *
find_table(struct sim_logs *l, const char *query)
{
	for (size_t i = 0; i < COUNT(kinds); i++) {
		size_t n = strlen(l->table[i].name);

		if (strncmp(query, l->table[i].name, n) == 0 &&
		    strchr("\n |", query[n]) != NULL)
			return &l->table[i];
	}
	return NULL;
}

/* NULL, or what is wrong with it. */
static const char *
read_query(const char *text, struct query *q)
{
	const char *at = behind(text, "cloudcefd_time >= datetime("), *n;

	at = behind(read_moment(at, &q->low), "cloudcefd_time < datetime(");
	at = read_moment(at, &q->high);
	n = behind(at, "\n| take ");
	if (n == NULL || strstr(at, "\n| order by cloudcefd_time asc") == NULL)
		return "Query could not be parsed";
	q->take = strtoull(n, NULL, 10);
	n = behind(at, "cloudcefd_row > ");
	q->skip = n != NULL ? strtoull(n, NULL, 10) : 0;
	q->by_arrival = strstr(text, "ingestion_time()") != NULL;
	return NULL;
}

/* False if the call is answered. */
static bool
read_call(struct sim_call *call, struct query *q)
{
	struct sim_logs *l = call->sim->logs;
	struct buf text, span;
	const char *wrong = NULL, *at;
	bool ok = false;

	buf_init(&text, QUERY_MOST);
	buf_init(&span, 256);
	*q = (struct query){ .earliest = INT64_MIN, .latest = INT64_MAX };
	if (json_parse(&l->doc, call->body, NULL) != 0) {
		sim_logs_fail(call, 400, "The body is no JSON");
		goto out;
	}
	json_decode(&l->doc, json_at(&l->doc, 0, "query"), &text);
	json_decode(&l->doc, json_at(&l->doc, 0, "timespan"), &span);
	q->table = find_table(l, buf_cstr(&text));
	at = read_moment(buf_cstr(&span), &q->earliest);
	if (at != NULL)
		at = read_moment(at + 1, &q->latest);
	wrong = read_query(buf_cstr(&text), q);
	if (q->table == NULL)
		put_error(call, 400, "BadArgumentError", "SemanticError",
		    "Failed to resolve table or column expression");
	else if (wrong != NULL || (span.len > 0 && at == NULL))
		sim_logs_fail(call, 400, wrong);
	else
		ok = true;
out:
	buf_clear(&text);
	buf_clear(&span);
	return ok;
}

struct row {
	int64_t time;
	uint32_t number;
};

static int
compare_rows(const void *one, const void *other)
{
	const struct row *a = one, *b = other;

	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

/* All rows that the query selects, in its order. */
static struct row *
find_rows(const struct query *q, size_t *n_r)
{
	const struct sim_store *s = q->table->store;
	size_t n = sim_store_versions(s);
	struct row *rows = xcalloc(n + 1, sizeof(*rows));
	int64_t now = sim_now();

	*n_r = 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct sim_version *v = sim_store_version(s, i);
		int64_t time = q->by_arrival ? v->visible : v->time;

		if (v->visible <= now && v->visible < v->gone &&
		    time >= q->low && time < q->high &&
		    v->time >= q->earliest && v->time < q->latest)
			rows[(*n_r)++] = (struct row){ time, i };
	}
	qsort(rows, *n_r, sizeof(*rows), compare_rows);
	return rows;
}

/* --- the answer -----------------------------------------------------------*/

/* The columns of an answer: the members of a row, from one of them on. */
struct columns {
	uint32_t first, n; /* of them */
	bool as_text;      /* JSON in them */
};

static bool
is_dynamic(struct str name)
{
	for (size_t i = 0; i < COUNT(dynamic); i++)
		if (str_is(name, dynamic[i]))
			return true;
	return false;
}

static const char *
type_of(const struct json_doc *doc, uint32_t key)
{
	struct str name = json_raw(doc, key);

	if (is_dynamic(name))
		return "dynamic";
	if (str_ends(name, STR_LIT("Time")) || str_is(name, "Date") ||
	    str_is(name, "TimeGenerated"))
		return "datetime";
	if (json_type(doc, key + 1) == JSON_NUMBER)
		return str_is(name, "_BilledSize") ? "real" : "long";
	return json_type(doc, key + 1) == JSON_FALSE ? "bool" : "string";
}

/* Read a row's object; its keys in the answer's order. */
static uint32_t
read_row(struct sim_logs *l, const struct table *t, const struct sim_version *v,
    const struct columns *c, uint32_t key[COLUMNS_MOST], struct buf *text)
{
	const struct sim_record *rec = sim_store_record(t->store, v->record);
	const struct sim_fill fill = { .seed = rec->seed,
		.created = rec->created,
		.updated = v->time,
		.version = v->number };
	uint32_t in_order[COLUMNS_MOST], n = 0;

	buf_reset(text);
	sim_template_put(t->row, &fill, text);
	if (json_parse(&l->doc, buf_str(text), NULL) != 0)
		return 0;
	for (uint32_t k = json_first(&l->doc, 0);
	     k != JSON_NONE && n < COLUMNS_MOST;
	     k = json_after(&l->doc, 0, k + 1))
		in_order[n++] = k;
	for (uint32_t i = 0; i < n; i++)
		key[i] = in_order[(i + c->first) % n];
	return n;
}

static void
put_value(const struct json_doc *doc, uint32_t key, const struct columns *c,
    struct buf *out)
{
	uint32_t node = key + 1;

	if (json_type(doc, node) == JSON_STRING) {
		buf_add_char(out, '"');
		buf_add_str(out, json_raw(doc, node));
		buf_add_char(out, '"');
	} else if (c->as_text && json_type(doc, node) != JSON_NULL &&
	    is_dynamic(json_raw(doc, key))) {
		json_quote(out, json_raw(doc, node));
	} else {
		buf_add_str(out, json_raw(doc, node));
	}
}

static void
put_row(struct sim_logs *l, const struct query *q, const struct row *row,
    const struct columns *c, struct buf *text, struct buf *out)
{
	const struct sim_version *v =
	    sim_store_version(q->table->store, row->number);
	char moment[RFC3339_MAX];
	uint32_t key[COLUMNS_MOST];
	uint32_t n = read_row(l, q->table, v, c, key, text);

	buf_add_char(out, '[');
	for (uint32_t i = 0; i < n; i++) {
		put_value(&l->doc, key[i], c, out);
		buf_add_char(out, ',');
	}
	rfc3339_format_ticks(moment, row->time);
	buf_addf(out, "\"%s\"]", moment);
}

static void
put_columns(struct sim_logs *l, const struct query *q, struct columns *c,
    struct buf *text, struct buf *out)
{
	static const struct sim_version any = { .record = 0 };
	uint32_t key[COLUMNS_MOST], n = 0;

	if (sim_store_records(q->table->store) > 0)
		n = read_row(l, q->table, &any, c, key, text);
	for (uint32_t i = 0; i < n; i++)
		buf_addf(out, "{\"name\":\"%.*s\",\"type\":\"%s\"},",
		    STR_ARG(json_raw(&l->doc, key[i])),
		    type_of(&l->doc, key[i]));
	buf_add_text(
	    out, "{\"name\":\"cloudcefd_time\",\"type\":\"datetime\"}");
}

static void
put_table(struct sim_call *call, const struct query *q, const struct row *rows,
    size_t n)
{
	struct sim_logs *l = call->sim->logs;
	uint64_t form =
	    sim_hash(sim_server_serial(call->sim->server), SALT_FORM);
	struct columns c = { .first = sim_below(form, 20),
		.as_text = form % 2 == 0 };
	struct buf *out = &call->rest, text;
	size_t from = q->skip < n ? q->skip : n;
	size_t to = q->take < n - from ? from + q->take : n;
	bool partial = call->fault.partial || to - from > TOO_MANY;

	if (partial)
		to = from + (to - from) / 2;
	buf_init(&text, ROW_MOST);
	buf_add_text(
	    out, "{\"tables\":[{\"name\":\"PrimaryResult\",\"columns\":[");
	put_columns(l, q, &c, &text, out);
	buf_add_text(out, "],\"rows\":");
	buf_add_char(out, '[');
	for (size_t i = from; i < to; i++) {
		buf_add_text(out, i > from ? "," : "");
		put_row(l, q, &rows[i], &c, &text, out);
	}
	if (call->fault.broken_json)
		buf_add_text(out, ",,");
	buf_add_text(out, "]}]");
	if (partial)
		buf_add_text(out,
		    ",\"error\":{\"code\":\"PartialError\",\"message\":"
		    "\"The answer has exceeded a limit.\",\"details\":[]}");
	buf_add_char(out, '}');
	buf_clear(&text);
}

void
sim_logs_query(struct sim *sim, struct sim_call *call)
{
	const char *type = sim_call_header(call, "Content-Type");
	struct query q;
	struct row *rows;
	size_t n;

	(void)sim;
	/* The service is as silent. */
	if (type == NULL || strncmp(type, "application/json", 16) != 0 ||
	    call->body.len == 0)
		return;
	if (!read_call(call, &q))
		return;
	sim_store_advance(q.table->store, sim_now());
	rows = find_rows(&q, &n);
	put_table(call, &q, rows, n);
	xfree(rows);
}
