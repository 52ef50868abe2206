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

enum status mail_load(struct pg_pool *pool, struct arena *arena, int64_t id, struct mail **ret,
		      struct problem *err)
{
	PG_LEASED conn = NULL;
	PG_RESULT rows = NULL;
	enum status status = pg_lease(pool, &conn, err);
	if (status == OK)
		status = pg_query(conn, &sql_mail_load, PG_ARGS(PG_I64(id)), &rows, err);
	if (status != OK)
		return status;
	struct mail *mail = NULL;
	if (pg_rows(rows) > 0) {
		mail = ARENA_NEW(arena, struct mail);
		pg_scan(rows, 0, &mail_schema, arena, mail);
	}
	*ret = mail;
	return OK;
}

static enum status settle(struct pg_conn *conn, const struct mail *mail, const struct job *job,
			  const struct mail_outcome *outcome, struct problem *err)
{
	if (!mail)
		return OK;
	return pg_query(conn, &sql_mail_settle,
			PG_ARGS(PG_I64(mail->id), PG_TEXT(outcome->status),
				PG_I64(outcome->attempts), PG_TEXT(outcome->error),
				PG_TEXT(outcome->service_id), PG_TEXT(job->id),
				PG_I64(job->deliveries)),
			NULL, err);
}

enum status mail_complete(struct pg_pool *pool, const struct mail *mail, const struct job *job,
			  const struct mail_outcome *outcome, struct problem *err)
{
	PG_LEASED conn = NULL;
	bool ours = false;
	enum status status = pg_lease(pool, &conn, err);
	if (status == OK)
		status = pg_begin(conn, err);
	if (status == OK)
		status = settle(conn, mail, job, outcome, err);
	CRASH_POINT("mail.settled");
	if (status == OK)
		status = queue_complete(conn, job, 1, &ours, err);
	if (status == OK && !ours)
		status = problem_set(err, ST_JOB_LOST, "the job went to another worker");
	if (status == OK)
		status = pg_commit(conn, err);
	return status;
}

enum status mail_record_failure(struct pg_pool *pool, const struct mail *mail,
				const struct job *job, const struct mail_outcome *outcome,
				struct problem *err)
{
	PG_LEASED conn = NULL;
	enum status status = pg_lease(pool, &conn, err);
	if (status == OK)
		status = settle(conn, mail, job, outcome, err);
	return status;
}
