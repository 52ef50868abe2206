#include "worker-tickets/ticket_words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NBSP "\u00a0"
#define NARROW_NBSP "\u202f"

static const char *const words[][TICKET_WORDS] = {
	[TICKET_EN] =
		{
			[WORD_TICKET] = "TICKET",
			[WORD_WHEN] = "Date",
			[WORD_PLACE] = "Place",
			[WORD_GUEST] = "Guest",
			[WORD_TYPE] = "Ticket type",
			[WORD_PRICE] = "Price",
			[WORD_ORGANIZER] = "Organizer",
			[WORD_FREE] = "Free",
			[WORD_NOTE] = ("Show this code at the entrance, on paper or on a screen. "
				       "It admits one person, once."),
		},
	[TICKET_FR] =
		{
			[WORD_TICKET] = "BILLET",
			[WORD_WHEN] = "Date",
			[WORD_PLACE] = "Lieu",
			[WORD_GUEST] = "Invité",
			[WORD_TYPE] = "Type de billet",
			[WORD_PRICE] = "Prix",
			[WORD_ORGANIZER] = "Organisateur",
			[WORD_FREE] = "Gratuit",
			[WORD_NOTE] = ("Présentez ce code à l’entrée, imprimé ou à l’écran. "
				       "Il admet une personne, une seule fois."),
		},
};

static const char *const weekdays[][7] = {
	[TICKET_EN] = {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
		       "Sunday"},
	[TICKET_FR] = {"lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"},
};

static const char *const months[][12] = {
	[TICKET_EN] = {"January", "February", "March", "April", "May", "June", "July", "August",
		       "September", "October", "November", "December"},
	[TICKET_FR] = {"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août",
		       "septembre", "octobre", "novembre", "décembre"},
};

/* Signs that no reader takes for another currency; the rest is shown by its code. */
static const struct {
	const char *code, *sign;
} signs[] = {
	{"EUR", "€"},
	{"GBP", "£"},
};

const char *ticket_word(enum ticket_locale locale, enum ticket_word word)
{
	return words[locale][word];
}

static void add_day(struct strbuf *out, enum ticket_locale locale, const struct ticket_moment *at)
{
	bool first = locale == TICKET_FR && at->day == 1;

	strbuf_addf(out, "%s %d%s %s %d", weekdays[locale][at->weekday - 1], at->day,
		    first ? "er" : "", months[locale][at->month - 1], at->year);
}

static void add_time(struct strbuf *out, enum ticket_locale locale, const struct ticket_moment *at)
{
	if (locale == TICKET_FR)
		strbuf_addf(out, "%d" NBSP "h" NBSP "%02d", at->hour, at->minute);
	else
		strbuf_addf(out, "%02d:%02d", at->hour, at->minute);
}

static bool same_day(const struct ticket_moment *a, const struct ticket_moment *b)
{
	return a->year == b->year && a->month == b->month && a->day == b->day;
}

char *ticket_when(struct arena *arena, const struct ticket *ticket)
{
	struct strbuf out;

	strbuf_init(&out, arena);
	add_day(&out, ticket->locale, &ticket->starts);
	strbuf_adds(&out, ", ");
	add_time(&out, ticket->locale, &ticket->starts);
	if (ticket->has_end) {
		strbuf_adds(&out, NBSP "– ");
		if (!same_day(&ticket->starts, &ticket->ends)) {
			add_day(&out, ticket->locale, &ticket->ends);
			strbuf_adds(&out, ", ");
		}
		add_time(&out, ticket->locale, &ticket->ends);
	}
	return out.buf;
}

char *ticket_zone(struct arena *arena, const struct ticket *ticket)
{
	char *zone = arena_strdup(arena, ticket->time_zone);

	for (char *at = zone; (at = strchr(at, '_'));)
		*at = ' ';
	return zone;
}

static void add_grouped(struct strbuf *out, int64_t number, const char *separator)
{
	char digits[32];
	int len = snprintf(digits, sizeof(digits), "%" PRId64, number);

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			strbuf_adds(out, separator);
		strbuf_addc(out, digits[i]);
	}
}

static const char *currency_sign(const char *code)
{
	for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
		if (!strcmp(signs[i].code, code))
			return signs[i].sign;
	}
	return NULL;
}

char *ticket_price(struct arena *arena, const struct ticket *ticket)
{
	bool french = ticket->locale == TICKET_FR;
	const char *sign = currency_sign(ticket->currency);
	struct strbuf out;

	if (!ticket->price)
		return arena_strdup(arena, ticket_word(ticket->locale, WORD_FREE));
	strbuf_init(&out, arena);
	if (sign && !french)
		strbuf_adds(&out, sign);
	add_grouped(&out, ticket->price / 100, french ? NARROW_NBSP : ",");
	strbuf_addf(&out, "%c%02d", french ? ',' : '.', (int)(ticket->price % 100));
	if (!sign || french)
		strbuf_addf(&out, NBSP "%s", sign ? sign : ticket->currency);
	return out.buf;
}
