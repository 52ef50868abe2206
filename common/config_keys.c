#include "common/config_keys.h"

#include <string.h>

const char *const config_environment_names[] = {"development", "test", "production", NULL};
const char *const config_log_level_names[] = {"debug", "info", "warn", "error", NULL};

enum { REDIS_DEFAULT_PORT = 6379 };

static enum status check_redis_url(const char *name, const char *url, struct problem *err)
{
	static const char scheme[] = "redis://";
	if (!url)
		return OK;
	if (strncmp(url, scheme, strlen(scheme)) != 0 || url[strlen(scheme)] == '\0')
		return problem_set(err, ST_CONFIG, "%s must look like redis://host:port/db", name);
	return OK;
}

static enum status check_database_url(const char *url, struct problem *err)
{
	static const char *const starts[] = {"postgresql://", "postgres://"};
	if (!url)
		return OK;
	for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
		if (strncmp(url, starts[i], strlen(starts[i])) == 0)
			return OK;
	}
	if (!strstr(url, "://") && strchr(url, '='))
		return OK;
	return problem_set(err, ST_CONFIG,
			   "DATABASE_URL must be a postgresql:// URI or a list of keyword=value");
}

enum status config_check_common(const struct config_common *config, struct problem *err)
{
	if (config->db_pool_min > config->db_pool_max)
		return problem_set(err, ST_CONFIG, "DB_POOL_MIN must not exceed DB_POOL_MAX");
	enum status status = check_database_url(config->database_url, err);
	if (status == OK)
		status = check_redis_url("REDIS_URL", config->redis_url, err);
	if (status == OK)
		status = check_redis_url("REDIS_QUEUE_URL", config->redis_queue_url, err);
	return status;
}

/* A libpq keyword with its value in quotes, as PQconninfoParse reads it back. */
static void add_keyword(struct strbuf *out, const char *keyword, const char *value)
{
	if (!value)
		return;
	strbuf_addf(out, "%s%s='", out->len > 0 ? " " : "", keyword);
	for (const char *at = value; *at; at++) {
		if (*at == '\'' || *at == '\\')
			strbuf_addc(out, '\\');
		strbuf_addc(out, *at);
	}
	strbuf_addc(out, '\'');
}

const char *config_database_url(const struct config_common *config, struct arena *arena)
{
	if (config->database_url)
		return config->database_url;
	struct strbuf out;
	strbuf_init(&out, arena);
	add_keyword(&out, "host", config->db_host);
	strbuf_addf(&out, " port=%lld", (long long)config->db_port);
	add_keyword(&out, "dbname", config->db_name);
	add_keyword(&out, "user", config->db_user);
	add_keyword(&out, "password", config->db_password);
	return out.buf;
}

const char *config_redis_url(const struct config_common *config, struct arena *arena)
{
	if (config->redis_url)
		return config->redis_url;
	return arena_printf(arena, "redis://%s:%lld/%lld", config->redis_host,
			    (long long)config->redis_port, (long long)config->redis_db);
}

const char *config_redis_queue_url(const struct config_common *config, struct arena *arena)
{
	if (config->redis_queue_url)
		return config->redis_queue_url;
	if (!config->redis_queue_host && config->redis_queue_port == 0)
		return config_redis_url(config, arena);
	const char *host = config->redis_queue_host ? config->redis_queue_host : config->redis_host;
	int64_t port = config->redis_queue_port ? config->redis_queue_port : REDIS_DEFAULT_PORT;
	return arena_printf(arena, "redis://%s:%lld/0", host, (long long)port);
}
