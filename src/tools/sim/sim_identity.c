/* tools/sim/sim_identity.c -- tokens for machines: IMDS and Azure Arc. */
/* SPDX-License-Identifier: ISC */
#include "tools/sim/sim_identity.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "tools/sim/sim.h"
#include "tools/sim/sim_call.h"
#include "tools/sim/sim_token.h"

#define CHALLENGES 64
#define IMDS_VERSION "2018-02-01"
#define ARC_VERSION "2020-06-01"

struct challenge {
	char *path, *key; /* owned; NULL when met */
};

struct sim_identity {
	const char *key_dir;
	struct challenge open[CHALLENGES]; /* a ring */
	size_t at;
};

struct sim_identity *
sim_identity_new(const char *key_dir)
{
	struct sim_identity *id = xcalloc(1, sizeof(*id));

	id->key_dir = key_dir;
	return id;
}

static void
forget(struct challenge *c)
{
	if (c->path != NULL)
		unlink(c->path);
	xfree(c->path);
	xfree(c->key);
	*c = (struct challenge){ .path = NULL };
}

void
sim_identity_free(struct sim_identity **ip)
{
	struct sim_identity *id = *ip;

	*ip = NULL;
	if (id == NULL)
		return;
	for (size_t i = 0; i < CHALLENGES; i++)
		forget(&id->open[i]);
	xfree(id);
}

static void
refuse(struct sim_call *call, int status, const char *word, const char *text)
{
	sim_call_restart(call);
	call->status = status;
	buf_addf(
	    &call->rest, "{\"error\":\"%s\",\"error_description\":\"", word);
	sim_put_plain(&call->rest, text);
	buf_add_text(&call->rest, "\"}");
}

void
sim_identity_fail(struct sim_call *call, int status, const char *reason)
{
	refuse(call, status, status >= 500 ? "unknown" : "invalid_request",
	    reason != NULL ? reason : "The request was refused.");
}

/* --- Azure Arc ------------------------------------------------------------*/

static char *
fresh(struct sim_call *call, const char *fmt, const char *dir)
{
	struct buf guid;
	char *text;

	buf_init(&guid, 64);
	sim_call_guid(call, &guid);
	text = strcmp(fmt, "path") == 0
	    ? xasprintf("%s/%s.key", dir, buf_cstr(&guid))
	    : xasprintf("%s+/=", buf_cstr(&guid));
	buf_clear(&guid);
	return text;
}

static bool
write_key(const struct challenge *c)
{
	size_t len = strlen(c->key);
	int fd = open(c->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	bool done = fd >= 0 && write(fd, c->key, len) == (ssize_t)len;

	if (fd >= 0)
		close(fd);
	return done;
}

static void
challenge(struct sim_identity *id, struct sim_call *call)
{
	struct challenge *c = &id->open[id->at++ % CHALLENGES];
	char *header;

	forget(c);
	c->path = fresh(call, "path", id->key_dir);
	c->key = fresh(call, "key", NULL);
	if (!write_key(c)) {
		refuse(call, 500, "unknown", "The key cannot be written.");
		return;
	}
	header = xasprintf("Basic realm=%s", c->path);
	refuse(call, 401, "unauthorized_client", "Come back with the key.");
	sim_call_add_header(call, "WWW-Authenticate", header);
	xfree(header);
}

/* Each key opens once. */
static bool
has_met(struct sim_identity *id, const struct sim_call *call)
{
	const char *h = sim_call_header(call, "Authorization");

	if (h == NULL || strncmp(h, "Basic ", 6) != 0)
		return false;
	for (size_t i = 0; i < CHALLENGES; i++) {
		struct challenge *c = &id->open[i];

		if (c->key == NULL || strcmp(c->key, h + 6) != 0)
			continue;
		forget(c);
		return true;
	}
	return false;
}

/* --- both -----------------------------------------------------------------*/

static void
give(struct sim *sim, struct sim_call *call, const char *resource)
{
	unsigned long long life = sim->knobs.token_life;
	unsigned long long now = clock_wall_ms() / 1000;
	const char *client = sim_call_param(call, "client_id");

	buf_addf(&call->rest, "{\"access_token\":\"%s\",\"client_id\":\"",
	    sim_tokens_give(sim, resource));
	sim_put_plain(&call->rest,
	    client != NULL                     ? client
		: sim->conf->client_id != NULL ? sim->conf->client_id
					       : "the-machine");
	buf_addf(&call->rest,
	    "\",\"refresh_token\":\"\",\"expires_in\":\"%llu\","
	    "\"expires_on\":\"%llu\",\"not_before\":\"%llu\",\"resource\":\"",
	    life, now + life, now);
	sim_put_plain(&call->rest, resource);
	buf_add_text(&call->rest, "\",\"token_type\":\"Bearer\"}");
}

void
sim_identity_serve(struct sim *sim, struct sim_call *call)
{
	const char *version = sim_call_param(call, "api-version");
	const char *resource = sim_call_param(call, "resource");
	const char *client = sim_call_param(call, "client_id");
	const char *metadata = sim_call_header(call, "Metadata");
	bool is_arc = version != NULL && strcmp(version, ARC_VERSION) == 0 &&
	    sim->identity->key_dir != NULL;

	if (metadata == NULL || strcasecmp(metadata, "true") != 0)
		refuse(call, 400, "bad_request_102",
		    "Required metadata header not specified");
	else if (sim_call_header(call, "X-Forwarded-For") != NULL)
		refuse(call, 403, "forbidden", "Not through a proxy.");
	else if (!is_arc &&
	    (version == NULL || strcmp(version, IMDS_VERSION) != 0))
		refuse(call, 400, "bad_request_101", "No such api-version.");
	else if (resource == NULL || *resource == '\0' ||
	    strstr(resource, "/.default") != NULL)
		refuse(call, 400, "invalid_resource",
		    "AADSTS50001: The resource is not valid.");
	else if (client != NULL && sim->conf->client_id != NULL &&
	    strcasecmp(client, sim->conf->client_id) != 0)
		refuse(call, 400, "invalid_request", "Identity not found");
	else if (is_arc && !has_met(sim->identity, call))
		challenge(sim->identity, call);
	else
		give(sim, call, resource);
}
