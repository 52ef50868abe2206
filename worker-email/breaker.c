#include "worker-email/breaker.h"

void breaker_init(struct breaker *breaker, int64_t first_wait_us, int64_t longest_wait_us)
{
	*breaker = (struct breaker){.first_wait_us = first_wait_us,
				    .longest_wait_us = longest_wait_us};
	pthread_mutex_init(&breaker->lock, NULL);
}

bool breaker_is_open(struct breaker *breaker)
{
	pthread_mutex_lock(&breaker->lock);
	bool open = breaker->open;
	pthread_mutex_unlock(&breaker->lock);
	return open;
}

bool breaker_ready(struct breaker *breaker, int64_t now_us)
{
	pthread_mutex_lock(&breaker->lock);
	bool ready = !breaker->open || now_us >= breaker->probe_at_us;
	pthread_mutex_unlock(&breaker->lock);
	return ready;
}

bool breaker_enter(struct breaker *breaker, int64_t now_us)
{
	pthread_mutex_lock(&breaker->lock);
	bool leave = !breaker->open || now_us >= breaker->probe_at_us;
	/* the next probe is due only when this one had its time to fail */
	if (breaker->open && leave) {
		breaker->probe_at_us = now_us + breaker->wait_us;
		breaker->probing = true;
	}
	pthread_mutex_unlock(&breaker->lock);
	return leave;
}

void breaker_success(struct breaker *breaker)
{
	pthread_mutex_lock(&breaker->lock);
	breaker->open = breaker->probing = false;
	breaker->failures = 0;
	pthread_mutex_unlock(&breaker->lock);
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t doubled(const struct breaker *breaker)
{
	int64_t wait_us = breaker->wait_us * 2;
	return wait_us < breaker->longest_wait_us ? wait_us : breaker->longest_wait_us;
}

bool breaker_failure(struct breaker *breaker, int64_t now_us, int64_t retry_after_us)
{
	pthread_mutex_lock(&breaker->lock);
	bool was_open = breaker->open;
	breaker->failures++;
	if (!was_open && breaker->failures >= BREAKER_FAILURES) {
		breaker->open = true;
		breaker->wait_us = breaker->first_wait_us;
	} else if (breaker->probing) {
		breaker->wait_us = doubled(breaker);
	}
	breaker->probing = false;
	if (breaker->open)
		breaker->probe_at_us = now_us + larger(breaker->wait_us, retry_after_us);
	pthread_mutex_unlock(&breaker->lock);
	return was_open;
}
