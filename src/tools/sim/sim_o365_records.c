/* tools/sim/sim_o365_records.c -- what a Microsoft 365 audit record says. */
/* SPDX-License-Identifier: ISC */
/*
 * Workloads agree on little: the same member is a number or a text, a list of
 * names and values or a text of JSON, null or absent.  Each row is one kind
 * of record with the manners of its workload.
 */
#include "tools/sim/sim_o365_records.h"

#include "base/buf.h"
#include "base/xalloc.h"
#include "codec/rfc3339.h"
#include "tools/sim/sim_fill.h"
#include "tools/sim/sim_rng.h"
#include "tools/sim/sim_store.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum {
	SALT_ROW = 700,
	SALT_ID,
	SALT_WHEN,
	SALT_PAIR,
	SALT_TURN
};

enum {
	DLP,
	GENERAL,
	EXCHANGE,
	SHAREPOINT,
	ENTRA
};

const char *const sim_o365_feeds[] = { "DLP.All", "Audit.General",
	"Audit.Exchange", "Audit.SharePoint", "Audit.AzureActiveDirectory",
	NULL };

/* --- templates ----------------------------------------------------------*/

#define TENANT "4f0c6a1e-52b7-4d1b-9a38-c6a1b2d07e55"
#define SITE "https://contoso.sharepoint.com/sites/${pick:hr|finance|Büro}"

#define HEAD(operation, type, workload)                                 \
	"'CreationTime':'${when}','Id':'${id}','Operation':'" operation \
	"','OrganizationId':'" TENANT "','RecordType':" type            \
	",'Version':1,'Workload':'" workload "'"
#define PERSON                                                           \
	",'UserId':'${user.upn:0}','UserKey':'${user.id:0}','UserType':" \
	"${pick:0|0|0|2|'0'}"
#define SERVICE(name) ",'UserId':'" name "','UserKey':'" name "','UserType':4"
#define ADDRESS ",'ClientIP':${of:0}"
#define AGENT                                                            \
	",'UserAgent':'Mozilla/5.0 (Windows NT 10.0; Win64; x64)"        \
	" AppleWebKit/537.36 (KHTML, like Gecko) Chrome/1${num:10-48}.0" \
	" Safari/537.36'"

/* The secret itself, which must go no further; tests look for its mark. */
#define DETECTED                                                              \
	"'SensitiveInformationDetections':{'DetectedValues':[{'Name':"        \
	"'SECRET-${num:1000-9999}','Value':'card SECRET-${num:1000-9999} ok'" \
	"}],'ResultsTruncated':false}"

#define TYPE(name)                                                         \
	"{'ClassifierType':'Content','Confidence':${pick:65|75|85|100},"   \
	"'Count':${num:1-40},'Location':${of:1},"                          \
	"'SensitiveInformationDetailedClassificationAttributes':"          \
	"[{'Confidence':65,'Count':1,'IsMatch':false},{'Confidence':85,"   \
	"'Count':2,'IsMatch':true}],'SensitiveInformationTypeName':'" name \
	"','SensitiveType':'${guid:21}','UniqueCount':1," DETECTED "}"

#define RULE(number, severity)                                                 \
	"{'ActionParameters':['GenerateAlert:true'],'Actions':[${pick:"        \
	"'NotifyUser','GenerateAlert'|'BlockAccess','NotifyUser',"             \
	"'GenerateIncidentReport'|'GenerateAlert'}],'ConditionsMatched':{"     \
	"'ConditionMatchedInNewScheme':true,'OtherConditions':[{'Name':"       \
	"'AccessScope','Value':'IncludeExternalUsers'}],"                      \
	"'SensitiveInformation':[" TYPE("Credit Card Number") "," TYPE(        \
	    "Numéro de sécurité sociale") "]},'ManagementRuleId':"             \
					  "'${guid:5" number                   \
					  "}','RuleId':'${guid:4" number       \
					  "}','RuleMode':"                     \
					  "'Enable','RuleName':'${pick:High "  \
					  "volume|Karten = viele|社外秘}'," \
					  "'Severity':'" severity "'}"

#define POLICY(rules)                                                      \
	",'PolicyDetails':[{'PolicyId':'${guid:30}','PolicyName':'${pick:" \
	"Cards & accounts|Ne pas partager|個人情報}','Rules':[" rules "]}]"

