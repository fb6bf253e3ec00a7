/* state/crc32c.h -- the checksum of everything that we put on a disk. */
/* SPDX-License-Identifier: ISC */
#ifndef STATE_CRC32C_H
#define STATE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/*
 * CRC-32C (Castagnoli) of len bytes, going on from crc: 0 at first, then
 * what the call before returned.  "123456789" gives 0xe3069283.
 */
uint32_t crc32c(uint32_t crc, const void *p, size_t len);

/* The same without the processor's own instruction, slower. */
uint32_t crc32c_by_table(uint32_t crc, const void *p, size_t len);

#endif
