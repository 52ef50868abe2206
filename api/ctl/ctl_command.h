/*
 * ctl_command: the table of commands, from which words are read, help, man page and completion
 * made.
 */
#ifndef API_CTL_CTL_COMMAND_H
#define API_CTL_CTL_COMMAND_H

#include <stdio.h>

#include "api/ctl/ctl.h"

/* What a word may be: see the table of kinds in ctl_words.c. */
enum ctl_kind {
	CTL_TEXT,
	CTL_FLAG, /* an option without a value */
	CTL_ID,
	CTL_COUNT,
	CTL_TIME,
	CTL_JOB,
	CTL_JOB_TYPE,
	CTL_FILE,
	CTL_FORMAT,
	CTL_PROGRAM,
	CTL_CHECK,
	CTL_COMMAND,
	CTL_KIND_COUNT,
};

enum { CTL_OPTIONAL = 1, CTL_REQUIRED = 2 }; /* operands are required, options optional */

struct ctl_word {
	const char *name; /* of an operand, as "EVENT"; of an option, as "--from" */
	enum ctl_kind kind;
	const char *value; /* what an option's value is called; NULL for others */
	unsigned flags;
	const char *needs; /* makes sense with that option only */
	const char *help;
};

struct ctl_command {
	const char *name; /* one word or two */
	const char *help; /* one line */
	const char *more; /* further sentences; NULL */
	/* operands in their order, then options; to the first without a name */
	struct ctl_word words[CTL_WORDS_MAX + 1];
	ctl_run *run;
};

extern const struct ctl_command ctl_commands[];
extern const size_t ctl_command_count;
/* Options that each command takes. */
extern const struct ctl_word ctl_common_words[];
extern const size_t ctl_common_word_count;

static inline bool ctl_is_option(const struct ctl_word *word)
{
	return word->name[0] == '-';
}

static inline bool ctl_is_optional(const struct ctl_word *word)
{
	return ctl_is_option(word) ? !(word->flags & CTL_REQUIRED) : word->flags & CTL_OPTIONAL;
}

/* The i-th text that a word of this kind can be; NULL: no more, or too many to tell. */
const char *ctl_choice(enum ctl_kind kind, size_t i);
/* The names of the checks of `audit`. */
const char *ctl_check_name(size_t i);
/* Programs of the suite. */
const char *ctl_program_name(size_t i);

/* Read the words of a command line (without the program's name) into ctl. *ret_help: only help is
 * wanted, of ctl->command or, NULL, of all. Returns EXIT_USAGE after saying why. */
int ctl_read_words(struct ctl *ctl, char **words, size_t count, bool *ret_help) MUST_CHECK;
/* The row of that name; NULL. */
const struct ctl_command *ctl_find_command(const char *name);

/* "queue peek TYPE [--limit N]" */
void ctl_synopsis(struct strbuf *out, const struct ctl_command *command);
void ctl_print_help(FILE *out, const struct ctl_command *command); /* NULL: the overview */
void ctl_print_man(FILE *out);
void ctl_print_completion(FILE *out); /* for bash */

#endif
