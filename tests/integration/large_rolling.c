/*
 * Everything restarted 20 times under load of at least 100,000 requests, and an upgrade.
 */
#include "tests/support/rolling.h"

int main(void)
{
	return rolling_main(&(struct rolling){.rounds = 20, .requests = 100000, .limit_s = 3600});
}
