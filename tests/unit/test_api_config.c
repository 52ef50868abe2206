/*
 * core-api's table of configuration, and the rules between values.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "api/config.h"

#define LONG_SECRET "0123456789abcdef0123456789abcdef"
#define WEBHOOK_SECRET "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

static struct api_config config;
static struct problem err;

static void fresh(void)
{
	clearenv();
	setenv("JWT_SECRET", LONG_SECRET, 1);
	setenv("SHARED_SERVICE_TOKEN", LONG_SECRET, 1);
	setenv("QR_SIGNATURE_SECRET", LONG_SECRET, 1);
	setenv("PAYMENT_WEBHOOK_SECRET", WEBHOOK_SECRET, 1);
	memset(&config, 0, sizeof(config));
	memset(&err, 0, sizeof(err));
}

static enum status load(void)
{
	enum status status = config_load(&api_config_table, &config, &err);

	return status ? status : api_config_table.check(&config, &err);
}

START_TEST(test_defaults)
{
	ck_assert_msg(load() == OK, "%s", err.detail);
	ck_assert_int_eq(config.port, 3001);
	ck_assert_int_eq(config.metrics_port, 9091);
	ck_assert(config.enable_metrics);
	ck_assert_int_eq(config.max_body_bytes, 1048576);
	ck_assert_int_eq(config.payment_window_s, 900);
	ck_assert_int_eq(config.holds_per_caller, 10);
	ck_assert_int_eq(config.auth_validation, AUTH_LOCAL);
	ck_assert_str_eq(config.default_currency, "EUR");
	ck_assert_str_eq(config.documents_url, "postgres:");
	ck_assert_str_eq(config.auth_url, "http://localhost:3000");
	ck_assert_ptr_null(config.jwt_issuer);
	ck_assert_ptr_null(config.jwks_url);
	ck_assert_ptr_null(config.jwt_secret_previous);
	ck_assert_ptr_null(config.cors_origins);
}
END_TEST

START_TEST(test_rows_are_distinct_and_inside)
{
	for (size_t i = 0; i < api_config_table.count; i++) {
		const struct config_key *key = &api_config_table.keys[i];

		ck_assert_msg(key->offset < sizeof(config), "%s", key->name);
		ck_assert_msg(key->help && *key->help, "%s", key->name);
		for (size_t j = 0; j < i; j++) {
			ck_assert_str_ne(key->name, api_config_table.keys[j].name);
			ck_assert_msg(key->offset != api_config_table.keys[j].offset, "%s",
				      key->name);
		}
	}
}
END_TEST

struct change {
	const char *name, *value;
	const char *names; /* in the message; NULL: accepted */
};

static const struct change changes[] = {
	{"PORT", "65536", "PORT"},
	{"PORT", "9091", "METRICS_PORT"},
	{"HTTP_THREADS", "192", "HTTP_THREADS"},
	{"HTTP_THREADS", "193", NULL},
	{"REQUESTS_MAX", "192", "HTTP_THREADS"},
	{"DEFAULT_CURRENCY", "USD", NULL},
	{"DEFAULT_CURRENCY", "eur", "DEFAULT_CURRENCY"},
	{"DEFAULT_CURRENCY", "EURO", "DEFAULT_CURRENCY"},
	{"DOCUMENTS_URL", "file:///var/lib/tickets", NULL},
	{"DOCUMENTS_URL", "file://tickets", "DOCUMENTS_URL"},
	{"DOCUMENTS_URL", "s3://bucket", "DOCUMENTS_URL"},
	{"AUTH_VALIDATION", "remote", NULL},
	{"AUTH_VALIDATION", "none", "AUTH_VALIDATION"},
	{"PAYMENT_SERVICE_URL", "localhost:3003", "PAYMENT_SERVICE_URL"},
	{"PAYMENT_WEBHOOK_SECRET", "secret", "PAYMENT_WEBHOOK_SECRET"},
	{"PAYMENT_WEBHOOK_SECRET", "whsec_", "PAYMENT_WEBHOOK_SECRET"},
	{"PAYMENT_WEBHOOK_SECRET", WEBHOOK_SECRET "," WEBHOOK_SECRET, NULL},
	{"QR_SIGNATURE_SECRET", "1:" LONG_SECRET ",2:" LONG_SECRET, NULL},
	{"QR_SIGNATURE_SECRET", "1:" LONG_SECRET ",1:" LONG_SECRET, "QR_SIGNATURE_SECRET"},
	{"JWT_SECRET", "", "JWT_SECRET"},
	{"JWT_JWKS_URL", "http://auth/.well-known/jwks.json", NULL},
	{"JWT_JWKS_URL", "https://auth.example.com/keys", NULL},
	{"JWT_JWKS_URL", "file:///etc/keys.json", "JWT_JWKS_URL"},
	{"JWT_JWKS_REFRESH_S", "29", "JWT_JWKS_REFRESH_S"},
	{"JWT_SECRET_PREVIOUS", LONG_SECRET, NULL},
	{"RATE_LIMIT_CALLER", "1000000", NULL},
	{"RATE_LIMIT_CALLER", "1000001", "RATE_LIMIT_CALLER"},
	{"RATE_LIMIT_MISSES", "-1", "RATE_LIMIT_MISSES"},
	{"RATE_LIMIT_WAIT_MS", "0", "RATE_LIMIT_WAIT_MS"},
	{"TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1", NULL},
	{"TRUSTED_PROXIES", "proxy.example.com", "TRUSTED_PROXIES"},
	{"SHARED_SERVICE_TOKEN", "", "SHARED_SERVICE_TOKEN"},
	{"DB_POOL_MIN", "11", "DB_POOL_MIN"},
	{"REDIS_QUEUE_URL", "http://localhost", "REDIS_QUEUE_URL"},
};

