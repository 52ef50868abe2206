/*
 * Everything restarted 20 times under load of at least 100,000 requests, and an upgrade.
 */
#include <check.h>
#include <stdlib.h>

#include "tests/support/rolling.h"
#include "tests/support/servers.h"

static const struct rolling plan = {.rounds = 20, .requests = 100000};

START_TEST(nobody_notices_a_restart)
{
	roll(&plan);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rolling");
	TCase *cases = tcase_create("rolling");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 3600);
	tcase_add_test(cases, nobody_notices_a_restart);
	suite_add_tcase(suite, cases);
	servers_start();
	srunner_run_all(runner, CK_NORMAL);
	servers_stop();
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