#define ON_SITE                                                           \
	",'SharePointMetaData':{'DocumentLastModifier':'${user.name:0}'," \
	"'FileID':'SPO_${hex:40}','FileName':'${file:0}','FileOwner':"    \
	"'${user.name:1}','FilePathUrl':'" SITE "/Shared%20Documents/"    \
	"${hex:8}.docx','FileSize':${pick:2409|'48213'|3000000000},"      \
	"'From':'${user.upn:0}','IsViewableByExternalUsers':"             \
	"${pick:true|false},'IsVisibleOnlyToOdbOwner':false,"             \
	"'ItemCreationTime':'${ago:7200}','ItemLastModifiedTime':"        \
	"'${ago:600}','ItemLastSharedTime':'0001-01-02T00:00:00',"        \
	"'SensitivityLabelIds':[null],'SharedBy':[],'SiteAdmin':"         \
	"['${user.upn:2}'],'SiteCollectionGuid':'${guid:5}',"             \
	"'SiteCollectionUrl':'" SITE "','UniqueID':'${guid:6}'}"

#define BY_MAIL                                                            \
	",'ExchangeMetaData':{'BCC':[],'CC':['${user.upn:3}'],'FileSize':" \
	"${num:900-90000},'From':'${user.upn:0}','MessageID':"             \
	"'<${hex:20}@contoso.com>','RecipientCount':3,'Sent':"             \
	"'${ago:900}','Subject':'${subject:0}','To':['${user.upn:1}',"     \
	"'${user.upn:2}'],'UniqueID':'${guid:7}'}"

#define ON_DEVICE                                                          \
	",'EndpointMetaData':{'Application':'explorer.exe','DeviceName':"  \
	"'${host:0}.contoso.com','DestinationLocationType':2,"             \
	"'EnforcementMode':${pick:1|'2'|3|'4'},'FileExtension':'xlsx',"    \
	"'FileSize':${num:900-90000},'FileType':'Excel',"                  \
	"'MDATPDeviceId':'${hex:40}','Platform':1,'SensitiveInformation':" \
	"[" TYPE("IBAN") "],'Sha256':'${hex:64}','SourceLocationType':1,"  \
			 "'TargetFilePath':'E:\\\\${file:0}'}"

#define PARAMETERS ",'Parameters':${of:2}"

#define MAILBOX                                                        \
	",'ClientIPAddress':'${ip:0}','ClientInfoString':'Client=OWA;" \
	"Action=ViaProxy','ExternalAccess':false,'LogonType':0,"       \
	"'MailboxGuid':'${guid:8}','MailboxOwnerUPN':'${user.upn:0}'," \
	"'OrganizationName':'contoso.onmicrosoft.com',"                \
	"'OriginatingServer':'XX1PR01MB0001 (15.20.1000.001)\\r\\n'"

