-- Rows that Redis should hold, behind id $1, at most $2. Ids rise with time.
SELECT id, job_type
FROM outbox
WHERE state = 'sent' AND next_at <= now() AND created_at < now() - interval '5 seconds'
      AND id > $1::uuid
ORDER BY id
LIMIT $2::int
