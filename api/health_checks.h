/*
 * health_checks: one question to each thing the service leans on, timed.
 */
#ifndef API_HEALTH_CHECKS_H
#define API_HEALTH_CHECKS_H

#include "api/app.h"

enum { CHECK_DATABASE, CHECK_REDIS, CHECK_AUTH, CHECK_NOTIFICATION, CHECK_PAYMENT, CHECK_COUNT };

struct check_result {
	bool healthy;
	int64_t took_us;
	char details[128]; /* a JSON object; when healthy */
	char error[128];   /* else: fit for anyone, names no host */
};

/* Name of a check in the report. */
const char *health_check_name(int check);
/* Ask all of them, the three services in parallel, a second each at most. */
void health_check_all(struct app *app, struct check_result results[CHECK_COUNT]);
/* Is the database there, with every migration that this program knows, and serves it this program
 * still (see schema/0010_schema_floor.sql)? */
enum status health_check_schema(struct app *app, struct problem *err) MUST_CHECK;

#endif
