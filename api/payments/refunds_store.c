#include "api/payments/refunds_store.h"

#include <string.h>

#include "sql_api.h"

#define AT(member) offsetof(struct refundable, member)
static const struct field refundable_fields[] = {
	{.name = "id", .type = FIELD_ID, .offset = AT(id)},
	{.name = "guestId", .type = FIELD_ID, .offset = AT(guest_id)},
	{.name = "eventId", .type = FIELD_ID, .offset = AT(event_id)},
	{.name = "method", .type = FIELD_ENUM, .offset = AT(method), .names = payment_method_names},
	{.name = "status", .type = FIELD_ENUM, .offset = AT(status), .names = payment_status_names},
	{.name = "intentId", .type = FIELD_STRING, .offset = AT(intent_id)},
	{.name = "currency", .type = FIELD_STRING, .offset = AT(currency)},
	{.name = "paidAmount", .type = FIELD_MONEY, .offset = AT(paid_amount)},
	{.name = "refundedAmount", .type = FIELD_MONEY, .offset = AT(refunded_amount)},
	{.name = "refundingAmount", .type = FIELD_MONEY, .offset = AT(refunding_amount)},
};
#undef AT
static const struct schema refundable_schema = SCHEMA(refundable_fields, struct refundable);

enum status refundable_load(struct request *req, int64_t payment_id, struct refundable *ret,
			    struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status =
		request_query(req, &sql_payment_by_id, PG_ARGS(PG_I64(payment_id)), &result, err);

	if (status)
		return status;
	if (!pg_rows(result))
		return problem_set(err, ST_NOT_FOUND, "There is no such payment");
	pg_scan(result, 0, &refundable_schema, req->arena, ret);
	return OK;
}

enum status refund_add(struct request *req, const struct refundable *payment, int64_t amount,
		       const char *cause, const char *service_id, bool ask, int64_t *ret_id,
		       struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status;

	status = request_query(req, &sql_refund_add,
			       PG_ARGS(PG_I64(payment->id), PG_MONEY(amount),
				       PG_TEXT(payment->currency), PG_TEXT(cause),
				       PG_TEXT(service_id), PG_BOOL(ask)),
			       &result, err);
	if (!status)
		*ret_id = pg_i64(result, 0, 0);
	return status;
}

enum status refund_rest(struct request *req, int64_t guest_id, const char *cause,
			int64_t payment_id, struct problem *err)
{
	return request_query(req, &sql_refund_rest,
			     PG_ARGS(PG_I64(guest_id), PG_TEXT(cause), PG_ID(payment_id)), NULL,
			     err);
}

enum status refund_load(struct request *req, int64_t refund_id, struct refund_out *ret,
			struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status =
		request_query(req, &sql_refund_get, PG_ARGS(PG_I64(refund_id)), &result, err);

	if (!status)
		pg_scan(result, 0, &refund_schema, req->arena, ret);
	return status;
}

enum status refund_match(struct request *req, int64_t payment_id,
			 const struct payment_message *message, int64_t *ret_id,
			 const char **ret_match, struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status;

	status = request_query(
		req, &sql_refund_match,
		PG_ARGS(PG_I64(payment_id), PG_TEXT(message->refund_id), PG_MONEY(message->amount)),
		&result, err);
	if (status)
		return status;
	*ret_id = 0;
	*ret_match = NULL;
	if (!pg_rows(result))
		return OK;
	*ret_id = pg_i64(result, 0, 0);
	*ret_match = arena_strdup(req->arena, pg_text(result, 0, 2));
	return OK;
}

enum status refund_finish(struct request *req, int64_t refund_id, const char *service_id,
			  struct refund_effect *ret, struct problem *err)
{
	PG_RESULT result = NULL;
	enum status status =
		request_query(req, &sql_refund_finish,
			      PG_ARGS(PG_I64(refund_id), PG_TEXT(service_id)), &result, err);

	if (status)
		return status;
	*ret = (struct refund_effect){0};
	if (!pg_rows(result))
		return OK;
	*ret = (struct refund_effect){
		.happened = true,
		.amount = pg_money(result, 0, 0),
		.cause = arena_strdup(req->arena, pg_text(result, 0, 1)),
		.counted = !strcmp(pg_text(result, 0, 2), payment_status_names[PAYMENT_SUCCEEDED]),
		.whole = pg_bool(result, 0, 3),
		.other_money = pg_money(result, 0, 4),
	};
	return OK;
}

/* Rows of one payment lie anywhere between those of others. */
static struct field_array pick(struct arena *arena, const struct field_array *all,
			       int64_t payment_id)
{
	const struct refund_out *rows = all->items;
	struct refund_out *mine = arena_calloc(arena, all->count, sizeof(*mine));
	size_t count = 0;

	for (size_t i = 0; i < all->count; i++)
		if (rows[i].payment_id == payment_id)
			mine[count++] = rows[i];
	return (struct field_array){mine, count};
}

enum status refunds_attach(struct request *req, struct payment_out *const *payments, size_t count,
			   struct problem *err)
{
	int64_t *ids = arena_calloc(req->arena, count + 1, sizeof(*ids));
	PG_RESULT result = NULL;
	struct field_array all;
	size_t paid = 0;
	enum status status;

	for (size_t i = 0; i < count; i++)
		if (payments[i] && (payments[i]->status == PAYMENT_SUCCEEDED ||
				    payments[i]->status == PAYMENT_DISPUTED))
			ids[paid++] = payments[i]->id;
	if (!paid)
		return OK;
	status = request_query(req, &sql_refunds_of_payments, PG_ARGS(PG_I64_ARRAY(ids, paid)),
			       &result, err);
	if (status)
		return status;
	all = pg_scan_all(result, &refund_schema, req->arena);
	for (size_t i = 0; all.count && i < count; i++)
		if (payments[i])
			payments[i]->refunds = pick(req->arena, &all, payments[i]->id);
	return OK;
}
