/*
 * ticket_words: what stands on a ticket in the guest's language: labels, dates, prices.
 */
#ifndef WORKER_TICKETS_TICKET_WORDS_H
#define WORKER_TICKETS_TICKET_WORDS_H

#include "worker-tickets/ticket.h"

enum ticket_word {
	WORD_TICKET,
	WORD_WHEN,
	WORD_PLACE,
	WORD_GUEST,
	WORD_TYPE,
	WORD_PRICE,
	WORD_ORGANIZER,
	WORD_FREE,
	WORD_NOTE,
	TICKET_WORDS,
};

const char *ticket_word(enum ticket_locale locale, enum ticket_word word);
/* "Sunday 1 February 2026, 19:30"; with an end "– 23:00" of the same day, or the whole moment. */
char *ticket_when(struct arena *arena, const struct ticket *ticket);
/* The zone's name to read: "Europe/Paris", "America/New York". */
char *ticket_zone(struct arena *arena, const struct ticket *ticket);
/* "Free", "€1,234.50", "49.90 CHF"; in French "Gratuit", "1 234,50 €". */
char *ticket_price(struct arena *arena, const struct ticket *ticket);

#endif
