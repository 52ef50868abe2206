/*
 * generator: HTTP load from one thread, over connections that are kept.
 *
 * Closed: each connection sends its next request when it has its answer. Open: requests are due at
 * a fixed rate, whoever is busy, and a request's time counts from when it was due. To be woken for
 * each answer costs as much as the answer, on cores that the server needs: see `every_us`. Every
 * answer's status is looked at. A connection that the peer closes or that is cut is opened again.
 */
#ifndef TESTS_BENCH_GENERATOR_H
#define TESTS_BENCH_GENERATOR_H

#include "common/base.h"

enum { GENERATOR_REQUEST_MAX = 4096 };

/* Write the next request, whole, into `buf` of GENERATOR_REQUEST_MAX bytes; its length. */
typedef size_t generator_make(void *ctx, char *buf);

/* What an answer is: of use, a refusal that is as it should be, or neither. */
enum verdict { VERDICT_GOOD, VERDICT_REFUSED, VERDICT_WRONG };
/* `answer`: head and body, NUL-terminated. */
typedef enum verdict generator_judge(int status, const char *answer);

struct generator {
	int port; /* of 127.0.0.1 */
	size_t connections;
	double seconds;
	double rate;      /* requests a second; 0: closed */
	int64_t every_us; /* open: look for answers and send what is due so often; 0: at once */
	uint64_t most;    /* requests at most; 0: as many as the time allows */
	int wanted;       /* status; any other is wrong */
	generator_judge *judge; /* NULL: by `wanted` alone */
	uint64_t cut_every;     /* the n-th request is sent and its connection closed; 0: none */
	generator_make *make;
	void (*tick)(void *ctx); /* about once a second, between requests; NULL: none */
	void *ctx;
};

struct generated {
	uint64_t answers; /* good ones */
	uint64_t refused;
	uint64_t wrong;      /* other answers, or none */
	int wrong_status;    /* of the first of these */
	uint64_t unanswered; /* of these: the peer closed, or time was over */
	uint64_t cut;        /* by us */
	double seconds;
	double p50_ms, p99_ms, longest_ms; /* of good ones */
	double refused_p99_ms, refused_longest_ms;
};

/* Whatever keeps it from running ends the program with a message. */
struct generated generator_run(const struct generator *generator);

#endif
