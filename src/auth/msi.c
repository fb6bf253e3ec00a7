/*
 * auth/msi.c -- logs in with the managed identity of an Azure machine.
 *
 * The metadata service (IMDS) hands a token to whoever reaches it from the
 * machine.  Azure Arc's agent wants a proof first that we may read its files:
 * it answers with the path of one that it has just written, and we come back
 * with its content.  That path comes from outside, so only a plain file of
 * the agent's own folder is read.
 */
/* SPDX-License-Identifier: ISC */
#include "auth/msi.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/answer.h"
#include "auth/auth.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/xalloc.h"
#include "codec/httpmsg.h"
#include "codec/uri.h"

#define PATH "/metadata/identity/oauth2/token"
#define ARC_AGENT "/opt/azcmagent/bin/himds"
#define KEY_MAX 4096

static const struct place {
	const char *name, *url, *version;
} imds = { "managed identity", "http://169.254.169.254", "2018-02-01" },
  arc = { "managed identity (Azure Arc)", "http://127.0.0.1:40342",
	  "2020-06-01" };

struct msi {
	struct auth auth; /* first */
	struct auth_ops ops;
	const struct place *place;
	char *url, *client_id, *key_dir; /* owned; client_id may be NULL */
	struct secret *key; /* what the challenge asked for; used once */
};

static void
msi_close(struct auth **ap)
{
	struct msi *m = (struct msi *)*ap;

	*ap = NULL;
	if (m == NULL)
		return;
	secret_free(&m->key);
	xfree(m->url);
	xfree(m->client_id);
	xfree(m->key_dir);
	xfree(m);
}

/* The bare resource: here nobody knows scopes. */
static struct str
resource_of(const char *scope)
{
	struct str s = str_of(scope);

	if (str_ends(s, STR_LIT("/.default")))
		s.len -= strlen("/.default");
	return s;
}

static int
msi_ask(struct auth *a, const char *scope, uint64_t wall_ms,
    struct httpreq *req_r, struct auth_token *token_r, struct err *err)
{
	struct msi *m = (struct msi *)a;

	(void)wall_ms;
	(void)token_r;
	(void)err;
	req_r->method = HTTP_GET;
	req_r->no_proxy = true;
	buf_add_text(&req_r->url, m->url);
	buf_add_text(&req_r->url, PATH);
	httpreq_query(req_r, "api-version", str_of(m->place->version));
	httpreq_query(req_r, "resource", resource_of(scope));
	if (m->client_id != NULL)
		httpreq_query(req_r, "client_id", str_of(m->client_id));
	httpreq_header(req_r, "Metadata", "true");
	if (m->key != NULL) {
		buf_add_text(&req_r->headers, "Authorization: Basic ");
		buf_add_str(&req_r->headers, secret_reveal(m->key));
		buf_add_char(&req_r->headers, '\n');
		secret_free(&m->key);
	}
	return 1;
}

/* --- the challenge ------------------------------------------------------ */

/* "Basic realm=/var/opt/azcmagent/tokens/NAME.key" */
static struct str
challenged_file(const struct httpresp *resp)
{
	struct str s = httpresp_header(resp, "WWW-Authenticate");
	struct str path;

	if (!str_eq_nocase(str_cut(&s, '='), STR_LIT("Basic realm")) ||
	    s.p == NULL)
		return str_make(NULL, 0);
	path = str_trim(s);
	if (path.len >= 2 && path.p[0] == '"' && path.p[path.len - 1] == '"') {
		path.p++;
		path.len -= 2;
	}
	return path;
}

/* A file of that folder itself, and of the agent's kind. */
static bool
is_in(struct str path, const char *dir)
{
	size_t len = strlen(dir);

	return path.len > len + 1 + strlen(".key") &&
	    memcmp(path.p, dir, len) == 0 && path.p[len] == '/' &&
	    str_find(str_make(path.p + len + 1, path.len - len - 1), '/') < 0 &&
	    memchr(path.p, '\0', path.len) == NULL &&
	    str_ends(path, STR_LIT(".key"));
}

/* It becomes a header's value: one line of plain text. */
static bool
is_plain(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] < ' ' || s.p[i] >= 0x7f)
			return false;
	return s.len > 0;
}

static struct secret *
read_key(const char *path, struct err *err)
{
	char bytes[KEY_MAX + 1];
	struct secret *key = NULL;
	struct stat st;
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		n = read(fd, bytes, sizeof(bytes));
	if (fd < 0)
		err_set(err, ERR_CONF,
		    "managed-identity: %s: %s; the daemon's user must be in"
		    " the agent's group, himds",
		    path, strerror(errno));
	else if (n <= 0 || n > KEY_MAX ||
	    !is_plain(str_trim(str_make(bytes, (size_t)n))))
		err_set(err, ERR_CONF,
		    "managed-identity: %s: not a key file of Azure Arc", path);
	else
		key = secret_new(str_trim(str_make(bytes, (size_t)n)));
	explicit_bzero(bytes, sizeof(bytes));
	if (fd >= 0)
		close(fd);
	return key;
}

