/* A guest who changes, leaves or comes in; his ticket. */
#include "tests/faults/crash.h"

static const char live_seats[] = "SELECT sum(current_attendees) FROM events";

static void open_free(struct crash_run *run)
{
	open_with_guest(run, "0");
}

/* --- leaving ---------------------------------------------------------------------------------- */

static void open_paid(struct crash_run *run)
{
	open_with_guest(run, "49.90");
}

static void cancel(struct crash_run *run)
{
	keyed(token_user(), text("%s/cancel", run->path), NULL);
}

static void has_left_once(struct crash_run *run)
{
	struct reply *reply = keyed_again(token_user(), text("%s/cancel", run->path), NULL, 200);

	ck_assert_str_eq(reply_text(reply, "data.status"), "cancelled");
	ck_assert_int_eq(sql_int(live_seats), 0);
	ck_assert_int_eq(sql_int("SELECT sold FROM ticket_types"), 0);
	becomes("1", "SELECT count(*) FROM refunds WHERE status = 'done'");
	ck_assert_int_eq(sql_int("SELECT count(*) FROM refunds"), 1);
	all_jobs_done();
	ck_assert_int_eq(sql_int("SELECT count(*) FROM notifications WHERE kind = "
				 "'registration-cancelled' AND status = 'sent'"),
			 1);
}

const struct crash_flow flow_guest_cancel = {
	.name = "a guest who cancels",
	.part = SUITE_API,
	.prepare = open_paid,
	.act = cancel,
	.again = has_left_once,
};

/* --- confirmed by hand ------------------------------------------------------------------------ */

static void open_unpaid(struct crash_run *run)
{
	open_with_unpaid(run, "49.90");
}

static void confirm(struct crash_run *run)
{
	keyed(token_organizer(), text("%s/confirm", run->path), NULL);
}

/* Paid on site: a ticket, and the intent is given up. */
static void is_confirmed_once(struct crash_run *run)
{
	struct reply *reply =
		keyed_again(token_organizer(), text("%s/confirm", run->path), NULL, 200);

	ck_assert_str_eq(reply_text(reply, "data.status"), "confirmed");
	ck_assert_int_eq(sql_int(live_seats), 1);
	becomes("0", "SELECT count(*) FROM payments WHERE void_at IS NOT NULL");
	ck_assert_int_eq(sql_int("SELECT count(*) FROM payments WHERE method = 'on_site' AND "
				 "status = 'succeeded'"),
			 1);
	ck_assert_int_eq(intents("cancelled"), 1);
	all_jobs_done();
	ck_assert_int_eq(sql_int("SELECT count(*) FROM tickets t JOIN documents d ON d.ticket_id = "
				 "t.id WHERE t.status = 'ready'"),
			 1);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM notifications WHERE kind = 'ticket-issued'"),
			 1);
}

const struct crash_flow flow_guest_confirm = {
	.name = "a guest who is confirmed by hand",
	.part = SUITE_API,
	.prepare = open_unpaid,
	.act = confirm,
	.again = is_confirmed_once,
};

static void remove_him(struct crash_run *run)
{
	api_delete(token_organizer(), "%s", run->path);
}

static void is_removed(struct crash_run *run)
{
	delete_again(run->path);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM guests WHERE deleted_at IS NULL"), 0);
	ck_assert_int_eq(sql_int(live_seats), 0);
	all_jobs_done();
	ck_assert_int_eq(
		sql_int("SELECT count(*) FROM notifications WHERE kind = 'registration-cancelled'"),
		1);
}

const struct crash_flow flow_guest_remove = {
	.name = "a guest who is deleted",
	.part = SUITE_API,
	.prepare = open_free,
	.act = remove_him,
	.again = is_removed,
};

/* --- changing --------------------------------------------------------------------------------- */

static void rename_him(struct crash_run *run)
{
	api_patch(token_organizer(), run->path, "{\"firstName\":\"Other\"}");
}