static const struct row {
	unsigned feed, weight;
	const char *text;
	const char *undo; /* a second record of the same Id, now and then */
} rows[] = {
	{ DLP, 5,
	    "{" HEAD("DLPRuleMatch", "11",
		"SharePoint") ",'UserId':"
			      "'${user.upn:0}','UserKey':'1153800000000000001',"
			      "'UserType':4"
			      ",'IncidentId':'${guid:9}','"
			      "SensitiveInfoDetectionIsIncluded':true" POLICY(
				  RULE("0", "${pick:Low|Medium|High}")) ON_SITE
	    "}",
	    "{" HEAD("DLPRuleUndo", "11",
		"SharePoint") ",'UserId':"
			      "'${user.upn:0}','UserKey':'1153800000000000001',"
			      "'UserType':4"
			      ",'IncidentId':'${guid:9}','"
			      "SensitiveInfoDetectionIsIncluded':true"
			      ",'ExceptionInfo':{'Reason':'Override','"
			      "Justification':"
			      "'${subject:1}','FalsePositive':false,'Rules':['$"
			      "{guid:40}']}" POLICY(RULE("0", "Low")) ON_SITE
	    "}" },
	{ DLP, 4,
	    "{" HEAD("DlpRuleMatch", "13", "Exchange") SERVICE(
		"DlpAgent") ",'ObjectId':'<${hex:20}@contoso.com>','IncidentId'"
			    ":'${guid:9}'"
			    ",'SensitiveInfoDetectionIsIncluded':true" POLICY(
				RULE("0", "High") "," RULE("1", "Medium"))
				BY_MAIL
	    ",'ExceptionInfo':'{ \\\"Justification\\\": \\\"ok\\\" }'}",
	    NULL },
	{ DLP, 2,
	    "{" HEAD("DLPRuleMatch", "63", "Endpoint") PERSON ADDRESS
	    ",'ObjectId':'C:\\\\Users\\\\${user.account:0}\\\\${file:0}',"
	    "'Scope':1,'SensitiveInfoDetectionIsIncluded':false" POLICY(
		RULE("0", "High")) ON_DEVICE "}",
	    NULL },
	{ DLP, 1,
	    "{" HEAD("DlpInfo", "11", "OneDrive")
		SERVICE("DlpAgent") ",'ExceptionInfo':{'FalsePositive':true},'"
				    "PolicyDetails':[]}",
	    NULL },

	{ GENERAL, 3,
	    "{" HEAD("${pick:AlertTriggered|AlertEntityGenerated}", "40",
		"SecurityComplianceCenter")
		SERVICE(
		    "SecurityComplianceAlerts") ",'ResultStatus':'Succeeded','"
						"ObjectId':'${guid:1}','"
						"AlertId':"
						"'${guid:1}','AlertLinks':[{'"
						"AlertLinkHref':''}],'"
						"AlertType':"
						"'System','Category':'${pick:"
						"ThreatManagement|"
						"DataLossPrevention}','"
						"Comments':'New alert','Data':"
						"'{\\\"f3u\\\":\\\"${user.upn:"
						"0}\\\",\\\"ts\\\":"
						"\\\"2026-01-05T09:59:00."
						"0000000Z\\\",\\\"op\\\":"
						"\\\"MailRedirect\\\","
						"\\\"wl\\\":\\\"Exchange\\\","
						"\\\"tdc\\\":"
						"\\\"1\\\",\\\"ad\\\":\\\"${"
						"subject:0}\\\"}','"
						"AlertEntityId':"
						"'${user.upn:1}','EntityType':'"
						"User','Name':'${subject:2}',"
						"'PolicyId':'${guid:2}','"
						"Severity':'${pick:Low|Medium|"
						"High|"
						"Informational}','Source':'"
						"Office 365 Security & "
						"Compliance',"
						"'Status':'Active'}",
	    NULL },
	{ GENERAL, 2,
	    "{" HEAD("MCAS_ALERT_${pick:ANUBIS_DETECTION_VELOCITY|"
		     "CABINET_EVENT_MATCH_AUDIT}",
		"98", "MCAS") PERSON
	    ",'ObjectId':'${hex:24}','AlertDisplayName':'${subject:0}',"
	    "'AlertDescription':'${user.name:0} did\\nthis \\\\ that = "
	    "all','AlertSeverity':'${pick:Low|Medium|High}','AlertCategory':"
	    "'ThreatDetection','AlertUri':"
	    "'https://contoso.portal.example/#/alerts/${hex:24}',"
	    "'ActivityStartTime':'${ago:900}','LastUpdatedTime':'${ago:300}',"
	    "'ClientIPs':['${ip:0}','${ip4:1}'],'Applications':[{'Name':"
	    "'Microsoft SharePoint Online'}],'AssignedTo':null,'ItemCount':0,"
	    "'ResultStatus':'New'}",
	    NULL },
	{ GENERAL, 4,
	    "{" HEAD("${pick:MessageSent|TeamsSessionStarted|MemberAdded}",
		"${pick:25|'25'}", "MicrosoftTeams") PERSON ADDRESS
	    ",'CommunicationType':'Team','ExtraProperties':[{'Key':"
	    "'TimeZone','Value':''},{'Key':'OsName','Value':'windows'}],"
	    "'ItemName':'${subject:0}','TeamGuid':'19:${hex:32}@thread.tacv2'"
	    ",'Members':[{'DisplayName':'${user.name:1}','Role':1,'UPN':"
	    "'${user.upn:1}'}],'Data State':null}",
	    NULL },
	{ GENERAL, 2,
	    "{" HEAD("SensitivityLabelApplied", "94", "Aip") PERSON ADDRESS
	    ",'ObjectId':'C:\\\\Users\\\\${user.account:0}\\\\${file:0}',"
	    "'SensitivityLabelEventData':{'SensitivityLabelId':'${guid:11}',"
	    "'OldSensitivityLabelId':'${guid:12}','LabelEventType':"
	    "${pick:1|2|3|4},'ActionSource':3},'ProtectionEventData':{"
	    "'ProtectionType':'Template','IsProtected':true},'Common':{"
	    "'ApplicationName':'Microsoft Azure Information Protection Word"
	    " Add-In','ProcessName':'WINWORD','Platform':1,'DeviceName':"
	    "'${host:0}','Location':'On-premises file shares'},'DataState':"
	    "'Use','SensitiveInfoTypeData':[],'Scope':1}",
	    NULL },
	{ GENERAL, 1,
	    "{" HEAD("CopilotInteraction", "261", "Copilot") PERSON ADDRESS
	    ",'CopilotEventData':{'AppHost':'Word','AccessedResources':"
	    "[{'Name':'${file:0}','SiteUrl':'" SITE "/${file:0}',"
	    "'SensitivityLabelId':'${guid:11}'}],'Contexts':[{'Id':'" SITE
	    "/x.docx','Type':'docx'}],'Messages':[{'Id':'1700000000001',"
	    "'isPrompt':true}],'ThreadId':'19:${hex:20}@thread.v2'}}",
	    NULL },
	{ GENERAL, 1,
	    "{" HEAD("TIMailData", "28", "ThreatIntelligence")
		SERVICE("ThreatIntel") ",'ObjectId':'${hex:40}',"
				       "'AttachmentData':[{'FileName':'${file:"
				       "0}','FileVerdict':0,"
				       "'SHA256':'${hex:64}'}],'P1Sender':'x@"
				       "example.net','Recipients':"
				       "['${user.upn:0}'],'SenderIp':'${ip:1}',"
				       "'Subject':'${subject:0}',"
				       "'Verdict':'Phish'}",
	    NULL },

	{ EXCHANGE, 4,
	    "{" HEAD("MailItemsAccessed", "50", "Exchange") PERSON MAILBOX
	    ",'ResultStatus':'Succeeded','OperationProperties':${of:3},'"
	    "Folders':[{'FolderItems':[{"
	    "'InternetMessageId':'<${hex:20}@example.net>'}],'Path':"
	    "'\\\\\\\\${pick:Inbox|Éléments supprimés}'}]}",
	    NULL },
	{ EXCHANGE, 4,
	    "{" HEAD("${pick:New-InboxRule|Set-Mailbox|Add-MailboxPermission}",
		"1", "Exchange") PERSON ADDRESS
	    ",'ResultStatus':'${pick:True|False|true}','ObjectId':"
	    "'XX1A001.PROD.EXAMPLE/contoso/${user.account:1}',"
	    "'ExternalAccess':true,'AppId':''" PARAMETERS "}",
	    NULL },
	{ EXCHANGE, 2,
	    "{" HEAD("${pick:HardDelete|SoftDelete|Send}", "${pick:2|3}",
		"Exchange") PERSON MAILBOX
	    ",'ClientIP':'${ip:0}',"
	    "'ResultStatus':'PartiallySucceeded','AffectedItems':[{'Id':"
	    "'RgAAAAB${hex:30}','Subject':'${subject:0}'}]}",
	    NULL },
	{ EXCHANGE, 1,
	    "{" HEAD("Set-User", "1",
		"Exchange") ",'UserId':"
			    "'NT AUTHORITY\\\\SYSTEM (Exchange)','UserKey':"
			    "'NT AUTHORITY\\\\SYSTEM "
			    "(Exchange)','UserType':3,'ResultStatus':"
			    "'True','Parameters':[]}",
	    NULL },

	{ SHAREPOINT, 8,
	    "{" HEAD("${pick:FileAccessed|FileDownloaded|FileModified|"
		     "FilePreviewed}",
		"6", "${pick:SharePoint|OneDrive}") PERSON ADDRESS AGENT
	    ",'EventSource':'SharePoint','ItemType':'File','ObjectId':'" SITE
	    "/Documents/${file:0}','SiteUrl':'" SITE "/','SourceFileName':"
	    "'${file:0}','SourceRelativeUrl':'Documents','Site':'${guid:5}',"
	    "'CorrelationId':'${guid:13}','AppAccessContext':{"
	    "'AADSessionId':'${guid:14}','ClientAppName':'OneDrive',"
	    "'CorrelationId':'${guid:13}','UniqueTokenId':'${hex:22}'}}",
	    NULL },
	{ SHAREPOINT, 3,
	    "{" HEAD("${pick:SharingSet|AddedToSecureLink|"
		     "AnonymousLinkCreated}",
		"14", "SharePoint") PERSON ADDRESS AGENT
	    ",'ObjectId':'" SITE "/Documents/${file:0}','EventData':"
	    "'<Type>Edit</Type><A>1</A>','TargetUserOrGroupName':"
	    "'x@example.net','TargetUserOrGroupType':'Guest'}",
	    NULL },
	{ SHAREPOINT, 2,
	    "{" HEAD("ListColumnCreated", "56",
		"OneDrive") ",'UserId':'app@sharepoint','UserKey':'i:0i.t|x|"
			    "app@sharepoint',"
			    "'UserType':0,'ClientIP':null,'ModifiedProperties':"
			    "[]}",
	    NULL },

	{ ENTRA, 6,
	    "{" HEAD("${pick:UserLoggedIn|UserLoginFailed}", "15",
		"AzureActiveDirectory") PERSON ADDRESS
	    ",'ResultStatus':'${pick:Success|Succeeded|Failed}','ObjectId':"
	    "'00000002-0000-0000-c000-000000000000',"
	    "'AzureActiveDirectoryEventType':1,'ExtendedProperties':[{'Name':"
	    "'ResultStatusDetail','Value':'Success'},{'Name':'UserAgent',"
	    "'Value':'Mozilla/5.0'},{'Name':'RequestType','Value':"
	    "'Login:login'}],'ModifiedProperties':[],'Actor':[{'ID':"
	    "'${user.id:0}','Type':0}],'ActorIpAddress':'${ip:0}',"
	    "'ApplicationId':'${guid:15}','DeviceProperties':[{'Name':'OS',"
	    "'Value':'Windows 10'}],'ErrorNumber':'${pick:0|50126}'}",
	    NULL },
	{ ENTRA, 3,
	    "{" HEAD("${pick:Update user.|Add member to role.|Update"
		     " application – Certificates and secrets management }",
		"8", "AzureActiveDirectory") PERSON
	    ",'ResultStatus':'Success','ObjectId':'${user.upn:1}',"
	    "'ExtendedProperties':[{'Name':'additionalDetails','Value':"
	    "'{\\\"UserType\\\":\\\"Member\\\"}'}],'ModifiedProperties':"
	    "${of:4},'Target':[{'ID':"
	    "'${user.id:1}','Type':2}]}",
	    NULL },
};

