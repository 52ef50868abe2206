#include "tests/support/run.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/strbuf.h"

const char *run_path(struct arena *arena, const char *program)
{
	char path[512];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (len <= 0)
		fatal("run: where am I?");
	path[len] = '\0';
	char *tests = strstr(path, "/tests/");
	if (!tests)
		fatal("run: %s does not lie below tests/", path);
	*tests = '\0';
	return arena_printf(arena, "%s/bin/%s", path, program);
}

int run_program(struct arena *arena, const char *program, const char *arguments,
		const char **ret_output)
{
	FILE *pipe =
		popen(arena_printf(arena, "%s %s 2>&1", run_path(arena, program), arguments), "r");
	if (!pipe)
		fatal("run: cannot start %s", program);
	struct strbuf text;
	char buf[4096];
	size_t len;
	strbuf_init(&text, arena);
	while ((len = fread(buf, 1, sizeof(buf), pipe)) > 0)
		strbuf_add(&text, buf, len);
	int status = pclose(pipe);
	strbuf_addc(&text, '\0');
	*ret_output = text.buf;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
