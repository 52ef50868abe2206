#include <ctype.h>
#include <hiredis/alloc.h>
#include <hiredis/sds.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/memory.h"
#include "common/redis_internal.h"

/* ELEMENTS_MAX: of one array of an answer; no command of ours gets a tenth of it. */
enum { WORDS_MAX = 16, DEFAULT_PORT = 6379, REOPEN_MS = 200, WHY_SIZE = 192, ELEMENTS_MAX = 65536 };

/* The parts of a redis:// URL, decoded; all own memory. */
struct address {
	char *host;
	int port;
	char *user, *password; /* NULL: none */
	int database;
};

struct redis {
	redisContext *link; /* NULL: not connected */
	struct address address;
	char *client_name;
	int64_t connect_timeout_ms, command_timeout_ms;
	int64_t tried_at_us; /* monotonic; of the last failed attempt, 0: none */
	uint64_t connections;
	redisReplyObjectFunctions makes; /* hiredis' own but for arrays */
	void *(*make_array)(const redisReadTask *task, int elements);
};

/* --- hiredis without memory ----------------------------------------------------------------------
 *
 * It would abort or crash; its calls resolve to these, which end the process as everybody's do. */

void *hi_malloc(size_t size)
{
	return memory_alloc(size);
}

void *hi_calloc(size_t count, size_t size)
{
	return memory_calloc(count, size);
}

void *hi_realloc(void *memory, size_t size)
{
	return memory_realloc(memory, size);
}

char *hi_strdup(const char *text)
{
	return memory_strdup(text);
}

/* Its new output buffer after each command. */
sds sdsempty(void)
{
	sds empty = sdsnewlen("", 0);

	if (!empty)
		fatal("redis: out of memory");
	return empty;
}

/* --- the address -------------------------------------------------------------------------------
 */

static char *copy(const char *text, size_t len)
{
	char *own = strndup(text, len);

	if (!own)
		fatal("redis: out of memory");
	return own;
}

/* Percent-decoded copy. */
static char *decode(const char *text, size_t len)
{
	char *own = copy(text, len);
	char *out = own;

	for (const char *in = own; *in; in++) {
		if (in[0] == '%' && isxdigit((unsigned char)in[1]) &&
		    isxdigit((unsigned char)in[2])) {
			char hex[3] = {in[1], in[2], '\0'};

			*out++ = (char)strtol(hex, NULL, 16);
			in += 2;
		} else {
			*out++ = *in;
		}
	}
	*out = '\0';
	return own;
}

static bool parse_number(const char *text, long max, int *ret)
{
	char *end = NULL;
	long number = strtol(text, &end, 10);

	if (!isdigit((unsigned char)*text) || *end || number > max)
		return false;
	*ret = (int)number;
	return true;
}

static void parse_user(struct address *address, const char *text, size_t len)
{
	const char *colon = memchr(text, ':', len);
	size_t user_len = colon ? (size_t)(colon - text) : len;

	if (user_len)
		address->user = decode(text, user_len);
	if (colon)
		address->password = decode(colon + 1, len - user_len - 1);
}

/* host, host:port, [v6]:port */
static bool parse_host(struct address *address, const char *text, size_t len)
{
	bool bracket = len && *text == '[';
	const char *host_end = bracket ? memchr(text, ']', len) : memchr(text, ':', len);
	const char *rest = host_end ? host_end + bracket : text + len;
	char port[8] = "";

	if (bracket && !host_end)
		return false;
	address->host = copy(text + bracket, host_end ? (size_t)(host_end - text) - bracket : len);
	address->port = DEFAULT_PORT;
	if (rest == text + len)
		return *address->host;
	if (*rest != ':' || (size_t)(text + len - rest) > sizeof(port))
		return false;
	memcpy(port, rest + 1, (size_t)(text + len - rest) - 1);
	return *address->host && parse_number(port, 65535, &address->port);
}

static bool parse_address(const char *url, struct address *ret)
{
	static const char scheme[] = "redis://";
	const char *at, *authority_end, *user_end;

	if (!url || strncmp(url, scheme, strlen(scheme)) != 0)
		return false;
	at = url + strlen(scheme);
	authority_end = at + strcspn(at, "/?#");
	user_end = memrchr(at, '@', (size_t)(authority_end - at));
	if (user_end) {
		parse_user(ret, at, (size_t)(user_end - at));
		at = user_end + 1;
	}
	if (!parse_host(ret, at, (size_t)(authority_end - at)))
		return false;
	if (authority_end[0] == '\0' || strcmp(authority_end, "/") == 0)
		return true;
	return authority_end[0] == '/' && parse_number(authority_end + 1, 99999, &ret->database);
}

