/*
 * tools/sim/sim_alerts.c -- what a security alert says.
 *
 * Each row of the table is one kind of alert.  Its titles, descriptions and
 * evidence are templates, one of which is chosen by the record's seed; the
 * frame around them is the same for nearly all.  Evidence is repeated with
 * other values until the record has the size that was drawn for it.
 */
/* SPDX-License-Identifier: ISC */
#include "tools/sim/sim_alerts.h"

#include <string.h>

#include "base/buf.h"
#include "base/xalloc.h"
#include "tools/sim/sim_fill.h"
#include "tools/sim/sim_rng.h"
#include "tools/sim/sim_store.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define TITLES 6
#define TEXTS 3
#define EVIDENCE 8
#define EVIDENCE_MOST 400
#define SMALL 2000 /* mean size below which the frame is the short one */

enum {
	SALT_ROW = 1,
	SALT_TITLE,
	SALT_TEXT,
	SALT_SEVERITY,
	SALT_SIZE,
	SALT_ID,
	SALT_FRAME,
	SALT_INCIDENT
};

const char *const sim_alert_services[] = {
	"unknown",
	"microsoftDefenderForEndpoint",
	"microsoftDefenderForIdentity",
	"microsoftDefenderForCloudApps",
	"microsoftDefenderForOffice365",
	"microsoft365Defender",
	"azureAdIdentityProtection",
	"microsoftAppGovernance",
	"dataLossPrevention",
	"unknownFutureValue",
	"microsoftDefenderForCloud",
	"microsoftSentinel",
	"microsoftInsiderRiskManagement",
	"microsoftThreatIntelligence",
	"microsoftSecurityForAI",
	NULL,
};

const char *const sim_alert_severities[] = { "unknown", "informational", "low",
	"medium", "high", "unknownFutureValue", NULL };

const char *const sim_alert_statuses[] = { "unknown", "new", "inProgress",
	"resolved", "unknownFutureValue", NULL };

/* --- evidence -------------------------------------------------------------*/

enum evidence {
	EV_NONE,
	EV_USER,
	EV_USER_ANON,
	EV_USER_NULL,
	EV_IP,
	EV_IP_BARE,
	EV_APP,
	EV_SESSION,
	EV_DEVICE,
	EV_DEVICE_BARE,
	EV_FILE,
	EV_FILE_NULL,
	EV_PROCESS,
	EV_REGISTRY,
	EV_MAILBOX,
	EV_MESSAGE,
	EV_CLUSTER,
	EV_URL,
	EV_OAUTH,
	EV_LOGON,
	EV_DOMAIN,
	EV_POD,
	EV_TEAMS,
	EV_NETWORK,
	EV_ODD,
	EV_COUNT
};

#define ACCOUNT(n)                                                          \
	"{'accountName':'${user.account:" n "}','domainName':'${domain}',"  \
	"'userSid':'${user.sid:" n "}','azureAdUserId':'${user.id:" n "}'," \
	"'userPrincipalName':'${user.upn:" n "}',"                          \
	"'displayName':'${user.name:" n "}','tenantId':null,"               \
	"'activeDirectoryObjectGuid':null,'resourceAccessEvents':[]}"

#define IMAGE(n)                                                             \
	"{'fileName':'${file:" n "}','filePath':'${folder:" n "}',"          \
	"'fileSize':${num:900-98000000},'filePublisher':null,'issuer':null," \
	"'md5':'${hex:32." n "}','sha1':'${hex:40." n "}',"                  \
	"'sha256':'${hex:64." n "}','sha256Ac':null,'signer':${pick:null"    \
	"|'Contoso Code Signing'|''}}"

