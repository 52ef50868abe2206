#include "api/payments/payments_store.h"

#include <string.h>

#include "common/clock.h"
#include "sql_api.h"

/* --- payments -------------------------------------------------------------------------------- */

enum status payment_close(struct request *req, int64_t payment_id, struct problem *err)
{
	return request_query(req, &sql_payment_close, PG_ARGS(PG_I64(payment_id)), NULL, err);
}

enum status payment_add_on_site(struct request *req, const struct guest_locked *locked,
				struct problem *err)
{
	char key[UUID_SIZE];

	ids_uuid4(key);
	return request_query(req, &sql_payment_add_on_site,
			     PG_ARGS(PG_I64(locked->guest.event_id), PG_I64(locked->guest.id),
				     PG_MONEY(locked->price), PG_TEXT(locked->currency),
				     PG_TEXT(key)),
			     NULL, err);
}

enum status payment_lock_intent(struct request *req, const char *intent_id, struct problem *err)
{
	return request_query(req, &sql_payment_lock_intent, PG_ARGS(PG_TEXT(intent_id)), NULL, err);
}

enum status payment_record_intent(struct request *req, int64_t payment_id, int64_t deadline_at,
				  const struct payment_intent *intent, bool *ret_recorded,
				  struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status;

	status =
		request_query(req, &sql_payment_record_intent,
			      PG_ARGS(PG_I64(payment_id), PG_TIME(deadline_at), PG_TEXT(intent->id),
				      PG_TEXT(intent->client_secret), PG_TIME(intent->expires_at)),
			      &result, err);
	if (!status)
		*ret_recorded = pg_affected(result) == 1;
	return status;
}

enum status payment_void_unrecorded(struct request *req, int64_t payment_id, const char *intent_id,
				    struct problem *err)
{
	return request_query(req, &sql_payment_void_unrecorded,
			     PG_ARGS(PG_I64(payment_id), PG_TEXT(intent_id)), NULL, err);
}

enum status payment_still_ours(struct request *req, int64_t payment_id, int64_t deadline_at,
			       bool *ret_ours, struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status =
		request_query(req, &sql_payment_still_ours,
			      PG_ARGS(PG_I64(payment_id), PG_TIME(deadline_at)), &result, err);

	if (!status)
		*ret_ours = pg_rows(result) == 1;
	return status;
}

static int payment_status(const char *name)
{
	int i = 0;

	while (strcmp(payment_status_names[i], name) != 0)
		i++;
	return i;
}

enum status payment_by_intent(struct request *req, const char *intent_id, struct payment_known *ret,
			      struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status = request_query(req, &sql_payment_by_intent, PG_ARGS(PG_TEXT(intent_id)),
					   &result, err);

	if (status)
		return status;
	*ret = (struct payment_known){0};
	if (!pg_rows(result))
		return OK;
	*ret = (struct payment_known){
		.id = pg_i64(result, 0, 0),
		.guest_id = pg_i64(result, 0, 1),
		.event_id = pg_i64(result, 0, 2),
		.amount = pg_money(result, 0, 3),
		.currency = arena_strdup(req->arena, pg_text(result, 0, 4)),
		.status = payment_status(pg_text(result, 0, 5)),
		.guest_cancelled = !strcmp(pg_text(result, 0, 6), "cancelled"),
	};
	return OK;
}

enum status payment_load(struct request *req, int64_t payment_id, struct payment_out *ret,
			 struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status =
		request_query(req, &sql_payment_get, PG_ARGS(PG_I64(payment_id)), &result, err);

	if (status)
		return status;
	if (!pg_rows(result))
		return problem_set(err, ST_NOT_FOUND, "There is no such payment");
	pg_scan(result, 0, &payment_schema, req->arena, ret);
	return OK;
}

enum status payment_set_succeeded(struct request *req, int64_t payment_id, struct problem *err)
{
	return request_query(req, &sql_payment_set_succeeded, PG_ARGS(PG_I64(payment_id)), NULL,
			     err);
}

