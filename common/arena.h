/*
 * arena: memory with the lifetime of one request or one job.
 *
 * Everything allocated from an arena dies at once, at arena_reset or arena_clear; nothing in it is
 * freed by hand. Not thread safe: an arena belongs to one thread at a time. Allocation never
 * fails: inputs are bounded at the door, so running out ends the process (see fatal).
 */
#ifndef COMMON_ARENA_H
#define COMMON_ARENA_H

#include "common/base.h"

struct arena_block;

struct arena {
	struct arena_block *blocks; /* newest first */
	size_t block_size;
	size_t allocated; /* bytes handed out since the last reset */
};

/* Prepare an empty arena whose blocks are of `block_size` bytes (larger where one value needs it).
 */
void arena_init(struct arena *arena, size_t block_size);

/* Forget everything allocated; keeps one block for the next request. */
void arena_reset(struct arena *arena);

/* Give all memory back. The arena may be used again after arena_init. */
void arena_clear(struct arena *arena);

/* `size` zeroed bytes, aligned for any type. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((malloc, alloc_size(2)));

/* A zeroed array; fatal when count * size overflows. */
void *arena_calloc(struct arena *arena, size_t count, size_t size);

char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t len);
char *arena_printf(struct arena *arena, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* One zeroed value of a type. */
#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))

#endif
