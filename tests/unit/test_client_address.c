/*
 * Which address a request came from: whom X-Forwarded-For is believed, and how far.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "api/client_address.h"

static const struct {
	const char *proxies, *peer, *forwarded, *client;
} cases[] = {
	/* Nobody is trusted: what is written is nothing. */
	{NULL, "203.0.113.7", NULL, "203.0.113.7"},
	{NULL, "203.0.113.7", "198.51.100.1", "203.0.113.7"},
	{"10.0.0.0/8", "203.0.113.7", "198.51.100.1", "203.0.113.7"},
	/* Behind one proxy. */
	{"10.0.0.1", "10.0.0.1", "198.51.100.1", "198.51.100.1"},
	{"10.0.0.1", "10.0.0.1", NULL, "10.0.0.1"},
	{"10.0.0.1", "10.0.0.1", "", "10.0.0.1"},
	{"10.0.0.1", "10.0.0.2", "198.51.100.1", "10.0.0.2"},
	/* What the client wrote itself stands left of what the proxy saw. */
	{"10.0.0.1", "10.0.0.1", "1.2.3.4, 198.51.100.1", "198.51.100.1"},
	{"10.0.0.1", "10.0.0.1", "10.0.0.1, 1.2.3.4,198.51.100.1", "198.51.100.1"},
	/* Two proxies, and one that forged itself in between. */
	{"10.0.0.0/8,192.168.1.1", "192.168.1.1", "198.51.100.1, 10.9.9.9", "198.51.100.1"},
	{"10.0.0.0/8", "10.0.0.1", "198.51.100.1, 11.0.0.1, 10.9.9.9", "11.0.0.1"},
	{"10.0.0.0/8", "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"},
	/* Garbage ends the walk at the last hop that is known. */
	{"10.0.0.1", "10.0.0.1", "unknown", "10.0.0.1"},
	{"10.0.0.1", "10.0.0.1", "198.51.100.1, ", "10.0.0.1"},
	{"10.0.0.1", "10.0.0.1", "198.51.100.1, 1.2.3", "10.0.0.1"},
	{"10.0.0.0/8", "10.0.0.1", "198.51.100.1, x, 10.0.0.2", "10.0.0.2"},
	/* Ports and brackets. */
	{"10.0.0.1", "10.0.0.1", "198.51.100.1:4711", "198.51.100.1"},
	{"10.0.0.1", "10.0.0.1", "[2001:db8:1:2::3]:443", "2001:db8:1:2::"},
	/* IPv6: a subscriber's network; IPv4 in its clothes is IPv4. */
	{"10.0.0.1", "10.0.0.1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
	{"10.0.0.1", "10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"},
	{"::ffff:10.0.0.1", "10.0.0.1", "198.51.100.1", "198.51.100.1"},
	{"2001:db8::/32", "10.0.0.1", "198.51.100.1", "10.0.0.1"},
	{"10.0.0.1,2001:db8::/33", "10.0.0.1", "198.51.100.1, 2001:db8:7fff::1", "198.51.100.1"},
	{"10.0.0.1,2001:db8::/33", "10.0.0.1", "198.51.100.1, 2001:db8:8000::1", "2001:db8:8000::"},
	/* Networks that end within a byte. */
	{"10.0.0.0/12", "10.15.255.255", "198.51.100.1", "198.51.100.1"},
	{"10.0.0.0/12", "10.16.0.0", "198.51.100.1", "10.16.0.0"},
	{"0.0.0.0/0", "203.0.113.7", "198.51.100.1", "198.51.100.1"},
	{"0.0.0.0/0", "203.0.113.7", "2001:db8::1, 198.51.100.1", "2001:db8::"},
	{"10.0.0.1/32", "10.0.0.1", "198.51.100.1", "198.51.100.1"},
	{" 10.0.0.1 ,\t10.0.0.2", "10.0.0.2", "198.51.100.1", "198.51.100.1"},
	/* A peer that is none. */
	{"10.0.0.1", "", "198.51.100.1", "::"},
};

START_TEST(test_cases)
{
	char client[ADDRESS_TEXT_SIZE];
	struct proxies proxies;
	struct problem err = {0};

	ck_assert_int_eq(proxies_parse(cases[_i].proxies, &proxies, &err), OK);
	client_address(&proxies, cases[_i].peer, cases[_i].forwarded, client);
	ck_assert_str_eq(client, cases[_i].client);
}
END_TEST

START_TEST(test_lists)
{
	static const char *const bad[] = {
		"x",           "10.0.0.0/33",       "10.0.0.0/",        "10.0.0.0/-1",
		"10/8",        ",10.0.0.1",         "::1/129",          "/8",
		"10.0.0.0/8x", "proxy.example.com", "10.0.0.1 10.0.0.2"};
	struct proxies proxies;
	struct problem err = {0};
	char many[1024] = "10.0.0.1";

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		ck_assert_msg(proxies_parse(bad[i], &proxies, &err) == ST_CONFIG, "%s", bad[i]);
		ck_assert_ptr_nonnull(strstr(err.detail, "TRUSTED_PROXIES"));
	}
	for (int i = 1; i < PROXIES_MAX; i++)
		strcat(many, ",10.0.0.1");
	ck_assert_int_eq(proxies_parse(many, &proxies, &err), OK);
	ck_assert_uint_eq(proxies.count, PROXIES_MAX);
	strcat(many, ",10.0.0.1");
	ck_assert_int_eq(proxies_parse(many, &proxies, &err), ST_CONFIG);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("client_address");
	TCase *tc = tcase_create("address");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, test_cases, 0, (int)ARRAY_LEN(cases));
	tcase_add_test(tc, test_lists);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
