/* tests/tempdir.h -- a directory of a test's own, gone afterwards. */
/* SPDX-License-Identifier: ISC */
#ifndef TESTS_TEMPDIR_H
#define TESTS_TEMPDIR_H

/* Make one under TMPDIR: its path, to be freed by tempdir_remove. */
char *tempdir_make(void);

/* Remove it with all that is in it, and free the path. */
void tempdir_remove(char *path);

/* Copy a directory and what is in it to a new one; hard links become files. */
char *tempdir_copy(const char *path);

#endif
