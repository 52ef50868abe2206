/*
 * Everything restarted in turn under load, and an upgrade: nobody notices. The full size is `make
 * rolling`.
 */
#include "tests/support/rolling.h"

int main(void)
{
	return rolling_main(&(struct rolling){.rounds = 1, .requests = 3000, .limit_s = 240});
}
