/*
 * tools/sim/sim_mdca_records.c -- what Defender for Cloud Apps' records say.
 *
 * Each kind is one template; which one a record has follows from its seed.
 * The first version of an alert is open, each later one is closed, at the
 * version's own time and in another way.  An activity happened some minutes
 * before it was saved.
 */
/* SPDX-License-Identifier: ISC */
#include "tools/sim/sim_mdca_records.h"

#include <inttypes.h>

#include "base/buf.h"
#include "base/xalloc.h"
#include "tools/sim/sim_fill.h"
#include "tools/sim/sim_rng.h"
#include "tools/sim/sim_store.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define TICKS_PER_MS (SIM_TICKS_PER_S / 1000)
#define TENANT "4f0c6a1e-52b7-4d1b-9a38-c6a1b2d07e55"
#define TENANT_NUMBER "88770011"

enum {
	SALT_KIND = 300,
	SALT_SEVERITY,
	SALT_ID,
	SALT_LAG
};

/* --- templates ------------------------------------------------------------*/

#define POLICY(id, type)                                                     \
	"{'id':'" id "','label':'${policy}','policyType':'" type "','type':" \
	"'policyRule'}"
#define SERVICE(id, label) "{'id':" id ",'label':'" label "','type':'service'}"
#define USER "{'id':'${user.upn:0}','label':'${user.upn:0}','type':'user'}"
#define ACCOUNT                                                               \
	"{'entityType':2,'id':'${user.id:0}','inst':0,'label':"               \
	"'${user.name:0}','pa':'${user.upn:0}','saas':11161,'type':'account'" \
	"}"
#define IP(n) "{'id':'${ip:" n "}','label':'${ip:" n "}','type':'ip'}"
#define COUNTRY(n) "{'id':'${cc:" n "}','label':'${cc:" n "}','type':'country'}"

#define ALERT_BEGIN                                                      \
	"{'_id':'${id}','contextId':'" TENANT "','timestamp':${raised}," \
	"'title':'${policy}',"
#define ALERT_END                                                          \
	"'severityValue':${severity},'statusValue':${status},"             \
	"'resolutionStatusValue':${resolution},'resolveTime':${resolved}," \
	"'handledByUser':${handler},'comment':${comment},'isSystemAlert':" \
	"false,'URL':'${portal}/#/alerts/${id}'}"

