/*
 * Reading a command line by the table, so that what is wrong with it is said exactly.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/ctl/ctl_command.h"
#include "common/clock.h"
#include "common/ids.h"
#include "common/queue.h"

/* --- kinds of words -------------------------------------------------------------------------- */

static const char *command_choice(size_t i)
{
	return i < ctl_command_count ? ctl_commands[i].name : NULL;
}

static const char *format_choice(size_t i)
{
	static const char *const formats[] = {"csv", "json"};

	return i < ARRAY_LEN(formats) ? formats[i] : NULL;
}

static const char *type_choice(size_t i)
{
	return queue_types[i].name;
}

static bool is_id(const char *text)
{
	int64_t id;

	return ids_parse(text, strlen(text), &id);
}

static bool read_time(const char *text, int64_t *ret)
{
	return clock_parse_rfc3339(text, strlen(text), ret) ||
	       clock_parse_date(text, strlen(text), ret);
}

static bool is_time(const char *text)
{
	int64_t at;

	return read_time(text, &at);
}

static const struct kind {
	const char *must_be;
	bool (*fits)(const char *text);  /* NULL: one of the choices, or any text */
	const char *(*choice)(size_t i); /* NULL: too many to tell */
} kinds[CTL_KIND_COUNT] = {
	[CTL_ID] = {"a whole number above 0", is_id, NULL},
	[CTL_COUNT] = {"a whole number above 0", is_id, NULL},
	[CTL_TIME] = {"a date or an RFC 3339 time", is_time, NULL},
	[CTL_JOB] = {"a job's id, which is a UUID", ids_is_uuid, NULL},
	[CTL_JOB_TYPE] = {"a type of job", NULL, type_choice},
	[CTL_FORMAT] = {"a format", NULL, format_choice},
	[CTL_PROGRAM] = {"a program", NULL, ctl_program_name},
	[CTL_CHECK] = {"a check", NULL, ctl_check_name},
	/* Any text: help itself says what is no command. */
	[CTL_COMMAND] = {NULL, NULL, command_choice},
};

const char *ctl_choice(enum ctl_kind kind, size_t i)
{
	return kinds[kind].choice ? kinds[kind].choice(i) : NULL;
}

static bool is_choice(enum ctl_kind kind, const char *text)
{
	const char *choice;

	for (size_t i = 0; (choice = ctl_choice(kind, i)); i++)
		if (!strcmp(choice, text))
			return true;
	return false;
}

static bool fits(enum ctl_kind kind, const char *text)
{
	if (!kinds[kind].must_be)
		return true;
	return kinds[kind].fits ? kinds[kind].fits(text) : is_choice(kind, text);
}

/* --- what was given -------------------------------------------------------------------------- */

static size_t index_of(const struct ctl_command *command, const char *name, size_t len)
{
	for (size_t i = 0; command->words[i].name; i++)
		if (strlen(command->words[i].name) == len &&
		    !strncmp(command->words[i].name, name, len))
			return i;
	return CTL_WORDS_MAX;
}

const char *ctl_value(const struct ctl *ctl, const char *word)
{
	size_t i = index_of(ctl->command, word, strlen(word));

	if (i == CTL_WORDS_MAX)
		fatal("%s has no word %s", ctl->command->name, word);
	return ctl->values[i];
}

bool ctl_flag(const struct ctl *ctl, const char *word)
{
	return ctl_value(ctl, word) != NULL;
}

int64_t ctl_id(const struct ctl *ctl, const char *word)
{
	return ctl_count(ctl, word, 0);
}

int64_t ctl_count(const struct ctl *ctl, const char *word, int64_t otherwise)
{
	const char *text = ctl_value(ctl, word);
	int64_t number = otherwise;

	return text && ids_parse(text, strlen(text), &number) ? number : otherwise;
}

int64_t ctl_time(const struct ctl *ctl, const char *word)
{
	const char *text = ctl_value(ctl, word);
	int64_t at = TIME_NONE;

	return text && read_time(text, &at) ? at : TIME_NONE;
}

/* --- reading --------------------------------------------------------------------------------- */

static void add_choices(struct strbuf *out, enum ctl_kind kind)
{
	const char *choice;

	for (size_t i = 0; (choice = ctl_choice(kind, i)); i++)
		strbuf_addf(out, "%s%s", i ? ", " : ": ", choice);
}

static int check_value(struct ctl *ctl, const struct ctl_word *word, const char *text)
{
	struct strbuf choices;

	if (fits(word->kind, text))
		return EXIT_SUCCESS;
	strbuf_init(&choices, &ctl->arena);
	strbuf_adds(&choices, "");
	add_choices(&choices, word->kind);
	return ctl_usage(ctl, "%s must be %s%s, not %s", word->name, kinds[word->kind].must_be,
			 choices.buf, text);
}

