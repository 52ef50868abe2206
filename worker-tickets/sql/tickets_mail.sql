-- One mail an issue: notifications of these guests ($2) in these events ($3), by issue ($4), each
-- with its job ($1) and the trace of the job that made the document ($5, $6). Returns the jobs that
-- are new.
WITH mails AS (
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[])
                  AS m (job_id, guest_id, event_id, issue, request_id, traceparent)
), queued AS (
    INSERT INTO notifications (kind, event_id, guest_id, cause_id)
    SELECT 'ticket-issued', event_id, guest_id, issue FROM mails ORDER BY guest_id
    ON CONFLICT ON CONSTRAINT uq_notifications_cause DO NOTHING
    RETURNING id, guest_id
)
INSERT INTO outbox (id, job_type, subject_id, request_id, traceparent)
SELECT m.job_id, 'send-email', q.id, m.request_id, m.traceparent
FROM queued q JOIN mails m ON m.guest_id = q.guest_id
ORDER BY m.job_id
RETURNING id::text AS id