/* "${of:N}" is one of row N, where a value comes in several forms. */
#define FORMS 6
static const char *const forms[][FORMS] = {
	{ "'${ip:0}'", "' ${ip4:0}'", "'${ip4:0}:50001'", "null",
	    "'ffff:10.20.30.40'", "'[2001:db8::7]:443'" },
	{ "'Message Body'", "'${file:1}'" },
	{ "[{'Name':'Identity','Value':'${user.upn:1}'},{'Name':'ForwardTo',"
	  "'Value':'x@example.net'}]",
	    "'[{\\\"Name\\\":\\\"Identity\\\",\\\"Value\\\":\\\"7\\\"}]'",
	    "'-Name \\\"A=B\\\"'" },
	{ "[{'Name':'MailAccessType','Value':'Bind'},{'Name':'IsThrottled',"
	  "'Value':'False'}]",
	    "'[]'" },
	{ "[{'Name':'Included Updated Properties','NewValue':'','OldValue':"
	  "''}]",
	    "['Role.DisplayName']" },
};

struct sim_o365_records {
	struct sim_template *form[COUNT(forms)][FORMS];
	struct sim_template *text[COUNT(rows)], *undo[COUNT(rows)];
	unsigned sum[SIM_O365_FEEDS]; /* of weights */
};

