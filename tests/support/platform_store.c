#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/platform.h"

enum { RING_HEADS = 4096, BODY_KEPT_MAX = 512 << 10 };

const char *const platform_service_names[] = {"auth",      "payment", "notification",
					      "collector", "jwks",    NULL};
const char *const platform_behaviour_names[] = {"ok",  "status",   "slow", "hang",
						"cut", "bad-body", NULL};
const char *const platform_intent_names[] = {"requires_payment", "succeeded", "cancelled", NULL};

static void *must_calloc(size_t count, size_t size)
{
	void *memory = calloc(count, size);
	if (!memory)
		fatal("out of memory");
	return memory;
}

static void ring_reset(struct platform_ring *ring)
{
	for (size_t i = 0; i < RING_HEADS; i++)
		ring->heads[i] = -1;
	ring->count = 0;
}

static void ring_init(struct platform_ring *ring)
{
	ring->items = must_calloc(PLATFORM_MADE_MAX, sizeof(*ring->items));
	ring->next = must_calloc(PLATFORM_MADE_MAX, sizeof(*ring->next));
	ring->heads = must_calloc(RING_HEADS, sizeof(*ring->heads));
	ring_reset(ring);
}

/* FNV-1a */
static size_t key_slot(const char *key)
{
	uint32_t hash = 2166136261U;
	for (const char *at = key; *at; at++)
		hash = (hash ^ (uint8_t)*at) * 16777619U;
	return hash % RING_HEADS;
}

static void ring_unlink(struct platform_ring *ring, int32_t index)
{
	int32_t *at = &ring->heads[key_slot(ring->items[index].key)];
	while (*at >= 0 && *at != index)
		at = &ring->next[*at];
	if (*at == index)
		*at = ring->next[index];
}

/* Keys longer than what is kept of them are told apart by their beginning only. */
static void bound_key(const char *key, char ret[PLATFORM_KEY_SIZE])
{
	snprintf(ret, PLATFORM_KEY_SIZE, "%s", key ? key : "");
}

bool platform_made(const struct platform_ring *ring, const char *key, char id[PLATFORM_ID_SIZE])
{
	char bounded[PLATFORM_KEY_SIZE];
	bound_key(key, bounded);
	if (!bounded[0])
		return false;
	for (int32_t i = ring->heads[key_slot(bounded)]; i >= 0; i = ring->next[i]) {
		if (strcmp(ring->items[i].key, bounded) != 0)
			continue;
		memcpy(id, ring->items[i].id, PLATFORM_ID_SIZE);
		return true;
	}
	return false;
}

struct platform_made *platform_make(struct platform_ring *ring, const char *key, const char *id)
{
	int32_t index = (int32_t)(ring->count % PLATFORM_MADE_MAX);
	if (ring->count >= PLATFORM_MADE_MAX)
		ring_unlink(ring, index);
	struct platform_made *made = &ring->items[index];
	bound_key(key, made->key);
	snprintf(made->id, sizeof(made->id), "%s", id);
	size_t slot = key_slot(made->key);
	ring->next[index] = ring->heads[slot];
	ring->heads[slot] = index;
	ring->count++;
	made->kind[0] = made->to[0] = '\0';
	return made;
}

void platform_init(struct platform *platform)
{
	memset(platform, 0, sizeof(*platform));
	pthread_mutex_init(&platform->lock, NULL);
	platform->records = must_calloc(PLATFORM_RECORDS_MAX, sizeof(*platform->records));
	platform->intents = must_calloc(PLATFORM_INTENTS_MAX, sizeof(*platform->intents));
	ring_init(&platform->refunds);
	ring_init(&platform->mails);
	platform->jwks = jwks_open(NULL, 0);
}

static void forget_oldest(struct platform *platform)
{
	struct platform_record *oldest =
		&platform->records[platform->record_first % PLATFORM_RECORDS_MAX];
	platform->record_bytes -= oldest->size;
	free(oldest->block);
	oldest->block = NULL;
	platform->record_first++;
}

static void forget_calls(struct platform *platform)
{
	while (platform->record_first < platform->record_count)
		forget_oldest(platform);
	memset(platform->calls, 0, sizeof(platform->calls));
}

void platform_forget_calls(struct platform *platform)
{
	pthread_mutex_lock(&platform->lock);
	forget_calls(platform);
	pthread_mutex_unlock(&platform->lock);
}

