-- At most $1.
SELECT o.id, o.job_type AS type, o.subject_id, o.state, o.deliveries, o.attempts, o.next_at, o.created_at,
       o.last_error AS reason
FROM outbox o
WHERE o.state = 'dead'
ORDER BY o.created_at, o.id
LIMIT $1::bigint
