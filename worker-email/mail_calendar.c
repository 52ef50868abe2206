#include "worker-email/mail_calendar.h"

#include <ctype.h>
#include <string.h>

#include "worker-email/ical.h"

enum entry { ENTRY_NONE, ENTRY_PUBLISH, ENTRY_CANCEL };

static bool is(const char *text, const char *what)
{
	return text && strcmp(text, what) == 0;
}

/* What the mail means for the calendar of who gets it. Guests without a ticket were never sent an
 * entry, so there is none to change or to take away. */
static enum entry entry_of(const struct mail *mail)
{
	if (mail->ticket_id == 0)
		return ENTRY_NONE;
	if (is(mail->kind, "ticket-issued") || is(mail->kind, "event-changed"))
		return ENTRY_PUBLISH;
	if (is(mail->kind, "registration-cancelled") || is(mail->kind, "event-cancelled"))
		return ENTRY_CANCEL;
	/* money given back in full ends a registration, and no other mail tells of that */
	if (is(mail->kind, "refund-done") && is(mail->guest_status, "cancelled"))
		return ENTRY_CANCEL;
	return ENTRY_NONE;
}

/* The host of a URL in lower case. */
static char *host_of(struct arena *arena, const char *url)
{
	const char *at = strstr(url, "://");
	at = at ? at + 3 : url;
	size_t len = strcspn(at, "/?#");
	const char *user_end = memchr(at, '@', len);
	if (user_end) {
		len -= (size_t)(user_end + 1 - at);
		at = user_end + 1;
	}
	const char *bracket = at[0] == '[' ? memchr(at, ']', len) : NULL;
	size_t host_len = bracket ? (size_t)(bracket + 1 - at) : strcspn(at, ":/?#");
	char *host = arena_strndup(arena, at, host_len);
	for (char *c = host; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return host;
}

static const char *description_of(struct arena *arena, const struct mail *mail, const char *pdf_url)
{
	bool french = is(mail->locale, "fr");
	return arena_printf(arena, "%s: %s\n%s: %s",
			    french ? "Code du billet\xc2\xa0" : "Ticket code", mail->ticket_code,
			    french ? "Votre billet en PDF\xc2\xa0" : "Your ticket as PDF", pdf_url);
}

const char *mail_calendar(struct arena *arena, const struct mail *mail, const char *public_url,
			  const char *pdf_url)
{
	enum entry entry = entry_of(mail);
	if (entry == ENTRY_NONE)
		return NULL;
	bool cancelled = entry == ENTRY_CANCEL;
	const struct ical_event event = {
		.uid = arena_printf(arena, "guest-%lld@core-service.%s", (long long)mail->guest_id,
				    host_of(arena, public_url)),
		/* above all that was published before: no change comes after a cancellation */
		.sequence = mail->change_seq + (cancelled ? 1 : 0),
		.stamp = mail->put_at,
		.start = mail->starts_at,
		.end = mail->ends_at,
		.summary = mail->event_title,
		.location = mail->location,
		/* a cancelled ticket's code and link are dead */
		.description = cancelled ? NULL : description_of(arena, mail, pdf_url),
		.organizer_email = mail->organizer_email,
		.organizer_name = mail->organizer_name,
		.cancelled = cancelled,
	};
	return ical_write(arena, &event);
}
