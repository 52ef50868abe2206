#include "api/kept.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

enum {
	SLOTS = 1024,
	EVENTS = 1024,
	KEY_MAX = 512,
	BODY_MAX = 128 * 1024,
	BYTES_MAX = 8 << 20, /* of all answers together */
	LIFE_US = 1000000,
	RENEW_US = LIFE_US / 2, /* from then on one caller fetches it anew, and nobody waits */
};

/* One address, the last that was asked for of those that share the slot. Fills are numbered: one
 * that a newer has overtaken is not kept. */
struct slot {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	uint64_t hash;  /* of the key of the fill that runs, or ran last */
	uint64_t stamp; /* when that began */
	uint64_t begun, ended, kept_by;
	/* what is kept: one block of `size` bytes */
	struct answer *answer;
};

struct answer {
	size_t size;
	uint64_t stamp;
	int64_t made_us;
	int status;
	const char *content_type; /* lives as long as the program */
	struct slice body;
	const char *etag, *link; /* NULL: none */
	char key[];
};

struct kept {
	_Atomic uint64_t events[EVENTS]; /* changes, by event id */
	_Atomic uint64_t unknown;        /* changes of nobody knows which event */
	_Atomic uint64_t any;            /* all changes */
	_Atomic size_t bytes;
	struct slot slots[SLOTS];
};

struct kept *kept_new(void)
{
	struct kept *kept = calloc(1, sizeof(*kept));

	if (!kept)
		fatal("out of memory");
	for (size_t i = 0; i < SLOTS; i++) {
		pthread_mutex_init(&kept->slots[i].lock, NULL);
		pthread_cond_init(&kept->slots[i].filled, NULL);
	}
	return kept;
}

void kept_free(struct kept *kept)
{
	for (size_t i = 0; i < SLOTS; i++) {
		pthread_mutex_destroy(&kept->slots[i].lock);
		pthread_cond_destroy(&kept->slots[i].filled);
		free(kept->slots[i].answer);
	}
	free(kept);
}

/* --- what changed ------------------------------------------------------------------------------
 */

void kept_drop(struct kept *kept, int64_t event_id)
{
	if (event_id)
		kept->events[(uint64_t)event_id % EVENTS]++;
	else
		kept->unknown++;
	kept->any++;
}

/* A number that any change of what the request asks for raises. */
static uint64_t stamp_of(struct kept *kept, const struct request *req)
{
	if (req->route->scope != SCOPE_EVENT)
		return kept->any;
	return kept->events[(uint64_t)req->ids[0] % EVENTS] + kept->unknown;
}

/* --- keys --------------------------------------------------------------------------------------
 */

/* Path and query; false: too long to be kept. */
static bool key_of(const struct request *req, char ret[KEY_MAX], uint64_t *ret_hash)
{
	const char *query = req->http->query ? req->http->query : "";
	size_t path_len = strlen(req->http->path);
	size_t query_len = strlen(query);

	if (path_len + query_len + 2 > KEY_MAX)
		return false;
	memcpy(ret, req->http->path, path_len);
	ret[path_len] = '?';
	memcpy(ret + path_len + 1, query, query_len + 1);
	*ret_hash = answer_digest((struct slice){ret, path_len + 1 + query_len});
	return true;
}

/* --- answers; the slot's lock is held ----------------------------------------------------------
 */

static const char *header(const struct http_response *response, const char *name)
{
	for (size_t i = 0; i < response->header_count; i++)
		if (!strcmp(response->headers[i].name, name))
			return response->headers[i].value;
	return NULL;
}

static char *put(char *at, const char *text, size_t len)
{
	memcpy(at, text, len);
	at[len] = '\0';
	return at + len + 1;
}

static struct answer *copy_answer(const struct http_response *response, const char *key)
{
	const char *etag = header(response, "ETag");
	const char *link = header(response, "Link");
	size_t key_len = strlen(key);
	size_t etag_len = etag ? strlen(etag) : 0;
	size_t link_len = link ? strlen(link) : 0;
	size_t size =
		sizeof(struct answer) + key_len + etag_len + link_len + response->body.len + 4;
	struct answer *answer = malloc(size);
	char *at;

	if (!answer)
		fatal("out of memory");
	*answer = (struct answer){
		.size = size, .status = response->status, .content_type = response->content_type};
	at = put(answer->key, key, key_len);
	answer->etag = etag ? at : NULL;
	at = put(at, etag ? etag : "", etag_len);
	answer->link = link ? at : NULL;
	at = put(at, link ? link : "", link_len);
	answer->body = (struct slice){at, response->body.len};
	put(at, response->body.at, response->body.len);
	return answer;
}

static void forget(struct kept *kept, struct slot *slot)
{
	if (slot->answer)
		kept->bytes -= slot->answer->size;
	free(slot->answer);
	slot->answer = NULL;
}

/* Make room: what is too old to be used goes. */
static void sweep(struct kept *kept)
{
	int64_t now_us = clock_monotonic_us();

	for (size_t i = 0; i < SLOTS; i++) {
		struct slot *slot = &kept->slots[i];

		if (pthread_mutex_trylock(&slot->lock) != 0)
			continue;
		if (slot->answer && now_us - slot->answer->made_us > LIFE_US)
			forget(kept, slot);
		pthread_mutex_unlock(&slot->lock);
	}
}

