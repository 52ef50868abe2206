/*
 * clock: calendar arithmetic of the proleptic Gregorian calendar, without the C library's time
 * zone, and strict readers of the formats we meet.
 */
#include "common/clock.h"

#include <string.h>
#include <time.h>

enum { S_PER_MINUTE = 60, S_PER_HOUR = 3600, S_PER_DAY = 86400, DAYS_PER_ERA = 146097 };

/* Midnight of 0001-01-01 and the last microsecond of 9999. */
#define FIRST_US (INT64_C(-62135596800) * US_PER_S)
#define LAST_US (INT64_C(253402300800) * US_PER_S - 1)

struct civil {
	int year, month, day;
};

int64_t clock_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

int64_t clock_monotonic_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

void clock_sleep_ms(int64_t ms)
{
	if (ms <= 0)
		return;
	struct timespec span = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};
	(void)nanosleep(&span, NULL);
}

void clock_cond_init(pthread_cond_t *ret)
{
	pthread_condattr_t monotonic;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(ret, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

void clock_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t us)
{
	int64_t until_us = clock_monotonic_us() + us;
	struct timespec until = {.tv_sec = until_us / US_PER_S,
				 .tv_nsec = until_us % US_PER_S * 1000};

	pthread_cond_timedwait(cond, lock, &until);
}

/* Days since 1970-01-01. Years begin in March, so that a leap day is the last of its year, and
 * are counted in eras of 400 (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
static int64_t days_from_civil(struct civil c)
{
	int64_t year = c.month <= 2 ? c.year - 1 : c.year;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t year_of_era = year - era * 400;
	int64_t month = (c.month + 9) % 12;
	int64_t day_of_year = (153 * month + 2) / 5 + c.day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * DAYS_PER_ERA + day_of_era - 719468;
}

static struct civil civil_from_days(int64_t days)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
	int64_t day_of_era = days - era * DAYS_PER_ERA;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
			       day_of_era / (DAYS_PER_ERA - 1)) /
			      365;
	int64_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month = (5 * day_of_year + 2) / 153;
	struct civil c = {
		.day = (int)(day_of_year - (153 * month + 2) / 5 + 1),
		.month = (int)(month < 10 ? month + 3 : month - 9),
	};
	c.year = (int)(year_of_era + era * 400 + (c.month <= 2));
	return c;
}

static int days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month == 2 && leap ? 29 : days[month - 1];
}

/* What is left to read. Readers step over what they have read and say whether it was there. */
struct reader {
	const char *at;
	const char *end;
};

static bool read_char(struct reader *r, char c)
{
	if (r->at == r->end || *r->at != c)
		return false;
	r->at++;
	return true;
}

static bool read_digits(struct reader *r, int count, int min, int max, int *ret)
{
	int value = 0;

	if (r->end - r->at < count)
		return false;
	for (int i = 0; i < count; i++, r->at++) {
		if (*r->at < '0' || *r->at > '9')
			return false;
		value = value * 10 + (*r->at - '0');
	}
	*ret = value;
	return value >= min && value <= max;
}

static bool read_date(struct reader *r, int64_t *ret_days)
{
	struct civil c;

	if (!read_digits(r, 4, 1, 9999, &c.year) || !read_char(r, '-') ||
	    !read_digits(r, 2, 1, 12, &c.month) || !read_char(r, '-') ||
	    !read_digits(r, 2, 1, 31, &c.day))
		return false;
	*ret_days = days_from_civil(c);
	return c.day <= days_in_month(c.year, c.month);
}

/* `.` and at least one digit, or nothing. */
static bool read_fraction(struct reader *r, int64_t *ret_us)
{
	int64_t unit = US_PER_S / 10;

	*ret_us = 0;
	if (!read_char(r, '.'))
		return true;
	const char *first = r->at;
	for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++, unit /= 10)
		*ret_us += unit * (*r->at - '0');
	return r->at > first;
}

