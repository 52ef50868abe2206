/* Events, and what becomes of their guests with them. */
#include "common/clock.h"
#include "tests/faults/crash.h"

static const char mails_of_cancel[] =
	"SELECT count(*) FROM notifications WHERE kind = 'event-cancelled'";

static void open_event(struct crash_run *run)
{
	run->shop = shop_open(10, "0", 10);
	run->path = text("/api/events/%lld", (long long)run->shop.event_id);
}

/* --- made and published ----------------------------------------------------------------------- */

static const char event_body[] =
	"{\"title\":\"A play\",\"eventDate\":\"2099-01-01T20:00:00Z\",\"location\":\"The stage\","
	"\"maxAttendees\":10,\"ticketTypes\":[{\"name\":\"Standard\",\"price\":1,\"quantity\":5},"
	"{\"name\":\"Other\",\"price\":2,\"quantity\":5}]}";

static void create(struct crash_run *run)
{
	(void)run;
	keyed(token_organizer(), "/api/events", event_body);
}

static void is_created_once(struct crash_run *run)
{
	struct reply *reply = keyed_again(token_organizer(), "/api/events", event_body, 201);

	(void)run;
	ck_assert_int_eq(reply_int(reply, "data.id"), sql_int("SELECT id FROM events"));
	ck_assert_int_eq(sql_int("SELECT count(*) FROM events"), 1);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM ticket_types"), 2);
}

const struct crash_flow flow_event_create = {
	.name = "an event that is made",
	.part = SUITE_API,
	.act = create,
	.again = is_created_once,
};

static void create_draft(struct crash_run *run)
{
	struct reply *reply =
		must(api_post(token_organizer(), "/api/events", "%s", event_body), 201);

	run->path = text("/api/events/%lld/publish", (long long)reply_int(reply, "data.id"));
}

static void publish(struct crash_run *run)
{
	keyed(token_organizer(), run->path, NULL);
}

static void is_published(struct crash_run *run)
{
	struct reply *reply = keyed_again(token_organizer(), run->path, NULL, 200);

	ck_assert_str_eq(reply_text(reply, "data.status"), "published");
	ck_assert_str_eq(sql("SELECT status FROM events"), "published");
}

const struct crash_flow flow_event_publish = {
	.name = "an event that is published",
	.part = SUITE_API,
	.prepare = create_draft,
	.act = publish,
	.again = is_published,
};

/* --- changed ---------------------------------------------------------------------------------- */

static void open_with_document(struct crash_run *run)
{
	open_with_guest(run, "0");
	all_jobs_done();
	suite_kill(SUITE_TICKETS);
	suite_kill(SUITE_EMAIL);
	run->path = text("/api/events/%lld", (long long)run->shop.event_id);
}

static void move(struct crash_run *run)
{
	api_patch(token_organizer(), run->path, "{\"location\":\"Elsewhere\"}");
}

static void guests_know_once(struct crash_run *run)
{
	must(api_patch(token_organizer(), run->path, "{\"location\":\"Elsewhere\"}"), 200);
	becomes("1", "SELECT told_seq FROM events");
	becomes("t", "SELECT d.doc_version > 1 AND t.status = 'pending' OR t.doc_version > 1 FROM "
		     "tickets t JOIN documents d ON d.ticket_id = t.id");
	all_jobs_done();
	ck_assert_int_eq(sql_int("SELECT change_seq FROM events"), 1);
	ck_assert_int_eq(
		sql_int("SELECT count(*) FROM notifications WHERE kind = 'event-changed' AND "
			"status = 'sent'"),
		1);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM tickets t JOIN documents d ON d.ticket_id = "
				 "t.id AND d.doc_version = t.doc_version WHERE t.status = 'ready'"),
			 1);
}

const struct crash_flow flow_event_edit = {
	.name = "an event that moves",
	.part = SUITE_API,
	.prepare = open_with_document,
	.act = move,
	.again = guests_know_once,
};

/* --- cancelled -------------------------------------------------------------------------------- */

