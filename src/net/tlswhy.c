/* net/tlswhy.c -- why TLS failed, in words and with the next step. */
/* SPDX-License-Identifier: ISC */
/*
 * The words are two tables.  In a text, {S} stands for the certificate's
 * subject, {I} its issuer, {N} the names that it is for, {W} the name that
 * was wanted, {B} and {A} the dates before and after which it is not valid,
 * {F} its fingerprint.
 */
#include "net/tlswhy.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/err.h"

static const struct {
	int code;
	const char *text;
} verdicts[] = {
	{ X509_V_ERR_CERT_HAS_EXPIRED,
	    "the certificate {S} expired on {A}; it must be renewed on the"
	    " server (or see whether the clock here is right)" },
	{ X509_V_ERR_CERT_NOT_YET_VALID,
	    "the certificate {S} is not valid before {B}; see whether the clock"
	    " here is right" },
	{ X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
	    "the certificate {S} is signed by itself and not trusted; if it is"
	    " the right one, put it into ca-file, or set fingerprint ="
	    " \"{F}\"" },
	{ X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
	    "the certificate comes from {I}, which is not trusted here; put"
	    " that authority's certificate into ca-file" },
	{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
	    "the certificate {S} comes from {I}, which is not trusted here; put"
	    " that authority's certificate into ca-file, or let the server send"
	    " its intermediate certificates" },
	{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
	    "the certificate {S} comes from {I}, whose certificate is missing;"
	    " put it into ca-file" },
	{ X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,
	    "the certificate {S} comes from {I}, which is not trusted here; put"
	    " that authority's certificate into ca-file, or let the server send"
	    " its intermediate certificates" },
	{ X509_V_ERR_HOSTNAME_MISMATCH,
	    "the certificate is for {N}, not for {W}; set server-name to one of"
	    " its names, or have it issued again" },
	{ X509_V_ERR_IP_ADDRESS_MISMATCH,
	    "the certificate is for {N}, not for the address {W}; set"
	    " server-name to one of its names, or have it issued again" },
	{ X509_V_ERR_INVALID_PURPOSE,
	    "the certificate {S} is not meant for servers (extended key usage);"
	    " it must be issued again for server authentication" },
	{ X509_V_ERR_EE_KEY_TOO_SMALL,
	    "the key of the certificate {S} is too weak; it must be issued"
	    " again with RSA of 2048 bits, or an elliptic curve" },
	{ X509_V_ERR_CA_KEY_TOO_SMALL,
	    "the key of the authority {S} is too weak to be trusted" },
	{ X509_V_ERR_CA_MD_TOO_WEAK,
	    "the certificate {S} is signed with a digest too weak to be"
	    " trusted; it must be issued again with SHA-256" },
	{ X509_V_ERR_CERT_REVOKED,
	    "the certificate {S} was revoked by {I}; the server needs another"
	    " one" },
	{ X509_V_ERR_CERT_REJECTED,
	    "the certificate {S} has another fingerprint than the one"
	    " configured; if it is the right one, set fingerprint = \"{F}\"" },
};

/* Alerts that speak of the certificate which we sent. */
#define OURS " our certificate {S} (until {A}, from {I})"