static int
take_challenge(struct msi *m, const struct httpresp *resp, struct err *err)
{
	struct str path = challenged_file(resp);
	char *name;

	if (!is_in(path, m->key_dir))
		return err_set(err, ERR_CONF,
		    "managed-identity: the agent of Azure Arc names no key"
		    " file in %s",
		    m->key_dir);
	name = xstrndup(path.p, path.len);
	secret_free(&m->key);
	m->key = read_key(name, err);
	xfree(name);
	if (m->key == NULL)
		return -1;
	return err_set(err, ERR_LOGIN,
	    "managed-identity: the agent of Azure Arc does not take the key"
	    " that it asked for");
}

/* --- the answer --------------------------------------------------------- */

/* An agent that knows one identity only must not pass for another. */
static int
check_identity(
    const struct msi *m, const struct answer *answer, struct err *err)
{
	uint32_t said = json_member(&answer->doc, 0, STR_LIT("client_id"));

	if (m->client_id == NULL || (said == JSON_NONE && m->place == &imds) ||
	    (said != JSON_NONE &&
		json_type(&answer->doc, said) == JSON_STRING &&
		str_eq_nocase(
		    json_raw(&answer->doc, said), str_of(m->client_id))))
		return 0;
	return err_set(err, ERR_CONF,
	    "managed-identity-client-id: the token is for another identity");
}

static int
refuse(const struct answer *answer, const struct httpresp *resp,
    uint64_t wall_ms, struct err *err)
{
	int status = resp->status;

	answer_refusal(answer, resp, wall_ms, err);
	if (err->kind == ERR_WAIT || err->kind == ERR_RETRY)
		return -1;
	if (status == 404 || status == 410 || status == 429 || status >= 500) {
		err->kind = ERR_RETRY;
		return -1;
	}
	return err_prefix(err, "%s",
	    status == 403 ? "managed-identity: is a proxy in between? "
		: status == 400 && answer->code == 0
		? "managed-identity: is one assigned to this machine? "
		: "managed-identity: ");
}

static int
msi_read(struct auth *a, const struct httpresp *resp, struct str body,
    uint64_t wall_ms, struct auth_token *token_r, struct err *err)
{
	struct msi *m = (struct msi *)a;
	struct answer answer;
	int rc;

	if (resp->status == 401 && m->place == &arc)
		return take_challenge(m, resp, err);
	answer_init(&answer, body);
	if (resp->status != 200 || !answer.is_json || answer.word.len > 0) {
		rc = refuse(&answer, resp, wall_ms, err);
	} else {
		rc = check_identity(m, &answer, err);
		if (rc == 0)
			rc = answer_token(&answer, wall_ms, token_r, err);
		if (rc < 0)
			err_prefix(err, "login failed: ");
	}
	answer_clear(&answer);
	return rc;
}

/* --- its birth ---------------------------------------------------------- */

static char *
copy(const char *text)
{
	return text != NULL && *text != '\0' ? xstrdup(text) : NULL;
}

struct auth *
msi_new(const struct auth_conf *conf, struct err *err)
{
	bool is_arc = conf->identity == AUTH_IDENTITY_ARC ||
	    (conf->identity == AUTH_IDENTITY_ANY &&
		access(ARC_AGENT, F_OK) == 0);
	const struct place *place = is_arc ? &arc : &imds;
	char *url = copy(conf->identity_url);
	struct uri uri;
	struct msi *m;

	if (url == NULL)
		url = xstrdup(place->url);
	while (*url != '\0' && url[strlen(url) - 1] == '/')
		url[strlen(url) - 1] = '\0';
	if (uri_parse(str_of(url), &uri, err) < 0) {
		err->kind = ERR_CONF;
		err_prefix(err, "identity-url: ");
		xfree(url);
		return NULL;
	}
	m = xcalloc(1, sizeof(*m));
	m->ops = (struct auth_ops){ .name = place->name,
		.ask = msi_ask,
		.read = msi_read,
		.close = msi_close };
	m->auth.ops = &m->ops;
	m->place = place;
	m->url = url;
	m->client_id = copy(conf->identity_client_id);
	m->key_dir = conf->identity_key_dir != NULL
	    ? xstrdup(conf->identity_key_dir)
	    : xstrdup(MSI_KEY_DIR);
	return &m->auth;
}
