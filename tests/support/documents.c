#include "tests/support/documents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/credential.h"
#include "common/strbuf.h"
#include "tests/support/suite.h"

enum { SLICE = 5000 };

/* "ticket event guest issue,…" to `(ticket,'code'),…` */
static void sign(const char *tickets, struct strbuf *out)
{
	struct credential_keys keys;
	struct credential_qr qr;
	struct problem err = {0};
	char code[CREDENTIAL_QR_SIZE];
	long long id, event, guest, issued;
	int used = 0;

	if (credential_keys_parse(suite_qr_secret, &keys, &err))
		fatal("documents: %s", err.detail);
	for (; sscanf(tickets, "%lld %lld %lld %lld%n", &id, &event, &guest, &issued, &used) == 4;
	     tickets += used + (tickets[used] == ',')) {
		qr = (struct credential_qr){id, event, guest, issued};
		credential_qr_make(&keys, &qr, code);
		strbuf_addf(out, "%s(%lld,'%s')", out->len ? "," : "", id, code);
	}
}

static bool make_slice(void)
{
	CLEANUP(strbuf_release) struct strbuf codes;
	const char *tickets = sql("SELECT string_agg(concat_ws(' ', id, event_id, guest_id, "
				  "issued_at_ms), ',') FROM (SELECT * FROM tickets WHERE status = "
				  "'pending' ORDER BY id LIMIT %d) t",
				  SLICE);

	if (!tickets)
		return false;
	strbuf_init(&codes, NULL);
	sign(tickets, &codes);
	sql("UPDATE tickets t SET status = 'ready', qr_code_data = c.code, mailed_issue = issue, "
	    "page_seq = y.page_seq FROM ticket_types y, (VALUES %s) c (id, code) "
	    "WHERE y.id = t.ticket_type_id AND t.id = c.id",
	    codes.buf);
	return true;
}

void documents_made(void)
{
	sql("INSERT INTO documents (ticket_id, doc_version, pdf, qr_svg, qr_png, pdf_sha256) "
	    "SELECT id, doc_version, '%%PDF-1.4', '<svg/>', '\\x89504e470d0a1a0a', "
	    "sha256('%%PDF-1.4') FROM tickets WHERE status = 'pending' ON CONFLICT (ticket_id) "
	    "DO UPDATE SET doc_version = excluded.doc_version");
	while (make_slice())
		;
	sql("DELETE FROM outbox WHERE job_type = 'generate-ticket-pdf'");
}
