-- A row that nobody has touched for 15 minutes is put again whatever Redis says: after that it is stuck.
SELECT o.id::text AS id, format('%s of %s waits since %s', o.job_type, o.subject_id, o.created_at) AS detail
FROM outbox o
WHERE o.state = 'sent' AND greatest(o.created_at, o.next_at, o.begun_at) < now() - interval '20 minutes'
ORDER BY o.created_at, o.id
LIMIT $1::bigint
