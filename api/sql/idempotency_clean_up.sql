-- $1 rows at most.
DELETE FROM idempotency_keys
WHERE (caller_id, key) IN (SELECT caller_id, key FROM idempotency_keys
                           WHERE expires_at <= now() AND (state = 'done' OR deadline_at < now() - interval '1 hour')
                           LIMIT $1::bigint FOR UPDATE SKIP LOCKED)
