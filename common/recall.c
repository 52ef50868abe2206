#include "common/recall.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { WAYS = 4, SHARDS = 64, CACHE_LINE = 64 };

struct entry {
	uint8_t digest[SHA256_SIZE];
	int64_t until_us; /* 0: empty */
	_Alignas(max_align_t) char value[];
};

struct shard {
	_Alignas(CACHE_LINE) pthread_mutex_t lock;
};

/* Set i lies under lock i % SHARDS. */
struct recall {
	size_t sets;
	size_t value_size;
	size_t entry_size;
	char *entries;
	struct shard shards[SHARDS];
};

struct recall *recall_new(size_t entries, size_t value_size)
{
	size_t line = _Alignof(max_align_t);
	struct recall *recall = aligned_alloc(CACHE_LINE, sizeof(*recall));
	assert(entries >= (size_t)WAYS * SHARDS && (entries & (entries - 1)) == 0);
	if (!recall)
		fatal("out of memory");
	recall->sets = entries / WAYS;
	recall->value_size = value_size;
	recall->entry_size = (sizeof(struct entry) + value_size + line - 1) / line * line;
	recall->entries = calloc(entries, recall->entry_size);
	if (!recall->entries)
		fatal("out of memory");
	for (size_t i = 0; i < SHARDS; i++)
		pthread_mutex_init(&recall->shards[i].lock, NULL);
	return recall;
}

void recall_free(struct recall *recall)
{
	if (!recall)
		return;
	for (size_t i = 0; i < SHARDS; i++)
		pthread_mutex_destroy(&recall->shards[i].lock);
	free(recall->entries);
	free(recall);
}

static size_t set_of(const struct recall *recall, const uint8_t digest[SHA256_SIZE])
{
	size_t hash;
	memcpy(&hash, digest, sizeof(hash));
	return hash & (recall->sets - 1);
}

static struct entry *entry_at(const struct recall *recall, size_t set, size_t way)
{
	return (struct entry *)(void *)(recall->entries + (set * WAYS + way) * recall->entry_size);
}

static bool is_of(const struct entry *entry, const uint8_t digest[SHA256_SIZE])
{
	return memcmp(entry->digest, digest, SHA256_SIZE) == 0;
}

bool recall_get(struct recall *recall, const uint8_t digest[SHA256_SIZE], int64_t now_us,
		void *ret_value)
{
	size_t set = set_of(recall, digest);
	pthread_mutex_t *lock = &recall->shards[set % SHARDS].lock;
	bool found = false;
	pthread_mutex_lock(lock);
	for (size_t way = 0; way < WAYS && !found; way++) {
		const struct entry *entry = entry_at(recall, set, way);
		found = entry->until_us > now_us && is_of(entry, digest);
		if (found)
			memcpy(ret_value, entry->value, recall->value_size);
	}
	pthread_mutex_unlock(lock);
	return found;
}

/* The place of the same digest, else of what ends first. */
static struct entry *place_for(const struct recall *recall, size_t set,
			       const uint8_t digest[SHA256_SIZE])
{
	struct entry *victim = entry_at(recall, set, 0);
	for (size_t way = 0; way < WAYS; way++) {
		struct entry *entry = entry_at(recall, set, way);
		if (is_of(entry, digest))
			return entry;
		if (entry->until_us < victim->until_us)
			victim = entry;
	}
	return victim;
}

void recall_put(struct recall *recall, const uint8_t digest[SHA256_SIZE], int64_t until_us,
		const void *value)
{
	size_t set = set_of(recall, digest);
	pthread_mutex_t *lock = &recall->shards[set % SHARDS].lock;
	pthread_mutex_lock(lock);
	struct entry *entry = place_for(recall, set, digest);
	memcpy(entry->digest, digest, SHA256_SIZE);
	entry->until_us = until_us;
	memcpy(entry->value, value, recall->value_size);
	pthread_mutex_unlock(lock);
}
