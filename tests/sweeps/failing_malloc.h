/*
 * failing_malloc: what the sweep of allocations and the library preloaded into a program share: a
 * file that both map, so that a program that was ended and started again goes on counting.
 */
#ifndef TESTS_SWEEPS_FAILING_MALLOC_H
#define TESTS_SWEEPS_FAILING_MALLOC_H

#include <stdatomic.h>
#include <stdint.h>

/* The variable that names the directory of these files, each called as its program is. */
#define FAILING_MALLOC_DIR "FAILING_MALLOC_DIR"

enum { FAILING_FRAMES = 32, FAILING_LIBRARY = 32, FAILING_THREAD = 16, FAILING_WAYS = 16384 };

struct failing_frame {
	char library[FAILING_LIBRARY];
	uint64_t offset;
};

struct failing {
	_Atomic int armed;
	_Atomic int count; /* allocations seen since it was armed */
	_Atomic int failed;
	int k;        /* this one fails, from 1 on; 0: none by number */
	uint64_t way; /* else the first that is asked for on this way through the code; 0: none */
	int lasting;  /* and every later one */
	char thread[FAILING_THREAD]; /* in threads whose name begins so */
	int frame_count;
	struct failing_frame frames[FAILING_FRAMES]; /* the way to the first that failed */
	uint64_t ways[FAILING_WAYS];                 /* of the first so many since it was armed */
};

#endif
