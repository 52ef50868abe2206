#include "api/problem_texts.h"

/* clang-format off */
static const struct {
	const char *meaning, *remedy;
} texts[ST_COUNT] = {
	[ST_MALFORMED] = {
		"The request is not HTTP or JSON that can be read safely: broken syntax, a duplicate member, bytes that are not UTF-8, contradicting headers, or a body that ended early.",
		"Mend the request; sending it again as it is gives the same answer."},
	[ST_INVALID_QUERY] = {
		"A parameter behind the question mark is unknown, out of bounds, given twice, or a cursor of another list. The answer's errors name each of them.",
		"Mend the parameters. A cursor goes with the list and the filters that it came from."},
	[ST_INVALID_HEADER] = {
		"A header that this request takes has a value that cannot be.",
		"An Idempotency-Key is 1 to 255 visible ASCII characters."},
	[ST_UNAUTHORIZED] = {
		"The request needs a bearer token of the Auth Service, and there is none, or it is expired, revoked, forged or meant for somebody else.",
		"Sign in again and send the new token as Authorization: Bearer."},
	[ST_BAD_SIGNATURE] = {
		"The signature of a ticket's link or of a webhook is missing, wrong, or too old.",
		"A ticket that was reissued has new links: ask for the ticket, or look for the newest mail. A webhook is signed after Standard Webhooks and must arrive within five minutes of its time."},
	[ST_FORBIDDEN] = {
		"You may see this, but not do it.",
		"Ask the event's organizer or an administrator."},
	[ST_NOT_FOUND] = {
		"There is nothing at this address, or it is not for you to see.",
		"Check the path and the ids in it; check too that you are signed in as the right user."},
	[ST_METHOD_NOT_ALLOWED] = {
		"The address exists, but does not take this method.",
		"The Allow header names those that it takes."},
	[ST_EVENT_NOT_OPEN] = {
		"The event is in a state in which this cannot be done: a draft takes no strangers, a completed or cancelled event takes nobody.",
		"Read the event's status."},
	[ST_ALREADY_REGISTERED] = {
		"A guest with this address or this externalId is live at the event. Addresses are compared in any case of letters.",
		"Look for the guest in the event's list. A cancelled guest may register again."},
	[ST_SOLD_OUT] = {
		"The event, or the ticket type, has no seat left.",
		"Unpaid seats come free when their time ends: trying later may help."},
	[ST_SALES_CLOSED] = {
		"The ticket type is sold only within a window of time, and now is outside of it.",
		"The ticket type's salesStartAt and salesEndAt tell the window."},
	[ST_INVALID_TRANSITION] = {
		"What was asked for is not possible in the present state; the detail names the state.",
		"Read the present state and decide anew."},
	[ST_MAX_BELOW_ATTENDEES] = {
		"The event would have fewer seats than it has guests.",
		"Cancel guests first, or choose a larger number."},
	[ST_QUANTITY_BELOW_SOLD] = {
		"The ticket type would have fewer seats than were sold of it.",
		"Choose a number that is not below what is sold."},
	[ST_HAS_GUESTS] = {
		"An event with live guests is not deleted: they would never learn of it.",
		"Cancel the event first."},
	[ST_HAS_SALES] = {
		"It was sold already, so it can no longer be deleted or changed in this way.",
		"A ticket type's sales can be ended by its salesEndAt."},
	[ST_TOO_MANY_HOLDS] = {
		"One caller may hold only so many unpaid seats of an event at a time.",
		"Pay or cancel those that you hold, or wait until their time ends."},
	[ST_ALREADY_VALIDATED] = {
		"The ticket was admitted before; validatedAt tells when. Each ticket admits once.",
		"Where the first admission was a mistake, the organizer can undo it."},
	[ST_TICKET_CANCELLED] = {
		"The ticket is cancelled, or a newer one was issued in its place.",
		"The newest mail to the guest has the ticket that is valid."},
	[ST_WRONG_EVENT] = {
		"The ticket is good, but for another event than the one at this door.",
		"Check which event the scanner is set to."},
	[ST_NOT_PAID] = {
		"The registration is not paid, so there is no admission and nothing to give back.",
		"The organizer can confirm a guest who pays on site."},
	[ST_VALIDATION_UNDONE] = {
		"This scan admitted the ticket, and that admission was undone afterwards.",
		"Scan again: a new scan has a new scanId."},
	[ST_REFUND_EXCEEDS] = {
		"More was asked back than is left of the payment.",
		"Read the payment's refunds; leave out the amount to give back all that is left."},
	[ST_IDEMPOTENCY_IN_FLIGHT] = {
		"The first request with this Idempotency-Key is still running.",
		"Wait a moment and send the same request again: it gets the first one's answer."},
	[ST_PRECONDITION_FAILED] = {
		"It was edited since the version that If-Match names.",
		"Read it again, apply the edit to what it is now, and send the new ETag."},
	[ST_BODY_TOO_LARGE] = {
		"The body is larger than this address takes.",
		"Send less."},
	[ST_UNSUPPORTED_MEDIA_TYPE] = {
		"The body's media type is not one that this address takes.",
		"Send application/json in UTF-8; an edit by PATCH may be application/merge-patch+json."},
	[ST_INVALID_BODY] = {
		"The body can be read, but fields of it are missing, unknown or out of bounds. The answer's errors name each of them with a JSON Pointer.",
		"Mend all of them at once: the list is complete."},
	[ST_UNKNOWN_TICKET_TYPE] = {
		"The event has no ticket type of this id, or no longer.",
		"The event's ticket types are listed with it."},
	[ST_INVALID_QR] = {
		"What was scanned is not one of our codes, is damaged, or was forged.",
		"Scan again, or type in the code that is printed below it."},
	[ST_IDEMPOTENCY_MISMATCH] = {
		"The key (or scanId) was used before, for another request.",
		"Make a new key for every new request, and keep it for retries of that request alone."},
	[ST_TOO_MANY_REQUESTS] = {
		"You sent more requests than you may in this time.",
		"Wait as many seconds as Retry-After says."},
	[ST_INTERNAL_ERROR] = {
		"Something went wrong on our side. Nothing of the request was kept.",
		"Try again; when it stays, tell us the requestId."},
	[ST_OVERLOADED] = {
		"There is more to do at the moment than can be done in time, or the service is about to stop.",
		"Wait as many seconds as Retry-After says, and try again."},
	[ST_DATABASE_UNAVAILABLE] = {
		"The database does not answer.",
		"Wait as many seconds as Retry-After says, and try again. An Idempotency-Key makes that safe."},
	[ST_PAYMENT_UNAVAILABLE] = {
		"The payment service does not answer. Nothing was booked and the seat is free again.",
		"Try again after the seconds in Retry-After, with the same Idempotency-Key."},
	[ST_AUTH_UNAVAILABLE] = {
		"The Auth Service, which judges tokens, does not answer.",
		"Wait as many seconds as Retry-After says, and try again."},
};
/* clang-format on */

const char *problem_meaning(enum status status)
{
	return texts[problem_row(status)->status].meaning;
}

const char *problem_remedy(enum status status)
{
	return texts[problem_row(status)->status].remedy;
}
