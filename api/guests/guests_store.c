#include "api/guests/guests_store.h"

#include <string.h>

#include "api/payments/refunds_store.h"
#include "api/search.h"
#include "common/clock.h"
#include "sql_api.h"

/* --- reading --------------------------------------------------------------------------------- */

/* Where in the result things are: looked up once, not for each row. */
struct guest_columns {
	struct pg_map guest, ticket, payment;
	size_t edit_version, registered_by, status_before, ticket_id, payment_id;
};

static struct guest_columns guest_columns(const struct pg_result *result)
{
	struct guest_columns columns = {
		.edit_version = pg_column(result, "edit_version"),
		.registered_by = pg_column(result, "registered_by"),
		.status_before = pg_column(result, "status_before"),
		.ticket_id = pg_column(result, "ticket_id"),
		.payment_id = pg_column(result, "payment_id"),
	};

	pg_map(result, "", &guest_schema, &columns.guest);
	pg_map(result, "ticket_", &guest_ticket_schema, &columns.ticket);
	pg_map(result, "payment_", &payment_schema, &columns.payment);
	return columns;
}

static struct guest_ticket *read_ticket(const struct pg_result *result, size_t row,
					const struct guest_columns *columns, struct arena *arena)
{
	struct guest_ticket *ticket;

	if (pg_is_null(result, row, columns->ticket_id))
		return NULL;
	ticket = ARENA_NEW(arena, struct guest_ticket);
	pg_scan_mapped(result, row, &columns->ticket, arena, ticket);
	return ticket;
}

static int name_index(const char *const *names, const char *name)
{
	for (int i = 0; name && names[i]; i++)
		if (!strcmp(names[i], name))
			return i;
	return -1;
}

/* The newest payment; nothing for staff, who are not concerned by money. */
static struct payment_out *read_payment(const struct request *req, const struct pg_result *result,
					size_t row, const struct guest_columns *columns)
{
	unsigned seers = WHO_ADMIN | WHO_ORGANIZER | WHO_REGISTRANT;
	struct payment_out *payment;

	if (!(req->access.who & seers) || pg_is_null(result, row, columns->payment_id))
		return NULL;
	payment = ARENA_NEW(req->arena, struct payment_out);
	pg_scan_mapped(result, row, &columns->payment, req->arena, payment);
	payment_hide_secret(payment, req);
	return payment;
}

static void read_guest(const struct request *req, const struct pg_result *result, size_t row,
		       const struct guest_columns *columns, struct guest *ret)
{
	pg_scan_mapped(result, row, &columns->guest, req->arena, ret);
	ret->edit_version = pg_i64(result, row, columns->edit_version);
	ret->registered_by = pg_i64(result, row, columns->registered_by);
	ret->status_before =
		name_index(guest_status_names, pg_text(result, row, columns->status_before));
	ret->ticket = read_ticket(result, row, columns, req->arena);
	ret->payment = read_payment(req, result, row, columns);
}

enum status guest_load(struct request *req, int64_t guest_id, struct guest *ret,
		       struct problem *err)
{
	PG_RESULT result = NULL;
	struct guest_columns columns;
	enum status status;

	status = request_query(req, &sql_guest_get, PG_ARGS(PG_I64(guest_id)), &result, err);
	if (status)
		return status;
	if (!pg_rows(result))
		return problem_set(err, ST_NOT_FOUND, "There is no such guest");
	columns = guest_columns(result);
	read_guest(req, result, 0, &columns, ret);
	return refunds_attach(req, &ret->payment, 1, err);
}

/* --- lists ----------------------------------------------------------------------------------- */

static const char *name_or_null(const char *const *names, int index)
{
	return index < 0 ? NULL : names[index];
}

/* What guests_filtered, and guests_count without the page, are asked; guests_list: up to FILTERS.
 */
enum {
	ASK_EVENT,
	ASK_AFTER_AT,
	ASK_AFTER_ID,
	ASK_LIMIT,
	ASK_OFFSET,
	ASK_STATUS,
	FILTERS = ASK_STATUS,
	ASK_TYPE,
	ASK_TICKET_TYPE,
	ASK_PATTERN,
	ASK_COUNT,
};

static enum status count_all(struct request *req, const struct pg_param *params, int64_t *ret_total,
			     struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status =
		request_query(req, &sql_guests_count,
			      PG_ARGS(params[ASK_EVENT], params[ASK_STATUS], params[ASK_TYPE],
				      params[ASK_TICKET_TYPE], params[ASK_PATTERN]),
			      &result, err);

	if (!status)
		*ret_total = pg_i64(result, 0, 0);
	return status;
}

