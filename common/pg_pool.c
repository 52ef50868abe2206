/*
 * pg_pool: opening connections, and lending them.
 *
 * Who finds nothing to lease waits in line; what comes back is handed to the first in line, so
 * nobody overtakes. A dead link makes every connection that was idle at that moment suspect: they
 * are closed instead of lent, so that one failure, not one per connection, is seen after the
 * database restarted.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/pg_internal.h"

enum {
	OPTIONS_SIZE = 1024,
	CONNINFO_KEYS = 16,
	PORT_SIZE = 16,
	GRACE_MS = 1000,
	CONNECT_LIMIT_MS = 10000
};

struct waiter {
	pthread_cond_t wake;
	struct pg_conn *conn; /* handed over */
	bool may_open;        /* or: a place was freed, open your own */
	struct waiter *next;
};

struct pg_pool {
	struct pg_pool_options options;
	const struct pg_statement **statements; /* sorted by address */
	_Atomic bool checked;                   /* a connection has prepared all of them */
	pthread_mutex_t lock;
	bool begun; /* the first opening is over: until then everybody else waits for it */
	struct pg_conn **idle; /* a stack: the last returned is on top */
	size_t idle_count;
	size_t open; /* idle, leased, or being opened */
	struct waiter *first, **last;
	size_t waiting;
	uint64_t timeouts;  /* of waiters that went away with nothing */
	int64_t suspect_us; /* connections idle since before are not trusted */
};

/* --- one connection ----------------------------------------------------------------------------
 */

static void ignore_notice(void *ctx UNUSED, const PGresult *result UNUSED)
{
}

static void *must(void *memory)
{
	if (!memory)
		fatal("pg: out of memory");
	return memory;
}

void pg_conn_free(struct pg_conn *conn)
{
	PQfinish(conn->link);
	free(conn);
}

/* The `options` that the conninfo itself has, "" when none. False: it cannot be parsed. */
static bool own_options(const char *conninfo, char *ret, size_t size, struct problem *err)
{
	char *message = NULL;
	PQconninfoOption *parsed = PQconninfoParse(conninfo, &message);

	*ret = '\0';
	for (PQconninfoOption *o = parsed; o && o->keyword; o++) {
		if (strcmp(o->keyword, "options") == 0 && o->val)
			strncat(ret, o->val, size - 1);
	}
	if (!parsed)
		problem_set(err, ST_CONFIG, "database address: %s", message ? message : "?");
	PQconninfoFree(parsed);
	PQfreemem(message);
	return parsed != NULL;
}

/* Seconds, as libpq takes them: who called the API is refused soon, a command rather waits. */
#define POOL_CONNECT_S "2"
#define COMMAND_CONNECT_S "10"

/* `at` says where besides the conninfo: host, port and name. */
static enum status open_link(const struct pg_pool_options *at, const char *settings,
			     const char *timeout_s, struct pg_conn **ret_conn, struct problem *err)
{
	char options[OPTIONS_SIZE], port[PORT_SIZE] = "";
	/* What the conninfo says overrides what stands before it. */
	const char *const keys[CONNINFO_KEYS] = {"connect_timeout",
						 "tcp_user_timeout",
						 "keepalives_idle",
						 "keepalives_interval",
						 "keepalives_count",
						 "client_encoding",
						 "gssencmode",
						 "dbname",
						 "application_name",
						 "options",
						 "host",
						 "port",
						 "target_session_attrs",
						 NULL};
	/* NULL and "" override nothing. Another host is not asked what the conninfo's must be.
	 * Kerberos encryption only for who asks for it: each connection would look for tickets
	 * first, in a library that crashes when memory is out. */
	const char *const values[CONNINFO_KEYS] = {timeout_s,
						   "10000",
						   "30",
						   "10",
						   "3",
						   "UTF8",
						   "disable",
						   at->conninfo,
						   at->name,
						   options,
						   at->host,
						   port,
						   at->host ? "any" : NULL,
						   NULL};
	struct pg_conn *conn;

	if (!own_options(at->conninfo, options, sizeof(options) / 2, err))
		return ST_CONFIG;
	if (at->port)
		snprintf(port, sizeof(port), "%d", at->port);
	strncat(options, settings, sizeof(options) - strlen(options) - 1);
	conn = must(calloc(1, sizeof(*conn) + at->statement_count * sizeof(*conn->prepared)));
	conn->link = PQconnectdbParams(keys, values, 1);
	if (PQstatus(conn->link) != CONNECTION_OK || PQsetnonblocking(conn->link, 1) != 0) {
		pg_conn_free(conn);
		return problem_set(err, ST_DATABASE_UNAVAILABLE, "no connection to the database");
	}
	PQsetNoticeReceiver(conn->link, ignore_notice, NULL);
	*ret_conn = conn;
	return OK;
}

