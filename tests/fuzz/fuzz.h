/*
 * fuzz: what the fuzz targets share.
 *
 * A target is one file fuzz_NAME.c with LLVMFuzzerTestOneInput; its seeds and the inputs that once
 * failed lie in corpus/NAME. A target checks what must hold of the answer too, not only that there
 * is one. `make fuzz` runs each for a few seconds, FUZZ_S=600 longer.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "common/arena.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Must hold, or the input is kept as a finding. */
#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fuzz_fail(__FILE__, __LINE__, #condition);                                 \
	} while (0)
NORETURN void fuzz_fail(const char *file, int line, const char *what);

/* Empty, and kept until the next call. */
struct arena *fuzz_arena(void);
/* Two kept apart, for functions whose memory must not mix. */
struct arena *fuzz_arena_other(void);

/* The input from its start, piece by piece. */
struct fuzz_input {
	const uint8_t *at;
	size_t left;
};
uint8_t fuzz_byte(struct fuzz_input *input);   /* 0 at the end */
int64_t fuzz_number(struct fuzz_input *input); /* 8 bytes, fewer at the end */
/* Up to the next NUL, or all that is left; a text in the arena. */
char *fuzz_text(struct fuzz_input *input, struct arena *arena);
struct slice fuzz_rest(const struct fuzz_input *input);

#endif
