#include "api/parallel.h"

#include <pthread.h>
#include <stdatomic.h>

#include "common/clock.h"

enum { THREADS_MAX = 32, ARENA_BLOCK = 16 * 1024 };

struct run {
	size_t count;
	int64_t until_us;
	parallel_work *work;
	void *ctx;
	_Atomic size_t next;
};

static void *work_off(void *arg)
{
	struct run *run = arg;
	struct arena arena;

	arena_init(&arena, ARENA_BLOCK);
	while (clock_monotonic_us() < run->until_us) {
		size_t i = atomic_fetch_add(&run->next, 1);

		if (i >= run->count)
			break;
		run->work(run->ctx, i, &arena);
		arena_reset(&arena);
	}
	arena_clear(&arena);
	return NULL;
}

static size_t smallest(size_t a, size_t b, size_t c)
{
	size_t less = a < b ? a : b;

	return less < c ? less : c;
}

/* The caller's own thread works too, so that a run needs no other one to come about. */
void parallel_run(size_t count, size_t threads, int64_t until_us, parallel_work *work, void *ctx)
{
	struct run run = {.count = count, .until_us = until_us, .work = work, .ctx = ctx};
	size_t wanted = smallest(count, threads, THREADS_MAX);
	pthread_t others[THREADS_MAX];
	size_t started = 0;

	while (started + 1 < wanted && pthread_create(&others[started], NULL, work_off, &run) == 0)
		started++;
	work_off(&run);
	for (size_t i = 0; i < started; i++)
		pthread_join(others[i], NULL);
}