static enum status ask_page(struct request *req, const struct guest_list_query *query,
			    const struct page *page, struct pg_result **ret_result,
			    int64_t *ret_total, struct problem *err)
{
	bool filtered =
		query->status >= 0 || query->type >= 0 || query->ticket_type_id || query->search;
	int64_t after_us = TIME_NONE;
	enum status status = page_after_time(req, page, &after_us, err);
	const struct pg_param params[ASK_COUNT] = {
		[ASK_EVENT] = PG_I64(req->access.event_id),
		[ASK_AFTER_AT] = PG_TIME(after_us),
		[ASK_AFTER_ID] = PG_ID(page->after_id),
		[ASK_LIMIT] = PG_I64(page_fetch(page)),
		[ASK_OFFSET] = PG_I64(page->offset),
		[ASK_STATUS] = PG_TEXT(name_or_null(guest_status_names, query->status)),
		[ASK_TYPE] = PG_TEXT(name_or_null(guest_type_names, query->type)),
		[ASK_TICKET_TYPE] = PG_ID(query->ticket_type_id),
		[ASK_PATTERN] = PG_TEXT(search_pattern(req->arena, query->search)),
	};

	if (!status)
		status = request_query(req, filtered ? &sql_guests_filtered : &sql_guests_list,
				       params, filtered ? ASK_COUNT : FILTERS, ret_result, err);
	if (!status && page->page)
		status = count_all(req, params, ret_total, err);
	return status;
}

enum status guests_page(struct request *req, const struct guest_list_query *query,
			const struct page *page, struct field_array *ret_rows, int64_t *ret_total,
			struct problem *err)
{
	PG_RESULT result = NULL;
	struct guest_columns columns;
	struct payment_out **payments;
	struct guest *guests;
	enum status status = ask_page(req, query, page, &result, ret_total, err);

	if (status)
		return status;
	columns = guest_columns(result);
	guests = arena_calloc(req->arena, pg_rows(result), sizeof(*guests));
	payments = arena_calloc(req->arena, pg_rows(result), sizeof(void *));
	for (size_t i = 0; i < pg_rows(result); i++) {
		read_guest(req, result, i, &columns, &guests[i]);
		payments[i] = guests[i].payment;
	}
	*ret_rows = (struct field_array){guests, pg_rows(result)};
	return refunds_attach(req, payments, pg_rows(result), err);
}

/* --- locks ----------------------------------------------------------------------------------- */

static enum status take_locks(struct request *req, int64_t guest_id, unsigned flags,
			      struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status = OK;

	if (flags & LOCK_SEAT)
		status = request_query(req, &sql_event_lock, PG_ARGS(PG_I64(req->access.event_id)),
				       NULL, err);
	if (!status && flags & LOCK_SEAT)
		status = request_query(req, &sql_guest_lock_type, PG_ARGS(PG_I64(guest_id)), NULL,
				       err);
	if (!status)
		status = request_query(
			req, &sql_guest_lock,
			PG_ARGS(PG_I64(guest_id), PG_BOOL((flags & LOCK_DELETED) != 0)), &result,
			err);
	if (status)
		return status;
	if (!pg_rows(result))
		return problem_set(err, ST_NOT_FOUND, "There is no such guest");
	return request_query(req, &sql_guest_lock_below, PG_ARGS(PG_I64(guest_id)), NULL, err);
}

static void read_hidden(const struct pg_result *result, struct guest *guest)
{
	guest->edit_version = pg_i64(result, 0, pg_column(result, "edit_version"));
	guest->registered_by = pg_i64(result, 0, pg_column(result, "registered_by"));
	guest->status_before = name_index(guest_status_names,
					  pg_text(result, 0, pg_column(result, "status_before")));
}

static void read_locked(struct request *req, const struct pg_result *result,
			struct guest_locked *ret)
{
	struct guest_locked locked = {0};
	const char *ticket_status = pg_text(result, 0, pg_column(result, "ticket_status"));

	pg_scan(result, 0, &guest_schema, req->arena, &locked.guest);
	read_hidden(result, &locked.guest);
	locked.event_status =
		arena_strdup(req->arena, pg_text(result, 0, pg_column(result, "event_status")));
	locked.currency =
		arena_strdup(req->arena, pg_text(result, 0, pg_column(result, "currency")));
	locked.ticket_id = pg_i64(result, 0, pg_column(result, "ticket_id"));
	locked.ticket_status = ticket_status ? arena_strdup(req->arena, ticket_status) : NULL;
	locked.price = pg_money(result, 0, pg_column(result, "price"));
	locked.open_payment_id = pg_i64(result, 0, pg_column(result, "open_payment_id"));
	locked.deleted = pg_bool(result, 0, pg_column(result, "deleted"));
	locked.paid_amount = pg_money(result, 0, pg_column(result, "paid_amount"));
	*ret = locked;
}

