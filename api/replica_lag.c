/*
 * The time of the last transaction that a replica replayed looks old when the primary is idle, and
 * a replica that is cut off is level with all that it got. So the primary's position is noted with
 * the time at every measurement; the newest of these notes that the replica has replayed says until
 * when it holds everything.
 */
#include "api/replica_lag.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "sql_api.h"

enum {
	NOTES = 8, /* at half a second each more than LAG_MAX_MS */
	LAG_MAX_MS = 3000,
	STATEMENT_MS = 1000,
};

struct note {
	int64_t at_us; /* monotonic */
	int64_t position;
};

struct replica_lag {
	struct pg_pool *primary, *standby; /* one connection each */
	struct note notes[NOTES];          /* newest first */
	size_t note_count;
	_Atomic int64_t holds_until_us; /* it holds what was committed by then; 0: unknown */
	bool was_current;
};

/* Ask one side for its position and the history that it belongs to. */
static enum status ask(struct pg_pool *pool, const struct pg_statement *statement,
		       struct arena *arena, int64_t *ret_position, const char **ret_history,
		       struct problem *err)
{
	PG_LEASED conn = NULL;
	PG_RESULT row = NULL;
	enum status status = pg_lease(pool, &conn, err);

	if (!status)
		status = pg_query(conn, statement, PG_NO_ARGS, &row, err);
	if (status)
		return status;
	*ret_position = pg_i64(row, 0, 0);
	*ret_history = arena_strdup(arena, pg_text(row, 0, 1));
	return OK;
}

static void take_note(struct replica_lag *lag, int64_t at_us, int64_t position)
{
	if (lag->note_count < NOTES)
		lag->note_count++;
	memmove(lag->notes + 1, lag->notes, (lag->note_count - 1) * sizeof(*lag->notes));
	lag->notes[0] = (struct note){at_us, position};
}

static int64_t newest_reached(const struct replica_lag *lag, int64_t position)
{
	for (size_t i = 0; i < lag->note_count; i++)
		if (lag->notes[i].position <= position)
			return lag->notes[i].at_us;
	return 0;
}

static enum status measure(struct replica_lag *lag, struct arena *arena, int64_t *ret_holds_us,
			   struct problem *err)
{
	int64_t at_us = clock_monotonic_us(); /* before the question: what it finds is younger */
	const char *history = NULL, *theirs = NULL;
	int64_t position = 0;
	enum status status;

	status = ask(lag->primary, &sql_replica_primary, arena, &position, &history, err);
	if (status)
		return status;
	take_note(lag, at_us, position);
	status = ask(lag->standby, &sql_replica_standby, arena, &position, &theirs, err);
	if (status)
		return status;
	if (strcmp(history, theirs) != 0) {
		lag->note_count = 0;
		return problem_set(err, ST_CONFIG, "it is of another primary");
	}
	*ret_holds_us = newest_reached(lag, position);
	return OK;
}

bool replica_lag_current(struct replica_lag *lag)
{
	int64_t holds_until_us = lag->holds_until_us;

	return holds_until_us && clock_monotonic_us() - holds_until_us <= LAG_MAX_MS * US_PER_MS;
}

/* A line when it changes. */
static void tell(struct replica_lag *lag, const struct problem *why)
{
	bool current = replica_lag_current(lag);
	struct log_line line;

	if (current == lag->was_current)
		return;
	lag->was_current = current;
	log_open(&line, current ? LOG_INFO : LOG_WARN,
		 current ? "Lists are read from the replica" : "The replica is not read");
	if (!current)
		log_str(&line, "error", why->status ? why->detail : "it is behind");
	log_close(&line);
}

void replica_lag_measure(struct replica_lag *lag, struct arena *arena)
{
	struct problem err = {0};
	int64_t holds_until_us = 0;

	if (measure(lag, arena, &holds_until_us, &err) == OK)
		lag->holds_until_us = holds_until_us;
	else
		lag->holds_until_us = 0;
	tell(lag, &err);
}

void replica_lag_forget(struct replica_lag *lag)
{
	lag->holds_until_us = 0;
}

double replica_lag_seconds(struct replica_lag *lag)
{
	int64_t holds_until_us = lag->holds_until_us;
	int64_t lag_us = clock_monotonic_us() - holds_until_us;

	return holds_until_us ? (double)lag_us / (double)US_PER_S : INFINITY;
}

enum status replica_lag_open(const struct pg_pool_options *primary, const char *host, int port,
			     struct replica_lag **ret, struct problem *err)
{
	static const struct pg_statement *const of_primary[] = {&sql_replica_primary};
	static const struct pg_statement *const of_standby[] = {&sql_replica_standby};
	struct pg_pool_options options = *primary;
	struct replica_lag *lag = calloc(1, sizeof(*lag));
	enum status status;

	if (!lag)
		fatal("out of memory");
	*ret = lag;
	options.name = "replica-watch";
	options.min = 0; /* it may be away when we start */
	options.max = options.statement_count = 1;
	options.statement_timeout_ms = STATEMENT_MS;
	options.statements = of_primary;
	status = pg_pool_open(&options, &lag->primary, err);
	options.host = host;
	options.port = port;
	options.statements = of_standby;
	return status ? status : pg_pool_open(&options, &lag->standby, err);
}

void replica_lag_close(struct replica_lag *lag)
{
	if (!lag)
		return;
	pg_pool_close(lag->standby);
	pg_pool_close(lag->primary);
	free(lag);
}
