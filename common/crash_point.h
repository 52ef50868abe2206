/*
 * crash_point: places at which a build for tests (MODE=faults) can be made to end as by kill -9.
 *
 * A process ends at the label that its environment's CRASH_POINT names, at the first pass or at
 * that one which CRASH_POINT_AFTER counts. Any other build has nothing in their place. Each label
 * stands at one place and has a row in tests/faults/crash_rows.c, whose run must reach it.
 */
#ifndef COMMON_CRASH_POINT_H
#define COMMON_CRASH_POINT_H

#include "common/base.h"

#ifdef FAULT_POINTS
#define CRASH_POINT(label) crash_point(label)
/* Where something was done, not where a look found nothing to do. */
#define CRASH_POINT_IF(condition, label)                                                           \
	do {                                                                                       \
		if (condition)                                                                     \
			crash_point(label);                                                        \
	} while (0)
void crash_point(const char *label);
#else
#define CRASH_POINT(label) ((void)0)
#define CRASH_POINT_IF(condition, label) ((void)0)
#endif

#endif