static bool read_time(struct reader *r, int64_t *ret_us)
{
	int hour, minute, second;
	int64_t fraction;

	if (!read_digits(r, 2, 0, 23, &hour) || !read_char(r, ':') ||
	    !read_digits(r, 2, 0, 59, &minute) || !read_char(r, ':') ||
	    !read_digits(r, 2, 0, 60, &second) || !read_fraction(r, &fraction))
		return false;
	*ret_us = (hour * S_PER_HOUR + minute * S_PER_MINUTE + second) * US_PER_S + fraction;
	return true;
}

static bool read_offset(struct reader *r, int64_t *ret_us)
{
	int hour, minute;

	*ret_us = 0;
	if (read_char(r, 'Z') || read_char(r, 'z'))
		return true;
	bool east = read_char(r, '+');
	if (!east && !read_char(r, '-'))
		return false;
	if (!read_digits(r, 2, 0, 23, &hour) || !read_char(r, ':') ||
	    !read_digits(r, 2, 0, 59, &minute))
		return false;
	*ret_us = (hour * S_PER_HOUR + minute * S_PER_MINUTE) * US_PER_S * (east ? 1 : -1);
	return true;
}

static bool finish(int64_t us, int64_t *ret_us)
{
	/* An offset can carry the ends of the calendar beyond it. */
	if (us < FIRST_US || us > LAST_US)
		return false;
	*ret_us = us;
	return true;
}

bool clock_parse_rfc3339(const char *text, size_t len, int64_t *ret_us)
{
	struct reader r = {text, text + len};
	int64_t days, time_us, offset_us;

	if (!read_date(&r, &days) || (!read_char(&r, 'T') && !read_char(&r, 't')) ||
	    !read_time(&r, &time_us) || !read_offset(&r, &offset_us) || r.at != r.end)
		return false;
	return finish(days * S_PER_DAY * US_PER_S + time_us - offset_us, ret_us);
}

bool clock_parse_date(const char *text, size_t len, int64_t *ret_us)
{
	struct reader r = {text, text + len};
	int64_t days;

	if (!read_date(&r, &days) || r.at != r.end)
		return false;
	return finish(days * S_PER_DAY * US_PER_S, ret_us);
}

bool clock_parse_pg(const char *text, int64_t *ret_us)
{
	struct reader r = {text, text + strlen(text)};
	int64_t days, time_us;

	if (!read_date(&r, &days) || !read_char(&r, ' ') || !read_time(&r, &time_us) ||
	    strcmp(r.at, "+00") != 0)
		return false;
	return finish(days * S_PER_DAY * US_PER_S + time_us, ret_us);
}

static char *put_digits(char *at, int count, int value)
{
	for (int i = count - 1; i >= 0; i--, value /= 10)
		at[i] = (char)('0' + value % 10);
	return at + count;
}

/* `digits` of the fraction: 3 or 6. */
static char *format(int64_t us, int digits, char buf[RFC3339_SIZE])
{
	if (us < FIRST_US)
		us = FIRST_US;
	if (us > LAST_US)
		us = LAST_US;
	/* From the first day on nothing is negative, so division rounds down. */
	int64_t since_first = us - FIRST_US;
	int64_t first_day = FIRST_US / US_PER_S / S_PER_DAY;
	struct civil c = civil_from_days(first_day + since_first / US_PER_S / S_PER_DAY);
	int second = (int)(since_first / US_PER_S % S_PER_DAY);
	int fraction = (int)(since_first % US_PER_S);
	const struct {
		int count, value;
		char after;
	} parts[] = {
		{4, c.year, '-'},
		{2, c.month, '-'},
		{2, c.day, 'T'},
		{2, second / S_PER_HOUR, ':'},
		{2, second / S_PER_MINUTE % 60, ':'},
		{2, second % 60, '.'},
		{digits, digits == 3 ? fraction / (int)US_PER_MS : fraction, 'Z'},
	};

	char *at = buf;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		at = put_digits(at, parts[i].count, parts[i].value);
		*at++ = parts[i].after;
	}
	*at = '\0';
	return buf;
}

char *clock_format(int64_t us, char buf[RFC3339_SIZE])
{
	return format(us, 3, buf);
}

char *clock_format_us(int64_t us, char buf[RFC3339_SIZE])
{
	return format(us, 6, buf);
}
