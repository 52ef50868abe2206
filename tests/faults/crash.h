/*
 * crash: every crash point of the suite (common/crash_point.h), reached in a flow that passes it.
 *
 * A run begins a suite, prepares, starts the program armed, acts, sees it end as killed, starts it
 * again and does what the client would do then. Afterwards each effect is there exactly once, and
 * the audit is clean.
 */
#ifndef TESTS_FAULTS_CRASH_H
#define TESTS_FAULTS_CRASH_H

#include <check.h>

#include "tests/support/suite.h"

enum { CRASH_SETTLED_MS = 20000 };

/* What a flow remembers between its steps. */
struct crash_run {
	const char *label;
	int after; /* the pass at which it ends */
	struct shop shop;
	int64_t guest_id, ticket_id, payment_id;
	const char *path; /* of the guest, or of what the flow is about */
	const char *code, *intent;
};

struct crash_flow {
	const char *name;
	enum suite_part part; /* what is armed; 0: corectl, which `act` runs */
	void (*settings)(void);
	void (*prepare)(struct crash_run *run);
	void (*act)(struct crash_run *run);   /* nobody hears the answer */
	void (*again)(struct crash_run *run); /* after the restart, and what must hold */
	void (*over)(void);                   /* after the audit */
};

struct crash_row {
	const char *label;
	const struct crash_flow *flow;
	int after; /* 0: at the first pass */
};
extern const struct crash_row crash_rows[];
extern const size_t crash_row_count;

/* Made from the sources by labels.sh. */
extern const char *const crash_labels[];
extern const size_t crash_label_count;

extern const struct crash_flow flow_register, flow_register_together, flow_register_odd,
	flow_register_behind, flow_pay, flow_call_failed, flow_abandoned, flow_hold_end,
	flow_hold_end_paid, flow_early_money, flow_early_refund, flow_webhook, flow_refund,
	flow_refund_failing, flow_guest_cancel, flow_guest_remove, flow_guest_edit,
	flow_event_create, flow_event_publish, flow_event_edit, flow_event_cancel,
	flow_event_delete, flow_event_clock, flow_event_over, flow_keys_expire, flow_aggregate,
	flow_statistics_sweep, flow_import, flow_export, flow_scan, flow_check_in, flow_undo,
	flow_reissue, flow_document, flow_document_reclaimed, flow_document_gone,
	flow_document_file, flow_document_replaced, flow_document_tidied, flow_mail,
	flow_mail_failing, flow_mail_due, flow_mail_refused, flow_mail_down, flow_mail_overtaken,
	flow_redis_lost, flow_migrate, flow_ctl_fold, flow_ctl_kick, flow_type_add, flow_type_edit,
	flow_type_delete, flow_staff_add, flow_staff_remove, flow_guest_confirm, flow_ctl_refund,
	flow_ctl_import;

/* Start the program armed, in the place of the one that runs; it may end before it is ready. */
void crash_arm(enum suite_part part, const char *label, int after);
/* It has ended, as by kill -9; what starts from now on is not armed. */
void crash_happens(enum suite_part part, const char *label);
/* The same for `corectl WORDS`, which is run here. */
void crash_corectl(const struct crash_run *run, const char *words);
/* What would be tried again later is due now. */
void crash_hurry(void);

struct reply *must(struct reply *reply, int status);
/* POST under the key "crash". */
struct reply *keyed(const char *token, const char *path, const char *body);
/* The same as a client does after a crash: again until what died has let the key go. */
struct reply *keyed_again(const char *token, const char *path, const char *body, int status);
/* Register name@example.com for the shop's type under the key of that name. */
struct reply *register_keyed(const struct crash_run *run, const char *name);
struct reply *register_again(const struct crash_run *run, const char *name);
/* DELETE as a client does after a crash: it is gone, or goes now. */
void delete_again(const char *path);
/* The shop, and a guest of it whose numbers the run then has; he has not paid, if there is a price.
 */
void open_with_unpaid(struct crash_run *run, const char *price);
/* The same, and he has paid; with his ticket. */
void open_with_guest(struct crash_run *run, const char *price);

/* Wait until the statement's value is `want`. */
void becomes(const char *want, const char *statement);
/* Every job is done: workers that do not run are started. */
void all_jobs_done(void);
/* As many guests, each with one ticket, one document and one mail; the workers are started. */
void all_served(int guests);
/* Intents of this status that the payment service has; NULL: of any. */
int intents(const char *status);
void payments_fail(bool fail);
void pay(const char *intent);

#endif