enum status pg_connect(const char *conninfo, struct pg_conn **ret_conn, struct problem *err)
{
	const struct pg_pool_options at = {.conninfo = conninfo};

	return open_link(&at, " -c TimeZone=UTC -c DateStyle=ISO", COMMAND_CONNECT_S, ret_conn,
			 err);
}

static const char by_index[] =
	" -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off";

static enum status open_pooled(struct pg_pool *pool, struct pg_conn **ret_conn, struct problem *err)
{
	const struct pg_pool_options *options = &pool->options;
	char settings[OPTIONS_SIZE / 2];
	long long idle_in_transaction_ms = 2 * options->statement_timeout_ms;
	struct pg_conn *conn = NULL;
	enum status status;

	/* Short statements of many callers: parallel workers and compiling cost more than they
	 * save. */
	snprintf(settings, sizeof(settings),
		 " -c statement_timeout=%lld -c lock_timeout=%lld"
		 " -c idle_in_transaction_session_timeout=%lld -c TimeZone=UTC -c DateStyle=ISO"
		 " -c max_parallel_workers_per_gather=0 -c jit=off%s",
		 (long long)options->statement_timeout_ms, (long long)options->lock_timeout_ms,
		 idle_in_transaction_ms, options->reports ? "" : by_index);
	status = open_link(options, settings, POOL_CONNECT_S, &conn, err);
	if (status != OK || !conn)
		return status;
	conn->pool = pool;
	conn->limit_ms = CONNECT_LIMIT_MS;
	status = pool->checked ? OK : pg_prepare_all(conn, err);
	if (status != OK) {
		pg_conn_free(conn);
		return status;
	}
	pool->checked = true;
	conn->limit_ms =
		options->statement_timeout_ms ? options->statement_timeout_ms + GRACE_MS : 0;
	*ret_conn = conn;
	return OK;
}

/* --- the pool ----------------------------------------------------------------------------------
 */

/* With the lock held: a connection or a free place goes to the first in line. */
static bool hand_over(struct pg_pool *pool, struct pg_conn *conn)
{
	struct waiter *waiter = pool->first;

	if (!waiter)
		return false;
	pool->first = waiter->next;
	if (!pool->first)
		pool->last = &pool->first;
	waiter->conn = conn;
	waiter->may_open = !conn;
	pthread_cond_signal(&waiter->wake);
	return true;
}

/* With the lock held: a connection is gone; its place is free. */
static void free_place(struct pg_pool *pool)
{
	if (!hand_over(pool, NULL))
		pool->open--;
}

/* With the lock held: takes the longest unused one out when its time is over, or distrusted. */
static struct pg_conn *take_stale(struct pg_pool *pool, int64_t now_us)
{
	struct pg_conn *oldest = pool->idle_count ? pool->idle[0] : NULL;
	int64_t idle_us = pool->options.idle_ms * US_PER_MS;

	if (!oldest)
		return NULL;
	if (oldest->idle_at_us > pool->suspect_us &&
	    (pool->open <= pool->options.min || !idle_us || now_us - oldest->idle_at_us < idle_us))
		return NULL;
	pool->idle_count--;
	memmove(pool->idle, pool->idle + 1, pool->idle_count * sizeof(struct pg_conn *));
	free_place(pool);
	return oldest;
}

static void close_stale(struct pg_pool *pool)
{
	struct pg_conn *stale;

	do {
		pthread_mutex_lock(&pool->lock);
		stale = take_stale(pool, clock_monotonic_us());
		pthread_mutex_unlock(&pool->lock);
		if (stale)
			pg_conn_free(stale);
	} while (stale);
}

