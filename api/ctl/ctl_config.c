#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/ctl/ctl.h"

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

int ctl_show_config(struct ctl *ctl)
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
