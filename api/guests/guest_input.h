/*
 * guest_input: what callers say of a guest.
 */
#ifndef API_GUESTS_GUEST_INPUT_H
#define API_GUESTS_GUEST_INPUT_H

#include "api/guests/guest_record.h"
#include "api/page.h"

struct guest_input {
	const char *first_name;
	const char *last_name;
	const char *email;
	const char *phone;
	int type;
	int locale;
	int64_t ticket_type_id;
	const char *external_id;
	struct presence presence;
};

/* Indices in both input tables. */
enum {
	GUEST_FIRST_NAME,
	GUEST_LAST_NAME,
	GUEST_EMAIL,
	GUEST_PHONE,
	GUEST_TYPE,
	GUEST_LOCALE,
	GUEST_TICKET_TYPE_ID,
	GUEST_EXTERNAL_ID,
};

struct guest_list_query {
	struct page_query page;
	int status; /* -1: any */
	int type;   /* -1: any */
	int64_t ticket_type_id;
	const char *search;
};

#endif
