/*
 * kept: ready answers for callers without a token, so that hot reads do not reach the database.
 *
 * An answer is kept for a second at most and dropped by every commit of this process that may have
 * changed it: whoever asks after such a commit was answered never sees what was before. Callers who
 * ask for the same at once wait for one of them. Callers with a token are never served from here.
 * Thread safe; bounded memory.
 */
#ifndef API_KEPT_H
#define API_KEPT_H

#include "api/request.h"

struct kept;

struct kept *kept_new(void);
void kept_free(struct kept *kept);

/* Set the answer that is kept for this address, else the one that `make` sets, and keep it. */
enum status kept_answer(struct request *req, request_handler *make, struct problem *err) MUST_CHECK;
/* Set the answer that is kept for this address, if there is one and it is fresh: true. Waits for
 * nobody. */
bool kept_ready(struct request *req) MUST_CHECK;
/* A change of this event was committed; 0: of nobody knows which. */
void kept_drop(struct kept *kept, int64_t event_id);

#endif
