/* tests/unit.h -- cmocka with the headers that it wants before it. */
/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

/* A str against a text, failing with both of them readable. */
#define assert_str(got, want)                                    \
	do {                                                     \
		struct str got_ = (got), want_ = str_of(want);   \
		if (!str_eq(got_, want_))                        \
			fail_msg("got  \"%.*s\"\nwant \"%.*s\"", \
			    STR_ARG(got_), STR_ARG(want_));      \
	} while (0)

#define UNIT_MAIN(tests)                                            \
	int main(void)                                              \
	{                                                           \
		return cmocka_run_group_tests((tests), NULL, NULL); \
	}

#endif
