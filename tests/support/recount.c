#include "tests/support/recount.h"

#include "common/pg.h"
#include "tests/support/suite.h"

static struct pg_conn *conn;

void recount_open(void)
{
	struct problem err = {0};

	if (pg_connect(suite_database(), &conn, &err))
		fatal("recount: %s", err.detail);
}

void recount_close(void)
{
	pg_return(&conn);
}

const char *recount_ask(const char *statement)
{
	PG_RESULT result = NULL;
	struct problem err = {0};

	if (pg_exec(conn, statement, PG_NO_ARGS, &result, &err))
		fatal("%s: %s", statement, err.detail);
	if (!pg_rows(result) || pg_is_null(result, 0, 0))
		return NULL;
	return text("%s", pg_text(result, 0, 0));
}

/* An expression: what was refunded of an event's revenue. */
static const char *refunds_between(int64_t event_id, const char *from, const char *to)
{
	return text("(SELECT coalesce(sum(r.amount), 0) FROM refunds r "
		    "JOIN payments p ON p.id = r.payment_id WHERE p.event_id = %lld "
		    "AND p.status = 'succeeded' AND r.status = 'done' "
		    "AND r.done_at >= %s AND r.done_at < %s)",
		    (long long)event_id, from, to);
}

const char *recount_state(int64_t event_id)
{
	long long event = event_id;

	return recount_ask(
		text("SELECT md5("
		     "coalesce((SELECT string_agg(g::text, '' ORDER BY id) FROM guests g "
		     "WHERE event_id = %lld), '') || "
		     "coalesce((SELECT string_agg(p::text, '' ORDER BY id) FROM payments p "
		     "WHERE event_id = %lld), ''))",
		     event, event));
}

const char *recount_period(int64_t event_id, const char *from)
{
	long long event = event_id;

	return recount_ask(text(
		"SELECT concat_ws(' ', count(*) FILTER (WHERE young), "
		"count(*) FILTER (WHERE young AND status IN ('confirmed', 'checked_in')), "
		"count(*) FILTER (WHERE checked_in_at >= %s), "
		"(SELECT concat_ws(' ', (coalesce(sum(amount), 0) * 100)::bigint, count(*)) "
		"FROM payments WHERE event_id = %lld AND status = 'succeeded' AND paid_at >= %s), "
		"(%s * 100)::bigint, "
		"round(count(*) FILTER (WHERE young AND status = 'checked_in') * 10000.0 "
		"/ greatest(1, count(*) FILTER (WHERE young)))) "
		"FROM (SELECT *, created_at >= %s AS young FROM guests "
		"WHERE event_id = %lld AND status <> 'cancelled') g",
		from, event, from, refunds_between(event, from, "'infinity'"), from, event));
}

const char *recount_types(int64_t event_id, const char *from)
{
	return recount_ask(text("SELECT string_agg(concat_ws(' ', y.id, y.name, "
				"(SELECT count(*) FROM guests g WHERE g.ticket_type_id = y.id "
				"AND g.status <> 'cancelled' AND g.created_at >= %s), "
				"(SELECT count(*) FROM tickets t WHERE t.ticket_type_id = y.id "
				"AND t.validated_at >= %s), y.quantity), ',' ORDER BY y.id) "
				"FROM ticket_types y WHERE y.event_id = %lld",
				from, from, (long long)event_id));
}

const char *recount_series(int64_t event_id, const char *answer)
{
	long long event = event_id;

	return recount_ask(text(
		"WITH b AS (SELECT s.*, lead(at, 1, (d->>'to')::timestamptz) OVER (ORDER BY at) AS "
		"ends FROM (SELECT ($json$%s$json$::json)->'data' AS d) x, "
		"json_to_recordset(d->'series') AS s (at timestamptz, registrations int, "
		"cancellations int, \"checkIns\" int, gross numeric, refunded numeric)) "
		"SELECT string_agg(b::text, ' ') FROM b WHERE registrations <> "
		"(SELECT count(*) FROM guests WHERE event_id = %lld "
		"AND created_at >= at AND created_at < ends) "
		"OR cancellations <> (SELECT count(*) FROM guests WHERE event_id = %lld "
		"AND cancelled_at >= at AND cancelled_at < ends) "
		"OR \"checkIns\" <> (SELECT count(*) FROM guests WHERE event_id = %lld "
		"AND checked_in_at >= at AND checked_in_at < ends) "
		"OR gross <> (SELECT coalesce(sum(amount), 0) FROM payments WHERE event_id = %lld "
		"AND status = 'succeeded' AND paid_at >= at AND paid_at < ends) OR refunded <> %s",
		answer, event, event, event, event, refunds_between(event, "at", "ends")));
}
