#include "tests/chaos/watch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/pg.h"
#include "sql_chaos.h"
#include "tests/chaos/log.h"
#include "tests/support/suite.h"

enum { LOOK_MS = 250, RECOVERIES_MAX = 8192, OPEN = -1 };

struct recovery {
	const char *what;
	enum sign sign;
	int64_t from_us; /* monotonic */
	int64_t from_at; /* wall clock */
	int64_t us;      /* it took; OPEN */
};

static struct {
	pthread_mutex_t lock;
	struct recovery list[RECOVERIES_MAX];
	size_t count;
	pthread_t thread;
	_Atomic bool stopping;
} watch = {.lock = PTHREAD_MUTEX_INITIALIZER};

void watch_recovery(const char *what, enum sign sign)
{
	pthread_mutex_lock(&watch.lock);
	if (watch.count < RECOVERIES_MAX)
		watch.list[watch.count++] =
			(struct recovery){what, sign, clock_monotonic_us(), clock_now_us(), OPEN};
	pthread_mutex_unlock(&watch.lock);
}

void watch_success(int api)
{
	int64_t now = clock_monotonic_us();

	pthread_mutex_lock(&watch.lock);
	for (size_t i = 0; i < watch.count; i++) {
		struct recovery *recovery = &watch.list[i];

		if (recovery->us == OPEN && (recovery->sign == SIGN_ANY_API ||
					     recovery->sign == (enum sign)(SIGN_API0 + api)))
			recovery->us = now - recovery->from_us;
	}
	pthread_mutex_unlock(&watch.lock);
}

/* Since `oldest_at` all jobs of before are done. */
static void see_drained(int64_t oldest_at)
{
	int64_t now = clock_monotonic_us();

	pthread_mutex_lock(&watch.lock);
	for (size_t i = 0; i < watch.count; i++) {
		struct recovery *recovery = &watch.list[i];

		if (recovery->us == OPEN && recovery->sign == SIGN_DRAINED &&
		    oldest_at > recovery->from_at)
			recovery->us = now - recovery->from_us;
	}
	pthread_mutex_unlock(&watch.lock);
}

/* --- looking ---------------------------------------------------------------------------------- */

static enum status look(struct pg_conn *conn, struct problem *err)
{
	PG_RESULT oversold = NULL;
	PG_RESULT oldest = NULL;
	enum status status = pg_exec(conn, sql_oversold.sql, PG_NO_ARGS, &oversold, err);

	if (status == OK)
		status = pg_exec(conn, sql_oldest_job.sql, PG_NO_ARGS, &oldest, err);
	if (status != OK)
		return status;
	for (size_t i = 0; i < pg_rows(oversold); i++)
		log_violation("oversold", "%s: %s", pg_text(oversold, i, 0),
			      pg_text(oversold, i, 1));
	see_drained(pg_time(oldest, 0, 0));
	return OK;
}

/* PostgreSQL is away now and then. */
static void *look_on(void *unused UNUSED)
{
	struct pg_conn *conn = NULL;

	while (!watch.stopping) {
		struct problem err = {0};

		if (!conn && pg_connect(suite_database(), &conn, &err) != OK)
			conn = NULL;
		if (conn && look(conn, &err) != OK)
			pg_return(&conn);
		clock_sleep_ms(LOOK_MS);
	}
	pg_return(&conn);
	return NULL;
}

void watch_start(void)
{
	if (pthread_create(&watch.thread, NULL, look_on, NULL) != 0)
		fatal("chaos: no thread");
}

void watch_stop(void)
{
	watch.stopping = true;
	pthread_join(watch.thread, NULL);
}

/* --- the figures ------------------------------------------------------------------------------ */

static int by_what_and_time(const void *a, const void *b)
{
	const struct recovery *x = a, *y = b;
	int order = strcmp(x->what, y->what);

	return order ? order : (x->us > y->us) - (x->us < y->us);
}

static void add_group(struct strbuf *out, const struct recovery *group, size_t count)
{
	size_t open = 0;

	while (open < count && group[open].us == OPEN)
		open++;
	strbuf_addf(out, "\"%s\":{\"times\":%zu,\"unseen\":%zu", group->what, count, open);
	if (open < count)
		strbuf_addf(out, ",\"median_ms\":%lld,\"longest_ms\":%lld",
			    (long long)(group[open + (count - open) / 2].us / US_PER_MS),
			    (long long)(group[count - 1].us / US_PER_MS));
	strbuf_addc(out, '}');
}

void watch_recoveries_json(struct strbuf *out)
{
	size_t first = 0;

	qsort(watch.list, watch.count, sizeof(*watch.list), by_what_and_time);
	strbuf_addc(out, '{');
	for (size_t i = 1; i <= watch.count; i++) {
		if (i < watch.count && !strcmp(watch.list[i].what, watch.list[first].what))
			continue;
		strbuf_adds(out, first ? "," : "");
		add_group(out, &watch.list[first], i - first);
		first = i;
	}
	strbuf_addc(out, '}');
}
