#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/ctl/ctl.h"
#include "common/clock.h"
#include "common/ids.h"
#include "common/jwt.h"

enum { TTL_DEFAULT_S = 24 * 3600 };
#define TTL_MAX_S (INT64_C(10) * 366 * 24 * 3600)

struct wishes {
	const char *sub;
	const char *roles;
	const char *email;
	const char *first;
	const char *last;
	const char *ttl;
};

static const struct {
	const char *name;
	size_t offset;
} options[] = {
	{"--sub", offsetof(struct wishes, sub)},     {"--roles", offsetof(struct wishes, roles)},
	{"--email", offsetof(struct wishes, email)}, {"--first", offsetof(struct wishes, first)},
	{"--last", offsetof(struct wishes, last)},   {"--ttl", offsetof(struct wishes, ttl)},
};

/* `--name value` or `--name=value`; false: it is no such option or has no value. */
static bool take_option(struct ctl *ctl, size_t *at, struct wishes *wishes)
{
	char *word = ctl->args[*at];
	size_t len = strcspn(word, "=");
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		if (strlen(options[i].name) != len || strncmp(options[i].name, word, len) != 0)
			continue;
		char *value = word[len] == '=' ? word + len + 1 : ctl->args[++*at];
		if (!value)
			return false;
		memcpy((char *)wishes + options[i].offset, &value, sizeof(value));
		return true;
	}
	return false;
}

/* "organizer,user" to bits; 0: a name is unknown. */
static unsigned parse_roles(struct ctl *ctl, const char *text)
{
	unsigned bits = 0;
	char *rest = arena_strdup(&ctl->arena, text);
	for (char *name = strsep(&rest, ","); name; name = strsep(&rest, ",")) {
		unsigned bit = jwt_role(name);
		if (bit == 0)
			return 0;
		bits |= bit;
	}
	return bits;
}

static int mint(struct ctl *ctl, const struct jwt_claims *claims)
{
	const struct ctl_config *config = &ctl->config;
	struct problem err = {.status = OK};
	if (!config->jwt_secret) {
		(void)problem_set(&err, ST_CONFIG, "JWT_SECRET is missing");
		return ctl_fail(&err);
	}
	struct jwt_options jwt = {.secret = {config->jwt_secret, strlen(config->jwt_secret)},
				  .issuer = config->jwt_issuer,
				  .audience = config->jwt_audience};
	struct strbuf token;
	strbuf_init(&token, &ctl->arena);
	jwt_mint(&jwt, &token, claims);
	(void)puts(token.buf);
	return EXIT_SUCCESS;
}

int ctl_token(struct ctl *ctl)
{
	struct wishes wishes = {.roles = "user"};
	struct jwt_claims claims = {.user_id = 0};
	int64_t ttl_s = TTL_DEFAULT_S;
	for (size_t at = 0; at < ctl->arg_count; at++) {
		if (!take_option(ctl, &at, &wishes))
			return ctl_usage("token: unknown or incomplete option %s",
					 ctl->args[at] ? ctl->args[at] : ctl->args[at - 1]);
	}
	if (!wishes.sub || !ids_parse(wishes.sub, strlen(wishes.sub), &claims.user_id))
		return ctl_usage("token: --sub must be a user's id");
	if (wishes.ttl && (!ids_parse(wishes.ttl, strlen(wishes.ttl), &ttl_s) || ttl_s > TTL_MAX_S))
		return ctl_usage("token: --ttl must be a number of seconds, ten years at most");
	claims.roles = parse_roles(ctl, wishes.roles);
	if (claims.roles == 0)
		return ctl_usage("token: --roles must be of admin, organizer, staff, user");
	claims.email = wishes.email;
	claims.first_name = wishes.first;
	claims.last_name = wishes.last;
	claims.expires_at = clock_now_us() + ttl_s * US_PER_S;
	return mint(ctl, &claims);
}
