#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/ctl/ctl.h"
#include "common/clock.h"
#include "common/crash_point.h"
#include "common/sign.h"
#include "sql_ctl.h"
#include "sql_migrations.h"

enum {
	CHECKSUM_SIZE = 2 * SHA256_SIZE + 1,
	PATIENCE_S = 120, /* so long a step waits for the tables that it changes */
	PAUSE_MS = 2000,  /* in which those who queue behind it go on */
	WAIT_S = 600,     /* so long `migrate wait` waits for what somebody else applies */
	WAIT_STEP_MS = 1000,
};

/* One step of the schema, as the program knows it and as the database remembers it. */
struct step {
	const char *version;
	const char *state; /* applied, pending, changed, unknown */
	int64_t applied_at;
	const char *checksum; /* ours; an unknown one's: the database's */
	const struct pg_statement *statement;
};

static const struct field step_fields[] = {
	{.name = "version", .type = FIELD_STRING, .offset = offsetof(struct step, version)},
	{.name = "state", .type = FIELD_STRING, .offset = offsetof(struct step, state)},
	{.name = "appliedAt", .type = FIELD_TIME, .offset = offsetof(struct step, applied_at)},
	{.name = "checksum", .type = FIELD_STRING, .offset = offsetof(struct step, checksum)},
};
static const struct schema step_schema = SCHEMA(step_fields, struct step);

static const char state_applied[] = "applied";
static const char state_pending[] = "pending";
static const char state_changed[] = "changed";
static const char state_unknown[] = "unknown";

static const char *checksum_of(struct ctl *ctl, const char *sql)
{
	uint8_t digest[SHA256_SIZE];
	char *hex = arena_alloc(&ctl->arena, CHECKSUM_SIZE);
	sign_sha256(sql, strlen(sql), digest);
	sign_hex(digest, sizeof(digest), hex);
	return hex;
}

/* What the database says was applied; nothing when it was never migrated. */
static enum status read_applied(struct ctl *ctl, struct pg_conn *conn, struct field_array *ret,
				struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status = pg_exec(conn, sql_ctl_migrations_exist.sql, PG_NO_ARGS, &result, err);
	if (status != OK)
		return status;
	*ret = (struct field_array){NULL, 0};
	if (!pg_bool(result, 0, 0))
		return OK;
	return ctl_select(ctl, conn, &sql_ctl_migrations_list, PG_NO_ARGS, &step_schema, ret, err);
}

static const struct step *find_step(const struct step *steps, size_t count, const char *version)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(steps[i].version, version) == 0)
			return &steps[i];
	}
	return NULL;
}

static struct step judge(struct ctl *ctl, const struct field_array *applied,
			 const struct pg_statement *ours)
{
	const struct step *theirs = find_step(applied->items, applied->count, ours->name);
	struct step step = {.version = ours->name,
			    .state = state_pending,
			    .applied_at = TIME_NONE,
			    .checksum = checksum_of(ctl, ours->sql),
			    .statement = ours};
	if (theirs) {
		bool same = theirs->checksum && strcmp(theirs->checksum, step.checksum) == 0;
		step.state = same ? state_applied : state_changed;
		step.applied_at = theirs->applied_at;
	}
	return step;
}

/* Our steps in their order, then those that only the database knows. */
static enum status read_steps(struct ctl *ctl, struct pg_conn *conn, struct field_array *ret,
			      struct problem *err)
{
	struct field_array applied;
	enum status status = read_applied(ctl, conn, &applied, err);
	if (status != OK)
		return status;
	struct step *steps =
		arena_calloc(&ctl->arena, sql_migrations_count + applied.count + 1, sizeof(*steps));
	for (size_t i = 0; i < sql_migrations_count; i++)
		steps[i] = judge(ctl, &applied, sql_migrations[i]);
	size_t count = sql_migrations_count;
	for (size_t i = 0; i < applied.count; i++) {
		struct step theirs = ((const struct step *)applied.items)[i];
		if (find_step(steps, sql_migrations_count, theirs.version))
			continue;
		theirs.state = state_unknown;
		steps[count++] = theirs;
	}
	*ret = (struct field_array){steps, count};
	return OK;
}

static const struct step *first_in(const struct field_array *steps, const char *state)
{
	const struct step *items = steps->items;
	for (size_t i = 0; i < steps->count; i++) {
		if (items[i].state == state)
			return &items[i];
	}
	return NULL;
}

