-- Holds whose time is over, for this process alone for a while. $1 how many.
WITH due AS MATERIALIZED (
    SELECT id FROM payments
    WHERE status IN ('requires_payment', 'failed', 'disputed') AND next_at IS DISTINCT FROM 'infinity'::timestamptz
      AND expires_at <= clock_timestamp() AND (next_at IS NULL OR next_at <= clock_timestamp())
    ORDER BY expires_at
    LIMIT $1::bigint
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE payments p SET next_at = clock_timestamp() + interval '4 seconds'
FROM due WHERE p.id = due.id
RETURNING p.id, p.intent_id, p.cancel_key, p.status, p.expires_at
