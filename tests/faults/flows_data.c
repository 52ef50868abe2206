/* Imports, exports, statistics, keys that expire, steps of the schema. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/strbuf.h"
#include "tests/faults/crash.h"
#include "tests/support/servers.h"

enum { ROWS = 700 /* two slices */, EXPORTED = 1500 /* two pages */ };

/* --- a file of guests ------------------------------------------------------------------------- */

static void open_free(struct crash_run *run)
{
	run->shop = shop_open(5000, "0", 5000);
}

static struct reply *send_file(const struct crash_run *run, int rows)
{
	CLEANUP(strbuf_release) struct strbuf out;

	strbuf_init(&out, NULL);
	strbuf_adds(&out, "email,lastName,firstName,ticketTypeId\r\n");
	for (int i = 1; i <= rows; i++)
		strbuf_addf(&out, "g%d@example.com,Last,First,%lld\r\n", i,
			    (long long)run->shop.type_id);
	return say(&(struct saying){
		.method = "POST",
		.url = text("%s/api/events/%lld/guests/import", suite_api(),
			    (long long)run->shop.event_id),
		.token = token_organizer(),
		.content_type = "text/csv",
		.headers = (const char *const[]){"Idempotency-Key: file", NULL},
		.body = text("%s", out.buf),
	});
}

static void import(struct crash_run *run)
{
	send_file(run, ROWS);
}

/* What arrived without an answer waits, as nobody's, for the sweeper. */
static void are_imported_once(struct crash_run *run)
{
	struct reply *reply = must(send_file(run, ROWS), 202);

	becomes("done", text("SELECT status FROM imports WHERE id = %lld",
			     (long long)reply_int(reply, "data.id")));
	reply = must(api_get(token_organizer(), "/api/imports/%lld",
			     (long long)reply_int(reply, "data.id")),
		     200);
	ck_assert_int_eq(reply_int(reply, "data.created"), ROWS);
	ck_assert_int_eq(reply_int(reply, "data.rejected"), 0);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM imports WHERE status <> 'receiving'"), 1);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM guests"), ROWS);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM tickets"), ROWS);
	ck_assert_int_eq(
		sql_int("SELECT count(*) FROM outbox WHERE job_type = 'generate-ticket-pdf'"),
		ROWS);
	ck_assert_int_eq(sql_int("SELECT current_attendees FROM events"), ROWS);
}

const struct crash_flow flow_import = {
	.name = "a file of guests",
	.part = SUITE_API,
	.prepare = open_free,
	.act = import,
	.again = are_imported_once,
};

/* --- the same by corectl ---------------------------------------------------------------------- */

static const char *file_path(void)
{
	return text("/tmp/crash-import-%d.csv", (int)getpid());
}

static void write_file(struct crash_run *run)
{
	FILE *file = fopen(file_path(), "w");

	open_free(run);
	ck_assert_ptr_nonnull(file);
	fprintf(file,
		"email,lastName,firstName,ticketTypeId\r\n"
		"a@example.com,Last,First,%lld\r\nb@example.com,Last,First,%lld\r\n",
		(long long)run->shop.type_id, (long long)run->shop.type_id);
	ck_assert_int_eq(fclose(file), 0);
	run->path = text("import %lld %s", (long long)run->shop.event_id, file_path());
}

static void import_by_hand(struct crash_run *run)
{
	crash_corectl(run, run->path);
}

/* What was queued is imported without corectl too; the second file then finds its guests there. */
static void both_are_imported_once(struct crash_run *run)
{
	const char *output;
	int status = suite_ask_corectl(&output, "%s", run->path);

	ck_assert_msg(status == EXIT_SUCCESS || strstr(output, " 2 rejected"), "%s", output);
	becomes("0", "SELECT count(*) FROM imports WHERE status IN ('queued', 'running')");
	all_served(2);
}

static void remove_file(void)
{
	ck_assert_int_eq(unlink(file_path()), 0);
}

const struct crash_flow flow_ctl_import = {
	.name = "corectl import",
	.prepare = write_file,
	.act = import_by_hand,
	.again = both_are_imported_once,
	.over = remove_file,
};

/* --- and out ---------------------------------------------------------------------------------- */

