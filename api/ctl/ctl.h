/*
 * ctl: corectl, the operators' program: what its commands share.
 *
 * A command is a row of the table in ctl_table.c and a function that gets this context and returns
 * the exit code: 0, EXIT_FAILURE, EXIT_USAGE or EXIT_CONFIG. Its words are read and checked by the
 * row before it runs. Results go to stdout, with --json as JSON; reasons to stderr.
 */
#ifndef API_CTL_CTL_H
#define API_CTL_CTL_H

#include "api/config.h"
#include "common/json.h"
#include "common/pg.h"

/* corectl's configuration is the part of the API's that it needs. */
extern const struct config_table ctl_config_table;

enum { CTL_WORDS_MAX = 10 }; /* operands and options of a command */

struct ctl_command;

struct ctl {
	struct api_config config;
	struct arena arena; /* of the whole run */
	bool json;          /* --json was given */
	const struct ctl_command *command;
	const char *values[CTL_WORDS_MAX]; /* as the command's words; NULL: not given */
};

typedef int ctl_run(struct ctl *ctl);

/* --- what was given, by the names in the table; the row has checked it -------------------------
 */

const char *ctl_value(const struct ctl *ctl, const char *word); /* NULL: not given */
bool ctl_flag(const struct ctl *ctl, const char *word);
int64_t ctl_id(const struct ctl *ctl, const char *word);                       /* 0: not given */
int64_t ctl_count(const struct ctl *ctl, const char *word, int64_t otherwise); /* a number */
int64_t ctl_time(const struct ctl *ctl, const char *word); /* TIME_NONE: not given */

/* --- what is said ------------------------------------------------------------------------------
 */

/* Say why on stderr. EXIT_CONFIG for ST_CONFIG, else EXIT_FAILURE. */
int ctl_fail(const struct problem *err);
/* The same for words that make no sense together: EXIT_USAGE. */
int ctl_usage(const struct ctl *ctl, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Structs of a field table as aligned columns, or with --json as one JSON array. */
void ctl_print(struct ctl *ctl, const struct schema *schema, const void *items, size_t count);
/* One struct, with --json as an object, else as the sentence. EXIT_SUCCESS. */
int ctl_say(struct ctl *ctl, const struct schema *schema, const void *value, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

/* --- the database ------------------------------------------------------------------------------
 */

/* All rows of a statement, as structs in the arena. */
enum status ctl_select(struct ctl *ctl, struct pg_conn *conn, const struct pg_statement *statement,
		       const struct pg_param *params, size_t param_count,
		       const struct schema *schema, struct field_array *ret,
		       struct problem *err) MUST_CHECK;
/* A connection of its own to the configured database, without time limits. */
enum status ctl_connect(struct ctl *ctl, struct pg_conn **ret, struct problem *err) MUST_CHECK;

/* --- the commands ------------------------------------------------------------------------------
 */

ctl_run ctl_help, ctl_token, ctl_audit;
ctl_run ctl_migrate_up, ctl_migrate_status, ctl_migrate_wait;
ctl_run ctl_config_show, ctl_config_check;
ctl_run ctl_queue_ls, ctl_queue_peek, ctl_queue_kick, ctl_queue_bury, ctl_queue_pause,
	ctl_queue_resume;
ctl_run ctl_outbox_ls, ctl_outbox_put;
ctl_run ctl_ticket_verify, ctl_ticket_reissue;
ctl_run ctl_import, ctl_import_show, ctl_export;
ctl_run ctl_refund_ls, ctl_refund_resume;
ctl_run ctl_stats_aggregate, ctl_stats_show;

#endif
