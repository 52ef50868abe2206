/*
 * memory: the C library's allocation, but it never fails: running out ends the process (see fatal).
 *
 * For libraries that take their allocator from us: some of them crash, or silently do something
 * else, when they find no memory. What is given is released with free.
 */
#ifndef COMMON_MEMORY_H
#define COMMON_MEMORY_H

#include "common/base.h"

void *memory_alloc(size_t size) __attribute__((malloc, alloc_size(1)));
void *memory_calloc(size_t count, size_t size) __attribute__((malloc, alloc_size(1, 2)));
/* NULL for size 0, which releases. */
void *memory_realloc(void *memory, size_t size);
char *memory_strdup(const char *text);

/* The C library keeps up to so many bytes of each heap that were released, instead of giving them
 * back to the system and asking again for the next piece of work. Before any thread is made. */
void memory_keep(int bytes);

#endif