/* A database that is newer is left as it is, when it still serves this version: so that one can
 * go back to it. */
static enum status check_newer(struct pg_conn *conn, const struct field_array *steps,
			       const struct step *unknown, struct problem *err)
{
	const char *newest = sql_migrations[sql_migrations_count - 1]->name;
	PG_RESULT result = NULL;
	enum status status;
	if (first_in(steps, state_pending) || strcmp(unknown->version, newest) < 0)
		return problem_set(err, ST_INTERNAL_ERROR,
				   "the database has %s, which this program does not know, "
				   "and lacks steps that it does",
				   unknown->version);
	status = pg_exec(conn, sql_ctl_schema_serves.sql, PG_ARGS(PG_TEXT(newest)), &result, err);
	if (status == OK && !pg_bool(result, 0, 0))
		return problem_set(err, ST_INTERNAL_ERROR,
				   "the database has %s, which this program does not know, "
				   "and serves programs since %s only",
				   unknown->version, pg_text(result, 0, 1));
	if (status == OK)
		(void)fprintf(stderr, "corectl: the database is newer: it has %s\n",
			      unknown->version);
	return status;
}

/* Nothing is applied to a database that went another way. */
static enum status check_steps(struct pg_conn *conn, const struct field_array *steps,
			       struct problem *err)
{
	const struct step *changed = first_in(steps, state_changed);
	const struct step *unknown = first_in(steps, state_unknown);
	if (changed)
		return problem_set(err, ST_INTERNAL_ERROR,
				   "the database has another %s than this program: "
				   "a step that was applied must not be changed",
				   changed->version);
	return unknown ? check_newer(conn, steps, unknown, err) : OK;
}

/* The statement that a step has done before it, NULL: it names none. */
static const char *slices_of(struct ctl *ctl, const struct step *step)
{
	static const char word[] = "-- before: ";
	const char *sql = step->statement->sql;
	if (strncmp(sql, word, strlen(word)) != 0)
		return NULL;
	sql += strlen(word);
	return arena_strndup(&ctl->arena, sql, strcspn(sql, "\n"));
}

/* What a step does to many rows is done before it, a slice a transaction, so that nobody waits for
 * all of it: until nothing is left. The step itself does what was left out. */
static enum status apply_slices(struct ctl *ctl, struct pg_conn *conn, const struct step *step,
				struct problem *err)
{
	const char *sql = slices_of(ctl, step);
	bool more = sql != NULL;
	while (more) {
		PG_RESULT result = NULL;
		enum status status = pg_exec(conn, sql, PG_NO_ARGS, &result, err);
		if (status != OK)
			return status;
		CRASH_POINT("migrate.slice");
		more = pg_i64(result, 0, 0) > 0;
	}
	return OK;
}

static enum status apply_step(struct ctl *ctl, struct pg_conn *conn, struct step *step,
			      struct problem *err)
{
	struct problem cause = {.status = OK};
	enum status status = apply_slices(ctl, conn, step, &cause);
	if (status == OK)
		status = pg_begin(conn, &cause);
	if (status == OK)
		status = pg_exec(conn, step->statement->sql, PG_NO_ARGS, NULL, &cause);
	CRASH_POINT("migrate.applied");
	if (status == OK)
		status = pg_exec(conn, sql_ctl_migration_insert.sql,
				 PG_ARGS(PG_TEXT(step->version), PG_TEXT(step->checksum)), NULL,
				 &cause);
	CRASH_POINT("migrate.noted");
	if (status == OK)
		status = pg_commit(conn, &cause);
	CRASH_POINT("migrate.committed");
	if (status != OK)
		return problem_set(err, status, "%s: %s", step->version, cause.detail);
	step->state = state_applied;
	step->applied_at = clock_now_us();
	if (!ctl->json)
		(void)printf("applied %s\n", step->version);
	return OK;
}

static bool met_a_lock(const struct pg_conn *conn)
{
	return pg_should_retry(conn) || strcmp(pg_sqlstate(conn), "55P03") == 0;
}

/* Whoever holds a table holds up the step, and the step whoever comes after it: so it waits a
 * second at a time, with pauses. */