static const struct {
	int reason;
	enum err_kind kind;
	const char *text;      /* when we sent a certificate */
	const char *text_bare; /* when we had none; NULL: the same */
} errors[] = {
	{ SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, ERR_CONF,
	    "the server did not take" OURS "; see which authorities it asks"
	    " for",
	    "the server wants a client certificate; set cert-file and"
	    " key-file" },
	{ SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, ERR_CONF,
	    "the server refused the handshake; see whether it trusts" OURS
	    ", and whether it takes TLS 1.2 with ECDHE and AES-GCM",
	    "the server refused the handshake; it may want a client certificate"
	    " (set cert-file and key-file), or lack TLS 1.2 with ECDHE and"
	    " AES-GCM" },
	{ SSL_R_TLSV1_ALERT_UNKNOWN_CA, ERR_CONF,
	    "the server does not know who issued" OURS "; give it that"
	    " authority, or take another certificate",
	    NULL },
	{ SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, ERR_CONF,
	    "the server says that it has expired:" OURS "; renew it", NULL },
	{ SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, ERR_CONF,
	    "the server says that it was revoked:" OURS "; get another one",
	    NULL },
	{ SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, ERR_CONF,
	    "the server does not accept" OURS "; its log says why",
	    "the server does not accept our certificate; its log says why" },
	{ SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, ERR_CONF,
	    "the server does not accept" OURS "; its log says why",
	    "the server does not accept our certificate; its log says why" },
	{ SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, ERR_CONF,
	    "the server does not take certificates like" OURS "; see its key"
	    " and its extended key usage",
	    NULL },
	{ SSL_R_TLSV1_ALERT_DECRYPT_ERROR, ERR_CONF,
	    "the server could not check our signature; see whether key and"
	    " certificate are in order",
	    NULL },
	{ SSL_R_TLSV1_ALERT_ACCESS_DENIED, ERR_CONF,
	    "the server does not let us in with" OURS "; see its access rules",
	    "the server does not let us in; see its access rules" },
	{ SSL_R_TLSV1_UNRECOGNIZED_NAME, ERR_CONF,
	    "the server does not know the name that we asked for; see"
	    " server-name",
	    NULL },
	{ SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, ERR_CONF,
	    "the server takes other TLS versions only; it needs TLS 1.2 or"
	    " newer",
	    NULL },
	{ SSL_R_UNSUPPORTED_PROTOCOL, ERR_CONF,
	    "the server offers a TLS version older than 1.2 only; it needs an"
	    " update",
	    NULL },
	{ SSL_R_WRONG_VERSION_NUMBER, ERR_CONF,
	    "what answers there does not speak TLS; see whether the port is the"
	    " TLS port, or whether transport = \"tcp\" is meant",
	    NULL },
	{ SSL_R_HTTP_REQUEST, ERR_CONF,
	    "plain HTTP came where TLS was expected; see the port", NULL },
	{ SSL_R_PACKET_LENGTH_TOO_LONG, ERR_CONF,
	    "what answers there does not speak TLS; see whether the port is the"
	    " TLS port",
	    NULL },
	{ SSL_R_DH_KEY_TOO_SMALL, ERR_CONF,
	    "the server's Diffie-Hellman key is too weak; it needs 2048 bits",
	    NULL },
	{ SSL_R_TLSV1_ALERT_INTERNAL_ERROR, ERR_RETRY,
	    "the server reports an internal error; its log says why", NULL },
	{ SSL_R_UNEXPECTED_EOF_WHILE_READING, ERR_RETRY,
	    "the server closed the connection without a word; it may have"
	    " refused" OURS,
	    "the server closed the connection without a word" },
};

static void
format_time(char *text, size_t size, const ASN1_TIME *t)
{
	struct tm tm;

	if (t == NULL || ASN1_TIME_to_tm(t, &tm) != 1 ||
	    strftime(text, size, "%Y-%m-%d %H:%M UTC", &tm) == 0)
		snprintf(text, size, "an unknown time");
}

