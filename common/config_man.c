/*
 * config_man: a program's manual page, made of its table of keys.
 */
#include "common/config.h"

#include <string.h>

/* A line that troff sets as it is: a control character at its start and backslashes are not
 * meant. */
static void print_roff(const char *text, FILE *out)
{
	if (*text == '.' || *text == '\'')
		(void)fputs("\\&", out);
	for (; *text != '\0'; text++) {
		if (*text == '\\')
			(void)fputs("\\e", out);
		else if (*text == '-')
			(void)fputs("\\-", out);
		else
			(void)fputc(*text, out);
	}
}

static void print_key(const struct config_key *key, FILE *out)
{
	(void)fputs(".TP\n.B ", out);
	print_roff(key->name, out);
	(void)fputc('\n', out);
	print_roff(key->help, out);
	if (key->fallback != NULL) {
		(void)fputs(" [", out);
		print_roff(key->fallback, out);
		(void)fputc(']', out);
	}
	if ((key->flags & CONFIG_REQUIRED) != 0)
		(void)fputs(" (required)", out);
	if ((key->flags & CONFIG_SECRET) != 0)
		(void)fputs(" (secret)", out);
	(void)fputc('\n', out);
}

void config_print_man_keys(const struct config_table *table, FILE *out)
{
	(void)fputs(".SH ENVIRONMENT\n"
		    "A variable that is set to nothing counts as not set; the default stands in\n"
		    "brackets. A secret NAME can also stand in the file that NAME_FILE names, or\n"
		    "come as the credential NAME from\n"
		    ".BR systemd (1).\n",
		    out);
	for (size_t i = 0; i < table->count; i++)
		print_key(&table->keys[i], out);
}

static void print_options(FILE *out)
{
	(void)fputs(".SH OPTIONS\n"
		    ".TP\n.B \\-\\-help\nthe options and the variables\n"
		    ".TP\n.B \\-\\-version\nthe version\n"
		    ".TP\n.B \\-\\-print\\-config\nthe settings that hold, secrets masked\n"
		    ".TP\n.B \\-\\-check\\-config\nwhether the settings are good\n"
		    ".SH SIGNALS\n"
		    "SIGTERM and SIGINT end the program once what is under way is done.\n"
		    ".SH EXIT STATUS\n"
		    ".TP\n0\ntold to end\n"
		    ".TP\n64\nunknown arguments\n"
		    ".TP\n1, 70\ncannot start or go on; the log says why\n"
		    ".TP\n78\na variable is bad or missing; one line names it\n",
		    out);
}

void config_print_man(const struct config_table *table, FILE *out)
{
	(void)fprintf(out, ".TH %s 8 \"\" \"Core Service %s\" \"System administration\"\n",
		      table->program, CORE_VERSION);
	(void)fputs(".SH NAME\n", out);
	print_roff(table->program, out);
	(void)fputs(" \\- ", out);
	print_roff(table->summary, out);
	(void)fputs("\n.SH SYNOPSIS\n.B ", out);
	print_roff(table->program, out);
	(void)fputs("\n[\\-\\-help | \\-\\-version | \\-\\-print\\-config | \\-\\-check\\-config]\n"
		    ".SH DESCRIPTION\n"
		    "Configured by environment variables alone, logs JSON lines to standard\n"
		    "output, stays in the foreground and tells the service manager when it is "
		    "ready.\n",
		    out);
	print_options(out);
	config_print_man_keys(table, out);
	(void)fputs(".SH SEE ALSO\n"
		    ".BR core\\-api (8),\n.BR worker\\-tickets (8),\n.BR worker\\-email (8),\n"
		    ".BR corectl (1)\n",
		    out);
}
