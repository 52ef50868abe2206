/*
 * admission: one scan on its way through admit_tickets (schema/0004_admission.sql), which judges
 * it, admits at most once and keeps the scan log.
 */
#ifndef API_TICKETS_ADMISSION_H
#define API_TICKETS_ADMISSION_H

#include "api/together.h"

/* The outcome that is no refusal. */
#define ADMITTED "admitted"

/* What the function takes of one scan: either the four numbers of an authentic QR, or a code. */
struct admission_member {
	int64_t ord;
	int64_t caller_id;
	bool is_admin;
	int64_t qr_ticket_id;
	int64_t qr_event_id;
	int64_t qr_guest_id;
	int64_t qr_issued_ms;
	const char *ticket_code;
	int64_t event_id; /* 0: not said */
	const char *scan_id;
	const char *code_digest; /* hex SHA-256 of what was presented */
};

/* What it answers. */
struct admission_outcome {
	int64_t ord;
	const char *outcome; /* ADMITTED, or the slug of a refusal */
	bool replayed;       /* the first answer to this scan id */
	int64_t ticket_id;
	int64_t guest_id;
	const char *first_name;
	const char *last_name;
	const char *type;
	const char *ticket_type;
	int64_t validated_at;
};

/* Scans that come together, in one call of the function: what app->scans does. */
batch_call admission_call;
/* One scan, committed with those that came at the same time. A refusal is a failure: its slug's
 * status, the moment of the first admission as extension member validatedAt of
 * ST_ALREADY_VALIDATED. */
enum status admission_submit(struct request *req, const struct admission_member *member,
			     struct admission_outcome *ret, struct problem *err) MUST_CHECK;
/* Keep a scan whose QR is not authentic in the log. */
enum status admission_record_invalid(struct request *req, const struct admission_member *member,
				     struct problem *err) MUST_CHECK;
/* Count a scan in the metrics. */
void admission_count(const char *outcome);
/* The member validatedAt of a problem. */
const char *admission_extension(struct arena *arena, int64_t validated_at);

#endif
