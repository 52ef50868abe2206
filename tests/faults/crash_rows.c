/*
 * Which flow reaches which crash point. A label that has no row, or a row that is not reached,
 * fails.
 */
#include "tests/faults/crash.h"

/* clang-format off */
const struct crash_row crash_rows[] = {
	{"registration.received", &flow_register, 1},
	{"registration.batched", &flow_register, 1},
	{"registration.committed", &flow_register, 1},
	{"registration.told", &flow_register, 1},
	{"jobs.committed", &flow_register, 1},
	{"dispatcher.taken", &flow_register, 1},
	{"queue.putting", &flow_register, 1},
	{"queue.put", &flow_register, 1},
	{"dispatcher.put", &flow_register, 1},
	{"registration.answered", &flow_register, 1},

	{"registration.batched", &flow_register_together, 2},
	{"registration.committed", &flow_register_together, 2},

	{"batch.bisected", &flow_register_odd, 1},

	{"registration.lane-taken", &flow_register_behind, 1},
	{"registration.batched", &flow_register_behind, 2},

	{"hold.committed", &flow_pay, 1},
	{"hold.intent-made", &flow_pay, 1},
	{"hold.intent-recorded", &flow_pay, 1},
	{"hold.answer-stored", &flow_pay, 1},
	{"hold.intent-committed", &flow_pay, 1},

	{"hold.call-failed", &flow_call_failed, 1},
	{"hold.release-applied", &flow_call_failed, 1},
	{"hold.released", &flow_call_failed, 1},

	{"crashed-sweep.found", &flow_abandoned, 1},
	{"hold.release-applied", &flow_abandoned, 1},
	{"crashed-sweep.released", &flow_abandoned, 1},
	{"void.claimed", &flow_abandoned, 1},
	{"void.found", &flow_abandoned, 1},
	{"void.cancelled", &flow_abandoned, 1},
	{"void.adopted", &flow_abandoned, 1},
	{"void.recorded", &flow_abandoned, 1},

	{"webhook.waiting-applied", &flow_early_money, 1},

	{"message-sweep.claimed", &flow_early_refund, 1},
	{"message-sweep.matched", &flow_early_refund, 1},

	{"webhook.received", &flow_webhook, 1},
	{"webhook.put", &flow_webhook, 1},
	{"guest.status-set", &flow_webhook, 1},
	{"guest.ticket-changed", &flow_webhook, 1},
	{"guest.told", &flow_webhook, 1},
	{"webhook.applied", &flow_webhook, 1},
	{"webhook.settled", &flow_webhook, 1},
	{"jobs.committed", &flow_webhook, 1},
	{"webhook.committed", &flow_webhook, 1},

	{"hold-sweep.claimed", &flow_hold_end, 1},
	{"hold-sweep.asked", &flow_hold_end, 1},
	{"hold-sweep.dropping", &flow_hold_end, 1},
	{"hold-sweep.dropped", &flow_hold_end, 1},
	{"hold-sweep.over", &flow_hold_end, 1},

	{"hold-sweep.asked", &flow_hold_end_paid, 1},
	{"hold-sweep.confirming", &flow_hold_end_paid, 1},
	{"hold-sweep.over", &flow_hold_end_paid, 1},

	{"write.begun", &flow_refund, 1},
	{"write.handled", &flow_refund, 1},
	{"write.key-stored", &flow_refund, 1},
	{"write.committed", &flow_refund, 1},
	{"refund.added", &flow_refund, 1},
	{"refund.claimed", &flow_refund, 1},
	{"refund.asked", &flow_refund, 1},
	{"refund.settled", &flow_refund, 1},
	{"refund.recorded", &flow_refund, 1},

	{"refund.put-off", &flow_refund_failing, 1},

	{"write.begun", &flow_guest_cancel, 1},
	{"write.handled", &flow_guest_cancel, 1},
	{"write.key-stored", &flow_guest_cancel, 1},
	{"write.committed", &flow_guest_cancel, 1},
	{"guest.status-set", &flow_guest_cancel, 1},
	{"guest.seat-moved", &flow_guest_cancel, 1},
	{"guest.ticket-changed", &flow_guest_cancel, 1},
	{"guest.money-moved", &flow_guest_cancel, 1},
	{"guest.counted", &flow_guest_cancel, 1},
	{"guest.told", &flow_guest_cancel, 1},

	{"guest.status-set", &flow_guest_confirm, 1},
	{"guest.ticket-changed", &flow_guest_confirm, 1},
	{"guest.money-moved", &flow_guest_confirm, 1},
	{"guest.told", &flow_guest_confirm, 1},
	{"write.key-stored", &flow_guest_confirm, 1},
	{"write.committed", &flow_guest_confirm, 1},

	{"guest.removing", &flow_guest_remove, 1},
	{"write.committed", &flow_guest_remove, 1},

	{"guest.edited", &flow_guest_edit, 1},
	{"write.committed", &flow_guest_edit, 1},

	{"event.inserted", &flow_event_create, 1},
	{"write.begun", &flow_event_create, 1},
	{"write.handled", &flow_event_create, 1},
	{"write.key-stored", &flow_event_create, 1},
	{"write.committed", &flow_event_create, 1},

	{"event.moved", &flow_event_publish, 1},
	{"write.begun", &flow_event_publish, 1},
	{"write.handled", &flow_event_publish, 1},
	{"write.key-stored", &flow_event_publish, 1},
	{"write.committed", &flow_event_publish, 1},

	{"event.edited", &flow_event_edit, 1},
	{"write.committed", &flow_event_edit, 1},
	{"change-cascade.claimed", &flow_event_edit, 1},
	{"change-cascade.claimed", &flow_event_edit, 2},
	{"change-cascade.told", &flow_event_edit, 1},
	{"change-cascade.told", &flow_event_edit, 2},
	{"change-cascade.advanced", &flow_event_edit, 1},
	{"change-cascade.advanced", &flow_event_edit, 2},
	{"change-cascade.committed", &flow_event_edit, 1},
	{"change-cascade.committed", &flow_event_edit, 2},

	{"event.moved", &flow_event_cancel, 1},
	{"write.begun", &flow_event_cancel, 1},
	{"write.handled", &flow_event_cancel, 1},
	{"write.key-stored", &flow_event_cancel, 1},
	{"write.committed", &flow_event_cancel, 1},
	{"cancel-cascade.claimed", &flow_event_cancel, 1},
	{"cancel-cascade.cancelled", &flow_event_cancel, 1},
	{"guest.money-moved", &flow_event_cancel, 1},
	{"cancel-cascade.paying-cancelled", &flow_event_cancel, 1},
	{"cancel-cascade.advanced", &flow_event_cancel, 1},
	{"cancel-cascade.committed", &flow_event_cancel, 1},

	{"event.deleted", &flow_event_delete, 1},
	{"write.committed", &flow_event_delete, 1},

	{"ticket-type.inserted", &flow_type_add, 1},
	{"write.begun", &flow_type_add, 1},
	{"write.handled", &flow_type_add, 1},
	{"write.key-stored", &flow_type_add, 1},
	{"write.committed", &flow_type_add, 1},

	{"ticket-type.edited", &flow_type_edit, 1},
	{"write.committed", &flow_type_edit, 1},

	{"ticket-type.deleted", &flow_type_delete, 1},
	{"write.committed", &flow_type_delete, 1},

	{"staff.added", &flow_staff_add, 1},
	{"write.committed", &flow_staff_add, 1},

	{"staff.removed", &flow_staff_remove, 1},
	{"write.committed", &flow_staff_remove, 1},

	{"event-clock.started", &flow_event_clock, 1},
	{"event-clock.ended", &flow_event_clock, 1},

	{"event-clock.holds-ended", &flow_event_over, 1},

	{"clean-up.keys-deleted", &flow_keys_expire, 1},

	{"statistics.asked", &flow_aggregate, 1},
	{"statistics.folded", &flow_aggregate, 1},

	{"statistics.swept", &flow_statistics_sweep, 1},

	{"import.begun", &flow_import, 1},
	{"import.chunk-stored", &flow_import, 1},
	{"import.body-read", &flow_import, 1},
	{"import.queued", &flow_import, 1},
	{"import.taken", &flow_import, 1},
	{"import.claimed", &flow_import, 1},
	{"import.claimed", &flow_import, 2},
	{"import.scanned", &flow_import, 1},
	{"import.applied", &flow_import, 1},
	{"import.applied", &flow_import, 2},
	{"import.slice-committed", &flow_import, 1},
	{"import.slice-committed", &flow_import, 2},
	{"import.slice-over", &flow_import, 1},
	{"import.slice-over", &flow_import, 3},

	{"export.page-sent", &flow_export, 1},

	{"scan.batched", &flow_scan, 1},
	{"scan.committed", &flow_scan, 1},

	{"check-in.admitted", &flow_check_in, 1},
	{"check-in.noted", &flow_check_in, 1},
	{"check-in.committed", &flow_check_in, 1},

	{"check-in.undone", &flow_undo, 1},
	{"write.committed", &flow_undo, 1},

	{"write.begun", &flow_reissue, 1},
	{"write.handled", &flow_reissue, 1},
	{"write.key-stored", &flow_reissue, 1},
	{"write.committed", &flow_reissue, 1},
	{"jobs.committed", &flow_reissue, 1},
	{"reissue.code-replaced", &flow_reissue, 1},
	{"reissue.job-put", &flow_reissue, 1},

	{"queue.read", &flow_document, 1},
	{"queue.begun", &flow_document, 1},
	{"ticket.reserved", &flow_document, 1},
	{"ticket.loaded", &flow_document, 1},
	{"ticket.drawn", &flow_document, 1},
	{"ticket.written", &flow_document, 1},
	{"ticket.stored", &flow_document, 1},
	{"ticket.mail-noted", &flow_document, 1},
	{"queue.completed", &flow_document, 1},
	{"ticket.completed", &flow_document, 1},
	{"ticket.committed", &flow_document, 1},
	{"ticket.swept", &flow_document, 1},
	{"queue.putting", &flow_document, 1},
	{"queue.put", &flow_document, 1},
	{"queue.finishing", &flow_document, 1},
	{"queue.finished", &flow_document, 1},

	{"queue.reclaimed", &flow_document_reclaimed, 1},
	{"queue.read", &flow_document_reclaimed, 1},
	{"queue.begun", &flow_document_reclaimed, 1},
	{"ticket.committed", &flow_document_reclaimed, 1},

	{"queue.gone", &flow_document_gone, 1},

	{"ticket.directory-made", &flow_document_file, 1},
	{"ticket.temporary-written", &flow_document_file, 1},
	{"ticket.temporary-written", &flow_document_file, 2},
	{"ticket.renamed", &flow_document_file, 1},
	{"ticket.renamed", &flow_document_file, 3},
	{"ticket.written", &flow_document_file, 1},
	{"ticket.stored", &flow_document_file, 1},
	{"ticket.committed", &flow_document_file, 1},

	{"ticket.replaced-removed", &flow_document_replaced, 1},
	{"ticket.committed", &flow_document_replaced, 1},

	{"ticket.tidied", &flow_document_tidied, 1},

	{"queue.begun", &flow_mail, 1},
	{"mail.loaded", &flow_mail, 1},
	{"mail.written", &flow_mail, 1},
	{"mail.answered", &flow_mail, 1},
	{"mail.settled", &flow_mail, 1},
	{"queue.completed", &flow_mail, 1},
	{"mail.recorded", &flow_mail, 1},
	{"mail.answered", &flow_mail, 2},
	{"queue.finishing", &flow_mail, 1},
	{"queue.finished", &flow_mail, 1},

	{"mail.failed", &flow_mail_failing, 1},
	{"mail.failure-recorded", &flow_mail_failing, 1},
	{"queue.retry-recorded", &flow_mail_failing, 1},
	{"queue.retry-delayed", &flow_mail_failing, 1},

	{"queue.moved", &flow_mail_due, 1},

	{"queue.buried", &flow_mail_refused, 1},
	{"mail.failure-recorded", &flow_mail_refused, 1},

	{"queue.released", &flow_mail_down, 1},
	{"queue.requeued", &flow_mail_down, 1},

	{"mail.dropping", &flow_mail_overtaken, 1},
	{"mail.settled", &flow_mail_overtaken, 1},

	{"queue.putting", &flow_redis_lost, 1},
	{"queue.page-recovered", &flow_redis_lost, 1},
	{"queue.recovered", &flow_redis_lost, 1},

	{"migrate.slice", &flow_migrate, 1},
	{"migrate.applied", &flow_migrate, 1},
	{"migrate.applied", &flow_migrate, 5},
	{"migrate.noted", &flow_migrate, 1},
	{"migrate.committed", &flow_migrate, 1},
	{"migrate.committed", &flow_migrate, 5},

	{"corectl.folded", &flow_ctl_fold, 1},

	{"corectl.kicked", &flow_ctl_kick, 1},

	{"corectl.refund-resumed", &flow_ctl_refund, 1},

	{"corectl.import-begun", &flow_ctl_import, 1},
	{"corectl.import-read", &flow_ctl_import, 1},
	{"corectl.import-queued", &flow_ctl_import, 1},
};
/* clang-format on */
const size_t crash_row_count = ARRAY_LEN(crash_rows);
