/*
 * matrix: each route x each kind of caller: what is answered, on a published event and on a draft.
 *
 * The rows are data alone, so that the build can hold them against api/routes.c (matrix_covers.c)
 * before anything runs.
 */
#ifndef TESTS_INTEGRATION_MATRIX_H
#define TESTS_INTEGRATION_MATRIX_H

#include "common/base.h"

enum matrix_caller {
	CALLER_ANONYMOUS,
	CALLER_STRANGER,        /* role user, and the role staff, which is no membership */
	CALLER_REGISTRANT,      /* registered the guests of the published event */
	CALLER_OTHER_ORGANIZER, /* role organizer, of another event */
	CALLER_STAFF,           /* of the event, role user */
	CALLER_OWNER,           /* role organizer */
	CALLER_ADMIN,
	CALLER_COUNT,
};

/* Which guest of the event, with its ticket, stands for {guest} and {ticket}. */
enum matrix_guest {
	GUEST_OF_ROW,  /* confirmed, with a ticket */
	GUEST_WITHOUT, /* registered, without a ticket type */
	GUEST_INSIDE,  /* checked in; on a draft confirmed only */
	MATRIX_GUESTS,
};

struct matrix_row {
	const char *method;
	const char *pattern; /* as in routes.c */
	const char *body; /* NULL: none; {word} as in the pattern, and {code}, {main}, {number} */
	enum matrix_guest guest;
	int published[CALLER_COUNT];
	int draft[CALLER_COUNT];
};

extern const struct matrix_row matrix_rows[];
extern const size_t matrix_row_count;

#endif