static const char *const evidence_texts[EV_COUNT] = {
	[EV_USER] =
	    "{${base:user},'stream':null,'userAccount':" ACCOUNT("0") "}",
	[EV_USER_ANON] =
	    "{${base:user},'stream':null,'userAccount':"
	    "{'accountName':'ANON-${hex:4.1}-${hex:4.2}','domainName':null,"
	    "'userSid':null,'azureAdUserId':null,'userPrincipalName':null,"
	    "'displayName':'ANON-${hex:4.1}-${hex:4.2}'}}",
	[EV_USER_NULL] = "{${base:user},'stream':null,'userAccount':null}",
	[EV_IP] = "{${base:ip},'countryLetterCode':'${cc:0}',"
		  "'ipAddress':'${ip:0}','location':{'city':'${city:0}',"
		  "'countryName':'${country:0}',${position:0},'state':null},"
		  "'stream':null}",
	[EV_IP_BARE] = "{${base:ip},'ipAddress':'${ip:0}',"
		       "'countryLetterCode':null,'location':null}",
	[EV_APP] =
	    "{${base:cloudApplication},'appId':${pick:20893|15600|11161"
	    "|'20892'|26055},'displayName':'${pick:Exchange Online|SharePoint"
	    "|Dropbox = Business|Box|Salesforce \\u2122}','instanceId':0,"
	    "'instanceName':'${pick:Default|contoso-eu|}','saasAppId':"
	    "${pick:20893|15600|11161|null},'stream':null}",
	[EV_SESSION] =
	    "{${base:cloudLogonSession},'account':{${base:user},"
	    "'stream':null,'userAccount':" ACCOUNT(
		"0") "},"
		     "'browser':'${pick:Edge 131|Firefox|Safari Mobile|}',"
		     "'deviceName':null,'operatingSystem':'${pick:Windows"
		     " 11|macOS|iOS 18|Linux}','previousLogonDateTime':"
		     "'${pick:0001-01-01T00:00:00Z|2026-01-02T03:04:05Z}',"
		     "'protocol':null,'sessionId':'${guid:1}','"
		     "startUtcDateTime':"
		     "'${ago:900}','userAgent':'Mozilla/5.0 (X11; Linux "
		     "x86_64) Gecko/"
		     "20100101 Firefox/${num:115-140}.0; app=${hex:6}'}",
	[EV_DEVICE] =
	    "{${base:device},'azureAdDeviceId':'${guid:2}',"
	    "'defenderAvStatus':'${pick:updated|notReporting|unknown"
	    "|notSupported}','deviceDnsName':'${host:0}.${domain}',"
	    "'dnsDomain':'${domain}','firstSeenDateTime':'${ago:9000000}',"
	    "'healthStatus':'${pick:active|inactive|noSensorData}',"
	    "'hostName':'${host:0}','ipInterfaces':['${ip4:0}',"
	    "'fe80::${hex:4}:9ff:fe3c:1','127.0.0.1','::1'],"
	    "'lastExternalIpAddress':'${ip:5}','lastIpAddress':'${ip4:0}',"
	    "'loggedOnUsers':[{'accountName':'${user.account:0}','domainName':"
	    "'CONTOSO'}],'mdeDeviceId':'${host.id:0}','ntDomain':'CONTOSO',"
	    "'onboardingStatus':'${pick:onboarded|insufficientInfo}',"
	    "'osBuild':${pick:26100|22631|20348|null},'osPlatform':"
	    "'${pick:Windows11|WindowsServer2022|macOS|Ubuntu}',"
	    "'rbacGroupId':${num:0-40},'rbacGroupName':'${pick:Tier 0|"
	    "Büro München|UnassignedGroup}','resourceAccessEvents':[],"
	    "'riskScore':'${pick:none|low|medium|high}','version':'24H2',"
	    "'vmMetadata':${vm}}",
	[EV_DEVICE_BARE] =
	    "{${base:device},'mdeDeviceId':null,"
	    "'azureAdDeviceId':null,'deviceDnsName':'${host:1}','hostName':"
	    "'${host:1}','firstSeenDateTime':'0001-01-01T00:00:00',"
	    "'osPlatform':null,'osBuild':null,'healthStatus':'unknown',"
	    "'riskScore':'none','rbacGroupId':null,'ipInterfaces':null,"
	    "'loggedOnUsers':[],'vmMetadata':null}",
	[EV_FILE] = "{${base:file},'detectionStatus':'${pick:detected|blocked"
		    "|prevented}','fileDetails':" IMAGE("0") ",'mdeDeviceId':"
							     "'${host.id:0}'}",
	[EV_FILE_NULL] = "{${base:file},'detectionStatus':null,'fileDetails':"
			 "null,'mdeDeviceId':''}",
	[EV_PROCESS] =
	    "{${base:process},'detectionStatus':'detected',"
	    "'imageFile':" IMAGE(
		"1") ",'mdeDeviceId':'${host.id:0}',"
		     "'parentProcessCreationDateTime':'${ago:7200}',"
		     "'parentProcessId':${num:4-65000},'parentProcessImageFile'"
		     ":" IMAGE("2") ",'processCommandLine':'${command:0}',"
				    "'processCreationDateTime':'${ago:3600}','"
				    "processId':"
				    "${pick:4711|'9020'|18446|1},'userAccount':"
				    "${system}}",
	[EV_REGISTRY] =
	    "{${base:registryValue},'mdeDeviceId':'${host.id:0}',"
	    "'registryHive':'HKEY_LOCAL_MACHINE','registryKey':"
	    "'SOFTWARE\\\\Microsoft\\\\Windows\\\\CurrentVersion\\\\Run',"
	    "'registryValue':'\\\"C:\\\\Program Files\\\\x\\\\a.exe\\\" /s',"
	    "'registryValueName':'${hex:8}','registryValueType':'String'}",
	[EV_MAILBOX] = "{${base:mailbox},'displayName':'${user.name:0}',"
		       "'primaryAddress':'${user.upn:0}','upn':'${user.upn:0}',"
		       "'userAccount':" ACCOUNT("0") "}",
	[EV_MESSAGE] =
	    "{${base:analyzedMessage},'antiSpamDirection':"
	    "${pick:'Inbound'|'Intraorg'|null},'attachmentsCount':"
	    "${pick:0|1|'2'},'deliveryAction':'${pick:Delivered|Blocked|"
	    "DeliveredAsSpam}','deliveryLocation':'${pick:Inbox|Quarantine|"
	    "JunkFolder}','internetMessageId':'<${hex:24}@mail.example.net>',"
	    "'language':'${pick:en|de|ja|ar|}','networkMessageId':'${guid:3}',"
	    "'p1Sender':${bounce},"
	    "'p2Sender':{'displayName':'${user.name:4}','domainName':"
	    "'example.net','emailAddress':'billing@example.net'},"
	    "'receivedDateTime':'${ago:1200}','recipientEmailAddress':"
	    "'${user.upn:0}','senderIp':'${ip:2}','subject':'${subject:0}',"
	    "'threatDetectionMethods':['URL detonation'],'threats':"
	    "['ZapPhish','HighConfPhish'],'urlCount':2,'urls':['${url:0}',"
	    "'${url:1}'],'urn':'urn:MailEntity:${hex:16}'}",
	[EV_CLUSTER] =
	    "{${base:mailCluster},'clusterBy':"
	    "'Subject;P2SenderDomain','clusterByValue':'${subject:0};"
	    "example.net','emailCount':${num:2-900},'networkMessageIds':"
	    "['${guid:3}','${guid:4}','${guid:5}'],'query':"
	    "'( (Subject:\\\"${subject:0}\\\") AND (P2SenderDomain:"
	    "\\\"example.net\\\") )','urn':'urn:MailClusterEntity:${hex:16}'}",
	[EV_URL] = "{${base:url},'url':'${url:0}'}",
	[EV_OAUTH] =
	    "{${base:oauthApplication},'appId':'${guid:6}',"
	    "'displayName':'${pick:Mail Sync Helper|Übersetzer+|名刺スキャン|"
	    "<b>Reader</b>}','objectId':'${guid:7}','publisher':"
	    "'${pick:Contoso Ltd.|(unverified)|}'}",
	[EV_LOGON] = "{${base:cloudLogonRequest},'requestId':'${guid:8}'}",
	[EV_DOMAIN] =
	    "{${base:activeDirectoryDomain},"
	    "'activeDirectoryDomainName':'ad.${domain}','trustedDomains':"
	    "[{${base:activeDirectoryDomain},'activeDirectoryDomainName':"
	    "'lab.example','trustedDomains':[]}]}",
	[EV_POD] =
	    "{${base:kubernetesPod},'name':'web-${hex:10}','labels':"
	    "{'app':'web','pod-template-hash':'${hex:10}'},'containers':"
	    "[{${base:container},'args':[],'command':['/bin/sh','-c',"
	    "'${command:1}'],'containerId':'${hex:64}','isPrivileged':true,"
	    "'name':'web','pod':null,'image':{${base:containerImage},"
	    "'imageId':'registry.example/web@sha256:${hex:64.1}','registry':"
	    "null,'digestImage':null}}],'initContainers':null,"
	    "'ephemeralContainers':[],'podIp':{${base:ip},'ipAddress':"
	    "'${ip4:3}','countryLetterCode':null,'location':null},"
	    "'serviceAccount':null,'controller':null,'namespace':"
	    "{${base:kubernetesNamespace},'name':'prod','labels':{},"
	    "'cluster':{${base:kubernetesCluster},'name':'aks-eu-1',"
	    "'platform':'aks','version':'1.31','distribution':null,"
	    "'cloudResource':null}}}",
	[EV_TEAMS] =
	    "{${base:teamsMessage},'campaignId':null,'channelId':null,"
	    "'deliveryAction':'delivered','deliveryLocation':'teams','files':"
	    "[],'groupId':null,'isExternal':true,'isOwned':false,"
	    "'lastModifiedDateTime':'${ago:60}','messageDirection':'inbound',"
	    "'messageId':'${num:1700000000000-1799999999999}',"
	    "'owningTenantId':'${guid:9}','receivedDateTime':'${ago:90}',"
	    "'recipients':['${user.upn:0}','${user.upn:1}'],"
	    "'senderFromAddress':'help@desk.example','senderIP':'${ip:3}',"
	    "'sourceAppName':'','subject':'','suspiciousRecipients':[],"
	    "'threadId':'19:meeting_${hex:32}@thread.v2','threadType':"
	    "'meeting','urls':[{${base:url},'url':'${url:2}'}]}",
	[EV_NETWORK] =
	    "{${base:networkConnection},'destinationAddress':"
	    "{${base:ip},'ipAddress':'${ip:0}','countryLetterCode':'${cc:0}',"
	    "'location':null},'destinationPort':${num:22-65535},'protocol':"
	    "'tcp','sourceAddress':{${base:ip},'ipAddress':'${ip4:0}',"
	    "'countryLetterCode':null,'location':null},'sourcePort':"
	    "${num:1024-65535}}",
	[EV_ODD] = "{${base:quantumRelay},'relay':{'a':[[1,2,[3]],{}],'b':"
		   "-0.0,'c':1e-7,'':'empty key','d':12345678901234567890}}",
};

