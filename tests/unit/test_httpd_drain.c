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
	tcase_add_test(drain, a_drain_ends_at_its_deadline);
	tcase_add_test(drain, an_idle_server_drains_quickly);
	tcase_add_test(drain, a_taken_port_is_an_error);
	tcase_add_test(drain, the_metrics_server_serves_two_paths);
	return run_suite(suite);
}