enum status guest_lock(struct request *req, int64_t guest_id, unsigned flags,
		       struct guest_locked *ret, struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status = take_locks(req, guest_id, flags, err);

	if (!status)
		status = request_query(req, &sql_guest_read_locked, PG_ARGS(PG_I64(guest_id)),
				       &result, err);
	if (!status)
		read_locked(req, result, ret);
	return status;
}

/* --- changes --------------------------------------------------------------------------------- */

enum status guest_set_status(struct request *req, const struct guest_locked *locked,
			     enum guest_status to, struct problem *err)
{
	return request_query(req, &sql_guest_set_status,
			     PG_ARGS(PG_I64(locked->guest.id), PG_TEXT(guest_status_names[to])),
			     NULL, err);
}

enum status guest_move_seat(struct request *req, const struct guest_locked *locked, int seats,
			    struct problem *err)
{
	return request_query(req, &sql_guest_move_seat,
			     PG_ARGS(PG_I64(locked->guest.event_id),
				     PG_ID(locked->guest.ticket_type_id), PG_I64(seats)),
			     NULL, err);
}

enum status guest_may_return(struct request *req, int64_t guest_id, bool *ret_may,
			     struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status =
		request_query(req, &sql_guest_may_return, PG_ARGS(PG_I64(guest_id)), &result, err);

	if (!status)
		*ret_may = pg_rows(result) == 1;
	return status;
}

enum status guest_mark_deleted(struct request *req, int64_t guest_id, struct problem *err)
{
	return request_query(req, &sql_guest_mark_deleted, PG_ARGS(PG_I64(guest_id)), NULL, err);
}

enum status guest_make_ticket(struct request *req, const struct guest_locked *locked,
			      struct problem *err)
{
	PG_RESULT result = NULL;
	char code[TICKET_CODE_SIZE];
	enum status status;

	if (!locked->guest.ticket_type_id)
		return OK;
	ids_code("EVT", code);
	status = request_query(req, &sql_ticket_make,
			       PG_ARGS(PG_I64(locked->guest.event_id), PG_I64(locked->guest.id),
				       PG_I64(locked->guest.ticket_type_id), PG_TEXT(code)),
			       &result, err);
	if (status)
		return status;
	return request_job(req, "generate-ticket-pdf", pg_i64(result, 0, 0), err);
}

enum status guest_cancel_ticket(struct request *req, int64_t ticket_id, struct problem *err)
{
	return request_query(req, &sql_ticket_cancel, PG_ARGS(PG_I64(ticket_id)), NULL, err);
}

enum status guest_remake_ticket(struct request *req, int64_t ticket_id, struct problem *err)
{
	enum status status =
		request_query(req, &sql_ticket_remake, PG_ARGS(PG_I64(ticket_id)), NULL, err);

	return status ? status : request_job(req, "generate-ticket-pdf", ticket_id, err);
}

enum status guest_notify(struct request *req, const struct guest *guest, const char *kind,
			 int64_t cause_id, struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status;

	status = request_query(req, &sql_notification_put,
			       PG_ARGS(PG_TEXT(kind), PG_I64(guest->event_id), PG_I64(guest->id),
				       PG_I64(cause_id)),
			       &result, err);
	if (status || !pg_rows(result))
		return status;
	return request_job(req, "send-email", pg_i64(result, 0, 0), err);
}

enum status guest_count(struct request *req, const struct guest *guest, int64_t at,
			const char *kind, int n, int64_t amount, struct problem *err)
{
	return request_query(req, &sql_statistics_delta,
			     PG_ARGS(PG_I64(guest->event_id), PG_ID(guest->ticket_type_id),
				     PG_TIME(at), PG_TEXT(kind), PG_I64(n), PG_MONEY(amount)),
			     NULL, err);
}

enum status guest_update(struct request *req, const struct guest *guest, struct problem *err)
{
	enum status status;

	status =
		request_query(req, &sql_guest_update,
			      PG_ARGS(PG_I64(guest->id), PG_TEXT(guest->first_name),
				      PG_TEXT(guest->last_name), PG_TEXT(guest->email),
				      PG_TEXT(guest->phone), PG_TEXT(guest_type_names[guest->type]),
				      PG_TEXT(locale_names[guest->locale])),
			      NULL, err);
	if (status && !strcmp(pg_constraint(req->conn), "uq_guests_email_event"))
		return problem_set(err, ST_ALREADY_REGISTERED,
				   "This address is registered for the event already");
	return status;
}
