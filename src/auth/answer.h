/* auth/answer.h -- what a token endpoint answers: a token, or a refusal. */
/* SPDX-License-Identifier: ISC */
#ifndef AUTH_ANSWER_H
#define AUTH_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "codec/json.h"

struct auth_token;
struct err;
struct httpresp;

struct answer {
	struct json_doc doc; /* over the body, which must live as long */
	bool is_json;        /* an object */
	struct buf word;     /* `error`; empty: no refusal */
	struct buf description, correlation;
	uint32_t code; /* AADSTS; 0: none */
};

void answer_init(struct answer *a, struct str body);
void answer_clear(struct answer *a);

/* Put stars over a secret that the server echoes, plain or as form field. */
void answer_blot(struct answer *a, struct str secret);

/* The token of a success; ERR_RETRY if it cannot be used. */
int answer_token(const struct answer *a, uint64_t wall_ms,
    struct auth_token *token_r, struct err *err);

/* Tell a refusal, or whatever else came, in words that say what to do. */
int answer_refusal(const struct answer *a, const struct httpresp *resp,
    uint64_t wall_ms, struct err *err);

#endif
