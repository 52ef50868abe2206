/*
 * recall: values of one size, kept in this process by a SHA-256 digest, each until its time.
 *
 * Bounded: where a set is full, what ends first makes room. Made of sets under a number of locks,
 * so that threads seldom meet. Thread safe.
 */
#ifndef COMMON_RECALL_H
#define COMMON_RECALL_H

#include "common/base.h"
#include "common/sign.h"

struct recall;

/* Room for `entries` values (a power of two, at least 256) of `value_size` bytes. */
struct recall *recall_new(size_t entries, size_t value_size);
void recall_free(struct recall *recall);
/* Copy the value out; false: not there, or its time is over. Times are of any one clock. */
bool recall_get(struct recall *recall, const uint8_t digest[SHA256_SIZE], int64_t now_us,
		void *ret_value) MUST_CHECK;
void recall_put(struct recall *recall, const uint8_t digest[SHA256_SIZE], int64_t until_us,
		const void *value);

#endif
