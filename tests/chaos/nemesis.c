#include "tests/chaos/nemesis.h"

#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>

#include "common/clock.h"
#include "common/pg.h"
#include "tests/chaos/dice.h"
#include "tests/chaos/disk.h"
#include "tests/chaos/links.h"
#include "tests/chaos/parts.h"
#include "tests/chaos/watch.h"
#include "tests/support/servers.h"

enum { REST_MS = 1500 };

static struct dice dice;

static const struct {
	enum suite_part part;
	const char *name;
} programs[] = {
	{SUITE_API, "api"}, {SUITE_TICKETS, "worker-tickets"}, {SUITE_EMAIL, "worker-email"}};

static void wait_some(int low_ms, int high_ms)
{
	clock_sleep_ms(dice_between(&dice, low_ms, high_ms));
}

/* --- processes -------------------------------------------------------------------------------- */

static void expect_back(const char *fault, int program, int nth)
{
	watch_recovery(text("%s %s", fault, programs[program].name),
		       program == 0 ? (enum sign)(SIGN_API0 + nth) : SIGN_DRAINED);
}

static void kill_one(void)
{
	int program = dice_below(&dice, ARRAY_LEN(programs)), nth = dice_below(&dice, APIS);

	suite_kill(suite_nth(programs[program].part, nth));
	wait_some(0, 800);
	links_mend();
	expect_back("kill", program, nth);
	parts_start(programs[program].part, nth);
}

/* It wakes when its leases are over and others have done its work. */
static void stop_one(void)
{
	int program = dice_below(&dice, ARRAY_LEN(programs)), nth = dice_below(&dice, APIS);
	int pid = suite_pid(suite_nth(programs[program].part, nth));

	kill(pid, SIGSTOP);
	wait_some(LEASE_MS, 2 * LEASE_MS + 1000);
	expect_back("stop", program, nth);
	kill(pid, SIGCONT);
}

/* --- servers ---------------------------------------------------------------------------------- */

static void restart_postgres(void)
{
	servers_halt(SERVER_POSTGRES, SIGQUIT);
	wait_some(0, 2000);
	servers_resume(SERVER_POSTGRES);
	watch_recovery("restart postgres", SIGN_ANY_API);
}

static void end_backends(void)
{
	PG_LEASED conn = NULL;
	struct problem err = {0};

	if (pg_connect(suite_database(), &conn, &err) ||
	    pg_exec(conn,
		    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
		    "current_database() AND pid <> pg_backend_pid()",
		    PG_NO_ARGS, NULL, &err))
		fatal("chaos: backends: %s", err.detail);
	watch_recovery("end backends", SIGN_ANY_API);
}

static void tell_queue(const char *command)
{
	redisContext *link = redisConnect("127.0.0.1", servers_port(SERVER_REDIS_QUEUE));
	redisReply *reply = link && !link->err ? redisCommand(link, command) : NULL;

	if (!reply || reply->type == REDIS_REPLY_ERROR)
		fatal("chaos: Redis does not do %s", command);
	freeReplyObject(reply);
	redisFree(link);
}

static void restart_redis(enum server server, const char *what)
{
	servers_halt(server, SIGKILL);
	wait_some(0, 2000);
	servers_resume(server);
	watch_recovery(what, SIGN_DRAINED);
}

static void restart_cache(void)
{
	restart_redis(SERVER_REDIS, "kill redis");
}

static void restart_queue(void)
{
	restart_redis(SERVER_REDIS_QUEUE, "kill queue");
}

/* It comes back as it was a while ago. */
static void restart_queue_stale(void)
{
	tell_queue("CONFIG SET appendonly no");
	wait_some(500, 3000);
	restart_redis(SERVER_REDIS_QUEUE, "stale queue");
}

static void flush_queue(void)
{
	tell_queue("FLUSHALL");
	watch_recovery("flush queue", SIGN_DRAINED);
}

static void fill_disk(void)
{
	if (!disk_fill())
		return;
	wait_some(1000, 5000);
	disk_free();
	watch_recovery("full disk", SIGN_DRAINED);
}

