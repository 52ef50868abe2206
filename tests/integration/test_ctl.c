/* corectl as operators run it: arguments, output, exit codes. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/jwt.h"
#include "common/pg.h"
#include "tests/support/run.h"
#include "tests/support/servers.h"

static struct arena arena;
static struct problem err;
static struct pg_conn *conn;
static const char *output; /* of the last run, stderr too */

static void setup(void)
{
	arena_init(&arena, 65536);
	setenv("DATABASE_URL", servers_database_create("ctl"), 1);
	setenv("REDIS_QUEUE_URL", servers_redis_queue_url(), 1);
	ck_assert_int_eq(pg_connect(servers_database_url("ctl"), &conn, &err), OK);
}

static void teardown(void)
{
	pg_return(&conn);
	arena_clear(&arena);
}

/* The exit code of `corectl ARGUMENTS`. */
static int corectl(const char *arguments)
{
	return run_program(&arena, "corectl", arguments, &output);
}

static void assert_says(const char *text)
{
	ck_assert_msg(strstr(output, text), "%s\n-- lacks: %s", output, text);
}

static void run_sql(const char *sql)
{
	ck_assert_msg(pg_exec(conn, sql, PG_NO_ARGS, NULL, &err) == OK, "%s", err.detail);
}

START_TEST(test_usage)
{
	static const struct {
		const char *arguments;
		int code;
		const char *says;
	} cases[] = {
		{"", EXIT_USAGE, "no command given"},
		{"nope", EXIT_USAGE, "unknown command nope"},
		{"queue nope", EXIT_USAGE, "unknown command queue nope"},
		{"migrate down", EXIT_USAGE, "migrate: down is too much"},
		{"migrate status x", EXIT_USAGE, "x is too much; see corectl help migrate status"},
		{"queue peek", EXIT_USAGE, "queue peek: TYPE is missing"},
		{"queue peek mail", EXIT_USAGE, "must be a type of job: generate-ticket-pdf, "},
		{"queue peek send-email --limit 0", EXIT_USAGE,
		 "--limit must be a whole number above 0"},
		{"queue peek send-email --limit", EXIT_USAGE, "--limit needs its N"},
		{"queue peek send-email --limit 1 --limit 2", EXIT_USAGE, "--limit is given twice"},
		{"queue peek send-email --deep", EXIT_USAGE, "there is no option --deep"},
		{"queue kick", EXIT_USAGE, "either JOB or --all"},
		{"queue kick --type send-email", EXIT_USAGE, "--type goes with --all"},
		{"queue kick --all=yes", EXIT_USAGE, "--all takes no value"},
		{"audit x", EXIT_USAGE, "audit: x is too much"},
		{"audit --from 2027-01-01", EXIT_USAGE, "--from goes with --payments"},
		{"audit --payments --from monday", EXIT_USAGE,
		 "a date or an RFC 3339 time, not monday"},
		{"audit --payments --check mail", EXIT_USAGE, "do not go together"},
		{"audit --check nothing", EXIT_USAGE, "a check: event-attendees, "},
		{"refund resume 1", EXIT_USAGE, "--not-refunded"},
		{"refund resume x --not-refunded", EXIT_USAGE, "REFUND must be a whole number"},
		{"export 1 --json", EXIT_USAGE, "--json goes with --output"},
		{"import 1 x --format xml", EXIT_USAGE,
		 "--format must be a format: csv, json, not xml"},
		{"help nope", EXIT_USAGE, "there is no command nope"},
		{"--help", 0, "migrate status"},
		{"help", 0, "migrate status"},
		{"help queue kick", 0, "Usage: corectl queue kick [JOB] [--all] [--type TYPE]"},
		{"help queue", 0, "Usage: corectl queue bury JOB REASON"},
		{"queue kick --help", 0, "  --all                 every dead or delayed job"},
		{"queue --help", 0, "queue kick"},
		{"--help --json", 0, "JWT_SECRET"},
		{"--version", 0, "corectl "},
		{"--check-config", 0, "good"},
		{"--print-config", 0, "DATABASE_URL=***"},
		{"config", 0, "DB_PORT=5432"},
		{"config show --json", 0, "{\"name\":\"DB_PORT\",\"value\":\"5432\"}"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		ck_assert_msg(corectl(cases[i].arguments) == cases[i].code, "%s: %s",
			      cases[i].arguments, output);
		assert_says(cases[i].says);
	}
	ck_assert_int_eq(corectl("help | awk 'length > 80'"), 0);
	ck_assert_str_eq(output, "");
	setenv("DB_PORT", "many", 1);
	ck_assert_int_eq(corectl("audit"), EXIT_CONFIG);
	assert_says("DB_PORT");
}
END_TEST

START_TEST(test_migrate_an_empty_database)
{
	setenv("DATABASE_URL", servers_database_create_empty("ctl_empty"), 1);
	ck_assert_int_eq(corectl("migrate status"), EXIT_FAILURE);
	assert_says("pending");
	ck_assert_int_eq(corectl("migrate"), 0);
	assert_says("applied 0001_core\n");
	ck_assert_int_eq(corectl("migrate up"), 0);
	assert_says("nothing to apply");
	ck_assert_int_eq(corectl("migrate status --json"), 0);
	assert_says("{\"version\":\"0001_core\",\"state\":\"applied\"");
	ck_assert_int_eq(corectl("audit"), 0);
	assert_says("no drift");
}
END_TEST

/* Both wait for one another: each step is applied once. */
START_TEST(test_migrate_twice_at_once)
{
	setenv("DATABASE_URL", servers_database_create_empty("ctl_empty"), 1);
	const char *both =
		arena_printf(&arena, "migrate & %s migrate; code=$?; wait $! && exit $code",
			     run_path(&arena, "corectl"));
	ck_assert_int_eq(corectl(both), 0);
	assert_says("nothing to apply");
	const char *first = strstr(output, "applied 0001_core\n");
	ck_assert_ptr_nonnull(first);
	ck_assert_ptr_null(strstr(first + 1, "applied 0001_core\n"));
}
END_TEST

/* A program of the next version waits for its schema; one of the last version has no need to. */
START_TEST(test_wait_for_the_schema)
{
	const char *whole = servers_database_url("ctl");
	const char *path = run_path(&arena, "corectl");
	setenv("DATABASE_URL", servers_database_create_empty("ctl_empty"), 1);
	const char *waits = arena_printf(&arena,
					 "migrate wait & timeout 2 %s migrate wait; [ $? = 124 ] "
					 "&& kill -0 $! && %s migrate && wait $!",
					 path, path);
	ck_assert_msg(corectl(waits) == 0, "%s", output);
	setenv("DATABASE_URL", whole, 1);
	run_sql("INSERT INTO schema_migrations (version, checksum) VALUES ('9999_later', 'x')");
	ck_assert_int_eq(corectl("migrate wait"), 0);
}
END_TEST

START_TEST(test_migrate_refuses_another_schema)
{
	run_sql("UPDATE schema_migrations SET checksum = 'x' WHERE version = '0001_core'");
	ck_assert_int_eq(corectl("migrate"), EXIT_FAILURE);
	assert_says("another 0001_core");
	ck_assert_int_eq(corectl("migrate status"), EXIT_FAILURE);
	assert_says("changed");
}
END_TEST

/* One goes back a version: its schema stays, and serves. */
START_TEST(test_migrate_leaves_a_newer_schema)
{
	run_sql("INSERT INTO schema_migrations (version, checksum) VALUES ('9999_later', 'x')");
	ck_assert_int_eq(corectl("migrate up"), 0);
	assert_says("newer: it has 9999_later");
	assert_says("nothing to apply");
	ck_assert_int_eq(corectl("migrate status"), EXIT_FAILURE);
	assert_says("unknown");
}
END_TEST

START_TEST(test_migrate_refuses_a_schema_that_serves_it_no_more)
{
	run_sql("INSERT INTO schema_migrations (version, checksum) VALUES ('9999_later', 'x');"
		"UPDATE schema_floor SET version = '9999_later'");
	ck_assert_int_eq(corectl("migrate up"), EXIT_FAILURE);
	assert_says("since 9999_later only");
}
END_TEST

START_TEST(test_migrate_refuses_a_schema_of_another_branch)
{
	run_sql("INSERT INTO schema_migrations (version, checksum) VALUES ('0001_other', 'x')");
	ck_assert_int_eq(corectl("migrate up"), EXIT_FAILURE);
	assert_says("0001_other");
}
END_TEST

/* Somebody has been reading a table for long: the step waits, but not so that all others do. */
START_TEST(test_migrate_waits_for_a_table)
{
	const char *said = arena_printf(&arena, "/var/tmp/test-ctl.%d", (int)getpid());
	const char *script = arena_printf(
		&arena,
		"migrate >%s 2>&1 & until grep -qs 'tried again' %s; do sleep 0.1; done;"
		" psql -qAt '%s' -c \"SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
		" WHERE application_name = 'reader'\" >/dev/null;"
		" wait $!; code=$?; cat %s; rm %s; exit $code",
		said, said, servers_database_url("ctl"), said, said);

	run_sql("DELETE FROM schema_migrations WHERE version = '0010_schema_floor'");
	run_sql("DROP TABLE schema_floor");
	run_sql("SET application_name = 'reader'");
	run_sql("BEGIN");
	run_sql("LOCK TABLE schema_migrations IN SHARE MODE");
	ck_assert_int_eq(corectl(script), 0);
	assert_says("0010_schema_floor: ");
	assert_says("tried again");
	assert_says("applied 0010_schema_floor");
}
END_TEST

START_TEST(test_token)
{
	static const char secret[] = "a secret of at least thirty-two bytes";
	ck_assert_int_eq(corectl("token --sub 7"), EXIT_CONFIG);
	setenv("JWT_SECRET", secret, 1);
	ck_assert_int_eq(corectl("token --sub 7 --roles organizer,user --email=z@example.com "
				 "--first 'Zoé' --last Nguyễn --ttl 100"),
			 0);
	struct jwt_options options = {.secret = {secret, strlen(secret)}};
	struct jwt_claims claims;
	ck_assert_int_eq(jwt_verify(&options, &arena, output, strcspn(output, "\n"), clock_now_us(),
				    &claims, &err),
			 OK);
	ck_assert_int_eq(claims.user_id, 7);
	ck_assert_uint_eq(claims.roles, ROLE_ORGANIZER | ROLE_USER);
	ck_assert_str_eq(claims.email, "z@example.com");
	ck_assert_str_eq(claims.first_name, "Zoé");
	ck_assert_int_lt(claims.expires_at, clock_now_us() + 101 * US_PER_S);
	ck_assert_int_eq(jwt_verify(&options, &arena, output, strcspn(output, "\n"),
				    clock_now_us() + 200 * US_PER_S, &claims, &err),
			 ST_UNAUTHORIZED);
	static const char *const bad[] = {"token",
					  "token --sub",
					  "token --sub 0",
					  "token --sub x",
					  "token --sub 1 --roles boss",
					  "token --sub 1 --roles user,",
					  "token --sub 1 --ttl 0",
					  "token --sub 1 --ttl 999999999999",
					  "token --sub 1 --name x",
					  "token 1"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_msg(corectl(bad[i]) == EXIT_USAGE, "%s", bad[i]);
}
END_TEST

/* --- what is made of the table of commands ---------------------------------------------------- */

static const char *shell(const char *script)
{
	struct strbuf text;
	char buf[4096];
	size_t len;
	FILE *pipe = popen(arena_printf(&arena, "bash -c '%s' 2>&1", script), "r");

	ck_assert_ptr_nonnull(pipe);
	strbuf_init(&text, &arena);
	while ((len = fread(buf, 1, sizeof(buf), pipe)) > 0)
		strbuf_add(&text, buf, len);
	strbuf_addc(&text, '\0');
	ck_assert_msg(pclose(pipe) == 0, "%s", text.buf);
	return text.buf;
}

/* What bash offers behind these words; the last one is begun. */
static const char *completions(const char *words)
{
	return shell(
		arena_printf(&arena,
			     "set -u; source <(%s --print-completion); COMP_WORDS=(corectl %s); "
			     "[[ \"%s\" != *\" \" ]] || COMP_WORDS+=(\"\"); "
			     "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _corectl; printf \"%%s \" "
			     "\"${COMPREPLY[@]}\"",
			     run_path(&arena, "corectl"), words, words));
}

START_TEST(test_completion)
{
	static const struct {
		const char *words, *offers, *not ;
	} cases[] = {
		{"qu", "queue ", "audit"},
		{"--pri", "--print-config --print-man --print-completion ", "--help"},
		{"queue ", "ls peek kick bury pause resume rebuild", "up"},
		{"queue ki", "kick ", "ls"},
		{"queue peek ", "generate-ticket-pdf send-email", "kick"},
		{"queue peek se", "send-email ", "generate"},
		{"queue peek send-email --", "--limit --json --help ", "--all"},
		{"queue kick --all --type ", "send-email", "--json"},
		{"queue kick --type send-email --a", "--all ", "send-email"},
		{"import 1 /etc/host", "/etc/hosts ", "csv"},
		{"import 1 --format ", "csv json ", "--format"},
		{"export 1 --output /etc/host", "/etc/hosts ", "--json"},
		{"config check wor", "worker-tickets worker-email ", "core-api"},
		{"config ", "show check ", "audit"},
		{"audit --check ticket-", "ticket-code ticket-document", "mail"},
		{"migrate --", "--json --help ", "--all"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *offers = completions(cases[i].words);

		ck_assert_msg(strstr(offers, cases[i].offers), "%s: %s", cases[i].words, offers);
		ck_assert_msg(!strstr(offers, cases[i].not ), "%s: %s", cases[i].words, offers);
	}
}
END_TEST

/* The page names each command and variable, and groff has nothing to say against it. */
START_TEST(test_man)
{
	const char *page;

	ck_assert_int_eq(corectl("--print-man"), 0);
	page = output;
	ck_assert_ptr_nonnull(strstr(page, "\\fBqueue kick\\fR [\\fIJOB\\fR] [\\fB\\-\\-all\\fR]"));
	ck_assert_ptr_nonnull(strstr(page, "\\fB\\-\\-type\\fR \\fITYPE\\fR"));
	ck_assert_ptr_nonnull(strstr(page, ".B DATABASE_URL"));
	ck_assert_str_eq(shell(arena_printf(&arena, "%s --print-man | groff -man -ww -z -Tutf8",
					    run_path(&arena, "corectl"))),
			 "");
}
END_TEST

START_TEST(test_config_check)
{
	setenv("JWT_SECRET", "a secret of at least thirty-two bytes", 1);
	setenv("SHARED_SERVICE_TOKEN", "a token of at least thirty-two bytes", 1);
	setenv("QR_SIGNATURE_SECRET", "a secret of at least thirty-two bytes, too", 1);
	setenv("PAYMENT_WEBHOOK_SECRET",
	       "whsec_dGhlIHN0YW5kLWluIHBsYXRmb3JtJ3Mgd2ViaG9vayBzZWNyZXQ=", 1);
	ck_assert_msg(corectl("config check") == 0, "%s", output);
	assert_says("worker-email    good");
	setenv("MAIL_RETRY_DELAYS", "soon", 1);
	ck_assert_int_eq(corectl("config check"), EXIT_CONFIG);
	assert_says("core-api        good");
	assert_says("worker-email    bad    worker-email: MAIL_RETRY_DELAYS");
	ck_assert_int_eq(corectl("config check core-api --json"), 0);
	assert_says("[{\"program\":\"core-api\",\"state\":\"good\",");
	ck_assert_int_eq(corectl("config check worker-email"), EXIT_CONFIG);
	/* A variable of its own that is wrong does not keep corectl from judging the others. */
	unsetenv("MAIL_RETRY_DELAYS");
	setenv("DB_PORT", "many", 1);
	ck_assert_int_eq(corectl("config check"), EXIT_CONFIG);
	assert_says("core-api        bad    core-api: DB_PORT");
	assert_says("corectl         bad    corectl: DB_PORT");
}
END_TEST

/* Installed alone, as in an image of its own. */
START_TEST(test_config_check_elsewhere)
{
	ck_assert_str_eq(shell(arena_printf(&arena,
					    "dir=$(mktemp -d); cp %s $dir; $dir/corectl config "
					    "check | grep -c missing; $dir/corectl config check "
					    "core-api >/dev/null; echo $?; rm -r $dir",
					    run_path(&arena, "corectl"))),
			 "3\n78\n");
}
END_TEST

/* What a command says as a sentence it says as JSON too. */
START_TEST(test_json)
{
	setenv("DATABASE_URL", servers_database_create_empty("ctl_empty"), 1);
	setenv("JWT_SECRET", "a secret of at least thirty-two bytes", 1);
	ck_assert_int_eq(corectl("migrate --json"), 0);
	assert_says("[{\"version\":\"0001_core\",\"state\":\"applied\",\"appliedAt\":\"20");
	ck_assert_int_eq(corectl("migrate up --json"), 0);
	ck_assert_str_eq(output, "[]\n");
	ck_assert_int_eq(corectl("token --sub 7 --json"), 0);
	assert_says("{\"token\":\"ey");
	ck_assert_int_eq(corectl("queue pause send-email --json"), 0);
	ck_assert_str_eq(output, "{\"type\":\"send-email\",\"paused\":true}\n");
	ck_assert_int_eq(corectl("queue resume send-email --json"), 0);
	ck_assert_int_eq(corectl("outbox put --json"), 0);
	ck_assert_str_eq(output, "{\"jobs\":0}\n");
	ck_assert_int_eq(corectl("outbox ls --json"), 0);
	assert_says("{\"type\":\"send-email\",\"waiting\":0,\"running\":0,\"delayed\":0,"
		    "\"dead\":0,\"oldestSeconds\":0}");
	ck_assert_int_eq(corectl("refund ls --json"), 0);
	ck_assert_str_eq(output, "[]\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("corectl");
	TCase *tc = tcase_create("commands");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_usage);
	tcase_add_test(tc, test_migrate_an_empty_database);
	tcase_add_test(tc, test_migrate_twice_at_once);
	tcase_add_test(tc, test_wait_for_the_schema);
	tcase_add_test(tc, test_migrate_refuses_another_schema);
	tcase_add_test(tc, test_migrate_leaves_a_newer_schema);
	tcase_add_test(tc, test_migrate_refuses_a_schema_that_serves_it_no_more);
	tcase_add_test(tc, test_migrate_refuses_a_schema_of_another_branch);
	tcase_add_test(tc, test_migrate_waits_for_a_table);
	tcase_add_test(tc, test_token);
	tcase_add_test(tc, test_completion);
	tcase_add_test(tc, test_man);
	tcase_add_test(tc, test_config_check);
	tcase_add_test(tc, test_config_check_elsewhere);
	tcase_add_test(tc, test_json);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	servers_start();
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
