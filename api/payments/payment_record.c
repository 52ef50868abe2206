#include "api/payments/payment_record.h"

#include "common/clock.h"

const char *const payment_status_names[] = {"created", "requires_payment", "succeeded",
					    "failed",  "expired",          "cancelled",
					    "void",    "disputed",         NULL};
const char *const payment_method_names[] = {"intent", "on_site", NULL};

#define AT(member) offsetof(struct refund_out, member)
static const struct field refund_fields[] = {
	{.name = "id", .type = FIELD_ID, .offset = AT(id)},
	{.name = "paymentId", .type = FIELD_ID, .offset = AT(payment_id)},
	{.name = "amount", .type = FIELD_MONEY, .offset = AT(amount)},
	{.name = "currency", .type = FIELD_STRING, .offset = AT(currency)},
	{.name = "status", .type = FIELD_STRING, .offset = AT(status)},
	{.name = "createdAt", .type = FIELD_TIME, .offset = AT(created_at)},
};
#undef AT
const struct schema refund_schema = SCHEMA(refund_fields, struct refund_out);

#define AT(member) offsetof(struct payment_out, member)
static const struct field payment_fields[] = {
	{.name = "id", .type = FIELD_ID, .offset = AT(id)},
	{.name = "eventId", .type = FIELD_ID, .offset = AT(event_id)},
	{.name = "guestId", .type = FIELD_ID, .offset = AT(guest_id)},
	{.name = "intentId", .type = FIELD_STRING, .offset = AT(intent_id)},
	{.name = "method", .type = FIELD_ENUM, .offset = AT(method), .names = payment_method_names},
	{.name = "amount", .type = FIELD_MONEY, .offset = AT(amount)},
	{.name = "currency", .type = FIELD_STRING, .offset = AT(currency)},
	{.name = "status", .type = FIELD_ENUM, .offset = AT(status), .names = payment_status_names},
	{.name = "refundedAmount", .type = FIELD_MONEY, .offset = AT(refunded_amount)},
	{.name = "clientSecret", .type = FIELD_STRING, .offset = AT(client_secret)},
	{.name = "expiresAt", .type = FIELD_TIME, .offset = AT(expires_at)},
	{.name = "createdAt", .type = FIELD_TIME, .offset = AT(created_at)},
	{.name = "refunds", .type = FIELD_ARRAY, .offset = AT(refunds), .nested = &refund_schema},
};
#undef AT
const struct schema payment_schema = SCHEMA(payment_fields, struct payment_out);

void payment_hide_secret(struct payment_out *payment, const struct request *req)
{
	bool usable =
		payment->status == PAYMENT_REQUIRES_PAYMENT || payment->status == PAYMENT_FAILED;

	if (!usable || !(req->access.who & WHO_REGISTRANT) ||
	    (payment->expires_at != TIME_NONE && payment->expires_at <= clock_now_us()))
		payment->client_secret = NULL;
}