/* --- commands ----------------------------------------------------------------------------------
 */

void redis_command_init(struct redis_command *command, struct arena *arena)
{
	*command = (struct redis_command){.arena = arena};
}

void redis_word_len(struct redis_command *command, const char *word, size_t len)
{
	if (command->count == command->cap) {
		size_t cap = command->cap ? command->cap * 2 : WORDS_MAX;
		const char **words = arena_calloc(command->arena, cap, sizeof(*words));
		size_t *lens = arena_calloc(command->arena, cap, sizeof(*lens));

		if (command->count) {
			memcpy(words, command->words, command->count * sizeof(*words));
			memcpy(lens, command->lens, command->count * sizeof(*lens));
		}
		command->words = words;
		command->lens = lens;
		command->cap = cap;
	}
	command->words[command->count] = word;
	command->lens[command->count++] = len;
}

void redis_word(struct redis_command *command, const char *word)
{
	redis_word_len(command, word, strlen(word));
}

void redis_word_i64(struct redis_command *command, int64_t number)
{
	redis_word(command, arena_printf(command->arena, "%lld", (long long)number));
}

void redis_reply_free(redisReply **reply)
{
	if (*reply)
		freeReplyObject(*reply);
	*reply = NULL;
}

bool redis_is_error(const redisReply *reply, const char *prefix)
{
	return reply && reply->type == REDIS_REPLY_ERROR &&
	       (!prefix || strncmp(reply->str, prefix, strlen(prefix)) == 0);
}

enum status redis_refused(const redisReply *reply, struct problem *err)
{
	return problem_set(err, ST_REDIS_UNAVAILABLE, "Redis: %s",
			   reply->type == REDIS_REPLY_ERROR ? reply->str : "unexpected reply");
}

/* --- the connection ----------------------------------------------------------------------------
 */

static struct timeval timeval_of(int64_t ms)
{
	return (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}

/* After any failure a context is finished: a late reply would pair with the wrong command. */
static void drop(struct redis *redis)
{
	if (redis->link)
		redisFree(redis->link);
	redis->link = NULL;
}

/* One set-up command; false: refused or no answer. */
static bool say(redisContext *link, int argc, const char **argv, char ret_why[WHY_SIZE])
{
	redisReply *reply = redisCommandArgv(link, argc, argv, NULL);
	bool ok = reply && reply->type != REDIS_REPLY_ERROR;

	if (!ok)
		snprintf(ret_why, WHY_SIZE, "%s: %s", argv[0], reply ? reply->str : link->errstr);
	if (reply)
		freeReplyObject(reply);
	return ok;
}

static bool greet(const struct redis *redis, redisContext *link, char ret_why[WHY_SIZE])
{
	const struct address *address = &redis->address;
	char number[16];

	if (address->password) {
		const char *two[] = {"AUTH", address->password};
		const char *three[] = {"AUTH", address->user, address->password};

		if (!say(link, address->user ? 3 : 2, address->user ? three : two, ret_why))
			return false;
	}
	snprintf(number, sizeof(number), "%d", address->database);
	if (address->database && !say(link, 2, (const char *[]){"SELECT", number}, ret_why))
		return false;
	return !redis->client_name ||
	       say(link, 3, (const char *[]){"CLIENT", "SETNAME", redis->client_name}, ret_why);
}

/* hiredis makes room for as many elements as an answer announces, before any has come. NULL is to
 * it an answer that cannot be read, and the connection is given up. */
static void *make_array(const redisReadTask *task, int elements)
{
	const struct redis *redis = task->privdata;

	return elements > ELEMENTS_MAX ? NULL : redis->make_array(task, elements);
}

static void bound_answers(struct redis *redis, redisReader *reader)
{
	redis->makes = *reader->fn;
	redis->make_array = reader->fn->createArray;
	redis->makes.createArray = make_array;
	reader->fn = &redis->makes;
	reader->privdata = redis;
}

/* Everything is set again each time: hiredis forgets limits, and Redis the rest. */
static enum status reopen(struct redis *redis, struct problem *err)
{
	char why[WHY_SIZE] = "out of memory";
	redisContext *link;

