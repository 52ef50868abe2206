/*
 * tickets_documents: the page and the code alone, as made by the worker.
 */
#include "api/tickets/tickets.h"

#include "api/tickets/tickets_store.h"

/* Accepted: it is being made, ask again in a moment. */
enum { HTTP_ACCEPTED = 202 };
#define RETRY_AFTER_S "2"

static const char *const media_types[] = {[DOCUMENT_PDF] = "application/pdf",
					  [DOCUMENT_SVG] = "image/svg+xml",
					  [DOCUMENT_PNG] = "image/png"};

static void answer_pending(struct request *req, const struct ticket *ticket)
{
	answer_data(req, &ticket_schema, ticket, 0);
	req->http->response.status = HTTP_ACCEPTED;
	http_add_header(req->http, "Retry-After", RETRY_AFTER_S);
}

static void answer_document(struct request *req, enum document_kind kind,
			    const struct ticket_document *document)
{
	const char *suffix = document_suffixes[kind];

	answer_bytes(req, req->route->success, media_types[kind], document->bytes);
	http_add_header(req->http, "Content-Disposition",
			arena_printf(req->arena, "inline; filename=\"ticket-%s.%s\"",
				     document->ticket.ticket_code, suffix));
	/* An SVG opened by itself is a page: it must not run or fetch anything. */
	if (kind == DOCUMENT_SVG)
		http_add_header(req->http, "Content-Security-Policy",
				"default-src 'none'; sandbox");
	answer_etag(req, arena_printf(req->arena, "\"%lld-%s\"", (long long)document->doc_version,
				      suffix));
}

static enum status send_document(struct request *req, enum document_kind kind, struct problem *err)
{
	struct ticket_document document;
	enum status status = ticket_document_load(req, req->access.thing_id, kind, &document, err);

	if (status)
		return status;
	if (ticket_is(&document.ticket, "cancelled"))
		return problem_set(err, ST_TICKET_CANCELLED, "The ticket is cancelled");
	if (document.doc_version)
		answer_document(req, kind, &document);
	else
		answer_pending(req, &document.ticket);
	return OK;
}

enum status tickets_pdf(struct request *req, struct problem *err)
{
	return send_document(req, DOCUMENT_PDF, err);
}

enum status tickets_qr_svg(struct request *req, struct problem *err)
{
	return send_document(req, DOCUMENT_SVG, err);
}

enum status tickets_qr_png(struct request *req, struct problem *err)
{
	return send_document(req, DOCUMENT_PNG, err);
}
