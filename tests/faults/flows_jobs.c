/* Jobs on their way: documents, mails, the queue between. */
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "tests/faults/crash.h"
#include "tests/support/aftermath.h"
#include "tests/support/servers.h"

enum { GUESTS = 3, DOWN_GUESTS = 8, LEASE_MS = 1200 };

#define NOTIFICATION "{\"service\":\"notification\",\"behaviour\":"

static void register_some(struct crash_run *run)
{
	run->shop = shop_open(100, "0", 100);
	ck_assert_int_eq(register_many(&run->shop, "g", GUESTS), GUESTS);
}

static void some_are_served(struct crash_run *run)
{
	(void)run;
	all_served(GUESTS);
}

/* --- documents -------------------------------------------------------------------------------- */

const struct crash_flow flow_document = {
	.name = "documents",
	.part = SUITE_TICKETS,
	.prepare = register_some,
	.again = some_are_served,
};

/* A worker that ended left a job, which another takes over when the lease is over. */
static void leave_a_job(struct crash_run *run, const char *label)
{
	register_some(run);
	crash_arm(SUITE_TICKETS, label, 1);
	crash_happens(SUITE_TICKETS, label);
	clock_sleep_ms(LEASE_MS);
}

static void leave_unfinished(struct crash_run *run)
{
	leave_a_job(run, "ticket.loaded");
}

const struct crash_flow flow_document_reclaimed = {
	.name = "documents of a worker that ended",
	.part = SUITE_TICKETS,
	.prepare = leave_unfinished,
	.again = some_are_served,
};

static void leave_finished(struct crash_run *run)
{
	leave_a_job(run, "queue.finishing");
}

const struct crash_flow flow_document_gone = {
	.name = "jobs that were done and not acknowledged",
	.part = SUITE_TICKETS,
	.prepare = leave_finished,
	.again = some_are_served,
};

/* --- documents in files ----------------------------------------------------------------------- */

static char directory[64];

static void keep_files(void)
{
	snprintf(directory, sizeof(directory), "/var/tmp/core-service-crash.XXXXXX");
	if (!mkdtemp(directory))
		fatal("no directory for documents");
	suite_set("DOCUMENTS_URL", text("file://%s", directory));
	suite_set("DOCUMENTS_STRAY_S", "1");
}

static int count_files(void)
{
	FILE *files = popen(text("find %s -type f | wc -l", directory), "r");
	int count = -1;

	if (!files || fscanf(files, "%d", &count) != 1 || pclose(files))
		fatal("no count of the documents");
	return count;
}

/* Three files a ticket, and nothing beside them once what was left over is tidied away. */
static void files_are_served(struct crash_run *run)
{
	int64_t until = clock_monotonic_us() + CRASH_SETTLED_MS * US_PER_MS;

	(void)run;
	all_jobs_done();
	while (count_files() != 3 * GUESTS && clock_monotonic_us() < until)
		clock_sleep_ms(50);
	ck_assert_int_eq(count_files(), 3 * GUESTS);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM documents WHERE location IS NOT NULL"),
			 GUESTS);
	all_served(GUESTS);
}

static void forget_files(void)
{
	suite_kill(SUITE_TICKETS);
	if (system(text("rm -r %s", directory)))
		fatal("%s is left", directory);
}

const struct crash_flow flow_document_file = {
	.name = "documents in files",
	.part = SUITE_TICKETS,
	.settings = keep_files,
	.prepare = register_some,
	.again = files_are_served,
	.over = forget_files,
};

static void rename_all(struct crash_run *run)
{
	register_some(run);
	all_jobs_done();
	suite_kill(SUITE_TICKETS);
	must(api_patch(token_organizer(),
		       text("/api/events/%lld/guests/%lld", (long long)run->shop.event_id,
			    (long long)sql_int("SELECT min(id) FROM guests")),
		       "{\"firstName\":\"Other\"}"),
	     200);
}

const struct crash_flow flow_document_replaced = {
	.name = "a document in files that is replaced",
	.part = SUITE_TICKETS,
	.settings = keep_files,
	.prepare = rename_all,
	.again = files_are_served,
	.over = forget_files,
};

static void leave_a_temporary(struct crash_run *run)
{
	leave_a_job(run, "ticket.temporary-written");
	clock_sleep_ms(LEASE_MS);
}

const struct crash_flow flow_document_tidied = {
	.name = "files that a worker left behind",
	.part = SUITE_TICKETS,
	.settings = keep_files,
	.prepare = leave_a_temporary,
	.again = files_are_served,
	.over = forget_files,
};

/* --- mails ------------------------------------------------------------------------------------ */

/* Without a ticket type the one mail is put by the registration. */
static void register_plainly(struct crash_run *run, int guests)
{
	run->shop = shop_open(100, "0", 100);
	for (int i = 0; i < guests; i++)
		must(api_post(token_user(),
			      text("/api/events/%lld/guests", (long long)run->shop.event_id),
			      "{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":\"g%d@example."
			      "com\"}",
			      i),
		     201);
}

static void plain_guests(struct crash_run *run)
{
	register_plainly(run, GUESTS);
}

