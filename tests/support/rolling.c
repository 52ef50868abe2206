#include "tests/support/rolling.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/redis_internal.h"
#include "tests/support/aftermath.h"
#include "tests/support/crowd.h"
#include "tests/support/proxy.h"
#include "tests/support/servers.h"

enum { HANDS = 16, PAUSE_MS = 5, APIS = 2, WORKERS = 3, STOP_MAX_S = 30, SERVED_MS = 120000 };
enum { SHOWN_MAX = 5 };

struct roll {
	const struct rolling *plan;
	struct shop shop;
	_Atomic bool over;
	_Atomic int64_t answered, failed, slowest_us;
	_Atomic int registered;
	int restarts;
	int64_t slowest_stop_us;
};

/* --- callers: each answer is looked at -------------------------------------------------------- */

struct hand {
	struct roll *roll;
	size_t number;
	const char *token, *organizer;
};

static struct reply *get(const char *token, const char *path)
{
	return api_send("GET", token, path, NULL, NULL);
}

static bool event_is_shown(struct hand *hand, struct reply **ret, size_t turn UNUSED)
{
	*ret = get(NULL, text("/api/events/%lld", (long long)hand->roll->shop.event_id));
	return (*ret)->status == 200 && reply_int(*ret, "data.id") == hand->roll->shop.event_id;
}

static bool events_are_listed(struct hand *hand, struct reply **ret, size_t turn UNUSED)
{
	*ret = get(hand->token, "/api/events?limit=5");
	return (*ret)->status == 200 && reply_count(*ret, "data") == 1;
}

static bool guests_are_listed(struct hand *hand, struct reply **ret, size_t turn UNUSED)
{
	*ret = get(hand->organizer,
		   text("/api/events/%lld/guests?limit=2", (long long)hand->roll->shop.event_id));
	return (*ret)->status == 200 && reply_count(*ret, "data") >= 0;
}

/* Without an Idempotency-Key: nginx asks nobody else once it was sent. */
static bool guest_is_registered(struct hand *hand, struct reply **ret, size_t turn)
{
	const char *name = text("guest%zu.%zu", hand->number, turn);
	bool good;

	*ret = shop_register(&hand->roll->shop, hand->token, name);
	good = (*ret)->status == 201 &&
	       !strcmp(reply_text(*ret, "data.email"), text("%s@example.com", name));
	hand->roll->registered += good;
	return good;
}

static bool wrong_code_is_refused(struct hand *hand, struct reply **ret, size_t turn UNUSED)
{
	*ret = api_post(hand->organizer, "/api/tickets/validate",
			"{\"eventId\":%lld,\"qrCode\":\"nonsense\"}",
			(long long)hand->roll->shop.event_id);
	return !strcmp(reply_slug(*ret), "invalid-qr");
}

/* What a caller does, one after the other. */
static bool (*const turns[])(struct hand *, struct reply **, size_t) = {
	event_is_shown, event_is_shown,    guest_is_registered, event_is_shown,
	event_is_shown, events_are_listed, event_is_shown,      wrong_code_is_refused,
	event_is_shown, event_is_shown,    events_are_listed,   event_is_shown,
	event_is_shown, guests_are_listed, event_is_shown,      event_is_shown,
};

static void judge(struct roll *roll, bool good, const struct reply *reply, size_t kind,
		  int64_t took_us)
{
	roll->answered++;
	if (took_us > roll->slowest_us)
		roll->slowest_us = took_us;
	if (!good && ++roll->failed <= SHOWN_MAX)
		fprintf(stderr, "turn %zu after %lld ms: %d %s\n", kind,
			(long long)(took_us / US_PER_MS), reply->status, reply->body);
}

static void call(void *ctx, size_t number)
{
	struct roll *roll = ctx;
	struct hand hand = {.roll = roll,
			    .number = number,
			    .token = token_of((int64_t)(1000 + number), "user"),
			    .organizer = token_organizer()};

	for (size_t turn = number; !roll->over; turn++) {
		size_t kind = turn % ARRAY_LEN(turns);
		int64_t begun_us = clock_monotonic_us();
		struct reply *reply = NULL;
		bool good = turns[kind](&hand, &reply, turn);

		judge(roll, good, reply, kind, clock_monotonic_us() - begun_us);
		reply_free(reply);
		clock_sleep_ms(PAUSE_MS);
	}
}

/* --- the fleet -------------------------------------------------------------------------------- */

/* Does a process hold a place in its queue's group still? Jobs of its would wait for their lease.
 */
