/*
 * dialogue: HTTP as a test speaks it: say(GET, …), then look at the reply by dotted paths.
 *
 * Replies live until the test's process ends. A connection is kept per thread. What cannot be done
 * (no answer at all) is a reply with status 0.
 */
#ifndef TESTS_SUPPORT_DIALOGUE_H
#define TESTS_SUPPORT_DIALOGUE_H

#include "common/base.h"

struct reply {
	int status;
	bool refused; /* status 0: there was no connection to be had, nothing was sent */
	char *body;   /* NUL-terminated */
	size_t len;
	char *headers; /* raw header lines */
	void *json;    /* parsed body, NULL when it is none */
};

/* Headers beside Content-Type and Authorization, each "Name: value"; NULL-terminated. */
struct saying {
	const char *method;
	const char *url; /* absolute */
	const char *token;
	const char *body;         /* NULL: none */
	size_t body_len;          /* 0: strlen */
	const char *content_type; /* NULL: application/json when there is a body */
	const char *const *headers;
	int64_t timeout_ms; /* 0: 20 s */
};
struct reply *say(const struct saying *saying);
/* Keep what is said to addresses that begin so, and what came back, as JSON lines in the directory
 * that DIALOGUE_LOG names; nothing where it is not set. */
void say_on_record(const char *address);

/* Close this thread's connection; the end of a crowd's member and of a suite do it. */
void say_goodbye(void);

/* The value at a path such as "data.ticketTypes.0.id"; integers up to 2^53. Absent: NULL,
 * INT64_MIN. */
const char *reply_text(const struct reply *reply, const char *path);
int64_t reply_int(const struct reply *reply, const char *path);
double reply_number(const struct reply *reply, const char *path);
bool reply_has(const struct reply *reply, const char *path); /* there, even if null */
bool reply_null(const struct reply *reply, const char *path);
bool reply_true(const struct reply *reply, const char *path);
int reply_count(const struct reply *reply, const char *path); /* items of an array, -1: none */
/* Slug of a problem document ("sold-out"), "" when the reply is none. */
const char *reply_slug(const struct reply *reply);
/* Has the problem a violation with this pointer (or parameter) and, unless NULL, code? */
bool reply_violates(const struct reply *reply, const char *where, const char *code);
/* A response header's value, NULL when it is not there. */
const char *reply_header(const struct reply *reply, const char *name);
void reply_free(struct reply *reply);

/* Formatted text that lives until the process ends. */
const char *text(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
