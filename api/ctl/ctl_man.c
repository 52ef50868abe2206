/*
 * The manual page, in man(7)'s words, made of the tables.
 */
#include <string.h>

#include "api/ctl/ctl_command.h"

/* Text that troff sets as it is, in any place of a line. */
static void put(FILE *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		(void)fputs("\\&", out);
	for (; *text; text++) {
		if (*text == '\\')
			(void)fputs("\\e", out);
		else if (*text == '-')
			(void)fputs("\\-", out);
		else
			(void)fputc(*text, out);
	}
}

/* `\fB--from\fR \fITIME\fR` or `\fIFILE\fR` */
static void put_word(FILE *out, const struct ctl_word *word)
{
	(void)fputs(ctl_is_option(word) ? "\\fB" : "\\fI", out);
	put(out, word->name);
	(void)fputs("\\fR", out);
	if (!word->value)
		return;
	(void)fputs(" \\fI", out);
	put(out, word->value);
	(void)fputs("\\fR", out);
}

static void put_words(FILE *out, const struct ctl_word *words, size_t count)
{
	if (!count || !words->name)
		return;
	(void)fputs(".RS\n", out);
	for (size_t i = 0; i < count && words[i].name; i++) {
		(void)fputs(".TP\n", out);
		put_word(out, &words[i]);
		(void)fputc('\n', out);
		put(out, words[i].help);
		(void)fputc('\n', out);
	}
	(void)fputs(".RE\n", out);
}

static void put_synopsis(FILE *out, const struct ctl_command *command)
{
	(void)fputs(".TP\n\\fB", out);
	put(out, command->name);
	(void)fputs("\\fR", out);
	for (const struct ctl_word *word = command->words; word->name; word++) {
		(void)fputs(ctl_is_optional(word) ? " [" : " ", out);
		put_word(out, word);
		(void)fputs(ctl_is_optional(word) ? "]" : "", out);
	}
	(void)fputc('\n', out);
}

static void put_command(FILE *out, const struct ctl_command *command)
{
	put_synopsis(out, command);
	put(out, command->help);
	(void)fputs(".\n", out);
	if (command->more) {
		put(out, command->more);
		(void)fputc('\n', out);
	}
	put_words(out, command->words, CTL_WORDS_MAX);
}

static const char head[] =
	".SH SYNOPSIS\n"
	"\\fBcorectl\\fR \\fICOMMAND\\fR [\\fIWORDS\\fR] [\\fB\\-\\-json\\fR]\n"
	".br\n"
	"\\fBcorectl help\\fR [\\fICOMMAND\\fR]\n"
	".br\n"
	"\\fBcorectl\\fR \\-\\-version | \\-\\-print\\-config | \\-\\-check\\-config |\n"
	"\\-\\-print\\-man | \\-\\-print\\-completion\n"
	".SH DESCRIPTION\n"
	"Looks after the core service: its schema, its queues, its data. It reads and changes\n"
	"PostgreSQL and Redis directly, and needs a running API for \\fBimport\\fR only.\n"
	".SH COMMANDS\n";

static const char tail[] =
	".SH EXIT STATUS\n"
	".TP\n0\nall is well\n"
	".TP\n1\nit failed, or what was looked for was found: drift, a step that is not applied, "
	"a\n"
	"rejected row, a ticket that does not admit\n"
	".TP\n64\nthe command line makes no sense\n"
	".TP\n70\nout of memory\n"
	".TP\n78\na variable is bad or missing; one line names it\n"
	".SH SEE ALSO\n"
	".BR core\\-api (8),\n.BR worker\\-tickets (8),\n.BR worker\\-email (8)\n";

void ctl_print_man(FILE *out)
{
	(void)fprintf(out, ".TH corectl 1 \"\" \"Core Service %s\" \"User commands\"\n",
		      CORE_VERSION);
	(void)fputs(".SH NAME\ncorectl \\- ", out);
	put(out, ctl_config_table.summary);
	(void)fputc('\n', out);
	(void)fputs(head, out);
	for (size_t i = 0; i < ctl_command_count; i++)
		put_command(out, &ctl_commands[i]);
	(void)fputs(".PP\nEvery command takes\n", out);
	put_words(out, ctl_common_words, ctl_common_word_count);
	config_print_man_keys(&ctl_config_table, out);
	(void)fputs(tail, out);
}
