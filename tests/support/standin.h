/*
 * standin: the stand-in platform (see platform.h) as a test uses it: started beside the test
 * program, scripted, asked what it got. Whatever fails here ends the program with a message.
 */
#ifndef TESTS_SUPPORT_STANDIN_H
#define TESTS_SUPPORT_STANDIN_H

#include "common/json.h"

/* A call that the platform got. */
struct standin_call {
	int64_t status; /* answered; 0: hung or cut */
	const char *method;
	const char *path;
	const char *service_token;
	const char *idempotency_key;
	const char *request_id;
	const char *traceparent;
	const char *text; /* the body */
};

/* Start it on a free port, in main before srunner_run. `program` is argv[0]: its build tree holds
 * bin/platform. The platform ends with the test program. */
void standin_start(const char *program);
void standin_stop(void);
/* Base address of all three services. */
const char *standin_url(void);
/* Forget everything. */
void standin_reset(void);
/* POST /_control/script: `json` are the members of the script. */
void standin_script(const char *json);
/* Calls of a service, oldest first, in the arena: items are struct standin_call. */
struct field_array standin_calls(struct arena *arena, const char *service);
/* A number of GET /_control/counts: "mails", "intents", "notification" … */
int64_t standin_count(const char *name);

#endif
