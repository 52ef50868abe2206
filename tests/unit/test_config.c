/*
 * config: values at their bounds, secrets in files, what is shown, what the options do.
 */
#include <check.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config.h"

struct settings {
	const char *name;
	int64_t port;
	bool enabled;
	const char *url;
	int mode;
	const char *secret;
	int64_t optional;
};

static const char *const modes[] = {"slow", "fast", NULL};

static const struct config_key keys[] = {
	{"T_NAME", CONFIG_STRING, 0, "fallback", 2, 10, offsetof(struct settings, name), NULL,
	 "a name | with a bar"},
	{"T_PORT", CONFIG_INT, 0, "3001", 1, 65535, offsetof(struct settings, port), NULL,
	 "a port"},
	{"T_ENABLED", CONFIG_BOOL, 0, "true", 0, 0, offsetof(struct settings, enabled), NULL,
	 "a switch"},
	{"T_URL", CONFIG_URL, 0, NULL, 0, 0, offsetof(struct settings, url), NULL, "an address"},
	{"T_MODE", CONFIG_ENUM, 0, "fast", 0, 0, offsetof(struct settings, mode), modes, "a mode"},
	{"T_SECRET", CONFIG_STRING, CONFIG_SECRET | CONFIG_REQUIRED, NULL, 1, 0,
	 offsetof(struct settings, secret), NULL, "a secret"},
	{"T_OPTIONAL", CONFIG_INT, 0, NULL, 0, 0, offsetof(struct settings, optional), NULL,
	 "a number"},
};

static enum status check_port(const void *config, struct problem *err)
{
	const struct settings *settings = config;

	if (settings->port == 13)
		return problem_set(err, ST_CONFIG, "T_PORT brings bad luck");
	return OK;
}

static const struct config_table table = {
	.program = "tester",
	.summary = "tests",
	.keys = keys,
	.count = ARRAY_LEN(keys),
	.check = check_port,
};

static struct settings settings;
static struct problem err;

static void fresh(void)
{
	memset(&settings, 0, sizeof(settings));
	memset(&err, 0, sizeof(err));
	ck_assert_int_eq(setenv("T_SECRET", "hush", 1), 0);
}

static enum status load_with(const char *name, const char *value)
{
	ck_assert_int_eq(setenv(name, value, 1), 0);
	return config_load(&table, &settings, &err);
}

START_TEST(defaults_hold)
{
	ck_assert_int_eq((int)config_load(&table, &settings, &err), OK);
	ck_assert_str_eq(settings.name, "fallback");
	ck_assert_int_eq(settings.port, 3001);
	ck_assert(settings.enabled);
	ck_assert_ptr_null(settings.url);
	ck_assert_int_eq(settings.mode, 1);
	ck_assert_str_eq(settings.secret, "hush");
	ck_assert_int_eq(settings.optional, 0);
}
END_TEST

static const struct {
	const char *name, *value;
	bool good;
} values[] = {
	{"T_NAME", "xy", true},
	{"T_NAME", "0123456789", true},
	{"T_NAME", "x", false},
	{"T_NAME", "01234567890", false},
	{"T_NAME", "", true},
	{"T_PORT", "1", true},
	{"T_PORT", "65535", true},
	{"T_PORT", "", true},
	{"T_PORT", "0", false},
	{"T_PORT", "65536", false},
	{"T_PORT", "-1", false},
	{"T_PORT", "+1", false},
	{"T_PORT", " 1", false},
	{"T_PORT", "1 ", false},
	{"T_PORT", "1.5", false},
	{"T_PORT", "0x50", false},
	{"T_PORT", "99999999999999999999", false},
	{"T_PORT", "abc", false},
	{"T_OPTIONAL", "-9223372036854775808", true},
	{"T_OPTIONAL", "9223372036854775807", true},
	{"T_OPTIONAL", "9223372036854775808", false},
	{"T_OPTIONAL", "-", false},
	{"T_ENABLED", "1", true},
	{"T_ENABLED", "false", true},
	{"T_ENABLED", "yes", false},
	{"T_ENABLED", "TRUE", false},
	{"T_MODE", "slow", true},
	{"T_MODE", "Slow", false},
	{"T_MODE", "slo", false},
	{"T_URL", "http://a", true},
	{"T_URL", "https://auth.example.com:3000/base", true},
	{"T_URL", "http://[::1]:3000", true},
	{"T_URL", "http://worker_1:65535/", true},
	{"T_URL", "ftp://a", false},
	{"T_URL", "http://", false},
	{"T_URL", "http:///x", false},
	{"T_URL", "http://a:0", false},
	{"T_URL", "http://a:65536", false},
	{"T_URL", "http://a:", false},
	{"T_URL", "http://a:80x", false},
	{"T_URL", "http://user:pw@a", false},
	{"T_URL", "http://a/x?y", false},
	{"T_URL", "http://a/x y", false},
	{"T_URL", "http://a/\x7F", false},
	{"T_URL", "http://[::1", false},
	{"T_URL", "a:3000", false},
};

