/*
 * mail_date: dates and amounts as people of a language write them.
 *
 * PostgreSQL turns a moment into an event's local time (to_char … AT TIME ZONE); names of days and
 * months come from tables here, so the process's locale and time zone are never touched.
 */
#ifndef WORKER_EMAIL_MAIL_DATE_H
#define WORKER_EMAIL_MAIL_DATE_H

#include "common/base.h"
#include "common/arena.h"

/* What the statements ask to_char for: "2026-02-01 19:30 7" (ISO day of the week). */
/* The date in words with its zone: "Sunday, 1 February 2026 at 19:30 (Europe/Paris)", "dimanche
 * 1er février 2026 à 19 h 30 (Europe/Paris)". NULL for a text that is none (NULL too). Languages
 * other than fr are given English. */
const char *mail_date(struct arena *arena, const char *locale, const char *local_time,
		      const char *time_zone);
/* Minor units: "1,049.90", "1 049,90" (with a narrow no-break space). */
const char *mail_amount(struct arena *arena, const char *locale, int64_t minor);

#endif
