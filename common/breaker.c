#include "common/breaker.h"

#include "common/metrics.h"

void breaker_init(struct breaker *breaker, int64_t first_wait_us, int64_t longest_wait_us)
{
	*breaker = (struct breaker){.first_wait_us = first_wait_us,
				    .longest_wait_us = longest_wait_us};
	pthread_mutex_init(&breaker->lock, NULL);
}

void breaker_set_window(struct breaker *breaker, int64_t window_us)
{
	pthread_mutex_lock(&breaker->lock);
	breaker->window_us = window_us;
	pthread_mutex_unlock(&breaker->lock);
}

enum breaker_state breaker_state(struct breaker *breaker)
{
	enum breaker_state state = BREAKER_CLOSED;

	pthread_mutex_lock(&breaker->lock);
	if (breaker->open)
		state = breaker->probing ? BREAKER_HALF_OPEN : BREAKER_OPEN;
	pthread_mutex_unlock(&breaker->lock);
	return state;
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

/* Counts this failure; true when it is one too many. */
static bool trips(struct breaker *breaker, int64_t now_us)
{
	int64_t *oldest = &breaker->failed_at_us[breaker->failures % BREAKER_FAILURES];

	*oldest = now_us;
	breaker->failures++;
	if (breaker->failures < BREAKER_FAILURES)
		return false;
	oldest = &breaker->failed_at_us[breaker->failures % BREAKER_FAILURES];
	return breaker->window_us == 0 || now_us - *oldest <= breaker->window_us;
}

bool breaker_failure(struct breaker *breaker, int64_t now_us, int64_t retry_after_us)
{
	pthread_mutex_lock(&breaker->lock);
	bool was_open = breaker->open;
	bool too_many = trips(breaker, now_us);
	if (!was_open && too_many) {
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

static struct metric state_now = {
	.name = "breaker_state",
	.type = METRIC_GAUGE,
	.help = "Circuit breaker of another service: 0 closed, 1 half open, 2 open.",
	.labels = {"service"},
};

static void collect(void *ctx)
{
	struct breaker *breaker = ctx;

	metrics_set(&state_now, breaker_state(breaker), breaker->service, (char *)NULL);
}

void breaker_show(struct breaker *breaker, const char *service)
{
	static struct metric *const families[] = {&state_now};

	breaker->service = service;
	metrics_register(families, ARRAY_LEN(families));
	metrics_on_render(collect, breaker);
}
