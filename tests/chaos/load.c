#include "tests/chaos/load.h"

#include <pthread.h>
#include <stdatomic.h>

#include "common/clock.h"
#include "tests/chaos/attempt.h"
#include "tests/chaos/clients.h"

enum {
	CLIENTS = 48,
	AFTER_MS = 90000, /* how long after the end who does not know asks on */
	RUSH_EVERY = 40,  /* operations */
	MOVE_EVERY = 400,
	WEIGHTS = 114, /* of works, in all */
};

static struct {
	struct load_options options;
	int64_t begin_us;
	_Atomic int next;
	_Atomic int64_t lag_us;
	pthread_t threads[CLIENTS];
} load;

static const struct {
	int weight;
	client_work *run;
} works[] = {
	{40, client_register_free}, {18, client_register_paid}, {14, client_pay},
	{5, client_refund},         {16, client_scan},          {2, client_undo},
	{4, client_reissue},        {6, client_cancel},         {6, client_edit},
	{2, client_export_guests},  {1, client_import},
};

static void work(int number, struct dice dice)
{
	int at = 0, draw = dice_below(&dice, WEIGHTS);

	for (size_t i = 0; i < ARRAY_LEN(works); i++) {
		at += works[i].weight;
		if (draw < at) {
			works[i].run(number, dice);
			return;
		}
	}
}

/* At its time, whatever the others wait for. */
static void wait_for(int64_t due_us)
{
	int64_t late = clock_monotonic_us() - due_us;

	if (late < 0)
		clock_sleep_ms(-late / US_PER_MS);
	else if (late > load.lag_us)
		load.lag_us = late;
}

static void *client(void *unused UNUSED)
{
	int total = (int)(load.options.us * load.options.per_second / US_PER_S);

	for (int number = load.next++; number < total; number = load.next++) {
		struct dice dice = {load.options.seed * 1000003 + (uint64_t)number};

		dice_roll(&dice);
		wait_for(load.begin_us + number * US_PER_S / load.options.per_second);
		if (number == total * 6 / 10)
			client_cancel_event(number, dice);
		else if (number % MOVE_EVERY == MOVE_EVERY - 1)
			client_move_event(number, dice);
		else if (number % RUSH_EVERY == RUSH_EVERY - 1)
			client_rush(number, dice);
		else
			work(number, dice);
	}
	say_goodbye();
	return NULL;
}

void load_start(const struct load_options *options)
{
	load.options = *options;
	load.begin_us = clock_monotonic_us();
	attempt_setup(options->seed, load.begin_us + options->us + AFTER_MS * US_PER_MS);
	clients_setup((int)(options->us * options->per_second / US_PER_S) + 1);
	for (int i = 0; i < CLIENTS; i++)
		if (pthread_create(&load.threads[i], NULL, client, NULL) != 0)
			fatal("chaos: no thread");
}

void load_stop(void)
{
	load.next = INT32_MAX / 2;
}

void load_wait(void)
{
	for (int i = 0; i < CLIENTS; i++)
		pthread_join(load.threads[i], NULL);
}

int64_t load_lag_ms(void)
{
	return load.lag_us / US_PER_MS;
}
