/* source/o365_fault.h -- what the Management Activity API says went wrong. */
/* SPDX-License-Identifier: ISC */
#ifndef SOURCE_O365_FAULT_H
#define SOURCE_O365_FAULT_H

#include <stdint.h>

#include "base/str.h"

struct err;
struct httpresp;

/* What may be done about it, by its code rather than by its status. */
enum o365_fault {
	O365_OTHER,        /* as err's kind says */
	O365_BUSY,         /* too many requests, whatever the status */
	O365_STARTED,      /* the subscription was there already */
	O365_UNSUBSCRIBED, /* there is none, or somebody disabled it */
	O365_TOO_OFTEN,    /* a start so soon after another: see wait_ms */
	O365_REFUSED,      /* this content type is not for us */
	O365_GONE,         /* the content exists no more, or never did */
	O365_BAD_WINDOW,   /* of time: a wrong clock, most likely */
	O365_BAD_PAGE      /* the next page is none */
};

/*
 * Read an error answer.  Fill err in plain words, with what the operator can
 * do; its kind is right for an answer that is not looked at any closer.
 */
enum o365_fault o365_fault_read(const struct httpresp *resp, struct str body,
    uint64_t wall_ms, struct err *err);

#endif