/* With the lock held: the first connection is there or cannot be had, so who waits may open one. */
static void open_up(struct pg_pool *pool)
{
	pool->begun = true;
	while (pool->first && pool->open < pool->options.max) {
		pool->open++;
		hand_over(pool, NULL);
	}
}

static enum status open_in_place(struct pg_pool *pool, struct pg_conn **ret_conn,
				 struct problem *err)
{
	enum status status = open_pooled(pool, ret_conn, err);

	pthread_mutex_lock(&pool->lock);
	if (status != OK)
		free_place(pool);
	open_up(pool);
	pthread_mutex_unlock(&pool->lock);
	return status;
}

static int compare_addresses(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t) * (const struct pg_statement *const *)a;
	uintptr_t y = (uintptr_t) * (const struct pg_statement *const *)b;

	return (x > y) - (x < y);
}

ssize_t pg_pool_find_statement(const struct pg_pool *pool, const struct pg_statement *statement)
{
	const struct pg_statement *const *found =
		bsearch(&statement, pool->statements, pool->options.statement_count, sizeof(void *),
			compare_addresses);

	return found ? found - (const struct pg_statement *const *)pool->statements : -1;
}

static void sort_statements(struct pg_pool *pool)
{
	size_t count = pool->options.statement_count;

	pool->statements = must(calloc(count + 1, sizeof(void *)));
	if (!count)
		return;
	memcpy(pool->statements, pool->options.statements, count * sizeof(void *));
	qsort(pool->statements, count, sizeof(void *), compare_addresses);
}

const struct pg_statement *const *pg_pool_statements(const struct pg_pool *pool, size_t *ret_count)
{
	*ret_count = pool->options.statement_count;
	return pool->statements;
}

enum status pg_pool_open(const struct pg_pool_options *options, struct pg_pool **ret_pool,
			 struct problem *err)
{
	char ignored[OPTIONS_SIZE];
	struct problem trouble = {0};
	struct pg_pool *pool;
	struct pg_conn *conn = NULL;

	if (!own_options(options->conninfo, ignored, sizeof(ignored), err))
		return ST_CONFIG;
	pool = must(calloc(1, sizeof(*pool)));
	pool->options = *options;
	pool->options.conninfo = must(strdup(options->conninfo));
	pool->options.name = must(strdup(options->name));
	pool->options.host = options->host ? must(strdup(options->host)) : NULL;
	pool->idle = must(calloc(options->max, sizeof(struct pg_conn *)));
	pool->last = &pool->first;
	pool->suspect_us = -1;
	pool->checked = pool->begun = options->on_demand;
	sort_statements(pool);
	pthread_mutex_init(&pool->lock, NULL);
	while (pool->open + options->later < options->min) {
		pool->begun = true;
		if (open_pooled(pool, &conn, &trouble) != OK || !conn)
			break;
		pool->open++;
		conn->idle_at_us = clock_monotonic_us();
		pool->idle[pool->idle_count++] = conn;
	}
	*ret_pool = pool;
	return OK;
}

void pg_pool_close(struct pg_pool *pool)
{
	if (!pool)
		return;
	for (size_t i = 0; i < pool->idle_count; i++)
		pg_conn_free(pool->idle[i]);
	pthread_mutex_destroy(&pool->lock);
	free(pool->idle);
	free(pool->statements);
	free((char *)(uintptr_t)pool->options.conninfo);
	free((char *)(uintptr_t)pool->options.name);
	free((char *)(uintptr_t)pool->options.host);
	free(pool);
}

void pg_pool_counts(struct pg_pool *pool, size_t *ret_open, size_t *ret_leased)
{
	close_stale(pool);
	pthread_mutex_lock(&pool->lock);
	if (ret_open)
		*ret_open = pool->open;
	if (ret_leased)
		*ret_leased = pool->open - pool->idle_count;
	pthread_mutex_unlock(&pool->lock);
}

struct pg_pool_line pg_pool_line(struct pg_pool *pool)
{
	struct pg_pool_line line = {.name = pool->options.name, .max = pool->options.max};

	pthread_mutex_lock(&pool->lock);
	line.waiting = pool->waiting;
	line.timeouts = pool->timeouts;
	pthread_mutex_unlock(&pool->lock);
	return line;
}

/* --- leases ------------------------------------------------------------------------------------
 */

