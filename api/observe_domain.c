/*
 * observe_domain: events and guests counted, by default with few labels, or with ids where
 * METRICS_PER_EVENT bounds them.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/observe_metrics.h"
#include "common/clock.h"

/* Series of ticket types of an event that are kept apart, on average; the rest is "other". */
enum { TYPES_PER_EVENT = 20, ID_TEXT = 24 };
#define OTHER "other"

static const double creation_buckets[] = {0.1, 0.5, 1, 2, 5, 10};

/* clang-format off */
static struct metric events_created = {
	.name = "events_created_total", .type = METRIC_COUNTER,
	.help = "Events created, by the state they were created in.", .labels = {"status"}};
static struct metric guests_registered = {
	.name = "guests_registered_total", .type = METRIC_COUNTER,
	.help = "Guests registered, by type of guest.", .labels = {"type"}};
static struct metric event_creation_duration = {
	.name = "event_creation_duration_seconds", .type = METRIC_HISTOGRAM,
	.help = "Time taken to create an event.",
	.buckets = creation_buckets, .bucket_count = ARRAY_LEN(creation_buckets)};
/* clang-format on */
static struct metric *const families[] = {&events_created, &guests_registered,
					  &event_creation_duration};

/* The first `max` ids that were seen; racing threads may take in a few more. Lock-free: a slot is
 * taken once and for all. */
struct id_set {
	_Atomic int64_t *slots; /* 0: free; about half are taken at most */
	size_t mask;
	_Atomic int64_t room;
};

static struct id_set organizers, events;

static void id_set_init(struct id_set *set, int64_t max)
{
	size_t slots = 2;

	while (slots < 2 * (size_t)max)
		slots *= 2;
	set->slots = calloc(slots, sizeof(*set->slots));
	if (!set->slots)
		fatal("out of memory: metrics");
	set->mask = slots - 1;
	set->room = max;
}

/* Is it among them, or is there room for it? */
static bool id_set_takes(struct id_set *set, int64_t id)
{
	size_t slot = (size_t)((uint64_t)id * UINT64_C(0x9E3779B97F4A7C15) >> 32) & set->mask;

	for (;; slot = (slot + 1) & set->mask) {
		int64_t there = set->slots[slot];

		if (!there) {
			if (set->room <= 0)
				return false;
			set->room--;
			if (atomic_compare_exchange_strong(&set->slots[slot], &there, id))
				return true;
			set->room++; /* another thread was faster */
		}
		if (there == id)
			return true;
	}
}

/* The id as a label's value. */
static const char *label(struct id_set *set, int64_t id, char *ret, size_t size)
{
	if (!id_set_takes(set, id))
		return OTHER;
	snprintf(ret, size, "%lld", (long long)id);
	return ret;
}

static void count_by_id(int64_t max)
{
	id_set_init(&organizers, max);
	id_set_init(&events, max);
	events_created.help = "Events created, by organizer and the state they were created in.";
	events_created.labels[0] = "organizer_id";
	events_created.labels[1] = "status";
	guests_registered.help = "Guests registered, by event and the id of the ticket type; empty "
				 "without one and for imported guests.";
	guests_registered.labels[0] = "event_id";
	guests_registered.labels[1] = "ticket_type";
	events_created.max_series = guests_registered.max_series = (size_t)max * TYPES_PER_EVENT;
}

void observe_domain_start(int64_t metrics_per_event)
{
	if (metrics_per_event > 0)
		count_by_id(metrics_per_event);
	metrics_register(families, ARRAY_LEN(families));
}

void observe_event_created(int64_t organizer_id, const char *status, int64_t duration_us)
{
	char id[ID_TEXT];

	metrics_observe(&event_creation_duration, (double)duration_us / (double)US_PER_S,
			(char *)NULL);
	if (organizers.slots)
		metrics_add(&events_created, 1, label(&organizers, organizer_id, id, sizeof(id)),
			    status, (char *)NULL);
	else
		metrics_add(&events_created, 1, status, (char *)NULL);
}

void observe_guests_registered(int64_t event_id, int64_t ticket_type_id, const char *type,
			       int64_t count)
{
	char id[ID_TEXT], type_id[ID_TEXT] = "";
	const char *event;

	if (!events.slots) {
		metrics_add(&guests_registered, (double)count, type, (char *)NULL);
		return;
	}
	event = label(&events, event_id, id, sizeof(id));
	if (event != id)
		snprintf(type_id, sizeof(type_id), OTHER);
	else if (ticket_type_id)
		snprintf(type_id, sizeof(type_id), "%lld", (long long)ticket_type_id);
	metrics_add(&guests_registered, (double)count, event, type_id, (char *)NULL);
}