static const struct {
	const char *policy, *text;
	int64_t service;
} alert_kinds[] = {
	{ "Mass download by one person",
	    ALERT_BEGIN
	    "'description':'Activity policy `Mass download by one person` was"
	    " triggered by `${user.upn:0}`','entities':[" POLICY(
		"65a0ffee0011223344556601", "AUDIT") "," SERVICE("10489",
		"Box") "," USER "],'audits':['${num:1500000000000-"
		       "1799999999999}_${guid:7}',"
		       "'${hex:64.3}'],'stories':[0],'threatScore':"
		       "null," ALERT_END,
	    10489 },
	{ "Kartennummern außerhalb \\u2013 DLP",
	    ALERT_BEGIN
	    "'description':'File policy `Kartennummern` was matched by"
	    " `${file:0}`','entities':[" POLICY(
		"65a0ffee0011223344556602", "FILE") "," SERVICE("15600",
		"Microsoft OneDrive for Business") ","
						   "{'id':'${guid:1}|${guid:2}'"
						   ",'label':'${file:0}','type'"
						   ":'file'}," ACCOUNT "," USER
						   "],'policy':" POLICY(
						       "65a0ffee001122334455660"
						       "2",
						       "FILE") ",'stories':[3],"
							       "'threatScore':$"
							       "{num:0-99},"
							       "'idValue':"
							       "15728642"
							       "," ALERT_END,
	    15600 },
	{ "Impossible travel activity",
	    ALERT_BEGIN
	    "'description':'<p>The user <b>${user.name:0}</b>"
	    " (${user.upn:0}) signed in from two places.<br>From ${ip:0} in"
	    " ${country:0} and ${ip:1} in ${country:1}, within"
	    " ${num:3-90} minutes &amp; without a device.<br/>Known addresses"
	    " go to the <a href=\\\"#/subnet\\\">list of ranges</a>.</p>',"
	    "'isMarkdown':false,'entities':[" POLICY("65a0ffee0011223344556603",
		"ANOMALY_DETECTION") "," SERVICE("20893",
		"Microsoft Exchange Online") "," SERVICE("11161",
		"Office 365") "," ACCOUNT "," USER
			      "," IP("0") ","
					  "{'id':'${ip:1}','label':'${ip:1}','"
					  "type':'ip','triggeredAlert':true}"
					  "," COUNTRY("0") "," COUNTRY(
					      "1") "],'evidence':[{'title':{"
						   "'template':'ALERTS_MITRE_"
						   "TACTIC','parameters':{'"
						   "tactic':"
						   "'INITIAL_ACCESS','mitre':{'"
						   "type':'link','label':'"
						   "MITRE'}}}}],"
						   "'idValue':15859716,'intent'"
						   ":[2],'isPreview':false,'is_"
						   "open':true,"
						   "'stories':[0],'threatScore'"
						   ":${num:20-90},'"
						   "threatScoreReasoning':["
						   "{'template':'USAGE','"
						   "parameters':{'userPercent':"
						   "12}}]," ALERT_END,
	    20893 },
	{ "Honeytoken activity",
	    ALERT_BEGIN
	    "'description':'${user.name:0} performed ${num:2-40} suspicious"
	    " activities\\r\\n\\tTechnique: Domain Account (T1087.002)',"
	    "'entities':[{'entityRole':'Source','entityType':2,'id':"
	    "'${user.id:0}','inst':0,'label':'${user.name:0}','pa':"
	    "'${user.upn:0}','type':'account'},{'entityRole':'Source','id':"
	    "'${guid:4}','label':'${host:0}','type':'device'},{'entityRole':"
	    "'Related','id':'${guid:5}','label':'${host:1}','type':'device'}"
	    "," SERVICE("20940",
		"Active Directory") ",{'id':"
				    "'5f759b4d106abbe4a504ea5d','label':'All "
				    "Users','type':'groupTag'}"
				    "],'idValue':15795464,'stories':[0,1],'"
				    "intent':[7,8],"
				    "'threatScore':34," ALERT_END,
	    20940 },
	{ "Neue App: 設計 = rejected | pending",
	    ALERT_BEGIN
	    "'description':null,'entities':{'0':{'id':'"
	    "65a0ffee0011223344556604'"
	    ",'label':'${policy}','policyType':'NEW_SERVICE','type':"
	    "'policyRule'},'1':null},'evidence':null,'audits':null,'stories':"
	    "[4],'intent':[],'idValue':${num:15790000-15799999},"
	    "'threatScore':''," ALERT_END,
	    0 },
};

#define ACTIVITY_BEGIN                                                      \
	"{'_id':'${id}','uid':'${id}','tenantId':" TENANT_NUMBER            \
	",'aadTenantId':'" TENANT "','timestamp':${happened},"              \
	"'timestampRaw':${happened},'instantiation':${happened},'created':" \
	"${saved},'createdRaw':${saved},"
#define LOCATION                                                            \
	"'location':{'countryCode':'${cc:0}','city':'${city:0}','region':"  \
	"'${city:0}',${position:0},'organizationSearchable':'Example Net'," \
	"'carrier':'example%20net','anonymousProxy':false,"                 \
	"'isSatelliteProvider':false,'category':0,'categoryValue':'NONE'},"
#define ACTOR                                                             \
	"{'objType':21,'role':4,'tags':[],'name':'${user.name:0}','id':"  \
	"'${user.upn:0}','instanceId':0,'saasId':11161,'resolved':true}," \
	"{'objType':23,'role':4,'tags':[],'name':'${user.name:0}','id':"  \
	"'${user.id:0}','instanceId':0,'saasId':11161,'resolved':true}"
#define RESOLVED                                                        \
	"'resolvedActor':{'id':'${user.id:0}','name':'${user.name:0}'," \
	"'saasId':'11161','instanceId':'0','objType':'23','role':'4',"  \
	"'resolved':true},"
#define ACTIVITY_END "'severity':'INFO','confidenceLevel':20}"

