/* codec/rfc3339.c -- dates as the APIs write them. */
/* SPDX-License-Identifier: ISC */
#include "codec/rfc3339.h"

#define TICKS_PER_S (1000LL * RFC3339_TICKS_PER_MS)
#define DAY_S 86400
#define DAYS_PER_ERA 146097        /* 400 years */
#define DAYS_TO_1970 719468        /* from 0000-03-01 */
#define MS_MIN (-62167219200000LL) /* 0000-01-01T00:00:00.000Z */
#define MS_MAX 253402300799999LL   /* 9999-12-31T23:59:59.999Z */

static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
	"Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

struct civil {
	unsigned year, month, day;
};

/*
 * A year that begins in March has its odd day at its end, so that the days
 * before a month follow from one line: (153 * m + 2) / 5.
 */
static int64_t
days_of(const struct civil *c)
{
	int64_t y = (int64_t)c->year - (c->month <= 2);
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year = y - era * 400;
	int64_t month = c->month > 2 ? c->month - 3 : c->month + 9;
	int64_t day = (153 * month + 2) / 5 + c->day - 1;

	day += year * 365 + year / 4 - year / 100;
	return era * DAYS_PER_ERA + day - DAYS_TO_1970;
}

static struct civil
civil_of(int64_t days)
{
	int64_t z = days + DAYS_TO_1970;
	int64_t era = (z >= 0 ? z : z - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
	int64_t rest = z - era * DAYS_PER_ERA;
	int64_t year =
	    (rest - rest / 1460 + rest / 36524 - rest / (DAYS_PER_ERA - 1)) /
	    365;
	int64_t day = rest - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * day + 2) / 153;
	struct civil c;

	c.day = (unsigned)(day - (153 * month + 2) / 5 + 1);
	c.month = (unsigned)(month < 10 ? month + 3 : month - 9);
	c.year = (unsigned)(year + era * 400 + (c.month <= 2));
	return c;
}

static unsigned
days_in(unsigned year, unsigned month)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31,
		30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

/* Take n digits off s, as a number at most max. */
static bool
take_number(struct str *s, size_t n, unsigned max, unsigned *v_r)
{
	unsigned v = 0;

	if (s->len < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned digit = (unsigned)(unsigned char)s->p[i] - '0';

		if (digit > 9)
			return false;
		v = v * 10 + digit;
	}
	s->p += n;
	s->len -= n;
	*v_r = v;
	return v <= max;
}

static bool
take_char(struct str *s, const char *any)
{
	if (s->len == 0 || s->p[0] == '\0' || strchr(any, s->p[0]) == NULL)
		return false;
	s->p++;
	s->len--;
	return true;
}

static bool
take_date(struct str *s, int64_t *days_r)
{
	struct civil c;

	if (!take_number(s, 4, 9999, &c.year) || !take_char(s, "-") ||
	    !take_number(s, 2, 12, &c.month) || !take_char(s, "-") ||
	    !take_number(s, 2, 31, &c.day))
		return false;
	if (c.month == 0 || c.day == 0 || c.day > days_in(c.year, c.month))
		return false;
	*days_r = days_of(&c);
	return true;
}

/* ".1330415" in ticks; digits behind the seventh are finer than a tick. */
static bool
take_fraction(struct str *s, int64_t *ticks_r)
{
	int64_t ticks = 0, worth = TICKS_PER_S / 10;
	size_t n = 0;

	*ticks_r = 0;
	if (!take_char(s, "."))
		return true;
	for (; n < s->len && s->p[n] >= '0' && s->p[n] <= '9'; n++) {
		ticks += (s->p[n] - '0') * worth;
		worth /= 10;
	}
	s->p += n;
	s->len -= n;
	*ticks_r = ticks;
	return n > 0 && n <= 9;
}

/* How far the clock of that zone is ahead of UTC. */
static bool
take_zone(struct str *s, int64_t *ahead_s_r)
{
	unsigned hours, minutes;
	bool west = s->len > 0 && s->p[0] == '-';

	*ahead_s_r = 0;
	if (s->len == 0 || take_char(s, "Zz"))
		return true;
	if (!take_char(s, "+-") || !take_number(s, 2, 23, &hours) ||
	    !take_char(s, ":") || !take_number(s, 2, 59, &minutes))
		return false;
	*ahead_s_r = hours * 3600LL + minutes * 60LL;
	if (west)
		*ahead_s_r = -*ahead_s_r;
	return true;
}

