/* auth/aadsts.c -- what Entra's error numbers mean, and what to do. */
/* SPDX-License-Identifier: ISC */
#include "auth/aadsts.h"

#include <stddef.h>

#define CLOCK "set this machine's clock (NTP)"
#define CLOUD "set `cloud` to the one the tenant lives in"
#define CONSENT                                                          \
	"add the API permission to the app registration and grant admin" \
	" consent"
#define FEDERATED                                                         \
	"compare issuer, subject and audience of the token file with the" \
	" federated credential, letter by letter"
#define FIND_APP                                                               \
	"compare client-id and tenant-id with the app registration, and grant" \
	" it admin consent in that tenant"
#define REPORT "report this as a fault of this program"

/* In the order of the numbers. */
static const struct aadsts table[] = {
	{ 50001, ERR_CONF, "the API asked for is unknown in this tenant",
	    "check the service's address and `cloud`; the product may need a"
	    " licence" },
	{ 50012, ERR_CONF, "the signed assertion is malformed or too old",
	    CLOCK },
	{ 50196, ERR_RETRY, "too many equal login requests; they are held off",
	    NULL },
	{ 53003, ERR_DENIED, "a Conditional Access policy blocks this login",
	    "exempt the application, or allow this machine's address, in the"
	    " policy for workload identities" },
	{ 65001, ERR_DENIED, "consent to the API's permissions is missing",
	    CONSENT },
	{ 70001, ERR_CONF,
	    "the application is not in this tenant, or is"
	    " disabled there",
	    FIND_APP },
	{ 70011, ERR_CONF, "the scope asked for is not valid",
	    "check the service's address and `cloud`" },
	{ 70021, ERR_CONF, "no federated credential fits the token file",
	    FEDERATED },
	{ 90002, ERR_CONF, "there is no such tenant in this cloud",
	    "check tenant-id for a slip of the pen, and `cloud`" },
	{ 90006, ERR_RETRY, "Entra has a passing fault", NULL },
	{ 90012, ERR_RETRY, "Entra took too long", NULL },
	{ 90013, ERR_CONF, "Entra finds the request's values not valid",
	    "check tenant-id and client-id" },
	{ 90024, ERR_RETRY, "Entra has a passing fault", NULL },
	{ 90033, ERR_RETRY, "Entra has a passing fault", NULL },
	{ 90038, ERR_CONF, "the tenant lives in another cloud", CLOUD },
	{ 90055, ERR_RETRY, "the tenant sends too many requests", NULL },
	{ 90090, ERR_RETRY, "Entra has a passing fault", NULL },
	{ 500011, ERR_CONF, "the API is not present in this tenant",
	    "check the service's address and `cloud`; the product may need a"
	    " licence, or to be opened once in its portal" },
	{ 500133, ERR_CONF, "the signed assertion is too old", CLOCK },
	{ 530035, ERR_DENIED,
	    "the tenant's security defaults block this"
	    " login",
	    "ask the tenant's administrator" },
	{ 650052, ERR_DENIED, "the tenant has not subscribed to this API",
	    "get the product's licence, then grant admin consent" },
	{ 650056, ERR_DENIED,
	    "the app registration misses this API's"
	    " permissions",
	    CONSENT },
	{ 650057, ERR_DENIED, "the app registration does not list this API",
	    CONSENT },
	{ 700016, ERR_CONF, "the application is not known in this tenant",
	    FIND_APP },
	{ 700022, ERR_BUG, "several APIs in one request", REPORT },
	{ 700023, ERR_BUG, "no API in the request", REPORT },
	{ 700024, ERR_CONF,
	    "the assertion is outside the time for which it"
	    " is valid",
	    CLOCK },
	{ 700025, ERR_CONF,
	    "the application is registered as a public"
	    " client, which may not have a secret",
	    "turn off \"allow public client flows\", or register another" },
	{ 700027, ERR_CONF,
	    "the certificate is not registered for this"
	    " application",
	    "upload the certificate that belongs to the key"
	    " file, and check tenant-id" },
	{ 700030, ERR_CONF,
	    "the certificate's name or issuer is not"
	    " allowed",
	    "see the application's certificate policy" },
	{ 700211, ERR_CONF, "no federated credential has this issuer",
	    FEDERATED },
	{ 700212, ERR_CONF, "no federated credential has this audience",
	    FEDERATED },
	{ 700213, ERR_CONF, "no federated credential has this subject",
	    FEDERATED },
	{ 900023, ERR_CONF, "tenant-id is no valid name",
	    "write the tenant's GUID, or a domain verified in it" },
	{ 900144, ERR_BUG, "a part of the request is missing", REPORT },
	{ 900382, ERR_CONF, "this tenant cannot be reached from this cloud",
	    CLOUD },
	{ 900384, ERR_CONF, "this tenant cannot be reached from this cloud",
	    CLOUD },
	{ 900432, ERR_CONF, "this tenant cannot be reached from this cloud",
	    CLOUD },
	{ 901002, ERR_BUG, "the request names its API the old way", REPORT },
	{ 1000031, ERR_DENIED, "the application cannot be used now",
	    "ask the tenant's administrator to grant admin consent again" },
	{ 7000112, ERR_CONF, "the application is disabled",
	    "enable it under Enterprise applications" },
	{ 7000215, ERR_CONF, "the client secret is wrong",
	    "put the secret's value, not its ID, into secret-file; perhaps it"
	    " was replaced" },
	{ 7000218, ERR_CONF, "no secret came with the request",
	    "check secret-file" },
	{ 7000222, ERR_CONF, "the client secret has expired",
	    "create a new one in the app registration and put its value into"
	    " secret-file" },
	{ 9001023, ERR_CONF, "this tenant-id stands for many tenants",
	    "write the tenant's own GUID or domain" },
	{ 9002313, ERR_BUG, "the request is malformed", REPORT },
};

const struct aadsts *
aadsts_find(uint32_t code)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].code == code)
			return &table[i];
	}
	return NULL;
}