/* --- kinds of alerts ------------------------------------------------------*/

enum id_shape {
	ID_GUID,
	ID_NUMBERS,
	ID_LONG,
	ID_TWO,
	ID_RUN
};
enum frame {
	FRAME_FULL,
	FRAME_OLD,
	FRAME_LEAN
};

struct row {
	unsigned weight;
	const char *service; /* a member of the enumeration */
	bool newer;          /* behind unknownFutureValue */
	const char *detection;
	const char *product;
	const char *prefix;
	enum id_shape shape;
	enum frame frame;
	const char *detector;
	const char *severities; /* of the enumeration, "|" between */
	const char *category;
	const char *categories;
	const char *techniques;
	const char *policy; /* JSON */
	const char *additional;
	const char *details;
	const char *titles[TITLES];
	const char *texts[TEXTS];
	enum evidence evidence[EVIDENCE];
};

static const struct row rows[] = {
	{ 14, "microsoftDefenderForCloudApps", false, "cloudAppSecurity",
	    "Microsoft Defender for Cloud Apps", "ca", ID_GUID, FRAME_FULL,
	    "SIM_DETECTION_TRAVEL", "medium|medium|high", "InitialAccess",
	    "'InitialAccess'", "'T1078','T1078.004'", "'${hex:24}'", "null",
	    "{}",
	    { "Sign-ins too far apart in too short a time",
		"Anmeldungen aus zwei Ländern innerhalb von ${num:4-90} "
		"Minuten",
		"短時間に離れた場所からのサインイン",
		"Connexions depuis des lieux trop éloignés | ${user.name:0}",
		"Activity from ${country:0} = new for ${user.account:0}" },
	    { "${user.name:0} (${user.upn:0}) was seen in ${country:0} and in"
	      " ${country:1} within ${num:4-90} minutes, at ${ip:0} and "
	      "${ip:1}.",
		"<p>User <b>${user.upn:0}</b> signed in from <a href="
		"\\\"https://ip.example/${ip:0}\\\">${ip:0}</a>&nbsp;and"
		" ${ip:1}.</p><ul><li>${city:0}</li><li>${city:1}</li></ul>",
		"\\n  L`utilisateur ${user.name:0} s`est connecté depuis"
		" ${city:0}.\\r\\n\\tAdresse = ${ip:0}\\n" },
	    { EV_USER, EV_IP, EV_IP, EV_APP, EV_SESSION } },
	{ 8, "microsoftDefenderForCloudApps", false, "cloudAppSecurity",
	    "Microsoft Defender for Cloud Apps", "rm", ID_RUN, FRAME_FULL,
	    "SIM_DETECTION_DOWNLOAD", "low|medium", "Exfiltration",
	    "'Exfiltration','Collection'", "'T1530'", "'${hex:24}'", "null",
	    "null",
	    { "Mass download by ${user.account:0}",
		"Massendownload: \\u201e${file:0}\\u201c und weitere",
		"policy=\\\"Big files\\\" | ${num:20-4000} files "
		"\\ud83d\\udce6",
		"تنزيل جماعي للملفات" },
	    { "${num:20-4000} files were downloaded from ${pick:Box|SharePoint|"
	      "Dropbox} in ${num:2-50} minutes.",
		"" },
	    { EV_USER, EV_APP, EV_IP_BARE, EV_FILE } },
	{ 14, "microsoftDefenderForEndpoint", false,
	    "microsoftDefenderForEndpoint", "Microsoft Defender for Endpoint",
	    "da", ID_NUMBERS, FRAME_OLD, "${guid:20}", "low|medium|high",
	    "Execution", "'Execution'", "'T1059.001','T1027'", "null", "null",
	    "{}",
	    { "An encoded command line was run on ${host:0}",
		"Verschleierter Befehl auf ${host:0} ausgeführt",
		"Script interpreter started by ${file:2}",
		"難読化されたコマンドの実行" },
	    { "A process was started with a command line that hides what it"
	      " does. Such lines are common in the first minutes after a "
	      "break-in,"
	      " and rare otherwise.",
		"Process ${file:1} on ${host:0} was started by ${user.name:0}."
		"\\nCommand line: ${command:0}\\n" },
	    { EV_DEVICE, EV_PROCESS, EV_FILE, EV_USER, EV_REGISTRY } },
	{ 6, "microsoftDefenderForEndpoint", false, "antivirus",
	    "Microsoft Defender for Endpoint", "ed", ID_TWO, FRAME_FULL,
	    "${guid:20}", "informational|informational|low", "Malware",
	    "'Malware'", "", "null",
	    "{'threatId':'${num:2147000000-2147999999}'}", "{}",
	    { "`${pick:Grabbit|Kestrel.B|Löwenzahn}` malware was prevented",
		"Se ha bloqueado el malware en ${host:0}",
		"Unwanted software in ${folder:0}" },
	    { "The file ${file:0} was stopped before it ran.",
		"\\ufffd\\tThe file was stopped.\\n\\ufffd\\tNo action "
		"needed." },
	    { EV_DEVICE, EV_FILE, EV_FILE_NULL, EV_PROCESS } },
	{ 3, "microsoftDefenderForEndpoint", false, "customTi",
	    "Microsoft Defender for Endpoint", "ed", ID_GUID, FRAME_OLD,
	    "${guid:20}", "high", "None", "", "", "null", "null", "null",
	    { "Connection to a listed indicator (${ip:0})" },
	    { "A listed address was contacted by ${host:0}." },
	    { EV_DEVICE_BARE, EV_NETWORK, EV_IP_BARE, EV_URL } },
	{ 7, "microsoftDefenderForIdentity", false,
	    "microsoftDefenderForIdentity", "Microsoft Defender for Identity",
	    "aa", ID_GUID, FRAME_FULL, "${pick:2404|2412|2021|2039}",
	    "medium|high", "CredentialAccess",
	    "'CredentialAccess','Persistence'", "'T1003.006','T1207'", "null",
	    "null", "{}",
	    { "Directory data was asked for as a domain controller does",
		"Подозрительная репликация каталога с ${host:0}",
		"Unusual ticket request by ${user.account:0}" },
	    { "${user.name:0} on ${host:0} sent ${num:1-9} replication requests"
	      " to DC${num:10-19}.",
		"\\u200bActor: ${user.upn:0}; Source = ${host:0}" },
	    { EV_USER, EV_DEVICE, EV_DEVICE_BARE, EV_DOMAIN, EV_IP_BARE } },
	{ 10, "microsoftDefenderForOffice365", false,
	    "microsoftDefenderForOffice365",
	    "Microsoft Defender for Office 365", "fa", ID_GUID, FRAME_FULL,
	    "${guid:20}", "informational|low|high", "InitialAccess",
	    "'PreAttack','InitialAccess'", "'T1566.002'", "null", "null", "{}",
	    { "Messages with a bad link were taken out after delivery\\u200b",
		"User reported \\\"${subject:0}\\\" as phishing",
		"Nachrichten mit schädlicher URL\\nnach Zustellung entfernt",
		"配信後に削除されたメール | ${user.upn:0}" },
	    { "Messages that held a bad link were delivered and later removed."
	      " -V1.0.0.${num:1-9}",
		"&lt;${user.upn:0}&gt; reported a message: ${subject:0}" },
	    { EV_CLUSTER, EV_MESSAGE, EV_MAILBOX, EV_URL, EV_MESSAGE } },
	{ 3, "microsoftDefenderForOffice365", false,
	    "microsoftDefenderForOffice365",
	    "Microsoft Defender for Office 365", "fa", ID_GUID, FRAME_FULL,
	    "${guid:20}", "medium", "InitialAccess", "'InitialAccess'",
	    "'T1534'", "null", "null", "{}",
	    { "Chat message from outside with a bad link",
		"Message Teams externe suspect" },
	    { "A message from help@desk.example reached ${num:1-300} people." },
	    { EV_TEAMS, EV_USER, EV_URL } },
	{ 10, "dataLossPrevention", false, "microsoftDataLossPrevention",
	    "Microsoft Data Loss Prevention", "dl", ID_GUID, FRAME_FULL,
	    "${guid:20}", "low|medium|high", "Exfiltration", "'Exfiltration'",
	    "", "'${guid:21}'",
	    "{'alertPolicytitle':'PCI - Exchange','Workload':'Exchange'}", "{}",
	    { "Policy (PCI - Exchange) matched a message with subject"
	      " (${subject:0})",
		"Richtlinie (Gehälter) hat ein Dokument gefunden: ${file:0}",
		"DLP: IBAN=\\\"DE** **** 1234\\\" | ${user.name:0}",
		"ポリシー (個人情報) に一致しました" },
	    { "Policy (PCI - Exchange) matched a message with subject"
	      " (${subject:0})",
		"" },
	    { EV_USER, EV_MAILBOX, EV_MESSAGE, EV_FILE } },
	{ 4, "dataLossPrevention", false, "microsoftDataLossPrevention",
	    "Microsoft Data Loss Prevention", "dl", ID_GUID, FRAME_FULL,
	    "${guid:20}", "medium", "Exfiltration", "'Exfiltration'", "",
	    "'${guid:21}'",
	    "{'alertPolicytitle':'Endpoint | USB','Workload':"
	    "'EndpointDevices','Raw':'{\\\"Rule\\\":\\\"usb=block\\\","
	    "\\\"Count\\\":${num:1-99}}'}",
	    "{'Business unit':['R&D','Löhne'],'Ticket':'INC=${num:1000-9999}'}",
	    { "File copied to a removable drive: ${file:0}",
		"Fichier copié sur une clé USB : ${file:0}" },
	    { "${user.name:0} copied ${folder:0}\\\\${file:0} to E:." },
	    { EV_USER, EV_DEVICE, EV_FILE, EV_USER_NULL } },
	{ 5, "microsoftInsiderRiskManagement", true,
	    "microsoftInsiderRiskManagement",
	    "Microsoft Purview Insider Risk Management", "ir", ID_GUID,
	    FRAME_FULL, "${guid:20}", "low|medium|high", "Exfiltration",
	    "'Exfiltration'", "", "null", "null", "{}",
	    { "A leaver may be taking data along",
		"Verdacht auf Datenabfluss vor Austritt" },
	    { "Downloads and copies above the threshold of the policy." },
	    { EV_USER_ANON } },
	{ 8, "azureAdIdentityProtection", false, "azureAdIdentityProtection",
	    "AAD Identity Protection", "ad", ID_LONG, FRAME_FULL,
	    "${pick:AnonymousLogin|UnfamiliarLocation|LeakedCredentials}",
	    "low|medium|high", "InitialAccess", "'InitialAccess'",
	    "'T1078','T1078.004'", "null", "null", "{}",
	    { "Sign-in through an anonymous address",
		"Ungewohnte Anmeldeeigenschaften",
		"Inicio de sesión desde una IP anónima (${ip:0})" },
	    { "A sign-in came from an address that hides its user." },
	    { EV_USER, EV_IP, EV_LOGON } },
	{ 5, "microsoftSentinel", true, "${newer:scheduledAlerts}",
	    "Microsoft Sentinel", "sn", ID_TWO, FRAME_LEAN, "${guid:20}",
	    "informational|medium|high", "LateralMovement", "'LateralMovement'",
	    "'T1021.001'", "null",
	    "{'Query':'SigninLogs\\n| where ResultType == 0\\n| summarize n ="
	    " count() by UserPrincipalName','Search Query Results Overall"
	    " Count':'${num:1-90}'}",
	    "{'User':['${user.upn:0}'],'empty':null}",
	    { "Rare remote desktop connections to ${host:0}",
		"[KQL] user=${user.upn:0} | count>${num:5-50}", "" },
	    { "", "Rule \\\"rdp | rare\\\" found ${num:1-90} results." },
	    { EV_NONE } },
	{ 3, "microsoftAppGovernance", false, "appGovernanceDetection",
	    "App Governance", "ma", ID_GUID, FRAME_FULL, "SIM_APP_DATA_USE",
	    "medium", "Persistence", "'Persistence','Exfiltration'", "'T1528'",
	    "null", "null", "{}",
	    { "An app with many rights reads much more than before",
		"Приложение читает больше почты, чем обычно" },
	    { "The app read ${num:2-900} GB in a day." },
	    { EV_OAUTH, EV_USER } },
	{ 3, "microsoftDefenderForCloud", true,
	    "${newer:microsoftDefenderForContainers}",
	    "Microsoft Defender for Cloud", "dc", ID_GUID, FRAME_FULL,
	    "K8S.NODE_Sim", "high|medium", "Execution", "'Execution'",
	    "'T1610'", "null",
	    "{'ProcessingEndTime':'0001-01-01T00:00:00Z','nested':{'deep':"
	    "[1,[2,[3,[4]]]]}}",
	    "{}",
	    { "Privileged container started in aks-eu-1",
		"Processus suspect dans un conteneur" },
	    { "A container with all rights of its node was started." },
	    { EV_POD, EV_USER } },
	{ 4, "microsoft365Defender", false, "customDetection",
	    "Microsoft Defender XDR", "ra", ID_NUMBERS, FRAME_FULL,
	    "${guid:20}", "unknown|medium|high", "SuspiciousActivity",
	    "'SuspiciousActivity'", "'T1098','T1136.003'", "null", "null", "{}",
	    { "\\ud83d\\udea8 hunt: ${user.account:0} = owner\\u00a0of |all|",
		"Several stages of one attack\\r\\nwere joined",
		"\\u202eevil.txt\\u202c opened by ${user.name:0}" },
	    { "Found by a rule of your own. C:\\\\temp\\\\\\ttab=1" },
	    { EV_USER, EV_DEVICE, EV_PROCESS, EV_ODD, EV_IP } },
};

