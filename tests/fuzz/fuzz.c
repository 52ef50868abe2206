#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fuzz_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

/* Cleared, not reset: so that the sanitizer sees a use of what the last input left. */
static struct arena *emptied(struct arena *arena)
{
	arena_clear(arena);
	arena_init(arena, 4096);
	return arena;
}

struct arena *fuzz_arena(void)
{
	static struct arena arena;

	return emptied(&arena);
}

struct arena *fuzz_arena_other(void)
{
	static struct arena arena;

	return emptied(&arena);
}

uint8_t fuzz_byte(struct fuzz_input *input)
{
	if (!input->left)
		return 0;
	input->left--;
	return *input->at++;
}

int64_t fuzz_number(struct fuzz_input *input)
{
	uint64_t number = 0;

	for (int i = 0; i < 8; i++)
		number = number << 8 | fuzz_byte(input);
	return (int64_t)number;
}

char *fuzz_text(struct fuzz_input *input, struct arena *arena)
{
	size_t len = strnlen((const char *)input->at, input->left);
	char *text = arena_strndup(arena, (const char *)input->at, len);

	input->at += len;
	input->left -= len;
	(void)fuzz_byte(input);
	return text;
}

struct slice fuzz_rest(const struct fuzz_input *input)
{
	return (struct slice){input->left ? (const char *)input->at : "", input->left};
}
