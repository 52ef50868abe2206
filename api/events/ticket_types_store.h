/*
 * ticket_types_store: ticket types in the database, by the request's connection. Decides nothing.
 */
#ifndef API_EVENTS_TICKET_TYPES_STORE_H
#define API_EVENTS_TICKET_TYPES_STORE_H

#include "api/events/event_input.h"
#include "api/events/event_record.h"

/* Insert `count` types in their order; ret_last_id (may be NULL) is the last one's. */
enum status ticket_types_store_insert(struct request *req, int64_t event_id,
				      const struct ticket_type_input *types, size_t count,
				      int64_t *ret_last_id, struct problem *err) MUST_CHECK;
/* ST_NOT_FOUND. */
enum status ticket_types_store_get(struct request *req, int64_t event_id, int64_t type_id,
				   struct ticket_type *ret, struct problem *err) MUST_CHECK;
/* The same, locked until the transaction ends; the event's lock comes first. */
enum status ticket_types_store_lock(struct request *req, int64_t event_id, int64_t type_id,
				    struct ticket_type *ret, struct problem *err) MUST_CHECK;
enum status ticket_types_store_update(struct request *req, const struct ticket_type *type,
				      struct problem *err) MUST_CHECK;
enum status ticket_types_store_delete(struct request *req, int64_t type_id,
				      struct problem *err) MUST_CHECK;
enum status ticket_types_store_count(struct request *req, int64_t event_id, int64_t *ret,
				     struct problem *err) MUST_CHECK;
/* Rows of struct ticket_type, newest first, and their number when by page (else -1). */
enum status ticket_types_store_list(struct request *req, int64_t event_id, const struct page *page,
				    struct field_array *ret_rows, int64_t *ret_total,
				    struct problem *err) MUST_CHECK;

#endif
