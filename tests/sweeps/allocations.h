/*
 * allocations: one allocation of one request or job finds no memory, and the next time another one.
 *
 * The usual form takes each way through the code to an allocation once; the whole form the k-th
 * allocation of every handler and job, for k = 1, 2, 3 … until one passes untouched. In half of the
 * steps, as the seed says, memory comes back after that allocation; else it stays short.
 *
 * By the house's rule a program that finds no memory either answers with an error and lives, or
 * ends with one line and exit 70; the same request is then served as if nothing had been. Anything
 * else is a failure: a signal, a hang, another answer, half a state.
 */
#ifndef TESTS_SWEEPS_ALLOCATIONS_H
#define TESTS_SWEEPS_ALLOCATIONS_H

#include "tests/support/suite.h"

enum { STEP_LIMIT_MS = 10000 };

/* --- the page shared with the preloaded library ------------------------------------------------
 */

/* Programs started from now on are preloaded. */
void failing_prepare(void);
void failing_clean(void);
/* Not any more: true when an allocation failed. */
bool failing_disarm(enum suite_part part);
/* Hold it, so that the program can be prepared with memory enough, and go on. */
void failing_hold(enum suite_part part, bool hold);
/* Wait until nothing is allocated any more: what a program does behind its answer counts too. */
void failing_settle(enum suite_part part);
/* Has one failed since it was armed? */
bool failing_happened(enum suite_part part);
/* Where, as lines of functions. */
void failing_show(enum suite_part part);

/* --- one sweep -----------------------------------------------------------------------------------
 */

struct sweep {
	const char *name;
	enum suite_part part;
	const char *thread;
	int steps, failed; /* steps taken, steps that showed a fault */
	int answered;      /* an error was answered or the job came again */
	int ended;         /* the program ended as it may */
	int unmoved;       /* the failure made no difference */
	int most;          /* allocations of a step that went untouched */
	int left;          /* ways that were seen and not tried */
};

/* One step: do it, with the allocation failing; false when what came of it is wrong. */
typedef bool sweep_step(void *ctx, struct sweep *sweep);

/* All steps of one handler or job. */
void sweep_run(struct sweep *sweep, sweep_step *step, void *ctx);

/* Say what was wrong in this step; false. */
bool sweep_fault(struct sweep *sweep, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The program lives, or ended as it may and is there again; false: it ended otherwise.
 * *ret_ended: it did end. */
bool sweep_survives(struct sweep *sweep, bool *ret_ended);

/* Something that holds after all sweeps. */
void sweep_note(const char *what, bool good);

/* Every route and every caller's form of it; every job and duty. False: not asked for. */
bool sweep_routes(const char *only);
bool sweep_jobs(const char *only);

#endif
