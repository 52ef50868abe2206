#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tests/chaos/clients_internal.h"
#include "tests/chaos/links.h"
#include "tests/support/crowd.h"

enum { FIRST_CALLER = 1000, RUSHERS = 12, PART_CENTS = 1000 };

static const char *organizer;
static _Atomic int extra; /* numbers of operations that another one began */

void clients_setup(int first_extra)
{
	organizer = token_organizer();
	extra = first_extra;
}

const char *clients_organizer(void)
{
	return organizer;
}

int clients_next_number(void)
{
	return extra++;
}

/* --- registrations ---------------------------------------------------------------------------- */

static void remember(const struct attempt *at)
{
	const struct reply *reply = at->reply;
	const char *code = reply_text(reply, "data.ticket.ticketCode");
	const char *intent = reply_text(reply, "data.payment.intentId");
	struct known guest = {.event_id = at->op->event_id, .id = at->op->guest_id};

	if (code) {
		guest.code = text("%s", code);
		guest.ticket_id = reply_int(reply, "data.ticket.id");
	}
	if (intent) {
		guest.intent = text("%s", intent);
		guest.payment_id = reply_int(reply, "data.payment.id");
	}
	at->op->code = guest.code;
	book_add(&guest);
}

/* Who was registered is registered, whoever is asked. */
static void read_back(struct attempt *at, const char *token)
{
	struct attempt other = *at;

	other.api = (at->api + 1) % APIS;
	attempt_ask(&other, &(struct saying){.method = "GET",
					     .url = text("/api/events/%lld/guests/%lld",
							 (long long)at->op->event_id,
							 (long long)at->op->guest_id),
					     .token = token});
	if (outcome_of(other.reply) == OUTCOME_FAIL)
		log_violation("read-back", "guest %lld, just registered, is answered with %d",
			      (long long)at->op->guest_id, other.reply->status);
	reply_free(other.reply);
}

/* The same key gives the same answer, once more. */
static void say_again(struct attempt *at, const struct saying *saying)
{
	struct attempt other = *at;

	other.api = dice_below(&other.dice, APIS);
	attempt_ask(&other, saying);
	if (outcome_of(other.reply) == OUTCOME_FAIL ||
	    (other.reply->status == 201 && reply_int(other.reply, "data.id") != at->op->guest_id))
		log_violation("replay", "key %s of guest %lld is answered with %d: %s", at->op->key,
			      (long long)at->op->guest_id, other.reply->status, other.reply->body);
	reply_free(other.reply);
}

static bool is_big(const struct stand *stand)
{
	return stand >= stands && stand < stands + STANDS_BIG;
}

static const struct stand *random_stand(struct dice *dice)
{
	/* Half of all go to where there is a seat for certain. */
	return &stands[dice_below(dice, 2) ? dice_below(dice, STANDS_BIG)
					   : dice_below(dice, STANDS)];
}

static void register_at(const struct stand *stand, enum op_kind kind, int number, struct dice dice)
{
	struct attempt at = attempt_begin(kind, number, dice);
	const char *token = token_of(FIRST_CALLER + number, "user");
	struct saying saying = {
		.method = "POST",
		.url = text("/api/events/%lld/guests", (long long)stand->event_id),
		.token = token,
		.headers = with_key(at.op->key),
	};
	enum outcome outcome;

	at.op->event_id = stand->event_id;
	at.op->email = text("guest%d@chaos.example", number);
	saying.body = text("{\"firstName\":\"Guest%d\",\"lastName\":\"Chaos\",\"email\":\"%s\","
			   "\"ticketTypeId\":%lld}",
			   number, at.op->email,
			   (long long)(kind == OP_REGISTER ? stand->free_type : stand->paid_type));
	outcome = attempt_settle(&at, &saying);
	if (outcome == OUTCOME_OK) {
		at.op->guest_id = reply_int(at.reply, "data.id");
		remember(&at);
	} else if (!strcmp(reply_slug(at.reply), "sold-out") && is_big(stand)) {
		log_violation("false-sold-out", "operation %d", number);
	}
	attempt_end(&at, outcome);
	if (outcome == OUTCOME_OK && dice_below(&at.dice, 8) == 0)
		read_back(&at, token);
	if (outcome == OUTCOME_OK && dice_below(&at.dice, 8) == 0)
		say_again(&at, &saying);
}