#define N_ROWS COUNT(rows)

/* --- blanks of an alert ---------------------------------------------------*/

struct kind {
	const struct row *row;
	unsigned until; /* weights added up to here */
	size_t n_titles, n_texts, n_evidence;
	struct sim_template *titles[TITLES], *texts[TEXTS];
	struct sim_template *detection, *detector, *policy, *additional;
	struct sim_template *details;
};

struct sim_alerts {
	struct kind kind[N_ROWS];
	struct sim_template *evidence[EV_COUNT];
	struct sim_template *frame[3];
	size_t mean;
};

/* What the blanks below find behind fill->kind. */
struct alert {
	const struct sim_alerts *all;
	const struct kind *kind;
	uint32_t incident; /* 0: by the seed */
};

static const struct alert *
alert_of(const struct sim_fill *f)
{
	return f->kind;
}

static const struct row *
row_of(const struct sim_fill *f)
{
	return alert_of(f)->kind->row;
}

static void
put_provider_id(const struct row *row, uint64_t seed, struct buf *out)
{
	uint64_t h = sim_hash(seed, SALT_ID);

	switch (row->shape) {
	case ID_GUID:
		sim_put_guid(out, h);
		break;
	case ID_NUMBERS:
		buf_add_text(out, "6390");
		buf_add_u64(out, 10000000000000 + h % 80000000000000);
		buf_add_text(out, "_-");
		buf_add_u64(out, sim_mix(h) % 2000000000);
		break;
	case ID_LONG:
		sim_put_hex(out, h, 64);
		break;
	case ID_TWO:
		sim_put_guid(out, h);
		buf_add_char(out, '_');
		sim_put_guid(out, sim_mix(h));
		break;
	case ID_RUN:
		sim_put_hex(out, h, 24);
		break;
	}
}

