INSERT INTO outbox (id, job_type, subject_id, request_id, traceparent)
VALUES ($1::uuid, $2::text, $3::bigint, $4::text, $5::text)
