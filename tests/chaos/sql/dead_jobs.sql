SELECT id, format('%s of %s after %s deliveries, %s attempts: %s', job_type, subject_id, deliveries, attempts, last_error)
FROM outbox WHERE state = 'dead'
