/* source/file_in.h -- records from a file of JSON lines. */
/* SPDX-License-Identifier: ISC */
#ifndef SOURCE_FILE_IN_H
#define SOURCE_FILE_IN_H

#include <stdbool.h>

struct source_ops;

struct file_in_conf {
	char *path; /* "-": standard input */
	bool follow;
	char *record_type;
};

/*
 * Nothing is asked: flow/follower reads the file.  Records are taken as the
 * source of record_type takes them.
 */
extern const struct source_ops file_in_ops;

#endif
