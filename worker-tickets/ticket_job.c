#include "worker-tickets/ticket_job.h"

#include "common/crash_point.h"
#include "common/log.h"
#include "worker-tickets/ticket_pdf.h"
#include "worker-tickets/ticket_qr.h"
#include "worker-tickets/ticket_rows.h"

enum { PNG_SCALE = 10 };

/* A batch on its way. Tickets that need no document have no page. */
struct batch {
	struct ticket_job *job;
	struct arena *arena;
	const struct job *jobs;
	size_t count;
	struct job_outcome *outcomes;
	struct ticket_page *pages;
	size_t page_count;
};

static enum status draw(const struct ticket_job *job, struct arena *arena, struct ticket_page *page,
			struct problem *err)
{
	struct ticket_documents *documents = &page->documents;
	struct ticket_qr qr;
	struct strbuf svg, png;

	credential_qr_make(&job->keys, &page->signed_ids, page->qr_text);

	enum status status = ticket_qr_encode(arena, page->qr_text, &qr, err);

	if (!status)
		status = ticket_pdf_make(arena, &page->ticket, &qr, job->paper, &documents->pdf,
					 err);
	if (status)
		return status;
	strbuf_init(&svg, arena);
	ticket_qr_svg(&qr, &svg);
	documents->svg = (struct slice){svg.buf, svg.len};
	strbuf_init(&png, arena);
	ticket_qr_png(&qr, PNG_SCALE, &png);
	documents->png = (struct slice){png.buf, png.len};
	sign_sha256(documents->pdf.at, documents->pdf.len, documents->pdf_sha256);
	return OK;
}

static void fail_jobs_of(struct batch *batch, int64_t ticket_id, const struct problem *err)
{
	for (size_t i = 0; i < batch->count; i++) {
		if (batch->jobs[i].subject_id == ticket_id)
			batch->outcomes[i] = (struct job_outcome){
				.result = JOB_FAILED, .problem = *err, .delay_ms = -1};
	}
}

/* A page that cannot be drawn fails its own jobs and leaves the batch. */
static void draw_all(struct batch *batch)
{
	size_t good = 0;

	for (size_t i = 0; i < batch->page_count; i++) {
		struct problem err = {0};

		if (draw(batch->job, batch->arena, &batch->pages[i], &err))
			fail_jobs_of(batch, batch->pages[i].documents.ticket_id, &err);
		else
			batch->pages[good++] = batch->pages[i];
	}
	batch->page_count = good;
}

/* Complete the jobs that have not failed: those of the stored pages, and those without a page. */
static enum status complete(struct batch *batch, struct pg_conn *conn, struct problem *err)
{
	struct job *jobs = arena_calloc(batch->arena, batch->count, sizeof(*jobs));
	bool *done = arena_calloc(batch->arena, batch->count, sizeof(*done));
	size_t n = 0;

	for (size_t i = 0; i < batch->count; i++) {
		if (batch->outcomes[i].result == JOB_DONE)
			jobs[n++] = batch->jobs[i];
	}

	enum status status = n ? queue_complete(conn, jobs, n, done, err) : OK;

	n = 0;
	for (size_t i = 0; !status && i < batch->count; i++) {
		if (batch->outcomes[i].result == JOB_DONE && !done[n++])
			batch->outcomes[i].result = JOB_LOST;
	}
	return status;
}

static enum status store(struct batch *batch, struct ticket_mails *ret_mails, struct problem *err)
{
	PG_LEASED conn = NULL;
	struct ticket_job *job = batch->job;
	struct ticket_rows rows = {batch->arena, batch->pages, batch->page_count};
	enum status status = pg_lease(job->pool, &conn, err);

	if (!status)
		status = pg_begin(conn, err);
	if (!status && batch->page_count)
		status = ticket_rows_ready(&rows, &job->store, conn, err);
	CRASH_POINT("ticket.stored");
	if (!status && batch->page_count)
		status = ticket_rows_mail(&rows, conn, batch->jobs, batch->count, ret_mails, err);
	CRASH_POINT("ticket.mail-noted");
	if (!status)
		status = complete(batch, conn, err);
	CRASH_POINT("ticket.completed");
	if (!status)
		status = pg_commit(conn, err);
	return status;
}

/* Redis may be away: what is committed and not put is found again by the queue's recovery. */
static void put_mails(struct ticket_job *job, const struct ticket_mails *mails)
{
	if (!job->mails || !mails->count)
		return;
	pthread_mutex_lock(&job->lock);
	if (queue_put(job->mails, "send-email", mails->ids, mails->count, NULL))
		log_message(LOG_DEBUG, "mail jobs wait for the queue's recovery");
	pthread_mutex_unlock(&job->lock);
}

static void sweep(const struct batch *batch)
{
	for (size_t i = 0; i < batch->page_count; i++)
		ticket_store_sweep(&batch->job->store, batch->arena, &batch->pages[i].documents, 1);
}

static enum status write_files(const struct batch *batch, struct problem *err)
{
	enum status status = OK;

	for (size_t i = 0; !status && i < batch->page_count; i++)
		status = ticket_store_write(&batch->job->store, batch->arena,
					    &batch->pages[i].documents, 1, err);
	return status;
}

static enum status run_batch(struct batch *batch, struct problem *err)
{
	struct ticket_mails mails = {0};

	for (size_t i = 0; i < batch->count; i++)
		batch->outcomes[i] = (struct job_outcome){.result = JOB_DONE};
	CRASH_POINT("ticket.reserved");

	enum status status = ticket_rows_load(batch->job->pool, batch->arena, batch->jobs,
					      batch->count, &batch->pages, &batch->page_count, err);

	if (status)
		return status;
	CRASH_POINT("ticket.loaded");
	draw_all(batch);
	CRASH_POINT("ticket.drawn");
	status = write_files(batch, err);
	CRASH_POINT("ticket.written");
	if (!status)
		status = store(batch, &mails, err);
	if (status)
		return status;
	CRASH_POINT("ticket.committed");
	sweep(batch);
	CRASH_POINT("ticket.swept");
	put_mails(batch->job, &mails);
	return OK;
}

/* The database being away says nothing about the jobs: they go back as if never begun. */
static void fail_all(const struct batch *batch, const struct problem *err)
{
	bool away = err->status == ST_DATABASE_UNAVAILABLE;

	for (size_t i = 0; i < batch->count; i++)
		batch->outcomes[i] = (struct job_outcome){
			.result = away ? JOB_WAIT : JOB_FAILED, .problem = *err, .delay_ms = -1};
}

void ticket_job_run(void *ctx, struct arena *arena, const struct job *jobs, size_t count,
		    struct job_outcome *outcomes)
{
	struct batch batch = {
		.job = ctx, .arena = arena, .jobs = jobs, .count = count, .outcomes = outcomes};
	struct problem err = {0};

	if (!run_batch(&batch, &err))
		return;
	if (count == 1 || err.status == ST_DATABASE_UNAVAILABLE) {
		fail_all(&batch, &err);
		return;
	}
	/* One bad row must not hold up the others. */
	for (size_t i = 0; i < count; i++)
		ticket_job_run(ctx, arena, &jobs[i], 1, &outcomes[i]);
}
