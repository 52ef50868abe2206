/*
 * cors: cross-origin answers for the origins of CORS_ORIGINS (Fetch standard).
 */
#ifndef API_CORS_H
#define API_CORS_H

#include "api/request.h"

/* Headers of a preflight's answer. */
void cors_preflight(struct request *req, const char *methods);
/* Headers of any answer to an allowed origin. */
void cors_answer(struct request *req);

#endif