static bool is_consumer(enum suite_part part, int pid)
{
	const char *stream = part & SUITE_TICKETS ? "{generate-ticket-pdf}" : "{send-email}";
	const struct redis_options options = {servers_redis_queue_url(), "test", 2000, 5000};
	struct redis *redis = NULL;
	REDIS_REPLY reply = NULL;
	struct problem err = {0};
	bool found = false;

	if (redis_open(&options, &redis, &err) != OK ||
	    redis_call(redis, &reply, &err, "XINFO", "CONSUMERS", stream, "workers",
		       (char *)NULL) != OK)
		ck_abort_msg("%s", err.detail);
	for (size_t i = 0; i < reply->elements; i++)
		found |= strstr(reply->element[i]->element[1]->str, text("-%d-", pid)) != NULL;
	redis_close(redis);
	return found;
}

static void restart(struct roll *roll, enum suite_part part)
{
	int64_t begun_us = clock_monotonic_us(), took_us;
	int pid = suite_pid(part);

	ck_assert_int_eq(suite_stop(part), 0);
	took_us = clock_monotonic_us() - begun_us;
	ck_assert_int_le(took_us, STOP_MAX_S * US_PER_S);
	if (took_us > roll->slowest_stop_us)
		roll->slowest_stop_us = took_us;
	if (!(part & SUITE_API))
		ck_assert(!is_consumer(part, pid));
	suite_start(part);
	roll->restarts++;
}

static void restart_all(struct roll *roll)
{
	for (int i = 0; i < APIS; i++)
		restart(roll, suite_nth(SUITE_API, i));
	for (int i = 0; i < WORKERS; i++) {
		restart(roll, suite_nth(SUITE_TICKETS, i));
		restart(roll, suite_nth(SUITE_EMAIL, i));
	}
}

/* The steps of the schema come first; then each process is replaced, beside those of before. And
 * those of before can be had back. */
static void upgrade(struct roll *roll)
{
	suite_use_next_version(true);
	ck_assert_int_eq(suite_corectl("migrate", "up"), 0);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM next_things"), 0);
	restart_all(roll);
	suite_use_next_version(false);
	ck_assert_int_eq(suite_corectl("migrate", "up"), 0);
	restart(roll, SUITE_API);
}

static void operate(struct roll *roll)
{
	for (int i = 0; i < roll->plan->rounds; i++)
		restart_all(roll);
	upgrade(roll);
	while (roll->answered < roll->plan->requests)
		clock_sleep_ms(PAUSE_MS);
	roll->over = true;
}

static void *callers(void *ctx)
{
	crowd(HANDS, call, ctx);
	return NULL;
}

/* This thread operates: programs end with the thread that started them. */
static void operate_under_load(struct roll *roll)
{
	pthread_t load;

	ck_assert_int_eq(pthread_create(&load, NULL, callers, roll), 0);
	operate(roll);
	pthread_join(load, NULL);
}

static void begin_fleet(struct roll *roll)
{
	suite_begin(SUITE_ALL);
	for (int i = 1; i < APIS; i++)
		suite_start(suite_nth(SUITE_API, i));
	for (int i = 1; i < WORKERS; i++) {
		suite_start(suite_nth(SUITE_TICKETS, i));
		suite_start(suite_nth(SUITE_EMAIL, i));
	}
	proxy_start(SUITE_API, suite_nth(SUITE_API, 1));
	roll->shop = shop_open(100000, "0", 100000);
}

static void roll(const struct rolling *plan)
{
	struct roll roll = {.plan = plan};

	begin_fleet(&roll);
	operate_under_load(&roll);
	printf("%lld requests, %lld failed, the slowest %lld ms; %d restarts, the slowest stop "
	       "%lld ms; %d registered\n",
	       (long long)roll.answered, (long long)roll.failed,
	       (long long)(roll.slowest_us / US_PER_MS), roll.restarts,
	       (long long)(roll.slowest_stop_us / US_PER_MS), roll.registered);
	if (roll.failed)
		proxy_complaints();
	ck_assert_int_eq(roll.failed, 0);
	ck_assert(each_served_once(roll.registered, SERVED_MS));
	proxy_stop();
	suite_end();
}

static const struct rolling *planned;

START_TEST(nobody_notices_a_restart)
{
	roll(planned);
}
END_TEST

int rolling_main(const struct rolling *plan)
{
	Suite *suite = suite_create("rolling");
	TCase *cases = tcase_create("rolling");
	SRunner *runner = srunner_create(suite);
	int failed;

	planned = plan;
	tcase_set_timeout(cases, plan->limit_s);
	tcase_add_test(cases, nobody_notices_a_restart);
	suite_add_tcase(suite, cases);
	servers_start();
	srunner_run_all(runner, CK_NORMAL);
	servers_stop();
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