/* The common name says most; a certificate without one gets it all. */
static void
format_name(char *text, size_t size, const X509_NAME *name)
{
	BIO *mem;
	char *p;
	long n;

	snprintf(text, size, "(nameless)");
	if (name == NULL || X509_NAME_entry_count(name) == 0)
		return;
	mem = BIO_new(BIO_s_mem());
	if (mem == NULL)
		return;
	if (X509_NAME_print_ex(mem, name, 0,
		XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0) {
		n = BIO_get_mem_data(mem, &p);
		snprintf(text, size, "\"%.*s\"",
		    n < (long)size - 3 ? (int)n : (int)size - 3, p);
	}
	BIO_free(mem);
}

static void
add_name(struct buf *names, const GENERAL_NAME *name)
{
	char address[INET6_ADDRSTRLEN];
	const ASN1_STRING *s;
	int len, family;

	if (name->type != GEN_DNS && name->type != GEN_IPADD)
		return;
	s = name->type == GEN_DNS ? name->d.dNSName : name->d.iPAddress;
	len = ASN1_STRING_length(s);
	if (names->len > 0)
		buf_add_text(names, ", ");
	if (name->type == GEN_DNS) {
		buf_add(names, ASN1_STRING_get0_data(s), (size_t)len);
		return;
	}
	family = len == 4 ? AF_INET : AF_INET6;
	if ((len == 4 || len == 16) &&
	    inet_ntop(family, ASN1_STRING_get0_data(s), address,
		sizeof(address)) != NULL)
		buf_add_text(names, address);
}

/* As many names as fit; who has more gets "...". */
static void
format_names(struct tlswhy_cert *c, struct x509_st *cert)
{
	GENERAL_NAMES *all =
	    X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	struct buf names;
	int i;

	buf_init(&names, sizeof(c->names) - 5);
	for (i = 0; i < sk_GENERAL_NAME_num(all); i++)
		add_name(&names, sk_GENERAL_NAME_value(all, i));
	if (names.len == 0)
		snprintf(c->names, sizeof(c->names), "%s", c->subject);
	else
		snprintf(c->names, sizeof(c->names), "%.*s%s", (int)names.len,
		    names.p, names.failed ? " ..." : "");
	buf_clear(&names);
	GENERAL_NAMES_free(all);
}

static void
format_fingerprint(char *text, size_t size, const X509 *cert)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0, i;
	size_t at;

	if (X509_digest(cert, EVP_sha256(), digest, &n) != 1)
		n = 0;
	at = (size_t)snprintf(text, size, "SHA256");
	for (i = 0; i < n && at + 4 <= size; i++, at += 3)
		snprintf(text + at, size - at, ":%02X", digest[i]);
}

void
tlswhy_read(struct tlswhy_cert *c, struct x509_st *cert)
{
	format_name(
	    c->subject, sizeof(c->subject), X509_get_subject_name(cert));
	format_name(c->issuer, sizeof(c->issuer), X509_get_issuer_name(cert));
	format_names(c, cert);
	format_time(
	    c->not_before, sizeof(c->not_before), X509_get0_notBefore(cert));
	format_time(
	    c->not_after, sizeof(c->not_after), X509_get0_notAfter(cert));
	format_fingerprint(c->fingerprint, sizeof(c->fingerprint), cert);
}

static const char *
value_of(char key, const struct tlswhy_cert *c, const char *want)
{
	switch (key) {
	case 'S':
		return c->subject;
	case 'I':
		return c->issuer;
	case 'N':
		return c->names;
	case 'A':
		return c->not_after;
	case 'B':
		return c->not_before;
	case 'F':
		return c->fingerprint;
	default:
		return want;
	}
}

static int
fill(struct err *err, enum err_kind kind, const char *text,
    const struct tlswhy_cert *c, const char *want)
{
	struct buf b;

	buf_init(&b, 2 * ERR_TEXT_MAX);
	for (; *text != '\0'; text++) {
		if (text[0] == '{' && text[1] != '\0' && text[2] == '}') {
			buf_add_text(&b, value_of(text[1], c, want));
			text += 2;
		} else {
			buf_add_char(&b, *text);
		}
	}
	err_set(err, kind, "%s", buf_cstr(&b));
	buf_clear(&b);
	return -1;
}

int
tlswhy_verify(
    int code, const struct tlswhy_cert *c, const char *want, struct err *err)
{
	size_t i;

	for (i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
		if (verdicts[i].code == code)
			return fill(err, ERR_CONF, verdicts[i].text, c, want);
	return err_set(err, ERR_CONF, "the certificate %s is not accepted: %s",
	    c->subject, X509_verify_cert_error_string(code));
}

bool
tlswhy_error(unsigned long code, const struct tlswhy_cert *own, struct err *err)
{
	size_t i;

	if (ERR_GET_LIB(code) != ERR_LIB_SSL)
		return false;
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		const char *text = errors[i].text;

		if (errors[i].reason != ERR_GET_REASON(code))
			continue;
		if (own == NULL && errors[i].text_bare != NULL)
			text = errors[i].text_bare;
		else if (own == NULL && strstr(text, "{S}") != NULL)
			text = "the server complains of a certificate, though"
			       " we sent none; its log says why";
		fill(err, errors[i].kind, text, own, "");
		return true;
	}
	return false;
}
