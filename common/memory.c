#include "common/memory.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *memory, size_t size)
{
	if (!memory)
		fatal("out of memory: %zu bytes", size);
	return memory;
}

void *memory_alloc(size_t size)
{
	return must(malloc(size), size);
}

void *memory_calloc(size_t count, size_t size)
{
	return must(calloc(count, size), count * size);
}

void *memory_realloc(void *memory, size_t size)
{
	if (size > 0)
		return must(realloc(memory, size), size);
	free(memory);
	return NULL;
}

char *memory_strdup(const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(memory_alloc(size), text, size);
}

void memory_keep(int bytes)
{
	/* NOLINTBEGIN(concurrency-mt-unsafe): there is one thread yet */
	mallopt(M_MMAP_THRESHOLD, bytes);
	mallopt(M_TRIM_THRESHOLD, bytes);
	/* NOLINTEND(concurrency-mt-unsafe) */
}