static void
put_pid(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	put_provider_id(row_of(f), f->seed, out);
}

static void
put_id(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	buf_add_text(out, row_of(f)->prefix);
	put_pid(out, f, arg);
}

static void
put_incident(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	if (alert_of(f)->incident > 0)
		buf_add_u64(out, alert_of(f)->incident);
	else
		buf_add_u64(
		    out, 1000 + sim_hash(f->seed, SALT_INCIDENT) % 5000);
}

/* The enumerations' text fields. */
static void
put_service(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	if (row_of(f)->newer && !f->newer_enums)
		buf_add_text(out, "unknownFutureValue");
	else
		buf_add_text(out, row_of(f)->service);
}

static void
put_detection(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	sim_template_put(alert_of(f)->kind->detection, f, out);
}

static void
put_detector(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	sim_template_put(alert_of(f)->kind->detector, f, out);
}

static void
put_policy(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	sim_template_put(alert_of(f)->kind->policy, f, out);
}

static void
put_additional(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	sim_template_put(alert_of(f)->kind->additional, f, out);
}

static void
put_details(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	sim_template_put(alert_of(f)->kind->details, f, out);
}

static void
put_title(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	const struct kind *k = alert_of(f)->kind;
	uint64_t h = sim_hash(f->seed, SALT_TITLE);

	(void)arg;
	sim_template_put(
	    k->titles[sim_below(h, (uint32_t)k->n_titles)], f, out);
}

