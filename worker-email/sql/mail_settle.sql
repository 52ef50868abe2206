-- What became of mails, while their jobs are still ours: $1 notifications, $2 statuses, $3 attempts
-- made, $4 errors or NULL, $5 ids the service gave or NULL, $6 jobs, $7 their deliveries. The jobs
-- are locked by id first.
WITH told AS (
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::int[], $4::text[], $5::text[], $6::uuid[], $7::int[])
                  AS m (id, status, attempts, error, service_id, job_id, deliveries)
), held AS MATERIALIZED (
    SELECT m.*
    FROM outbox o JOIN told m ON m.job_id = o.id AND m.deliveries = o.deliveries
    ORDER BY o.id
    FOR UPDATE OF o
)
UPDATE notifications n
SET status = h.status, attempts = h.attempts, last_error = h.error,
    service_id = coalesce(h.service_id, n.service_id),
    sent_at = CASE WHEN h.status = 'sent' THEN clock_timestamp() ELSE n.sent_at END
FROM held h
WHERE n.id = h.id
