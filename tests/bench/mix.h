/*
 * mix: what a busy evening asks for: registrations for free types, reads of events by somebody who
 * is signed in and by nobody, lists, guest lists and statistics of the organizer. Made over the API
 * into an empty database, so that corectl audit must find nothing at all in the end.
 */
#ifndef TESTS_BENCH_MIX_H
#define TESTS_BENCH_MIX_H

#include "tests/bench/generator.h"

struct mix {
	unsigned registrations; /* of a hundred requests */
	uint64_t next;
};

/* Make the events; once, after the suite is up. */
void mix_open(void);
/* Tokens for another hour. */
void mix_sign_in(void);
generator_make mix_make; /* ctx: struct mix */
/* 200 and 201 are good; a refusal is a problem document with status 503 and Retry-After. */
generator_judge mix_judge;
/* Registrations that were acknowledged, by what mix_judge saw. */
uint64_t mix_accepted(void);

/* Count and say what holds; the last line of a program is `N passed, N failed`. */
void mix_check(bool holds, const char *fmt, ...) PRINTF_LIKE(2, 3);
int mix_sum_up(void); /* the exit code */

/* A number from the environment. */
double mix_number(const char *name, double otherwise);

#endif