void client_register_free(int number, struct dice dice)
{
	register_at(random_stand(&dice), OP_REGISTER, number, dice);
}

void client_register_paid(int number, struct dice dice)
{
	register_at(random_stand(&dice), OP_REGISTER_PAID, number, dice);
}

struct many {
	struct dice dice;
	struct stand stand;
};

/* Someone of a crowd: an operation with a number and dice of its own. */
static int another(const struct many *many, size_t i, struct dice *ret_dice)
{
	*ret_dice = (struct dice){many->dice.state + i};
	dice_roll(ret_dice);
	return clients_next_number();
}

static void rush_one(void *ctx, size_t i)
{
	const struct many *many = ctx;
	struct dice dice;
	int number = another(many, i, &dice);

	register_at(&many->stand, OP_REGISTER, number, dice);
}

/* More than there are seats, at an event that has just opened. */
void client_rush(int number, struct dice dice)
{
	struct many many = {.dice = dice};

	if (book_open_small(number, attempt_address(dice_below(&many.dice, APIS)), &many.stand))
		crowd(RUSHERS, rush_one, &many);
}

/* --- money ------------------------------------------------------------------------------------ */

/* The service calls until it hears that its webhook was taken. */
void client_pay(int number, struct dice dice)
{
	struct known *guest = book_borrow(&dice, BOOK_TO_PAY);
	struct attempt at;
	bool taken = false;

	if (!guest)
		return;
	guest->paid = true;
	at = attempt_begin(OP_PAY, number, dice);
	at.op->event_id = guest->event_id;
	at.op->guest_id = guest->id;
	at.op->value = guest->intent;
	at.patience = INT32_MAX;
	while (!taken && (at.op->tries == 0 || attempt_may_go_on(&at))) {
		at.op->tries++;
		at.reply = platform_pay("{\"type\":\"payment.succeeded\",\"intentId\":\"%s\","
					"\"webhookId\":\"%s\",\"webhookUrl\":\"%s/api/payments/"
					"webhook\"}",
					guest->intent, at.op->key, attempt_address(at.api));
		taken = reply_int(at.reply, "data.status") == 204;
		at.op->detail = text("%lld", (long long)reply_int(at.reply, "data.status"));
		if (reply_int(at.reply, "data.status") == 500)
			log_violation("answer", "a webhook got 500");
		reply_free(at.reply);
		if (!taken)
			attempt_pause(&at);
	}
	log_end(at.op, taken ? OUTCOME_OK : OUTCOME_UNKNOWN);
	book_return(guest);
}

const char *clients_guest_path(const struct known *guest, const char *rest)
{
	return text("/api/events/%lld/guests/%lld%s", (long long)guest->event_id,
		    (long long)guest->id, rest);
}

/* --- changes of mind -------------------------------------------------------------------------- */

struct attempt clients_begin_change(enum op_kind kind, int number, struct dice dice,
				    const struct known *guest)
{
	struct attempt at = attempt_begin(kind, number, dice);

	at.op->event_id = guest->event_id;
	at.op->guest_id = guest->id;
	return at;
}

/* Of the whole, or of tens that never are the whole: who gets those keeps the seat. */
void client_refund(int number, struct dice dice)
{
	struct known *guest = book_borrow(&dice, BOOK_TO_REFUND);
	int tens = dice_below(&dice, 2) ? dice_between(&dice, 1, 3) : 0;
	struct attempt at;

	if (!guest)
		return;
	at = clients_begin_change(tens ? OP_REFUND_PART : OP_REFUND, number, dice, guest);
	at.op->value = guest->intent;
	at.op->amount = tens * PART_CENTS;
	attempt_end(&at,
		    attempt_settle(&at,
				   &(struct saying){
					   .method = "POST",
					   .url = text("/api/payments/%lld/refund",
						       (long long)guest->payment_id),
					   .token = organizer,
					   .body = tens ? text("{\"amount\":%d}", tens * 10) : NULL,
					   .headers = with_key(at.op->key)}));
	book_return(guest);
}