static void
put_description(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	const struct kind *k = alert_of(f)->kind;
	uint64_t h = sim_hash(f->seed, SALT_TEXT);

	(void)arg;
	sim_template_put(k->texts[sim_below(h, (uint32_t)k->n_texts)], f, out);
}

static void
put_product(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	buf_add_text(out, row_of(f)->product);
}

/* A row's JSON text as it stands, where single quotes are double ones. */
static void
put_quoted(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++)
		buf_add_char(out, *text == '\'' ? '"' : *text);
}

static void
put_category(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	buf_add_text(out, row_of(f)->category);
}

static void
put_categories(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	put_quoted(out, row_of(f)->categories);
}

static void
put_techniques(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	put_quoted(out, row_of(f)->techniques);
}

static struct str
severity(const struct row *row, uint64_t seed)
{
	struct str rest = str_of(row->severities), word;
	uint32_t n = 1;

	for (const char *p = row->severities; *p != '\0'; p++)
		n += *p == '|';
	n = sim_below(sim_hash(seed, SALT_SEVERITY), n) + 1;
	do {
		word = str_cut(&rest, '|');
	} while (--n > 0);
	return word;
}

static void
put_severity(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	buf_add_str(out, severity(row_of(f), f->seed));
}

static const char *
status(unsigned version)
{
	static const char *const by_version[] = { "new", "inProgress",
		"inProgress", "resolved" };

	return by_version[version < 3 ? version : 3];
}

static void
put_status(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	buf_add_text(out, status(f->version));
}

static void
put_classification(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	buf_add_text(out, f->version < 3 ? "null" : "\"truePositive\"");
}

static void
put_determination(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	buf_add_text(out, f->version < 3 ? "null" : "\"compromisedAccount\"");
}

static void
put_assigned(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	buf_add_text(
	    out, f->version < 1 ? "null" : "\"soc | tier 1 = night shift\"");
}

static void
put_resolved(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	if (f->version < 3) {
		buf_add_text(out, "null");
		return;
	}
	buf_add_char(out, '"');
	sim_put_time(out, f->updated);
	buf_add_char(out, '"');
}

static void
put_comments(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	(void)arg;
	for (unsigned i = 1; i <= f->version; i++) {
		if (i > 1)
			buf_add_char(out, ',');
		buf_addf(out,
		    "{\"comment\":\"Looked at it, round %u\\n"
		    "next: call | mail\",\"createdByDisplayName\":"
		    "\"Nachtschicht\",\"createdDateTime\":\"",
		    i);
		sim_put_time(out, f->updated);
		buf_add_text(out, "\"}");
	}
}

/* The size that was drawn for this record; now and then a giant. */
static size_t
size_wanted(const struct sim_fill *f)
{
	uint64_t h = sim_hash(f->seed, SALT_SIZE);
	size_t mean = alert_of(f)->all->mean;

	if (sim_chance(h, 1))
		return mean * 6;
	return mean / 4 + (size_t)(sim_mix(h) % (mean + mean / 4));
}

static void
put_evidence(
    struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	const struct alert *alert = alert_of(f);
	const struct kind *k = alert->kind;
	struct sim_fill part = *f;
	size_t room = size_wanted(f), base = out->len;
	uint64_t done[EV_COUNT] = { 0 };
	size_t most = EVIDENCE_MOST;

	(void)arg;
	if (alert->all->mean < SMALL)
		most = sim_hash(f->seed, SALT_FRAME) % 3 == 0;
	buf_add_char(out, '[');
	room -= room > 1800 ? 1800 : room / 2; /* the frame's */
	for (size_t i = 0; i < most && k->n_evidence > 0; i++) {
		enum evidence e = k->row->evidence[i % k->n_evidence];

		if (i > 0 && out->len - base >= room)
			break;
		if (i > 0)
			buf_add_char(out, ',');
		part.round = done[e]++;
		sim_template_put(alert->all->evidence[e], &part, out);
	}
	buf_add_char(out, ']');
}

