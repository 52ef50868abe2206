/*
 * The restore drill: archiving and a base backup under load, everything destroyed, the database
 * brought back to a moment in between, and the suite started on it. What was acknowledged before
 * the moment is there; the rest is known by name, or does nothing.
 */
#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/strbuf.h"
#include "tests/support/servers.h"
#include "tests/support/suite.h"

enum { SOON_MS = 60000, LATE = 6 };

static const char *output; /* of the last corectl */
#define corectl(...) suite_ask_corectl(&output, __VA_ARGS__)

static void archive(const char *what, const char *argument)
{
	const char *command =
		text("tests/support/archive.sh %s '%s' '%s'", what, servers_directory(), argument);

	ck_assert_msg(system(command) == 0, "%s", command);
}

static struct reply *must(struct reply *reply, int status)
{
	if (reply->status != status)
		ck_abort_msg("%d instead of %d: %s", reply->status, status, reply->body);
	return reply;
}

/* --- the load -------------------------------------------------------------------------------- */

static struct load {
	struct shop free, paid;
	pthread_t thread;
	_Atomic bool stop;
	_Atomic int rounds; /* done: a free registration and a paid one each */
	struct strbuf kept; /* ids of guests acknowledged, with commas */
	pthread_mutex_t lock;
} load = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct reply *register_one(const struct shop *shop, int64_t user, const char *name)
{
	return must(shop_register(shop, token_of(user, "user"), name), 201);
}

static const char *intent_of(const struct reply *guest)
{
	return reply_text(guest, "data.payment.intentId");
}

static void pay(const char *intent)
{
	must(platform_pay("{\"type\":\"payment.succeeded\",\"intentId\":\"%s\"}", intent), 200);
}

static void acknowledge(const struct reply *guest)
{
	pthread_mutex_lock(&load.lock);
	strbuf_addf(&load.kept, "%s%lld", load.kept.len ? "," : "",
		    (long long)reply_int(guest, "data.id"));
	pthread_mutex_unlock(&load.lock);
}

static void *run_load(void *nothing UNUSED)
{
	for (int i = 0; !load.stop; i++) {
		struct reply *paying;

		acknowledge(register_one(&load.free, 1000 + i, text("free%d", i)));
		paying = register_one(&load.paid, 1000 + i, text("paid%d", i));
		acknowledge(paying);
		pay(intent_of(paying));
		load.rounds++;
	}
	say_goodbye();
	return NULL;
}

static void load_begin(void)
{
	load.free = shop_open(100000, "0", 100000);
	load.paid = shop_open(100000, "49.90", 100000);
	strbuf_init(&load.kept, NULL);
	pthread_create(&load.thread, NULL, run_load, NULL);
}

static void load_goes_on(int rounds)
{
	int64_t until = clock_monotonic_us() + SOON_MS * US_PER_MS;

	for (rounds += load.rounds; load.rounds < rounds; clock_sleep_ms(5))
		ck_assert(clock_monotonic_us() < until);
}

static void load_end(void)
{
	load.stop = true;
	pthread_join(load.thread, NULL);
}

/* The moment, and the guests whose registration was acknowledged before it. */
static const char *note_moment(const char **ret_kept)
{
	const char *moment;

	pthread_mutex_lock(&load.lock);
	*ret_kept = text("%s", load.kept.buf);
	pthread_mutex_unlock(&load.lock);
	moment = sql("SELECT clock_timestamp()::text");
	return moment;
}

/* --- the end of everything ------------------------------------------------------------------- */

/* What is in no segment yet would go after archive_timeout. */
static void wait_archived(void)
{
	const char *segment = sql("SELECT pg_walfile_name(pg_switch_wal())");

	ck_assert(sql_becomes(
		SOON_MS, "true",
		text("SELECT (last_archived_wal >= '%s')::text FROM pg_stat_archiver", segment)));
}

static void destroy(void)
{
	suite_kill(SUITE_API);
	suite_kill(SUITE_TICKETS);
	suite_kill(SUITE_EMAIL);
	servers_halt(SERVER_POSTGRES, SIGKILL);
}

static void restore(const char *moment)
{
	archive("restore", moment);
	servers_resume(SERVER_POSTGRES);
	ck_assert(sql_becomes(SOON_MS, "false", "SELECT pg_is_in_recovery()::text"));
}

