/*
 * What the programs tell the service manager, heard by a socket in its place.
 */
#include <check.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/servers.h"
#include "tests/support/suite.h"

enum { PATIENCE_S = 20 };

static int manager = -1;
static char path[sizeof(((struct sockaddr_un *)0)->sun_path)];

/* Listen where NOTIFY_SOCKET points to: a file, or a name in the abstract space as `@name`. */
static void listen_at(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = PATIENCE_S};

	(void)snprintf(path, sizeof(path), "%s", name);
	memcpy(address.sun_path, path, strlen(path));
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(manager, 0);
	ck_assert_int_eq(bind(manager, (struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path))),
			 0);
	ck_assert_int_eq(setsockopt(manager, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)),
			 0);
	suite_set("NOTIFY_SOCKET", path);
}

static void end(void)
{
	suite_end();
	ck_assert_int_eq(close(manager), 0);
	if (path[0] == '/')
		ck_assert_int_eq(unlink(path), 0);
}

/* The next state that a program tells, "" when none comes. */
static const char *heard(int flags)
{
	static char state[256];
	ssize_t n = recv(manager, state, sizeof(state) - 1, flags);

	state[n > 0 ? n : 0] = '\0';
	return state;
}

static const enum suite_part programs[] = {SUITE_API, SUITE_TICKETS, SUITE_EMAIL};

/* Ready when it works, stopping when it was told to, and nothing else. */
START_TEST(test_each_program_says_how_far_it_is)
{
	listen_at(text("/tmp/test_notify.%d", (int)getpid()));
	suite_begin(SUITE_PLATFORM);
	suite_start(programs[_i]);
	ck_assert_str_eq(heard(0), "READY=1");
	if (programs[_i] == SUITE_API)
		ck_assert_int_eq(api_get(NULL, "/health/live")->status, 200);
	ck_assert_str_eq(heard(MSG_DONTWAIT), "");
	ck_assert_int_eq(suite_stop(programs[_i]), 0);
	ck_assert_str_eq(heard(0), "STOPPING=1");
	ck_assert_str_eq(heard(MSG_DONTWAIT), "");
	end();
}
END_TEST

START_TEST(test_names_without_a_file)
{
	listen_at(text("@test_notify.%d", (int)getpid()));
	suite_begin(SUITE_PLATFORM | SUITE_API);
	ck_assert_str_eq(heard(0), "READY=1");
	end();
}
END_TEST

/* Nobody hears: the program runs all the same. */
START_TEST(test_a_deaf_manager_stops_nobody)
{
	listen_at(text("/tmp/test_notify.%d", (int)getpid()));
	suite_set("NOTIFY_SOCKET", "/tmp/nonexistent/notify");
	suite_begin(SUITE_PLATFORM | SUITE_API);
	ck_assert_int_eq(api_get(NULL, "/health/live")->status, 200);
	suite_stop(SUITE_API);
	suite_set("NOTIFY_SOCKET", "nonsense");
	suite_start(SUITE_API);
	ck_assert_int_eq(api_get(NULL, "/health/live")->status, 200);
	ck_assert_int_eq(suite_stop(SUITE_API), 0);
	end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("notify");
	TCase *tc = tcase_create("notify");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_each_program_says_how_far_it_is, 0, ARRAY_LEN(programs));
	tcase_add_test(tc, test_names_without_a_file);
	tcase_add_test(tc, test_a_deaf_manager_stops_nobody);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	servers_start_private();
	srunner_run_all(runner, CK_NORMAL);
	servers_stop();
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
