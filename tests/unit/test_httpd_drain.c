/*
 * httpd: starting, draining, and the metrics server.
 */
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/support/httpd_fixture.h"

/* --- drain ------------------------------------------------------------------------------------*/

enum { CLIENTS = 200 };

struct client {
	pthread_t thread;
	struct reply reply;
	int port;
	int answered;
	bool cut;
};
static struct client clients[CLIENTS];
static _Atomic(int) connected;

static bool exchange_once(struct client *client, int fd)
{
	static const char request[] = "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n";
	send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL);
	if (read_head(fd, &client->reply) && read_body(fd, &client->reply) &&
	    strcmp(client->reply.text + client->reply.head_len, "slow") == 0) {
		client->answered++;
		return true;
	}
	client->cut = true;
	return false;
}

/* Requests on one connection until the server says close; connections until none is to be had. */
static void *fire(void *arg)
{
	struct client *client = arg;
	for (;;) {
		int fd = dial_port(client->port);
		if (fd < 0)
			return NULL;
		atomic_fetch_add(&connected, 1);
		while (exchange_once(client, fd) &&
		       strstr(client->reply.text, "Connection: close") == NULL)
			;
		close(fd);
		if (client->cut)
			return NULL;
	}
}

START_TEST(draining_cuts_nothing)
{
	int answered = 0;
	for (int i = 0; i < CLIENTS; i++) {
		clients[i].port = httpd_port(server);
		ck_assert_int_eq(pthread_create(&clients[i].thread, NULL, fire, &clients[i]), 0);
	}
	while (atomic_load(&connected) < CLIENTS)
		clock_sleep_ms(1);
	int64_t start_us = clock_monotonic_us();
	httpd_drain(server, 15000);
	server = NULL;
	ck_assert_int_lt(clock_monotonic_us() - start_us, 10 * US_PER_S);
	for (int i = 0; i < CLIENTS; i++) {
		pthread_join(clients[i].thread, NULL);
		ck_assert_msg(!clients[i].cut, "client %d was cut after %d answers", i,
			      clients[i].answered);
		answered += clients[i].answered;
	}
	ck_assert_int_ge(answered, CLIENTS);
	ck_assert_int_eq(done_handled, answered);
}
END_TEST

/* Connections that a proxy keeps, of which it uses one now and then. */
enum { KEPT = 4, BETWEEN_MS = 600 };

static struct httpd *start_patient(void)
{
	const struct httpd_options options = {.threads = KEPT + 2,
					      .connection_queue = 8,
					      .request_timeout_ms = 700,
					      .keep_alive_timeout_ms = 60000,
					      .handler = handle};
	struct problem err = {0};
	struct httpd *patient = NULL;
	ck_assert_int_eq(httpd_start(&options, &patient, &err), OK);
	return patient;
}

static void *use_kept(void *arg)
{
	const int *kept = arg;
	for (int i = 0; i < KEPT; i++) {
		clock_sleep_ms(BETWEEN_MS);
		exchange_once(&clients[0], kept[i]);
		close(kept[i]);
	}
	return NULL;
}

START_TEST(what_is_in_use_is_not_ended)
{
	struct httpd *patient = start_patient();
	int kept[KEPT + 1];
	pthread_t thread;
	clients[0] = (struct client){0};
	for (int i = 0; i <= KEPT; i++) {
		kept[i] = dial_port(httpd_port(patient));
		ck_assert(exchange_once(&clients[0], kept[i]));
	}
	ck_assert_int_eq(pthread_create(&thread, NULL, use_kept, kept), 0);
	int64_t start_us = clock_monotonic_us();
	httpd_drain(patient, 15000); /* ends the one that nobody uses */
	ck_assert_int_lt(clock_monotonic_us() - start_us, 6 * US_PER_S);
	pthread_join(thread, NULL);
	ck_assert(!clients[0].cut);
	ck_assert_int_eq(clients[0].answered, KEPT + 1 + KEPT);
	close(kept[KEPT]);
}
END_TEST

/* Not for ever: at half of its time. */
START_TEST(what_is_in_use_is_ended_in_the_end)
{
	struct httpd *patient = start_patient();
	int kept[KEPT];
	pthread_t thread;
	clients[0] = (struct client){0};
	for (int i = 0; i < KEPT; i++)
		kept[i] = dial_port(httpd_port(patient));
	ck_assert_int_eq(pthread_create(&thread, NULL, use_kept, kept), 0);
	int64_t start_us = clock_monotonic_us();
	httpd_drain(patient, 2600);
	ck_assert_int_lt(clock_monotonic_us() - start_us, 2400 * US_PER_MS);
	pthread_join(thread, NULL);
	ck_assert(clients[0].cut);
}
END_TEST

START_TEST(a_drain_ends_at_its_deadline)
{
	int fd = dial();
	ask(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	send_text(fd, "GET /unfinished HTTP/1.1\r\n");
	int64_t start_us = clock_monotonic_us();
	stop();
	ck_assert_int_lt(clock_monotonic_us() - start_us, 3 * US_PER_S);
	close(fd);
}
END_TEST

START_TEST(an_idle_server_drains_quickly)
{
	int64_t start_us = clock_monotonic_us();
	httpd_drain(server, 5000);
	server = NULL;
	ck_assert_int_lt(clock_monotonic_us() - start_us, US_PER_S);
}
END_TEST

START_TEST(a_taken_port_is_an_error)
{
	struct httpd *second = NULL;
	struct httpd_options options = {.port = httpd_port(server),
					.threads = 1,
					.connection_queue = 1,
					.request_timeout_ms = 100,
					.handler = handle};
	struct problem err = {0};
	ck_assert_int_eq(httpd_start(&options, &second, &err), ST_CONFIG);
	ck_assert_ptr_null(second);
	ck_assert_ptr_nonnull(strstr(err.detail, "cannot listen"));
}
END_TEST

START_TEST(the_metrics_server_serves_two_paths)
{
	struct httpd *metrics;
	struct problem err = {0};
	ck_assert_int_eq(httpd_start_metrics(0, &metrics, &err), OK);
	int fd = dial_port(httpd_port(metrics));
	ask(fd, "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n");
	ck_assert_int_eq(reply.status, 200);
	ck_assert(has("Content-Type: text/plain; version=0.0.4") && has("process_"));
	expect_end(fd);
	fd = dial_port(httpd_port(metrics));
	ask(fd, "GET /health/live HTTP/1.1\r\nHost: h\r\n\r\n");
	ck_assert_str_eq(body(), "{\"status\":\"ok\"}");
	expect_end(fd);
	fd = dial_port(httpd_port(metrics));
	ask(fd, "POST /metrics HTTP/1.1\r\nHost: h\r\n\r\n");
	ck_assert_int_eq(reply.status, 405);
	expect_end(fd);
	fd = dial_port(httpd_port(metrics));
	ask(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	ck_assert_int_eq(reply.status, 404);
	expect_end(fd);
	httpd_drain(metrics, 1000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("httpd_drain");
	TCase *drain = add_case(suite, "drain");
	tcase_add_test(drain, draining_cuts_nothing);
	tcase_add_test(drain, what_is_in_use_is_not_ended);
	tcase_add_test(drain, what_is_in_use_is_ended_in_the_end);
	tcase_add_test(drain, a_drain_ends_at_its_deadline);
	tcase_add_test(drain, an_idle_server_drains_quickly);
	tcase_add_test(drain, a_taken_port_is_an_error);
	tcase_add_test(drain, the_metrics_server_serves_two_paths);
	return run_suite(suite);
}
