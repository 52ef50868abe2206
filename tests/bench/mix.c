#include "tests/bench/mix.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/suite.h"

enum { EVENTS = 40, SEATS = 100000, BUYERS = 900, FIRST_BUYER = 1001 };

static struct {
	struct shop shops[EVENTS];
	const char *buyers[BUYERS];
	const char *organizer;
	uint64_t accepted;
	unsigned passed, failed;
} all;

void mix_open(void)
{
	for (size_t i = 0; i < EVENTS; i++)
		all.shops[i] = shop_open(SEATS, "0", SEATS);
	mix_sign_in();
}

void mix_sign_in(void)
{
	for (int64_t i = 0; i < BUYERS; i++) {
		all.buyers[i] = token_of(FIRST_BUYER + i, "user");
	}
	all.organizer = token_organizer();
}

static size_t add_registration(char *buf, const struct shop *shop, uint64_t n)
{
	char body[512];

	snprintf(body, sizeof(body),
		 "{\"firstName\":\"Zoé\",\"lastName\":\"Nguyễn\",\"email\":\"m%llu@bench.example\","
		 "\"ticketTypeId\":%lld}",
		 (unsigned long long)n, (long long)shop->type_id);
	return (size_t)sprintf(buf,
			       "POST /api/events/%lld/guests HTTP/1.1\r\nHost: localhost\r\n"
			       "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
			       "Content-Length: %zu\r\n\r\n%s",
			       (long long)shop->event_id, all.buyers[n % BUYERS], strlen(body),
			       body);
}

/* NULL token: anonymous. */
static size_t add_read(char *buf, const char *path, const char *token)
{
	return (size_t)sprintf(buf, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s%s%s\r\n", path,
			       token ? "Authorization: Bearer " : "", token ? token : "",
			       token ? "\r\n" : "");
}

size_t mix_make(void *ctx, char *buf)
{
	struct mix *mix = ctx;
	uint64_t n = ++mix->next;
	const struct shop *shop = &all.shops[n * 7919 % EVENTS];
	const char *buyer = all.buyers[n % BUYERS];
	char path[128];

	if (n * 37 % 100 < mix->registrations)
		return add_registration(buf, shop, n);
	snprintf(path, sizeof(path), "/api/events/%lld", (long long)shop->event_id);
	switch (n / 3 % 10) {
	case 0:
	case 1:
		return add_read(buf, "/api/events?limit=100", buyer);
	case 2:
		return add_read(buf, "/api/events?page=1&search=event", buyer);
	case 3:
		strcat(path, "/guests?limit=100");
		return add_read(buf, path, all.organizer);
	case 4:
		strcat(path, "/guests?search=zo");
		return add_read(buf, path, all.organizer);
	case 5:
		strcat(path, "/statistics?period=all");
		return add_read(buf, path, all.organizer);
	case 6:
		return add_read(buf, path, NULL);
	default:
		return add_read(buf, path, buyer);
	}
}

enum verdict mix_judge(int status, const char *answer)
{
	all.accepted += status == 201;
	if (status == 200 || status == 201)
		return VERDICT_GOOD;
	if (status == 503 && strstr(answer, "\r\nRetry-After: ") &&
	    strstr(answer, "application/problem+json") && strstr(answer, "\"/problems/"))
		return VERDICT_REFUSED;
	return VERDICT_WRONG;
}

uint64_t mix_accepted(void)
{
	return all.accepted;
}

/* --- what holds ------------------------------------------------------------------------------- */

void mix_check(bool holds, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	printf("%s  ", holds ? "ok    " : "FAILED");
	vprintf(fmt, args);
	putchar('\n');
	va_end(args);
	fflush(stdout);
	if (holds)
		all.passed++;
	else
		all.failed++;
}

int mix_sum_up(void)
{
	printf("%u passed, %u failed\n", all.passed, all.failed);
	return all.failed || !all.passed ? EXIT_FAILURE : EXIT_SUCCESS;
}

double mix_number(const char *name, double otherwise)
{
	const char *given = getenv(name);

	return given && *given ? strtod(given, NULL) : otherwise;
}
