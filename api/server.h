/*
 * server: takes a request through the contract's checks, runs its route, turns the outcome into an
 * answer, logs and counts it.
 */
#ifndef API_SERVER_H
#define API_SERVER_H

#include "api/app.h"
#include "common/httpd.h"

/* Handler and `done` for httpd; ctx is the struct app. */
void server_handle(void *ctx, struct http_exchange *exchange);
void server_done(void *ctx, struct http_exchange *exchange);

#endif
