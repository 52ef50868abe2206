/*
 * Does the matrix name each route once, and nothing else? Run by the build: a route that somebody
 * adds without saying who may use it does not build.
 */
#include <stdio.h>
#include <string.h>

#include "api/router.h"
#include "tests/integration/matrix.h"

static int rows_of(const struct route *route)
{
	int found = 0;

	for (size_t i = 0; i < matrix_row_count; i++)
		found += !strcmp(matrix_rows[i].method, route->method) &&
			 !strcmp(matrix_rows[i].pattern, route->pattern);
	return found;
}

static bool is_route(const struct matrix_row *row)
{
	for (size_t i = 0; i < route_count; i++)
		if (!strcmp(routes[i].method, row->method) &&
		    !strcmp(routes[i].pattern, row->pattern))
			return true;
	return false;
}

int main(void)
{
	int wrong = 0;

	for (size_t i = 0; i < route_count; i++) {
		int found = rows_of(&routes[i]);

		if (found != 1)
			fprintf(stderr, "matrix_rows.c: %s %s has %d rows\n", routes[i].method,
				routes[i].pattern, found);
		wrong += found != 1;
	}
	for (size_t i = 0; i < matrix_row_count; i++) {
		if (is_route(&matrix_rows[i]))
			continue;
		fprintf(stderr, "matrix_rows.c: %s %s is no route\n", matrix_rows[i].method,
			matrix_rows[i].pattern);
		wrong++;
	}
	return wrong != 0;
}