/* ${base:TYPE}: the members that all evidence has, in their many moods. */
static void
put_base(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	static const char *const verdicts[] = { "unknown", "suspicious",
		"malicious", "noThreatsFound" };
	static const char *const remedies[] = { "none", "none", "remediated",
		"prevented", "active", "pendingApproval" };
	static const char *const rest[] = {
		"\",\"remediationStatusDetails\":null,\"roles\":[],"
		"\"detailedRoles\":[],\"tags\":[]",
		"\",\"remediationStatusDetails\":null,\"roles\":["
		"\"compromised\"],"
		"\"detailedRoles\":[\"Main\"],\"tags\":[\"VIP\",\"Büro\"]",
		"\",\"remediationStatusDetails\":\"\",\"roles\":[\"source\","
		"\"attacker\"],\"tags\":null",
		"\",\"remediationStatusDetails\":null,\"roles\":null,"
		"\"detailedRoles\":[null],\"tags\":[]",
	};
	uint64_t h = sim_fill_hash(f, arg->salt);
	const char *remedy = remedies[h >> 8 & 3];

	/* One in 64 has one of the newer members. */
	if ((h >> 16 & 63) == 0)
		remedy = f->newer_enums ? remedies[4 + (h >> 22 & 1)]
					: "unknownFutureValue";
	buf_add_text(out, "\"@odata.type\":\"#microsoft.graph.security.");
	buf_add(out, arg->text, arg->len);
	buf_add_text(out, "Evidence\",\"createdDateTime\":\"");
	sim_put_time(out, f->created);
	buf_add_text(out, "\",\"verdict\":\"");
	buf_add_text(out, verdicts[h & 3]);
	buf_add_text(out, "\",\"remediationStatus\":\"");
	buf_add_text(out, remedy);
	buf_add_text(out, rest[(h >> 24 & 7) < 5 ? 0 : (h >> 24 & 7) - 4]);
}

static void
put_or_null(struct buf *out, const struct sim_fill *f,
    const struct sim_arg *arg, const char *text)
{
	if (sim_fill_hash(f, arg->salt) % 2 == 0)
		buf_add_text(out, "null");
	else
		put_quoted(out, text);
}

static void
put_vm(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	put_or_null(out, f, arg,
	    "{'vmId':'8d0d','cloudProvider':'azure','resourceId':"
	    "'/subscriptions/0a/resourceGroups/rg1/vm7','subscriptionId':"
	    "'0a'}");
}

static void
put_system(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	put_or_null(out, f, arg,
	    "{'accountName':'SYSTEM','domainName':'NT AUTHORITY','userSid':"
	    "'S-1-5-18','azureAdUserId':null,'userPrincipalName':null,"
	    "'displayName':''}");
}

static void
put_bounce(struct buf *out, const struct sim_fill *f, const struct sim_arg *arg)
{
	put_or_null(out, f, arg,
	    "{'displayName':null,'domainName':'bounce.example.net',"
	    "'emailAddress':'b+7@bounce.example.net'}");
}

static const struct sim_slot slots[] = {
	{ "vm", put_vm },
	{ "system", put_system },
	{ "bounce", put_bounce },
	{ "id", put_id },
	{ "pid", put_pid },
	{ "incident", put_incident },
	{ "service", put_service },
	{ "detection", put_detection },
	{ "detector", put_detector },
	{ "product", put_product },
	{ "title", put_title },
	{ "description", put_description },
	{ "category", put_category },
	{ "categories", put_categories },
	{ "techniques", put_techniques },
	{ "severity", put_severity },
	{ "status", put_status },
	{ "classification", put_classification },
	{ "determination", put_determination },
	{ "assigned", put_assigned },
	{ "resolved", put_resolved },
	{ "comments", put_comments },
	{ "policy", put_policy },
	{ "additional", put_additional },
	{ "details", put_details },
	{ "evidence", put_evidence },
	{ "base", put_base },
	{ NULL, NULL },
};

/* --- the frame ------------------------------------------------------------*/

#define TENANT "4f0c6a1e-52b7-4d1b-9a38-c6a1b2d07e55"

#define ACTIONS                                                               \
	"1. Ask ${user.name:0} whether this is known.\\n\\t2. Look at other"  \
	" activity of ${user.upn:0} on the same day.\\n\\ufffd\\tWhere in"    \
	" doubt, isolate the device & reset the password.\\n3. Note what was" \
	" found in the comments, so that the next shift knows = saves time."

#define FRAME_BEGIN                                                           \
	"'id':'${id}','providerAlertId':'${pid}','incidentId':'${incident}'," \
	"'status':'${status}','severity':'${severity}',"

#define FRAME_MIDDLE                                                     \
	"'serviceSource':'${service}','detectionSource':'${detection}'," \
	"'detectorId':'${detector}','tenantId':'" TENANT "',"            \
	"'title':'${title}','description':'${description}',"

#define FRAME_LINKS                                                          \
	"'category':'${category}','assignedTo':${assigned},"                 \
	"'alertWebUrl':'https://security.example/alerts/${id}?tid=" TENANT   \
	"','incidentWebUrl':'https://security.example/incident2/${incident}" \
	"/overview?tid=" TENANT "','actorDisplayName':null,"                 \
	"'threatDisplayName':null,'threatFamilyName':null,"                  \
	"'mitreTechniques':[${techniques}],"

#define FRAME_TIMES \
	"'createdDateTime':'${created}','lastUpdateDateTime':'${updated}',"

#define FRAME_ACTIVITY                                            \
	"'resolvedDateTime':${resolved},'firstActivityDateTime':" \
	"'${ago:7200}','lastActivityDateTime':'${ago:600}',"