static const struct {
	int64_t service;
	const char *text;
} activity_kinds[] = {
	{ 12260,
	    ACTIVITY_BEGIN
	    "'appId':12260,'saasId':12260,'srcAppId':11161,'appName':"
	    "'Microsoft Azure','eventType':2293761,'eventTypeValue':"
	    "'EVENT_AAD_LOGIN_FAILED','eventTypeName':"
	    "'EVENT_CATEGORY_FAILED_LOGIN','genericEventType':"
	    "'ENUM_ACTIVITY_GENERIC_TYPE_FAILED_LOGIN','description':'Failed"
	    " log on (Failure message: the &quot;Keep me signed in&quot; step"
	    " <b>broke</b>)','description_metadata':{'event_category':"
	    "'Failed log on','colon':'','dash':''},'device':{'clientIP':"
	    "'${ip:0}','userAgent':';Windows 11;Edge 120.0;','countryCode':"
	    "'${cc:0}'}," LOCATION "'user':{'userTags':['${hex:24.1}']},"
	    "'failedUserData':{'userName':'${user.upn:0}'},'mainInfo':{"
	    "'eventObjects':[{'objType':6,'role':1,'id':'${guid:1}','name':"
	    "'Azure Portal'},{'objType':7,'role':3,'name':'Pass-through"
	    " authentication','value':'false'},{'objType':21,'role':5,'name':"
	    "'${user.name:0}','id':'${user.upn:0}'}],'rawOperationName':"
	    "'SAS:ProcessAuth','prettyOperationName':'SAS:ProcessAuth',"
	    "'activityResult':{'isSuccess':false,'message':'it broke'},'type':"
	    "'failedLogin'},'source':2,'rawDataJson':{'LoginStatus':'Failure',"
	    "'DataSource':null,'Level':1,'level':2,'TimeStamp':"
	    "'0001-01-01T00:00:00Z'}," RESOLVED "'entityData':[{'displayName':"
	    "'${user.name:0}','id':{'id':'${user.upn:0}','saas':11161,'inst':0}"
	    "}"
	    "]," ACTIVITY_END },
	{ 20893,
	    ACTIVITY_BEGIN
	    "'appId':20893,'saasId':20893,'srcAppId':11161,'appName':"
	    "'Microsoft Exchange Online','eventType':233580,'eventTypeValue':"
	    "'EVENT_O365_EXCHANGE_GENERIC','eventTypeName':"
	    "'EVENT_CATEGORY_UNSPECIFIED','description':'Send message: mail"
	    " ${subject:0}','description_metadata':{'operation_name':"
	    "'SendAs','target_object':''},'device':{'clientIP':'${ip:0}',"
	    "'userAgent':'Client=OWA;Action=ViaProxy','countryCode':null}"
	    "," LOCATION "'user':{'userName':'${user.upn:0}','userTags':[]},"
	    "'mainInfo':{'eventObjects':[{'objType':8,'role':3,'name':"
	    "'${subject:0}','id':null}," ACTOR "],'rawOperationName':'SendAs',"
	    "'prettyOperationName':'SendAs','type':'basic'},'source':"
	    "2," RESOLVED "'rawDataJson':{'Workload':'Exchange','ClientIP':"
	    "'[2001:db8::17]:51234','Item':'{\\\"Subject\\\":\\\"nested\\\"}'"
	    "},'entityData':{'0':{'displayName':'${user.name:0}'},'1':null}"
	    "," ACTIVITY_END },
	{ 15600,
	    ACTIVITY_BEGIN
	    "'appId':15600,'saasId':15600,'srcAppId':11161,'appName':"
	    "'Microsoft OneDrive for Business','eventTypeValue':"
	    "'EVENT_O365_ONEDRIVE_GENERIC','eventTypeName':"
	    "'EVENT_CATEGORY_DOWNLOAD_FILE','description':'Download file: file"
	    " ${file:0}','description_metadata':{'event_category':'Download"
	    " file'},'device':{'clientIP':'${ip:0}','userAgent':"
	    "'Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/121.0',"
	    "'countryCode':'${cc:0}'}," LOCATION "'user':{'userName':"
	    "'${user.upn:0}','userTags':['${hex:24.1}']},'mainInfo':{"
	    "'eventObjects':[{'objType':1,'role':3,'name':'${file:0}','id':"
	    "'${guid:3}','serviceObjectType':'File'}," ACTOR "],'type':'basic'"
	    "},'source':2," RESOLVED "'rawDataJson':{'SourceFileName':"
	    "'${file:0}','ObjectId':'${folder:0}/${file:0}','Operation':"
	    "'FileDownloaded'}," ACTIVITY_END },
	{ 20595,
	    ACTIVITY_BEGIN
	    "'appId':20595,'saasId':20595,'appName':'Microsoft Cloud App"
	    " Security','eventType':917544,'eventTypeValue':"
	    "'EVENT_ADALLOM_ALERT_DISMISSED','eventTypeName':"
	    "'EVENT_CATEGORY_DISMISS_ALERT','description':'Dismiss alert"
	    " <b>Impossible travel activity</b>','description_metadata':{"
	    "'adallom_title':'Impossible travel activity'},'device':{"
	    "'clientIP':'${ip:0}','userAgent':'unknown','countryCode':'${cc:0}'"
	    "},'location':null,'user':{'userName':'${user.upn:0}'},'mainInfo':"
	    "{'eventObjects':[" ACTOR "],'type':'unknown'},'adallom':{'count':1"
	    ",'alertScore':'32','feedback':''}," RESOLVED ACTIVITY_END },
	{ 14509,
	    ACTIVITY_BEGIN
	    "'appId':14509,'saasId':14509,'appName':'ServiceNow',"
	    "'eventTypeName':'EVENT_CATEGORY_DELETE_OBJECT','description':"
	    "'Delete object: ServiceNow Object ${hex:32.2}',"
	    "'description_metadata':null,'device':null,'user':{'userName':"
	    "'${user.upn:0}'},'mainInfo':{'eventObjects':[{'objType':7,'role':"
	    "3,'name':''},{'objType':7,'role':3}," ACTOR "],'type':'basic'},"
	    "'source':2,'tags':null," ACTIVITY_END },
	{ 11599,
	    ACTIVITY_BEGIN
	    "'appId':'11599','saasId':'11599','appName':'Amazon Web Services',"
	    "'eventTypeName':null,'eventTypeValue':'EVENT_AWS_GENERIC',"
	    "'description':'Run command: task ListBuckets','device':{"
	    "'clientIP':'','userAgent':null},'user':{},'mainInfo':{"
	    "'eventObjects':{},'rawOperationName':'ListBuckets','type':"
	    "'basic'},'rawDataJson':'{\\\"eventName\\\":\\\"ListBuckets\\\"}',"
	    "'source':3," ACTIVITY_END },
};

