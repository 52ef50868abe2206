/*
 * door: what clients do with tickets: scan them, by their code or by the JSON form of their QR
 * code, have them issued anew, and take admissions back.
 */
#include <string.h>

#include "common/ids.h"
#include "common/pg.h"
#include "common/sign.h"
#include "sql_chaos.h"
#include "tests/chaos/clients_internal.h"
#include "tests/support/crowd.h"

enum { GATES = 2 };

/* --- what is shown at the door ---------------------------------------------------------------- */

/* When the ticket with that code was issued, as its QR code says; 0: the code is another meanwhile,
 * or the database is away. */
static int64_t issued_ms(int64_t ticket_id, const char *code)
{
	PG_LEASED conn = NULL;
	PG_RESULT rows = NULL;
	struct problem ignored = {0};

	if (pg_connect(suite_database(), &conn, &ignored) ||
	    pg_exec(conn, sql_issued.sql, PG_ARGS(PG_I64(ticket_id), PG_TEXT(code)), &rows,
		    &ignored) ||
	    !pg_rows(rows))
		return 0;
	return pg_i64(rows, 0, 0);
}

/* The specification's JSON, as the text of a JSON string. */
static const char *json_form(const struct known *guest, int64_t issued)
{
	uint8_t mac[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];
	const char *facts =
		text("EVT1|%lld|%lld|%lld|%lld", (long long)guest->ticket_id,
		     (long long)guest->event_id, (long long)guest->id, (long long)issued);

	sign_hmac((struct slice){suite_qr_secret, strlen(suite_qr_secret)}, facts, strlen(facts),
		  mac);
	sign_hex(mac, sizeof(mac), hex);
	return text("{\\\"ticketId\\\":%lld,\\\"eventId\\\":%lld,\\\"guestId\\\":%lld,"
		    "\\\"timestamp\\\":%lld,\\\"signature\\\":\\\"%s\\\"}",
		    (long long)guest->ticket_id, (long long)guest->event_id, (long long)guest->id,
		    (long long)issued, hex);
}

/* A body for what the guest shows: now and then a page that was replaced. */
static const char *shown(const struct known *guest, bool retired, bool as_json, const char *scan_id)
{
	const char *code = retired ? guest->old_code : guest->code;
	int64_t issued = 0;

	if (as_json)
		issued = retired ? guest->old_issued_ms : issued_ms(guest->ticket_id, code);
	if (issued)
		return text("{\"qrCode\":\"%s\",\"scanId\":\"%s\"}", json_form(guest, issued),
			    scan_id);
	return text("{\"ticketCode\":\"%s\",\"scanId\":\"%s\"}", code, scan_id);
}

/* --- scans ------------------------------------------------------------------------------------ */

static void scan_page(const struct known *guest, bool retired, int number, struct dice dice)
{
	struct attempt at = attempt_begin(OP_SCAN, number, dice);
	const char *body;
	char id[UUID_SIZE];
	enum outcome outcome;

	ids_uuid4(id);
	at.op->key = text("%s", id);
	at.op->event_id = guest->event_id;
	at.op->guest_id = guest->id;
	at.op->code = retired ? guest->old_code : guest->code;
	body = shown(guest, retired, dice_below(&at.dice, 2) == 0, id);
	at.op->value = strstr(body, "qrCode") ? "json" : "code";
	outcome = attempt_settle(&at, &(struct saying){.method = "POST",
						       .url = "/api/tickets/validate",
						       .token = clients_organizer(),
						       .body = body});
	if (retired && outcome == OUTCOME_OK)
		log_violation("retired",
			      "operation %d: guest %lld came in with %s, replaced before", number,
			      (long long)guest->id, guest->old_code);
	attempt_end(&at, outcome);
}

static void scan_one(const struct known *guest, int number, struct dice dice)
{
	bool retired = guest->old_code && dice_below(&dice, 3) == 0;

	scan_page(guest, retired, number, dice);
}

struct gates {
	struct dice dice;
	struct known guest;
};

static void scan_at_gate(void *ctx, size_t i)
{
	const struct gates *gates = ctx;
	struct dice dice = {gates->dice.state + i};

	dice_roll(&dice);
	scan_one(&gates->guest, clients_next_number(), dice);
}

void client_scan(int number, struct dice dice)
{
	struct gates gates = {.dice = dice};

	if (!book_look(&dice, &gates.guest))
		return;
	if (dice_below(&dice, 2))
		crowd(GATES, scan_at_gate, &gates);
	else
		scan_one(&gates.guest, number, dice);
}

void client_undo(int number, struct dice dice)
{
	struct known guest;
	struct attempt at;

	if (!book_look(&dice, &guest))
		return;
	at = clients_begin_change(OP_UNDO, number, dice, &guest);
	attempt_end(&at, attempt_settle(&at, &(struct saying){
						     .method = "DELETE",
						     .url = clients_guest_path(&guest, "/check-in"),
						     .token = clients_organizer()}));
}

/* --- anew ------------------------------------------------------------------------------------- */

/* From its answer on the old code admits nobody, and half of the time somebody tries at once;
 * without one nobody knows which code holds. */
void client_reissue(int number, struct dice dice)
{
	struct known *guest = book_borrow(&dice, BOOK_TO_REISSUE);
	struct known changed;
	struct attempt at;
	enum outcome outcome;
	int64_t issued;

	if (!guest)
		return;
	issued = issued_ms(guest->ticket_id, guest->code);
	at = clients_begin_change(OP_REISSUE, number, dice, guest);
	at.op->value = guest->code;
	outcome = attempt_settle(&at, &(struct saying){.method = "POST",
						       .url = text("/api/tickets/%lld/reissue",
								   (long long)guest->ticket_id),
						       .token = clients_organizer(),
						       .headers = with_key(at.op->key)});
	if (outcome == OUTCOME_OK) {
		at.op->code = text("%s", reply_text(at.reply, "data.ticketCode"));
		book_reissued(guest, at.op->code, issued);
	} else if (outcome == OUTCOME_UNKNOWN) {
		book_reissued(guest, NULL, 0);
	}
	attempt_end(&at, outcome);
	changed = *guest;
	book_return(guest);
	if (outcome == OUTCOME_OK && dice_below(&dice, 2))
		scan_page(&changed, true, clients_next_number(), dice);
}
