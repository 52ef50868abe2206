/*
 * generator: HTTP load from one thread, over connections that are kept.
 *
 * Closed: each connection sends its next request when it has its answer. Open: requests are due at
 * a fixed rate, whoever is busy, and a request's time counts from when it was due. Every answer's
 * status is looked at.
 */
#ifndef TESTS_BENCH_GENERATOR_H
#define TESTS_BENCH_GENERATOR_H

#include "common/base.h"

enum { GENERATOR_REQUEST_MAX = 4096 };

/* Write the next request, whole, into `buf` of GENERATOR_REQUEST_MAX bytes; its length. */
typedef size_t generator_make(void *ctx, char *buf);

struct generator {
	int port; /* of 127.0.0.1 */
	size_t connections;
	double seconds;
	double rate;   /* requests a second; 0: closed */
	uint64_t most; /* requests at most; 0: as many as the time allows */
	int wanted;    /* status */
	generator_make *make;
	void *ctx;
};

struct generated {
	uint64_t answers; /* with the wanted status */
	uint64_t wrong;   /* with another, or none */
	int wrong_status; /* of the first of these */
	double seconds;
	double p50_ms, p99_ms;
};

/* Whatever keeps it from running ends the program with a message. */
struct generated generator_run(const struct generator *generator);

#endif
