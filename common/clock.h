/*
 * clock: time as microseconds since 1970-01-01T00:00:00Z, as PostgreSQL keeps it.
 */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <pthread.h>

#include "common/base.h"

#define TIME_NONE INT64_MIN /* no time: JSON null, SQL NULL */
enum { RFC3339_SIZE = 32 }; /* bytes for clock_format, NUL included */

#define US_PER_S INT64_C(1000000)
#define US_PER_MS INT64_C(1000)

/* Wall clock, UTC. */
int64_t clock_now_us(void);
/* For measuring and for deadlines; never goes back. */
int64_t clock_monotonic_us(void);
/* Sleep; returns early only by a signal. */
void clock_sleep_ms(int64_t ms);

/* A condition variable whose timed waits go by the monotonic clock; end: pthread_cond_destroy. */
void clock_cond_init(pthread_cond_t *ret);
/* Wait, the lock held, for so long at most. */
void clock_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t us);

/* RFC 3339 date-time of `len` bytes with an offset (Z or ±hh:mm), year 0001 to 9999, seconds 0 to
 * 60, fractions cut to microseconds. False: not one (a time without offset too). */
bool clock_parse_rfc3339(const char *text, size_t len, int64_t *ret_us) MUST_CHECK;
/* A date alone, YYYY-MM-DD: midnight UTC. */
bool clock_parse_date(const char *text, size_t len, int64_t *ret_us) MUST_CHECK;
/* UTC with milliseconds and Z: 2026-02-01T10:00:00.000Z. Returns buf. */
char *clock_format(int64_t us, char buf[RFC3339_SIZE]);
/* UTC with microseconds and Z, as PostgreSQL takes it exactly. Returns buf. */
char *clock_format_us(int64_t us, char buf[RFC3339_SIZE]);
/* timestamptz text as PostgreSQL prints it in ISO style with TimeZone UTC. */
bool clock_parse_pg(const char *text, int64_t *ret_us) MUST_CHECK;

#endif
