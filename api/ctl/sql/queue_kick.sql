-- The job $1, or else up to $3 that are dead or delayed, of type $2 where it is given. A dead job starts from
-- nothing; one that waits keeps its counters, which may be somebody's fence.
WITH job AS (
    SELECT id, state AS state_before FROM outbox
    WHERE CASE WHEN $1::uuid IS NOT NULL THEN id = $1
               ELSE (state = 'dead' OR next_at > now()) AND ($2::text IS NULL OR job_type = $2) END
    ORDER BY id LIMIT $3::bigint
    FOR NO KEY UPDATE
), kicked AS (
    UPDATE outbox o
    SET state = 'sent', next_at = now(),
        deliveries = CASE job.state_before WHEN 'dead' THEN 0 ELSE o.deliveries END,
        attempts = CASE job.state_before WHEN 'dead' THEN 0 ELSE o.attempts END,
        begun_at = CASE job.state_before WHEN 'dead' THEN NULL ELSE o.begun_at END
    FROM job WHERE o.id = job.id
    RETURNING o.id, o.job_type, o.subject_id
), mail AS (
    UPDATE notifications n SET status = 'queued'
    FROM kicked WHERE kicked.job_type = 'send-email' AND n.id = kicked.subject_id AND n.status = 'failed'
)
SELECT id, job_type FROM kicked ORDER BY job_type, id
