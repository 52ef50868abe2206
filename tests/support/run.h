/*
 * run: one of our programs run to its end, as a shell would.
 */
#ifndef TESTS_SUPPORT_RUN_H
#define TESTS_SUPPORT_RUN_H

#include "common/arena.h"

/* Path of a program built beside the test that runs. */
const char *run_path(struct arena *arena, const char *program);
/* Run `program arguments` (as a shell reads them) and wait. Its exit code, -1: a signal ended it;
 * *ret_output: stdout and stderr, in the arena. */
int run_program(struct arena *arena, const char *program, const char *arguments,
		const char **ret_output);

#endif
