/*
 * rolling: every process of a fleet restarted in turn, behind nginx, while callers go on; then the
 * next version rolled out over it. In a suite of two APIs and three workers of each kind.
 */
#ifndef TESTS_SUPPORT_ROLLING_H
#define TESTS_SUPPORT_ROLLING_H

#include "common/base.h"

struct rolling {
	int rounds;       /* of restarts of everything */
	int64_t requests; /* answered at least, before it ends */
	double limit_s;   /* for all of it */
};

/* The main function of a test that rolls as planned, and fails when a request failed, a process
 * took over 30 s or did not end with 0, or a worker left a job to its lease. Prints the figures. */
int rolling_main(const struct rolling *plan);

#endif
