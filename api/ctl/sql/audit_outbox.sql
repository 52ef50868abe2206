SELECT o.id::text AS id, format('%s of %s waits since %s', o.job_type, o.subject_id, o.created_at) AS detail
FROM outbox o
WHERE o.state = 'sent' AND greatest(o.created_at, o.next_at, o.begun_at) < now() - interval '60 seconds'
ORDER BY o.created_at, o.id
