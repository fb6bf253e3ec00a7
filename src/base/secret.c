/* base/secret.c -- a password, key or token. */
/* SPDX-License-Identifier: ISC */
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/xalloc.h"

#define SECRET_MAX (64 * 1024)

struct secret {
	size_t map_bytes; /* of this struct and the bytes behind it */
	size_t len;
	char bytes[];
};

struct secret *
secret_new(struct str s)
{
	size_t size = sizeof(struct secret) + s.len;
	struct secret *secret = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (secret == MAP_FAILED)
		return xmalloc((size_t)-1); /* dies with its one line */
	/* Best effort: neither is allowed everywhere. */
	(void)madvise(secret, size, MADV_DONTDUMP);
	(void)mlock(secret, size);
	secret->map_bytes = size;
	secret->len = s.len;
	if (s.len > 0)
		memcpy(secret->bytes, s.p, s.len);
	return secret;
}

void
secret_free(struct secret **sp)
{
	struct secret *s = *sp;
	size_t size;

	*sp = NULL;
	if (s == NULL)
		return;
	size = s->map_bytes;
	explicit_bzero(s, size);
	munmap(s, size);
}

static ssize_t
read_all(int fd, char *p, size_t size)
{
	size_t have = 0;

	while (have < size) {
		ssize_t n = read(fd, p + have, size - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

struct secret *
secret_load(const char *path, int how, struct err *err)
{
	char bytes[SECRET_MAX + 1];
	struct secret *secret = NULL;
	struct str text;
	struct stat st;
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0 || fstat(fd, &st) < 0) {
		err_set(err, ERR_CONF, "%s: %s", path, strerror(errno));
		goto out;
	}
	if ((how & SECRET_SHARED) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_mode & S_IRWXO) != 0) {
		err_set(err, ERR_CONF,
		    "%s: others may read this secret;"
		    " do: chmod o= %s",
		    path, path);
		goto out;
	}
	n = read_all(fd, bytes, sizeof(bytes));
	if (n < 0) {
		err_set(err, ERR_CONF, "%s: %s", path, strerror(errno));
		goto out;
	}
	if (n > SECRET_MAX) {
		err_set(err, ERR_CONF,
		    "%s: too long for a secret (over %d"
		    " bytes)",
		    path, SECRET_MAX);
		goto out;
	}
	text = str_make(bytes, (size_t)n);
	if ((how & SECRET_WHOLE) == 0)
		text = str_trim(str_cut(&text, '\n'));
	if (text.len == 0)
		err_set(err, ERR_CONF, "%s: %s empty", path,
		    (how & SECRET_WHOLE) == 0 ? "its first line is" : "is");
	else
		secret = secret_new(text);
out:
	explicit_bzero(bytes, sizeof(bytes));
	if (fd >= 0)
		close(fd);
	return secret;
}

struct secret *
secret_read(const char *path, struct err *err)
{
	return secret_load(path, SECRET_LINE, err);
}

struct str
secret_reveal(const struct secret *s)
{
	return str_make(s->bytes, s->len);
}

bool
secret_eq(const struct secret *a, const struct secret *b)
{
	return str_eq(secret_reveal(a), secret_reveal(b));
}