/* --- what the other services know ------------------------------------------------------------ */

/* Their intents, and whether the service knows other of each than we do. */
struct knowledge {
	struct strbuf list; /* a line each, for corectl */
	int differ;         /* paid there, and not here */
	int unknown;        /* not here at all */
	int agreed;
};

static void compare_intent(struct knowledge *knowledge, const char *id, const char *theirs)
{
	const char *ours = sql("SELECT status FROM payments WHERE intent_id = '%s'", id);

	strbuf_addf(&knowledge->list, "%s\n", id);
	if (!ours)
		knowledge->unknown++;
	else if (!strcmp(ours, "requires_payment") && !strcmp(theirs, "succeeded"))
		knowledge->differ++;
	else if (!strcmp(ours, theirs))
		knowledge->agreed++;
	else
		ck_abort_msg("intent %s is %s here and %s there", id, ours, theirs);
	if (!ours)
		ck_assert_msg(strstr(output, text("\"%s\",\"detail\":\"there is no payment of this "
						  "intent, the service says %s\"",
						  id, theirs)),
			      "%s", output);
	else
		ck_assert_msg(!strstr(output, id) == !strcmp(ours, theirs), "%s: %s", id, output);
}

static int count(const char *haystack, const char *needle)
{
	int n = 0;

	for (; (haystack = strstr(haystack, needle)); haystack++)
		n++;
	return n;
}

/* corectl audit --payments says exactly what they know and we do not. */
static struct knowledge compare_payments(void)
{
	struct knowledge knowledge = {0};
	struct reply *intents =
		must(say(&(struct saying){.method = "GET",
					  .url = text("%s/_control/intents", suite_platform())}),
		     200);
	const char *path = text("%s/intents", servers_directory());
	FILE *file = fopen(path, "we");
	int all = reply_count(intents, "data");

	ck_assert_ptr_nonnull(file);
	for (int i = 0; i < all; i++)
		fprintf(file, "%s\n", reply_text(intents, text("data.%d.id", i)));
	fclose(file);
	ck_assert_int_eq(corectl("audit --payments --limit 10000 --json --intents %s", path),
			 EXIT_FAILURE);
	strbuf_init(&knowledge.list, NULL);
	for (int i = 0; i < all; i++)
		compare_intent(&knowledge, reply_text(intents, text("data.%d.id", i)),
			       reply_text(intents, text("data.%d.status", i)));
	ck_assert_int_eq(count(output, "\"check\""), knowledge.differ + knowledge.unknown);
	return knowledge;
}

/* What a call was about: one key never stands for two of them. */
static void keys_are_never_given_out_twice(void)
{
	struct reply *calls =
		must(say(&(struct saying){.method = "GET",
					  .url = text("%s/_control/calls", suite_platform()),
					  .timeout_ms = 60000}),
		     200);
	const char *path = text("%s/calls", servers_directory());
	FILE *file = fopen(path, "we");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(calls->body, 1, calls->len, file), calls->len);
	fclose(file);
	/* A mail's text may tell more than before; whom it is for and what it is stay. */
	ck_assert_int_eq(
		system(text("jq -e '[.data[] | select(.headers[\"idempotency-key\"]) | {key: "
			    ".headers[\"idempotency-key\"], what: [.method, .path, .body.to, "
			    ".body.template, .body.guestId, .body.amount]}] | (length > 20) and "
			    "(group_by(.key) | all(map(.what) | unique | length == 1))' '%s' "
			    ">/dev/null",
			    path)),
		0);
}

/* --- the drill ------------------------------------------------------------------------------- */

static void begin(void)
{
	servers_start_private();
	archive("on", text("%d", servers_port(SERVER_POSTGRES)));
	servers_restart_postgres(false);
	suite_begin(SUITE_ALL);
}

static void end(void)
{
	suite_end();
	servers_stop();
}

/* Registrations that the restored database will not know. Their jobs stay in Redis, undone. */
static void register_late(void)
{
	ck_assert_int_eq(corectl("queue pause send-email"), 0);
	ck_assert_int_eq(corectl("queue pause generate-ticket-pdf"), 0);
	for (int i = 0; i < LATE; i++) {
		struct reply *paying;

		register_one(&load.free, 5000 + i, text("latefree%d", i));
		paying = register_one(&load.paid, 5000 + i, text("latepaid%d", i));
		if (i % 2)
			pay(intent_of(paying));
	}
}

