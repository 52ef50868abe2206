/*
 * QR codes and signed links: a code that was made opens to what it was made of; the same text with
 * any byte changed, or any other text, is refused.
 */
#include <string.h>

#include "common/credential.h"
#include "tests/fuzz/fuzz.h"

static const char secret[] =
	"3:a secret that no input can know 12345,4:another one of thirty-two bytes";

static const struct credential_keys *keys(void)
{
	static struct credential_keys keys;

	if (!keys.count)
		MUST(credential_keys_parse(secret, &keys, NULL) == OK);
	return &keys;
}

static int64_t positive(struct fuzz_input *input)
{
	int64_t number = fuzz_number(input) & INT64_MAX;

	return number ? number : 1;
}

/* Change bytes of the text as the input says; true when it is another text now. */
static bool change(struct fuzz_input *input, char *text, size_t len)
{
	bool changed = false;

	while (input->left) {
		size_t at = fuzz_byte(input) % len;
		char old = text[at];

		text[at] = (char)fuzz_byte(input);
		changed |= text[at] != old;
	}
	return changed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = fuzz_arena();
	struct fuzz_input input = {data, size};
	struct credential_qr made, opened;
	char text[CREDENTIAL_QR_SIZE], link[CREDENTIAL_LINK_SIZE], original[CREDENTIAL_QR_SIZE];
	size_t len;

	/* The fuzzer sees what texts are compared with and so learns good ones: then it is one. */
	if (credential_qr_open(keys(), arena, (const char *)data, size, &opened, NULL) == OK) {
		credential_qr_make(keys(), &opened, text);
		MUST(strlen(text) == size && !memcmp(text, data, size));
	}
	made = (struct credential_qr){
		.ticket_id = positive(&input),
		.event_id = positive(&input),
		.guest_id = positive(&input),
		.issued_ms = positive(&input),
	};
	credential_qr_make(keys(), &made, text);
	len = strlen(text);
	MUST(credential_qr_open(keys(), arena, text, len, &opened, NULL) == OK);
	MUST(!memcmp(&made, &opened, sizeof(made)));
	credential_link_make(keys(), made.ticket_id, "EVT-1", link);
	MUST(credential_link_check(keys(), arena, made.ticket_id, "EVT-1", link));
	MUST(!credential_link_check(keys(), arena, made.ticket_id, "EVT-2", link));
	strcpy(original, text);
	if (change(&input, text, len) && memcmp(text, original, len) != 0)
		MUST(credential_qr_open(keys(), arena, text, len, &opened, NULL) == ST_INVALID_QR);
	return 0;
}
