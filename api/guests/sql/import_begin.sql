INSERT INTO imports (event_id, created_by, format, dry_run, notify, request_id, traceparent)
VALUES ($1::bigint, $2::bigint, $3::text, $4::boolean, $5::boolean, $6::text, $7::text)
RETURNING id