static void mails_are_sent(int count)
{
	becomes("0", "SELECT count(*) FROM outbox");
	ck_assert_int_eq(mails_made(), count);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM notifications WHERE status = 'sent'"),
			 count);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM notifications"), count);
}

static void some_mails_are_sent(struct crash_run *run)
{
	(void)run;
	mails_are_sent(GUESTS);
}

const struct crash_flow flow_mail = {
	.name = "mails",
	.part = SUITE_EMAIL,
	.prepare = plain_guests,
	.again = some_mails_are_sent,
};

static void service_fails_once(struct crash_run *run)
{
	plain_guests(run);
	platform_script(NOTIFICATION "\"status\",\"status\":500,\"times\":1}");
}

const struct crash_flow flow_mail_failing = {
	.name = "mails of which one fails",
	.part = SUITE_EMAIL,
	.prepare = service_fails_once,
	.again = some_mails_are_sent,
};

/* Delayed by a worker that is gone: the API makes it due. */
static void wait_for_later(void)
{
	suite_set("MAIL_RETRY_DELAYS", "3,3");
}

static void one_waits(struct crash_run *run)
{
	register_plainly(run, 1);
	platform_script(NOTIFICATION "\"status\",\"status\":500,\"times\":1}");
	suite_start(SUITE_EMAIL);
	becomes("1", "SELECT attempts FROM outbox");
	becomes("t", "SELECT next_at > now() FROM outbox");
	suite_stop(SUITE_EMAIL);
}

static void one_mail_is_sent(struct crash_run *run)
{
	(void)run;
	if (!suite_pid(SUITE_EMAIL))
		suite_start(SUITE_EMAIL);
	mails_are_sent(1);
}

const struct crash_flow flow_mail_due = {
	.name = "a mail that becomes due",
	.part = SUITE_API,
	.settings = wait_for_later,
	.prepare = one_waits,
	.again = one_mail_is_sent,
};

static void service_refuses(struct crash_run *run)
{
	register_plainly(run, 1);
	platform_script(NOTIFICATION "\"status\",\"status\":400}");
}

static void is_sent_when_kicked(struct crash_run *run)
{
	const char *output;

	becomes("dead", "SELECT state FROM outbox");
	platform_script(NOTIFICATION "\"ok\"}");
	ck_assert_int_eq(suite_ask_corectl(&output, "queue kick --all"), 0);
	one_mail_is_sent(run);
}

const struct crash_flow flow_mail_refused = {
	.name = "a mail that is refused",
	.part = SUITE_EMAIL,
	.prepare = service_refuses,
	.again = is_sent_when_kicked,
};

static void service_is_down(struct crash_run *run)
{
	register_plainly(run, DOWN_GUESTS);
	platform_script(NOTIFICATION "\"status\",\"status\":503}");
}

static void all_mails_are_sent(struct crash_run *run)
{
	(void)run;
	platform_script(NOTIFICATION "\"ok\"}");
	mails_are_sent(DOWN_GUESTS);
}

const struct crash_flow flow_mail_down = {
	.name = "mails while their service is down",
	.part = SUITE_EMAIL,
	.prepare = service_is_down,
	.again = all_mails_are_sent,
};

static void cancel_before(struct crash_run *run)
{
	register_plainly(run, 1);
	must(api_post(token_user(),
		      text("/api/events/%lld/guests/%lld/cancel", (long long)run->shop.event_id,
			   (long long)sql_int("SELECT id FROM guests")),
		      NULL),
	     200);
}

static void one_is_dropped(struct crash_run *run)
{
	(void)run;
	becomes("0", "SELECT count(*) FROM outbox");
	ck_assert_int_eq(mails_made(), 1);
	ck_assert_str_eq(sql("SELECT string_agg(kind || ' ' || status, ', ' ORDER BY id) FROM "
			     "notifications"),
			 "registration-confirmed dropped, registration-cancelled sent");
}

const struct crash_flow flow_mail_overtaken = {
	.name = "a mail that is overtaken",
	.part = SUITE_EMAIL,
	.prepare = cancel_before,
	.again = one_is_dropped,
};

/* --- the queue lost --------------------------------------------------------------------------- */

static void redis_is_emptied(struct crash_run *run)
{
	register_some(run);
	suite_kill(SUITE_API);
	servers_flush_redis();
	crash_hurry();
}

const struct crash_flow flow_redis_lost = {
	.name = "jobs that Redis lost",
	.part = SUITE_API,
	.prepare = redis_is_emptied,
	.again = some_are_served,
};

/* --- by hand ---------------------------------------------------------------------------------- */

static void bury_one(struct crash_run *run)
{
	service_refuses(run);
	suite_start(SUITE_EMAIL);
	becomes("dead", "SELECT state FROM outbox");
	platform_script(NOTIFICATION "\"ok\"}");
}

static void kick(struct crash_run *run)
{
	crash_corectl(run, "queue kick --all");
}

static void comes_again(struct crash_run *run)
{
	const char *output;

	ck_assert_int_eq(suite_ask_corectl(&output, "outbox put"), 0);
	one_mail_is_sent(run);
}

const struct crash_flow flow_ctl_kick = {
	.name = "corectl queue kick",
	.prepare = bury_one,
	.act = kick,
	.again = comes_again,
};