static const char *const frames[] = {
	[FRAME_FULL] =
	    "{" FRAME_BEGIN "'classification':${classification},"
	    "'determination':${determination}," FRAME_MIDDLE
	    "'productName':'${product}','recommendedActions':'" ACTIONS "',"
	    "'categories':[${categories}]," FRAME_LINKS FRAME_TIMES
		FRAME_ACTIVITY "'systemTags':[],'alertPolicyId':${policy},"
	    "'investigationState':${pick:null|'running'|'pendingApproval'},"
	    "'additionalData':${additional},'comments':[${comments}],"
	    "'customDetails':${details},'evidence':${evidence}}",
	[FRAME_OLD] =
	    "{'@odata.type':'#microsoft.graph.security.alert'," FRAME_BEGIN
	    "'classification':'unknown','determination':"
	    "'unknown'," FRAME_MIDDLE "'recommendedActions':'" ACTIONS
	    "'," FRAME_LINKS FRAME_TIMES FRAME_ACTIVITY
	    "'comments':[${comments}],'evidence':${evidence},'systemTags':"
	    "['Test machine']}",
	[FRAME_LEAN] =
	    "{" FRAME_TIMES FRAME_BEGIN FRAME_MIDDLE
	    "'productName':'${product}','category':'${category}',"
	    "'categories':[${categories}],'firstActivityDateTime':"
	    "'${ago:7200}','customDetails':${details},'additionalData':"
	    "${additional},'comments':null,'evidence':${evidence}}",
};

/* --- life -----------------------------------------------------------------*/

static struct sim_template *template(const char *text)
{
	return sim_template_new(text, slots);
}

static void
make_kind(struct kind *k, const struct row *row)
{
	k->row = row;
	while (k->n_titles < TITLES && row->titles[k->n_titles] != NULL) {
		k->titles[k->n_titles] = template(row->titles[k->n_titles]);
		k->n_titles++;
	}
	while (k->n_texts < TEXTS && row->texts[k->n_texts] != NULL) {
		k->texts[k->n_texts] = template(row->texts[k->n_texts]);
		k->n_texts++;
	}
	while (
	    k->n_evidence < EVIDENCE && row->evidence[k->n_evidence] != EV_NONE)
		k->n_evidence++;
	k->detection = template(row->detection);
	k->detector = template(row->detector);
	k->policy = template(row->policy);
	k->additional = template(row->additional);
	k->details = template(row->details);
}

struct sim_alerts *
sim_alerts_new(size_t mean_bytes)
{
	struct sim_alerts *a = xcalloc(1, sizeof(*a));
	unsigned sum = 0;

	a->mean = mean_bytes;
	for (size_t i = 0; i < N_ROWS; i++) {
		make_kind(&a->kind[i], &rows[i]);
		sum += rows[i].weight;
		a->kind[i].until = sum;
	}
	for (size_t i = EV_NONE + 1; i < EV_COUNT; i++)
		a->evidence[i] = template(evidence_texts[i]);
	for (size_t i = 0; i < COUNT(frames); i++)
		a->frame[i] = template(frames[i]);
	return a;
}

void
sim_alerts_free(struct sim_alerts **ap)
{
	struct sim_alerts *a = *ap;

	*ap = NULL;
	if (a == NULL)
		return;
	for (size_t i = 0; i < N_ROWS; i++) {
		struct kind *k = &a->kind[i];

		for (size_t n = 0; n < TITLES; n++)
			sim_template_free(&k->titles[n]);
		for (size_t n = 0; n < TEXTS; n++)
			sim_template_free(&k->texts[n]);
		sim_template_free(&k->detection);
		sim_template_free(&k->detector);
		sim_template_free(&k->policy);
		sim_template_free(&k->additional);
		sim_template_free(&k->details);
	}
	for (size_t i = 0; i < EV_COUNT; i++)
		sim_template_free(&a->evidence[i]);
	for (size_t i = 0; i < COUNT(frames); i++)
		sim_template_free(&a->frame[i]);
	xfree(a);
}

/* --- use ------------------------------------------------------------------*/

static const struct kind *
kind_of(const struct sim_alerts *a, const struct sim_record *rec)
{
	uint32_t at =
	    sim_below(sim_hash(rec->seed, SALT_ROW), a->kind[N_ROWS - 1].until);
	size_t i = 0;

	while (at >= a->kind[i].until)
		i++;
	return &a->kind[i];
}

void
sim_alerts_put(const struct sim_alerts *a, const struct sim_record *rec,
    const struct sim_version *v, bool newer_enums, struct buf *out)
{
	struct alert alert = {
		.all = a, .kind = kind_of(a, rec), .incident = rec->incident
	};
	struct sim_fill fill = {
		.seed = rec->seed,
		.created = rec->created,
		.updated = v->time,
		.version = v->number,
		.newer_enums = newer_enums,
		.kind = &alert,
	};
	const struct sim_template *t = a->frame[alert.kind->row->frame];
	size_t n, first = 0;

	if (a->mean < SMALL)
		t = a->frame[FRAME_LEAN];
	n = sim_template_members(t);
	if (v->duplicate)
		first = 1 + sim_below(rec->seed, (uint32_t)n - 1);
	sim_template_put_rotated(t, &fill, first, out);
}

void
sim_alerts_put_id(
    const struct sim_alerts *a, const struct sim_record *rec, struct buf *out)
{
	const struct row *row = kind_of(a, rec)->row;

	buf_add_text(out, row->prefix);
	put_provider_id(row, rec->seed, out);
}

void
sim_alerts_put_time(const struct sim_version *v, struct buf *out)
{
	sim_put_time(out, v->time);
}

const char *
sim_alerts_service(const struct sim_alerts *a, const struct sim_record *rec)
{
	return kind_of(a, rec)->row->service;
}

const char *
sim_alerts_severity(const struct sim_alerts *a, const struct sim_record *rec)
{
	struct str s = severity(kind_of(a, rec)->row, rec->seed);
	const char *const *p = sim_alert_severities;

	while (!str_is(s, *p))
		p++;
	return *p;
}

const char *
sim_alerts_status(const struct sim_version *v)
{
	return status(v->number);
}
