/*
 * ctl_audit: rows, documents and other services held against each other.
 */
#ifndef API_CTL_CTL_AUDIT_H
#define API_CTL_CTL_AUDIT_H

#include "api/ctl/ctl.h"

struct audit {
	struct ctl *ctl;
	struct pg_conn *conn;   /* a snapshot that is only read */
	const char *check;      /* under way */
	size_t limit;           /* of rows that a check reports */
	size_t found;           /* by the check under way, one more than the limit at most */
	struct pg_conn *record; /* its result is left here for the metrics */
	struct strbuf reports;  /* of struct drift, see ctl_audit.c */
};

/* A check that takes more than a statement. */
typedef enum status audit_check(struct audit *audit, struct problem *err);

/* Report a row at fault; its texts are copied. What is over the limit is only counted. */
void audit_report(struct audit *audit, const char *id, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* What is printed verifies, and names the row it stands in. Says so and goes on without
 * QR_SIGNATURE_SECRET. */
audit_check audit_qr_codes;
/* DOCUMENTS_URL=file: files are those that were made, and none is there that no row names. Reads
 * what is there now, not the snapshot: what differs is looked up again before it is reported. */
audit_check audit_files, audit_stray_files;
/* Ask the payment service for the intents of payments made in [--from, --to), and for those of
 * --intents. ST_UPSTREAM_DOWN, ST_UPSTREAM_REFUSED. */
audit_check audit_payments;

#endif
