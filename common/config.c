/*
 * config: reading and judging values. What is shown of them is in config_show.c.
 */
#include "common/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECRET_FILE_MAX = 65536, SECRET_MIN = 32 };

/* Secrets that stand in documents, so that anybody knows them. */
#define DOCUMENTED_SAMPLES                                                                         \
	"your_256_bit_secret", "your-256-bit-secret", "shared-service-token",                      \
		"a-string-secret-at-least-256-bits-long",                                          \
		"a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",         \
		"your_256_bit_secret_your_256_bit_secret", "changeme", "secret"

union value {
	const char *text;
	int64_t number;
	bool flag;
	int index;
};

static void release_file(FILE **file)
{
	if (*file != NULL)
		(void)fclose(*file);
}

/* Texts of the configuration live as long as the process. */
static struct arena memory = {.block_size = 4096};

static enum status wrong(struct problem *err, const struct config_key *key, const char *what)
{
	return problem_set(err, ST_CONFIG, "%s %s", key->name, what);
}

/* A variable that is set to nothing is not set. */
const char *config_environment(const char *name)
{
	const char *value = getenv(name); /* NOLINT(concurrency-mt-unsafe): nobody sets any */

	return value != NULL && *value != '\0' ? value : NULL;
}

static enum status read_secret_file(const char *name, const char *path, char **ret_text,
				    struct problem *err)
{
	static const char unreadable[] = "%s: cannot read %s: %s";
	char text[SECRET_FILE_MAX + 1];
	CLEANUP(release_file) FILE *file = fopen(path, "re");

	if (file == NULL)
		return problem_set(err, ST_CONFIG, unreadable, name, path, strerrordesc_np(errno));
	size_t len = fread(text, 1, sizeof(text), file);
	if (ferror(file) != 0)
		return problem_set(err, ST_CONFIG, unreadable, name, path, strerrordesc_np(errno));
	if (len > SECRET_FILE_MAX)
		return problem_set(err, ST_CONFIG, "%s: %s is too large", name, path);
	if (memchr(text, '\0', len) != NULL)
		return problem_set(err, ST_CONFIG, "%s: %s holds a NUL byte", name, path);
	if (len > 0 && text[len - 1] == '\n')
		len--;
	if (len > 0 && text[len - 1] == '\r')
		len--;
	if (len == 0)
		return problem_set(err, ST_CONFIG, "%s: %s is empty", name, path);
	*ret_text = arena_strndup(&memory, text, len);
	return OK;
}

/* Where the service manager put this secret; NULL: it passes none of that name on. */
static const char *credential_path(const char *name)
{
	const char *directory = config_environment("CREDENTIALS_DIRECTORY");

	if (directory == NULL)
		return NULL;
	const char *path = arena_printf(&memory, "%s/%s", directory, name);
	return access(path, F_OK) == 0 ? path : NULL;
}

/* The file that a secret stands in; NULL: none. */
static const char *secret_path(const struct config_key *key, const char *file_name)
{
	const char *path = NULL;

	if ((key->flags & CONFIG_SECRET) == 0)
		return NULL;
	path = config_environment(file_name);
	if (path == NULL && config_environment(key->name) == NULL)
		path = credential_path(key->name);
	return path;
}

/* The text of a key from the environment, from its file or from its fallback; NULL: none. */
static enum status find_text(const struct config_key *key, char **ret_text, struct problem *err)
{
	char file_name[128];
	const char *value = config_environment(key->name);

	(void)snprintf(file_name, sizeof(file_name), "%s_FILE", key->name);
	const char *path = secret_path(key, file_name);
	if (value != NULL && path != NULL)
		return problem_set(err, ST_CONFIG, "%s and %s are both set", key->name, file_name);
	if (path != NULL)
		return read_secret_file(file_name, path, ret_text, err);
	if (value == NULL)
		value = key->fallback;
	if (value != NULL) {
		*ret_text = arena_strdup(&memory, value);
		return OK;
	}
	*ret_text = NULL;
	if ((key->flags & CONFIG_REQUIRED) == 0)
		return OK;
	if ((key->flags & CONFIG_SECRET) != 0)
		return problem_set(err, ST_CONFIG, "%s or %s is required", key->name, file_name);
	return wrong(err, key, "is required");
}

static enum status parse_string(const struct config_key *key, const char *text, struct problem *err)
{
	int64_t len = (int64_t)strlen(text);

	if (len < key->min)
		return problem_set(err, ST_CONFIG, "%s must have at least %lld bytes", key->name,
				   (long long)key->min);
	if (key->max > 0 && len > key->max)
		return problem_set(err, ST_CONFIG, "%s must have at most %lld bytes", key->name,
				   (long long)key->max);
	return OK;
}

static enum status parse_int(const struct config_key *key, const char *text, int64_t *ret,
			     struct problem *err)
{
	const char *digits = text[0] == '-' ? text + 1 : text;
	char *end;

	errno = 0;
	long long value = strtoll(text, &end, 10);
	/* strtoll is lenient about blanks and a plus sign. */
	if (*digits < '0' || *digits > '9' || *end != '\0' || errno != 0)
		return wrong(err, key, "must be a whole number");
	bool bounded = key->min != 0 || key->max != 0;
	if (bounded && (value < key->min || value > key->max))
		return problem_set(err, ST_CONFIG, "%s must be from %lld to %lld", key->name,
				   (long long)key->min, (long long)key->max);
	*ret = value;
	return OK;
}

