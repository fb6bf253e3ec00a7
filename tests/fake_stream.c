/* tests/fake_stream.c -- net/stream.h whose peer is the test. */
/* SPDX-License-Identifier: ISC */
#include "tests/unit.h"

#include "tests/fake_stream.h"

#include "base/buf.h"
#include "base/xalloc.h"

#define MANY 64

struct stream {
	unsigned number;
};

static struct {
	struct stream *stream; /* NULL: freed */
	const struct stream_cbs *cbs;
	void *arg;
	struct buf text;
	bool finishing;
	uint64_t acked;
	size_t pending;
} all[MANY];

static unsigned n_all;

void
fake_stream_reset(void)
{
	for (unsigned i = 0; i < n_all; i++) {
		assert_null(all[i].stream);
		buf_clear(&all[i].text);
	}
	memset(all, 0, sizeof(all));
	n_all = 0;
}

unsigned
fake_stream_count(void)
{
	return n_all;
}

static void
must_live(unsigned i)
{
	if (i >= n_all || all[i].stream == NULL)
		fail_msg("stream %u is not there", i);
}

void
fake_stream_up(unsigned i)
{
	must_live(i);
	all[i].cbs->up(all[i].arg);
}

void
fake_stream_over(unsigned i, enum err_kind kind, const char *text)
{
	struct err err;

	must_live(i);
	err_set(&err, kind, "%s", text);
	all[i].cbs->over(all[i].arg, &err);
}

void
fake_stream_end(unsigned i)
{
	must_live(i);
	assert_true(all[i].finishing);
	all[i].cbs->over(all[i].arg, NULL);
}

bool
fake_stream_is_open(unsigned i)
{
	return i < n_all && all[i].stream != NULL;
}

bool
fake_stream_is_finishing(unsigned i)
{
	return all[i].finishing;
}

const char *
fake_stream_text(unsigned i)
{
	return buf_cstr(&all[i].text);
}

void
fake_stream_ack(unsigned i, uint64_t bytes)
{
	all[i].acked = bytes;
}

void
fake_stream_hold(unsigned i, size_t pending)
{
	all[i].pending = pending;
}

void
fake_stream_low(unsigned i)
{
	must_live(i);
	all[i].cbs->low(all[i].arg);
}

struct stream *
stream_new(struct loop *l, const struct stream_conf *conf,
    const struct stream_cbs *cbs, void *arg)
{
	struct stream *s = xcalloc(1, sizeof(*s));

	(void)l;
	(void)conf;
	assert_true(n_all < MANY);
	s->number = n_all++;
	all[s->number].stream = s;
	all[s->number].cbs = cbs;
	all[s->number].arg = arg;
	buf_init(&all[s->number].text, 1 << 24);
	return s;
}

void
stream_free(struct stream **sp)
{
	struct stream *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	all[s->number].stream = NULL;
	xfree(s);
}

void
stream_write(struct stream *s, struct str bytes)
{
	assert_false(all[s->number].finishing);
	buf_add_str(&all[s->number].text, bytes);
}

size_t
stream_pending_bytes(const struct stream *s)
{
	return all[s->number].pending;
}

uint64_t
stream_acked_bytes(struct stream *s)
{
	return all[s->number].acked;
}

void
stream_finish(struct stream *s)
{
	all[s->number].finishing = true;
}
