/*
 * database_stage: what the sweeps of database calls share: the suite behind the wire, an event with
 * all that a request can name, what is to be seen of it afterwards, and the tally.
 */
#ifndef TESTS_SWEEPS_DATABASE_STAGE_H
#define TESTS_SWEEPS_DATABASE_STAGE_H

#include "tests/support/suite.h"
#include "tests/sweeps/wire.h"

/* --- the suite -------------------------------------------------------------------------------- */

/* The platform and the API, and what `parts` names besides; all reach PostgreSQL through the wire,
 * the sweep itself does not. */
void stage_begin(unsigned parts);
/* The audit becomes clean, all programs are still the ones that were started, the suite ends. */
void stage_end(void);
/* The first value of a statement, on one connection that stays open; NULL: none. */
const char *ask(const char *statement, ...) PRINTF_LIKE(1, 2);

/* --- faults ----------------------------------------------------------------------------------- */

struct fault {
	const char *name;
	enum wire_fault kind;
	const char *sqlstate;
};
extern const struct fault faults[];
extern const size_t fault_count;

/* --- the tally -------------------------------------------------------------------------------- */

/* One case has ended; NULL: as it should, else what was wrong, which is shown. */
void tally(const char *name, const char *wrong);
/* Is this case one of those to run? All are when SWEEP=all, else each `every`-th: SWEEP_SEED 0, 1 …
 * begin elsewhere, so that as many runs have had all. */
bool chosen(int every);
/* SWEEP_CALL names one call of the database: no other fails then. */
bool chosen_call(const char *call);
/* Show the figures; the process's exit code. */
int tally_end(const char *what);

/* --- a scene ---------------------------------------------------------------------------------- */

enum level {
	LEVEL_NOTHING,  /* an organizer who was never seen */
	LEVEL_DRAFT,    /* an event of theirs: types free, paid and spare */
	LEVEL_OPEN,     /* published */
	LEVEL_STARTED,  /* begun */
	LEVEL_STAFFED,  /* open, with a member of the staff */
	LEVEL_GUEST,    /* a guest with a ticket, registered by the buyer */
	LEVEL_PLAIN,    /* a guest without a ticket type */
	LEVEL_INSIDE,   /* the guest is checked in */
	LEVEL_HOLD,     /* a guest whose payment is due */
	LEVEL_PAID,     /* who paid */
	LEVEL_IMPORTED, /* an import has ended */
};

struct scene {
	int number;
	int64_t organizer, buyer;
	const char *owner_token, *buyer_token;
	int64_t event, free_type, paid_type, spare_type;
	int64_t guest, ticket, payment, import;
	const char *code, *intent;
};

struct scene scene_make(enum level level);
/* A text with its {words} filled in: the members' names. */
const char *scene_fill(const struct scene *scene, const char *pattern);
/* What the organizer's events have come to, without ids and times. Rows that were taken back by the
 * program itself (a seat that was released because its call failed) do not show. */
const char *scene_state(const struct scene *scene);
/* The payment service tells of the scene's intent; the message's id is the scene's. */
struct reply *scene_tell(const struct scene *scene, const char *type);

#endif
