/*
 * database flows|jobs|replies [NAME]: one sweep; says every case that failed, then
 * `N passed, N failed`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/http_client.h"
#include "tests/support/servers.h"
#include "tests/sweeps/database_sweeps.h"

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*sweep)(const char *only);
	} sweeps[] = {{"flows", sweep_flows}, {"jobs", sweep_jobs}, {"replies", sweep_replies}};

	for (size_t i = 0; argc > 1 && i < ARRAY_LEN(sweeps); i++)
		if (!strcmp(argv[1], sweeps[i].name)) {
			http_client_init();
			servers_start();
			sweeps[i].sweep(argc > 2 ? argv[2] : NULL);
			servers_stop();
			return tally_end(argv[1]);
		}
	fprintf(stderr, "usage: database flows|jobs|replies [NAME]\n");
	return EXIT_USAGE;
}