/* --- what the blanks are filled with --------------------------------------*/

/* The record whose text is composed. */
struct text {
	const struct sim_mdca_records *all;
	const struct sim_record *rec;
	const char *policy, *portal;
	struct sim_mdca_values values;
	unsigned version;
	bool is_alert;
};

struct sim_mdca_records {
	struct sim_template *alert[COUNT(alert_kinds)];
	struct sim_template *activity[COUNT(activity_kinds)];
};

static const struct text *
text_of(const struct sim_fill *f)
{
	return f->kind;
}

static void
put_ms(struct buf *out, int64_t ms)
{
	buf_addf(out, "%" PRId64, ms);
}

static void
put_id(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	const struct text *t = text_of(f);

	(void)arg;
	if (t->is_alert)
		sim_mdca_put_alert_id(t->rec, out);
	else
		sim_mdca_put_activity_id(t->all, t->rec, out);
}

static void
put_policy(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	buf_add_text(out, text_of(f)->policy);
}

static void
put_portal(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	buf_add_text(out, text_of(f)->portal);
}

static void
put_date(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	put_ms(out, text_of(f)->values.date);
}

static void
put_saved(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	put_ms(out, text_of(f)->values.created);
}

static void
put_severity(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	put_ms(out, text_of(f)->values.severity);
}

static void
put_status(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	buf_add_u64(out, f->seed & 1);
}

static void
put_resolution(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	unsigned version = text_of(f)->version;

	(void)arg;
	buf_add_u64(out, version == 0 ? 0 : 3 + version % 3);
}

/* As the service does it: a date in text, or nothing. */
static void
put_resolved(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	const struct text *t = text_of(f);

	(void)arg;
	if (t->version == 0) {
		buf_add_text(out, "null");
		return;
	}
	buf_add_char(out, '"');
	sim_put_time(out, t->values.resolved * TICKS_PER_MS);
	buf_add_char(out, '"');
}

static void
put_handler(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	buf_add_text(
	    out, text_of(f)->version == 0 ? "null" : "\"soc@contoso.example\"");
}

static void
put_comment(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	buf_add_text(out, text_of(f)->version == 0 ? "\"\"" : "\"known | ok\"");
}

static const struct sim_slot slots[] = {
	{ "id", put_id },
	{ "policy", put_policy },
	{ "portal", put_portal },
	{ "raised", put_date },
	{ "happened", put_date },
	{ "saved", put_saved },
	{ "severity", put_severity },
	{ "status", put_status },
	{ "resolution", put_resolution },
	{ "resolved", put_resolved },
	{ "handler", put_handler },
	{ "comment", put_comment },
	{ NULL, NULL },
};

/* --- life -----------------------------------------------------------------*/

struct sim_mdca_records *
sim_mdca_records_new(void)
{
	struct sim_mdca_records *r = xcalloc(1, sizeof(*r));

	for (size_t i = 0; i < COUNT(alert_kinds); i++)
		r->alert[i] = sim_template_new(alert_kinds[i].text, slots);
	for (size_t i = 0; i < COUNT(activity_kinds); i++)
		r->activity[i] =
		    sim_template_new(activity_kinds[i].text, slots);
	return r;
}

