#include "tests/integration/matrix.h"

#define EVENT "/api/events/{event}"
#define GUEST EVENT "/guests/{guest}"
#define TICKET "/api/tickets/{ticket}"

#define ALL(ok)                                                                                    \
	{                                                                                          \
		ok, ok, ok, ok, ok, ok, ok                                                         \
	}
/* Of the event itself, published: anyone sees it, so who may not act is told so. */
#define MANAGERS(ok)                                                                               \
	{                                                                                          \
		401, 403, 403, 403, 403, ok, ok                                                    \
	}
#define CREW(ok)                                                                                   \
	{                                                                                          \
		401, 403, 403, 403, ok, ok, ok                                                     \
	}
#define SIGNED_IN(ok)                                                                              \
	{                                                                                          \
		401, ok, ok, ok, ok, ok, ok                                                        \
	}
/* Of one guest or ticket: not there for who may not see it. */
#define OF_GUEST_MANAGERS(ok)                                                                      \
	{                                                                                          \
		401, 404, 403, 404, 403, ok, ok                                                    \
	}
#define OF_GUEST_CREW(ok)                                                                          \
	{                                                                                          \
		401, 404, 403, 404, ok, ok, ok                                                     \
	}
#define OF_GUEST_SEERS(ok)                                                                         \
	{                                                                                          \
		401, 404, ok, 404, ok, ok, ok                                                      \
	}
#define OF_GUEST_OWN(ok)                                                                           \
	{                                                                                          \
		401, 404, ok, 404, 403, ok, ok                                                     \
	}
/* Of an import: not there for anybody else. */
#define OF_EVENT_MANAGERS(ok)                                                                      \
	{                                                                                          \
		401, 404, 404, 404, 404, ok, ok                                                    \
	}
/* Of a draft: there for its crew alone. Its guests were registered by the owner. */
#define DRAFT_SEEN(ok)                                                                             \
	{                                                                                          \
		404, 404, 404, 404, ok, ok, ok                                                     \
	}
#define DRAFT_CREW(ok)                                                                             \
	{                                                                                          \
		401, 404, 404, 404, ok, ok, ok                                                     \
	}
#define DRAFT_MANAGERS(ok)                                                                         \
	{                                                                                          \
		401, 404, 404, 404, 403, ok, ok                                                    \
	}

#define NEW_EVENT                                                                                  \
	"{\"title\":\"Another\",\"eventDate\":\"2099-01-01T20:00:00Z\",\"location\":\"Here\","     \
	"\"maxAttendees\":5,\"ticketTypes\":[{\"name\":\"One\",\"price\":0,\"quantity\":5}]}"
#define NEW_TYPE "{\"name\":\"Balcony\",\"price\":5,\"quantity\":5}"
#define NEW_GUEST                                                                                  \
	"{\"firstName\":\"New\",\"lastName\":\"Guest\",\"email\":\"new{number}@example.com\","     \
	"\"ticketTypeId\":{main}}"
#define CODE "{\"ticketCode\":\"{code}\",\"eventId\":{event}}"

