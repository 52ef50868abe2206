/*
 * platform: the stand-in for the auth, payment and notification services and for a collector of
 * traces, one program.
 *
 * It keeps what it got (bounded: the oldest is forgotten), answers as the last script of a service
 * says, and speaks api/clients/platform.yaml. All share one base address; a path may begin
 * with /auth, /payment, /notification or /collector, so that /health too is told apart.
 */
#ifndef SUPPORT_PLATFORM_H
#define SUPPORT_PLATFORM_H

#include <pthread.h>

#include "common/clock.h"
#include "common/httpd.h"
#include "common/ids.h"
#include "common/json.h"
#include "common/jwks.h"

enum platform_service {
	SERVICE_AUTH,
	SERVICE_PAYMENT,
	SERVICE_NOTIFICATION,
	SERVICE_COLLECTOR,
	SERVICE_JWKS, /* the Auth Service's public keys: scripted apart from its calls */
	SERVICE_NONE, /* the scripting door */
};
enum { SERVICE_COUNT = SERVICE_NONE };
extern const char *const platform_service_names[]; /* NULL-terminated, in the order of the enum */

enum platform_behaviour {
	BEHAVE_OK,
	BEHAVE_STATUS,   /* that number, no effect */
	BEHAVE_SLOW,     /* after delay_ms, as usual */
	BEHAVE_HANG,     /* no effect, no answer: the connection ends after delay_ms */
	BEHAVE_CUT,      /* the effect, but only half of the answer */
	BEHAVE_BAD_BODY, /* the effect, but an answer that is no JSON */
};
extern const char *const platform_behaviour_names[];

struct platform_script {
	int service;
	int behaviour;
	int64_t status;
	int64_t retry_after;
	int64_t delay_ms;
	int64_t times; /* calls it still holds for; 0: until changed */
};

/* A call as it came. The texts are one heap block, owned by the record. */
struct platform_record {
	enum platform_service service;
	int status; /* answered; 0: hung or cut */
	int64_t at_us;
	const char *method;
	const char *path;
	const char *service_token;
	const char *idempotency_key;
	const char *authorization;
	const char *request_id;
	const char *traceparent;
	const char *tracestate;
	const char *body;
	size_t size; /* of the block */
	char *block;
};

enum intent_status { INTENT_REQUIRES_PAYMENT, INTENT_SUCCEEDED, INTENT_CANCELLED };
extern const char *const platform_intent_names[];
enum { PLATFORM_ID_SIZE = 48, PLATFORM_KEY_SIZE = 256 };

struct platform_intent {
	char id[PLATFORM_ID_SIZE];
	char key[PLATFORM_KEY_SIZE]; /* Idempotency-Key; "" when it came without */
	char client_secret[80];
	char currency[4];
	int status;
	int64_t amount; /* minor units */
	int64_t refunded;
	int64_t guest_id;
	int64_t event_id;
	int64_t expires_at;
};

/* What was made under an Idempotency-Key: a refund or a mail. */
struct platform_made {
	char key[PLATFORM_KEY_SIZE];
	char id[PLATFORM_ID_SIZE];
	char kind[32]; /* of a mail: its template and addressee; else "" */
	char to[256];
};

enum {
	PLATFORM_RECORDS_MAX = 20000,
	PLATFORM_RECORD_BYTES_MAX = 64 << 20,
	PLATFORM_INTENTS_MAX = 8192,
	PLATFORM_MADE_MAX = 32768,
	PLATFORM_REVOKED_MAX = 64,
	PLATFORM_BODY_MAX = 1 << 20,
};

/* A ring of things made, with the newest under a key found by hash. */
struct platform_ring {
	struct platform_made *items;
	int32_t *heads; /* by hash of the key: number of the newest, -1 none */
	int32_t *next;
	size_t count; /* made since the last reset */
};

struct platform {
	pthread_mutex_t lock; /* of everything below but the configuration */
	struct platform_script scripts[SERVICE_COUNT];
	struct platform_record *records; /* ring */
	size_t record_count;             /* since the last reset */
	size_t record_first;             /* oldest still kept */
	size_t record_bytes;
	size_t calls[SERVICE_COUNT];
	struct platform_intent *intents; /* ring */
	size_t intent_count;
	struct platform_ring refunds;
	struct platform_ring mails;
	bool refunds_pending; /* refunds answer `pending` */
	int64_t revoked[PLATFORM_REVOKED_MAX];
	size_t revoked_count;
	char *jwks_document; /* as it was set; NULL: none */
	struct jwks *jwks;   /* its keys; has a lock of its own */
	/* configuration */
	const char *jwt_secret;
	const char *service_token;
	const char *webhook_secret;
	const char *webhook_url;
};

/* A request on its way through the stand-in. */
struct platform_call {
	struct platform *platform;
	struct http_exchange *http;
	enum platform_service service;
	const char *id; /* what stands for {id} in the path; NULL */
	struct slice body;
};

/* --- store: take the lock themselves, where nothing else is said
 * ----------------------------------------- */

void platform_init(struct platform *platform);
/* Forget calls, scripts, intents, mails, revoked users. */
void platform_reset(struct platform *platform);
void platform_forget_calls(struct platform *platform);
/* The script that holds for this call of the service; counts `times` down. */
struct platform_script platform_take_script(struct platform *platform,
					    enum platform_service service);
/* Keep the call as it came; gives its number, for the status it is answered with (0: none). */
size_t platform_record(struct platform_call *call);
void platform_record_status(struct platform *platform, size_t number, int status);
/* Was something made under that key? Then its id. The caller holds the lock of the ring's platform;
 * so for remembering what was made. */
bool platform_made(const struct platform_ring *ring, const char *key, char id[PLATFORM_ID_SIZE]);
struct platform_made *platform_make(struct platform_ring *ring, const char *key, const char *id);
/* The intent with that id, or (id NULL) under that key; NULL: none. The caller holds the lock, so
 * that looking and changing are one step; so for adding one, zeroed. */
struct platform_intent *platform_find_intent(struct platform *platform, const char *id,
					     const char *key);
struct platform_intent *platform_add_intent(struct platform *platform);

/* --- answers ---------------------------------------------------------------------------------- */

void platform_answer(struct platform_call *call, int status, const struct strbuf *body);
/* `{"error":{"message":…}}` */
void platform_refuse(struct platform_call *call, int status, const char *message);

/* --- routes ----------------------------------------------------------------------------------- */

typedef void platform_handler(struct platform_call *call);
struct platform_route {
	const char *method;
	const char *pattern; /* {id} stands for one segment */
	enum platform_service service;
	platform_handler *handler;
};
extern const struct platform_route platform_service_routes[];
extern const size_t platform_service_route_count;
extern const struct platform_route platform_control_routes[];
extern const size_t platform_control_route_count;

#endif