static void open_with_two(struct crash_run *run)
{
	open_with_guest(run, "49.90");
	must(api_post(token_user(), text("/api/events/%lld/guests", (long long)run->shop.event_id),
		      "{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":\"b@example.com\","
		      "\"ticketTypeId\":%lld}",
		      (long long)run->shop.type_id),
	     201);
	must(api_post(token_of(OTHER_USER, "user"),
		      text("/api/events/%lld/guests", (long long)run->shop.event_id),
		      "{\"firstName\":\"A\",\"lastName\":\"B\",\"email\":\"c@example.com\","
		      "\"ticketTypeId\":%lld}",
		      (long long)run->shop.type_id),
	     201);
	run->path = text("/api/events/%lld/cancel", (long long)run->shop.event_id);
}

static void cancel(struct crash_run *run)
{
	keyed(token_organizer(), run->path, NULL);
}

static void all_are_cancelled_once(struct crash_run *run)
{
	keyed_again(token_organizer(), run->path, NULL, 200);
	becomes("0", "SELECT count(*) FROM events WHERE cancel_after IS NOT NULL");
	ck_assert_int_eq(sql_int("SELECT count(*) FROM guests WHERE status = 'cancelled'"), 3);
	ck_assert_int_eq(sql_int("SELECT sum(current_attendees) FROM events"), 0);
	ck_assert_int_eq(sql_int(mails_of_cancel), 3);
	becomes("1", "SELECT count(*) FROM refunds WHERE status = 'done'");
	becomes("0", "SELECT count(*) FROM payments WHERE void_at IS NOT NULL");
	ck_assert_int_eq(sql_int("SELECT count(*) FROM refunds"), 1);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM payments WHERE refunded_amount = 49.90"), 1);
	all_jobs_done();
}

const struct crash_flow flow_event_cancel = {
	.name = "an event that is cancelled",
	.part = SUITE_API,
	.prepare = open_with_two,
	.act = cancel,
	.again = all_are_cancelled_once,
};

/* --- deleted ---------------------------------------------------------------------------------- */

static void create_only(struct crash_run *run)
{
	struct reply *reply =
		must(api_post(token_organizer(), "/api/events", "%s", event_body), 201);

	run->path = text("/api/events/%lld", (long long)reply_int(reply, "data.id"));
}

static void delete_it(struct crash_run *run)
{
	api_delete(token_organizer(), "%s", run->path);
}

static void is_gone(struct crash_run *run)
{
	delete_again(run->path);
	must(api_get(token_organizer(), "%s", run->path), 404);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM events WHERE deleted_at IS NULL"), 0);
}

const struct crash_flow flow_event_delete = {
	.name = "an event that is deleted",
	.part = SUITE_API,
	.prepare = create_only,
	.act = delete_it,
	.again = is_gone,
};

/* --- its ticket types and its staff ----------------------------------------------------------- */

static const char other_type[] = "{\"name\":\"Other\",\"price\":5,\"quantity\":3}";

static const char *types_of(const struct crash_run *run)
{
	return text("/api/events/%lld/ticket-types", (long long)run->shop.event_id);
}

static void add_type(struct crash_run *run)
{
	keyed(token_organizer(), types_of(run), other_type);
}

static void type_is_added_once(struct crash_run *run)
{
	struct reply *reply = keyed_again(token_organizer(), types_of(run), other_type, 201);

	ck_assert_int_eq(sql_int("SELECT count(*) FROM ticket_types WHERE event_id = %lld",
				 (long long)run->shop.event_id),
			 2);
	ck_assert_int_eq(sql_int("SELECT max(id) FROM ticket_types"), reply_int(reply, "data.id"));
}

const struct crash_flow flow_type_add = {
	.name = "a ticket type that is added",
	.part = SUITE_API,
	.prepare = open_event,
	.act = add_type,
	.again = type_is_added_once,
};

static void open_with_ticket(struct crash_run *run)
{
	open_with_document(run);
	run->path = text("%s/%lld", types_of(run), (long long)run->shop.type_id);
}

static void rename_type(struct crash_run *run)
{
	api_patch(token_organizer(), run->path, "{\"name\":\"Balcony\"}");
}