/* clang-format off */
const struct matrix_row matrix_rows[] = {
	/* -, stranger, registrant, other organizer, staff, owner, admin */
	{"POST", "/api/events", NEW_EVENT, 0, {401, 403, 403, 201, 403, 201, 201}, {401, 403, 403, 201, 403, 201, 201}},
	{"GET", "/api/events", NULL, 0, ALL(200), ALL(200)},
	{"GET", EVENT, NULL, 0, ALL(200), DRAFT_SEEN(200)},
	{"PATCH", EVENT, "{\"title\":\"Changed\"}", 0, MANAGERS(200), DRAFT_MANAGERS(200)},
	{"DELETE", EVENT, NULL, 0, MANAGERS(409), DRAFT_MANAGERS(409)}, /* it has guests */
	{"POST", EVENT "/publish", NULL, 0, MANAGERS(409), DRAFT_MANAGERS(200)},
	{"POST", EVENT "/start", NULL, 0, MANAGERS(200), DRAFT_MANAGERS(409)},
	{"POST", EVENT "/end", NULL, 0, MANAGERS(409), DRAFT_MANAGERS(409)},
	{"POST", EVENT "/cancel", NULL, 0, MANAGERS(200), DRAFT_MANAGERS(409)},

	{"GET", EVENT "/ticket-types", NULL, 0, ALL(200), DRAFT_SEEN(200)},
	{"POST", EVENT "/ticket-types", NEW_TYPE, 0, MANAGERS(201), DRAFT_MANAGERS(201)},
	{"PATCH", EVENT "/ticket-types/{type}", "{\"name\":\"Stalls\"}", 0, MANAGERS(200), DRAFT_MANAGERS(200)},
	{"DELETE", EVENT "/ticket-types/{type}", NULL, 0, MANAGERS(204), DRAFT_MANAGERS(204)},
	{"PUT", EVENT "/staff/{user}", NULL, 0, MANAGERS(204), DRAFT_MANAGERS(204)},
	{"DELETE", EVENT "/staff/{user}", NULL, 0, MANAGERS(204), DRAFT_MANAGERS(204)},

	/* Staff see a draft, which takes registrations of its managers alone. */
	{"POST", EVENT "/guests", NEW_GUEST, 0, SIGNED_IN(201), {401, 404, 404, 404, 409, 201, 201}},
	{"GET", EVENT "/guests", NULL, 0, CREW(200), DRAFT_CREW(200)},
	{"GET", GUEST, NULL, GUEST_OF_ROW, OF_GUEST_SEERS(200), DRAFT_CREW(200)},
	{"PATCH", GUEST, "{\"phone\":\"+33612345678\"}", GUEST_OF_ROW, OF_GUEST_MANAGERS(200), DRAFT_MANAGERS(200)},
	{"DELETE", GUEST, NULL, GUEST_OF_ROW, OF_GUEST_MANAGERS(204), DRAFT_MANAGERS(204)},
	{"POST", GUEST "/confirm", NULL, GUEST_WITHOUT, OF_GUEST_MANAGERS(200), DRAFT_MANAGERS(200)},
	{"POST", GUEST "/cancel", NULL, GUEST_OF_ROW, OF_GUEST_OWN(200), DRAFT_MANAGERS(200)},
	{"POST", GUEST "/check-in", NULL, GUEST_OF_ROW, OF_GUEST_CREW(200), DRAFT_CREW(409)},
	{"DELETE", GUEST "/check-in", NULL, GUEST_INSIDE, OF_GUEST_MANAGERS(204), DRAFT_MANAGERS(409)},
	{"GET", GUEST "/payments", NULL, GUEST_OF_ROW, OF_GUEST_OWN(200), DRAFT_MANAGERS(200)},
	{"POST", "/api/payments/{payment}/refund", NULL, GUEST_OF_ROW, {401, 404, 403, 404, 404, 409, 409}, {401, 404, 404, 404, 404, 409, 409}}, /* not paid */
	{"POST", EVENT "/guests/import", "{\"rows\":[]}", 0, MANAGERS(202), DRAFT_MANAGERS(202)},
	{"GET", EVENT "/guests/export", NULL, 0, MANAGERS(200), DRAFT_MANAGERS(200)},
	{"GET", "/api/imports/{import}", NULL, 0, OF_EVENT_MANAGERS(200), OF_EVENT_MANAGERS(200)},
	{"POST", "/api/payments/webhook", "{}", 0, ALL(401), ALL(401)}, /* unsigned */

	/* A code that is not yours to scan does not exist. */
	{"POST", "/api/tickets/validate", CODE, GUEST_OF_ROW, {401, 404, 404, 404, 200, 200, 200}, {401, 404, 404, 404, 409, 409, 409}},
	{"GET", TICKET, NULL, GUEST_OF_ROW, OF_GUEST_SEERS(200), DRAFT_CREW(200)},
	{"GET", TICKET "/pdf", NULL, GUEST_OF_ROW, OF_GUEST_SEERS(202), DRAFT_CREW(202)}, /* no worker runs */
	{"GET", TICKET "/qr.svg", NULL, GUEST_OF_ROW, OF_GUEST_SEERS(202), DRAFT_CREW(202)},
	{"GET", TICKET "/qr.png", NULL, GUEST_OF_ROW, OF_GUEST_SEERS(202), DRAFT_CREW(202)},
	{"POST", TICKET "/reissue", NULL, GUEST_OF_ROW, OF_GUEST_MANAGERS(200), DRAFT_MANAGERS(200)},
	{"DELETE", TICKET "/validation", NULL, GUEST_INSIDE, OF_GUEST_MANAGERS(204), DRAFT_MANAGERS(409)},

	{"GET", EVENT "/statistics", NULL, 0, MANAGERS(200), DRAFT_MANAGERS(200)},
	{"GET", EVENT "/statistics/timeseries", NULL, 0, MANAGERS(200), DRAFT_MANAGERS(200)},
	{"GET", "/api/statistics", NULL, 0, {401, 403, 403, 200, 403, 200, 200}, {401, 403, 403, 200, 403, 200, 200}},
	{"POST", "/api/internal/statistics/aggregate", NULL, 0, ALL(401), ALL(401)}, /* no service token */

	{"GET", "/health", NULL, 0, ALL(200), ALL(200)},
	{"GET", "/health/live", NULL, 0, ALL(200), ALL(200)},
	{"GET", "/health/ready", NULL, 0, ALL(200), ALL(200)},

	{"GET", "/openapi.json", NULL, 0, ALL(200), ALL(200)},
	{"GET", "/openapi.yaml", NULL, 0, ALL(200), ALL(200)},
	{"GET", "/docs", NULL, 0, ALL(200), ALL(200)},
	/* Nothing is called {slug}. */
	{"GET", "/docs/{slug}", NULL, 0, ALL(404), ALL(404)},
	{"GET", "/problems/{slug}", NULL, 0, ALL(404), ALL(404)},
};
/* clang-format on */
const size_t matrix_row_count = ARRAY_LEN(matrix_rows);