static enum status apply_patiently(struct ctl *ctl, struct pg_conn *conn, struct step *step,
				   struct problem *err)
{
	int64_t until_us = clock_monotonic_us() + PATIENCE_S * US_PER_S;
	enum status status = apply_step(ctl, conn, step, err);
	while (status != OK && met_a_lock(conn) && clock_monotonic_us() < until_us) {
		pg_rollback(conn);
		(void)fprintf(stderr, "corectl: %s: tried again\n", err->detail);
		clock_sleep_ms(PAUSE_MS);
		status = apply_step(ctl, conn, step, err);
	}
	return status;
}

static const char create_table[] =
	"CREATE TABLE IF NOT EXISTS schema_migrations (version TEXT PRIMARY KEY,"
	" checksum TEXT NOT NULL, applied_at TIMESTAMPTZ NOT NULL DEFAULT now())";

/* One program at a time: others wait for the lock, which ends with the connection. The tables'
 * own locks are waited for shortly, so that a step never queues the whole service behind it. */
static enum status lock_schema(struct pg_conn *conn, struct problem *err)
{
	static const char *const statements[] = {
		"SET lock_timeout = '120s'",
		"SELECT pg_advisory_lock(hashtext('corectl'), hashtext('migrate'))",
		"SET lock_timeout = '1s'",
		"SET client_min_messages = warning",
		create_table,
	};
	for (size_t i = 0; i < ARRAY_LEN(statements); i++) {
		enum status status = pg_exec(conn, statements[i], PG_NO_ARGS, NULL, err);
		if (status != OK)
			return status;
	}
	return OK;
}

/* In their order; with --json they are told together. */
static enum status apply_pending(struct ctl *ctl, struct pg_conn *conn,
				 const struct field_array *steps, struct problem *err)
{
	struct step *items = steps->items;
	struct step *applied = arena_calloc(&ctl->arena, steps->count + 1, sizeof(*applied));
	enum status status = OK;
	size_t count = 0;
	for (size_t i = 0; i < steps->count && status == OK; i++) {
		if (items[i].state != state_pending)
			continue;
		status = apply_patiently(ctl, conn, &items[i], err);
		if (status == OK)
			applied[count++] = items[i];
	}
	if (ctl->json)
		ctl_print(ctl, &step_schema, applied, count);
	else if (status == OK && count == 0)
		(void)puts("nothing to apply");
	return status;
}

static enum status migrate(struct ctl *ctl, struct problem *err)
{
	PG_LEASED conn = NULL;
	struct field_array steps;
	enum status status = ctl_connect(ctl, &conn, err);
	if (status == OK)
		status = lock_schema(conn, err);
	if (status == OK)
		status = read_steps(ctl, conn, &steps, err);
	if (status == OK)
		status = check_steps(conn, &steps, err);
	if (status != OK)
		return status;
	return apply_pending(ctl, conn, &steps, err);
}

int ctl_migrate_up(struct ctl *ctl)
{
	struct problem err = {.status = OK};
	return migrate(ctl, &err) == OK ? EXIT_SUCCESS : ctl_fail(&err);
}

int ctl_migrate_status(struct ctl *ctl)
{
	PG_LEASED conn = NULL;
	struct field_array steps;
	struct problem err = {.status = OK};
	if (ctl_connect(ctl, &conn, &err) != OK || read_steps(ctl, conn, &steps, &err) != OK)
		return ctl_fail(&err);
	ctl_print(ctl, &step_schema, steps.items, steps.count);
	const struct step *items = steps.items;
	for (size_t i = 0; i < steps.count; i++) {
		if (items[i].state != state_applied)
			return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

/* OK: the database has every step of this program's. What a newer one added does not matter. */
static enum status find_lack(struct ctl *ctl, struct problem *err)
{
	PG_LEASED conn = NULL;
	struct field_array steps;
	enum status status = ctl_connect(ctl, &conn, err);
	if (status == OK)
		status = read_steps(ctl, conn, &steps, err);
	if (status != OK)
		return status;
	const struct step *items = steps.items;
	for (size_t i = 0; i < sql_migrations_count; i++) {
		if (items[i].state != state_applied)
			return problem_set(err, ST_INTERNAL_ERROR, "the database lacks %s",
					   items[i].version);
	}
	return OK;
}

int ctl_migrate_wait(struct ctl *ctl)
{
	int64_t until_us = clock_monotonic_us() + WAIT_S * US_PER_S;
	struct problem err = {.status = OK};
	while (find_lack(ctl, &err) != OK) {
		if (clock_monotonic_us() > until_us)
			return ctl_fail(&err);
		clock_sleep_ms(WAIT_STEP_MS);
	}
	return EXIT_SUCCESS;
}