/* --- blanks of their own ------------------------------------------------*/

static void
put_id(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	sim_put_guid(out, sim_hash(f->seed, SALT_ID));
}

/*
 * When it happened: up to some hours before it was published, or some days.
 * UTC, and without saying so.
 */
static void
put_when(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	uint64_t h = sim_hash(f->seed, SALT_WHEN);
	int64_t ago = (int64_t)(h % 5400);
	char text[RFC3339_MAX];

	(void)arg;
	if (h >> 40 < 1 << 19)
		ago *= 50;
	rfc3339_format_ticks(text, f->created - ago * SIM_TICKS_PER_S);
	buf_add(out, text, 19);
}

static void
put_of(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	const struct sim_o365_records *r = f->kind;
	struct sim_template *const *form = r->form[arg->a];
	uint32_t n = 0;

	while (n < FORMS && form[n] != NULL)
		n++;
	n = sim_below(sim_fill_hash(f, arg->salt), n);
	sim_template_put(form[n], f, out);
}

static const struct sim_slot slots[] = {
	{ "id", put_id },
	{ "of", put_of },
	{ "when", put_when },
	{ NULL, NULL },
};

/* --- life ---------------------------------------------------------------*/

struct sim_o365_records *
sim_o365_records_new(void)
{
	struct sim_o365_records *r = xcalloc(1, sizeof(*r));

	for (size_t i = 0; i < COUNT(forms) * FORMS; i++)
		if (forms[i / FORMS][i % FORMS] != NULL)
			r->form[i / FORMS][i % FORMS] =
			    sim_template_new(forms[i / FORMS][i % FORMS], NULL);
	for (size_t i = 0; i < COUNT(rows); i++) {
		r->text[i] = sim_template_new(rows[i].text, slots);
		if (rows[i].undo != NULL)
			r->undo[i] = sim_template_new(rows[i].undo, slots);
		r->sum[rows[i].feed] += rows[i].weight;
	}
	return r;
}