static void is_renamed(struct crash_run *run)
{
	must(api_patch(token_organizer(), run->path, "{\"firstName\":\"Other\"}"), 200);
	all_served(1);
	ck_assert_int_eq(sql_int("SELECT t.doc_version - d.doc_version FROM tickets t JOIN "
				 "documents d ON d.ticket_id = t.id"),
			 0);
	ck_assert_int_eq(sql_int("SELECT doc_version FROM tickets"), 2);
}

const struct crash_flow flow_guest_edit = {
	.name = "a guest who is renamed",
	.part = SUITE_API,
	.prepare = open_free,
	.act = rename_him,
	.again = is_renamed,
};

/* --- coming in -------------------------------------------------------------------------------- */

#define SCAN_ID "01890a5d-ac96-774b-bcce-b302099a8057"

static struct reply *scan_ticket(const struct crash_run *run)
{
	return api_post(token_organizer(), "/api/tickets/validate",
			"{\"ticketCode\":\"%s\",\"eventId\":%lld,\"scanId\":\"" SCAN_ID "\"}",
			run->code, (long long)run->shop.event_id);
}

static void scan(struct crash_run *run)
{
	scan_ticket(run);
}

static void is_in_once(void)
{
	ck_assert_str_eq(sql("SELECT status FROM guests"), "checked_in");
	ck_assert_int_eq(sql_int("SELECT count(*) FROM ticket_scans"), 1);
	ck_assert_str_eq(sql("SELECT outcome FROM ticket_scans"), "admitted");
}

static void is_admitted(struct crash_run *run)
{
	ck_assert(reply_true(must(scan_ticket(run), 200), "data.valid"));
	is_in_once();
}

const struct crash_flow flow_scan = {
	.name = "a scan",
	.part = SUITE_API,
	.prepare = open_free,
	.act = scan,
	.again = is_admitted,
};

static void check_in(struct crash_run *run)
{
	keyed(token_organizer(), text("%s/check-in", run->path), NULL);
}

static void is_checked_in(struct crash_run *run)
{
	keyed_again(token_organizer(), text("%s/check-in", run->path), NULL, 200);
	is_in_once();
}

const struct crash_flow flow_check_in = {
	.name = "a check-in by hand",
	.part = SUITE_API,
	.prepare = open_free,
	.act = check_in,
	.again = is_checked_in,
};

static void open_inside(struct crash_run *run)
{
	open_free(run);
	must(scan_ticket(run), 200);
}

static void undo(struct crash_run *run)
{
	api_delete(token_organizer(), "%s/check-in", run->path);
}

/* Asked again after it took effect it is refused: nobody is inside. */
static void is_outside(struct crash_run *run)
{
	struct reply *reply = api_delete(token_organizer(), "%s/check-in", run->path);

	if (reply->status != 409)
		must(reply, 204);
	ck_assert_str_eq(sql("SELECT status FROM guests"), "confirmed");
	ck_assert_int_eq(sql_int("SELECT count(*) FROM ticket_scans WHERE outcome = 'admitted' AND "
				 "undone"),
			 1);
}

const struct crash_flow flow_undo = {
	.name = "a check-in that is taken back",
	.part = SUITE_API,
	.prepare = open_inside,
	.act = undo,
	.again = is_outside,
};

/* --- a new code ------------------------------------------------------------------------------- */

static void reissue(struct crash_run *run)
{
	keyed(token_organizer(), text("/api/tickets/%lld/reissue", (long long)run->ticket_id),
	      NULL);
}

static void is_reissued_once(struct crash_run *run)
{
	struct reply *reply = keyed_again(
		token_organizer(), text("/api/tickets/%lld/reissue", (long long)run->ticket_id),
		NULL, 200);

	ck_assert_str_eq(reply_text(reply, "data.ticketCode"),
			 sql("SELECT ticket_code FROM tickets"));
	ck_assert_str_ne(reply_text(reply, "data.ticketCode"), run->code);
	ck_assert_int_eq(sql_int("SELECT issue FROM tickets"), 2);
	all_served(1);
}

const struct crash_flow flow_reissue = {
	.name = "a ticket with a new code",
	.part = SUITE_API,
	.prepare = open_free,
	.act = reissue,
	.again = is_reissued_once,
};