void platform_reset(struct platform *platform)
{
	pthread_mutex_lock(&platform->lock);
	forget_calls(platform);
	memset(platform->scripts, 0, sizeof(platform->scripts));
	platform->intent_count = 0;
	platform->refunds_pending = false;
	platform->revoked_count = 0;
	ring_reset(&platform->refunds);
	ring_reset(&platform->mails);
	pthread_mutex_unlock(&platform->lock);
}

struct platform_script platform_take_script(struct platform *platform,
					    enum platform_service service)
{
	pthread_mutex_lock(&platform->lock);
	struct platform_script *current = &platform->scripts[service];
	struct platform_script taken = *current;
	if (current->times > 0 && --current->times == 0)
		current->behaviour = BEHAVE_OK;
	pthread_mutex_unlock(&platform->lock);
	return taken;
}

/* Append a text to the block; NULL stays NULL. */
static const char *keep(char **at, const char *text, size_t len)
{
	if (!text)
		return NULL;
	char *kept = *at;
	memcpy(kept, text, len);
	kept[len] = '\0';
	*at += len + 1;
	return kept;
}

static struct platform_record copy_call(const struct platform_call *call)
{
	const struct http_exchange *http = call->http;
	const char *texts[] = {http->method,
			       http->path,
			       http_header(http, "X-Service-Token"),
			       http_header(http, "Idempotency-Key"),
			       http_header(http, "Authorization"),
			       http_header(http, "X-Request-Id"),
			       http_header(http, "traceparent"),
			       http_header(http, "tracestate")};
	const char *kept[ARRAY_LEN(texts)];
	size_t body_len = call->body.len < BODY_KEPT_MAX ? call->body.len : BODY_KEPT_MAX;
	size_t size = body_len + 1;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		size += texts[i] ? strlen(texts[i]) + 1 : 0;

	struct platform_record record = {.service = call->service,
					 .at_us = clock_now_us(),
					 .size = size,
					 .block = must_calloc(1, size)};
	char *at = record.block;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		kept[i] = keep(&at, texts[i], texts[i] ? strlen(texts[i]) : 0);
	record.body = keep(&at, call->body.at ? call->body.at : "", body_len);
	record.method = kept[0];
	record.path = kept[1];
	record.service_token = kept[2];
	record.idempotency_key = kept[3];
	record.authorization = kept[4];
	record.request_id = kept[5];
	record.traceparent = kept[6];
	record.tracestate = kept[7];
	return record;
}

size_t platform_record(struct platform_call *call)
{
	struct platform *platform = call->platform;
	struct platform_record record = copy_call(call);
	pthread_mutex_lock(&platform->lock);
	while (platform->record_count - platform->record_first == PLATFORM_RECORDS_MAX ||
	       (platform->record_first < platform->record_count &&
		platform->record_bytes + record.size > PLATFORM_RECORD_BYTES_MAX))
		forget_oldest(platform);
	size_t number = platform->record_count++;
	platform->records[number % PLATFORM_RECORDS_MAX] = record;
	platform->record_bytes += record.size;
	platform->calls[record.service]++;
	pthread_mutex_unlock(&platform->lock);
	return number;
}

void platform_record_status(struct platform *platform, size_t number, int status)
{
	pthread_mutex_lock(&platform->lock);
	if (number >= platform->record_first)
		platform->records[number % PLATFORM_RECORDS_MAX].status = status;
	pthread_mutex_unlock(&platform->lock);
}

struct platform_intent *platform_find_intent(struct platform *platform, const char *id,
					     const char *key)
{
	size_t kept = platform->intent_count < PLATFORM_INTENTS_MAX ? platform->intent_count
								    : PLATFORM_INTENTS_MAX;
	/* newest first: what is asked for was mostly made just now */
	for (size_t i = 0; i < kept; i++) {
		size_t slot = (platform->intent_count - 1 - i) % PLATFORM_INTENTS_MAX;
		struct platform_intent *intent = &platform->intents[slot];
		const char *have = id ? intent->id : intent->key;
		const char *want = id ? id : key;
		if (want && want[0] && strcmp(have, want) == 0)
			return intent;
	}
	return NULL;
}

struct platform_intent *platform_add_intent(struct platform *platform)
{
	struct platform_intent *intent =
		&platform->intents[platform->intent_count++ % PLATFORM_INTENTS_MAX];
	memset(intent, 0, sizeof(*intent));
	return intent;
}
