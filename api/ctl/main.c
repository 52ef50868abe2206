/*
 * corectl: its configuration, then the command that the words name.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/ctl/ctl_command.h"

static enum status check_config(const void *values, struct problem *err)
{
	const struct api_config *config = values;

	return config_check_common(&config->common, err);
}

#define AT(member) offsetof(struct api_config, member)
/* clang-format off */
static const struct config_key config_keys[] = {
	CONFIG_CONNECTION_KEYS(struct api_config, common),
	{"JWT_SECRET", CONFIG_STRING, CONFIG_SECRET, NULL, 1, 1024, AT(jwt_secret), NULL,
	 "secret of the tokens (HS256)"},
	{"JWT_ISSUER", CONFIG_STRING, 0, NULL, 1, 255, AT(jwt_issuer), NULL,
	 "iss of the tokens (unset: none)"},
	{"JWT_AUDIENCE", CONFIG_STRING, 0, NULL, 1, 255, AT(jwt_audience), NULL,
	 "aud of the tokens (unset: none)"},
	{"QR_SIGNATURE_SECRET", CONFIG_STRING, CONFIG_SECRET, NULL, 1, 4096, AT(qr_secret), NULL,
	 "key of QR codes and links (unset: audit leaves QR codes out)"},
	{"DOCUMENTS_URL", CONFIG_STRING, 0, "postgres:", 1, 1024, AT(documents_url), NULL,
	 "where ticket documents are kept: postgres: or file:///directory"},
	{"PUBLIC_URL", CONFIG_URL, 0, "http://localhost:3001", 1, 1024, AT(public_url), NULL,
	 "address of this API as its users see it, for links"},
	{"IMPORT_MAX_BYTES", CONFIG_INT, 0, "67108864", 1024, 1073741824, AT(import_max_bytes), NULL,
	 "largest file of guests"},
	{"PAYMENT_SERVICE_URL", CONFIG_URL, 0, "http://localhost:3003", 1, 1024, AT(payment_url),
	 NULL, "the Payment Service"},
	{"SHARED_SERVICE_TOKEN", CONFIG_STRING, CONFIG_SECRET, NULL, 1, 4096, AT(service_token), NULL,
	 "X-Service-Token between the services"},
};
/* clang-format on */
#undef AT

const struct config_table ctl_config_table = {
	.program = "corectl",
	.summary = "the operators' program of the core service",
	.keys = config_keys,
	.count = ARRAY_LEN(config_keys),
	.check = check_config,
};

static int load_config(struct ctl *ctl, int argc, char **argv)
{
	int exit_code = EXIT_SUCCESS;
	bool go_on = config_start(&ctl_config_table, argc, argv, &ctl->config, &exit_code);

	return go_on ? EXIT_SUCCESS : exit_code;
}

/* Options that stand alone: those of every program, and what is made of the table of commands. */
static bool answer_option(struct ctl *ctl, int argc, char **argv, int *ret_code)
{
	static const char *const common[] = {"--version", "--print-config", "--check-config",
					     "--print-config-table"};

	*ret_code = EXIT_SUCCESS;
	for (size_t i = 0; argc == 2 && i < ARRAY_LEN(common); i++) {
		if (!strcmp(argv[1], common[i])) {
			*ret_code = load_config(ctl, argc, argv);
			return true;
		}
	}
	if (argc == 2 && !strcmp(argv[1], "--print-man"))
		ctl_print_man(stdout);
	else if (argc == 2 && !strcmp(argv[1], "--print-completion"))
		ctl_print_completion(stdout);
	else
		return false;
	return true;
}

/* Help, and judging all programs' configuration, work whatever the configuration is. */
static int run_command(struct ctl *ctl, char *program)
{
	char *alone[] = {program, NULL};
	bool needs_config = ctl->command->run != ctl_help && ctl->command->run != ctl_config_check;
	int exit_code = needs_config ? load_config(ctl, 1, alone) : EXIT_SUCCESS;

	return exit_code == EXIT_SUCCESS ? ctl->command->run(ctl) : exit_code;
}

static int run(struct ctl *ctl, int argc, char **argv)
{
	bool help = false;
	int exit_code;

	if (answer_option(ctl, argc, argv, &exit_code))
		return exit_code;
	exit_code = ctl_read_words(ctl, argv + 1, (size_t)argc - 1, &help);
	if (exit_code != EXIT_SUCCESS)
		return exit_code;
	if (!help)
		return run_command(ctl, argv[0]);
	ctl_print_help(stdout, ctl->command);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct ctl ctl = {.json = false};
	int exit_code;

	if (argc < 1)
		return EXIT_USAGE;
	arena_init(&ctl.arena, 65536);
	exit_code = run(&ctl, argc, argv);
	arena_clear(&ctl.arena);
	if (fflush(stdout) != 0 && exit_code == EXIT_SUCCESS)
		exit_code = EXIT_FAILURE;
	return exit_code;
}
