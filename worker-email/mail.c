#include "worker-email/mail.h"

#include <string.h>

#include "worker-email/mail_calendar.h"
#include "worker-email/mail_date.h"

static bool is(const char *text, const char *what)
{
	return text && strcmp(text, what) == 0;
}

bool mail_is_settled(const struct mail *mail)
{
	return is(mail->status, "sent") || is(mail->status, "dropped");
}

/* --- what later events have overtaken --------------------------------------------------------- */

static const char *live_guest(const struct mail *mail)
{
	if (is(mail->guest_status, "cancelled"))
		return "the registration is cancelled";
	return is(mail->event_status, "cancelled") ? "the event is cancelled" : NULL;
}

static const char *payment_due(const struct mail *mail)
{
	if (!is(mail->guest_status, "pending"))
		return "the guest is not pending any more";
	if (!is(mail->payment_status, "requires_payment") && !is(mail->payment_status, "failed"))
		return "the payment is not open any more";
	return mail->pay_over ? "the hold has ended" : live_guest(mail);
}

static const char *ticket_issued(const struct mail *mail)
{
	if (mail->ticket_id == 0 || is(mail->ticket_status, "cancelled"))
		return "the ticket is cancelled";
	return mail->cause_id < mail->issue ? "the ticket was issued anew" : live_guest(mail);
}

static const char *registration_cancelled(const struct mail *mail)
{
	return is(mail->guest_status, "cancelled") ? NULL : "the registration lives again";
}

static const char *event_cancelled(const struct mail *mail)
{
	return is(mail->event_status, "cancelled") ? NULL : "the event is not cancelled";
}

static const char *event_changed(const struct mail *mail)
{
	return mail->cause_id < mail->change_seq ? "the event changed again" : live_guest(mail);
}

static const char *never(const struct mail *mail UNUSED)
{
	return NULL;
}

struct kind {
	const char *name;
	const char *(*overtaken)(const struct mail *mail);
};
static const struct kind kinds[] = {
	{"registration-confirmed", live_guest},
	{"payment-due", payment_due},
	{"ticket-issued", ticket_issued},
	{"registration-cancelled", registration_cancelled},
	{"event-cancelled", event_cancelled},
	{"event-changed", event_changed},
	{"refund-done", never},
};

const char *mail_overtaken(const struct mail *mail)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (is(mail->kind, kinds[i].name))
			return kinds[i].overtaken(mail);
	}
	return NULL;
}

/* --- words ------------------------------------------------------------------------------------ */

static const char *pdf_url(struct arena *arena, const struct mail *mail,
			   const struct mail_links *links)
{
	char token[CREDENTIAL_LINK_SIZE];
	if (mail->ticket_id == 0)
		return NULL;
	credential_link_make(links->keys, mail->ticket_id, mail->ticket_code, token);
	return arena_printf(arena, "%s/api/tickets/%lld/pdf?token=%s", links->public_url,
			    (long long)mail->ticket_id, token);
}

/* The values that the template names; a name without a value here fails at rendering. */
static void set_values(struct arena *arena, const struct mail *mail, const char *link,
		       const struct mail_template *template, struct mail_letter *ret)
{
	const char *date = mail_date(arena, mail->locale, mail->event_date, mail->time_zone);
	const char *until = mail_date(arena, mail->locale, mail->pay_until, mail->time_zone);
	const char *amount = NULL;
	const char *currency = NULL;
	if (mail->amount > 0) {
		amount = mail_amount(arena, mail->locale, mail->amount);
		currency = mail->currency;
	}
	const struct template_value all[] = {
		{"guestName", mail->guest_name},
		{"eventTitle", mail->event_title},
		{"eventDate", date},
		{"location", mail->location},
		{"ticketType", mail->ticket_type},
		{"ticketCode", mail->ticket_code},
		{"pdfUrl", link},
		{"amount", amount},
		{"currency", currency},
		{"payUntil", until},
	};
	ret->value_count = 0;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (all[i].value && template_names(template, all[i].name))
			ret->values[ret->value_count++] = all[i];
	}
}

/* An address that could break out of its header never leaves the house. */
static bool is_one_line(const char *text)
{
	for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
		if (*at < 0x20 || *at == 0x7f)
			return false;
	}
	return true;
}

enum status mail_write(struct arena *arena, const struct mail *mail, const struct mail_links *links,
		       struct mail_letter *ret, struct problem *err)
{
	const struct mail_template *template = template_find(mail->locale, mail->kind);
	struct mail_letter letter = {.to = mail->email, .template = mail->kind};
	struct problem why = {0};
	if (!template)
		return problem_set(err, ST_INVALID_BODY, "there is no template %s", mail->kind);
	if (!is_one_line(mail->email))
		return problem_set(err, ST_INVALID_BODY, "the address holds control characters");
	const char *link = pdf_url(arena, mail, links);
	set_values(arena, mail, link, template, &letter);
	if (template_render_mail(arena, template, letter.values, letter.value_count, &letter.words,
				 &why) != OK)
		return problem_set(err, ST_INVALID_BODY, "%s: %s", mail->kind, why.detail);
	letter.ics = mail_calendar(arena, mail, links->public_url, link);
	*ret = letter;
	return OK;
}