/* Its tickets show the name: each is made anew. */
static void type_is_renamed(struct crash_run *run)
{
	must(api_patch(token_organizer(), run->path, "{\"name\":\"Balcony\"}"), 200);
	ck_assert_str_eq(sql("SELECT name FROM ticket_types"), "Balcony");
	becomes("0", "SELECT count(*) FROM tickets t JOIN ticket_types y ON y.id = "
		     "t.ticket_type_id WHERE t.page_seq < y.page_seq AND t.status <> 'pending'");
	all_jobs_done();
	becomes("1", "SELECT count(*) FROM tickets t JOIN ticket_types y ON y.id = "
		     "t.ticket_type_id JOIN documents d ON d.ticket_id = t.id AND d.doc_version = "
		     "t.doc_version WHERE t.status = 'ready' AND t.page_seq = y.page_seq");
}

const struct crash_flow flow_type_edit = {
	.name = "a ticket type that is renamed",
	.part = SUITE_API,
	.prepare = open_with_ticket,
	.act = rename_type,
	.again = type_is_renamed,
};

static void open_with_other_type(struct crash_run *run)
{
	struct reply *reply;

	open_event(run);
	reply = must(api_post(token_organizer(), types_of(run), "%s", other_type), 201);
	run->path = text("%s/%lld", types_of(run), (long long)reply_int(reply, "data.id"));
}

static void type_is_gone(struct crash_run *run)
{
	delete_again(run->path);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM ticket_types WHERE deleted_at IS NULL"), 1);
}

const struct crash_flow flow_type_delete = {
	.name = "a ticket type that is deleted",
	.part = SUITE_API,
	.prepare = open_with_other_type,
	.act = delete_it,
	.again = type_is_gone,
};

static const char staff[] = "SELECT count(*) FROM event_staff";

static void open_for_staff(struct crash_run *run)
{
	open_event(run);
	run->path = text("%s/staff/%d", run->path, OTHER_USER);
}

static struct reply *add_him(struct crash_run *run)
{
	return api_send("PUT", token_organizer(), run->path, NULL, NULL);
}

static void add_staff(struct crash_run *run)
{
	add_him(run);
}

static void is_staff(struct crash_run *run)
{
	must(add_him(run), 204);
	ck_assert_int_eq(sql_int(staff), 1);
}

const struct crash_flow flow_staff_add = {
	.name = "a member of staff who is added",
	.part = SUITE_API,
	.prepare = open_for_staff,
	.act = add_staff,
	.again = is_staff,
};

static void open_with_staff(struct crash_run *run)
{
	open_for_staff(run);
	must(add_him(run), 204);
}

static void is_no_staff(struct crash_run *run)
{
	must(api_delete(token_organizer(), "%s", run->path), 204);
	ck_assert_int_eq(sql_int(staff), 0);
}

const struct crash_flow flow_staff_remove = {
	.name = "a member of staff who is removed",
	.part = SUITE_API,
	.prepare = open_with_staff,
	.act = delete_it,
	.again = is_no_staff,
};

/* --- by the clock ----------------------------------------------------------------------------- */

static void time_passes(struct crash_run *run)
{
	(void)run;
	sql("UPDATE events SET event_date = now() - interval '25 hours'");
}

static void is_over(struct crash_run *run)
{
	(void)run;
	becomes("completed", "SELECT status FROM events");
}

const struct crash_flow flow_event_clock = {
	.name = "an event's date",
	.part = SUITE_API,
	.prepare = open_event,
	.act = time_passes,
	.again = is_over,
};

/* A hold that was under way when its event ended. */
static void open_with_hold(struct crash_run *run)
{
	run->shop = shop_open(5, "49.90", 5);
	must(shop_register(&run->shop, token_user(), "guest"), 201);
}

static void ends_by_hand(struct crash_run *run)
{
	(void)run;
	sql("UPDATE events SET status = 'completed', event_date = now() - interval '1 day'");
}

static void hold_is_over(struct crash_run *run)
{
	(void)run;
	becomes("0", "SELECT sum(current_attendees) FROM events");
	becomes("0", "SELECT count(*) FROM payments WHERE void_at IS NOT NULL");
	ck_assert_str_eq(sql("SELECT status FROM payments"), "expired");
	ck_assert_int_eq(intents("cancelled"), 1);
}

const struct crash_flow flow_event_over = {
	.name = "a hold of an event that is over",
	.part = SUITE_API,
	.prepare = open_with_hold,
	.act = ends_by_hand,
	.again = hold_is_over,
};
