/*
 * router: finds the route of a method and a raw path.
 */
#ifndef API_ROUTER_H
#define API_ROUTER_H

#include "api/request.h"

/* The API's table of contents (routes.c). */
extern const struct route routes[];
extern const size_t route_count;

/* Set req->route, ids and slug. ST_NOT_FOUND, or ST_METHOD_NOT_ALLOWED with err->allow set (the
 * methods of the path). HEAD finds the GET route. OPTIONS finds none: *ret_allow names the
 * methods. */
enum status route_find(struct request *req, const char *method, const char *path,
		       struct problem *err) MUST_CHECK;

#endif
