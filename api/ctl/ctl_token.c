#include <stdlib.h>
#include <string.h>

#include "api/ctl/ctl.h"
#include "common/clock.h"
#include "common/jwt.h"

enum { TTL_DEFAULT_S = 24 * 3600 };
#define TTL_MAX_S (INT64_C(10) * 366 * 24 * 3600)

struct token {
	const char *token;
};
static const struct field token_fields[] = {
	{.name = "token", .type = FIELD_STRING, .offset = offsetof(struct token, token)},
};
static const struct schema token_schema = SCHEMA(token_fields, struct token);

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
	const struct api_config *config = &ctl->config;
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
	return ctl_say(ctl, &token_schema, &(struct token){token.buf}, "%s", token.buf);
}

int ctl_token(struct ctl *ctl)
{
	const char *roles = ctl_value(ctl, "--roles");
	int64_t ttl_s = ctl_count(ctl, "--ttl", TTL_DEFAULT_S);
	struct jwt_claims claims = {
		.user_id = ctl_id(ctl, "--sub"),
		.roles = parse_roles(ctl, roles ? roles : "user"),
		.email = ctl_value(ctl, "--email"),
		.first_name = ctl_value(ctl, "--first"),
		.last_name = ctl_value(ctl, "--last"),
	};
	if (ttl_s > TTL_MAX_S)
		return ctl_usage(ctl, "--ttl must be ten years at most");
	if (claims.roles == 0)
		return ctl_usage(ctl, "--roles must be of admin, organizer, staff, user");
	claims.expires_at = clock_now_us() + ttl_s * US_PER_S;
	return mint(ctl, &claims);
}
