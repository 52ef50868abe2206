-- :n tickets shall be drawn as if they were new: a mail follows each. Jobs of the last five seconds are
-- left to the process that made them, so these are older.
\set ON_ERROR_STOP on
UPDATE tickets SET status = 'pending', qr_code_data = NULL, doc_version = doc_version + 1, mailed_issue = 0
WHERE id <= :n;
DELETE FROM notifications WHERE guest_id IN (SELECT guest_id FROM tickets WHERE id <= :n);
DELETE FROM documents WHERE ticket_id <= :n;
INSERT INTO outbox (id, job_type, subject_id, created_at)
SELECT gen_random_uuid(), 'generate-ticket-pdf', i, now() - interval '10 seconds' FROM generate_series(1, :n) AS i;
VACUUM ANALYZE outbox, tickets, documents, notifications;
CHECKPOINT;
