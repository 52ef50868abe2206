-- :n tickets shall be drawn again; nobody gets a mail of it.
\set ON_ERROR_STOP on
UPDATE tickets SET status = 'pending', qr_code_data = NULL, doc_version = doc_version + 1, mailed_issue = issue
WHERE id <= :n;
DELETE FROM documents WHERE ticket_id <= :n;
INSERT INTO outbox (id, job_type, subject_id)
SELECT gen_random_uuid(), 'generate-ticket-pdf', i FROM generate_series(1, :n) AS i;
VACUUM ANALYZE outbox, tickets, documents;
CHECKPOINT;
