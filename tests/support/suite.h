/*
 * suite: the real binaries, started for one test on free ports, with a database of its own.
 *
 * servers_start() first, in main. In a checked fixture: suite_begin(parts) … suite_end(). Programs
 * write their logs to files; suite_end ends them by pid and fails when one died by itself or a
 * sanitizer spoke.
 */
#ifndef TESTS_SUPPORT_SUITE_H
#define TESTS_SUPPORT_SUITE_H

#include "tests/support/dialogue.h"

enum suite_part {
	SUITE_PLATFORM = 1,
	SUITE_API = 2,
	SUITE_TICKETS = 4,
	SUITE_EMAIL = 8,
	SUITE_ALL = 15,
};
/* The n-th further process of a part, from 1 on, where functions take a part; suite_start starts
 * it, an API on ports of its own. */
enum { SUITE_NTH_SHIFT = 8 };
static inline enum suite_part suite_nth(enum suite_part part, int n)
{
	return (enum suite_part)((unsigned)part | (unsigned)n << SUITE_NTH_SHIFT);
}

/* A fresh database, empty Redis databases, then the programs; returns when they are ready. */
void suite_begin(unsigned parts);
void suite_end(void);
/* One further setting for programs started from now on ("HOLDS_PER_CALLER", "3"); before
 * suite_begin too. Cleared by suite_end. */
void suite_set(const char *name, const char *value);

void suite_start(enum suite_part part);
/* The same without waiting until it is ready: it may end before. */
void suite_spawn(enum suite_part part);
/* Wait until it has ended by itself: the exit status; -1: it still runs after `ms`. */
int suite_wait(enum suite_part part, int64_t ms);
/* SIGTERM and wait: returns the exit status. */
int suite_stop(enum suite_part part);
/* kill -9 and wait. */
void suite_kill(enum suite_part part);
int suite_pid(enum suite_part part);
/* Ready again after a restart of something it leans on, within `ms`. */
bool suite_ready(int64_t ms);

/* What is started from now on is the next version, where one is built (see the Makefile): the same
 * programs with a later step of the schema. */
void suite_use_next_version(bool next);

/* Addresses, without a slash at the end. */
const char *suite_api(void);                    /* what api_get and its kin speak to */
const char *suite_api_of(enum suite_part part); /* before it is started too */
/* Speak to that address from now on, which stays the caller's; NULL: the first API. */
void suite_speak_to(const char *address);
const char *suite_metrics(void);
const char *suite_metrics_of(enum suite_part part); /* of an API */
const char *suite_platform(void);
const char *suite_log(enum suite_part part); /* path of its log */
const char *suite_database(void);            /* URL */
extern const char suite_webhook_secret[], suite_qr_secret[], suite_jwt_secret[];
extern const char suite_service_token[];

/* Callers. Roles as in a token, comma separated. */
const char *token_of(int64_t user_id, const char *roles);
enum { ADMIN = 1, ORGANIZER = 2, OTHER_ORGANIZER = 3, USER = 10, OTHER_USER = 11, STAFF = 20 };
const char *token_admin(void);
const char *token_organizer(void);       /* user ORGANIZER */
const char *token_other_organizer(void); /* user OTHER_ORGANIZER */
const char *token_user(void);            /* user USER */

/* Speaking to the API: path and body are formatted. NULL token: anonymous; NULL body: none. */
struct reply *api_get(const char *token, const char *path, ...) PRINTF_LIKE(2, 3);
struct reply *api_delete(const char *token, const char *path, ...) PRINTF_LIKE(2, 3);
struct reply *api_put(const char *token, const char *path, ...) PRINTF_LIKE(2, 3);
struct reply *api_post(const char *token, const char *path, const char *body, ...)
	PRINTF_LIKE(3, 4);
struct reply *api_patch(const char *token, const char *path, const char *body, ...)
	PRINTF_LIKE(3, 4);
struct reply *api_send(const char *method, const char *token, const char *path, const char *body,
		       const char *const *headers);

/* The stand-in platform: its script, and what it got. */
void platform_script(const char *body, ...) PRINTF_LIKE(1, 2);
struct reply *platform_calls(const char *service);
struct reply *platform_pay(const char *body, ...) PRINTF_LIKE(1, 2);

/* The value of a series of the API's metrics, "name" or "name{label=\"value\"}"; -1: there is none.
 */
double api_metric(const char *series);

/* Run one statement on the test's database; the first value, NULL when there is none. */
const char *sql(const char *statement, ...) PRINTF_LIKE(1, 2);
int64_t sql_int(const char *statement, ...) PRINTF_LIKE(1, 2);
/* Wait until the statement's first value is `want`; false after `ms`. */
bool sql_becomes(int64_t ms, const char *want, const char *statement);
/* Run `corectl COMMAND ARGUMENT` (NULL: none) on the test's database: its exit code. */
int suite_corectl(const char *command, const char *argument);
/* The same for any words, as a shell reads them; *ret_output: what it said, stderr too. */
int suite_ask_corectl(const char **ret_output, const char *words, ...) PRINTF_LIKE(2, 3);
/* `corectl audit` on the test's database: true when it finds no drift. */
bool audit_clean(void);

/* An event of ORGANIZER, published: seats, one type with this price and quantity. Returns its id.
 */
struct shop {
	int64_t event_id;
	int64_t type_id;
};
struct shop shop_open(int max_attendees, const char *price, int quantity);
/* Register name@example.com as USER; the reply. */
struct reply *shop_register(const struct shop *shop, const char *token, const char *name);

#endif
