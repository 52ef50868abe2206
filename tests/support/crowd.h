/*
 * crowd: many callers at once. Each runs the same function with its own number; all begin together.
 */
#ifndef TESTS_SUPPORT_CROWD_H
#define TESTS_SUPPORT_CROWD_H

#include "common/base.h"

/* Run member(ctx, i) for i in [0, count), a thread each; returns when all are done. */
void crowd(size_t count, void (*member)(void *ctx, size_t i), void *ctx);

#endif
