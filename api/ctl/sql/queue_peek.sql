SELECT o.id, o.job_type AS type, o.subject_id, o.state, o.deliveries, o.attempts, o.next_at, o.created_at,
       o.last_error AS reason
FROM outbox o
WHERE o.job_type = $1
ORDER BY o.state DESC, o.created_at, o.id
LIMIT 20
