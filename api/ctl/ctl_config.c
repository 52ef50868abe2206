#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/ctl/ctl_command.h"

struct setting {
	const char *name;
	const char *value;
};

static const struct field setting_fields[] = {
	{.name = "name", .type = FIELD_STRING, .offset = offsetof(struct setting, name)},
	{.name = "value", .type = FIELD_STRING, .offset = offsetof(struct setting, value)},
};
static const struct schema setting_schema = SCHEMA(setting_fields, struct setting);

static void print_json(struct ctl *ctl, char *lines)
{
	struct setting *settings =
		arena_calloc(&ctl->arena, ctl_config_table.count, sizeof(*settings));
	size_t count = 0;
	char *rest = lines;
	for (char *line = strsep(&rest, "\n"); rest; line = strsep(&rest, "\n")) {
		char *value = strchr(line, '=');
		if (!value || count == ctl_config_table.count)
			continue;
		*value = '\0';
		settings[count++] = (struct setting){line, value + 1};
	}
	ctl_print(ctl, &setting_schema, settings, count);
}

int ctl_config_show(struct ctl *ctl)
{
	char *lines = NULL;
	size_t len = 0;
	if (!ctl->json) {
		config_print(&ctl_config_table, &ctl->config, stdout);
		return EXIT_SUCCESS;
	}
	FILE *out = open_memstream(&lines, &len);
	if (!out)
		fatal("out of memory");
	config_print(&ctl_config_table, &ctl->config, out);
	if (fclose(out) != 0)
		fatal("out of memory");
	print_json(ctl, lines);
	free(lines);
	return EXIT_SUCCESS;
}

/* --- all programs ---------------------------------------------------------------------------- */

const char *ctl_program_name(size_t i)
{
	static const char *const names[] = {"core-api", "worker-tickets", "worker-email",
					    "corectl"};

	return i < ARRAY_LEN(names) ? names[i] : NULL;
}

struct verdict {
	const char *program;
	const char *state; /* good, bad, missing */
	const char *detail;
};
#define AT(member) offsetof(struct verdict, member)
static const struct field verdict_fields[] = {
	{.name = "program", .type = FIELD_STRING, .offset = AT(program)},
	{.name = "state", .type = FIELD_STRING, .offset = AT(state)},
	{.name = "detail", .type = FIELD_STRING, .offset = AT(detail)},
};
#undef AT
static const struct schema verdict_schema = SCHEMA(verdict_fields, struct verdict);

/* Where it is installed: beside this program. */
static const char *path_of(struct ctl *ctl, const char *program)
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[len > 0 ? len : 0] = '\0';
	slash = strrchr(self, '/');
	if (!slash)
		return program;
	*slash = '\0';
	return arena_printf(&ctl->arena, "%s/%s", self, program);
}

/* What it says on both of its outputs, on one line. */
static const char *read_lines(struct ctl *ctl, int fd)
{
	struct strbuf text;
	char buf[4096];
	ssize_t len;

	strbuf_init(&text, &ctl->arena);
	strbuf_adds(&text, "");
	while ((len = read(fd, buf, sizeof(buf))) > 0)
		strbuf_add(&text, buf, (size_t)len);
	while (text.len && text.buf[text.len - 1] == '\n')
		strbuf_truncate(&text, text.len - 1);
	for (char *at = text.buf; (at = strchr(at, '\n'));)
		*at = ';';
	return text.buf;
}

NORETURN static void become(const char *path, const char *program, int fd)
{
	(void)dup2(fd, STDOUT_FILENO);
	(void)dup2(fd, STDERR_FILENO);
	(void)execl(path, program, "--check-config", (char *)NULL);
	_exit(127);
}

static void judge(struct ctl *ctl, struct verdict *verdict)
{
	const char *path = path_of(ctl, verdict->program);
	int ends[2];
	int status = 0;
	pid_t pid;

	verdict->state = "missing";
	verdict->detail = "is not installed here";
	if (access(path, X_OK) != 0)
		return;
	if (pipe(ends) != 0 || (pid = fork()) < 0)
		fatal("no process for %s", path);
	if (pid == 0)
		become(path, verdict->program, ends[1]);
	(void)close(ends[1]);
	verdict->detail = read_lines(ctl, ends[0]);
	(void)close(ends[0]);
	(void)waitpid(pid, &status, 0);
	verdict->state = WIFEXITED(status) && WEXITSTATUS(status) == 0 ? "good" : "bad";
}

/* A program that lives elsewhere is no fault, unless it was asked for. */
int ctl_config_check(struct ctl *ctl)
{
	const char *wanted = ctl_value(ctl, "PROGRAM");
	struct verdict verdicts[8] = {{0}};
	const char *program;
	bool bad = false;
	size_t count = 0;

	for (size_t i = 0; (program = ctl_program_name(i)) && count < ARRAY_LEN(verdicts); i++) {
		struct verdict *verdict = &verdicts[count];

		if (wanted && strcmp(wanted, program) != 0)
			continue;
		verdict->program = program;
		judge(ctl, verdict);
		bad |= !strcmp(verdict->state, "bad") ||
		       (wanted && !strcmp(verdict->state, "missing"));
		count++;
	}
	ctl_print(ctl, &verdict_schema, verdicts, count);
	return bad ? EXIT_CONFIG : EXIT_SUCCESS;
}