static void leave_line(struct pg_pool *pool, struct waiter *waiter)
{
	struct waiter **at = &pool->first;

	while (*at && *at != waiter)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = waiter->next;
	if (!*at)
		pool->last = at;
}

/* With the lock held: wait for a connection or a place; false: the time is over. */
static bool wait_in_line(struct pg_pool *pool, struct waiter *waiter)
{
	int64_t until_us = clock_monotonic_us() + pool->options.wait_ms * US_PER_MS;
	struct timespec until = {.tv_sec = until_us / US_PER_S,
				 .tv_nsec = until_us % US_PER_S * 1000};
	pthread_condattr_t monotonic;
	int failed = 0;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&waiter->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	*pool->last = waiter;
	pool->last = &waiter->next;
	pool->waiting++;
	while (!waiter->conn && !waiter->may_open && failed != ETIMEDOUT)
		failed = pthread_cond_timedwait(&waiter->wake, &pool->lock, &until);
	bool got = waiter->conn || waiter->may_open;
	if (!got)
		leave_line(pool, waiter);
	pool->waiting--;
	pool->timeouts += !got;
	pthread_cond_destroy(&waiter->wake);
	return got;
}

enum status pg_lease(struct pg_pool *pool, struct pg_conn **ret_conn, struct problem *err)
{
	struct waiter waiter = {0};
	bool got = true;

	close_stale(pool);
	pthread_mutex_lock(&pool->lock);
	if (pool->idle_count) {
		waiter.conn = pool->idle[--pool->idle_count];
	} else if (pool->open < (pool->begun ? pool->options.max : 1)) {
		pool->open++;
	} else {
		got = wait_in_line(pool, &waiter);
	}
	pthread_mutex_unlock(&pool->lock);
	if (!got)
		return problem_set(err, ST_OVERLOADED, "no database connection became free");
	if (!waiter.conn)
		return open_in_place(pool, ret_conn, err);
	*ret_conn = waiter.conn;
	return OK;
}

/* With the lock held. */
static void lend_or_keep(struct pg_pool *pool, struct pg_conn *conn)
{
	conn->idle_at_us = clock_monotonic_us();
	if (!hand_over(pool, conn))
		pool->idle[pool->idle_count++] = conn;
}

static void put_back(struct pg_pool *pool, struct pg_conn *conn)
{
	pthread_mutex_lock(&pool->lock);
	lend_or_keep(pool, conn);
	pthread_mutex_unlock(&pool->lock);
}

static void discard(struct pg_pool *pool, struct pg_conn *conn)
{
	pg_conn_free(conn);
	pthread_mutex_lock(&pool->lock);
	pool->suspect_us = clock_monotonic_us();
	free_place(pool);
	pthread_mutex_unlock(&pool->lock);
}

void pg_return(struct pg_conn **conn_at)
{
	struct pg_conn *conn = *conn_at;

	*conn_at = NULL;
	if (!conn)
		return;
	if (!conn->lost && pg_in_transaction(conn))
		pg_rollback(conn);
	if (!conn->pool)
		pg_conn_free(conn);
	else if (conn->lost || PQtransactionStatus(conn->link) != PQTRANS_IDLE)
		discard(conn->pool, conn);
	else
		put_back(conn->pool, conn);
}

void pg_pool_begin(struct pg_pool *pool)
{
	struct problem ignored = {0};
	struct pg_conn *conn = NULL;
	bool first;

	pthread_mutex_lock(&pool->lock);
	first = !pool->open;
	pool->open += first;
	pthread_mutex_unlock(&pool->lock);
	if (!first)
		return;
	if (open_pooled(pool, &conn, &ignored) != OK)
		conn = NULL;
	pthread_mutex_lock(&pool->lock);
	if (conn)
		lend_or_keep(pool, conn);
	else
		free_place(pool);
	open_up(pool);
	pthread_mutex_unlock(&pool->lock);
}

void pg_pool_fill(struct pg_pool *pool)
{
	struct pg_conn **conns = must(calloc(pool->options.min + 1, sizeof(struct pg_conn *)));
	struct problem ignored = {0};
	size_t count = 0;

	while (count < pool->options.min && !pg_lease(pool, &conns[count], &ignored))
		count++;
	while (count-- > 0)
		pg_return(&conns[count]);
	free(conns);
}
