/*
 * events_store: events in the database, by the request's connection. Decides nothing.
 */
#ifndef API_EVENTS_EVENTS_STORE_H
#define API_EVENTS_EVENTS_STORE_H

#include "api/together.h"
#include "api/events/event_input.h"
#include "api/events/event_record.h"

/* Insert a draft; *ret_id is its id. ST_INVALID_BODY at /timeZone when the database does not know
 * the zone; the transaction is then lost. */
enum status events_store_insert(struct request *req, const struct event *event, int64_t *ret_id,
				struct problem *err) MUST_CHECK;
/* The event with its ticket types: ST_NOT_FOUND. */
enum status events_store_get(struct request *req, int64_t event_id, struct event *ret,
			     struct problem *err) MUST_CHECK;
/* The same for who only looks, in one statement with others who look at the same time; is_staff:
 * of a draft, whether the caller belongs to its staff. */
enum status events_store_get_shared(struct request *req, int64_t event_id, struct event *ret,
				    bool *ret_is_staff, struct problem *err) MUST_CHECK;
/* What app->event_reads does. */
batch_call events_store_read_all;
/* The event, locked until the transaction ends, without its organizer's name and its ticket types:
 * ST_NOT_FOUND. Before any lock on types, guests, tickets or payments. */
enum status events_store_lock(struct request *req, int64_t event_id, struct event *ret,
			      struct problem *err) MUST_CHECK;
/* Write what a patch may change. Zone as in insert. */
enum status events_store_update(struct request *req, const struct event *event, bool tell_guests,
				struct problem *err) MUST_CHECK;
enum status events_store_set_status(struct request *req, int64_t event_id, enum event_status to,
				    struct problem *err) MUST_CHECK;
enum status events_store_delete(struct request *req, int64_t event_id,
				struct problem *err) MUST_CHECK;
/* Is there any payment of the event? Exact under its lock. */
enum status events_store_has_payments(struct request *req, int64_t event_id, bool *ret,
				      struct problem *err) MUST_CHECK;
/* Holds that one statement ends: few enough that nobody waits. */
enum { HOLDS_AT_ONCE = 5000 };
/* Unpaid holds end now, so many at once; events_clock_end_holds does the rest. */
enum status events_store_end_holds(struct request *req, int64_t event_id,
				   struct problem *err) MUST_CHECK;
/* What the tickets of the event, or of one ticket type of it, show has changed: their pages are out
 * of date from now on, and made anew in the background. ticket_type_id 0: all. */
enum status events_store_change_pages(struct request *req, int64_t event_id, int64_t ticket_type_id,
				      struct problem *err) MUST_CHECK;
/* Rows of struct event that the caller may see, and their number when by page (else -1). */
enum status events_store_list(struct request *req, const struct event_list_query *query,
			      const struct page *page, struct field_array *ret_rows,
			      int64_t *ret_total, struct problem *err) MUST_CHECK;

enum status staff_store_add(struct request *req, int64_t event_id, int64_t user_id,
			    struct problem *err) MUST_CHECK;
enum status staff_store_remove(struct request *req, int64_t event_id, int64_t user_id,
			       struct problem *err) MUST_CHECK;

#endif
