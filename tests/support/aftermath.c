#include "tests/support/aftermath.h"

#include <stdatomic.h>
#include <stdio.h>

#include "common/clock.h"
#include "tests/support/crowd.h"

/* Fewer than the connections for which all of them would wait. */
enum { HANDS = 12 };

struct many {
	const struct shop *shop;
	size_t count;
	const char *tag;
	_Atomic int accepted;
};

static void register_share(void *ctx, size_t hand)
{
	struct many *many = ctx;

	for (size_t i = hand; i < many->count; i += HANDS) {
		struct reply *reply =
			shop_register(many->shop, token_of((int64_t)(1000 + i), "user"),
				      text("%s%zu", many->tag, i));

		many->accepted += reply->status == 201;
	}
}

int register_many(const struct shop *shop, const char *tag, size_t count)
{
	struct many many = {.shop = shop, .count = count, .tag = tag};

	crowd(HANDS, register_share, &many);
	return many.accepted;
}

static int64_t count_of(const char *name)
{
	struct reply *reply = say(&(struct saying){
		.method = "GET", .url = text("%s/_control/counts", suite_platform())});

	return reply_int(reply, text("data.%s", name));
}

int64_t mails_made(void)
{
	return count_of("mails");
}

int64_t mail_calls(void)
{
	return count_of("notification");
}

bool mails_made_become(int64_t want, int64_t ms)
{
	int64_t until = clock_monotonic_us() + ms * US_PER_MS;

	while (mails_made() != want) {
		if (clock_monotonic_us() > until)
			return false;
		clock_sleep_ms(20);
	}
	return true;
}

static bool is_so_many(const char *what, int64_t found, int64_t want)
{
	if (found != want)
		fprintf(stderr, "%lld %s, not %lld\n", (long long)found, what, (long long)want);
	return found == want;
}

bool each_served_once(int guests, int64_t ms)
{
	bool drained = sql_becomes(ms, "0", "SELECT count(*) FROM outbox");
	bool good = is_so_many("jobs left", sql_int("SELECT count(*) FROM outbox"), 0) && drained;

	good &= is_so_many("live guests",
			   sql_int("SELECT count(*) FROM guests WHERE status <> 'cancelled'"),
			   guests);
	good &= is_so_many("guests with a ready ticket",
			   sql_int("SELECT count(DISTINCT guest_id) FROM tickets WHERE status = "
				   "'ready'"),
			   guests);
	good &= is_so_many("tickets", sql_int("SELECT count(*) FROM tickets"), guests);
	good &= is_so_many("documents", sql_int("SELECT count(*) FROM documents"), guests);
	good &= is_so_many("mails noted as sent",
			   sql_int("SELECT count(*) FROM notifications WHERE status = 'sent'"),
			   guests);
	good &= is_so_many("mails noted", sql_int("SELECT count(*) FROM notifications"), guests);
	good &= is_so_many("mails made", mails_made(), guests);
	return audit_clean() && good;
}
