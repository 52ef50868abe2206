#include "api/guests/guests_store.h"

#include <string.h>

#include "api/payments/refunds_store.h"
#include "api/search.h"
#include "common/clock.h"
#include "sql_api.h"

/* --- reading --------------------------------------------------------------------------------- */

static struct guest_ticket *read_ticket(const struct pg_result *result, size_t row,
					struct arena *arena)
{
	struct guest_ticket *ticket;

	if (pg_is_null(result, row, pg_column(result, "ticket_id")))
		return NULL;
	ticket = ARENA_NEW(arena, struct guest_ticket);
	pg_scan_part(result, row, "ticket_", &guest_ticket_schema, arena, ticket);
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
					size_t row)
{
	unsigned seers = WHO_ADMIN | WHO_ORGANIZER | WHO_REGISTRANT;
	struct payment_out *payment;

	if (!(req->access.who & seers) || pg_is_null(result, row, pg_column(result, "payment_id")))
		return NULL;
	payment = ARENA_NEW(req->arena, struct payment_out);
	pg_scan_part(result, row, "payment_", &payment_schema, req->arena, payment);
	payment_hide_secret(payment, req);
	return payment;
}

static void read_hidden(const struct pg_result *result, size_t row, struct guest *guest)
{
	guest->edit_version = pg_i64(result, row, pg_column(result, "edit_version"));
	guest->registered_by = pg_i64(result, row, pg_column(result, "registered_by"));
	guest->status_before = name_index(guest_status_names,
					  pg_text(result, row, pg_column(result, "status_before")));
}

static void read_guest(const struct request *req, const struct pg_result *result, size_t row,
		       struct guest *ret)
{
	pg_scan(result, row, &guest_schema, req->arena, ret);
	read_hidden(result, row, ret);
	ret->ticket = read_ticket(result, row, req->arena);
	ret->payment = read_payment(req, result, row);
}

enum status guest_load(struct request *req, int64_t guest_id, struct guest *ret,
		       struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status;

	status = request_query(req, &sql_guest_get, PG_ARGS(PG_I64(guest_id)), &result, err);
	if (status)
		return status;
	if (!pg_rows(result))
		return problem_set(err, ST_NOT_FOUND, "There is no such guest");
	read_guest(req, result, 0, ret);
	return refunds_attach(req, &ret->payment, 1, err);
}

/* --- lists ----------------------------------------------------------------------------------- */

static const char *name_or_null(const char *const *names, int index)
{
	return index < 0 ? NULL : names[index];
}

static enum status count_all(struct request *req, const struct pg_param *filters,
			     int64_t *ret_total, struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status = request_query(req, &sql_guests_count, filters, 5, &result, err);

	if (!status)
		*ret_total = pg_i64(result, 0, 0);
	return status;
}

enum status guests_page(struct request *req, const struct guest_list_query *query,
			const struct page *page, struct field_array *ret_rows, int64_t *ret_total,
			struct problem *err)
{
	int64_t after_us = TIME_NONE;
	enum status status = page_after_time(req, page, &after_us, err);
	const struct pg_param params[] = {
		PG_I64(req->access.event_id),
		PG_TEXT(name_or_null(guest_status_names, query->status)),
		PG_TEXT(name_or_null(guest_type_names, query->type)),
		PG_ID(query->ticket_type_id),
		PG_TEXT(search_pattern(req->arena, query->search)),
		PG_TIME(after_us),
		PG_ID(page->after_id),
		PG_I64(page_fetch(page)),
		PG_I64(page->offset),
	};
	PG_RESULT result = NULL;
	struct payment_out **payments;
	struct guest *guests;

	if (!status)
		status = request_query(req, &sql_guests_list, params, ARRAY_LEN(params), &result,
				       err);
	if (!status && page->page)
		status = count_all(req, params, ret_total, err);
	if (status)
		return status;
	guests = arena_calloc(req->arena, pg_rows(result), sizeof(*guests));
	payments = arena_calloc(req->arena, pg_rows(result), sizeof(void *));
	for (size_t i = 0; i < pg_rows(result); i++) {
		read_guest(req, result, i, &guests[i]);
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

static void read_locked(struct request *req, const struct pg_result *result,
			struct guest_locked *ret)
{
	struct guest_locked locked = {0};
	const char *ticket_status = pg_text(result, 0, pg_column(result, "ticket_status"));

	pg_scan(result, 0, &guest_schema, req->arena, &locked.guest);
	read_hidden(result, 0, &locked.guest);
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