START_TEST(values_are_judged)
{
	enum status status = load_with(values[_i].name, values[_i].value);
	const char *what = values[_i].value;

	ck_assert_msg((status == OK) == values[_i].good, "%s=%s", values[_i].name, what);
	if (values[_i].good)
		return;
	ck_assert_int_eq((int)status, ST_CONFIG);
	ck_assert_ptr_nonnull(strstr(err.detail, values[_i].name));
	ck_assert_ptr_null(strchr(err.detail, '\n'));
	ck_assert_ptr_null(settings.name);
	ck_assert_int_eq(settings.port, 0);
}
END_TEST

START_TEST(urls_end_without_a_slash)
{
	ck_assert_int_eq((int)load_with("T_URL", "http://a:3000///"), OK);
	ck_assert_str_eq(settings.url, "http://a:3000");
	ck_assert_int_eq((int)load_with("T_URL", "http://a:3000/base/"), OK);
	ck_assert_str_eq(settings.url, "http://a:3000/base");
}
END_TEST

START_TEST(what_is_required_must_be_there)
{
	ck_assert_int_eq((int)load_with("T_SECRET", ""), ST_CONFIG);
	ck_assert_ptr_nonnull(strstr(err.detail, "T_SECRET"));
	ck_assert_int_eq(unsetenv("T_SECRET"), 0);
	ck_assert_int_eq((int)config_load(&table, &settings, &err), ST_CONFIG);
}
END_TEST

static void write_file(const char *path, const char *content, size_t len)
{
	FILE *file = fopen(path, "we");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(content, 1, len, file), len);
	ck_assert_int_eq(fclose(file), 0);
}

/* A file of `len` bytes named by T_SECRET_FILE. */
static enum status load_from_file(const char *content, size_t len)
{
	char path[] = "/tmp/test_config.XXXXXX";
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(close(fd), 0);
	write_file(path, content, len);
	ck_assert_int_eq(unsetenv("T_SECRET"), 0);
	enum status status = load_with("T_SECRET_FILE", path);
	ck_assert_int_eq(unlink(path), 0);
	return status;
}

START_TEST(secrets_come_from_files)
{
	static char large[70000];

	ck_assert_int_eq((int)load_from_file("from a file\n", 12), OK);
	ck_assert_str_eq(settings.secret, "from a file");
	ck_assert_int_eq((int)load_from_file(" two\r\n", 6), OK);
	ck_assert_str_eq(settings.secret, " two");
	ck_assert_int_eq((int)load_from_file("a\n\n", 3), OK);
	ck_assert_str_eq(settings.secret, "a\n");
	ck_assert_int_eq((int)load_from_file("\n", 1), ST_CONFIG);
	ck_assert_int_eq((int)load_from_file("", 0), ST_CONFIG);
	ck_assert_int_eq((int)load_from_file("a\0b", 3), ST_CONFIG);
	memset(large, 'x', sizeof(large));
	ck_assert_int_eq((int)load_from_file(large, 65536), OK);
	ck_assert_int_eq((int)load_from_file(large, 65537), ST_CONFIG);
	ck_assert_ptr_nonnull(strstr(err.detail, "T_SECRET_FILE"));
}
END_TEST

