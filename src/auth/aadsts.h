/* auth/aadsts.h -- what Entra's error numbers mean, and what to do. */
/* SPDX-License-Identifier: ISC */
#ifndef AUTH_AADSTS_H
#define AUTH_AADSTS_H

#include <stdint.h>

#include "base/err.h"

struct aadsts {
	uint32_t code;
	enum err_kind kind;
	const char *what;  /* happened */
	const char *to_do; /* by the operator; NULL: nothing */
};

/* The row of that number, or NULL. */
const struct aadsts *aadsts_find(uint32_t code);

#endif