/* --- everything ------------------------------------------------------------------------------- */

static void kill_all(void)
{
	for (size_t i = 0; i < ARRAY_LEN(programs); i++)
		for (int nth = 0; nth < APIS; nth++)
			suite_kill(suite_nth(programs[i].part, nth));
	servers_halt(SERVER_POSTGRES, SIGQUIT);
	servers_halt(SERVER_REDIS_QUEUE, SIGKILL);
	links_mend();
	servers_resume(SERVER_REDIS_QUEUE);
	servers_resume(SERVER_POSTGRES);
	watch_recovery("kill everything", SIGN_ANY_API);
	for (size_t i = ARRAY_LEN(programs); i-- > 0;)
		for (int nth = 0; nth < APIS; nth++)
			parts_start(programs[i].part, nth);
}

/* --- ways ------------------------------------------------------------------------------------- */

static void spoil(const char *mode, int64_t number, int low_ms, int high_ms)
{
	enum way way = (enum way)dice_below(&dice, WAY_COUNT);

	links_set(way, mode, number);
	wait_some(low_ms, high_ms);
	links_set(way, "ok", 0);
	watch_recovery(text("%s", mode), SIGN_DRAINED);
}

static void make_late(void)
{
	spoil("latency", dice_between(&dice, 20, 300), 1000, 4000);
}

/* Again and again, somewhere else each time: an answer is cut at any of its bytes. */
static void cut(void)
{
	enum way way = (enum way)dice_below(&dice, WAY_COUNT);

	for (int i = dice_between(&dice, 5, 20); i > 0; i--) {
		links_set(way, "cut", dice_between(&dice, 1, dice_below(&dice, 2) ? 400 : 8000));
		wait_some(50, 300);
	}
	links_set(way, "ok", 0);
	watch_recovery("cut", SIGN_DRAINED);
}

static void half_open(void)
{
	spoil("halfopen", 0, 1000, 6000);
}

static void drip(void)
{
	spoil("drip", dice_between(&dice, 1, 400), 1000, 4000);
}

static void refuse(void)
{
	spoil("refuse", 0, 500, 4000);
}

/* --- the choice ------------------------------------------------------------------------------- */

static struct {
	const char *name;
	int weight;
	bool kills;
	void (*run)(void);
	size_t done;
} faults[] = {
	{"kill-9", 30, true, kill_one, 0},
	{"stop", 8, false, stop_one, 0},
	{"restart-postgres", 5, true, restart_postgres, 0},
	{"end-backends", 6, false, end_backends, 0},
	{"restart-cache", 3, true, restart_cache, 0},
	{"restart-queue", 5, true, restart_queue, 0},
	{"restart-queue-stale", 4, true, restart_queue_stale, 0},
	{"flush-queue", 4, false, flush_queue, 0},
	{"kill-everything", 2, true, kill_all, 0},
	{"fill-disk", 4, false, fill_disk, 0},
	{"latency", 5, false, make_late, 0},
	{"cut", 14, false, cut, 0},
	{"half-open", 6, false, half_open, 0},
	{"drip", 4, false, drip, 0},
	{"refuse", 4, false, refuse, 0},
};
enum { WEIGHTS = 104 };

static void harm(void)
{
	int at = 0, draw = dice_below(&dice, WEIGHTS);

	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		at += faults[i].weight;
		if (draw >= at)
			continue;
		faults[i].done++;
		faults[i].run();
		return;
	}
}

void nemesis_run(uint64_t seed, int64_t until_us, bool (*enough)(void))
{
	dice.state = seed;
	while (clock_monotonic_us() < until_us && !enough()) {
		harm();
		wait_some(0, REST_MS);
	}
	links_mend();
}

size_t nemesis_count(void)
{
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		count += faults[i].done;
	return count;
}

size_t nemesis_kills(void)
{
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		count += faults[i].kills ? faults[i].done : 0;
	return count;
}

void nemesis_json(struct strbuf *out)
{
	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		strbuf_addf(out, "%c\"%s\":%zu", i ? ',' : '{', faults[i].name, faults[i].done);
	strbuf_addc(out, '}');
}