enum status payment_set_failed(struct request *req, int64_t payment_id, struct problem *err)
{
	return request_query(req, &sql_payment_set_failed, PG_ARGS(PG_I64(payment_id)), NULL, err);
}

static struct pg_param money_or_null(int64_t amount)
{
	if (amount < 0)
		return PG_NULL;
	return PG_MONEY(amount);
}

enum status payment_set_disputed(struct request *req, int64_t payment_id,
				 const struct payment_message *message, struct problem *err)
{
	return request_query(req, &sql_payment_set_disputed,
			     PG_ARGS(PG_I64(payment_id), money_or_null(message->amount),
				     PG_TEXT(message->currency)),
			     NULL, err);
}

enum status payments_page(struct request *req, const struct page *page,
			  struct field_array *ret_rows, int64_t *ret_total, struct problem *err)
{
	PG_RESULT result = NULL;
	PG_RESULT total = NULL;
	int64_t after_us = TIME_NONE;
	enum status status = page_after_time(req, page, &after_us, err);

	if (!status)
		status = request_query(req, &sql_payments_list,
				       PG_ARGS(PG_I64(req->access.guest_id), PG_TIME(after_us),
					       PG_ID(page->after_id), PG_I64(page_fetch(page)),
					       PG_I64(page->offset)),
				       &result, err);
	if (!status && page->page)
		status = request_query(req, &sql_payments_count,
				       PG_ARGS(PG_I64(req->access.guest_id)), &total, err);
	if (status)
		return status;
	if (total)
		*ret_total = pg_i64(total, 0, 0);
	*ret_rows = pg_scan_all(result, &payment_schema, req->arena);
	return OK;
}

/* --- messages -------------------------------------------------------------------------------- */

enum status payment_message_put(struct request *req, const struct payment_message *message,
				bool *ret_new, struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status;

	status = request_query(req, &sql_payment_message_put,
			       PG_ARGS(PG_TEXT(message->webhook_id), PG_TEXT(message->type),
				       PG_TEXT(message->intent_id), money_or_null(message->amount),
				       PG_TEXT(message->currency), PG_TEXT(message->refund_id),
				       PG_TEXT(message->body)),
			       &result, err);
	if (!status)
		*ret_new = pg_affected(result) == 1;
	return status;
}

enum status payment_message_settle(struct request *req, const char *webhook_id, const char *state,
				   struct problem *err)
{
	return request_query(req, &sql_payment_message_settle,
			     PG_ARGS(PG_TEXT(webhook_id), PG_TEXT(state)), NULL, err);
}

static char *copy_or_null(struct arena *arena, const char *text)
{
	return text ? arena_strdup(arena, text) : NULL;
}

enum status payment_messages_waiting(struct request *req, const char *intent_id,
				     struct payment_message **ret, size_t *ret_count,
				     struct problem *err)
{
	PG_RESULT result = NULL;
	struct payment_message *messages;
	enum status status = request_query(req, &sql_payment_messages_waiting,
					   PG_ARGS(PG_TEXT(intent_id)), &result, err);

	if (status)
		return status;
	messages = arena_calloc(req->arena, pg_rows(result), sizeof(*messages));
	for (size_t i = 0; i < pg_rows(result); i++)
		messages[i] = (struct payment_message){
			.webhook_id = arena_strdup(req->arena, pg_text(result, i, 0)),
			.type = arena_strdup(req->arena, pg_text(result, i, 1)),
			.intent_id = arena_strdup(req->arena, pg_text(result, i, 2)),
			.amount = pg_is_null(result, i, 3) ? -1 : pg_money(result, i, 3),
			.currency = copy_or_null(req->arena, pg_text(result, i, 4)),
			.refund_id = copy_or_null(req->arena, pg_text(result, i, 5)),
		};
	*ret = messages;
	*ret_count = pg_rows(result);
	return OK;
}
