/*
 * The API's table of contents: every route, who may use it, what it takes, what it answers.
 */
#include "api/router.h"

#include "api/events/events.h"
#include "api/guests/guests.h"
#include "api/guests/imports.h"
#include "api/health.h"
#include "api/pages.h"
#include "api/payments/payments.h"
#include "api/statistics/statistics.h"
#include "api/tickets/tickets.h"

#define O_A (WHO_ORGANIZER | WHO_ADMIN)
#define O_S_A (O_A | WHO_STAFF)
#define WRITE (ROUTE_WRITES | ROUTE_IDEMPOTENT | ROUTE_PRIVATE)
#define EDIT (ROUTE_WRITES | ROUTE_PRIVATE)
#define EVENT "/api/events/{event}"
#define GUEST EVENT "/guests/{guest}"
#define TICKET "/api/tickets/{ticket}"

/* clang-format off */
const struct route routes[] = {
	{"POST", "/api/events", O_A, SCOPE_NONE, WRITE, &event_input_schema, NULL, events_create, 201},
	{"GET", "/api/events", WHO_ANYONE, SCOPE_NONE, ROUTE_REPLICA | ROUTE_KEPT, NULL, &event_list_schema, events_list, 200},
	{"GET", EVENT, WHO_ANYONE, SCOPE_EVENT, ROUTE_KEPT | ROUTE_ACCESS_LATER, NULL, NULL, events_get, 200},
	{"PATCH", EVENT, O_A, SCOPE_EVENT, EDIT, &event_patch_schema, NULL, events_patch, 200},
	{"DELETE", EVENT, O_A, SCOPE_EVENT, EDIT, NULL, NULL, events_delete, 204},
	{"POST", EVENT "/publish", O_A, SCOPE_EVENT, WRITE, NULL, NULL, events_publish, 200},
	{"POST", EVENT "/start", O_A, SCOPE_EVENT, WRITE, NULL, NULL, events_begin, 200},
	{"POST", EVENT "/end", O_A, SCOPE_EVENT, WRITE, NULL, NULL, events_end, 200},
	{"POST", EVENT "/cancel", O_A, SCOPE_EVENT, WRITE, NULL, NULL, events_cancel, 200},

	{"GET", EVENT "/ticket-types", WHO_ANYONE, SCOPE_EVENT, ROUTE_REPLICA | ROUTE_KEPT, NULL, &ticket_type_list_schema, ticket_types_list, 200},
	{"POST", EVENT "/ticket-types", O_A, SCOPE_EVENT, WRITE, &ticket_type_input_schema, NULL, ticket_types_create, 201},
	{"PATCH", EVENT "/ticket-types/{type}", O_A, SCOPE_TICKET_TYPE, EDIT, &ticket_type_patch_schema, NULL, ticket_types_patch, 200},
	{"DELETE", EVENT "/ticket-types/{type}", O_A, SCOPE_TICKET_TYPE, EDIT, NULL, NULL, ticket_types_delete, 204},
	{"PUT", EVENT "/staff/{user}", O_A, SCOPE_EVENT, EDIT, NULL, NULL, staff_add, 204},
	{"DELETE", EVENT "/staff/{user}", O_A, SCOPE_EVENT, EDIT, NULL, NULL, staff_remove, 204},

	{"POST", EVENT "/guests", WHO_USER, SCOPE_EVENT, ROUTE_IDEMPOTENT | ROUTE_ACCESS_LATER | ROUTE_PRIVATE, &guest_input_schema, NULL, guests_register, 201},
	{"GET", EVENT "/guests", O_S_A, SCOPE_EVENT, ROUTE_PRIVATE | ROUTE_REPLICA, NULL, &guest_list_schema, guests_list, 200},
	{"GET", GUEST, O_S_A | WHO_REGISTRANT, SCOPE_GUEST, ROUTE_PRIVATE, NULL, NULL, guests_get, 200},
	{"PATCH", GUEST, O_A, SCOPE_GUEST, EDIT, &guest_patch_schema, NULL, guests_patch, 200},
	{"DELETE", GUEST, O_A, SCOPE_GUEST, EDIT, NULL, NULL, guests_delete, 204},
	{"POST", GUEST "/confirm", O_A, SCOPE_GUEST, WRITE, NULL, NULL, guests_confirm, 200},
	{"POST", GUEST "/cancel", O_A | WHO_REGISTRANT, SCOPE_GUEST, WRITE, NULL, NULL, guests_cancel, 200},
	{"POST", GUEST "/check-in", O_S_A, SCOPE_GUEST, ROUTE_IDEMPOTENT | ROUTE_PRIVATE | ROUTE_DOOR, NULL, NULL, guests_check_in, 200},
	{"DELETE", GUEST "/check-in", O_A, SCOPE_GUEST, EDIT, NULL, NULL, guests_undo_check_in, 204},
	{"GET", GUEST "/payments", O_A | WHO_REGISTRANT, SCOPE_GUEST, ROUTE_PRIVATE | ROUTE_REPLICA, NULL, &payment_list_schema, payments_list, 200},
	{"POST", "/api/payments/{payment}/refund", O_A, SCOPE_PAYMENT, WRITE | ROUTE_BODY_OPTIONAL, &refund_input_schema, NULL, payments_refund, 202},
	{"POST", EVENT "/guests/import", O_A, SCOPE_EVENT, ROUTE_STREAM | ROUTE_IDEMPOTENT | ROUTE_PRIVATE, NULL, &import_query_schema, imports_create, 202},
	{"GET", EVENT "/guests/export", O_A, SCOPE_EVENT, ROUTE_PRIVATE | ROUTE_REPLICA, NULL, NULL, guests_export, 200},
	{"GET", "/api/imports/{import}", O_A, SCOPE_IMPORT, ROUTE_PRIVATE, NULL, NULL, imports_get, 200},
	{"POST", "/api/payments/webhook", WHO_SIGNED, SCOPE_NONE, ROUTE_RAW_BODY | ROUTE_PRIVATE, NULL, NULL, payments_webhook, 204},

	{"POST", "/api/tickets/validate", WHO_USER, SCOPE_NONE, ROUTE_DOOR | ROUTE_PRIVATE, &validate_input_schema, NULL, tickets_validate, 200},
	{"GET", TICKET, O_S_A | WHO_REGISTRANT | WHO_LINK, SCOPE_TICKET, ROUTE_PRIVATE, NULL, &ticket_query_schema, tickets_get, 200},
	{"GET", TICKET "/pdf", O_S_A | WHO_REGISTRANT | WHO_LINK, SCOPE_TICKET, ROUTE_PRIVATE, NULL, &ticket_query_schema, tickets_pdf, 200},
	{"GET", TICKET "/qr.svg", O_S_A | WHO_REGISTRANT | WHO_LINK, SCOPE_TICKET, ROUTE_PRIVATE, NULL, &ticket_query_schema, tickets_qr_svg, 200},
	{"GET", TICKET "/qr.png", O_S_A | WHO_REGISTRANT | WHO_LINK, SCOPE_TICKET, ROUTE_PRIVATE, NULL, &ticket_query_schema, tickets_qr_png, 200},
	{"POST", TICKET "/reissue", O_A, SCOPE_TICKET, WRITE, NULL, NULL, tickets_reissue, 200},
	{"DELETE", TICKET "/validation", O_A, SCOPE_TICKET, EDIT, NULL, NULL, tickets_undo_validation, 204},

	{"GET", EVENT "/statistics", O_A, SCOPE_EVENT, ROUTE_PRIVATE, NULL, &statistics_query_schema, statistics_event, 200},
	{"GET", EVENT "/statistics/timeseries", O_A, SCOPE_EVENT, ROUTE_PRIVATE, NULL, &series_query_schema, statistics_series, 200},
	{"GET", "/api/statistics", O_A, SCOPE_NONE, ROUTE_PRIVATE, NULL, &organizer_query_schema, statistics_organizer, 200},
	{"POST", "/api/internal/statistics/aggregate", WHO_SERVICE, SCOPE_NONE, ROUTE_PRIVATE, NULL, NULL, statistics_aggregate, 200},

	{"GET", "/health", WHO_ANYONE, SCOPE_NONE, ROUTE_UNBOUNDED, NULL, NULL, health_report, 200},
	{"GET", "/health/live", WHO_ANYONE, SCOPE_NONE, ROUTE_UNBOUNDED, NULL, NULL, health_live, 200},
	{"GET", "/health/ready", WHO_ANYONE, SCOPE_NONE, ROUTE_UNBOUNDED, NULL, NULL, health_ready, 200},
	{"GET", "/openapi.json", WHO_ANYONE, SCOPE_NONE, 0, NULL, NULL, pages_openapi_json, 200},
	{"GET", "/openapi.yaml", WHO_ANYONE, SCOPE_NONE, 0, NULL, NULL, pages_openapi_yaml, 200},
	{"GET", "/docs", WHO_ANYONE, SCOPE_NONE, 0, NULL, NULL, pages_docs, 200},
	{"GET", "/docs/{slug}", WHO_ANYONE, SCOPE_NONE, 0, NULL, NULL, pages_docs_file, 200},
	{"GET", "/problems/{slug}", WHO_ANYONE, SCOPE_NONE, 0, NULL, NULL, pages_problem, 200},
};
/* clang-format on */
const size_t route_count = ARRAY_LEN(routes);
