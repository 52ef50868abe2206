-- Rows neither tried nor delayed for 15 minutes, at most $1. Their next_at moves, so that each is
-- put again once in 15 minutes.
WITH held AS (
	SELECT id
	FROM outbox
	WHERE state = 'sent' AND created_at < now() - interval '15 minutes'
	      AND next_at < now() - interval '15 minutes'
	      AND (begun_at IS NULL OR begun_at < now() - interval '15 minutes')
	ORDER BY id
	LIMIT $1::int
	FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE outbox o SET next_at = now()
FROM held h WHERE o.id = h.id
RETURNING o.id, o.job_type
