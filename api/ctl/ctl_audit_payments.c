/*
 * corectl audit --payments: what the payment service says of every intent of a period, against what
 * we say.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/ctl/ctl.h"
#include "common/clock.h"
#include "common/http_client.h"
#include "sql_ctl.h"

enum { PAGE = 500, ATTEMPTS = 3, TIMEOUT_MS = 5000, BUDGET_MS = 15000 };

/* --- our side --------------------------------------------------------------------------------- */

struct intent {
	const char *id; /* the payment's */
	int64_t number; /* the same */
	const char *intent_id;
	const char *status;
	bool voiding; /* its cancel is still to come */
};

#define AT(member) offsetof(struct intent, member)
static const struct field intent_fields[] = {
	{.name = "id", .type = FIELD_STRING, .offset = AT(id)},
	{.name = "number", .type = FIELD_ID, .offset = AT(number)},
	{.name = "intentId", .type = FIELD_STRING, .offset = AT(intent_id)},
	{.name = "status", .type = FIELD_STRING, .offset = AT(status)},
	{.name = "voiding", .type = FIELD_BOOL, .offset = AT(voiding)},
};
#undef AT
static const struct schema intent_schema = SCHEMA(intent_fields, struct intent);

/* What the service should say; where it has been asked to cancel and did not answer, either. */
static const struct {
	const char *ours;
	const char *theirs;
	const char *or_theirs;
} agreements[] = {
	{"requires_payment", "requires_payment", NULL},
	{"failed", "requires_payment", NULL},
	{"succeeded", "succeeded", NULL},
	{"disputed", "succeeded", NULL},
	{"expired", "cancelled", "requires_payment"},
	{"cancelled", "cancelled", "requires_payment"},
	{"void", "cancelled", "requires_payment"},
};

static bool agrees(const struct intent *intent, const char *theirs)
{
	for (size_t i = 0; i < ARRAY_LEN(agreements); i++) {
		if (strcmp(agreements[i].ours, intent->status) != 0)
			continue;
		return !strcmp(agreements[i].theirs, theirs) ||
		       (intent->voiding && agreements[i].or_theirs &&
			!strcmp(agreements[i].or_theirs, theirs));
	}
	return false;
}

/* --- their side ------------------------------------------------------------------------------- */

struct answer_data {
	const char *status;
};
struct answer {
	struct answer_data *data;
};
static const struct field data_fields[] = {
	{.name = "status",
	 .type = FIELD_STRING,
	 .flags = FIELD_REQUIRED,
	 .offset = offsetof(struct answer_data, status)},
};
static const struct schema data_schema = SCHEMA(data_fields, struct answer_data);
static const struct field answer_fields[] = {
	{.name = "data",
	 .type = FIELD_OBJECT,
	 .flags = FIELD_REQUIRED,
	 .offset = offsetof(struct answer, data),
	 .nested = &data_schema},
};
static const struct schema answer_schema = SCHEMA(answer_fields, struct answer);

/* Its word for the state; "unknown" where it has no such intent. */
static enum status ask(struct ctl *ctl, const char *intent_id, const char **ret_status,
		       struct problem *err)
{
	const struct http_call call = {
		.method = "GET",
		.url = arena_printf(&ctl->arena, "%s/api/payments/intents/%s",
				    ctl->config.payment_url, intent_id),
		.service_token = ctl->config.service_token,
		.timeout_ms = TIMEOUT_MS,
		.budget_ms = BUDGET_MS,
		.attempts = ATTEMPTS,
	};
	struct http_answer http = {0};
	struct answer answer;
	enum status status = http_call(&ctl->arena, &call, &http, err);

	if (status == ST_UPSTREAM_REFUSED && http.status == problem_row(ST_NOT_FOUND)->http) {
		*ret_status = "unknown";
		return OK;
	}
	if (status)
		return status;
	if (json_read(&ctl->arena, http.body.at, http.body.len, &answer_schema, &answer, NULL))
		return problem_set(err, ST_UPSTREAM_DOWN, "the payment service answers nonsense");
	*ret_status = answer.data->status;
	return OK;
}

/* --- both ------------------------------------------------------------------------------------- */

static enum status compare(struct ctl *ctl, const struct intent *intent, struct strbuf *found,
			   struct problem *err)
{
	const char *theirs = "";
	struct ctl_drift drift = {.check = CTL_PAYMENTS_CHECK, .id = intent->id};
	enum status status = ask(ctl, intent->intent_id, &theirs, err);

	if (status || agrees(intent, theirs))
		return status;
	drift.detail = arena_printf(&ctl->arena, "payment is %s%s, the service says %s of %s",
				    intent->status, intent->voiding ? " (to be cancelled)" : "",
				    theirs, intent->intent_id);
	strbuf_add(found, &drift, sizeof(drift));
	return OK;
}

static enum status compare_page(struct ctl *ctl, const struct ctl_period *period, int64_t *after,
				size_t *ret_count, struct strbuf *found, struct problem *err)
{
	PG_LEASED conn = NULL;
	struct field_array page;
	const struct intent *intents;
	enum status status = ctl_connect(ctl, &conn, err);

	if (!status)
		status = ctl_select(ctl, conn, &sql_audit_intents,
				    PG_ARGS(PG_I64(*after), PG_TIME(period->from),
					    PG_TIME(period->to), PG_I64(PAGE)),
				    &intent_schema, &page, err);
	if (status)
		return status;
	intents = page.items;
	for (size_t i = 0; i < page.count && !status; i++) {
		status = compare(ctl, &intents[i], found, err);
		*after = intents[i].number;
	}
	*ret_count = page.count;
	return status;
}

enum status ctl_audit_payments(struct ctl *ctl, const struct ctl_period *period,
			       struct strbuf *found, struct problem *err)
{
	int64_t after = 0;
	size_t count = PAGE;
	enum status status = OK;

	http_client_init();
	while (!status && count == PAGE)
		status = compare_page(ctl, period, &after, &count, found, err);
	return status;
}
