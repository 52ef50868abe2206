#include "common/jwks.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/http_client.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/sign.h"

#define LIMIT_US (60 * US_PER_S) /* in which there are FETCHES_MAX fetches at most */
#define RETRY_US (30 * US_PER_S) /* after one that failed */
#define FIRST_RETRY_US (5 * US_PER_S)
enum {
	FETCHES_MAX = 2,
	FETCH_MS = 2000,
	WAIT_MS = FETCH_MS + 500,
	WAITING_MAX = 64,
	ARENA_BLOCK = 16384,
	FOUND = 200,
};

struct jwks {
	char *url;
	int64_t refresh_us;
	pthread_t fetcher;
	pthread_mutex_t lock;
	pthread_cond_t asked; /* a fetch is wanted, or the end */
	pthread_cond_t ended; /* a fetch has ended */
	_Atomic uint64_t generation;
	/* under the lock */
	struct jwks_keys keys;
	uint8_t digest[SHA256_SIZE]; /* of the document they came in */
	bool wanted;
	bool fetching;
	bool failed; /* the last fetch */
	bool stopping;
	size_t waiting;
	uint64_t fetches;              /* that have begun */
	uint64_t answers;              /* that have ended */
	int64_t began_us[FETCHES_MAX]; /* the last ones, as a ring; monotonic */
};

static struct metric fetches_total = {
	.name = "jwks_fetches_total",
	.type = METRIC_COUNTER,
	.help = "Fetches of the public keys of tokens: ok, or failed and nothing changed.",
	.labels = {"outcome"}};
static struct metric fetched_at = {
	.name = "jwks_fetched_timestamp_seconds",
	.type = METRIC_GAUGE,
	.help = "When the public keys of tokens were last fetched, in seconds since 1970."};
static struct metric keys_held = {
	.name = "jwks_keys", .type = METRIC_GAUGE, .help = "Public keys of tokens that are held."};
static struct metric *const families[] = {&fetches_total, &fetched_at, &keys_held};

static void drop_all(struct jwks_keys *keys)
{
	for (size_t i = 0; i < keys->count; i++)
		jwt_key_drop(keys->keys[i]);
	keys->count = 0;
}

enum status jwks_load(struct jwks *jwks, struct slice document, struct problem *err)
{
	struct arena arena;
	struct jwks_keys keys;
	uint8_t digest[SHA256_SIZE];
	arena_init(&arena, ARENA_BLOCK);
	enum status status = jwks_parse(&arena, document, &keys, err);
	arena_clear(&arena);
	if (status != OK)
		return status;
	sign_sha256(document.at, document.len, digest);
	pthread_mutex_lock(&jwks->lock);
	struct jwks_keys old = jwks->keys;
	jwks->keys = keys;
	if (memcmp(jwks->digest, digest, sizeof(digest)) != 0)
		jwks->generation++;
	memcpy(jwks->digest, digest, sizeof(digest));
	pthread_mutex_unlock(&jwks->lock);
	drop_all(&old);
	return OK;
}

uint64_t jwks_generation(const struct jwks *jwks)
{
	return jwks->generation;
}

/* --- when to fetch: all under the lock -------------------------------------------------------- */

/* When the last fetch began; 0: there was none. */
static int64_t last_began(const struct jwks *jwks)
{
	return jwks->fetches ? jwks->began_us[(jwks->fetches - 1) % FETCHES_MAX] : 0;
}

