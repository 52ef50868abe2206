/*
 * Clients that hold connections and hardly speak, as many as the API has threads and more: alone
 * the API serves the others after a time that its settings bound, behind nginx at once.
 */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "tests/support/proxy.h"
#include "tests/support/raw.h"
#include "tests/support/servers.h"

enum {
	THREADS = 8, /* of the API, one connection each */
	BARE = 2 * THREADS,
	BEHIND = 100,
	TIMEOUT_MS = 1000, /* of headers, bodies and idle connections */
	/* Each round of connections is gone after its timeout; a busy machine is slow besides. */
	BARE_BOUND_MS = (BARE / THREADS + 1) * TIMEOUT_MS + 7000,
	BEHIND_BOUND_MS = 3000,
	DRIP_MS = 100,
	BUFFER = 4096,
};

/* --- those who are slow -------------------------------------------------------------------------
 */

struct slow_kind {
	const char *says;  /* at once, after `signed_in` its token */
	bool signed_in;    /* an organizer's POST of a body */
	const char *drips; /* byte by byte from then on, NULL: nothing */
};
static const struct slow_kind kinds[] = {
	{"", false, NULL},
	{"GET /api/events HTTP/1.1\r\nHost: h\r\nX-A: ", false, "a"},
	{"G", false, NULL},
	{"Content-Length: 100000\r\n\r\n{", true, " "},
	{"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", true, "1"},
	{"GET /health/live HTTP/1.1\r\nHost: h\r\n\r\n", false, NULL}, /* answered, and idle */
};

struct slow_crowd {
	int fds[BEHIND];
	int count;
	const char *drips;
	_Atomic bool over;
	pthread_t thread;
};

static void *drip(void *arg)
{
	struct slow_crowd *crowd = arg;

	while (!atomic_load(&crowd->over)) {
		for (int i = 0; crowd->drips && i < crowd->count; i++)
			(void)send(crowd->fds[i], crowd->drips, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		clock_sleep_ms(DRIP_MS);
	}
	return NULL;
}

static void gather(struct slow_crowd *crowd, const struct slow_kind *kind, int count)
{
	const char *head =
		text("POST /api/events HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n"
		     "Content-Type: application/json\r\n",
		     token_organizer());
	const char *says = kind->signed_in ? text("%s%s", head, kind->says) : kind->says;
	int small = BUFFER;

	*crowd = (struct slow_crowd){.count = count, .drips = kind->drips};
	for (int i = 0; i < count; i++) {
		crowd->fds[i] = raw_dial();
		setsockopt(crowd->fds[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
		ck_assert_int_eq(send(crowd->fds[i], says, strlen(says), MSG_NOSIGNAL),
				 (ssize_t)strlen(says));
	}
	ck_assert_int_eq(pthread_create(&crowd->thread, NULL, drip, crowd), 0);
}

static void disperse(struct slow_crowd *crowd)
{
	atomic_store(&crowd->over, true);
	pthread_join(crowd->thread, NULL);
	for (int i = 0; i < crowd->count; i++)
		close(crowd->fds[i]);
}

/* Somebody who is not slow, on a connection of his own: milliseconds until his answer. */
static int64_t normal_takes_ms(const char *path, int status)
{
	int64_t begun_us = clock_monotonic_us();

	say_goodbye();
	ck_assert_int_eq(api_get(NULL, "%s", path)->status, status);
	say_goodbye();
	return (clock_monotonic_us() - begun_us) / US_PER_MS;
}

/* --- alone --------------------------------------------------------------------------------------
 */

static void begin(void)
{
	static char timeout[16], threads[16];

	strcpy(timeout, text("%d", TIMEOUT_MS));
	strcpy(threads, text("%d", THREADS));
	suite_set("HTTP_THREADS", threads);
	suite_set("REQUESTS_MAX", "4");
	suite_set("DOOR_REQUESTS_MAX", "2");
	suite_set("REQUEST_TIMEOUT_MS", timeout);
	suite_set("BODY_DEADLINE_MS", timeout);
	suite_set("KEEP_ALIVE_MS", timeout);
	suite_begin(SUITE_PLATFORM | SUITE_API);
}

static void end(void)
{
	suite_end();
}

START_TEST(the_api_alone_is_late_by_its_timeouts)
{
	const struct slow_kind *kind = &kinds[_i];
	struct slow_crowd crowd;
	int64_t took_ms;

	say_goodbye();
	gather(&crowd, kind, BARE);
	took_ms = normal_takes_ms("/health/live", 200);
	disperse(&crowd);
	ck_assert_msg(took_ms < BARE_BOUND_MS, "%lld ms", (long long)took_ms);
	ck_assert_int_lt(normal_takes_ms("/health/live", 200), BARE_BOUND_MS);
	ck_assert_int_eq(sql_int("SELECT count(*) FROM events"), 0);
}
END_TEST

/* Who asks for more than his buffers hold and takes none of it is cut off by the same timeout. */
START_TEST(the_api_alone_is_late_for_those_who_do_not_read)
{
	static const char ask[] = "GET /openapi.json HTTP/1.1\r\nHost: h\r\n\r\n";
	char much[BUFFER] = "";
	struct slow_kind kind = {much, false, NULL};
	struct slow_crowd crowd;
	int64_t took_ms;

	while (strlen(much) + sizeof(ask) < sizeof(much))
		strcat(much, ask);
	say_goodbye();
	gather(&crowd, &kind, BARE);
	took_ms = normal_takes_ms("/health/live", 200);
	disperse(&crowd);
	ck_assert_msg(took_ms < BARE_BOUND_MS, "%lld ms", (long long)took_ms);
}
END_TEST

/* --- behind nginx
 * --------------------------------------------------------------------------------- */

/* As the site has it: more threads than nginx ever uses, connections that it ends first. */
static void begin_behind(void)
{
	suite_set("HTTP_THREADS", "256");
	suite_set("REQUESTS_MAX", "128");
	suite_set("DOOR_REQUESTS_MAX", "64");
	suite_begin(SUITE_PLATFORM | SUITE_API);
	suite_start(suite_nth(SUITE_API, 1));
	proxy_start(SUITE_API, suite_nth(SUITE_API, 1));
}

static void end_behind(void)
{
	proxy_stop();
	suite_end();
}

START_TEST(behind_nginx_nobody_waits_for_the_slow)
{
	const struct slow_kind *kind = &kinds[_i];
	struct slow_crowd crowd;

	gather(&crowd, kind, BEHIND);
	for (int i = 0; i < 20; i++) {
		int64_t took_ms = normal_takes_ms("/api/events", 200);

		ck_assert_msg(took_ms < BEHIND_BOUND_MS, "%lld ms", (long long)took_ms);
	}
	disperse(&crowd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("slow clients");
	TCase *alone = tcase_create("alone");
	TCase *behind = tcase_create("behind nginx");
	SRunner *runner;
	int failed;

	http_client_init();
	servers_start();
	tcase_add_checked_fixture(alone, begin, end);
	tcase_set_timeout(alone, 60);
	tcase_add_loop_test(alone, the_api_alone_is_late_by_its_timeouts, 0, (int)ARRAY_LEN(kinds));
	tcase_add_test(alone, the_api_alone_is_late_for_those_who_do_not_read);
	suite_add_tcase(suite, alone);
	tcase_add_checked_fixture(behind, begin_behind, end_behind);
	tcase_set_timeout(behind, 60);
	tcase_add_loop_test(behind, behind_nginx_nobody_waits_for_the_slow, 0,
			    (int)ARRAY_LEN(kinds));
	suite_add_tcase(suite, behind);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	servers_stop();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