	if (redis->tried_at_us && clock_monotonic_us() - redis->tried_at_us < REOPEN_MS * US_PER_MS)
		return problem_set(err, ST_REDIS_UNAVAILABLE,
				   "Redis could not be reached just now");
	link = redisConnectWithTimeout(redis->address.host, redis->address.port,
				       timeval_of(redis->connect_timeout_ms));
	if (link && link->err)
		snprintf(why, sizeof(why), "%s", link->errstr);
	if (link && !link->err)
		bound_answers(redis, link->reader);
	if (link && !link->err &&
	    redisSetTimeout(link, timeval_of(redis->command_timeout_ms)) == 0 &&
	    redisEnableKeepAlive(link) == REDIS_OK && greet(redis, link, why)) {
		redis->link = link;
		redis->tried_at_us = 0;
		redis->connections++;
		return OK;
	}
	if (link)
		redisFree(link);
	redis->tried_at_us = clock_monotonic_us();
	return problem_set(err, ST_REDIS_UNAVAILABLE, "Redis at %s:%d: %s", redis->address.host,
			   redis->address.port, why);
}

/* Errors that say: not now. */
static bool cannot_serve(const redisReply *reply)
{
	static const char *const prefixes[] = {"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN"};

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		if (redis_is_error(reply, prefixes[i]))
			return true;
	}
	return false;
}

enum status redis_run(struct redis *redis, const struct redis_command *command,
		      redisReply **ret_reply, struct problem *err)
{
	redisReply *reply;
	enum status status;

	if (!redis->link) {
		status = reopen(redis, err);
		if (status != OK)
			return status;
	}
	reply = redisCommandArgv(redis->link, (int)command->count, command->words, command->lens);
	if (!reply) {
		status = problem_set(err, ST_REDIS_UNAVAILABLE, "Redis: %s", redis->link->errstr);
		drop(redis);
		return status;
	}
	if (cannot_serve(reply)) {
		status = redis_refused(reply, err);
		freeReplyObject(reply);
		drop(redis);
		redis->tried_at_us = clock_monotonic_us();
		return status;
	}
	*ret_reply = reply;
	return OK;
}

enum status redis_call(struct redis *redis, redisReply **ret_reply, struct problem *err, ...)
{
	const char *words[WORDS_MAX];
	size_t lens[WORDS_MAX];
	struct redis_command command = {.words = words, .lens = lens};
	redisReply *reply = NULL;
	enum status status;
	va_list args;

	va_start(args, err);
	for (const char *word; (word = va_arg(args, const char *)) && command.count < WORDS_MAX;) {
		words[command.count] = word;
		lens[command.count++] = strlen(word);
	}
	va_end(args);
	status = redis_run(redis, &command, &reply, err);
	if (status != OK)
		return status;
	if (redis_is_error(reply, NULL)) {
		status = redis_refused(reply, err);
		freeReplyObject(reply);
		return status;
	}
	if (ret_reply)
		*ret_reply = reply;
	else
		freeReplyObject(reply);
	return OK;
}

void redis_set_limit(struct redis *redis, int64_t command_timeout_ms)
{
	if (redis->command_timeout_ms == command_timeout_ms)
		return;
	redis->command_timeout_ms = command_timeout_ms;
	if (redis->link && redisSetTimeout(redis->link, timeval_of(command_timeout_ms)) != REDIS_OK)
		drop(redis);
}

uint64_t redis_connections(const struct redis *redis)
{
	return redis->connections;
}

enum status redis_open(const struct redis_options *options, struct redis **ret, struct problem *err)
{
	struct redis *redis = calloc(1, sizeof(*redis));

	if (!redis)
		fatal("redis: out of memory");
	/* hiredis writes without MSG_NOSIGNAL: a server that went away would end the process. */
	signal(SIGPIPE, SIG_IGN);
	redis->connect_timeout_ms = options->connect_timeout_ms;
	redis->command_timeout_ms = options->command_timeout_ms;
	redis->client_name = options->client_name
				     ? copy(options->client_name, strlen(options->client_name))
				     : NULL;
	if (!parse_address(options->url, &redis->address)) {
		redis_close(redis);
		return problem_set(err, ST_CONFIG,
				   "a Redis address is redis://[user[:password]@]host[:port][/db]");
	}
	*ret = redis;
	return OK;
}

void redis_close(struct redis *redis)
{
	if (!redis)
		return;
	drop(redis);
	free(redis->address.host);
	free(redis->address.user);
	free(redis->address.password);
	free(redis->client_name);
	free(redis);
}

enum status redis_ping(struct redis *redis, struct problem *err)
{
	return redis_call(redis, NULL, err, "PING", (char *)NULL);
}
