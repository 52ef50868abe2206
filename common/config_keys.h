/*
 * config_keys: the configuration that every binary shares: environment, logging, and how to reach
 * PostgreSQL and the two Redis servers.
 *
 * A binary embeds `struct config_common` in its configuration struct and puts
 * CONFIG_COMMON_KEYS(struct its_config, member) among the rows of its table. DATABASE_URL,
 * REDIS_URL and REDIS_QUEUE_URL win over their parts; config_database_url and its kin decide.
 */
#ifndef COMMON_CONFIG_KEYS_H
#define COMMON_CONFIG_KEYS_H

#include "common/config.h"

enum config_environment { ENV_DEVELOPMENT, ENV_TEST, ENV_PRODUCTION };

struct config_common {
	int environment; /* enum config_environment */
	int log_level;   /* enum log_level */
	const char *database_url;
	const char *db_host;
	int64_t db_port;
	const char *db_name;
	const char *db_user;
	const char *db_password;
	int64_t db_pool_min;
	int64_t db_pool_max;
	const char *redis_url;
	const char *redis_host;
	int64_t redis_port;
	int64_t redis_db;
	const char *redis_queue_url;
	const char *redis_queue_host;
	int64_t redis_queue_port; /* 0: not set */
};

/* For rows of CONFIG_ENUM; NULL-terminated. */
extern const char *const config_environment_names[];
extern const char *const config_log_level_names[];

/* clang-format off */
/* What a connection needs, in every binary (corectl keeps no pool). */
#define CONFIG_CONNECTION_KEYS(type, member)							\
	{"NODE_ENV", CONFIG_ENUM, 0, "development", 0, 0,					\
	 offsetof(type, member.environment), config_environment_names,				\
	 "development, test or production; production refuses weak and sample secrets"},	\
	{"LOG_LEVEL", CONFIG_ENUM, 0, "info", 0, 0,						\
	 offsetof(type, member.log_level), config_log_level_names,				\
	 "least level that is logged: debug, info, warn or error"},				\
	{"DATABASE_URL", CONFIG_STRING, CONFIG_SECRET, NULL, 1, 2048,				\
	 offsetof(type, member.database_url), NULL,						\
	 "PostgreSQL as a URI or as keywords; wins over the DB_ parts"},			\
	{"DB_HOST", CONFIG_STRING, 0, "localhost", 1, 255,					\
	 offsetof(type, member.db_host), NULL,							\
	 "PostgreSQL host, or the directory of its socket"},					\
	{"DB_PORT", CONFIG_INT, 0, "5432", 1, 65535,						\
	 offsetof(type, member.db_port), NULL,							\
	 "PostgreSQL port"},									\
	{"DB_NAME", CONFIG_STRING, 0, "event_planner_core", 1, 63,				\
	 offsetof(type, member.db_name), NULL,							\
	 "database name"},									\
	{"DB_USER", CONFIG_STRING, 0, NULL, 1, 63,						\
	 offsetof(type, member.db_user), NULL,							\
	 "database user (unset: the user the process runs as)"},				\
	{"DB_PASSWORD", CONFIG_STRING, CONFIG_SECRET, NULL, 0, 1024,				\
	 offsetof(type, member.db_password), NULL,						\
	 "database password"},									\
	{"REDIS_URL", CONFIG_STRING, CONFIG_SECRET, NULL, 1, 1024,				\
	 offsetof(type, member.redis_url), NULL,						\
	 "Redis of the caches, redis://[user[:password]@]host[:port][/db]"},			\
	{"REDIS_HOST", CONFIG_STRING, 0, "localhost", 1, 255,					\
	 offsetof(type, member.redis_host), NULL,						\
	 "host of the caches' Redis"},								\
	{"REDIS_PORT", CONFIG_INT, 0, "6379", 1, 65535,						\
	 offsetof(type, member.redis_port), NULL,						\
	 "port of the caches' Redis"},								\
	{"REDIS_DB", CONFIG_INT, 0, "1", 0, 1023,						\
	 offsetof(type, member.redis_db), NULL,							\
	 "database number of the caches"},							\
	{"REDIS_QUEUE_URL", CONFIG_STRING, CONFIG_SECRET, NULL, 1, 1024,			\
	 offsetof(type, member.redis_queue_url), NULL,						\
	 "Redis of the job queues; wins over its parts"},					\
	{"REDIS_QUEUE_HOST", CONFIG_STRING, 0, NULL, 1, 255,					\
	 offsetof(type, member.redis_queue_host), NULL,						\
	 "host of the queues' Redis (nothing of the queue's set: the caches')"},		\
	{"REDIS_QUEUE_PORT", CONFIG_INT, 0, NULL, 1, 65535,					\
	 offsetof(type, member.redis_queue_port), NULL,						\
	 "port of the queues' Redis (unset: 6379)"}

/* The same and the size of the connection pool. */
#define CONFIG_COMMON_KEYS(type, member)							\
	CONFIG_CONNECTION_KEYS(type, member),							\
	{"DB_POOL_MIN", CONFIG_INT, 0, "2", 0, 1000,						\
	 offsetof(type, member.db_pool_min), NULL,						\
	 "database connections kept open"},							\
	{"DB_POOL_MAX", CONFIG_INT, 0, "10", 1, 1000,						\
	 offsetof(type, member.db_pool_max), NULL,						\
	 "database connections at most"}
/* clang-format on */

/* What bounds of single keys cannot say: DB_POOL_MIN <= DB_POOL_MAX, URLs of a known scheme.
 * ST_CONFIG naming the variable. */
enum status config_check_common(const struct config_common *config, struct problem *err) MUST_CHECK;

/* DATABASE_URL as it is, else libpq keywords made of the parts. In the arena, or the process'. */
const char *config_database_url(const struct config_common *config, struct arena *arena);
/* REDIS_URL as it is, else a URL made of the parts. */
const char *config_redis_url(const struct config_common *config, struct arena *arena);
/* REDIS_QUEUE_URL as it is, else a URL made of the parts (database 0); config_redis_url where
 * nothing is said about queues. */
const char *config_redis_queue_url(const struct config_common *config, struct arena *arena);

#endif
