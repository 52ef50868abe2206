/*
 * ctl: corectl, the operators' program: what its commands share.
 *
 * main.c has the one table of commands; a command is a function that gets this context and returns
 * the exit code: 0, EXIT_FAILURE, EXIT_USAGE or EXIT_CONFIG. Results go to stdout, reasons to
 * stderr.
 */
#ifndef API_CTL_CTL_H
#define API_CTL_CTL_H

#include "common/config_keys.h"
#include "common/json.h"
#include "common/pg.h"

struct ctl_config {
	struct config_common common;
	const char *jwt_secret;
	const char *jwt_issuer;
	const char *jwt_audience;
	const char *payment_url;
	const char *service_token;
};

extern const struct config_table ctl_config_table;

struct ctl {
	struct ctl_config config;
	struct arena arena; /* of the whole run */
	bool json;          /* --json was given */
	char **args;        /* behind the command's name, --json taken out */
	size_t arg_count;
};

/* A row that contradicts others, or the payment service. */
struct ctl_drift {
	const char *check;
	const char *id;
	const char *detail;
};
/* TIME_NONE: no bound. */
struct ctl_period {
	int64_t from, to;
};
/* The name of the check that follows. */
#define CTL_PAYMENTS_CHECK "payment-service"
/* Ask the payment service for the intents of payments made in a period; appends a struct ctl_drift
 * for each on which it says otherwise. ST_UPSTREAM_DOWN, ST_UPSTREAM_REFUSED. */
enum status ctl_audit_payments(struct ctl *ctl, const struct ctl_period *period,
			       struct strbuf *found, struct problem *err) MUST_CHECK;

typedef int ctl_run(struct ctl *ctl);

/* Say why on stderr. EXIT_CONFIG for ST_CONFIG, else EXIT_FAILURE. */
int ctl_fail(const struct problem *err);
/* The same for arguments that make no sense: EXIT_USAGE. */
int ctl_usage(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Structs of a field table as aligned columns, or with --json as one JSON array. */
void ctl_print(struct ctl *ctl, const struct schema *schema, const void *items, size_t count);
/* All rows of a statement, as structs in the arena. */
enum status ctl_select(struct ctl *ctl, struct pg_conn *conn, const struct pg_statement *statement,
		       const struct pg_param *params, size_t param_count,
		       const struct schema *schema, struct field_array *ret,
		       struct problem *err) MUST_CHECK;
/* A connection of its own to the configured database, without time limits. */
enum status ctl_connect(struct ctl *ctl, struct pg_conn **ret, struct problem *err) MUST_CHECK;

ctl_run ctl_refund_ls, ctl_refund_resume;
ctl_run ctl_migrate_up, ctl_migrate_status, ctl_migrate_wait, ctl_token, ctl_show_config, ctl_audit;
ctl_run ctl_queue_ls, ctl_queue_peek, ctl_queue_kick, ctl_queue_bury, ctl_queue_rebuild,
	ctl_queue_pause, ctl_queue_resume;
ctl_run ctl_stats_aggregate, ctl_stats_show;

#endif
