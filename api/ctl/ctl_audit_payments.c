/*
 * corectl audit --payments: what the payment service says of every intent of a period, against what
 * we say; and of its intents that we know nothing of.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/ctl/ctl_audit.h"
#include "common/clock.h"
#include "common/http_client.h"
#include "sql_ctl.h"

enum { PAGE = 500, ATTEMPTS = 3, TIMEOUT_MS = 5000, BUDGET_MS = 15000, ARENA_BLOCK = 65536 };

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
static enum status ask(const struct ctl *ctl, struct arena *arena, const char *intent_id,
		       const char **ret_status, struct problem *err)
{
	const struct http_call call = {
		.method = "GET",
		.url = arena_printf(arena, "%s/api/payments/intents/%s", ctl->config.payment_url,
				    intent_id),
		.service_token = ctl->config.service_token,
		.timeout_ms = TIMEOUT_MS,
		.budget_ms = BUDGET_MS,
		.attempts = ATTEMPTS,
	};
	struct http_answer http = {0};
	struct answer answer;
	enum status status = http_call(arena, &call, &http, err);

	if (status == ST_UPSTREAM_REFUSED && http.status == problem_row(ST_NOT_FOUND)->http) {
		*ret_status = "unknown";
		return OK;
	}
	if (status)
		return status;
	if (json_read(arena, http.body.at, http.body.len, &answer_schema, &answer, NULL))
		return problem_set(err, ST_UPSTREAM_DOWN, "the payment service answers nonsense");
	*ret_status = answer.data->status;
	return OK;
}

/* --- both ------------------------------------------------------------------------------------- */

static enum status compare(struct audit *audit, struct arena *arena, const struct intent *intent,
			   struct problem *err)
{
	const char *theirs = "";
	enum status status = ask(audit->ctl, arena, intent->intent_id, &theirs, err);

	if (!status && !agrees(intent, theirs))
		audit_report(audit, intent->id, "payment is %s%s, the service says %s of %s",
			     intent->status, intent->voiding ? " (to be cancelled)" : "", theirs,
			     intent->intent_id);
	return status;
}

static enum status read_page(const struct audit *audit, int64_t after, struct arena *arena,
			     struct field_array *ret, struct problem *err)
{
	const struct pg_param params[] = {PG_I64(after), PG_TIME(ctl_time(audit->ctl, "--from")),
					  PG_TIME(ctl_time(audit->ctl, "--to")), PG_I64(PAGE)};
	PG_LEASED conn = NULL;
	PG_RESULT rows = NULL;
	enum status status = ctl_connect(audit->ctl, &conn, err);

	if (!status)
		status =
			pg_exec(conn, sql_audit_intents.sql, params, ARRAY_LEN(params), &rows, err);
	if (!status)
		*ret = pg_scan_all(rows, &intent_schema, arena);
	return status;
}

/* No connection is held while the service is asked. */
static enum status compare_page(struct audit *audit, int64_t *after, size_t *ret_count,
				struct problem *err)
{
	CLEANUP(arena_clear) struct arena arena;
	struct field_array page = {0};
	enum status status;

	arena_init(&arena, ARENA_BLOCK);
	status = read_page(audit, *after, &arena, &page, err);
	for (size_t i = 0; i < page.count && !status; i++) {
		const struct intent *intent = (const struct intent *)page.items + i;

		status = compare(audit, &arena, intent, err);
		*after = intent->number;
	}
	*ret_count = page.count;
	return status;
}

/* --- theirs alone ----------------------------------------------------------------------------- */

static enum status find_unknown(const struct audit *audit, const char *const *ids, size_t count,
				struct pg_result **ret_rows, struct problem *err)
{
	PG_LEASED conn = NULL;
	enum status status = ctl_connect(audit->ctl, &conn, err);

	return status ? status
		      : pg_exec(conn, sql_audit_unknown_intents.sql,
				PG_ARGS(PG_TEXT_ARRAY(ids, count)), ret_rows, err);
}

static enum status report_unknown(struct audit *audit, struct arena *arena, const char *const *ids,
				  size_t count, struct problem *err)
{
	PG_RESULT rows = NULL;
	enum status status = find_unknown(audit, ids, count, &rows, err);

	for (size_t i = 0; !status && i < pg_rows(rows); i++) {
		const char *theirs = "";

		status = ask(audit->ctl, arena, pg_text(rows, i, 0), &theirs, err);
		if (!status)
			audit_report(audit, pg_text(rows, i, 0),
				     "there is no payment of this intent, the service says %s",
				     theirs);
	}
	arena_reset(arena);
	return status;
}

/* An id becomes a part of an address. */
#define ID_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-."

static void close_file(FILE **file)
{
	if (*file && *file != stdin)
		(void)fclose(*file);
}

/* The next id of the list, in the arena; NULL: it has ended. */
static enum status next_id(FILE *file, struct arena *arena, const char **ret, struct problem *err)
{
	char line[256];

	*ret = NULL;
	while (!*ret && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\r\n")] = '\0';
		if (line[strspn(line, ID_CHARACTERS)])
			return problem_set(err, ST_MALFORMED, "%s is no id", line);
		if (*line)
			*ret = arena_strdup(arena, line);
	}
	return OK;
}

static enum status compare_list(struct audit *audit, const char *path, struct problem *err)
{
	CLEANUP(close_file) FILE *file = !strcmp(path, "-") ? stdin : fopen(path, "re");
	CLEANUP(arena_clear) struct arena arena;
	const char *ids[PAGE];
	size_t count = 0;
	enum status status = OK;

	arena_init(&arena, ARENA_BLOCK);
	if (!file)
		return problem_set(err, ST_MALFORMED, "%s: %s", path, strerrordesc_np(errno));
	do {
		status = next_id(file, &arena, &ids[count], err);
		if (!status && ids[count] && ++count < PAGE)
			continue;
		if (!status && count)
			status = report_unknown(audit, &arena, ids, count, err);
		if (count < PAGE)
			break;
		count = 0;
	} while (!status);
	return status;
}

enum status audit_payments(struct audit *audit, struct problem *err)
{
	const char *list = ctl_value(audit->ctl, "--intents");
	int64_t after = 0;
	size_t count = PAGE;
	enum status status = OK;

	http_client_init();
	while (!status && count == PAGE)
		status = compare_page(audit, &after, &count, err);
	return status || !list ? status : compare_list(audit, list, err);
}