static void keep(struct kept *kept, struct slot *slot, struct answer *answer)
{
	forget(kept, slot);
	kept->bytes += answer->size;
	slot->answer = answer;
}

/* From the slot into the request's own memory. */
static void serve(struct request *req, const struct answer *answer)
{
	char *body = arena_alloc(req->arena, answer->body.len + 1);

	memcpy(body, answer->body.at, answer->body.len);
	answer_bytes(req, answer->status, answer->content_type,
		     (struct slice){body, answer->body.len});
	if (answer->link)
		http_add_header(req->http, "Link", answer->link);
	if (answer->etag)
		answer_etag(req, answer->etag);
}

static bool is_fresh(const struct answer *answer, const char *key, uint64_t stamp)
{
	return answer && answer->stamp == stamp &&
	       clock_monotonic_us() - answer->made_us < LIFE_US && !strcmp(answer->key, key);
}

static bool is_aging(const struct answer *answer)
{
	return clock_monotonic_us() - answer->made_us >= RENEW_US;
}

/* Somebody fetches the same, and began when nothing had changed that this caller must see. */
static bool is_coming(const struct slot *slot, uint64_t hash, uint64_t stamp)
{
	return slot->ended < slot->begun && slot->hash == hash && slot->stamp == stamp;
}

/* True: the answer that came is set. */
static bool serve_coming(struct slot *slot, struct request *req, const char *key)
{
	uint64_t awaited = slot->begun;

	while (slot->ended < awaited)
		pthread_cond_wait(&slot->filled, &slot->lock);
	if (slot->kept_by < awaited || !slot->answer || strcmp(slot->answer->key, key) != 0)
		return false;
	serve(req, slot->answer);
	return true;
}

/* True: the answer is set. */
static bool serve_kept(struct slot *slot, struct request *req, const char *key, uint64_t hash)
{
	uint64_t stamp = stamp_of(req->app->kept, req);

	bool coming = is_coming(slot, hash, stamp);

	if (is_fresh(slot->answer, key, stamp) && (coming || !is_aging(slot->answer))) {
		serve(req, slot->answer);
		return true;
	}
	return coming && serve_coming(slot, req, key);
}

/* --- filling -----------------------------------------------------------------------------------
 */

/* A fill on its way. */
struct fill {
	struct slot *slot;
	const char *key;
	uint64_t number, stamp;
	int64_t begun_us;
};

static struct fill begin_fill(struct request *req, struct slot *slot, const char *key,
			      uint64_t hash)
{
	struct fill fill = {.slot = slot,
			    .key = key,
			    .number = ++slot->begun,
			    .stamp = stamp_of(req->app->kept, req),
			    .begun_us = clock_monotonic_us()};

	slot->hash = hash;
	slot->stamp = fill.stamp;
	return fill;
}

static void end_fill(struct kept *kept, const struct fill *fill, struct answer *answer)
{
	struct slot *slot = fill->slot;

	pthread_mutex_lock(&slot->lock);
	if (answer && slot->kept_by < fill->number) {
		answer->stamp = fill->stamp;
		answer->made_us = fill->begun_us;
		slot->kept_by = fill->number;
		keep(kept, slot, answer);
		answer = NULL;
	}
	if (slot->ended < fill->number)
		slot->ended = fill->number;
	pthread_cond_broadcast(&slot->filled);
	pthread_mutex_unlock(&slot->lock);
	free(answer);
}

static enum status fill_and_answer(struct request *req, const struct fill *fill,
				   request_handler *make, struct problem *err)
{
	struct kept *kept = req->app->kept;
	const struct http_response *response = &req->http->response;
	struct answer *answer = NULL;
	enum status status;

	req->whole = true; /* what is kept must serve callers with another If-None-Match */
	status = make(req, err);
	req->whole = false;
	if (kept->bytes > BYTES_MAX)
		sweep(kept);
	if (!status && response->body.len <= BODY_MAX && kept->bytes <= BYTES_MAX)
		answer = copy_answer(response, fill->key);
	end_fill(kept, fill, answer);
	if (!status && header(response, "ETag"))
		answer_match(req, header(response, "ETag"));
	return status;
}

bool kept_ready(struct request *req)
{
	struct kept *kept = req->app->kept;
	char key[KEY_MAX];
	struct slot *slot;
	uint64_t hash;
	bool ready;

	if (!key_of(req, key, &hash))
		return false;
	slot = &kept->slots[hash % SLOTS];
	pthread_mutex_lock(&slot->lock);
	ready = is_fresh(slot->answer, key, stamp_of(kept, req));
	if (ready)
		serve(req, slot->answer);
	pthread_mutex_unlock(&slot->lock);
	return ready;
}

enum status kept_answer(struct request *req, request_handler *make, struct problem *err)
{
	char key[KEY_MAX];
	struct slot *slot;
	struct fill fill;
	uint64_t hash;
	bool served;

	if (!key_of(req, key, &hash))
		return make(req, err);
	slot = &req->app->kept->slots[hash % SLOTS];
	pthread_mutex_lock(&slot->lock);
	served = serve_kept(slot, req, key, hash);
	if (!served)
		fill = begin_fill(req, slot, key, hash);
	pthread_mutex_unlock(&slot->lock);
	return served ? OK : fill_and_answer(req, &fill, make, err);
}
