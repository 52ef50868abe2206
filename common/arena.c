/*
 * arena: a list of blocks, each filled from its start.
 *
 * Under AddressSanitizer what was not handed out is poisoned, and a gap is left behind each
 * value, so that overruns and uses after a reset are found.
 */
#include "common/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISONS 1
#endif
#endif

#ifdef ARENA_POISONS
#include <sanitizer/asan_interface.h>
#define POISON(at, size) ASAN_POISON_MEMORY_REGION((at), (size))
#define UNPOISON(at, size) ASAN_UNPOISON_MEMORY_REGION((at), (size))
enum { GAP = 16 };
#else
#define POISON(at, size) ((void)(at), (void)(size))
#define UNPOISON(at, size) ((void)(at), (void)(size))
enum { GAP = 0 };
#endif

struct arena_block {
	struct arena_block *next;
	size_t size;
	size_t used;
	alignas(max_align_t) unsigned char data[];
};

static struct arena_block *block_new(size_t size)
{
	struct arena_block *block = NULL;

	if (size <= SIZE_MAX - sizeof(*block))
		block = malloc(sizeof(*block) + size);
	if (block == NULL)
		fatal("out of memory: %zu bytes", size);
	block->next = NULL;
	block->size = size;
	block->used = 0;
	POISON(block->data, size);
	return block;
}

static void block_free(struct arena_block *block)
{
	UNPOISON(block->data, block->size);
	free(block);
}

static void *block_take(struct arena_block *block, size_t size, size_t room)
{
	void *at = block->data + block->used;

	block->used += room;
	UNPOISON(at, size);
	return memset(at, 0, size);
}

void arena_init(struct arena *arena, size_t block_size)
{
	arena->blocks = NULL;
	arena->block_size = block_size;
	arena->allocated = 0;
}

void arena_reset(struct arena *arena)
{
	struct arena_block *keep = NULL;
	struct arena_block *next;

	for (struct arena_block *block = arena->blocks; block != NULL; block = next) {
		next = block->next;
		/* A larger one was for one large value: not worth keeping. */
		if (keep == NULL && block->size == arena->block_size)
			keep = block;
		else
			block_free(block);
	}
	if (keep != NULL) {
		keep->next = NULL;
		keep->used = 0;
		POISON(keep->data, keep->size);
	}
	arena->blocks = keep;
	arena->allocated = 0;
}

void arena_clear(struct arena *arena)
{
	struct arena_block *next;

	for (struct arena_block *block = arena->blocks; block != NULL; block = next) {
		next = block->next;
		block_free(block);
	}
	arena->blocks = NULL;
	arena->allocated = 0;
}

/* A block that has room for `room` more bytes. */
static struct arena_block *arena_room(struct arena *arena, size_t room)
{
	struct arena_block *head = arena->blocks;

	if (head != NULL && room <= head->size - head->used)
		return head;
	if (room <= arena->block_size || head == NULL) {
		head = block_new(room <= arena->block_size ? arena->block_size : room);
		head->next = arena->blocks;
		arena->blocks = head;
		return head;
	}
	/* Behind the newest, which still has room for small values. */
	struct arena_block *large = block_new(room);
	large->next = head->next;
	head->next = large;
	return large;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	const size_t align = alignof(max_align_t);

	if (size > SIZE_MAX - align - GAP)
		fatal("out of memory: %zu bytes", size);
	size_t room = ((size > 0 ? size : 1) + align - 1) / align * align + GAP;
	arena->allocated += room;
	return block_take(arena_room(arena, room), size, room);
}

void *arena_calloc(struct arena *arena, size_t count, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(count, size, &total))
		fatal("out of memory: %zu times %zu bytes", count, size);
	return arena_alloc(arena, total);
}

char *arena_strndup(struct arena *arena, const char *text, size_t len)
{
	if (len == SIZE_MAX)
		fatal("out of memory: %zu bytes", len);
	char *copy = arena_alloc(arena, len + 1);
	if (len > 0)
		memcpy(copy, text, len);
	return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return arena_strndup(arena, text, strlen(text));
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len < 0)
		fatal("cannot format \"%s\"", fmt);
	char *text = arena_alloc(arena, (size_t)len + 1);
	va_start(args, fmt);
	(void)vsnprintf(text, (size_t)len + 1, fmt, args);
	va_end(args);
	return text;
}
