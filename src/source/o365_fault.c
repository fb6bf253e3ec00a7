/* source/o365_fault.c -- what the Management Activity API says went wrong. */
/* SPDX-License-Identifier: ISC */
#include "source/o365_fault.h"

#include "base/buf.h"
#include "base/err.h"
#include "codec/httpmsg.h"
#include "codec/json.h"

#define WORDS_MAX 512 /* of what a server says */
#define START_PAUSE_MS (15 * 60 * 1000)

/*
 * The status does not tell: being asked too much comes as 403 as well as 429,
 * and a subscription that is there already as 400.  The code does.
 */
static const struct row {
	const char *code;
	enum o365_fault fault;
	enum err_kind kind;
	const char *words;
} rows[] = {
	{ "AF10001", O365_REFUSED, ERR_DENIED,
	    "the application lacks a permission: grant it ActivityFeed.Read,"
	    " and for DLP.All ActivityFeed.ReadDlp, of the Office 365"
	    " Management APIs, as application permissions with admin consent" },
	{ "AF20001", O365_OTHER, ERR_BUG, "a parameter is missing" },
	{ "AF20002", O365_OTHER, ERR_BUG, "a parameter has the wrong type" },
	{ "AF20003", O365_OTHER, ERR_CONF, "a webhook has expired" },
	{ "AF20010", O365_OTHER, ERR_CONF,
	    "tenant-id is not the tenant that the login belongs to" },
	{ "AF20011", O365_OTHER, ERR_CONF,
	    "the service does not know this tenant: look at tenant-id and"
	    " cloud" },
	{ "AF20012", O365_OTHER, ERR_CONF,
	    "the tenant is not set up in the service: this is a case for"
	    " Microsoft's support" },
	{ "AF20013", O365_OTHER, ERR_CONF, "tenant-id is not a GUID" },
	{ "AF20020", O365_REFUSED, ERR_CONF,
	    "there is no such content type: look at content-types" },
	{ "AF20021", O365_OTHER, ERR_CONF, "a webhook could not be reached" },
	{ "AF20022", O365_UNSUBSCRIBED, ERR_PART, "there is no subscription" },
	{ "AF20023", O365_UNSUBSCRIBED, ERR_PART,
	    "the subscription was disabled by an administrator" },
	{ "AF20024", O365_STARTED, ERR_NONE, "" },
	{ "AF20030", O365_BAD_WINDOW, ERR_RETRY,
	    "the service takes no such window of time: is the clock right?" },
	{ "AF20031", O365_BAD_PAGE, ERR_RETRY, "a next page is not valid" },
	{ "AF20050", O365_GONE, ERR_LOST, "the content does not exist" },
	{ "AF20051", O365_GONE, ERR_LOST,
	    "the content has expired: the service keeps it for seven days" },
	{ "AF20052", O365_GONE, ERR_LOST,
	    "the service does not know its own content id" },
	{ "AF20053", O365_OTHER, ERR_BUG, "there are two languages" },
	{ "AF20054", O365_OTHER, ERR_BUG, "a language is not valid" },
	{ "AF20055", O365_BAD_WINDOW, ERR_RETRY,
	    "the service takes no such window of time: is the clock right?" },
	{ "AF429", O365_BUSY, ERR_WAIT, "too many requests" },
	{ "AF50000", O365_OTHER, ERR_RETRY, "the service has trouble" },
	{ "AF50005", O365_OTHER, ERR_RETRY, "the service has trouble" },
	{ "AF50006", O365_OTHER, ERR_RETRY, "the service has trouble" },
	{ NULL, O365_OTHER, ERR_NONE, NULL },
};

static const struct row *
find_row(struct str code)
{
	const struct row *row = rows;

	while (row->code != NULL && !str_eq_nocase(code, str_of(row->code)))
		row++;
	return row;
}

/* Where words begin in text, in whatever letter case, or -1. */
static ptrdiff_t
find_words(struct str text, const char *words)
{
	struct str want = str_of(words);

	for (size_t i = 0; i + want.len <= text.len; i++) {
		if (str_eq_nocase(str_make(text.p + i, want.len), want))
			return (ptrdiff_t)i;
	}
	return -1;
}

