#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/ctl/ctl.h"

static enum status check_config(const void *config, struct problem *err)
{
	const struct ctl_config *ctl_config = config;
	return config_check_common(&ctl_config->common, err);
}

/* clang-format off */
static const struct config_key config_keys[] = {
	CONFIG_CONNECTION_KEYS(struct ctl_config, common),
	{"JWT_SECRET", CONFIG_STRING, CONFIG_SECRET, NULL, 1, 1024,
	 offsetof(struct ctl_config, jwt_secret), NULL, "secret of the tokens (HS256)"},
	{"JWT_ISSUER", CONFIG_STRING, 0, NULL, 1, 255,
	 offsetof(struct ctl_config, jwt_issuer), NULL, "iss of the tokens (unset: none)"},
	{"JWT_AUDIENCE", CONFIG_STRING, 0, NULL, 1, 255,
	 offsetof(struct ctl_config, jwt_audience), NULL, "aud of the tokens (unset: none)"},
	{"PAYMENT_SERVICE_URL", CONFIG_URL, 0, "http://localhost:3003", 1, 1024,
	 offsetof(struct ctl_config, payment_url), NULL, "the Payment Service"},
	{"SHARED_SERVICE_TOKEN", CONFIG_STRING, CONFIG_SECRET, NULL, 1, 4096,
	 offsetof(struct ctl_config, service_token), NULL,
	 "X-Service-Token between the services"},
};
/* clang-format on */

const struct config_table ctl_config_table = {
	.program = "corectl",
	.summary = "the operators' program of the core service",
	.keys = config_keys,
	.count = ARRAY_LEN(config_keys),
	.check = check_config,
};

struct command {
	const char *name;
	const char *verb; /* NULL: the name alone */
	const char *arguments;
	const char *help;
	size_t min_args, max_args;
	ctl_run *run;
};

enum { ANY = 100 };

/* clang-format off */
static const struct command commands[] = {
	{"migrate", NULL, "", "the same as migrate up", 0, 0, ctl_migrate_up},
	{"migrate", "up", "", "apply what the database lacks of the schema", 0, 0, ctl_migrate_up},
	{"migrate", "status", "", "list the steps of the schema; exit 1 unless all are applied", 0, 0,
	 ctl_migrate_status},
	{"migrate", "wait", "", "wait until all of them are applied, for ten minutes at most", 0, 0,
	 ctl_migrate_wait},
	{"token", NULL, "--sub ID [--roles a,b] [--email E] [--first F] [--last L] [--ttl SECONDS]",
	 "print a token for development, signed with JWT_SECRET", 0, ANY, ctl_token},
	{"queue", "ls", "", "jobs by type, and the dead ones with their reason", 0, 0, ctl_queue_ls},
	{"queue", "peek", "TYPE", "the twenty oldest jobs of a type", 1, 1, ctl_queue_peek},
	{"queue", "kick", "ID", "do a dead or delayed job now", 1, 1, ctl_queue_kick},
	{"queue", "bury", "ID REASON", "give a job up", 2, 2, ctl_queue_bury},
	{"queue", "rebuild", "", "put every job again that Redis lacks", 0, 0, ctl_queue_rebuild},
	{"queue", "pause", "TYPE", "let nobody begin jobs of a type", 1, 1, ctl_queue_pause},
	{"queue", "resume", "TYPE", "let them go on", 1, 1, ctl_queue_resume},
	{"stats", "aggregate", "", "fold what was counted into the statistics; cron's job", 0, 0,
	 ctl_stats_aggregate},
	{"stats", "show", "EVENT", "what an event's statistics add up to, by ticket type", 1, 1,
	 ctl_stats_show},
	{"audit", NULL, "[--payments [--from TIME] [--to TIME]]",
	 "recompute every counter and sum from the rows, or with --payments ask the payment service for\n"
	 "\tevery intent made in the period; exit 1 on drift", 0, 5, ctl_audit},
	{"refund", "ls", "", "refunds that are not done", 0, 0, ctl_refund_ls},
	{"refund", "resume", "ID --not-refunded | ID --refunded SERVICE_ID",
	 "go on with a refund that was given up, as the payment service knows it", 2, 3,
	 ctl_refund_resume},
	{"config", NULL, "", "print the effective configuration, secrets masked", 0, 0,
	 ctl_show_config},
};
/* clang-format on */

