-- What waits for a job that nobody will do: the row of the job is gone.
SELECT w.id, w.detail
FROM (
    SELECT t.id::text AS id, 'ticket is pending and has no job' AS detail
    FROM tickets t
    WHERE t.status = 'pending'
      AND NOT EXISTS (SELECT FROM outbox o WHERE o.job_type = 'generate-ticket-pdf' AND o.subject_id = t.id)
    UNION ALL
    SELECT n.id::text, format('notification %s is queued and has no job', n.kind)
    FROM notifications n
    WHERE n.status = 'queued'
      AND NOT EXISTS (SELECT FROM outbox o WHERE o.job_type = 'send-email' AND o.subject_id = n.id)
) w
ORDER BY w.detail, w.id
LIMIT $1::bigint