/* "Please retry again after 14m 56s", in ms; what it always is, if unsaid. */
static uint64_t
read_pause(struct str text)
{
	static const char before[] = "again after ";
	ptrdiff_t at = find_words(text, before);
	struct str rest, minutes, seconds;
	uint64_t m, s;

	if (at < 0)
		return START_PAUSE_MS;
	at += (ptrdiff_t)sizeof(before) - 1;
	rest = str_make(text.p + at, text.len - (size_t)at);
	minutes = str_trim(str_cut(&rest, 'm'));
	seconds = str_trim(str_cut(&rest, 's'));
	if (!str_to_u64(minutes, &m) || !str_to_u64(seconds, &s) || m >= 60)
		return START_PAUSE_MS;
	return (m * 60 + s + 1) * 1000;
}

/* What is said without a code that we know. */
static enum o365_fault
read_words(const struct httpresp *resp, struct str words, uint64_t wall_ms,
    struct err *err)
{
	if (find_words(words, "subscription start requests") >= 0) {
		err_wait(err, read_pause(words),
		    "the service allows one start of a subscription in a"
		    " quarter of an hour");
		return O365_TOO_OFTEN;
	}
	if (find_words(words, "already enabled") >= 0) {
		err_clear(err);
		return O365_STARTED;
	}
	if (find_words(words, "tenant") >= 0 &&
	    find_words(words, "does not exist") >= 0) {
		err_set(err, ERR_CONF,
		    "auditing is off in this tenant, or was switched on less"
		    " than an hour ago: switch it on in the Purview portal,"
		    " under Audit (HTTP %d)",
		    resp->status);
		return O365_OTHER;
	}
	if (httpresp_check(resp, words, wall_ms, err) == 0)
		err_set(err, ERR_RETRY, "HTTP %d in a place for errors",
		    resp->status);
	if (err->kind == ERR_WAIT && resp->status == 429)
		return O365_BUSY;
	if (err->kind != ERR_DENIED)
		return O365_OTHER;
	err_prefix(err,
	    "not allowed, ActivityFeed.Read or ActivityFeed.ReadDlp may be"
	    " missing: ");
	return O365_REFUSED;
}

enum o365_fault
o365_fault_read(const struct httpresp *resp, struct str body, uint64_t wall_ms,
    struct err *err)
{
	struct buf code, words;
	const struct row *row;
	struct json_doc doc;
	enum o365_fault fault;

	buf_init(&code, WORDS_MAX);
	buf_init(&words, 2 * WORDS_MAX);
	json_init(&doc, 0, 0);
	if (json_parse(&doc, body, NULL) == 0) {
		json_decode(&doc, json_at(&doc, 0, "error.code"), &code);
		json_decode(&doc, json_at(&doc, 0, "error.message"), &words);
	}
	/* A gateway's page, or an answer of another form, is shown as it is. */
	if (code.len == 0 && words.len == 0)
		buf_add(&words, body.p,
		    body.len < WORDS_MAX ? body.len : WORDS_MAX);
	row = find_row(buf_str(&code));
	if (row->code == NULL) {
		/* A whole sentence may stand where the code belongs. */
		if (code.len > 0)
			buf_addf(&words, " (%.*s)", STR_ARG(buf_str(&code)));
		fault = read_words(resp, buf_str(&words), wall_ms, err);
	} else if (row->fault == O365_STARTED) {
		err_clear(err);
		fault = row->fault;
	} else {
		err_set(err, row->kind, "%s (%s, HTTP %d: %.*s)", row->words,
		    row->code, resp->status, STR_ARG(buf_str(&words)));
		err->wait_ms =
		    httpresp_retry_after(resp, wall_ms, HTTPMSG_WAIT_MAX_MS);
		fault = row->fault;
	}
	json_clear(&doc);
	buf_clear(&code);
	buf_clear(&words);
	return fault;
}
