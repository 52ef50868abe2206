#include "api/payments/payments.h"

#include <stdlib.h>
#include <string.h>

#include "api/payments/payments_rules.h"
#include "api/payments/payments_service.h"
#include "api/payments/refunds_service.h"
#include "common/clock.h"
#include "common/sign.h"

enum { STALE_S = 300, WEBHOOK_ID_MAX = 255 };
#define REFUND_MAX INT64_C(9999999999) /* as prices */

/* --- list ------------------------------------------------------------------------------------ */

struct payment_list_query {
	struct page_query page;
};
static const struct field list_fields[] = {PAGE_FIELDS(struct payment_list_query, page)};
const struct schema payment_list_schema = SCHEMA(list_fields, struct payment_list_query);

static struct page_key row_key(struct arena *arena, const void *row)
{
	const struct payment_out *payment = row;
	char *text = arena_alloc(arena, RFC3339_SIZE);

	return (struct page_key){clock_format_us(payment->created_at, text), payment->id};
}

enum status payments_list(struct request *req, struct problem *err)
{
	const struct payment_list_query *query = req->query;
	struct payment_out **payments;
	struct field_array rows;
	struct page page;
	int64_t total = -1;
	enum status status = page_open(req, &query->page, &page, err);

	if (!status)
		status = payments_page(req, &page, &rows, &total, err);
	if (status)
		return status;
	payments = arena_calloc(req->arena, rows.count, sizeof(void *));
	for (size_t i = 0; i < rows.count; i++) {
		payments[i] = (struct payment_out *)rows.items + i;
		payment_hide_secret(payments[i], req);
	}
	status = refunds_attach(req, payments, rows.count, err);
	if (status)
		return status;
	answer_page(req, &page, &payment_schema, &rows, total, row_key);
	return OK;
}

/* --- refund ---------------------------------------------------------------------------------- */

struct refund_input {
	int64_t amount; /* 0: all that is left */
	struct presence presence;
};
static const struct field refund_input_fields[] = {
	{.name = "amount",
	 .type = FIELD_MONEY,
	 .offset = offsetof(struct refund_input, amount),
	 .min = 1,
	 .max = REFUND_MAX},
};
const struct schema refund_input_schema = SCHEMA_INPUT(refund_input_fields, struct refund_input);

enum status payments_refund(struct request *req, struct problem *err)
{
	const struct refund_input *input = req->input;
	struct refund_out refund;
	enum status status = refund_request(req, input ? input->amount : 0, &refund, err);

	if (!status)
		answer_data(req, &refund_schema, &refund, 0);
	return status;
}

/* --- webhook --------------------------------------------------------------------------------- */

struct webhook_data {
	const char *intent_id;
	int64_t amount;
	const char *currency;
	const char *refund_id;
};
struct webhook {
	const char *type;
	struct webhook_data *data;
};

#define AT(member) offsetof(struct webhook_data, member)
#define DATA_FIELDS(sum)                                                                           \
	{.name = "intentId",                                                                       \
	 .type = FIELD_STRING,                                                                     \
	 .flags = FIELD_NULLABLE,                                                                  \
	 .offset = AT(intent_id),                                                                  \
	 .min = 1,                                                                                 \
	 .max = 255},                                                                              \
		{.name = "amount", .type = FIELD_MONEY, .flags = (sum), .offset = AT(amount)},     \
		{.name = "currency",                                                               \
		 .type = FIELD_STRING,                                                             \
		 .flags = (sum),                                                                   \
		 .offset = AT(currency),                                                           \
		 .max = 16},                                                                       \
	{                                                                                          \
		.name = "refundId", .type = FIELD_STRING, .flags = FIELD_NULLABLE,                 \
		.offset = AT(refund_id), .max = 255                                                \
	}
static const struct field data_fields[] = {DATA_FIELDS(FIELD_NULLABLE)};
static const struct field sum_fields[] = {DATA_FIELDS(FIELD_REQUIRED)};
#undef AT
static const struct schema data_schema = SCHEMA(data_fields, struct webhook_data);
static const struct schema sum_schema = SCHEMA(sum_fields, struct webhook_data);

#define WEBHOOK_FIELDS(data_of)                                                                    \
	{.name = "type",                                                                           \
	 .type = FIELD_STRING,                                                                     \
	 .flags = FIELD_REQUIRED,                                                                  \
	 .offset = offsetof(struct webhook, type),                                                 \
	 .min = 1,                                                                                 \
	 .max = 100},                                                                              \
	{                                                                                          \
		.name = "data", .type = FIELD_OBJECT, .flags = FIELD_REQUIRED,                     \
		.offset = offsetof(struct webhook, data), .nested = (data_of)                      \
	}
static const struct field webhook_fields[] = {WEBHOOK_FIELDS(&data_schema)};
static const struct field money_fields[] = {WEBHOOK_FIELDS(&sum_schema)};
static const struct schema webhook_schema = SCHEMA(webhook_fields, struct webhook);
static const struct schema money_schema = SCHEMA(money_fields, struct webhook); /* tells of money */

/* Standard Webhooks: id, timestamp and signature in headers; nothing older or newer than 5 min. */
static enum status check_signature(const struct request *req, struct problem *err)
{
	const char *id = http_header(req->http, "webhook-id");
	const char *timestamp = http_header(req->http, "webhook-timestamp");
	const char *signature = http_header(req->http, "webhook-signature");
	int64_t sent_s, now_s = clock_now_us() / US_PER_S;

	if (!id || !*id || strlen(id) > WEBHOOK_ID_MAX || !timestamp || !signature)
		return problem_set(err, ST_BAD_SIGNATURE, "The webhook is not signed");
	if (!sign_webhook_verify(req->arena, req->app->config->webhook_secret, id, timestamp,
				 req->body, signature))
		return problem_set(err, ST_BAD_SIGNATURE, "The webhook's signature is wrong");
	if (!ids_parse(timestamp, strlen(timestamp), &sent_s) || llabs(now_s - sent_s) > STALE_S)
		return problem_set(err, ST_BAD_SIGNATURE, "The webhook is too old");
	return OK;
}

static enum status read_message(struct request *req, struct payment_message *ret,
				struct problem *err)
{
	const struct slice body = req->body;
	struct webhook webhook;
	bool sum;

	if (json_read(req->arena, body.at, body.len, &webhook_schema, &webhook, NULL))
		return problem_set(err, ST_MALFORMED, "The webhook is not {type, data}");
	sum = payment_message_names_sum(webhook.type);
	if (sum && json_read(req->arena, body.at, body.len, &money_schema, &webhook, NULL))
		return problem_set(err, ST_MALFORMED, "The webhook names no amount and currency");
	if (payment_message_known(webhook.type) && !webhook.data->intent_id)
		return problem_set(err, ST_MALFORMED, "The webhook names no intentId");
	*ret = (struct payment_message){
		.webhook_id = http_header(req->http, "webhook-id"),
		.type = webhook.type,
		.intent_id = webhook.data->intent_id,
		.amount = sum ? webhook.data->amount : -1,
		.currency = webhook.data->currency,
		.refund_id = webhook.data->refund_id,
		.body = arena_strndup(req->arena, body.at, body.len),
	};
	return OK;
}

enum status payments_webhook(struct request *req, struct problem *err)
{
	struct payment_message message;
	enum status status = check_signature(req, err);

	if (!status)
		status = read_message(req, &message, err);
	if (status)
		return status;
	status = payment_take_webhook(req, &message, err);
	if (!status)
		answer_none(req);
	return status;
}
