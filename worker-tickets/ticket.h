/*
 * ticket: what a ticket's page says, as plain values: read by the job, drawn by the page.
 *
 * Texts live in the job's arena and are clean (see ticket_text_clean) before they come here.
 */
#ifndef WORKER_TICKETS_TICKET_H
#define WORKER_TICKETS_TICKET_H

#include "common/strbuf.h"

enum ticket_locale { TICKET_EN, TICKET_FR };
enum ticket_paper { TICKET_A4, TICKET_A6 };

/* A moment on the wall clock of the event's zone. */
struct ticket_moment {
	int year, month, day; /* 1 to 12, 1 to 31 */
	int weekday;          /* ISO 8601: Monday 1 to Sunday 7 */
	int hour, minute;
};

struct ticket {
	enum ticket_locale locale;
	const char *title;
	const char *place;
	const char *guest;
	const char *type;
	const char *organizer; /* "": not known, left out */
	const char *code;
	struct ticket_moment starts;
	struct ticket_moment ends;
	bool has_end;
	const char *time_zone; /* IANA name */
	int64_t price;         /* minor units, two decimals; 0: free */
	const char *currency;  /* ISO 4217 */
	int64_t issued_ms;     /* the document's own date: same ticket, same bytes */
};

#endif
