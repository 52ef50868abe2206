/*
 * Completion for bash, made of the table of commands.
 *
 * The script's one table, _corectl_choices, says what can stand at a place: "COMMAND/options",
 * "COMMAND/OPTION" (its value), "COMMAND/N" (its Nth operand), "NAME/verbs".
 */
#include <string.h>

#include "api/ctl/ctl_command.h"

static const char engine[] =
	"# What the words before the cursor make of the place where it stands.\n"
	"_corectl()\n"
	"{\n"
	"\tlocal current=${COMP_WORDS[COMP_CWORD]} name='' place='' choices word operand=1 i=1\n"
	"\tCOMPREPLY=()\n"
	"\tif ((COMP_CWORD == 1)); then\n"
	"\t\tchoices=\"$(_corectl_choices /verbs) $(_corectl_choices /options)\"\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W \"$choices\" -- \"$current\")\n"
	"\t\treturn\n"
	"\tfi\n"
	"\tname=${COMP_WORDS[1]} i=2\n"
	"\tif ((COMP_CWORD > 2)) && _corectl_choices \"$name ${COMP_WORDS[2]}/options\" "
	">/dev/null; "
	"then\n"
	"\t\tname=\"$name ${COMP_WORDS[2]}\" i=3\n"
	"\tfi\n"
	"\tfor (( ; i < COMP_CWORD; i++)); do\n"
	"\t\tword=${COMP_WORDS[i]}\n"
	"\t\tif [[ $word != -?* ]]; then\n"
	"\t\t\toperand=$((operand + 1))\n"
	"\t\telif _corectl_choices \"$name/$word\" >/dev/null; then\n"
	"\t\t\tplace=$word i=$((i + 1))\n"
	"\t\t\t((i == COMP_CWORD)) || place=''\n"
	"\t\tfi\n"
	"\tdone\n"
	"\tif [[ -z $place && $current == -* ]]; then\n"
	"\t\tplace=options\n"
	"\tfi\n"
	"\tchoices=$(_corectl_choices \"$name/${place:-$operand}\")\n"
	"\tif [[ $choices == '<files>' ]]; then\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
	"\t\treturn\n"
	"\tfi\n"
	"\t((COMP_CWORD > 2)) || choices+=\" $(_corectl_choices \"$name/verbs\")\"\n"
	"\tmapfile -t COMPREPLY < <(compgen -W \"$choices\" -- \"$current\")\n"
	"}\n"
	"complete -o filenames -F _corectl corectl\n";

/* `'PLACE') echo 'CHOICES' ;;` is begun, filled and ended. */
static void begin(FILE *out, const char *name, const char *place)
{
	(void)fprintf(out, "\t'%s/%s') echo '", name, place);
}

static void end(FILE *out)
{
	(void)fputs("' ;;\n", out);
}

/* Is it the first command whose name begins with that word? */
static bool is_first_of(size_t i, const char *word, size_t len)
{
	for (size_t k = 0; k < i; k++)
		if (!strncmp(ctl_commands[k].name, word, len) &&
		    strcspn(ctl_commands[k].name, " ") == len)
			return false;
	return true;
}

static void put_first_words(FILE *out)
{
	begin(out, "", "verbs");
	for (size_t i = 0; i < ctl_command_count; i++) {
		size_t len = strcspn(ctl_commands[i].name, " ");

		if (is_first_of(i, ctl_commands[i].name, len))
			(void)fprintf(out, "%.*s ", (int)len, ctl_commands[i].name);
	}
	end(out);
	begin(out, "", "options");
	(void)fputs("--help --version --print-config --check-config --print-man --print-completion",
		    out);
	end(out);
}

static void put_verbs(FILE *out, size_t first)
{
	char name[64];
	size_t len = strcspn(ctl_commands[first].name, " ");

	(void)snprintf(name, sizeof(name), "%.*s", (int)len, ctl_commands[first].name);
	if (!is_first_of(first, name, len))
		return;
	begin(out, name, "verbs");
	for (size_t i = first; i < ctl_command_count; i++) {
		const char *full = ctl_commands[i].name;

		if (!strncmp(full, name, len) && full[len] == ' ')
			(void)fprintf(out, "%s ", full + len + 1);
	}
	end(out);
}

static void put_choices(FILE *out, const char *name, const char *place, enum ctl_kind kind)
{
	const char *choice;

	begin(out, name, place);
	if (kind == CTL_FILE)
		(void)fputs("<files>", out);
	for (size_t i = 0; (choice = ctl_choice(kind, i)); i++)
		(void)fprintf(out, "%s ", choice);
	end(out);
}

static void put_command(FILE *out, const struct ctl_command *command)
{
	int operand = 0;

	begin(out, command->name, "options");
	for (const struct ctl_word *word = command->words; word->name; word++)
		if (ctl_is_option(word))
			(void)fprintf(out, "%s ", word->name);
	for (size_t i = 0; i < ctl_common_word_count; i++)
		(void)fprintf(out, "%s ", ctl_common_words[i].name);
	end(out);
	for (const struct ctl_word *word = command->words; word->name; word++) {
		char place[16];

		(void)snprintf(place, sizeof(place), "%d", operand + 1);
		if (!ctl_is_option(word)) {
			put_choices(out, command->name, place, word->kind);
			operand++;
		} else if (word->kind != CTL_FLAG) {
			put_choices(out, command->name, word->name, word->kind);
		}
	}
}

void ctl_print_completion(FILE *out)
{
	(void)fputs("# bash completion for corectl; made by corectl --print-completion\n"
		    "_corectl_choices()\n{\n\tcase $1 in\n",
		    out);
	put_first_words(out);
	for (size_t i = 0; i < ctl_command_count; i++) {
		put_verbs(out, i);
		put_command(out, &ctl_commands[i]);
	}
	(void)fputs("\t*) return 1 ;;\n\tesac\n}\n\n", out);
	(void)fputs(engine, out);
}
