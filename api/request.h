/*
 * request: one request on its way through the API: what the frame (server.c) found out before the
 * handler, and what the handler leaves for the frame.
 *
 * The frame checks in the contract's order: path, method, token, visibility, rights, size, media
 * type, syntax, idempotency, fields. For a route with ROUTE_WRITES it then opens a transaction,
 * runs the handler, stores the answer under the idempotency key and commits; a serialization
 * failure runs the handler again. So a handler and what it calls must keep all state in the
 * request.
 */
#ifndef API_REQUEST_H
#define API_REQUEST_H

#include "api/app.h"
#include "common/httpd.h"
#include "common/ids.h"
#include "common/trace.h"

/* Who is asking. Roles and rights of the caller on the thing are one bit set, compared with a
 * route's `who`. */
enum who {
	WHO_ANYONE = 1,
	WHO_USER = 2,        /* any valid token */
	WHO_ADMIN = 4,       /* role admin */
	WHO_ORGANIZER = 8,   /* of this event; for routes without an event: the role */
	WHO_STAFF = 16,      /* of this event */
	WHO_REGISTRANT = 32, /* who registered this guest */
	WHO_LINK = 64,       /* holds the signed link of this ticket */
	WHO_SERVICE = 128,   /* X-Service-Token */
	WHO_SIGNED = 256,    /* the handler checks a signature over the body */
};

/* What the ids in the path name, and so what is looked up before the handler. */
enum scope {
	SCOPE_NONE,
	SCOPE_EVENT,
	SCOPE_TICKET_TYPE,
	SCOPE_GUEST,
	SCOPE_TICKET,
	SCOPE_PAYMENT,
	SCOPE_IMPORT
};

struct caller {
	bool signed_in;
	unsigned roles; /* ROLE_… of common/jwt.h */
	int64_t user_id;
	const char *email;
	const char *first_name;
	const char *last_name;
};

/* What is known of the thing that the path names. */
struct access {
	int64_t event_id;
	int64_t organizer_id;
	const char *event_status;
	int64_t guest_id;
	int64_t thing_id; /* ticket type, guest, ticket, payment or import */
	unsigned who;     /* WHO_… bits of this caller here */
};

struct limit_state; /* see api/limits.c */

/* Jobs that the transaction inserted, given to the dispatcher after its commit. */
struct pending_job {
	const char *type;
	char id[UUID_SIZE];
	struct pending_job *next;
};

struct request;
typedef enum status request_handler(struct request *req, struct problem *err);

enum {
	ROUTE_WRITES = 1,          /* the frame opens and commits the transaction */
	ROUTE_IDEMPOTENT = 2,      /* takes Idempotency-Key */
	ROUTE_ACCESS_LATER = 4,    /* the handler's one statement judges access; the frame asks only
				      when it refuses for another reason itself */
	ROUTE_RAW_BODY = 8,        /* any body: the handler reads it from `body` */
	ROUTE_DOOR = 16,           /* check-in: own connections, own bound */
	ROUTE_PRIVATE = 32,        /* Cache-Control: no-store */
	ROUTE_UNBOUNDED = 64,      /* health: answered whatever the load */
	ROUTE_SWEEPER = 128,       /* background work: own connections */
	ROUTE_BODY_OPTIONAL = 256, /* has an input, but may come without a body */
	ROUTE_STREAM = 512,        /* CSV or JSON of any size: the handler reads the body itself */
	ROUTE_REPLICA = 1024,      /* a list that may be read from the replica, see api/replica.h */
	ROUTE_KEPT = 2048,         /* anonymous callers may be served from memory, see api/kept.h */
};

struct route {
	const char *method;
	const char *pattern; /* {name} matches one id; {slug} any segment */
	unsigned who;
	enum scope scope;
	unsigned flags;
	const struct schema *input; /* of the body; NULL: none */
	const struct schema *query; /* parameters; NULL: none */
	request_handler *handle;
	int success;
};

