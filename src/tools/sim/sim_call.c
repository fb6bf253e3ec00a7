/* tools/sim/sim_call.c -- one request, and the answer that it gets. */
/* SPDX-License-Identifier: ISC */
#include "tools/sim/sim_call.h"

#include <event2/http.h>
#include <string.h>

#include "tools/sim/sim_fill.h"
#include "tools/sim/sim_pages.h"
#include "tools/sim/sim_rng.h"
#include "tools/sim/sim_server.h"

const char *
sim_call_param(const struct sim_call *call, const char *name)
{
	for (size_t i = 0; i < call->n_params; i++) {
		if (strcmp(call->param[i].name, name) == 0)
			return call->param[i].value;
	}
	return NULL;
}

const char *
sim_call_header(const struct sim_call *call, const char *name)
{
	return evhttp_find_header(
	    evhttp_request_get_input_headers(call->req), name);
}

void
sim_call_add_header(struct sim_call *call, const char *name, const char *value)
{
	evhttp_add_header(
	    evhttp_request_get_output_headers(call->req), name, value);
}

void
sim_call_origin(const struct sim_call *call, struct buf *out)
{
	const char *host = sim_call_header(call, "Host");
	bool tls = call->sim->conf->tls_cert != NULL;

	if (host == NULL) {
		buf_add_text(out, sim_server_url(call->sim->server));
		return;
	}
	buf_add_text(out, tls ? "https://" : "http://");
	buf_add_text(out, host);
}

bool
sim_call_keeps(struct sim_call *call, uint64_t key)
{
	if (!call->gzip || key == 0)
		return false;
	call->page_key = key;
	call->page_found = sim_pages_find(call->sim->pages, key) != NULL;
	return call->page_found;
}

void
sim_call_restart(struct sim_call *call)
{
	buf_reset(&call->head);
	buf_reset(&call->rest);
	call->page_key = 0;
	call->page_found = false;
}

void
sim_call_guid(struct sim_call *call, struct buf *out)
{
	uint64_t serial = sim_server_serial(call->sim->server);

	sim_put_guid(out, sim_hash(call->sim->conf->seed, serial));
}

void
sim_put_plain(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		bool plain = *text >= ' ' && *text < 0x7f && *text != '"' &&
		    *text != '\\';

		buf_add_char(out, plain ? *text : '?');
	}
}

void
sim_call_spoil(const struct sim_call *call, struct buf *out)
{
	const struct sim_fault *fault = &call->fault;

	if (fault->deep == 0 && fault->oversized == 0 && !fault->bad_utf8)
		return;
	buf_truncate(out, out->len - 1);
	buf_add_text(out, ",\"extra\":");
	for (uint64_t i = 0; i < fault->deep; i++)
		buf_add_char(out, '[');
	buf_add_char(out, '"');
	for (uint64_t i = 0; i < fault->oversized; i++)
		buf_add_char(out, 'x');
	if (fault->bad_utf8)
		buf_add_text(out, "caf\xe9 \xc3(\xed\xa0\x80\xff");
	buf_add_char(out, '"');
	for (uint64_t i = 0; i < fault->deep; i++)
		buf_add_char(out, ']');
	buf_add_char(out, '}');
}

void
sim_call_html(struct sim_call *call, int status)
{
	sim_call_restart(call);
	call->status = status;
	call->type = "text/html";
	buf_addf(&call->rest,
	    "<html>\r\n<head><title>%d</title></head>\r\n<body>\r\n"
	    "<center><h1>%d</h1></center>\r\n<hr><center>Front door</center>"
	    "\r\n</body>\r\n</html>\r\n",
	    status, status);
}