/* From when on one more keeps to the limit. */
static int64_t allowed_at(const struct jwks *jwks)
{
	if (jwks->fetches < FETCHES_MAX)
		return 0;
	return jwks->began_us[jwks->fetches % FETCHES_MAX] + LIMIT_US;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t due_at(const struct jwks *jwks)
{
	if (jwks->fetches == 0)
		return 0;
	if (jwks->keys.count == 0)
		return last_began(jwks) + FIRST_RETRY_US;
	if (jwks->wanted)
		return allowed_at(jwks);
	int64_t pause_us =
		jwks->failed && RETRY_US < jwks->refresh_us ? RETRY_US : jwks->refresh_us;
	return later(allowed_at(jwks), last_began(jwks) + pause_us);
}

/* --- the thread that fetches ------------------------------------------------------------------ */

static enum status fetch(struct jwks *jwks, struct arena *arena, struct problem *err)
{
	const struct http_call call = {.method = "GET",
				       .url = jwks->url,
				       .timeout_ms = FETCH_MS,
				       .budget_ms = FETCH_MS,
				       .attempts = 1,
				       .body_max = JWKS_BYTES_MAX};
	struct http_answer answer = {0};
	enum status status = http_call(arena, &call, &answer, err);
	if (status != OK)
		return status;
	if (answer.status != FOUND)
		return problem_set(err, ST_UPSTREAM_DOWN, "the service answered %d", answer.status);
	return jwks_load(jwks, answer.body, err);
}

static void report(const struct jwks *jwks, enum status status, const struct problem *err,
		   bool changed)
{
	metrics_add(&fetches_total, 1, status == OK ? "ok" : "failed", (char *)NULL);
	if (status != OK) {
		log_message(LOG_WARN, "Token keys cannot be fetched: %s", err->detail);
		return;
	}
	metrics_set(&fetched_at, (double)clock_now_us() / (double)US_PER_S, (char *)NULL);
	metrics_set(&keys_held, (double)jwks->keys.count, (char *)NULL);
	if (changed)
		log_message(LOG_INFO, "Token keys fetched: %zu", jwks->keys.count);
}

/* Called with the lock, which is free while the address is asked. */
static void fetch_once(struct jwks *jwks)
{
	struct arena arena;
	struct problem err = {0};
	uint64_t before = jwks->generation;
	jwks->wanted = false;
	jwks->fetching = true;
	jwks->began_us[jwks->fetches++ % FETCHES_MAX] = clock_monotonic_us();
	pthread_mutex_unlock(&jwks->lock);
	arena_init(&arena, ARENA_BLOCK);
	enum status status = fetch(jwks, &arena, &err);
	arena_clear(&arena);
	report(jwks, status, &err, jwks->generation != before);
	pthread_mutex_lock(&jwks->lock);
	jwks->failed = status != OK;
	jwks->fetching = false;
	jwks->answers++;
	pthread_cond_broadcast(&jwks->ended);
}

/* False: the time came first. */
static bool wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_us)
{
	struct timespec until = {.tv_sec = until_us / US_PER_S,
				 .tv_nsec = until_us % US_PER_S * 1000};
	return pthread_cond_timedwait(condition, lock, &until) != ETIMEDOUT;
}

static void *fetch_always(void *ctx)
{
	struct jwks *jwks = ctx;
	thread_name("jwks");
	pthread_mutex_lock(&jwks->lock);
	while (!jwks->stopping) {
		int64_t due_us = due_at(jwks);
		if (clock_monotonic_us() >= due_us)
			fetch_once(jwks);
		else
			(void)wait_until(&jwks->asked, &jwks->lock, due_us);
	}
	pthread_mutex_unlock(&jwks->lock);
	return NULL;
}

/* --- looking keys up -------------------------------------------------------------------------- */

static bool is_named(const struct jwt_key *key, const char *kid)
{
	const char *id = jwt_key_id(key);
	return id && strcmp(id, kid) == 0;
}

/* Without a name the one key of the algorithm, if it is the only one. */
static struct jwt_key *find(const struct jwks *jwks, const char *kid, enum jwt_alg alg)
{
	struct jwt_key *found = NULL;
	for (size_t i = 0; i < jwks->keys.count; i++) {
		struct jwt_key *key = jwks->keys.keys[i];
		if (jwt_key_alg(key) != alg || (kid && !is_named(key, kid)))
			continue;
		if (kid)
			return key;
		if (found)
			return NULL;
		found = key;
	}
	return found;
}

static bool is_known(const struct jwks *jwks, const char *kid)
{
	for (size_t i = 0; i < jwks->keys.count; i++) {
		if (is_named(jwks->keys.keys[i], kid))
			return true;
	}
	return false;
}

