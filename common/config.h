/*
 * config: configuration from environment variables, by tables.
 *
 * A binary has one table of keys; parser, --help, --print-config, --check-config and the README's
 * table read the same rows. The only user of getenv. For a secret NAME also NAME_FILE is read
 * (its content without the trailing newline); where neither is set, the credential NAME that the
 * service manager passes on (systemd's LoadCredential). A variable that is set to nothing is not
 * set.
 */
#ifndef COMMON_CONFIG_H
#define COMMON_CONFIG_H

#include <stdio.h>

#include "common/problem.h"

enum config_type {
	CONFIG_STRING, /* const char *; min and max bound the length in bytes */
	CONFIG_INT,    /* int64_t; min and max bound the value */
	CONFIG_BOOL,   /* bool: true, false, 1, 0 */
	CONFIG_URL,    /* const char *: http(s)://host[:port][/path], no trailing slash kept */
	CONFIG_ENUM,   /* int: index into `names` */
};

enum { CONFIG_SECRET = 1, CONFIG_REQUIRED = 2 };

struct config_key {
	const char *name;
	enum config_type type;
	unsigned flags;
	const char *fallback;     /* as text; NULL: none (string NULL, number 0) */
	int64_t min, max;         /* max 0: no bound for lengths; both 0: none for values */
	size_t offset;            /* in the binary's configuration struct */
	const char *const *names; /* CONFIG_ENUM, NULL-terminated */
	const char *help;
};

struct config_table {
	const char *program;
	const char *summary; /* one line for --help */
	const struct config_key *keys;
	size_t count;
	/* What single keys cannot say, run by config_start after the load; may be NULL. */
	enum status (*check)(const void *config, struct problem *err);
};

/* Fill `ret` (zeroed by the caller) from the environment; strings live as long as the process.
 * ST_CONFIG with a detail that names the variable. */
enum status config_load(const struct config_table *table, void *ret,
			struct problem *err) MUST_CHECK;
/* Free the strings of all loads, for a program that loads again and again. */
void config_forget(void);
/* A variable that belongs to no table because the system sets it; NULL: not set. */
const char *config_environment(const char *name);
/* NAME=value lines, secrets as ***. */
void config_print(const struct config_table *table, const void *config, FILE *out);
/* Rows of a Markdown table: name, default, meaning. */
void config_print_markdown(const struct config_table *table, FILE *out);
/* A manual page of section 8, in man(7)'s words, and its section about the variables alone. */
void config_print_man(const struct config_table *table, FILE *out);
void config_print_man_keys(const struct config_table *table, FILE *out);
/* The options every binary has: --help, --version, --print-config, --check-config, and the load
 * and the table's check itself. Returns true when the program goes on; false: exit with
 * *ret_exit. Other arguments are refused: a program that has some passes an argc of 1. */
bool config_start(const struct config_table *table, int argc, char **argv, void *ret_config,
		  int *ret_exit) MUST_CHECK;
/* NODE_ENV=production refuses a secret under 32 bytes or one of the documented samples; elsewhere
 * it is a warning on stderr. */
enum status config_check_secret(const char *name, const char *value, bool production,
				struct problem *err) MUST_CHECK;

#endif
