#include "worker-email/mail.h"

#include "common/crash_point.h"
#include "sql_email.h"

#define MAIL(name, type, member)                                                                   \
	{                                                                                          \
		name, type, 0, offsetof(struct mail, member), 0, 0, NULL, NULL, NULL               \
	}
static const struct field mail_fields[] = {
	MAIL("id", FIELD_ID, id),
	MAIL("kind", FIELD_STRING, kind),
	MAIL("status", FIELD_STRING, status),
	MAIL("causeId", FIELD_INT, cause_id),
	MAIL("guestId", FIELD_ID, guest_id),
	MAIL("email", FIELD_STRING, email),
	MAIL("guestName", FIELD_STRING, guest_name),
	MAIL("locale", FIELD_STRING, locale),
	MAIL("guestStatus", FIELD_STRING, guest_status),
	MAIL("eventTitle", FIELD_STRING, event_title),
	MAIL("location", FIELD_STRING, location),
	MAIL("eventStatus", FIELD_STRING, event_status),
	MAIL("changeSeq", FIELD_INT, change_seq),
	MAIL("timeZone", FIELD_STRING, time_zone),
	MAIL("eventDate", FIELD_STRING, event_date),
	MAIL("putAt", FIELD_STRING, put_at),
	MAIL("startsAt", FIELD_STRING, starts_at),
	MAIL("endsAt", FIELD_STRING, ends_at),
	MAIL("organizerEmail", FIELD_STRING, organizer_email),
	MAIL("organizerName", FIELD_STRING, organizer_name),
	MAIL("ticketId", FIELD_ID, ticket_id),
	MAIL("ticketCode", FIELD_STRING, ticket_code),
	MAIL("issue", FIELD_INT, issue),
	MAIL("ticketStatus", FIELD_STRING, ticket_status),
	MAIL("ticketType", FIELD_STRING, ticket_type),
	MAIL("paymentStatus", FIELD_STRING, payment_status),
	MAIL("payUntil", FIELD_STRING, pay_until),
	MAIL("payOver", FIELD_BOOL, pay_over),
	MAIL("amount", FIELD_MONEY, amount),
	MAIL("currency", FIELD_STRING, currency),
};
static const struct schema mail_schema = SCHEMA(mail_fields, struct mail);

static size_t find_row(const struct pg_result *rows, int64_t id)
{
	size_t row = 0;

	while (row < pg_rows(rows) && pg_i64(rows, row, 0) != id)
		row++;
	return row;
}

enum status mail_load(struct pg_pool *pool, struct arena *arena, const struct job *jobs,
		      size_t count, struct mail **ret, struct problem *err)
{
	PG_LEASED conn = NULL;
	PG_RESULT rows = NULL;
	int64_t *ids = arena_calloc(arena, count, sizeof(*ids));
	enum status status = pg_lease(pool, &conn, err);

	for (size_t i = 0; i < count; i++)
		ids[i] = jobs[i].subject_id;
	if (status == OK)
		status = pg_query(conn, &sql_mail_load, PG_ARGS(PG_I64_ARRAY(ids, count)), &rows,
				  err);
	if (status != OK)
		return status;
	for (size_t i = 0; i < count; i++) {
		size_t row = find_row(rows, ids[i]);

		ret[i] = row < pg_rows(rows) ? ARENA_NEW(arena, struct mail) : NULL;
		if (ret[i])
			pg_scan(rows, row, &mail_schema, arena, ret[i]);
	}
	return OK;
}

/* --- what became of them ---------------------------------------------------------------------- */

static enum status settle(struct pg_conn *conn, struct arena *arena,
			  const struct mail_ending *endings, size_t count, struct problem *err)
{
	int64_t *ids = arena_calloc(arena, count, sizeof(*ids));
	int64_t *attempts = arena_calloc(arena, count, sizeof(*attempts));
	int64_t *deliveries = arena_calloc(arena, count, sizeof(*deliveries));
	const char **statuses = arena_calloc(arena, count, sizeof(*statuses));
	const char **errors = arena_calloc(arena, count, sizeof(*errors));
	const char **service_ids = arena_calloc(arena, count, sizeof(*service_ids));
	const char **jobs = arena_calloc(arena, count, sizeof(*jobs));
	size_t n = 0;

	for (const struct mail_ending *e = endings; e < endings + count; e++) {
		if (!e->mail)
			continue;
		ids[n] = e->mail->id;
		attempts[n] = e->outcome.attempts;
		deliveries[n] = e->job->deliveries;
		statuses[n] = e->outcome.status;
		errors[n] = e->outcome.error;
		service_ids[n] = e->outcome.service_id;
		jobs[n++] = e->job->id;
	}
	if (!n)
		return OK;
	return pg_query(conn, &sql_mail_settle,
			PG_ARGS(PG_I64_ARRAY(ids, n), PG_TEXT_ARRAY(statuses, n),
				PG_I64_ARRAY(attempts, n), PG_TEXT_ARRAY(errors, n),
				PG_TEXT_ARRAY(service_ids, n), PG_TEXT_ARRAY(jobs, n),
				PG_I64_ARRAY(deliveries, n)),
			NULL, err);
}

static enum status complete(struct pg_conn *conn, struct arena *arena, struct mail_ending *endings,
			    size_t count, struct problem *err)
{
	struct job *jobs = arena_calloc(arena, count, sizeof(*jobs));
	bool *ours = arena_calloc(arena, count, sizeof(*ours));
	enum status status;

	for (size_t i = 0; i < count; i++)
		jobs[i] = *endings[i].job;
	status = queue_complete(conn, jobs, count, ours, err);
	for (size_t i = 0; i < count; i++)
		endings[i].ours = ours[i];
	return status;
}

enum status mail_complete(struct pg_pool *pool, struct arena *arena, struct mail_ending *endings,
			  size_t count, struct problem *err)
{
	PG_LEASED conn = NULL;
	enum status status = pg_lease(pool, &conn, err);

	if (status == OK)
		status = pg_begin(conn, err);
	if (status == OK)
		status = settle(conn, arena, endings, count, err);
	CRASH_POINT("mail.settled");
	if (status == OK)
		status = complete(conn, arena, endings, count, err);
	if (status == OK)
		status = pg_commit(conn, err);
	return status;
}

enum status mail_record_failure(struct pg_pool *pool, struct arena *arena, const struct mail *mail,
				const struct job *job, const struct mail_outcome *outcome,
				struct problem *err)
{
	const struct mail_ending ending = {.mail = mail, .job = job, .outcome = *outcome};
	PG_LEASED conn = NULL;
	enum status status = pg_lease(pool, &conn, err);

	if (status == OK)
		status = settle(conn, arena, &ending, 1, err);
	return status;
}