static void print_help(FILE *out)
{
	(void)fputs("corectl: the operators' program of the core service\n\n"
		    "Usage: corectl COMMAND [--json]\n\n",
		    out);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		const struct command *command = &commands[i];
		(void)fprintf(out, "  %s%s%s%s%s\n\t%s\n", command->name, command->verb ? " " : "",
			      command->verb ? command->verb : "", *command->arguments ? " " : "",
			      command->arguments, command->help);
	}
	(void)fputs("\n  --help, --version, --print-config, --check-config\n\n"
		    "Configured by environment variables; [..] is the default. A secret can also\n"
		    "stand in a file that NAME_FILE names.\n\n",
		    out);
	for (size_t i = 0; i < ARRAY_LEN(config_keys); i++) {
		const struct config_key *key = &config_keys[i];
		(void)fprintf(out, "  %-17s %s%s%s%s\n", key->name, key->help,
			      key->fallback ? " [" : "", key->fallback ? key->fallback : "",
			      key->fallback ? "]" : "");
	}
}

/* The row of these words, the longer name first; *ret_words: how many of them name it. */
static const struct command *find_command(char **words, size_t count, size_t *ret_words)
{
	const struct command *found = NULL;
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		const struct command *command = &commands[i];
		if (strcmp(command->name, words[0]) != 0)
			continue;
		if (command->verb && count > 1 && strcmp(command->verb, words[1]) == 0) {
			*ret_words = 2;
			return command;
		}
		if (!command->verb) {
			*ret_words = 1;
			found = command;
		}
	}
	return found;
}

static int load_config(struct ctl *ctl, int argc, char **argv)
{
	int exit_code = EXIT_SUCCESS;
	bool go_on = config_start(&ctl_config_table, argc, argv, &ctl->config, &exit_code);
	return go_on ? EXIT_SUCCESS : exit_code;
}

static int run_command(struct ctl *ctl, char *program)
{
	size_t words = 0;
	const struct command *command = find_command(ctl->args, ctl->arg_count, &words);
	if (!command)
		return ctl_usage("unknown command %s", ctl->args[0]);
	ctl->args += words;
	ctl->arg_count -= words;
	if (ctl->arg_count < command->min_args || ctl->arg_count > command->max_args)
		return ctl_usage("%s%s%s takes %s", command->name, command->verb ? " " : "",
				 command->verb ? command->verb : "",
				 *command->arguments ? command->arguments : "no arguments");
	char *alone[] = {program, NULL};
	int exit_code = load_config(ctl, 1, alone);
	return exit_code == EXIT_SUCCESS ? command->run(ctl) : exit_code;
}

/* Is it one of the options that every program has? They stand alone. */
static bool is_common_option(const char *word)
{
	return strcmp(word, "--version") == 0 || strcmp(word, "--print-config") == 0 ||
	       strcmp(word, "--check-config") == 0 || strcmp(word, "--print-config-table") == 0;
}

/* Take --json and --help out of the arguments. */
static bool take_options(struct ctl *ctl, int argc, char **argv)
{
	bool help = false;
	ctl->args = arena_calloc(&ctl->arena, (size_t)argc + 1, sizeof(*ctl->args));
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			ctl->json = true;
		else if (strcmp(argv[i], "--help") == 0)
			help = true;
		else
			ctl->args[ctl->arg_count++] = argv[i];
	}
	return help;
}

int main(int argc, char **argv)
{
	struct ctl ctl = {.json = false};
	int exit_code = EXIT_SUCCESS;
	arena_init(&ctl.arena, 65536);
	if (take_options(&ctl, argc, argv))
		print_help(stdout);
	else if (ctl.arg_count == 0)
		exit_code = ctl_usage("no command given");
	else if (is_common_option(ctl.args[0]))
		exit_code = load_config(&ctl, argc, argv);
	else
		exit_code = run_command(&ctl, argv[0]);
	arena_clear(&ctl.arena);
	if (fflush(stdout) != 0 && exit_code == EXIT_SUCCESS)
		exit_code = EXIT_FAILURE;
	return exit_code;
}
