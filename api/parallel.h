/*
 * parallel: the same work on many items, several at a time: calls to another service out of the
 * sweeper. Threads live as long as the run.
 */
#ifndef API_PARALLEL_H
#define API_PARALLEL_H

#include "common/arena.h"

/* One item; `arena` is the thread's and reset after it. */
typedef void parallel_work(void *ctx, size_t i, struct arena *arena);

/* Run work(ctx, i) for i in [0, count) on up to `threads` threads; items not begun by `until_us`
 * (monotonic) are left out. Returns when all that were begun are done. */
void parallel_run(size_t count, size_t threads, int64_t until_us, parallel_work *work, void *ctx);

#endif
