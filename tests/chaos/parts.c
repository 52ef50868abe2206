#include "tests/chaos/parts.h"

#include <stdio.h>
#include <string.h>

#include "tests/chaos/disk.h"
#include "tests/chaos/links.h"
#include "tests/support/servers.h"

static const char *by(enum way way, const char *scheme, const char *rest)
{
	return text("%s127.0.0.1:%d%s", scheme, links_port(way), rest);
}

static void use_database(enum way way)
{
	suite_set("DATABASE_URL",
		  by(way, "postgresql://postgres@", strrchr(suite_database(), '/')));
}

void parts_start(enum suite_part part, int nth)
{
	use_database(part == SUITE_API ? (enum way)(WAY_DB_API0 + nth) : WAY_DB_WORKERS);
	suite_start(suite_nth(part, nth));
	suite_set("DATABASE_URL", suite_database()); /* corectl goes the straight way */
}

static void set_ways(void)
{
	const char *platform = by(WAY_PLATFORM, "http://", "");

	suite_set("REDIS_URL", by(WAY_REDIS, "redis://", strrchr(servers_redis_url(), '/')));
	suite_set("REDIS_QUEUE_URL",
		  by(WAY_QUEUE, "redis://", strrchr(servers_redis_queue_url(), '/')));
	suite_set("AUTH_SERVICE_URL", platform);
	suite_set("PAYMENT_SERVICE_URL", platform);
	suite_set("NOTIFICATION_SERVICE_URL", platform);
}

static void set_times(void)
{
	suite_set("JOB_TIME_TO_RUN_MS", text("%d", LEASE_MS));
	suite_set("PAYMENT_WINDOW_S", text("%d", HOLD_S));
	suite_set("MAIL_RETRY_DELAYS", "1,2");
	suite_set("NOTIFICATION_TIMEOUT_MS", "2000");
}

void parts_begin(uint64_t seed)
{
	int api_port[APIS];

	set_times();
	suite_set("DOCUMENTS_STRAY_S", text("%d", STRAY_S));
	suite_set("DOCUMENTS_URL", seed % 2 ? text("file://%s", disk_path()) : "postgres:");
	suite_begin(0);
	suite_start(SUITE_PLATFORM);
	for (int i = 0; i < APIS; i++)
		sscanf(suite_api_of(suite_nth(SUITE_API, i)), "http://127.0.0.1:%d", &api_port[i]);
	links_start(seed, api_port);
	set_ways();
	for (int i = 0; i < APIS; i++)
		parts_start(SUITE_API, i);
	for (int i = 0; i < WORKERS; i++) {
		parts_start(SUITE_TICKETS, i);
		parts_start(SUITE_EMAIL, i);
	}
}

void parts_end(void)
{
	suite_end();
	links_stop();
}