void client_cancel(int number, struct dice dice)
{
	struct known *guest = book_borrow(&dice, BOOK_TO_CHANGE);
	struct attempt at;

	if (!guest)
		return;
	at = clients_begin_change(OP_CANCEL, number, dice, guest);
	guest->left = true;
	attempt_end(&at, attempt_settle(
				 &at, &(struct saying){.method = "POST",
						       .url = clients_guest_path(guest, "/cancel"),
						       .token = organizer,
						       .headers = with_key(at.op->key)}));
	book_return(guest);
}

struct editing {
	struct dice dice;
	const struct known *guest;
};

static void edit_one(void *ctx, size_t i)
{
	static const struct {
		enum op_kind kind;
		const char *field;
	} edits[] = {{OP_EDIT, "firstName"}, {OP_EDIT_LAST, "lastName"}};
	const struct editing *editing = ctx;
	struct dice dice = {editing->dice.state + i};
	int number = clients_next_number();
	struct attempt at;

	dice_roll(&dice);
	at = clients_begin_change(edits[i].kind, number, dice, editing->guest);
	at.op->value = text("Edit%d", number);
	attempt_end(&at, attempt_settle(&at, &(struct saying){
						     .method = "PATCH",
						     .url = clients_guest_path(editing->guest, ""),
						     .token = organizer,
						     .body = text("{\"%s\":\"%s\"}", edits[i].field,
								  at.op->value)}));
}

/* Two people at once, each one half of the name; half of them mistype, and do it again at once. */
void client_edit(int number UNUSED, struct dice dice)
{
	struct known *guest = book_borrow(&dice, BOOK_TO_CHANGE);
	struct editing editing = {.guest = guest};

	if (!guest)
		return;
	for (int rounds = dice_between(&dice, 1, 2); rounds > 0; rounds--) {
		editing.dice.state = dice_roll(&dice);
		crowd(2, edit_one, &editing);
	}
	book_return(guest);
}

void client_move_event(int number, struct dice dice)
{
	static pthread_mutex_t one_mover = PTHREAD_MUTEX_INITIALIZER;
	struct attempt at;
	const struct stand *stand = &stands[STAND_MOVING];

	pthread_mutex_lock(&one_mover);
	at = attempt_begin(OP_MOVE, number, dice);
	at.op->event_id = stand->event_id;
	at.op->value = text("Hall %d", number);
	attempt_end(&at,
		    attempt_settle(&at, &(struct saying){.method = "PATCH",
							 .url = text("/api/events/%lld",
								     (long long)stand->event_id),
							 .token = organizer,
							 .body = text("{\"location\":\"%s\"}",
								      at.op->value)}));
	pthread_mutex_unlock(&one_mover);
}

void client_cancel_event(int number, struct dice dice)
{
	struct attempt at = attempt_begin(OP_CANCEL_EVENT, number, dice);
	const struct stand *stand = &stands[STAND_DOOMED];

	at.op->event_id = stand->event_id;
	at.patience = INT32_MAX;
	attempt_end(&at,
		    attempt_settle(&at, &(struct saying){.method = "POST",
							 .url = text("/api/events/%lld/cancel",
								     (long long)stand->event_id),
							 .token = organizer,
							 .headers = with_key(at.op->key)}));
}

/* --- exports ---------------------------------------------------------------------------------- */

static bool has_row(const char *csv, int64_t guest)
{
	return strstr(csv, text("\n%lld,", (long long)guest)) != NULL;
}

/* A whole one has everybody who was told so before it began. */
void client_export_guests(int number, struct dice dice)
{
	struct attempt at = attempt_begin(OP_EXPORT, number, dice);
	const struct stand *stand = random_stand(&at.dice);
	size_t count, missing = 0;
	int64_t *ids = book_guests(stand->event_id, &count);
	enum outcome outcome;

	at.op->event_id = stand->event_id;
	outcome = attempt_settle(&at, &(struct saying){.method = "GET",
						       .url = text("/api/events/%lld/guests/export",
								   (long long)stand->event_id),
						       .token = organizer});
	for (size_t i = 0; i < count && outcome == OUTCOME_OK; i++)
		missing += !has_row(at.reply->body, ids[i]);
	if (missing)
		log_violation("export", "operation %d: %zu of %zu guests are missing", number,
			      missing, count);
	free(ids);
	attempt_end(&at, outcome);
}