static int take_value(struct ctl *ctl, size_t i, const char *text)
{
	if (ctl->values[i])
		return ctl_usage(ctl, "%s is given twice", ctl->command->words[i].name);
	ctl->values[i] = text;
	return check_value(ctl, &ctl->command->words[i], text);
}

/* `--name`, `--name value` or `--name=value`; *at stays on the last word taken. */
static int take_option(struct ctl *ctl, char **words, size_t count, size_t *at)
{
	const char *text = words[*at];
	size_t len = strcspn(text, "=");
	size_t i = index_of(ctl->command, text, len);
	const struct ctl_word *word = &ctl->command->words[i];

	if (i == CTL_WORDS_MAX)
		return ctl_usage(ctl, "there is no option %.*s", (int)len, text);
	if (word->kind == CTL_FLAG && text[len])
		return ctl_usage(ctl, "%s takes no value", word->name);
	if (word->kind == CTL_FLAG)
		return take_value(ctl, i, "true");
	if (text[len])
		return take_value(ctl, i, text + len + 1);
	if (*at + 1 == count)
		return ctl_usage(ctl, "%s needs its %s", word->name, word->value);
	return take_value(ctl, i, words[++*at]);
}

static int take_operand(struct ctl *ctl, const char *text)
{
	for (size_t i = 0; ctl->command->words[i].name; i++)
		if (!ctl_is_option(&ctl->command->words[i]) && !ctl->values[i])
			return take_value(ctl, i, text);
	return ctl_usage(ctl, "%s is too much", text);
}

static int take_words(struct ctl *ctl, char **words, size_t count)
{
	bool operands_only = false;
	int code = EXIT_SUCCESS;

	for (size_t at = 0; at < count && code == EXIT_SUCCESS; at++) {
		bool dashed = words[at][0] == '-' && words[at][1] != '\0';

		if (!operands_only && !strcmp(words[at], "--"))
			operands_only = true;
		else if (dashed && !operands_only)
			code = take_option(ctl, words, count, &at);
		else
			code = take_operand(ctl, words[at]);
	}
	return code;
}

/* Are all words there that must be, and that others need? */
static int check_words(const struct ctl *ctl)
{
	for (size_t i = 0; ctl->command->words[i].name; i++) {
		const struct ctl_word *word = &ctl->command->words[i];
		bool optional = ctl_is_optional(word);

		if (!ctl->values[i] && !optional)
			return ctl_usage(ctl, "%s is missing", word->name);
		if (ctl->values[i] && word->needs && !ctl_flag(ctl, word->needs))
			return ctl_usage(ctl, "%s goes with %s", word->name, word->needs);
	}
	return EXIT_SUCCESS;
}

/* --- the command ----------------------------------------------------------------------------- */

const struct ctl_command *ctl_find_command(const char *name)
{
	for (size_t i = 0; i < ctl_command_count; i++)
		if (!strcmp(ctl_commands[i].name, name))
			return &ctl_commands[i];
	return NULL;
}

/* The longer name wins; *ret_words: how many words it took. */
static const struct ctl_command *find(struct ctl *ctl, char **words, size_t count,
				      size_t *ret_words)
{
	const struct ctl_command *command = NULL;

	*ret_words = 2;
	if (count > 1)
		command = ctl_find_command(arena_printf(&ctl->arena, "%s %s", words[0], words[1]));
	if (command)
		return command;
	*ret_words = 1;
	return ctl_find_command(words[0]);
}

/* Is it the first of two words of some command? */
static bool is_group(const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i < ctl_command_count; i++)
		if (!strncmp(ctl_commands[i].name, word, len) && ctl_commands[i].name[len] == ' ')
			return true;
	return false;
}

/* Options of every command stand anywhere before `--`. */
static size_t take_common(struct ctl *ctl, char **words, size_t count, bool *ret_help)
{
	bool operands_only = false;
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		operands_only |= !strcmp(words[i], "--");
		if (!operands_only && !strcmp(words[i], "--json"))
			ctl->json = true;
		else if (!operands_only && !strcmp(words[i], "--help"))
			*ret_help = true;
		else
			words[kept++] = words[i];
	}
	return kept;
}

int ctl_read_words(struct ctl *ctl, char **words, size_t count, bool *ret_help)
{
	size_t used = 0;
	int code;

	count = take_common(ctl, words, count, ret_help);
	if (!count)
		return *ret_help ? EXIT_SUCCESS : ctl_usage(ctl, "no command given");
	ctl->command = find(ctl, words, count, &used);
	if (!ctl->command && *ret_help && is_group(words[0]))
		return EXIT_SUCCESS;
	if (!ctl->command)
		return ctl_usage(ctl, "unknown command %s%s%s", words[0], count > 1 ? " " : "",
				 count > 1 ? words[1] : "");
	if (*ret_help)
		return EXIT_SUCCESS;
	code = take_words(ctl, words + used, count - used);
	return code == EXIT_SUCCESS ? check_words(ctl) : code;
}