START_TEST(test_changes)
{
	const struct change *change = &changes[_i];
	enum status status;

	setenv(change->name, change->value, 1);
	status = load();
	if (!change->names) {
		ck_assert_msg(status == OK, "%s", err.detail);
		return;
	}
	ck_assert_int_eq(status, ST_CONFIG);
	ck_assert_msg(strstr(err.detail, change->names), "%s", err.detail);
}
END_TEST

/* Public keys take the place of the secret, but not of the one in force before. */
START_TEST(test_public_keys_alone)
{
	unsetenv("JWT_SECRET");
	setenv("JWT_JWKS_URL", "http://auth/keys", 1);
	ck_assert_msg(load() == OK, "%s", err.detail);
	ck_assert_ptr_null(config.jwt_secret);
	setenv("JWT_SECRET_PREVIOUS", LONG_SECRET, 1);
	ck_assert_int_eq(load(), ST_CONFIG);
	ck_assert_str_eq(err.detail, "JWT_SECRET_PREVIOUS needs a JWT_SECRET");
}
END_TEST

static const struct change weak[] = {
	{"NODE_ENV", "production", NULL},
	{"JWT_SECRET", "your_256_bit_secret", "JWT_SECRET"},
	{"JWT_SECRET", "0123456789abcdef0123456789abcde", "JWT_SECRET"},
	{"JWT_SECRET_PREVIOUS", "short", "JWT_SECRET_PREVIOUS"},
	{"SHARED_SERVICE_TOKEN", "shared-service-token", "SHARED_SERVICE_TOKEN"},
	{"QR_SIGNATURE_SECRET", "short", "QR_SIGNATURE_SECRET"},
	{"QR_SIGNATURE_SECRET", "1:" LONG_SECRET ",2:short", "QR_SIGNATURE_SECRET"},
};

START_TEST(test_production_refuses_weak_secrets)
{
	setenv(weak[_i].name, weak[_i].value, 1);
	ck_assert_msg(load() == OK, "%s", err.detail);
	setenv("NODE_ENV", "production", 1);
	if (!weak[_i].names) {
		ck_assert_msg(load() == OK, "%s", err.detail);
		return;
	}
	ck_assert_int_eq(load(), ST_CONFIG);
	ck_assert_msg(strstr(err.detail, weak[_i].names), "%s", err.detail);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("api_config");
	TCase *tc = tcase_create("table");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, fresh, NULL);
	tcase_add_test(tc, test_defaults);
	tcase_add_test(tc, test_rows_are_distinct_and_inside);
	tcase_add_loop_test(tc, test_changes, 0, (int)ARRAY_LEN(changes));
	tcase_add_test(tc, test_public_keys_alone);
	tcase_add_loop_test(tc, test_production_refuses_weak_secrets, 0, (int)ARRAY_LEN(weak));
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
