/* codec/b64.h -- base64, in both alphabets. */
/* SPDX-License-Identifier: ISC */
#ifndef CODEC_B64_H
#define CODEC_B64_H

#include <stdbool.h>

#include "base/str.h"

struct buf;

/* With padding and + /. */
void b64_encode(struct buf *out, struct str bytes);

/* For addresses and JWT: - _ and no padding. */
void b64_encode_url(struct buf *out, struct str bytes);

/* Both alphabets, padded or not; false if it is neither. */
bool b64_decode(struct buf *out, struct str text);

#endif
