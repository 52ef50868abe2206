#include "tests/support/crowd.h"

#include <pthread.h>
#include <stdlib.h>

#include "tests/support/dialogue.h"

struct one {
	void (*member)(void *ctx, size_t i);
	void *ctx;
	size_t i;
	pthread_barrier_t *start;
};

static void *run(void *arg)
{
	struct one *one = arg;

	pthread_barrier_wait(one->start);
	one->member(one->ctx, one->i);
	say_goodbye();
	return NULL;
}

void crowd(size_t count, void (*member)(void *ctx, size_t i), void *ctx)
{
	pthread_t *threads = calloc(count, sizeof(*threads));
	struct one *ones = calloc(count, sizeof(*ones));
	pthread_barrier_t start;

	pthread_barrier_init(&start, NULL, (unsigned)count);
	for (size_t i = 0; i < count; i++) {
		ones[i] = (struct one){member, ctx, i, &start};
		if (pthread_create(&threads[i], NULL, run, &ones[i]) != 0)
			fatal("crowd: no thread %zu", i);
	}
	for (size_t i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&start);
	free(threads);
	free(ones);
}
