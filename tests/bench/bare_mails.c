/*
 * bench-mails URL TOKEN COUNT THREADS: so many mails handed to a notification service with libcurl
 * and nothing else, each thread one after the other over a connection that is kept. Prints mails a
 * second.
 */
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { THREADS_MAX = 64, HEADER_SIZE = 1200, URL_SIZE = 1200, ACCEPTED = 202 };

static const char *service_url, *service_token;
static int each;

/* As long as the mail of a ticket. */
static char body[2048];

static void fail(const char *what)
{
	fprintf(stderr, "bench-mails: %s\n", what);
	exit(EXIT_FAILURE);
}

static void build_body(void)
{
	snprintf(body, sizeof(body),
		 "{\"to\":\"guest@bench.example\",\"subject\":\"Your ticket\",\"template\":"
		 "\"ticket-issued\",\"data\":{\"text\":\"%0900d\",\"html\":\"%0900d\"}}",
		 0, 0);
}

static size_t drop(char *at, size_t size, size_t count, void *ctx)
{
	(void)at;
	(void)ctx;
	return size * count;
}

static void send_mail(CURL *curl, int thread, int n)
{
	char key[HEADER_SIZE], token[HEADER_SIZE];
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	long status = 0;

	snprintf(key, sizeof(key), "Idempotency-Key: bench-%ld-%d-%d", (long)time(NULL), thread, n);
	snprintf(token, sizeof(token), "X-Service-Token: %s", service_token);
	headers = curl_slist_append(headers, key);
	headers = curl_slist_append(headers, token);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	if (curl_easy_perform(curl) != CURLE_OK)
		fail("no answer");
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (status != ACCEPTED)
		fail("not accepted");
	curl_slist_free_all(headers);
}

static void *send_all(void *ctx)
{
	char url[URL_SIZE];
	CURL *curl = curl_easy_init();

	if (!curl)
		fail("no handle");
	snprintf(url, sizeof(url), "%s/api/notifications/email", service_url);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	for (int i = 0; i < each; i++)
		send_mail(curl, *(const int *)ctx, i);
	curl_easy_cleanup(curl);
	return NULL;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS_MAX];
	int numbers[THREADS_MAX], count;
	double begin;

	if (argc != 5) {
		fprintf(stderr, "usage: bench-mails URL TOKEN COUNT THREADS\n");
		return 64;
	}
	service_url = argv[1];
	service_token = argv[2];
	count = (int)strtol(argv[4], NULL, 10);
	if (count < 1 || count > THREADS_MAX)
		fail("THREADS");
	each = (int)strtol(argv[3], NULL, 10) / count;
	build_body();
	curl_global_init(CURL_GLOBAL_DEFAULT);
	begin = seconds();
	for (int i = 0; i < count; i++) {
		numbers[i] = i;
		if (pthread_create(&threads[i], NULL, send_all, &numbers[i]) != 0)
			fail("no thread");
	}
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	printf("%.1f\n", each * count / (seconds() - begin));
	return 0;
}
