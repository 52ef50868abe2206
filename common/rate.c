#include "common/rate.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/sign.h"

enum { SETS = 2048, WAYS = 4 };

int64_t rate_interval(const struct rate_ask *ask)
{
	return ask->window_us > ask->count ? ask->window_us / ask->count : 1;
}

static int64_t capacity_of(const struct rate_ask *ask)
{
	return rate_interval(ask) * ask->count;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static bool has_room(const struct rate_ask *ask, int64_t backlog)
{
	return ask->mode == RATE_ADD || backlog + rate_interval(ask) <= capacity_of(ask);
}

bool rate_decide(const struct rate_ask *asks, size_t count, int64_t *backlogs)
{
	bool allowed = true;
	for (size_t i = 0; i < count; i++)
		allowed = allowed && has_room(&asks[i], backlogs[i]);
	for (size_t i = 0; i < count; i++) {
		if (asks[i].mode == RATE_ADD)
			backlogs[i] = least(backlogs[i] + rate_interval(&asks[i]),
					    2 * capacity_of(&asks[i]));
		if (asks[i].mode == RATE_TAKE && allowed)
			backlogs[i] += rate_interval(&asks[i]);
	}
	return allowed;
}

void rate_states(const struct rate_ask *asks, size_t count, bool allowed, const int64_t *backlogs,
		 struct rate_state *ret_states)
{
	for (size_t i = 0; i < count; i++) {
		int64_t room = capacity_of(&asks[i]) - backlogs[i];
		int64_t missing = rate_interval(&asks[i]) - room;
		ret_states[i] = (struct rate_state){
			.refused = !allowed && !has_room(&asks[i], backlogs[i]),
			.left = room > 0 ? room / rate_interval(&asks[i]) : 0,
			.full_us = backlogs[i],
			.wait_us = missing > 0 ? missing : 0,
		};
	}
}

/* --- in this process -------------------------------------------------------------------------- */

struct entry {
	uint64_t key;    /* first bytes of its digest */
	int64_t free_us; /* when the backlog is gone; 0: empty */
};

struct rate_table {
	pthread_mutex_t lock;
	struct entry entries[SETS][WAYS];
};

struct rate_table *rate_table_new(void)
{
	struct rate_table *table = calloc(1, sizeof(*table));
	if (!table)
		fatal("out of memory");
	pthread_mutex_init(&table->lock, NULL);
	return table;
}

void rate_table_free(struct rate_table *table)
{
	if (!table)
		return;
	pthread_mutex_destroy(&table->lock);
	free(table);
}

/* The key's entry, else the one to put it in. */
static struct entry *entry_of(struct rate_table *table, const char *key)
{
	uint8_t digest[SHA256_SIZE];
	uint64_t hash;
	sign_sha256(key, strlen(key), digest);
	memcpy(&hash, digest, sizeof(hash));
	struct entry *set = table->entries[hash % SETS];
	struct entry *victim = set;
	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].key == hash)
			return &set[i];
		if (set[i].free_us < victim->free_us)
			victim = &set[i];
	}
	*victim = (struct entry){.key = hash};
	return victim;
}

void rate_table_ask(struct rate_table *table, const struct rate_ask *asks, size_t count,
		    int64_t now_us, struct rate_state *ret_states)
{
	int64_t backlogs[RATE_ASKS_MAX];
	assert(count <= RATE_ASKS_MAX);
	pthread_mutex_lock(&table->lock);
	for (size_t i = 0; i < count; i++) {
		int64_t ahead = entry_of(table, asks[i].key)->free_us - now_us;
		backlogs[i] = ahead > 0 ? ahead : 0;
	}
	bool allowed = rate_decide(asks, count, backlogs);
	/* Looked up again: one of them may have pushed another out. */
	for (size_t i = 0; i < count; i++)
		entry_of(table, asks[i].key)->free_us = now_us + backlogs[i];
	pthread_mutex_unlock(&table->lock);
	rate_states(asks, count, allowed, backlogs, ret_states);
}
