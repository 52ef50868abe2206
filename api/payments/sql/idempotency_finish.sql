-- The answer to a paid registration whose intent is recorded. $1 caller, $2 key, $3 guest, $4 body, $5 Location, $6 ETag.
UPDATE idempotency_keys
SET state = 'done', status = 201, body = $4::text, location = $5::text, etag = $6::text, deadline_at = NULL
WHERE caller_id = $1::bigint AND key = $2::text AND guest_id = $3::bigint AND state = 'held'
