/*
 * ical: one calendar entry as iCalendar text (RFC 5545), published or cancelled (RFC 5546).
 *
 * Pure. Moments are UTC in the form "20260714T183000Z"; texts are UTF-8 as people wrote them:
 * escaping, folding and line ends are done here, so nothing in them can begin a line of its own.
 */
#ifndef WORKER_EMAIL_ICAL_H
#define WORKER_EMAIL_ICAL_H

#include "common/strbuf.h"

struct ical_event {
	const char *uid;   /* the same for all that is ever sent about this entry */
	int64_t sequence;  /* never falls; what has a higher one replaces what has a lower */
	const char *stamp; /* when this was said; decides between equal sequences */
	const char *start;
	const char *end; /* NULL: not known */
	const char *summary;
	const char *location;
	const char *description;     /* or NULL */
	const char *organizer_email; /* NULL: not known */
	const char *organizer_name;  /* or NULL */
	bool cancelled;
};

/* The whole object, lines ended by CR LF and folded at 75 octets, in the arena. */
const char *ical_write(struct arena *arena, const struct ical_event *event);

#endif
