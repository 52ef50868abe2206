/*
 * database_sweeps: what `database` sweeps; `only` is a part of a name, NULL: all.
 */
#ifndef TESTS_SWEEPS_DATABASE_SWEEPS_H
#define TESTS_SWEEPS_DATABASE_SWEEPS_H

#include "tests/sweeps/database_stage.h"

void sweep_flows(const char *only);
void sweep_jobs(const char *only);
void sweep_replies(const char *only);

#endif
