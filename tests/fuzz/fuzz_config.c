/*
 * Configuration of the API: any value of any variable is taken, or refused by a line that names the
 * variable and does not show a secret. The input: which variable, then its value.
 */
#include <stdlib.h>
#include <string.h>

#include "api/config.h"
#include "common/config.h"
#include "tests/fuzz/fuzz.h"

static const char canary[] = "canary-of-a-secret";

static void set_secrets(void)
{
	setenv("JWT_SECRET", "a secret that is long enough for anyone", 1);
	setenv("SHARED_SERVICE_TOKEN", "a token that is long enough for anyone", 1);
	setenv("QR_SIGNATURE_SECRET", "a secret that is long enough for anyone", 1);
	setenv("PAYMENT_WEBHOOK_SECRET", "whsec_dGhlIHN0YW5kLWluIHBsYXRmb3JtJ3Mgd2ViaG9vayE=", 1);
}

static void try_value(const struct config_key *key, const char *value, struct arena *arena)
{
	/* not setenv, which keeps a copy of every value for good */
	char *entry = arena_printf(arena, "%s=%s", key->name, value);
	struct api_config config = {0};
	struct problem err = {0};
	enum status status;

	putenv(entry);
	status = config_load(&api_config_table, &config, &err);
	if (!status && api_config_table.check)
		status = api_config_table.check(&config, &err);
	unsetenv(key->name);
	if (!status)
		return;
	MUST(status == ST_CONFIG && strstr(err.detail, key->name));
	MUST(!(key->flags & CONFIG_SECRET) || !strstr(err.detail, canary));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = fuzz_arena();
	struct fuzz_input input = {data, size};
	const struct config_key *key =
		&api_config_table.keys[fuzz_byte(&input) % api_config_table.count];
	const char *value = fuzz_text(&input, arena);

	set_secrets();
	try_value(key, value, arena);
	if (key->flags & CONFIG_SECRET)
		try_value(key, arena_printf(arena, "%s%s", value, canary), arena);
	config_forget();
	return 0;
}