void
sim_o365_records_free(struct sim_o365_records **rp)
{
	struct sim_o365_records *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	for (size_t i = 0; i < COUNT(forms) * FORMS; i++)
		sim_template_free(&r->form[i / FORMS][i % FORMS]);
	for (size_t i = 0; i < COUNT(rows); i++) {
		sim_template_free(&r->text[i]);
		sim_template_free(&r->undo[i]);
	}
	xfree(r);
}

/* --- use ----------------------------------------------------------------*/

static size_t
row_of(const struct sim_o365_records *r, unsigned feed,
    const struct sim_record *rec)
{
	uint32_t at = sim_below(sim_hash(rec->seed, SALT_ROW), r->sum[feed]);
	size_t i = 0;

	for (;; i++) {
		if (rows[i].feed != feed)
			continue;
		if (at < rows[i].weight)
			return i;
		at -= rows[i].weight;
	}
}

static void
put_one(const struct sim_template *t, const struct sim_fill *fill,
    bool is_duplicate, struct buf *out)
{
	uint32_t n = (uint32_t)sim_template_members(t);
	uint64_t h = sim_hash(fill->seed, SALT_TURN);

	sim_template_put_rotated(
	    t, fill, is_duplicate ? 1 + sim_below(h, n - 1) : 0, out);
}

void
sim_o365_records_put(const struct sim_o365_records *r, unsigned feed,
    const struct sim_record *rec, bool is_duplicate, struct buf *out)
{
	struct sim_fill fill = { .seed = rec->seed,
		.created = rec->created,
		.updated = rec->created,
		.newer_enums = true,
		.kind = r };
	size_t row = row_of(r, feed, rec);

	put_one(r->text[row], &fill, is_duplicate, out);
	if (r->undo[row] == NULL ||
	    !sim_chance(sim_hash(rec->seed, SALT_PAIR), 20))
		return;
	buf_add_char(out, ',');
	put_one(r->undo[row], &fill, is_duplicate, out);
}

void
sim_o365_records_put_id(const struct sim_record *rec, struct buf *out)
{
	sim_put_guid(out, sim_hash(rec->seed, SALT_ID));
}
