/*
 * imports: guests from a file, taken in by a request and worked off in the background; and all of
 * them as a file.
 */
#ifndef API_GUESTS_IMPORTS_H
#define API_GUESTS_IMPORTS_H

#include "api/sweeper.h"

extern const struct schema import_query_schema;

request_handler imports_create, imports_get, guests_export;

/* The duty: up to 500 rows of the import that waits longest. */
sweeper_slice imports_work;

#endif