/* A leap second (:60) is read as the second behind it. */
bool
rfc3339_parse_ticks(struct str s, int64_t *ticks_r)
{
	unsigned hour, minute, second;
	int64_t days, fraction, ahead_s;

	if (!take_date(&s, &days) || !take_char(&s, "Tt ") ||
	    !take_number(&s, 2, 23, &hour) || !take_char(&s, ":") ||
	    !take_number(&s, 2, 59, &minute) || !take_char(&s, ":") ||
	    !take_number(&s, 2, 60, &second) || !take_fraction(&s, &fraction) ||
	    !take_zone(&s, &ahead_s) || s.len > 0)
		return false;
	*ticks_r =
	    (days * DAY_S + hour * 3600 + minute * 60 + second - ahead_s) *
		TICKS_PER_S +
	    fraction;
	return true;
}

/* Towards the past, as cutting digits does; on both sides of 1970. */
static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

bool
rfc3339_parse_ms(struct str s, int64_t *ms_r)
{
	int64_t ticks;

	if (!rfc3339_parse_ticks(s, &ticks))
		return false;
	*ms_r = floor_div(ticks, RFC3339_TICKS_PER_MS);
	return true;
}

static char *
put_number(char *out, unsigned v, size_t digits)
{
	for (size_t i = digits; i-- > 0; v /= 10)
		out[i] = (char)('0' + v % 10);
	return out + digits;
}

static char *
put_clock(char *out, unsigned second_of_day)
{
	out = put_number(out, second_of_day / 3600, 2);
	*out++ = ':';
	out = put_number(out, second_of_day / 60 % 60, 2);
	*out++ = ':';
	return put_number(out, second_of_day % 60, 2);
}

static size_t
format(char *out, int64_t s, unsigned fraction, size_t digits)
{
	int64_t days = floor_div(s, DAY_S);
	struct civil c = civil_of(days);
	char *at = put_number(out, c.year, 4);

	*at++ = '-';
	at = put_number(at, c.month, 2);
	*at++ = '-';
	at = put_number(at, c.day, 2);
	*at++ = 'T';
	at = put_clock(at, (unsigned)(s - days * DAY_S));
	*at++ = '.';
	at = put_number(at, fraction, digits);
	*at++ = 'Z';
	*at = '\0';
	return (size_t)(at - out);
}

/* Years have four digits here, so times beyond are written as the last. */
static int64_t
bound(int64_t v, int64_t min, int64_t max)
{
	return v < min ? min : v > max ? max : v;
}

size_t
rfc3339_format_ms(char *out, int64_t ms)
{
	int64_t s;

	ms = bound(ms, MS_MIN, MS_MAX);
	s = floor_div(ms, 1000);
	return format(out, s, (unsigned)(ms - s * 1000), 3);
}

size_t
rfc3339_format_ticks(char *out, int64_t ticks)
{
	int64_t s;

	ticks = bound(ticks, MS_MIN * RFC3339_TICKS_PER_MS,
	    MS_MAX * RFC3339_TICKS_PER_MS + RFC3339_TICKS_PER_MS - 1);
	s = floor_div(ticks, TICKS_PER_S);
	return format(out, s, (unsigned)(ticks - s * TICKS_PER_S), 7);
}

size_t
rfc3339_format_3164(char *out, int64_t ms)
{
	int64_t s = floor_div(bound(ms, MS_MIN, MS_MAX), 1000);
	int64_t days = floor_div(s, DAY_S);
	struct civil c = civil_of(days);
	char *at = out;

	memcpy(at, months[c.month - 1], 3);
	at += 3;
	*at++ = ' ';
	at = put_number(at, c.day, 2);
	if (c.day < 10)
		at[-2] = ' ';
	*at++ = ' ';
	at = put_clock(at, (unsigned)(s - days * DAY_S));
	*at = '\0';
	return (size_t)(at - out);
}

/* "-90m": so long before now. */
static bool
parse_ago(struct str s, int64_t now_ms, int64_t *ms_r)
{
	static const struct {
		char unit;
		uint64_t ms;
	} units[] = { { 's', 1000 }, { 'm', 60000 }, { 'h', 3600000 },
		{ 'd', 86400000 }, { 'w', 7 * 86400000 } };
	uint64_t n;

	if (s.len < 2 || !str_to_u64(str_make(s.p, s.len - 1), &n))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (s.p[s.len - 1] != units[i].unit)
			continue;
		if (now_ms < 0 || n > (uint64_t)now_ms / units[i].ms)
			return false;
		*ms_r = now_ms - (int64_t)(n * units[i].ms);
		return true;
	}
	return false;
}

bool
rfc3339_parse_point(struct str s, int64_t now_ms, int64_t *ms_r)
{
	struct str day = s;
	int64_t days;

	if (str_is(s, "now")) {
		*ms_r = now_ms;
		return true;
	}
	if (s.len > 0 && s.p[0] == '-')
		return parse_ago(str_make(s.p + 1, s.len - 1), now_ms, ms_r);
	if (take_date(&day, &days) && day.len == 0) {
		*ms_r = days * DAY_S * 1000;
		return true;
	}
	return rfc3339_parse_ms(s, ms_r);
}