START_TEST(bad_secret_files_are_named)
{
	ck_assert_int_eq((int)load_with("T_SECRET_FILE", "/dev/null"), ST_CONFIG);
	ck_assert_ptr_nonnull(strstr(err.detail, "both"));
	ck_assert_int_eq(unsetenv("T_SECRET"), 0);
	ck_assert_int_eq((int)load_with("T_SECRET_FILE", "/nonexistent/x"), ST_CONFIG);
	ck_assert_ptr_nonnull(strstr(err.detail, "T_SECRET_FILE"));
	ck_assert_int_eq((int)load_with("T_SECRET_FILE", "/tmp"), ST_CONFIG);
	/* Only secrets are read from files. */
	ck_assert_int_eq(unsetenv("T_SECRET_FILE"), 0);
	ck_assert_int_eq(setenv("T_SECRET", "hush", 1), 0);
	ck_assert_int_eq((int)load_with("T_NAME_FILE", "/nonexistent/x"), OK);
}
END_TEST

/* The environment wins, then the file it names, then what the service manager passes on. */
START_TEST(credentials_come_last)
{
	char directory[] = "/tmp/test_config.XXXXXX";
	char path[sizeof(directory) + sizeof("/T_SECRET")];

	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(setenv("CREDENTIALS_DIRECTORY", directory, 1), 0);
	ck_assert_int_eq(unsetenv("T_SECRET"), 0);
	ck_assert_int_eq((int)config_load(&table, &settings, &err), ST_CONFIG);
	ck_assert_ptr_nonnull(strstr(err.detail, "T_SECRET or T_SECRET_FILE is required"));

	(void)snprintf(path, sizeof(path), "%s/T_SECRET", directory);
	write_file(path, "passed on\n", 10);
	ck_assert_int_eq((int)config_load(&table, &settings, &err), OK);
	ck_assert_str_eq(settings.secret, "passed on");
	ck_assert_int_eq((int)load_from_file("from a file\n", 12), OK);
	ck_assert_str_eq(settings.secret, "from a file");
	ck_assert_int_eq(unsetenv("T_SECRET_FILE"), 0);
	ck_assert_int_eq((int)load_with("T_SECRET", "hush"), OK);
	ck_assert_str_eq(settings.secret, "hush");

	ck_assert_int_eq(unsetenv("T_SECRET"), 0);
	write_file(path, "", 0);
	ck_assert_int_eq((int)config_load(&table, &settings, &err), ST_CONFIG);
	ck_assert_int_eq(unlink(path), 0);
	/* Only secrets: a setting of that name is none. */
	(void)snprintf(path, sizeof(path), "%s/T_NAME", directory);
	write_file(path, "no", 2);
	ck_assert_int_eq((int)load_with("T_SECRET", "hush"), OK);
	ck_assert_str_eq(settings.name, "fallback");
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

static char *printed(void (*print)(FILE *out))
{
	static char text[8192];
	FILE *out = fmemopen(text, sizeof(text), "w");

	ck_assert_ptr_nonnull(out);
	print(out);
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

static void print_settings(FILE *out)
{
	config_print(&table, &settings, out);
}

static void print_markdown(FILE *out)
{
	config_print_markdown(&table, out);
}

START_TEST(secrets_are_masked)
{
	ck_assert_int_eq((int)load_with("T_NAME", "a\nb"), OK);
	ck_assert_str_eq(printed(print_settings),
			 "T_NAME=a?b\nT_PORT=3001\nT_ENABLED=true\nT_URL=\n"
			 "T_MODE=fast\nT_SECRET=***\nT_OPTIONAL=0\n");
}
END_TEST

START_TEST(the_readme_table_has_every_key)
{
	const char *text = printed(print_markdown);

	ck_assert_ptr_nonnull(strstr(text, "| `T_NAME` | `fallback` | a name \\| with a bar |\n"));
	ck_assert_ptr_nonnull(strstr(text, "| `T_URL` |  | an address |\n"));
	ck_assert_ptr_nonnull(strstr(
		text, "| `T_SECRET` | required | a secret (secret; or `T_SECRET_FILE`) |\n"));
}
END_TEST

static void print_man(FILE *out)
{
	config_print_man(&table, out);
}

START_TEST(the_manual_page_has_every_key)
{
	const char *page = printed(print_man);

	ck_assert_ptr_nonnull(strstr(page, "\n.TP\n.B T_NAME\na name | with a bar [fallback]\n"));
	ck_assert_ptr_nonnull(strstr(page, "\n.TP\n.B T_SECRET\na secret (required) (secret)\n"));
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		ck_assert_ptr_nonnull(strstr(page, keys[i].name));
}
END_TEST

/* Run config_start with one option; gives what it printed to stdout. */
static char *start_with(const char *option, bool *ret_on, int *ret_exit)
{
	static char text[8192];
	char path[] = "/tmp/test_config.XXXXXX";
	char program[] = "tester";
	char argument[32];
	char *argv[] = {program, argument, NULL};

	(void)snprintf(argument, sizeof(argument), "%s", option != NULL ? option : "");
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(unlink(path), 0);
	(void)fflush(stdout);
	ck_assert_int_eq(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
	*ret_exit = -1;
	*ret_on = config_start(&table, option != NULL ? 2 : 1, argv, &settings, ret_exit);
	(void)fflush(stdout);
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	(void)close(fd);
	return text;
}

START_TEST(options_do_what_they_say)
{
	bool on;
	int code;

	ck_assert_str_eq(start_with("--version", &on, &code), "tester " CORE_VERSION "\n");
	ck_assert(!on && code == 0);
	ck_assert_ptr_nonnull(strstr(start_with("--print-man", &on, &code), ".TH tester 8"));
	ck_assert(!on && code == 0);
	const char *help = start_with("--help", &on, &code);
	ck_assert(!on && code == 0);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		ck_assert_ptr_nonnull(strstr(help, keys[i].name));
	ck_assert_ptr_nonnull(strstr(start_with("--print-config", &on, &code), "T_SECRET=***\n"));
	ck_assert(!on && code == 0);
	ck_assert_ptr_nonnull(strstr(start_with("--check-config", &on, &code), "good"));
	ck_assert(!on && code == 0);
	ck_assert_str_eq(start_with(NULL, &on, &code), "");
	ck_assert(on && settings.port == 3001);
	start_with("--chekc-config", &on, &code);
	ck_assert(!on && code == EXIT_USAGE);
}
END_TEST

START_TEST(a_bad_configuration_stops_the_start)
{
	bool on;
	int code;

	ck_assert_int_eq(setenv("T_PORT", "x", 1), 0);
	ck_assert_str_eq(start_with(NULL, &on, &code), "");
	ck_assert(!on && code == EXIT_CONFIG);
	start_with("--check-config", &on, &code);
	ck_assert(!on && code == EXIT_CONFIG);
	ck_assert_int_eq(setenv("T_PORT", "13", 1), 0);
	start_with("--check-config", &on, &code);
	ck_assert(!on && code == EXIT_CONFIG);
	/* Help is there for who has none yet. */
	start_with("--help", &on, &code);
	ck_assert(!on && code == 0);
}
END_TEST

START_TEST(production_refuses_weak_secrets)
{
	static const char *const weak[] = {"your_256_bit_secret",
					   "shared-service-token",
					   "A-string-secret-at-least-256-bits-long",
					   "0123456789012345678901234567890",
					   "",
					   NULL};

	for (size_t i = 0; i < ARRAY_LEN(weak); i++) {
		ck_assert_int_eq((int)config_check_secret("T_SECRET", weak[i], true, &err),
				 ST_CONFIG);
		ck_assert_ptr_nonnull(strstr(err.detail, "T_SECRET"));
		ck_assert_int_eq((int)config_check_secret("T_SECRET", weak[i], false, &err), OK);
	}
	ck_assert_int_eq((int)config_check_secret("T_SECRET", "01234567890123456789012345678901",
						  true, &err),
			 OK);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config");
	TCase *tcase = tcase_create("config");

	tcase_add_checked_fixture(tcase, fresh, NULL);
	tcase_add_test(tcase, defaults_hold);
	tcase_add_loop_test(tcase, values_are_judged, 0, (int)ARRAY_LEN(values));
	tcase_add_test(tcase, urls_end_without_a_slash);
	tcase_add_test(tcase, what_is_required_must_be_there);
	tcase_add_test(tcase, secrets_come_from_files);
	tcase_add_test(tcase, bad_secret_files_are_named);
	tcase_add_test(tcase, credentials_come_last);
	tcase_add_test(tcase, secrets_are_masked);
	tcase_add_test(tcase, the_readme_table_has_every_key);
	tcase_add_test(tcase, the_manual_page_has_every_key);
	tcase_add_test(tcase, options_do_what_they_say);
	tcase_add_test(tcase, a_bad_configuration_stops_the_start);
	tcase_add_test(tcase, production_refuses_weak_secrets);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