/* Would a fetch tell more about this key? A name that stands for a key of another kind is answered,
 * and a token that names none cannot ask for one once there are keys. */
static bool worth_asking(const struct jwks *jwks, const char *kid)
{
	if (!jwks->url || jwks->stopping)
		return false;
	if (jwks->keys.count > 0 && (!kid || is_known(jwks, kid)))
		return false;
	if (jwks->fetching || jwks->fetches == 0)
		return true;
	return jwks->keys.count > 0 && clock_monotonic_us() >= allowed_at(jwks);
}

/* Wait for the end of the fetch under way, or of the next one. False: it did not come. */
static bool wait_for_fetch(struct jwks *jwks)
{
	int64_t until_us = clock_monotonic_us() + WAIT_MS * US_PER_MS;
	uint64_t answers = jwks->answers;
	if (jwks->waiting >= WAITING_MAX)
		return false;
	if (!jwks->fetching && jwks->fetches > 0) {
		jwks->wanted = true;
		pthread_cond_signal(&jwks->asked);
	}
	jwks->waiting++;
	while (jwks->answers == answers && !jwks->stopping &&
	       wait_until(&jwks->ended, &jwks->lock, until_us))
		;
	jwks->waiting--;
	return jwks->answers != answers;
}

enum status jwks_key(struct jwks *jwks, const char *kid, enum jwt_alg alg, struct jwt_key **ret_key,
		     uint64_t *ret_generation, struct problem *err)
{
	bool told = true;
	pthread_mutex_lock(&jwks->lock);
	struct jwt_key *key = find(jwks, kid, alg);
	if (!key && worth_asking(jwks, kid)) {
		told = wait_for_fetch(jwks);
		key = find(jwks, kid, alg);
	}
	bool unsure = jwks->url && (!told || jwks->failed) && !(kid && is_known(jwks, kid));
	if (key) {
		*ret_key = jwt_key_hold(key);
		*ret_generation = jwks->generation;
	}
	pthread_mutex_unlock(&jwks->lock);
	if (key)
		return OK;
	if (unsure)
		return problem_set(err, ST_AUTH_UNAVAILABLE,
				   "The keys of tokens cannot be fetched at the moment.");
	return problem_set(err, ST_UNAUTHORIZED, "The token's key is not known.");
}

/* --- begin and end ---------------------------------------------------------------------------- */

struct jwks *jwks_open(const char *url, int64_t refresh_s)
{
	pthread_condattr_t monotonic;
	struct jwks *jwks = calloc(1, sizeof(*jwks));
	if (!jwks)
		fatal("out of memory");
	jwks->generation = 1;
	jwks->refresh_us = refresh_s * US_PER_S;
	pthread_mutex_init(&jwks->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&jwks->asked, &monotonic);
	pthread_cond_init(&jwks->ended, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (!url)
		return jwks;
	metrics_register(families, ARRAY_LEN(families));
	metrics_add(&fetches_total, 0, "ok", (char *)NULL);
	metrics_add(&fetches_total, 0, "failed", (char *)NULL);
	jwks->url = strdup(url);
	if (!jwks->url || pthread_create(&jwks->fetcher, NULL, fetch_always, jwks) != 0)
		fatal("out of memory");
	return jwks;
}

void jwks_close(struct jwks *jwks)
{
	if (!jwks)
		return;
	if (jwks->url) {
		pthread_mutex_lock(&jwks->lock);
		jwks->stopping = true;
		pthread_cond_broadcast(&jwks->asked);
		pthread_cond_broadcast(&jwks->ended);
		pthread_mutex_unlock(&jwks->lock);
		pthread_join(jwks->fetcher, NULL);
	}
	drop_all(&jwks->keys);
	pthread_cond_destroy(&jwks->asked);
	pthread_cond_destroy(&jwks->ended);
	pthread_mutex_destroy(&jwks->lock);
	free(jwks->url);
	free(jwks);
}