static void nothing_acknowledged_is_lost(const char *kept)
{
	ck_assert_str_eq(sql("SELECT count(*) - (SELECT count(*) FROM guests WHERE id IN (%s)) "
			     "FROM unnest(ARRAY[%s])",
			     kept, kept),
			 "0");
	ck_assert_int_eq(sql_int("SELECT count(*) FROM guests WHERE email LIKE 'late%%'"), 0);
}

/* Redis was not restored: what it holds for rows that are gone does nothing, what it lacks is put.
 */
static void queues_run_empty(void)
{
	int64_t left = sql_int("SELECT count(*) FROM outbox WHERE state = 'sent'");

	ck_assert_int_eq(corectl("queue ls --json"), 0);
	ck_assert_msg(count(output, "\"ready\":0,") < count(output, "\"ready\""), "%s", output);
	ck_assert_int_eq(corectl("queue resume send-email"), 0);
	ck_assert_int_eq(corectl("queue resume generate-ticket-pdf"), 0);
	ck_assert_int_eq(corectl("queue rebuild"), 0);
	ck_assert(sql_becomes(SOON_MS, "0", "SELECT count(*) FROM outbox"));
	for (int64_t until = clock_monotonic_us() + SOON_MS * US_PER_MS;;) {
		ck_assert_int_eq(corectl("queue ls --json"), 0);
		if (count(output, "\"ready\":0,\"delayed\":0,") == count(output, "\"ready\""))
			break;
		ck_assert_msg(clock_monotonic_us() < until, "%s", output);
		clock_sleep_ms(50);
	}
	printf("drill: %lld jobs were done again\n", (long long)left);
}

/* A hold that was paid after the moment: at its end the payment service says so. */
static void paid_meanwhile_is_found(int64_t guest_id)
{
	ck_assert_str_eq(sql("SELECT status FROM guests WHERE id = %lld", (long long)guest_id),
			 "pending");
	sql("UPDATE payments SET expires_at = now() WHERE guest_id = %lld", (long long)guest_id);
	ck_assert(sql_becomes(
		SOON_MS, "confirmed",
		text("SELECT status FROM guests WHERE id = %lld", (long long)guest_id)));
}

START_TEST(restored_to_a_moment)
{
	const char *moment, *kept;
	struct reply *unpaid;
	struct knowledge knowledge;
	int64_t began_us;

	load_begin();
	load_goes_on(5);
	archive("base", text("%d", servers_port(SERVER_POSTGRES)));
	load_goes_on(5);
	unpaid = register_one(&load.paid, 4000, "unpaid");
	moment = note_moment(&kept);
	load_goes_on(5);
	load_end();
	pay(intent_of(unpaid));
	register_late();
	wait_archived();

	destroy();
	began_us = clock_monotonic_us();
	restore(moment);
	printf("drill: back at %s after %.1f s\n", moment,
	       (double)(clock_monotonic_us() - began_us) / 1e6);
	nothing_acknowledged_is_lost(kept);
	knowledge = compare_payments();
	ck_assert_int_ge(knowledge.differ, 1);
	ck_assert_int_ge(knowledge.unknown, LATE);
	printf("drill: payments: %d alike, %d paid since, %d unknown here\n", knowledge.agreed,
	       knowledge.differ, knowledge.unknown);

	suite_start(SUITE_API);
	suite_start(SUITE_TICKETS);
	suite_start(SUITE_EMAIL);
	printf("drill: serving after %.1f s\n", (double)(clock_monotonic_us() - began_us) / 1e6);
	queues_run_empty();
	paid_meanwhile_is_found(reply_int(unpaid, "data.id"));
	/* Ids that were given out before are given out again; keys are not. */
	register_late();
	queues_run_empty();
	keys_are_never_given_out_twice();
	ck_assert(audit_clean());
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("restore drill");
	TCase *tc = tcase_create("restore");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_set_timeout(tc, 300);
	tcase_add_test(tc, restored_to_a_moment);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
