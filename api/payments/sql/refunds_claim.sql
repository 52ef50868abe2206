-- Refunds to ask for, for this process alone for a while. $1 how many.
WITH due AS MATERIALIZED (
    SELECT id FROM refunds
    WHERE next_at <= clock_timestamp()
    ORDER BY next_at
    LIMIT $1::bigint
    FOR NO KEY UPDATE SKIP LOCKED
), claimed AS (
    UPDATE refunds r SET next_at = clock_timestamp() + interval '30 seconds'
    FROM due WHERE r.id = due.id
    RETURNING r.id, r.payment_id, r.amount, r.refund_key
)
SELECT c.id, c.payment_id, c.amount, c.refund_key, p.intent_id, p.guest_id, p.event_id
FROM claimed c JOIN payments p ON p.id = c.payment_id