struct request {
	struct app *app;
	struct http_exchange *http;
	struct arena *arena;
	const struct route *route;
	int64_t ids[2];
	const char *slug;
	struct caller caller;
	struct access access;
	struct limit_state *limits; /* what it was counted for; NULL: nothing */
	struct slice body;
	const void *input; /* decoded, as the route's schema says; NULL: no body */
	const void *query;
	struct pg_conn *conn; /* leased at first use, see request_conn */
	bool from_replica;    /* which it then is of */
	const char *idempotency_key;
	char fingerprint[65]; /* hex SHA-256 of method, path and body */
	struct trace_span span;
	const char *traceparent; /* the span's context, for jobs and calls */
	struct pending_job *jobs;
	bool whole; /* no 304: the answer is kept for others too */
	void *work; /* for the handler and what it passes to request_transaction */
};

/* The request's one connection, leased at first use, given back by the frame. */
enum status request_conn(struct request *req, struct pg_conn **ret_conn,
			 struct problem *err) MUST_CHECK;
/* Give the connection back early: before a call to another service. */
void request_release_conn(struct request *req);
/* pg_query on the request's connection. */
enum status request_query(struct request *req, const struct pg_statement *statement,
			  const struct pg_param *params, size_t param_count,
			  struct pg_result **ret_result, struct problem *err) MUST_CHECK;
/* Insert a job row in the open transaction and remember its id for the dispatcher. */
enum status request_job(struct request *req, const char *type, int64_t subject_id,
			struct problem *err) MUST_CHECK;
/* Remember a job that a statement inserted itself. */
void request_remember_job(struct request *req, const char *type, const char *id);
/* Run `work` in a transaction on the request's connection: rolled back unless it returns OK, run
 * again after a deadlock or a serialization failure, its jobs dispatched after the commit. What
 * ROUTE_WRITES does for the handler, for handlers that order their steps themselves. */
enum status request_transaction(struct request *req, request_handler *work,
				struct problem *err) MUST_CHECK;
/* Give the remembered jobs to the dispatcher: they are committed. */
void request_dispatch(struct request *req);
/* Admin, or the event's organizer? */
static inline bool request_manages(const struct request *req)
{
	return req->access.who & (WHO_ADMIN | WHO_ORGANIZER);
}
static inline bool caller_is_admin(const struct request *req)
{
	return req->caller.roles & ROLE_ADMIN;
}

/* --- answers -----------------------------------------------------------------------------------
 */

/* {"data": …} with the route's success status. edit_version > 0: ETag, and If-None-Match -> 304
 * for GET. */
void answer_data(struct request *req, const struct schema *schema, const void *value,
		 int64_t edit_version);
/* The same with Location: `path` is formatted. */
void answer_created(struct request *req, const struct schema *schema, const void *value,
		    int64_t edit_version, const char *path, ...) PRINTF_LIKE(5, 6);
/* 204, no body. */
void answer_none(struct request *req);
/* An answer of any length: send the head; the handler goes on with http_stream_write. */
void answer_stream(struct request *req, const char *content_type);
/* Any body. */
void answer_bytes(struct request *req, int status, const char *content_type, struct slice body);
/* The strong tag, quotes included, of the answer that is set; If-None-Match -> 304 for GET, unless
 * the whole answer is wanted. */
void answer_etag(struct request *req, const char *etag);
/* If-None-Match -> 304 for GET. */
void answer_match(struct request *req, const char *etag);
/* Tells one body, or address, from another; nobody's secret depends on it. */
uint64_t answer_digest(struct slice body);
/* The tag of an edit version and the body that is set. */
void answer_edit_tag(struct request *req, int64_t edit_version);
/* If-Match against the edit version of the thing, read under its lock: ST_PRECONDITION_FAILED. */
enum status request_check_match(const struct request *req, int64_t edit_version,
				struct problem *err) MUST_CHECK;

#endif
