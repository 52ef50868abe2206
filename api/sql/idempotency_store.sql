INSERT INTO idempotency_keys AS k (caller_id, key, fingerprint, state, status, body, location, etag, expires_at)
VALUES ($1::bigint, $2::text, decode($3::text, 'hex'), 'done', $4::integer, $5::text, $6::text, $7::text,
        now() + interval '24 hours')
ON CONFLICT (caller_id, key) DO UPDATE
    SET fingerprint = excluded.fingerprint, state = 'done', status = excluded.status, body = excluded.body,
        location = excluded.location, etag = excluded.etag, result = NULL, guest_id = NULL, deadline_at = NULL,
        created_at = now(), expires_at = excluded.expires_at
    WHERE k.expires_at <= now()
