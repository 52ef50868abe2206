WITH buried AS (
    UPDATE outbox SET state = 'dead', last_error = $2 WHERE id = $1::uuid AND state = 'sent'
    RETURNING job_type, subject_id
), mail AS (
    UPDATE notifications n SET status = 'failed', last_error = $2
    FROM buried WHERE buried.job_type = 'send-email' AND n.id = buried.subject_id AND n.status = 'queued'
)
SELECT job_type FROM buried
