/*
 * mail_calendar: the calendar entry that goes with a mail about a ticket.
 *
 * One entry a guest, from the first ticket mail to the cancellation: all texts about it bear the
 * same UID, and a sequence by which calendars know the newest.
 */
#ifndef WORKER_EMAIL_MAIL_CALENDAR_H
#define WORKER_EMAIL_MAIL_CALENDAR_H

#include "worker-email/mail.h"

/* iCalendar text in the arena; NULL: none goes with this mail. `pdf_url` opens the ticket. It says
 * the same each time while the rows are the same, as a repeated call under one key must. */
const char *mail_calendar(struct arena *arena, const struct mail *mail, const char *public_url,
			  const char *pdf_url);

#endif