void
sim_mdca_records_free(struct sim_mdca_records **rp)
{
	struct sim_mdca_records *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	for (size_t i = 0; i < COUNT(alert_kinds); i++)
		sim_template_free(&r->alert[i]);
	for (size_t i = 0; i < COUNT(activity_kinds); i++)
		sim_template_free(&r->activity[i]);
	xfree(r);
}

/* --- use ------------------------------------------------------------------*/

static size_t
kind_of(const struct sim_record *rec, size_t kinds)
{
	return sim_below(sim_hash(rec->seed, SALT_KIND), (uint32_t)kinds);
}

void
sim_mdca_alert_values(const struct sim_mdca_records *r,
    const struct sim_record *rec, const struct sim_version *v,
    struct sim_mdca_values *values_r)
{
	(void)r;
	*values_r = (struct sim_mdca_values){
		.date = rec->created / TICKS_PER_MS,
		.created = rec->created / TICKS_PER_MS,
		.resolved = v->number > 0 ? v->time / TICKS_PER_MS : 0,
		.severity = sim_below(sim_hash(rec->seed, SALT_SEVERITY), 4),
		.service =
		    alert_kinds[kind_of(rec, COUNT(alert_kinds))].service,
	};
}

void
sim_mdca_activity_values(const struct sim_mdca_records *r,
    const struct sim_record *rec, const struct sim_version *v,
    struct sim_mdca_values *values_r)
{
	int64_t lag = sim_below(sim_hash(rec->seed, SALT_LAG), 300000);

	(void)r;
	*values_r = (struct sim_mdca_values){
		.date = v->time / TICKS_PER_MS - lag,
		.created = v->time / TICKS_PER_MS,
		.service =
		    activity_kinds[kind_of(rec, COUNT(activity_kinds))].service,
	};
}

void
sim_mdca_put_alert_id(const struct sim_record *rec, struct buf *out)
{
	sim_put_hex(out, sim_hash(rec->seed, SALT_ID), 24);
}

/* The service's four shapes. */
void
sim_mdca_put_activity_id(const struct sim_mdca_records *r,
    const struct sim_record *rec, struct buf *out)
{
	uint64_t h = sim_hash(rec->seed, SALT_ID);
	int64_t ms = rec->created / TICKS_PER_MS;

	(void)r;
	switch (h & 3) {
	case 0:
		buf_addf(out, TENANT_NUMBER "_%" PRId64 "_", ms);
		sim_put_hex(out, h, 32);
		break;
	case 1:
		buf_addf(out, TENANT_NUMBER "_%" PRId64 "_",
		    activity_kinds[kind_of(rec, COUNT(activity_kinds))]
			.service);
		sim_put_guid(out, h);
		break;
	case 2:
		sim_put_hex(out, h, 64);
		break;
	default:
		buf_addf(out, "%" PRId64 "_", ms);
		sim_put_guid(out, h);
	}
}

static void
put(const struct text *t, const struct sim_version *v,
    const struct sim_template *template, struct buf *out)
{
	struct sim_fill fill = {
		.seed = t->rec->seed,
		.created = t->rec->created,
		.updated = v->time,
		.version = v->number,
		.kind = t,
	};
	size_t n = sim_template_members(template), first = 0;

	if (v->duplicate)
		first = 1 + sim_below(t->rec->seed, (uint32_t)n - 1);
	sim_template_put_rotated(template, &fill, first, out);
}

void
sim_mdca_put_alert(const struct sim_mdca_records *r,
    const struct sim_record *rec, const struct sim_version *v,
    const char *portal, struct buf *out)
{
	size_t kind = kind_of(rec, COUNT(alert_kinds));
	struct text t = {
		.all = r,
		.rec = rec,
		.policy = alert_kinds[kind].policy,
		.portal = portal,
		.version = v->number,
		.is_alert = true,
	};

	sim_mdca_alert_values(r, rec, v, &t.values);
	put(&t, v, r->alert[kind], out);
}

void
sim_mdca_put_activity(const struct sim_mdca_records *r,
    const struct sim_record *rec, const struct sim_version *v, struct buf *out)
{
	struct text t = { .all = r, .rec = rec };

	sim_mdca_activity_values(r, rec, v, &t.values);
	put(&t, v, r->activity[kind_of(rec, COUNT(activity_kinds))], out);
}
