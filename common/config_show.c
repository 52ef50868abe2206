/*
 * config_show: what a table of keys says about itself, and the options made of it.
 */
#include "common/config.h"

#include <string.h>

static void print_text(const char *text, FILE *out)
{
	/* One line a key, whatever the value holds. */
	for (; *text != '\0'; text++)
		(void)fputc((unsigned char)*text < ' ' || *text == 0x7F ? '?' : *text, out);
}

static void print_value(const struct config_key *key, const char *at, FILE *out)
{
	const char *text;
	int64_t number;
	bool flag;
	int index;

	switch (key->type) {
	case CONFIG_INT:
		memcpy(&number, at, sizeof(number));
		(void)fprintf(out, "%lld", (long long)number);
		break;
	case CONFIG_BOOL:
		memcpy(&flag, at, sizeof(flag));
		(void)fputs(flag ? "true" : "false", out);
		break;
	case CONFIG_ENUM:
		memcpy(&index, at, sizeof(index));
		(void)fputs(key->names[index], out);
		break;
	case CONFIG_URL:
	case CONFIG_STRING:
		memcpy(&text, at, sizeof(text));
		if (text != NULL)
			print_text((key->flags & CONFIG_SECRET) != 0 ? "***" : text, out);
		break;
	}
}

void config_print(const struct config_table *table, const void *config, FILE *out)
{
	for (size_t i = 0; i < table->count; i++) {
		(void)fprintf(out, "%s=", table->keys[i].name);
		print_value(&table->keys[i], (const char *)config + table->keys[i].offset, out);
		(void)fputc('\n', out);
	}
}

static const char *fallback_text(const struct config_key *key)
{
	if (key->fallback != NULL)
		return key->fallback;
	return (key->flags & CONFIG_REQUIRED) != 0 ? "required" : "";
}

static void print_cell(const char *text, FILE *out)
{
	for (; *text != '\0'; text++) {
		if (*text == '|')
			(void)fputc('\\', out);
		(void)fputc(*text, out);
	}
}

void config_print_markdown(const struct config_table *table, FILE *out)
{
	(void)fputs("| name | default | meaning |\n| --- | --- | --- |\n", out);
	for (size_t i = 0; i < table->count; i++) {
		const struct config_key *key = &table->keys[i];
		const char *quote = key->fallback != NULL ? "`" : "";
		(void)fprintf(out, "| `%s` | %s", key->name, quote);
		print_cell(fallback_text(key), out);
		(void)fprintf(out, "%s | ", quote);
		print_cell(key->help, out);
		if ((key->flags & CONFIG_SECRET) != 0)
			(void)fprintf(out, " (secret; or `%s_FILE`)", key->name);
		(void)fputs(" |\n", out);
	}
}

static void print_help(const struct config_table *table, FILE *out)
{
	(void)fprintf(out, "%s: %s\n\n", table->program, table->summary);
	(void)fprintf(out, "Usage: %s [--help|--version|--print-config|--check-config]\n\n",
		      table->program);
	(void)fputs("Configured by environment variables; [..] is the default. A secret can also\n"
		    "stand in a file that NAME_FILE names.\n\n",
		    out);
	for (size_t i = 0; i < table->count; i++) {
		const struct config_key *key = &table->keys[i];
		(void)fprintf(out, "  %-26s %s", key->name, key->help);
		if (*fallback_text(key) != '\0')
			(void)fprintf(out, " [%s]", fallback_text(key));
		(void)fputs((key->flags & CONFIG_SECRET) != 0 ? " (secret)\n" : "\n", out);
	}
}

enum option {
	OPT_RUN,
	OPT_HELP,
	OPT_VERSION,
	OPT_PRINT,
	OPT_CHECK,
	OPT_TABLE,
	OPT_MAN,
	OPT_UNKNOWN
};

static enum option find_option(int argc, char **argv)
{
	static const char *const names[] = {
		[OPT_HELP] = "--help",
		[OPT_VERSION] = "--version",
		[OPT_PRINT] = "--print-config",
		[OPT_CHECK] = "--check-config",
		/* For the README and the installation; not in --help. */
		[OPT_TABLE] = "--print-config-table",
		[OPT_MAN] = "--print-man",
	};

	if (argc <= 1)
		return OPT_RUN;
	if (argc > 2)
		return OPT_UNKNOWN;
	for (size_t i = OPT_HELP; i < ARRAY_LEN(names); i++) {
		if (strcmp(argv[1], names[i]) == 0)
			return (enum option)i;
	}
	return OPT_UNKNOWN;
}

static enum status load_and_check(const struct config_table *table, void *ret_config,
				  struct problem *err)
{
	enum status status = config_load(table, ret_config, err);

	if (status == OK && table->check != NULL)
		status = table->check(ret_config, err);
	return status;
}

/* What needs no configuration to be there; false: `option` is none of that. */
static bool print_about(enum option option, const struct config_table *table)
{
	switch (option) {
	case OPT_HELP:
		print_help(table, stdout);
		return true;
	case OPT_TABLE:
		config_print_markdown(table, stdout);
		return true;
	case OPT_MAN:
		config_print_man(table, stdout);
		return true;
	case OPT_VERSION:
		(void)printf("%s %s\n", table->program, CORE_VERSION);
		return true;
	default:
		return false;
	}
}

bool config_start(const struct config_table *table, int argc, char **argv, void *ret_config,
		  int *ret_exit)
{
	enum option option = find_option(argc, argv);
	struct problem err = {0};

	*ret_exit = 0;
	if (option == OPT_UNKNOWN) {
		(void)fprintf(stderr, "%s: unknown arguments; see --help\n", table->program);
		*ret_exit = EXIT_USAGE;
		return false;
	}
	if (print_about(option, table))
		return false;
	if (load_and_check(table, ret_config, &err) != OK) {
		(void)fprintf(stderr, "%s: %s\n", table->program, err.detail);
		*ret_exit = EXIT_CONFIG;
		return false;
	}
	if (option == OPT_PRINT)
		config_print(table, ret_config, stdout);
	if (option == OPT_CHECK)
		(void)printf("%s: the configuration is good\n", table->program);
	return option == OPT_RUN;
}