static enum status parse_bool(const struct config_key *key, const char *text, bool *ret,
			      struct problem *err)
{
	bool yes = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;

	if (!yes && strcmp(text, "false") != 0 && strcmp(text, "0") != 0)
		return wrong(err, key, "must be true or false");
	*ret = yes;
	return OK;
}

static enum status parse_enum(const struct config_key *key, const char *text, int *ret,
			      struct problem *err)
{
	CLEANUP(strbuf_release) struct strbuf names;

	strbuf_init(&names, NULL);
	for (int i = 0; key->names[i] != NULL; i++) {
		if (strcmp(text, key->names[i]) == 0) {
			*ret = i;
			return OK;
		}
		strbuf_addf(&names, "%s%s", i > 0 ? ", " : "", key->names[i]);
	}
	return problem_set(err, ST_CONFIG, "%s must be one of: %s", key->name, names.buf);
}

/* Length of `host` or `[address]` at the start of `text`; 0: neither. */
static size_t host_length(const char *text)
{
	static const char alnum[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char accepted[sizeof(alnum) + 3];

	if (text[0] == '[') {
		size_t inner = strspn(text + 1, "0123456789abcdefABCDEF:.");
		return inner > 1 && text[inner + 1] == ']' ? inner + 2 : 0;
	}
	/* Underscores are in no host name of the DNS, but in those of containers. */
	(void)snprintf(accepted, sizeof(accepted), "%s-._", alnum);
	return strspn(text, accepted);
}

/* What follows the host: [:port][/path]. */
static bool is_url_rest(const char *text)
{
	if (text[0] == ':') {
		char *end;
		if (text[1] < '0' || text[1] > '9')
			return false;
		unsigned long port = strtoul(text + 1, &end, 10);
		if (port < 1 || port > 65535)
			return false;
		text = end;
	}
	if (text[0] != '\0' && text[0] != '/')
		return false;
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		if (c <= ' ' || c >= 0x7F || strchr("?#\"<>\\^`{|}", c) != NULL)
			return false;
	}
	return true;
}

static enum status parse_url(const struct config_key *key, char *text, struct problem *err)
{
	const char *rest = NULL;

	if (strncmp(text, "http://", 7) == 0)
		rest = text + 7;
	else if (strncmp(text, "https://", 8) == 0)
		rest = text + 8;
	size_t host = rest != NULL ? host_length(rest) : 0;
	if (host == 0 || !is_url_rest(rest + host))
		return wrong(err, key, "must be a URL like http://host:port/path");
	for (size_t len = strlen(text); text[len - 1] == '/'; len--)
		text[len - 1] = '\0';
	return parse_string(key, text, err);
}

static enum status parse(const struct config_key *key, char *text, union value *ret,
			 struct problem *err)
{
	ret->text = text;
	switch (key->type) {
	case CONFIG_INT:
		return parse_int(key, text, &ret->number, err);
	case CONFIG_BOOL:
		return parse_bool(key, text, &ret->flag, err);
	case CONFIG_ENUM:
		return parse_enum(key, text, &ret->index, err);
	case CONFIG_URL:
		return parse_url(key, text, err);
	case CONFIG_STRING:
		return parse_string(key, text, err);
	}
	return OK;
}

static enum status load_key(const struct config_key *key, union value *ret, struct problem *err)
{
	char *text = NULL;

	enum status status = find_text(key, &text, err);
	if (status != OK || text == NULL)
		return status;
	return parse(key, text, ret, err);
}

static void store(const struct config_key *key, const union value *value, void *config)
{
	char *at = (char *)config + key->offset;

	switch (key->type) {
	case CONFIG_INT:
		memcpy(at, &value->number, sizeof(value->number));
		break;
	case CONFIG_BOOL:
		memcpy(at, &value->flag, sizeof(value->flag));
		break;
	case CONFIG_ENUM:
		memcpy(at, &value->index, sizeof(value->index));
		break;
	case CONFIG_URL:
	case CONFIG_STRING:
		memcpy(at, &value->text, sizeof(value->text));
		break;
	}
}

enum status config_load(const struct config_table *table, void *ret, struct problem *err)
{
	union value *values = arena_calloc(&memory, table->count, sizeof(*values));

	/* All are judged before the first is stored. */
	for (size_t i = 0; i < table->count; i++) {
		enum status status = load_key(&table->keys[i], &values[i], err);
		if (status != OK)
			return status;
	}
	for (size_t i = 0; i < table->count; i++)
		store(&table->keys[i], &values[i], ret);
	return OK;
}

void config_forget(void)
{
	arena_clear(&memory);
}

static const char *weakness(const char *value)
{
	static const char *const samples[] = {DOCUMENTED_SAMPLES};

	for (size_t i = 0; value != NULL && i < ARRAY_LEN(samples); i++) {
		if (strcasecmp(value, samples[i]) == 0)
			return "is a sample from the documentation, known to everybody";
	}
	if (value == NULL || strlen(value) < SECRET_MIN)
		return "has less than 32 bytes";
	return NULL;
}

enum status config_check_secret(const char *name, const char *value, bool production,
				struct problem *err)
{
	const char *reason = weakness(value);

	if (reason == NULL)
		return OK;
	if (production)
		return problem_set(err, ST_CONFIG, "%s %s", name, reason);
	(void)fprintf(stderr, "warning: %s %s; production refuses it\n", name, reason);
	return OK;
}
