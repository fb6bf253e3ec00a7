/* auth/claims.h -- what a token says of itself; for the operator only. */
/* SPDX-License-Identifier: ISC */
#ifndef AUTH_CLAIMS_H
#define AUTH_CLAIMS_H

#include <stdbool.h>

#include "base/str.h"

struct buf;

/*
 * Append the application permissions (`roles`) of a token, a line each.
 * False if the token is opaque, and so nothing is known; a token that can be
 * read and names none has none.
 */
bool claims_roles(struct str token, struct buf *roles);

/*
 * Append those of the wanted permissions ("A.Read.All, B.Read") that the
 * roles do not give, in the same form.  One that may write may also read.
 */
void claims_missing(struct str roles, struct str wanted, struct buf *out);

#endif
