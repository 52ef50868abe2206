/*
 * query: the query string, by field tables.
 */
#ifndef API_QUERY_H
#define API_QUERY_H

#include "api/request.h"

/* Decode the query string into a new struct of the schema: FIELD_STRING, FIELD_INT, FIELD_ID,
 * FIELD_ENUM, FIELD_BOOL, FIELD_TIME (a date-time, or a date alone = midnight UTC). Unknown,
 * repeated, empty and bad parameters are violations, all collected: ST_INVALID_QUERY. Absent:
 * NULL, 0, -1 for enums, TIME_NONE. `schema` NULL: any parameter is a violation. */
enum status query_decode(struct request *req, const struct schema *schema, const void **ret,
			 struct problem *err) MUST_CHECK;
/* The decoded value of one parameter, NULL when it is not there or not decodable. */
const char *query_raw(const struct request *req, const char *name);

#endif
