/*
 * What the table says of the commands: --help, and the man page.
 */
#include <stdlib.h>
#include <string.h>

#include "api/ctl/ctl_command.h"

enum { WIDTH = 80, COLUMN = 24 };

void ctl_synopsis(struct strbuf *out, const struct ctl_command *command)
{
	strbuf_adds(out, command->name);
	for (const struct ctl_word *word = command->words; word->name; word++) {
		bool optional = ctl_is_optional(word);

		strbuf_addf(out, " %s%s%s%s%s", optional ? "[" : "", word->name,
			    word->value ? " " : "", word->value ? word->value : "",
			    optional ? "]" : "");
	}
}

/* Text in lines that fit: the first goes on at column `at`, the others begin behind `indent`
 * blanks. */
static void print_wrapped(FILE *out, const char *text, int at, int indent)
{
	bool fresh = true;

	while (*text) {
		int len = (int)strcspn(text, " ");

		if (!fresh && at + 1 + len > WIDTH) {
			(void)fprintf(out, "\n%*s", indent, "");
			at = indent;
			fresh = true;
		}
		(void)fprintf(out, "%s%.*s", fresh ? "" : " ", len, text);
		at += len + (fresh ? 0 : 1);
		fresh = false;
		text += len;
		text += *text == ' ';
	}
	(void)fputc('\n', out);
}

/* A name, and beside it what it is. */
static void print_entry(FILE *out, const char *name, const char *help)
{
	int at = fprintf(out, "  %s", name);

	at += fprintf(out, "%*s", at < COLUMN ? COLUMN - at : 1, "");
	print_wrapped(out, help, at, COLUMN);
}

static void print_word(FILE *out, const struct ctl_word *word)
{
	CLEANUP(strbuf_release) struct strbuf name;

	strbuf_init(&name, NULL);
	strbuf_addf(&name, "%s%s%s", word->name, word->value ? " " : "",
		    word->value ? word->value : "");
	print_entry(out, name.buf, word->help);
}

static void print_command(FILE *out, const struct ctl_command *command)
{
	CLEANUP(strbuf_release) struct strbuf line;

	strbuf_init(&line, NULL);
	strbuf_adds(&line, "Usage: corectl ");
	ctl_synopsis(&line, command);
	print_wrapped(out, line.buf, 0, 7);
	(void)fputc('\n', out);
	print_wrapped(out, command->help, 0, 0);
	if (command->more)
		print_wrapped(out, command->more, 0, 0);
	(void)fputc('\n', out);
	for (const struct ctl_word *word = command->words; word->name; word++)
		print_word(out, word);
	for (size_t i = 0; i < ctl_common_word_count; i++)
		print_word(out, &ctl_common_words[i]);
}

static void print_keys(FILE *out)
{
	for (size_t i = 0; i < ctl_config_table.count; i++) {
		const struct config_key *key = &ctl_config_table.keys[i];

		CLEANUP(strbuf_release) struct strbuf help;

		strbuf_init(&help, NULL);
		strbuf_adds(&help, key->help);
		if (key->fallback)
			strbuf_addf(&help, " [%s]", key->fallback);
		print_entry(out, key->name, help.buf);
	}
}

static void print_overview(FILE *out)
{
	(void)fprintf(out, "%s: %s\n\nUsage: corectl COMMAND [--json] [--help]\n\n",
		      ctl_config_table.program, ctl_config_table.summary);
	for (size_t i = 0; i < ctl_command_count; i++) {
		CLEANUP(strbuf_release) struct strbuf line;

		strbuf_init(&line, NULL);
		strbuf_adds(&line, "  ");
		ctl_synopsis(&line, &ctl_commands[i]);
		print_wrapped(out, line.buf, 0, 4);
		(void)fprintf(out, "%*s", 6, "");
		print_wrapped(out, ctl_commands[i].help, 6, 6);
	}
	(void)fputs("\n  --help, --version, --print-config, --check-config, --print-man,\n"
		    "  --print-completion\n\n"
		    "Configured by environment variables; [..] is the default. A secret can also\n"
		    "stand in a file that NAME_FILE names.\n\n",
		    out);
	print_keys(out);
}

void ctl_print_help(FILE *out, const struct ctl_command *command)
{
	if (command)
		print_command(out, command);
	else
		print_overview(out);
}

/* All commands whose first word it is. */
static int print_group(const char *name)
{
	size_t len = strlen(name);
	int found = 0;

	for (size_t i = 0; i < ctl_command_count; i++) {
		const char *full = ctl_commands[i].name;

		if (strncmp(full, name, len) != 0 || (full[len] != ' ' && full[len] != '\0'))
			continue;
		if (found++)
			(void)fputc('\n', stdout);
		print_command(stdout, &ctl_commands[i]);
	}
	return found;
}

int ctl_help(struct ctl *ctl)
{
	const char *name = ctl_value(ctl, "COMMAND");
	const char *verb = ctl_value(ctl, "VERB");

	if (!name) {
		print_overview(stdout);
		return EXIT_SUCCESS;
	}
	if (verb)
		name = arena_printf(&ctl->arena, "%s %s", name, verb);
	if (!print_group(name))
		return ctl_usage(ctl, "there is no command %s", name);
	return EXIT_SUCCESS;
}
