/* tests/tempdir.c -- a directory of a test's own, gone afterwards. */
/* SPDX-License-Identifier: ISC */
#include "tests/tempdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"

static void
die(const char *what, const char *path)
{
	fprintf(stderr, "tempdir: cannot %s %s\n", what, path);
	abort();
}

char *
tempdir_make(void)
{
	const char *top = getenv("TMPDIR");
	char *path =
	    xasprintf("%s/cloudcef-test-XXXXXX", top != NULL ? top : "/tmp");

	if (mkdtemp(path) == NULL)
		die("make", path);
	return path;
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void
tempdir_remove(char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(path);
}

/*
 * Blocks of zeros stay holes, so that files allocated ahead cost nothing.
 * False if the file is gone: somebody is at work in the directory.
 */
static bool
copy_file(const char *from, const char *to)
{
	static const char zeros[65536];
	char block[sizeof(zeros)];
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	int in = open(from, O_RDONLY);
	off_t at = 0;
	ssize_t n;

	if (in < 0 && errno == ENOENT && out >= 0) {
		close(out);
		return false;
	}
	if (in < 0 || out < 0)
		die("copy", from);
	while ((n = read(in, block, sizeof(block))) > 0) {
		if (memcmp(block, zeros, (size_t)n) != 0 &&
		    pwrite(out, block, (size_t)n, at) != n)
			die("write", to);
		at += n;
	}
	if (ftruncate(out, at) != 0)
		die("write", to);
	close(in);
	close(out);
	return true;
}

static bool
copy_into(const char *from, const char *to)
{
	DIR *d = opendir(from);
	struct dirent *e;
	struct stat st;
	bool whole = true;

	if (d == NULL)
		die("list", from);
	while (whole && (e = readdir(d)) != NULL) {
		char *a, *b;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		a = xasprintf("%s/%s", from, e->d_name);
		b = xasprintf("%s/%s", to, e->d_name);
		if (stat(a, &st) != 0) {
			whole = false;
		} else if (S_ISDIR(st.st_mode)) {
			if (mkdir(b, 0700) != 0)
				die("make", b);
			whole = copy_into(a, b);
		} else if (S_ISREG(st.st_mode)) {
			whole = copy_file(a, b);
		}
		free(a);
		free(b);
	}
	closedir(d);
	return whole;
}

char *
tempdir_copy(const char *path)
{
	char *copy = tempdir_make();

	while (!copy_into(path, copy)) {
		tempdir_remove(copy);
		copy = tempdir_make();
	}
	return copy;
}
