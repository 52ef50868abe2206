/*
 * imports: what clients do with files of guests: send one, and perhaps the same rows again in
 * another one.
 */
#include <stdlib.h>

#include "common/strbuf.h"
#include "tests/chaos/clients_internal.h"
#include "tests/chaos/links.h"

enum {
	SHORT_MIN = 2,
	SHORT_MAX = 30,
	LONG_MIN = 600, /* more than one slice */
	LONG_MAX = 1500,
	LONG_OF = 4, /* one import in so many is long */
};

struct file {
	const struct stand *stand;
	const char *name; /* of its rows */
	int rows;
	bool is_long;
	const char *body;
};

/* Guests of a long one have no ticket and get no mail: it is about rows. */
static const char *rows_of(const struct file *file)
{
	struct strbuf out;

	strbuf_init(&out, NULL);
	strbuf_adds(&out, "externalId,email,firstName,lastName,ticketTypeId\r\n");
	for (int i = 1; i <= file->rows; i++) {
		strbuf_addf(&out, "%s-%d,%s-%d@chaos.example,First%d,Chaos,", file->name, i,
			    file->name, i, i);
		if (!file->is_long)
			strbuf_addf(&out, "%lld", (long long)file->stand->free_type);
		strbuf_adds(&out, "\r\n");
	}
	return out.buf;
}

/* An import that was answered is there, whoever is asked. */
static void read_back(struct attempt *at)
{
	struct attempt other = *at;

	other.api = (at->api + 1) % APIS;
	attempt_ask(&other, &(struct saying){.method = "GET",
					     .url = text("/api/imports/%s", at->op->value),
					     .token = clients_organizer()});
	if (outcome_of(other.reply) == OUTCOME_FAIL)
		log_violation("read-back", "import %s, just taken, is answered with %d",
			      at->op->value, other.reply->status);
	reply_free(other.reply);
}

/* The same key is the same import, once more. */
static void say_again(struct attempt *at, const struct saying *saying)
{
	struct attempt other = *at;

	other.api = dice_below(&other.dice, APIS);
	attempt_ask(&other, saying);
	if (outcome_of(other.reply) == OUTCOME_FAIL ||
	    (other.reply->status == 202 &&
	     reply_int(other.reply, "data.id") != strtoll(at->op->value, NULL, 10)))
		log_violation("replay", "key %s of import %s is answered with %d: %s", at->op->key,
			      at->op->value, other.reply->status, other.reply->body);
	reply_free(other.reply);
}

static enum outcome send_file(const struct file *file, int number, struct dice dice)
{
	struct attempt at = attempt_begin(OP_IMPORT, number, dice);
	const struct saying saying = {
		.method = "POST",
		.url = text("/api/events/%lld/guests/import?notify=%s",
			    (long long)file->stand->event_id, file->is_long ? "false" : "true"),
		.token = clients_organizer(),
		.content_type = "text/csv",
		.body = file->body,
		.headers = with_key(at.op->key),
	};
	enum outcome outcome;

	at.op->event_id = file->stand->event_id;
	at.op->email = file->name;
	at.op->amount = file->rows;
	outcome = attempt_settle(&at, &saying);
	if (outcome == OUTCOME_OK) {
		at.op->value = text("%lld", (long long)reply_int(at.reply, "data.id"));
		read_back(&at);
		if (dice_below(&at.dice, 2))
			say_again(&at, &saying);
	}
	attempt_end(&at, outcome);
	return outcome;
}

void client_import(int number, struct dice dice)
{
	struct file file = {.stand = &stands[dice_below(&dice, STANDS_BIG)],
			    .name = text("import%d", number),
			    .is_long = dice_below(&dice, LONG_OF) == 0};

	file.rows = file.is_long ? dice_between(&dice, LONG_MIN, LONG_MAX)
				 : dice_between(&dice, SHORT_MIN, SHORT_MAX);
	file.body = rows_of(&file);
	if (send_file(&file, number, dice) == OUTCOME_OK && dice_below(&dice, 2))
		send_file(&file, clients_next_number(), dice);
}