static void import_many(struct crash_run *run)
{
	open_free(run);
	must(send_file(run, EXPORTED), 202);
	becomes("done", "SELECT status FROM imports");
}

static struct reply *export(const struct crash_run *run)
{
	return api_get(token_organizer(), "/api/events/%lld/guests/export",
		       (long long)run->shop.event_id);
}

static int lines(const struct reply *reply)
{
	int count = 0;

	for (size_t i = 0; i < reply->len; i++)
		count += reply->body[i] == '\n';
	return count;
}

/* Cut, it must not look whole: no answer at all, or one that the client knows to be broken. */
static void export_is_cut(struct crash_run *run)
{
	ck_assert_int_eq(export(run)->status, 0);
}

static void export_is_whole(struct crash_run *run)
{
	ck_assert_int_eq(lines(must(export(run), 200)), 1 + EXPORTED);
}

const struct crash_flow flow_export = {
	.name = "an export",
	.part = SUITE_API,
	.prepare = import_many,
	.act = export_is_cut,
	.again = export_is_whole,
};

/* --- statistics ------------------------------------------------------------------------------- */

static const char counted[] =
	"SELECT sum(n) FROM (SELECT kind, n FROM statistics_deltas UNION ALL SELECT kind, n FROM "
	"event_statistics) s WHERE kind = 'guests'";

static void open_with_numbers(struct crash_run *run)
{
	open_with_guest(run, "0");
	ck_assert_int_eq(sql_int(counted), 1);
}

static struct reply *aggregate(void)
{
	return api_send(
		"POST", NULL, "/api/internal/statistics/aggregate", NULL,
		(const char *const[]){text("X-Service-Token: %s", suite_service_token), NULL});
}

static void fold(struct crash_run *run)
{
	(void)run;
	aggregate();
}

static void is_folded_once(struct crash_run *run)
{
	(void)run;
	must(aggregate(), 200);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM statistics_deltas"), 0);
	ck_assert_int_eq(sql_int(counted), 1);
}

const struct crash_flow flow_aggregate = {
	.name = "statistics that are asked for",
	.part = SUITE_API,
	.prepare = open_with_numbers,
	.act = fold,
	.again = is_folded_once,
};

/* At its start, and each minute. */
const struct crash_flow flow_statistics_sweep = {
	.name = "statistics by the clock",
	.part = SUITE_API,
	.prepare = open_with_numbers,
	.again = is_folded_once,
};

static void fold_by_hand(struct crash_run *run)
{
	crash_corectl(run, "stats aggregate");
}

const struct crash_flow flow_ctl_fold = {
	.name = "corectl stats aggregate",
	.prepare = open_with_numbers,
	.act = fold_by_hand,
	.again = is_folded_once,
};

/* --- keys that expire ------------------------------------------------------------------------- */

static void key_is_old(struct crash_run *run)
{
	run->shop = shop_open(10, "0", 10);
	must(register_keyed(run, "one"), 201);
	sql("UPDATE idempotency_keys SET expires_at = now()");
}

static void key_is_gone(struct crash_run *run)
{
	becomes("0", "SELECT count(*) FROM idempotency_keys");
	must(register_keyed(run, "one"), 409);
	all_served(1);
}

const struct crash_flow flow_keys_expire = {
	.name = "keys that expire",
	.part = SUITE_API,
	.prepare = key_is_old,
	.again = key_is_gone,
};

/* --- the schema ------------------------------------------------------------------------------- */

static void empty_database(struct crash_run *run)
{
	(void)run;
	suite_stop(SUITE_API);
	suite_set("DATABASE_URL",
		  servers_database_create_empty(text("crash_migrate_%d", (int)getpid())));
}

static void migrate(struct crash_run *run)
{
	crash_corectl(run, "migrate up");
}

static void is_migrated(struct crash_run *run)
{
	const char *output;

	(void)run;
	ck_assert_int_eq(suite_ask_corectl(&output, "migrate up"), 0);
	ck_assert_int_eq(suite_ask_corectl(&output, "migrate status"), 0);
	suite_start(SUITE_API);
}

const struct crash_flow flow_migrate = {
	.name = "corectl migrate",
	.prepare = empty_database,
	.act = migrate,
	.again = is_migrated,
};
